"""
Bybit's isolated margin mode: every position a pool of its own.

Rule: pure. The venue tells no margin of an isolated position that counts what was added to it or
taken off it (`positionIM` is the margin of opening, `positionBalance` means nothing any more), but
its `liqPrice` is the real trigger in this mode. So the margin is the one that liquidates exactly
there: maintenance at that price less the P&L at that price. Where no such price is told, the
margin of opening stands only if it, too, leaves no price; else the pool shows the venue's figures.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from watcher.domain.account import (
    ONE,
    ZERO,
    Asset,
    Family,
    Position,
    Rules,
    VenueSays,
)
from watcher.venues.bybit.legs import (
    Pools,
    computed,
    fee_to_close,
    is_misfit,
    maintenance_at,
    shown,
    untold,
)
from watcher.venues.bybit.read import Book, Leg
from watcher.venues.bybit.tables import Tables


def isolated_pools(book: Book, tables: Tables) -> Pools:
    """Return one pool per position."""
    indices = {coin.coin: coin.index for coin in book.coins if coin.index is not None}
    rules: dict[str, Rules] = {}
    says: dict[str, VenueSays] = {}
    assets: list[Asset] = []
    positions: list[Position] = []
    unmodelled: dict[str, str] = {}
    for leg in book.legs:
        pool = f"isolated:{leg.symbol}:{leg.side}"
        margin = None if leg.category == "option" else margin_of(leg, tables)
        says[pool] = _says(leg, margin)
        why = _doubt(leg, margin, tables)
        if why is None and margin is not None:
            rules[pool] = _rules(leg)
            positions.append(replace(computed(leg, pool, tables), isolated_margin=margin))
            continue
        rules[pool] = Rules(family=Family.REPORTED, liquidation_level=ONE)
        unmodelled[pool] = why or "no margin known"
        if leg.category != "option":
            positions.append(shown(leg, pool))
        if leg.settle in indices:
            # the pool's margin is not known; the row only tells the price of its currency
            index = indices[leg.settle]
            assets.append(Asset(pool=pool, asset=leg.settle, wallet=ZERO, index=index))
    return Pools(
        rules=rules,
        says=says,
        assets=tuple(assets),
        positions=tuple(positions),
        unmodelled=unmodelled,
    )


def margin_of(leg: Leg, tables: Tables) -> Decimal | None:
    """
    Return the margin of an isolated position without its P&L, None where it cannot be known.

    With a `liqPrice` it is what maintenance at that price leaves after the P&L at that price.
    Without one it is `positionIM`, provided that leaves no price either: margin that was added can
    only take the price further away.
    """
    if leg.symbol not in tables.brackets or leg.leverage is None:
        return None
    price = leg.liquidation_price
    if price is not None:
        return maintenance_at(leg, price, tables) - leg.pnl_at(price)
    margin = leg.initial_margin
    if margin is None or _can_be_liquidated(leg, margin, tables):
        return None
    return margin


def _can_be_liquidated(leg: Leg, margin: Decimal, tables: Tables) -> bool:
    # a linear long can lose its whole value and no more, an inverse short likewise
    if (leg.sign > 0) == leg.inverse:
        return True
    value = leg.quantity / leg.entry if leg.inverse else leg.quantity * leg.entry
    return margin - value < fee_to_close(leg, tables.fees.get(leg.symbol, ZERO))


def _doubt(leg: Leg, margin: Decimal | None, tables: Tables) -> str | None:
    if leg.category == "option":
        return f"option {leg.symbol}: isolated margin of options is not modelled"
    if (why := untold(leg, tables)) is not None:
        return why
    if margin is None:
        return f"{leg.symbol}: no liquidation price told, so its added margin is not known"
    if margin <= 0:
        return f"{leg.symbol}: its liqPrice {leg.liquidation_price} leaves it no margin"
    if is_misfit(leg, tables):
        ours = maintenance_at(leg, leg.mark, tables)
        return (
            f"{leg.symbol}: its table asks {ours:.8g} {leg.settle} of maintenance, "
            f"the venue {leg.maintenance_margin:.8g}"
        )
    return None


def _rules(leg: Leg) -> Rules:
    family = Family.INVERSE_POOL if leg.inverse else Family.LINEAR_POOL
    return Rules(family=family, fee_in="maintenance", fee_basis="entry", hedge="sum")


def _says(leg: Leg, margin: Decimal | None) -> VenueSays:
    """The venue's own figures; its equity is what its liquidation price stands for."""
    price = leg.liquidation_price
    return VenueSays(
        equity=None if margin is None else margin + leg.pnl_at(leg.mark),
        maintenance_margin=leg.maintenance_margin,
        used_margin=leg.initial_margin,
        liquidation_prices={} if price is None else {leg.symbol: price},
    )
