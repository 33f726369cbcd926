"""The venue's own stages: where each is reached, by exact arithmetic, and how it is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from tests.reference.books import random_snapshot
from tests.unit.policy_books import pool_report
from tests.unit.test_messages import danger, figures
from watcher.cli import show
from watcher.domain.account import (
    Asset,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
)
from watcher.domain.account import Bracket as Row
from watcher.domain.alert import Kind, Measure
from watcher.domain.report import PoolReport, StageReport, Status
from watcher.margin import evaluate
from watcher.margin.movers import beta_of
from watcher.margin.written import written
from watcher.policy import stages
from watcher.policy.readings import Gauge
from watcher.venues.capture import read_capture, replayed

BOOKS = 400
CAPTURES = Path(__file__).resolve().parents[1] / "payloads" / "captures"


def moves(snapshot: Snapshot, path: str, distance: float) -> dict[str, Decimal]:
    coin, _, way = path.rpartition(" ")
    step = Decimal(repr(distance)) / 100 * (-1 if way == "down" else 1)
    if coin != "all":
        return {coin: 1 + step}
    names = {a.asset for a in snapshot.assets}
    names |= {p.underlying for p in snapshot.positions} | {o.underlying for o in snapshot.orders}
    return {name: 1 + step for name in names if beta_of(name, {})}


def test_a_stage_lies_where_the_requirement_times_its_health_is_all_there_is() -> None:
    proved = 0
    for seed in range(BOOKS):
        _, drawn = random_snapshot(seed)
        snapshot = replace(drawn, venue="okx")
        for pool in evaluate(snapshot).pools:
            if pool.status is not Status.OK:
                continue
            for one in pool.stage_reports:
                if one.reached or one.distance is None or one.path is None:
                    continue
                health = Decimal(repr(one.health))
                left = []
                for part in (1 - 1e-9, 1.0, 1 + 1e-9):
                    at = written(
                        snapshot, pool.pool, moves(snapshot, one.path, one.distance * part)
                    )
                    left.append(at.equity - health * at.requirement)
                # at the bar exactly, or over it in one jump
                limit = Decimal("1e-9") * at.gross
                assert abs(left[1]) <= limit or left[0] > 0 >= left[2], (seed, one)
                proved += 1
            distances = [s.distance for s in pool.stage_reports if s.distance is not None]
            assert all(near <= far * (1 + 1e-12) for near, far in pairwise(distances)), seed
            if pool.stage_reports and pool.stage_reports[-1].distance is not None:
                assert pool.stage_reports[-1].distance == pool.tier_distance
    assert proved > BOOKS


def unified(venue: str, *, usdt: str, entry: str = "60000") -> PoolReport:
    snapshot = Snapshot(
        venue=venue,
        account="main",
        mode="unified",
        taken_at_us=0,
        reference="USD",
        rules={"unified": Rules(family=Family.HAIRCUT_POOL)},
        assets=(
            Asset(pool="unified", asset="BTC", wallet=Decimal(1), index=Decimal(60_000)),
            Asset(pool="unified", asset="USDT", wallet=Decimal(usdt), index=Decimal(1)),
        ),
        positions=(
            Position(
                pool="unified",
                symbol="BTCUSDT",
                underlying="BTC",
                side=Side.LONG,
                quantity=Decimal(2),
                entry=Decimal(entry),
                mark=Decimal(60_000),
                settle="USDT",
                brackets=(Row(floor=Decimal(0), rate=Decimal("0.01")),),
            ),
        ),
    )
    return evaluate(snapshot).pools[0]


def names(pool: PoolReport) -> list[str]:
    return [one.name for one in pool.stage_reports]


def test_without_their_places_the_same_stages_are_reached() -> None:
    reached = 0
    for seed in range(BOOKS):
        _, drawn = random_snapshot(seed)
        snapshot = replace(drawn, venue="okx")
        short = evaluate(snapshot, stages=False)
        for pool, brief in zip(evaluate(snapshot).pools, short.pools, strict=True):
            if pool.status is Status.OK:
                placeless = {"distance": None, "path": None, "price": None}
                named = tuple(replace(one, **placeless) for one in pool.stage_reports)
                assert brief.stage_reports == named
                reached += sum(one.reached for one in named)

    assert reached > 20


def test_okx_warns_at_three_times_the_requirement() -> None:
    warned, ended = unified("okx", usdt="-30000").stage_reports

    assert (warned.name, warned.ratio, warned.level) == ("margin_call", "mgnRatio", 300.0)
    # P − 30,000 + 2 (P − 60,000) = 3 × 0.02 P
    assert warned.price == pytest.approx(150_000 / 2.94)
    assert ended.price == pytest.approx(150_000 / 2.98)
    assert warned.path == "BTC down"


def test_bybit_repays_by_itself_only_what_is_owed() -> None:
    assert names(unified("bybit", usdt="30000")) == ["liquidation"]
    repaid, _ = unified("bybit", usdt="-30000").stage_reports

    assert (repaid.name, repaid.level) == ("auto_repay", 85.0)
    assert repaid.price == pytest.approx(150_000 / (3 - 0.02 / 0.85))


def test_binance_futures_have_liquidation_only_and_an_unknown_venue_nothing() -> None:
    assert names(unified("binance", usdt="0")) == ["liquidation"]
    assert names(unified("elsewhere", usdt="0")) == []


def test_a_borrowed_account_has_its_own_bars() -> None:
    snapshot = Snapshot(
        venue="binance",
        account="main",
        mode="cross margin classic",
        taken_at_us=0,
        reference="USDT",
        rules={
            "margin": Rules(
                family=Family.DEBT_RATIO,
                liquidation_level=Decimal("1.1"),
                call_level=Decimal("1.3"),
            )
        },
        assets=(
            Asset(pool="margin", asset="BTC", wallet=Decimal(1), index=Decimal(60_000)),
            Asset(
                pool="margin",
                asset="USDT",
                wallet=Decimal(0),
                debt=Decimal(40_000),
                index=Decimal(1),
            ),
        ),
    )
    called, ended = evaluate(snapshot).pools[0].stage_reports

    assert (called.name, called.level) == ("margin_call", 130.0)
    assert called.price == pytest.approx(52_000)
    assert ended.price == pytest.approx(44_000)
    assert not called.reached


def test_portfolio_margin_tells_bars_without_a_place() -> None:
    says = VenueSays(ratio=VenueRatio(name="uniMMR", value=Decimal("1.3")))
    snapshot = Snapshot(
        venue="binance",
        account="main",
        mode="portfolio margin (reported)",
        taken_at_us=0,
        reference="USD",
        rules={"portfolio": Rules(family=Family.REPORTED, liquidation_level=Decimal("1.05"))},
        venue_says={"portfolio": says},
    )
    told = evaluate(snapshot).pools[0].stage_reports

    assert [(one.name, one.level, one.reached) for one in told] == [
        ("margin_call", 150.0, True),
        ("reduce_only", 120.0, False),
        ("liquidation", 105.0, False),
    ]
    assert {one.distance for one in told} == {None}


def test_the_venues_worse_opinion_brings_its_stages_closer() -> None:
    says = VenueSays(ratio=VenueRatio(name="mgnRatio", value=Decimal(4)))
    snapshot = Snapshot(
        venue="okx",
        account="main",
        mode="futures mode",
        taken_at_us=0,
        reference="USD",
        rules={"cross:USDT": Rules(family=Family.LINEAR_POOL)},
        assets=(Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(9_000), index=Decimal(1)),),
        positions=(
            Position(
                pool="cross:USDT",
                symbol="BTCUSDT",
                underlying="BTC",
                side=Side.LONG,
                quantity=Decimal(1),
                entry=Decimal(60_000),
                mark=Decimal(60_000),
                settle="USDT",
                brackets=(Row(floor=Decimal(0), rate=Decimal("0.01")),),
            ),
        ),
        venue_says={"cross:USDT": says},
    )
    warned = evaluate(snapshot).pools[0].stage_reports[0]
    # 4 × 600 is left today, 3 × 1 % of P is the bar
    assert warned.price == pytest.approx((60_000 - 2_400) / 0.97)


MARGIN = ["margin_call 130 marginLevel", "liquidation 110 marginLevel"]
CONTRACTS = ["liquidation 100 marginRatio"]
OKX = ["margin_call 300 mgnRatio", "liquidation 100 mgnRatio"]
MODES = {
    "binance_coin": {"isolated:BTCUSD_PERP:long": CONTRACTS},
    "binance_futures": {"cross:USDT": CONTRACTS, "cross:USDC": CONTRACTS},
    "binance_margin": {"margin": MARGIN},
    "binance_multi": {"cross:multi": CONTRACTS},
    "binance_pairs": {
        "isolated_margin:ETHUSDC": ["margin_call 119 marginLevel", "liquidation 115 marginLevel"]
    },
    "binance_pro": {"margin": ["margin_call 150 marginLevel", "liquidation 100 marginLevel"]},
    "bybit": {"unified": ["liquidation 100 accountMMRate"]},
    "bybit_isolated": {"isolated:ETHPERP:short": ["liquidation 100 positionMM"]},
    "okx_futures": {"cross:BTC": OKX, "isolated:BTC-USDT-270326:long": OKX},
    "okx_margin": {"isolated:SOL-USDT:short": OKX},
    "okx_multi": {"unified": OKX},
    "okx_spot": {"unified": OKX},
}
"""What each mode's captures must show; a pool not named here has the same bars as another."""


