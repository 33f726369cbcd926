"""
What a chat was told, as an independent witness counts it: sends per minute, who was named when.

Rule: only texts and times of the stand-ins, and the world's own arithmetic for what was true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from watcher.sim.bot_messages import SentMessage
from watcher.sim.demo.phone import read
from watcher.sim.world import SECOND_US, World

_NAMED = re.compile(r"^[🔴🚨] (?P<name>[a-z]\w*) .*: (?P<value>[\d.]+) % #\w+·\d+$")

_ESTIMATE = re.compile(r"^ESTIMATE with .*: (?P<value>[\d.]+) %", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One account named as critical or worse in one message, with the figure shown."""

    account: str
    t: float
    distance: float


def busiest(messages: Iterable[SentMessage]) -> int:
    """Return the most sends to one chat that any 60 s held."""
    times: dict[int, list[int]] = {}
    for sent in messages:
        times.setdefault(sent.chat_id, []).append(sent.at_us)
    return max(
        sum(first <= at < first + 60 * SECOND_US for at in one)
        for one in times.values()
        for first in one
    )


def critical_in(world: World, messages: Iterable[SentMessage]) -> list[Named]:
    """Return each account named as critical or worse with its figure, alone or in a group."""
    found = []
    for sent in messages:
        t = (sent.at_us - world.start_us) / SECOND_US
        found += [Named(account=name, t=t, distance=value) for name, value in _in(sent.text)]
    return found


def _in(text: str) -> list[tuple[str, float]]:
    alone = read(text)
    if alone is not None:
        estimate = _ESTIMATE.search(text)
        shown = alone.distance if estimate is None else float(estimate["value"])
        urgent = alone.tier in {"CRITICAL", "EMERGENCY"}
        return [(alone.account, shown)] if urgent and shown is not None else []
    rows = [_NAMED.match(line) for line in text.splitlines()[1:]]
    return [(row["name"], float(row["value"])) for row in rows if row is not None]


def gaps(times: Sequence[float], start: float, end: float) -> list[float]:
    """Return the silences between *start*, each of *times* and *end*, in seconds."""
    marks = [start, *sorted(t for t in times if start < t < end), end]
    return [after - before for before, after in pairwise(marks)]
