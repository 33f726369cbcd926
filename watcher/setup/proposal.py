"""
Lines for an account as it stands: far enough below what it reads that none fires at once.

Rule: proposed only where a line would fire now, and only what the reading itself, with the new
lines, then calls calm; a book so near its end that no ladder could warn in time gets none, and is
told so. The shape is kept: 8, 6, 4, 2.5 for an account at 9.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from watcher.domain.alert import AlertRules, Ladder, Line, Measure, Tier
from watcher.domain.report import PoolReport, Report
from watcher.policy import wording
from watcher.policy.lines import headline
from watcher.policy.readings import Reading, end_of, read, value_of
from watcher.settings.units import GAP_MIN, HEALTH_LAST_MIN, plain

ROOM = 0.85
"""The first line lies at most this part of the way from liquidation to what is read now."""
SHAPE = (1.0, 0.75, 0.5, 0.3125)
NEAR_PERCENT = 1.0
"""An account nearer than this by distance cannot be warned in time by any line."""

_UNIT = {Measure.DISTANCE: "%", Measure.MARGIN_LEVEL: "%", Measure.HEALTH: "x"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """
    What an account would start in, and lines it would be calm under, by measure as the file has
    them; none where no lines can be proposed.
    """

    pool: str
    tier: Tier
    value: str
    ladders: Mapping[Measure, tuple[str, ...]]


def proposal(report: Report, rules: AlertRules) -> Proposal | None:
    """Return what to do about the lines of *rules*; None when none of them fires now."""
    worst = _worst(report, rules)
    if worst is None:
        return None
    found: dict[Measure, tuple[str, ...]] = {}
    trial, firing = rules, worst
    for _ in Measure:
        measure = firing.gauge.measure
        ladder = None if measure in found else _ladder(report, measure)
        if ladder is None:
            found.clear()
            break
        found[measure] = ladder
        trial = _with(trial, measure, ladder)
        left = _worst(report, trial)
        if left is None:
            break
        firing = left
    else:
        found.clear()
    return Proposal(pool=worst.pool, tier=worst.tier, value=headline(worst.gauge), ladders=found)


def words(account: str, found: Proposal) -> str:
    """Return the proposal in one line."""
    start = (
        f"{account}: {wording.pool_name(found.pool)} opens at {found.value}: "
        f"you would start in {wording.tier_name(found.tier)}"
    )
    if not found.ladders:
        return f"{start}; no lines below it would warn in time: make the book safer first"
    ladders = "; ".join(
        f"{measure.value} {'/'.join(line.rstrip('%x') for line in lines)} {_UNIT[measure]}"
        for measure, lines in found.ladders.items()
    )
    return f"{start}; proposed {ladders}"


def _worst(report: Report, rules: AlertRules) -> Reading | None:
    readings = [read(pool, rules) for pool in report.pools]
    firing = [one for one in readings if one is not None and one.tier > Tier.CALM]
    return max(firing, key=lambda one: one.tier, default=None)


def _ladder(report: Report, measure: Measure) -> tuple[str, ...] | None:
    # a ladder of the user's own counts for every pool whose measure is known
    ways = [way for pool in report.pools if (way := _way(pool, measure)) is not None]
    if not ways:
        return None
    end, value = min(ways, key=lambda way: way[1] - way[0])
    end = max(end for end, _ in ways)
    room = (min(value for _, value in ways) - end) * ROOM
    if room <= 0 or (measure is Measure.DISTANCE and value < NEAR_PERCENT):
        return None
    step = _step(room)
    first = math.floor(room / step + 1e-9) * step
    lines = [end + first * part for part in SHAPE]
    if measure is Measure.HEALTH and lines[-1] < HEALTH_LAST_MIN:
        return None
    digits = 2 if measure is Measure.HEALTH else 1
    written = [float(_written(line, digits)) for line in lines]
    if any(less * GAP_MIN > more for more, less in pairwise(written)):
        return None  # so near the end that four lines do not fit
    return tuple(f"{_written(line, digits)}{_UNIT[measure]}" for line in lines)


def _way(pool: PoolReport, measure: Measure) -> tuple[float, float] | None:
    """Return where *measure* ends for *pool*, and where it is; None when it has no end."""
    value = value_of(pool, measure)
    if value is None or not math.isfinite(value):
        return None
    return end_of(pool, measure), value


def _step(room: float) -> float:
    """Return what the first line is a multiple of: 13, 35, 8, 8.5."""
    unit = float(10 ** math.floor(math.log10(room)))
    return unit / 2 if room >= 4 * unit else unit / 10


def _written(line: float, digits: int) -> str:
    return plain(round(line, digits)) if digits == 1 else f"{line:.{digits}f}"


def _with(rules: AlertRules, measure: Measure, lines: tuple[str, ...]) -> AlertRules:
    tiers = [tier for tier in Tier if tier > Tier.CALM]
    numbers = [float(line.rstrip("%x")) for line in lines]
    made = Ladder(
        measure=measure,
        lines=tuple(Line(tier=t, value=n) for t, n in zip(tiers, numbers, strict=True)),
        everywhere=True,
    )
    kept = tuple(made if one.measure is measure else one for one in rules.ladders)
    return replace(rules, ladders=kept)
