"""
Pools of many currencies: each counts at its weight, and owes at full value.

Rule: one bucket per currency holds its wallet and the profit settled in it. Above zero the
collateral ladder applies, slice by slice; below zero the whole bucket counts at the ask and, where
the venue asks for it, raises the requirement by the borrow table. Where debts are a thing of their
own (Binance Cross Margin Pro) the bucket is what is held, and the debt lies beside it. Every
currency has a price; none is taken as 1 but the reference itself.
"""

from __future__ import annotations

from watcher.domain.account import FULL_WEIGHT, ONE, ZERO, Asset
from watcher.margin.book import Draft, Out
from watcher.margin.compile.parts import (
    charge_positions,
    check_position,
    profit,
    write_borrow,
    write_claims,
    write_debt,
    write_order_loss,
    write_orders,
)
from watcher.margin.compile.pool import Pool, Sheet
from watcher.margin.errors import BookError
from watcher.margin.movers import is_stable, mover_of
from watcher.margin.tables import ladder_slices


def haircut_pool(draft: Draft, pool: Pool) -> Sheet:
    """Compile a pool whose collateral is weighted: unified and multi-currency accounts."""
    draft.pool()
    sheet = Sheet(draft, pool)
    for position in pool.positions:
        check_position(position, f"{pool.name} {position.symbol}")
    rows = {asset.asset: asset for asset in pool.assets}
    settles = pool.settles()
    for name in dict.fromkeys([*rows, *settles]):
        row = rows.get(name)
        if row is not None and not _matters(row) and name not in settles:
            continue
        _bucket(sheet, name, row or _empty(pool, name))
    for name in settles:
        charge_positions(sheet, name)
    write_orders(sheet)
    write_order_loss(sheet)
    write_claims(sheet)
    return sheet


def _matters(asset: Asset) -> bool:
    return bool(asset.wallet or asset.debt or asset.interest or asset.frozen)


def _empty(pool: Pool, name: str) -> Asset:
    # contracts settle in a currency this pool holds none of: its price must come from somewhere
    if name == pool.reference:
        index = ONE
    elif is_stable(name) and name in pool.indices:
        index = pool.indices[name]
    else:
        raise BookError(
            f"{pool.name} {name}: contracts settle in it but no asset row gives its index"
        )
    return Asset(pool=pool.name, asset=name, wallet=ZERO, index=index, weights=FULL_WEIGHT)


def _bucket(sheet: Sheet, name: str, asset: Asset) -> None:
    draft, pool = sheet.draft, sheet.pool
    where = f"{pool.name} {name}"
    unit = price_column(sheet, asset)
    sheet.units[name] = unit
    if pool.rules.margins_at == "ask" and asset.ask != 1:
        sheet.asks[name] = _ask_column(sheet, asset)
    owed = (asset.debt or ZERO) + (asset.interest or ZERO)
    beside = pool.rules.debts == "own"
    terms = [(0, float(asset.wallet if beside else asset.wallet - owed), 0.0, 0.0)]
    for position in pool.positions:
        if position.settle == name:
            terms.append(profit(position, sheet.mark(position)))
            if position.isolated_margin is not None:
                terms.append((0, float(position.isolated_margin), 0.0, 0.0))
    bucket = draft.amount(terms)
    sheet.buckets[name] = bucket
    slices, by_value = ladder_slices(asset.weights, where)
    by, out_unit = (unit, 0) if by_value else (0, unit)
    counted = float(asset.ask)
    draft.row(bucket, Out.EQUITY, counted, by=by, unit=out_unit)
    for floor, weight in slices:
        change = weight - counted
        draft.row(bucket, Out.EQUITY, change, -change * floor, floor=floor, by=by, unit=out_unit)
        counted = weight
    if beside:
        write_debt(sheet, name, float(owed), unit)
        return
    table = pool.rules.borrow_brackets.get(name)
    if table is not None:
        lent = float(owed) if pool.rules.debts == "larger" else 0.0
        frozen = float(asset.frozen)
        write_borrow(sheet, bucket, table, unit, where, lent=lent, frozen=frozen)


def _ask_column(sheet: Sheet, asset: Asset) -> int:
    if asset.asset == sheet.pool.reference:
        return sheet.draft.column("", float(asset.ask))
    return sheet.draft.column(
        mover_of(asset.asset, sheet.pool.betas), float(asset.index * asset.ask)
    )


def price_column(sheet: Sheet, asset: Asset) -> int:
    """Return the column that turns *asset* into the reference; 0 for the reference itself."""
    pool = sheet.pool
    if not asset.ask >= 1:
        raise BookError(
            f"{pool.name} {asset.asset}: ask is {asset.ask}, expected a factor of 1 or more: what "
            "is owed costs no less than the index"
        )
    if asset.asset == pool.reference:
        return 0
    if not asset.index > 0:
        raise BookError(
            f"{pool.name} {asset.asset}: index is {asset.index}, expected a price above 0"
        )
    return sheet.draft.column(mover_of(asset.asset, pool.betas), float(asset.index))
