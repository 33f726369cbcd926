"""Builders for the tests of policy: ladders, readings, reports, small accounts, a stepped clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from watcher.domain.account import (
    Asset,
    Bracket,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
)
from watcher.domain.alert import (
    SECOND_US,
    AlertRules,
    Ladder,
    Line,
    Measure,
    Missed,
    MissKind,
    Moment,
    Seen,
    Tier,
    Word,
)
from watcher.domain.report import PoolReport, Status
from watcher.policy.readings import Reading, read

START_US = 1_790_000_000_000_000
"""2026-09-21 14:13:20 UTC."""

TIERS = (Tier.WATCH, Tier.WARNING, Tier.CRITICAL, Tier.EMERGENCY)
DISTANCE_LINES = (20.0, 12.0, 6.0, 3.0)


def ladder(measure: Measure, *values: float | Word, everywhere: bool = False) -> Ladder:
    lines = tuple(Line(tier=t, value=v) for t, v in zip(TIERS, values, strict=True))
    return Ladder(measure=measure, lines=lines, everywhere=everywhere)


LADDERS = (
    ladder(Measure.DISTANCE, *DISTANCE_LINES),
    ladder(Measure.MARGIN_LEVEL, 200.0, 150.0, Word.CALL, Word.HALFWAY),
    ladder(Measure.HEALTH, 3.0, 2.0, 1.5, 1.2),
)
RULES = AlertRules(account="bybit_main", venue="bybit", ladders=LADDERS)


def moment(seconds: float = 0.0) -> Moment:
    at = START_US + round(seconds * SECOND_US)
    return Moment(steady_us=at, wall_us=at)


def pool_report(
    distance: float | None = None,
    *,
    pool: str = "unified",
    family: Family = Family.HAIRCUT_POOL,
    status: Status = Status.OK,
    why: str | None = None,
    health: float | None = 10.0,
    level: float | None = None,
    stages: Mapping[str, float] | None = None,
    used_margin: float | None = 100.0,
    disagreement: float | None = 0.05,
) -> PoolReport:
    """A report with the numbers a verdict is made of, and plain ones for the rest."""
    return PoolReport(
        pool=pool,
        family=family,
        status=status,
        why=why,
        reference="USDT",
        equity=14_760.0,
        maintenance_margin=1_566.0,
        requirement=1_566.0,
        headroom=13_194.0,
        used_margin=used_margin,
        initial_margin=None,
        free_margin=None,
        health=health,
        margin_level=level,
        collateral_margin_level=None,
        venue_ratio=None,
        disagreement=disagreement,
        stages=stages or {},
        tier_distance=distance,
        worst_path=None,
        joint_down=distance,
        joint_up=None,
    )


def reading(distance: float, pool: str = "unified") -> Reading:
    """The verdict on a derivatives pool at *distance* percent; inf: none in range."""
    found = read(pool_report(None if math.isinf(distance) else distance, pool=pool), RULES)
    assert found is not None
    return found


def position(
    symbol: str = "BTCUSDT",
    *,
    underlying: str = "BTC",
    side: Side = Side.LONG,
    quantity: str = "1.5",
    entry: str = "113000",
    mark: str = "113420",
    pool: str = "unified",
    isolated_margin: str | None = None,
) -> Position:
    return Position(
        pool=pool,
        symbol=symbol,
        underlying=underlying,
        side=side,
        quantity=Decimal(quantity),
        entry=Decimal(entry),
        mark=Decimal(mark),
        settle="USDT",
        brackets=(
            Bracket(floor=Decimal(0), rate=Decimal("0.005")),
            Bracket(floor=Decimal(2_000_000), rate=Decimal("0.01")),
        ),
        initial_margin=Decimal(1000),
        fee_rate=Decimal("0.00055"),
        isolated_margin=None if isolated_margin is None else Decimal(isolated_margin),
    )


def unified(
    btc: float = 113_420,
    *,
    sol: float = 196.4,
    usdt: float = 16_000,
    seconds: float = 0.0,
    account: str = "bybit_main",
    funding: str = "5000",
    told_rate: str | None = None,
) -> Snapshot:
    """A unified account: 1.5 BTC and 400 SOL long on *usdt* of collateral."""
    says = VenueSays()
    if told_rate is not None:
        says = VenueSays(ratio=VenueRatio(name="accountMMRate", value=Decimal(told_rate)))
    at = moment(seconds).wall_us
    return Snapshot(
        venue="bybit",
        account=account,
        mode="unified",
        taken_at_us=at,
        reference="USD",
        rules={"unified": Rules(family=Family.HAIRCUT_POOL)},
        parts={"wallet": at, "positions": at},
        assets=(Asset(pool="unified", asset="USDT", wallet=Decimal(str(usdt)), index=Decimal(1)),),
        positions=(
            position(mark=str(btc)),
            position("SOLUSDT", underlying="SOL", quantity="400", entry="196", mark=str(sol)),
        ),
        venue_says={"unified": says},
        wallets={"funding": {"USDT": Decimal(funding)}} if funding else {},
    )


def single(distance: float, *, seconds: float = 0.0, quantity: str = "1") -> Snapshot:
    """
    A linear pool of one BTC long that lies exactly *distance* percent from liquidation.

    Entry 100, rate 0.5 %, no fee: liquidated at P* = (100 - wallet) / 0.995, mark P* / (1 - d).
    """
    mark = Decimal(1000)
    gone = mark * (1 - Decimal(repr(distance)) / 100)
    wallet = 100 - Decimal("0.995") * gone
    held = Position(
        pool="cross:USDT",
        symbol="BTCUSDT",
        underlying="BTC",
        side=Side.LONG,
        quantity=Decimal(quantity),
        entry=Decimal(100),
        mark=mark,
        settle="USDT",
        brackets=(Bracket(floor=Decimal(0), rate=Decimal("0.005")),),
    )
    return Snapshot(
        venue="bybit",
        account="bybit_main",
        mode="single",
        taken_at_us=moment(seconds).wall_us,
        reference="USD",
        rules={"cross:USDT": Rules(family=Family.LINEAR_POOL)},
        assets=(
            Asset(
                pool="cross:USDT",
                asset="USDT",
                wallet=wallet * Decimal(quantity),
                index=Decimal(1),
            ),
        ),
        positions=(held,),
    )


def borrowed(level: float, *, seconds: float = 0.0) -> Snapshot:
    """A borrowed spot margin account at *level* percent: one BTC held, 10,000 USDT owed."""
    at = moment(seconds).wall_us
    return Snapshot(
        venue="binance",
        account="bin_margin",
        mode="margin",
        taken_at_us=at,
        reference="USD",
        rules={
            "margin": Rules(
                family=Family.DEBT_RATIO,
                liquidation_level=Decimal("1.1"),
                call_level=Decimal("1.3"),
                used_margin_basis="debt",
            )
        },
        assets=(
            Asset(
                pool="margin",
                asset="USDT",
                wallet=Decimal(0),
                index=Decimal(1),
                debt=Decimal(10_000),
                interest=Decimal(0),
            ),
            Asset(
                pool="margin",
                asset="BTC",
                wallet=Decimal(1),
                index=Decimal(repr(level)) * 100,
                debt=Decimal(0),
                interest=Decimal(0),
            ),
        ),
    )


def seen(snapshot: Snapshot) -> Seen:
    return Seen(snapshot=snapshot, missed=None)


def missed(
    reason: str = "HTTP 503",
    *,
    kind: MissKind = MissKind.UNREACHABLE,
    prices: Mapping[str, float] | None = None,
    until_us: int | None = None,
) -> Seen:
    return Seen(
        snapshot=None,
        missed=Missed(kind=kind, reason=reason, until_us=until_us),
        prices=prices or {},
    )
