"""
What the loop that moves collateral needs: a client that may transfer, and the ledger's money side.

Rule: `Money.send` never raises and sends at most one request; what its answer proves is in the
answer. Judgement lives in `policy`: the ledger hands what it holds to the verdict it is given,
inside the very transaction that writes the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from watcher.domain.alert import Message, Moment
from watcher.domain.status import KeyRights
from watcher.domain.topup import (
    Answer,
    Assurance,
    Intent,
    Lookup,
    Movement,
    Route,
    Verb,
)
from watcher.ports.store import Flag

Verdict = Callable[[Sequence[Intent], Mapping[str, Flag]], str]
"""Given every counted and open intent of the account and the flags, why not to send; "": send."""


class Money(Protocol):
    """One account's client for moving collateral toward safety. It knows three verbs, no more."""

    account: str

    def assurance(self, verb: Verb) -> Assurance: ...

    def step(self, route: Route) -> Decimal:
        """Return the smallest amount the venue keeps on *route*."""

    def window_ms(self, verb: Verb) -> int:
        """Return how long after its time stamp the venue takes a request."""

    async def uid(self) -> str:
        """Return the venue's own number of the account. Raises: `VenueError`."""

    async def now_ms(self) -> int:
        """Return the venue's time by the measured offset. Raises: `VenueError`."""

    async def balance(self, route: Route) -> Decimal:
        """Return what may leave the source now, read fresh. Raises: `VenueError`."""

    async def send(self, intent: Intent, ts_ms: int) -> Answer:
        """
        Send *intent* once: its amount as it stands, signed with *ts_ms*, no redirect, no retry.

        Never raises (but for cancellation): whatever is not listed is `UNKNOWN`.
        """

    async def lookup(self, intent: Intent) -> Lookup:
        """Ask the venue's own books for *intent*. Never raises: no answer is `UNANSWERED`."""

    async def history(self, route: Route, *, since_us: int) -> Sequence[Movement]:
        """Return the venue's movements on *route*, oldest first. Raises: `VenueError`."""

    async def rights(self) -> KeyRights:
        """Raises: `VenueError`."""

    async def close(self) -> None: ...


class Purse(Protocol):
    """The ledger's memory of money; each verb is one transaction and raises only `StoreError`."""

    async def propose(self, intent: Intent, messages: Sequence[Message]) -> bool:
        """
        Write a new intent with its messages. False: one is open on its source wallet, or under its
        decision key; nothing is written.
        """

    async def claim_sending(
        self, intent: Intent, ts_ms: int, verdict: Verdict, now: Moment
    ) -> Intent | str:
        """
        Write *intent* down as being sent, stamped *ts_ms*, if *verdict* has no objection.

        Return it, or why it may not be sent; it is unchanged then.
        """

    async def advance(self, was: Intent, moved: Intent, messages: Sequence[Message]) -> bool:
        """Put *moved* in the place of *was* with its messages; False: it is no longer *was*."""

    async def intents(
        self, *, account: str | None = None, since_us: int = 0, open_only: bool = False
    ) -> Sequence[Intent]:
        """Return intents, oldest first: all that are open, and those changed since then."""

    async def freeze(self, flag: Flag, said: Message) -> bool:
        """Write *flag* down with what is said of it; False: one stands, nothing is written."""

    async def flags(self) -> Mapping[str, Flag]: ...

    async def armed_at_us(self) -> int:
        """Return when (wall time) a person last let money move again; 0: never."""
