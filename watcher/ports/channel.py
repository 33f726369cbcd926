"""
What the loops need from a road to a person, and what comes back along it.

Rule: a road delivers, edits and pins; it knows no lanes, budgets or retries. A person who speaks
has passed the gate before anything here is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.alert import Text


class DeliveryError(Exception):
    """
    A message was not, or not certainly, delivered.

    `permanent`: this message can never go out as it is. `refused`: the channel takes no message at
    all until a person mends it (token, chat, rights). `ambiguous`: it may have arrived.
    `retry_after_s`: the far side's own wait, to be kept exactly.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        refused: bool = False,
        ambiguous: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.refused = refused
        self.ambiguous = ambiguous
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A button as it travels: what it says, and the secret a press of it brings back."""

    label: str
    token: str


class Ids(Protocol):
    """Makes secrets."""

    def token(self) -> str:
        """Return 128 random bits as text, never the same twice."""


class Channel(Protocol):
    """One road to a person."""

    name: str

    async def send(
        self,
        text: Text,
        *,
        silent: bool,
        keys: Sequence[Key] = (),
        picture: bytes | None = None,
    ) -> str:
        """
        Deliver *text* and return the far side's id for it. A road that knows no buttons or
        pictures leaves them out.

        Raises: `DeliveryError`.
        """

    async def edit(self, receipt: str, text: Text, *, keys: Sequence[Key] = ()) -> None:
        """
        Put *text* in the place of what was delivered as *receipt*; the same text again is fine.

        Raises: `DeliveryError`, permanent where this cannot be edited (any more).
        """

    async def pin(self, receipt: str) -> None:
        """
        Keep what was delivered as *receipt* in sight, where the road can; in silence.

        Raises: `DeliveryError`.
        """

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """
    A command from a person who passed the gate; `word` without its slash. `operator`: may change
    something, not only read.
    """

    word: str
    argument: str
    user_id: int
    sent_at_us: int
    operator: bool = False
    update_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A press of a button by a person who passed the gate; `receipt` is the message's id."""

    token: str
    user_id: int
    chat_id: int
    receipt: str
    operator: bool
    update_id: int


class Answerer(Protocol):
    """Takes what people ask and sees to its answer on *road*."""

    def answer(self, command: Command, road: Channel) -> None:
        """Take *command*; returns at once."""

    async def press(self, press: Press, road: Channel) -> str:
        """Take *press* and return the few words shown at once: the new state, never just "OK"."""
