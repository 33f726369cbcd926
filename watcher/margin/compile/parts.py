"""
Rows every family shares: profit, maintenance margin, fees, open-order losses.

Rule: one function writes one contribution and knows no family. Amounts are in the settle asset;
`unit` is the column that turns them into the unit of the pool.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from watcher.domain.account import Bracket, BracketKey, Order, Position, Rules, Side
from watcher.margin.book import NO_ITEM, Draft, Out, Term
from watcher.margin.compile.pool import Pool, Sheet
from watcher.margin.errors import BookError, NotModelled
from watcher.margin.movers import mover_of
from watcher.margin.tables import Step, bracket_steps, check_deductions, reached, share_rate


def sign(side: Side) -> float:
    return 1.0 if side is Side.LONG else -1.0


def profit(contract: Position | Order, column: int) -> Term:
    """Return the P&L of a position since entry, or of an order since its price, as a term."""
    paid = contract.entry if isinstance(contract, Position) else contract.price
    size = sign(contract.side) * float(contract.quantity * contract.contract_size)
    if contract.inverse:
        return (column, size / float(paid), 0.0, -size)
    return (column, -size * float(paid), size, 0.0)


def check_position(position: Position, where: str) -> None:
    """Raise `BookError` for a position whose numbers cannot be right."""
    for name in ("quantity", "entry", "contract_size"):
        value = getattr(position, name)
        if not value > 0:
            raise BookError(f"{where}: {name} is {value}, expected a number above 0")
    if not 0 <= position.fee_rate <= 1:
        raise BookError(
            f"{where}: fee_rate is {position.fee_rate}, expected a fraction between 0 and 1"
        )
    if position.leverage is not None and not position.leverage > 0:
        raise BookError(f"{where}: leverage is {position.leverage}, expected a number above 0")
    if position.inverse and mover_of(position.settle, ()) != mover_of(position.underlying, ()):
        raise BookError(
            f"{where}: settle is {position.settle}, an inverse contract on {position.underlying} "
            "settles in that coin"
        )


def charge_positions(sheet: Sheet, settle: str) -> None:
    """Write the requirement of every position settled in *settle*, by the pool's hedge rule."""
    pool = sheet.pool
    unit = sheet.charge(settle)
    chosen = [
        (position, item)
        for position, item in zip(pool.positions, pool.items, strict=True)
        if position.settle == settle
    ]
    for position, item, size in _carriers(chosen, pool):
        where = f"{pool.name} {position.symbol}"
        column = sheet.mark(position)
        term = (column, 0.0, 0.0, size) if position.inverse else (column, 0.0, size, 0.0)
        notional = sheet.draft.amount([term])
        _maintenance(sheet, position, notional, size, unit, item, where)
        _fee(sheet, position, notional, size, unit, item, where)


def _carriers(
    positions: Sequence[tuple[Position, int]], pool: Pool
) -> list[tuple[Position, int, float]]:
    # which positions are charged, and for what size in base coin (quote when inverse)
    rules = pool.rules
    sized = [(p, item, float(p.quantity * p.contract_size)) for p, item in positions]
    if rules.hedge == "sum":
        return sized
    legs: dict[str, list[tuple[Position, int, float]]] = {}
    for leg in sized:
        legs.setdefault(leg[0].symbol, []).append(leg)
    charged = []
    for symbol, pair in legs.items():
        if len(pair) > 1 and not _one_side_leads(pair, rules):
            raise NotModelled(f"{pool.name}: either side of {symbol} may lead its requirement")
        larger, item, size = max(pair, key=lambda leg: leg[2])
        if rules.hedge == "net":
            size = abs(sum(sign(p.side) * amount for p, _, amount in pair))
        if size > 0:
            charged.append((larger, item, size))
    return charged


def _one_side_leads(pair: Sequence[tuple[Position, int, float]], rules: Rules) -> bool:
    # on one table at one price the larger side asks for more, wherever the price goes
    tables = {
        (p.brackets, p.bracket_kind, p.bracket_key, p.contract_size, p.mark, p.fee_rate)
        for p, _, _ in pair
    }
    at_entry = rules.maintenance_basis == "entry" or (
        rules.fee_basis == "entry" and any(p.fee_rate for p, _, _ in pair)
    )
    return len(tables) == 1 and not (at_entry and rules.hedge == "max")


