"""
The margin engine: all distances of one pool, one price change, a grid of shocks, a year of minutes.

Rule: agreement first, speed second. The baseline is what one would write without the solver, on
the same engine: 60 halvings of `totals` on each path that is asked about (everything down and up,
each coin alone down and up, the stable coin losing and gaining), one path after the other; a path
whose far end is safe costs one evaluation. Both must find the same places on every path before
anything is timed. Times are the best of several rounds, one thread.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from bench.line import Line, Wrong
from watcher.domain.account import Asset, Bracket, Family, Position, Rules, Side, Snapshot, Weight
from watcher.domain.alert import Measure
from watcher.margin import (
    evaluate,
    figures_under,
    health_along,
    repriced,
    required_close,
    required_top_up,
)
from watcher.margin.book import Book, Floats, totals
from watcher.margin.distance import distances, solos
from watcher.margin.movers import column_betas, stable_movers
from watcher.margin.solve import FLOOR, UP
from watcher.margin.state import State, state_of

POSITIONS, BRACKETS = 20, 20
HALVINGS = 60
ROUNDS = 9
POOL = "unified"
SHARE_MOST = 1 / 12
"""Twelve times faster than the bisection."""
CHANGE_US_MAX = 30.0
GRID, GRID_MS_MAX = 41, 15.0
YEAR, HELD, YEAR_PASSES_MAX = 525_600, 50, 50
SAMPLES = 40
AGREE = 1e-9


def snapshot(held: int = POSITIONS) -> Snapshot:
    """
    One pool of *held* positions, each with a table of twenty brackets, settled in a stable coin
    that has a price, with a second coin as collateral that counts slice by slice.
    """
    rng = random.Random(1)
    positions = []
    for number in range(held):
        price = rng.uniform(0.5, 5000)
        floor, rate, table = 0.0, 0.004, []
        for _ in range(BRACKETS):
            table.append(Bracket(floor=_dec(floor), rate=_dec(rate)))
            floor = (floor or 2e4) * rng.uniform(1.2, 2)
            rate = min(0.5, rate * rng.uniform(1.1, 1.4))
        positions.append(
            Position(
                pool=POOL,
                symbol=f"C{number}USDT",
                underlying=f"C{number}",
                side=rng.choice(list(Side)),
                quantity=_dec(1e5 / price),
                entry=_dec(price * rng.uniform(0.95, 1.05)),
                mark=_dec(price),
                settle="USDT",
                brackets=tuple(table),
            )
        )
    return Snapshot(
        venue="bench",
        account="bench",
        mode="bench",
        taken_at_us=0,
        reference="USD",
        rules={POOL: Rules(family=Family.HAIRCUT_POOL)},
        assets=(
            Asset(pool=POOL, asset="USDT", wallet=Decimal(3_500 * held), index=Decimal("0.9998")),
            Asset(
                pool=POOL,
                asset="C0",
                wallet=_dec(1_000 * held / float(positions[0].mark)),
                index=positions[0].mark,
                weights=tuple(
                    Weight(floor=Decimal(floor), weight=Decimal(weight))
                    for floor, weight in ((0, "0.95"), (15_000, "0.9"), (60_000, "0.5"))
                ),
            ),
        ),
        positions=tuple(positions),
    )


def _dec(value: float) -> Decimal:
    return Decimal(f"{value:.8g}")


def halved(book: Book, price: Callable[[float], Floats], far: float) -> float | None:
    """Return the first part of the way to *far* that liquidates, by halving; None: not there."""

    def headroom(move: float) -> float:
        equity, requirement = totals(book, price(move))
        return float(equity[0] - requirement[0])

    if headroom(far) > 0:
        return None
    safe, gone = 0.0, far
    for _ in range(HALVINGS):
        middle = (safe + gone) / 2
        if headroom(middle) > 0:
            safe = middle
        else:
            gone = middle
    return abs(gone)


def bisected(state: State) -> dict[str, tuple[float | None, float | None]]:
    """Return how far each path is from liquidation down and up, one path after the other."""
    book = state.book

    def along(beta: Floats) -> tuple[float | None, float | None]:
        def price(move: float) -> Floats:
            return book.price * np.maximum(FLOOR, 1 + move * beta)

        return halved(book, price, FLOOR - 1), halved(book, price, UP)

    alone = {
        mover: along(np.where(book.mover == number, 1.0, 0.0))
        for number, mover in enumerate(book.movers)
        if mover
    }
    return {"all": along(column_betas(book, {})), **alone}


def best_s(job: Callable[[], object], rounds: int = ROUNDS) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - began)
    return best


def disagreements(state: State) -> list[str]:
    """Compare every distance of the solver with the baseline's."""
    far = distances(state, {})[POOL]
    ours = {name: (alone.down, alone.up) for name, alone in (far.risky | far.stable).items()}
    ours["all"] = (far.joint_down, far.joint_up)
    wrong = []
    for path, both in bisected(state).items():
        for way, theirs, found in zip(("down", "up"), both, ours.pop(path), strict=True):
            if (theirs is None) != (found is None) or (
                theirs is not None and found is not None and abs(theirs - found) > AGREE
            ):
                wrong.append(f"{path} {way}: solver {found}, bisection {theirs}")
    return [*wrong, *(f"{path}: not bisected" for path in ours)]


