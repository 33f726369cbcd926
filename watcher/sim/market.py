"""
Price paths: still, scripted, drawn from a seed, recorded.

Rule: a path is a pure function of elapsed time (and its seed); it never reads a clock and the
same arguments give the same prices, whatever is asked first. Prices are USD per underlying.
"""

from __future__ import annotations

import csv
import math
import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from watcher.sim.quotes import PricePath
from watcher.sim.things import ONE, WorldError
from watcher.sim.world import SECOND_US

CENT = Decimal("0.00000001")
BAR_US = 60 * SECOND_US
COLUMNS = ("open", "high", "low", "close")
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """Prices that never move."""

    prices: Mapping[str, Decimal]

    def prices_at(self, elapsed_us: int) -> Mapping[str, Decimal]:  # noqa: ARG002  time is no matter
        return self.prices

    def next_point_after(self, elapsed_us: int) -> int | None:  # noqa: ARG002  nothing to come
        return None


class Scripted:
    """
    Straight lines between given points, level before the first and after the last.

    Every point names every underlying that the path moves.
    """

    def __init__(self, points: Sequence[tuple[int, Mapping[str, Decimal]]]) -> None:
        if not points or [at for at, _ in points] != sorted({at for at, _ in points}):
            raise WorldError("a scripted path needs points, each later than the one before")
        if any(set(prices) != set(points[0][1]) for _, prices in points):
            raise WorldError("every point of a scripted path names the same underlyings")
        self._times = [at for at, _ in points]
        self._prices = [dict(prices) for _, prices in points]

    def prices_at(self, elapsed_us: int) -> Mapping[str, Decimal]:
        after = bisect_right(self._times, elapsed_us)
        if after == 0:
            return self._prices[0]
        if after == len(self._times):
            return self._prices[-1]
        begin, end = self._times[after - 1], self._times[after]
        share = Decimal(elapsed_us - begin) / (end - begin)
        low, high = self._prices[after - 1], self._prices[after]
        return {
            name: (price + (high[name] - price) * share).quantize(CENT)
            for name, price in low.items()
        }

    def next_point_after(self, elapsed_us: int) -> int | None:
        after = bisect_right(self._times, elapsed_us)
        return self._times[after] if after < len(self._times) else None

    @property
    def length_us(self) -> int:
        return self._times[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How a drawn market moves: yearly volatility, jumps per day, their mean and spread in log."""

    volatility: float = 0.8
    jumps_per_day: float = 6.0
    jump_mean: float = -0.004
    jump_spread: float = 0.01
    own_share: float = 0.4
    """Part of each coin's variance that is its own; the rest is common to all."""


class JumpDiffusion:
    """
    A seeded market: one common factor, each coin's own noise, common jumps.

    The grid is *step_us* wide, drawn lazily and kept; between grid points the price is level.
    """

    def __init__(
        self,
        prices: Mapping[str, Decimal],
        *,
        seed: int,
        temper: Temper | None = None,
        step_us: int = SECOND_US,
    ) -> None:
        self._start = dict(prices)
        self._temper = temper or Temper()
        self._step_us = step_us
        # one source of chance each: another coin does not shift the draws of the first
        self._common = random.Random(f"{seed}:common")
        self._jumps = random.Random(f"{seed}:jumps")
        self._own = {name: random.Random(f"{seed}:{name}") for name in prices}
        self._logs: list[dict[str, float]] = [dict.fromkeys(prices, 0.0)]

    def prices_at(self, elapsed_us: int) -> Mapping[str, Decimal]:
        index = max(0, elapsed_us // self._step_us)
        while len(self._logs) <= index:
            self._draw()
        logs = self._logs[index]
        return {
            name: (price * Decimal(repr(math.exp(logs[name])))).quantize(CENT)
            for name, price in self._start.items()
        }

    def next_point_after(self, elapsed_us: int) -> int | None:
        return (elapsed_us // self._step_us + 1) * self._step_us

    def _draw(self) -> None:
        temper, step_s = self._temper, self._step_us / SECOND_US
        sigma = temper.volatility * math.sqrt(step_s / YEAR_S)
        common = self._common.gauss(0.0, sigma * math.sqrt(1 - temper.own_share))
        jump = 0.0
        if self._jumps.random() < temper.jumps_per_day * step_s / 86_400:
            jump = self._jumps.gauss(temper.jump_mean, temper.jump_spread)
        last = self._logs[-1]
        own = sigma * math.sqrt(temper.own_share)
        self._logs.append(
            {
                name: last[name] + common + jump + self._own[name].gauss(0.0, own)
                for name in self._start
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One recorded minute."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def points(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return the four prices in the order drawn for them: a falling bar is high first."""
        if self.close < self.open:
            return (self.open, self.high, self.low, self.close)
        return (self.open, self.low, self.high, self.close)


def read_bars(text: str, what: str) -> list[Bar]:
    """
    Return the minutes of a CSV with the columns open, high, low, close.

    Raises: `WorldError` naming *what*, the line and the column.
    """
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    if missing:
        raise WorldError(f"{what}: no column {missing[0]}; expected {', '.join(COLUMNS)}")
    bars = []
    for row in reader:
        values = {}
        for name in COLUMNS:
            try:
                values[name] = Decimal(row[name])
            except (ArithmeticError, TypeError):
                raise WorldError(
                    f"{what} line {reader.line_num}: {name} is {row[name]!r}, expected a price"
                ) from None
            if not values[name].is_finite() or values[name] <= 0:
                raise WorldError(f"{what} line {reader.line_num}: {name} is {row[name]!r}")
        bars.append(Bar(**values))
    if not bars:
        raise WorldError(f"{what}: no minutes in it")
    return bars


def recorded(
    bars: Sequence[Bar],
    underlying: str,
    *,
    followers: Mapping[str, tuple[Decimal, Decimal]] | None = None,
) -> PricePath:
    """
    Return the path of recorded minutes: open, both extremes and close at quarters of each bar.

    The extremes' order inside a bar is drawn (see `Bar.points`), the prices are recorded facts.
    *followers*: other underlyings as (first price, beta): they move by beta times the return.
    """
    first = bars[0].open
    points: list[tuple[int, Mapping[str, Decimal]]] = []
    for number, bar in enumerate(bars):
        for quarter, price in enumerate(bar.points()):
            at = number * BAR_US + quarter * BAR_US // 4
            moved = price / first - ONE
            others = {
                name: max((start * (ONE + beta * moved)).quantize(CENT), CENT)
                for name, (start, beta) in (followers or {}).items()
            }
            points.append((at, {underlying: price, **others}))
    return Scripted(points)


def recorded_file(
    path: Path,
    underlying: str,
    *,
    followers: Mapping[str, tuple[Decimal, Decimal]] | None = None,
) -> PricePath:
    """Return the path of a CSV file of minutes. Raises: `WorldError`, `OSError`."""
    bars = read_bars(path.read_text(encoding="utf-8"), path.name)
    return recorded(bars, underlying, followers=followers)
