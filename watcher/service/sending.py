"""
One try: a message out through one channel, within its road's budget, and what an error means.

Rule: a text refused for good is tried once more bare, without spans or buttons. Whether to try
again, and what becomes of the row, is `deliver`'s to know.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from watcher.domain.alert import SECOND_US, Lane, Message, Moment, Text
from watcher.policy.waiting import late
from watcher.ports import Channel, Clock, DeliveryError, Key, Share, share_of
from watcher.service.roads import Road

AMBIGUOUS_WAIT_S = 3.0
LONG_HOLD_US = 15 * SECOND_US

log = structlog.get_logger()


class Sender:
    """
    Sends on *channel*. `contact_us` is when the far side last confirmed something, `refused`
    whether it last took no message at all, `failures` counts the tries that failed.
    """

    def __init__(self, channel: Channel, clock: Clock, *, per_minute: int, zone: str) -> None:
        self.contact_us: int | None = None
        self.refused = False
        self.failures = 0
        self._channel = channel
        self._clock = clock
        self._zone = zone
        self._road = Road(per_minute)

    @property
    def name(self) -> str:
        return self._channel.name

    def free_at_us(self, share: Share, now: Moment) -> int:
        return self._road.free_at_us(share, now.steady_us)

    def is_shut(self, now: Moment) -> bool:
        """Return whether nothing will leave here soon."""
        return self.refused or self._road.held_until_us - now.steady_us > LONG_HOLD_US

    def is_short(self, now: Moment) -> bool:
        """Return whether so few sends are left that each has to tell all that belongs together."""
        return self._road.is_short(now.steady_us)

    def recall(self, sends_us: Sequence[int]) -> None:
        """Count what was sent before this process began: a restart is no new minute."""
        self._road.sends_us.extend(sends_us)

    async def send(self, message: Message, keys: Sequence[Key] = ()) -> str:
        """
        Send *message* and return its receipt.

        Raises: `DeliveryError`.
        """
        now = self._clock.now()
        text = late(message, now, zone=self._zone) if message.lane <= Lane.BLIND else message.text
        try:
            return await self._send(message, text, keys)
        except DeliveryError as error:
            if not error.permanent or not (text.bold or text.fixed or keys):
                raise
            log.warning("message.bared", key=message.key, reason=error.reason)
            return await self._send(message, Text(plain=text.plain), ())

    async def _send(self, message: Message, text: Text, keys: Sequence[Key]) -> str:
        share = share_of(message)
        # an edit that finds nothing to edit is a message like others
        self._road.spend(Share.REST if share is Share.EDIT else share, self._clock.now().steady_us)
        silent = message.silent or message.edits
        receipt = await self._channel.send(text, silent=silent, keys=keys, picture=message.picture)
        self._confirmed()
        self.refused = False
        self._road.delivered()
        log.info(
            "message.delivered",
            key=message.key,
            kind=message.kind.value,
            tier=message.tier.name.lower(),
            channel=self.name,
            waited_ms=(self._clock.now().steady_us - message.created_at_us) // 1000,
        )
        return receipt

    async def edit(self, receipt: str, message: Message, keys: Sequence[Key]) -> None:
        """
        Put *message* in the place of what *receipt* is of.

        Raises: `DeliveryError`.
        """
        self._road.spend(Share.EDIT, self._clock.now().steady_us)
        await self._channel.edit(receipt, message.text, keys=keys)
        self._confirmed()
        log.debug("message.edited", key=message.key, channel=self.name)

    async def pin(self, receipt: str) -> None:
        """Keep what *receipt* is of in sight, where that can be done."""
        try:
            await self._channel.pin(receipt)
        except DeliveryError as error:
            log.info("message.unpinned", channel=self.name, reason=error.reason)

    def hold(self, message: Message, error: DeliveryError) -> int:
        """Return when to try again, and keep the road closed until then where all would fail."""
        self.failures += 1
        now_us = self._clock.now().steady_us
        if error.permanent:
            return now_us
        if error.ambiguous:
            return now_us + round(AMBIGUOUS_WAIT_S * SECOND_US)
        share = share_of(message)
        wait_s = self._road.wait_s(share, error)
        until_us = self._road.hold(share, now_us, wait_s)
        if not error.refused:
            log.warning(
                "message.deferred", channel=self.name, retry_after_s=wait_s, reason=error.reason
            )
            return until_us
        self.refused |= share not in {Share.REPLY, Share.EDIT}
        # the road waits, not the row: whatever is worst by then goes first, also after a restart
        return 0 if share is not Share.EDIT else until_us

    def _confirmed(self) -> None:
        self.contact_us = self._clock.now().steady_us
