"""
Nouns of judging a top-up: what is known of the money, how much room there is, why there is none.

Rule: values only. Who fills them is the service; what follows from them is `allowance` (caps and
flags), `sizing` (the amount) and `topups` (the conditions).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from watcher.domain.topup import Intent, Route


class Why(StrEnum):
    """Why no top-up is made, in the order it is looked at. Closed."""

    OFF = "off"
    NO_LIMITS = "no_limits"
    KILLED = "killed"
    FLAGGED = "flagged"
    UNFIT = "unfit"
    UNREAD = "unread"
    UNSEEN = "unseen"
    NOT_COMPUTED = "not_computed"
    DISAGREES = "disagrees"
    STALE = "stale"
    NO_POOL = "no_pool"
    UNKNOWN = "unknown"
    CALM = "calm"
    SEEN_ONCE = "seen_once"
    COOLING = "cooling"
    COUNT = "count"
    BUSY = "busy"
    UNSETTLED = "unsettled"
    NO_BALANCE = "no_balance"
    NO_PRICE = "no_price"
    EVENT = "event"
    DAY = "day"
    WEEK = "week"
    FLOOR = "floor"
    CEILING = "ceiling"
    SOURCE_POOL = "source_pool"
    OUT_OF_REACH = "out_of_reach"
    SLIGHT = "slight"
    BURNING = "burning"


ORDER = tuple(Why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """
    No top-up, and why: a word for the log, a reason for a person. `pool` is the one that needs it
    all the same, "" where none is known to.
    """

    why: Why
    reason: str
    pool: str = ""


class Standing(Protocol):
    """A lasting order about money, as the ledger keeps it."""

    @property
    def name(self) -> str: ...

    @property
    def until_us(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What could leave a source, and when (steady) it was read."""

    amount: Decimal
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """
    What is known of the money of one account: every counted or open intent of the last week, the
    flags, the last two balances of each configured route's source (newest last) and the step its
    venue keeps. `last_us` is the latest time ever written down, `killed`: the kill file is there.
    """

    intents: Sequence[Intent] = ()
    flags: Mapping[str, Standing] = field(default_factory=dict)
    balances: Mapping[Route, Sequence[Balance]] = field(default_factory=dict)
    steps: Mapping[Route, Decimal] = field(default_factory=dict)
    last_us: int = 0
    killed: bool = False

    def without(self, intent: Intent) -> Means:
        return replace(self, intents=[one for one in self.intents if one.id != intent.id])


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """
    The most that may leave the source of one route, and what sets it. `day`, `week` (in the unit
    of the limits) and `count` are what is left of the caps, `source` what lies in the source.
    """

    amount: Decimal
    why: Why
    source: Decimal
    unit: str = ""
    price: Decimal = Decimal(1)
    day: Decimal | None = None
    week: Decimal | None = None
    count: int | None = None
