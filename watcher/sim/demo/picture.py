"""
The picture of a demo: true distance over time with the tier lines and what happened.

Rule: runs as a child process (`python -m watcher.sim.demo.picture`), so that Matplotlib's memory
is gone when the picture is there. It reads one JSON document from standard input and draws it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

COLOURS = {"watch": "#d9b300", "warning": "#e07b00", "critical": "#c81d25", "emergency": "#5c0011"}
MARKS = {
    "alert": ("v", "#c81d25"),
    "action": ("^", "#1a7f37"),
    "top-up": ("D", "#1a7f37"),
    "liquidation": ("X", "black"),
    "e-mail": ("s", "#666666"),
    "blind": ("o", "#7048e8"),
    "kill": ("P", "#0b7285"),
}


def draw(story: dict[str, Any], path: str) -> None:
    """Write the PNG of *story* (curves, events, title) to *path*."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy, and only this child needs it

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the backend is chosen

    pairs = story["pairs"]
    figure, axes = plt.subplots(
        len(pairs), 1, figsize=(11, 3.1 * len(pairs)), sharex=True, squeeze=False
    )
    for axis, (guarded, twin) in zip(axes[:, 0], pairs, strict=True):
        _curves(axis, story, guarded, twin)
        _events(axis, story, guarded, twin)
        axis.set_ylim(0, 30)
        axis.set_ylabel("distance to\nliquidation, %")
        axis.set_title(f"{guarded} (watched) and {twin} (venue's e-mail only)", fontsize=10)
        axis.grid(visible=True, alpha=0.25)
        axis.legend(loc="upper center", fontsize=7, ncols=7, framealpha=0.7)
    axes[-1, 0].set_xlabel("minutes since the start")
    figure.suptitle(story["title"], fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _curves(axis: Any, story: dict[str, Any], guarded: str, twin: str) -> None:  # noqa: ANN401 - Matplotlib has no types here
    for tier, line in story["lines"].items():
        axis.axhline(line, color=COLOURS[tier.lower()], linewidth=0.8, linestyle="--")
        axis.text(0.2, line + 0.3, tier.lower(), color=COLOURS[tier.lower()], fontsize=7)
    for name, style in ((guarded, "-"), (twin, ":")):
        curve = story["curves"].get(name, [])
        times = [t / 60 for t, _ in curve]
        values = [float("nan") if value is None else value for _, value in curve]
        axis.plot(times, values, style, linewidth=1.6, label=name)


def _events(axis: Any, story: dict[str, Any], guarded: str, twin: str) -> None:  # noqa: ANN401 - as above
    named: set[str] = set()
    for event in story["events"]:
        mark = MARKS.get(event["kind"])
        if mark is None or event["account"] not in (guarded, twin, ""):
            continue
        height = event["distance"] if event["distance"] is not None else 1.0
        label = None if event["kind"] in named else event["kind"]
        named.add(event["kind"])
        axis.plot(event["t"] / 60, height, mark[0], color=mark[1], markersize=6, label=label)


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.argv[1])
