"""
A second margin engine, as plain as can be: loops over exact Decimals, one sentence of a venue's
rule per line.

Rule: shares nothing with `watcher.margin` but the nouns, and never borrows a trick from it: tables
are summed slice by slice, coin pools are computed in coin, nothing is vectorised. What it answers
is (equity, requirement) at given prices; where they cross is for the test to look at. Fed floats
it is the quick check on a dense grid, fed Decimals the exact one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from watcher.domain.account import Asset, Bracket, Position, Rules, Side, Snapshot, Weight

Factors = Mapping[str, Any]
Number = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Balance:
    """One pool at given prices. `gross` is the notional of all contracts plus all balances."""

    equity: Any
    requirement: Any
    gross: Any

    @property
    def headroom(self) -> Any:
        return self.equity - self.requirement


def balance(snapshot: Snapshot, pool: str, factors: Factors, number: Number = Decimal) -> Balance:
    """Return *pool* with the prices of each named coin multiplied by its factor."""
    rules = snapshot.rules[pool]
    if rules.family.value == "debt_ratio":
        return _debt_ratio(snapshot, pool, factors, number)
    if rules.family.value == "haircut_pool":
        return _haircut(snapshot, pool, factors, number)
    return _single(snapshot, pool, factors, number)


def sliced(amount: Any, rows: Iterable[tuple[Any, Any]]) -> Any:
    """Sum each slice of *amount* at its own rate."""
    table = list(rows)
    total = 0 * amount
    for place, (floor, rate) in enumerate(table):
        if amount <= floor:
            break
        top = table[place + 1][0] if place + 1 < len(table) else amount
        total += (min(amount, top) - floor) * rate
    return total


def table_value(key: Any, brackets: Iterable[Bracket], kind: str, number: Number) -> Any:
    """Return what a maintenance table asks of *key*."""
    rows = list(brackets)
    if kind == "marginal" and all(row.deduction is None for row in rows):
        return sliced(key, [(number(row.floor), number(row.rate)) for row in rows])
    row = rows[0]
    for candidate in rows[1:]:
        if key > number(candidate.floor):
            row = candidate
    return key * number(row.rate) - number(row.deduction or 0)


def profit(p: Position, mark: Any, number: Number) -> Any:
    size = number(p.quantity) * number(p.contract_size) * (1 if p.side is Side.LONG else -1)
    if p.inverse:
        return size / number(p.entry) - size / mark
    return size * (mark - number(p.entry))


def value_at(p: Position, quantity: Any, price: Any, number: Number) -> Any:
    size = quantity * number(p.contract_size)
    return size / price if p.inverse else size * price


def demand(p: Position, quantity: Any, mark: Any, snapshot: Snapshot, number: Number) -> Any:
    """Return what one position (or the netted rest of two) asks for: margin and fee."""
    rules = snapshot.rules[p.pool]
    basis = number(p.entry) if rules.maintenance_basis == "entry" else mark
    value = value_at(p, quantity, basis, number)
    key = p.bracket_key.value
    kind = p.bracket_kind.value
    if key == "notional" or (key == "base" and p.inverse):
        margin = table_value(value, p.brackets, kind, number)
    else:
        size = quantity * (number(p.contract_size) if key == "base" else 1)
        if kind == "flat":
            rate = number(p.brackets[0].rate)
            for row in p.brackets[1:]:
                if size > number(row.floor):
                    rate = number(row.rate)
            margin = value * rate
        else:
            share = sliced(size, [(number(b.floor), number(b.rate)) for b in p.brackets]) / size
            margin = value * share
    return margin + fee(p, quantity, mark, snapshot, number)


def fee(p: Position, quantity: Any, mark: Any, snapshot: Snapshot, number: Number) -> Any:
    rate = number(p.fee_rate)
    if snapshot.rules[p.pool].fee_basis == "notional" or not rate:
        return value_at(p, quantity, mark, number) * rate
    assert p.leverage is not None
    towards = (1 if p.side is Side.LONG else -1) / number(p.leverage)
    at_entry = value_at(p, quantity, number(p.entry), number)
    return at_entry * (1 + towards if p.inverse else 1 - towards) * rate


def demands(
    snapshot: Snapshot, pool: str, factors: Factors, number: Number
) -> list[tuple[str, Any]]:
    """Return (settle asset, requirement) of every contract and claim, by the pool's hedge rule."""
    mine = [p for p in snapshot.positions if p.pool == pool]
    hedge = snapshot.rules[pool].hedge
    found = []
    for symbol in dict.fromkeys(p.symbol for p in mine):
        legs = [p for p in mine if p.symbol == symbol]
        mark = number(legs[0].mark) * number(factors.get(legs[0].underlying, 1))
        asks = [demand(p, number(p.quantity), mark, snapshot, number) for p in legs]
        if hedge == "max":
            found.append((legs[0].settle, max(asks)))
        elif hedge == "net" and len(legs) > 1:
            larger = max(legs, key=lambda p: p.quantity)
            rest = abs(sum(p.quantity if p.side is Side.LONG else -p.quantity for p in legs))
            if rest:
                ask = demand(larger, number(rest), mark, snapshot, number)
                found.append((larger.settle, ask))
        else:
            found += [(p.settle, ask) for p, ask in zip(legs, asks, strict=True)]
    for c in snapshot.claims:
        if c.pool == pool:
            factor = number(factors.get(c.underlying, 1)) if c.underlying else number(1)
            move = number(c.price) * (factor - 1)
            more = number(c.growth_up) * move if move > 0 else number(c.growth_down) * -move
            found.append((c.settle, number(c.amount) + more))
    return found


