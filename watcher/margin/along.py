"""
One pool at many prices in one call: a recorded year minute by minute, a grid of shocks.

Rule: the figures are those of plain evaluation, only the work is less. Prices are taken in
stretches. Where a coin stays between its lowest and highest price of the stretch, most rows cannot
meet their floor: they are on throughout or off throughout. All that are on, in one unit, fold into
a single line of the prices; only rows that may switch are asked price by price. Memory is that of
one stretch and of the answer.

Positions, debts and the gap to the venue's opinion are today's. A coin that is not named stands
still; a staked form follows its coin unless it is named itself, as in `repriced`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from watcher.domain.account import Snapshot
from watcher.margin.book import Book, Flags, Floats, Ints
from watcher.margin.errors import BookError
from watcher.margin.evaluate import marks_of
from watcher.margin.state import state_of

STRETCH = 4096
"""Prices taken at once: of fifty coins they stay in the processor's cache."""

HAIR = 1e-9
"""A row whose key comes this near its floor, in parts of the key, is asked price by price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a pool has and needs at each price, in its own unit."""

    equity: Floats
    requirement: Floats

    @property
    def health(self) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.equity / self.requirement
        idle = np.where(self.equity < 0, -np.inf, np.inf)
        return np.where(self.requirement > 0, ratio, idle)


def figures_under(
    snapshot: Snapshot, pool: str, factors: Mapping[str, Floats | float]
) -> Figures | None:
    """
    Return the figures of *pool* with each named coin's prices times its factors.

    Factors are broadcast: `{"BTC": f[:, None], "ETH": g}` is a grid. None for a pool that is not
    computed. Equity is lowered by the gap to the venue's opinion.

    Raises: `BookError` for a factor that is not above 0.
    """
    return _figures(snapshot, pool, factors, by_price=False)


def health_along(snapshot: Snapshot, pool: str, prices: Mapping[str, Floats]) -> Floats | None:
    """
    Return the health of *pool* at each price of each named coin, of marks and indices alike.

    Coins the pool does not depend on are passed over. None for a pool that is not computed.

    Raises: `BookError` for a price that is not above 0.
    """
    found = _figures(snapshot, pool, prices, by_price=True)
    return None if found is None else found.health


def _figures(
    snapshot: Snapshot, pool: str, series: Mapping[str, Floats | float], *, by_price: bool
) -> Figures | None:
    # whoever is named moves on its own
    state = state_of(snapshot, dict.fromkeys(series, 1.0), only=pool)
    if pool not in state.today:
        return None
    book = state.cautious
    today = marks_of(state.compiled.pools[pool]) if by_price else dict.fromkeys(series, 1.0)
    names = [name for name in series if name in book.movers]
    lacking = [name for name in names if name not in today]
    if lacking:
        raise BookError(f"{pool} {lacking[0]}: no price of today to compare with")
    shape = np.broadcast_shapes(*(np.shape(values) for values in series.values()))
    flat = [np.broadcast_to(series[name], shape).reshape(-1) for name in names]
    lines = _Lines.of(book, names, np.array([today[name] for name in names]))
    count = int(np.prod(shape))
    totals = np.empty((2, count))
    for start in range(0, count, STRETCH):
        part = slice(start, min(start + STRETCH, count))
        chunk = np.empty((len(flat), part.stop - start))
        for line, values in zip(chunk, flat, strict=True):
            line[:] = values[part]
        _check(names, chunk)
        lines.totals(chunk, totals[:, part])
        # a coin pool is solved in a unit that moves with its coin, and told in the coin
        totals[:, part] /= lines.price(state.compiled.sheets[pool].unit, chunk)
    return Figures(equity=totals[0].reshape(shape), requirement=totals[1].reshape(shape))


def _check(names: Sequence[str], chunk: Floats) -> None:
    right = (chunk > 0) & (chunk < np.inf)
    if not right.all():
        number, place = np.argwhere(~right)[0]
        raise BookError(
            f"{names[number]}: price or factor is {chunk[number, place]}, expected a number above 0"
        )


