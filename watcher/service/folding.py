"""
What waited too long, told as one message: each of several as its first line, the newest last.

Rule: nothing is dropped silently; lines that find no room are counted. Which messages are old
enough is `deliver`'s to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from watcher.domain.alert import MINUTE_US, Message, Moment, Text

FOLD_LINES_MAX = 10


def folded(messages: Sequence[Message], now: Moment) -> Message:
    """Return one message in place of several that waited too long, each as its first line."""
    ordered = sorted(messages, key=lambda m: m.created_at_us)
    shown = ordered[-FOLD_LINES_MAX:]
    age_min = max(0, now.steady_us - ordered[0].created_at_us) // MINUTE_US
    head = f"{len(ordered)} messages could not be sent for up to {age_min} min"
    lines = [head]
    if len(shown) < len(ordered):
        lines.append(f"the first {len(ordered) - len(shown)} are left out")
    lines += [f"· {message.text.plain.splitlines()[0]}" for message in shown]
    return replace(
        ordered[-1],
        key=f"folded:{ordered[0].key}:{ordered[-1].key}",
        text=Text(plain="\n".join(lines), bold=((0, len(head)),)),
        tier=max(message.tier for message in ordered),
    )
