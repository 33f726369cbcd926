"""
What happened in a demo: one line per event, in the order of the world's time.

Rule: a value, not a view. `t` is seconds since the start of the story; `account` and `tier` are
empty where they mean nothing; distances are in percent of the mark and come from the message
(kinds that are messages) or from the world's own rules (all others). `as_json` is the documented
line of `watcher demo --json`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

TIERS = ("WATCH", "WARNING", "CRITICAL", "EMERGENCY")
MESSAGE_KINDS = ("alert", "blind", "seeing", "eased", "recovered", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    t: float
    kind: str
    account: str = ""
    tier: str = ""
    distance: float | None = None
    health: float | None = None
    note: str = ""
    code: str = ""
    seq: int = 0
    repeated: bool = False
    raced: bool = False

    def as_json(self) -> str:
        return json.dumps(
            {
                "t": round(self.t, 3),
                "kind": self.kind,
                "account": self.account,
                "tier": self.tier,
                "distance": self.distance,
                "health": self.health,
                "incident": f"{self.code}·{self.seq}" if self.code else "",
                "repeated": self.repeated,
                "raced": self.raced,
                "note": self.note,
            },
            ensure_ascii=False,
        )


@dataclass(slots=True)
class Record:
    """
    The events so far, the true distance of every account over time, and where those that top
    themselves up were nearest to liquidation: (t, distance).
    """

    events: list[Event] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float | None]]] = field(default_factory=dict)
    nearest: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, event: Event) -> Event:
        self.events.append(event)
        return event

    def of(self, *kinds: str, account: str | None = None) -> list[Event]:
        return [
            event
            for event in self.events
            if event.kind in kinds and (account is None or event.account == account)
        ]

    def plot(self, account: str, t: float, distance: float | None) -> None:
        self.curves.setdefault(account, []).append((t, distance))