def measure() -> list[Line]:
    account = snapshot()
    state = state_of(account, {})
    wrong = disagreements(state)
    if wrong:
        raise Wrong("; ".join(wrong))
    ours = best_s(lambda: distances(state, {}))
    coins = ~stable_movers(state.cautious)
    prices = best_s(lambda: solos(state.cautious, coins), 100)
    bisection = best_s(lambda: bisected(state), 3)
    change_price = state.book.price * 1.01
    change = best_s(lambda: totals(state.book, change_price), 2000)
    anew = best_s(lambda: state_of(account, {}), 30)
    whole = best_s(lambda: evaluate(account))
    return [
        Line(
            name=f"all prices and distances, {POSITIONS} positions",
            unit="ms",
            ours=ours * 1e3,
            baseline=bisection * 1e3,
            against=f"{HALVINGS} halvings on each of the same paths, on the same engine",
            share=SHARE_MOST,
            note=f"{bisection / ours:.1f} times faster; all paths agree to {AGREE:g}",
        ),
        Line(
            name="the liquidation prices alone, both sides",
            unit="ms",
            ours=prices * 1e3,
            baseline=ours * 1e3,
            against="all of it",
            note="freqtrade's own: python -m bench.peers",
        ),
        Line(
            name="one price change",
            unit="us",
            ours=change * 1e6,
            baseline=anew * 1e6,
            against="compiling the account again",
            most=CHANGE_US_MAX,
        ),
        Line(
            name="snapshot to report",
            unit="ms",
            ours=whole * 1e3,
            baseline=ours * 1e3,
            against="the distances alone",
        ),
        *_remedies(account),
        _grid(account),
        _year(),
    ]


def _grid(account: Snapshot) -> Line:
    shocks = np.linspace(0.5, 1.5, GRID)
    names = [p.underlying for p in account.positions]
    factors = {name: shocks[:, None] if name == "C0" else shocks for name in names}
    found = figures_under(account, POOL, factors)
    assert found is not None
    state = state_of(account, {})
    own = state.book.mover == state.book.movers.index("C0")
    other = (column_betas(state.book, {}) != 0) & ~own

    def one_by_one() -> Floats:
        prices = (
            state.book.price * np.where(own, one, np.where(other, rest, 1.0))
            for one in shocks
            for rest in shocks
        )
        return np.array([totals(state.book, price) for price in prices])[..., 0]

    _agree("grid", np.stack([found.equity, found.requirement]).reshape(2, -1).T, one_by_one())
    ours = best_s(lambda: figures_under(account, POOL, factors))
    baseline = best_s(one_by_one, 3)
    return Line(
        name=f"{GRID}x{GRID} shocks of {POSITIONS} positions",
        unit="ms",
        ours=ours * 1e3,
        baseline=baseline * 1e3,
        against="one evaluation after the other; ours compiles the account too",
        most=GRID_MS_MAX,
    )


def _year() -> Line:
    account = snapshot(HELD)
    chance = np.random.Generator(np.random.SFC64(1))
    prices = np.empty((HELD, YEAR))
    for row, position in zip(prices, account.positions, strict=True):
        chance.standard_normal(out=row)
        moved = np.exp(np.clip(np.cumsum(row * 7e-4), -2, 2))
        np.multiply(moved, float(position.mark), out=row)
    series = {p.underlying: row for p, row in zip(account.positions, prices, strict=True)}
    health = health_along(account, POOL, series)
    assert health is not None
    sampled = chance.integers(0, YEAR, SAMPLES)
    marks = np.array([float(p.mark) for p in account.positions])
    for minute in sampled:
        factors = dict(zip(series, prices[:, minute] / marks, strict=True))
        (pool,) = evaluate(repriced(account, factors), stages=False).pools
        _agree(f"minute {minute}", health[minute], np.array(pool.health))
    read = best_s(prices.sum, 3)
    ours = best_s(lambda: health_along(account, POOL, series), 3)
    return Line(
        name=f"health of {HELD} positions, a year of minutes",
        unit="ms",
        ours=ours * 1e3,
        baseline=read * 1e3,
        against="adding up all the prices",
        share=YEAR_PASSES_MAX,
        note=f"worst health on the way {health.min():.3f}x; agrees to {AGREE:g}",
    )


def _agree(what: str, ours: Floats, theirs: Floats) -> None:
    if not np.allclose(ours, theirs, rtol=AGREE, atol=0):
        raise Wrong(f"{what}: {ours} in one call, {theirs} alone")


def _remedies(account: Snapshot) -> list[Line]:
    close_side = account.positions[0].side
    top_up = best_s(lambda: required_top_up(account, POOL, "USDT", Measure.DISTANCE, 30.0), 3)
    close = best_s(
        lambda: required_close(account, POOL, "C0USDT", close_side, Measure.HEALTH, 60.0),
        3,
    )
    return [
        Line(name="top-up to a distance", unit="ms", ours=top_up * 1e3),
        Line(name="close to a health", unit="ms", ours=close * 1e3),
    ]
