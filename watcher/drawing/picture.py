"""
The picture: the measure over time with the tier lines, below it the price that ends it.

Rule: to be read on a phone at arm's length: few words, large, with units and the time zone. What
was estimated is dashed, where nobody saw the account is grey and said. A value that is not there
leaves a hole, never a line across.
"""

from __future__ import annotations

import io
import math
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure

PAPER, INK, FAINT = "#14181f", "#e8eaed", "#8b949e"
CURVE, PRICE = "#6cb6ff", "#c9d1d9"
TIERS = {
    "calm": "#3fb950",
    "watch": "#e3c341",
    "warning": "#f0883e",
    "critical": "#f85149",
    "emergency": "#ff7bf2",
}
SIZE_INCHES = (7.2, 8.1)
DPI = 120
DATES = ["%Y", "%b", "%-d %b", "%H:%M", "%H:%M", "%H:%M:%S"]
ROUND_DATES = ["", "%Y", "%b", "%-d %b", "%H:%M", "%H:%M"]
HEADROOM = 1.25
MARGIN = 0.02


def drawn(story: dict[str, Any]) -> bytes:
    """Return the PNG of *story*."""
    zone = _zone(story["zone"])
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, facecolor=PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    if story["prices"]:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    else:
        upper, lower = figure.subplots(1, 1), None
    _measure(upper, story, zone)
    if lower is not None:
        _price(lower, story, zone)
    axes = [upper] if lower is None else [upper, lower]
    for axis in axes:
        _plain(axis)
        _gaps(axis, story, zone)
    _key(upper, story)
    last = axes[-1]
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=6)
    last.xaxis.set_major_locator(locator)
    last.xaxis.set_major_formatter(
        ConciseDateFormatter(
            locator, tz=zone, formats=DATES, zero_formats=ROUND_DATES, show_offset=False
        )
    )
    first, until = _at(story["from"], zone), _at(story["to"], zone)
    last.set_xlim(first, until + (until - first) * MARGIN)
    end = datetime.fromtimestamp(story["to"], zone)
    at = story["words"]["time"].format(zone=zone_name(end), at=f"{end:%-d %b %H:%M}")
    last.set_xlabel(at, color=FAINT, fontsize=15)
    upper.set_title(story["title"], color=INK, fontsize=20, fontweight="bold", loc="left", pad=26)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def zone_name(at: datetime) -> str:
    return at.tzname() or "UTC"


def _measure(axis: Any, story: dict[str, Any], zone: tzinfo) -> None:  # noqa: ANN401 - Matplotlib has no types here
    points = story["points"]
    values = [value for _, value, _ in points if value is not None]
    lines, end = story["lines"], story["end"]
    bound = max([*values, *(line for _, line in lines)], default=1.0)
    axis.set_ylim(min([end, *values]), end + (bound - end) * HEADROOM if bound > end else end + 1)
    for tier, line in lines:
        axis.axhline(line, color=TIERS[tier], linewidth=1.6, alpha=0.85)
        axis.annotate(
            f"{story['words']['tiers'][tier]} {line:g}",
            xy=(MARGIN / 2, line),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            color=TIERS[tier],
            fontsize=13,
        )
    for guess, run in _runs(points):
        style = "--" if guess else "-"
        times = [_at(at, zone) for at, _, _ in run]
        heights = [math.nan if value is None else value for _, value, _ in run]
        axis.plot(times, heights, style, color=CURVE, linewidth=2.4, solid_capstyle="round")
    _events(axis, story, zone)
    axis.set_ylabel(story["measure"], color=INK, fontsize=15)
    known = [(at, value) for at, value, _ in points if value is not None]
    if known:
        _marked(axis, known[-1], f"{known[-1][1]:.1f}", zone, CURVE)


