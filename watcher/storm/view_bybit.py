"""
A unified account of the practice world, as the Bybit adapter reads it: its `Book` and `Tables`.

Rule: what is read here is what `venues.bybit.read` would make of the practice wire; the rest is
the adapter's own `compose`. Resting orders and options are left to the wire's tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from functools import cache

from watcher.domain.account import ZERO, Bracket, Side, Snapshot, VenueRatio, VenueSays, Weight
from watcher.domain.status import KeyRights
from watcher.sim.bybit import tables as tables_of
from watcher.sim.bybit.figures import CoinFigures, Figures, LegFigures, figures
from watcher.sim.bybit.prices import shown_liquidation_price
from watcher.sim.bybit.wire_account import query_api
from watcher.sim.bybit.wire_shapes import FOUR, category_of
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.venues.bybit.compose import compose
from watcher.venues.bybit.read import DUST_USD, SCOPES, Book, Coin, Leg, liquidation_prices
from watcher.venues.bybit.tables import Mode, Tables, read_rights

PARTS = ("wallet", *(scope.name for scope in SCOPES))
UNIFIED = 5
SHOWN_RATE_MAX = Decimal(9999)


def bybit_snapshot(world: World, account: Account, at_us: int) -> Snapshot:
    assert not account.orders, "orders and options are not viewed"
    assert not account.options, "orders and options are not viewed"
    now = figures(world, account)
    mode = mode_of(account)
    book = _book(now, mode)
    return compose(
        book,
        _tables(account, book, now) if mode.is_cross else _NO_TABLES,
        account=account.name,
        mode=mode,
        parts=dict.fromkeys(PARTS, at_us),
        wallets={
            "funding": {name: held for name, held in account.wallet("funding").items() if held > 0}
        },
    )


def mode_of(account: Account) -> Mode:
    margin = "portfolio margin" if account.flag("portfolio") else "cross"
    return Mode(status=UNIFIED, margin=margin)


def bybit_rights(world: World, account: Account) -> tuple[str, KeyRights]:
    told = {"retCode": 0, "result": query_api(world, account, {})}
    return str(mode_of(account)), read_rights(told)


def _book(now: Figures, mode: Mode) -> Book:
    legs = tuple(_leg(now, one, mode) for one in now.legs)
    rate = now.maintenance_rate
    return Book(
        coins=tuple(_coin(one, mode) for one in now.coins.values() if _is_listed(one)),
        legs=legs,
        says=VenueSays(
            equity=now.margin_balance,
            maintenance_margin=now.maintenance_margin,
            used_margin=now.initial_margin,
            ratio=VenueRatio(
                name="accountMMRate",
                value=SHOWN_RATE_MAX if rate is None else rate.quantize(FOUR, ROUND_DOWN),
            ),
            liquidation_prices=liquidation_prices(legs),
            liquidation_estimated=mode.is_cross,
        ),
        total_equity=now.total_equity,
        haircut_loss=now.haircut_loss,
        nothing_available=mode.is_cross and now.available <= 0,
    )


def _is_listed(one: CoinFigures) -> bool:
    return bool(one.wallet or one.spot_borrow or one.equity or one.position_mm)


def _coin(one: CoinFigures, mode: Mode) -> Coin:
    usd = one.equity * one.index
    index = one.index if abs(usd) >= DUST_USD else None
    if not mode.is_cross:
        return Coin(coin=one.coin, equity=one.equity, cash=one.wallet, index=index)
    return Coin(
        coin=one.coin,
        equity=one.equity,
        unrealised_pnl=one.unrealised,
        cash=one.wallet - one.spot_borrow,
        lent=one.spot_borrow,
        usd=usd,
        index=index,
        counts=one.switch and one.coin in tables_of.COLLATERAL,
        borrowed=one.borrowed,
        position_maintenance=one.position_mm,
    )


def _leg(now: Figures, one: LegFigures, mode: Mode) -> Leg:
    leg = one.leg
    return Leg(
        symbol=leg.symbol,
        category=category_of(leg.instrument),
        settle=leg.instrument.settle,
        side=Side(leg.side),
        quantity=leg.quantity,
        entry=leg.entry,
        mark=one.mark,
        unrealised_pnl=one.unrealised,
        maintenance_margin=one.maintenance_margin if mode.is_cross else None,
        initial_margin=one.initial_margin if mode.is_cross else None,
        leverage=leg.leverage,
        liquidation_price=shown_liquidation_price(now, one) if mode.is_cross else None,
    )


# ── tables ──────────────────────────────────────────────────────────────────────────────────


_NO_TABLES = Tables(ladders={}, borrow={}, brackets={}, fees={}, usd={})


def _tables(account: Account, book: Book, now: Figures) -> Tables:
    symbols = [leg.symbol for leg in book.legs]
    # tickers are asked only where a balance is too small to tell its coin's price
    usd = {name: one.index for name, one in now.coins.items()} if book.index_wanted else {}
    return Tables(
        ladders=_ladders(),
        borrow=_borrow(),
        brackets={symbol: _brackets(symbol) for symbol in symbols},
        fees=dict.fromkeys(symbols, account.taker_fee),
        usd=usd,
    )


@cache
def _brackets(symbol: str) -> tuple[Bracket, ...]:
    one = next(one for one in tables_of.INSTRUMENTS if one.symbol == symbol)
    return tuple(
        Bracket(floor=row.floor, rate=row.rate, deduction=row.deduction) for row in one.brackets
    )


@cache
def _ladders() -> dict[str, tuple[Weight, ...]]:
    return {
        coin: tuple(Weight(floor=row.floor, weight=row.ratio, by="quantity") for row in rows)
        for coin, rows in tables_of.COLLATERAL.items()
    }


@cache
def _borrow() -> dict[str, tuple[Bracket, ...]]:
    return {coin: _told(rows) for coin, rows in tables_of.BORROW.items()}


def _told(rows: Sequence[tables_of.BorrowTier]) -> tuple[Bracket, ...]:
    """Return a borrow table as the adapter keeps it: a tier of the same rate is no new row."""
    found: list[Bracket] = []
    floor = ZERO
    for row in rows:
        if not found or row.maintenance_rate != found[-1].rate:
            found.append(Bracket(floor=floor, rate=row.maintenance_rate))
        floor = row.limit
    return tuple(found)
