"""
What the service says about the guard at its door: who was turned away, who else holds the token.

Rule: a stranger's words are never repeated, only counted. That somebody else holds the bot's token
goes to every road, for the chat itself may be theirs.
"""

from __future__ import annotations

from enum import Enum

from watcher.domain.alert import Lane, Message, Moment
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.notes import note
from watcher.policy.wording import Bold, filled, row


class Rival(Enum):
    """How another program that holds the bot's token shows itself."""

    POLLS = say.RIVAL_POLLS
    HOOKED = say.RIVAL_HOOKED


def denied(count: int, now: Moment) -> Message:
    """Return the note that *count* messages of strangers came to the bot."""
    messages = wording.counted(count, say.MESSAGES_ONE, say.MESSAGES)
    rows = [
        filled(say.DENIED, title=Bold(say.SECURITY), messages=messages),
        row(say.DENIED_FACT),
    ]
    return note("security:denied", wording.text_of(rows), now, Lane.REPLY, silent=True)


def rival(how: Rival, now: Moment) -> Message:
    """Return the alert that somebody else holds the bot's token."""
    rows = [
        row("🔒 ", Bold(say.SECURITY), f" {how.value}"),
        row(say.RIVAL_FACT),
        row(say.RIVAL_REMEDY),
    ]
    text = wording.text_of(rows)
    return note(
        f"security:rival:{how.name}", text, now, Lane.BLIND, silent=False, reach=Reach.FALLBACK
    )
