"""
What is open goes on: waits on people and arrivals, approves, sends, looks up, tells how it ended.

Rule: one step per intent and round, from what the ledger holds and the newest reading; nothing is
kept here that may not be lost with the process. A yes is to a ceiling: how much of it is right is
worked out anew. What may have been sent is looked up until that is proven or a person must look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from watcher.domain.account import Snapshot
from watcher.domain.alert import SECOND_US, AccountState, Moment
from watcher.domain.topup import Intent, Mode, Progress
from watcher.policy import arming, proposals, protocol, sizing, topups
from watcher.policy import messages as say
from watcher.policy.allowance import DAY_US, SENDS, WEEK_US, barred, verdict
from watcher.policy.checks import Look
from watcher.policy.means import Held, Means, Why
from watcher.policy.readings import value_of
from watcher.ports import Clock, Purse, Verdict
from watcher.service.books import Books, Charge
from watcher.service.driver import Driver, is_due_again, late_at_us

SIGHT_MAX_US = 90 * SECOND_US
"""How long a proven top-up waits for a reading to be told with."""
APPROVED_LIFE_US = 60 * SECOND_US
"""An amount was worked out for the danger of its moment."""
COME_MIN = 20
"""A twentieth of what was asked for is an arrival; less is funding, fees or profit."""
TOLD = "told"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one poll saw and led to; `at_us` is when it was handed over."""

    state: AccountState
    look: Look
    at_us: int


