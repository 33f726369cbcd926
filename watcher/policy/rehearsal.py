"""
The rehearsal: proof, before anything is watched, that every configured line can fire.

Rule: for each family a built-in sample book slides to its liquidation, through the real engine and
the real machine; every tier of its ladders must be told once, in order. The samples are chosen so
that the price at which a measure has a given value is known by hand, and the slide steps just over
and just under every line. `plan` says where the lines of a live account lie, and refuses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from watcher.domain.account import Family
from watcher.domain.alert import (
    SECOND_US,
    AlertRules,
    DangerState,
    Kind,
    Ladder,
    Measure,
    Tier,
    Word,
)
from watcher.margin import evaluate
from watcher.policy import alerting
from watcher.policy import messages as say
from watcher.policy.plan import plan
from watcher.policy.readings import leading, read
from watcher.policy.samples import CALL, LIQUIDATION, POOL, SAMPLES, Sample

__all__ = ["plan", "rehearse"]

STEP_US = 5 * SECOND_US
OVER = 1e-6
"""How far over and under a line the slide steps, as a part of the price."""


def rehearse(rules: AlertRules) -> list[str]:
    """Return what is wrong with the lines of *rules*, each complaint with ladder, tier and why."""
    complaints: list[str] = []
    for sample in SAMPLES:
        ladders = [ladder for ladder in rules.ladders if _applies(sample.family, ladder)]
        if ladders:
            complaints += _rehearsed(sample, ladders, rules)
    return list(dict.fromkeys(complaints))


def _applies(family: Family, ladder: Ladder) -> bool:
    return ladder.measure is leading(family)


def _rehearsed(sample: Sample, ladders: list[Ladder], rules: AlertRules) -> Iterator[str]:
    told = _slide(sample, rules)
    raised = [tier for tier, kind in told if kind in (Kind.RAISED, Kind.ESCALATED)]
    for ladder in ladders:
        expected = [line.tier for line in ladder.lines]
        if raised == expected:
            continue
        for line in ladder.lines:
            if line.tier not in raised:
                yield _complaint(sample, ladder, line.tier)
        if sorted(set(raised)) != raised:
            order = ", ".join(tier.name.lower() for tier in raised)
            yield say.REHEARSAL_ORDER.format(measure=ladder.measure.value, order=order)


# what fires on the very first reading fires for every account there is, and is left out
def _slide(sample: Sample, rules: AlertRules) -> list[tuple[Tier, Kind]]:
    danger = DangerState(pool=POOL)
    told = []
    for number, price in enumerate(_path(sample, rules)):
        report = evaluate(sample.at(price), betas=rules.betas, stages=False)
        reading = read(report.pools[0], rules)
        if reading is None:
            continue
        danger, kind = alerting.step(danger, reading, number * STEP_US, account="rehearsal")
        if kind is not None and number:
            told.append((danger.tier, kind))
    return told


# far away, just over and just under every line, and the last price before liquidation
def _path(sample: Sample, rules: AlertRules) -> list[float]:
    last = sample.liquidated_at * (1 + OVER / 2)
    prices = {sample.far, last}
    heard = [ld for ld in rules.ladders if ld.everywhere or _applies(sample.family, ld)]
    for ladder in heard:
        for line in ladder.lines:
            value = _value(line.value)
            price = sample.price_of(ladder.measure, value)
            if price is not None and math.isfinite(price):
                prices |= {price * (1 + OVER), price * (1 - OVER)}
    return sorted((p for p in prices if last <= p <= sample.far), reverse=True)


def _value(line: float | Word) -> float:
    match line:
        case Word.CALL:
            return 100 * CALL
        case Word.HALFWAY:
            return 100 * (CALL + LIQUIDATION) / 2
        case _:
            return line


def _complaint(sample: Sample, ladder: Ladder, tier: Tier) -> str:
    values = {line.tier: (_value(line.value), line.value) for line in ladder.lines}
    value, written = values[tier]
    shown = _written(ladder.measure, value, written)
    start = say.REHEARSAL_CANNOT.format(
        measure=ladder.measure.value, tier=tier.name.lower(), value=shown
    )
    end = 100 * LIQUIDATION if ladder.measure is Measure.MARGIN_LEVEL else 1.0
    if ladder.measure is Measure.DISTANCE:
        end = 0.0
    if value <= end:
        return say.REHEARSAL_END.format(start=start, end=_written(ladder.measure, end, end))
    worse = [t for t, (other, _) in values.items() if t > tier and other >= value]
    if worse:
        first = max(worse)
        other = _written(ladder.measure, *values[first])
        return say.REHEARSAL_COVERED.format(start=start, tier=first.name.lower(), value=other)
    return say.REHEARSAL_BELOW.format(start=start, family=sample.family.value)


def _written(measure: Measure, value: float, written: float | Word) -> str:
    shown = f"{value:.2f}x" if measure is Measure.HEALTH else f"{value:g}%"
    return f"{written.value} ({shown})" if isinstance(written, Word) else shown
