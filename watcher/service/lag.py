"""
Whether the loop turns: asks to be woken every quarter of a second and looks how late it is.

Rule: for the machine's own clock only; a stepped world waits for us, so nothing is late there. It
runs on the loop it measures: a thread of its own would go on where the loop stands still. Nothing
is judged here.
"""

from __future__ import annotations

from collections import deque

import structlog

from watcher.domain.alert import SECOND_US
from watcher.ports import Clock

BEAT_S = 0.25
KEPT = 240
"""Beats of one minute."""
WORST = KEPT // 100
COUNTED_S = 1.0

log = structlog.get_logger()


class LagProbe:
    """`run` it supervised. `count` is how often the loop was more than a second late."""

    def __init__(self, clock: Clock) -> None:
        self.count = 0
        self._clock = clock
        self._lags_s: deque[float] = deque(maxlen=KEPT)
        self._worst_s = 0.0

    async def run(self) -> None:
        while True:
            before_us = self._clock.now().steady_us
            await self._clock.sleep(BEAT_S)
            self.note((self._clock.now().steady_us - before_us) / SECOND_US - BEAT_S)

    def note(self, lag_s: float) -> None:
        """Take one measurement."""
        self._lags_s.append(lag_s)
        self._worst_s = max(self._worst_s, lag_s)
        if lag_s > COUNTED_S:
            self.count += 1
            log.warning("loop.lagged", lag_s=round(lag_s, 2), count=self.count)

    def p99_s(self) -> float:
        """Return what one beat in a hundred of the last minute was late by, or more."""
        worst_first = sorted(self._lags_s, reverse=True)
        return worst_first[WORST] if len(worst_first) > WORST else 0.0

    def take_worst_s(self) -> float:
        """Return the worst since this was last asked."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return worst_s
