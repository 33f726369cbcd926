"""
A multi-currency account of the practice world, as the OKX adapter reads it: `Book` and `Tables`.

Rule: what is read here is what `venues.okx.read` would make of the practice wire; the rest is the
adapter's own `compose`. Futures mode, isolated legs, spot-margin positions and resting orders are
left to the wire's tests.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from watcher.domain.account import ZERO, Bracket, Side, Snapshot, Weight
from watcher.domain.status import KeyRights
from watcher.sim.okx import tables as tables_of
from watcher.sim.okx.figures import (
    CurrencyFigures,
    Figures,
    LegFigures,
    family_of,
    figures,
    kind_of,
    shown_liquidation_price,
)
from watcher.sim.okx.wire_account import config
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.venues.okx.book import DUST_USD, Book, Currency, Leg, Totals
from watcher.venues.okx.compose import compose
from watcher.venues.okx.read import CONTRACTS
from watcher.venues.okx.tables import Fees, Instrument, Mode, Tables, read_config

PARTS = ("balance", "positions")
LEVELS = {"multi": "multi-currency", "portfolio": "portfolio margin"}


def okx_snapshot(world: World, account: Account, at_us: int) -> Snapshot:
    assert account.mode in LEVELS, f"{account.mode} mode is not viewed"
    apart = (account.orders, account.frozen, account.cross_pairs, account.pairs)
    assert not any(apart), "orders and spot-margin positions are not viewed"
    now = figures(world, account)
    mode = mode_of(account)
    book = _book(now, account, mode, world.now_us // 1000)
    return compose(
        book,
        _tables(now, account, book, mode),
        account=account.name,
        mode=mode,
        parts=dict.fromkeys(PARTS, at_us),
        wallets={
            "funding": {name: held for name, held in account.wallet("funding").items() if held > 0}
        },
    )


def mode_of(account: Account) -> Mode:
    return Mode(level=LEVELS[account.mode], hedge=account.hedge)


def okx_rights(world: World, account: Account) -> tuple[str, KeyRights]:
    found = read_config({"code": "0", "data": config(world, account, {})})
    return str(found.mode), found.rights


def _book(now: Figures, account: Account, mode: Mode, at_ms: int) -> Book:
    return Book(
        totals=_totals(now, at_ms),
        currencies=tuple(
            _currency(one, mode)
            for one in now.currencies.values()
            if one.cash or one.equity or one.initial_margin
        ),
        legs=tuple(_leg(now, one, account, mode) for one in now.legs),
        odd=(),
    )


def _totals(now: Figures, at_ms: int) -> Totals:
    owed = sum((one.borrowed.amount * one.index for one in now.currencies.values()), ZERO)
    return Totals(
        adjusted_equity=now.adjusted_equity,
        equity=now.total_equity,
        initial_margin=now.initial_margin,
        maintenance_margin=now.maintenance_margin,
        ratio=now.ratio,
        borrowed_usd=owed,
        notional_usd={kind: _notional(now, kind) for kind in CONTRACTS},
        at_ms=at_ms,
    )


def _notional(now: Figures, kind: str) -> Decimal:
    legs = (one for one in now.legs if kind_of(one.leg.instrument) == kind)
    return sum((one.notional * one.index for one in legs), ZERO)


def _currency(one: CurrencyFigures, mode: Mode) -> Currency:
    usd = one.equity * one.index
    owed = one.cash < 0 or bool(one.owed)
    interest = one.interest if owed and mode.is_multi else ZERO
    return Currency(
        currency=one.currency,
        equity=one.equity,
        usd=usd,
        index=one.index if abs(usd) >= DUST_USD else None,
        cash=min(one.cash, one.equity - one.unrealised + interest),
        cross_upl=one.unrealised,
        interest=interest,
        owed=owed or one.equity < 0,
        discounted=one.discounted,
        cross_equity=one.equity,
    )


def _leg(now: Figures, one: LegFigures, account: Account, mode: Mode) -> Leg:
    leg = one.leg
    price = shown_liquidation_price(now, one, taker_fee=account.taker_fee)
    return Leg(
        inst_id=leg.symbol,
        kind=kind_of(leg.instrument),
        isolated=False,
        side=Side(leg.side),
        quantity=leg.quantity,
        entry=leg.entry,
        mark=one.mark,
        upl=one.unrealised,
        leverage=leg.leverage,
        liquidation_price=price if mode.is_multi else None,
        initial_margin=one.initial_margin,
        maintenance_margin=one.maintenance_margin,
        margin=None,
        ratio=now.ratio,
        currency=leg.instrument.settle,
        notional_usd=one.notional * one.index,
        usd=one.index,
    )


# ── tables ──────────────────────────────────────────────────────────────────────────────────


def _tables(now: Figures, account: Account, book: Book, mode: Mode) -> Tables:
    instruments = {one.leg.symbol: _instrument(one.leg.symbol) for one in now.legs}
    asked = {name: now.currencies[name].index for name in sorted(book.index_wanted)}
    usd = book.indices | asked
    if not mode.is_computed:
        return Tables(instruments=instruments, brackets={}, fees={}, ladders={}, borrow={}, usd=usd)
    taker = account.taker_fee
    fees = Fees(coin=taker, usdt=taker, usdc=taker, groups={"1": taker})
    settles = {one.leg.instrument.settle for one in now.legs}
    owed = {one.currency for one in book.currencies if one.may_owe}
    kinds = dict.fromkeys([*(kind_of(one.leg.instrument) for one in now.legs), "MARGIN"])
    return Tables(
        instruments=instruments,
        brackets={
            (kind_of(one.leg.instrument), "cross", family_of(one.leg.instrument)): _brackets(
                one.leg.symbol
            )
            for one in now.legs
        },
        fees=dict.fromkeys(kinds, fees),
        ladders=_ladders(),
        borrow={name: _borrow(name) for name in sorted(settles | owed)},
        usd=usd,
    )


@cache
def _instrument(symbol: str) -> Instrument:
    one = next(one for one in tables_of.INSTRUMENTS if one.symbol == symbol)
    return Instrument(
        inst_id=symbol,
        family=family_of(one),
        underlying=one.underlying,
        settle=one.settle,
        inverse=one.inverse,
        size=one.contract_size,
        fee_group="1",
        odd="",
    )


@cache
def _brackets(symbol: str) -> tuple[Bracket, ...]:
    one = next(one for one in tables_of.INSTRUMENTS if one.symbol == symbol)
    return tuple(Bracket(floor=row.floor, rate=row.rate) for row in one.brackets)


@cache
def _ladders() -> dict[str, tuple[Weight, ...]]:
    return {
        name: tuple(Weight(floor=row.floor, weight=row.rate, by="quantity") for row in rows)
        for name, rows in tables_of.DISCOUNT.items()
    }


@cache
def _borrow(name: str) -> tuple[Bracket, ...]:
    rows = tables_of.BORROW.get(name, ())
    floors = (Decimal(0), *(row.cap for row in rows))
    return tuple(
        Bracket(floor=floor, rate=row.maintenance_rate)
        for floor, row in zip(floors, rows, strict=False)
    )
