"""
From a pool's report to one verdict: which tier its numbers belong to, by which measure.

Rule: the worst measure decides. Distance leads for derivatives, margin level for borrowed spot
margin, health for pools only the venue can compute, and there also the distance to a liquidation
price it tells; where a line of the margin level has no bar, for nobody tells the margin call of
that pool, distance counts too. A ladder the user set himself is honoured for any pool whose measure
is known. A pool with no known measure has no reading at all, which is not the same as a safe one.

Speed makes a verdict worse, never better: a pool that would be liquidated within ten minutes, were
it to go on like this, is one tier nearer than its numbers say.

Values only: what a verdict leads to is `policy.alerting`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from watcher.domain.account import Family
from watcher.domain.alert import AlertRules, Ladder, Line, Measure, Tier, Word
from watcher.domain.report import PoolReport, Status

EXIT_DISTANCE_FACTOR = 1.15
EXIT_DISTANCE_POINTS_MIN = 1.0
EXIT_GAP_FRACTION = 0.1

_LEADING = {
    Family.LINEAR_POOL: Measure.DISTANCE,
    Family.INVERSE_POOL: Measure.DISTANCE,
    Family.HAIRCUT_POOL: Measure.DISTANCE,
    Family.DEBT_RATIO: Measure.MARGIN_LEVEL,
    Family.USED_MARGIN_LEVEL: Measure.MARGIN_LEVEL,
    Family.REPORTED: Measure.HEALTH,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One resolved line: below `enter` the tier is reached, above `leave` it may be left."""

    tier: Tier
    enter: float
    leave: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One measure of one pool with its bounds; `end` is its value at liquidation."""

    measure: Measure
    value: float
    end: float
    bounds: tuple[Bound, ...]

    @property
    def tier(self) -> Tier:
        # `not >=` rather than `<`: a value that is no number must never read as safe
        return max((b.tier for b in self.bounds if not self.value >= b.enter), default=Tier.CALM)

    @property
    def hold(self) -> Tier:
        return max((b.tier for b in self.bounds if not self.value >= b.leave), default=Tier.CALM)

    @property
    def remaining(self) -> float:
        """How far the value still is from liquidation, in its own unit."""
        return self.value - self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    The verdict on one pool. `tier` is what its numbers enter, `hold` the worst tier they have not
    clearly left; `gauge` is the measure that decided. `gone`: no position, nothing to liquidate.
    `lesser`: the pool is partial, so that the venue's figures stand in for its own measure.
    `hastened`: its speed put it one tier further than its numbers. `doubted_until_us`: a doubt
    about its figures alone holds the tier, so long at most.
    """

    pool: str
    tier: Tier
    hold: Tier
    gauge: Gauge
    gone: bool = False
    lesser: bool = False
    hastened: bool = False
    doubted_until_us: int | None = None


def leading(family: Family) -> Measure:
    return _LEADING[family]


def read(pool: PoolReport, rules: AlertRules) -> Reading | None:
    """Return the verdict on *pool*, or None when none of its measures is known."""
    gauges = list(_gauges(pool, rules))
    if not gauges:
        return None
    first = leading(pool.family)
    deciding = max(gauges, key=lambda g: (g.tier, g.hold, g.measure is first))
    return Reading(
        pool=pool.pool,
        tier=deciding.tier,
        hold=max(g.hold for g in gauges),
        gauge=deciding,
        gone=is_empty(pool),
        lesser=pool.status is Status.PARTIAL and not is_flat(pool),
    )


def hastened(reading: Reading) -> Reading:
    """Return the verdict one tier worse; it is held there while the speed lasts."""
    tier = Tier(min(reading.tier + 1, Tier.EMERGENCY))
    return replace(reading, tier=tier, hold=max(reading.hold, tier), hastened=True)


def is_empty(pool: PoolReport) -> bool:
    """Tell whether nothing in *pool* can be liquidated."""
    return pool.status is Status.OK and not pool.positions and not pool.requirement


