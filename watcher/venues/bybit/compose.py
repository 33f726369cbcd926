"""
A Bybit unified account, from a `Book` and the venue's tables to a `Snapshot`.

Rule: pure. Cross margin is written here, isolated margin in `isolated`; portfolio margin shows
the venue's figures. What nobody can compute (a coin without a ladder, a contract without a table)
makes the pool partial, with the reason in words.

What a coin bucket holds: the venue's own equity of the coin less the unrealised P&L it has in it,
so that bucket = wallet + P&L is the venue's equity when prices are the venue's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from watcher.domain.account import (
    ONE,
    ZERO,
    Asset,
    BracketKind,
    Family,
    Mismatch,
    Rules,
    Snapshot,
    VenueFlag,
    VenueSays,
    Weight,
)
from watcher.ports import Unreadable
from watcher.venues.bybit.isolated import isolated_pools
from watcher.venues.bybit.legs import Pools, computed, mismatches, shown, untold
from watcher.venues.bybit.options import option_claims
from watcher.venues.bybit.orders import composed, order_claims, order_loss
from watcher.venues.bybit.read import Book, Coin, Leg, liquidation_prices, listed_margins
from watcher.venues.bybit.tables import Mode, Tables
from watcher.venues.mismatch import SHARE_MAX, collateral_mismatch, listed_mismatch

POOL = "unified"
REFERENCE = "USD"
NOTHING_COUNTS = (Weight(weight=ZERO),)


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

    Raises: `Unreadable` for an order without a mark and a currency without an index.
    """
    pools = _pools(book, tables, mode)
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
        orders=pools.orders,
        claims=pools.claims,
        venue_says=pools.says,
        unmodelled=pools.unmodelled,
        wallets=wallets,
        mismatches=(
            *mismatches(book, tables, pools),
            *_odd_weights(book, pools),
            *(_unlisted(book, mode, parts) if mode.is_cross else ()),
        ),
        flags=_flags(book, pools),
    )


def _flags(book: Book, pools: Pools) -> tuple[VenueFlag, ...]:
    lies_in = {(one.symbol, one.side): one.pool for one in pools.positions}
    found = []
    for leg in book.legs:
        pool = lies_in.get((leg.symbol, leg.side), POOL)
        forced = leg.state != "Normal"
        if (forced or leg.reduce_only) and pool in pools.rules:
            says = leg.state if forced else "isReduceOnly"
            what = f"{leg.symbol} {leg.side}"
            found.append(VenueFlag(pool=pool, says=says, what=what, forced=forced))
    return tuple(found)


def weights_doubtful(book: Book, tables: Tables) -> bool:
    """Tell whether the ladders do not give the venue's margin balance: tables to refresh."""
    assets, unknown = _assets(book, [], tables)
    return bool(_contradicted(book, assets)) and not unknown


def _unlisted(book: Book, mode: Mode, parts: Mapping[str, int]) -> Iterator[Mismatch]:
    """Compare, coin by coin, the positions listed with the margin the wallet carries for them."""
    listed = listed_margins(book, contract_wallet=mode.has_contract_wallet)
    for coin in book.coins:
        off = listed_mismatch(
            POOL,
            coin.coin,
            listed=listed.get(coin.coin, ZERO),
            told=coin.position_maintenance,
            parts=parts,
        )
        if off is not None:
            yield off


def _odd_weights(book: Book, pools: Pools) -> tuple[Mismatch, ...]:
    shared = pools.rules.get(POOL)
    if shared is None or shared.family is not Family.HAIRCUT_POOL or POOL in pools.unmodelled:
        return ()
    return _contradicted(book, pools.assets)


def _contradicted(book: Book, assets: Iterable[Asset]) -> tuple[Mismatch, ...]:
    """Compare the ladders with the margin balance; no coin's own counted value is told."""
    if book.says.equity is None or book.options:
        return ()  # an option's value is part of its coin's equity, and counts for nothing
    equities = {coin.coin: coin.equity for coin in book.coins}
    holds = [(asset, equities.get(asset.asset, ZERO)) for asset in assets]
    off = collateral_mismatch(POOL, holds, book.says.equity, share=SHARE_MAX)
    return () if off is None else (off,)


def _pools(book: Book, tables: Tables, mode: Mode) -> Pools:
    if mode.is_cross:
        return _cross(book, tables, mode)
    if mode.is_isolated and book.legs:
        return isolated_pools(book, tables)
    return _reported(book)


