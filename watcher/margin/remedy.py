"""
What would bring a pool back: the smallest top-up, the smallest repayment, the smallest close.

Rule: an amount is right when, after it, the measure is at its target along *every* path up to it,
not only at today's prices or at the target's. Collateral loses value on the way, a position
shrinks what it wins as well as what it loses. Answers are floats; money is made of them only by
rounding up.

How: the shortfall (least headroom over all paths to the target, or a point measure's own gap to
its line) is concave in the amount wherever tables are marginal, so Newton's steps rise to the
answer from below and never pass it. Where a table jumps that is not so; then the answer is
narrowed down by halving. An asset nearly worthless at the target would need an absurd amount:
that is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from watcher.domain.account import Family, Side, Snapshot
from watcher.domain.alert import Measure
from watcher.domain.amounts import MAGNITUDE_MAX
from watcher.margin.book import Book, lowered, totals
from watcher.margin.change import closed, find_position, repaid, repayable, topped_up
from watcher.margin.compile import Pool
from watcher.margin.errors import BookError
from watcher.margin.evaluate import NO_BETAS
from watcher.margin.figures import levels_of
from watcher.margin.movers import column_betas, lone_coin, mover_of, stable_movers, touched
from watcher.margin.solve import FLOOR, Solo, along_joint, along_solo, plan_solo
from watcher.margin.state import State, at_stake, state_of

TURNS_MAX = 60
WORTHLESS = 1e-4
"""An asset that keeps less than this part of today's worth on the way cannot help."""

ROUNDING = 1e-11
"""Shortfalls below this part of the pool are rounding, not money."""

STEP = 1e-6
"""Newton's slope is read over this part of the pool."""

MARGIN = 1e-4
"""This part of a step is added to every answer: rounding must not leave it a hair short."""

ENOUGH = 0.995
"""If this part of an answer is enough too, the answer was not the smallest."""


@dataclass(frozen=True, slots=True)
class _Goal:
    """A measure and the value it must reach on one pool."""

    measure: Measure
    target: float
    betas: Mapping[str, float]

    def __post_init__(self) -> None:
        assert 0 < self.target < float("inf")


def required_top_up(
    snapshot: Snapshot,
    pool: str,
    asset: str,
    measure: Measure,
    target: float,
    *,
    betas: Mapping[str, float] = NO_BETAS,
) -> float | None:
    """
    Return the smallest amount of *asset* that brings *measure* of *pool* to *target*.

    Distance and margin level are in percent, health is a ratio. 0 where it is there already;
    None where no amount would do it, the pool cannot take the asset, or is not computed.
    """
    goal = _Goal(measure, target, betas)
    before = state_of(snapshot, betas, only=pool)
    if pool not in before.today:
        return None
    if not at_stake(before.compiled.pools[pool]):
        return 0.0
    try:
        # one unit is put in so that the currency has its row, and taken out of the sum again
        seeded = topped_up(snapshot, pool, asset, Decimal(1))
        state = state_of(seeded, betas, only=pool)
    except BookError:
        return None
    sheet = state.compiled.sheets[pool]
    book = lowered(state.book, np.array([before.today[pool].gap]))
    cash = book.s_start[sheet.buckets[asset]]
    plans = _plans(book, state.compiled.pools[pool])
    worth = float(book.price[sheet.units[asset]])
    size = abs(before.today[pool].equity) + before.today[pool].requirement

    def slack(amount: float) -> float:
        const = book.t_const.copy()
        const[cash] += amount - 1
        variant = replace(book, t_const=const)
        return _slack(goal, variant, plans, state, snapshot)

    return _smallest(
        slack, size=size, worth=worth, gain_min=WORTHLESS * worth, most=float(MAGNITUDE_MAX)
    )


def required_close(
    snapshot: Snapshot,
    pool: str,
    symbol: str,
    side: Side,
    measure: Measure,
    target: float,
    *,
    betas: Mapping[str, float] = NO_BETAS,
) -> float | None:
    """
    Return the fewest contracts to close at the mark to bring *measure* of *pool* to *target*.

    0 where it is there already; None where closing even all of it is not enough, or makes it
    worse, as the protecting leg of a hedge does.

    Raises: `BookError` for a position that is not there.
    """
    goal = _Goal(measure, target, betas)
    _, position = find_position(snapshot, pool, symbol, side)
    before = state_of(snapshot, betas, only=pool)
    if pool not in before.today:
        return None
    today = before.today[pool]
    quantity = float(position.quantity)

    def slack(contracts: float) -> float:
        share = min(Decimal(repr(contracts)), position.quantity)
        changed = closed(snapshot, pool, symbol, side, share)
        return _slack_of(goal, changed, pool, today.gap)

    size = abs(today.equity) + today.requirement
    found = _smallest(slack, size=size, worth=size / quantity, gain_min=0.0, most=quantity)
    if found is None and slack(quantity) >= 0:
        # no step helps and yet all of it does: a table jumps, or nothing is left at stake
        return _halved(slack, quantity, 0.0)
    return found


