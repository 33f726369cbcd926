"""
The self-test: every six hours a made-up account goes through critical, and its word goes out.

Rule: a job of the scheduler's. What is judged is `policy.canary`; the verdict goes out in the
pinned proof of life, through store, outbox and chat, and only what arrived there is passed: nobody
need hear four times a day that nothing is wrong. Without a proof of life only the judging is
tested. A failure is told at once, and tried again before long: one that came late is looked for
each minute, so that the ping outside is not withheld for longer than nothing arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import structlog

from watcher.domain.alert import SECOND_US, AlertRules, Kind, Message, Moment
from watcher.policy import canary, troubles
from watcher.policy import messages as say
from watcher.policy.canary import SelfTest
from watcher.ports import Clock, Store, StoreError

EVERY_S = 6 * 3600.0
AGAIN_S = 900.0
LOOK_S = 60.0
ARRIVED_S = 900.0
"""Three proofs of life: one that is late is no failure."""

log = structlog.get_logger()


class Canary:
    """
    `sing` is the job to schedule; `tested` is how the last test went, None before it.

    *rules* are what accounts are judged by; *pinned*: there is a proof of life.
    """

    def __init__(
        self,
        *,
        rules: Collection[AlertRules],
        store: Store,
        tell: Callable[[Message], None],
        clock: Clock,
        pinned: bool,
    ) -> None:
        # a hundred accounts with the same lines are one test
        self._rules = list({repr((one.ladders, one.betas)): one for one in rules}.values())
        self._store = store
        self._tell = tell
        self._clock = clock
        self._pinned = pinned
        self._sung_us: int | None = None
        self._missed_us: int | None = None
        self.tested: SelfTest | None = None

    def wrong(self) -> str:
        """Return what the last test found wrong; "": nothing."""
        return "" if self.tested is None else self.tested.wrong

    async def sing(self) -> float:
        """Test what is due; return the seconds until the next look."""
        now = self._clock.now()
        if self._sung_us is not None:
            since_us, self._sung_us = self._sung_us, None
            try:
                arrived = await self._arrived(since_us)
            except StoreError as error:
                # not known is not failed; that the store fails is told by the watchdog
                log.info("canary.unread", reason=str(error))
                self._sung_us = since_us
                return LOOK_S
            if not arrived:
                self._miss(now)
                self._sung_us = since_us
                return LOOK_S
            self._missed_us = None
            self.tested = SelfTest(at_us=now.wall_us, wrong="")
            return EVERY_S - ARRIVED_S
        wrong = await self._judged(now)
        if wrong:
            self._fail(wrong, now, judged=False)
            return AGAIN_S
        self.tested = SelfTest(at_us=now.wall_us, wrong="")
        log.info("canary.passed", rules=len(self._rules))
        if not self._pinned:
            return EVERY_S
        self._sung_us = now.steady_us
        return ARRIVED_S

    async def _judged(self, now: Moment) -> str:
        try:
            for rules in self._rules:
                wrong = canary.trial(rules, now)
                if wrong:
                    return wrong
                await asyncio.sleep(0)  # each takes a tenth of a second: others get their turn
        except Exception as error:
            log.exception("canary.broken")
            return say.TROUBLE_FAULT.format(error=type(error).__name__)
        return ""

    async def _arrived(self, since_us: int) -> bool:
        told = await self._store.told(since_us=since_us)
        return any(one.kind is Kind.PROOF and one.arrived for one in told)

    def _miss(self, now: Moment) -> None:
        told_us = self._missed_us
        if told_us is None or now.steady_us - told_us >= AGAIN_S * SECOND_US:
            self._missed_us = now.steady_us
            self._fail(say.TROUBLE_CANARY_UNSENT, now, judged=True)

    def _fail(self, wrong: str, now: Moment, *, judged: bool) -> None:
        log.error("canary.failed", reason=wrong)
        self.tested = SelfTest(at_us=now.wall_us, wrong=wrong)
        self._tell(troubles.canary_failed(wrong, now, judged=judged))
