"""
What is said from memory: answers, and alerts the store could not take.

Rule: ordered like the outbox, worst lane first. An answer is told fresh or not at all; the line
that says so holds no figures and may come later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Message, Moment, Text
from watcher.ports import Channel, Claim

REPLY_AGE_MAX_US = 10 * SECOND_US
BUSY_AGE_MAX_US = 10 * MINUTE_US
BUSY_TEXT = "Busy alerting, ask again"


@dataclass(slots=True, kw_only=True)
class Spoken:
    """A message in memory and where it goes. `busy_line`: told in place of an answer."""

    message: Message
    channel: Channel
    number: int
    not_before_us: int = 0
    copies: int = 0
    busy_line: bool = False

    def rank(self) -> tuple[int, int, int]:
        return (self.message.lane, -self.message.tier, self.number)

    def gives_way_to(self, claim: Claim) -> bool:
        return (claim.message.lane, -claim.message.tier) <= self.rank()[:2]

    def is_late(self, now: Moment) -> bool:
        limit_us = BUSY_AGE_MAX_US if self.busy_line else REPLY_AGE_MAX_US
        age_us = now.steady_us - self.message.created_at_us
        return self.message.kind is Kind.REPLY and age_us > limit_us


def busy(asked: Message, now: Moment) -> Message:
    """Return the line told in place of the answer *asked*."""
    return replace(
        asked,
        key=f"{asked.key}:busy",
        text=Text(plain=BUSY_TEXT),
        created_at_us=now.steady_us,
    )
