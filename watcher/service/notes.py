"""
Messages no decision led to: trouble of our own, start and stop.

Rule: plain words for the trader, one key per occurrence, so that a repeat of the same trouble is
the same message.
"""

from __future__ import annotations

from watcher.domain.alert import Kind, Lane, Message, Moment, Text, Tier


def note(
    key: str,
    words: str,
    now: Moment,
    *,
    account: str = "",
    lane: Lane = Lane.BLIND,
    tier: Tier = Tier.WARNING,
    silent: bool = False,
) -> Message:
    """Return *words* as a message; its first line is shown bold."""
    end = words.find("\n")
    return Message(
        key=key,
        account=account,
        kind=Kind.NOTE,
        tier=tier,
        lane=lane,
        text=Text(plain=words, bold=((0, len(words) if end < 0 else end),)),
        silent=silent,
        created_at_us=now.steady_us,
    )
