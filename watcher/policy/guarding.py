"""
What the service says about the guard at its door: who was turned away, who else holds the token.

Rule: a stranger's words are never repeated, only counted. That somebody else holds the bot's token
goes to every road, for the chat itself may be theirs.
"""

from __future__ import annotations

from enum import Enum

from watcher.domain.alert import Kind, Lane, Message, Moment, Text, Tier
from watcher.domain.road import Reach
from watcher.policy import wording
from watcher.policy.wording import Bold, row

TOO_FAST = "Too many at once: wait a minute"
COMMANDS_OFF = "Off while another program uses this bot's token"
NOT_DONE = "This could not be done; the log says why"


class Rival(Enum):
    """How another program that holds the bot's token shows itself."""

    POLLS = "another program reads this bot's messages"
    HOOKED = "somebody had this bot's messages sent to an address of theirs"


def denied(count: int, now: Moment) -> Message:
    """Return the note that *count* messages of strangers came to the bot."""
    messages = "1 message" if count == 1 else f"{count} messages"
    rows = [
        row("🔒 ", Bold("SECURITY"), f" {messages} to the bot from outside its list"),
        row("None was answered; told once an hour at most"),
    ]
    return _message("denied", wording.text_of(rows), now, Lane.REPLY, Reach.CHAT, silent=True)


def rival(how: Rival, now: Moment) -> Message:
    """Return the alert that somebody else holds the bot's token."""
    rows = [
        row("🔒 ", Bold("SECURITY"), f" {how.value}"),
        row("Alerts go on; commands and buttons are off until it stops, /kill and /pause are not"),
        row(
            "Yours: stop the other program. Not yours: /revoke the token at @BotFather, set the new"
        ),
    ]
    text = wording.text_of(rows)
    return _message(f"rival:{how.name}", text, now, Lane.BLIND, Reach.FALLBACK, silent=False)


def _message(
    reason: str, text: Text, now: Moment, lane: Lane, reach: Reach, *, silent: bool
) -> Message:
    return Message(
        key=f"security:{reason}:{now.wall_us}",
        account="",
        kind=Kind.NOTE,
        tier=Tier.CALM,
        lane=lane,
        text=text,
        silent=silent,
        reach=reach,
        created_at_us=now.steady_us,
    )
