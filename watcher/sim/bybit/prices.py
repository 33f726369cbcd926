"""
Bybit's liquidation prices as it shows them: estimates in cross margin, the trigger in isolated.

Rule: exact Decimals on the figures, nothing shared with the margin engine or the adapters.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.bybit.figures import (
    Figures,
    LegFigures,
    counted_value,
    position_value,
    total_mm,
    unrealised,
)
from watcher.sim.bybit.tables import BORROW
from watcher.sim.things import ONE, ZERO

PRICE_BAND = Decimal(10)
"""An estimate beyond this multiple of the mark is not shown (drawn)."""


def shown_liquidation_price(now: Figures, one: LegFigures) -> Decimal | None:
    """
    Return the venue's estimate for a position, None where it shows none.

    Cross, linear: the free margin over the size; once the settle coin's own equity is used up,
    the growing debt also needs its borrow maintenance margin (seen on a live payload of 2026-03:
    mark - (margin balance - maintenance margin) / (size x 1.04)). The relief of the position's
    own maintenance margin is ignored, as the venue does.
    """
    if one.isolated:
        return isolated_price(one)
    if one.leg.instrument.inverse:
        return _inverse_estimate(now, one)
    coin = now.coins[one.leg.instrument.settle]
    free = now.denominator - now.maintenance_margin
    own = max(coin.equity, ZERO) * coin.index
    first = min(free, own)
    beyond = max(free - own, ZERO) / (ONE + _borrow_rate(coin.coin))
    size = sum(
        (leg.leg.sign * leg.leg.quantity for leg in now.legs if leg.leg.symbol == one.leg.symbol),
        ZERO,
    )
    if size * one.leg.sign <= 0:
        # the smaller or equal leg of a hedge: the price it fears is the other leg's
        return None
    price = one.mark - (first + beyond) / (size * one.leg.instrument.contract_size * coin.index)
    return price if 0 < price < one.mark * PRICE_BAND else None


def _borrow_rate(coin: str) -> Decimal:
    tiers = BORROW.get(coin)
    return tiers[0].maintenance_rate if tiers else ZERO


def isolated_price(one: LegFigures) -> Decimal | None:
    """Return the mark at which margin + unrealised equals the maintenance margin."""
    leg = one.leg
    size, sign = leg.quantity * leg.instrument.contract_size, leg.sign
    fee, rate, deduction = one.fee_to_close, one.row.rate, one.row.deduction
    margin = leg.isolated_margin
    if leg.instrument.inverse:
        below = margin + sign * size / leg.entry - fee + deduction
        price = size * (sign + rate) / below if below != 0 else ZERO
    else:
        price = (sign * size * leg.entry - margin + fee - deduction) / (size * (sign - rate))
    return price if price > 0 else None


def _inverse_estimate(now: Figures, one: LegFigures) -> Decimal | None:
    # the coin's index moves with the contract, so the equation is not linear: halve the interval
    safe = one.mark
    bad = one.mark / 1000 if one.leg.sign > 0 else one.mark * PRICE_BAND
    if _inverse_headroom(now, one, bad) > 0 or _inverse_headroom(now, one, safe) <= 0:
        return None
    for _ in range(80):
        middle = (safe + bad) / 2
        if _inverse_headroom(now, one, middle) > 0:
            safe = middle
        else:
            bad = middle
    return bad


def _inverse_headroom(now: Figures, one: LegFigures, price: Decimal) -> Decimal:
    coin = now.coins[one.leg.instrument.settle]
    index = coin.index * price / one.mark
    equity = coin.equity - one.unrealised + unrealised(one.leg, price)
    collateral = counted_value(coin.coin, equity, index, switch=coin.switch)
    value = position_value(one.leg.instrument, one.leg.quantity, price)
    own = value * one.row.rate - one.row.deduction + one.fee_to_close
    borrow = max(-equity, ZERO) * _borrow_rate(coin.coin)
    rest = coin.position_mm - one.maintenance_margin + coin.order_mm
    margin = (own + borrow + rest) * index
    others = now.maintenance_margin - total_mm(coin)
    return now.denominator - coin.collateral + collateral - others - margin
