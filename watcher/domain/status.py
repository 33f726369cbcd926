"""
What a venue says of the account beside its numbers: its mode, its key, its clock.

Rule: values only. Read at start and from time to time, never at each poll: a fact may be hours old.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRights:
    """
    What the venue says the key may do. None: the venue does not tell.

    `uid` is the venue's own name of the account the key belongs to.
    """

    read: bool | None
    trade: bool | None
    transfer: bool | None
    withdraw: bool | None
    ip_bound: bool | None
    expires_at_us: int | None = None
    uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueStatus:
    """Mode, rights, how far the venue's clock is ahead of ours, and how busy we keep it."""

    mode: str
    rights: KeyRights
    clock_offset_ms: float
    weight_used: int
    weight_limit: int
