"""
An OKX account, from a `Book` and the venue's tables to a `Snapshot`.

Rule: pure. Futures mode is one pool per settle currency, which never help each other;
multi-currency mode, and spot mode that borrows, one pool of everything; each isolated position a
pool of its own. The fee of a liquidation is part of what must be kept (mgnRatio counts it).
Portfolio margin, options and quick margin show the venue's figures, with the reason in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from watcher.domain.account import (
    ONE,
    ZERO,
    Asset,
    BracketKind,
    Family,
    Mismatch,
    Position,
    Rules,
    Snapshot,
    VenueFlag,
    VenueRatio,
    VenueSays,
    Weight,
)
from watcher.ports import Unreadable
from watcher.venues.mismatch import counted_value, listed_mismatch, mismatch
from watcher.venues.okx.book import Book, Currency, Leg, Odd
from watcher.venues.okx.locks import locked
from watcher.venues.okx.pair import Pair, assets_of, rules_of, says_of
from watcher.venues.okx.position import (
    apart,
    described,
    is_described,
    margin_mismatch,
    position,
    shown,
)
from watcher.venues.okx.shared import carried, debts_mismatch, debts_of, order_loss
from watcher.venues.okx.tables import Fees, Mode, Tables

POOL = "unified"
REFERENCE = "USD"
STABLES = frozenset({"USD", "USDT", "USDC", "USDG", "DAI"})
"""What linear contracts settle in: tells the family of a pool that holds no contract now."""
SHOWN_USD_MIN = ONE

_REPORTED = Rules(family=Family.REPORTED, liquidation_level=ONE)


@dataclass(slots=True)
class _Sheet:
    """The snapshot being written."""

    rules: dict[str, Rules] = field(default_factory=dict)
    says: dict[str, VenueSays] = field(default_factory=dict)
    assets: list[Asset] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    unmodelled: dict[str, str] = field(default_factory=dict)
    mismatches: list[Mismatch] = field(default_factory=list)

    def doubt(self, pool: str, why: str) -> None:
        known = self.unmodelled.get(pool)
        self.unmodelled[pool] = why if known is None else f"{known}; {why}"


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

    Raises: `Unreadable` naming the contract when one is held that *tables* do not describe.
    """
    sheet = _Sheet()
    if mode.is_futures:
        _futures(sheet, book, tables)
        sheet.mismatches += _unlisted(book, tables, parts)
    elif mode.is_shared:
        _shared(sheet, book, tables, mode)
    else:
        _reported(sheet, book, tables)
    for leg in book.legs:
        if leg.isolated:
            _isolated(sheet, leg, tables, computed=mode.is_computed)
    for odd in book.odd:
        if odd.pair is not None:
            _pair(sheet, odd.pair, tables.fees["MARGIN"])
        elif odd.carried is None:
            _odd(sheet, odd, mode)
    return Snapshot(
        venue="okx",
        account=account,
        mode=str(mode),
        taken_at_us=min(parts.values()),
        parts=parts,
        reference=REFERENCE,
        rules=sheet.rules,
        assets=tuple(sheet.assets),
        positions=tuple(sheet.positions),
        venue_says=sheet.says,
        unmodelled=sheet.unmodelled,
        wallets=wallets,
        mismatches=tuple(sheet.mismatches),
        flags=_flags(book, sheet),
    )


def _unlisted(book: Book, tables: Tables, parts: Mapping[str, int]) -> Iterator[Mismatch]:
    """Compare, by currency, the contracts listed with the margin the balance carries for them."""
    for one in book.currencies:
        if one.frozen or one.maintenance_margin is None:
            continue  # resting orders may ask for a part of it
        legs = [leg for leg in book.cross if described(leg, tables).settle == one.currency]
        off = listed_mismatch(
            f"cross:{one.currency}",
            one.currency,
            listed=sum((leg.maintenance_margin or ZERO for leg in legs), ZERO),
            told=one.maintenance_margin,
            parts=parts,
        )
        if off is not None:
            yield off


def _flags(book: Book, sheet: _Sheet) -> tuple[VenueFlag, ...]:
    found = []
    for one in book.currencies:
        pool = f"cross:{one.currency}" if f"cross:{one.currency}" in sheet.rules else POOL
        levels = (("twap", one.repaying), ("colBorrAutoConversion", one.converting))
        found += [
            VenueFlag(pool=pool, says=f"{name} {level}", what=one.currency, forced=level == "5")
            for name, level in levels
            if level and pool in sheet.rules
        ]
    return tuple(found)


# ── pools ────────────────────────────────────────────────────────────────────────────────────


