"""
When an alert whose tier stands speaks again, how far its words go, and what an ack changes.

Rule: silence is only ever somebody's answer, and it ends by itself. An ack holds for one incident
at one tier: a worse tier ends it (`alerting`), and so does the loss of a fifth of what was left
when it was given. It makes an alert slower, never milder.

    tier        without an ack                        with one
    any                                               its message edited once: nothing to press
    watch       its message edited after 6 h          the same
    warning     after 4 h, or a fifth of the way      after 4 h
    critical    every 3 min ten times, then 10 min;   its message edited while the figure moves,
                to the second chat after 3 min,       aloud after 2 h
                to the fallback after 6 min
    emergency   every minute, to every road           every 5 min

Once answered, only the first chat hears the rest. Each step further is taken once for each time a
tier is entered, and later words go as far as it went.

Time is an argument. Nothing here logs, waits or stores.
"""

from __future__ import annotations

import math
from dataclasses import replace

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    Ack,
    DangerState,
    Kind,
    Measure,
    Tier,
)
from watcher.domain.road import Reach
from watcher.policy.incidents import elapsed_us, spoken
from watcher.policy.readings import Gauge, Reading

WATCH_REPEAT_US = 6 * 60 * MINUTE_US
WARNING_REPEAT_US = 4 * 60 * MINUTE_US
CRITICAL_REPEAT_US = 3 * MINUTE_US
CRITICAL_REPEATS_FAST = 10
CRITICAL_REPEAT_SLOW_US = 10 * MINUTE_US
CRITICAL_REPEAT_ACKED_US = 2 * 60 * MINUTE_US
EMERGENCY_REPEAT_US = 60 * SECOND_US
EMERGENCY_REPEAT_ACKED_US = 5 * MINUTE_US

SECOND_AFTER_US = 3 * MINUTE_US
FALLBACK_AFTER_US = 6 * MINUTE_US

WORSE_FRACTION = 0.2
"""An alert speaks again when this much of what remained at the last word or ack is gone."""
WORSE_GAP_US = 60 * SECOND_US

EDIT_GAP_US = 60 * SECOND_US
EDIT_POINTS_MIN = 0.1
EDIT_FRACTION_MIN = 0.01


def repeat_us(tier: Tier, repeats: int, *, acked: bool = False) -> int:
    """Return how long after its last word an alert of *tier* speaks again."""
    match tier:
        case Tier.EMERGENCY:
            return EMERGENCY_REPEAT_ACKED_US if acked else EMERGENCY_REPEAT_US
        case Tier.CRITICAL:
            if acked:
                return CRITICAL_REPEAT_ACKED_US
            fast = repeats < CRITICAL_REPEATS_FAST
            return CRITICAL_REPEAT_US if fast else CRITICAL_REPEAT_SLOW_US
        case Tier.WARNING:
            return WARNING_REPEAT_US
        case Tier.WATCH | Tier.CALM:
            return WATCH_REPEAT_US


def first_reach(tier: Tier, furthest: Reach) -> Reach:
    """Return how far the first word of *tier* goes."""
    return furthest if tier is Tier.EMERGENCY else Reach.CHAT


def reach_due(since_us: int | None, reach: Reach, now_us: int, *, furthest: Reach) -> Reach | None:
    """Return the step due for what is unanswered since *since_us*; None where it went already."""
    if since_us is None:
        return None
    waited_us = elapsed_us(now_us, since_us)
    due = Reach.CHAT
    if waited_us >= SECOND_AFTER_US:
        due = Reach.SECOND
    if waited_us >= FALLBACK_AFTER_US:
        due = Reach.FALLBACK
    due = min(due, furthest)
    return due if due > reach else None


def entered(danger: DangerState, now_us: int, *, furthest: Reach) -> DangerState:
    """Return *danger* as nobody has answered it yet at the tier it just got worse to."""
    return _unanswered(replace(danger, repeats=0), now_us, furthest)


def eased(danger: DangerState, reading: Reading | None, now_us: int) -> DangerState:
    """
    Return *danger* with the milder tier it just fell to told.

    At critical it is still unanswered. An ack goes on, from the figure told here.
    """
    danger = told(replace(danger, repeats=0), reading, now_us)
    if danger.ack is not None:
        ack = replace(danger.ack, value=danger.told_value, measure=danger.told_measure)
        danger = replace(danger, ack=ack)
    if danger.tier >= Tier.CRITICAL:
        return danger
    return replace(danger, unanswered_since_us=None, reach=Reach.CHAT)