def _price(axis: Any, story: dict[str, Any], zone: tzinfo) -> None:  # noqa: ANN401 - as above
    times = [_at(at, zone) for at, _ in story["prices"]]
    known = [price for _, price in story["prices"] if price is not None]
    heights = [math.nan if price is None else price for _, price in story["prices"]]
    axis.plot(times, heights, color=PRICE, linewidth=2.0)
    low, high = min(known), max(known)
    near = [at for at in story["limits"] if low / HEADROOM <= at <= high * HEADROOM]
    for at in near:
        axis.axhline(at, color=TIERS["critical"], linewidth=1.8, linestyle=":")
        axis.annotate(
            story["words"]["liquidation"].format(price=_figures(at)),
            xy=(MARGIN / 2, at), xycoords=("axes fraction", "data"),
            xytext=(0, 3), textcoords="offset points", color=TIERS["critical"], fontsize=13,
        )  # fmt: skip
    low, high = min([low, *near]), max([high, *near])
    room = (high - low) * (HEADROOM - 1) / 2 or high * MARGIN
    axis.set_ylim(low - room, high + room)
    axis.set_ylabel(story["words"]["price"].format(coin=story["coin"]), color=INK, fontsize=15)
    axis.yaxis.set_major_formatter(lambda value, _: _figures(value))
    _marked(axis, story["prices"][-1], _figures(heights[-1]), zone, PRICE)


def _marked(axis: Any, at: tuple[float, float], words: str, zone: tzinfo, colour: str) -> None:  # noqa: ANN401 - as above
    axis.plot([_at(at[0], zone)], [at[1]], "o", color=colour, markersize=7)
    axis.annotate(
        words, xy=(_at(at[0], zone), at[1]), xytext=(-8, 9), textcoords="offset points",
        color=INK, fontsize=16, fontweight="bold", ha="right",
        bbox={"facecolor": PAPER, "alpha": 0.75, "edgecolor": "none", "pad": 1.5},
    )  # fmt: skip


def _events(axis: Any, story: dict[str, Any], zone: tzinfo) -> None:  # noqa: ANN401 - as above
    for at, tier in story["events"]:
        axis.plot(
            [_at(at, zone)], [MARGIN * 2], "^", color=TIERS[tier], markersize=11,
            transform=axis.get_xaxis_transform(), clip_on=False,
        )  # fmt: skip


def _gaps(axis: Any, story: dict[str, Any], zone: tzinfo) -> None:  # noqa: ANN401 - as above
    for start, end in story["gaps"]:
        axis.axvspan(_at(start, zone), _at(end, zone), color=FAINT, alpha=0.28, linewidth=0)


def _key(axis: Any, story: dict[str, Any]) -> None:  # noqa: ANN401 - as above
    said = {
        "events": story["events"],
        "gaps": story["gaps"],
        "guesses": any(guess for _, _, guess in story["points"]),
    }
    words = "   ".join(story["words"][each] for each, is_there in said.items() if is_there)
    axis.text(
        1, 1.02, words, transform=axis.transAxes, color=FAINT, fontsize=13, ha="right", va="bottom"
    )


def _plain(axis: Any) -> None:  # noqa: ANN401 - as above
    axis.set_facecolor(PAPER)
    axis.grid(visible=True, color=FAINT, alpha=0.18)
    axis.tick_params(colors=INK, labelsize=14)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(FAINT)


def _runs(points: list[Any]) -> list[tuple[bool, list[Any]]]:
    """Return the points in runs of readings and of estimates, each begun where the last ended."""
    runs: list[tuple[bool, list[Any]]] = []
    for guess, run in groupby(points, key=lambda point: bool(point[2])):
        joint = runs[-1][1][-1:] if runs else []
        runs.append((guess, [*joint, *run]))
    return runs


def _figures(value: float) -> str:
    decimals = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 5  # noqa: PLR2004 - digits a reader needs
    return f"{value:,.{decimals}f}"


def _at(seconds: float, zone: tzinfo) -> float:
    return float(date2num(datetime.fromtimestamp(seconds, zone)))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
