"""
What the last quarter of an hour of a pool looked like: how far it was, how fast it falls.

Rule: only true readings are remembered, thinned to one each half minute; an estimate never makes
a trend. A trend is shown only while the pool gets nearer to liquidation; one that would end there
within ten minutes makes a verdict worse (`is_racing`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from watcher.domain.alert import MINUTE_US, SECOND_US, Measure, Sample, Tier
from watcher.policy.readings import Reading

KEPT_US = 12 * MINUTE_US
SPACING_US = 30 * SECOND_US

_BEFORE_WANTED_US = 10 * MINUTE_US
_BEFORE_MIN_US = 2 * MINUTE_US
_SLOW_MIN_US = 3 * MINUTE_US
_FAST_MIN_US = 45 * SECOND_US
_FAST_MAX_US = 100 * SECOND_US
_FAST_FALL_MIN = 0.02
"""The one-minute slope counts only when at least this part of the remaining way went in it."""
_MINUTES_MAX = 12 * 60.0

RACING_MINUTES = 12.0
"""Two more than the ten a person should have: it is seen on a look, and told a moment later."""
_STEADY_PART_MIN = 0.15


def remembered(
    recent: tuple[Sample, ...], fresh: Iterable[Sample], now_us: int
) -> tuple[Sample, ...]:
    """Return *recent* with the true samples of *fresh*, thinned, oldest first."""
    added = {s.pool: s for s in fresh if not s.estimate and _is_known(s)}
    by_pool: dict[str, list[Sample]] = {}
    for sample in recent:
        if 0 <= now_us - sample.at_us <= KEPT_US:
            by_pool.setdefault(sample.pool, []).append(sample)
    for pool, sample in added.items():
        kept = by_pool.setdefault(pool, [])
        if len(kept) > 1 and kept[-1].at_us - kept[-2].at_us < SPACING_US:
            kept.pop()
        kept.append(sample)
    return tuple(sample for kept in by_pool.values() for sample in kept)


def value_of(sample: Sample, measure: Measure) -> float | None:
    match measure:
        case Measure.DISTANCE:
            return sample.distance
        case Measure.HEALTH:
            return sample.health
        case Measure.MARGIN_LEVEL:
            return sample.margin_level


def before(
    recent: Iterable[Sample], pool: str, measure: Measure, now_us: int
) -> tuple[float, float] | None:
    """Return the value nearest to ten minutes ago and its age in minutes, if old enough to tell."""
    known = [
        (value, age)
        for value, age in _values(recent, pool, measure, now_us)
        if age >= _BEFORE_MIN_US
    ]
    if not known:
        return None
    value, age = min(known, key=lambda pair: abs(pair[1] - _BEFORE_WANTED_US))
    return value, age / MINUTE_US


@dataclass(frozen=True, slots=True)
class Slope:
    """How much goes each minute; `brief`: in the last minute, not over about ten."""

    rate: float
    brief: bool


def slope(
    recent: Iterable[Sample], pool: str, measure: Measure, value: float, end: float, now_us: int
) -> Slope | None:
    """
    Return how fast *value* falls, None while it does not.

    The steeper of two slopes: over about ten minutes, and over the last one when it fell plainly.
    """
    points = _values(recent, pool, measure, now_us)
    slopes = []
    slow = _ten_minutes_ago(points)
    if slow is not None:
        slopes.append(Slope(_rate(slow, value), brief=False))
    fast = _a_minute_ago(points, value, end)
    if fast is not None:
        slopes.append(Slope(_rate(fast, value), brief=True))
    steepest = max(slopes, key=lambda one: one.rate, default=None)
    return steepest if steepest is not None and steepest.rate > 0 else None


def minutes_left(rate: float | None, value: float, end: float) -> float | None:
    """Return the minutes to liquidation at *rate* per minute; None beyond half a day."""
    if rate is None or rate <= 0 or not value > end:
        return None
    minutes = (value - end) / rate
    return minutes if minutes <= _MINUTES_MAX else None


def pools_of(recent: Iterable[Sample]) -> dict[str, tuple[Sample, ...]]:
    """Return *recent* pool by pool."""
    found: dict[str, list[Sample]] = {}
    for sample in recent:
        found.setdefault(sample.pool, []).append(sample)
    return {pool: tuple(samples) for pool, samples in found.items()}


def is_racing(recent: Iterable[Sample], reading: Reading, now_us: int) -> bool:
    """
    Tell whether the pool of *reading* would be liquidated within `RACING_MINUTES` at its pace.

    *recent* are its samples before this reading. The last minute must say so, and three minutes or
    more; and it must be a steady fall: noise around a line, or one jump of the price or of the size
    of a position, is no pace.
    """
    gauge = reading.gauge
    if reading.tier is Tier.EMERGENCY or reading.gone or not math.isfinite(gauge.value):
        return False
    points = _values(recent, reading.pool, gauge.measure, now_us)
    brief = _a_minute_ago(points, gauge.value, gauge.end)
    long = [point for point in points if point[1] >= _SLOW_MIN_US]
    if brief is None or not long:
        return False
    then = max(long, key=lambda point: _rate(point, gauge.value))
    if not _is_steady(points, then, gauge.value):
        return False
    pace = min(_rate(brief, gauge.value), _rate(then, gauge.value))
    minutes = minutes_left(pace, gauge.value, gauge.end)
    return minutes is not None and minutes < RACING_MINUTES


Point = tuple[float, int]
"""A value, and how long ago it was."""


def _ten_minutes_ago(points: Iterable[Point]) -> Point | None:
    slow = [point for point in points if point[1] >= _SLOW_MIN_US]
    return min(slow, key=lambda point: abs(point[1] - _BEFORE_WANTED_US), default=None)


def _a_minute_ago(points: Iterable[Point], value: float, end: float) -> Point | None:
    fast = [point for point in points if _FAST_MIN_US <= point[1] <= _FAST_MAX_US]
    then = min(fast, key=lambda point: abs(point[1] - MINUTE_US), default=None)
    if then is None or then[0] - value < _FAST_FALL_MIN * max(value - end, 0.0):
        return None
    return then


def _rate(then: Point, value: float) -> float:
    return (then[0] - value) / (then[1] / MINUTE_US)


# some third reading between the two has part of the fall before it and part of it after it
def _is_steady(points: Iterable[Point], then: Point, value: float) -> bool:
    part = _STEADY_PART_MIN * (then[0] - value)
    between = (at for at, age in points if 0 < age < then[1])
    return part > 0 and any(then[0] - at >= part and at - value >= part for at in between)


def _values(recent: Iterable[Sample], pool: str, measure: Measure, now_us: int) -> list[Point]:
    found = []
    for sample in recent:
        value = value_of(sample, measure)
        if sample.pool == pool and value is not None and not sample.estimate:
            found.append((value, now_us - sample.at_us))
    return found


def _is_known(sample: Sample) -> bool:
    values = (sample.distance, sample.health, sample.margin_level)
    return any(value is not None and math.isfinite(value) for value in values)
