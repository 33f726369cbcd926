"""
One account on a venue that exists in the simulation only: the `Venue` port the service meets.

Rule: what is true is the world's; what the venue tells of it, when, and whether at all, is the
weather's. Errors are those the adapters raise (`misread`), budgets and bans are kept with the
adapters' own counters. A request that the service should not have sent is noted for the oracles.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

from watcher.domain.account import Snapshot
from watcher.domain.alert import SECOND_US
from watcher.domain.status import VenueStatus
from watcher.ports import Banned, RateLimited, Unreadable, VenueError
from watcher.sim.world import World
from watcher.storm import misread
from watcher.storm.journal import Journal
from watcher.storm.lies import Liar
from watcher.storm.truth import Apart
from watcher.storm.views import prices_of, rights_of
from watcher.storm.weather import Fault, Spell, Weather
from watcher.venues.elsewhere import translated
from watcher.venues.weights import Budget, Shutter

TIMEOUT_S = 5.0
"""`poll.timeout` by default: what a connection waits for an answer."""
QUICK_S, SLOW_S = (0.02, 0.4), (1.0, 4.0)
SLOW_SHARE = 0.02
GREED = 0.9
"""The part of the address's allowance that another bot uses up."""

POLL_WEIGHTS: Mapping[str, tuple[str, int]] = {
    "binance": ("fapi", 20),
    "bybit": ("ip", 5),
    "okx": ("account", 2),
}
"""The budget a poll is counted in, and what it takes of it."""
PUBLIC = (
    *misread.LOST,
    Fault.BLOCKED,
    Fault.BAN,
    Fault.RATE_LIMIT,
    Fault.SERVER_ERROR,
    Fault.GARBAGE,
    Fault.MAINTENANCE,
)
PRIVATE = (*PUBLIC, Fault.REVOKED)