class Carrier:
    """The open intents of one account; `sight` is the newest there was."""

    def __init__(
        self,
        charge: Charge,
        *,
        purse: Purse,
        clock: Clock,
        driver: Driver,
        books: Books,
        killed: Callable[[], bool],
        wake: Callable[[], None],
    ) -> None:
        self.sight: Sight | None = None
        self._charge = charge
        self._purse = purse
        self._clock = clock
        self._driver = driver
        self._books = books
        self._killed = killed
        self._wake = wake
        self._began: dict[str, Snapshot] = {}
        self._taps: set[str] = set()
        self._landed: dict[str, Intent] = {}

    # -- where it stands -------------------------------------------------------------------------

    async def recover(self) -> None:
        """
        Take up what a predecessor left: what it was sending may have arrived.

        Raises: `StoreError`.
        """
        now_us = self._clock.now().steady_us
        account = self._charge.account
        for intent in await self._purse.intents(account=account, since_us=now_us - DAY_US):
            if intent.progress is Progress.SENDING:
                await self._recover_one(intent)
            self._note_landed(intent)

    async def open_intents(self) -> Sequence[Intent]:
        return await self._purse.intents(account=self._charge.account, open_only=True)

    async def means(self) -> Means:
        """Return what is known of the money of the account. Raises: `StoreError`."""
        now_us = self._clock.now().steady_us
        intents = await self._purse.intents(since_us=now_us - WEEK_US)
        mine = [i for i in intents if self._books.is_mine(i)]
        return Means(
            intents=mine,
            flags=await self._purse.flags(),
            balances=self._books.balances,
            steps=self._books.steps,
            last_us=max((i.changed_us for i in mine), default=0),
            killed=self._killed(),
        )

    def due_us(self, intent: Intent) -> int:
        """Return when *intent* needs a step of its own."""
        if intent.progress is Progress.SENDING:
            return late_at_us(intent)
        return intent.expires_us if intent.progress is Progress.PROPOSED else intent.next_us

    # -- one step --------------------------------------------------------------------------------

    async def carry(self, intent: Intent) -> None:
        """Take *intent* one step on, if one is due. Raises: `StoreError`, `VenueError`."""
        now = self._clock.now()
        match intent.progress:
            case Progress.PROPOSED:
                await self._wait_on(intent, now)
            case Progress.APPROVED:
                await self._send(intent)
            case Progress.SENDING if now.steady_us >= late_at_us(intent):
                # another loop's, or one whose claim was written after the store gave up on it
                await self._recover_one(intent)
            case Progress.ACCEPTED | Progress.UNKNOWN | Progress.HUMAN:
                if now.steady_us >= intent.next_us:
                    await self._look_up(intent)
            case _:
                pass

    def began(self, intent: Intent) -> None:
        """Note the reading that *intent* was proposed from: its arrival is measured by it."""
        assert self.sight is not None
        self._began[intent.id] = self.sight.look.snapshot

    async def approve(self, intent: Intent) -> Intent:
        """
        Approve as much of *intent* as is right now; it stays proposed until a fresh reading tells.

        Raises: `StoreError`.
        """
        sight, now = self.sight, self._clock.now()
        self._taps.add(intent.id)
        if sight is None:
            return intent
        found = topups.reconsider(
            intent,
            sight.look,
            sight.state,
            self._charge.rules,
            await self.means(),
            betas=self._charge.alerts.betas,
            now=now,
        )
        if isinstance(found, Held):
            if found.why is Why.STALE:
                return intent
            return await self.end(intent, Progress.CANCELLED, found.reason)
        amount = self._books.marked(intent, found)
        return await self._driver.put(intent, protocol.approved(intent, amount, now.steady_us))

    async def end(self, intent: Intent, progress: Progress, reason: str) -> Intent:
        """End *intent*, of which nothing was sent. Raises: `StoreError`."""
        ended = protocol.dropped(intent, progress, reason, self._clock.now().steady_us)
        return await self._driver.put(intent, ended)

    async def land(self) -> None:
        """Tell what a proven top-up brought, by the next reading. Raises: `StoreError`."""
        now, sight = self._clock.now(), self.sight
        for intent in list(self._landed.values()):
            read = sight is not None and sight.look.snapshot.taken_at_us > intent.changed_us
            if not read and now.steady_us - intent.changed_us < SIGHT_MAX_US:
                continue
            told = replace(
                intent,
                after=self._value(intent) if read else None,
                evidence=(*intent.evidence, TOLD),
            )
            said = proposals.done(told, now, zone=self._charge.alerts.timezone)
            if await self._purse.advance(intent, told, [said]):
                self._wake()
            del self._landed[intent.id]

    async def _recover_one(self, intent: Intent) -> None:
        moved = protocol.recovered(intent, self._clock.now().steady_us)
        await self._driver.put(intent, moved)

    async def _wait_on(self, intent: Intent, now: Moment) -> None:
        if await self._is_barred(intent, now):
            return
        if intent.mode is Mode.DRY_RUN:
            approved = protocol.approved(intent, intent.amount, now.steady_us)
            await self._driver.put(intent, approved)
        elif now.steady_us >= intent.expires_us:
            await self.end(intent, Progress.EXPIRED, say.ENDED_UNANSWERED)
        elif intent.mode is Mode.REQUEST:
            await self._watch_arrival(intent)
        elif intent.mode is Mode.AUTO or intent.id in self._taps:
            await self.approve(intent)
        elif self._is_calm(intent):
            await self.end(intent, Progress.CANCELLED, say.ENDED_NOT_NEEDED)

    # what was not sent ends where money is held, whoever holds it
    async def _is_barred(self, intent: Intent, now: Moment) -> bool:
        held = barred(await self.means(), now)
        if held is not None:
            await self.end(intent, Progress.CANCELLED, held.reason)
        return held is not None

    async def _watch_arrival(self, intent: Intent) -> None:
        sight = self.sight
        if sight is None or sight.at_us <= intent.created_us:
            return
        snapshot = sight.look.snapshot
        came = sizing.came(intent, self._began.setdefault(intent.id, snapshot), snapshot)
        if came * COME_MIN >= intent.amount:
            reason = say.ENDED_ARRIVED if came >= intent.amount else say.ENDED_LESS_ARRIVED
            found = replace(intent, after=self._value(intent), evidence=(f"{came:f} arrived",))
            now_us = self._clock.now().steady_us
            ended = protocol.dropped(found, Progress.CANCELLED, reason, now_us)
            await self._driver.put(intent, ended)
        elif self._is_calm(intent):
            await self.end(intent, Progress.CANCELLED, say.ENDED_NOT_NEEDED)

    async def _look_up(self, intent: Intent) -> None:
        moved, found = await self._driver.look(intent)
        self._note_landed(moved)
        if self._books.armed and is_due_again(moved, found, self._clock.now()):
            await self._request(moved)

    async def _send(self, intent: Intent) -> None:
        if intent.mode is Mode.DRY_RUN:
            await self.end(intent, Progress.CANCELLED, say.ENDED_DRY_RUN)
            return
        now = self._clock.now()
        if await self._is_barred(intent, now):
            return
        if now.steady_us - intent.changed_us >= APPROVED_LIFE_US:
            await self.end(intent, Progress.CANCELLED, say.ENDED_LATE)
            return
        if not self._books.armed:
            return  # the venue's books come first
        unfit = await self._books.unfit()
        if unfit is not None:
            await self.end(intent, Progress.CANCELLED, unfit.reason)
        elif self._charge.rules.mode not in SENDS:
            await self.end(intent, Progress.CANCELLED, say.ENDED_MODE)
        else:
            await self._request(intent)

    async def _request(self, intent: Intent) -> None:
        await self._books.weigh(intent.route)
        means = await self.means()
        moved = await self._driver.send(intent, lambda ts_ms: self._verdict(intent, means, ts_ms))
        self._note_landed(moved)

    def _verdict(self, intent: Intent, means: Means, ts_ms: int) -> Verdict:
        now, sight = self._clock.now(), self.sight
        objection = ""
        if arming.is_apart(now.steady_us, ts_ms) or arming.is_apart(now.wall_us, ts_ms):
            objection = say.HELD_CLOCK
        elif self._killed():
            objection = say.HELD_KILLED_BY_FILE
        if objection or sight is None:
            return lambda _intents, _flags: objection or say.HELD_UNSEEN_NOW
        return verdict(
            intent,
            self._charge.rules,
            means,
            snapshot=sight.look.snapshot,
            read_at_us=sight.state.last_good_at_us or 0,
            now=now,
        )

    def _note_landed(self, intent: Intent) -> None:
        if intent.progress is Progress.DONE and TOLD not in intent.evidence:
            self._landed[intent.id] = intent

    def _is_calm(self, intent: Intent) -> bool:
        sight = self.sight
        if sight is None or sight.at_us <= intent.created_us:
            return False
        return intent.pool not in sight.state.crossed and not sight.state.blind.misses

    def _value(self, intent: Intent) -> float | None:
        if self.sight is None:
            return None
        reports = {pool.pool: pool for pool in self.sight.look.report.pools}
        report = reports.get(intent.pool)
        return None if report is None else value_of(report, self._charge.rules.measure)
