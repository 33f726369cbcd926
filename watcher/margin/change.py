"""
What-if: the same snapshot after prices moved, collateral came in, or a position was closed.

Rule: a change gives a new snapshot, exact in Decimals, and `evaluate` reads it like any other.
The venue's opinion moves along with ours and keeps its gap: a what-if must not be rosier than the
reading it starts from. What cannot be known afterwards (the venue's liquidation prices) is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from watcher.domain.account import Asset, Claim, Position, Side, Snapshot, VenueSays
from watcher.margin.compile.snapshot import split
from watcher.margin.errors import BookError
from watcher.margin.evaluate import NO_BETAS, marks_of
from watcher.margin.movers import beta_of, is_stable, mover_of
from watcher.margin.opinion import moved
from watcher.margin.solve import FLOOR
from watcher.margin.state import State, state_of

Row = TypeVar("Row", Asset, Position)


def repriced(snapshot: Snapshot, factors: Mapping[str, float]) -> Snapshot:
    """
    Return *snapshot* with the marks and indices of each named coin multiplied by its factor.

    A staked form follows its coin unless it is named itself. Venue figures of pools that are not
    computed stay as they were: nobody here can move them.

    Raises: `BookError` for a factor that is not above 0.
    """
    exact: dict[str, Decimal] = {}
    for name, factor in factors.items():
        if not 0 < factor < float("inf"):
            raise BookError(f"{name}: price factor is {factor}, expected a number above 0")
        exact[name] = Decimal(repr(float(factor)))
    one = Decimal(1)

    def factor_of(name: str) -> Decimal:
        return exact.get(name, exact.get(mover_of(name, exact), one))

    changed = replace(
        snapshot,
        assets=tuple(replace(a, index=a.index * factor_of(a.asset)) for a in snapshot.assets),
        positions=tuple(
            replace(p, mark=p.mark * factor_of(p.underlying)) for p in snapshot.positions
        ),
        orders=tuple(replace(o, mark=o.mark * factor_of(o.underlying)) for o in snapshot.orders),
        claims=tuple(
            c if c.underlying is None else _grown(c, factor_of(c.underlying))
            for c in snapshot.claims
        ),
    )
    return _with_opinions(snapshot, changed)


def _grown(claim: Claim, factor: Decimal) -> Claim:
    move = claim.price * factor - claim.price
    more = max(claim.growth_up * move, -claim.growth_down * move)
    return replace(claim, price=claim.price + move, amount=claim.amount + more)


def with_top_up(snapshot: Snapshot, pool: str, asset: str, amount: Decimal) -> Snapshot:
    """
    Return *snapshot* with *amount* of *asset* moved into *pool*.

    An isolated position has no asset row: its margin grows. The wallet it came from is not
    touched, the caller knows which one it is.

    Raises: `BookError` where the pool cannot take the asset or no price of it is known.
    """
    return _with_opinions(snapshot, topped_up(snapshot, pool, asset, amount), only=pool)


def with_moved(snapshot: Snapshot, source: str, pool: str, asset: str, amount: Decimal) -> Snapshot:
    """
    Return *snapshot* with *amount* of *asset* moved from the pool *source* into *pool*.

    Raises: `BookError` where *source* does not hold that much.
    """
    rows = (row for row in snapshot.assets if (row.pool, row.asset) == (source, asset))
    held = sum((row.wallet for row in rows), Decimal(0))
    if not 0 <= amount <= held:
        raise BookError(f"{source} {asset}: cannot move {amount} of {held}")
    less = topped_up(snapshot, source, asset, -amount) if amount else snapshot
    return _with_opinions(snapshot, topped_up(less, pool, asset, amount))


def with_repaid(
    snapshot: Snapshot, pool: str, asset: str, amount: Decimal, *, inside: bool = False
) -> Snapshot:
    """
    Return *snapshot* with *amount* of what *pool* owes in *asset* repaid with money from outside,
    or with what it holds of it *inside*.

    Interest goes first. What is beyond the debt is not taken.
    """
    changed = repaid(snapshot, pool, asset, amount, inside=inside)
    return _with_opinions(snapshot, changed, only=pool)


def repayable(snapshot: Snapshot, pool: str, asset: str) -> Decimal:
    """Return how much of what *pool* owes in *asset* it could repay with what it holds of it."""
    for row in snapshot.assets:
        if (row.pool, row.asset) == (pool, asset):
            owed = (row.debt or Decimal(0)) + (row.interest or Decimal(0))
            return max(Decimal(0), min(owed, row.wallet - row.frozen))
    return Decimal(0)


def with_closed(
    snapshot: Snapshot, pool: str, symbol: str, side: Side, quantity: Decimal
) -> Snapshot:
    """
    Return *snapshot* with *quantity* contracts of a position closed at the mark.

    The P&L of what was closed goes to the settle wallet. Of an isolated position the venue gives
    back the same part of its margin, so the rest stays as geared as it was.

    Raises: `BookError` for a position that is not there.
    """
    return _with_opinions(snapshot, closed(snapshot, pool, symbol, side, quantity), only=pool)


def prices_after(
    snapshot: Snapshot,
    pool: str,
    percent: float,
    *,
    betas: Mapping[str, float] = NO_BETAS,
    down: bool,
) -> dict[str, float]:
    """
    Return the price of every coin of *pool* once everything has moved by *percent*.

    Stable coins stand still and are left out, unless they are traded or have a beta.
    """
    pools = split(snapshot, betas)
    if pool not in pools:
        raise BookError(f"{pool}: no such pool, expected one of {', '.join(pools) or 'none'}")
    move = (-percent if down else percent) / 100
    found = {}
    for name, mark in marks_of(pools[pool]).items():
        beta = beta_of(mover_of(name, betas), betas)
        if beta or not is_stable(name):
            found[name] = mark * max(FLOOR, 1 + beta * move)
    return found


def topped_up(snapshot: Snapshot, pool: str, asset: str, amount: Decimal) -> Snapshot:
    """Do `with_top_up` without the venue's opinion."""
    if pool not in snapshot.rules:
        raise BookError(f"{pool}: no such pool, expected one of {', '.join(snapshot.rules)}")
    for number, row in enumerate(snapshot.assets):
        if row.pool == pool and row.asset == asset:
            return replace(
                snapshot,
                assets=_put(snapshot.assets, number, replace(row, wallet=row.wallet + amount)),
            )
    for place, position in enumerate(snapshot.positions):
        margin = position.isolated_margin
        if position.pool == pool and position.settle == asset and margin is not None:
            grown = replace(position, isolated_margin=margin + amount)
            return replace(snapshot, positions=_put(snapshot.positions, place, grown))
    return replace(snapshot, assets=(*snapshot.assets, _new_row(snapshot, pool, asset, amount)))


