"""
The danger machine: how one pool's alert moves from tier to tier, and when it speaks.

Rule: everything that moves an alert is in this file; it knows nothing of venues or channels. Bad
news is believed at once: one reading under a line enters its tier, and a fall through several
tiers enters the worst. Good news needs proof: a tier is left after its dwell and three readings
beyond its exit line, for the mildest tier that whole stretch allows. What was not seen moves
nothing, except that an estimate may make things worse; so may the venue's figures of a pool that is
partial, and what was entered by a better measure waits for that measure to be left.

    from      reading                         to                says
    calm      under a line                    its tier          RAISED
    any       under a worse line              that tier         ESCALATED
    any       beyond the exit, long enough    milder, not calm  EASED
    any       beyond every exit, long enough  calm              RESOLVED
    any       neither, interval over          same              REPEATED

The interval is the tier's own; while it only waits out its dwell, that of the milder tier it reads.

An incident opens at the first tier and is kept for ten minutes of calm, so that a pool which falls
again speaks under the same code. Each relapse soon after easing doubles the dwell, up to a quarter
of an hour: a pool that swings across a line is held at the worse tier instead of paging each swing.

Time is an argument. Nothing here logs, waits or stores.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    DangerState,
    Incident,
    Kind,
    Measure,
    Tier,
)
from watcher.policy.readings import Reading

GOOD_SAMPLES = 3
REOPEN_US = 10 * MINUTE_US
RELAPSE_WITHIN_US = 10 * MINUTE_US
RELAPSES_KEPT_US = 30 * MINUTE_US
DWELL_MAX_US = 15 * MINUTE_US
DWELL_US = {
    Tier.WATCH: 60 * SECOND_US,
    Tier.WARNING: 60 * SECOND_US,
    Tier.CRITICAL: 120 * SECOND_US,
    Tier.EMERGENCY: 180 * SECOND_US,
}

WATCH_REPEAT_US = 6 * 60 * MINUTE_US
WARNING_REPEAT_US = 4 * 60 * MINUTE_US
CRITICAL_REPEAT_US = 3 * MINUTE_US
CRITICAL_REPEATS_FAST = 10
CRITICAL_REPEAT_SLOW_US = 10 * MINUTE_US
EMERGENCY_REPEAT_US = 60 * SECOND_US

WORSE_FRACTION = 0.2
"""A warning speaks again when this much of what remained at the last word is gone."""
WORSE_GAP_US = 60 * SECOND_US

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so a code survives being read aloud."""


def elapsed_us(now_us: int, since_us: int) -> int:
    """
    Return the time between the two, never negative.

    After a restart the clock may stand before a stored time. Then we know only that it moved by
    at least the difference, and count that: waiting for it to catch up would be silence.
    """
    return abs(now_us - since_us)


def code_of(account: str, subject: str, opened_at_us: int) -> str:
    """Return the four characters an incident is called by; the same inputs give the same code."""
    digest = hashlib.sha256(f"{account}/{subject}/{opened_at_us}".encode()).digest()
    number = int.from_bytes(digest[:4], "big")
    return "".join(CODE_LETTERS[(number >> shift) & 31] for shift in (15, 10, 5, 0))


def opened(account: str, subject: str, now_us: int) -> Incident:
    return Incident(code=code_of(account, subject, now_us), seq=0, opened_at_us=now_us)


def spoken(incident: Incident) -> Incident:
    return replace(incident, seq=incident.seq + 1)


def step(
    danger: DangerState, reading: Reading, now_us: int, *, account: str
) -> tuple[DangerState, Kind | None]:
    """Move the machine by one true reading; return what it says, if anything."""
    moved, kind = _step(_aged(danger, now_us), reading, now_us, account)
    return moved if reading.lesser else replace(moved, firm=moved.tier), kind


def _step(
    danger: DangerState, reading: Reading, now_us: int, account: str
) -> tuple[DangerState, Kind | None]:
    if reading.tier > danger.tier:
        return _worse(danger, reading, now_us, account)
    if danger.tier is Tier.CALM:
        return danger, None
    hold = max(reading.hold, danger.firm) if reading.lesser else reading.hold
    if hold >= danger.tier:
        return _repeated(_without_good(danger), reading, now_us, danger.tier)
    return _better(danger, reading, hold, now_us)


def step_estimate(
    danger: DangerState, reading: Reading | None, now_us: int, *, account: str
) -> tuple[DangerState, Kind | None]:
    """Move the machine by a re-priced reading, or by none: never towards calm."""
    danger = _aged(danger, now_us)
    if reading is not None and reading.tier > danger.tier:
        moved, kind = _worse(danger, reading, now_us, account)
        return moved if reading.lesser else replace(moved, firm=moved.tier), kind
    if danger.tier is Tier.CALM:
        return danger, None
    return _repeated(danger, reading, now_us, danger.tier)


def step_absent(danger: DangerState, now_us: int) -> tuple[DangerState | None, Kind | None]:
    """Move the machine by a complete reading that no longer holds its pool; None: forgotten."""
    danger = _aged(danger, now_us)
    if danger.tier is Tier.CALM:
        return (danger if danger.incident else None), None
    return _better(danger, None, Tier.CALM, now_us)


def blinded(danger: DangerState) -> DangerState:
    """Forget good readings counted so far: a recovery must be seen in one stretch."""
    return _without_good(danger)


