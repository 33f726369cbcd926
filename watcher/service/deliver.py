"""
Delivery: from the outbox to the person, worst lane first, at least once.

Rule: a row is claimed, sent, then marked; a crash between repeats it under the same key and code.
Two sources feed the loop: the store's outbox, and a queue in memory for replies and for alerts the
store could not take. Each road (a chat) has a budget of sends per minute (`roads`) and holds:

    the far side said             the row                              the road
    ok                            sent                                 free
    wait N s                      queued until then                    held exactly N s
    may have arrived, tier ≥ critical  again after 3 s, 3 copies at most    free
    may have arrived, below       counts as sent                       free
    never like this               once as bare text, then abandoned    free
    no message at all (token, chat)  queued                            held 15, 30, 60, 60 s …
    no connection                 queued                               held 1, 2, 4, 8, 15 s

Rows of lanes 2 to 4 that waited over ten minutes are folded into one summary. A reply that could
not leave within ten seconds is dropped for one line: figures are fresh or not told.

Nothing here judges: what is said and in which lane was decided before.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict

import structlog

from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Lane, Message, Moment, Text, Tier
from watcher.policy.grouping import folded
from watcher.ports import (
    Backlog,
    Bell,
    Channel,
    Claim,
    Clock,
    DeliveryError,
    Store,
    StoreError,
)
from watcher.service.roads import SENDS_PER_MINUTE, Road, lane_of
from watcher.service.spoken import Spoken, busy
from watcher.service.standing import Standing

AMBIGUOUS_WAIT_S = 3.0
COPIES_MAX = 3
FOLD_AFTER_US = 10 * MINUTE_US
FOLD_ROWS_MAX = 50
IDLE_S = 60.0
STORE_RETRY_S = 5.0
MEMORY_MAX = 200
KEYS_KEPT = 2000

log = structlog.get_logger()


class Deliverer:
    """
    Sends what the store queues and what `tell` hands over. `run` is a loop; `wake` rings it.

    `contact_us` is when the far side last confirmed a message.
    """

    def __init__(
        self,
        *,
        store: Store,
        channel: Channel,
        clock: Clock,
        per_minute: int = SENDS_PER_MINUTE,
    ) -> None:
        self.contact_us: int | None = None
        self._store = store
        self._channel = channel
        self._clock = clock
        self._per_minute = per_minute
        self._bell = Bell()
        self._stopping = False
        self._roads: dict[str, Road] = {}
        self._memory: list[Spoken] = []
        self._told = 0
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._store_failing = False
        self._standing = Standing(channel.name)

    def wake(self) -> None:
        self._bell.ring()

    def tell(self, message: Message, *, channel: Channel | None = None) -> None:
        """Send *message* from memory: a reply on its own road, or an alert the store lost."""
        if message.key in self._sent or any(s.message.key == message.key for s in self._memory):
            return
        self._remember(message, channel or self._channel)
        self.wake()

    def _remember(self, message: Message, channel: Channel, *, busy_line: bool = False) -> None:
        self._told += 1
        spoken = Spoken(message=message, channel=channel, number=self._told, busy_line=busy_line)
        bisect.insort(self._memory, spoken, key=Spoken.rank)
        if len(self._memory) > MEMORY_MAX:
            dropped = self._memory.pop()
            log.error("message.dropped", key=dropped.message.key, waiting=MEMORY_MAX)

    def warmed(self, error: DeliveryError | None) -> None:
        """Take what a sign of life, asked for elsewhere, says about the channel of alerts."""
        if error is None:
            self._standing.accept(by_send=False)
        elif error.refused:
            self._standing.refuse(error, self._clock.now(), by_send=False)
        if self._standing.note_due:
            self.wake()

    def urgent_since_us(self) -> int | None:
        """Return the age of the oldest alert of lanes 0 and 1 that waits in memory."""
        urgent = [s.message.created_at_us for s in self._memory if s.message.lane <= Lane.BLIND]
        return min(urgent, default=None)

    async def run(self) -> None:
        """Deliver until `stop`; a row in hand is finished first."""
        while not self._stopping:
            wait_s = await self._round()
            if not self._stopping:
                await self._clock.wait(self._bell, wait_s)
        await self._note()

    def stop(self) -> None:
        self._stopping = True
        self.wake()

    async def _round(self) -> float:
        """Send all that may go out now; return how long nothing is due."""
        while not self._stopping:
            await self._note()
            now = self._clock.now()
            spoken = self._next_spoken(now)
            # a store that fails may fail slowly: what is in memory does not wait for it
            skip = spoken is not None and self._store_failing
            claim = None if skip else await self._claimed(now)
            spoken = self._next_spoken(self._clock.now())
            if claim is not None and (spoken is None or spoken.gives_way_to(claim)):
                await self._send_claim(claim)
            elif spoken is not None:
                if claim is not None:
                    await self._release(claim, now)
                await self._send_spoken(spoken)
            else:
                return await self._wait_s(now)
        return 0.0

    # -- choosing ------------------------------------------------------------------------------

    async def _claimed(self, now: Moment) -> Claim | None:
        lanes = self._open_lanes(now)
        if lanes is None:
            return None
        try:
            claims = await self._store.claim(now, limit=1, lanes=lanes)
        except StoreError as error:
            self._store_failed(error)
            return None
        if self._store_failing:
            self._store_failing = False
            log.info("outbox.recovered")
        return claims[0] if claims else None

    def _open_lanes(self, now: Moment) -> tuple[Lane, Lane] | None:
        road = self._road(self._channel)
        if road.free_at_us(Lane.DIGEST, now.steady_us) <= now.steady_us:
            return (Lane.DANGER, Lane.DIGEST)
        if road.free_at_us(Lane.DANGER, now.steady_us) <= now.steady_us:
            return (Lane.DANGER, Lane.BLIND)
        return None

    def _next_spoken(self, now: Moment) -> Spoken | None:
        self._drop_late_replies(now)
        for spoken in self._memory:
            road = self._road(spoken.channel)
            free_us = road.free_at_us(lane_of(spoken.message), now.steady_us)
            if max(free_us, spoken.not_before_us) <= now.steady_us:
                return spoken
        return None

    def _drop_late_replies(self, now: Moment) -> None:
        late = [spoken for spoken in self._memory if spoken.is_late(now)]
        for spoken in late:
            self._memory.remove(spoken)
            log.info("reply.dropped", key=spoken.message.key)
        for channel in {s.channel.name: s.channel for s in late if not s.busy_line}.values():
            if not any(s.busy_line and s.channel.name == channel.name for s in self._memory):
                asked = next(s.message for s in late if s.channel.name == channel.name)
                self._remember(busy(asked, now), channel, busy_line=True)

    async def _wait_s(self, now: Moment) -> float:
        due = [
            max(
                s.not_before_us,
                self._road(s.channel).free_at_us(lane_of(s.message), now.steady_us),
            )
            for s in self._memory
        ]
        try:
            backlog = await self._store.backlog(now)
        except StoreError as error:
            self._store_failed(error)
            due.append(now.steady_us + round(STORE_RETRY_S * SECOND_US))
        else:
            if backlog.due_us is not None:
                due.append(max(backlog.due_us, self._free_for(backlog, now)))
        wait_us = min(due, default=now.steady_us + round(IDLE_S * SECOND_US)) - now.steady_us
        return min(max(wait_us / SECOND_US, 0.01), IDLE_S)

    def _free_for(self, backlog: Backlog, now: Moment) -> int:
        lane = Lane.DIGEST if backlog.urgent_since_us is None else Lane.DANGER
        free_us = self._road(self._channel).free_at_us(lane, now.steady_us)
        # an urgent row that is itself postponed must not make the loop spin on the others
        return free_us if free_us > now.steady_us else now.steady_us + SECOND_US // 4

    def _road(self, channel: Channel) -> Road:
        return self._roads.setdefault(channel.name, Road(self._per_minute))

    # -- sending -------------------------------------------------------------------------------

    async def _send_claim(self, claim: Claim) -> None:
        message = claim.message
        now = self._clock.now()
        if message.key in self._sent:
            await self._mark(claim, "sent from memory")
        elif message.lane > Lane.BLIND and _is_old(message, now) and await self._folded(claim, now):
            return
        else:
            await self._attempt_claim(claim)

    async def _attempt_claim(self, claim: Claim) -> None:
        message = claim.message
        try:
            receipt = await self._send(self._channel, message)
        except DeliveryError as error:
            until_us = self._hold(self._channel, message, error)
            await self._failed_claim(claim, error, until_us)
        else:
            await self._mark(claim, receipt)

    async def _failed_claim(self, claim: Claim, error: DeliveryError, until_us: int) -> None:
        message = claim.message
        if error.ambiguous and (message.tier < Tier.CRITICAL or claim.copies + 1 >= COPIES_MAX):
            await self._mark(claim, "unconfirmed")
            return
        try:
            if error.permanent:
                log.error("message.abandoned", key=message.key, reason=error.reason)
                await self._store.abandon(claim.id, error.reason)
                return
            await self._store.postpone(claim.id, until_us, error.reason, copied=error.ambiguous)
        except StoreError as failure:
            self._store_failed(failure)

    async def _send_spoken(self, spoken: Spoken) -> None:
        message = spoken.message
        try:
            await self._send(spoken.channel, message)
        except DeliveryError as error:
            spoken.copies += error.ambiguous
            if error.ambiguous and (message.tier < Tier.CRITICAL or spoken.copies >= COPIES_MAX):
                self._memory.remove(spoken)
            elif error.permanent:
                log.error("message.abandoned", key=message.key, reason=error.reason)  # noqa: TRY400 - told, no defect
                self._memory.remove(spoken)
            elif error.refused and message.kind is Kind.REPLY:
                self._hold(spoken.channel, message, error)
                self._memory.remove(spoken)
            else:
                spoken.not_before_us = self._hold(spoken.channel, message, error)
        else:
            self._memory.remove(spoken)

    async def _send(self, channel: Channel, message: Message) -> str:
        """Send once; a text refused for good is tried once more without its spans."""
        try:
            return await self._call(channel, message, message.text)
        except DeliveryError as error:
            if not error.permanent or not (message.text.bold or message.text.fixed):
                raise
            log.warning("message.bared", key=message.key, reason=error.reason)
            return await self._call(channel, message, Text(plain=message.text.plain))

    async def _call(self, channel: Channel, message: Message, text: Text) -> str:
        road = self._road(channel)
        road.spend(lane_of(message), self._clock.now().steady_us)
        receipt = await channel.send(text, silent=message.silent)
        now = self._clock.now()
        road.delivered()
        if channel.name == self._channel.name:
            self._standing.accept(by_send=True)
        self.contact_us = now.steady_us
        self._sent[message.key] = None
        if len(self._sent) > KEYS_KEPT:
            self._sent.popitem(last=False)
        log.info(
            "message.delivered",
            key=message.key,
            kind=message.kind.value,
            tier=message.tier.name.lower(),
            waited_ms=(now.steady_us - message.created_at_us) // 1000,
        )
        return receipt

    def _hold(self, channel: Channel, message: Message, error: DeliveryError) -> int:
        """Return when to try again, and keep the road closed until then where all would fail."""
        now_us = self._clock.now().steady_us
        if error.permanent:
            return now_us
        if error.ambiguous:
            return now_us + round(AMBIGUOUS_WAIT_S * SECOND_US)
        road = self._road(channel)
        wait_s = road.wait_s(lane_of(message), error)
        until_us = road.hold(lane_of(message), now_us, wait_s)
        if not error.refused:
            log.warning(
                "message.deferred", channel=channel.name, retry_after_s=wait_s, reason=error.reason
            )
            return until_us
        if channel.name == self._channel.name:
            by_send = message.kind is not Kind.REPLY
            self._standing.refuse(error, self._clock.now(), by_send=by_send)
        # the road waits, not the row: whatever is worst by then goes first, also after a restart
        return 0

    async def _note(self) -> None:
        try:
            await self._standing.note(self._store)
        except StoreError as error:
            self._store_failed(error)

    # -- folding and marking -------------------------------------------------------------------

    async def _folded(self, first: Claim, now: Moment) -> bool:
        """Send *first* and all rows as old as one summary; False when it is the only one."""
        try:
            others = await self._store.claim(
                now,
                limit=FOLD_ROWS_MAX,
                lanes=(Lane.WARNING, Lane.DIGEST),
                created_before_us=now.steady_us - FOLD_AFTER_US,
            )
        except StoreError as error:
            self._store_failed(error)
            return False
        if not others:
            return False
        claims = (first, *others)
        summary = folded([claim.message for claim in claims], now)
        try:
            receipt = await self._send(self._channel, summary)
        except DeliveryError as error:
            until_us = self._hold(self._channel, summary, error)
            for claim in claims:
                await self._failed_claim(claim, error, until_us)
        else:
            for claim in claims:
                await self._mark(claim, receipt)
        return True

    async def _mark(self, claim: Claim, receipt: str) -> None:
        try:
            await self._store.delivered(claim.id, receipt, self._clock.now())
        except StoreError as error:
            # the row will be claimed again; its key is remembered, so it is not sent twice
            self._sent[claim.message.key] = None
            self._store_failed(error)

    async def _release(self, claim: Claim, now: Moment) -> None:
        try:
            await self._store.postpone(claim.id, now.steady_us, "outranked")
        except StoreError as error:
            self._store_failed(error)

    def _store_failed(self, error: StoreError) -> None:
        if not self._store_failing:
            log.error("outbox.failed", reason=str(error))
        self._store_failing = True


def _is_old(message: Message, now: Moment) -> bool:
    return now.steady_us - message.created_at_us > FOLD_AFTER_US
