"""
A venue's tables read row by row in exact Decimals, each reading with the words for it.

Rule: a table is taken as it stands; whether it can be right is `margin.tables`' business, and
nothing is shared with it. The words name the row, its floor, its rate and its deduction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ZERO, Bracket, BracketKind, Claim, Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The row a key lies in: its number of so many, and what it asks."""

    row: int
    rows: int
    floor: Decimal
    rate: Decimal
    deduction: Decimal

    def of(self, key: Decimal) -> Decimal:
        return key * self.rate - self.deduction

    def words(self, key: Decimal) -> str:
        less = f" − {plain(self.deduction)}" if self.deduction else ""
        row = f"row {self.row} of {self.rows} (above {plain(self.floor)})"
        return f"{row}: {plain(key)} × {plain(self.rate)}{less}"


def step_of(
    table: Sequence[Bracket], kind: BracketKind, key: Decimal, *, closed: bool = False
) -> Step:
    """Return the row of *key*; one exactly on a floor is in the lower row, unless *closed*."""
    deduction, rate, found = ZERO, ZERO, None
    for number, row in enumerate(table):
        if row.deduction is not None:
            deduction = row.deduction
        elif kind is BracketKind.MARGINAL:
            deduction += (row.rate - rate) * row.floor
        else:
            deduction = ZERO
        rate = row.rate
        if number == 0 or key > row.floor or (closed and key == row.floor):
            found = Step(
                row=number + 1, rows=len(table), floor=row.floor, rate=rate, deduction=deduction
            )
    assert found is not None
    return found


def slices(key: Decimal, ladder: Sequence[Weight]) -> tuple[Decimal, str]:
    """Return what counts of *key*, slice by slice."""
    total, words = ZERO, []
    for number, row in enumerate(ladder):
        if key <= row.floor and number:
            break
        top = ladder[number + 1].floor if number + 1 < len(ladder) else key
        part = min(key, top) - row.floor
        total += part * row.weight
        words.append(f"{plain(part)} × {plain(row.weight)}")
    return total, " + ".join(words)


def claimed(claim: Claim, factor: Decimal) -> tuple[Decimal, str]:
    """Return what a claim asks once the price of its coin is multiplied by *factor*."""
    words = f"the venue asks {plain(claim.amount)} {claim.settle}"
    if claim.underlying is None:
        return claim.amount, words
    words += (
        f", at most {plain(claim.growth_up)} more for every 1 {claim.underlying} rises and "
        f"{plain(claim.growth_down)} for every 1 it falls"
    )
    move = claim.price * (factor - 1)
    return claim.amount + max(claim.growth_up * move, -claim.growth_down * move), words


def plain(value: Decimal) -> str:
    """
    Return *value* with up to ten significant digits.

    >>> plain(Decimal("31967.27000")), plain(Decimal(1) / 3), plain(Decimal("-0.004"))
    ('31,967.27', '0.3333333333', '−0.004')
    """
    if not value:
        return "0"
    text = f"{value:,.{max(0, 9 - value.adjusted())}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")