def retold(danger: DangerState, now_us: int) -> DangerState:
    """Note that another message (of blindness) just named this pool's danger."""
    return replace(danger, told_at_us=now_us) if danger.tier > Tier.CALM else danger


def dwell_us(danger: DangerState) -> int:
    """Return how long *danger* must look good before it leaves its tier."""
    return min(DWELL_US[danger.tier] << min(len(danger.relapses), 8), DWELL_MAX_US)


def repeat_us(tier: Tier, repeats: int) -> int:
    """Return how long after its last word an alert of *tier* speaks again."""
    match tier:
        case Tier.EMERGENCY:
            return EMERGENCY_REPEAT_US
        case Tier.CRITICAL:
            fast = repeats < CRITICAL_REPEATS_FAST
            return CRITICAL_REPEAT_US if fast else CRITICAL_REPEAT_SLOW_US
        case Tier.WARNING:
            return WARNING_REPEAT_US
        case Tier.WATCH | Tier.CALM:
            return WATCH_REPEAT_US


def is_unstable(danger: DangerState) -> bool:
    return len(danger.relapses) > 1


def _worse(
    danger: DangerState, reading: Reading, now_us: int, account: str
) -> tuple[DangerState, Kind]:
    kind = Kind.RAISED if danger.tier is Tier.CALM else Kind.ESCALATED
    relapsed = (
        danger.eased_at_us is not None
        and elapsed_us(now_us, danger.eased_at_us) < RELAPSE_WITHIN_US
    )
    moved = replace(
        _without_good(danger),
        tier=reading.tier,
        since_us=now_us,
        incident=danger.incident or opened(account, danger.pool, now_us),
        closed_at_us=None,
        worst=max(danger.worst, reading.tier),
        eased_at_us=None if relapsed else danger.eased_at_us,
        relapses=(*danger.relapses, now_us) if relapsed else danger.relapses,
        repeats=0,
    )
    return _told(moved, reading, now_us), kind


def _better(
    danger: DangerState, reading: Reading | None, hold: Tier, now_us: int
) -> tuple[DangerState, Kind | None]:
    gone = reading is None or reading.gone
    if gone is not danger.good_gone:
        danger = _without_good(danger)  # one look without a position does not prove that none is
    since = now_us if danger.good_since_us is None else danger.good_since_us
    danger = replace(
        danger,
        good_gone=gone,
        good_since_us=since,
        good_samples=danger.good_samples + 1,
        good_worst=max(danger.good_worst, hold),
    )
    proven = danger.good_samples >= GOOD_SAMPLES and elapsed_us(now_us, since) >= dwell_us(danger)
    if not proven:
        # what still reads well need not page at the pace of what it was; what is gone may be a slip
        return _repeated(danger, reading, now_us, danger.tier if gone else danger.good_worst)
    tier = danger.good_worst
    calm = tier is Tier.CALM
    moved = replace(
        _without_good(danger),
        tier=tier,
        since_us=now_us,
        closed_at_us=now_us if calm else None,
        eased_at_us=now_us,
        repeats=0,
        firm=min(danger.firm, tier),
    )
    return _told(moved, reading, now_us), Kind.RESOLVED if calm else Kind.EASED


def _repeated(
    danger: DangerState, reading: Reading | None, now_us: int, pace: Tier
) -> tuple[DangerState, Kind | None]:
    since = None if danger.told_at_us is None else elapsed_us(now_us, danger.told_at_us)
    due = since is None or since >= repeat_us(pace, danger.repeats)
    if not due and since is not None and since >= WORSE_GAP_US:
        due = danger.tier is Tier.WARNING and _fell_on(danger, reading)
    if not due:
        return danger, None
    return _told(replace(danger, repeats=danger.repeats + 1), reading, now_us), Kind.REPEATED


def _fell_on(danger: DangerState, reading: Reading | None) -> bool:
    if reading is None or danger.told_value is None:
        return False
    gauge = reading.gauge
    if gauge.measure is not danger.told_measure:
        return False
    return gauge.remaining <= (danger.told_value - gauge.end) * (1 - WORSE_FRACTION)


def _told(danger: DangerState, reading: Reading | None, now_us: int) -> DangerState:
    assert danger.incident is not None
    value: float | None = None
    measure: Measure | None = None
    if reading is not None and math.isfinite(reading.gauge.value):
        value, measure = reading.gauge.value, reading.gauge.measure
    return replace(
        danger,
        incident=spoken(danger.incident),
        told_at_us=now_us,
        told_value=value,
        told_measure=measure,
    )


def _without_good(danger: DangerState) -> DangerState:
    if danger.good_since_us is None:
        return danger
    return replace(
        danger, good_since_us=None, good_samples=0, good_worst=Tier.CALM, good_gone=False
    )


# calm for long enough ends the incident; old relapses no longer count
def _aged(danger: DangerState, now_us: int) -> DangerState:
    if danger.relapses and elapsed_us(now_us, danger.relapses[0]) > RELAPSES_KEPT_US:
        kept = tuple(at for at in danger.relapses if elapsed_us(now_us, at) <= RELAPSES_KEPT_US)
        danger = replace(danger, relapses=kept)
    over = danger.closed_at_us is not None and elapsed_us(now_us, danger.closed_at_us) >= REOPEN_US
    return DangerState(pool=danger.pool) if over else danger
