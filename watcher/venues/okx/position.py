"""
An OKX contract as a `Position`: its size, its table, its fee.

Rule: pure. Contracts are counted with the venue's own contract value and checked against its own
notional; the tier is that of what the venue counts together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Bracket, BracketKey, BracketKind, Mismatch, Position
from watcher.ports import Unreadable
from watcher.venues.mismatch import mismatch
from watcher.venues.okx.book import Book, Leg
from watcher.venues.okx.tables import Instrument, Tables

MISFIT_SHARE = Decimal("0.02")
NOTIONAL_MISFIT_SHARE = Decimal("0.05")
FAMILIES_PER_CALL = 5


def misfits(book: Book, tables: Tables) -> frozenset[str]:
    """Return the contracts whose own maintenance our tables do not explain."""
    return frozenset(
        leg.inst_id
        for leg in book.legs
        if is_described(leg, tables)
        if abs(_maintenance(leg, book, tables) - leg.maintenance_margin)
        > leg.maintenance_margin * MISFIT_SHARE
    )


def margin_mismatch(leg: Leg, pool: str, book: Book | None, tables: Tables) -> Mismatch | None:
    """Return what to say of a position whose own maintenance our table does not give."""
    if not leg.maintenance_margin:
        return None
    return mismatch(
        "maintenance margin",
        pool=pool,
        what=f"{leg.inst_id} {leg.side}",
        ours=_maintenance(leg, book, tables),
        told=leg.maintenance_margin,
    )


def _maintenance(leg: Leg, book: Book | None, tables: Tables) -> Decimal:
    one = tables.instruments[leg.inst_id]
    table = _table(leg, one, book, tables)
    held = _contracts(leg, one, book, tables)
    reached = [row.rate for row in table if held > row.floor]
    return _notional(leg, one) * reached[-1]


def _notional(leg: Leg, one: Instrument) -> Decimal:
    size = leg.quantity * one.size
    return size / leg.mark if one.inverse else size * leg.mark


def _pnl(leg: Leg, one: Instrument) -> Decimal:
    size = leg.sign * leg.quantity * one.size
    if one.inverse:
        return size * (1 / leg.entry - 1 / leg.mark)
    return size * (leg.mark - leg.entry)


def apart(legs: Iterable[Leg], tables: Tables) -> Decimal:
    """What our P&L from the entry counts beyond the venue's own `upl`: it is in cash already."""
    return sum((_pnl(leg, described(leg, tables)) - leg.upl for leg in legs), ZERO)


def described(leg: Leg, tables: Tables) -> Instrument:
    one = tables.instruments.get(leg.inst_id)
    if one is None:
        raise Unreadable(f"okx {leg.inst_id}: not in the list of contracts, but held")
    return one


def is_described(leg: Leg, tables: Tables) -> bool:
    """Return whether the venue's tables say all that computing a position needs."""
    one = tables.instruments.get(leg.inst_id)
    return one is not None and not one.odd and bool(_tiers(leg, one, tables))


def unlisted(leg: Leg) -> Instrument:
    """
    Return what a position alone tells of a contract that the venue no longer lists, or not yet.

    Its size follows from the venue's own notional: good enough to show it, not to compute it.
    """
    base, _, rest = leg.inst_id.partition("-")
    inverse = leg.currency == base
    each = leg.notional_usd / leg.quantity
    return Instrument(
        inst_id=leg.inst_id,
        family=f"{base}-{rest.partition('-')[0]}",
        underlying=base,
        settle=leg.currency,
        inverse=inverse,
        size=each if inverse else each / leg.mark / (leg.usd or ONE),
        fee_group=None,
        odd="the venue does not list it",
        listed=False,
    )


def shown(leg: Leg, pool: str, tables: Tables) -> Position:
    """Return a position of a pool that is not computed: it has a mark, and needs no table."""
    one = described(leg, tables)
    return Position(
        pool=pool,
        symbol=leg.inst_id,
        underlying=one.underlying,
        side=leg.side,
        quantity=leg.quantity,
        contract_size=one.size,
        entry=leg.entry,
        mark=leg.mark,
        inverse=one.inverse,
        settle=one.settle,
        initial_margin=leg.initial_margin,
        leverage=leg.leverage,
        brackets=(),
        bracket_key=BracketKey.CONTRACTS,
        bracket_kind=BracketKind.FLAT,
    )


def position(leg: Leg, pool: str, book: Book | None, tables: Tables) -> Position:
    """Return a position of a computed pool. *book* tells what else counts towards its tier."""
    one = described(leg, tables)
    _check_size(leg, one, tables)
    return replace(
        shown(leg, pool, tables),
        fee_rate=tables.fees[leg.kind].of(one),
        brackets=_table(leg, one, book, tables),
    )


def _check_size(leg: Leg, one: Instrument, tables: Tables) -> None:
    """A contract counted wrongly is off by powers of ten; the venue's own notional tells."""
    usd = leg.usd or tables.usd.get(one.settle)
    if one.inverse:
        ours = leg.quantity * one.size
    elif usd is not None:
        ours = _notional(leg, one) * usd
    else:
        return
    if abs(ours - leg.notional_usd) > leg.notional_usd * NOTIONAL_MISFIT_SHARE:
        raise Unreadable(
            f"okx position {leg.inst_id}: {leg.quantity:f} contracts of {one.size:f} make "
            f"{ours:.2f} USD, notionalUsd says {leg.notional_usd:.2f}"
        )


def _table(leg: Leg, one: Instrument, book: Book | None, tables: Tables) -> tuple[Bracket, ...]:
    table = _tiers(leg, one, tables)
    assert table
    held = _contracts(leg, one, book, tables)
    if held == leg.quantity:
        return table
    # all expiries of a family reach their tier together: the rate is that of their sum
    reached = [row for row in table if held > row.floor]
    return (Bracket(floor=ZERO, rate=reached[-1].rate),)


def _tiers(leg: Leg, one: Instrument, tables: Tables) -> tuple[Bracket, ...]:
    return tables.brackets.get((leg.kind, leg.trade_mode, one.family), ())


def _contracts(leg: Leg, one: Instrument, book: Book | None, tables: Tables) -> Decimal:
    if book is None or leg.isolated or leg.kind != "FUTURES":
        return leg.quantity
    return sum(
        (
            other.quantity
            for other in book.cross
            if other.kind == "FUTURES"
            if described(other, tables).family == one.family
        ),
        ZERO,
    )


def tier_chunks(
    legs: Sequence[Leg], instruments: Mapping[str, Instrument]
) -> list[tuple[str, str, str]]:
    """Return what to ask tiers for: type, trade mode and up to five families, comma between."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for leg in legs:
        if instruments[leg.inst_id].listed:
            families = wanted.setdefault((leg.kind, leg.trade_mode), set())
            families.add(instruments[leg.inst_id].family)
    return [
        (kind, trade_mode, ",".join(sorted(families)[at : at + FAMILIES_PER_CALL]))
        for (kind, trade_mode), families in sorted(wanted.items())
        for at in range(0, len(families), FAMILIES_PER_CALL)
    ]
