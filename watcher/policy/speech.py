"""
From a machine's turn to a message: gather its figures, work out advice, find it its words.

Rule: nothing is decided here. Which machine speaks is settled; this finds it the words and the
incident they are said under; what goes around them is `envelope`. Costly figures are worked out
here, so only when something is really sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from watcher.domain.alert import (
    AccountState,
    AlertRules,
    DangerState,
    Incident,
    Kind,
    Lane,
    Message,
    Missed,
    MissKind,
    Moment,
    Text,
    Tier,
)
from watcher.domain.report import PoolReport
from watcher.domain.road import Reach
from watcher.policy import (
    alerting,
    blind,
    checks,
    compose,
    doubts,
    envelope,
    lines,
    speaking,
    wording,
)
from watcher.policy import messages as say
from watcher.policy.advice import Advice, advise
from watcher.policy.checks import Finding, Look
from watcher.policy.compose import Sight
from watcher.policy.dangers import Turn
from watcher.policy.figures import Figures, gather, label_of
from watcher.policy.incidents import elapsed_us, opened, spoken
from watcher.policy.readings import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What is known while nothing is seen: the last reading, its estimate, the worst tier held."""

    last: Look | None
    guess: Look | None
    age_us: int
    was: Tier
    tier: Tier


def of_dangers(
    state: AccountState,
    found: Look,
    turns: list[Turn],
    rules: AlertRules,
    now: Moment,
    *,
    suspect: bool = False,
) -> list[Message]:
    """
    Return one message for each machine that spoke on a true reading; *suspect*: at prices the
    account's own venue does not have.
    """
    said = []
    tolerance = checks.tolerance(found.snapshot)
    for turn in turns:
        danger = _spoken_state(state, turn.pool)
        figures = _figures(found, turn.pool, state, rules, now)
        if figures is None:
            text = _without_figures(state, danger, turn, found, rules, now)
        elif turn.kind is Kind.RESOLVED:
            text = compose.resolved(
                figures, danger, was=turn.was, now_us=now.steady_us, tolerance=tolerance
            )
        else:
            text = compose.danger(
                figures,
                danger,
                turn.kind,
                was=turn.was,
                advice=_advice(found, figures, danger, rules),
                tolerance=tolerance,
                answer=compose.answer(danger, turn.kind, turn.ack, now.steady_us),
                suspect=suspect or doubts.is_suspect(state.findings, turn.pool),
                unstable=alerting.is_unstable(danger),
                until=_until(figures.reading, rules, now),
            )
        said.append(envelope.of_danger(state.account, danger, turn, text, now, figures=figures))
    return said


def _until(reading: Reading, rules: AlertRules, now: Moment) -> str:
    if reading.doubted_until_us is None:
        return ""
    wall_us = now.wall_us + reading.doubted_until_us - now.steady_us
    return wording.minute_time(wall_us, wording.zone(rules.timezone))


def of_unseen_dangers(
    state: AccountState,
    outage: Outage,
    turns: list[Turn],
    prices: Mapping[str, float],
    rules: AlertRules,
    now: Moment,
) -> list[Message]:
    """Return one message for each machine that spoke on an estimate, or on nothing new."""
    said = []
    for turn in turns:
        danger = _spoken_state(state, turn.pool)
        figures = None
        if outage.guess is not None:
            figures = _figures(outage.guess, turn.pool, state, rules, now)
        sight = _sight(state, outage, prices, rules, now, pool=turn.pool)
        answer = compose.answer(danger, turn.kind, turn.ack, now.steady_us)
        text = compose.danger_unseen(sight, figures, danger, answer=answer)
        said.append(envelope.of_danger(state.account, danger, turn, text, now, figures=figures))
    return said


def of_blindness(
    state: AccountState,
    outage: Outage,
    kind: Kind,
    prices: Mapping[str, float],
    rules: AlertRules,
    now: Moment,
) -> tuple[AccountState, Message]:
    """Return the message of the blind machine, said under the worst open incident."""
    sight = _sight(state, outage, prices, rules, now, pool=None)
    acked = state.blind.ack is not None
    reach = Reach.CHAT if acked else _furthest(state)
    missed = state.blind.missed or Missed(kind=MissKind.SECURITY, reason="")
    told_alone = outage.tier < Tier.CRITICAL and missed.kind in blind.SECURITY_KINDS
    if kind is Kind.SECURITY or (kind is Kind.UNANSWERED and told_alone):
        state, incident = _own_incident(state, now)
        text = compose.security(state.account, rules.venue, incident, missed)
        tier = Tier.CRITICAL
    else:
        state, incident = _shared_incident(state, now, reach)
        wait_us = blind.repeat_us(outage.tier, acked=acked)
        since = state.blind.unanswered_since_us
        unanswered = kind is Kind.UNANSWERED and since is not None
        text = compose.blind(
            sight,
            incident,
            was=outage.was,
            tier=outage.tier,
            next_wall_us=now.wall_us + wait_us,
            never_read=outage.last is None,
            unanswered_us=elapsed_us(now.steady_us, since or 0) if unanswered else None,
        )
        tier = outage.tier
    one = envelope.message(state.account, incident, kind, tier, Lane.BLIND, text, now)
    said = compose.blindly(sight)
    whole = envelope.of_blindness(
        one, incident, venue=rules.venue, reach=reach, said=said, acked=acked
    )
    away = None if sight.estimate is None else sight.estimate.report.tier_distance
    return state, replace(whole, away=away)


