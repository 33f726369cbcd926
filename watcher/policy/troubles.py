"""
What the service says of its own troubles: a disk that takes nothing, an account it cannot judge.

Rule: these go from memory, past the store that may be the trouble; one key for one thing said, so
that many accounts with one cause say it once.
"""

from __future__ import annotations

from dataclasses import replace

from watcher.domain.alert import MINUTE_US, Message, Moment, Tier
from watcher.policy import notes

REPEAT_US = 60 * MINUTE_US
"""How often a disk that still takes nothing is told."""


def not_kept(reason: str, now: Moment) -> Message:
    """Return that nothing can be written down; the same words within the hour have one key."""
    facts = ("Alerts go on from memory", "A restart now forgets what was told", reason)
    told = notes.trouble("cannot write to disk", facts, now, subject="store")
    return replace(told, key=f"trouble:store:{now.wall_us // REPEAT_US}", tier=Tier.WARNING)


def kept_again(now: Moment) -> Message:
    """Return that everything is written down again."""
    facts = ("What was told meanwhile is kept too",)
    told = notes.trouble("disk works again", facts, now, subject="store")
    return replace(told, key=f"trouble:store_works:{now.wall_us // MINUTE_US}")


def not_judged(account: str, error: Exception, now: Moment) -> Message:
    """Return that *account* could not be judged, by a fault of ours."""
    facts = (
        f"{account}: look at it yourself",
        f"A fault in watcher itself ({type(error).__name__})",
        "The log has the trace; other accounts go on",
    )
    told = notes.trouble("account not judged", facts, now, subject=f"decide:{account}")
    return replace(told, account=account, tier=Tier.CRITICAL)
