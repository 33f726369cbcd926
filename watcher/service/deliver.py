"""
Delivery on one road: from the outbox to the person, worst lane first, at least once.

Rule: a row is claimed, sent, then marked; a crash between repeats it under the same key and code.
Two sources feed the loop: the store's outbox, and a queue in memory for replies and for alerts the
store could not take. Each road has a loop, a budget of sends per minute (`roads`) and holds:

    the far side said             the row                              the road
    ok                            sent                                 free
    wait N s                      queued until then                    held exactly N s
    may have arrived, tier ≥ critical  again after 3 s, 3 copies at most    free
    may have arrived, below       counts as sent                       free
    never like this               once as bare text, then abandoned    free
    no message at all (token, chat)  queued                            held 15, 30, 60, 60 s …
    no connection                 queued                               held 1, 2, 4, 8, 15 s

A later road takes over what is vital and was on an earlier one for 15 s without being delivered; at
once where the earlier one refuses all, is held longer than that, or gave the message up. It looks
for itself, so that a send that hangs holds up no other road.

Rows of one group are told as one message where more than three wait, or two when few sends are
left; rows of lanes 2 to 4 that waited over ten minutes are folded into one summary. An edit needs
the message it takes the place of. Nothing here judges: what is said and in which lane was decided
before.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Lane, Message, Moment
from watcher.domain.road import Reach
from watcher.policy.grouping import folded, grouped
from watcher.ports import (
    SHARES,
    Bell,
    Channel,
    Claim,
    Clock,
    DeliveryError,
    Due,
    Ids,
    Key,
    Share,
    Store,
    StoreError,
    is_vital,
    may_come_twice,
    share_of,
)
from watcher.service import keyring
from watcher.service.roads import SENDS_PER_MINUTE
from watcher.service.rows import FAIL_OVER_US, Rows
from watcher.service.sending import Sender
from watcher.service.spoken import Memory, Spoken
from watcher.service.standing import Standing

COPIES_MAX = 3
IDLE_S = 5.0
"""What another process put into the outbox is found by then."""
STORE_RETRY_S = 5.0
LOST_MAX = 50

log = structlog.get_logger()


class Deliverer:
    """
    Sends on one road what the store queues and `tell` hands over. `run` is a loop; `wake` rings it.

    *earlier* are the deliverers of the roads before this one, nearest to the person first.
    `turned_us` is when it last looked for something to send.
    """

    def __init__(
        self,
        *,
        store: Store,
        channel: Channel,
        clock: Clock,
        ids: Ids,
        road: Reach = Reach.CHAT,
        earlier: Sequence[Deliverer] = (),
        per_minute: int = SENDS_PER_MINUTE,
        zone: str = "UTC",
    ) -> None:
        self.road = road
        self.sender = Sender(channel, clock, per_minute=per_minute, zone=zone)
        self.rows = Rows(store, road, clock)
        self.turned_us: int | None = None
        self._store = store
        self._clock = clock
        self._ids = ids
        self._per_minute = per_minute
        self._zone = zone
        self._earlier = tuple(earlier)
        self._later: list[Deliverer] = []
        for each in earlier:
            each._later.append(self)  # noqa: SLF001 - its own kind
        self._bell = Bell()
        self._stopping = False
        self._askers: dict[str, Sender] = {}
        self._memory = Memory()
        self._lost: list[Message] = []
        self._alone_until_us = 0
        self._standing = Standing(channel.name, road)

    def wake(self) -> None:
        self._bell.ring()

    def tell(self, message: Message, *, channel: Channel | None = None) -> None:
        """Send *message* from memory: a reply on its own channel, or an alert the store lost."""
        # what an edit takes the place of is known to the store only
        if message.key in self.rows.sent or message.key in self._memory or message.edits:
            return
        self._memory.add(message, self._sender_on(channel))
        self.wake()

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
        self.sender.recall(await self.rows.lately(self._clock.now()))
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
            self.turned_us = now.steady_us
            self._take_over_memory(now)
            spoken = self._memory.next(now)
            # a store that fails may fail slowly: what is in memory does not wait for it
            skip = spoken is not None and self.rows.failing
            due = None if skip else await self.rows.due(now)
            claim = None if due is None else await self._claimed(due, now)
            spoken = self._memory.next(self._clock.now())
            if claim is not None and (spoken is None or spoken.gives_way_to(claim)):
                await self._send_claim(claim)
            elif spoken is not None:
                if claim is not None:
                    await self.rows.postpone(claim, now.steady_us, "outranked")
                await self._send_spoken(spoken)
            else:
                return self._wait_s(due, now)
        return 0.0

    # -- choosing ------------------------------------------------------------------------------

    async def _claimed(self, due: Due, now: Moment) -> Claim | None:
        open_shares = [s for s in SHARES if self.sender.free_at_us(s, now) <= now.steady_us]
        if not open_shares:
            return None
        taken = False
        if due.stranded_us is not None:
            shut = self._earlier[-1].sender.is_shut(now)
            taken = await self.rows.take_over(now, shut=shut)
        ripe = {share for share, at_us in due.shares.items() if at_us <= now.steady_us}
        if not taken and ripe.isdisjoint(open_shares):
            return None
        return await self.rows.next(now, open_shares)

    def _take_over_memory(self, now: Moment) -> None:
        for each in self._earlier:
            shut = each is self._earlier[-1] and each.sender.is_shut(now)
            for message in each.stranded(now, shut=shut):
                own = each.road if message.reach >= each.road else Reach.CHAT
                nearer = [other for other in self._earlier if other.road >= own]
                if not any(other.rows.sent.get(message.key) for other in nearer):
                    self.tell(message)

    def stranded(self, now: Moment, *, shut: bool) -> list[Message]:
        """Return what is vital, waits in memory, and should leave on another road; *shut*: all."""
        late_us = now.steady_us - FAIL_OVER_US
        late = [message for message in self.vital() if shut or message.created_at_us <= late_us]
        return [*self._lost, *late]

    def vital(self) -> list[Message]:
        """Return what waits in memory and must not be lost with this road."""
        return [s.message for s in self._memory if is_vital(s.message)]

    def unsent(self) -> list[Message]:
        """Return what waits in memory for this road, answers left out: theirs is a road of ours."""
        waiting = (s.message for s in self._memory if s.message.kind is not Kind.REPLY)
        return [*self._lost, *waiting]

    def _wait_s(self, rows: Due | None, now: Moment) -> float:
        due = [spoken.due_us(now) for spoken in self._memory]
        for each in self._earlier:
            theirs = [m for m in each.vital() if m.key not in self._memory]
            ripe = [message.created_at_us + FAIL_OVER_US for message in theirs]
            due += [at_us for at_us in ripe if at_us > now.steady_us]
        if rows is None:
            due.append(now.steady_us + round(STORE_RETRY_S * SECOND_US))
        else:
            due += [max(at, self.sender.free_at_us(s, now)) for s, at in rows.shares.items()]
            if rows.stranded_us is not None:
                # one that cannot be read must not make the loop spin
                ripe_us = rows.stranded_us + FAIL_OVER_US
                due.append(max(ripe_us, now.steady_us + SECOND_US))
        wait_us = min(due, default=now.steady_us + round(IDLE_S * SECOND_US)) - now.steady_us
        return min(max(wait_us / SECOND_US, 0.01), IDLE_S)

    def _sender_on(self, channel: Channel | None) -> Sender:
        if channel is None or channel.name == self.sender.name:
            return self.sender
        if channel.name not in self._askers:
            self._askers[channel.name] = Sender(
                channel, self._clock, per_minute=self._per_minute, zone=self._zone
            )
        return self._askers[channel.name]

    # -- sending a row -------------------------------------------------------------------------

    async def _send_claim(self, claim: Claim) -> None:
        message = claim.message
        if message.key in self.rows.sent:
            await self.rows.mark(claim, self.rows.sent[message.key])
        elif self.rows.is_overtaken(message):
            await self.rows.retire(claim)
        elif message.edits:
            await self._edit_claim(claim)
        elif await self._with_others(claim, self._clock.now()):
            return
        else:
            await self._attempt_claim(claim)

    async def _attempt_claim(self, claim: Claim) -> None:
        message = claim.message
        keys = await self._keys(claim)
        try:
            receipt = await self.sender.send(message, keys)
        except DeliveryError as error:
            await self._failed_claim(claim, error, self._hold(self.sender, message, error))
            return
        self._arrived(message.key, receipt)
        await self.rows.mark(claim, receipt)
        if message.pinned:
            await self.sender.pin(receipt)

    async def _failed_claim(self, claim: Claim, error: DeliveryError, until_us: int) -> None:
        message = claim.message
        if error.ambiguous and self._is_enough(message, claim.copies + 1):
            self.rows.arrived(message.key, None)
            await self.rows.mark(claim, None)
        elif error.permanent:
            await self.rows.abandon(claim, error.reason)
            self._wake_later()
        else:
            await self.rows.postpone(claim, until_us, error.reason, copied=error.ambiguous)

    async def _edit_claim(self, claim: Claim) -> None:
        message = claim.message
        if claim.edit_of is not None:
            try:
                await self.sender.edit(claim.edit_of, message, await self._keys(claim))
            except DeliveryError as error:
                if not error.permanent:
                    until_us = self._hold(self.sender, message, error)
                    await self._failed_edit(claim, error, until_us)
                    return
                log.info("message.unedited", key=message.key, reason=error.reason)
            else:
                await self.rows.mark(claim, claim.edit_of)
                return
        if message.kind is Kind.UPDATED:
            await self.rows.drop(claim)
        else:
            await self._attempt_claim(claim)

    async def _failed_edit(self, claim: Claim, error: DeliveryError, until_us: int) -> None:
        if error.ambiguous:
            await self.rows.mark(claim, claim.edit_of)
        else:
            await self.rows.postpone(claim, until_us, error.reason)

    async def _keys(self, claim: Claim) -> tuple[Key, ...]:
        if not claim.message.buttons:
            return ()
        now = self._clock.now()
        keys, remembered = keyring.cut(claim.message, self.sender.name, now, self._ids)
        return keys if await self.rows.keep_buttons(claim, remembered) else ()

    # -- several rows as one message -----------------------------------------------------------

    async def _with_others(self, first: Claim, now: Moment) -> bool:
        """Send *first* with the rows that belong to it as one message; False when there is none."""
        if now.steady_us < self._alone_until_us:
            return False
        others, old = await self.rows.others(first, now, short=self.sender.is_short(now))
        if not others:
            return False
        claims = [first, *others]
        messages = [claim.message for claim in claims]
        await self._send_many(claims, folded(messages, now) if old else grouped(messages, now))
        return True

    async def _send_many(self, claims: Sequence[Claim], summary: Message) -> None:
        try:
            receipt = await self.sender.send(summary)
        except DeliveryError as error:
            until_us = self._hold(self.sender, summary, error)
            if not error.permanent:
                for claim in claims:
                    await self._failed_claim(claim, error, until_us)
                return
            # each may still go out by itself
            log.warning("message.ungrouped", key=summary.key, reason=error.reason)
            self._alone_until_us = self._clock.now().steady_us + MINUTE_US
            for claim in claims:
                await self.rows.postpone(claim, until_us, error.reason)
            return
        for claim in claims:
            self._arrived(claim.message.key, receipt)
        for claim in claims:
            await self.rows.mark(claim, receipt, single=False)

    # -- sending from memory -------------------------------------------------------------------

    async def _send_spoken(self, spoken: Spoken) -> None:
        message = spoken.message
        try:
            receipt = await spoken.sender.send(message)
        except DeliveryError as error:
            until_us = self._hold(spoken.sender, message, error)
            given_up = error.permanent or (error.ambiguous and self._is_enough(message))
            if given_up or (error.refused and message.kind is Kind.REPLY):
                self._memory.remove(spoken)
                self._lose(message, error)
            else:
                spoken.not_before_us = until_us
        else:
            self._memory.remove(spoken)
            if spoken.sender is self.sender:
                self._arrived(message.key, receipt)
                self.rows.spoke(message)

    def _is_enough(self, message: Message, copies: int = 0) -> bool:
        counted = self.rows.doubted(message.key)  # a store that fails keeps no count
        return max(copies, counted) >= COPIES_MAX or not may_come_twice(message)

    def _lose(self, message: Message, error: DeliveryError) -> None:
        if error.permanent:
            log.error("message.abandoned", key=message.key, reason=error.reason)
        if is_vital(message):
            self._lost = [*self._lost, message][-LOST_MAX:]
            self._wake_later()

    # -- afterwards ----------------------------------------------------------------------------

    def _hold(self, sender: Sender, message: Message, error: DeliveryError) -> int:
        until_us = sender.hold(message, error)
        if sender is self.sender:
            if error.refused and share_of(message) is not Share.EDIT:
                by_send = message.kind is not Kind.REPLY
                self._standing.refuse(error, self._clock.now(), by_send=by_send)
            if sender.is_shut(self._clock.now()):
                self._wake_later()
        return until_us

    def _wake_later(self) -> None:
        for each in self._later:
            each.wake()

    def _arrived(self, key: str, receipt: str) -> None:
        self._standing.accept(by_send=True)
        self.rows.arrived(key, receipt)

    async def _note(self) -> None:
        word = self._standing.word(self._clock.now())
        if word is not None:
            for each in (*self._earlier, *self._later):
                each.tell(word)
        try:
            await self._standing.note(self._store)
        except StoreError as error:
            self.rows.failed(error)
