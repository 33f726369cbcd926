"""
What a run measured, beside what it judged: how late, how loud, how soon at rest.

Rule: raw figures of one run, in seconds and counts; percentiles over many runs are the report's.
"""

from __future__ import annotations

from dataclasses import dataclass

from watcher.storm.history import History
from watcher.storm.oracles import all_clear, blindness, danger, noise, rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    `detected_s`: from each critical crossing to the screen; `blind_late_s`: how much later than S
    each blindness was told; both where nothing stood between. `rested_s`: after the storm.
    """

    detected_s: tuple[float, ...]
    blind_late_s: tuple[float, ...]
    rested_s: float
    worst_minute: int
    duplicates: int
    false_all_clears: int


def figures(history: History) -> Figures:
    """Return the figures of *history*."""
    return Figures(
        detected_s=tuple(danger.latencies_s(history)),
        blind_late_s=tuple(blindness.lateness_s(history)),
        rested_s=rest.converged_s(history),
        worst_minute=noise.worst_minute(history),
        duplicates=noise.duplicates(history),
        false_all_clears=len(all_clear.true_when_said(history).violations),
    )
