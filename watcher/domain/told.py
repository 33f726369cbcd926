"""
What was said, looked back at: for the daily digest.

Rule: values only.
"""

from __future__ import annotations

from dataclasses import dataclass

from watcher.domain.alert import Kind, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of one message. `arrived`: on one road at least; `title` is its first row."""

    account: str
    kind: Kind
    tier: Tier
    incident: str
    silent: bool
    at_us: int
    title: str
    arrived: bool
