"""
How old a snapshot really is: as old as the venue's own stamps say, not as young as its arrival.

Rule: pure. A copy served again and again arrives fresh each time; only the time the venue wrote
into it tells. The stamp is on the venue's clock, so the measured offset is taken off it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from watcher.domain.account import Snapshot

PACE_AFTER_MS = 10_000
PACE_MIN = 0.5
"""Between two comparisons a venue's clock goes on at least this fast, or it is no clock."""


@dataclass(slots=True)
class Clocks:
    """
    Our steady time and a venue's clock as they were last compared, and the offset last believed:
    how far the venue's is ahead of ours.
    """

    ours_ms: float = math.inf
    theirs_ms: float = 0.0
    believed_ms: float = 0.0

    def compare(self, ours_ms: float, theirs_ms: float) -> None:
        """
        Take the offset of the venue's clock from ours, as far as that can be believed.

        One that stood still is a copy: taken for an offset, it would make every other copy look
        fresh. The offset known before is kept then.
        """
        went_ms, told_ms = ours_ms - self.ours_ms, theirs_ms - self.theirs_ms
        self.ours_ms, self.theirs_ms = ours_ms, theirs_ms
        if went_ms <= PACE_AFTER_MS or told_ms >= went_ms * PACE_MIN:
            self.believed_ms = theirs_ms - ours_ms


def older_us(received_us: int, told_ms: float, offset_ms: float) -> int:
    """Return the older of our time of receipt and the venue's own time (inf: none told)."""
    return (
        received_us if math.isinf(told_ms) else min(received_us, int(1000 * (told_ms - offset_ms)))
    )


def no_younger(snapshot: Snapshot, told_ms: float, offset_ms: float) -> Snapshot:
    """Return *snapshot* taken when it arrived, or at the venue's own *told_ms* if that is older."""
    taken_at_us = older_us(snapshot.taken_at_us, told_ms, offset_ms)
    return replace(snapshot, taken_at_us=taken_at_us)
