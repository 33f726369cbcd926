"""
OKX's tables: contracts, position tiers, discount ladders, borrow tiers.

Rule: facts as data. Position tiers count contracts and their rate holds for the whole position;
discount ladders count coins, slice by slice. Every table says in `source` where and when it was
read, or that it was drawn. No arithmetic here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.things import ZERO, BracketRow, Instrument

VENUE = "okx"
EXPIRY = "270326"
EXPIRY_MS = 1_806_048_000_000
"""2027-03-26 08:00 UTC, the settlement of the dated contracts here."""

DRAWN = "drawn 2026-11-22 after the venue's pattern; not a published table"
_BTC_SOURCE = (
    "tiers 1 to 3 as in the worked example of the venue's flat-rate rule (illustrative numbers), "
    "recorded 2026-11-22; the rest " + DRAWN
)
_ETH_SOURCE = (
    "tiers 1 to 3 of ETH-USDT from a recorded answer in the tests of freqtrade (2022); the rest "
    + DRAWN
)

# max contracts, maintenance rate, initial rate
_BTC = (
    "15000 .004 .01|25000 .005 .0125|50000 .0075 .02|100000 .01 .025|200000 .02 .04|400000 .04 .1"
)
_ETH = "2000 .01 .013|4000 .015 .02|8000 .02 .05|20000 .03 .0667|60000 .05 .1|120000 .1 .2"
_LARGE = "5000 .0065 .0133|15000 .01 .02|40000 .02 .04|80000 .04 .1|160000 .1 .2"
_SMALL = "2000 .01 .02|6000 .02 .04|15000 .04 .1|40000 .1 .2"
_INVERSE_BTC = "5000 .004 .01|20000 .005 .0125|50000 .0075 .02|100000 .01 .025|300000 .02 .05"
_INVERSE_ETH = "10000 .01 .013|50000 .015 .02|150000 .02 .05"
_DATED = "5000 .004 .01|20000 .006 .0125|60000 .01 .025|120000 .02 .05"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountSlice:
    """Of the coin's equity above `floor` (up to the next floor) the fraction `rate` counts."""

    floor: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowTier:
    """Owing up to `cap` (in the coin) is margined at these rates, the whole amount alike."""

    cap: Decimal
    maintenance_rate: Decimal
    initial_rate: Decimal
    leverage_max: Decimal


def _rows(table: str) -> tuple[BracketRow, ...]:
    rows: list[BracketRow] = []
    floor = ZERO
    for line in table.split("|"):
        cap, rate, initial = (Decimal(number) for number in line.split())
        rows.append(
            BracketRow(
                floor=floor,
                cap=cap,
                rate=rate,
                initial_rate=initial,
                leverage_max=(1 / initial).quantize(Decimal(1)),
            )
        )
        floor = cap
    return tuple(rows)


def contract(
    symbol: str, table: str, size: str, tick: str, *, source: str = DRAWN, basis: str = "0"
) -> Instrument:
    """Return the contract of a symbol such as BTC-USDT-SWAP; quote USD means inverse."""
    coin, quote, _ = symbol.split("-")
    inverse = quote == "USD"
    return Instrument(
        venue=VENUE,
        symbol=symbol,
        underlying=coin,
        quote=quote,
        settle=coin if inverse else quote,
        brackets=_rows(table),
        source=source,
        inverse=inverse,
        contract_size=Decimal(size),
        quantity_step=Decimal(1) if inverse else Decimal("0.01"),
        price_tick=Decimal(tick),
        mark_step=Decimal(tick),
        basis=Decimal(basis),
    )


