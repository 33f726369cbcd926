"""
Bybit's tables: contracts, risk limits, collateral ladders, borrow tiers.

Rule: facts as data. Every table says in `source` where and when it was read, or that it was
drawn: shaped like the venue's where no published rows were at hand. No arithmetic beyond the
venue's own chain of deductions, with which it prints its tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from watcher.sim.things import ZERO, BracketRow, Instrument

VENUE = "bybit"

DRAWN = "drawn 2026-11-22 after the venue's pattern; not a published table"
_OFFICIAL_BTC = (
    "Bybit help centre, maintenance margin of BTCUSDT (20 tiers), recorded 2026-11-22; "
    "initial rates drawn as twice the maintenance rate"
)
_CENT = Decimal("0.01")

_BTC_LIMITS = (
    "2000000 .005|2600000 .0056|3200000 .0063|3800000 .0067|4400000 .0071|5000000 .0077|"
    "5600000 .0091|8500000 .01|10000000 .013|14000000 .015|20000000 .016|28000000 .02|"
    "38000000 .025|50000000 .029|55000000 .03|60000000 .035|65000000 .036|70000000 .038|"
    "75000000 .04|80000000 .045"
)
_LARGE = "1000000 .005|2000000 .0075|4000000 .01|8000000 .015|16000000 .02|40000000 .03"
_MIDDLE = "300000 .0075|600000 .01|1200000 .015|2400000 .025|6000000 .04"
_SMALL = "100000 .01|200000 .015|400000 .025|800000 .04|2000000 .06"
_USDC_BTC = "2000000 .004|4000000 .006|8000000 .01|16000000 .02"
_INVERSE_BTC = "150 .005|300 .01|450 .015|600 .02|750 .025"
_INVERSE_ETH = "3000 .01|6000 .015|9000 .02|12000 .025"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralSlice:
    """Of the coin's quantity above `floor` (up to the next floor) the fraction `ratio` counts."""

    floor: Decimal
    ratio: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowTier:
    """Borrowing up to `limit` (in the coin) is margined at these rates."""

    limit: Decimal
    maintenance_rate: Decimal
    initial_rate: Decimal
    leverage_max: Decimal


def risk_limits(limits: Sequence[tuple[Decimal, Decimal]]) -> tuple[BracketRow, ...]:
    """
    Return the table for (limit, maintenance rate) rows, with the deductions the venue prints.

    deduction_1 = 0; deduction_k = limit_(k-1) x (rate_k - rate_(k-1)) + deduction_(k-1).
    """
    rows: list[BracketRow] = []
    floor = deduction = previous = ZERO
    for cap, rate in limits:
        if rows:
            deduction += floor * (rate - previous)
        initial = min(2 * rate, Decimal(1))
        rows.append(
            BracketRow(
                floor=floor,
                cap=cap,
                rate=rate,
                initial_rate=initial,
                leverage_max=(1 / initial).quantize(_CENT, ROUND_DOWN),
                deduction=deduction,
            )
        )
        floor, previous = cap, rate
    return tuple(rows)


def _rows(table: str) -> tuple[BracketRow, ...]:
    pairs = (row.split() for row in table.split("|"))
    return risk_limits([(Decimal(limit), Decimal(rate)) for limit, rate in pairs])


def _linear(
    coin: str, table: str, step: str, tick: str, mark_step: str, source: str = DRAWN
) -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol=f"{coin}USDT",
        underlying=coin,
        quote="USDT",
        settle="USDT",
        brackets=_rows(table),
        source=source,
        quantity_step=Decimal(step),
        price_tick=Decimal(tick),
        mark_step=Decimal(mark_step),
    )


def _usdc(coin: str, table: str, step: str, tick: str, mark_step: str, source: str) -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol=f"{coin}PERP",
        underlying=coin,
        quote="USDC",
        settle="USDC",
        brackets=_rows(table),
        source=source,
        quantity_step=Decimal(step),
        price_tick=Decimal(tick),
        mark_step=Decimal(mark_step),
    )


def _inverse(coin: str, table: str, tick: str, source: str) -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol=f"{coin}USD",
        underlying=coin,
        quote="USD",
        settle=coin,
        brackets=_rows(table),
        source=source,
        inverse=True,
        quantity_step=Decimal(1),
        price_tick=Decimal(tick),
        mark_step=Decimal("0.01"),
    )


