"""
One intent's way to the venue and back: the send section and the look-ups, in their order.

Rule: nothing is sent that is not written down first, and the request carries the time stamp written
there. A process may die between any two of these lines, and none of them may trade places:

    1  ts = the venue's time
    2  ONE transaction: the verdict on caps, floor, flags and freshness; SENDING with ts
    3  too late since ts, or held meanwhile: nothing was sent, and that is written
    4  one request, signed with ts
    5  what its answer proves is written

Every call to the venue ends by its deadline; a request that does may have arrived. Whether an
intent is right is judged in `policy`; what a call raises that it may not counts as no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.domain.topup import Answer, Answered, Found, Intent, Lookup, Progress
from watcher.policy import messages as say
from watcher.policy import protocol
from watcher.policy.money_notes import unwritten
from watcher.ports import Clock, Money, Purse, StoreError, VenueError, Verdict

CALL_DEADLINE_S = 4.0
SEND_DEADLINE_S = 8.0
"""With what is written afterwards, an outcome nobody knows is told within fifteen seconds."""

log = structlog.get_logger()

T = TypeVar("T")

Telling = Callable[[Intent, Intent, Moment], Sequence[Message]]
"""What to say when an intent moved from one state to another."""


class Driver:
    """
    Carries the intents of one account. `held` tells at any moment whether money must stand still;
    *tell* says from memory what the store could not take, *wake* that there is something to say.
    """

    def __init__(
        self,
        *,
        money: Money,
        purse: Purse,
        clock: Clock,
        telling: Telling,
        held: Callable[[], bool],
        tell: Callable[[Message], None],
        wake: Callable[[], None],
    ) -> None:
        self._money = money
        self._purse = purse
        self._clock = clock
        self._telling = telling
        self._held = held
        self._tell = tell
        self._wake = wake
        self._log = log.bind(account=money.account)

    async def send(self, intent: Intent, verdict: Callable[[int], Verdict]) -> Intent:
        """
        Take *intent* through the send section; *verdict* judges it at a time of the venue (ms).

        Raises: `StoreError` when it cannot be claimed, `VenueError` when the venue's time is not
        known: nothing was sent then.
        """
        ts_ms = await within(CALL_DEADLINE_S, self._money.now_ms())
        began = self._clock.now()
        claimed = await self._purse.claim_sending(intent, ts_ms, verdict(ts_ms), began)
        if isinstance(claimed, str):
            return await self._objected(intent, claimed)
        if self._held() or await self._is_late(claimed, began):
            moved = protocol.unsent(claimed, self._clock.now().steady_us)
        else:
            answer = await self._post(claimed, ts_ms)
            moved = protocol.answered(claimed, answer, self._clock.now().steady_us)
        return await self.put(claimed, moved)

    async def look(self, intent: Intent) -> tuple[Intent, Found]:
        """
        Ask the venue's books for *intent* and return it as it is then known to be.

        Raises: `StoreError`.
        """
        lookup = await self._looked_up(intent)
        venue_ms = await self._venue_ms(intent)
        now_us = self._clock.now().steady_us
        moved = protocol.looked_up(intent, lookup, now_us, venue_ms)
        return await self.put(intent, moved), lookup.found

    async def put(self, was: Intent, moved: Intent) -> Intent:
        """
        Write *moved* in the place of *was*, with what is to be said of it.

        Raises: `StoreError`, after what must be heard was said from memory.
        """
        now = self._clock.now()
        said = self._telling(was, moved, now)
        try:
            kept = await self._purse.advance(was, moved, said)
        except StoreError as error:
            self._log.error("intent.unwritten", intent=was.id, reason=str(error))
            for message in said:
                self._tell(message)
            if was.progress is Progress.SENDING:
                self._tell(unwritten(moved, now))
            raise
        if not kept:
            self._log.warning("intent.overtaken", intent=was.id, progress=moved.progress.value)
            return was
        if was.progress is not moved.progress:
            self._log.info(
                "intent.moved",
                intent=moved.id,
                was=was.progress.value,
                progress=moved.progress.value,
                amount=f"{moved.amount:f}",
                asset=moved.route.asset,
                reason=moved.reason,
            )
        if said:
            self._wake()
        return moved

    # what may be sent later stays as it is; a first request that may not be sent is over
    async def _objected(self, intent: Intent, words: str) -> Intent:
        self._log.warning("intent.refused", intent=intent.id, reason=words)
        if intent.progress is not Progress.APPROVED:
            return intent
        now_us = self._clock.now().steady_us
        dropped = protocol.dropped(intent, Progress.CANCELLED, words, now_us)
        return await self.put(intent, dropped)

    # two clocks, the worse counts: a process that slept must not trust the one it slept with
    async def _is_late(self, claimed: Intent, began: Moment) -> bool:
        assert claimed.ts_sign_ms is not None
        half_ms = self._money.window_ms(claimed.route.verb) / 2
        try:
            venue_ms = await within(CALL_DEADLINE_S, self._money.now_ms())
        except VenueError as error:
            self._log.warning("intent.held", intent=claimed.id, reason=error.reason)
            return True
        ours_ms = (self._clock.now().steady_us - began.steady_us) / 1000
        return max(venue_ms - claimed.ts_sign_ms, ours_ms) > half_ms

    async def _post(self, claimed: Intent, ts_ms: int) -> Answer:
        try:
            async with asyncio.timeout(SEND_DEADLINE_S):
                return await self._money.send(claimed, ts_ms)
        except TimeoutError:
            words = say.NO_ANSWER_IN.format(seconds=SEND_DEADLINE_S)
        except Exception as error:  # noqa: BLE001 - logged; the request may be on its way
            self._log.exception("money.failed")
            words = say.FAULT_IN_WATCHER.format(error=type(error).__name__)
        return Answer(answered=Answered.UNKNOWN, code="", words=words)

    async def _looked_up(self, intent: Intent) -> Lookup:
        try:
            async with asyncio.timeout(CALL_DEADLINE_S):
                return await self._money.lookup(intent)
        except TimeoutError:
            return Lookup(found=Found.UNANSWERED)
        except Exception:  # noqa: BLE001 - logged with its trace, proves nothing
            self._log.exception("money.failed")
            return Lookup(found=Found.UNANSWERED)

    # without the venue's time nothing settles: its own stamp says that no time has passed
    async def _venue_ms(self, intent: Intent) -> int:
        assert intent.ts_sign_ms is not None
        try:
            return await within(CALL_DEADLINE_S, self._money.now_ms())
        except VenueError:
            return intent.ts_sign_ms


async def within(seconds: float, call: Awaitable[T]) -> T:
    """
    Return what *call* to a venue brings by then.

    Raises: `VenueError`, also where nothing came.
    """
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise VenueError(f"no answer in {seconds:g} s") from error


def is_due_again(intent: Intent, found: Found, now: Moment) -> bool:
    """Tell whether the request may go out again under its id, after a look that found nothing."""
    waited_us = now.steady_us - intent.changed_us
    return (
        protocol.is_repeatable(intent)
        and found in (Found.NOT_FOUND, Found.UNANSWERED)
        and waited_us >= protocol.wait_us(intent.sends)
    )


def late_at_us(intent: Intent) -> int:
    """Return when a request still under way here is taken for one whose sender is gone."""
    return intent.changed_us + round((CALL_DEADLINE_S + SEND_DEADLINE_S) * SECOND_US)
