"""
Borrowed spot margin: liquidated when assets fall to `liquidation_level` times the debt.

Rule: equity is assets minus debt and interest, without haircut; the requirement is
(liquidation level - 1) times the debt, so headroom 0 is exactly the level of liquidation.
"""

from __future__ import annotations

from watcher.margin.book import Draft, Out
from watcher.margin.compile.haircut_pool import price_column
from watcher.margin.compile.pool import Pool, Sheet
from watcher.margin.errors import BookError, NotModelled


def debt_ratio(draft: Draft, pool: Pool) -> Sheet:
    """Compile a cross margin account of borrowed coins."""
    level = pool.rules.liquidation_level
    if level is None or not level > 1:
        raise BookError(
            f"{pool.name}: liquidation_level is {level}, expected a level of assets over debt "
            "above 1"
        )
    if pool.positions:
        raise NotModelled(f"{pool.name}: contracts beside borrowed coins")
    draft.pool()
    sheet = Sheet(draft, pool)
    for asset in pool.assets:
        owed = (asset.debt or 0) + (asset.interest or 0)
        if not asset.wallet and not owed:
            continue
        unit = price_column(sheet, asset)
        sheet.units[asset.asset] = unit
        held = draft.amount([(0, float(asset.wallet), 0.0, 0.0)])
        sheet.buckets[asset.asset] = held
        draft.row(held, Out.EQUITY, 1.0, unit=unit)
        if owed:
            debt = draft.amount([(0, float(owed), 0.0, 0.0)])
            draft.row(debt, Out.EQUITY, -1.0, unit=unit)
            draft.row(debt, Out.REQUIREMENT, float(level) - 1.0, unit=unit)
    return sheet