def _reported(book: Book) -> Pools:
    """Portfolio margin, and wallets without a position: the venue's own figures."""
    indices = {coin.coin: coin.index for coin in book.coins if coin.index is not None}
    says = book.says
    if says.equity is None:
        says = VenueSays(equity=book.total_equity, liquidation_prices=says.liquidation_prices)
    return Pools(
        rules={POOL: Rules(family=Family.REPORTED, liquidation_level=ONE)},
        says={POOL: says},
        assets=tuple(
            Asset(pool=POOL, asset=coin.coin, wallet=coin.cash, index=indices[coin.coin])
            for coin in book.coins
            if coin.coin in indices
        ),
        positions=tuple(shown(leg, POOL) for leg in book.contracts),
        unmodelled={},
    )


def _cross(book: Book, tables: Tables, mode: Mode) -> Pools:
    apart = [leg for leg in book.contracts if mode.has_contract_wallet and leg.inverse]
    inside = [leg for leg in book.contracts if leg not in apart]
    assets, unknown = _assets(book, inside, tables)
    claims, untellable = option_claims(book, _indices(book, tables), POOL)
    reasons = untellable + unknown
    reasons += filter(None, (untold(leg, tables) for leg in inside))
    unmodelled = {POOL: "; ".join(reasons)} if reasons else {}
    orders = composed(book, tables, POOL)
    indices = {asset.asset: asset.index for asset in assets}
    lost = sum((order_loss(one) * indices[one.settle] for one in orders), ZERO)
    if book.nothing_available:  # then the loss is read off the rates, which count both
        book = replace(book, haircut_loss=max(book.haircut_loss - lost, ZERO))
    rules = {
        POOL: Rules(
            family=Family.HAIRCUT_POOL,
            fee_in="maintenance",
            fee_basis="entry",
            hedge="sum",
            debts="larger",
            orders_in="equity",
            order_loss=book.haircut_loss,
            borrow_brackets={
                asset.asset: tables.borrow[asset.asset]
                for asset in assets
                if asset.asset in tables.borrow
            },
            borrow_bracket_kind=BracketKind.FLAT,
        )
    }
    says = {POOL: _denominator(book, lost)}
    if apart:
        pool = "contract"
        rules[pool] = Rules(family=Family.REPORTED)
        says[pool] = VenueSays(liquidation_prices=liquidation_prices(apart))
        unmodelled[pool] = f"{apart[0].symbol}: the contract wallet of UTA 1.0 is not read"
    return Pools(
        rules=rules,
        says=says,
        assets=assets,
        positions=tuple(computed(leg, POOL, tables) for leg in inside),
        orders=orders,
        claims=() if POOL in unmodelled else claims + order_claims(book, tables, POOL),
        unmodelled=unmodelled,
    )


def _indices(book: Book, tables: Tables) -> Mapping[str, Decimal]:
    told = {coin.coin: coin.index for coin in book.coins if coin.index is not None}
    return {**tables.usd, **told}


def _denominator(book: Book, lost: Decimal) -> VenueSays:
    # the venue divides by its margin balance less what resting orders lose: that is its equity
    equity = book.says.equity
    if equity is None:
        return book.says
    return replace(book.says, equity=equity - book.haircut_loss - lost)


def _assets(book: Book, legs: Sequence[Leg], tables: Tables) -> tuple[tuple[Asset, ...], list[str]]:
    """Return the buckets of the pool, and why some of them are not fully modelled."""
    settled_elsewhere: dict[str, Decimal] = {}
    for leg in legs:
        # USDC contracts settle their P&L into cash every session while the average entry stays:
        # what our model counts again from the entry is taken off the cash.
        apart = leg.pnl - leg.unrealised_pnl
        settled_elsewhere[leg.settle] = settled_elsewhere.get(leg.settle, ZERO) + apart
    assets, unknown = [], []
    ordered = {order.settle for order in book.orders} | {leg.settle for leg in book.sold}
    for coin in _with_settle_coins(book, dict.fromkeys([*settled_elsewhere, *sorted(ordered)])):
        index = coin.index or tables.usd.get(coin.coin)
        if index is None:
            if coin.equity < 0 or coin.lent or coin.coin in {*settled_elsewhere, *ordered}:
                raise Unreadable(f"bybit wallet-balance {coin.coin}: no USD index for what is owed")
            continue  # dust nobody owes and nothing settles in
        ladder = tables.ladders.get(coin.coin)
        if coin.counts and ladder is None:
            unknown.append(f"collateral ratio of {coin.coin} unknown")
        if (coin.equity < 0 or coin.lent) and coin.coin not in tables.borrow:
            unknown.append(f"borrowing rate of {coin.coin} unknown")
        cash = coin.cash if book.options else coin.equity - coin.unrealised_pnl
        assets.append(
            Asset(
                pool=POOL,
                asset=coin.coin,
                wallet=cash + coin.lent - settled_elsewhere.get(coin.coin, ZERO),
                debt=coin.lent or None,
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
