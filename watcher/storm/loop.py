"""
An event loop whose time is the simulation's: a wait costs nothing and ends exactly when it is due.

Rule: nothing in it touches a socket, a thread or the machine's clock. When everybody waits, time
jumps to the next timer; when nobody waits for anything, the simulation hangs and says so.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

from watcher.domain.alert import SECOND_US

SWEEP_AT = 200


class Deadlock(RuntimeError):
    """Nobody in the simulation waits for a moment: it would stand still for ever."""


class _NoSockets(selectors.BaseSelector):
    """Knows no file that could become ready; its wait is a jump of the loop's time."""

    def __init__(self) -> None:
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self.loop: VirtualLoop | None = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - the library's own
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - the library's own
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert self.loop is not None
        if timeout is None:
            raise Deadlock("nobody waits for a moment")
        if timeout > 0:
            self.loop.jump()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """
    An asyncio loop on virtual time, counted in microseconds from *start_us*: `now_us`.

    `life` are the tasks that came from one that was adopted, oldest first: what dies as a process.
    """

    def __init__(self, start_us: int) -> None:
        selector = _NoSockets()
        self.now_us = start_us
        super().__init__(selector)
        selector.loop = self
        self.life: list[asyncio.Task[Any]] = []
        self._of_life: set[int] = set()
        self.set_task_factory(_started)
        # times are rounded to microseconds, and a float of this size is coarser than a tenth of one
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self.now_us / SECOND_US

    def jump(self) -> None:
        """Go to the moment of the next timer."""
        first: asyncio.TimerHandle = self._scheduled[0]  # type: ignore[attr-defined]
        self.now_us = max(self.now_us, round(first.when() * SECOND_US))

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Count *task*, and whatever it and its children start, among those of the life."""
        if len(self.life) > SWEEP_AT:
            self.life = [one for one in self.life if not one.done()]
            self._of_life = {id(one) for one in self.life}
        self.life.append(task)
        self._of_life.add(id(task))

    def note_task(self, task: asyncio.Task[Any]) -> None:
        """Adopt *task* if the one that starts it is of the life."""
        if id(asyncio.current_task(self)) in self._of_life:
            self.adopt(task)

    def forget_life(self) -> None:
        self.life.clear()
        self._of_life.clear()

    def _write_to_self(self) -> None:
        """There is no other thread that would have to be woken from."""


def _started(loop: asyncio.AbstractEventLoop, work: Any, **rest: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - the library's own
    assert isinstance(loop, VirtualLoop)
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **rest)
    loop.note_task(task)
    return task
