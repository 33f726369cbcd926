"""
The one line about the venue's own stages: the one a pool is past, or the next one ahead.

Rule: liquidation has lines of its own; here stands what comes before it. The words name the
venue's ratio as its app does.
"""

from __future__ import annotations

from watcher.domain.alert import Measure
from watcher.domain.report import PoolReport, StageReport
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.readings import Gauge
from watcher.policy.wording import Row, row


def past(report: PoolReport, gauge: Gauge) -> list[Row]:
    """Return the stage the pool is past; the line of a margin level names its call bar already."""
    reached = [one for one in _before(report) if one.reached]
    if not reached or (gauge.measure is Measure.MARGIN_LEVEL and "call" in report.stages):
        return []
    return [row(say.STAGE_PAST.format(stage=_name(reached[-1]), bar=_bar(reached[-1])))]


def past_or_next(report: PoolReport, gauge: Gauge) -> list[Row]:
    """Return the same, or how far away the next stage is."""
    ahead = [one for one in _before(report) if one.distance is not None and not one.reached]
    reached = past(report, gauge)
    if reached or not ahead:
        return reached
    one = min(ahead, key=lambda each: each.distance or 0.0)
    assert one.distance is not None
    path = "" if one.path is None else f", {wording.words(one.path)}"
    price = "" if one.price is None else say.STAGE_PRICE.format(price=wording.price(one.price))
    return [
        row(
            say.STAGE_AWAY.format(
                stage=_name(one).capitalize(),
                away=wording.percent(one.distance),
                path=path,
                price=price,
            )
        )
    ]


def _before(report: PoolReport) -> list[StageReport]:
    return [one for one in report.stage_reports if one.name != "liquidation"]


def _name(one: StageReport) -> str:
    return one.name.replace("_", " ")


def _bar(one: StageReport) -> str:
    return f"{say.RATIOS.get(one.ratio, wording.name(one.ratio))} {wording.percent(one.level)}"
