"""
What resting orders lock of a currency in OKX's futures mode.

Rule: pure. The venue subtracts what is in use (sell orders, bought options, order fees) from the
equity it divides, and publishes neither that amount nor its part of `ordFrozen`. But its own ratio
tells it: equity less ratio x (maintenance + fee). It is never taken for more than `ordFrozen`, so
that a ratio that is lower for another reason stays a difference of opinion.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from watcher.domain.account import ZERO, Position
from watcher.venues.okx.book import Currency, Leg

NOISE_SHARE = Decimal("0.000001")
"""Below this part of equity a lock is the rounding of the ratio."""


def locked(one: Currency, legs: Iterable[Leg], positions: Iterable[Position]) -> Decimal:
    """Return what orders take off the equity of a currency, in that currency."""
    if one.frozen <= 0 or one.ratio is None or not one.maintenance_margin:
        return ZERO
    maintenance = sum((leg.maintenance_margin for leg in legs), ZERO)
    fees = sum((_value(position) * position.fee_rate for position in positions), ZERO)
    equity = one.cash + one.cross_upl
    lock = min(equity - one.ratio * (maintenance + fees), one.frozen)
    return lock if lock > abs(equity) * NOISE_SHARE else ZERO


def _value(position: Position) -> Decimal:
    size = position.quantity * position.contract_size
    return size / position.mark if position.inverse else size * position.mark
