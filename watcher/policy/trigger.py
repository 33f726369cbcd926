"""
How long a pool lies beyond the trigger of a top-up.

Rule: one reading moves no money. A row of readings counts from its first; a miss, or a reading that
is not beyond the trigger, ends it. It is measured in readings of the venue, not in looks at one.
"""

from __future__ import annotations

from collections.abc import Mapping

from watcher.domain.alert import SECOND_US, Measure, Trigger
from watcher.domain.report import PoolReport, Report
from watcher.policy.readings import value_of

APART_US = 2 * SECOND_US
"""Two readings nearer than this may be one moment of the venue's engine, told twice."""


def crossed(
    before: Mapping[str, int], report: Report, trigger: Trigger | None, read_at_us: int
) -> dict[str, int]:
    """Return since which reading each pool of *report* lies beyond *trigger*."""
    if trigger is None:
        return {}
    return {
        pool.pool: before.get(pool.pool, read_at_us)
        for pool in report.pools
        if is_beyond(pool, trigger.measure, trigger.value)
    }


def is_beyond(pool: PoolReport, measure: Measure, value: float) -> bool:
    """Tell whether *pool* is known to lie below *value* of *measure*."""
    now = value_of(pool, measure)
    return now is not None and now < value
