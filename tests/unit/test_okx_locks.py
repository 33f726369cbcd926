"""What resting orders lock in OKX's futures mode: told by the ratio, bounded by what is frozen."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from watcher.domain.account import Position, Side
from watcher.venues.okx.book import Currency, Leg
from watcher.venues.okx.locks import locked

D = Decimal


def held(
    inst_id: str, side: Side, quantity: str, mark: str, maintenance: str
) -> tuple[Leg, Position]:
    leg = Leg(
        inst_id=inst_id,
        kind="SWAP",
        isolated=False,
        side=side,
        quantity=D(quantity),
        entry=D(mark),
        mark=D(mark),
        upl=D(0),
        leverage=None,
        liquidation_price=None,
        initial_margin=None,
        maintenance_margin=D(maintenance),
        margin=None,
        ratio=None,
        currency="USDT",
        notional_usd=D(1),
        usd=None,
    )
    position = Position(
        pool="cross:USDT",
        symbol=inst_id,
        underlying=inst_id[:3],
        side=side,
        quantity=D(quantity),
        entry=D(mark),
        mark=D(mark),
        settle="USDT",
        brackets=(),
        fee_rate=D("0.0005"),
    )
    return leg, position


LEGS, POSITIONS = zip(
    held("BTC-USDT-SWAP", Side.LONG, "1", "58000", "232"),
    held("ETH-USDT-SWAP", Side.SHORT, "10", "3100", "310"),
    strict=True,
)
USDT = Currency(
    currency="USDT",
    cash=D(10000),
    cross_upl=D(-3000),
    frozen=D(800),
    maintenance_margin=D(542),
    ratio=D(6495) / D("586.5"),
)


def test_the_lock_is_what_the_venues_ratio_leaves_out() -> None:
    """OK-12: 7,000 of equity, 6,495 of it in the ratio: 500 in use and 5 of fees."""
    assert locked(USDT, LEGS, POSITIONS) == pytest.approx(D(505), rel=D("1e-12"))


def test_no_more_is_locked_than_the_venue_has_frozen() -> None:
    assert locked(replace(USDT, frozen=D(300)), LEGS, POSITIONS) == 300
    assert locked(replace(USDT, frozen=D(0)), LEGS, POSITIONS) == 0


def test_a_ratio_that_is_no_worse_locks_nothing() -> None:
    assert locked(replace(USDT, ratio=D(7000) / D("586.5")), LEGS, POSITIONS) == 0
    assert locked(replace(USDT, ratio=D(20)), LEGS, POSITIONS) == 0
    assert locked(replace(USDT, ratio=None), LEGS, POSITIONS) == 0