def _futures(sheet: _Sheet, book: Book, tables: Tables) -> None:
    """One pool per currency. What is not a contract's settle currency is no margin here."""
    listed = {one.currency: one for one in book.currencies}
    crossed = {described(leg, tables).settle for leg in book.cross}
    shown = {name for name, one in listed.items() if abs(one.usd) >= SHOWN_USD_MIN}
    for name in sorted(crossed | shown):
        pool = f"cross:{name}"
        legs = [leg for leg in book.cross if described(leg, tables).settle == name]
        one = listed.get(name)
        if one is None:
            raise Unreadable(f"okx balance: {name} is not listed, {legs[0].inst_id} settles in it")
        kinds = {described(leg, tables).inverse for leg in legs} or {name not in STABLES}
        family = Family.INVERSE_POOL if True in kinds else Family.LINEAR_POOL
        if len(kinds) > 1:
            sheet.doubt(pool, f"linear and inverse contracts both settle in {name}")
        sheet.rules[pool] = _rules(family)
        sheet.says[pool] = _currency_says(one, legs)
        index = one.index or tables.usd.get(name)
        if index is None:
            raise Unreadable(f"okx balance {name}: no USD index for what contracts settle in")
        sheet.assets.append(
            Asset(pool=pool, asset=name, wallet=one.cash - apart(legs, tables), index=index)
        )
        positions = [_position(sheet, leg, pool, book, tables) for leg in legs]
        sheet.positions += positions
        if lock := locked(one, legs, positions):
            sheet.rules[pool] = replace(sheet.rules[pool], order_loss=lock)
            says = sheet.says[pool]
            if says.equity is not None:  # what the venue divides, not what it lists
                sheet.says[pool] = replace(says, equity=says.equity - lock)


def _shared(sheet: _Sheet, book: Book, tables: Tables, mode: Mode) -> None:
    legs = book.cross
    sheet.positions += [_position(sheet, leg, POOL, book, tables) for leg in legs]
    fee = tables.fees["MARGIN"].of_debt if "MARGIN" in tables.fees else ZERO
    debts = debts_of(book, tables.borrow, fee, sheet.positions)
    counted = {}
    settles = {described(leg, tables).settle for leg in legs}
    sheet.says[POOL] = _account_says(book)
    for one in _with_settle_currencies(book, settles):
        name = one.currency
        index = one.index or tables.usd.get(name)
        if index is None:
            if one.owed or name in settles:
                raise Unreadable(f"okx balance {name}: no USD index for what is owed")
            continue  # dust nobody owes and nothing settles in
        if one.may_owe and not tables.borrow.get(name):
            sheet.doubt(POOL, f"borrowing rate of {name} unknown")
        mine = [leg for leg in legs if described(leg, tables).settle == name]
        cash = one.cash if mode.is_multi else one.cross_equity + one.lent
        weights = _weights(sheet, one, tables.ladders.get(name), index)
        counted[name] = counted_value(weights, one.cross_equity, index)
        if one.discounted is not None and not one.isolated_equity:
            counted[name] = one.discounted
        sheet.assets.append(
            Asset(
                pool=POOL,
                asset=name,
                wallet=cash - apart(mine, tables),
                debt=one.lent or None,
                interest=one.interest or None,
                frozen=debts.frozen.get(name, ZERO),
                index=index,
                weights=weights,
            )
        )
    held = {asset.asset for asset in sheet.assets}
    sheet.rules[POOL] = replace(
        _rules(Family.HAIRCUT_POOL),
        borrow_brackets={
            name: rows for name, rows in tables.borrow.items() if rows and name in held
        },
        borrow_bracket_kind=BracketKind.FLAT,
        borrow_fee_rate=debts.fee_rate,
        debts="net" if mode.is_multi else "larger",
        order_loss=order_loss(book, counted),
    )
    odd, off = carried(book, book.carried, tables.borrow, POOL)
    sheet.mismatches += off
    if all_debts := debts_mismatch(book, tables.borrow, debts, POOL):
        sheet.mismatches.append(all_debts)
    for why in odd:
        sheet.doubt(POOL, why)


def _reported(sheet: _Sheet, book: Book, tables: Tables) -> None:
    """Spot and portfolio margin mode: the venue's own figures."""
    sheet.rules[POOL] = _REPORTED
    says = _account_says(book)
    if says.equity is None:
        says = replace(says, equity=book.totals.equity)
    sheet.says[POOL] = says
    sheet.assets += [
        Asset(pool=POOL, asset=one.currency, wallet=one.cash, index=one.index)
        for one in book.currencies
        if one.index is not None
    ]
    sheet.positions += [shown(leg, POOL, tables) for leg in book.cross]


def _isolated(sheet: _Sheet, leg: Leg, tables: Tables, *, computed: bool) -> None:
    pool = f"isolated:{leg.inst_id}:{leg.side}"
    one = described(leg, tables)
    assert leg.margin is not None
    sheet.says[pool] = VenueSays(
        equity=leg.margin + leg.upl,
        maintenance_margin=leg.maintenance_margin,
        used_margin=leg.initial_margin,
        ratio=_ratio(leg.ratio, leg.maintenance_margin),
        liquidation_prices=_liquidation_prices([leg]),
    )
    margin = leg.margin - apart([leg], tables)
    if not computed:
        sheet.rules[pool] = _REPORTED
        sheet.positions.append(replace(shown(leg, pool, tables), isolated_margin=margin))
        return
    sheet.rules[pool] = _rules(Family.INVERSE_POOL if one.inverse else Family.LINEAR_POOL)
    computed_position = _position(sheet, leg, pool, None, tables)
    sheet.positions.append(replace(computed_position, isolated_margin=margin))


