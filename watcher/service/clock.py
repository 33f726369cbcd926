"""
Two clocks: the system's, and one that a practice world steps.

Rule: loops wait in `sleep` and `wait` only and start each other with `spawn`. The system clock
ignores who waits. The stepped clock counts: a task is busy from the moment it is spawned or woken
until it waits again or ends, and while any is busy (or a `hold` is open) time stands still. When
all wait, the clock asks the world to move to the earliest wake-up; the world may stop earlier.

    spawned ──► busy ──sleep/wait──► waiting ──due, or the bell rings──► busy ──► ended

A ring counts as busy within `Bell.ring` itself, before the woken task has run: between the two
nothing can move the world. This file reads no clock of the machine: both sources are handed in.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Protocol

import aiohttp
import structlog

from watcher.domain.alert import SECOND_US, Moment
from watcher.ports import Bell

STEP_TIMEOUT_S = 30.0
STEP_RETRY_S = 0.2
STALLS_MAX = 75
"""Refusals in a row, about 15 s, after which the practice world is taken for gone."""
IDLE_S = 0.001

log = structlog.get_logger()


class SystemClock:
    """
    The machine's time.

    *steady_ns* never jumps (a monotonic clock that counts suspended time, where there is one),
    *wall_ns* is the calendar. `steady_us` starts at the wall time of the process start.
    """

    def __init__(self, steady_ns: Callable[[], int], wall_ns: Callable[[], int]) -> None:
        self._steady_ns = steady_ns
        self._wall_ns = wall_ns
        self._anchor_ns = wall_ns() - steady_ns()

    def now(self) -> Moment:
        return Moment(
            steady_us=(self._steady_ns() + self._anchor_ns) // 1000,
            wall_us=self._wall_ns() // 1000,
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        if bell.taken():
            return True
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[bool] = loop.create_future()
        late = loop.call_later(max(0.0, timeout_s), _answer, heard, False)  # noqa: FBT003 - the answer
        bell.listen(lambda: _answer(heard, rung=True))
        try:
            return await heard
        finally:
            late.cancel()
            bell.listen(None)

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
        return asyncio.create_task(work, name=name)

    def hold(self) -> AbstractContextManager[None]:
        return nullcontext()


def _answer(heard: asyncio.Future[bool], rung: bool) -> bool:  # noqa: FBT001 - handed to a timer
    """Return whether *rung* is the answer: the other came first otherwise."""
    if heard.done():
        return False
    heard.set_result(rung)
    return True


class Stepper(Protocol):
    """The world behind a stepped clock."""

    async def now_us(self) -> int: ...

    async def advance(self, until_us: int) -> int:
        """Move the world towards *until_us* and return where it stopped."""

    async def close(self) -> None: ...


class _Waiter:
    """One task waiting for a moment, or for a bell before it."""

    __slots__ = ("counted", "due_us", "future")

    def __init__(self, due_us: int, *, counted: bool) -> None:
        self.due_us = due_us
        self.counted = counted
        self.future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class SteppedClock:
    """
    Time as a practice world tells it. Call `open`, then `spawn` loops; `close` at the end.

    Tasks that were not spawned here (a library's own) may sleep too: they are woken in time but
    never hold the world.
    """

    def __init__(self, stepper: Stepper, now_us: int) -> None:
        self._stepper = stepper
        self._now_us = now_us
        self._busy = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._queue: list[tuple[int, int, _Waiter]] = []
        self._count = 0
        self._still = asyncio.Event()
        self._stalls = 0
        self.on_gone: Callable[[], None] | None = None
        self._mover = asyncio.create_task(self._move(), name="clock")

    @classmethod
    async def open(cls, stepper: Stepper | str) -> SteppedClock:
        """Return a clock at the world's present; a text is the address of its `/clock`."""
        source = HttpStepper(stepper) if isinstance(stepper, str) else stepper
        return cls(source, await source.now_us())

    def now(self) -> Moment:
        return Moment(steady_us=self._now_us, wall_us=self._now_us)

    async def sleep(self, seconds: float) -> None:
        waiter = self._enter(seconds)
        try:
            await waiter.future
        finally:
            self._leave(waiter)

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        if bell.taken():
            return True
        waiter = self._enter(timeout_s)
        bell.listen(lambda: self._wake(waiter, rung=True))
        try:
            return await waiter.future
        finally:
            bell.listen(None)
            self._leave(waiter)

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        self._busy += 1
        task.add_done_callback(self._ended)
        return task

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._busy += 1
        try:
            yield
        finally:
            self._rest()

    async def close(self) -> None:
        self._mover.cancel()
        with suppress(asyncio.CancelledError):
            await self._mover
        await self._stepper.close()

    def _enter(self, seconds: float) -> _Waiter:
        due_us = self._now_us + max(0, round(seconds * SECOND_US))
        waiter = _Waiter(due_us, counted=asyncio.current_task() in self._tasks)
        self._count += 1
        heapq.heappush(self._queue, (due_us, self._count, waiter))
        if waiter.counted:
            self._rest()
        else:
            self._look()
        return waiter

    def _wake(self, waiter: _Waiter, *, rung: bool) -> bool:
        woken = _answer(waiter.future, rung)
        self._busy += woken and waiter.counted
        return woken

    def _leave(self, waiter: _Waiter) -> None:
        # a cancelled wait was never woken: its task is busy again with its own end
        if waiter.future.cancelled():
            self._busy += waiter.counted

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._rest()

    def _rest(self) -> None:
        self._busy -= 1
        assert self._busy >= 0, "a task rested twice"
        self._look()

    def _look(self) -> None:
        if self._busy == 0:
            self._still.set()

    async def _move(self) -> None:
        while True:
            await self._still.wait()
            self._still.clear()
            while self._busy == 0 and self._next_due() is not None:
                await self._step()

    def _next_due(self) -> int | None:
        while self._queue and self._queue[0][2].future.done():
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    async def _step(self) -> None:
        due_us = self._next_due()
        assert due_us is not None
        if due_us > self._now_us:
            await self._advance(due_us)
        while (next_us := self._next_due()) is not None and next_us <= self._now_us:
            self._wake(heapq.heappop(self._queue)[2], rung=False)

    async def _advance(self, due_us: int) -> None:
        try:
            now_us = await self._stepper.advance(due_us)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # the world is being restarted or is gone: it will be asked again, time stands
            log.warning("clock.stalled", reason=type(error).__name__)
            self._stalls += 1
            if self._stalls == STALLS_MAX and self.on_gone is not None:
                self.on_gone()
            await asyncio.sleep(STEP_RETRY_S)
            return
        self._stalls = 0
        if now_us <= self._now_us:
            await asyncio.sleep(IDLE_S)
        self._now_us = max(self._now_us, now_us)


class HttpStepper:
    """The clock of a practice server: `GET /clock/now`, `POST /clock/advance`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=STEP_TIMEOUT_S))

    async def now_us(self) -> int:
        async with self._session.get(f"{self._url}/now") as answer:
            return _told(await answer.json())

    async def advance(self, until_us: int) -> int:
        body = {"until_us": until_us}
        async with self._session.post(f"{self._url}/advance", json=body) as answer:
            return _told(await answer.json())

    async def close(self) -> None:
        await self._session.close()


def _told(body: object) -> int:
    match body:
        case {"now_us": int(now_us)}:
            return now_us
        case _:
            raise ValueError("practice clock: expected now_us as a whole number")
