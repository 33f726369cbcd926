"""
Advice does what it says: the amount brings the pool to its target, and 1 % less does not.

Method: random accounts, half of them with a venue that thinks worse of them than we do; the
amount is put in (or closed), the snapshot evaluated anew, and the same with 1 % less.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.reference.books import POOL, random_snapshot
from tests.reference.oracle import balance
from watcher.domain.account import Snapshot, VenueRatio, VenueSays
from watcher.domain.alert import Measure
from watcher.domain.report import PoolReport
from watcher.margin import (
    evaluate,
    required_close,
    required_top_up,
    with_closed,
    with_top_up,
)

BOOKS = 250
SEED = 50_000
CHUNKS = 5


def reading(pool: PoolReport, measure: Measure) -> float:
    """Return a measure as a number to compare; none in range is the best there is."""
    value = {
        Measure.DISTANCE: pool.tier_distance,
        Measure.HEALTH: pool.health,
        Measure.MARGIN_LEVEL: pool.margin_level,
    }[measure]
    return float("inf") if value is None else value


def doubted(rng: random.Random, snapshot: Snapshot) -> Snapshot:
    """Add a venue that sees the pool at 0.8 to 1.2 times our health."""
    (pool,) = evaluate(snapshot).pools
    if pool.health is None or not 0.1 < pool.health < 1e6 or rng.random() < 0.5:
        return snapshot
    told = Decimal(repr(pool.health * rng.uniform(0.8, 1.2)))
    says = VenueSays(ratio=VenueRatio(name="mgnRatio", value=told))
    return replace(snapshot, venue_says={POOL: says})


def target_of(rng: random.Random, pool: PoolReport, measure: Measure) -> float:
    if measure is Measure.DISTANCE:
        return min(60.0, max(3.0, (pool.tier_distance or 0.0) * rng.uniform(1.05, 3)))
    return min(1e3, max(1.05, reading(pool, measure) * rng.uniform(1.05, 2)))


def close_enough(found: float, target: float) -> bool:
    return found >= target * (1 - 1e-7) - 1e-9


def check(
    amount: float,
    after: Callable[[Decimal], Snapshot],
    betas: dict[str, float],
    measure: Measure,
    target: float,
) -> None:
    def at(part: float) -> float:
        (pool,) = evaluate(after(Decimal(repr(amount * part))), betas=betas).pools
        return reading(pool, measure)

    assert close_enough(at(1), target)
    assert at(0.99) < target


def drawn(seed: int) -> tuple[random.Random, str, Snapshot, dict[str, float]]:
    rng = random.Random(seed)
    kind, snapshot = random_snapshot(seed)
    betas = {"BTC": 0.8, "SOL": 1.5} if rng.random() < 0.3 else {}
    return rng, kind, doubted(rng, snapshot), betas


@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_top_up_reaches_its_target_and_is_the_smallest(number: int) -> None:
    done = 0
    for seed in range(SEED + number, SEED + BOOKS, CHUNKS):
        rng, kind, snapshot, betas = drawn(seed)
        (pool,) = evaluate(snapshot, betas=betas).pools
        measure = rng.choice([Measure.DISTANCE, Measure.DISTANCE, Measure.HEALTH])
        if kind == "borrowed" and rng.random() < 0.5:
            measure = Measure.MARGIN_LEVEL
        target = target_of(rng, pool, measure)
        assets = [a.asset for a in snapshot.assets] or [snapshot.positions[0].settle]
        asset = rng.choice(assets)

        amount = required_top_up(snapshot, POOL, asset, measure, target, betas=betas)

        if amount is None:
            nothing_helps(snapshot, asset, betas, measure, target)
        elif amount == 0:
            assert close_enough(reading(pool, measure), target), (seed, kind)
        else:
            done += 1
            check(amount, lambda a: with_top_up(snapshot, POOL, asset, a), betas, measure, target)  # noqa: B023 - called at once

    assert done >= BOOKS / CHUNKS / 3


def nothing_helps(
    snapshot: Snapshot, asset: str, betas: dict[str, float], measure: Measure, target: float
) -> None:
    """An answer of None is checked with an absurd amount."""
    gross = balance(snapshot, POOL, {}).gross
    index = next((a.index for a in snapshot.assets if a.asset == asset), Decimal(1))
    absurd = with_top_up(snapshot, POOL, asset, 30 * gross / index)
    (pool,) = evaluate(absurd, betas=betas).pools
    assert reading(pool, measure) < target


@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_close_reaches_its_target_and_is_the_smallest(number: int) -> None:
    done = 0
    for seed in range(SEED + number, SEED + BOOKS, CHUNKS):
        rng, kind, snapshot, betas = drawn(seed)
        if not snapshot.positions or kind == "isolated":
            continue
        (pool,) = evaluate(snapshot, betas=betas).pools
        measure = rng.choice([Measure.DISTANCE, Measure.DISTANCE, Measure.HEALTH])
        target = target_of(rng, pool, measure)
        position = rng.choice(snapshot.positions)
        where = (POOL, position.symbol, position.side)

        contracts = required_close(snapshot, *where, measure, target, betas=betas)

        if contracts is None:
            continue
        assert 0 <= contracts <= float(position.quantity)
        if contracts == 0:
            assert close_enough(reading(pool, measure), target), (seed, kind)
        else:
            done += 1
            check(contracts, lambda a: with_closed(snapshot, *where, a), betas, measure, target)  # noqa: B023 - called at once

    assert done >= 3
