"""
The money loop of one account: from what a poll saw to a top-up that is proven, or is not made.

Rule: alerts fail open, money fails closed. What is not known, not fresh or not written down moves
nothing, and nothing here ever touches a tier. Each round does its parts one after the other, each
by itself: a part that fails holds up no other, and is tried again.

    what is open goes on ─► key, caps and books when due ─► a new proposal ─► what landed is told

    dry_run   told, ends as cancelled                ask    waits for a press, 15 min
    request   told, its arrival is watched           auto   approved at once, sent

Whether and how much is `policy.topups`, how an intent moves `policy.protocol`, its steps
`carrying`, the send section `driver`, what must be in order before `books`. Two loops on one ledger
double nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from watcher.domain.account import Snapshot
from watcher.domain.alert import MINUTE_US, SECOND_US, AccountState, Message
from watcher.domain.topup import Intent, Mode, Progress
from watcher.margin import BookError
from watcher.policy import messages as say
from watcher.policy import proposals, topups
from watcher.policy.looking import look
from watcher.policy.means import Held, Why
from watcher.policy.sizing import Proposal
from watcher.ports import Bell, Clock, Purse, StoreError, VenueError
from watcher.service.books import Books, Charge
from watcher.service.carrying import Carrier, Sight
from watcher.service.driver import Driver
from watcher.service.standstill import Standstill
from watcher.service.switches import Switches

IDLE_S = 5.0
ROUND_MIN_S = 0.5
PROPOSED_LIFE_US = 15 * MINUTE_US

log = structlog.get_logger()


class Fund:
    """
    `run` it supervised, hand it every reading by `seen`, the presses of people by `decided`.

    *queue* keeps a message to send, *tell* sends one from memory, *wake* says that the outbox has
    rows. *switches* are shared by the loops of all accounts.
    """

    def __init__(
        self,
        charge: Charge,
        *,
        purse: Purse,
        clock: Clock,
        queue: Callable[[Message], Awaitable[None]],
        tell: Callable[[Message], None],
        wake: Callable[[], None],
        switches: Switches,
    ) -> None:
        self._charge = charge
        self._purse = purse
        self._clock = clock
        self._wake = wake
        self._bell = Bell()
        self._turn = asyncio.Lock()
        self._news: tuple[AccountState, Snapshot] | None = None
        self._stopping = False
        self._recovered = False
        self._failing: set[str] = set()
        zone = charge.alerts.timezone
        driver = Driver(
            money=charge.money,
            purse=purse,
            clock=clock,
            telling=lambda was, moved, now: proposals.moved(was, moved, now, zone=zone),
            held=switches.killed,
            tell=tell,
            wake=wake,
        )
        self._books = Books(charge, purse=purse, clock=clock, wake=wake, switches=switches)
        self._carrier = Carrier(
            charge,
            purse=purse,
            clock=clock,
            driver=driver,
            books=self._books,
            killed=switches.killed,
            wake=wake,
        )
        self._standstill = Standstill(charge, clock=clock, queue=queue, wake=wake)
        self._log = log.bind(account=charge.account)

    def seen(self, state: AccountState, snapshot: Snapshot) -> None:
        """Take what a poll brought and led to; the newest counts."""
        self._news = (state, snapshot)
        self._bell.ring()

    def stop(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._stopping = True
        self._bell.ring()

    async def run(self) -> None:
        while not self._stopping:
            wait_s = await self.round()
            if not self._stopping:
                await self._clock.wait(self._bell, wait_s)

    async def round(self) -> float:
        """Do all that is due once; return how long nothing is."""
        async with self._turn:
            if not self._recovered:
                self._recovered = await self._safely("recover", self._carrier.recover())
            if self._recovered:
                fresh = self._look()
                await self._safely("carry", self._carry())
                await self._safely("check", self._books.check())
                if fresh:
                    await self._safely("propose", self._propose())
                await self._safely("land", self._carrier.land())
            return await self._wait_s()

    async def decided(self, intent_id: str, *, yes: bool, user_id: int) -> str:
        """
        Take a person's yes or no to a proposal and return the line that says the new state.

        Raises: `StoreError`.
        """
        async with self._turn:
            intent = await self._named(intent_id)
            if intent is None or intent.progress is not Progress.PROPOSED:
                return proposals.standing(intent)
            self._log.info("intent.decided", intent=intent_id, yes=yes, user_id=user_id)
            self._look()
            if yes:
                moved = await self._carrier.approve(intent)
            else:
                moved = await self._carrier.end(intent, Progress.DENIED, "denied")
        self._bell.ring()
        return proposals.standing(moved)

    def _look(self) -> bool:
        news, self._news = self._news, None
        if news is None:
            return False
        state, snapshot = news
        try:
            found = look(snapshot, self._charge.alerts)
        except BookError:
            return False
        self._books.snapshot = snapshot
        self._books.owner = None if state.key is None else state.key.uid
        self._carrier.sight = Sight(state=state, look=found, at_us=self._clock.now().steady_us)
        return True

    async def _carry(self) -> None:
        for intent in await self._carrier.open_intents():
            if not self._stopping:
                await self._safely(f"carry:{intent.id}", self._carrier.carry(intent))

    async def _propose(self) -> None:
        sight = self._carrier.sight
        assert sight is not None
        if sight.state.crossed:
            await self._books.weigh()
        else:
            await self._books.weigh_when_due()
        if self._stopping:
            return
        means = await self._carrier.means()
        held = self._books.objection
        if held is not None:
            pool = topups.in_need(sight.look, sight.state, self._charge.rules)
            await self._standstill.note(replace(held, pool=pool), sight, means)
            return
        found = topups.propose(
            sight.look,
            sight.state,
            self._charge.rules,
            means,
            betas=self._charge.alerts.betas,
            now=self._clock.now(),
        )
        if isinstance(found, Held):
            await self._standstill.note(found, sight, means)
            return
        try:
            await self._open(found)
        except VenueError:
            held = Held(why=Why.UNREAD, reason=say.HELD_BOOKS_UNREAD, pool=found.pool)
            await self._standstill.note(held, sight, means)
            raise
        self._standstill.over()

    async def _open(self, found: Proposal) -> None:
        intent = await self._books.intent(found, PROPOSED_LIFE_US)
        now, zone = self._clock.now(), self._charge.alerts.timezone
        said = proposals.proposed(found, intent, now, zone=zone)
        if not await self._purse.propose(intent, [said]):
            self._log.info("intent.refused", intent=intent.id, reason="one is open already")
            return
        self._log.info(
            "intent.proposed",
            intent=intent.id,
            mode=intent.mode.value,
            verb=intent.route.verb.value,
            amount=f"{intent.amount:f}",
            asset=intent.route.asset,
        )
        self._carrier.began(intent)
        self._wake()
        if intent.mode in (Mode.AUTO, Mode.DRY_RUN):
            await self._carry()  # to approved
            await self._carry()  # to the venue

    async def _named(self, intent_id: str) -> Intent | None:
        found = await self._purse.intents(account=self._charge.account)
        return next((one for one in found if one.id == intent_id), None)

    async def _wait_s(self) -> float:
        now_us = self._clock.now().steady_us
        try:
            due = [self._carrier.due_us(one) for one in await self._carrier.open_intents()]
        except StoreError:
            return IDLE_S
        soonest_s = (min(due, default=now_us) - now_us) / SECOND_US if due else IDLE_S
        return min(max(soonest_s, ROUND_MIN_S), IDLE_S)

    async def _safely(self, part: str, work: Awaitable[None]) -> bool:
        """Do *work*; what fails is logged at its edge and tried again. Return whether it did."""
        try:
            await work
        except (StoreError, VenueError) as error:
            if part not in self._failing:
                self._log.warning("money.stalled", part=part, reason=str(error))
            self._failing.add(part)
            return False
        except Exception:  # noqa: BLE001 - one part's defect must not hold up another
            self._log.exception("money.failed", part=part)
            return False
        self._failing.discard(part)
        return True
