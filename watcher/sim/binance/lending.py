"""
Binance's tables of borrowed coins: Pro maintenance by debt, tiers of isolated pairs.

Rule: facts as data; what was drawn says so. The only arithmetic is the venue's own chain of
`fastNum`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.things import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtRow:
    """One row of the Pro table: debts up to *cap* USDT need value x rate - fast."""

    cap: Decimal
    rate: Decimal
    leverage: int
    fast: Decimal


# cap in USDT, maintenance rate, leverage
_DEBTS: Mapping[str, str] = {
    "BTC": "50000 .05 10|100000 .07 8|400000 .08 6|5000000 .12 4",
    "ETH": "30000 .05 10|100000 .07 8|1000000 .1 5",
    "USDT": "80000 .03 20|400000 .05 10|5000000 .08 6",
    "USDC": "80000 .03 20|400000 .05 10|5000000 .08 6",
}
_DEBTS_OTHERS = "5000 .06 10|20000 .08 8|200000 .12 5"
"""BTC and ETH: the tiers of the venue's Pro example (BN-05), continued; the others drawn."""


def debt_table(asset: str) -> tuple[DebtRow, ...]:
    """Return the Pro rows of *asset*; fast_k = fast_(k-1) + floor_k (r_k - r_(k-1))."""
    rows: list[DebtRow] = []
    floor = fast = before = ZERO
    for line in _DEBTS.get(asset, _DEBTS_OTHERS).split("|"):
        cap, rate, leverage = line.split()
        fast += floor * (Decimal(rate) - before)
        rows.append(
            DebtRow(cap=Decimal(cap), rate=Decimal(rate), leverage=int(leverage), fast=fast)
        )
        floor, before = Decimal(cap), Decimal(rate)
    return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTier:
    """One tier of an isolated pair: what may be borrowed in it, in coins, and its ratios."""

    tier: int
    multiple: int
    initial: Decimal
    call: Decimal
    liquidation: Decimal
    base_max: Decimal
    quote_max: Decimal


# initial, call, liquidation, limit in the quote
_TEN = ("1.111 1.10 1.05 20000", "1.125 1.10 1.05 60000", "1.2496 1.10 1.05 900000")
_FIVE = ("1.25 1.19 1.15 15000", "1.3 1.19 1.15 50000", "1.5 1.19 1.15 500000")
_RISING = ("1.5 1.22 1.18 10000", "1.6 1.30 1.25 25000", "2 1.40 1.35 500000")
"""Ratios of the first two as published; rising ones as in the venue's older table, drawn."""
_COINS_EACH: Mapping[str, Decimal] = {"BTC": Decimal(60_000), "ETH": Decimal(3_000)}
_COINS_EACH_OTHERS = Decimal(150)


def pair_tiers(symbol: str) -> tuple[PairTier, ...]:
    """Return the tiers of an isolated pair: 10x of BTC, 5x of ETH, 3x of all others."""
    multiple, lines = 3, _RISING
    if symbol.startswith("BTC"):
        multiple, lines = 10, _TEN
    elif symbol.startswith("ETH"):
        multiple, lines = 5, _FIVE
    each = _COINS_EACH.get(symbol[:3], _COINS_EACH_OTHERS)
    tiers = []
    for number, line in enumerate(lines, start=1):
        initial, call, liquidation, most = (Decimal(word) for word in line.split())
        tiers.append(
            PairTier(
                tier=number,
                multiple=multiple,
                initial=initial,
                call=call,
                liquidation=liquidation,
                base_max=round(most / each, 4),
                quote_max=most,
            )
        )
    return tuple(tiers)
