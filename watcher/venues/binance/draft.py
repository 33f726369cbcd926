"""
What one poll of a Binance account gathers, until it is a `Snapshot`.

Rule: holds, does not judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from watcher.domain.account import Asset, Mismatch, Position, Rules, VenueFlag, VenueSays
from watcher.venues.ages import older_us
from watcher.venues.binance.setup import Marks
from watcher.venues.ccxt_venue import Part


@dataclass(slots=True)
class Draft:
    """The pools of one account while they are put together."""

    assets: list[Asset] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    rules: dict[str, Rules] = field(default_factory=dict)
    says: dict[str, VenueSays] = field(default_factory=dict)
    unmodelled: dict[str, str] = field(default_factory=dict)
    mismatches: list[Mismatch] = field(default_factory=list)
    flags: list[VenueFlag] = field(default_factory=list)


@dataclass(slots=True)
class Poll:
    """What one poll has gathered so far; `told_ms` is the venue's own time of its oldest price."""

    draft: Draft = field(default_factory=Draft)
    parts: dict[str, int] = field(default_factory=dict)
    told_ms: float = float("inf")

    def add(self, *parts: Part) -> None:
        for part in parts:
            earlier = self.parts.get(part.name, part.received_at_us)
            self.parts[part.name] = min(earlier, part.received_at_us)

    def priced(self, marks: Marks, symbols: Iterable[str]) -> None:
        self.stamped(marks.told_ms(symbols))

    def stamped(self, told_ms: float) -> None:
        self.told_ms = min(self.told_ms, told_ms)

    def taken_at_us(self, offset_ms: float) -> int:
        return older_us(min(self.parts.values()), self.told_ms, offset_ms)