def _maintenance(
    sheet: Sheet, position: Position, notional: int, size: float, unit: int, item: int, where: str
) -> None:
    steps = bracket_steps(position.brackets, position.bracket_kind, where)
    draft = sheet.draft
    by_size = _size_rate(position, size, steps, where)
    if by_size is None:
        check_deductions(position.brackets, steps, where)
    if sheet.pool.rules.maintenance_basis == "entry":
        entry = float(position.entry)
        value = size / entry if position.inverse else size * entry
        step = next(s for s in reversed(steps) if value > s.floor or s is steps[0])
        amount = value * step.rate - step.deduction if by_size is None else value * by_size
        draft.row(notional, Out.REQUIREMENT, 0.0, amount, unit=unit, item=item)
    elif by_size is not None:
        draft.row(notional, Out.REQUIREMENT, by_size, unit=unit, item=item)
    else:
        write_steps(draft, notional, steps, unit=unit, item=item)


def _size_rate(position: Position, size: float, steps: Sequence[Step], where: str) -> float | None:
    # a table keyed by size has no edge in price; the coin value of an inverse contract has
    if position.bracket_key is BracketKey.NOTIONAL:
        return None
    if position.bracket_key is BracketKey.DEBT:
        raise BookError(f"{where}: bracket_key is debt, expected notional, contracts or base")
    if position.bracket_key is BracketKey.BASE:
        return None if position.inverse else share_rate(steps, size, position.bracket_kind)
    contracts = size / float(position.contract_size)
    return share_rate(steps, contracts, position.bracket_kind)


def write_steps(
    draft: Draft,
    amount: int,
    steps: Sequence[Step],
    *,
    unit: int,
    item: int = NO_ITEM,
    by: int = 0,
) -> None:
    """Write a table as one row per step, each adding what changes at its floor."""
    rate = deduction = 0.0
    for number, step in enumerate(steps):
        slope, offset = step.rate - rate, deduction - step.deduction
        if number == 0:
            draft.row(amount, Out.REQUIREMENT, slope, offset, by=by, unit=unit, item=item)
        else:
            draft.row(
                amount,
                Out.REQUIREMENT,
                slope,
                offset,
                floor=step.floor,
                by=by,
                unit=unit,
                item=item,
            )
        rate, deduction = step.rate, step.deduction


def _fee(
    sheet: Sheet, position: Position, notional: int, size: float, unit: int, item: int, where: str
) -> None:
    rate = float(position.fee_rate)
    if not rate:
        return
    rules = sheet.pool.rules
    beside = rules.fee_in == "requirement"
    if rules.fee_basis == "notional":
        sheet.draft.row(notional, Out.REQUIREMENT, rate, unit=unit, item=item, fee=beside)
        return
    if position.leverage is None:
        raise BookError(f"{where}: leverage is missing, the closing fee at bankruptcy needs it")
    entry, gear = float(position.entry), sign(position.side) / float(position.leverage)
    value = size / entry * (1 + gear) if position.inverse else size * entry * (1 - gear)
    sheet.draft.row(notional, Out.REQUIREMENT, 0.0, value * rate, unit=unit, item=item, fee=beside)


def write_borrow(
    sheet: Sheet,
    bucket: int,
    brackets: Sequence[Bracket],
    unit: int,
    where: str,
    *,
    lent: float = 0.0,
    frozen: float = 0.0,
) -> None:
    """
    Write the requirement of what a bucket owes: the table, read by the depth below *frozen*.

    What orders hold back beyond what there is would be borrowed, so depth begins at *frozen*.
    From *lent* below it upward the requirement stays that of *lent*: a loan asks for its margin
    however much of its currency is held.
    """
    rules = sheet.pool.rules
    steps = _borrow_steps(brackets, rules, where)
    owing = _Owing(bucket, unit, lent, frozen)
    _write_owing(sheet.draft, owing, steps, fee=False)
    rate = float(rules.borrow_fee_rate)
    if not 0 <= rate <= 1:
        raise BookError(f"{where}: borrow_fee_rate is {rate}, expected a fraction between 0 and 1")
    if rate:
        dues = [Step(s.floor, (1 + s.rate) * rate, s.deduction * rate) for s in steps]
        _write_owing(sheet.draft, owing, dues, fee=True)


def _borrow_steps(brackets: Sequence[Bracket], rules: Rules, where: str) -> Sequence[Step]:
    field = "borrow_brackets"
    steps = bracket_steps(brackets, rules.borrow_bracket_kind, where, field=field)
    check_deductions(brackets, steps, where, field=field)
    return steps


