"""
What the service says of itself: that it watches, that it no longer does, that it has trouble.

Rule: a note never carries a danger; it says that somebody is watching, or no longer is. Silence
must not be mistaken for safety, so stopping is said aloud.
"""

from __future__ import annotations

from collections.abc import Sequence

from watcher.domain.alert import Kind, Lane, Message, Moment, Text, Tier
from watcher.policy import lines, wording
from watcher.policy.wording import Bold, row

NAMED_MAX = 6


def started(accounts: Sequence[str], now: Moment, *, zone: str) -> Message:
    """Return the note that watching begins."""
    return _note(
        "start", "▶️", "WATCHING", accounts, now, zone, "You hear of danger and of blindness"
    )


def restarted(accounts: Sequence[str], now: Moment, *, zone: str, down_s: float) -> Message:
    """Return the note that watching goes on after a gap nobody looked in."""
    gap = f"Nobody watched for {wording.duration(down_s)}"
    return _note("restart", "▶️", "WATCHING AGAIN", accounts, now, zone, gap)


def stopped(accounts: Sequence[str], now: Moment, *, zone: str) -> Message:
    """Return the note that nobody watches from now on."""
    return _note("stop", "⏹", "STOPPED", accounts, now, zone, "NOBODY WATCHES until it is started")


def trouble(title: str, facts: Sequence[str], now: Moment, *, subject: str) -> Message:
    """Return a note of trouble of our own: the store, the clock, a configuration not taken over."""
    rows = [
        row(f"{lines.NOTE_MARK} ", Bold(wording.words(title).upper())),
        *(row(f"  {wording.words(fact)}") for fact in facts[: lines.LINES_MAX - 1]),
    ]
    return _message(f"trouble:{subject}", wording.text_of(rows), now, Lane.BLIND, silent=False)


def test_message(now: Moment, *, zone: str) -> Message:
    """Return the message of `watcher send-test`."""
    rows = [
        row("🔔 ", Bold("TEST"), f" {wording.minute_time(now.wall_us, wording.zone(zone))}"),
        row("Alerts of watcher arrive here"),
    ]
    return _message("test", wording.text_of(rows), now, Lane.REPLY, silent=False)


EXPIRED_BUTTON = "Expired or already used"
ALREADY_DONE = "Already done"
NOT_KEPT = "It could not be written down: a restart forgets it"


def _note(
    reason: str,
    mark: str,
    title: str,
    accounts: Sequence[str],
    now: Moment,
    zone: str,
    fact: str,
) -> Message:
    at = wording.day_time(now.wall_us, wording.zone(zone))
    names = ", ".join(wording.name(account) for account in accounts[:NAMED_MAX])
    more = f" and {len(accounts) - NAMED_MAX} more" if len(accounts) > NAMED_MAX else ""
    count = f"{len(accounts)} account{'' if len(accounts) == 1 else 's'}"
    rows = [
        row(f"{mark} ", Bold(title), f" {count}"),
        row(f"Accounts: {names}{more}"),
        row(fact),
        row(f"Since {at}" if reason == "start" else f"At {at}"),
    ]
    kept = rows if accounts else [rows[0], *rows[2:]]
    silent = reason != "stop"
    return _message(reason, wording.text_of(kept), now, Lane.REPLY, silent=silent)


def _message(reason: str, text: Text, now: Moment, lane: Lane, *, silent: bool) -> Message:
    return Message(
        key=f"note:{reason}:{now.wall_us}",
        account="",
        kind=Kind.NOTE,
        tier=Tier.CALM,
        lane=lane,
        text=text,
        silent=silent,
        created_at_us=now.steady_us,
    )