def _new_row(snapshot: Snapshot, pool: str, asset: str, amount: Decimal) -> Asset:
    elsewhere = next((a for a in snapshot.assets if a.asset == asset), None)
    if elsewhere is not None:
        return replace(elsewhere, pool=pool, wallet=amount, debt=None, interest=None)
    if asset == snapshot.reference:
        return Asset(pool=pool, asset=asset, wallet=amount, index=Decimal(1))
    raise BookError(f"{pool} {asset}: no asset row gives its index and weights")


def closed(snapshot: Snapshot, pool: str, symbol: str, side: Side, quantity: Decimal) -> Snapshot:
    """Do `with_closed` without the venue's opinion, but with its used margin released."""
    place, position = find_position(snapshot, pool, symbol, side)
    if not 0 <= quantity <= position.quantity:
        raise BookError(
            f"{pool} {symbol}: cannot close {quantity} of {position.quantity} contracts"
        )
    left = 1 - quantity / position.quantity
    profit = _profit(position, quantity)
    rest = replace(
        position,
        quantity=position.quantity - quantity,
        isolated_margin=None
        if position.isolated_margin is None
        else position.isolated_margin * left,
        initial_margin=None if position.initial_margin is None else position.initial_margin * left,
    )
    positions = snapshot.positions[:place] + snapshot.positions[place + 1 :]
    if rest.quantity:
        positions = _put(snapshot.positions, place, rest)
    changed = _released(replace(snapshot, positions=positions), position, 1 - left)
    if position.isolated_margin is not None:
        return changed
    return topped_up(changed, pool, position.settle, profit)


def find_position(snapshot: Snapshot, pool: str, symbol: str, side: Side) -> tuple[int, Position]:
    """Return a position and its place, or raise `BookError`."""
    for place, position in enumerate(snapshot.positions):
        if (position.pool, position.symbol, position.side) == (pool, symbol, side):
            return place, position
    raise BookError(f"{pool} {symbol}: no {side.value} position")


def _profit(position: Position, quantity: Decimal) -> Decimal:
    size = quantity * position.contract_size * (1 if position.side is Side.LONG else -1)
    if position.inverse:
        return size / position.entry - size / position.mark
    return size * (position.mark - position.entry)


def _released(snapshot: Snapshot, position: Position, share: Decimal) -> Snapshot:
    # the venue's used margin falls by what the closed part had locked, if that is known
    says = snapshot.venue_says.get(position.pool)
    if says is None or says.used_margin is None:
        return snapshot
    used = None
    if position.initial_margin is not None:
        used = says.used_margin - position.initial_margin * share * _price(snapshot, position)
    told = replace(says, used_margin=used)
    return replace(snapshot, venue_says={**snapshot.venue_says, position.pool: told})


def repaid(snapshot: Snapshot, pool: str, asset: str, amount: Decimal, *, inside: bool) -> Snapshot:
    """Do `with_repaid` without the venue's opinion."""

    def less(row: Asset) -> Asset:
        if (row.pool, row.asset) != (pool, asset):
            return row
        interest, debt = row.interest or Decimal(0), row.debt or Decimal(0)
        first = min(amount, interest)
        second = min(amount - first, debt)
        wallet = row.wallet - (first + second if inside else 0)
        return replace(row, wallet=wallet, interest=interest - first, debt=debt - second)

    return replace(snapshot, assets=tuple(map(less, snapshot.assets)))


def _price(snapshot: Snapshot, position: Position) -> Decimal:
    # single-currency pools speak their settle asset; the others the reference
    family = snapshot.rules[position.pool].family
    if family.value in ("linear_pool", "inverse_pool") or position.settle == snapshot.reference:
        return Decimal(1)
    rows = [a for a in snapshot.assets if a.asset == position.settle]
    own = [a for a in rows if a.pool == position.pool]
    return (own or rows)[0].index if rows else Decimal(1)


def _put(rows: tuple[Row, ...], place: int, row: Row) -> tuple[Row, ...]:
    changed = list(rows)
    changed[place] = row
    return tuple(changed)


def _with_opinions(before: Snapshot, after: Snapshot, *, only: str | None = None) -> Snapshot:
    if not before.venue_says:
        return after
    old, new = state_of(before, NO_BETAS, only=only), state_of(after, NO_BETAS, only=only)
    told = dict(after.venue_says)
    for name in new.today:
        if name in told:
            says = moved(
                told[name],
                before.rules[name],
                before=_figures(old, name),
                after=_figures(new, name),
            )
            told[name] = says or VenueSays(used_margin=told[name].used_margin)
    return replace(after, venue_says=told)


def _figures(state: State, name: str) -> tuple[float, float, float]:
    today = state.today[name]
    return today.equity, today.maintenance, today.requirement
