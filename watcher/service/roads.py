"""
A road is one chat: how much may go out on it, when, and what holds it up.

Rule: alerts before answers, always. Of the sends a minute allows, some are kept for danger and
blindness, some for warnings, and answers have a small share of their own; what holds up an answer
never holds up an alert. Pure counting: nothing here sends, waits or logs.

    lane                may go out while, in the last minute
    danger, blindness   fewer than all sends were made (12)
    warning, note       fewer than all but 5, two of them more where answers used theirs
    answer              fewer than all but 5, and fewer than 4 answers
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Lane, Message
from watcher.ports import DeliveryError

SENDS_PER_MINUTE = 12
SENDS_RESERVED = 5
REPLIES_PER_MINUTE = 4
LENT_MAX = 2
NETWORK_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0)
REFUSED_WAITS_S = (15.0, 30.0, 60.0)
REPLY_WAIT_S = 4.0


def lane_of(message: Message) -> Lane:
    """Return the lane whose share *message* uses: a note in the lane of answers is none."""
    if message.lane is Lane.REPLY and message.kind is not Kind.REPLY:
        return Lane.DIGEST
    return message.lane


@dataclass(slots=True)
class Road:
    """One chat's budget and holds."""

    per_minute: int = SENDS_PER_MINUTE
    sends_us: deque[int] = field(default_factory=deque)
    replies_us: deque[int] = field(default_factory=deque)
    held_until_us: int = 0
    replies_held_until_us: int = 0
    failures: int = 0
    refusals: int = 0

    def free_at_us(self, lane: Lane, now_us: int) -> int:
        """Return when a message of *lane* may go out: *now_us* or later."""
        for times_us in (self.sends_us, self.replies_us):
            while times_us and times_us[0] <= now_us - MINUTE_US:
                times_us.popleft()
        free_us = max(now_us, self.held_until_us)
        reserved = min(SENDS_RESERVED, self.per_minute // 2)
        if lane is Lane.REPLY:
            free_us = max(free_us, self.replies_held_until_us)
            allowed = min(REPLIES_PER_MINUTE, self.per_minute - reserved)
            free_us = _free_at_us(self.replies_us, allowed, free_us)
        if lane <= Lane.BLIND:
            allowed = self.per_minute
        elif lane is Lane.REPLY:
            allowed = self.per_minute - reserved
        else:
            lent = min(LENT_MAX, reserved // 2, len(self.replies_us))
            allowed = self.per_minute - reserved + lent
        return _free_at_us(self.sends_us, allowed, free_us)

    def spend(self, lane: Lane, now_us: int) -> None:
        self.sends_us.append(now_us)
        if lane is Lane.REPLY:
            self.replies_us.append(now_us)

    def delivered(self) -> None:
        self.failures = self.refusals = 0

    def wait_s(self, lane: Lane, error: DeliveryError) -> float:
        """Return how long the road is closed after *error*, longer each time it comes again."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        if lane is Lane.REPLY:
            return REPLY_WAIT_S
        if error.refused:
            self.refusals += 1
            return REFUSED_WAITS_S[min(self.refusals, len(REFUSED_WAITS_S)) - 1]
        self.failures += 1
        return NETWORK_WAITS_S[min(self.failures, len(NETWORK_WAITS_S)) - 1]

    def hold(self, lane: Lane, now_us: int, wait_s: float) -> int:
        """Close the road for *wait_s*, for answers only when an answer met the trouble."""
        until_us = now_us + round(wait_s * SECOND_US)
        if lane is Lane.REPLY:
            self.replies_held_until_us = until_us
        else:
            self.held_until_us = until_us
        return until_us


def _free_at_us(times_us: deque[int], allowed: int, free_us: int) -> int:
    if len(times_us) < allowed:
        return free_us
    return max(free_us, times_us[-allowed] + MINUTE_US)
