"""
Whether collateral is moved now: which pool, which way, how much. Or why not.

Rule: pure, and money fails closed. Everything must be known, fresh, seen twice and agreed on by
both opinions; each condition has its own word (`Why`), and what is not known is a no. The amount is
the smallest that reaches the target, rounded up to the venue's step, then cut down to the caps,
never the other way round. A top-up never touches a tier: nothing here writes `AccountState`.

Ways inside the derivatives engine come first: wallet transfers took 33 minutes on 2025-10-10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from fnmatch import fnmatchcase

from watcher.domain.alert import AccountState, Moment, Tier
from watcher.domain.report import PoolReport, Status
from watcher.domain.topup import COUNTED, Intent, Mode, Route, TopUpRules, Verb
from watcher.policy import doubts, wording
from watcher.policy import messages as say
from watcher.policy.allowance import DAY_US, FRESH_US, SENDS, barred, cooling, listed_of, worths
from watcher.policy.checks import Look
from watcher.policy.means import ORDER, Held, Means, Why
from watcher.policy.readings import value_of
from watcher.policy.sizing import Case, Proposal, weighed
from watcher.policy.trigger import APART_US, is_beyond

BRAKE_AFTER = 3
"""So many in one incident, and the next is asked for."""

_VERBS = (Verb.ADD_MARGIN, Verb.REPAY, Verb.MOVE)
"""What stays inside the derivatives engine comes first."""


def propose(
    look: Look,
    state: AccountState,
    rules: TopUpRules,
    means: Means,
    *,
    betas: Mapping[str, float],
    now: Moment,
) -> Proposal | Held:
    """
    Return the top-up to make now, or why there is none.

    *look* and *state* are of one and the same poll: what `decide` looked at, and its new memory.
    """
    held = _barred(rules, means, now)
    pools = _pools(look, rules)
    if held is None and not pools:
        held = Held(why=Why.NO_POOL, reason=say.HELD_NO_POOL)
    if held is not None:
        return replace(held, pool=in_need(look, state, rules))
    noes = []
    for report in pools:
        one = _for_pool(_case(look, state, rules, means, betas, now, report))
        if isinstance(one, Proposal):
            return one
        needs = _needs(report, state, rules)
        noes.append(replace(one, pool=report.pool) if needs else one)
    return max(noes, key=_weight)


def in_need(look: Look, state: AccountState, rules: TopUpRules) -> str:
    """Return the pool nearest to liquidation that needs a top-up, "" where none is known to."""
    pools = _pools(look, rules) or look.report.pools
    return next((one.pool for one in pools if _needs(one, state, rules)), "")


# whether its trigger is crossed; where nobody knows, its alert says whether it is in danger
def _needs(report: PoolReport, state: AccountState, rules: TopUpRules) -> bool:
    value = value_of(report, rules.measure)
    if value is not None and not math.isnan(value):
        return report.pool in state.crossed
    danger = state.dangers.get(report.pool)
    return danger is not None and danger.tier >= Tier.CRITICAL


# of several noes that to a pool in need, and then the one that came furthest, says most
def _weight(held: Held) -> tuple[bool, int]:
    return bool(held.pool), -1 if held.why is Why.CALM else ORDER.index(held.why)


def reconsider(
    intent: Intent,
    look: Look,
    state: AccountState,
    rules: TopUpRules,
    means: Means,
    *,
    betas: Mapping[str, float],
    now: Moment,
) -> Decimal | Held:
    """
    Return how much of what *intent* proposed is right now, never above its ceiling, or why none.

    Its route and asset stand: if they no longer do, it is held.
    """
    others = means.without(intent)
    held = _barred(rules, others, now)
    if held is not None:
        return held
    listed = listed_of(intent.route, rules)
    report = next((p for p in look.report.pools if p.pool == intent.pool), None)
    if rules.mode not in SENDS or listed is None or report is None:
        return Held(why=Why.OFF, reason=say.HELD_WAY_GONE)
    case = replace(_case(look, state, rules, others, betas, now, report), ceiling=intent.ceiling)
    held = _first_no(case)
    if held is not None:
        return held
    one = weighed(case, listed, intent.route)
    return one if isinstance(one, Held) else one.amount


def _barred(rules: TopUpRules, means: Means, now: Moment) -> Held | None:
    if rules.mode is Mode.OFF or not rules.routes:
        return Held(why=Why.OFF, reason=say.HELD_OFF)
    if rules.mode in SENDS and rules.limits is None:
        return Held(why=Why.NO_LIMITS, reason=say.HELD_NO_CAPS)
    return barred(means, now)


# the pools a route leads to, the nearest to liquidation first
def _pools(look: Look, rules: TopUpRules) -> list[PoolReport]:
    def place(pool: PoolReport) -> float:
        value = value_of(pool, rules.measure)
        return -math.inf if value is None or math.isnan(value) else value

    reached = [p for p in look.report.pools if any(_leads(route, p.pool) for route in rules.routes)]
    return sorted(reached, key=place)


def _leads(listed: Route, pool: str) -> bool:
    return fnmatchcase(pool, listed.destination)


def _case(
    look: Look,
    state: AccountState,
    rules: TopUpRules,
    means: Means,
    betas: Mapping[str, float],
    now: Moment,
    report: PoolReport,
) -> Case:
    prices = {} if rules.limits is None else worths(look.snapshot, rules.limits.unit)
    return Case(
        look=look,
        state=state,
        rules=rules,
        means=means,
        betas=betas,
        now=now,
        report=report,
        prices=prices,
    )


def _seen(case: Case) -> Held | None:
    state = case.state
    if state.blind.active or state.blind.misses or state.last_good is None:
        return Held(why=Why.UNSEEN, reason=say.HELD_UNSEEN_NOW)
    if doubts.bars_money(state.findings, case.pool):
        return Held(why=Why.UNSEEN, reason=say.HELD_SUSPECT)
    if state.last_good != case.snapshot:
        return Held(why=Why.UNSEEN, reason=say.HELD_ESTIMATE)
    return None


def _computed(case: Case) -> Held | None:
    if case.report.status is Status.OK:
        return None
    why = wording.words(case.report.why or case.report.status.value)
    return Held(why=Why.NOT_COMPUTED, reason=say.HELD_NOT_COMPUTED.format(why=why))


def _agreed(case: Case) -> Held | None:
    if not case.doubt or case.rules.mode is Mode.REQUEST:
        return None
    return Held(why=Why.DISAGREES, reason=case.doubt)


def _fresh(case: Case) -> Held | None:
    read_at_us = case.state.last_good_at_us
    wall_us = case.now.wall_us - case.snapshot.taken_at_us
    steady_us = math.inf if read_at_us is None else case.now.steady_us - read_at_us
    if 0 <= steady_us <= FRESH_US and -FRESH_US <= wall_us <= FRESH_US:
        return None
    return Held(why=Why.STALE, reason=say.HELD_STALE)


def _beyond(case: Case) -> Held | None:
    rules = case.rules
    value = value_of(case.report, rules.measure)
    if value is None or math.isnan(value):
        said = say.HELD_NOT_KNOWN.format(measure=say.MEASURES[rules.measure])
        return Held(why=Why.UNKNOWN, reason=said)
    if not is_beyond(case.report, rules.measure, rules.trigger):
        return Held(why=Why.CALM, reason=say.HELD_NOT_REACHED)
    return None


def _twice(case: Case) -> Held | None:
    first, last = case.state.crossed.get(case.pool), case.state.last_good_at_us
    if first is None or last is None or last - first < APART_US:
        return Held(why=Why.SEEN_ONCE, reason=say.HELD_SEEN_ONCE)
    return None


def _cooled(case: Case) -> Held | None:
    return cooling(case.rules, case.means, case.now.steady_us)


_Condition = Callable[[Case], Held | None]
_CONDITIONS: tuple[_Condition, ...] = (
    _seen,
    _computed,
    _agreed,
    _fresh,
    _beyond,
    _twice,
    _cooled,
)


def _first_no(case: Case) -> Held | None:
    return next((held for one in _CONDITIONS if (held := one(case)) is not None), None)


def _for_pool(case: Case) -> Proposal | Held:
    held = _first_no(case)
    if held is not None:
        return held
    noes: list[Held] = []
    for verb in _VERBS:
        found = [
            weighed(case, listed, replace(listed, destination=case.pool))
            for listed in case.rules.routes
            if listed.verb is verb and _leads(listed, case.pool)
        ]
        made = [one for one in found if isinstance(one, Proposal)]
        if made:
            return _braked(case, min(made, key=lambda one: _cost(case, one)))
        noes += [one for one in found if isinstance(one, Held)]
    return max(noes, key=lambda one: ORDER.index(one.why))  # the one that came furthest


# one that reaches the target before one that does not; then what costs least for it, which is the
# asset that counts most on the way there, or what brings most
def _cost(case: Case, one: Proposal) -> tuple[bool, float]:
    if one.short is not None:
        return (True, -one.after)
    price = worths(case.snapshot, case.snapshot.reference).get(one.route.asset, Decimal(1))
    return (False, float(one.amount * price))


def _braked(case: Case, one: Proposal) -> Proposal:
    if one.mode is not Mode.AUTO:
        return one
    since_us = case.now.steady_us - DAY_US
    earlier = [
        i
        for i in case.means.intents
        if i.progress in COUNTED
        and (i.pool, i.incident) == (one.pool, one.incident)
        and (i.incident or i.changed_us >= since_us)
    ]
    return replace(one, mode=Mode.ASK, braked=True) if len(earlier) >= BRAKE_AFTER else one
