"""
Where a table of ours does not give the figure the venue tells of one position or one asset, or of
all of them together where it tells no more.

Rule: both figures are of the same answer, so that time explains nothing; what is left is rounding
and a table that is wrong or out of date. Where they are of two answers (`SHARE_ACROSS`), prices may
have moved in between. Adapters compare, here is only how near is near enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from watcher.domain.account import ONE, ZERO, Asset, Mismatch, Weight

SHARE_MAX = Decimal("0.002")
SHARE_ACROSS = Decimal("0.005")
AMOUNT_MIN = Decimal("0.00000005")
"""Half a unit of the eighth decimal, the last that venues print."""
LISTED_SHARE = LISTED_SHARE_A_SECOND = Decimal("0.01")
"""Of a total in another answer, and more for each second between the two."""
TOTAL_MIN = Decimal(1)
"""Below this a total is dust, whose roundings add up to more than any table is wrong."""


def mismatch(
    figure: Literal["maintenance margin", "collateral value"],
    *,
    pool: str,
    what: str,
    ours: Decimal,
    told: Decimal,
    share: Decimal = SHARE_MAX,
) -> Mismatch | None:
    """Return what to say of two figures that lie further apart than rounding explains."""
    gap = abs(ours - told)
    if gap <= AMOUNT_MIN or gap <= share * abs(told):
        return None
    return Mismatch(pool=pool, what=what, figure=figure, ours=ours, venue=told)


def listed_mismatch(
    pool: str, asset: str, *, listed: Decimal, told: Decimal, parts: Mapping[str, int]
) -> Mismatch | None:
    """
    Compare what the positions listed in *asset* ask for with the total the venue told beside them.

    More in the total is a position that the list lacks: far too much of it is no reading at all, a
    little is this. *parts* are when the answers came.
    """
    if listed >= told:
        return None
    spread_s = Decimal(max(parts.values()) - min(parts.values())) / 1_000_000
    return mismatch(
        "maintenance margin",
        pool=pool,
        what=f"all {asset} positions",
        ours=listed,
        told=told,
        share=LISTED_SHARE + LISTED_SHARE_A_SECOND * spread_s,
    )


def counted_value(weights: Sequence[Weight], quantity: Decimal, index: Decimal) -> Decimal:
    """Return what a ladder makes of *quantity*, in the currency of *index*; debts count in full."""
    if quantity <= 0:
        return quantity * index
    counted = previous = ZERO
    for row in weights:
        key, unit = (quantity * index, ONE) if row.by == "usd" else (quantity, index)
        if key > row.floor:
            counted += (key - row.floor) * (row.weight - previous) * unit
            previous = row.weight
    return counted


def collateral_mismatch(
    pool: str, holds: Iterable[tuple[Asset, Decimal]], told: Decimal, *, share: Decimal
) -> Mismatch | None:
    """
    Compare what all of *holds* (asset, equity in it) count for with the total the venue told.

    Both without what is owed: beside a large debt, a small part of the collateral is much of the
    rest.
    """
    worth = [
        counted_value(asset.weights, equity, asset.index * (ONE if equity > 0 else asset.ask))
        for asset, equity in holds
    ]
    ours = sum((value for value in worth if value > 0), ZERO)
    venue = told - sum((value for value in worth if value < 0), ZERO)
    if venue < TOTAL_MIN:
        return None
    return mismatch(
        "collateral value", pool=pool, what="all coins", ours=ours, told=venue, share=share
    )