def required_repay(
    snapshot: Snapshot,
    pool: str,
    asset: str,
    measure: Measure,
    target: float,
    *,
    betas: Mapping[str, float] = NO_BETAS,
) -> float | None:
    """
    Return how much of what *pool* owes in *asset* to repay, with what it holds of it, to bring
    *measure* to *target*.

    0 where it is there already; None where all that could be repaid so is not enough.
    """
    goal = _Goal(measure, target, betas)
    before = state_of(snapshot, betas, only=pool)
    if pool not in before.today:
        return None
    today = before.today[pool]
    most = float(repayable(snapshot, pool, asset))

    def slack(amount: float) -> float:
        changed = repaid(snapshot, pool, asset, Decimal(repr(amount)), inside=True)
        return _slack_of(goal, changed, pool, today.gap)

    if slack(0.0) >= 0:
        return 0.0
    if not most > 0 or not slack(most) >= 0:
        return None
    size = abs(today.equity) + today.requirement
    found = _smallest(slack, size=size, worth=size / most, gain_min=0.0, most=most)
    return _halved(slack, most, 0.0) if found is None else found


def _plans(book: Book, pool: Pool) -> list[Solo]:
    # the coins the tier distance is made of: all risky ones, and stables that are traded
    traded = {mover_of(p.underlying, pool.betas) for p in pool.positions}
    stable = stable_movers(book)
    also = stable & np.array([name in traded for name in book.movers])
    return [plan_solo(book, chosen) for chosen in (~stable, also) if chosen[1:].any()]


def _slack_of(goal: _Goal, changed: Snapshot, pool: str, gap: float) -> float:
    # of a snapshot that was changed by more than an amount of one asset: it is compiled anew
    state = state_of(changed, goal.betas, only=pool)
    if not at_stake(state.compiled.pools[pool]):
        return float("inf")
    book = lowered(state.book, np.array([gap]))
    plans = _plans(book, state.compiled.pools[pool])
    return _slack(goal, book, plans, state, changed)


def _slack(goal: _Goal, book: Book, plans: list[Solo], state: State, snapshot: Snapshot) -> float:
    # how far the goal is exceeded, in the pool's unit; negative: short of it
    if goal.measure is Measure.DISTANCE:
        return _least(book, plans, goal)
    (equity,), (needs,) = totals(book)
    if goal.measure is Measure.HEALTH:
        return float(equity - goal.target * needs)
    (name,) = state.today
    pool = state.compiled.pools[name]
    if pool.rules.family is Family.DEBT_RATIO:
        assert pool.rules.liquidation_level is not None
        debt = needs / (float(pool.rules.liquidation_level) - 1)
        return float(equity + debt - goal.target / 100 * debt)
    if pool.rules.debts == "own":
        return float(equity - goal.target / 100 * needs)
    sheet = state.compiled.sheets[name]
    used = levels_of(
        snapshot, pool, state.today[name], lambda coin: float(book.price[sheet.charge(coin)])
    ).used_margin
    return float("nan") if used is None else float(equity - goal.target / 100 * used)


def _least(book: Book, plans: list[Solo], goal: _Goal) -> float:
    move = goal.target / 100
    low = min(move, 1 - 2 * FLOOR)
    found = [along_solo(book, plan, (1 - low, 1 + move)).least for plan in plans]
    if lone_coin(touched(book), goal.betas) is None:
        found.append(along_joint(book, column_betas(book, goal.betas), (-low, move)).least)
    return min(float(least.min(initial=np.inf)) for least in found)


def _smallest(
    slack: Callable[[float], float], *, size: float, worth: float, gain_min: float, most: float
) -> float | None:
    """
    Return the smallest amount in 0..*most* whose slack is not negative, None if there is none.

    *size* is the scale of the pool in its unit, *worth* about what one of the amount is worth in
    it. A slope of *gain_min* or less leads nowhere.
    """
    amount, now = 0.0, slack(0.0)
    size += abs(now)
    short, step = -ROUNDING * size, STEP * size / worth
    for _ in range(TURNS_MAX):
        if now >= short:
            break
        nudged = min(amount + step, most)
        gain = (slack(nudged) - now) / (nudged - amount)
        if not gain > gain_min:  # a slack that is unknown (NaN) ends here too
            return None
        amount -= now / gain
        if amount >= most:
            return _halved(slack, most, short) if slack(most) >= short else None
        now = slack(amount)
    else:
        return None
    if amount == 0:
        return 0.0
    if slack(ENOUGH * amount) >= short:
        amount = _halved(slack, amount, short)
    return min(amount + MARGIN * step, most)


def _halved(slack: Callable[[float], float], high: float, short: float) -> float:
    # where a table jumps: nothing is not enough, `high` is; narrow it down
    low = 0.0
    for _ in range(TURNS_MAX):
        middle = (low + high) / 2
        if slack(middle) >= short:
            high = middle
        else:
            low = middle
        if high - low <= 1e-12 * high:
            break
    return high
