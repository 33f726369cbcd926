"""
One Bybit contract: its fee to close, its maintenance by the venue's table, its `Position`.

Rule: pure, exact Decimals. Both margin modes read a leg through here, so that the same row never
means two things. Which pool a leg belongs to is for the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from watcher.domain.account import (
    ZERO,
    Asset,
    Bracket,
    Claim,
    Mismatch,
    Order,
    Position,
    Rules,
    VenueSays,
)
from watcher.venues.bybit.read import Book, Leg
from watcher.venues.bybit.tables import Tables, underlying_of
from watcher.venues.mismatch import mismatch

MISFIT_SHARE = Decimal("0.02")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """What a margin mode makes of a book."""

    rules: Mapping[str, Rules]
    says: Mapping[str, VenueSays]
    assets: tuple[Asset, ...] = ()
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    claims: tuple[Claim, ...] = ()
    unmodelled: Mapping[str, str]


def misfits(book: Book, tables: Tables) -> frozenset[str]:
    """Return the symbols whose own maintenance our tables do not explain: tables to refresh."""
    return frozenset(leg.symbol for leg in book.contracts if is_misfit(leg, tables))


def mismatches(book: Book, tables: Tables, pools: Pools) -> tuple[Mismatch, ...]:
    """Return the positions whose own maintenance our tables do not give."""
    of = {(one.symbol, one.side): one.pool for one in pools.positions}
    found = (
        mismatch(
            "maintenance margin",
            pool=of[leg.symbol, leg.side],
            what=f"{leg.symbol} {leg.side}",
            ours=maintenance_at(leg, leg.mark, tables),
            told=leg.maintenance_margin,
        )
        for leg in book.contracts
        if leg.maintenance_margin and leg.symbol in tables.brackets and (leg.symbol, leg.side) in of
    )
    return tuple(one for one in found if one is not None)


def is_misfit(leg: Leg, tables: Tables) -> bool:
    told = leg.maintenance_margin
    if not told or leg.symbol not in tables.brackets:
        return False
    return abs(maintenance_at(leg, leg.mark, tables) - told) > told * MISFIT_SHARE


def maintenance_at(leg: Leg, price: Decimal, tables: Tables) -> Decimal:
    """Return the maintenance margin of *leg* with its mark at *price*, fee to close included."""
    value = leg.quantity / price if leg.inverse else leg.quantity * price
    brackets = tables.brackets[leg.symbol]
    return table_value(brackets, value) + fee_to_close(leg, tables.fees.get(leg.symbol, ZERO))


def table_value(brackets: Sequence[Bracket], value: Decimal) -> Decimal:
    """Return what a table asks of *value*, with its own deductions where it has them."""
    reached = brackets[0]
    deduction = reached.deduction or ZERO
    chained = deduction
    for below, row in pairwise(brackets):
        if value <= row.floor:
            break
        chained += row.floor * (row.rate - below.rate)
        chained = chained if row.deduction is None else row.deduction
        reached, deduction = row, chained
    return value * reached.rate - deduction


def fee_to_close(leg: Leg, rate: Decimal) -> Decimal:
    share = leg.sign / leg.leverage if leg.leverage else ZERO
    if leg.inverse:
        return leg.quantity / leg.entry * (1 + share) * rate
    return leg.quantity * leg.entry * (1 - share) * rate


def shown(leg: Leg, pool: str) -> Position:
    """Return a position of a pool that is not computed: it has a mark, and needs no table."""
    return Position(
        pool=pool,
        symbol=leg.symbol,
        underlying=underlying_of(leg.symbol, leg.settle),
        side=leg.side,
        quantity=leg.quantity,
        entry=leg.entry,
        mark=leg.mark,
        inverse=leg.inverse,
        settle=leg.settle,
        initial_margin=leg.initial_margin,
        leverage=leg.leverage,
        brackets=(),
    )


def computed(leg: Leg, pool: str, tables: Tables) -> Position:
    """Return a position with its fee and brackets, as far as they are known (`untold`)."""
    return replace(
        shown(leg, pool),
        fee_rate=tables.fees.get(leg.symbol, ZERO),
        brackets=tables.brackets.get(leg.symbol, ()),
    )


def untold(leg: Leg, tables: Tables) -> str | None:
    """Return why a contract cannot be computed: the venue told no table of it, or no fee."""
    if leg.symbol not in tables.brackets:
        return f"{leg.symbol} has no maintenance table"
    if leg.symbol not in tables.fees:
        return f"{leg.symbol} has no taker fee"
    return None