def again(
    danger: DangerState,
    reading: Reading | None,
    now_us: int,
    *,
    pace: Tier,
    furthest: Reach,
    guessed: bool = False,
) -> tuple[DangerState, Kind | None]:
    """Return what an alert says whose tier stands; *pace* is the tier whose interval applies."""
    if danger.ack is not None:
        ack = danger.ack if guessed else _bound(danger.ack, reading)
        danger = replace(danger, ack=ack)
        if _is_past(ack, reading):
            freed = _unanswered(replace(danger, ack=None, repeats=0), now_us, furthest)
            return told(freed, reading, now_us), Kind.REPEATED
    if pace >= Tier.CRITICAL:
        since, reach = danger.unanswered_since_us, danger.reach
        further = reach_due(since, reach, now_us, furthest=furthest)
        if further is not None:
            taken = replace(danger, reach=further, repeats=danger.repeats + 1)
            return told(taken, reading, now_us), Kind.UNANSWERED
    if _is_due(danger, reading, now_us, pace):
        # a watch makes no noise at all; but what was never told has no message to edit
        was_told = danger.incident is not None and danger.incident.seq > 0
        kind = Kind.UPDATED if danger.tier is Tier.WATCH and was_told else Kind.REPEATED
        return told(replace(danger, repeats=danger.repeats + 1), reading, now_us), kind
    if not guessed and _is_edit_due(danger, reading, now_us):
        edited = told(danger, reading, now_us)
        return replace(edited, told_at_us=danger.told_at_us, edited_at_us=now_us), Kind.UPDATED
    return danger, None


def outgrows_ack(danger: DangerState, reading: Reading) -> bool:
    """Tell whether *reading* is worse than what the ack of *danger*, if any, stands for."""
    return danger.ack is not None and _is_past(danger.ack, reading)


def told(danger: DangerState, reading: Reading | None, now_us: int) -> DangerState:
    """Return *danger* after one more word of it, with the figure that was told."""
    assert danger.incident is not None
    danger = replace(danger, incident=spoken(danger.incident), told_at_us=now_us)
    if reading is None:  # what was told was the last figure known
        return danger
    gauge = _known(reading)
    return replace(
        danger,
        told_value=None if gauge is None else gauge.value,
        told_measure=None if gauge is None else gauge.measure,
    )


def retold(danger: DangerState, now_us: int, reach: Reach) -> DangerState:
    """Note that another message (of blindness) just named this pool's danger."""
    if danger.tier < Tier.WARNING:
        return danger
    return replace(danger, told_at_us=now_us, reach=max(danger.reach, reach))


def reach_of(was: DangerState, danger: DangerState, kind: Kind) -> Reach:
    """Return how far a word of *kind* goes: good news to everybody who heard the bad."""
    if kind in (Kind.EASED, Kind.RESOLVED):
        return was.reach
    return danger.reach if danger.ack is None else Reach.CHAT


def _unanswered(danger: DangerState, now_us: int, furthest: Reach) -> DangerState:
    urgent = danger.tier >= Tier.CRITICAL
    return replace(
        danger,
        unanswered_since_us=now_us if urgent else None,
        reach=first_reach(danger.tier, furthest),
    )


def _is_due(danger: DangerState, reading: Reading | None, now_us: int, pace: Tier) -> bool:
    if danger.told_at_us is None:
        return True
    since_us = elapsed_us(now_us, danger.told_at_us)
    if since_us >= repeat_us(pace, danger.repeats, acked=danger.ack is not None):
        return True
    if danger.tier is not Tier.WARNING or danger.ack is not None or since_us < WORSE_GAP_US:
        return False
    gauge = None if reading is None else reading.gauge
    if gauge is None or gauge.measure is not danger.told_measure:
        return False
    return _fell(gauge, danger.told_value)


def _is_edit_due(danger: DangerState, reading: Reading | None, now_us: int) -> bool:
    gauge = _known(reading)
    if danger.ack is None or gauge is None:
        return False
    shown = [at for at in (danger.told_at_us, danger.edited_at_us) if at is not None]
    if all(at <= danger.ack.at_us for at in shown):
        return True  # the message still asks for an answer
    if danger.tier < Tier.CRITICAL:
        return False
    if any(elapsed_us(now_us, at) < EDIT_GAP_US for at in shown):
        return False
    if danger.told_value is None or gauge.measure is not danger.told_measure:
        return True
    points = gauge.measure is Measure.DISTANCE
    least = EDIT_POINTS_MIN if points else EDIT_FRACTION_MIN * abs(danger.told_value)
    return abs(gauge.value - danger.told_value) >= least


# an ack given while no figure was known is about the first one that is
def _bound(ack: Ack, reading: Reading | None) -> Ack:
    gauge = _known(reading)
    if ack.value is not None or gauge is None:
        return ack
    return replace(ack, value=gauge.value, measure=gauge.measure)


# by another measure nobody can tell how much is gone: then the ack does not hold
def _is_past(ack: Ack, reading: Reading | None) -> bool:
    if ack.value is None or reading is None:
        return False
    return reading.gauge.measure is not ack.measure or _fell(reading.gauge, ack.value)


def _fell(gauge: Gauge, value: float | None) -> bool:
    if value is None or gauge.value >= value:
        return False
    # `not >` rather than `<=`: a value that is no number must never read as well
    return not gauge.remaining > (value - gauge.end) * (1 - WORSE_FRACTION)


def _known(reading: Reading | None) -> Gauge | None:
    if reading is None or not math.isfinite(reading.gauge.value):
        return None
    return reading.gauge
