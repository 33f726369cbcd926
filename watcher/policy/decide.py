"""
The one function the whole service stands around: what was seen and remembered, to what is said.

Rule: `decide` is pure. It is given the memory of one account, what one poll slot brought and the
time, and returns the new memory, the messages, the samples and when to look again. A reading is
complete or it is a miss; a miss never makes anything better. Same inputs, same decision. What a
person ordered in between (acks, mutes) is in the memory already: `orders`.

    a reading   every pool's danger machine moves, blindness ends, the other checks look; where
                another venue's price differs, the worse verdict of the two counts
    a miss      the last reading is re-priced where live prices are known; the estimate may only
                worsen a tier; the blind machine counts
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    AlertRules,
    BlindState,
    DangerState,
    Decision,
    Message,
    Missed,
    MissKind,
    Moment,
    Sample,
    Seen,
    Tier,
)
from watcher.domain.report import PoolReport
from watcher.domain.road import Reach
from watcher.margin import BookError
from watcher.policy import (
    alerting,
    blind,
    checks,
    compared,
    dangers,
    doubts,
    envelope,
    history,
    keys,
    moves,
    opinions,
    shrinking,
    speech,
    trigger,
    wording,
)
from watcher.policy import messages as say
from watcher.policy.checklist import CHECKS
from watcher.policy.checks import Apart, Look, Scene
from watcher.policy.dangers import Turn
from watcher.policy.incidents import elapsed_us
from watcher.policy.looking import estimate, look, movable
from watcher.policy.readings import Reading, hastened

HOT_FACTOR = 2.0
"""Polls are hot nearer than this many times the way from the warning line to liquidation."""
WAIT_MIN_US = 1 * SECOND_US
APART_MAX_US = 10 * SECOND_US
"""The answers of one reading further apart than this are of no one moment."""
STRETCH_GAP_US, STRETCH_POLLS = 60 * SECOND_US, 3
"""Readings further apart than both this long and so many calm polls are not of one stretch."""
_SLACK_US = 1_000


def decide(state: AccountState, seen: Seen, rules: AlertRules, now: Moment) -> Decision:
    """Return what one poll slot leads to."""
    state = replace(state, mutes=dangers.live(state.mutes, now.steady_us))
    found = _look(state, seen, rules, now)
    if isinstance(found, Look):
        return _on_reading(state, found, seen, rules, now)
    return _on_miss(state, found, seen.prices, rules, now)


# an answer older than this account may go unseen is no sight of it, however new it arrived; nor are
# balances of one moment and positions of another
def _look(state: AccountState, seen: Seen, rules: AlertRules, now: Moment) -> Look | Missed:
    strange = keys.stranger(state.key, seen.status)
    if strange is not None:
        return strange
    if seen.snapshot is None:
        missed = seen.missed or Missed(kind=MissKind.UNREADABLE, reason=say.NOTHING_BROUGHT)
        return keys.explained(missed, state.key, now, wording.zone(rules.timezone))
    try:
        found = look(seen.snapshot, rules)
    except BookError as error:
        return Missed(kind=MissKind.UNREADABLE, reason=str(error))
    age_us = now.wall_us - seen.snapshot.taken_at_us
    if age_us > _allowed_us(found, None, state.dangers, rules):
        reason = say.ANSWER_OLD.format(age_s=age_us // SECOND_US)
        return Missed(kind=MissKind.UNREADABLE, reason=reason)
    times = seen.snapshot.parts.values()
    apart_us = max(times) - min(times) if times else 0
    if apart_us > APART_MAX_US:
        reason = say.ANSWERS_APART.format(apart_s=apart_us // SECOND_US)
        return Missed(kind=MissKind.UNREADABLE, reason=reason)
    return found


def _on_reading(
    state: AccountState, found: Look, seen: Seen, rules: AlertRules, now: Moment
) -> Decision:
    at = now.steady_us
    known = _carried(state, found.snapshot, rules, at)
    state = replace(state, dangers=known)
    found = _hastened(found, state, at)
    read_at = at - max(0, now.wall_us - found.snapshot.taken_at_us)
    still = compared.stills(state, found.snapshot, seen.prices, read_at)
    apart = compared.aparts(found.snapshot, seen.prices, still, at, told=state.findings)
    other = estimate(found.snapshot, {one.coin: one.elsewhere for one in apart}, rules)
    readings, doubted = compared.worse(found, other)
    seeing, kind = blind.step_seen(state.blind)
    scene = _scene(state, found, apart, seen, rules, now)
    raised = [finding for check in CHECKS for finding in check(scene)]
    findings, telling = checks.step(
        state.findings, raised, at, account=rules.account, furthest=rules.reach
    )
    findings, again = checks.further(findings, at, furthest=rules.reach)
    lost = shrinking.lost([*telling, *again], findings)
    readings = doubts.held_back(readings, findings, known)
    own_readings = {**readings, **{pool: found.readings[pool] for pool in doubted}}
    found = replace(found, readings=own_readings)
    held, turns = dangers.seen(state, readings, at, furthest=rules.reach, lost=lost)
    samples = tuple(_sample(p, held[p.pool].tier, at) for p in found.report.pools)
    recent = history.remembered(state.recent, samples, at)
    moved = replace(
        state,
        first_seen_at_us=None,  # from now on the last reading is what counts
        last_good=found.snapshot,
        last_good_at_us=read_at,
        last_report=found.report,
        dangers=held,
        blind=seeing,
        findings=findings,
        recent=recent,
        key=keys.known(state.key, seen.status),
        crossed=trigger.crossed(state.crossed, found.report, rules.trigger, read_at),
        still=still,
        pegs=compared.pegs(state.pegs, found.snapshot),
    )
    own = [turn for turn in turns if turn.pool not in doubted]
    said = speech.of_dangers(moved, found, own, rules, now)
    if other is not None:
        theirs = [turn for turn in turns if turn.pool in doubted]
        said += speech.of_dangers(moved, other, theirs, rules, now, suspect=True)
    if kind is not None:
        moved, message = speech.of_seeing(state, moved, found, rules, now)
        said.append(message)
    said += speech.of_findings(moved, [*telling, *again], found, rules, now)
    hot = is_hot(moved.dangers, readings.values())
    pace = rules.poll_hot_us
    if not hot:
        # read twice at least in the time it may go unseen
        allowed = _allowed_us(found, None, moved.dangers, rules)
        pace = min(rules.poll_calm_us, max(allowed // 2, pace))
    if any(doubts.is_suspect(findings, pool) for pool in held):
        pace = min(pace, doubts.AGAIN_US)
    decision = _decision(moved, envelope.quieted(said, rules, now), samples, pace)
    return replace(decision, divergences=opinions.divergences(found.snapshot, found.report))


# whoever did not look since the last reading has not seen that it stayed well
def _carried(
    state: AccountState, snapshot: Snapshot, rules: AlertRules, now_us: int
) -> dict[str, DangerState]:
    known = moves.carried(state.dangers, state.last_good, snapshot)
    gap_us = max(STRETCH_GAP_US, STRETCH_POLLS * rules.poll_calm_us)
    apart = _age_us(state, now_us) > gap_us
    return {pool: alerting.blinded(one) if apart else one for pool, one in known.items()}


def _scene(
    state: AccountState,
    found: Look,
    apart: tuple[Apart, ...],
    seen: Seen,
    rules: AlertRules,
    now: Moment,
) -> Scene:
    return Scene(
        look=found,
        before=state.last_good,
        dangers=state.dangers,
        betas=rules.betas,
        unseen=state.blind.active or _age_us(state, now.steady_us) > rules.blind_after_max_us,
        status=seen.status,
        key=state.key,
        recent=state.recent,
        findings=state.findings,
        pegs=state.pegs,
        apart=apart,
        at_us=now.steady_us,
        wall_us=now.wall_us,
        timezone=rules.timezone,
    )


def _age_us(state: AccountState, now_us: int) -> int:
    at_us = state.last_good_at_us
    return 0 if at_us is None else elapsed_us(now_us, at_us)


# the samples before this reading tell its speed; an estimate is of no pace at all
def _hastened(found: Look, state: AccountState, now_us: int) -> Look:
    recent = history.pools_of(state.recent)
    readings = {
        pool: hastened(reading)
        if reading is not None and history.is_racing(recent.get(pool, ()), reading, now_us)
        else reading
        for pool, reading in found.readings.items()
    }
    return replace(found, readings=readings)


def _on_miss(
    state: AccountState,
    missed: Missed,
    prices: Mapping[str, float],
    rules: AlertRules,
    now: Moment,
) -> Decision:
    last = _again(state, rules)
    guess = estimate(last.snapshot, prices, rules) if last is not None else None
    guesses = {} if guess is None else guess.readings
    held, turns = dangers.unseen(state, guesses, now.steady_us, furthest=rules.reach)
    if state.last_good_at_us is None and state.first_seen_at_us is None:
        state = replace(state, first_seen_at_us=now.steady_us)
    since = state.first_seen_at_us if state.last_good_at_us is None else state.last_good_at_us
    assert since is not None
    age_us = elapsed_us(now.steady_us, since)
    allowed = blind.allowed_for(missed, _allowed_us(last, guess, held, rules))
    was = max((d.tier for d in held.values()), default=Tier.CALM)
    tier = blind.tier_when_blind(was, _nearest(last, guess))
    counted, kind = blind.step_missed(
        _retold(state.blind, held, turns, rules, now),
        missed,
        now.steady_us,
        age_us=age_us,
        allowed=allowed,
        tier=tier,
        furthest=rules.reach,
        named=held.values(),
    )
    if counted.active and not state.blind.active:
        held = {pool: alerting.blinded(d) for pool, d in held.items()}
    findings, again = checks.further(state.findings, now.steady_us, furthest=rules.reach)
    moved = replace(state, dangers=held, blind=counted, findings=findings, crossed={})
    shown = None if guess is None else movable(guess)
    outage = speech.Outage(last=last, guess=shown, age_us=age_us, was=was, tier=tier)
    said = speech.of_unseen_dangers(moved, outage, turns, prices, rules, now)
    if kind is not None:
        moved, message = speech.of_blindness(moved, outage, kind, prices, rules, now)
        said.append(message)
    said += speech.of_findings(moved, again, last, rules, now)
    samples = tuple(
        _sample(p, moved.dangers[p.pool].tier, now.steady_us, is_estimate=True)
        for p in _shown(shown)
    )
    wait_us = _wait_us(moved, outage, missed, allowed, rules)
    return _decision(moved, envelope.quieted(said, rules, now), samples, wait_us)


def _shown(guess: Look | None) -> list[PoolReport]:
    return [] if guess is None else [p for p in guess.report.pools if p.pool in guess.readings]


# what was read once can be refused after an update of the engine: then it was never read
def _again(state: AccountState, rules: AlertRules) -> Look | None:
    if state.last_good is None:
        return None
    try:
        return look(state.last_good, rules, report=state.last_report)
    except BookError:
        return None


# a danger told while nothing is seen says that too
def _retold(
    unseen: BlindState,
    held: Mapping[str, DangerState],
    turns: Sequence[Turn],
    rules: AlertRules,
    now: Moment,
) -> BlindState:
    told = max((held[turn.pool].tier for turn in turns), default=Tier.CALM)
    reach = max((turn.reach for turn in turns), default=Reach.CHAT)
    return blind.retold(unseen, now.steady_us, told, reach=reach, furthest=rules.reach)


def _allowed_us(
    last: Look | None,
    guess: Look | None,
    held: Mapping[str, DangerState],
    rules: AlertRules,
) -> int:
    if last is None:
        return blind.ALLOWED_MIN_US
    near = [d for found in (last, guess) if found is not None for d in _distances(found, held)]
    return blind.allowed_us(near, rules.blind_after_max_us)


def _distances(found: Look, held: Mapping[str, DangerState]) -> list[float | None]:
    return [
        blind.nearness(
            found.readings[p.pool],
            p.tier_distance,
            held[p.pool].tier if p.pool in held else Tier.CALM,
        )
        for p in found.report.pools
    ]


def _nearest(last: Look | None, guess: Look | None) -> float | None:
    known = [
        pool.tier_distance
        for found in (last, guess)
        if found is not None
        for pool in found.report.pools
        if pool.tier_distance is not None
    ]
    return min(known, default=None)


def _wait_us(
    state: AccountState, outage: speech.Outage, missed: Missed, allowed: int, rules: AlertRules
) -> int:
    readings = [
        r for found in (outage.last, outage.guess) if found for r in found.readings.values()
    ]
    hot = state.blind.active or is_hot(state.dangers, readings)
    if missed.kind in (MissKind.RATE_LIMITED, MissKind.BANNED):
        hot = False
    pace = rules.poll_hot_us if hot else rules.poll_calm_us
    if state.blind.active:
        return pace
    return min(pace, max(WAIT_MIN_US, allowed - outage.age_us + _SLACK_US))


def is_hot(held: Mapping[str, DangerState], readings: Iterable[Reading | None]) -> bool:
    """Tell whether an account is close enough to a warning to be polled at the hot pace."""
    if any(danger.tier >= Tier.WARNING for danger in held.values()):
        return True
    return any(_is_near(reading) for reading in readings)


def _is_near(reading: Reading | None) -> bool:
    if reading is None:
        return True
    gauge = reading.gauge
    warning = [b.enter - gauge.end for b in gauge.bounds if b.tier is Tier.WARNING]
    return any(gauge.remaining < HOT_FACTOR * way for way in warning)


def _sample(pool: PoolReport, tier: Tier, at_us: int, *, is_estimate: bool = False) -> Sample:
    return Sample(
        pool=pool.pool,
        at_us=at_us,
        distance=_finite(pool.tier_distance),
        health=_finite(pool.health),
        margin_level=_finite(pool.margin_level),
        equity=_finite(pool.equity),
        tier=tier,
        estimate=is_estimate,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _decision(
    state: AccountState, said: list[Message], samples: tuple[Sample, ...], wait_us: int
) -> Decision:
    ordered = tuple(sorted(said, key=lambda message: (message.lane, -message.tier)))
    return Decision(
        account=state.account,
        state=state,
        messages=ordered,
        samples=samples,
        next_poll_us=wait_us,
    )
