"""
What the loops need from memory that survives: the ledger (states, outbox) and the history.

Rule: each verb is one transaction, and a failure is a `StoreError` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.alert import AccountState, Decision, Lane, Message, Moment, Sample


class StoreError(Exception):
    """The store failed; alerts go on from memory, and the trader is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    An outbox row taken for sending; it falls back to the queue when its lease ends.

    `copies` counts the sends that may have arrived although nobody confirmed them.
    """

    id: int
    message: Message
    attempts: int
    copies: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    What waits in the outbox. `urgent_since_us` is the age of the oldest row of lanes 0 and 1,
    `due_us` the moment the next row may go out; None: no such row.
    """

    waiting: int
    urgent_since_us: int | None
    due_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The channel takes nothing, why, and since when (wall time) nothing could be delivered."""

    reason: str
    since_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """
    What a person must know of the outbox. `abandoned` and `abandoned_urgent` (lanes 0 and 1) count
    messages the far side would not take and nothing newer about the same thing has replaced.
    """

    refusal: Refusal | None = None
    abandoned: int = 0
    abandoned_urgent: int = 0
    reason: str = ""


class Store(Protocol):
    """The ledger (alert states, outbox) and the history, each verb one transaction."""

    async def load(self) -> Mapping[str, AccountState]: ...

    async def commit(self, decision: Decision, now: Moment) -> None:
        """Write the new state and its outbox rows together; a known message key is kept once."""

    async def claim(
        self,
        now: Moment,
        *,
        limit: int,
        lanes: tuple[Lane, Lane] = (Lane.DANGER, Lane.DIGEST),
        created_before_us: int | None = None,
    ) -> Sequence[Claim]:
        """
        Take the next rows to send, worst lane first, each under a lease of 15 s.

        *lanes* are the first and last lane to look at, *created_before_us* leaves younger rows.
        """

    async def delivered(self, claim_id: int, receipt: str, now: Moment) -> None: ...

    async def postpone(
        self, claim_id: int, until_us: int, reason: str, *, copied: bool = False
    ) -> None:
        """Put a row back for later; *copied*: this attempt may have arrived."""

    async def abandon(self, claim_id: int, reason: str) -> None:
        """Mark a row as undeliverable; it stays visible."""

    async def refused(self, refusal: Refusal | None) -> None:
        """
        Note for whoever looks from outside that the channel refuses all, or None: no longer.

        A refusal already noted keeps its beginning.
        """

    async def say(self, message: Message) -> None:
        """Queue a message that no decision led to (start, stop, trouble of our own)."""

    async def backlog(self, now: Moment) -> Backlog: ...

    async def history(self, account: str, *, since_us: int) -> Sequence[Sample]: ...

    async def probe(self) -> None:
        """Write and read one row. Raises: `StoreError`."""

    async def close(self) -> None: ...
