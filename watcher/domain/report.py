"""
What the margin engine found: the `Report`, the shape of `watcher margin --json`.

Rule: distances are in percent, levels in percent, health is a ratio (1.00 is liquidation), money
is in the pool's reference currency. None means none or unknown, never zero. Field names are
those of `watcher.report/1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from watcher.domain.account import Family, Side, VenueRatio

REPORT_SCHEMA = "watcher.report/1"


class Status(StrEnum):
    """`ok`: computed; `partial`: something is not modelled; `reported`: the venue's figures."""

    OK = "ok"
    PARTIAL = "partial"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionReport:
    """`maintenance_margin` is ours; None in a pool that shows the venue's figures only."""

    symbol: str
    side: Side
    notional: float
    unrealised_pnl: float
    maintenance_margin: float | None
    liquidation_price: float | None
    bankruptcy_price: float | None
    distance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderlyingReport:
    """Marks of one underlying at which the pool is liquidated, all else still, if there are any."""

    underlying: str
    mark: float
    liquidation_down: float | None
    liquidation_up: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """
    A stage the venue goes through: `margin_call`, `auto_repay`, `reduce_only`, `liquidation`.

    `level` is the bar on the venue's own `ratio`, in percent, and `health` what ours is there.
    `distance` is the nearest one that reaches it, on `path`; `price` is that path's coin there,
    None where all move. No distance: no price in range reaches it, or nobody can say.
    """

    name: str
    ratio: str
    level: float
    health: float
    reached: bool
    distance: float | None = None
    path: str | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """
    One pool. `tier_distance` is the number tiers use; `worst_path` says which path it lies on
    ("all down", "all up", "BTC down", ...). `stages` are the bars of a margin
    level by name, `stage_reports` the venue's own stages with the place each is reached at.
    `disagreement` is how far our ratio and the venue's lie apart, in percent; None when the
    venue tells none. `why` says what keeps a pool from being computed, or what of a computed one is
    taken at its worst. `leading` of a pool follows from its family (policy).
    """

    pool: str
    family: Family
    status: Status
    why: str | None
    reference: str
    equity: float | None
    maintenance_margin: float | None
    requirement: float | None
    headroom: float | None
    used_margin: float | None
    initial_margin: float | None
    free_margin: float | None
    health: float | None
    margin_level: float | None
    collateral_margin_level: float | None
    venue_ratio: VenueRatio | None
    disagreement: float | None
    stages: Mapping[str, float] = field(default_factory=dict)
    stage_reports: tuple[StageReport, ...] = ()
    tier_distance: float | None
    worst_path: str | None
    joint_down: float | None
    joint_up: float | None
    depeg: Mapping[str, float | None] = field(default_factory=dict)
    positions: tuple[PositionReport, ...] = ()
    underlyings: tuple[UnderlyingReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    schema: Literal["watcher.report/1"] = "watcher.report/1"
    account: str
    taken_at_us: int
    pools: tuple[PoolReport, ...]
