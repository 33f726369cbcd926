"""
Binance's tables: contracts, brackets, margin assets and their collateral ladders.

Rule: facts as data. Every contract says in `source` where its brackets come from, or that they
were drawn in the venue's shape where no published rows were at hand. The only arithmetic is the
venue's own chain of `cum`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.things import ONE, ZERO, BracketRow, Instrument

VENUE = "binance"

DRAWN = "drawn 2026-11-22 after the venue's pattern; not a published table"
_CAPTURED = "GET /fapi/v1/leverageBracket, BTCUSDT rows as recorded 2026-11-22"
_SAMPLE = "first rate and leverage from the official positionRisk sample (0.65 %, 20x); rest drawn"

# cap, maintenance rate, leverage; floors and cum follow
_BTC = (
    "50000 .004 125|600000 .005 100|3000000 .01 50|12000000 .025 20|70000000 .05 10|"
    "100000000 .1 5|230000000 .125 4|480000000 .15 3|600000000 .25 2|1800000000 .5 1"
)
_ETH = (
    "50000 .004 100|600000 .005 75|3000000 .01 50|12000000 .025 20|50000000 .05 10|"
    "65000000 .1 5|150000000 .125 4|320000000 .15 3|400000000 .25 2|1200000000 .5 1"
)
_LARGE = (
    "10000 .005 75|50000 .0065 50|250000 .01 40|1000000 .02 25|5000000 .025 20|20000000 .05 10|"
    "40000000 .1 5|60000000 .125 4|100000000 .25 2|200000000 .5 1"
)
_MIDDLE = (
    "5000 .0065 50|30000 .01 40|150000 .015 30|600000 .025 20|2500000 .05 10|5000000 .1 5|"
    "7500000 .125 4|12500000 .25 2|25000000 .5 1"
)
_ADA = (
    "5000 .0065 20|30000 .01 20|150000 .02 20|600000 .025 20|2500000 .05 10|5000000 .1 5|"
    "7500000 .125 4|12500000 .25 2|25000000 .5 1"
)

CALL_RATIO = Decimal("0.8")
"""Futures: margin ratio at which the venue's one notice goes out (from memory, not re-read)."""
FUTURES_LIQUIDATION_FEE = Decimal("0.0125")
"""`liquidationFee` of /fapi/v1/exchangeInfo for the large contracts."""
MARGIN_CLEARANCE_FEE = Decimal("0.02")
"""Cross margin: fee on what liquidation sells (from memory, not re-read)."""
CALL_AGAIN_US = 24 * 3600 * 1_000_000
"""The cross-margin notice is sent again every 24 h while the level stays in the band."""


def brackets(table: str) -> tuple[BracketRow, ...]:
    """Return the rows of `cap rate leverage|...`; cum_k = cum_(k-1) + floor_k (r_k - r_(k-1))."""
    rows: list[BracketRow] = []
    floor = cum = previous = ZERO
    for line in table.split("|"):
        cap, rate, leverage = (Decimal(number) for number in line.split())
        if rows:
            cum += floor * (rate - previous)
        rows.append(
            BracketRow(
                floor=floor,
                cap=cap,
                rate=rate,
                initial_rate=ONE / leverage,
                leverage_max=leverage,
                deduction=cum,
            )
        )
        floor, previous = cap, rate
    return tuple(rows)


def _perpetual(
    coin: str, quote: str, table: str, step: str, tick: str, source: str = DRAWN
) -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol=f"{coin}{quote}",
        underlying=coin,
        quote=quote,
        settle=quote,
        brackets=brackets(table),
        source=source,
        quantity_step=Decimal(step),
        price_tick=Decimal(tick),
        mark_step=Decimal("0.00000001"),
        liquidation_fee_rate=FUTURES_LIQUIDATION_FEE,
    )


INSTRUMENTS: tuple[Instrument, ...] = (
    _perpetual("BTC", "USDT", _BTC, "0.001", "0.10", _CAPTURED),
    _perpetual("ETH", "USDT", _ETH, "0.001", "0.01"),
    _perpetual("BNB", "USDT", _LARGE, "0.01", "0.010"),
    _perpetual("SOL", "USDT", _LARGE, "0.01", "0.0100"),
    _perpetual("XRP", "USDT", _LARGE, "0.1", "0.0001"),
    _perpetual("DOGE", "USDT", _MIDDLE, "1", "0.000010"),
    _perpetual("ADA", "USDT", _ADA, "1", "0.00010", _SAMPLE),
    _perpetual("AVAX", "USDT", _MIDDLE, "1", "0.0010"),
    _perpetual("LINK", "USDT", _MIDDLE, "0.01", "0.001"),
    _perpetual("BTC", "USDC", _BTC, "0.001", "0.1"),
    _perpetual("ETH", "USDC", _ETH, "0.001", "0.01"),
    _perpetual("SOL", "USDC", _LARGE, "0.01", "0.0100"),
)

