"""Several messages as one: worst first, nothing lost, nobody critical unnamed."""

from __future__ import annotations

import random

import pytest

from tests.unit.policy_books import START_US, moment
from watcher.domain.alert import SECOND_US, Kind, Lane, Message, Text, Tier
from watcher.domain.road import Reach
from watcher.policy.grouping import GROUP_LINES_MAX, folded, grouped
from watcher.service.rows import GROUP_ROWS_MAX


def message(
    account: str, away: float | None, tier: Tier = Tier.CRITICAL, **more: object
) -> Message:
    one = {
        "key": f"{account}:K7F3:1:raised",
        "account": account,
        "kind": Kind.RAISED,
        "tier": tier,
        "lane": Lane.DANGER if tier >= Tier.CRITICAL else Lane.WARNING,
        "text": Text(plain=f"first row of {account}\nsecond row"),
        "silent": False,
        "created_at_us": START_US,
        "group": f"danger:{tier.name}",
        "line": f"{account}: {away} %",
        "away": away,
    }
    return Message(**{**one, **more})  # type: ignore[arg-type]


def test_each_is_one_line_worst_first() -> None:
    told = grouped(
        [message("b", 5.0), message("unknown", None), message("c", 5.9), message("a", 1.25)],
        moment(),
    )

    assert told.text.plain.split("\n") == [
        "🔴 CRITICAL: 4 accounts",
        "a: 1.25 %",
        "b: 5.0 %",
        "c: 5.9 %",
        "unknown: None %",
    ]
    assert told.text.bold == ((0, len("🔴 CRITICAL: 4 accounts")),)


def test_a_worse_tier_goes_first_whatever_the_figure_and_gives_the_group_its_tier() -> None:
    told = grouped([message("a", 0.5), message("b", 2.0, Tier.EMERGENCY)], moment())

    assert told.text.plain.split("\n")[:2] == [
        "🚨 EMERGENCY: 1 account · CRITICAL: 1 account",
        "b: 2.0 %",
    ]
    assert told.tier is Tier.EMERGENCY


def test_pools_of_one_account_are_counted_as_alerts() -> None:
    told = grouped([message("a", 1.0), message("a", 2.0, pool="x"), message("b", 3.0)], moment())

    assert told.text.plain.startswith("🔴 CRITICAL: 3 alerts of 2 accounts\n")


def test_what_finds_no_room_is_counted() -> None:
    many = [message(f"a{n:02}", 7.0 + n / 10, Tier.WARNING) for n in range(50)]
    random.Random(3).shuffle(many)

    rows = grouped(many, moment()).text.plain.split("\n")

    assert rows[0] == "🟠 WARNING: 50 accounts"
    assert rows[1].startswith("a00")
    assert len(rows) == GROUP_LINES_MAX + 2
    assert rows[-1] == "and 10 more, none worse"


def test_no_critical_account_is_ever_left_out() -> None:
    many = [message(f"a{n:02}", 3.0 + n / 100) for n in range(50)]
    mixed = [*many, *(message(f"w{n}", 8.0, Tier.WARNING) for n in range(5))]

    rows = grouped(mixed, moment()).text.plain.split("\n")

    assert all(any(row.startswith(one.account) for row in rows) for one in many)
    assert rows[-1] == "and 5 more, none worse"


@pytest.mark.parametrize(
    ("kind", "tier", "head"),
    [
        (Kind.BLIND, Tier.CRITICAL, "🔴 BLIND: 2 accounts"),
        (Kind.BLIND_REPEATED, Tier.WARNING, "🟠 STILL BLIND: 2 accounts"),
        (Kind.SEEING, Tier.CALM, "🟢 SEEING: 2 accounts"),
        (Kind.RESOLVED, Tier.CALM, "🟢 CALM: 2 accounts"),
        (Kind.UNANSWERED, Tier.CRITICAL, "🔴 CRITICAL: 2 accounts"),
    ],
)
def test_the_head_says_what_they_share(kind: Kind, tier: Tier, head: str) -> None:
    told = grouped(
        [message("a", 1.0, tier, kind=kind), message("b", 2.0, tier, kind=kind)], moment()
    )

    assert told.text.plain.split("\n")[0] == head


def test_the_one_goes_as_far_as_the_furthest_and_is_heard_when_one_is() -> None:
    told = grouped(
        [message("a", 1.0, silent=True), message("b", 2.0, reach=Reach.FALLBACK)], moment()
    )

    assert told.reach is Reach.FALLBACK
    assert not told.silent
    assert told.lane is Lane.DANGER
    assert told.buttons == ()
    assert told.created_at_us == START_US


def test_what_waited_too_long_is_told_newest_last() -> None:
    waited = [
        message(f"a{n}", None, Tier.WARNING, created_at_us=START_US + n * SECOND_US)
        for n in range(12)
    ]
    told = folded(waited[::-1], moment(900))

    assert told.text.plain.split("\n")[:3] == [
        "12 messages could not be sent for up to 15 min",
        "the first 2 are left out",
        "· first row of a2",
    ]
    assert told.lane is Lane.WARNING


def test_the_longest_group_fits_one_message() -> None:
    """Telegram cuts at 4096 units: what is cut off would be an account nobody named."""
    line = f"🚨 {'a' * 24} isolated 1000000BABYDOGEUSDT short: margin level 12,345 % #K7F3·1234"
    longest = [message(f"a{n}", 1.0, Tier.EMERGENCY, line=line) for n in range(GROUP_ROWS_MAX)]

    assert len(grouped(longest, moment()).text.plain.encode("utf-16-le")) // 2 <= 4096
