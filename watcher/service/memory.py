"""
Whether our own memory grows without end: weighs it every ten minutes, hour by hour.

Rule: what counts is the least of each hour, so that a peak is no growth. Told once when it rose in
six hours in a row, at a pace that is worth a restart, and once more when little is left. Nothing is
ended from here: the system slows down, and then restarts, what does not heed its limits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import pairwise

import structlog

from watcher.domain.alert import SECOND_US, Message
from watcher.policy import troubles
from watcher.ports import Clock

EVERY_S = 600.0
HOUR_S = 3600.0
SETTLED_S = HOUR_S
"""By then what is read and kept once is there."""
HOURS = 6
GROWN_MIN = 12_000_000
"""Over those hours: more than caches that still fill, and days before it is too much."""
NEAR = 250_000_000
LIMIT = 300 << 20
"""`MemoryHigh` of the unit: from there on the system slows us down."""

log = structlog.get_logger()


class Memory:
    """*resident* returns the bytes in use now, None where nobody knows; `look` on a schedule."""

    def __init__(
        self,
        *,
        resident: Callable[[], int | None],
        tell: Callable[[Message], None],
        clock: Clock,
    ) -> None:
        self._resident = resident
        self._tell = tell
        self._clock = clock
        self._hours: deque[int] = deque(maxlen=HOURS + 1)
        self._least: int | None = None
        self._since_us: int | None = None
        self._told: set[bool] = set()

    async def look(self) -> float:
        """Weigh it; return the seconds until the next time."""
        now_us, size = self._clock.now().steady_us, self._resident()
        if size is None:
            return HOUR_S
        self._least = size if self._least is None else min(size, self._least)
        self._since_us = now_us if self._since_us is None else self._since_us
        if now_us - self._since_us >= HOUR_S * SECOND_US:
            self._hours.append(self._least)
            self._least, self._since_us = None, now_us
            self._judge()
        return EVERY_S

    def _judge(self) -> None:
        size, near = self._hours[-1], self._hours[-1] >= NEAR
        grown = size - self._hours[0]
        rises = len(self._hours) > HOURS and all(b > a for a, b in pairwise(self._hours))
        if near in self._told or not (near or (rises and grown >= GROWN_MIN)):
            return
        self._told.add(near)
        hourly = grown / HOURS if rises else 0.0
        log.warning("memory.grown", resident_bytes=size, hourly_bytes=round(hourly))
        left_s = max(0.0, LIMIT - size) / hourly * HOUR_S if hourly else None
        now = self._clock.now()
        self._tell(troubles.growing(size, hourly, now, limit=LIMIT, left_s=left_s, aloud=near))
