"""I14: what judges whether a venue that counts less than there is was told of and believed."""

from __future__ import annotations

import pytest

from tests.unit.storm_histories import NAME, Story, broken, danger
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.storm.oracles import opinions
from watcher.storm.weather import Fault

TOLD = f"🔧 MODEL DIFFERS #C0DE·1 {NAME}\nOur model and Bybit differ by 20 %"


def differing(*, share: float = 0.2, value: float = 20.0) -> Story:
    """Return a story at 25 % whose venue counts less from 300 s to 500 s."""
    story = Story()
    story.stands(25.0, 50)
    story.reads(0, story.until_s)
    story.differs(300, 500, share, value)
    return story


def apart_by(text: str) -> str:
    return danger("WARNING", 10.0).replace("agree to 0.1 %", text)


@pytest.mark.parametrize(
    ("told_s", "wrong"), [(340.0, 0), (301.0, 0), (None, 1), (400.0, 1), (200.0, 1)]
)
def test_a_divergence_is_told_at_its_third_answer(told_s: float | None, wrong: int) -> None:
    story = differing()
    if told_s is not None:
        story.says(told_s, TOLD)

    assert len(broken(opinions.divergence_told, story.history())) == wrong


@pytest.mark.parametrize(("good_s", "wrong"), [(10.0, 0), (20.0, 1)])
def test_a_divergence_that_comes_again_is_told_again(good_s: float, wrong: int) -> None:
    """Two good answers do not end it, three do."""
    story = differing()
    story.says(340.0, TOLD)
    story.differs(500 + good_s + 1, 700, 0.2, 20.0)

    assert len(broken(opinions.divergence_told, story.history())) == wrong


def test_what_else_is_wrong_is_no_proof_of_a_divergence() -> None:
    for fault, target, checks in (
        (Fault.GLITCH_UP, "", 0),
        (Fault.MODE_SWITCH, "", 0),
        (Fault.CHAT_AMBIGUOUS, "chat", 0),
        (Fault.CHAT_AMBIGUOUS, "fallback", 1),
        (Fault.CHAT_DOWN, "", 1),
    ):
        story = differing()
        story.breaks(fault, 290, 510, target)
        assert opinions.divergence_told(story.history()).checks == checks


def test_a_divergence_that_changes_little_need_not_be_told() -> None:
    assert opinions.divergence_told(differing(share=0.03).history()).checks == 0


@pytest.mark.parametrize(("told_s", "wrong"), [(310.0, 0), (None, 1), (330.0, 1)])
def test_tiers_follow_the_venue(told_s: float | None, wrong: int) -> None:
    story = differing(value=5.0)
    if told_s is not None:
        story.says(told_s, danger("CRITICAL", 5.0))

    found = broken(opinions.worse_believed, story.history())

    assert sum("CRITICAL" in one for one in found) == wrong


@pytest.mark.parametrize(("shown", "wrong"), [(5.0, 0), (4.0, 0), (25.0, 1)])
def test_a_distance_is_that_of_the_worse_opinion(shown: float, wrong: int) -> None:
    story = differing(value=5.0)
    story.says(310.0, danger("CRITICAL", 5.0))
    story.says(400.0, danger("CRITICAL", shown, seq=2, note="still"))

    assert len(broken(opinions.worse_believed, story.history())) == wrong


@pytest.mark.parametrize(
    ("text", "at_s", "wrong"),
    [
        ("differ by 20 %", 400.0, 0),
        ("agree to 0.1 %", 400.0, 1),
        ("agree to 0.1 %", 200.0, 0),
        ("differ by 20 %", 200.0, 1),
        ("differ by 8.4 %", 400.0, 1),
    ],
)
def test_how_far_opinions_lie_apart_is_as_it_is_shown(text: str, at_s: float, wrong: int) -> None:
    story = differing()
    story.says(at_s, apart_by(text), road=Reach.FALLBACK)

    assert len(broken(opinions.agreement_true, story.history())) == wrong


def test_the_words_that_are_looked_for_are_those_that_are_said() -> None:
    for text in (
        say.ORIGIN_AGREE.format(age="1 s old", venue="OKX", apart=0.1),
        say.ORIGIN_DIFFER.format(age="1 s old", venue="OKX", apart="12.4 %"),
    ):
        assert opinions._APART.search(text) is not None, text
