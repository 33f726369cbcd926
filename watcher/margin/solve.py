"""
Where headroom first reaches zero, exactly, on many price paths at once.

On one path a mover takes its columns along by one factor F = max(FLOOR, 1 + beta*t). In the units
the compilers chose, every row's value and its switch (key - floor) * price[unit] are then
polynomials of degree 2 at most in the move, between the points where a factor meets FLOOR. So:
three evaluations give both polynomials; roots of the switches are the edges; a running sum over
the sorted edges gives headroom on every piece; the first zero of a piece is its left end if it is
already at or below zero, else its first inner root, else its right end.

Rule: no list of edges from outside, no tolerance on headroom, no iteration. Traps:
a joint path is curved (a bucket and its own price both move), so two points are not enough;
two rows switching at one price leave a sliver with a state that never exists, which is dropped;
the running sum never runs from one path into the next; a stable currency moves every row, so
stables are planned apart from the rest.

A crossing that only happens when a price has fallen to FLOOR of itself is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from watcher.margin.book import Book, Flags, Floats, Ints, amounts, totals

FLOOR = 1e-9
"""A price never falls below this fraction of itself: inverse contracts divide by it."""

UP = 10.0
"""Upward paths end at +1,000 %."""

SLIVER = 1e-13
"""Pieces thinner than this part of their path are rounding, not prices."""

NONE = np.inf

Number = TypeVar("Number", np.float64, np.bool_)


@dataclass(frozen=True, slots=True)
class Found:
    """
    Per path: how far the first zero lies, the least headroom up to the end, and where that is.

    Distances are fractions of today's price (joint paths: of the move t), inf for no zero.
    """

    zero: Floats
    least: Floats
    where: Floats


@dataclass(frozen=True, slots=True)
class Solo:
    """
    The rows that move when one mover moves alone: B paths (pool, mover), rows padded to M.

    `lin` and `inv` are what the moving terms of the row's sum amount to at today's prices; `by`
    and `unit` whether those columns move too; `used` marks real rows.
    """

    pool: Ints
    mover: Ints
    row: Ints
    lin: Floats
    inv: Floats
    by: Flags
    unit: Flags
    used: Flags


def plan_solo(book: Book, chosen: Flags) -> Solo:
    """Return the plan of moving each *chosen* mover alone, in every pool it touches."""
    count_m, count_r = len(book.movers), len(book.r_sum)
    # which movers change which sum, and by how much
    price = book.price[book.t_col]
    pair, place = np.unique(book.t_sum * count_m + book.mover[book.t_col], return_inverse=True)
    lin, inv = _sums(place, book.t_lin * price), _sums(place, book.t_inv / price)
    # rows of those sums
    by_sum = np.argsort(book.r_sum, kind="stable")
    sums = book.r_sum[by_sum]
    low = np.searchsorted(sums, pair // count_m)
    count = np.searchsorted(sums, pair // count_m, side="right") - low
    which = np.repeat(np.arange(len(pair)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    row = by_sum[low[which] + offset]
    # and rows whose own columns move
    every = np.arange(count_r)
    row = np.concatenate([row, every, every])
    mover = np.concatenate([pair[which] % count_m, book.mover[book.r_by], book.mover[book.r_unit]])
    still = np.zeros(2 * count_r)
    lin, inv = np.concatenate([lin[which], still]), np.concatenate([inv[which], still])
    keep = (mover > 0) & chosen[mover]
    row, mover, lin, inv = row[keep], mover[keep], lin[keep], inv[keep]
    code, place = np.unique(
        ((book.r_total[row] // 2) * count_m + mover) * count_r + row, return_inverse=True
    )
    return _padded(book, code // count_r, code % count_r, _sums(place, lin), _sums(place, inv))


def _sums(place: Ints, values: Floats) -> Floats:
    return np.bincount(place, values).astype(np.float64)


def _padded(book: Book, path: Ints, row: Ints, lin: Floats, inv: Floats) -> Solo:
    # one line per path, its rows side by side
    paths, first, line = np.unique(path, return_index=True, return_inverse=True)
    place = np.arange(len(path)) - first[line]
    shape = (len(paths), int(place.max(initial=0)) + 1)
    mover = paths % len(book.movers)
    rows = np.zeros(shape, dtype=np.intp)
    rows[line, place] = row
    lins, invs = np.zeros(shape), np.zeros(shape)
    lins[line, place], invs[line, place] = lin, inv
    used = np.zeros(shape, dtype=np.bool_)
    used[line, place] = True
    return Solo(
        pool=paths // len(book.movers),
        mover=mover,
        row=rows,
        lin=lins,
        inv=invs,
        by=used & (book.mover[book.r_by[rows]] == mover[:, None]),
        unit=used & (book.mover[book.r_unit[rows]] == mover[:, None]),
        used=used,
    )


def along_solo(book: Book, plan: Solo, ends: Sequence[float]) -> Found:
    """
    Follow every path of *plan* to each of *ends* (price factors), shape (ends, B).

    `where` is a price factor.
    """
    paths = len(plan.pool)
    if not paths:
        return _nothing((len(ends), 0))
    end = np.repeat(np.asarray(ends, dtype=np.float64), paths)
    factor = np.stack([np.ones_like(end), (1 + end) / 2, end])[:, :, None]

    def twice(values: NDArray[Number]) -> NDArray[Number]:
        return np.concatenate([values] * len(ends))

    row = plan.row
    unit0 = book.price[book.r_unit[row]]
    now = twice(amounts(book, book.price)[book.r_sum[row]])
    amount = now + twice(plan.lin) * (factor - 1)
    if book.has_inverse:
        amount = amount + twice(plan.inv) * (1 / factor - 1)
    key = amount * twice(book.price[book.r_by[row]]) * np.where(twice(plan.by), factor, 1.0)
    unit = twice(unit0) * np.where(twice(plan.unit), factor, 1.0)
    sign = twice(np.where(book.r_total[row] % 2, -1.0, 1.0) * plan.used)
    floor = twice(book.r_floor[row])
    value = sign * (twice(book.r_slope[row]) * key + twice(book.r_offset[row])) * unit
    finite = np.isfinite(floor)
    switch = np.where(finite, (key - np.where(finite, floor, 0.0)) * unit, 1.0)
    equity, requirement = totals(book)
    moving = np.where(key[0] > floor, value[0], 0.0).sum(axis=1)
    rest = np.tile((equity - requirement)[plan.pool], len(ends)) - moving
    zero, least, where = _walk(value, switch, rest)
    shape = (len(ends), paths)
    far = np.abs(end - 1)
    return Found(
        _in_range(zero * far, far).reshape(shape),
        least.reshape(shape),
        (1 + where * (end - 1)).reshape(shape),
    )


def along_joint(book: Book, beta: Floats, ends: Sequence[float]) -> Found:
    """
    Move every column by max(FLOOR, 1 + beta*t), t from 0 to each of *ends*, shape (ends, P).

    *beta* is per column. `where` is t.
    """
    if not book.pools:
        return _nothing((len(ends), 0))
    starts, stops, owner = _segments(beta, ends)
    t = np.stack([starts, (starts + stops) / 2, stops])
    price = book.price * np.maximum(FLOOR, 1 + t[..., None] * beta)
    key = amounts(book, price)[..., book.r_sum] * price[..., book.r_by]
    unit = price[..., book.r_unit]
    sign = np.where(book.r_total % 2, -1.0, 1.0)
    value = sign * (book.r_slope * key + book.r_offset) * unit
    finite = np.isfinite(book.r_floor)
    switch = np.where(finite, (key - np.where(finite, book.r_floor, 0.0)) * unit, 1.0)
    value, switch = _by_pool(book, value, 0.0), _by_pool(book, switch, -1.0)
    lines = value.shape[1]
    found = _walk(value, switch, np.zeros(lines))
    zero, least, where = (part.reshape(len(starts), book.pools) for part in found)
    span = (stops - starts)[:, None]
    zero, where = np.abs(starts[:, None] + zero * span), starts[:, None] + where * span
    first, lows, places = [], [], []
    for number, end in enumerate(ends):
        mine = owner == number
        first.append(_in_range(zero[mine].min(axis=0), np.full(book.pools, abs(end))))
        pick, column = least[mine].argmin(axis=0), np.arange(book.pools)
        lows.append(least[mine][pick, column])
        places.append(where[mine][pick, column])
    return Found(np.stack(first), np.stack(lows), np.stack(places))


def _nothing(shape: tuple[int, int]) -> Found:
    return Found(np.full(shape, NONE), np.full(shape, NONE), np.zeros(shape))


def _in_range(zero: Floats, far: Floats) -> Floats:
    # the end of a downward path is FLOOR itself, where nothing is a price any more
    at_floor = (far >= 1 - 2 * FLOOR) & (far < 1) & (zero >= 1 - 2 * FLOOR)
    return np.where(np.isfinite(zero) & ~at_floor, zero, NONE)


def _segments(beta: Floats, ends: Sequence[float]) -> tuple[Floats, Floats, Ints]:
    # a joint path bends where a column meets FLOOR: cut it there
    moving = np.unique(beta[beta != 0])
    bends = -(1 - FLOOR) / moving
    starts, stops, owner = [], [], []
    for number, end in enumerate(ends):
        inside = bends[(bends * end > 0) & (np.abs(bends) < abs(end))]
        knots = [0.0, *sorted(inside, key=abs), end]
        starts += knots[:-1]
        stops += knots[1:]
        owner += [number] * (len(knots) - 1)
    return np.array(starts), np.array(stops), np.array(owner)


def _by_pool(book: Book, values: Floats, blank: float) -> Floats:
    # (3, segments, rows) -> (3, segments * pools, rows of a pool), so that no path sees another
    if book.pools == 1:
        return values
    pool = book.r_total // 2
    place = np.arange(len(pool)) - book.o_start[0::2][pool]
    shape = (3, values.shape[1], book.pools, int(place.max()) + 1)
    spread = np.full(shape, blank)
    spread[:, :, pool, place] = values
    return spread.reshape(3, -1, shape[-1])


def _fit(values: Floats) -> Floats:
    # the parabola through start, middle and end, on 0..1
    start, middle, end = values
    return np.stack([start, 4 * middle - 3 * start - end, 2 * (start - 2 * middle + end)])


def _roots(c: Floats) -> tuple[Floats, Floats]:
    # both roots by the stable form: no difference of nearly equal numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        q = -0.5 * (c[1] + np.copysign(np.sqrt(c[1] * c[1] - 4 * c[2] * c[0]), c[1]))
        return c[0] / q, q / c[2]


def _walk(value: Floats, switch: Floats, rest: Floats) -> tuple[Floats, Floats, Floats]:
    """
    Return first zero, least headroom and its place, as parts 0..1 of each path.

    *value*, *switch*: (3, B, M) at start, middle and end; *rest* (B,): headroom that stands still.
    """
    coefficient, trigger = _fit(value), _fit(switch)
    # at a switch of exactly 0 the next price decides: the first coefficient that is not 0
    first = np.where(trigger[0] != 0, trigger[0], np.where(trigger[1] != 0, trigger[1], trigger[2]))
    on = first > 0
    base = np.where(on, coefficient, 0.0).sum(axis=2)
    base[0] += rest
    edge, change = _edges(trigger, coefficient * np.where(on, -1.0, 1.0))
    left = np.concatenate([np.zeros((len(rest), 1)), edge], axis=1)
    right = np.concatenate([edge, np.ones((len(rest), 1))], axis=1)
    c = np.cumsum(np.concatenate([base[:, :, None], change], axis=2), axis=2)
    return _pieces(c, left, right)


def _edges(trigger: Floats, turn: Floats) -> tuple[Floats, Floats]:
    # the places where rows switch, sorted, and what headroom's parabola gains there
    one, two = _roots(trigger)
    one = np.where((one > 0) & (one < 1), one, NONE)
    two = np.where((two > 0) & (two < 1), two, NONE)
    near = np.minimum(one, two)
    if np.isfinite(one).any() and np.isfinite(two).any():
        far = np.maximum(one, two)
        edge, turn = np.concatenate([near, far], 1), np.concatenate([turn, -turn], 2)
    else:
        edge = near
    order = np.argsort(edge, axis=1)
    most = int(np.isfinite(edge).sum(axis=1).max(initial=0))
    # plain indices: on books of a few rows take_along_axis costs more than all it does here
    line, order = np.arange(len(edge))[:, None], order[:, :most]
    return np.minimum(edge[line, order], 1.0), turn[:, line, order]


def _pieces(c: Floats, left: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
    real = right - left > SLIVER
    at_left = c[0] + left * (c[1] + left * c[2])
    at_right = c[0] + right * (c[1] + right * c[2])
    one, two = _roots(c)
    one = np.where((one > left) & (one <= right), one, NONE)
    two = np.where((two > left) & (two <= right), two, NONE)
    inner = np.minimum(one, two)
    inner = np.where((inner == NONE) & (at_right <= 0), right, inner)
    zero = np.where(real, np.where(at_left <= 0, left, inner), NONE).min(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(c[2] > 0, -c[1] / (2 * c[2]), left)
    low = np.where((low > left) & (low < right), low, left)
    at_low = c[0] + low * (c[1] + low * c[2])
    spots = np.concatenate([left, low, right], axis=1)
    heights = np.concatenate([at_left, at_low, at_right], axis=1)
    heights = np.where(np.concatenate([real, real, real], axis=1), heights, NONE)
    line, pick = np.arange(len(heights)), heights.argmin(axis=1)
    return zero, heights[line, pick], spots[line, pick]
