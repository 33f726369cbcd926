"""
Everything one pool's message needs to know, gathered before a word is written.

Rule: numbers only, as the engine gave them; nothing is judged or phrased here. What is unknown is
None, and the words leave its line out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from watcher.domain.account import Snapshot
from watcher.domain.alert import AlertRules, Moment, Sample
from watcher.domain.report import PoolReport
from watcher.margin import BookError, prices_after
from watcher.policy import history
from watcher.policy.readings import Reading
from watcher.policy.wording import ISOLATED, pool_name

JOINT_PRICES_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """The move of all coins together that liquidates; `prices` are the marks there."""

    percent: float
    prices: tuple[tuple[str, float], ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The move of one coin, all else still, that liquidates."""

    underlying: str
    price: float
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """
    One pool at one moment. `label` is empty when the account has no other pool. `lone` says that
    a single coin moves the pool, so that joint and alone are the same. `before` is an earlier value
    of the deciding measure and its age in minutes; `brief`: `rate` is the last minute's.
    """

    account: str
    venue: str
    label: str
    report: PoolReport
    reading: Reading
    age_s: float
    lone: bool = False
    joint: Joint | None = None
    alone: Alone | None = None
    before: tuple[float, float] | None = None
    rate: float | None = None
    brief: bool = False
    minutes_left: float | None = None


def gather(
    snapshot: Snapshot,
    report: PoolReport,
    reading: Reading,
    rules: AlertRules,
    *,
    recent: tuple[Sample, ...],
    now: Moment,
    pools: int,
) -> Figures:
    """Return the figures of one pool; *pools* is how many the account has."""
    gauge = reading.gauge
    known = math.isfinite(gauge.value)
    slope = (
        history.slope(recent, report.pool, gauge.measure, gauge.value, gauge.end, now.steady_us)
        if known
        else None
    )
    rate = slope.rate if slope is not None else None
    return Figures(
        account=snapshot.account,
        venue=snapshot.venue,
        label=label_of(report.pool, pools),
        report=report,
        reading=reading,
        age_s=max(0.0, (now.wall_us - snapshot.taken_at_us) / 1e6),
        lone=len(report.underlyings) == 1,
        joint=_joint(snapshot, report, rules.betas),
        alone=nearest_alone(report),
        before=history.before(recent, report.pool, gauge.measure, now.steady_us) if known else None,
        rate=rate,
        brief=slope is not None and slope.brief,
        minutes_left=history.minutes_left(rate, gauge.value, gauge.end),
    )


def label_of(pool: str, pools: int) -> str:
    """Return how *pool* is named: not at all when it is the only one, unless isolated."""
    return pool_name(pool) if pools > 1 or pool.startswith(ISOLATED) else ""


def nearest_alone(report: PoolReport) -> Alone | None:
    """Return the single coin whose own move liquidates soonest."""
    found = [
        Alone(underlying=u.underlying, price=at, percent=100 * (at / u.mark - 1))
        for u in report.underlyings
        if u.mark > 0
        for at in (u.liquidation_down, u.liquidation_up)
        if at is not None
    ]
    return min(found, key=lambda alone: abs(alone.percent), default=None)


def _joint(snapshot: Snapshot, report: PoolReport, betas: Mapping[str, float]) -> Joint | None:
    down, up = report.joint_down, report.joint_up
    if down is None and up is None:
        return None
    falls = up is None or (down is not None and down <= up)
    percent = down if falls else up
    assert percent is not None
    try:
        prices = prices_after(snapshot, report.pool, percent, betas=betas, down=falls)
    except BookError:
        return None
    weight = {p.underlying: 0.0 for p in snapshot.positions}
    for position in snapshot.positions:
        if position.pool == report.pool:
            size = float(position.quantity * position.contract_size)
            value = size if position.inverse else size * float(position.mark)
            weight[position.underlying] += value
    order = sorted(prices, key=lambda coin: (-weight.get(coin, 0.0), coin))
    shown = tuple((coin, prices[coin]) for coin in order[:JOINT_PRICES_MAX])
    return Joint(
        percent=-percent if falls else percent,
        prices=shown,
        more=max(0, len(order) - JOINT_PRICES_MAX),
    )
