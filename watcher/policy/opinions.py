"""
Two opinions of one pool beside each other: both figures, how far apart, and why most likely.

Rule: pure comparison; who is right is not decided here, and the worse ratio rules elsewhere
(`margin.opinion`). A reason is only given for something this very reading shows. Only pools we
compute are compared: where the venue's figures are shown, there is one opinion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from watcher.domain.account import Mismatch, Snapshot
from watcher.domain.alert import Divergence
from watcher.domain.report import PoolReport, Report, Status
from watcher.margin.opinion import health, venue_health
from watcher.policy import messages as say
from watcher.policy import wording

SPREAD_TOLD_S = 1.0
EQUAL = 0.002
"""Figures nearer than this part of each other are not what makes two ratios differ."""
FEES_COUNT = ("bybit", "okx")
"""Where closing costs are part of what equity must stay above."""


def pairs(snapshot: Snapshot, pool: PoolReport) -> Iterator[tuple[str, float, float]]:
    """Yield (figure, ours, the venue's) of equity, maintenance margin and ratio, as far as told."""
    says = snapshot.venue_says.get(pool.pool)
    rules = snapshot.rules.get(pool.pool)
    if says is None or rules is None or pool.status is not Status.OK:
        return
    if pool.equity is not None and says.equity is not None:
        yield "equity", pool.equity, float(says.equity)
    if pool.maintenance_margin is not None and says.maintenance_margin is not None:
        yield "maintenance margin", pool.maintenance_margin, float(says.maintenance_margin)
    told = venue_health(says, rules)
    if told is not None and pool.equity is not None and pool.requirement is not None:
        yield "ratio", health(pool.equity, pool.requirement), told


def off(ours: float, theirs: float) -> float | None:
    """Return how far *ours* is from *theirs*, as a part of it; None where that says nothing."""
    if ours == theirs:
        return 0.0
    if theirs == 0 or not math.isfinite(ours) or not math.isfinite(theirs):
        return None
    return abs(ours / theirs - 1)


def divergences(snapshot: Snapshot, report: Report) -> tuple[Divergence, ...]:
    """Return how far every figure is off that both tell, for the running error of this mode."""
    return tuple(
        Divergence(
            venue=snapshot.venue,
            mode=snapshot.mode,
            family=str(pool.family),
            figure=figure,
            off=apart,
        )
        for pool in report.pools
        for figure, ours, theirs in pairs(snapshot, pool)
        if (apart := off(ours, theirs)) is not None
    )


def figures(snapshot: Snapshot, pool: PoolReport) -> Iterator[str]:
    """Say each figure as both see it."""
    venue = wording.venue_name(snapshot.venue)
    for figure, ours, theirs in pairs(snapshot, pool):
        if figure == "ratio":
            yield say.OPINIONS_HEALTH.format(
                ours=wording.health(ours), theirs=wording.health(theirs), venue=venue
            )
        else:
            yield say.OPINIONS.format(
                figure=say.FIGURES[figure].capitalize(),
                ours=wording.amount(ours),
                theirs=wording.amount(theirs),
                venue=venue,
                asset=pool.reference,
            )


def reason(snapshot: Snapshot, pool: PoolReport) -> str:
    """Say why the two most likely differ, from what this reading shows."""
    contradicted = [
        one for one in snapshot.mismatches if one.pool == pool.pool and not _is_of_list(one)
    ]
    if contradicted:
        return say.WHY_TABLE.format(table=said(contradicted[0]))
    if snapshot.orders and any(order.pool == pool.pool for order in snapshot.orders):
        return say.WHY_ORDERS
    fee_unknown = [
        position.symbol
        for position in snapshot.positions
        if position.pool == pool.pool and position.fee_rate == 0
    ]
    if fee_unknown and snapshot.venue in FEES_COUNT:
        return say.WHY_FEE.format(symbol=wording.name(fee_unknown[0]))
    times = snapshot.parts.values()
    spread_s = (max(times) - min(times)) / 1e6 if times else 0.0
    if spread_s >= SPREAD_TOLD_S:
        return say.WHY_TIME.format(apart_s=spread_s)
    return _by_figure(snapshot, pool)


def _by_figure(snapshot: Snapshot, pool: PoolReport) -> str:
    differing = [
        figure
        for figure, ours, theirs in pairs(snapshot, pool)
        if figure != "ratio" and ((apart := off(ours, theirs)) is None or apart > EQUAL)
    ]
    match differing:
        case ["equity"]:
            return say.WHY_EQUITY
        case ["maintenance margin"]:
            return say.WHY_MAINTENANCE
        case []:
            return say.WHY_RATIO
        case _:
            return say.WHY_UNKNOWN


def said(one: Mismatch) -> str:
    """Say one contradicted table in words."""
    ours, theirs = wording.amount(float(one.ours)), wording.amount(float(one.venue))
    text = say.MISMATCH_BRACKETS if one.figure == "maintenance margin" else say.MISMATCH_WEIGHTS
    if _is_of_list(one):
        text = say.MISMATCH_LISTED
    figure = say.FIGURES.get(one.figure, one.figure)
    return text.format(what=wording.words(one.what), figure=figure, ours=ours, theirs=theirs)


# no table of ours is in these: one figure of the venue's lacks a part of the other
def _is_of_list(one: Mismatch) -> bool:
    return one.what.rpartition(" ")[2] == "positions"
