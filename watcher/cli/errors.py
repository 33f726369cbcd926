"""
The running error: how far our figures were from each venue's, mode by mode, as the daemon kept it.

Rule: best effort; where no daemon has kept anything yet, nothing is said.
"""

from __future__ import annotations

from pathlib import Path

from watcher.cli import show
from watcher.store.history import running_errors


def tell_running_errors(folder: Path) -> None:
    """Print one line per venue, mode and figure of the history in *folder*."""
    errors = running_errors(folder)
    if not errors:
        return
    print()
    show.heading("our figures against the venue's, the worst of each minute watched (30 days)")
    rows = [
        [
            f"{one.venue}, {one.mode}",
            one.family,
            one.figure,
            _percent(one.p95),
            _percent(one.most),
            f"{one.minutes:,}",
        ]
        for one in errors
    ]
    show.table(["venue and mode", "family", "figure", "p95", "most", "minutes"], rows, words=3)


def _percent(part: float) -> str:
    return f"{part * 100:.4f} %"
