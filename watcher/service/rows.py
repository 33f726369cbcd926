"""
The outbox of one road, as its deliverer works with it: a store that fails costs memory, not alerts.

Rule: no verb here raises `StoreError`. What arrived is remembered by key, so that a row whose mark
was lost is marked again and not sent twice. What was said from memory takes the place of older rows
as a newer row would: the store that could not take it does not know.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Collection, Sequence
from typing import TypeVar

import structlog

from watcher.domain.alert import MINUTE_US, SECOND_US, Lane, Message, Moment
from watcher.domain.road import Reach
from watcher.ports import Claim, Clock, Due, Pressable, Share, Store, StoreError, strand_of

FAIL_OVER_US = 15 * SECOND_US
"""With a look every 5 s at most, another road is on its way within 20 s."""
GROUP_OTHERS_MIN = 3
GROUP_ROWS_MAX = 40
"""The longest lines there are, so many times, fill one message of Telegram's."""
FOLD_AFTER_US = 10 * MINUTE_US
FOLD_ROWS_MAX = 50
KEYS_KEPT = 2000

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

log = structlog.get_logger()


class Rows:
    """The rows of *road* in *store*. `failing`: the last verb failed; `sent`: receipts by key."""

    def __init__(self, store: Store, road: Reach, clock: Clock) -> None:
        self.failing = False
        self.sent: OrderedDict[str, str | None] = OrderedDict()
        self._doubted: OrderedDict[str, int] = OrderedDict()
        self._spoken: OrderedDict[tuple[str, str, str], Message] = OrderedDict()
        self._store = store
        self._road = road
        self._clock = clock

    async def take_over(self, now: Moment, *, shut: bool) -> bool:
        """
        Queue here what earlier roads do not deliver; *shut*: the one before takes nothing. Tell
        whether there was any.
        """
        late_us = now.steady_us - FAIL_OVER_US
        try:
            taken = await self._store.take_over(self._road, now, late_us=late_us, shut=shut)
        except StoreError as error:
            self.failed(error)
            return False
        if taken:
            log.warning("message.detoured", road=self._road.road)
        return taken

    async def next(self, now: Moment, shares: Collection[Share]) -> Claim | None:
        try:
            claims = await self._store.claim(now, limit=1, road=self._road, shares=shares)
        except StoreError as error:
            self.failed(error)
            return None
        return claims[0] if claims else None

    async def others(self, first: Claim, now: Moment, *, short: bool) -> tuple[list[Claim], bool]:
        """
        Claim the rows told together with *first*; the flag says they are to be folded, being old.

        *short* of sends: already two of a group are told as one.
        """
        before_us = now.steady_us - FOLD_AFTER_US
        old = first.message.lane > Lane.BLIND and first.message.created_at_us < before_us
        found: Sequence[Claim] = ()
        try:
            if old:
                found = await self._store.claim(
                    now,
                    limit=FOLD_ROWS_MAX,
                    road=self._road,
                    shares=(Share.REST,),
                    created_before_us=before_us,
                )
            elif first.message.group:
                found = await self._store.claim_group(
                    first,
                    now,
                    at_least=1 if short else GROUP_OTHERS_MIN,
                    limit=GROUP_ROWS_MAX - 1,
                )
        except StoreError as error:
            self.failed(error)
        fresh = []
        for each in found:
            if each.message.key in self.sent:
                await self.mark(each, self.sent[each.message.key], single=False)
            elif self.is_overtaken(each.message):
                await self.retire(each)
            else:
                fresh.append(each)
        return fresh, old

    def spoke(self, message: Message) -> None:
        """Remember that *message* was sent from memory."""
        if message.incident:
            _keep(self._spoken, _thing(message), message)

    def is_overtaken(self, message: Message) -> bool:
        """Tell whether what was sent from memory is newer than *message*, and at least as bad."""
        newer = self._spoken.get(_thing(message))
        if newer is None or newer.created_at_us <= message.created_at_us:
            return False
        return message.lane > Lane.BLIND or newer.tier >= message.tier

    def arrived(self, key: str, receipt: str | None) -> None:
        """Remember that *key* was sent; no *receipt*: it may have arrived."""
        _keep(self.sent, key, receipt)

    def doubted(self, key: str) -> int:
        """Count a send of *key* that may have arrived; return how many there were."""
        count = self._doubted.get(key, 0) + 1
        _keep(self._doubted, key, count)
        return count

    async def mark(self, claim: Claim, receipt: str | None, *, single: bool = True) -> None:
        now = self._clock.now()
        await self._asked(self._store.delivered(claim.id, receipt, now, single=single))

    async def postpone(
        self, claim: Claim, until_us: int, reason: str, *, copied: bool = False
    ) -> None:
        await self._asked(self._store.postpone(claim.id, until_us, reason, copied=copied))

    async def abandon(self, claim: Claim, reason: str) -> None:
        log.error("message.abandoned", key=claim.message.key, reason=reason)
        await self._asked(self._store.abandon(claim.id, reason))

    async def retire(self, claim: Claim) -> None:
        """Let go of what a newer word took the place of."""
        await self._asked(self._store.drop(claim.id))

    async def drop(self, claim: Claim) -> None:
        """Let go of an edit that found nothing to edit."""
        await self._asked(self._store.drop(claim.id, forget=claim.edit_of))

    async def keep_buttons(self, claim: Claim, buttons: Sequence[Pressable]) -> bool:
        return await self._asked(self._store.keep_buttons(claim.id, buttons))

    async def lately(self, now: Moment) -> Sequence[int]:
        """Return when this road was used in the last minute, by whoever was here before."""
        try:
            return await self._store.sends(self._road, now)
        except StoreError as error:
            self.failed(error)
            return ()

    async def due(self, now: Moment) -> Due | None:
        """Return when rows may go out; None: the store does not tell."""
        try:
            due = await self._store.due(self._road, now)
        except StoreError as error:
            self.failed(error)
            return None
        if self.failing:
            self.failing = False
            log.info("outbox.recovered")
        return due

    async def _asked(self, verb: Awaitable[object]) -> bool:
        try:
            await verb
        except StoreError as error:
            self.failed(error)
            return False
        return True

    def failed(self, error: StoreError) -> None:
        if not self.failing:
            log.error("outbox.failed", reason=str(error))
        self.failing = True


def _keep(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    if len(kept) > KEYS_KEPT:
        kept.popitem(last=False)


def _thing(message: Message) -> tuple[str, str, str]:
    return message.account, message.incident, strand_of(message)
