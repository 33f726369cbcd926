"""
Why no top-up is made: to the log at each change, to people where one is needed.

Rule: a reason is told once for each incident, at most every hour, and only when it has stood for a
while. What was told before a restart is known to the outbox, by the key of the message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from watcher.domain.alert import Message
from watcher.policy import unhelped
from watcher.policy.means import Held, Means, Why
from watcher.ports import Clock
from watcher.service.books import Charge
from watcher.service.carrying import Sight

log = structlog.get_logger()


class Standstill:
    """What holds the top-ups of one account now, since when, and what of it was told."""

    def __init__(
        self,
        charge: Charge,
        *,
        clock: Clock,
        queue: Callable[[Message], Awaitable[None]],
        wake: Callable[[], None],
    ) -> None:
        self._charge = charge
        self._clock = clock
        self._queue = queue
        self._wake = wake
        self._now: tuple[str, Why] | None = None
        self._since_us = 0
        self._told: dict[tuple[str, str, Why], int] = {}
        self._log = log.bind(account=charge.account)

    def over(self) -> None:
        """Take it that one is made."""
        self._now = None

    async def note(self, held: Held, sight: Sight, means: Means) -> None:
        """
        Log that *held* is why none is made, and tell it where that is due.

        Raises: `StoreError`.
        """
        now = self._clock.now()
        known = self._now is not None and self._now[1] is held.why
        (self._log.debug if known else self._log.info)(
            "topup.held", why=held.why.value, reason=held.reason
        )
        if self._now != (held.pool, held.why):
            self._now, self._since_us = (held.pool, held.why), now.steady_us
        if now.steady_us - self._since_us < unhelped.SETTLED_US or not unhelped.is_news(
            held, means
        ):
            return
        message = unhelped.told(held, sight.look, sight.state, self._charge.rules, now)
        self._told = {
            one: at_us
            for one, at_us in self._told.items()
            if now.steady_us - at_us < unhelped.REPEAT_US
        }
        said = (message.incident, held.pool, held.why)
        if said not in self._told:
            await self._queue(message)
            self._told[said] = now.steady_us
            self._wake()
