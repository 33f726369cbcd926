"""
The client that moves collateral, for one life of the process: the `Money` port over a `Bank`.

Rule: it is the wire between the service and the bank, and nothing more. A call costs time on both
ways, may be struck by the weather like any other of its venue, and ends with its process.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from watcher.domain.alert import SECOND_US
from watcher.domain.status import KeyRights
from watcher.domain.topup import (
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Movement,
    Route,
    Verb,
)
from watcher.ports import VenueError
from watcher.storm import misread
from watcher.storm.bank import STEP, WINDOW_MS, Bank, answer
from watcher.storm.views import rights_of
from watcher.storm.weather import Fault

WAY_S = (0.02, 0.3)
TIMEOUT_S = 8.0
STRUCK = (*misread.LOST, Fault.BLOCKED, Fault.BAN, Fault.SERVER_ERROR, Fault.REVOKED)


class SimMoney:
    """One account's client at *bank*. *pause* waits, *alive* raises when the process is dead."""

    def __init__(
        self,
        bank: Bank,
        *,
        pause: Callable[[float], Awaitable[None]],
        alive: Callable[[], None],
        birth: int,
    ) -> None:
        self.account = bank.account
        self._bank = bank
        self._pause = pause
        self._alive = alive
        self._chance = random.Random(f"{bank.world.seed}:money:{bank.account}:{birth}")

    def assurance(self, verb: Verb) -> Assurance:
        del verb
        return self._bank.assurance

    def step(self, route: Route) -> Decimal:
        del route
        return STEP

    def window_ms(self, verb: Verb) -> int:
        del verb
        return WINDOW_MS

    async def uid(self) -> str:
        return (await self.rights()).uid or ""

    async def now_ms(self) -> int:
        await self._call()
        return self._bank.now_us() // 1000

    async def balance(self, route: Route) -> Decimal:
        await self._call()
        return self._bank.held(route)

    async def send(self, intent: Intent, ts_ms: int) -> Answer:
        try:
            await self._call()
        except VenueError as error:
            # refused on the way: whether it went on is not known
            return self._unclear(intent, error.kind)
        found = self._bank.post(intent, ts_ms)
        if found is None:
            # before the wait for an answer, which the service may cut short
            silence = self._unclear(intent, "")
            await self._pause(TIMEOUT_S)
            self._alive()
            return silence
        await self._way()
        return self._unclear(intent, found.code) if found.answered is Answered.UNKNOWN else found

    async def lookup(self, intent: Intent) -> Lookup:
        try:
            await self._call()
        except VenueError:
            return Lookup(found=Found.UNANSWERED)
        shown = self._bank.shown(intent.route)
        if self._bank.assurance is Assurance.BLIND_SEND:
            since_us = (intent.ts_sign_ms or 0) * 1000 - SECOND_US
            done = any(one.amount == intent.amount and one.at_us >= since_us for one in shown)
        else:
            done = any(one.ref == intent.venue_ref for one in shown)
        if done:
            return Lookup(found=Found.EXECUTED)
        if self._bank.is_waiting(intent.venue_ref):
            return Lookup(found=Found.PENDING)
        failed = self._bank.has_failed(intent.venue_ref)
        return Lookup(found=Found.FAILED if failed else Found.NOT_FOUND)

    async def history(self, route: Route, *, since_us: int) -> Sequence[Movement]:
        await self._call()
        return [one for one in self._bank.shown(route) if one.at_us >= since_us]

    async def rights(self) -> KeyRights:
        await self._call()
        _, rights = rights_of(self._bank.world, self._bank.world.account(self.account))
        return rights

    async def close(self) -> None: ...

    # each state is told once: a repeat that is as unclear as the first request adds nothing
    def _unclear(self, intent: Intent, code: str) -> Answer:
        self._bank.unclear.setdefault(intent.id, self._bank.now_us())
        return answer(Answered.UNKNOWN, code)

    async def _way(self) -> None:
        await self._pause(self._chance.uniform(*WAY_S) / 2)
        self._alive()

    async def _call(self) -> None:
        self._alive()
        await self._way()
        bank = self._bank
        spell = bank.weather.first(STRUCK, bank.account, bank.venue)
        if spell is None:
            return
        raise misread.struck(
            spell, bank.world, bank.venue, timeout_s=TIMEOUT_S, now_us=bank.now_us()
        )
