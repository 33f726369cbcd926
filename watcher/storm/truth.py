"""
What is true while it storms: how near each account really is, by the arithmetic of its venue.

Rule: only the world is asked (`watcher.sim`), never the engine under test. The distance is found on
the same paths as the demo's: all coins together, each coin alone. A look costs nothing while prices
have not moved by a part of what separates the account from its nearest line, so that a day costs
seconds; a crossing is placed within `STEP_MIN` points of where it was.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.alert import Ladder, Measure, Tier, Word
from watcher.settings import Settings, alert_rules
from watcher.sim.binance.figures import BARS
from watcher.sim.demo.truth import Way, health_at, paths_of
from watcher.sim.things import ZERO, Account, Liquidation
from watcher.sim.world import World

RANGE_PERCENT = 80.0
FINE = 0.004
SEARCH_MAX = 40
GAP_PART = 0.35
STEP_MIN = 0.03
STEP_MIN_LEAVE = 0.1
FULL_AFTER = 1.0
PACE_MIN = 1.5
"""Points of distance at most assumed for each percent that prices move."""
LEVEL_PER_POINT = 2.0
"""Percent of margin level that are as much as one point of distance, for tolerances."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one account: under `enter` its tier is reached, over `leave` it may be left."""

    tier: Tier
    enter: float
    leave: float


@dataclass(frozen=True, slots=True)
class Scale:
    """The measure an account is judged by, with its lines; `point` is one point of distance."""

    measure: Measure
    lines: tuple[Line, ...]
    point: float

    def tier(self, value: float, slack: float = 0.0) -> Tier:
        """Return the tier of *value*; with a negative *slack* (points) only what is beyond it."""
        shift = slack * self.point
        return max((one.tier for one in self.lines if value < one.enter + shift), default=Tier.CALM)

    def hold(self, value: float, slack: float = 0.0) -> Tier:
        """Return the worst tier that *value* does not let anybody leave."""
        shift = slack * self.point
        return max((one.tier for one in self.lines if value < one.leave + shift), default=Tier.CALM)

    def step(self, value: float) -> float:
        """Return how far *value* may move, in its own unit, before it has to be looked at again."""
        if not math.isfinite(value):
            return FULL_AFTER
        entering = min(abs(value - one.enter) for one in self.lines)
        leaving = min(abs(value - one.leave) for one in self.lines)
        return min(
            max(STEP_MIN * self.point, GAP_PART * entering),
            max(STEP_MIN_LEAVE * self.point, GAP_PART * leaving),
        )


@dataclass(frozen=True, slots=True)
class Point:
    """
    The truth from `at_us` until the next point. `value` is in the measure of the account's scale,
    `distance` always in percent; inf: nothing in range. `held` counts positions and debts.
    """

    at_us: int
    value: float
    distance: float
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """
    A complete answer at `at_us` in which the venue counts *share* of the equity less than there is.
    `value` is what is left by that opinion, in the measure of the account's scale.
    """

    account: str
    at_us: int
    share: float
    value: float


