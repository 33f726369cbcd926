"""
One pool's arithmetic as a person would write it: every leg's line, in exact Decimals.

Rule: shares no formula with the compilers. A snapshot goes in, at prices that may have moved, and
lines come out whose sums are equity and requirement. That they are the engine's sums is a test's
business, and `watcher explain` says so when they are not. `rule` names the venue's rule a line
follows; its source is in `watcher.margin.sources`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from watcher.domain.account import (
    FULL_WEIGHT,
    ONE,
    ZERO,
    Asset,
    BracketKey,
    BracketKind,
    Claim,
    Family,
    Order,
    Position,
    Rules,
    Side,
    Snapshot,
    Weight,
)
from watcher.margin.movers import mover_of
from watcher.margin.rows import claimed, plain, slices, step_of

DIGITS = 40
STILL: Mapping[str, Decimal] = {}
SINGLE = (Family.LINEAR_POOL, Family.INVERSE_POOL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one thing adds to equity or to the requirement, in the pool's unit, and why."""

    rule: str
    name: str
    words: str
    equity: Decimal = ZERO
    requirement: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One pool written out. `gross` is the value of all contracts and balances."""

    unit: str
    lines: tuple[Line, ...]
    gross: Decimal

    @property
    def equity(self) -> Decimal:
        return sum((line.equity for line in self.lines), ZERO)

    @property
    def requirement(self) -> Decimal:
        return sum((line.requirement for line in self.lines), ZERO)

    @property
    def headroom(self) -> Decimal:
        return self.equity - self.requirement


def written(
    snapshot: Snapshot,
    pool: str,
    moves: Mapping[str, Decimal] = STILL,
    betas: Mapping[str, float] = STILL,  # type: ignore[assignment]  # empty holds any values
) -> Account:
    """Return *pool* with the price of each coin multiplied by its factor in *moves*."""
    with localcontext() as context:
        context.prec = DIGITS
        book = _Book(snapshot, pool, moves, betas)
        if book.rules.family is Family.DEBT_RATIO:
            lines = list(_owed_and_held(book))
        elif book.rules.family in SINGLE:
            lines = list(_single(book))
        else:
            lines = list(_weighted(book))
        return Account(unit=book.unit, lines=tuple(lines), gross=book.gross)


@dataclass(slots=True)
class _Book:
    snapshot: Snapshot
    pool: str
    moves: Mapping[str, Decimal]
    betas: Mapping[str, float]
    gross: Decimal = ZERO
    rows: dict[str, Asset] = field(init=False)
    positions: list[Position] = field(init=False)
    orders: list[Order] = field(init=False)
    claims: list[Claim] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {a.asset: a for a in self.snapshot.assets if a.pool == self.pool}
        self.positions = [p for p in self.snapshot.positions if p.pool == self.pool]
        self.orders = [o for o in self.snapshot.orders if o.pool == self.pool]
        self.claims = [c for c in self.snapshot.claims if c.pool == self.pool]

    @property
    def rules(self) -> Rules:
        return self.snapshot.rules[self.pool]

    @property
    def settles(self) -> list[str]:
        rows: list[Position | Order | Claim] = [*self.positions, *self.orders, *self.claims]
        return list(dict.fromkeys(row.settle for row in rows))

    @property
    def unit(self) -> str:
        if self.rules.family in SINGLE:
            return next(iter([*self.rows, *self.settles]), self.snapshot.reference)
        return self.snapshot.reference

    def factor(self, name: str) -> Decimal:
        return self.moves.get(mover_of(name, self.betas), ONE)

    def mark(self, contract: Position | Order) -> Decimal:
        return contract.mark * self.factor(contract.underlying)

    def index(self, name: str) -> Decimal:
        """Return the price of a currency in the pool's unit."""
        if name == self.snapshot.reference or self.rules.family in SINGLE:
            return ONE
        told = {a.asset: a.index for a in self.snapshot.assets if a.index > 0}
        row = self.rows.get(name)
        return (row.index if row is not None else told[name]) * self.factor(name)

    def charged_at(self, name: str) -> Decimal:
        """Return the price at which margins in a currency count: some venues take the ask."""
        row = self.rows.get(name)
        dear = row is not None and self.rules.margins_at == "ask"
        return self.index(name) * (row.ask if row is not None and dear else ONE)


def _single(book: _Book) -> Iterator[Line]:
    for row in book.rows.values():
        cash = row.wallet - (row.debt or ZERO) - (row.interest or ZERO)
        book.gross += abs(cash)
        yield Line(rule="equity", name=row.asset, words=_cash_words(row), equity=cash)
    for position in book.positions:
        if position.isolated_margin is not None:
            words = "margin of the isolated position, without its P&L"
            name = _name(position)
            yield Line(rule="equity", name=name, words=words, equity=position.isolated_margin)
        amount, words = _profit(position, book.mark(position))
        yield Line(rule="profit", name=_name(position), words=words, equity=amount)
    yield from _order_losses(book)
    yield from _told(book)
    yield from _charges(book)


