"""
What a chart shows, as plain values for the process that draws it, and the words under it.

Rule: values and words only, nothing is drawn here. However long the span, a bucket shows the worst
it saw: thinning never hides a dip. Estimates and stretches nobody saw are told apart from readings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    AlertRules,
    Measure,
    Moment,
    Sample,
    Text,
    Tier,
)
from watcher.domain.report import PoolReport
from watcher.margin import BookError
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.figures import label_of
from watcher.policy.history import value_of
from watcher.policy.looking import look
from watcher.policy.readings import Gauge
from watcher.policy.wording import Bold, filled, row

SPAN_US = 24 * 60 * MINUTE_US
SPAN_MIN_US = 5 * MINUTE_US
SPAN_MAX_US = 30 * SPAN_US
POINTS_MAX = 480
PRICES_MAX = 1440
"""A day of minutes; longer spans show every n-th."""
GAP_US = 3 * MINUTE_US
"""A stretch without a reading longer than any account may go unseen is a gap."""
EVENTS_MAX = 40
_TITLES = {
    Measure.DISTANCE: say.CHART_DISTANCE,
    Measure.MARGIN_LEVEL: say.CHART_LEVEL,
    Measure.HEALTH: say.CHART_HEALTH,
}
WORDS = {
    "tiers": {tier.name.lower(): wording.tier_name(tier).lower() for tier in Tier},
    "liquidation": say.CHART_LIQUIDATION,
    "price": say.CHART_PRICE,
    "time": say.CHART_TIME,
    "events": say.CHART_EVENTS,
    "gaps": say.CHART_GAPS,
    "guesses": say.CHART_GUESSES,
}
"""What stands in the picture: it is drawn by a process that knows no texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The pool of an account that is nearest its end, by its measure, and the coin that ends it."""

    pool: str
    label: str
    gauge: Gauge
    coin: str
    limits: tuple[float, ...]


def worst_of(state: AccountState, rules: AlertRules) -> Worst | None:
    """Return what a chart of this account is about; None where nothing was computed."""
    if state.last_good is None:
        return None
    try:
        found = look(state.last_good, rules)
    except BookError:
        return None
    pools = [
        (-reading.tier, reading.gauge.remaining, report, reading.gauge)
        for report in found.report.pools
        if (reading := found.readings[report.pool]) is not None
    ]
    if not pools:
        return None
    _, _, report, gauge = min(pools, key=lambda each: each[:2])
    coin, limits = _nearest(report)
    label = label_of(report.pool, len(found.report.pools))
    return Worst(pool=report.pool, label=label, gauge=gauge, coin=coin, limits=limits)


def story(
    account: str,
    worst: Worst,
    samples: Sequence[Sample],
    prices: Sequence[tuple[int, float]],
    now: Moment,
    *,
    span_us: int,
    zone: str,
) -> dict[str, Any] | None:
    """Return what to draw of the last *span_us*; None where nothing is known of it."""
    shift_us = now.wall_us - now.steady_us
    own = [each for each in samples if each.pool == worst.pool]
    points = _thinned(own, worst.gauge, span_us)
    if not any(value is not None for _, value, _ in points):
        return None
    return {
        "title": " ".join(part for part in (wording.name(account), worst.label) if part),
        "measure": _TITLES[worst.gauge.measure],
        "end": worst.gauge.end,
        "zone": zone,
        "from": (now.wall_us - span_us) / 1e6,
        "to": now.wall_us / 1e6,
        "points": [[(at + shift_us) / 1e6, value, guess] for at, value, guess in points],
        "lines": [[b.tier.name.lower(), b.enter] for b in worst.gauge.bounds],
        "gaps": [[(a + shift_us) / 1e6, (b + shift_us) / 1e6] for a, b in _gaps(own)],
        "events": [[(at + shift_us) / 1e6, tier] for at, tier in _events(own)],
        "coin": wording.name(worst.coin),
        # a price is the last of its minute
        "prices": [
            [(min(at + MINUTE_US, now.steady_us) + shift_us) / 1e6, price]
            for at, price in _spread(prices, span_us)
        ],
        "limits": list(worst.limits),
        "words": WORDS,
    }


def caption(account: str, worst: Worst, drawn: Mapping[str, Any], *, span_us: int) -> Text:
    """Return the words under the picture: what it shows, for who cannot see it."""
    values = [value for _, value, _ in drawn["points"] if value is not None]
    low = lines.headline_of(worst.gauge.measure, min(values))
    label = f" {worst.label}" if worst.label else ""
    rows = [
        filled(
            say.CHART_HEAD,
            account=Bold(wording.name(account)),
            label=label,
            span=wording.duration(span_us / 1e6),
        ),
        row(say.CHART_NOW.format(now=lines.headline(worst.gauge), low=low)),
    ]
    return wording.text_of(rows)


def nothing(account: str, *, span_us: int) -> Text:
    """Return the answer where there is no history to draw."""
    span = wording.duration(span_us / 1e6)
    return Text(plain=say.CHART_NOTHING.format(account=wording.name(account), span=span))


def _nearest(report: PoolReport) -> tuple[str, tuple[float, ...]]:
    found = []
    for each in report.underlyings:
        limits = [at for at in (each.liquidation_down, each.liquidation_up) if at is not None]
        away = min((abs(at / each.mark - 1) for at in limits), default=math.inf)
        found.append((away, each.underlying, tuple(limits)))
    if not found:
        return "", ()
    _, nearest, at_which = min(found)
    return nearest, at_which


# the worst of each bucket, at its own time; a reading without a value (nothing at risk) breaks it
def _thinned(
    own: Iterable[Sample], gauge: Gauge, span_us: int
) -> list[tuple[int, float | None, bool]]:
    width_us = max(1, span_us // POINTS_MAX)
    kept: list[tuple[int, float | None, bool]] = []
    for (_, guess), bucket in groupby(
        own, key=lambda each: (each.at_us // width_us, each.estimate)
    ):
        known = [(_finite(value_of(each, gauge.measure)), each.at_us) for each in bucket]
        values = [(value, at) for value, at in known if value is not None]
        value, at_us = min(values) if values else (None, known[0][1])
        if kept and at_us - kept[-1][0] > _gap_us(span_us):
            kept.append((at_us, None, guess))
        kept.append((at_us, value, guess))
    return kept


def _gap_us(span_us: int) -> int:
    return max(GAP_US, 3 * span_us // POINTS_MAX)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _gaps(own: Iterable[Sample]) -> list[tuple[int, int]]:
    times = [each.at_us for each in own if not each.estimate]
    return [(a, b) for a, b in pairwise(times) if b - a > GAP_US]


def _events(own: Iterable[Sample]) -> list[tuple[int, str]]:
    found = [
        (after.at_us, after.tier.name.lower())
        for before, after in pairwise(own)
        if after.tier is not before.tier
    ]
    return found[-EVENTS_MAX:]


def _spread(prices: Sequence[tuple[int, float]], span_us: int) -> list[tuple[int, float | None]]:
    step = max(1, len(prices) // PRICES_MAX)
    kept: list[tuple[int, float | None]] = []
    for at_us, price in prices[::-1][::step][::-1]:
        if kept and at_us - kept[-1][0] > _gap_us(span_us):
            kept.append((at_us, None))
        kept.append((at_us, price))
    return kept
