"""
What is said of settings read anew: which changed, or why the old ones stay.

Rule: a change is told key by key, as it was and as it is; a secret is said to have changed and is
never shown. Settings that were refused are told aloud: whoever edited them believes that they hold;
and so is a chat that is left, because its silence would be taken for safety.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.domain.alert import Lane, Message, Moment, Tier
from watcher.policy import lines, notes, wording
from watcher.policy import messages as say
from watcher.policy.wording import Bold, Fixed, Row, row

CHANGES_MAX = 5
PROBLEMS_MAX = 3
"""Of both as many as have room: two rows for a change, three for a problem."""

_PLACED = re.compile(r"(\S+)\s\((.+)\)")
_FOLDERS = re.compile(r"[^\s(]*/(?=[^/\s]+\sline\s\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One key of the settings; without values it is a secret."""

    key: str
    was: str | None = None
    now: str | None = None

    def __str__(self) -> str:
        if self.was is None or self.now is None:
            return f"{self.key}: {say.HAS_CHANGED}"
        return f"{self.key}: {self.was} -> {self.now}"


def reloaded(changes: Sequence[Change], now: Moment, *, zone: str) -> Message:
    """Return the note that watching goes on with new settings."""
    count = wording.counted(len(changes), say.SETTINGS_ONE, say.SETTINGS)
    at = wording.minute_time(now.wall_us, wording.zone(zone))
    rows = [row("🔄 ", Bold(say.RELOADED), f" {count}")]
    rows += [line for change in changes[:CHANGES_MAX] for line in _changed(change)]
    rows += _more(len(changes) - CHANGES_MAX)
    if len(rows) < lines.LINES_MAX:
        rows.append(row(say.AT.format(at=at)))
    return notes.note("note:reload", wording.text_of(rows), now, Lane.REPLY, silent=True)


def left(now: Moment, *, zone: str) -> Message:
    """Return the last word to a chat that new settings do not name any more."""
    at = wording.day_time(now.wall_us, wording.zone(zone))
    rows = [
        row("⏹ ", Bold(say.CHAT_LEFT)),
        row(say.CHAT_LEFT_FACT),
        row(say.AT.format(at=at)),
    ]
    return notes.note("note:left", wording.text_of(rows), now, Lane.REPLY, silent=False)


def refused(problems: Sequence[str], now: Moment) -> Message:
    """Return the note that new settings were not taken over and the old ones stay."""
    rows = [
        row(f"{lines.NOTE_MARK} ", Bold(say.SETTINGS_REFUSED)),
        row(say.SETTINGS_STAY),
        *(line for problem in problems[:PROBLEMS_MAX] for line in _problem(problem)),
        *_more(len(problems) - PROBLEMS_MAX),
    ]
    text = wording.text_of(rows)
    told = notes.note("note:trouble:settings", text, now, Lane.BLIND, silent=False)
    return replace(told, tier=Tier.WARNING)


def _changed(change: Change) -> Iterator[Row]:
    yield row(_key(change.key))
    if change.was is None or change.now is None:
        yield row(f"  {say.HAS_CHANGED}")
    else:
        yield row(f"  {wording.words(change.was)} → {wording.words(change.now)}")


# "poll.calm (config/watcher.toml line 12, column 9): found ..." is one line of the log; what is no
# TOML at all has the place alone
def _problem(problem: str) -> Iterator[Row]:
    where, _, what = _FOLDERS.sub("", problem).partition(": ")
    found = _PLACED.fullmatch(where)
    if found is not None:
        yield row(_key(found[1]))
        yield row("  ", wording.words(found[2]))
    else:
        yield row(wording.words(where) if " " in where else _key(where))
    yield row("  ", wording.words(what.replace('"', "'")))


# in fixed width no dot makes a link
def _key(key: str) -> Fixed:
    return Fixed(".".join(map(wording.name, key.split("."))))


def _more(count: int) -> Iterator[Row]:
    if count > 0:
        yield row(say.AND_MORE_ROWS.format(count=count))
