"""
What the loops need from the world outside, and the only errors adapters may raise.

Rule: services see these Protocols and nothing behind them. An adapter turns everything its
library can throw into this error tree; an error outside it is a defect.

    VenueError      Unreachable · Unreadable · Refused · RateLimited · Banned · Maintenance ·
                    Unsupported · WithdrawalRight
    DeliveryError   permanent or not, ambiguous or not, with the wait the far side asked for
    StoreError      the ledger could not be read or written
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, Decision, Message, MissKind, Moment, Sample, Text


class VenueError(Exception):
    """A venue could not be read. The text is plain words for the trader and holds no secret."""

    kind = MissKind.UNREACHABLE

    def __init__(self, reason: str, *, until_us: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.until_us = until_us


class Unreachable(VenueError):
    """No answer, or one that says "later": time-outs, resets, 5xx."""


class Unreadable(VenueError):
    """An answer that cannot be trusted: not JSON, a field missing, a number that is none."""

    kind = MissKind.UNREADABLE


class Refused(VenueError):
    """The key is wrong, revoked, lacks a right, or this address is not on its list."""

    kind = MissKind.REFUSED


class RateLimited(VenueError):
    kind = MissKind.RATE_LIMITED


class Banned(VenueError):
    """The venue shut this address out until `until_us`; no request may be sent before."""

    kind = MissKind.BANNED


class Maintenance(VenueError):
    kind = MissKind.MAINTENANCE


class Unsupported(VenueError):
    """A mode or product nothing here can read."""

    kind = MissKind.UNSUPPORTED


class WithdrawalRight(VenueError):
    """The key may withdraw: the account is not watched with it, without exception."""

    kind = MissKind.SECURITY


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """What the venue says the key may do. None: the venue does not tell."""

    read: bool | None
    trade: bool | None
    transfer: bool | None
    withdraw: bool | None
    ip_bound: bool | None
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueStatus:
    """Facts `watcher check` shows beside the numbers."""

    mode: str
    rights: KeyRights
    clock_offset_ms: float
    weight_used: int
    weight_limit: int


class Venue(Protocol):
    """One account on one venue, read-only."""

    account: str

    async def start(self) -> VenueStatus:
        """
        Read mode, rights, clock offset, brackets; called once before the first snapshot.

        Raises: `VenueError`; `WithdrawalRight` for a key that may withdraw.
        """

    async def snapshot(self) -> Snapshot:
        """Return all parts of the account, or raise `VenueError`."""

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, float]:
        """
        Return live public marks by underlying for the given contract symbols, what there is of
        them, without the account's key.

        Raises: `VenueError` when none can be had.
        """

    async def housekeeping(self) -> None:
        """Refresh mode, rights, clock offset, brackets as each falls due."""

    async def close(self) -> None: ...


class DeliveryError(Exception):
    """
    A message was not, or not certainly, delivered.

    `permanent`: trying again as it is cannot help. `ambiguous`: it may have arrived.
    `retry_after_s`: the far side's own wait, to be kept exactly.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        ambiguous: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.ambiguous = ambiguous
        self.retry_after_s = retry_after_s


class Channel(Protocol):
    """One road to a person."""

    name: str

    async def send(self, text: Text, *, silent: bool) -> str:
        """
        Deliver *text* and return the far side's id for it.

        Raises: `DeliveryError`.
        """

    async def close(self) -> None: ...


class StoreError(Exception):
    """The store failed; alerts go on from memory, and the trader is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An outbox row taken for sending; it falls back to the queue when its lease ends."""

    id: int
    message: Message
    attempts: int


class Store(Protocol):
    """The ledger (alert states, outbox) and the history, each verb one transaction."""

    async def load(self) -> Mapping[str, AccountState]: ...

    async def commit(self, decision: Decision, now: Moment) -> None:
        """Write the new state and its outbox rows together; a known message key is kept once."""

    async def claim(self, now: Moment, *, limit: int) -> Sequence[Claim]:
        """Take the next rows to send, worst lane first, each under a lease of 15 s."""

    async def delivered(self, claim_id: int, receipt: str, now: Moment) -> None: ...

    async def postpone(self, claim_id: int, until_us: int, reason: str) -> None: ...

    async def abandon(self, claim_id: int, reason: str) -> None:
        """Mark a row as undeliverable; it stays visible."""

    async def say(self, message: Message) -> None:
        """Queue a message that no decision led to (start, stop, trouble of our own)."""

    async def history(self, account: str, *, since_us: int) -> Sequence[Sample]: ...

    async def probe(self) -> None:
        """Write and read one row. Raises: `StoreError`."""

    async def close(self) -> None: ...


class Clock(Protocol):
    """Time, and waiting for it. In practice and simulation it is stepped."""

    def now(self) -> Moment: ...

    async def sleep(self, seconds: float) -> None: ...


class Scheduler(Protocol):
    """Runs a job at its own pace, never overlapping itself; the job returns its next wait in s."""

    def every(
        self, name: str, job: Callable[[], Awaitable[float]], *, first_s: float = 0.0
    ) -> None: ...

    async def run(self) -> None:
        """Run until `stop`; a job that raises is logged and runs again."""

    async def stop(self) -> None: ...