def test_every_capture_of_a_mode_is_held_against_its_stages() -> None:
    assert {path.stem for path in CAPTURES.glob("*.json")} == set(MODES)


@pytest.mark.parametrize("capture", MODES)
def test_each_mode_tells_its_stages_in_check_positions_and_alert(capture: str) -> None:
    snapshot = asyncio.run(replayed(read_capture((CAPTURES / f"{capture}.json").read_bytes())))
    pools = {pool.pool: pool for pool in evaluate(snapshot).pools}
    for name, bars in MODES[capture].items():
        found = pools[name].stage_reports
        assert [f"{one.name} {one.level:.0f} {one.ratio}" for one in found] == bars
        assert found[-1].distance == pools[name].tier_distance
        checked = [show.stage(one) for one in found]
        assert all(place == "reached" or " down" in place or " up" in place for _, place in checked)
        if len(found) == 1:
            continue  # liquidation has lines of its own
        (line,) = stages.past_or_next(pools[name], GAUGE)
        assert "argin call" in str(line)
        crossed = replace(pools[name], stage_reports=(replace(found[0], reached=True), found[1]))
        assert "Past margin call" in str(stages.past(crossed, GAUGE))


@pytest.mark.parametrize(
    ("ratio", "value", "bars"),
    [
        ("accountMMRate", "0.25", CONTRACTS),
        ("mgnRatio", "2.5", OKX),
        ("marginRatio", "0.25", CONTRACTS),
        ("marginLevel", "1.2", MARGIN),
    ],
)
def test_a_pool_only_the_venue_computes_has_the_bars_of_its_ratio(
    ratio: str, value: str, bars: list[str]
) -> None:
    says = VenueSays(ratio=VenueRatio(name=ratio, value=Decimal(value)))
    rules = Rules(
        family=Family.REPORTED, liquidation_level=Decimal("1.1"), call_level=Decimal("1.3")
    )
    snapshot = Snapshot(
        venue="any",
        account="main",
        mode="portfolio margin",
        taken_at_us=0,
        reference="USD",
        rules={"unified": rules},
        venue_says={"unified": says},
    )
    found = evaluate(snapshot).pools[0].stage_reports

    assert [one.level for one in found] == pytest.approx([float(b.split()[1]) for b in bars])
    assert [one.reached for one in found] == [True, False][-len(found) :]


