"""
Time as the loops see it: a clock to wait through, a bell to be woken by, a scheduler.

Rule: nothing in a loop waits in any other way, or a stepped world would run on without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Protocol

from watcher.domain.alert import Moment


class Bell:
    """
    Wakes the one loop that waits on it; a ring that finds nobody waiting, or the waiter just woken
    by something else, is kept.

    A ring is heard within the call itself, so that a stepped clock knows the waiter is busy
    before anything else runs.
    """

    __slots__ = ("_listener", "_rung")

    def __init__(self) -> None:
        self._rung = False
        self._listener: Callable[[], bool] | None = None

    def ring(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None or not listener():
            self._rung = True

    def taken(self) -> bool:
        """Return whether it rang since it was last taken, and forget that it did."""
        rung, self._rung = self._rung, False
        return rung

    def listen(self, listener: Callable[[], bool] | None) -> None:
        """
        Call *listener* at the next ring, once; None stops listening. For clocks only.

        It returns whether the ring woke anybody.
        """
        assert listener is None or self._listener is None, "a bell wakes one waiter"
        self._listener = listener


class Clock(Protocol):
    """
    Time, waiting for it, and the tasks that wait for it.

    In practice and simulation it is stepped: the world moves on only while every task started
    with `spawn` waits in `sleep` or `wait` and no `hold` is open. Loops therefore wait through
    their clock only, and start further loops with `spawn`.
    """

    def now(self) -> Moment: ...

    async def sleep(self, seconds: float) -> None: ...

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        """Wait for *bell* at most *timeout_s*; return whether it rang."""

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
        """Start *work* as a task that keeps the world still until it waits or ends."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep the world still while open: for start-up and other work outside `spawn`."""


class Scheduler(Protocol):
    """Runs a job at its own pace, never overlapping itself; the job returns its next wait in s."""

    def every(
        self,
        name: str,
        job: Callable[[], Awaitable[float]],
        *,
        first_s: float = 0.0,
        timeout_s: float = 60.0,
    ) -> None:
        """Run *job* after *first_s*, then after each wait it returns; cancel it at *timeout_s*."""

    async def run(self) -> None:
        """Run until `stop`; a job that raises is logged and runs again."""

    async def stop(self) -> None: ...