def _pair(sheet: _Sheet, pair: Pair, fees: Fees) -> None:
    sheet.rules[pair.pool] = rules_of(pair, fees.of_pair(pair.inst_id))
    sheet.says[pair.pool] = says_of(pair)
    sheet.assets += assets_of(pair)


def _odd(sheet: _Sheet, odd: Odd, mode: Mode) -> None:
    if odd.isolated:
        pool = f"isolated:{odd.inst_id}:{odd.side}"
    else:
        pool = f"cross:{odd.currency}" if mode.is_futures else POOL
    if pool not in sheet.rules:
        sheet.rules[pool] = _REPORTED
        sheet.says[pool] = VenueSays(
            maintenance_margin=odd.maintenance_margin,
            ratio=_ratio(odd.ratio, odd.maintenance_margin),
        )
    if mode.is_computed:
        sheet.doubt(pool, str(odd))


def _rules(family: Family) -> Rules:
    return Rules(family=family, fee_in="requirement", fee_basis="notional", hedge="sum")


# ── what the venue says ──────────────────────────────────────────────────────────────────────


def _currency_says(one: Currency, legs: list[Leg]) -> VenueSays:
    margin, ratio = one.maintenance_margin, one.ratio
    if legs and (margin is None or ratio is None):
        raise Unreadable(
            f"okx balance {one.currency}: mmr or mgnRatio is empty, "
            f"expected both while {legs[0].inst_id} is held"
        )
    return VenueSays(
        equity=one.cross_equity,
        maintenance_margin=margin,
        used_margin=one.initial_margin,
        ratio=_ratio(ratio, margin),
        liquidation_prices=_liquidation_prices(legs),
    )


def _account_says(book: Book) -> VenueSays:
    totals = book.totals
    return VenueSays(
        equity=totals.adjusted_equity,
        maintenance_margin=totals.maintenance_margin,
        used_margin=totals.initial_margin,
        ratio=_ratio(totals.ratio, totals.maintenance_margin),
        liquidation_prices=_liquidation_prices(book.cross),
    )


def _ratio(ratio: Decimal | None, maintenance: Decimal | None) -> VenueRatio | None:
    # "" and "0" beside no maintenance mean no risk; as a ratio they would read as liquidated
    if ratio is None or not maintenance:
        return None
    return VenueRatio(name="mgnRatio", value=ratio)


def _liquidation_prices(legs: list[Leg] | tuple[Leg, ...]) -> dict[str, Decimal]:
    return {leg.inst_id: leg.liquidation_price for leg in legs if leg.liquidation_price is not None}


# ── rows ─────────────────────────────────────────────────────────────────────────────────────


def _with_settle_currencies(book: Book, settles: set[str]) -> list[Currency]:
    """The venue leaves out currencies at nought; a contract's is a bucket all the same."""
    listed = {one.currency for one in book.currencies}
    return [*book.currencies, *(Currency(currency=name) for name in sorted(settles - listed))]


def _weights(
    sheet: _Sheet, one: Currency, ladder: tuple[Weight, ...] | None, index: Decimal
) -> tuple[Weight, ...]:
    """
    Return the discount ladder, unless the venue's own discounted figure contradicts it.

    `collateralEnabled` is false in accounts that cannot switch it, so the figure decides: worth
    nothing discounted means switched off, and a ladder that is out of date gives way to the rate
    the venue applies now.
    """
    told, equity = one.discounted, one.equity
    if told is None or equity <= 0 or one.usd < SHOWN_USD_MIN:
        return ladder or (Weight(weight=ZERO),)
    rate = min(max(told / one.usd, ZERO), ONE)
    if ladder is None and rate:
        sheet.doubt(POOL, f"discount rates of {one.currency} unknown")
    if ladder is None or not rate:
        return (Weight(weight=rate),)
    # whether the venue's figure counts isolated margin too is not documented: either will do
    ours = [counted_value(ladder, quantity, index) for quantity in (equity, one.cross_equity)]
    off = [
        mismatch("collateral value", pool=POOL, what=one.currency, ours=value, told=told)
        for value in ours
    ]
    if off[0] is None or None in off:
        return ladder
    sheet.mismatches.append(off[0])
    return (Weight(weight=rate),)


def _position(sheet: _Sheet, leg: Leg, pool: str, book: Book | None, tables: Tables) -> Position:
    if not is_described(leg, tables):
        odd = described(leg, tables).odd or "no position tiers known"
        sheet.doubt(pool, f"{leg.inst_id}: {odd}")
        return shown(leg, pool, tables)
    if off := margin_mismatch(leg, pool, book, tables):
        sheet.mismatches.append(off)
    return position(leg, pool, book, tables)
