"""
What the service says of itself: that it watches, that it no longer does, that it has trouble.

Rule: a note never carries a danger; it says that somebody is watching, or no longer is. Silence
must not be mistaken for safety, so stopping is said aloud.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.domain.alert import AccountState, Kind, Lane, Message, Moment, Text, Tier
from watcher.domain.road import Reach
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.listing import opened
from watcher.policy.wording import Bold, Row, row

NAMED_MAX = 6


def started(accounts: Sequence[str], now: Moment, *, zone: str, pinged: bool) -> Message:
    """Return the note that watching begins; *pinged*: somebody outside would notice its end."""
    facts = (say.WATCHING_FACT, *([] if pinged else [say.NO_PING]))
    return _note("start", "▶️", say.WATCHING, accounts, now, zone, *facts)


def restarted(
    states: Sequence[AccountState], now: Moment, *, zone: str, down_s: float, pinged: bool
) -> Message:
    """
    Return the note that watching goes on after a gap nobody looked in, with what is open as far as
    is remembered: a ledger that was put back remembers less than the screen shows.
    """
    gap = say.NOBODY_WATCHED.format(since=wording.duration(down_s))
    facts = (gap, _still_open(states), *([] if pinged else [say.NO_PING]))
    names = [state.account for state in states]
    return _note("restart", "▶️", say.WATCHING_AGAIN, names, now, zone, *facts)


def _still_open(states: Sequence[AccountState]) -> str:
    found = sorted(
        (one for state in states for one in opened(state)),
        key=lambda one: (-one.tier, one.account, one.about),
    )
    told = list(dict.fromkeys(f"#{one.incident.code}" for one in found))
    if not told:
        return say.NOTHING_OPEN
    more = say.AND_MORE.format(count=len(told) - NAMED_MAX) if len(told) > NAMED_MAX else ""
    return say.STILL_OPEN.format(codes=", ".join(told[:NAMED_MAX]), more=more)


def stopped(accounts: Sequence[str], now: Moment, *, zone: str) -> Message:
    """Return the note that nobody watches from now on."""
    return _note("stop", "⏹", say.STOPPED, accounts, now, zone, say.STOPPED_FACT)


def trouble(title: str, facts: Sequence[str], now: Moment, *, subject: str) -> Message:
    """Return a note of trouble of our own: the store, the clock, a configuration not taken over."""
    rows = [
        row(f"{lines.NOTE_MARK} ", Bold(wording.words(title).upper())),
        *(row(f"  {wording.words(fact)}") for fact in facts[: lines.LINES_MAX - 1]),
    ]
    return note(f"note:trouble:{subject}", wording.text_of(rows), now, Lane.BLIND, silent=False)


def test_message(now: Moment, *, zone: str) -> Message:
    """Return the message of `watcher send-test`."""
    rows = [
        row("🔔 ", Bold(say.TEST), f" {wording.minute_time(now.wall_us, wording.zone(zone))}"),
        row(say.TEST_FACT),
    ]
    return note("note:test", wording.text_of(rows), now, Lane.REPLY, silent=False)


def _note(
    reason: str,
    mark: str,
    title: str,
    accounts: Sequence[str],
    now: Moment,
    zone: str,
    *facts: str,
) -> Message:
    at = wording.day_time(now.wall_us, wording.zone(zone))
    count = wording.counted(len(accounts), say.ACCOUNTS_ONE, say.ACCOUNTS)
    rows = [
        row(f"{mark} ", Bold(title), f" {count}"),
        named(accounts),
        *(row(fact) for fact in facts),
        row(say.SINCE.format(at=at) if reason == "start" else say.AT.format(at=at)),
    ]
    kept = rows if accounts else [rows[0], *rows[2:]]
    silent = reason != "stop"
    return note(f"note:{reason}", wording.text_of(kept), now, Lane.REPLY, silent=silent)


def named(accounts: Sequence[str]) -> Row:
    """Return the row that names *accounts*, the first of them where they are many."""
    names = ", ".join(wording.name(account) for account in accounts[:NAMED_MAX])
    more = say.AND_MORE.format(count=len(accounts) - NAMED_MAX) if len(accounts) > NAMED_MAX else ""
    return row(say.ACCOUNTS_NAMED.format(names=names, more=more))


def note(
    key: str,
    text: Text,
    now: Moment,
    lane: Lane,
    *,
    silent: bool,
    reach: Reach = Reach.CHAT,
) -> Message:
    """Return a message about the service itself: of no account and no tier."""
    return Message(
        key=f"{key}:{now.wall_us}",
        account="",
        kind=Kind.NOTE,
        tier=Tier.CALM,
        lane=lane,
        text=text,
        silent=silent,
        reach=reach,
        created_at_us=now.steady_us,
    )
