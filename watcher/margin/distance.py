"""
How far every pool is from liquidation, along every path that is asked about.

Rule: the paths are all down, all up (everything along its beta) and every coin alone, down and
up. "BTC alone" moves its marks, its dated contracts and its index together, and with it every
coin that is a staked form of it; contract marks stand still while their settle coin loses its peg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from watcher.domain.account import Position
from watcher.margin.book import Book, Flags, Floats
from watcher.margin.compile import Pool
from watcher.margin.movers import column_betas, is_stable, lone_coin, mover_of, stable_movers
from watcher.margin.solve import (
    FLOOR,
    NONE,
    UP,
    Solo,
    along_joint,
    along_solo,
    plan_solo,
    zeros,
)
from watcher.margin.state import State, at_stake

FEW = 3000
"""Up to this many rows in all paths, one call costs less than the padding of two."""

SOLO_ENDS = (FLOOR, 1 + UP)
JOINT_ENDS = (-(1 - FLOOR), UP)

SAME = 1e-9
"""Two distances closer than this part of each other are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """One coin alone: how far down and up liquidation lies, as fractions; None: not in range."""

    down: float | None
    up: float | None

    @property
    def nearest(self) -> float | None:
        return nearest(self.down, self.up)

    @property
    def factor(self) -> float | None:
        """The price there, as a factor of today's, on the nearer side."""
        if self.down is not None and (self.up is None or self.down <= self.up):
            return 1 - self.down
        return None if self.up is None else 1 + self.up


@dataclass(slots=True, kw_only=True)
class Distances:
    """One pool's distances, as fractions of today's prices; by mover for coins alone."""

    joint_down: float | None = None
    joint_up: float | None = None
    risky: dict[str, Alone] = field(default_factory=dict)
    stable: dict[str, Alone] = field(default_factory=dict)
    worst: float | None = None
    worst_path: str | None = None


def nearest(*distances: float | None) -> float | None:
    """Return the smallest distance that exists."""
    return min((d for d in distances if d is not None), default=None)


def distances(state: State, betas: Mapping[str, float]) -> dict[str, Distances]:
    """Return the distances of every compiled pool."""
    book = state.cautious
    found = {name: Distances() for name in state.compiled.numbers}
    names = list(found)
    # a stable coin moves every row of its pool: apart from the rest, unless there are few
    stable = stable_movers(book)
    few = len(book.movers) * len(book.r_key) <= FEW
    plans = [plan_solo(book, one) for one in ([np.ones_like(stable)] if few else [~stable, stable])]
    tracks = [along_solo(book, plan, SOLO_ENDS) for plan in plans]
    lone = _lone_coins(book, plans, names, betas)
    if None in lone.values():
        tracks.append(along_joint(book, column_betas(book, betas), JOINT_ENDS))
    zero = zeros(*tracks) if few else [one.zero for one in tracks]
    for plan, at in zip(plans, zero, strict=False):
        for number, mover, alone in _each(book, plan, at):
            one = found[names[number]]
            (one.stable if is_stable(mover) else one.risky)[mover] = alone
    _joint(found, lone, zero[-1])
    for name, one in found.items():
        pool = state.compiled.pools[name]
        if at_stake(pool):
            _worst(one, pool)
        else:
            _clear(one)
    return found


def _lone_coins(
    book: Book, plans: Sequence[Solo], names: Sequence[str], betas: Mapping[str, float]
) -> dict[str, str | None]:
    # of each pool the one coin it hangs on, None where there are several
    movers: dict[str, list[str]] = {name: [] for name in names}
    for plan in plans:
        for number, mover in zip(plan.paths.pool.tolist(), plan.paths.mover.tolist(), strict=True):
            movers[names[number]].append(book.movers[mover])
    return {name: lone_coin(tuple(every), betas) for name, every in movers.items()}


def _joint(found: Mapping[str, Distances], lone: Mapping[str, str | None], zero: Floats) -> None:
    # *zero* is of the joint paths where any pool hangs on several coins
    if None in lone.values():
        for one, down, up in zip(found.values(), *zero.tolist(), strict=True):
            one.joint_down, one.joint_up = _found(down), _found(up)
    for name, coin in lone.items():
        if coin is not None:
            alone = found[name].risky[coin]
            found[name].joint_down, found[name].joint_up = alone.down, alone.up


def solos(book: Book, chosen: Flags) -> list[tuple[int, str, Alone]]:
    """Return (pool number, mover, distances) of every chosen mover, in each pool it touches."""
    plan = plan_solo(book, chosen)
    return _each(book, plan, along_solo(book, plan, SOLO_ENDS).zero)


def _each(book: Book, plan: Solo, zero: Floats) -> list[tuple[int, str, Alone]]:
    columns = (plan.paths.pool.tolist(), plan.paths.mover.tolist(), *zero.tolist())
    return [
        (pool, book.movers[mover], Alone(down=_found(down), up=_found(up)))
        for pool, mover, down, up in zip(*columns, strict=True)
    ]


def _found(value: float) -> float | None:
    return None if value == NONE else value


def _clear(one: Distances) -> None:
    one.joint_down = one.joint_up = None
    one.risky = dict.fromkeys(one.risky, Alone(down=None, up=None))
    one.stable = dict.fromkeys(one.stable, Alone(down=None, up=None))


def _worst(one: Distances, pool: Pool) -> None:
    traded = {mover_of(p.underlying, pool.betas) for p in pool.positions}
    # a stable coin somebody trades is an underlying like any other
    alone = one.risky | {name: a for name, a in one.stable.items() if name in traded}
    paths = [("all down", one.joint_down), ("all up", one.joint_up)]
    single = [
        (f"{name} {way}", far)
        for name, both in alone.items()
        for way, far in (("down", both.down), ("up", both.up))
    ]
    # where everything is one coin, its name says more than "all"
    ordered = [*single, *paths] if len(alone) == 1 else [*paths, *single]
    for path, far in ordered:
        if far is not None and (one.worst is None or far < one.worst * (1 - SAME)):
            one.worst, one.worst_path = far, path


def of_position(one: Distances, position: Position, pool: Pool) -> tuple[float, float] | None:
    """
    Return (price factor, distance) of a position's liquidation, None if none is in range.

    A position's liquidation price is where its underlying alone liquidates the pool, on whichever
    side is nearer: both legs of a hedge share one price, and a short that protects a larger long
    shows the price below the mark that ends them both.
    """
    mover = mover_of(position.underlying, pool.betas)
    alone = one.risky.get(mover) or one.stable.get(mover)
    if alone is None or alone.factor is None or alone.nearest is None:
        return None
    return alone.factor, alone.nearest