def order_losses(
    snapshot: Snapshot, pool: str, factors: Factors, number: Number
) -> list[tuple[str, Any]]:
    if snapshot.rules[pool].orders_in != "equity":
        return []
    found = []
    for o in snapshot.orders:
        if o.pool != pool:
            continue
        mark = number(o.mark) * number(factors.get(o.underlying, 1))
        size = number(o.quantity) * number(o.contract_size) * (1 if o.side is Side.LONG else -1)
        price = number(o.price)
        gain = size / price - size / mark if o.inverse else size * (mark - price)
        found.append((o.settle, min(0 * gain, gain)))
    return found


def _single(snapshot: Snapshot, pool: str, factors: Factors, number: Number) -> Balance:
    equity = gross = number(0)
    for a in snapshot.assets:
        if a.pool == pool:
            equity += number(a.wallet) - number(a.debt or 0) - number(a.interest or 0)
    gross += abs(equity)
    for p in snapshot.positions:
        if p.pool == pool:
            mark = number(p.mark) * number(factors.get(p.underlying, 1))
            equity += profit(p, mark, number) + number(p.isolated_margin or 0)
            gross += value_at(p, number(p.quantity), mark, number)
    for _, loss in order_losses(snapshot, pool, factors, number):
        equity += loss
    rules = snapshot.rules[pool]
    asked = sum((ask for _, ask in demands(snapshot, pool, factors, number)), number(0))
    equity -= number(rules.order_loss)
    return Balance(equity, asked, gross)


def _haircut(snapshot: Snapshot, pool: str, factors: Factors, number: Number) -> Balance:
    index = {a.asset: number(a.index) * number(factors.get(a.asset, 1)) for a in snapshot.assets}
    index[snapshot.reference] = number(1)
    rows = {a.asset: a for a in snapshot.assets if a.pool == pool}
    rules = snapshot.rules[pool]
    own = {name: number(a.debt or 0) + number(a.interest or 0) for name, a in rows.items()}
    held = {name: number(a.wallet) for name, a in rows.items()}
    lent = own if rules.debts == "larger" else {}
    if rules.debts != "own":
        held = {name: amount - own[name] for name, amount in held.items()}
        own = {}
    gross = sum((abs(amount) * index[name] for name, amount in held.items()), number(0))
    for p in snapshot.positions:
        if p.pool == pool:
            mark = number(p.mark) * number(factors.get(p.underlying, 1))
            held[p.settle] = held.get(p.settle, number(0)) + profit(p, mark, number)
            gross += value_at(p, number(p.quantity), mark, number) * index[p.settle]
    gross += sum((amount * index[name] for name, amount in own.items()), number(0))
    equity, requirement = -number(rules.order_loss), number(0)
    for name, amount in held.items():
        equity += _worth(amount, index[name], rows.get(name), number)
        if rules.debts == "own":
            continue
        held_back = number(rows[name].frozen) if name in rows else number(0)
        short, loan = held_back - amount, lent.get(name, number(0))
        if short > loan:
            requirement += _borrowed(rules, name, short, index[name], number)
        else:
            requirement += _beside(rules, name, loan, index[name], number)
    for name, amount in own.items():
        equity -= amount * index[name]
        requirement += _beside(rules, name, amount, index[name], number)
    for settle, loss in order_losses(snapshot, pool, factors, number):
        equity += loss * index[settle]
    for settle, ask in demands(snapshot, pool, factors, number):
        dear = number(rows[settle].ask) if rules.margins_at == "ask" and settle in rows else 1
        requirement += ask * index[settle] * dear
    return Balance(equity, requirement, gross)


def _worth(held: Any, price: Any, row: Asset | None, number: Number) -> Any:
    """Return what one currency adds to equity."""
    if held >= 0:
        return counted(held, price, row.weights if row else (Weight(),), number)
    return held * price * (number(row.ask) if row else 1)


def _borrowed(rules: Rules, name: str, owed: Any, price: Any, number: Number) -> Any:
    """Return what a debt asks for: the table's maintenance, and the fee on both."""
    if name not in rules.borrow_brackets:
        return number(0)
    kind = rules.borrow_bracket_kind.value
    margin = table_value(owed, rules.borrow_brackets[name], kind, number)
    return (margin + (owed + margin) * number(rules.borrow_fee_rate)) * price


def _beside(rules: Rules, name: str, owed: Any, price: Any, number: Number) -> Any:
    """Return what a debt asks for that lies beside what is held."""
    if not owed or name not in rules.borrow_brackets:
        return number(0)
    table, kind = rules.borrow_brackets[name], rules.borrow_bracket_kind.value
    if rules.borrow_bracket_by == "value":
        return table_value(owed * price, table, kind, number)
    return _borrowed(rules, name, owed, price, number)


def counted(held: Any, price: Any, weights: Iterable[Weight], number: Number) -> Any:
    """Return the collateral value of a positive balance."""
    ladder = list(weights)
    rows = [(number(w.floor), number(w.weight)) for w in ladder]
    if ladder[0].by == "usd":
        return sliced(held * price, rows)
    return sliced(held, rows) * price


def _debt_ratio(snapshot: Snapshot, pool: str, factors: Factors, number: Number) -> Balance:
    level = snapshot.rules[pool].liquidation_level
    assert level is not None
    assets = debt = number(0)
    for a in snapshot.assets:
        if a.pool == pool:
            price = number(1)
            if a.asset != snapshot.reference:
                price = number(a.index) * number(factors.get(a.asset, 1))
            assets += number(a.wallet) * price
            debt += (number(a.debt or 0) + number(a.interest or 0)) * price
    return Balance(assets - debt, (number(level) - 1) * debt, assets + debt)
