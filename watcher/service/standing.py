"""
Whether the channel of alerts takes messages at all: a refused token, a chat that shut the bot out.

Rule: a refusal is about the channel, not about a message, so nothing is thrown away over it. Its
two edges are logged, it is noted in the store so that `watcher status` can say since when nobody
hears, and the other roads are told after a minute, and daily while it lasts. A refused send is over
with the next send that arrives; one that a sign of life met, with the next sign of life.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from watcher.domain.alert import MINUTE_US, Message, Moment
from watcher.domain.road import Reach
from watcher.policy import troubles
from watcher.ports import DeliveryError, Refusal, Store, StoreError

TOLD_AFTER_US = MINUTE_US
TOLD_AGAIN_US = 24 * 60 * MINUTE_US

log = structlog.get_logger()


class Standing:
    """
    The channel named *channel* on *road*. `note_due`: the store does not know how it stands now.
    """

    def __init__(self, channel: str, road: Reach) -> None:
        self.refusal: Refusal | None = None
        self.note_due = False
        self._channel = channel
        self._road = road
        self._refused_send = False
        self._accepted = False
        self._due_us = 0

    def refuse(self, error: DeliveryError, now: Moment, *, by_send: bool) -> None:
        self._refused_send |= by_send
        if self.refusal is None:
            log.error("channel.refused", channel=self._channel, reason=error.reason)
            self.refusal = Refusal(reason=error.reason, since_us=now.wall_us)
            self.note_due = True
        elif self.refusal.reason != error.reason:
            self.refusal = replace(self.refusal, reason=error.reason)
            self.note_due = True

    def accept(self, *, by_send: bool) -> None:
        if self._refused_send and not by_send:
            return
        if self.refusal is not None:
            log.info("channel.accepted", channel=self._channel)
        # the first time, what a predecessor noted is over too
        self.note_due |= self.refusal is not None or not self._accepted
        self._accepted = True
        self.refusal = None
        self._refused_send = False
        self._due_us = 0

    def word(self, now: Moment) -> Message | None:
        """Return what the other roads are to be told of this one now; None where they were."""
        if self.refusal is None:
            return None
        self._due_us = self._due_us or now.steady_us + TOLD_AFTER_US
        if now.steady_us < self._due_us:
            return None
        self._due_us = now.steady_us + TOLD_AGAIN_US
        return troubles.refused(self._road, self.refusal.reason, now)

    async def note(self, store: Store) -> None:
        """
        Write the standing down where it changed.

        Raises: `StoreError`; it stays due.
        """
        if self.note_due:
            self.note_due = False
            try:
                await store.refused(self.refusal, self._road)
            except StoreError:
                self.note_due = True
                raise
