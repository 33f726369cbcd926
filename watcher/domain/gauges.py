"""
Nouns of the page of numbers: what the daemon knows of itself and of each account, just now.

Rule: values only, nothing is judged. What is not known is None or missing, never nought. Nothing
here is secret, and no amount of anything: distances, ages, counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.domain.alert import Tier
from watcher.domain.sign import Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolGauge:
    """One pool as last read; figures are missing while the account is blind."""

    pool: str
    tier: Tier
    distance: float | None = None
    health: float | None = None
    margin_level: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """How long readings took since the start: how many within each bound (s), and all together."""

    within: tuple[tuple[float, int], ...]
    count: int
    sum_s: float
    last_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountGauge:
    """`seen`: read within its allowed age. `misses` count since the start, by reason."""

    account: str
    venue: str
    age_s: float | None
    blind: bool
    seen: bool
    pools: tuple[PoolGauge, ...]
    readings: Durations
    misses: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightGauge:
    """A request allowance of one venue from this address, in the window that runs."""

    venue: str
    endpoint: str
    budget: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoadGauge:
    """One road of messages. `failed` counts tries since the start."""

    road: str
    failed: int
    waiting: int | None = None
    abandoned: int | None = None
    refused: bool | None = None
    delivered_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyGauge:
    """What holds money, and the open top-ups by account and progress."""

    held: Mapping[str, bool]
    open: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """
    Everything shown. `lag_p99_s` and `resident_bytes` None: not measured; `money` None: the store
    does not say.
    """

    sign: Sign
    accounts: tuple[AccountGauge, ...]
    weights: tuple[WeightGauge, ...]
    roads: tuple[RoadGauge, ...]
    money: MoneyGauge | None
    lag_p99_s: float | None
    late_beats: int | None
    resident_bytes: int | None
    safe_mode: bool
    build: Mapping[str, str] = field(default_factory=dict)