CALL = StageReport(
    name="margin_call",
    ratio="mgnRatio",
    level=300.0,
    health=3.0,
    reached=False,
    distance=4.2,
    path="BTC down",
    price=57_480.0,
)
END = StageReport(
    name="liquidation", ratio="mgnRatio", level=100.0, health=1.0, reached=False, distance=9.0
)
GAUGE = Gauge(measure=Measure.DISTANCE, value=9.0, end=0.0, bounds=())


def told(*reports: StageReport, gauge: Gauge = GAUGE, call: float | None = None) -> list[str]:
    report = replace(
        pool_report(9.0, stages={} if call is None else {"call": call}), stage_reports=reports
    )
    lines = [*stages.past(report, gauge), None, *stages.past_or_next(report, gauge)]
    return ["|" if line is None else str(line) for line in lines]


def test_the_stage_passed_is_told_else_the_next_one() -> None:
    assert "4.2 % away, BTC down to 57,480" in told(CALL, END)[1]
    assert told(CALL, END)[0] == "|"
    passed = told(replace(CALL, reached=True, distance=0.0), END)
    assert "Past margin call (mgnRatio 300 %)" in passed[0]
    assert passed[0] == passed[2]
    assert told(END) == ["|"]


def test_the_line_of_a_margin_level_names_its_call_once() -> None:
    level = replace(GAUGE, measure=Measure.MARGIN_LEVEL, value=128.0, end=110.0)
    assert told(replace(CALL, reached=True), END, gauge=level, call=130.0) == ["|"]


def test_an_alert_past_a_stage_says_so_in_one_of_its_twelve_lines() -> None:
    one = figures()
    passed = replace(one.report, stage_reports=(replace(CALL, reached=True), END))
    said = danger(replace(one, report=passed), Kind.REPEATED, unstable=True).plain.splitlines()

    assert len(said) <= 12
    assert "Past margin call (mgnRatio 300 %)" in said