BUFFERS: Mapping[str, tuple[Decimal, Decimal]] = {
    "USDT": (Decimal("0.0005"), Decimal("0.0005")),
    "USDC": (ZERO, ZERO),
    "BTC": (Decimal("0.05"), Decimal("0.05")),
}
BUFFER_OTHERS = (Decimal("0.1"), Decimal("0.1"))
"""Multi-assets mode: how far bid and ask of an asset lie below and above its index (drawn)."""

_COIN_BTC = "5 .004 125|10 .005 100|20 .01 50|50 .025 20|100 .05 10|200 .1 5|400 .125 4|1000 .15 3"
_COIN_ETH = "15 .005 100|75 .01 75|150 .02 50|750 .025 20|2000 .05 10|4000 .1 5|10000 .15 3"
_COIN_SOL = "100 .01 50|1000 .015 30|5000 .02 25|20000 .05 10|60000 .1 5|200000 .15 3"


def _coin(symbol: str, coin: str, table: str, size: str, basis: str = "0") -> Instrument:
    return Instrument(
        venue=VENUE,
        symbol=symbol,
        underlying=coin,
        quote="USD",
        settle=coin,
        brackets=brackets(table),
        source=DRAWN,
        inverse=True,
        contract_size=Decimal(size),
        quantity_step=ONE,
        price_tick=Decimal("0.01"),
        mark_step=Decimal("0.00000001"),
        basis=Decimal(basis),
        liquidation_fee_rate=FUTURES_LIQUIDATION_FEE,
    )


COIN_INSTRUMENTS: tuple[Instrument, ...] = (
    _coin("BTCUSD_PERP", "BTC", _COIN_BTC, "100"),
    _coin("ETHUSD_PERP", "ETH", _COIN_ETH, "10"),
    _coin("SOLUSD_PERP", "SOL", _COIN_SOL, "10"),
    _coin("BTCUSD_261225", "BTC", _COIN_BTC, "100", "0.004"),
)
"""COIN-M: contracts in USD, margin and brackets in coin."""

FUTURES_ASSETS = ("USDT", "USDC", "FDUSD", "BNB", "BTC", "ETH")
"""Assets `/fapi/v3/account` lists, held or not."""

MARGIN_ASSETS = ("BTC", "ETH", "BNB", "SOL", "XRP", "DOGE", "ADA", "AVAX", "LINK", "USDT", "USDC")
"""Assets `/sapi/v1/margin/account` lists, held or not."""

# cap in USD and the fraction that counts, slice by slice; nothing above the last cap
_BTC_LADDER = "100000000 1|120000000 .975|150000000 .95|180000000 .9|200000000 .85"
_LADDERS: Mapping[str, str] = {
    "BTC": _BTC_LADDER,
    "USDT": "200000000 1",
    "USDC": "200000000 1",
    "ETH": "80000000 1|120000000 .95",
    "BNB": "40000000 .975|60000000 .95",
    "SOL": "5000000 .95|10000000 .9",
    "XRP": "5000000 .95|10000000 .9",
    "DOGE": "1000000 .9|2000000 .85",
    "ADA": "1000000 .9|2000000 .85",
    "AVAX": "1000000 .9|2000000 .85",
    "LINK": "1000000 .9|2000000 .85",
}
"""BTC: collateral-ratio FAQ of the venue, recorded 2026-11-22; the others drawn."""


def ladder(asset: str) -> tuple[tuple[Decimal, Decimal, Decimal], ...]:
    """Return (floor, cap, rate) slices of an asset's collateral ladder in USD; empty: counts 0."""
    rows: list[tuple[Decimal, Decimal, Decimal]] = []
    floor = ZERO
    for line in _LADDERS.get(asset, "").split("|"):
        if line:
            cap, rate = (Decimal(number) for number in line.split())
            rows.append((floor, cap, rate))
            floor = cap
    return tuple(rows)
