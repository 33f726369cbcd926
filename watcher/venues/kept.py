"""
What an adapter reads rarely and uses at every poll: mode, key rights, brackets, ladders, fees.

Rule: a value is fetched when first asked for, again by `refresh` when its time has come, and used
meanwhile, of tables that differ the stricter (`stricter`); an unreachable venue never costs a table
that is still good. Past `LAST_USE_FACTOR` times its age it is no longer used. When
a refresh learns something final (the key may withdraw,
the mode is not supported), the value is dropped, so that the next poll asks and says so itself.

It knows no venue and no clock but the one it is given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from watcher.ports import Refused, Unsupported, VenueError, WithdrawalRight
from watcher.venues.stricter import believed

T = TypeVar("T")

LAST_USE_FACTOR = 6
UNUSED_FACTOR = 2
AGAIN_MS = 10 * 60_000
"""How soon a table is read again that asks for less than the last one."""


@dataclass(slots=True)
class _Entry:
    value: object
    told: object
    fetch: Callable[[], Awaitable[object]]
    age_ms_max: float
    read_at_ms: float
    tried_at_ms: float
    used_at_ms: float
    doubted_at_ms: float


class Kept:
    """Values by key, each with the age at which it is read again."""

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._entries: dict[str, _Entry] = {}

    async def of(self, key: str, fetch: Callable[[], Awaitable[T]], *, age_ms_max: float) -> T:
        """
        Return the value of *key*, from *fetch* when there is none fit to use.

        Raises: whatever *fetch* raises.
        """
        now_ms = self._now_ms()
        entry = self._entries.get(key)
        if entry is None or now_ms - entry.read_at_ms > age_ms_max * LAST_USE_FACTOR:
            value = await fetch()
            self._entries[key] = _Entry(
                value, value, fetch, age_ms_max, now_ms, now_ms, now_ms, now_ms
            )
            return value
        entry.used_at_ms = now_ms
        return cast("T", entry.value)

    async def renew(self, *keys: str, age_ms_min: float) -> bool:
        """
        Read doubtful values again, each at most once in *age_ms_min*; return whether any was.

        What a venue does not answer for stays as it is: a doubtful table is better than no reading.
        Raises: a final error.
        """
        now_ms, renewed = self._now_ms(), False
        for key in keys:
            entry = self._entries.get(key)
            if entry is None or now_ms - max(entry.doubted_at_ms, entry.read_at_ms) < age_ms_min:
                continue
            entry.doubted_at_ms = now_ms
            try:
                _take(entry, await entry.fetch(), now_ms)
            except VenueError as error:
                if _is_final(error):
                    self.forget(key)
                    raise
                continue
            renewed = True
        return renewed

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)

    async def refresh(self) -> None:
        """
        Read again what is due; values nobody used for long are dropped instead.

        All due values are tried. Raises: the first final error, else the first of any kind.
        """
        errors = [
            error
            for key in list(self._entries)
            if (error := await self._refresh_one(key)) is not None
        ]
        if errors:
            raise min(errors, key=lambda error: not _is_final(error))

    async def _refresh_one(self, key: str) -> VenueError | None:
        entry, now_ms = self._entries[key], self._now_ms()
        if now_ms - entry.used_at_ms > entry.age_ms_max * UNUSED_FACTOR:
            self.forget(key)
            return None
        if now_ms - entry.tried_at_ms < entry.age_ms_max:
            return None
        entry.tried_at_ms = now_ms - entry.age_ms_max / 2  # after a failure, again at half the age
        try:
            _take(entry, await entry.fetch(), now_ms)
        except VenueError as error:
            if _is_final(error):
                self.forget(key)
            return error
        return None


def _take(entry: _Entry, told: object, now_ms: float) -> None:
    entry.value, entry.told = believed(entry.value, entry.told, told), told
    entry.read_at_ms = entry.tried_at_ms = now_ms
    if entry.value != told:  # milder than before: asked again sooner
        entry.tried_at_ms -= max(0.0, entry.age_ms_max - AGAIN_MS)


def _is_final(error: VenueError) -> bool:
    return isinstance(error, WithdrawalRight | Unsupported | Refused)
