"""
The thread the real store would write on, without the thread, and with a bad disk under it.

Rule: work is done within the call, so that a commit is one event of the simulation; a slow disk
answers late. What a spell breaks fails as SQLite or the system would fail: before the work, or
after it (the commit is on the disk, and nobody was told). A dead process does no work any more.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from watcher.store.sqlite import SqliteStore
from watcher.storm.weather import Fault, Weather

P = ParamSpec("P")
T = TypeVar("T")

SLOW_S = (0.5, 2.0, 5.5, 20.0)
UNDONE = 0.5
"""Half of what a broken disk fails at is not done; the other half is, and nobody is told."""


class Dead(BaseException):
    """The process is gone: nothing of it has any effect any more."""


class Planted(Exception):
    """A defect nobody expects, put there to see its loop start again."""


class Disk(Executor):
    """One life's writer. `alive` goes false when the process is killed."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self.alive = True
        self._weather = weather
        self._chance = random.Random(f"{seed}:disk")
        self._asked: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()
        self._writing = False
        self._planted = False

    def plant(self) -> None:
        """Let the next piece of work raise what no caller expects: a defect."""
        self._planted = True

    # the loop waits for a future of its own kind as it is: one of a thread costs a lock and three
    # turns of the loop, thirty thousand times in a simulated day
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - see above
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if getattr(fn, "__func__", None) is SqliteStore.release:
            # closing asks nothing of the disk, and the system does it for the dead as well
            self._asked.clear()
            self.alive = False
            done.set_result(fn(*args, **kwargs))
            return done
        if not self.alive:
            raise Dead
        self._asked.append((done, partial(fn, *args, **kwargs)))
        if not self._writing:
            self._write()
        return done

    # one writer: what is asked later is done later, and what nobody waits for any more is not begun
    def _write(self) -> None:
        while self._asked and self.alive:
            done, work = self._asked.popleft()
            if done.cancelled():
                continue
            if self._weather.now(Fault.DISK_BUSY) is not None:
                self._writing = True
                slow_s = self._chance.choice(SLOW_S)
                asyncio.get_running_loop().call_later(slow_s, self._written, done, work)
                return
            self._work(done, work)

    def _written(self, done: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        self._work(done, work)
        self._writing = False
        self._write()

    def _work(self, done: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        if not self.alive:
            return
        broken = self._broken()
        undone = broken is not None and self._chance.random() < UNDONE
        found = None
        try:
            # else it is done, and nobody learns of it
            found = None if undone else work()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, as a thread would
            broken = error
        # whoever waits goes on in a turn of his own
        asyncio.get_running_loop().call_soon(_answer, done, found, broken)

    def _broken(self) -> Exception | None:
        if self._planted:
            self._planted = False
            return Planted()
        if self._weather.now(Fault.DISK_FULL) is not None:
            return sqlite3.OperationalError("database or disk is full")
        if self._weather.now(Fault.DISK_ERROR) is not None:
            return sqlite3.OperationalError("disk I/O error")
        return None

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - the library's own
        """Nothing is left to wait for."""


def _answer(done: asyncio.Future[Any], found: object, broken: Exception | None) -> None:
    if done.cancelled():
        return
    if broken is None:
        done.set_result(found)
    else:
        done.set_exception(broken)
        done.exception()  # read: not everybody waits for what the disk says
