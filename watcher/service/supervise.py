"""
Keeps the loops running: starts them, starts them again when they break, stops them in order.

Rule: no loop ends unseen. One that raises or returns is logged and started again after 1, 2, 4 ...
30 s; one that is *vital* and breaks three times within five minutes ends the process, so that
whoever started it starts a clean one. A loop that is not vital (commands) is started again for
ever. Whether a loop still turns is the watchdog's to know: `restart` counts as breaking.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.ports import Bell, Clock

RESTART_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
DEATHS_MAX = 3
DEATHS_WITHIN_US = 5 * MINUTE_US
STOP_TIMEOUT_S = 2.0

log = structlog.get_logger()

Loop = Callable[[], Awaitable[None]]


class LoopsFailed(Exception):
    """A vital loop cannot be kept running; the process should end and be started again."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    name: str
    loop: Loop
    vital: bool
    deaths_us: deque[int] = field(default_factory=deque)
    failures: int = 0
    task: asyncio.Task[None] | None = None
    running: bool = False
    overdue: bool = False


class Supervisor:
    """`keep` loops, then `run` until `stop`; `run` raises `LoopsFailed` when one is beyond help."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended = Bell()
        self._stopping = False
        self._failed: str | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._kept: dict[str, _Kept] = {}

    def keep(self, name: str, loop: Loop, *, vital: bool = True, tracked: bool = True) -> None:
        """
        Start *loop* now and keep it running.

        *tracked* False: the loop waits for sockets in real time and never holds a practice world.
        """
        kept = self._kept[name] = _Kept(name=name, loop=loop, vital=vital)
        start = self._clock.spawn if tracked else asyncio.create_task
        kept.task = start(self._keep(kept), name=name)
        self._tasks.append(kept.task)

    def restart(self, name: str) -> None:
        """Break off the loop *name*, which is over its deadline, and start it again."""
        kept = self._kept[name]
        if kept.running and kept.task is not None:
            kept.overdue = True
            kept.task.cancel()

    async def run(self) -> None:
        """Wait until `stop` or until a vital loop failed for good; loops go on until `finish`."""
        while not self._stopping and self._failed is None:
            await self._clock.wait(self._ended, 3600.0)
        if self._failed is not None:
            raise LoopsFailed(self._failed)

    def stop(self) -> None:
        self._stopping = True
        self._ended.ring()

    async def finish(self, *names: str) -> None:
        """
        Give the named loops (none named: all), asked to stop, a moment; cancel what still runs.
        """
        self._stopping = True
        tasks = {task for task in self._tasks if not names or task.get_name() in names}
        if not tasks:
            return
        _, running = await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
        await self._cancel(running)

    async def cancel(self, *names: str) -> None:
        """Cancel the named loops at once and wait for their ends."""
        await self._cancel({task for task in self._tasks if task.get_name() in names})

    def names(self) -> set[str]:
        """Return the names of all loops."""
        return set(self._kept)

    async def _cancel(self, tasks: set[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)

    async def _keep(self, kept: _Kept) -> None:
        while not self._is_stopping():
            began_us = self._clock.now().steady_us
            try:
                await self._turn(kept)
            except Exception:
                log.exception("loop.failed", loop=kept.name)
            if self._is_stopping():
                return
            if not self._may_restart(kept, began_us):
                self._failed = f"{kept.name} broke {DEATHS_MAX} times within 5 minutes"
                self._ended.ring()
                return
            wait_s = RESTART_WAITS_S[min(kept.failures, len(RESTART_WAITS_S) - 1)]
            kept.failures += 1
            log.warning("loop.restarted", loop=kept.name, wait_s=wait_s)
            await self._clock.sleep(wait_s)

    async def _turn(self, kept: _Kept) -> None:
        kept.running = True
        try:
            await kept.loop()
        except asyncio.CancelledError:
            task = kept.task
            if not kept.overdue or task is None:
                raise
            task.uncancel()
            log.error("loop.overdue", loop=kept.name)  # noqa: TRY400 - no defect, no trace
        finally:
            kept.running = kept.overdue = False

    def _is_stopping(self) -> bool:
        return self._stopping

    def _may_restart(self, kept: _Kept, began_us: int) -> bool:
        now_us = self._clock.now().steady_us
        if now_us - began_us > 60 * SECOND_US:
            kept.failures = 0
        kept.deaths_us.append(now_us)
        while kept.deaths_us and kept.deaths_us[0] < now_us - DEATHS_WITHIN_US:
            kept.deaths_us.popleft()
        return not kept.vital or len(kept.deaths_us) < DEATHS_MAX
