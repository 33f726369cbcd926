"""
One piece of public data, fetched once for all who want it at the same time.

Rule: who waits while another fetches shares what comes of it, error or not: a venue that does not
answer must not be waited for once per account. Ages are counted on the clock it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from watcher.ports import VenueError
from watcher.venues.weights import again

T = TypeVar("T")


class Slot(Generic[T]):
    """The last of one piece of data, and the outcome of the last fetch."""

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._lock = asyncio.Lock()
        self._fetches = 0
        self._last: tuple[T, float] | None = None
        self._error: VenueError | None = None

    async def read(self, fetch: Callable[[], Awaitable[T]], *, age_ms_max: float) -> T:
        """
        Return what came less than *age_ms_max* ago, or what *fetch* brings; 0 always fetches.

        Raises: `VenueError` of the fetch.
        """
        if self._last is not None and self._now_ms() - self._last[1] < age_ms_max:
            return self._last[0]
        asked_at = self._fetches
        async with self._lock:
            if self._fetches == asked_at:
                await self._fill(fetch)
            if self._error is not None:
                raise again(self._error, self._error.wait_s)
            assert self._last is not None
            return self._last[0]

    async def _fill(self, fetch: Callable[[], Awaitable[T]]) -> None:
        # a cancelled fetch is no outcome: whoever waits next fetches
        try:
            found = await fetch()
        except VenueError as error:
            self._error = error
        else:
            self._last, self._error = (found, self._now_ms()), None
        self._fetches += 1
