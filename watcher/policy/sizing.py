"""
How much of one asset on one way: the smallest amount that reaches the target, then what is left of
it by the caps, by the source and by the pool it comes from.

Rule: what is wanted is rounded up to the venue's step, what is allowed is cut down to it, in this
order. An amount is only proposed after it was tried on a copy of the account: what it would bring
is what the engine says of that copy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, Measure, Moment
from watcher.domain.amounts import ceil_to_step, floor_to_step
from watcher.domain.report import PoolReport
from watcher.domain.topup import Intent, Mode, Route, TopUpRules, Verb
from watcher.margin import (
    BookError,
    evaluate,
    repayable,
    required_repay,
    required_top_up,
    with_moved,
    with_repaid,
    with_top_up,
)
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.alerting import GOOD_SAMPLES
from watcher.policy.allowance import busy, cut, resting, room
from watcher.policy.checks import Look
from watcher.policy.means import Held, Means, Room, Why
from watcher.policy.readings import value_of

GAIN_MIN = {Measure.DISTANCE: 0.5, Measure.MARGIN_LEVEL: 1.0, Measure.HEALTH: 0.02}
"""A top-up that lifts its measure by less is not worth a request."""
DISTANCE_AFTER_MIN = 1.0
"""Nearer than this even afterwards: money into a burning position is for a person to decide."""

_REACHED = 1e-9
_DOUBTS = ("divergence", "contradicted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """
    One top-up worth making. `route` is a real one, `listed` the configured one it belongs to.
    `mode` may be stricter than the configured: `braked` says that too many came before it.
    `short`: which cap kept it from reaching `target`. `doubt` is what the two opinions differ in,
    where a person is told all the same. `before`, `after` and `target` are in `measure`;
    `source_after` is what stays in the source; `room` what was left of the caps before it.
    """

    pool: str
    route: Route
    listed: Route
    amount: Decimal
    mode: Mode
    measure: Measure
    trigger: float
    target: float
    before: float
    after: float
    room: Room
    taken_at_us: int
    incident: str = ""
    short: Why | None = None
    braked: bool = False
    doubt: str = ""

    @property
    def source_after(self) -> Decimal:
        return self.room.source - self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that is known when one pool is looked at."""

    look: Look
    state: AccountState
    rules: TopUpRules
    means: Means
    betas: Mapping[str, float]
    now: Moment
    report: PoolReport
    ceiling: Decimal | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def pool(self) -> str:
        return self.report.pool

    @property
    def snapshot(self) -> Snapshot:
        return self.look.snapshot

    @property
    def doubt(self) -> str:
        """What the two opinions of the pool differ in, "" where they agree."""
        venue = wording.venue_name(self.snapshot.venue)
        known = [self.state.findings.get(f"{check}:{self.pool}") for check in _DOUBTS]
        apart = any(one is not None and one.good_samples < GOOD_SAMPLES for one in known)
        return say.TOP_UP_DOUBT.format(venue=venue) if apart else ""

    def value(self, snapshot: Snapshot, pool: str, measure: Measure) -> float | None:
        found = evaluate(snapshot, betas=self.betas, stages=False, only=pool).pools
        value = next((value_of(one, measure) for one in found), None)
        return None if value is None or math.isnan(value) else value

    def after(self, route: Route, amount: Decimal) -> Snapshot:
        match route.verb:
            case Verb.ADD_MARGIN if route.source in self.snapshot.rules:
                return with_moved(self.snapshot, route.source, self.pool, route.asset, amount)
            case Verb.REPAY:
                return with_repaid(self.snapshot, self.pool, route.asset, amount, inside=True)
            case Verb.MOVE | Verb.ADD_MARGIN:
                return with_top_up(self.snapshot, self.pool, route.asset, amount)

    def reaches(self, route: Route, amount: Decimal) -> bool:
        value = self.value(self.after(route, amount), self.pool, self.rules.measure)
        return value is not None and value >= self.rules.target * (1 - _REACHED)


def weighed(case: Case, listed: Route, route: Route) -> Proposal | Held:
    """Return what to move on *route*, which is one of the configured *listed*, or why nothing."""
    step = case.means.steps.get(listed)
    if step is None or not step > 0:
        return Held(why=Why.UNKNOWN, reason=say.HELD_NO_STEP)
    held = busy(route, case.pool, case.means) or resting(
        case.rules, route, case.means, case.now.steady_us
    )
    if held is not None:
        return held
    free = room(case.rules, listed, case.means, case.prices, case.now.steady_us)
    if isinstance(free, Held):
        return free
    try:
        return _sized(case, listed, route, step, free)
    except BookError as error:
        return Held(why=Why.UNKNOWN, reason=wording.words(str(error)))


