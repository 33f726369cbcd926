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
from functools import lru_cache
from itertools import accumulate

import numpy as np

from watcher.margin.book import ALWAYS, Book, Flags, Floats, Ints, amounts, keys, row_values

FLOOR = 1e-9
"""A price never falls below this fraction of itself: inverse contracts divide by it."""

UP = 10.0
"""Upward paths end at +1,000 %."""

SLIVER = 1e-13
"""Pieces thinner than this part of their path are rounding, not prices."""

NONE = np.inf

SHAPES_KEPT = 32
"""Of so many books what moves what is remembered: more than one trader's accounts have pools."""


@dataclass(frozen=True, slots=True)
class Found:
    """
    Headroom along N paths of each of B movers or pools, as the rows it is the sum of.

    A path is one or more of Q stretches, side by side: stretch q begins at `begin[q]`, a fraction
    of today's price (joint paths: of the move t), is `span[q]` long and belongs to path `owner[q]`.
    On it move M rows: `value` and `switch`, (3, Q * B, M), are their parabolas of parts 0..1;
    `rest` (Q * B,) stands still.
    """

    value: Floats
    switch: Floats
    rest: Floats
    begin: Floats
    span: Floats
    owner: Ints
    far: Floats

    @property
    def zero(self) -> Floats:
        """How far the first zero lies, shape (N, B), as fractions; inf for no zero."""
        return zeros(self)[0]

    @property
    def least(self) -> Floats:
        """The least headroom up to the end of the path, shape (N, B)."""
        least = _least(*_pieces(self.value, self.switch, self.rest)).reshape(len(self.span), -1)
        return np.minimum.reduceat(least, self._first, axis=0)

    def zero_at(self, part: Floats) -> Floats:
        """Return `zero` where it lies at *part* (Q * B,) of each stretch."""
        zero = np.abs(self.begin[:, None] + part.reshape(len(self.span), -1) * self.span[:, None])
        zero, far = np.minimum.reduceat(zero, self._first, axis=0), self.far[:, None]
        # the end of a downward path is FLOOR itself, where nothing is a price any more
        nowhere = (far >= 1 - 2 * FLOOR) & (far < 1) & (zero >= 1 - 2 * FLOOR)
        zero[nowhere] = NONE
        return zero

    @property
    def _first(self) -> Ints:
        # where the stretches of each path begin: every path has one
        return np.searchsorted(self.owner, np.arange(len(self.far)))


