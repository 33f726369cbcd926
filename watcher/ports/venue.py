"""
What the loops need from a venue: one account, read-only, and the errors it may raise.

Rule: an adapter turns everything its library can throw into this tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from watcher.domain.account import Snapshot
from watcher.domain.alert import MissKind
from watcher.domain.status import VenueStatus


class VenueError(Exception):
    """
    A venue could not be read. The text is plain words for the trader and holds no secret.

    *wait_s* is for how long from now the venue asks not to be asked: a duration, for an end is told
    by its clock and would be waited for by ours.
    """

    kind = MissKind.UNREACHABLE

    def __init__(self, reason: str, *, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


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
    """The venue shut this address out for `wait_s`; no request may be sent before."""

    kind = MissKind.BANNED


class Maintenance(VenueError):
    kind = MissKind.MAINTENANCE


class Unsupported(VenueError):
    """A mode or product nothing here can read."""

    kind = MissKind.UNSUPPORTED


class WithdrawalRight(VenueError):
    """The key may withdraw: the account is not watched with it, without exception."""

    kind = MissKind.SECURITY


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

    async def prices_elsewhere(self, symbols: Sequence[str]) -> Mapping[str, float]:
        """
        Return what other venues say of the same contracts, by underlying, without any key; empty
        where none says anything. Nothing is sent to this venue.
        """

    async def housekeeping(self) -> None:
        """Refresh mode, rights, clock offset, brackets as each falls due."""

    async def status(self) -> VenueStatus:
        """
        Return what is known since the last `housekeeping`; only what was never read is asked for.

        Raises: `VenueError`.
        """

    async def close(self) -> None: ...
