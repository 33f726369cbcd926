"""
Whatever is typed after a slash: it is answered in words, harms nobody, does no more than it may.

Through the whole of the commands with a real ledger. Short by default, longer under `make deep`.
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.test_hostile_texts import PIECES
from tests.unit.test_commands import NOW, Chat, Known, with_chat
from watcher.domain.alert import MINUTE_US, Tier
from watcher.policy.verbs import VERBS

HARMFUL = re.compile(r"(?<!\w)@\w|\w\.[^\W\d_]{2,}|://")
MUTE_US_MAX = 24 * 60 * MINUTE_US

WORDS = (
    *("main", "alt", "unified", "BTC", "ETH", "all", "add", "USDT", "up to", "critical", "watch"),
    *("10%", "-10%", "2h", "90 min", "1h 30m", "99999d", "0s", "52,000", "52k", "-1e400", "nan"),
    *("inf", "1e999", "9" * 400, "-0", "½", "٣h", "²h", "#K7F3", "4821", "--", "=", "'", "\\"),
)

ARGUMENTS = st.lists(
    st.one_of(st.sampled_from(WORDS), st.sampled_from(PIECES), st.text(max_size=20)), max_size=6
).map(" ".join)

TYPED = st.builds(
    lambda word, argument: f"/{word} {argument}",
    st.one_of(st.sampled_from(sorted(VERBS)), st.sampled_from(PIECES), st.text(max_size=12)),
    ARGUMENTS,
)


def assert_told(answers: list[str], text: str) -> None:
    assert answers, ascii(text)
    for answer in answers:
        assert answer.strip(), ascii(text)
        assert len(answer) < 20_000, ascii(text)
        assert not HARMFUL.search(answer), (ascii(text), ascii(answer))
        bad = [one for one in answer.replace("\n", "") if unicodedata.category(one)[0] == "C"]
        assert not bad, (ascii(text), ascii(answer))


def judge(lines: list[str], *, operator: bool) -> None:
    known = {"main": Known("main", 5.8), "alt": Known("alt", 40.0)}
    before = {name: one.state for name, one in known.items()}

    async def story(chat: Chat) -> None:
        for text in lines:
            assert_told(await chat.ask(text, operator=operator), text)
        if not operator:
            assert await chat.store.flags() == {}

    with tempfile.TemporaryDirectory() as name:
        with_chat(Path(name), story, **known)
    for name, one in known.items():
        if not operator:
            assert one.orders == []
            assert one.state == before[name]
        for mute in one.state.mutes:
            assert mute.until_us - NOW.steady_us <= MUTE_US_MAX
            assert mute.tier_max <= Tier.WARNING


@pytest.mark.parametrize("operator", [True, False], ids=["operator", "viewer"])
@pytest.mark.parametrize(
    "count", [20, pytest.param(500, marks=pytest.mark.deep)], ids=["short", "deep"]
)
def test_whatever_is_typed_is_answered_and_does_no_harm(count: int, *, operator: bool) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count == 20,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(lines=st.lists(TYPED, min_size=1, max_size=6))
    def typing(lines: list[str]) -> None:
        judge(lines, operator=operator)

    typing()
