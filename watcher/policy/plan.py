"""
Where the lines of a live account lie, told in prices.

Rule: it shows and refuses nothing. The road is the one that liquidates soonest: all coins
together, or one alone; a tier's place on it is found by asking the engine, not by a formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from watcher.domain.account import Snapshot
from watcher.domain.alert import AlertRules, Tier
from watcher.domain.report import PoolReport
from watcher.margin import BookError, evaluate, prices_after, repriced
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.figures import nearest_alone
from watcher.policy.readings import read

_PLAN_TURNS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One tier of one pool: where it is entered. `tier` is None when the words are all there is to
    say. `move_percent` and `prices` (mark by underlying) are of the move that enters it, where a
    move of prices does.
    """

    pool: str
    tier: Tier | None
    words: str
    reached: bool = False
    move_percent: float | None = None
    prices: Mapping[str, float] = field(default_factory=dict)


def steps(snapshot: Snapshot, rules: AlertRules) -> list[Step]:
    """Return where each tier of each pool lies, pool by pool."""
    pools = evaluate(snapshot, betas=rules.betas).pools
    return [step for pool in pools for step in _planned(snapshot, pool, rules)]


def plan(snapshot: Snapshot, rules: AlertRules) -> list[str]:
    """Return the same in words: "WARNING if everything falls 8.1 %: BTC …"."""
    return [f"{wording.pool_name(step.pool)}: {step.words}" for step in steps(snapshot, rules)]


def way(snapshot: Snapshot, rules: AlertRules) -> Way | None:
    """Return the move that liquidates *snapshot* soonest, of all its pools; None: no move does."""
    pools = evaluate(snapshot, betas=rules.betas).pools
    ways = [_way(snapshot, pool, rules) for pool in pools]
    return min((w for w in ways if w is not None), key=lambda w: w.far, default=None)


def _planned(snapshot: Snapshot, pool: PoolReport, rules: AlertRules) -> Iterator[Step]:
    name, reading = pool.pool, read(pool, rules)
    if reading is None:
        yield Step(pool=name, tier=None, words=say.PLAN_NO_MEASURE)
        return
    if reading.gone:
        yield Step(pool=name, tier=None, words=say.PLAN_NO_POSITION)
        return
    now = lines.headline(reading.gauge)
    road = _way(snapshot, pool, rules)
    if road is None:
        for bound in sorted(reading.gauge.bounds, key=lambda bound: bound.tier):
            at = lines.headline_of(reading.gauge.measure, bound.enter)
            words = say.PLAN_UNDER.format(tier=wording.tier_name(bound.tier), at=at, now=now)
            yield Step(pool=name, tier=bound.tier, words=words, reached=reading.tier >= bound.tier)
        return
    for tier in (t for t in Tier if t > Tier.CALM):
        if reading.tier >= tier:
            words = say.PLAN_REACHED.format(tier=wording.tier_name(tier), now=now)
            yield Step(pool=name, tier=tier, words=words, reached=True)
            continue
        percent = _percent_to(road, name, tier, rules)
        if percent is not None:
            yield Step(
                pool=name,
                tier=tier,
                words=say.PLAN_IF.format(tier=wording.tier_name(tier), move=road.words(percent)),
                move_percent=percent,
                prices=road.prices(percent),
            )


@dataclass(frozen=True, slots=True)
class Way:
    """The move that liquidates soonest: all coins together, or one alone."""

    snapshot: Snapshot
    pool: str
    rules: AlertRules
    alone: str | None
    mark: float
    falls: bool
    far: float

    def prices(self, percent: float) -> dict[str, float]:
        if self.alone is None:
            return prices_after(
                self.snapshot, self.pool, percent, betas=self.rules.betas, down=self.falls
            )
        sign = -1 if self.falls else 1
        return {self.alone: self.mark * (1 + sign * percent / 100)}

    def snapshot_at(self, percent: float) -> Snapshot:
        today = {**prices_after(self.snapshot, self.pool, 0.0, betas=self.rules.betas, down=True)}
        factors = {c: p / today[c] for c, p in self.prices(percent).items() if today.get(c, 0) > 0}
        return repriced(self.snapshot, factors)

    def stops(self, under: float) -> list[float]:
        """Return the start and, for each tier on the way, a move just beyond its line."""
        lines_at = (_percent_to(self, self.pool, tier, self.rules) for tier in Tier if tier)
        beyond = (min(at * (1 + under), self.far) for at in lines_at if at is not None)
        return sorted({0.0, *beyond})

    def words(self, percent: float) -> str:
        if self.alone is None:
            text = say.PLAN_ALL_FALLS if self.falls else say.PLAN_ALL_RISES
        else:
            text = say.PLAN_ONE_FALLS if self.falls else say.PLAN_ONE_RISES
        prices = list(self.prices(percent).items())[:3]
        at = ", ".join(f"{wording.name(coin)} {wording.price(price)}" for coin, price in prices)
        coin = wording.name(self.alone or "")
        return text.format(coin=coin, percent=wording.percent(percent), prices=at)


def _way(snapshot: Snapshot, pool: PoolReport, rules: AlertRules) -> Way | None:
    roads = []
    for far, falls in ((pool.joint_down, True), (pool.joint_up, False)):
        if far is not None:
            roads.append(Way(snapshot, pool.pool, rules, None, 0.0, falls, far))
    alone = nearest_alone(pool)
    if alone is not None:
        mark = next(u.mark for u in pool.underlyings if u.underlying == alone.underlying)
        falls = alone.percent < 0
        roads.append(
            Way(
                snapshot,
                pool.pool,
                rules,
                alone.underlying,
                mark,
                falls,
                abs(alone.percent),
            )
        )
    return min(roads, key=lambda road: road.far, default=None)


# the smallest move on the road that enters the tier, to a fraction of a point
def _percent_to(road: Way, pool: str, tier: Tier, rules: AlertRules) -> float | None:
    def reached(percent: float) -> bool:
        try:
            report = evaluate(road.snapshot_at(percent), betas=rules.betas, stages=False)
        except BookError:
            return False
        found = next((read(p, rules) for p in report.pools if p.pool == pool), None)
        return found is not None and found.tier >= tier

    low, high = 0.0, road.far
    if not reached(high):
        return None
    for _ in range(_PLAN_TURNS):
        middle = (low + high) / 2
        if reached(middle):
            high = middle
        else:
            low = middle
    return high
