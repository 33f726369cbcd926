"""
Whoever would notice the service's death, in the simulation: writes down each word it is told.

Rule: it outlives every process and answers nothing but that it heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from watcher.domain.alert import SECOND_US
from watcher.ports import Clock, PingError
from watcher.storm.weather import Fault, Weather

ANSWER_S = 0.1
TIMED_OUT_S = 5.0


class SimPing:
    """The `Ping` port of one life; *heard* keeps (when, whether all is well, why not)."""

    def __init__(
        self,
        heard: list[tuple[int, bool, str]],
        *,
        clock: Clock,
        weather: Weather,
        alive: Callable[[], None],
    ) -> None:
        self._heard = heard
        self._clock = clock
        self._weather = weather
        self._alive = alive

    async def ok(self) -> None:
        await self._hear(well=True, reason="")

    async def fail(self, reason: str) -> None:
        await self._hear(well=False, reason=reason)

    async def _hear(self, *, well: bool, reason: str) -> None:
        self._alive()
        down = self._weather.now(Fault.PING_DOWN)
        await self._clock.sleep(TIMED_OUT_S if down else ANSWER_S)
        self._alive()
        if down:
            raise PingError("no answer")
        # by the far side's clock: the service's may be off
        at_us = round(asyncio.get_running_loop().time() * SECOND_US)
        self._heard.append((at_us, well, reason))