def zeros(*found: Found) -> list[Floats]:
    """Return the `zero` of each; of few rows one call costs half of two."""
    lines = [one.value.shape[1] for one in found]
    value, switch, rest = found[0].value, found[0].switch, found[0].rest
    if len(found) > 1:
        most = max(one.value.shape[2] for one in found)
        value, switch = np.zeros((3, sum(lines), most)), np.zeros((3, sum(lines), most))
        switch[0] = 1.0  # what pads is always on, and worth nothing
        rest = np.concatenate([one.rest for one in found])
        at = 0
        for one, count in zip(found, lines, strict=True):
            rows = one.value.shape[2]
            value[:, at : at + count, :rows] = one.value
            switch[:, at : at + count, :rows] = one.switch
            at += count
    part = _first_zero(*_pieces(value, switch, rest))
    ends = list(accumulate(lines))
    return [
        one.zero_at(part[end - count : end])
        for one, count, end in zip(found, lines, ends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Paths:
    """
    Which keys and rows move where one mover moves alone: B paths (pool, mover).

    The N keys that move on a path are told one after the other: `by` and `unit` say whether their
    own columns move. `pair` is of each term which change of a sum it is part of, `source` which of
    those changes goes into which key, `target`. The rows of a path are padded to M: `place` is
    which of the N keys the row reads, `used` marks real rows.
    """

    pool: Ints
    mover: Ints
    key: Ints
    by: Flags
    unit: Flags
    pair: Ints
    source: Ints
    target: Ints
    row: Ints
    place: Ints
    used: Flags


@dataclass(frozen=True, slots=True)
class Solo:
    """
    What moves when one mover moves alone. `lin` and `inv` are what the moving terms of each of the
    N keys' sums amount to at today's prices.
    """

    paths: Paths
    lin: Floats
    inv: Floats


def plan_solo(book: Book, chosen: Flags) -> Solo:
    """Return the plan of moving each *chosen* mover alone, in every pool it touches."""
    mover = book.mover
    keyed = (book.k_sum, book.k_pool, mover[book.k_by], mover[book.k_unit], book.r_key)
    shape = (book.t_sum, mover[book.t_col], *keyed)
    paths = _paths(*(each.tobytes() for each in shape), chosen.tobytes())
    price = book.price[book.t_col]
    return Solo(paths, _moving(paths, book.t_lin * price), _moving(paths, book.t_inv / price))


def _moving(paths: Paths, terms: Floats) -> Floats:
    # what *terms* amount to in each key of each path, of those that move
    changes = np.bincount(paths.pair, terms)
    moving = np.bincount(paths.target, changes[paths.source], len(paths.key))
    return moving.astype(np.float64, copy=False)


# From poll to poll the same rows hang on the same prices and only numbers change: a third of the
# time of a small account's distances went into finding out again what moves what.
@lru_cache(maxsize=SHAPES_KEPT)
def _paths(
    t_sum: bytes, t_mover: bytes, k_sum: bytes, k_pool: bytes, k_by: bytes, k_unit: bytes,
    r_key: bytes, chosen: bytes,
) -> Paths:  # fmt: skip
    # the arrays of a Book, of which nothing but these decides
    sums, movers, key_sum, pool = (
        np.frombuffer(a, np.intp) for a in (t_sum, t_mover, k_sum, k_pool)
    )
    by, unit, row_key = (np.frombuffer(each, np.intp) for each in (k_by, k_unit, r_key))
    wanted = np.frombuffer(chosen, np.bool_)
    count_m, count_k = len(wanted), len(key_sum)
    # which movers change which sum
    pair, place = np.unique(sums * count_m + movers, return_inverse=True)
    # keys of those sums, and keys whose own columns move
    key, which = _members(key_sum, pair // count_m)
    every, none = np.arange(count_k), np.full(2 * count_k, -1)
    mover = np.concatenate([pair[which] % count_m, by, unit])
    key, source = np.concatenate([key, every, every]), np.concatenate([which, none])
    keep = (mover > 0) & wanted[mover]
    key, mover, source = key[keep], mover[keep], source[keep]
    code, target = np.unique((pool[key] * count_m + mover) * count_k + key, return_inverse=True)
    path, key = code // count_k, code % count_k
    mover = path % count_m
    # and their rows, those of one path side by side
    row, which = _members(row_key, key)
    lines, rows, places, used = _padded(path[which], row, which)
    return Paths(
        pool=lines // count_m,
        mover=lines % count_m,
        key=key,
        by=by[key] == mover,
        unit=unit[key] == mover,
        pair=place,
        source=source[source >= 0],
        target=target[source >= 0],
        row=rows,
        place=places,
        used=used,
    )


@lru_cache(maxsize=SHAPES_KEPT)
def _all_rows(r_total: bytes, r_key: bytes) -> tuple[Ints, Ints, Flags]:
    # the rows of each pool, side by side, the keys they read and which of them are real
    total, key = np.frombuffer(r_total, np.intp), np.frombuffer(r_key, np.intp)
    _, row, place, used = _padded(total // 2, np.arange(len(key)), key)
    return row, place, used


def _members(group: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    # the members of each wanted group, and which of the wanted each belongs to
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    low = np.searchsorted(ordered, wanted)
    count = np.searchsorted(ordered, wanted, side="right") - low
    which = np.repeat(np.arange(len(wanted)), count)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    return order[low[which] + offset], which


def _padded(line: Ints, row: Ints, place: Ints) -> tuple[Ints, Ints, Ints, Flags]:
    # one line per different value of *line* (sorted), its rows and places side by side
    opens = np.ones(len(line), dtype=np.bool_)
    opens[1:] = line[1:] != line[:-1]
    first, number = np.flatnonzero(opens), np.cumsum(opens) - 1
    offset = np.arange(len(line)) - first[number]
    shape = (len(first), int(offset.max(initial=0)) + 1)
    rows, places = np.zeros(shape, dtype=np.intp), np.zeros(shape, dtype=np.intp)
    used = np.zeros(shape, dtype=np.bool_)
    rows[number, offset], places[number, offset], used[number, offset] = row, place, True
    return line[first], rows, places, used


def along_solo(book: Book, plan: Solo, ends: Sequence[float]) -> Found:
    """Follow every path of *plan* to each of *ends* (price factors)."""
    paths, end = plan.paths, np.asarray(ends, dtype=np.float64)
    factor = np.array([np.ones_like(end), (1 + end) / 2, end])[:, :, None]
    amount = amounts(book, book.price)[book.k_sum[paths.key]] + plan.lin * (factor - 1)
    if book.has_inverse:
        amount = amount + plan.inv * (1 / factor - 1)
    key = amount * book.price[book.k_by[paths.key]] * np.where(paths.by, factor, 1.0)
    unit = book.price[book.k_unit[paths.key]] * np.where(paths.unit, factor, 1.0)
    value, switch = _of_rows(book, key, unit, paths.row, paths.place, paths.used)
    # what stands still is headroom less all that moves
    now = row_values(book, book.price) * _sign(book)
    still = np.add.reduceat(now, book.o_start[0::2])[paths.pool]
    still = still - np.where(paths.used, now[paths.row], 0.0).sum(axis=1)
    rest, span = np.concatenate([still] * len(end)), end - 1
    return Found(value, switch, rest, np.zeros_like(end), span, np.arange(len(end)), np.abs(span))


def along_joint(book: Book, beta: Floats, ends: Sequence[float]) -> Found:
    """Move every column by max(FLOOR, 1 + *beta* * t), t from 0 to each of *ends*, in all pools."""
    starts, stops, owner = _segments(beta, ends)
    t = np.array([starts, (starts + stops) / 2, stops])
    price = book.price * np.maximum(FLOOR, 1 + t[..., None] * beta)
    row, place, used = _all_rows(book.r_total.tobytes(), book.r_key.tobytes())
    value, switch = _of_rows(book, *keys(book, price), row, place, used)
    rest = np.zeros(value.shape[1])
    return Found(value, switch, rest, starts, stops - starts, owner, np.abs(ends))


def _segments(beta: Floats, ends: Sequence[float]) -> tuple[Floats, Floats, Ints]:
    # a joint path bends where a column meets FLOOR: cut it there
    bends = [-(1 - FLOOR) / each for each in sorted(set(beta.tolist()) - {0.0})]
    starts, stops, owner = [], [], []
    for number, end in enumerate(ends):
        inside = [bend for bend in bends if bend * end > 0 and abs(bend) < abs(end)]
        knots = [0.0, *sorted(inside, key=abs), end]
        starts += knots[:-1]
        stops += knots[1:]
        owner += [number] * (len(knots) - 1)
    return np.array(starts), np.array(stops), np.array(owner)


def _sign(book: Book) -> Floats:
    # what a total is to headroom
    return np.where(book.r_total % 2, -1.0, 1.0)


def _of_rows(
    book: Book, key: Floats, unit: Floats, row: Ints, place: Ints, used: Flags
) -> tuple[Floats, Floats]:
    """
    Return the parabolas of every row's value and switch, shape (3, Q * B, M).

    *key* and *unit*: at start, middle and end of Q stretches, for whatever *place* counts. A table
    of twenty brackets is one parabola of its key, and each of its rows that one shifted.
    """
    worth, price = _fit(key * unit).take(place, axis=-1), _fit(unit).take(place, axis=-1)
    sign, floor = _sign(book)[row] * used, book.r_floor[row]
    switched = floor > ALWAYS
    value = worth * (sign * book.r_slope[row]) + price * (sign * book.r_offset[row])
    switch = worth - price * np.where(switched, floor, 0.0)
    # a row that is always on has no root
    switch *= switched
    switch[0] += ~switched
    level, line, column = np.nonzero(switch[0] == 0)
    if level.size:
        # exactly on a floor: a difference of two parabolas would leave rounding to decide
        which, bar = place[line, column], floor[line, column]
        exact = (key[:, level, which] - bar) * unit[:, level, which]
        switch[:, level, line, column] = _fit(exact)
    shape = (3, -1, row.shape[1])
    return value.reshape(shape), switch.reshape(shape)


def _fit(values: Floats) -> Floats:
    # the parabola through start, middle and end, on 0..1
    start, middle, end = values
    return np.array([start, 4 * middle - 3 * start - end, 2 * (start - 2 * middle + end)])


def _roots(c: Floats) -> tuple[Floats, Floats]:
    # both roots by the stable form: no difference of nearly equal numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        q = -0.5 * (c[1] + np.copysign(np.sqrt(c[1] * c[1] - 4 * c[2] * c[0]), c[1]))
        return c[0] / q, q / c[2]


def _pieces(coefficient: Floats, trigger: Floats, rest: Floats) -> tuple[Floats, Floats, Floats]:
    """
    Return what headroom is on every piece of each path, (3, B, E), and where it begins and ends.

    *coefficient*, *trigger*: (3, B, M), parabolas of the rows' values and switches; *rest* (B,):
    headroom that stands still.
    """
    # at a switch of exactly 0 the next price decides: the first coefficient that is not 0
    first = np.where(trigger[0] != 0, trigger[0], np.where(trigger[1] != 0, trigger[1], trigger[2]))
    on = first > 0
    base = (coefficient * on).sum(axis=2)
    base[0] += rest
    edge, change = _edges(trigger, coefficient * np.where(on, -1.0, 1.0))
    lines, edges = edge.shape
    bounds = np.empty((lines, edges + 2))
    bounds[:, 0], bounds[:, 1:-1], bounds[:, -1] = 0.0, edge, 1.0
    c = np.empty((3, lines, edges + 1))
    c[:, :, 0], c[:, :, 1:] = base, change
    return np.cumsum(c, axis=2, out=c), bounds[:, :-1], bounds[:, 1:]


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
    # indices into the flat array: several times cheaper than two, and than take_along_axis
    order = order[:, :most] + np.arange(len(edge))[:, None] * edge.shape[1]
    return np.minimum(edge.take(order), 1.0), turn.reshape(3, -1).take(order, axis=1)


def _first_zero(c: Floats, left: Floats, right: Floats) -> Floats:
    # of each path, as a part of it
    real = right - left > SLIVER
    at_left = c[0] + left * (c[1] + left * c[2])
    at_right = c[0] + right * (c[1] + right * c[2])
    one, two = _roots(c)
    one = np.where((one > left) & (one <= right), one, NONE)
    two = np.where((two > left) & (two <= right), two, NONE)
    inner = np.minimum(one, two)
    inner = np.where((inner == NONE) & (at_right <= 0), right, inner)
    zero = np.where(real, np.where(at_left <= 0, left, inner), NONE)
    return np.asarray(zero.min(axis=1))


def _least(c: Floats, left: Floats, right: Floats) -> Floats:
    # of each path: at the ends of its pieces and at their lowest points
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(c[2] > 0, -c[1] / (2 * c[2]), left)
    low = np.where((low > left) & (low < right), low, left)
    heights = np.stack([c[0] + at * (c[1] + at * c[2]) for at in (left, low, right)])
    heights = np.where(right - left > SLIVER, heights, NONE)
    return np.asarray(heights.min(axis=(0, 2)))
