"""A venue that changes its tables is told of once, with what the distance is by both."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.test_venue_checks import Watched
from watcher.domain.account import Bracket, Snapshot, Weight
from watcher.domain.alert import Message, Tier

Rows = tuple[tuple[int, str], ...]

FLAT: Rows = ((0, "0.005"), (10_000, "0.01"))


def tabled(rows: Rows) -> object:
    table = tuple(Bracket(floor=Decimal(floor), rate=Decimal(rate)) for floor, rate in rows)

    def change(book: Snapshot) -> Snapshot:
        return replace(book, positions=tuple(replace(p, brackets=table) for p in book.positions))

    return change


def counted(*weights: str) -> object:
    ladder = tuple(
        Weight(floor=Decimal(100_000 * number), weight=Decimal(weight))
        for number, weight in enumerate(weights)
    )

    def change(book: Snapshot) -> Snapshot:
        return replace(book, assets=tuple(replace(a, weights=ladder) for a in book.assets))

    return change


def seen(*changes: object) -> list[list[Message]]:
    watched = Watched()
    return [watched.see(change) for change in changes]  # type: ignore[arg-type]  # made above


def told(found: list[Message]) -> list[str]:
    return [text for m in found if "TABLE CHANGED" in (text := m.text.plain)]


def test_a_table_that_asks_for_more_is_told_aloud_and_once() -> None:
    more = tabled(((0, "0.02"), (10_000, "0.03")))

    _, first, second = seen(tabled(FLAT), more, more)

    (text,) = told(first)
    assert "BTCUSDT: the venue's table is another one" in text
    assert "Distance 49.2 %, by the old table 50.0 %" in text
    assert [(m.tier, m.silent) for m in first if m.text.plain == text] == [(Tier.WARNING, False)]
    assert told(second) == []


def test_a_table_that_asks_for_less_is_told_silently() -> None:
    _, found = seen(tabled(FLAT), tabled(((0, "0.004"), (10_000, "0.01"))))

    assert [m.silent for m in found if "TABLE CHANGED" in m.text.plain] == [True]


def test_a_ladder_is_a_table_too() -> None:
    _, found = seen(counted("1", "0.9"), counted("1", "0.8"))

    (text,) = told(found)
    assert "USDT: the venue's table is another one" in text


@pytest.mark.parametrize(
    "after",
    [tabled(FLAT), tabled(()), tabled(((0, "0.02"),))],
    ids=["the same", "not told", "one rate for a size"],
)
def test_what_is_no_other_table_is_not_told(after: object) -> None:
    found = seen(tabled(FLAT), after, tabled(FLAT))

    assert [told(each) for each in found] == [[], [], []]
