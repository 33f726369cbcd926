"""
Judgement: from what was seen to what is said.

Rule: pure. `decide` is the whole of it; the rest are the answers to commands, the notes of the
service, and the rehearsal that proves a set of lines can fire.
"""

from __future__ import annotations

from watcher.policy.decide import decide
from watcher.policy.notes import (
    restarted,
    started,
    stopped,
    test_message,
    trouble,
)
from watcher.policy.overview import positions, status
from watcher.policy.rehearsal import plan, rehearse

__all__ = [
    "decide",
    "plan",
    "positions",
    "rehearse",
    "restarted",
    "started",
    "status",
    "stopped",
    "test_message",
    "trouble",
]
