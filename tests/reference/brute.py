"""
Headroom on thousands of prices at once: the oracle's rules written again for whole grids.

Rule: no solving and no cleverness; every rule is evaluated at every price. Shares nothing with
`watcher.margin` but the nouns. It looks where the exact oracle is too slow to look everywhere, and
is itself compared with the oracle on each book it judges: a rule forgotten here is found there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tests.reference.oracle import sliced
from watcher.domain.account import (
    Asset,
    Bracket,
    Claim,
    Order,
    Position,
    Rules,
    Side,
    Snapshot,
    Weight,
)

Grid = NDArray[np.float64]
Factors = Mapping[str, Grid]


class Sums:
    """Equity, requirement and gross notional of one pool on a grid, as they add up."""

    def __init__(self, snapshot: Snapshot, pool: str, factors: Factors, shape: int) -> None:
        self.rules: Rules = snapshot.rules[pool]
        self.reference = snapshot.reference
        self.assets = [a for a in snapshot.assets if a.pool == pool]
        self.positions = [p for p in snapshot.positions if p.pool == pool]
        self.orders = [o for o in snapshot.orders if o.pool == pool]
        self.claims = [c for c in snapshot.claims if c.pool == pool]
        self.factors = factors
        self.still = np.ones(shape)
        self.equity, self.requirement, self.gross = (np.zeros(shape) for _ in range(3))

    def factor(self, name: str) -> Grid:
        return self.factors.get(name, self.still)

    def mark(self, one: Position | Order) -> Grid:
        return float(one.mark) * self.factor(one.underlying)

    def index(self, asset: Asset) -> Grid:
        if asset.asset == self.reference:
            return self.still
        return float(asset.index) * self.factor(asset.asset)


def headroom(snapshot: Snapshot, pool: str, factors: Factors, shape: int) -> tuple[Grid, Grid]:
    """Return headroom and gross notional of *pool* at each of *shape* prices."""
    sums = Sums(snapshot, pool, factors, shape)
    family = sums.rules.family.value
    {"debt_ratio": _debt_ratio, "haircut_pool": _haircut}.get(family, _single)(sums)
    return sums.equity - sums.requirement, sums.gross


def steps(key: Grid, brackets: Sequence[Bracket], kind: str) -> Grid:
    """Return what a maintenance table asks of each *key*."""
    floors = np.array([float(row.floor) for row in brackets])
    rates = np.array([float(row.rate) for row in brackets])
    if kind == "marginal" and all(row.deduction is None for row in brackets):
        return slices(key, floors, rates)
    told = np.array([float(row.deduction or 0) for row in brackets])
    place = np.maximum(np.searchsorted(floors, key, side="left") - 1, 0)
    return key * rates[place] - told[place]


def slices(key: Grid, floors: Grid, rates: Grid) -> Grid:
    tops = np.append(floors[1:], np.inf)
    return np.asarray(
        sum(np.clip(key - low, 0, top - low) * rate
            for low, top, rate in zip(floors, tops, rates, strict=True))
    )  # fmt: skip


def _value(p: Position, quantity: float, price: Grid | float) -> Grid:
    size = quantity * float(p.contract_size)
    return np.asarray(size / price if p.inverse else size * price)


def _profit(one: Position | Order, mark: Grid) -> Grid:
    paid = float(one.entry if isinstance(one, Position) else one.price)
    size = float(one.quantity * one.contract_size) * (1 if one.side is Side.LONG else -1)
    return size / paid - size / mark if one.inverse else size * (mark - paid)


def _demand(sums: Sums, p: Position, quantity: float) -> Grid:
    at_entry = sums.rules.maintenance_basis == "entry"
    mark = sums.mark(p)
    value = _value(p, quantity, float(p.entry) * sums.still if at_entry else mark)
    key, kind = p.bracket_key.value, p.bracket_kind.value
    if key == "notional" or (key == "base" and p.inverse):
        margin = steps(value, p.brackets, kind)
    else:
        size = quantity * (float(p.contract_size) if key == "base" else 1)
        margin = value * _rate_of_size(p.brackets, size, kind)
    return margin + _fee(sums, p, quantity)


def _rate_of_size(brackets: Sequence[Bracket], size: float, kind: str) -> float:
    rows = [(float(row.floor), float(row.rate)) for row in brackets]
    if kind == "flat":
        return [rate for floor, rate in rows if size > floor or floor == 0][-1]
    return float(sliced(size, rows) / size)


def _fee(sums: Sums, p: Position, quantity: float) -> Grid:
    rate = float(p.fee_rate)
    if sums.rules.fee_basis == "notional" or not rate:
        return _value(p, quantity, sums.mark(p)) * rate
    assert p.leverage is not None
    towards = (1 if p.side is Side.LONG else -1) / float(p.leverage)
    at_entry = _value(p, quantity, float(p.entry) * sums.still)
    return at_entry * (1 + towards if p.inverse else 1 - towards) * rate


def _demands(sums: Sums) -> list[tuple[str, Grid]]:
    hedge, found = sums.rules.hedge, []
    for symbol in dict.fromkeys(p.symbol for p in sums.positions):
        legs = [p for p in sums.positions if p.symbol == symbol]
        asks = [_demand(sums, p, float(p.quantity)) for p in legs]
        if hedge == "max":
            found.append((legs[0].settle, np.max(asks, axis=0)))
        elif hedge == "net" and len(legs) > 1:
            rest = abs(sum(p.quantity if p.side is Side.LONG else -p.quantity for p in legs))
            if rest:
                larger = max(legs, key=lambda p: p.quantity)
                found.append((larger.settle, _demand(sums, larger, float(rest))))
        else:
            found += [(p.settle, ask) for p, ask in zip(legs, asks, strict=True)]
    return found + [(c.settle, _claimed(sums, c)) for c in sums.claims]


def _claimed(sums: Sums, c: Claim) -> Grid:
    if c.underlying is None:
        return float(c.amount) * sums.still
    move = float(c.price) * (sums.factor(c.underlying) - 1)
    more = np.where(move > 0, float(c.growth_up) * move, -float(c.growth_down) * move)
    return float(c.amount) + more


def _order_losses(sums: Sums) -> list[tuple[str, Grid]]:
    if sums.rules.orders_in != "equity":
        return []
    return [(o.settle, np.minimum(0, _profit(o, sums.mark(o)))) for o in sums.orders]


def _single(sums: Sums) -> None:
    cash = sum(float(a.wallet - (a.debt or 0) - (a.interest or 0)) for a in sums.assets)
    sums.equity += cash - float(sums.rules.order_loss)
    sums.gross += abs(cash)
    for p in sums.positions:
        sums.equity += _profit(p, sums.mark(p)) + float(p.isolated_margin or 0)
        sums.gross += _value(p, float(p.quantity), sums.mark(p))
    for _, loss in _order_losses(sums):
        sums.equity += loss
    for _, ask in _demands(sums):
        sums.requirement += ask


def _haircut(sums: Sums) -> None:
    rules, rows = sums.rules, {a.asset: a for a in sums.assets}
    price = {name: sums.index(a) for name, a in rows.items()} | {sums.reference: sums.still}
    owed = {name: float((a.debt or 0) + (a.interest or 0)) for name, a in rows.items()}
    beside = rules.debts == "own"
    held = {
        name: float(a.wallet) - (0 if beside else owed[name]) + 0 * sums.still
        for name, a in rows.items()
    }
    for name, amount in held.items():
        sums.gross += (abs(amount) + (owed[name] if beside else 0)) * price[name]
    for p in sums.positions:
        held[p.settle] = held.get(p.settle, 0) + _profit(p, sums.mark(p))
        sums.gross += _value(p, float(p.quantity), sums.mark(p)) * price[p.settle]
    for name, amount in held.items():
        lent = owed[name] if rules.debts == "larger" else 0.0
        _bucket(sums, name, amount, price[name], rows.get(name), lent)
        if beside:
            sums.equity -= owed[name] * price[name]
            sums.requirement += _borrowing(rules, name, owed[name], price[name])
    for settle, loss in _order_losses(sums):
        sums.equity += loss * price[settle]
    for settle, ask in _demands(sums):
        dear = float(rows[settle].ask) if rules.margins_at == "ask" and settle in rows else 1
        sums.requirement += ask * price[settle] * dear
    sums.equity -= float(rules.order_loss)


def _bucket(sums: Sums, name: str, held: Grid, price: Grid, row: Asset | None, lent: float) -> None:
    ladder = row.weights if row else (Weight(),)
    floors = np.array([float(w.floor) for w in ladder])
    counts = np.array([float(w.weight) for w in ladder])
    if ladder[0].by == "usd":
        counted = slices(held * price, floors, counts)
    else:
        counted = slices(held, floors, counts) * price
    debt = held * price * (float(row.ask) if row else 1)
    sums.equity += np.where(held >= 0, counted, debt)
    if sums.rules.debts == "own":
        return
    # a loan asks for its margin however much of its coin is held, what is lacking for its own;
    # what orders hold back is lacking already
    lacking = (float(row.frozen) if row else 0.0) - held
    owed = np.maximum(lacking, lent)
    sums.requirement += _borrowing(sums.rules, name, owed, price)


def _borrowing(rules: Rules, name: str, owed: Grid | float, price: Grid) -> Grid:
    table, kind = rules.borrow_brackets.get(name), rules.borrow_bracket_kind.value
    amount = owed + 0 * price
    if table is None:
        return 0 * price
    if rules.borrow_bracket_by == "value":
        return np.where(amount > 0, steps(amount * price, table, kind), 0.0)
    asked = steps(amount, table, kind)
    fee = (amount + asked) * float(rules.borrow_fee_rate)
    return np.where(amount > 0, (asked + fee) * price, 0.0)


def _debt_ratio(sums: Sums) -> None:
    level = sums.rules.liquidation_level
    assert level is not None
    for a in sums.assets:
        price = sums.index(a)
        held, owed = float(a.wallet) * price, float((a.debt or 0) + (a.interest or 0)) * price
        sums.equity += held - owed
        sums.gross += held + owed
        sums.requirement += (float(level) - 1) * owed