def _sized(case: Case, listed: Route, route: Route, step: Decimal, free: Room) -> Proposal | Held:
    wanted = _wanted(case, route, step)
    if wanted is None:
        said = say.HELD_OUT_OF_REACH.format(asset=wording.name(route.asset))
        return Held(why=Why.OUT_OF_REACH, reason=said)
    if not wanted:
        return Held(why=Why.CALM, reason=say.HELD_NOTHING_NEEDED)
    amount, short = _cut(case, route, step, wanted, free)
    if not amount > 0:
        return cut(short or Why.FLOOR, case.rules.limits)
    after = case.after(route, amount)
    then = case.value(after, case.pool, case.rules.measure)
    held = _useless(case, then, case.value(after, case.pool, Measure.DISTANCE))
    if held is not None:
        return held
    before = value_of(case.report, case.rules.measure)
    assert before is not None
    assert then is not None
    if short is None and not then >= case.rules.target * (1 - _REACHED):
        short = Why.OUT_OF_REACH
    danger = case.state.dangers.get(case.pool)
    incident = danger.incident if danger is not None else None
    return Proposal(
        pool=case.pool,
        route=route,
        listed=listed,
        amount=amount,
        mode=case.rules.mode,
        measure=case.rules.measure,
        trigger=case.rules.trigger,
        target=case.rules.target,
        before=before,
        after=then,
        room=free,
        taken_at_us=case.snapshot.taken_at_us,
        incident=incident.code if incident is not None else "",
        short=short,
        doubt=case.doubt,
    )


# `not >=` rather than `<`: what is no number must never read as a gain
def _useless(case: Case, then: float | None, far: float | None) -> Held | None:
    before = value_of(case.report, case.rules.measure)
    if before is None or then is None or far is None:
        return Held(why=Why.UNKNOWN, reason=say.HELD_GAIN_UNKNOWN)
    if not then - before >= GAIN_MIN[case.rules.measure]:
        return Held(why=Why.SLIGHT, reason=say.HELD_SLIGHT)
    if not far >= DISTANCE_AFTER_MIN:
        return Held(why=Why.BURNING, reason=say.HELD_BURNING)
    return None


def _wanted(case: Case, route: Route, step: Decimal) -> Decimal | None:
    rules, asked = case.rules, (case.snapshot, case.pool, route.asset)
    if route.verb is Verb.REPAY:
        needed = required_repay(*asked, rules.measure, rules.target, betas=case.betas)
        if needed is None:
            # all of it is not enough, and still better spent here than left beside the debt
            return floor_to_step(repayable(*asked), step)
    else:
        needed = required_top_up(*asked, rules.measure, rules.target, betas=case.betas)
    if needed is None or not math.isfinite(needed):
        return None
    amount = ceil_to_step(needed, step)
    # the search adds a hair to be sure; on a step's edge that hair would cost a whole step
    if amount > step and case.reaches(route, amount - step):
        amount -= step
    return amount


def _cut(
    case: Case, route: Route, step: Decimal, wanted: Decimal, free: Room
) -> tuple[Decimal, Why | None]:
    amount, short = wanted, None
    for most, why in ((free.amount, free.why), (case.ceiling, Why.CEILING)):
        if most is not None and most < amount:
            amount, short = most, why
    if route.verb is Verb.REPAY and amount > (
        owed := repayable(case.snapshot, case.pool, route.asset)
    ):
        amount, short = owed, Why.FLOOR
    amount = floor_to_step(amount, step)
    # where every position is a pool of its own, what lies beside them carries none
    if route.verb is Verb.ADD_MARGIN and route.source in case.snapshot.rules:
        spared = _spared(case, route, amount, step)
        if spared < amount:
            return spared, Why.SOURCE_POOL
    return amount, short


# what leaves a pool must not make that pool the next to call
def _spared(case: Case, route: Route, amount: Decimal, step: Decimal) -> Decimal:
    def is_harmless(steps: int) -> bool:
        if not steps:
            return True
        after = with_moved(case.snapshot, route.source, case.pool, route.asset, steps * step)
        value = case.value(after, route.source, case.rules.measure)
        return value is not None and value >= case.rules.target

    held = balance_in(case.snapshot, route) or Decimal(0)
    low, high = 0, int(min(amount, held) // step)
    if is_harmless(high):
        return high * step
    while high - low > 1:
        middle = (low + high) // 2
        if is_harmless(middle):
            low = middle
        else:
            high = middle
    return low * step


def balance_in(snapshot: Snapshot, route: Route) -> Decimal | None:
    """Return what *snapshot* says could leave the source of *route*; None: it says nothing."""
    if route.verb is Verb.MOVE:
        return snapshot.wallets.get(route.source, {}).get(route.asset)
    if route.verb is Verb.REPAY:
        return repayable(snapshot, route.source, route.asset)
    for row in snapshot.assets:
        if (row.pool, row.asset) == (route.source, route.asset):
            return max(Decimal(0), row.wallet - row.frozen)
    return None


def came(intent: Intent, before: Snapshot, after: Snapshot) -> Decimal:
    """Return how much of what *intent* asks for arrived in its pool between two readings."""
    route = intent.route
    return max(
        Decimal(0), _held_by(after, intent.pool, route) - _held_by(before, intent.pool, route)
    )


def _held_by(snapshot: Snapshot, pool: str, route: Route) -> Decimal:
    rows = [row for row in snapshot.assets if (row.pool, row.asset) == (pool, route.asset)]
    if route.verb is Verb.REPAY:
        return -sum(((r.debt or Decimal(0)) + (r.interest or Decimal(0)) for r in rows), Decimal(0))
    margins = [
        p.isolated_margin
        for p in snapshot.positions
        if p.pool == pool and p.settle == route.asset and p.isolated_margin is not None
    ]
    return sum((row.wallet for row in rows), Decimal(0)) + sum(margins, Decimal(0))
