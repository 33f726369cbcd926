"""
The judges of a simulation: one function for each promise, all of them in `ORACLES`.

Rule: an oracle knows the promise (reliability.md §3.2) and the facts of a run (`History`), nothing
of how the service keeps it. Each is tested on a history that breaks its promise and on one that
keeps it; one that never had anything to check in a whole run fails that run.
"""

from __future__ import annotations

from collections.abc import Callable

from watcher.storm.history import History
from watcher.storm.oracles import all_clear, blindness, danger, noise
from watcher.storm.oracles.verdict import Verdict

Oracle = Callable[[History], Verdict]

ORACLES: tuple[Oracle, ...] = (
    danger.told_in_time,
    danger.told_again,
    danger.liquidation_told,
    blindness.told_in_time,
    noise.bounded,
    noise.copied_little,
    all_clear.true_when_said,
)


def judged(history: History) -> list[Verdict]:
    """Return the verdict of every oracle on *history*."""
    return [judge(history) for judge in ORACLES]
