"""
What the loops need from the world outside, and the only errors adapters may raise.

Rule: services see these Protocols and nothing behind them. An adapter turns everything its
library can throw into this error tree; an error outside it is a defect.

    VenueError      Unreachable · Unreadable · Refused · RateLimited · Banned · Maintenance ·
                    Unsupported · WithdrawalRight
    DeliveryError   about the message or about the channel, ambiguous or not, with the wait the far
                    side asked for
    StoreError      the ledger could not be read or written
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    AccountState,
    Decision,
    Lane,
    Message,
    MissKind,
    Moment,
    Sample,
    Text,
)


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


class Bell:
    """
    Wakes the one loop that waits on it; a ring that finds nobody waiting is kept.

    A ring is heard within the call itself, so that a stepped clock knows the waiter is busy
    before anything else runs.
    """

    __slots__ = ("_listener", "_rung")

    def __init__(self) -> None:
        self._rung = False
        self._listener: Callable[[], None] | None = None

    def ring(self) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            self._rung = True
        else:
            listener()

    def taken(self) -> bool:
        """Return whether it rang since it was last taken, and forget that it did."""
        rung, self._rung = self._rung, False
        return rung

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Call *listener* at the next ring, once; None stops listening. For clocks only."""
        assert listener is None or self._listener is None, "a bell wakes one waiter"
        self._listener = listener


class Clock(Protocol):
    """
    Time, waiting for it, and the tasks that wait for it.

    In practice and simulation it is stepped: the world moves on only while every task started
    with `spawn` waits in `sleep` or `wait` and no `hold` is open. Loops therefore wait through
    their clock only, and start further loops with `spawn`.
    """

    def now(self) -> Moment: ...

    async def sleep(self, seconds: float) -> None: ...

    async def wait(self, bell: Bell, timeout_s: float) -> bool:
        """Wait for *bell* at most *timeout_s*; return whether it rang."""

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> asyncio.Task[None]:
        """Start *work* as a task that keeps the world still until it waits or ends."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep the world still while open: for start-up and other work outside `spawn`."""


class Scheduler(Protocol):
    """Runs a job at its own pace, never overlapping itself; the job returns its next wait in s."""

    def every(
        self,
        name: str,
        job: Callable[[], Awaitable[float]],
        *,
        first_s: float = 0.0,
        timeout_s: float = 60.0,
    ) -> None:
        """Run *job* after *first_s*, then after each wait it returns; cancel it at *timeout_s*."""

    async def run(self) -> None:
        """Run until `stop`; a job that raises is logged and runs again."""

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command from a person who passed the gate; `word` without its slash."""

    word: str
    argument: str
    user_id: int
    sent_at_us: int


class Answerer(Protocol):
    """Takes a command and sees to its answer on *road*; returns at once."""

    def answer(self, command: Command, road: Channel) -> None: ...
