"""
What the loops need from the world outside, and the only errors adapters may raise.

Rule: services see these Protocols and nothing behind them. An adapter turns everything its
library can throw into this error tree; an error outside it is a defect.

    VenueError      Unreachable · Unreadable · Refused · RateLimited · Banned · Maintenance ·
                    Unsupported · WithdrawalRight
    DeliveryError   about the message or about the channel, ambiguous or not, with the wait the far
                    side asked for
    StoreError      the ledger could not be read or written
    PingError       who notices our death did not take a sign of life
"""

from __future__ import annotations

from watcher.ports.channel import (
    Answerer,
    Channel,
    Command,
    DeliveryError,
    Ids,
    Key,
    Press,
)
from watcher.ports.clock import (
    Bell,
    Clock,
    Scheduler,
)
from watcher.ports.money import Money, Purse, Verdict
from watcher.ports.ping import Ping, PingError
from watcher.ports.shown import Shown
from watcher.ports.store import (
    FROZEN,
    KILLED,
    PAUSED,
    SHARES,
    Backlog,
    Claim,
    Due,
    Flag,
    Pressable,
    Proof,
    Refusal,
    Share,
    Store,
    StoreError,
    Taken,
    Traffic,
    Undelivered,
    is_vital,
    may_come_twice,
    share_of,
    strand_of,
)
from watcher.ports.venue import (
    Banned,
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    Unsupported,
    Venue,
    VenueError,
    WithdrawalRight,
)

__all__ = [
    "FROZEN",
    "KILLED",
    "PAUSED",
    "SHARES",
    "Answerer",
    "Backlog",
    "Banned",
    "Bell",
    "Channel",
    "Claim",
    "Clock",
    "Command",
    "DeliveryError",
    "Due",
    "Flag",
    "Ids",
    "Key",
    "Maintenance",
    "Money",
    "Ping",
    "PingError",
    "Press",
    "Pressable",
    "Proof",
    "Purse",
    "RateLimited",
    "Refusal",
    "Refused",
    "Scheduler",
    "Share",
    "Shown",
    "Store",
    "StoreError",
    "Taken",
    "Traffic",
    "Undelivered",
    "Unreachable",
    "Unreadable",
    "Unsupported",
    "Venue",
    "VenueError",
    "Verdict",
    "WithdrawalRight",
    "is_vital",
    "may_come_twice",
    "share_of",
    "strand_of",
]
