"""
Many prices in one call give what plain evaluation gives at each of them.

Method: random accounts of every family (debts, jumps, ladders, resting orders, inverse contracts,
a venue of another opinion) at random prices, near and far; every price is also compiled anew and
evaluated alone. Where a table jumps, the prices a hair to both sides of its floors are in it too.
"""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.reference.books import POOL, random_snapshot
from watcher.domain.account import (
    Asset,
    Bracket,
    BracketKind,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueSays,
    Weight,
)
from watcher.margin import BookError, figures_under, health_along, repriced
from watcher.margin.along import STRETCH
from watcher.margin.opinion import health
from watcher.margin.state import state_of

AGREE = 1e-9
BOOKS = 240
CHUNKS = 4
SPOTS = 8
"""Prices looked at one by one, of all that are asked in one call."""


def alone(snapshot: Snapshot, factors: dict[str, float]) -> tuple[float, float]:
    today = state_of(repriced(snapshot, factors), {}, only=POOL).today[POOL]
    return today.equity - today.gap, today.requirement


def coins_of(snapshot: Snapshot) -> list[str]:
    names = [p.underlying for p in snapshot.positions] + [a.asset for a in snapshot.assets]
    return list(dict.fromkeys([*names, *(o.underlying for o in snapshot.orders)]))


def wanderings(rng: random.Random, length: int) -> np.ndarray:
    """Factors that wander little, far, or jump about."""
    width = rng.choice([0.001, 0.05, 0.8, 3.0])
    steps = np.array([rng.gauss(0, width) for _ in range(length)])
    if rng.random() < 0.5:
        steps = np.cumsum(steps) / math.sqrt(length)
    return np.exp(np.clip(steps, -4, 2.3))


def floor_factors(snapshot: Snapshot, coin: str) -> Iterator[float]:
    """Yield what takes positions in *coin* a hair to both sides of their floors."""
    for p in snapshot.positions:
        if p.underlying != coin:
            continue
        value = float(p.quantity * p.contract_size)
        value = value / float(p.mark) if p.inverse else value * float(p.mark)
        for row in p.brackets[1:]:
            factor = value / float(row.floor) if p.inverse else float(row.floor) / value
            if 0.01 < factor < 20:
                yield factor * (1 - 1e-7)
                yield factor * (1 + 1e-7)


def size_of(snapshot: Snapshot, factors: dict[str, float]) -> float:
    """What rounding is measured by: everything in the account, at its largest."""
    top = max(factors.values(), default=1.0)
    prices = {a.asset: float(a.index) for a in snapshot.assets}
    held = sum(abs(float(a.wallet)) * prices[a.asset] for a in snapshot.assets)
    sized = (
        float(p.quantity * p.contract_size) * (1.0 if p.inverse else float(p.mark))
        for p in snapshot.positions
    )
    return (held + sum(sized)) * max(top, 1.0) * max(prices.values(), default=1.0)


