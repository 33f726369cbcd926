"""
Which of two readings of a venue's tables is used: the stricter one, until a milder one comes twice.

Rule: a table that asks for less, or counts more, somewhere and nowhere the other way round is
believed when two readings in a row tell it, any other change at once. One bad page must not make an
account look safer for an hour. What is no table is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar, cast

from watcher.domain.account import Bracket, Weight

T = TypeVar("T")


def believed(used: T | None, before: T | None, now: T) -> T:
    """
    Return what to use after reading *now*, where *used* was used and *before* was read last.

    Of tables by name each is judged by itself; a name that is no longer told is gone.
    """
    if isinstance(now, Mapping):
        known = used if isinstance(used, Mapping) else {}
        earlier = before if isinstance(before, Mapping) else {}
        found = {key: believed(known.get(key), earlier.get(key), now[key]) for key in now}
        return cast("T", found)
    if used is None or now in (used, before) or not _is_milder(used, now):
        return now
    return used


def _is_milder(used: object, now: object) -> bool:
    was, is_now = _demands(used), _demands(now)
    if not was or not is_now:
        return False
    floors = {floor for floor, _ in (*was, *is_now)}
    steps = [(_at(was, floor), _at(is_now, floor)) for floor in floors]
    return all(after <= before for before, after in steps) and was != is_now


# a rate asks for margin, a weight lets count: the more of it the milder
def _demands(table: object) -> list[tuple[Decimal, Decimal]]:
    if not isinstance(table, tuple):
        return []
    found = [(row.floor, row.rate) for row in table if isinstance(row, Bracket)]
    return found + [(row.floor, -row.weight) for row in table if isinstance(row, Weight)]


def _at(table: Sequence[tuple[Decimal, Decimal]], floor: Decimal) -> Decimal:
    reached = table[0][1]
    for begins, demand in table:
        if begins <= floor:
            reached = demand
    return reached