def _owed_and_held(book: _Book) -> Iterator[Line]:
    level = book.rules.liquidation_level
    assert level is not None
    for row in book.rows.values():
        price = book.index(row.asset)
        owed = (row.debt or ZERO) + (row.interest or ZERO)
        book.gross += (abs(row.wallet) + owed) * price
        if row.wallet:
            words = f"holds {plain(row.wallet)} × {plain(price)}, no haircut"
            yield Line(rule="level", name=row.asset, words=words, equity=row.wallet * price)
        if owed:
            words = (
                f"owes {plain(owed)} (interest included) × {plain(price)}; must keep "
                f"{plain(level)} − 1 of it"
            )
            yield Line(
                rule="level",
                name=row.asset,
                words=words,
                equity=-owed * price,
                requirement=(level - 1) * owed * price,
            )


def _weighted(book: _Book) -> Iterator[Line]:
    for name in dict.fromkeys([*book.rows, *book.settles]):
        row = book.rows.get(name)
        idle = row is not None and not (row.wallet or row.debt or row.interest or row.frozen)
        if idle and name not in book.settles:
            continue
        yield from _bucket(book, name, row)
    yield from _charges(book)
    yield from _order_losses(book)
    yield from _told(book)


def _told(book: _Book) -> Iterator[Line]:
    if book.rules.order_loss:
        yield Line(
            rule="orders",
            name="resting orders",
            words="what they would lose, as the venue tells it",
            equity=-book.rules.order_loss,
        )
    for claim in book.claims:
        ask, words = claimed(claim, book.factor(claim.underlying or ""))
        rule = "option" if claim.underlying else "orders"
        ask *= book.charged_at(claim.settle)
        yield Line(rule=rule, name=claim.name, words=words, requirement=ask)


def _bucket(book: _Book, name: str, row: Asset | None) -> Iterator[Line]:
    price, rules = book.index(name), book.rules
    owed = ZERO if row is None else (row.debt or ZERO) + (row.interest or ZERO)
    beside = rules.debts == "own"
    held = ZERO if row is None else row.wallet if beside else row.wallet - owed
    book.gross += abs(held) * price
    parts = [] if row is None else [_cash_words(row) if not beside else plain(held)]
    for position in book.positions:
        if position.settle != name:
            continue
        gain, words = _profit(position, book.mark(position))
        held += gain
        parts.append(f"P&L {_name(position)} {words} = {plain(gain)}")
        if position.isolated_margin is not None:
            held += position.isolated_margin
            parts.append(f"isolated margin {plain(position.isolated_margin)}")
    worth, words = _worth(held, price, row)
    yield Line(
        rule="collateral",
        name=name,
        words=f"{' + '.join(parts)} = {plain(held)} {name}; {words}",
        equity=worth,
    )
    if beside:
        yield from _debt_beside(book, name, owed, price)
        return
    # a loan asks for its margin however much of its currency is held
    lent = owed if rules.debts == "larger" else ZERO
    lacking = (ZERO if row is None else row.frozen) - held
    short = max(lacking, lent)
    if short > 0 and name in rules.borrow_brackets:
        lacks = lacking > lent  # a balance exactly on a floor is in the upper row, a loan is not
        table = rules.borrow_brackets[name]
        step = step_of(table, rules.borrow_bracket_kind, short, closed=lacks)
        ask = step.of(short)
        owes = "owes" if row is None or not row.frozen else "owes, and orders would borrow,"
        words = f"{owes} {plain(short)}: {step.words(short)}, × {plain(price)}"
        yield Line(rule="borrow", name=name, words=words, requirement=ask * price)
        if fee := rules.borrow_fee_rate:
            words = f"fee on the debt: ({plain(short)} + {plain(ask)}) × {plain(fee)}"
            charged = (short + ask) * fee * price
            yield Line(rule="fee", name=name, words=words, requirement=charged)


def _debt_beside(book: _Book, name: str, owed: Decimal, price: Decimal) -> Iterator[Line]:
    if not owed:
        return
    rules = book.rules
    by_value = rules.borrow_bracket_by == "value"
    key = owed * price if by_value else owed
    step = step_of(rules.borrow_brackets[name], rules.borrow_bracket_kind, key)
    book.gross += owed * price
    words = f"owes {plain(owed)} × {plain(price)} in full; {step.words(key)}"
    yield Line(
        rule="borrow",
        name=name,
        words=words,
        equity=-owed * price,
        requirement=step.of(key) * (ONE if by_value else price),
    )


def _worth(held: Decimal, price: Decimal, row: Asset | None) -> tuple[Decimal, str]:
    if held < 0:
        ask = ONE if row is None else row.ask
        return held * price * ask, f"below zero in full: × {plain(price)} × ask {plain(ask)}"
    ladder = FULL_WEIGHT if row is None else row.weights
    by_value = ladder[0].by == "usd"
    key = held * price if by_value else held
    counted, words = slices(key, ladder)
    if by_value:
        return counted, f"worth {plain(key)}, counts {words}"
    return counted * price, f"counts {words} = {plain(counted)}, × {plain(price)}"


