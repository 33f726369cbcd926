"""
A Bybit unified account, from a `Book` and the venue's tables to a `Snapshot`.

Rule: pure. Only cross margin is computed; isolated and portfolio margin show the venue's figures.
What the engine does not model (options, coins without a ladder) makes the pool partial, with the
reason in words.

What a coin bucket holds: the venue's own equity of the coin less the unrealised P&L it has in it,
so that bucket = wallet + P&L is the venue's equity when prices are the venue's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from watcher.domain.account import (
    ONE,
    ZERO,
    Asset,
    BracketKind,
    Family,
    Position,
    Rules,
    Snapshot,
    VenueSays,
    Weight,
)
from watcher.ports import Unreadable
from watcher.venues.bybit.read import Book, Coin, Leg, liquidation_prices
from watcher.venues.bybit.tables import Mode, Tables, underlying_of

T = TypeVar("T")

POOL = "unified"
REFERENCE = "USD"
NOTHING_COUNTS = (Weight(weight=ZERO),)
MISFIT_SHARE = Decimal("0.02")


def misfits(book: Book, tables: Tables) -> frozenset[str]:
    """Return the symbols whose own maintenance our tables do not explain: tables to refresh."""
    return frozenset(
        leg.symbol
        for leg in book.contracts
        if leg.maintenance_margin and leg.symbol in tables.brackets
        if abs(_maintenance(leg, tables) - leg.maintenance_margin)
        > leg.maintenance_margin * MISFIT_SHARE
    )


def _maintenance(leg: Leg, tables: Tables) -> Decimal:
    value = leg.quantity / leg.mark if leg.inverse else leg.quantity * leg.mark
    margin = previous = ZERO
    for bracket in tables.brackets[leg.symbol]:
        if value > bracket.floor:
            margin += (value - bracket.floor) * (bracket.rate - previous)
            previous = bracket.rate
    return margin + _fee_to_close(leg, tables.fees.get(leg.symbol, ZERO))


def _fee_to_close(leg: Leg, rate: Decimal) -> Decimal:
    share = leg.sign / leg.leverage if leg.leverage else ZERO
    if leg.inverse:
        return leg.quantity / leg.entry * (1 + share) * rate
    return leg.quantity * leg.entry * (1 - share) * rate


def compose(
    book: Book,
    tables: Tables,
    *,
    account: str,
    mode: Mode,
    parts: Mapping[str, int],
    wallets: Mapping[str, Mapping[str, Decimal]],
) -> Snapshot:
    """
    Return the snapshot of *book*.

    Raises: `Unreadable` naming the symbol when a contract is held that *tables* do not know.
    """
    pools = _cross(book, tables, mode) if mode.is_cross else _reported(book, mode)
    return Snapshot(
        venue="bybit",
        account=account,
        mode=str(mode),
        taken_at_us=min(parts.values()),
        parts=parts,
        reference=REFERENCE,
        rules=pools.rules,
        assets=pools.assets,
        positions=pools.positions,
        venue_says=pools.says,
        unmodelled=pools.unmodelled,
        wallets=wallets,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pools:
    rules: Mapping[str, Rules]
    says: Mapping[str, VenueSays]
    assets: tuple[Asset, ...] = ()
    positions: tuple[Position, ...] = ()
    unmodelled: Mapping[str, str]


def _reported(book: Book, mode: Mode) -> _Pools:
    """Isolated and portfolio margin: the venue's own figures, pool by pool."""
    rules = Rules(family=Family.REPORTED, liquidation_level=ONE)
    indices = {coin.coin: coin.index for coin in book.coins if coin.index is not None}
    if not (mode.is_isolated and book.legs):
        says = book.says
        if says.equity is None:
            says = VenueSays(equity=book.total_equity, liquidation_prices=says.liquidation_prices)
        return _Pools(
            rules={POOL: rules},
            says={POOL: says},
            assets=tuple(
                Asset(pool=POOL, asset=coin.coin, wallet=coin.cash, index=indices[coin.coin])
                for coin in book.coins
                if coin.coin in indices
            ),
            positions=tuple(_shown(leg, POOL) for leg in book.contracts),
            unmodelled={},
        )
    legs = {f"isolated:{leg.symbol}:{leg.side}": leg for leg in book.legs}
    return _Pools(
        rules=dict.fromkeys(legs, rules),
        says={pool: _isolated_says(leg) for pool, leg in legs.items()},
        # the pool's margin is in the position; the row only tells the price of its currency
        assets=tuple(
            Asset(pool=pool, asset=leg.settle, wallet=ZERO, index=indices[leg.settle])
            for pool, leg in legs.items()
            if leg.settle in indices
        ),
        positions=tuple(
            _shown(leg, pool) for pool, leg in legs.items() if leg.category != "option"
        ),
        unmodelled={},
    )


