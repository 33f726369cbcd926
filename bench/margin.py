"""
The margin engine: all liquidation prices and distances of one pool, and one price change.

Rule: agreement first, speed second. The baseline is what one would write without the solver, on
the same engine: for each position, 60 halvings of `totals` between its mark and the far end of its
losing side, one position after the other (the solver also finds the other side and the joint
paths). Both must find the same prices, on both sides, before anything is timed. Times are the best
of several rounds, one thread.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from bench.line import Line, Wrong
from watcher.domain.account import Asset, Bracket, Family, Position, Rules, Side, Snapshot
from watcher.domain.alert import Measure
from watcher.margin import evaluate, required_close, required_top_up
from watcher.margin.book import Book, totals
from watcher.margin.distance import distances
from watcher.margin.solve import FLOOR, UP
from watcher.margin.state import State, state_of

POSITIONS, BRACKETS = 20, 20
HALVINGS = 60
ROUNDS = 9
DISTANCES_MS_MAX = 2.0
SHARE_MOST = 0.1
"""Ten times faster than the bisection."""
CHANGE_US_MAX = 30.0
AGREE = 1e-9


def snapshot() -> Snapshot:
    """One linear pool of twenty positions, each with a table of twenty brackets."""
    rng = random.Random(1)
    positions = []
    for number in range(POSITIONS):
        price = rng.uniform(0.5, 5000)
        floor, rate, table = 0.0, 0.004, []
        for _ in range(BRACKETS):
            table.append(Bracket(floor=_dec(floor), rate=_dec(rate)))
            floor = (floor or 2e4) * rng.uniform(1.2, 2)
            rate = min(0.5, rate * rng.uniform(1.1, 1.4))
        positions.append(
            Position(
                pool="cross:USDT",
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
        rules={"cross:USDT": Rules(family=Family.LINEAR_POOL)},
        assets=(Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(90_000), index=Decimal(1)),),
        positions=tuple(positions),
    )


def _dec(value: float) -> Decimal:
    return Decimal(f"{value:.8g}")


def halved(book: Book, mover: str, far: float) -> float | None:
    """Return the price factor of one coin's liquidation between 1 and *far*, by halving."""
    moves = book.mover == book.movers.index(mover)

    def headroom(factor: float) -> float:
        equity, requirement = totals(book, np.where(moves, book.price * factor, book.price))
        return float(equity[0] - requirement[0])

    if headroom(far) > 0:
        return None
    safe, gone = 1.0, far
    for _ in range(HALVINGS):
        middle = (safe + gone) / 2
        if headroom(middle) > 0:
            safe = middle
        else:
            gone = middle
    return gone


def baseline(state: State) -> dict[str, tuple[float | None, float | None]]:
    """Return every coin's liquidation price factors, one bisection after the other."""
    return {
        mover: (halved(state.book, mover, FLOOR), halved(state.book, mover, 1 + UP))
        for mover in state.book.movers[1:]
    }


def best_s(job: Callable[[], object], rounds: int = ROUNDS) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - began)
    return best


def disagreements(state: State) -> list[str]:
    """Compare every price of the solver with the baseline's."""
    found = distances(state, {})["cross:USDT"].risky
    wrong = []
    for mover, (down, up) in baseline(state).items():
        ours = found[mover]
        pairs = (
            ("down", down, None if ours.down is None else 1 - ours.down),
            ("up", up, None if ours.up is None else 1 + ours.up),
        )
        for way, theirs, factor in pairs:
            if (theirs is None) != (factor is None) or (
                theirs is not None and factor is not None and abs(theirs - factor) > AGREE
            ):
                wrong.append(f"{mover} {way}: solver {factor}, bisection {theirs}")
    return wrong


def measure() -> list[Line]:
    account = snapshot()
    state = state_of(account, {})
    wrong = disagreements(state)
    if wrong:
        raise Wrong("; ".join(wrong))
    losing = {p.underlying: FLOOR if p.side is Side.LONG else 1 + UP for p in account.positions}
    ours = best_s(lambda: distances(state, {}))
    bisection = best_s(lambda: [halved(state.book, m, far) for m, far in losing.items()])
    change_price = state.book.price * 1.01
    change = best_s(lambda: totals(state.book, change_price), 2000)
    whole = best_s(lambda: evaluate(account))
    return [
        Line(
            name=f"all liquidation prices, {POSITIONS} positions",
            unit="ms",
            ours=ours * 1e3,
            baseline=bisection * 1e3,
            against=f"{HALVINGS} halvings per position, one after the other, on the same engine",
            share=SHARE_MOST,
            note=f"{bisection / ours:.1f} times faster; prices agree to {AGREE:g}",
        ),
        Line(
            name="the same, by itself",
            unit="ms",
            ours=ours * 1e3,
            most=DISTANCES_MS_MAX,
        ),
        Line(name="one price change", unit="us", ours=change * 1e6, most=CHANGE_US_MAX),
        Line(
            name="snapshot to report",
            unit="ms",
            ours=whole * 1e3,
            baseline=ours * 1e3,
            against="the prices alone",
        ),
        *_remedies(account),
    ]


def _remedies(account: Snapshot) -> list[Line]:
    close_side = account.positions[0].side
    top_up = best_s(
        lambda: required_top_up(account, "cross:USDT", "USDT", Measure.DISTANCE, 30.0), 3
    )
    close = best_s(
        lambda: required_close(account, "cross:USDT", "C0USDT", close_side, Measure.HEALTH, 60.0),
        3,
    )
    return [
        Line(name="top-up to a distance", unit="ms", ours=top_up * 1e3),
        Line(name="close to a health", unit="ms", ours=close * 1e3),
    ]