def is_flat(pool: PoolReport) -> bool:
    """Tell the same by the venue's own figures too: it asks for nothing."""
    return is_empty(pool) or (not pool.positions and pool.requirement == 0)


def value_of(pool: PoolReport, measure: Measure) -> float | None:
    """Return the pool's value of *measure*: inf when nothing is at risk, None when unknown."""
    match measure:
        case Measure.DISTANCE:
            return _distance(pool)
        case Measure.MARGIN_LEVEL:
            return _level(pool)
        case Measure.HEALTH:
            return pool.health


def end_of(pool: PoolReport, measure: Measure) -> float:
    """Return the value *measure* has when the pool is liquidated."""
    match measure:
        case Measure.DISTANCE:
            return 0.0
        case Measure.HEALTH:
            return 1.0
        case Measure.MARGIN_LEVEL:
            told = pool.stages.get("liquidation")
            if told is not None:
                return told
            if pool.requirement is not None and pool.used_margin:
                return 100 * pool.requirement / pool.used_margin
            return 100.0


def bounds_of(pool: PoolReport, ladder: Ladder) -> tuple[Bound, ...]:
    """Return the lines of *ladder* as they stand for *pool*, without those it has no bar for."""
    end = end_of(pool, ladder.measure)
    found = []
    for line in ladder.lines:
        enter = _enter(pool, line, end)
        if enter is not None:
            found.append(
                Bound(tier=line.tier, enter=enter, leave=_leave(ladder.measure, enter, end))
            )
    return tuple(found)


def _gauges(pool: PoolReport, rules: AlertRules) -> Iterator[Gauge]:
    lacking = _lacks_bars(pool, rules)
    for ladder in rules.ladders:
        stands_in = lacking and ladder.measure is Measure.DISTANCE
        if not (stands_in or _applies(pool, ladder)):
            continue
        value = value_of(pool, ladder.measure)
        if value is None or math.isnan(value):
            continue
        yield Gauge(
            measure=ladder.measure,
            value=value,
            end=end_of(pool, ladder.measure),
            bounds=bounds_of(pool, ladder),
        )


# without the call nothing would be critical before it is liquidated
def _lacks_bars(pool: PoolReport, rules: AlertRules) -> bool:
    return leading(pool.family) is Measure.MARGIN_LEVEL and any(
        len(bounds_of(pool, ladder)) < len(ladder.lines)
        for ladder in rules.ladders
        if ladder.measure is Measure.MARGIN_LEVEL
    )


# a pool we cannot compute still has the venue's health and liquidation prices: both ladders count
def _applies(pool: PoolReport, ladder: Ladder) -> bool:
    if ladder.everywhere or ladder.measure is leading(pool.family):
        return True
    return ladder.measure is not Measure.MARGIN_LEVEL and pool.status is not Status.OK


def _distance(pool: PoolReport) -> float | None:
    if is_empty(pool):  # what a liquidation leaves may be below zero; it is over
        return math.inf
    if pool.tier_distance is not None:
        return pool.tier_distance
    if pool.status is not Status.OK:
        return None
    return 0.0 if _is_under_water(pool) else math.inf


def _level(pool: PoolReport) -> float | None:
    if pool.margin_level is not None:
        return pool.margin_level
    return math.inf if pool.status is Status.OK and not pool.used_margin else None


# no crossing in range, yet at or past liquidation already: the pessimistic reading
def _is_under_water(pool: PoolReport) -> bool:
    return bool(pool.requirement) and pool.health is not None and not pool.health > 1


def _enter(pool: PoolReport, line: Line, end: float) -> float | None:
    if not isinstance(line.value, Word):
        return line.value
    call = pool.stages.get("call")
    if call is None:
        return None
    return call if line.value is Word.CALL else (call + end) / 2


def _leave(measure: Measure, enter: float, end: float) -> float:
    if measure is Measure.DISTANCE:
        return max(enter * EXIT_DISTANCE_FACTOR, enter + EXIT_DISTANCE_POINTS_MIN)
    return enter + EXIT_GAP_FRACTION * max(enter - end, 0.0)
