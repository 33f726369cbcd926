"""
Pools of one currency: linear (settled in a stable) and inverse (settled in the coin itself).

Rule: wallet plus profit against maintenance margin, all in the settle asset. A linear pool needs
no price of its currency. An inverse pool is solved in a unit that moves with the coin, USD up to
a constant: in coin every notional is 1/price and the solver's quadratics would be silently wrong.
That unit's column starts at 1, so today's figures read in coin.
"""

from __future__ import annotations

from watcher.margin.book import Draft, Out
from watcher.margin.compile.parts import (
    charge_positions,
    check_position,
    profit,
    write_claims,
    write_order_loss,
    write_orders,
)
from watcher.margin.compile.pool import Pool, Sheet
from watcher.margin.errors import BookError
from watcher.margin.movers import mover_of


def linear_pool(draft: Draft, pool: Pool) -> Sheet:
    """Compile a pool settled in one stable currency."""
    for position in pool.positions:
        if position.inverse:
            raise BookError(
                f"{pool.name} {position.symbol}: inverse is true, a linear_pool holds linear "
                "contracts only"
            )
    draft.pool()
    return _single(Sheet(draft, pool))


def inverse_pool(draft: Draft, pool: Pool) -> Sheet:
    """Compile a pool settled in the coin it trades."""
    coin = currency(pool)
    unit = draft.column(mover_of(coin, pool.betas), 1.0)
    draft.pool(unit)
    return _single(Sheet(draft, pool, unit=unit))


def currency(pool: Pool) -> str:
    """Return the one currency of a single-currency pool."""
    found = dict.fromkeys([*(a.asset for a in pool.assets), *pool.settles()])
    if len(found) > 1:
        raise BookError(
            f"{pool.name}: holds {', '.join(found)}, expected one currency in a "
            f"{pool.rules.family.value}"
        )
    return next(iter(found), pool.reference)


def _single(sheet: Sheet) -> Sheet:
    pool, draft = sheet.pool, sheet.draft
    coin = currency(pool)
    sheet.units[coin] = sheet.unit
    cash = 0.0
    for asset in pool.assets:
        cash += float(asset.wallet - (asset.debt or 0) - (asset.interest or 0))
    terms = [(0, cash, 0.0, 0.0)]
    for position in pool.positions:
        where = f"{pool.name} {position.symbol}"
        check_position(position, where)
        if position.isolated_margin is not None:
            terms.append((0, float(position.isolated_margin), 0.0, 0.0))
        terms.append(profit(position, sheet.mark(position)))
    bucket = draft.amount(terms)
    sheet.buckets[coin] = bucket
    draft.row(bucket, Out.EQUITY, 1.0, unit=sheet.unit)
    charge_positions(sheet, coin)
    write_orders(sheet)
    write_order_loss(sheet)
    write_claims(sheet)
    return sheet