@dataclass(frozen=True, slots=True)
class _Lines:
    """
    The Book of one pool told in M series: x = const + lin @ series + inv @ (1/series), per sum.

    A price column is `scale` times the series `serie` (-1: it stands still). Rows of one total,
    by and unit are of one `group`.
    """

    book: Book
    const: Floats
    lin: Floats
    inv: Floats
    serie: Ints
    scale: Floats
    group: Ints
    g_total: Ints
    g_by: Ints
    g_unit: Ints

    @classmethod
    def of(cls, book: Book, names: Sequence[str], today: Floats) -> _Lines:
        place = {name: number for number, name in enumerate(names)}
        by_mover = np.array([place.get(name, -1) for name in book.movers])
        serie = by_mover[book.mover]
        moving = serie >= 0
        scale = book.price.copy()
        scale[moving] /= today[serie[moving]]
        shape = (len(book.s_start), len(names))
        const, lin, inv = np.zeros(shape[0]), np.zeros(shape), np.zeros(shape)
        np.add.at(const, book.t_sum, book.t_const)
        each, still = serie[book.t_col], serie[book.t_col] < 0
        at = scale[book.t_col]
        still_part = (book.t_lin * at + book.t_inv / at)[still]
        np.add.at(const, book.t_sum[still], still_part)
        spot = (book.t_sum[~still], each[~still])
        np.add.at(lin, spot, (book.t_lin * at)[~still])
        np.add.at(inv, spot, (book.t_inv / at)[~still])
        kind = np.stack([book.r_total, book.k_by[book.r_key], book.k_unit[book.r_key]])
        (total, by, unit), group = np.unique(kind, axis=1, return_inverse=True)
        return cls(book, const, lin, inv, serie, scale, group.reshape(-1), total, by, unit)

    def totals(self, series: Floats, out: Floats) -> None:
        """Write equity and requirement at each price of *series* (M, N) into *out* (2, N)."""
        book = self.book
        on, live = self._switches(series.min(axis=1), series.max(axis=1))
        # what is on throughout: one line per group
        groups, sums = len(self.g_total), len(self.const)
        weight = np.bincount(
            self.group[on] * sums + book.k_sum[book.r_key[on]],
            book.r_slope[on],
            groups * sums,
        ).reshape(groups, sums)
        offset = np.bincount(self.group[on], book.r_offset[on], groups)
        used, read = np.unique(book.k_sum[book.r_key[live]], return_inverse=True)
        # and the sums of what may switch, in the same product
        const = np.concatenate([weight @ self.const, self.const[used]])
        amounts = np.concatenate([weight @ self.lin, self.lin[used]]) @ series
        amounts += const[:, None]
        if book.has_inverse:
            amounts += np.concatenate([weight @ self.inv, self.inv[used]]) @ (1 / series)
        out[:] = 0.0
        for number, (total, by, unit) in enumerate(
            zip(self.g_total, self.g_by, self.g_unit, strict=True)
        ):
            value = amounts[number] * self.price(by, series) + offset[number]
            out[total] += value * self.price(unit, series)
        for number, row in enumerate(np.flatnonzero(live)):
            key = book.r_key[row]
            y = amounts[groups + read[number]] * self.price(book.k_by[key], series)
            value = book.r_slope[row] * y + book.r_offset[row]
            value = np.where(y > book.r_floor[row], value, 0.0)
            out[book.r_total[row]] += value * self.price(book.k_unit[key], series)

    def price(self, column: int, series: Floats) -> Floats:
        """Return a price column at each price of *series*; where it stands still, one number."""
        serie, scale = int(self.serie[column]), self.scale[column : column + 1]
        return scale if serie < 0 else series[serie] * scale

    def _switches(self, low: Floats, high: Floats) -> tuple[Flags, Flags]:
        # rows on throughout and rows that may switch while every series stays in low..high
        book = self.book
        rising, falling = np.maximum(self.lin, 0), np.minimum(self.lin, 0)
        least = self.const + rising @ low + falling @ high
        most = self.const + rising @ high + falling @ low
        if book.has_inverse:
            rising, falling = np.maximum(self.inv, 0), np.minimum(self.inv, 0)
            least = least + rising @ (1 / high) + falling @ (1 / low)
            most = most + rising @ (1 / low) + falling @ (1 / high)
        by, moving = self.scale[book.k_by], self.serie[book.k_by] >= 0
        place = self.serie[book.k_by][moving]
        by_low, by_high = by.copy(), by.copy()
        by_low[moving] *= low[place]
        by_high[moving] *= high[place]
        ends = [x * y for x in (least[book.k_sum], most[book.k_sum]) for y in (by_low, by_high)]
        corners = np.stack(ends)
        hair = HAIR * np.abs(corners).max(axis=0)
        floor = book.r_floor
        on = (corners.min(axis=0) - hair)[book.r_key] > floor
        off = (corners.max(axis=0) + hair)[book.r_key] <= floor
        return on, ~on & ~off
