"""
Where a pool is liquidated along each path, put to the proof, and where it would be safe again.

Rule: the solver finds, exact Decimals check. A crossing of the engine is substituted into the
arithmetic of `margin.written`, and solved again there between its neighbours; what is left over is
the residual. Beyond the nearest crossing the same solver is asked for the next sign change, so
that a pool with several roots tells its whole band. Offline only: this is too slow for a reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from watcher.domain.account import ONE, ZERO, Snapshot
from watcher.margin.book import Book, Floats, picked
from watcher.margin.distance import SAME, Distances, distances
from watcher.margin.movers import beta_of, column_betas
from watcher.margin.solve import FLOOR, UP, along_joint, along_solo, plan_solo
from watcher.margin.state import State, at_stake, state_of
from watcher.margin.written import Account, written

HALVINGS = 60
NEIGHBOURHOOD = 1e-9
"""How far on either side of the engine's root the exact one is looked for, in parts of the move."""

BANDS_MAX = 8
GROUND = 1e-6
"""Below this part of today's price nothing is a price any more, and no band is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """`mover` None: everything along its beta."""

    mover: str | None
    down: bool

    @property
    def name(self) -> str:
        return f"{self.mover or 'all'} {'down' if self.down else 'up'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """
    One crossing. `move` is the engine's, as a fraction of today's prices, and `exact` the one
    solved here; `at` the pool there. `residual` is what headroom is off by at `move`, `jump` how
    far it falls at once where a table jumps (0: it does not). `safe` are the moves at which the
    pool is safe again and, beyond, is liquidated again (None: not before the end of the path).
    """

    path: Path
    move: float
    exact: Decimal
    at: Account
    moves: Mapping[str, Decimal]
    residual: Decimal
    jump: Decimal
    safe: tuple[tuple[float, float | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """
    One pool now and at its crossings; the first is the one tiers use. `gap` is what the venue's
    worse opinion takes off equity.
    """

    now: Account
    gap: Decimal
    crossings: tuple[Crossing, ...]


def prove(snapshot: Snapshot, pool: str, betas: Mapping[str, float]) -> Proof:
    """Return the arithmetic of a computed *pool*, now and wherever it is liquidated."""
    state = state_of(snapshot, betas, only=pool)
    far = distances(state, betas)[pool]
    gap = Decimal(repr(state.today[pool].gap))
    paths = _paths(far) if at_stake(state.compiled.pools[pool]) else {}
    worst = far.worst_path or ""
    order = sorted(paths, key=lambda path: (path.name != worst, path.mover is not None))
    found = tuple(
        _crossing(_Road(snapshot, pool, betas, state, gap, path), paths[path]) for path in order
    )
    return Proof(now=written(snapshot, pool, betas=betas), gap=gap, crossings=found)


def _paths(far: Distances) -> dict[Path, float]:
    moves = {
        Path(mover=None, down=True): far.joint_down,
        Path(mover=None, down=False): far.joint_up,
    }
    alone = far.risky | far.stable
    for mover, both in alone.items():
        moves[Path(mover=mover, down=True)] = both.down
        moves[Path(mover=mover, down=False)] = both.up
    if len(far.risky) == 1:  # everything is one coin: its own name says more than "all"
        moves = {path: move for path, move in moves.items() if path.mover is not None}
    return {path: move for path, move in moves.items() if move is not None}


@dataclass(frozen=True, slots=True)
class _Road:
    """A path of one pool, to be walked."""

    snapshot: Snapshot
    pool: str
    betas: Mapping[str, float]
    state: State
    gap: Decimal
    path: Path

    def moves(self, move: Decimal) -> dict[str, Decimal]:
        """Return the factor of every coin that moves."""
        step = -move if self.path.down else move
        least = Decimal(repr(FLOOR))
        if self.path.mover is not None:
            return {self.path.mover: max(least, 1 + step)}
        factors = {}
        for name in self.state.book.movers:
            beta = beta_of(name, self.betas)
            if beta:
                factors[name] = max(least, 1 + Decimal(repr(beta)) * step)
        return factors

    def at(self, move: Decimal) -> Account:
        return written(self.snapshot, self.pool, self.moves(move), self.betas)

    def headroom(self, move: Decimal) -> Decimal:
        return self.at(move).headroom - self.gap

    def factors(self, move: float) -> Floats:
        """Return the same per price column of the Book."""
        book, step = self.state.book, -move if self.path.down else move
        if self.path.mover is None:
            return np.maximum(FLOOR, 1 + step * column_betas(book, self.betas))
        moving = np.array([name == self.path.mover for name in book.movers])[book.mover]
        return np.where(moving, max(FLOOR, 1 + step), 1.0)


def _crossing(road: _Road, move: float) -> Crossing:
    told = Decimal(repr(move))
    exact, jump = _solved(road, told)
    return Crossing(
        path=road.path,
        move=move,
        exact=exact,
        at=road.at(exact),
        moves=road.moves(exact),
        residual=road.headroom(told) if not jump else ZERO,
        jump=jump,
        safe=tuple(_safe(road, move)),
    )


def _solved(road: _Road, told: Decimal) -> tuple[Decimal, Decimal]:
    # halve between the engine's neighbours; a jump is a sign change without a zero
    if told == 0:
        return told, ZERO
    width = max(told, Decimal(repr(NEIGHBOURHOOD))) * Decimal(repr(NEIGHBOURHOOD))
    low, high = max(ZERO, told - width), told + width
    above, below = road.headroom(low), road.headroom(high)
    if not (above > 0 >= below):
        return told, ZERO  # it touches zero, or the root lies elsewhere: the residual tells
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        value = road.headroom(middle)
        if value > 0:
            low, above = middle, value
        else:
            high, below = middle, value
    fall = above - below
    return high, fall if fall > road.at(high).gross * Decimal(repr(SAME)) else ZERO


def _safe(road: _Road, move: float) -> Iterator[tuple[float, float | None]]:
    book, number = road.state.cautious, road.state.compiled.numbers[road.pool]
    nudged = move * (1 + NEIGHBOURHOOD) + NEIGHBOURHOOD**2
    for _ in range(BANDS_MAX):
        again = _next(_swapped(book), road, nudged, number)
        if again is None:
            return
        gone = _next(book, road, again * (1 + NEIGHBOURHOOD), number)
        if gone is None or gone - again > NEIGHBOURHOOD:
            yield again, gone
        if gone is None:
            return
        nudged = gone * (1 + NEIGHBOURHOOD)


def _next(book: Book, road: _Road, start: float, pool: int) -> float | None:
    # the first zero beyond *start*: prices are set there and the rest of the path is walked
    factors = road.factors(start)
    if factors.min() < GROUND:
        return None
    there = replace(book, price=book.price * factors)
    sign = -1.0 if road.path.down else 1.0
    if road.path.mover is None:
        betas = column_betas(book, road.betas)
        end = -(1 - FLOOR) if road.path.down else UP
        rest = end - sign * start
        if rest * sign <= 0:
            return None
        zero = float(along_joint(there, betas / factors, (rest,)).zero[0, pool])
        return start + zero if np.isfinite(zero) and start + zero < abs(end) - GROUND else None
    chosen = np.array([name == road.path.mover for name in book.movers])
    plan = plan_solo(there, chosen)
    now = 1 + sign * start
    end = (FLOOR if road.path.down else 1 + UP) / now
    if (end - 1) * sign <= 0:
        return None
    lines = np.flatnonzero(plan.paths.pool == pool)
    if not lines.size:
        return None
    zero = float(along_solo(there, plan, (end,)).zero[0, lines[0]])
    found = start + zero * now
    return found if np.isfinite(found) and (found < 1 - GROUND or not road.path.down) else None


def _swapped(book: Book) -> Book:
    # headroom with its sign turned: what is a way out there is a way in here
    total = book.r_total ^ 1
    return picked(book, np.argsort(total, kind="stable"), total)


def coins_at(crossing: Crossing, marks: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the price there of every coin in *marks* (by mover) that moves on the path."""
    return {
        name: mark * crossing.moves[name] for name, mark in marks.items() if name in crossing.moves
    }


def is_proved(crossing: Crossing) -> bool:
    """Return whether the engine's crossing holds: 1e-9 of gross notional at most is left over."""
    gross = max(crossing.at.gross, ONE * Decimal("1e-12"))
    return abs(crossing.residual) <= gross * Decimal(repr(SAME))
