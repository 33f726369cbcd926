"""
From a snapshot to a `Look`: what it amounts to, and what it would at other prices.

Rule: the same arithmetic for what was read and for what is estimated; which is which is the
caller's to say. A price that cannot be of the same contract moves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from watcher.domain.account import Snapshot
from watcher.domain.alert import AlertRules, Measure
from watcher.domain.report import Report, Status
from watcher.margin import BookError, evaluate, repriced
from watcher.policy.checks import Look
from watcher.policy.readings import read

FACTOR_MAX = 4.0
"""A live price further off than this is of another contract, not of a market."""


def look(
    snapshot: Snapshot, rules: AlertRules, *, stages: bool = False, report: Report | None = None
) -> Look:
    """
    Return *snapshot* with its report and the verdict on each pool; *stages*: with how far those of
    the venue are. A *report* that is known is not made again.

    Raises: `BookError` for a snapshot that cannot be right.
    """
    if report is None:
        report = evaluate(snapshot, betas=rules.betas, stages=stages)
    return Look(
        snapshot=snapshot, report=report, readings={p.pool: read(p, rules) for p in report.pools}
    )


def estimate(last: Snapshot, prices: Mapping[str, float], rules: AlertRules) -> Look | None:
    """Return *last* at live *prices*; None where no usable price moves it."""
    factors = factors_of(last, prices)
    if not factors:
        return None
    try:
        return look(repriced(last, factors), rules)
    except BookError:
        return None


def movable(guess: Look) -> Look | None:
    """
    Return the estimate *guess* with the verdicts alone that prices move; None where none is left.

    Of a pool that is not computed the venue's figures stay as they were: shown beside live prices
    they would be a plausible wrong number. A price it is liquidated at still tells a distance.
    """
    computed = {pool.pool for pool in guess.report.pools if pool.status is Status.OK}
    moved = {
        pool: reading
        for pool, reading in guess.readings.items()
        if reading is not None
        if pool in computed or reading.gauge.measure is Measure.DISTANCE
    }
    if len(moved) < len(guess.readings):  # that another pool is empty says nothing of the rest
        moved = {pool: reading for pool, reading in moved.items() if not reading.gone}
    return replace(guess, readings=moved) if moved else None


def factors_of(last: Snapshot, prices: Mapping[str, float]) -> dict[str, float]:
    """
    Return live over known price for each coin of *last* a believable price is given for.

    Of several contracts on one coin the first by name is compared, the one adapters price it by: a
    dated contract beside it may stand percents apart.
    """
    own = {asset.asset: float(asset.index) for asset in last.assets}
    later_first = sorted(last.positions, key=lambda position: position.symbol, reverse=True)
    own.update({position.underlying: float(position.mark) for position in later_first})
    factors = {}
    for coin, price in prices.items():
        if own.get(coin, 0.0) > 0 and math.isfinite(price) and price > 0:
            factor = price / own[coin]
            if 1 / FACTOR_MAX < factor < FACTOR_MAX:
                factors[coin] = factor
    return factors
