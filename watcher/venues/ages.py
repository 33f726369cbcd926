"""
How old a snapshot really is: as old as the venue's own stamps say, not as young as its arrival.

Rule: pure. A copy served again and again arrives fresh each time; only the time the venue wrote
into it tells. The stamp is on the venue's clock, so the measured offset is taken off it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from watcher.domain.account import Snapshot


def older_us(received_us: int, told_ms: float, offset_ms: float) -> int:
    """Return the older of our time of receipt and the venue's own time (inf: none told)."""
    return (
        received_us if math.isinf(told_ms) else min(received_us, int(1000 * (told_ms - offset_ms)))
    )


def no_younger(snapshot: Snapshot, told_ms: float, offset_ms: float) -> Snapshot:
    """Return *snapshot* taken when it arrived, or at the venue's own *told_ms* if that is older."""
    taken_at_us = older_us(snapshot.taken_at_us, told_ms, offset_ms)
    return replace(snapshot, taken_at_us=taken_at_us)
