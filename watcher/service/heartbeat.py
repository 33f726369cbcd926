"""
The heartbeat: tells somebody outside that the work is done, or at once that it is not.

Rule: this is a loop of its own that nothing waits for, and an end that does not answer is only
tried again. A ping goes out for work seen done, never for time gone by; whether it may is
`policy.pulse`.

    well      a ping each period, at once after a failure
    failing   the reason at once, again each period and when it changes
    neither   nothing: the far side misses us by itself
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.policy import pulse, troubles
from watcher.policy.pulse import Doubt
from watcher.ports import Clock, Ping, PingError, Store
from watcher.service.proof import Watched, accounts_of, unseen

LOOK_S = 5.0
RETRY_S = 15.0
TOLD_AFTER_S = 300.0
TOLD_AGAIN_S = 86_400.0

log = structlog.get_logger()


class Watchdog(Protocol):
    """The checks that fail now, by name, and when they were last looked at."""

    @property
    def faults(self) -> Mapping[str, object]: ...
    @property
    def looked_us(self) -> int | None: ...


class Heartbeat:
    """`run` it supervised, but as no loop that anything depends on."""

    def __init__(
        self,
        *,
        ping: Ping,
        watched: Mapping[str, Watched],
        watchdog: Watchdog,
        store: Store,
        tell: Callable[[Message], None],
        clock: Clock,
        every_s: float,
    ) -> None:
        self._ping = ping
        self._watched = watched
        self._watchdog = watchdog
        self._store = store
        self._tell = tell
        self._clock = clock
        self._every_s = every_s
        self._lost_since_us: int | None = None
        self._said: str | None = None  # the last reason that was taken; "": well
        self._due_us = 0
        self._deaf_since_us: int | None = None
        self._tell_due_us: int | None = None

    async def run(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Send what is due, if anything."""
        now = self._clock.now()
        found = await self._doubt(now)
        if found is not None and not found.firm:
            return
        reason = "" if found is None else found.reason
        edge = self._deaf_since_us is None and reason != self._said
        if edge or now.steady_us >= self._due_us:
            await self._send(reason, now)

    async def _doubt(self, now: Moment) -> Doubt | None:
        looked_us = self._watchdog.looked_us
        if looked_us is None:
            return Doubt(reason="start", firm=False)
        accounts = accounts_of(self._watched)
        lost = len(await unseen(accounts, self._store, now))
        if not lost:
            self._lost_since_us = None
        elif self._lost_since_us is None:
            self._lost_since_us = now.steady_us
        return pulse.doubt(
            faults=self._watchdog.faults.keys(),
            looked_us=looked_us,
            lost=lost,
            accounts=len(accounts),
            lost_since_us=self._lost_since_us,
            now_us=now.steady_us,
        )

    async def _send(self, reason: str, now: Moment) -> None:
        try:
            await (self._ping.fail(reason) if reason else self._ping.ok())
        except PingError as error:
            self._due_us = now.steady_us + round(RETRY_S * SECOND_US)
            self._unheard(str(error), self._clock.now())
            return
        if reason != self._said:
            (log.warning if reason else log.info)("heartbeat.changed", reason=reason or "well")
        self._said = reason
        self._due_us = now.steady_us + round(self._every_s * SECOND_US)
        self._heard(self._clock.now())

    def _unheard(self, reason: str, now: Moment) -> None:
        if self._deaf_since_us is None:
            log.warning("heartbeat.missed", reason=reason)
            self._deaf_since_us = now.steady_us
            self._tell_due_us = now.steady_us + round(TOLD_AFTER_S * SECOND_US)
        assert self._tell_due_us is not None
        if now.steady_us >= self._tell_due_us:
            self._tell(troubles.unpinged(reason, now))
            self._tell_due_us = now.steady_us + round(TOLD_AGAIN_S * SECOND_US)

    def _heard(self, now: Moment) -> None:
        if self._deaf_since_us is None:
            return
        log.info("heartbeat.recovered")
        if now.steady_us - self._deaf_since_us >= TOLD_AFTER_S * SECOND_US:
            self._tell(troubles.pinged_again(now))
        self._deaf_since_us = None
        self._tell_due_us = None