def of_seeing(
    before: AccountState, state: AccountState, found: Look, rules: AlertRules, now: Moment
) -> tuple[AccountState, Message]:
    """Return the message that ends a told blindness, with what is seen now."""
    state = replace(state, blind=replace(state.blind, incident=before.blind.incident))
    state, incident = _shared_incident(state, now, Reach.CHAT)
    state = replace(state, blind=replace(state.blind, incident=None))
    pools = []
    for report in found.report.pools:
        figures = _figures(found, report.pool, state, rules, now)
        if figures is not None:
            pools.append((figures, state.dangers[report.pool].tier))
    pools.sort(key=lambda pair: (-pair[1], pair[0].reading.gauge.remaining))
    since = before.last_good_at_us
    worst = max((danger.tier for danger in state.dangers.values()), default=Tier.CALM)
    text = compose.seeing(
        state.account,
        incident,
        pools,
        worst=worst,
        doubted=any(doubts.is_doubted(state.findings, pool) for pool in state.dangers),
        blind_s=None if since is None else elapsed_us(now.steady_us, since) / 1e6,
        tolerance=checks.tolerance(found.snapshot),
    )
    one = envelope.message(state.account, incident, Kind.SEEING, worst, Lane.BLIND, text, now)
    away = pools[0][0].report.tier_distance if pools else None
    said = lines.shortly(pools[0][0]) if pools else say.NO_POSITION
    reach, venue = before.blind.reach, rules.venue
    whole = envelope.of_blindness(one, incident, venue=venue, reach=reach, said=said, acked=True)
    # what was only told beside a silent word ends without sound too
    silent = not before.blind.active and worst <= Tier.WATCH
    return state, replace(whole, away=away, silent=silent)


def of_findings(
    state: AccountState,
    telling: list[Finding],
    found: Look | None,
    rules: AlertRules,
    now: Moment,
) -> list[Message]:
    """Return one message for each finding of the checks that is to be told."""
    said = []
    known = () if found is None else found.report.pools
    for finding in telling:
        machine = state.findings[f"{finding.check}:{finding.pool}"]
        incident = machine.incident
        assert incident is not None
        pools = {pool.pool for pool in known} | {finding.pool}  # it may be gone
        urgent = finding.lane is Lane.DANGER
        text = compose.finding(
            state.account,
            incident,
            finding.title,
            label_of(finding.pool, len(pools)),
            finding.facts,
            mark=lines.MARK[finding.tier] if urgent else lines.NOTE_MARK,
        )
        one = envelope.message(
            state.account,
            incident,
            Kind.UNANSWERED if finding.unanswered else Kind.NOTE,
            finding.tier,
            finding.lane,
            text,
            now,
        )
        said.append(
            envelope.of_finding(
                one,
                incident,
                finding,
                reach=_alarmed(state, finding, rules),
                acked=machine.ack is not None,
            )
        )
    return said


# a loss is told as far as the danger before it, as it went itself, and in an emergency to all
def _alarmed(state: AccountState, finding: Finding, rules: AlertRules) -> Reach:
    danger = state.dangers.get(finding.pool)
    machine = state.findings[f"{finding.check}:{finding.pool}"]
    first = speaking.first_reach(finding.tier, rules.reach)
    if machine.ack is None:
        first = max(first, machine.reach)
    if danger is None or finding.lane is not Lane.DANGER:
        return first
    return max(first, danger.reach)


def _spoken_state(state: AccountState, pool: str) -> DangerState:
    danger = state.dangers[pool]
    assert danger.incident is not None
    return danger


def _figures(
    found: Look, pool: str, state: AccountState, rules: AlertRules, now: Moment
) -> Figures | None:
    reading = found.readings.get(pool)
    report = _report(found, pool)
    if reading is None or report is None:
        return None
    return gather(
        found.snapshot,
        report,
        reading,
        rules,
        recent=state.recent,
        now=now,
        pools=len(found.report.pools),
    )


