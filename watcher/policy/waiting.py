"""
Words about what had to wait: an alert that comes late, an answer that cannot come.

Rule: a late alert says when it was true, in the row under its title: the title is what a locked
phone shows. The rest stays as it was written.
"""

from __future__ import annotations

from watcher.domain.alert import MINUTE_US, SECOND_US, Message, Moment, Text
from watcher.policy import messages as say
from watcher.policy import wording

LATE_US = 60 * SECOND_US


def late(message: Message, now: Moment, *, zone: str) -> Text:
    """Return the text of *message* as it is told *now*: as written, or with how late it comes."""
    late_us = now.steady_us - message.created_at_us
    text = message.text
    if late_us <= LATE_US:
        return text
    at = wording.minute_time(now.wall_us - late_us, wording.zone(zone))
    row = "\n" + say.SAID_LATE.format(at=at, minutes=late_us // MINUTE_US)
    title = text.plain.partition("\n")[0]
    return Text(
        plain=title + row + text.plain[len(title) :],
        bold=_moved(text.bold, len(title), len(row)),
        fixed=_moved(text.fixed, len(title), len(row)),
    )


def _moved(spans: tuple[tuple[int, int], ...], after: int, by: int) -> tuple[tuple[int, int], ...]:
    return tuple(span if span[1] <= after else (span[0] + by, span[1] + by) for span in spans)
