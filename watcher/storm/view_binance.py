"""
A Binance account of the practice world, as its adapter reads it: USDⓈ-M futures in single-asset
mode and classic cross margin, or portfolio margin.

Rule: what is read here is what `venues.binance` would make of the practice wire; the pools are put
together by the adapter's own functions. COIN-M, isolated pairs, Pro and multi-assets mode are left
to the wire's tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache

from watcher.domain.account import ONE, ZERO, Bracket, Side, Snapshot, Weight
from watcher.domain.status import KeyRights
from watcher.ports import WithdrawalRight
from watcher.sim.binance import tables as tables_of
from watcher.sim.binance import wire_portfolio
from watcher.sim.binance.figures import BARS, BinanceFigures
from watcher.sim.binance.legs import FuturesPool, initial_margin, maintenance
from watcher.sim.binance.wire import Ask
from watcher.sim.binance.wire_spot import api_restrictions
from watcher.sim.things import Account, Position
from watcher.sim.world import World
from watcher.venues.binance import futures, margin, portfolio, setup
from watcher.venues.binance.draft import Draft
from watcher.venues.fields import Row

FIGURES = BinanceFigures()
PARTS = ("account", "positionRisk", "premiumIndex", "margin")
PORTFOLIO_PARTS = ("papi account", "um positionRisk", "cm positionRisk", "premiumIndex")
ANCHORS = ("BTCUSDT", "BTCUSDC")
"""Stables without a pair of their own are priced by these."""


def binance_snapshot(world: World, account: Account, at_us: int) -> Snapshot:
    assert not account.pairs, "isolated pairs are not viewed"
    assert not account.flag("multi_assets"), "multi-assets mode is not viewed"
    draft = Draft()
    marks = _marks(world, account)
    if account.flag("portfolio"):
        _add_portfolio(world, account, draft, marks)
    else:
        _add_futures(world, account, draft, marks)
        _add_margin(world, account, draft, marks)
    parts = PORTFOLIO_PARTS if account.flag("portfolio") else PARTS
    return Snapshot(
        venue="binance",
        account=account.name,
        mode=mode_of(account),
        taken_at_us=at_us,
        reference=setup.REFERENCE,
        rules=draft.rules,
        parts=dict.fromkeys(parts, at_us),
        assets=tuple(draft.assets),
        positions=tuple(draft.positions),
        venue_says=draft.says,
        wallets={name: _held(account.wallet(name)) for name in ("spot", "funding")},
        unmodelled=draft.unmodelled,
        mismatches=tuple(draft.mismatches),
        flags=tuple(draft.flags),
    )


def mode_of(account: Account) -> str:
    if account.flag("portfolio"):
        return "portfolio margin (reported)"
    ways = "hedge" if account.hedge else "one-way"
    return f"futures single-asset, {ways}; cross margin classic"


def binance_rights(world: World, account: Account) -> tuple[str, KeyRights]:
    ask = Ask(world=world, rules=FIGURES, params={}, signed_by=account)
    rights = setup.read_rights(api_restrictions(ask))
    if rights.withdraw:
        raise WithdrawalRight("this key may withdraw; make one that can only read")
    return mode_of(account), replace(rights, uid=str(account.uid))


def _held(purse: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: amount for name, amount in purse.items() if amount}


def _marks(world: World, account: Account) -> setup.Marks:
    """Return the public prices this account is computed with, written now."""
    coins = [*account.wallet("margin"), *account.debts]
    symbols = [leg.symbol for leg in account.positions.values()]
    now_ms = world.now_us // 1000
    rows = {}
    for symbol in dict.fromkeys([*ANCHORS, *symbols, *(f"{coin}USDT" for coin in coins)]):
        one = world.instruments.get(("binance", symbol))
        if one is not None:
            index = world.index_in(one.underlying, one.quote)
            told = {"markPrice": world.mark(one), "indexPrice": index, "time": now_ms}
            rows[symbol] = Row(told, f"binance premiumIndex {symbol}")
    return setup.Marks(rows, now_ms)


# ── futures ─────────────────────────────────────────────────────────────────────────────────


def _add_futures(world: World, account: Account, draft: Draft, marks: setup.Marks) -> None:
    pools = FIGURES.futures(world, account)
    legs = tuple(leg for pool in pools for leg in _legs(world, account, pool))
    wallets = {name: _wallet(name, pools) for name in tables_of.FUTURES_ASSETS}
    told = futures.FuturesAccount(
        wallets=wallets,
        held={(leg.symbol, leg.position_side): leg.signed for leg in legs},
        margin_balance=wallets["USDT"].cross_wallet + wallets["USDT"].cross_unrealised,
        maintenance=wallets["USDT"].maintenance,
        position_initial=ZERO,
    )
    tables = futures.Tables(
        brackets={leg.symbol: _brackets(leg.symbol) for leg in legs},
        leverages={leg.symbol: leg.leverage for leg in account.positions.values()},
    )
    futures.add_single_asset(draft, told, legs, tables, marks)


def _wallet(name: str, pools: Iterable[FuturesPool]) -> futures.Wallet:
    mine = [pool for pool in pools if pool.asset == name]
    cross = [pool for pool in mine if not pool.isolated]
    return futures.Wallet(
        asset=name,
        cross_wallet=sum((pool.wallet for pool in cross), ZERO),
        cross_unrealised=sum((pool.unrealised for pool in cross), ZERO),
        maintenance=sum((pool.maintenance_margin for pool in mine), ZERO),
        position_initial=ZERO,
    )


def _legs(world: World, account: Account, pool: FuturesPool) -> list[futures.Leg]:
    prices = FIGURES.liquidation_prices(world, pool)
    return [_leg(world, account, leg, prices.get(leg.symbol)) for leg in pool.legs]


def _leg(world: World, account: Account, leg: Position, price: Decimal | None) -> futures.Leg:
    mark = world.mark(leg.instrument)
    return futures.Leg(
        symbol=leg.symbol,
        position_side=leg.side.upper() if account.hedge else "BOTH",
        side=Side(leg.side),
        settle=leg.instrument.settle,
        signed=leg.sign * leg.quantity,
        entry=leg.entry,
        mark=mark,
        unrealised=world.unrealised(leg),
        maintenance=maintenance(leg, mark),
        initial=initial_margin(leg, mark),
        isolated_wallet=leg.isolated_margin,
        isolated=leg.margin_mode == "isolated",
        liquidation_price=price,
    )


@cache
def _brackets(symbol: str) -> tuple[Bracket, ...]:
    one = next(one for one in tables_of.INSTRUMENTS if one.symbol == symbol)
    return tuple(
        Bracket(floor=row.floor, rate=row.rate, deduction=row.deduction) for row in one.brackets
    )


# ── cross margin ────────────────────────────────────────────────────────────────────────────


def _add_margin(world: World, account: Account, draft: Draft, marks: setup.Marks) -> None:
    told = _margin(world, account)
    if not told.is_empty:
        bars = setup.Bars(call=BARS.call, liquidation=BARS.liquidation)
        margin.add_margin(draft, told, bars, _weights(), marks.index)


def _margin(world: World, account: Account) -> margin.MarginAccount:
    pool, btc = FIGURES.margin(world, account), world.index("BTC")
    names = [*tables_of.MARGIN_ASSETS, *account.wallet("margin"), *account.debts]
    found = (_holding(account, name) for name in dict.fromkeys(names))
    return margin.MarginAccount(
        pro=False,
        level=pool.level,
        assets_btc=pool.assets / btc,
        liability_btc=pool.liability / btc,
        holdings=tuple(one for one in found if one.owned or one.borrowed or one.interest),
        collateral=pool.collateral / world.index("USDT"),
    )


def _holding(account: Account, name: str) -> margin.Holding:
    debt = account.debts.get(name)
    return margin.Holding(
        asset=name,
        owned=account.balance("margin", name),
        borrowed=debt.principal if debt else ZERO,
        interest=debt.interest if debt else ZERO,
    )


@cache
def _weights() -> dict[str, tuple[Weight, ...]]:
    found = {}
    for name in tables_of.MARGIN_ASSETS:
        slices = tables_of.ladder(name)
        rows = [Weight(floor=floor, weight=rate) for floor, _, rate in slices]
        found[name] = (*rows, Weight(floor=slices[-1][1], weight=ZERO))
    return found


# ── portfolio margin ────────────────────────────────────────────────────────────────────────


def _add_portfolio(world: World, account: Account, draft: Draft, marks: setup.Marks) -> None:
    told = wire_portfolio.portfolio_of(world, account, FIGURES)
    held = [
        portfolio.Holding(
            symbol=leg.symbol,
            side=Side(leg.side),
            quantity=leg.quantity,
            contract_size=ONE,
            entry=leg.entry,
            mark=world.mark(leg.instrument),
            liquidation_price=None,
            leverage=leg.leverage,
        )
        for leg in account.positions.values()
    ]
    figures = portfolio.Portfolio(
        equity=told.equity,
        maintenance_margin=told.maintenance_margin,
        used_margin=told.maintenance_margin * 2,
        ratio=told.ratio,
        state=told.state,
    )
    portfolio.add_portfolio(draft, figures, held, marks)
