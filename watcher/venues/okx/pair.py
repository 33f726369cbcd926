"""
A spot-margin (MARGIN) position of OKX: a coin held against a currency owed.

Rule: pure. What is held and owed make the whole arithmetic, in either currency: equity is what is
held less what is owed, the requirement is the debt times (1 + rate) x (1 + fee) - 1. So the pool
is one currency held and one below zero. The rate is the venue's own `mmr` over the debt's value,
flat and set by the amount borrowed; a row whose parts do not explain its `upl` is not computed.
A cross position is no pool: the account's balances carry it, and only its debt is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import (
    ONE,
    Asset,
    Bracket,
    BracketKind,
    Family,
    Rules,
    Side,
    VenueRatio,
    VenueSays,
)
from watcher.venues.fields import Row

UPL_MISFIT_SHARE = Decimal("0.000001")
"""How far `upl` may lie from held - owed - margin, as a part of what is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """
    One isolated spot-margin position. A long one holds the base and owes the quote, a short one
    the other way round; `mmr`, `upl` and `margin` are in what is held, as `usd` is its index.
    """

    inst_id: str
    side: Side
    holds: str
    held: Decimal
    owes: str
    owed: Decimal
    mark: Decimal
    margin: Decimal
    upl: Decimal
    maintenance_margin: Decimal
    ratio: Decimal
    liquidation_price: Decimal | None
    usd: Decimal

    @property
    def debt(self) -> Decimal:
        """What is owed, in the currency that is held."""
        return self.owed / self.mark if self.side is Side.LONG else self.owed * self.mark

    @property
    def pool(self) -> str:
        return f"isolated:{self.inst_id}:{self.side}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A cross spot-margin position; `mmr` is in what is held, like `debt`."""

    inst_id: str
    side: Side
    holds: str
    owes: str
    owed: Decimal
    mark: Decimal
    upl: Decimal
    maintenance_margin: Decimal

    @property
    def debt(self) -> Decimal:
        """What is owed, in the currency that is held."""
        return self.owed / self.mark if self.side is Side.LONG else self.owed * self.mark


def read_carried(row: Row) -> Carried | None:
    """Return a cross position in the venue's own words, None for one of another make."""
    base, _, quote = row.text("instId").partition("-")
    holds, owes = row.text_or_none("posCcy"), row.text_or_none("liabCcy")
    if {holds, owes} != {base, quote}:
        return None
    assert holds is not None
    assert owes is not None
    return Carried(
        inst_id=row.text("instId"),
        side=Side.LONG if holds == base else Side.SHORT,
        holds=holds,
        owes=owes,
        owed=abs(row.amount("liab")),
        mark=row.positive("markPx"),
        upl=row.amount_or_none("upl") or Decimal(0),
        maintenance_margin=row.not_negative("mmr"),
    )


def read_pair(row: Row) -> Pair | None:
    """
    Return an isolated position in the venue's own words, None for one of another make.

    Not read: cross ones (their debt is in the account's balance), quick margin (balances of its
    own), and margin posted in the currency that is owed.
    """
    quick = any(
        row.has(key) and row.amount(key) != 0
        for key in ("baseBal", "quoteBal", "baseBorrowed", "quoteBorrowed")
    )
    base, _, quote = row.text("instId").partition("-")
    holds, owes = row.text_or_none("posCcy"), row.text_or_none("liabCcy")
    if quick or {holds, owes} != {base, quote} or row.text_or_none("ccy") != holds:
        return None
    assert holds is not None
    assert owes is not None
    interest = row.amount_or_none("interest") or Decimal(0)
    price = row.amount_or_none("liqPx")
    pair = Pair(
        inst_id=row.text("instId"),
        side=Side.LONG if holds == base else Side.SHORT,
        holds=holds,
        held=abs(row.amount("pos")),
        owes=owes,
        owed=abs(row.amount("liab")) + abs(interest),
        mark=row.positive("markPx"),
        margin=row.amount("margin"),
        upl=row.amount("upl"),
        maintenance_margin=row.positive("mmr"),
        ratio=row.positive("mgnRatio"),
        liquidation_price=price or None,
        usd=row.positive("usdPx"),
    )
    odd = pair.held - pair.debt - pair.margin - pair.upl
    return pair if abs(odd) <= pair.held * UPL_MISFIT_SHARE else None


def rules_of(pair: Pair, fee: Decimal) -> Rules:
    """Return the rules of a pool that owes one currency: its table has one row."""
    rate = pair.maintenance_margin / pair.debt
    kept = (ONE + rate) * (ONE + fee) - ONE
    return Rules(
        family=Family.HAIRCUT_POOL,
        borrow_brackets={pair.owes: (Bracket(floor=Decimal(0), rate=kept),)},
        borrow_bracket_kind=BracketKind.FLAT,
    )


def assets_of(pair: Pair) -> tuple[Asset, ...]:
    """Return what is held and what is owed, priced by the pair's own mark."""
    owed_usd = pair.usd / pair.mark if pair.side is Side.LONG else pair.usd * pair.mark
    return (
        Asset(pool=pair.pool, asset=pair.holds, wallet=pair.held, index=pair.usd),
        Asset(pool=pair.pool, asset=pair.owes, wallet=-pair.owed, index=owed_usd),
    )


def says_of(pair: Pair) -> VenueSays:
    """The venue's own figures, in the reference; its maintenance leaves out the fee."""
    return VenueSays(
        equity=(pair.margin + pair.upl) * pair.usd,
        ratio=VenueRatio(name="mgnRatio", value=pair.ratio),
        liquidation_prices={}
        if pair.liquidation_price is None
        else {pair.inst_id: pair.liquidation_price},
    )
