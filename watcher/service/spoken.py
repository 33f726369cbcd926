"""
What is said from memory: answers, and alerts the store could not take.

Rule: ordered like the outbox, worst lane first. An answer is told fresh or not at all; the line
that says so holds no figures and may come later.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace

import structlog

from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Message, Moment, Text
from watcher.policy import messages as say
from watcher.ports import Claim, Share, share_of
from watcher.service.sending import Sender

REPLY_AGE_MAX_US = 10 * SECOND_US
BUSY_AGE_MAX_US = 10 * MINUTE_US
MEMORY_MAX = 200

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Spoken:
    """A message in memory and where it goes. `busy_line`: told in place of an answer."""

    message: Message
    sender: Sender
    number: int
    not_before_us: int = 0
    busy_line: bool = False

    def rank(self) -> tuple[int, int, int]:
        return (self.message.lane, -self.message.tier, self.number)

    def gives_way_to(self, claim: Claim) -> bool:
        if share_of(claim.message) is Share.EDIT:
            return False
        return (claim.message.lane, -claim.message.tier) <= self.rank()[:2]

    def is_late(self, now: Moment) -> bool:
        limit_us = BUSY_AGE_MAX_US if self.busy_line else REPLY_AGE_MAX_US
        age_us = now.steady_us - self.message.created_at_us
        return self.message.kind is Kind.REPLY and age_us > limit_us

    def due_us(self, now: Moment) -> int:
        free_us = self.sender.free_at_us(share_of(self.message), now)
        return max(free_us, self.not_before_us)


class Memory:
    """Messages that wait in memory, the next one first; of too many the last is dropped."""

    def __init__(self) -> None:
        self._waiting: list[Spoken] = []
        self._told = 0

    def __iter__(self) -> Iterator[Spoken]:
        return iter(self._waiting)

    def __contains__(self, key: str) -> bool:
        return any(spoken.message.key == key for spoken in self._waiting)

    def add(self, message: Message, sender: Sender, *, busy_line: bool = False) -> None:
        self._told += 1
        spoken = Spoken(message=message, sender=sender, number=self._told, busy_line=busy_line)
        bisect.insort(self._waiting, spoken, key=Spoken.rank)
        if len(self._waiting) > MEMORY_MAX:
            dropped = self._waiting.pop()
            log.error("message.dropped", key=dropped.message.key, waiting=MEMORY_MAX)

    def remove(self, spoken: Spoken) -> None:
        self._waiting.remove(spoken)

    def next(self, now: Moment) -> Spoken | None:
        """Return the first that may go out now."""
        self._drop_late_replies(now)
        return next((s for s in self._waiting if s.due_us(now) <= now.steady_us), None)

    def _drop_late_replies(self, now: Moment) -> None:
        late = [spoken for spoken in self._waiting if spoken.is_late(now)]
        for spoken in late:
            self._waiting.remove(spoken)
            log.info("reply.dropped", key=spoken.message.key)
        for sender in {s.sender.name: s.sender for s in late if not s.busy_line}.values():
            if not any(s.busy_line and s.sender is sender for s in self._waiting):
                asked = next(s.message for s in late if s.sender is sender)
                self.add(_busy(asked, now), sender, busy_line=True)


def _busy(asked: Message, now: Moment) -> Message:
    """Return the line told in place of the answer *asked*."""
    return replace(
        asked,
        key=f"{asked.key}:busy",
        text=Text(plain=say.BUSY),
        picture=None,
        created_at_us=now.steady_us,
    )
