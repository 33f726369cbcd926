"""
Where a table of ours does not give the figure the venue tells of one position or one asset.

Rule: both figures are of the same answer, so that time explains nothing; what is left is rounding
and a table that is wrong or out of date. Where they are of two answers (`SHARE_ACROSS`), prices may
have moved in between. Adapters compare, here is only how near is near enough.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from watcher.domain.account import Mismatch

SHARE_MAX = Decimal("0.002")
SHARE_ACROSS = Decimal("0.005")
AMOUNT_MIN = Decimal("0.00000005")
"""Half a unit of the eighth decimal, the last that venues print."""


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
