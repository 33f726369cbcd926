"""
A compiled snapshot with today's figures and both opinions: what every question starts from.

Rule: compile once, ask many times. Distances, top-ups and closes all read the same `State`, so
none of them can disagree about what the account is worth now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from watcher.domain.account import Family, Snapshot
from watcher.margin.book import Book, Floats, Ints, lowered, row_values, summed
from watcher.margin.compile import Compiled, Pool, compile_snapshot
from watcher.margin.opinion import gap, health, venue_health


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """
    One pool now, in its own unit. `maintenance` leaves out the fees a venue counts beside it;
    `told` is the venue's health, `gap` what is taken off equity so that ours is not better.
    """

    equity: float
    maintenance: float
    requirement: float
    told: float | None
    gap: float

    @property
    def health(self) -> float:
        """The worse of both opinions."""
        ours = health(self.equity, self.requirement)
        return ours if self.told is None else min(ours, self.told)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`book` is our model, `cautious` the same lowered by the gaps; `charges` is per position."""

    compiled: Compiled
    book: Book
    cautious: Book
    today: Mapping[str, Today]
    charges: Floats


def state_of(snapshot: Snapshot, betas: Mapping[str, float], *, only: str | None = None) -> State:
    """Compile *snapshot* (or one pool of it) and read today's figures."""
    compiled = compile_snapshot(snapshot, betas, only=only)
    book = compiled.book
    values = row_values(book, book.price)
    equity, requirement = summed(book, values)
    fees = _sum_by(book.r_total // 2, np.where(book.r_fee, values, 0.0), book.pools)
    own = (book.r_item >= 0) & ~book.r_fee
    charges = _sum_by(book.r_item[own], values[own], len(snapshot.positions))
    today = {}
    for name, number in compiled.numbers.items():
        has, needs = float(equity[number]), float(requirement[number])
        ours = (has, needs - float(fees[number]), needs)
        told = venue_health(snapshot.venue_says.get(name), snapshot.rules[name], ours)
        today[name] = Today(
            equity=has,
            maintenance=needs - float(fees[number]),
            requirement=needs,
            told=told,
            gap=gap(has, needs, told),
        )
    gaps = np.array([today[name].gap for name in compiled.numbers])
    cautious = lowered(book, gaps) if gaps.any() else book
    return State(compiled=compiled, book=book, cautious=cautious, today=today, charges=charges)


def _sum_by(place: Ints, values: Floats, length: int) -> Floats:
    return np.bincount(place, values, length).astype(np.float64, copy=False)


def at_stake(pool: Pool) -> bool:
    """
    Return whether the pool can be liquidated at all: it holds a contract, owes something, or the
    venue itself says that it must keep something.

    A pool of mere balances has headroom 0 when its coins count nothing, and is still not in
    danger.
    """
    if pool.positions or pool.claims or (pool.orders and pool.rules.orders_in == "equity"):
        return True
    return any(a.wallet < a.frozen or a.debt or a.interest for a in pool.assets)


def reference_of(pool: Pool) -> str:
    """Return the currency a pool's figures are in."""
    if pool.rules.family in (Family.LINEAR_POOL, Family.INVERSE_POOL):
        held = [*(a.asset for a in pool.assets), *pool.settles()]
        return held[0] if held else pool.reference
    return pool.reference