class Truth:
    """Watches the accounts of *settings* in *world*; `look` after each slice of its time."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.scales = {
            name: scale_of(world.account(name), alert_rules(settings, name).ladders)
            for name in settings.accounts
        }
        self._world = world
        self._version = -1
        self._views = {
            name: _View(world, world.account(name), scale) for name, scale in self.scales.items()
        }
        self.seen_us = world.now_us
        self.look()

    def look(self) -> None:
        """Take note of what changed since the last look."""
        self.seen_us = self._world.now_us
        if self._world.version == self._version:
            return
        self._version = self._world.version
        prices = [float(one) for one in self._world.prices.values()]
        prices += [float(one) for one in self._world.stables.values()]
        for view in self._views.values():
            view.look(prices)

    # -- questions -------------------------------------------------------------------------------

    def points(self, name: str) -> list[Point]:
        return self._views[name].points

    def at(self, name: str, at_us: int) -> Point:
        """Return what was true of *name* at a moment; before the first look, the first."""
        points = self._views[name].points
        return points[max(0, bisect_right(points, at_us, key=lambda one: one.at_us) - 1)]

    def within(self, name: str, from_us: int, until_us: int) -> list[Point]:
        """Return all that was true of *name* at some time from *from_us* to *until_us*."""
        points = self._views[name].points
        first = max(0, bisect_right(points, from_us, key=lambda one: one.at_us) - 1)
        last = bisect_right(points, until_us, key=lambda one: one.at_us)
        return points[first : max(last, first + 1)]

    def worst(self, name: str, from_us: int, until_us: int, slack: float = 0.0) -> Tier:
        scale = self.scales[name]
        return max(scale.tier(one.value, slack) for one in self.within(name, from_us, until_us))

    def mildest(self, name: str, from_us: int, until_us: int, slack: float = 0.0) -> Tier:
        scale = self.scales[name]
        return min(scale.tier(one.value, slack) for one in self.within(name, from_us, until_us))

    def held_at(self, name: str, from_us: int, until_us: int, slack: float = 0.0) -> Tier:
        """Return the worst tier that could not be left at some time in between."""
        scale = self.scales[name]
        return max(scale.hold(one.value, slack) for one in self.within(name, from_us, until_us))

    def spans(self, name: str, tier: Tier, slack: float = 0.0) -> Iterator[tuple[int, int]]:
        """Yield each stretch, as long as it lasted, in which *name* was at *tier* or worse."""
        scale = self.scales[name]
        since: int | None = None
        for one in self._views[name].points:
            beyond = scale.tier(one.value, slack) >= tier
            if beyond and since is None:
                since = one.at_us
            elif not beyond and since is not None:
                yield since, one.at_us
                since = None
        if since is not None:
            yield since, self.seen_us

    def by_venue(self, name: str, share: Decimal) -> float:
        """Return what *name* measures now where *share* of each pool's equity does not count."""
        return self._views[name].less(share)

    def liquidations(self, name: str) -> list[Liquidation]:
        """Return what the venue took from *name* by force; cancelled orders are no loss."""
        acts = self._world.account(name).liquidations
        return [act for act in acts if act.kind != "cancel_orders"]

    def transfers(self, name: str) -> int:
        """Return how often money was moved within *name*."""
        return len(self._world.account(name).transfers)