INSTRUMENTS: tuple[Instrument, ...] = (
    contract("BTC-USDT-SWAP", _BTC, "0.01", "0.1", source=_BTC_SOURCE),
    contract("ETH-USDT-SWAP", _ETH, "0.1", "0.01", source=_ETH_SOURCE),
    contract("SOL-USDT-SWAP", _LARGE, "1", "0.01"),
    contract("BNB-USDT-SWAP", _SMALL, "0.01", "0.1"),
    contract("XRP-USDT-SWAP", _LARGE, "100", "0.0001"),
    contract("DOGE-USDT-SWAP", _SMALL, "1000", "0.00001"),
    contract("ADA-USDT-SWAP", _SMALL, "100", "0.0001"),
    contract("AVAX-USDT-SWAP", _SMALL, "1", "0.001"),
    contract("LINK-USDT-SWAP", _SMALL, "1", "0.001"),
    contract("BTC-USDC-SWAP", _BTC, "0.0001", "0.1"),
    contract("ETH-USDC-SWAP", _ETH, "0.001", "0.01"),
    contract("BTC-USD-SWAP", _INVERSE_BTC, "100", "0.1"),
    contract("ETH-USD-SWAP", _INVERSE_ETH, "10", "0.01"),
    contract(f"BTC-USDT-{EXPIRY}", _DATED, "0.01", "0.1", basis="0.006"),
    contract(f"BTC-USD-{EXPIRY}", _DATED, "100", "0.1", basis="0.006"),
    contract(f"ETH-USD-{EXPIRY}", _DATED, "10", "0.01", basis="0.006"),
)

DISCOUNT_SOURCE = (
    "BTC to 25: https://www.okx.com/docs-v5 (discount-rate-interest-free-quota, response example), "
    "read 2026-11-22, its steps continued; first rates of ETH, USDC, OKB, UNI, TRX, TUSD from a "
    "recorded demo account; all other rows " + DRAWN
)


def _ladder(table: str) -> tuple[DiscountSlice, ...]:
    pairs = (row.split() for row in table.split("|"))
    return tuple(DiscountSlice(floor=Decimal(floor), rate=Decimal(rate)) for floor, rate in pairs)


DISCOUNT: dict[str, tuple[DiscountSlice, ...]] = {
    "USDT": _ladder("0 1"),
    "USDC": _ladder("0 .98"),
    "USD": _ladder("0 1"),
    "BTC": _ladder("0 .98|20 .9775|25 .975|30 .9725|35 .97|200 .9|1000 0"),
    "ETH": _ladder("0 .98|300 .97|1000 .95|5000 .9|20000 0"),
    "SOL": _ladder("0 .95|5000 .9|30000 .8|100000 0"),
    "OKB": _ladder("0 .90|20000 .8|100000 0"),
    "BNB": _ladder("0 .90|1000 .8|10000 0"),
    "XRP": _ladder("0 .90|200000 .85|2000000 0"),
    "DOGE": _ladder("0 .85|1000000 .8|10000000 0"),
    "UNI": _ladder("0 .85|50000 .7|500000 0"),
    "TRX": _ladder("0 .85|1000000 .7|10000000 0"),
    "TUSD": _ladder("0 0"),
}

BORROW_SOURCE = (
    "the shape of https://www.okx.com/docs-v5 (position-tiers, MARGIN), read 2026-11-22; BTC's "
    "cap of 100 in tier 2 as in the venue's partial-liquidation guide; all other rows " + DRAWN
)


def _borrow(table: str) -> tuple[BorrowTier, ...]:
    tiers = []
    for line in table.split("|"):
        cap, maintenance, initial = (Decimal(number) for number in line.split())
        tiers.append(
            BorrowTier(
                cap=cap,
                maintenance_rate=maintenance,
                initial_rate=initial,
                leverage_max=(1 / initial).quantize(Decimal(1)),
            )
        )
    return tuple(tiers)


BORROW: dict[str, tuple[BorrowTier, ...]] = {
    "USDT": _borrow("500000 .03 .1|2000000 .04 .125|5000000 .05 .2"),
    "USDC": _borrow("300000 .03 .1|1000000 .04 .125|3000000 .05 .2"),
    "BTC": _borrow("50 .03 .1|100 .04 .125|200 .05 .2"),
    "ETH": _borrow("500 .03 .1|1000 .04 .125|3000 .05 .2"),
    "SOL": _borrow("5000 .04 .2|15000 .06 .25"),
    "XRP": _borrow("200000 .04 .2|600000 .06 .25"),
    "DOGE": _borrow("1000000 .05 .2|3000000 .08 .25"),
}