def _charges(book: _Book) -> Iterator[Line]:
    rules = book.rules
    by_symbol: dict[str, list[Position]] = {}
    for position in book.positions:
        book.gross += _value(position, position.quantity, book.mark(position)) * book.index(
            position.settle
        )
        by_symbol.setdefault(position.symbol, []).append(position)
    for legs in by_symbol.values():
        if rules.hedge == "sum":
            charged = [(leg, leg.quantity, "") for leg in legs]
        else:
            larger = max(legs, key=lambda leg: leg.quantity * leg.contract_size)
            size, note = larger.quantity, ""
            if rules.hedge == "net":
                size = abs(sum((_sign(leg.side) * leg.quantity for leg in legs), ZERO))
            if len(legs) > 1:
                note = f"both sides held, {rules.hedge} counts; "
            charged = [(larger, size, note)] if size else []
        for leg, size, note in charged:
            yield from _charge(book, leg, size, note)


def _charge(book: _Book, leg: Position, size: Decimal, note: str) -> Iterator[Line]:
    at_entry = book.rules.maintenance_basis == "entry"
    mark, price = book.mark(leg), book.charged_at(leg.settle)
    value = _value(leg, size, leg.entry if at_entry else mark)
    if leg.bracket_key is BracketKey.NOTIONAL or (
        leg.bracket_key is BracketKey.BASE and leg.inverse
    ):
        step = step_of(leg.brackets, leg.bracket_kind, value)
        ask, words = step.of(value), step.words(value)
    else:
        key = size if leg.bracket_key is BracketKey.CONTRACTS else size * leg.contract_size
        ask, words = _by_size(leg, key, value)
    times = "" if price == 1 else f", × {plain(price)}"
    yield Line(
        rule="maintenance",
        name=_name(leg),
        words=f"{note}value {plain(value)} at {'entry' if at_entry else 'mark'}: {words}{times}",
        requirement=ask * price,
    )
    if not leg.fee_rate:
        return
    if book.rules.fee_basis == "notional":
        base, words = _value(leg, size, mark), "value at mark"
    else:
        assert leg.leverage is not None
        gear = _sign(leg.side) / leg.leverage
        base = _value(leg, size, leg.entry) * (1 + gear if leg.inverse else 1 - gear)
        words = "value at bankruptcy"
    yield Line(
        rule="fee",
        name=_name(leg),
        words=f"fee to close: {words} {plain(base)} × {plain(leg.fee_rate)}{times}",
        requirement=base * leg.fee_rate * price,
    )


def _by_size(leg: Position, key: Decimal, value: Decimal) -> tuple[Decimal, str]:
    # a table keyed by size: one rate for all of the value
    if leg.bracket_kind is BracketKind.FLAT:
        step = step_of(leg.brackets, leg.bracket_kind, key)
        row = f"size {plain(key)} is in row {step.row} of {step.rows} (above {plain(step.floor)})"
        return value * step.rate, f"{row}: × {plain(step.rate)}"
    ladder = [Weight(floor=row.floor, weight=row.rate) for row in leg.brackets]
    total, words = slices(key, ladder)
    return value * total / key, f"mean rate of size {plain(key)}: ({words}) / {plain(key)}"


def _order_losses(book: _Book) -> Iterator[Line]:
    if book.rules.orders_in != "equity":
        return
    for order in book.orders:
        gain, words = _profit(order, book.mark(order))
        yield Line(
            rule="orders",
            name=f"order {order.symbol} {order.side.value}",
            words=f"lower of 0 and {words} = {plain(gain)}",
            equity=min(ZERO, gain) * book.index(order.settle),
        )


def _profit(contract: Position | Order, mark: Decimal) -> tuple[Decimal, str]:
    paid = contract.entry if isinstance(contract, Position) else contract.price
    size = _sign(contract.side) * contract.quantity * contract.contract_size
    if contract.inverse:
        words = f"{plain(size)} × (1/{plain(paid)} − 1/{plain(mark)})"
        return size / paid - size / mark, words
    return size * (mark - paid), f"{plain(size)} × ({plain(mark)} − {plain(paid)})"


def _value(position: Position, quantity: Decimal, price: Decimal) -> Decimal:
    size = quantity * position.contract_size
    return size / price if position.inverse else size * price


def _sign(side: Side) -> Decimal:
    return ONE if side is Side.LONG else -ONE


def _name(position: Position) -> str:
    return f"{position.symbol} {position.side.value}"


def _cash_words(row: Asset) -> str:
    words = f"wallet {plain(row.wallet)}"
    for name in ("debt", "interest"):
        amount = getattr(row, name)
        if amount:
            words += f" − {name} {plain(amount)}"
    return words