@pytest.mark.parametrize("number", range(CHUNKS))
def test_one_call_agrees_with_plain_evaluation_on_random_accounts(number: int) -> None:
    compared = 0
    for seed in range(number * BOOKS // CHUNKS, (number + 1) * BOOKS // CHUNKS):
        rng = random.Random(seed)
        kind, snapshot = random_snapshot(seed)
        length = 40
        factors = {coin: wanderings(rng, length) for coin in coins_of(snapshot)}
        for coin, values in factors.items():
            for place, factor in enumerate(list(floor_factors(snapshot, coin))[: length // 2]):
                values[place] = factor
        found = figures_under(snapshot, POOL, factors)
        if found is None:
            continue
        for spot in rng.sample(range(length), SPOTS):
            here = {coin: float(values[spot]) for coin, values in factors.items()}
            equity, requirement = alone(snapshot, here)
            scale = size_of(snapshot, here)
            assert abs(found.equity[spot] - equity) <= AGREE * scale, (seed, kind, spot)
            assert abs(found.requirement[spot] - requirement) <= AGREE * scale, (seed, kind, spot)
            compared += 1
    assert compared > BOOKS // CHUNKS * SPOTS // 2


def account(*, debt: int = 0) -> Snapshot:
    """A pool with a jumping table, a coin whose weight falls slice by slice, and a debt."""
    jumping = (
        Bracket(floor=Decimal(0), rate=Decimal("0.005")),
        Bracket(floor=Decimal(60_000), rate=Decimal("0.02")),
        Bracket(floor=Decimal(90_000), rate=Decimal("0.05")),
    )
    ladder = tuple(
        Weight(floor=Decimal(f), weight=Decimal(w)) for f, w in ((0, "0.95"), (3_000, "0.5"))
    )
    asks = (Bracket(floor=Decimal(0), rate=Decimal("0.1")),)
    return Snapshot(
        venue="test",
        account="test",
        mode="test",
        taken_at_us=0,
        reference="USD",
        rules={POOL: Rules(family=Family.HAIRCUT_POOL, borrow_brackets={"SOL": asks})},
        assets=(
            Asset(pool=POOL, asset="USDT", wallet=Decimal(20_000), index=Decimal("0.999")),
            Asset(pool=POOL, asset="ETH", wallet=Decimal(1), index=Decimal(3_000), weights=ladder),
            Asset(pool=POOL, asset="SOL", wallet=Decimal(-debt), index=Decimal(150)),
        ),
        positions=(
            Position(
                pool=POOL,
                symbol="BTCUSDT",
                underlying="BTC",
                side=Side.LONG,
                quantity=Decimal(1),
                entry=Decimal(60_000),
                mark=Decimal(60_000),
                settle="USDT",
                brackets=jumping,
                bracket_kind=BracketKind.FLAT,
            ),
        ),
    )


@pytest.mark.parametrize("debt", [0, 40])
def test_a_long_road_over_jumps_weight_edges_and_a_debt_is_exact(debt: int) -> None:
    """Several stretches, each with its own share of rows that switch."""
    snapshot = account(debt=debt)
    length = 3 * STRETCH + 17
    rng = np.random.default_rng(5)
    prices = {
        "BTC": 60_000 * np.exp(np.cumsum(rng.normal(0, 0.004, length))),
        "ETH": 3_000 * np.exp(np.cumsum(rng.normal(0, 0.004, length))),
        "SOL": 150 * np.exp(np.cumsum(rng.normal(0, 0.004, length))),
    }
    assert prices["BTC"].min() < 60_000 < prices["BTC"].max()
    today = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}

    found = health_along(snapshot, POOL, prices)

    assert found is not None
    for spot in [0, STRETCH - 1, STRETCH, length - 1, *rng.integers(0, length, 300)]:
        here = {coin: float(prices[coin][spot]) / today[coin] for coin in prices}
        assert found[spot] == pytest.approx(health(*alone(snapshot, here)), rel=AGREE, abs=AGREE)


def test_a_long_road_needs_memory_for_its_answer_only() -> None:
    """Every row at every price would be a hundred times the answer."""
    length = 50 * STRETCH
    prices = {coin: np.full(length, 100.0) for coin in ("BTC", "ETH", "SOL")}
    answer = length * 8

    tracemalloc.start()
    health_along(account(), POOL, prices)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * answer


def test_the_requirement_jumps_exactly_where_the_table_does() -> None:
    prices = {"BTC": np.array([59_999.99, 60_000.0, 60_000.01, 90_000.0, 90_000.01])}

    found = figures_under(account(), POOL, {"BTC": prices["BTC"] / 60_000})

    assert found is not None
    rates = np.array([0.005, 0.005, 0.02, 0.02, 0.05])
    # the requirement is charged in the settle coin
    np.testing.assert_allclose(found.requirement, prices["BTC"] * rates * 0.999, rtol=1e-12)


def test_a_grid_has_the_shape_of_its_shocks() -> None:
    down, up = np.linspace(0.5, 1.0, 7), np.linspace(1.0, 1.5, 5)

    found = figures_under(account(), POOL, {"BTC": down[:, None], "ETH": up, "SOL": 1.1})

    assert found is not None
    assert found.health.shape == (7, 5)
    for i, j in ((0, 0), (3, 4), (6, 2)):
        here = {"BTC": float(down[i]), "ETH": float(up[j]), "SOL": 1.1}
        assert found.health[i, j] == pytest.approx(health(*alone(account(), here)), rel=AGREE)


def test_the_venues_worse_opinion_goes_along() -> None:
    said = VenueSays(equity=Decimal(20_000), maintenance_margin=Decimal(500))
    snapshot = replace(account(), venue_says={POOL: said})

    found = figures_under(snapshot, POOL, {"BTC": 1.0})

    assert found is not None
    today = state_of(snapshot, {}).today[POOL]
    assert today.gap > 0
    assert float(found.health) == pytest.approx(today.health, rel=AGREE)


def test_a_staked_form_follows_its_coin_unless_it_is_named() -> None:
    snapshot = account()
    staked = Asset(pool=POOL, asset="WBETH", wallet=Decimal(2), index=Decimal(3_200))
    snapshot = replace(snapshot, assets=(*snapshot.assets, staked))

    for factors in ({"ETH": 0.5}, {"ETH": 0.5, "WBETH": 0.4}, {"WBETH": 0.4}):
        found = figures_under(snapshot, POOL, factors)
        assert found is not None
        assert float(found.equity) == pytest.approx(alone(snapshot, factors)[0], rel=AGREE)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_is_none_is_refused_by_name(bad: float) -> None:
    prices = np.array([60_000.0, bad, 61_000.0])

    with pytest.raises(BookError, match="BTC"):
        health_along(account(), POOL, {"BTC": prices})


def test_coins_the_pool_does_not_hold_are_passed_over() -> None:
    found = health_along(account(), POOL, {"BTC": np.array([50_000.0]), "XRP": np.array([0.5])})

    assert found is not None
    assert found.shape == (1,)


def test_a_pool_only_its_venue_computes_has_no_figures() -> None:
    snapshot = replace(account(), unmodelled={POOL: "options"})

    assert figures_under(snapshot, POOL, {"BTC": 0.9}) is None
    assert health_along(snapshot, POOL, {"BTC": np.array([50_000.0])}) is None