class _View:
    """One account: what it was at the last computation, and how far prices may move since."""

    def __init__(
        self,
        world: World,
        account: Account,
        scale: Scale,
        gaps: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.points: list[Point] = []
        self._world = world
        self._account = account
        self._scale = scale
        self._gaps = gaps
        self._print: object = None
        self._prices: list[float] = []
        self._allowed = 0.0
        self._pace = PACE_MIN
        self._moved = 0.0
        self._ways: dict[Way, float] = {}
        self._distance = math.inf

    def less(self, share: Decimal) -> float:
        """Return the measure with *share* of the equity of every pool gone, wherever prices go."""
        if self._scale.measure is Measure.MARGIN_LEVEL:
            # what is over, in parts of the debt
            return 100 + (level_of(self._world, self._account) - 100) * float(1 - share)
        pools = self._world.pools(self._account, prices=False)
        gaps = {pool.pool: max(pool.equity, ZERO) * share for pool in pools}
        return _View(self._world, self._account, self._scale, gaps).anew()

    def look(self, prices: list[float]) -> None:
        touched = self._touched()
        moved = 100.0
        if not touched and len(prices) == len(self._prices):
            moved = 100 * max(abs(p / q - 1) for p, q in zip(prices, self._prices, strict=True))
            if moved < self._allowed:
                return
        self._moved += moved
        if touched or self._moved > FULL_AFTER:
            self._distance = self.anew()
            self._moved = 0.0
        else:
            self._distance = self._moved_on()
        self._note(prices, moved, steady=not touched)

    def _note(self, prices: list[float], moved: float, *, steady: bool) -> None:
        value = self._distance
        if self._scale.measure is Measure.MARGIN_LEVEL:
            value = level_of(self._world, self._account)
        before = self.points[-1].value if self.points else math.inf
        if steady and math.isfinite(value - before) and moved > 0:
            self._pace = max(PACE_MIN, 0.9 * self._pace, 1.3 * abs(value - before) / moved)
        self._prices = prices
        self._allowed = self._scale.step(value) / self._pace
        self.points.append(
            Point(
                at_us=self._world.now_us,
                value=value,
                distance=self._distance,
                held=len(self._account.positions) + len(self._account.debts),
            )
        )

    def _touched(self) -> bool:
        one = self._account
        found = (
            [(leg.quantity, leg.entry, leg.isolated_margin) for leg in one.positions.values()],
            [list(purse.items()) for purse in one.wallets.values()],
            [(debt.principal, debt.interest) for debt in one.debts.values()],
            len(one.orders),
            one.haircut_loss,
        )
        changed = found != self._print
        self._print = found
        return changed

    def anew(self) -> float:
        """Return the distance with every path walked, and remember each one's own."""
        world, account = self._world, self._account
        self._ways = {}
        now = health_at(world, account, gaps=self._gaps)
        if now is None:
            return math.inf
        if now <= 1:
            return 0.0
        for way in paths_of(world, account):
            self._ways[way] = self._root(way, 0.0, float(now) - 1, RANGE_PERCENT)
        return min(self._ways.values(), default=math.inf)

    def _moved_on(self) -> float:
        """Return the distance after a small move: the nearest path, and those that are as near."""
        if not math.isfinite(self._distance):
            return self._distance if self._moved < FULL_AFTER else self.anew()
        room = 2 * self._pace * self._moved + FINE
        nearest = math.inf
        for way, far in self._ways.items():
            if far - room > min(nearest, self._distance + room):
                continue
            low = max(0.0, far - room)
            at_low = self._gap(way, low)
            if at_low <= 0:
                return self.anew()
            found = self._root(way, low, at_low, min(far + room, RANGE_PERCENT))
            nearest = min(nearest, found)
        return nearest if math.isfinite(nearest) else self.anew()

    def _gap(self, way: Way, percent: float) -> float:
        """Return health - 1 after a move of *percent*; 1 where nothing is required."""
        coins, sign = way
        factor = max(1e-9, 1 + sign * percent / 100)
        health = health_at(self._world, self._account, coins, factor, self._gaps)
        return 1.0 if health is None else float(health) - 1

    def _root(self, way: Way, low: float, at_low: float, high: float) -> float:
        """Return where health passes 1 between *low*, where it is above, and *high*; inf: not."""
        at_high = self._gap(way, high)
        if at_high > 0:
            return math.inf
        for turn in range(SEARCH_MAX):
            if high - low < FINE:
                break
            middle = (low + high) / 2
            if turn % 3:  # two of three turns guess along the straight line, the third makes sure
                middle = low + (high - low) * at_low / (at_low - at_high)
                middle = min(max(middle, low + FINE / 4), high - FINE / 4)
            gap = self._gap(way, middle)
            if gap > 0:
                low, at_low = middle, gap
            else:
                high, at_high = middle, gap
        return high


def level_of(world: World, account: Account) -> float:
    """Return the margin level of the account's borrowed margin in percent; inf: nothing owed."""
    levels = [
        float(pool.margin_level)
        for pool in world.pools(account, prices=False)
        if pool.pool == "margin" and pool.margin_level is not None
    ]
    return min(levels, default=math.inf)


def scale_of(account: Account, ladders: tuple[Ladder, ...]) -> Scale:
    """Return what *account* is judged by: borrowed margin by its level, the rest by distance."""
    borrows = account.venue == "binance" and bool(account.debts) and not account.positions
    measure = Measure.MARGIN_LEVEL if borrows else Measure.DISTANCE
    ladder = next(one for one in ladders if one.measure is measure)
    end, call = 100 * float(BARS.liquidation), 100 * float(BARS.call)
    words = {Word.CALL: call, Word.HALFWAY: (call + end) / 2}
    lines = []
    for line in ladder.lines:
        enter = words[line.value] if isinstance(line.value, Word) else line.value
        leave = enter + 0.1 * (enter - end) if borrows else max(1.15 * enter, enter + 1)
        lines.append(Line(tier=line.tier, enter=enter, leave=leave))
    return Scale(measure=measure, lines=tuple(lines), point=LEVEL_PER_POINT if borrows else 1.0)