INSTRUMENTS: tuple[Instrument, ...] = (
    _linear("BTC", _BTC_LIMITS, "0.001", "0.1", "0.01", _OFFICIAL_BTC),
    _linear("ETH", _LARGE, "0.01", "0.01", "0.01"),
    _linear("SOL", _MIDDLE, "0.1", "0.01", "0.001"),
    _linear("BNB", _MIDDLE, "0.01", "0.1", "0.01"),
    _linear("XRP", _MIDDLE, "0.1", "0.0001", "0.0001"),
    _linear("DOGE", _SMALL, "1", "0.00001", "0.00001"),
    _linear("ADA", _SMALL, "1", "0.0001", "0.0001"),
    _linear("AVAX", _SMALL, "0.1", "0.001", "0.001"),
    _linear("LINK", _SMALL, "0.1", "0.001", "0.001"),
    _usdc(
        "BTC",
        _USDC_BTC,
        "0.001",
        "0.1",
        "0.01",
        "tier 1 rate 0.4 % from a live BTCPERP payload of 2026-03; limits and upper tiers drawn",
    ),
    _usdc("ETH", _LARGE, "0.01", "0.01", "0.01", DRAWN),
    _inverse(
        "BTC",
        _INVERSE_BTC,
        "0.5",
        "https://bybit-exchange.github.io/docs/v5/market/risk-limit, BTCUSD tier 1 (150 BTC, "
        "0.5 %), read 2026-11-22; upper tiers drawn",
    ),
    _inverse("ETH", _INVERSE_ETH, "0.05", DRAWN),
)


def _ladder(table: str) -> tuple[CollateralSlice, ...]:
    pairs = (row.split() for row in table.split("|"))
    return tuple(
        CollateralSlice(floor=Decimal(floor), ratio=Decimal(ratio)) for floor, ratio in pairs
    )


COLLATERAL_SOURCE = (
    "BTC: Bybit help centre, collateral value ratio (tiers by quantity), recorded 2026-11-22; "
    "all other rows " + DRAWN
)
COLLATERAL: dict[str, tuple[CollateralSlice, ...]] = {
    "USDT": _ladder("0 1"),
    "USDC": _ladder("0 1"),
    "BTC": _ladder("0 .98|10 .95|20 .90|30 .85|40 .80|50 0"),
    "ETH": _ladder("0 .98|200 .95|500 .90|1000 .80|3000 0"),
    "SOL": _ladder("0 .90|2000 .85|10000 .75|50000 0"),
    "BNB": _ladder("0 .90|500 .80|5000 0"),
    "XRP": _ladder("0 .85|100000 .80|1000000 0"),
    "DOGE": _ladder("0 .80|500000 .70|5000000 0"),
}

BORROW_SOURCE = (
    "BTC: https://bybit-exchange.github.io/docs/v5/spot-margin-uta/position-tiers (response "
    "example), read 2026-11-22; all other rows " + DRAWN
)


def _tiers(table: str) -> tuple[BorrowTier, ...]:
    rows = (row.split() for row in table.split("|"))
    return tuple(
        BorrowTier(
            limit=Decimal(limit),
            maintenance_rate=Decimal(maintenance),
            initial_rate=Decimal(initial),
            leverage_max=Decimal(leverage),
        )
        for limit, maintenance, initial, leverage in rows
    )


BORROW: dict[str, tuple[BorrowTier, ...]] = {
    "BTC": _tiers("390 .04 .2 5|391 .04 .25 4|392 .04 .33333333 3|393 .04 .5 2"),
    "ETH": _tiers("6000 .04 .2 5|8000 .04 .25 4"),
    "SOL": _tiers("50000 .05 .25 4|80000 .05 .33333333 3"),
    "BNB": _tiers("5000 .05 .25 4"),
    "XRP": _tiers("1000000 .05 .25 4"),
    "DOGE": _tiers("5000000 .06 .33333333 3"),
    "USDT": _tiers("8000000 .04 .1 10|12000000 .04 .2 5"),
    "USDC": _tiers("4000000 .04 .1 10|6000000 .04 .2 5"),
}

LIQUIDATION_ORDER = ("USDT", "USDC", "BTC", "ETH", "BNB", "SOL", "XRP", "DOGE")
"""Assets are sold in this order to repay (spot-margin-trade/data `liquidationOrder`); drawn."""