class _Owing(NamedTuple):
    """The sum a borrow table looks at, and where it begins to."""

    bucket: int
    unit: int
    lent: float
    frozen: float


def _write_owing(draft: Draft, owing: _Owing, every: Sequence[Step], *, fee: bool) -> None:
    # Rows switch upward, so the deepest bracket is the row that is always on and each shallower
    # one takes its place from its ceiling up. A debt exactly on a floor is in the upper bracket.
    def row(slope: float, offset: float, depth: float = math.inf) -> None:
        start, floor = offset - slope * owing.frozen, owing.frozen - depth
        draft.row(
            owing.bucket, Out.REQUIREMENT, slope, start, floor=floor, unit=owing.unit, fee=fee
        )

    first = reached(every, owing.lent)
    steps = every[every.index(first) :]
    least = owing.lent * first.rate - first.deduction if owing.lent else 0.0
    row(-steps[-1].rate, -steps[-1].deduction)
    for shallow, deep in zip(reversed(steps[:-1]), reversed(steps), strict=False):
        row(deep.rate - shallow.rate, deep.deduction - shallow.deduction, deep.floor)
    row(first.rate, first.deduction + least, owing.lent)


def write_debt(sheet: Sheet, asset: str, owed: float, unit: int) -> None:
    """Write a debt that lies beside what is held: off equity in full, and what its table asks."""
    rules, where = sheet.pool.rules, f"{sheet.pool.name} {asset}"
    if not owed:
        return
    debt = sheet.draft.amount([(0, owed, 0.0, 0.0)])
    sheet.draft.row(debt, Out.EQUITY, -1.0, unit=unit)
    table = rules.borrow_brackets.get(asset)
    if table is None:
        raise NotModelled(f"{where} is owed, but no table says what maintenance it needs")
    steps = _borrow_steps(table, rules, where)
    if rules.borrow_bracket_by == "value":
        write_steps(sheet.draft, debt, steps, by=unit, unit=0)
    else:
        write_steps(sheet.draft, debt, steps, unit=unit)


def write_order_loss(sheet: Sheet) -> None:
    """Write what resting orders lose where the venue tells it: the pool's constant."""
    amount = sheet.pool.rules.order_loss
    if not amount.is_finite() or amount < 0:
        raise BookError(f"{sheet.pool.name}: order_loss is {amount}, expected 0 or more")
    if amount:
        nothing = sheet.draft.amount([(0, 0.0, 0.0, 0.0)])
        sheet.draft.row(nothing, Out.EQUITY, 0.0, -float(amount), unit=sheet.unit)


def write_claims(sheet: Sheet) -> None:
    """Write what the venue itself says must be kept, and how fast that may grow."""
    draft, pool = sheet.draft, sheet.pool
    for claim in pool.claims:
        for name in ("amount", "growth_up", "growth_down"):
            value = getattr(claim, name)
            if value < 0:
                raise BookError(f"{pool.name} {claim.name}: {name} is {value}, expected 0 or more")
        if not claim.price > 0:
            raise BookError(
                f"{pool.name} {claim.name}: price is {claim.price}, expected a price above 0"
            )
        unit = sheet.charge(claim.settle)
        nothing = draft.amount([(0, 0.0, 0.0, 0.0)])
        draft.row(nothing, Out.REQUIREMENT, 0.0, float(claim.amount), unit=unit)
        if claim.underlying is None:
            continue
        price = float(claim.price)
        column = draft.column(mover_of(claim.underlying, pool.betas), price)
        for slope in (float(claim.growth_up), -float(claim.growth_down)):
            if slope:
                moved = draft.amount([(column, -slope * price, slope, 0.0)])
                draft.row(moved, Out.REQUIREMENT, 1.0, floor=0.0, unit=unit)


def write_orders(sheet: Sheet) -> None:
    """Write min(0, profit at the mark) of every resting order, where the venue counts it."""
    pool = sheet.pool
    if pool.rules.orders_in != "equity":
        return
    for order in pool.orders:
        if not (order.quantity > 0 and order.price > 0 and order.contract_size > 0):
            raise BookError(
                f"{pool.name} {order.symbol}: an order of {order.quantity} at {order.price}, "
                "expected a quantity, a price and a contract size above 0"
            )
        loss = sheet.draft.amount([profit(order, sheet.mark(order))])
        unit = sheet.units[order.settle]
        sheet.draft.row(loss, Out.EQUITY, 1.0, unit=unit)
        sheet.draft.row(loss, Out.EQUITY, -1.0, floor=0.0, unit=unit)
