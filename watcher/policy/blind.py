"""
The blind machine: when an account has gone unseen for too long, and when it is seen again.

Rule: blindness is judged by the age of the last complete reading and by nothing else; which error
the venue gave is only said, never weighed. The allowed age S shrinks with the distance to
liquidation: 4 s for each percent, never under 20 s. One complete reading ends it.

A key that may withdraw is told on its own, at once and daily, because it must not be used at all.

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
    Kind,
    Measure,
    Missed,
    MissKind,
    Tier,
)
from watcher.policy.alerting import elapsed_us
from watcher.policy.readings import Reading

ALLOWED_MIN_US = 20 * SECOND_US
ALLOWED_PER_PERCENT_US = 4 * SECOND_US
REPEAT_US = 10 * MINUTE_US
REPEAT_CRITICAL_US = 3 * MINUTE_US
SECURITY_REPEAT_US = 24 * 60 * MINUTE_US
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


def repeat_us(tier: Tier) -> int:
    return REPEAT_CRITICAL_US if tier >= Tier.CRITICAL else REPEAT_US


def tier_when_blind(tier: Tier, distance: float | None) -> Tier:
    """Return the tier of blindness itself: at least a warning, critical close to liquidation."""
    if distance is not None and distance < CRITICAL_DISTANCE:
        tier = max(tier, Tier.CRITICAL)
    return max(tier, Tier.WARNING)


def step_missed(
    blind: BlindState, missed: Missed, now_us: int, *, age_us: int, allowed: int, tier: Tier
) -> tuple[BlindState, Kind | None]:
    """Count a miss; return BLIND or its repeat when that is due. *tier* is the blindness's own."""
    alike = blind.missed is not None and blind.missed.reason == missed.reason
    blind = replace(
        blind,
        misses=blind.misses + 1,
        missed=missed,
        alike=blind.alike + 1 if alike else 1,
    )
    if missed.kind is MissKind.SECURITY:
        if _is_security_due(blind, now_us):
            told = replace(blind, active=True, told_at_us=now_us, security_told_at_us=now_us)
            return told, Kind.SECURITY
        if tier < Tier.CRITICAL:  # the daily word is enough while no danger is near
            return blind, None
    if not blind.active:
        if age_us <= allowed:
            return blind, None
        return replace(blind, active=True, told_at_us=now_us), Kind.BLIND
    due = blind.told_at_us is None or elapsed_us(now_us, blind.told_at_us) >= repeat_us(tier)
    if not due:
        return blind, None
    return replace(blind, told_at_us=now_us), Kind.BLIND_REPEATED


def step_seen(blind: BlindState) -> tuple[BlindState, Kind | None]:
    """End the misses: the account was read completely."""
    if not blind.misses and not blind.active:
        return blind, None
    return BlindState(), Kind.SEEING if blind.active else None


def retold(blind: BlindState, now_us: int) -> BlindState:
    """Note that another message (of danger) just told the blindness too."""
    return replace(blind, told_at_us=now_us) if blind.active else blind


def _is_security_due(blind: BlindState, now_us: int) -> bool:
    told = blind.security_told_at_us
    return told is None or elapsed_us(now_us, told) >= SECURITY_REPEAT_US
