"""
The blind machine: when an account has gone unseen for too long, and when it is seen again.

Rule: blindness is judged by the age of the last complete reading. The allowed age S shrinks with
the distance to liquidation: 4 s for each percent, never under 20 s. What the venue itself says will
not pass by itself (a ban, a refused key, a mode nothing can read) has 20 s at any distance; else
which error it is is only said, never weighed. One complete reading ends it.

    tier       without an ack                            with one
    warning    every 10 min                              every hour
    critical   every 3 min; to the second chat after     every 20 min
               3 min, to the fallback after 6 min
    emergency  every minute, to every road               every 5 min

A tier worse than any told is told at once, and ends an ack. No mute is known here. After a gap in
which nobody looked what stands is told once more: the ledger may be an older one, put back.

A key that may withdraw, or is of another account than before, is told on its own, at once, further
like what is critical while nobody answers, and daily, because it must not be used at all.

Time is an argument. Nothing here logs, waits or stores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    BlindState,
    DangerState,
    Kind,
    Measure,
    Missed,
    MissKind,
    Tier,
)
from watcher.domain.road import Reach
from watcher.policy import speaking
from watcher.policy.incidents import elapsed_us
from watcher.policy.readings import Reading

ALLOWED_MIN_US = 20 * SECOND_US
ALLOWED_PER_PERCENT_US = 4 * SECOND_US
REPEAT_US = 10 * MINUTE_US
REPEAT_CRITICAL_US = 3 * MINUTE_US
REPEAT_ACKED_US = 60 * MINUTE_US
REPEAT_CRITICAL_ACKED_US = 20 * MINUTE_US
SECURITY_REPEAT_US = 24 * 60 * MINUTE_US
SECURITY_KINDS = frozenset({MissKind.SECURITY, MissKind.STRANGER})
LASTING_KINDS = frozenset({MissKind.BANNED, MissKind.REFUSED, MissKind.UNSUPPORTED})
CRITICAL_DISTANCE = 10.0
"""Blind this close to liquidation (percent) counts as critical itself."""


def allowed_us(distances: Iterable[float | None], max_us: int) -> int:
    """
    Return S for the pools' *distances* in percent: inf where none is in range, None where unknown.

    Without any pool there is nothing to lose quickly, and S is its maximum.
    """
    allowed = max_us
    for distance in distances:
        if distance is None or math.isnan(distance):
            own = ALLOWED_MIN_US
        elif distance >= max_us / ALLOWED_PER_PERCENT_US:
            own = max_us
        else:
            own = round(distance * ALLOWED_PER_PERCENT_US)
        allowed = min(allowed, own)
    return max(allowed, min(ALLOWED_MIN_US, max_us))


def allowed_for(missed: Missed, allowed: int) -> int:
    """Return S where *missed* is why nothing is seen: what lasts is not waited for."""
    return min(allowed, ALLOWED_MIN_US) if missed.kind in LASTING_KINDS else allowed


def nearness(reading: Reading | None, distance: float | None, held: Tier) -> float | None:
    """
    Return the distance S is to follow for one pool whose alert stands at *held*.

    A pool without a distance of its own (portfolio margin) is as near as its tier says.
    """
    if distance is not None or reading is None:
        return distance
    if reading.gauge.measure is Measure.DISTANCE:
        return reading.gauge.value
    by_tier = {Tier.CALM: math.inf, Tier.WATCH: 20.0, Tier.WARNING: 10.0}
    return by_tier.get(max(reading.tier, held), 0.0)


def repeat_us(tier: Tier, *, acked: bool = False) -> int:
    if tier is Tier.EMERGENCY:  # not to see it makes it no quieter
        return speaking.repeat_us(tier, 0, acked=acked)
    if tier is Tier.CRITICAL:
        return REPEAT_CRITICAL_ACKED_US if acked else REPEAT_CRITICAL_US
    return REPEAT_ACKED_US if acked else REPEAT_US


def tier_when_blind(tier: Tier, distance: float | None) -> Tier:
    """Return the tier of blindness itself: at least a warning, critical close to liquidation."""
    if distance is not None and distance < CRITICAL_DISTANCE:
        tier = max(tier, Tier.CRITICAL)
    return max(tier, Tier.WARNING)


def step_missed(
    blind: BlindState,
    missed: Missed,
    now_us: int,
    *,
    age_us: int,
    allowed: int,
    tier: Tier,
    furthest: Reach = Reach.CHAT,
    named: Iterable[DangerState] = (),
) -> tuple[BlindState, Kind | None]:
    """
    Count a miss; return BLIND, its repeat or that nobody answered, when that is due.

    *tier* is the blindness's own, *furthest* the furthest road there is. BLIND speaks for the
    dangers *named* from now on: what nobody answered of them, nobody answered since then.
    """
    alike = blind.missed is not None and blind.missed.reason == missed.reason
    blind = replace(
        blind,
        misses=blind.misses + 1,
        missed=missed,
        alike=blind.alike + 1 if alike else 1,
    )
    if missed.kind in SECURITY_KINDS:
        if _is_security_due(blind, missed.kind, now_us):
            at_least = max(tier, Tier.CRITICAL)
            if blind.security_kind is not missed.kind:  # whoever saw something else saw not this
                blind = replace(blind, ack=None, unanswered_since_us=None)
            told = _told(replace(blind, active=True), at_least, now_us, furthest)
            told = replace(told, security_told_at_us=now_us, security_kind=missed.kind)
            return told, Kind.SECURITY
        if tier < Tier.CRITICAL:  # once somebody was reached, the daily word is enough
            return _further(blind, now_us, Tier.CRITICAL, furthest) or (blind, None)
    if not blind.active:
        if age_us <= allowed:
            return blind, None
        return _told(_begun(blind, named), tier, now_us, furthest), Kind.BLIND
    return _again(blind, now_us, tier, furthest)


def step_seen(blind: BlindState) -> tuple[BlindState, Kind | None]:
    """End the misses: the account was read completely, which whoever was told of them hears."""
    told = blind.active or blind.told_at_us is not None
    if not blind.misses and not told:
        return blind, None
    return BlindState(), Kind.SEEING if told else None


def retold(
    blind: BlindState, now_us: int, tier: Tier, *, reach: Reach, furthest: Reach
) -> BlindState:
    """
    Note that another message (of danger at *tier*, as far as *reach*) just told the blindness too,
    or the miss.
    """
    if tier is Tier.CALM or tier < blind.tier:
        return blind
    if not blind.active:
        return replace(blind, told_at_us=now_us, reach=max(blind.reach, reach))
    ack = blind.ack if tier == blind.tier else None
    return _told(replace(blind, ack=ack), tier, now_us, furthest)


def unsure(blind: BlindState) -> BlindState:
    """
    Return *blind* after a gap nobody looked in: it is told with the next miss, acked or not.

    A ledger that was put back knows nothing of what was said since, and may have said SEEING.
    """
    return replace(blind, told_at_us=None, security_told_at_us=None) if blind.active else blind


def shared(dangers: Iterable[DangerState]) -> DangerState | None:
    """Return the worst open danger, under whose incident blindness is told: one code, one story."""
    told = [d for d in dangers if d.tier > Tier.CALM and d.incident is not None]
    return max(told, key=lambda d: (d.tier, d.pool), default=None)


def _begun(blind: BlindState, named: Iterable[DangerState]) -> BlindState:
    owed = [(d.unanswered_since_us, d.reach) for d in named if d.unanswered_since_us is not None]
    since_us = min((since_us for since_us, _ in owed), default=None)
    reach = max([blind.reach, *(reach for _, reach in owed)])
    return replace(blind, active=True, unanswered_since_us=since_us, reach=reach)


def _again(
    blind: BlindState, now_us: int, tier: Tier, furthest: Reach
) -> tuple[BlindState, Kind | None]:
    if tier > blind.tier:
        freed = replace(blind, ack=None, unanswered_since_us=None)
        return _told(freed, tier, now_us, furthest), Kind.BLIND_REPEATED
    if tier >= Tier.CRITICAL:
        further = _further(blind, now_us, tier, furthest)
        if further is not None:
            return further
    wait_us = repeat_us(tier, acked=blind.ack is not None)
    if blind.told_at_us is not None and elapsed_us(now_us, blind.told_at_us) < wait_us:
        return blind, None
    return _told(blind, tier, now_us, furthest), Kind.BLIND_REPEATED


def _further(
    blind: BlindState, now_us: int, tier: Tier, furthest: Reach
) -> tuple[BlindState, Kind] | None:
    since, reach = blind.unanswered_since_us, blind.reach
    further = speaking.reach_due(since, reach, now_us, furthest=furthest)
    if further is None:
        return None
    return _told(replace(blind, reach=further), tier, now_us, furthest), Kind.UNANSWERED


def _told(blind: BlindState, tier: Tier, now_us: int, furthest: Reach) -> BlindState:
    blind = replace(
        blind,
        told_at_us=now_us,
        tier=max(tier, blind.tier),
        reach=max(blind.reach, speaking.first_reach(tier, furthest)),
    )
    if tier < Tier.CRITICAL or blind.ack is not None or blind.unanswered_since_us is not None:
        return blind
    return replace(blind, unanswered_since_us=now_us)


def _is_security_due(blind: BlindState, kind: MissKind, now_us: int) -> bool:
    told = blind.security_told_at_us
    if blind.security_kind is not kind:
        return True
    return told is None or elapsed_us(now_us, told) >= SECURITY_REPEAT_US
