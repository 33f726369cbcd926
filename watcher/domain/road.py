"""
Nouns of the way between a message and a person: how far it reaches, what can be pressed under it.

Rule: values only. Which roads exist is configuration; who takes one when is `policy`; how a button
travels is `channels`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Reach(IntEnum):
    """How far a message goes: to every road up to this one. Later roads wake more people."""

    CHAT = 0
    SECOND = 1
    FALLBACK = 2

    @property
    def road(self) -> str:
        """The name of the road that is this far, as in the log and in `watcher status`."""
        return self.name.lower()


class Act(StrEnum):
    """What a person can ask by a button. The last two read, the others change something."""

    ACK = "ack"
    MUTE = "mute"
    HEARD = "heard"
    APPROVE = "approve"
    DENY = "deny"
    KILL = "kill"
    DETAILS = "details"
    CHART = "chart"


ACTING = frozenset(Act) - {Act.DETAILS, Act.CHART}
"""Acts whose button works once; those that only read work until they expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """
    One button under a message. What it is about (account, incident, tier) is the message's; a
    button about money names its `intent`.
    """

    act: Act
    label: str
    intent: str = ""
