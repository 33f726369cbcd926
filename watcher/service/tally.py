"""
How long the readings of one account took since the start, and how often none came, by reason.

Rule: counts only, of constant size however long it runs. Only whole readings are timed: a missed
one took what its time-out allows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from watcher.domain.alert import MissKind
from watcher.domain.gauges import Durations

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Tally:
    """`took` each reading, `missed` each slot without one."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0
        self._last_s: float | None = None
        self._misses = dict.fromkeys(MissKind, 0)

    def took(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._sum_s += seconds
        self._last_s = seconds

    def missed(self, kind: MissKind) -> None:
        self._misses[kind] += 1

    @property
    def durations(self) -> Durations:
        within = tuple(zip(BOUNDS_S, accumulate(self._counts), strict=False))
        return Durations(
            within=within, count=sum(self._counts), sum_s=self._sum_s, last_s=self._last_s
        )

    @property
    def misses(self) -> Mapping[str, int]:
        return {kind.value: count for kind, count in self._misses.items()}
