"""
A road is one chat: how much may go out on it, when, and what holds it up.

Rule: alerts before answers, always. Of the sends a minute allows, some are kept for danger and
blindness, some for warnings, and answers have a small share of their own; what holds up an answer
or an edit never holds up an alert. Pure counting: nothing here sends, waits or logs.

    share               may go out while, in the last minute
    danger, blindness   fewer than all sends were made (12)
    those of a group    the same, but the last 4 of them apart: spread until the next is free
    warning, note       fewer than all but 5, two of them more where answers used theirs
    answer              fewer than all but 5, and fewer than 6 answers
    edit                as a warning, and fewer than 3 edits; it uses no send
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.ports import DeliveryError, Share

SENDS_PER_MINUTE = 12
SENDS_RESERVED = 5
REPLIES_PER_MINUTE = 6
EDITS_PER_MINUTE = 3
STORM_SENDS = 4
"""The last sends of a minute that a storm spends evenly: who gets worse waits 12 s, or 15."""
LENT_MAX = 2
NETWORK_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0)
REFUSED_WAITS_S = (15.0, 30.0, 60.0)
ASIDE_WAIT_S = 4.0

_URGENT = frozenset({Share.URGENT, Share.STORM})
_ASIDE = frozenset({Share.REPLY, Share.EDIT})
"""Shares whose troubles are their own."""


@dataclass(slots=True)
class Road:
    """One chat's budget and holds."""

    per_minute: int = SENDS_PER_MINUTE
    sends_us: deque[int] = field(default_factory=deque)
    replies_us: deque[int] = field(default_factory=deque)
    edits_us: deque[int] = field(default_factory=deque)
    storm_us: int = 0
    held_until_us: int = 0
    aside_until_us: dict[Share, int] = field(default_factory=dict)
    failures: int = 0
    refusals: int = 0

    def free_at_us(self, share: Share, now_us: int) -> int:
        """Return when a message of *share* may go out: *now_us* or later."""
        for times_us in (self.sends_us, self.replies_us, self.edits_us):
            while times_us and times_us[0] <= now_us - MINUTE_US:
                times_us.popleft()
        free_us = max(now_us, self.held_until_us, self.aside_until_us.get(share, 0))
        reserved = min(SENDS_RESERVED, self.per_minute // 2)
        if share is Share.REPLY:
            allowed = min(REPLIES_PER_MINUTE, self.per_minute - reserved)
            free_us = _free_at_us(self.replies_us, allowed, free_us)
        if share is Share.EDIT:
            free_us = _free_at_us(self.edits_us, EDITS_PER_MINUTE, free_us)
        if share in _URGENT:
            allowed = self.per_minute
            free_us = self._paced_us(free_us) if share is Share.STORM else free_us
        elif share is Share.REPLY:
            allowed = self.per_minute - reserved
        else:
            lent = min(LENT_MAX, reserved // 2, len(self.replies_us))
            allowed = self.per_minute - reserved + lent
        return _free_at_us(self.sends_us, allowed, free_us)

    # who gets worse just after the last send of a minute would wait for the next minute
    def _paced_us(self, free_us: int) -> int:
        # an answer and an alert let go in the same moment may be one more than there are
        left = max(self.per_minute - len(self.sends_us), 0)
        if left > STORM_SENDS or not self.sends_us:
            return free_us
        # until each send of the last minute is free again, what is left has to last
        gaps_us = (
            (sent_us + MINUTE_US - self.storm_us) // (left + earlier)
            for earlier, sent_us in enumerate(self.sends_us, start=1)
        )
        return max(free_us, self.storm_us + max(gaps_us))

    def is_short(self, now_us: int) -> bool:
        """Return whether the next send is one of those that have to name all there are."""
        recent = sum(at_us > now_us - MINUTE_US for at_us in self.sends_us)
        return self.per_minute - recent <= STORM_SENDS + 1

    def spend(self, share: Share, now_us: int) -> None:
        if share is Share.EDIT:
            self.edits_us.append(now_us)
            return
        self.sends_us.append(now_us)
        if share is Share.REPLY:
            self.replies_us.append(now_us)
        if share is Share.STORM:
            self.storm_us = now_us

    def delivered(self) -> None:
        self.failures = self.refusals = 0

    def wait_s(self, share: Share, error: DeliveryError) -> float:
        """Return how long the road is closed after *error*, longer each time it comes again."""
        if error.retry_after_s is not None:
            return error.retry_after_s
        if share in _ASIDE:
            return ASIDE_WAIT_S
        if error.refused:
            self.refusals += 1
            return REFUSED_WAITS_S[min(self.refusals, len(REFUSED_WAITS_S)) - 1]
        self.failures += 1
        return NETWORK_WAITS_S[min(self.failures, len(NETWORK_WAITS_S)) - 1]

    def hold(self, share: Share, now_us: int, wait_s: float) -> int:
        """Close the road for *wait_s*, for answers or edits only where one met the trouble."""
        until_us = now_us + round(wait_s * SECOND_US)
        if share in _ASIDE:
            self.aside_until_us[share] = until_us
        else:
            self.held_until_us = until_us
        return until_us


def _free_at_us(times_us: deque[int], allowed: int, free_us: int) -> int:
    if len(times_us) < allowed:
        return free_us
    return max(free_us, times_us[-allowed] + MINUTE_US)
