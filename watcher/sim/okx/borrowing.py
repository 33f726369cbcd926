"""
What a currency of OKX's shared accounts owes, or would owe once its orders have filled.

Rule: the venue's formulas by its own names (potential borrowing, help centre), exact Decimals. A
balance below zero is a debt; so is what orders hold back beyond what there is; in spot mode a loan
counts however much of its currency is kept. The rate of the tier reached is on the whole debt, and
the fee of a liquidation on the debt and its margin: (1 + rate) x fee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.okx.tables import BORROW, BorrowTier
from watcher.sim.things import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What decides a currency's borrowing beside its equity."""

    currency: str
    frozen: Decimal
    lent: Decimal
    fee_rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowing:
    """A debt and what it asks for, in its currency; nothing where the venue lends none."""

    amount: Decimal
    initial_margin: Decimal = ZERO
    maintenance_margin: Decimal = ZERO
    liquidation_fee: Decimal = ZERO

    @property
    def need(self) -> Decimal:
        return self.maintenance_margin + self.liquidation_fee


def borrow_tier(tiers: Sequence[BorrowTier], owed: Decimal) -> BorrowTier:
    """Return the tier that holds *owed*; beyond the last, the last."""
    return next((tier for tier in tiers if owed <= tier.cap), tiers[-1])


def borrowing(terms: Terms, equity: Decimal) -> Borrowing:
    """Return what a currency of *equity* borrows."""
    amount = max(terms.frozen - equity, terms.lent, ZERO)
    if amount == 0 or terms.currency not in BORROW:
        return Borrowing(amount=amount)
    tier = borrow_tier(BORROW[terms.currency], amount)
    maintenance = amount * tier.maintenance_rate
    return Borrowing(
        amount=amount,
        initial_margin=amount * tier.initial_rate,
        maintenance_margin=maintenance,
        liquidation_fee=(amount + maintenance) * terms.fee_rate,
    )


def cap_below(currency: str, owed: Decimal) -> Decimal:
    """Return the debt left after going down one tier: the cap of the tier below, 0 in the first."""
    tiers = BORROW.get(currency, ())
    return max((tier.cap for tier in tiers if tier.cap < owed), default=ZERO)
