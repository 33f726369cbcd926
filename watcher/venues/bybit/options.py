"""
Bybit's options in cross margin, as reported margin: what the venue asks for stands as a claim.

Rule: pure. A long option asks for no margin and its value is no part of the margin balance: it
changes nothing. A short one asks for [max(3 % of index, 3 % of mark) + mark + 0.2 % of index] x
size; the percentages differ by coin, so the figure is the row's own `positionMM` and what it asks
beyond the mark is read back from it as a share of the index. Where its coin moves against it, the
mark gains at most what the coin moves (a call as the coin rises, a put as it falls) and the rest
grows with the coin, of a put as well while its mark falls: that bound is what the claim grows by,
so no distance is rosier than the venue's. Volatility alone may raise the mark too; no model of
prices sees that.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Claim, Side
from watcher.venues.bybit.read import Book, Leg
from watcher.venues.bybit.tables import option_of


def option_claims(
    book: Book, indices: Mapping[str, Decimal], pool: str
) -> tuple[tuple[Claim, ...], list[str]]:
    """
    Return what short options ask for, and why some of it cannot be told.

    *indices* are USD prices of coins, those of the options and of what they settle in among them.
    """
    claims, unknown = [], []
    for leg in book.options:
        if leg.side is Side.LONG and not leg.maintenance_margin:
            continue
        found = _claim(leg, indices, pool)
        if isinstance(found, str):
            unknown.append(f"option {leg.symbol}: {found}")
        else:
            claims.append(found)
    return tuple(claims), unknown


def _claim(leg: Leg, indices: Mapping[str, Decimal], pool: str) -> Claim | str:
    asked, shape = leg.maintenance_margin, option_of(leg.symbol)
    if leg.side is Side.LONG:
        return "long, and yet it asks for margin"
    if not asked or asked < leg.mark * leg.quantity:
        return "short, and no margin is told that covers its mark"
    if shape is None:
        return "its symbol tells neither call nor put"
    coin, right = shape
    if coin not in indices or leg.settle not in indices:
        return f"no index of {coin} or {leg.settle} is known"
    # marks may be meant in USD or in the settle coin: as the one in which a move is the larger
    price = indices[coin] / min(indices[leg.settle], ONE)
    share = (asked / leg.quantity - leg.mark) / price
    return Claim(
        pool=pool,
        name=leg.symbol,
        settle=leg.settle,
        amount=asked,
        underlying=coin,
        price=price,
        growth_up=leg.quantity * (share if right == "P" else ONE + share),
        growth_down=leg.quantity * (ONE + share) if right == "P" else ZERO,
    )