class SimVenue:
    """
    One account on one venue, for one life of the process. See `watcher.ports.Venue`.

    *pause* waits, *alive* raises when the process is dead. *polls* takes each answer as (account,
    when, whether a complete snapshot was handed over), *apart* those in which the venue's figures
    are worse; *by_venue* tells what the account measures then. *now_us* is the true time, *wall_us*
    what the service takes for it; *birth* numbers the life.
    """

    def __init__(
        self,
        *,
        world: World,
        account: str,
        weather: Weather,
        journal: Journal,
        pause: Callable[[float], Awaitable[None]],
        alive: Callable[[], None],
        polls: list[tuple[str, int, bool]],
        apart: list[Apart],
        by_venue: Callable[[Decimal], float],
        now_us: Callable[[], int],
        wall_us: Callable[[], int],
        birth: int,
    ) -> None:
        self.account = account
        self._world = world
        self._weather = weather
        self._journal = journal
        self._pause = pause
        self._alive = alive
        self._polls = polls
        self._apart = apart
        self._by_venue = by_venue
        self._now_us = now_us
        self._wall_us = wall_us
        self._venue = world.account(account).venue
        self._chance = random.Random(f"{world.seed}:venue:{account}:{birth}")
        name, self._weight = POLL_WEIGHTS[self._venue]
        self._budget = Budget(name, misread.DIALECTS[self._venue].limits[name])
        self._shutter = Shutter()
        self._quiet_until_us = 0
        self._liar = Liar(world, account, weather, self._chance, self._now_us)

    # ── the port ───────────────────────────────────────────────────────────────────────────

    async def start(self) -> VenueStatus:
        with_ban_told = self._asked_by_the_service()
        try:
            await self._call(PRIVATE)
        except VenueError as error:
            with_ban_told(error)
            raise
        return self._status()

    async def snapshot(self) -> Snapshot:
        with_ban_told = self._asked_by_the_service()
        try:
            await self._call(PRIVATE)
            found = self._liar.snapshot(self._wall_us())
            share = self._liar.apart
            value = None if share is None else self._by_venue(share)
            await self._way()
        except VenueError as error:
            with_ban_told(error)
            self._polls.append((self.account, self._now_us(), False))
            self._journal.note("missed", self.account, error.kind, error.reason)
            raise
        at_us = self._now_us()
        self._polls.append((self.account, at_us, True))
        if share is not None and value is not None:
            told = Apart(account=self.account, at_us=at_us, share=float(share), value=value)
            self._apart.append(told)
        self._journal.note("read", self.account, len(found.positions))
        return found

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, float]:
        self._asked_by_the_service()
        await self._call(PUBLIC, calm=True)
        found = self._liar.prices(symbols)
        if not found and self._venue != "binance":
            raise Unreadable(f"{self._venue}: none of the symbols asked for is listed")
        return found

    async def prices_elsewhere(self, symbols: Sequence[str]) -> Mapping[str, float]:
        self._alive()
        found: dict[str, float] = {}
        own = misread.DIALECTS[self._venue].perpetuals
        for other, dialect in misread.DIALECTS.items():
            there = translated(symbols, own, dialect.perpetuals) if other != self._venue else []
            if there and self._weather.first(PUBLIC, other) is None:
                found = {**prices_of(self._world, other, there), **found}
        await self._way()
        return found

    async def housekeeping(self) -> None:
        await self._call(PRIVATE, calm=True)
        rights_of(self._world, self._liar.account())  # a key that may withdraw is refused

    async def status(self) -> VenueStatus:
        self._alive()
        return self._status()

    async def close(self) -> None: ...

    # ── the way there and back ─────────────────────────────────────────────────────────────

    def _status(self) -> VenueStatus:
        mode, rights = rights_of(self._world, self._liar.account())
        now_ms = self._now_us() / 1000
        return VenueStatus(
            mode=mode,
            rights=rights,
            clock_offset_ms=0.0,
            weight_used=self._budget.used(now_ms),
            weight_limit=self._budget.allowance(now_ms),
        )

    async def _way(self) -> None:
        slow = self._chance.random() < SLOW_SHARE
        # half of it each way
        await self._pause(self._chance.uniform(*(SLOW_S if slow else QUICK_S)) / 2)
        self._alive()

    async def _call(self, faults: Sequence[Fault], *, calm: bool = False) -> None:
        """Ask the venue, at the cost of a poll. Raises: `VenueError`, where it gives no data."""
        self._alive()
        now_ms = self._now_us() / 1000
        self._shutter.check(now_ms)
        self._greed(now_ms)
        self._budget.take(self._weight, now_ms, calm=calm)
        await self._way()
        spell = self._weather.first(faults, self.account, self._venue)
        if spell is None:
            return
        error = await self._error_of(spell)
        if isinstance(error, Banned | RateLimited):
            self._shutter.shut(error, self._now_us() / 1000)
            self._budget.halve(self._now_us() / 1000)
        raise error

    async def _error_of(self, spell: Spell) -> VenueError:
        if spell.fault is Fault.TIMEOUT:
            await self._pause(TIMEOUT_S)
        else:
            await self._way()
        self._alive()
        return misread.struck(
            spell, self._world, self._venue, timeout_s=TIMEOUT_S, now_us=self._now_us()
        )

    def _greed(self, now_ms: float) -> None:
        """Let another bot behind the same address use its allowance up, at once or by and by."""
        spell = self._weather.now(Fault.GREEDY_BOT, self.account, self._venue)
        # only Binance tells what was used from an address
        if spell is None or self._venue != "binance":
            return
        limit = self._budget.limit
        passed = 1.0 if spell.worst else now_ms % limit.window_ms / limit.window_ms
        self._budget.heard(round(limit.weight * GREED * passed), now_ms)

    def _asked_by_the_service(self) -> Callable[[VenueError], None]:
        """Note a request during a ban the service was told of, and return where to tell it."""
        if self._now_us() < self._quiet_until_us:
            self._journal.note("asked.banned", self.account)

        def told(error: VenueError) -> None:
            if isinstance(error, Banned) and error.wait_s is not None:
                self._quiet_until_us = self._now_us() + round(error.wait_s * SECOND_US)

        return told
