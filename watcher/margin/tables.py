"""
Venue tables as steps: maintenance brackets, borrow brackets, collateral ladders.

Rule: a table is checked once, here, and leaves as plain floats; whoever writes rows trusts it.
A table that cannot be right (wrong order, a gap at the bottom, a rate that is no fraction) is a
`BookError`, never repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from watcher.domain.account import Bracket, BracketKind, Weight
from watcher.margin.errors import BookError


class Step(NamedTuple):
    """Above `floor` the table is worth rate * key - deduction."""

    floor: float
    rate: float
    deduction: float


class Slice(NamedTuple):
    """Above `floor` this fraction of what exceeds it counts."""

    floor: float
    weight: float


FALL_SHARE = 0.01
"""
What a table may ask less just above a floor than on it, in parts of floor times rate: deductions
are told rounded.
"""


TABLES_KEPT = 128
_known: dict[tuple[int, BracketKind], tuple[Sequence[Bracket], Sequence[Step]]] = {}
"""
The steps of tables read lately, by the very table: a venue's is one and the same from poll to poll,
and to read it anew was a tenth of the time of a small account.
"""


def bracket_steps(
    brackets: Sequence[Bracket], kind: BracketKind, where: str, *, field: str = "brackets"
) -> Sequence[Step]:
    """
    Return the steps of a maintenance table, lowest first; *field* is what the table is called.

    A deduction the venue gives is kept. Where it gives none, a marginal table's follows from the
    slices below and a flat table's is 0, so that the requirement jumps at the floor as the
    venue's does.

    Raises: `BookError` naming *where* for an empty table, a first floor other than 0, floors out
    of order or twice, and rates outside 0..1.
    """
    known = _known.get((id(brackets), kind))
    if known is not None and known[0] is brackets:
        return known[1]
    steps = tuple(_read_steps(brackets, kind, where, field))
    if isinstance(brackets, tuple):  # what cannot change
        if len(_known) >= TABLES_KEPT:
            _known.clear()
        _known[id(brackets), kind] = (brackets, steps)
    return steps


def _read_steps(
    brackets: Sequence[Bracket], kind: BracketKind, where: str, field: str
) -> list[Step]:
    _check_floors([row.floor for row in brackets], f"{where}: {field}")
    steps: list[Step] = []
    for number, row in enumerate(brackets):
        _check_fraction(row.rate, f"{where}: {field}[{number}].rate")
        floor, rate = float(row.floor), float(row.rate)
        if row.deduction is not None:
            if not row.deduction.is_finite():
                raise BookError(f"{where}: {field}[{number}].deduction is {row.deduction}")
            deduction = float(row.deduction)
        elif kind is BracketKind.MARGINAL and steps:
            deduction = steps[-1].deduction + (rate - steps[-1].rate) * floor
        else:
            deduction = 0.0
        steps.append(Step(floor, rate, deduction))
    return steps


def check_deductions(
    brackets: Sequence[Bracket], steps: Sequence[Step], where: str, *, field: str = "brackets"
) -> None:
    """
    Check that no told deduction takes off more than the rows below allow.

    One of a wrong row or size would lower the requirement without a word. For tables whose
    deductions are read: those keyed by size have none.

    Raises: `BookError` naming the row.
    """
    for number, (below, step) in enumerate(pairwise(steps), start=1):
        asked, asks = (one.rate * step.floor - one.deduction for one in (below, step))
        told = brackets[number].deduction
        if told is not None and asked - asks > FALL_SHARE * step.rate * step.floor:
            raise BookError(
                f"{where}: {field}[{number}].deduction is {told}, which leaves {asks:g} "
                f"at {step.floor:g}, expected at least the {asked:g} of the row below"
            )


def reached(steps: Sequence[Step], key: float) -> Step:
    """Return the step a fixed *key* lies in; a key exactly on a floor has not passed it."""
    found = steps[0]
    for step in steps[1:]:
        if key > step.floor:
            found = step
    return found


def share_rate(steps: Sequence[Step], key: float, kind: BracketKind) -> float:
    """
    Return the one rate a size-keyed table puts on a position of size *key*.

    Flat: the rate of the bracket reached. Marginal: the mean of the slices, by their part of the
    size. Deductions of such tables have no unit to be in and are not read.
    """
    if kind is BracketKind.FLAT or key <= 0:
        return reached(steps, key).rate
    total = 0.0
    tops = [step.floor for step in steps[1:]] + [key]
    for step, top in zip(steps, tops, strict=True):
        total += max(0.0, min(top, key) - step.floor) * step.rate
    return total / key


def ladder_slices(weights: Sequence[Weight], where: str) -> tuple[list[Slice], bool]:
    """
    Return the slices of a collateral ladder and whether they are measured by USD value.

    Raises: `BookError` naming *where* for the faults of `bracket_steps`, and for a ladder that
    measures some slices by value and some by quantity.
    """
    _check_floors([row.floor for row in weights], f"{where}: weights")
    for number, row in enumerate(weights):
        _check_fraction(row.weight, f"{where}: weights[{number}].weight")
    units = {row.by for row in weights}
    if len(units) > 1:
        raise BookError(f"{where}: weights are partly by usd, partly by quantity; expected one")
    return [Slice(float(row.floor), float(row.weight)) for row in weights], units == {"usd"}


def ladder_value(slices: Sequence[Slice], amount: float) -> float:
    """Return what counts of *amount*, slice by slice."""
    tops = [part.floor for part in slices[1:]] + [amount]
    return sum(
        max(0.0, min(top, amount) - part.floor) * part.weight
        for part, top in zip(slices, tops, strict=True)
    )


def _check_floors(floors: Sequence[Decimal], what: str) -> None:
    if not floors:
        raise BookError(f"{what} is empty, expected at least one row")
    if not all(floor.is_finite() for floor in floors):
        raise BookError(f"{what}: a floor is not a finite number")
    if floors[0] != 0:
        raise BookError(f"{what}[0].floor is {floors[0]}, expected 0: amounts below have no row")
    for number, (low, high) in enumerate(pairwise(floors), start=1):
        if high <= low:
            raise BookError(f"{what}[{number}].floor is {high}, expected more than {low}")


def _check_fraction(value: Decimal, what: str) -> None:
    if not value.is_finite() or not 0 <= value <= 1:
        raise BookError(f"{what} is {value}, expected a fraction between 0 and 1")