def _isolated_says(leg: Leg) -> VenueSays:
    price = leg.liquidation_price
    return VenueSays(
        maintenance_margin=leg.maintenance_margin,
        used_margin=leg.initial_margin,
        liquidation_prices={} if price is None else {leg.symbol: price},
    )


def _shown(leg: Leg, pool: str) -> Position:
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


def _cross(book: Book, tables: Tables, mode: Mode) -> _Pools:
    apart = [leg for leg in book.contracts if mode.has_contract_wallet and leg.inverse]
    inside = [leg for leg in book.contracts if leg not in apart]
    assets, unknown = _assets(book, inside, tables)
    reasons = [f"option {leg.symbol}: not modelled yet" for leg in book.options[:1]] + unknown
    unmodelled = {POOL: "; ".join(reasons)} if reasons else {}
    rules = {
        POOL: Rules(
            family=Family.HAIRCUT_POOL,
            fee_in="maintenance",
            fee_basis="entry",
            hedge="sum",
            borrow_brackets={
                asset.asset: tables.borrow[asset.asset]
                for asset in assets
                if asset.asset in tables.borrow
            },
            borrow_bracket_kind=BracketKind.FLAT,
        )
    }
    says = {POOL: book.says}
    if apart:
        pool = "contract"
        rules[pool] = Rules(family=Family.REPORTED)
        says[pool] = VenueSays(liquidation_prices=liquidation_prices(apart))
        unmodelled[pool] = f"{apart[0].symbol}: the contract wallet of UTA 1.0 is not read"
    return _Pools(
        rules=rules,
        says=says,
        assets=assets,
        positions=tuple(_position(leg, tables) for leg in inside),
        unmodelled=unmodelled,
    )


def _position(leg: Leg, tables: Tables) -> Position:
    return replace(
        _shown(leg, POOL),
        fee_rate=_known(tables.fees, leg.symbol, "taker fee"),
        brackets=_known(tables.brackets, leg.symbol, "brackets"),
    )


def _known(table: Mapping[str, T], symbol: str, what: str) -> T:
    if symbol not in table:
        raise Unreadable(f"bybit {symbol}: no {what} known for a contract that is held")
    return table[symbol]


def _assets(book: Book, legs: Sequence[Leg], tables: Tables) -> tuple[tuple[Asset, ...], list[str]]:
    """Return the buckets of the pool, and why some of them are not fully modelled."""
    settled_elsewhere: dict[str, Decimal] = {}
    for leg in legs:
        # USDC contracts settle their P&L into cash every session while the average entry stays:
        # what our model counts again from the entry is taken off the cash.
        apart = leg.pnl - leg.unrealised_pnl
        settled_elsewhere[leg.settle] = settled_elsewhere.get(leg.settle, ZERO) + apart
    assets, unknown = [], []
    for coin in _with_settle_coins(book, settled_elsewhere):
        index = coin.index or tables.usd.get(coin.coin)
        if index is None:
            if coin.equity < 0 or coin.coin in settled_elsewhere:
                raise Unreadable(f"bybit wallet-balance {coin.coin}: no USD index for what is owed")
            continue  # dust nobody owes and nothing settles in
        ladder = tables.ladders.get(coin.coin)
        if coin.counts and ladder is None:
            unknown.append(f"collateral ratio of {coin.coin} unknown")
        if coin.equity < 0 and coin.coin not in tables.borrow:
            unknown.append(f"borrowing rate of {coin.coin} unknown")
        cash = coin.cash if book.options else coin.equity - coin.unrealised_pnl
        assets.append(
            Asset(
                pool=POOL,
                asset=coin.coin,
                wallet=cash - settled_elsewhere.get(coin.coin, ZERO),
                index=index,
                weights=ladder if coin.counts and ladder else NOTHING_COUNTS,
            )
        )
    return tuple(assets), unknown


def _with_settle_coins(book: Book, settles: Iterable[str]) -> list[Coin]:
    """The venue leaves out coins at nought; a contract's settle coin is a bucket all the same."""
    listed = {coin.coin for coin in book.coins}
    empty = [Coin(coin=name) for name in settles if name not in listed]
    return [*book.coins, *empty]