def _report(found: Look, pool: str) -> PoolReport | None:
    return next((p for p in found.report.pools if p.pool == pool), None)


def _advice(found: Look, figures: Figures, danger: DangerState, rules: AlertRules) -> Advice | None:
    if danger.tier < Tier.WARNING:
        return None
    return advise(found.snapshot, figures.report, figures.reading, danger.tier, betas=rules.betas)


# the pool is no longer there, or nothing of it is known any more
def _without_figures(
    state: AccountState,
    danger: DangerState,
    turn: Turn,
    found: Look,
    rules: AlertRules,
    now: Moment,
) -> Text:
    if _report(found, turn.pool) is None:
        return compose.gone(
            state.account,
            found.snapshot.venue,
            danger,
            turn.kind,
            was=turn.was,
            label=label_of(turn.pool, len(found.report.pools) + 1),
            report=None,
            answer=compose.answer(danger, turn.kind, turn.ack, now.steady_us),
        )
    age_us = max((now.steady_us - s.at_us for s in state.recent if s.pool == turn.pool), default=0)
    missed = Missed(kind=MissKind.UNREADABLE, reason=say.NO_FIGURE_KNOWN)
    outage = Outage(last=None, guess=None, age_us=age_us, was=turn.was, tier=danger.tier)
    hidden = replace(state, blind=replace(state.blind, missed=missed, misses=1, alike=1))
    sight = _sight(hidden, outage, {}, rules, now, pool=turn.pool)
    return compose.danger_unseen(sight, None, danger)


def _sight(
    state: AccountState,
    outage: Outage,
    prices: Mapping[str, float],
    rules: AlertRules,
    now: Moment,
    *,
    pool: str | None,
) -> Sight:
    figures = None
    priced: tuple[str, ...] = ()
    if outage.guess is not None and outage.last is not None:
        worst = pool or _worst_pool(outage.guess.readings)
        figures = _figures(outage.guess, worst, state, rules, now) if worst else None
        known = {p.underlying for p in outage.last.snapshot.positions}
        known |= {a.asset for a in outage.last.snapshot.assets}
        priced = tuple(sorted(coin for coin in prices if coin in known))
    last = ""
    if outage.last is not None:
        last = lines.told_last(outage.last.readings, pool or _worst_pool(outage.last.readings))
    return Sight(
        account=state.account,
        venue=rules.venue,
        blind=state.blind,
        since_s=outage.age_us / 1e6,
        last_wall_us=outage.last.snapshot.taken_at_us if outage.last is not None else None,
        until=_asked_until(state.blind.missed, rules, now),
        last=last,
        estimate=figures,
        priced=priced,
        zone=wording.zone(rules.timezone),
    )


def _asked_until(missed: Missed | None, rules: AlertRules, now: Moment) -> str:
    if missed is None or missed.until_us is None:
        return ""
    if missed.kind not in (MissKind.BANNED, MissKind.MAINTENANCE):
        return ""
    wall_us = now.wall_us + missed.until_us - now.steady_us
    return say.UNSEEN_UNTIL.format(until=wording.clock_time(wall_us, wording.zone(rules.timezone)))


def _worst_pool(readings: Mapping[str, Reading | None]) -> str | None:
    known = [reading for reading in readings.values() if reading is not None]
    if not known:
        return None
    return min(known, key=lambda r: (-r.tier, r.gauge.remaining)).pool


# blindness is told under the incident of the worst danger, so that one story has one code
def _shared_incident(
    state: AccountState, now: Moment, reach: Reach
) -> tuple[AccountState, Incident]:
    worst = blind.shared(state.dangers.values())
    if worst is None:
        return _own_incident(state, now)
    assert worst.incident is not None
    incident = spoken(worst.incident)
    dangers = {pool: speaking.retold(d, now.steady_us, reach) for pool, d in state.dangers.items()}
    dangers[worst.pool] = replace(dangers[worst.pool], incident=incident)
    return replace(state, dangers=dangers), incident


def _own_incident(state: AccountState, now: Moment) -> tuple[AccountState, Incident]:
    own = state.blind.incident or opened(state.account, "blind", now.steady_us)
    incident = spoken(own)
    return replace(state, blind=replace(state.blind, incident=incident)), incident


# the dangers that blindness names went their own way before it
def _furthest(state: AccountState) -> Reach:
    alarmed = [d.reach for d in state.dangers.values() if d.ack is None]
    return max([state.blind.reach, *alarmed])
