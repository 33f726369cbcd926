"""Of two readings of a table the stricter one is used, until a milder one comes twice."""

from __future__ import annotations

from decimal import Decimal

import pytest

from watcher.domain.account import Bracket, Weight
from watcher.venues.stricter import believed

Table = tuple[Bracket, ...]


def brackets(*rates: str, floors: tuple[int, ...] = (0, 50_000, 250_000)) -> Table:
    return tuple(
        Bracket(floor=Decimal(floor), rate=Decimal(rate))
        for floor, rate in zip(floors, rates, strict=False)
    )


def ladder(*weights: str) -> tuple[Weight, ...]:
    return tuple(
        Weight(floor=Decimal(1000 * number), weight=Decimal(weight))
        for number, weight in enumerate(weights)
    )


OLD = brackets("0.004", "0.005", "0.01")

MILDER = {
    "lower": brackets("0.004", "0.005", "0.009"),
    "later": brackets("0.004", "0.005", "0.01", floors=(0, 60_000, 250_000)),
    "cut off": brackets("0.004", "0.005"),
}
STRICTER = {
    "higher": brackets("0.004", "0.006", "0.01"),
    "earlier": brackets("0.004", "0.005", "0.01", floors=(0, 40_000, 250_000)),
    "both ways": brackets("0.005", "0.005", "0.009"),
}


@pytest.mark.parametrize("name", MILDER)
def test_a_milder_table_is_believed_when_it_comes_twice(name: str) -> None:
    new = MILDER[name]

    assert believed(OLD, OLD, new) == OLD
    assert believed(OLD, new, new) == new


@pytest.mark.parametrize("name", STRICTER)
def test_any_other_table_is_believed_at_once(name: str) -> None:
    assert believed(OLD, OLD, STRICTER[name]) == STRICTER[name]


def test_a_milder_table_that_is_gone_again_changes_nothing() -> None:
    assert believed(OLD, MILDER["lower"], OLD) == OLD
    assert believed(OLD, MILDER["lower"], MILDER["later"]) == OLD


def test_a_ladder_that_counts_more_is_milder() -> None:
    old, more, less = ladder("0.95", "0.9"), ladder("0.95", "0.92"), ladder("0.9", "0.9")

    assert believed(old, old, more) == old
    assert believed(old, more, more) == more
    assert believed(old, old, less) == less


def test_of_many_tables_each_is_judged_by_itself() -> None:
    used = {"BTC": OLD, "ETH": OLD, "gone": OLD}
    now = {"BTC": MILDER["lower"], "ETH": STRICTER["higher"], "new": OLD}

    found = believed(used, used, now)

    assert found == {"BTC": OLD, "ETH": STRICTER["higher"], "new": OLD}
    assert believed(found, now, now) == now


def test_what_is_no_table_is_taken_as_it_comes() -> None:
    assert believed("cross", "cross", "isolated") == "isolated"
    assert believed({"BTC": Decimal(2)}, None, {"BTC": Decimal(1)}) == {"BTC": Decimal(1)}
    assert believed((), (), OLD) == OLD
    assert believed(OLD, OLD, ()) == ()
