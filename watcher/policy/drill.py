"""
The drill: an account's book slides to liquidation in imagination, through the real machine.

Rule: what is decided is decided by `decide` alone, from a copy of one reading and an empty memory
of its own, on a clock of its own. Every message says DRILL before anything else, belongs to an
account no configuration can name, is never told together with real ones, and never overtakes them.
Nothing here can touch what is remembered of a real account.

The pace is slow on purpose: prices in a drill stand for prices, so the rule that raises a tier for
speed must not fire.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from watcher.domain.account import Asset, Bracket, Family, Position, Rules, Side, Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    AlertRules,
    Kind,
    Lane,
    Measure,
    Message,
    Moment,
    Sample,
    Seen,
    Text,
    Tier,
)
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.decide import decide
from watcher.policy.plan import way

MARK = say.DRILL_MARK
ACCOUNT = "drill:"
"""How the accounts of drills begin; no configuration allows such a name."""
STEP_US = 30 * MINUTE_US
UNDER = 1e-3
"""How far under a line the slide steps, as a part of the move."""

LINE_FACTOR = 1.4
LINE_STEP = 0.5
LINE_MIN = 1.0
"""Percent; a line nearer than this is no line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop of the slide: where prices are, and what the machine says there."""

    percent: float
    words: str
    tier: Tier
    messages: tuple[Message, ...]


def slide(snapshot: Snapshot, rules: AlertRules, now: Moment) -> Iterator[Stop]:
    """Yield each stop of the slide of *snapshot*, with what it says marked as of a drill."""
    for stop in played(snapshot, rules, now):
        yield replace(stop, messages=tuple(marked(message, now) for message in stop.messages))


def played(snapshot: Snapshot, rules: AlertRules, now: Moment) -> Iterator[Stop]:
    """Yield each stop of the slide of *snapshot* that says something; the last is the worst."""
    name = f"{ACCOUNT}{rules.account}"
    rules = replace(rules, account=name)
    book = replace(snapshot, account=name)
    found = way(book, rules)
    if found is None:
        return
    state = AccountState(account=name)
    worst = Tier.CALM
    for number, percent in enumerate(found.stops(UNDER)):
        at = Moment(
            steady_us=now.steady_us + number * STEP_US, wall_us=now.wall_us + number * STEP_US
        )
        seen = replace(found.snapshot_at(percent), taken_at_us=at.wall_us)
        decision = decide(state, Seen(snapshot=seen, missed=None), rules, at)
        state = decision.state
        tier = max((d.tier for d in state.dangers.values()), default=Tier.CALM)
        told = [m for m in decision.messages if m.kind in {Kind.RAISED, Kind.ESCALATED}]
        if told and tier > worst:
            worst = tier
            where = found.words(percent) if percent else say.DRILL_AS_IT_STANDS
            yield Stop(percent=percent, words=where, tier=tier, messages=tuple(told))


def marked(message: Message, now: Moment) -> Message:
    """Return *message* as one of a drill, sent *now*."""
    text, by = message.text, len(MARK)
    return replace(
        message,
        key=f"drill:{now.wall_us}:{message.key}",
        text=Text(
            plain=MARK + text.plain,
            bold=((0, by), *((start + by, end + by) for start, end in text.bold)),
            fixed=tuple((start + by, end + by) for start, end in text.fixed),
        ),
        line=MARK + message.line,
        group="",
        # what is real goes first, and no other road takes a drill over
        lane=Lane.WARNING,
        created_at_us=now.steady_us,
    )


def over(stops: Sequence[Stop], now: Moment) -> Message:
    """Return the word that the drill is over."""
    worst = wording.tier_name(stops[-1].tier) if stops else say.NOTHING
    plain = MARK + say.DRILL_OVER.format(worst=worst)
    return Message(
        key=f"drill:{now.wall_us}:over",
        account="",
        kind=Kind.NOTE,
        tier=Tier.CALM,
        lane=Lane.REPLY,
        text=Text(plain=plain, bold=((0, len(MARK)),)),
        silent=True,
        created_at_us=now.steady_us,
    )


def sample() -> Snapshot:
    """Return the built-in book: 1 BTC long at 100,000, a third of that as collateral."""
    pool = "unified"
    position = Position(
        pool=pool,
        symbol="BTCUSDT",
        underlying="BTC",
        side=Side.LONG,
        quantity=Decimal(1),
        entry=Decimal(100_000),
        mark=Decimal(100_000),
        settle="USDT",
        brackets=(Bracket(floor=Decimal(0), rate=Decimal("0.005")),),
        initial_margin=Decimal(10_000),
    )
    cash = Asset(pool=pool, asset="USDT", wallet=Decimal(33_000), index=Decimal(1))
    return Snapshot(
        venue="sample",
        account="sample",
        mode="sample",
        taken_at_us=0,
        reference="USD",
        rules={pool: Rules(family=Family.LINEAR_POOL)},
        assets=(cash,),
        positions=(position,),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """The worst loss of distance within a span of the recorded history of `hours`."""

    points: float
    pool: str
    hours: float


def worst_fall(samples: Sequence[Sample], within_s: float) -> Fall | None:
    """
    Return how many points of distance the book lost at worst within that time; None: no history.

    Estimates are left out: a price that was guessed moved nobody's book.
    """
    span_us = round(within_s * SECOND_US)
    worst, where = 0.0, ""
    known = [s for s in samples if s.distance is not None and not s.estimate]
    if len(known) < 2:  # noqa: PLR2004 - a move needs two readings
        return None
    for pool in sorted({one.pool for one in known}):
        # the highest of the last `span_us`, kept falling: a sliding maximum
        high: deque[tuple[int, float]] = deque()
        for one in (s for s in known if s.pool == pool):
            assert one.distance is not None
            while high and high[0][0] < one.at_us - span_us:
                high.popleft()
            if high and high[0][1] - one.distance > worst:
                worst, where = high[0][1] - one.distance, pool
            while high and high[-1][1] <= one.distance:
                high.pop()
            high.append((one.at_us, one.distance))
    hours = (known[-1].at_us - known[0].at_us) / (60 * MINUTE_US)
    return Fall(points=worst, pool=where, hours=hours)


def line_for(fall: Fall) -> float:
    """Return the nearest critical line that leaves over a quarter of the way after such a fall."""
    return max(LINE_MIN, math.ceil(fall.points * LINE_FACTOR / LINE_STEP) * LINE_STEP)


def verdict(reaction_s: float, fall: Fall | None, rules: AlertRules) -> list[str]:
    """Return what a reaction of so many seconds asks of the critical line of this book."""
    need = say.DRILL_NEED.format(time=wording.duration(reaction_s))
    if fall is None:
        return [say.DRILL_NO_HISTORY.format(need=need)]
    move = wording.percent(fall.points)
    wanted = line_for(fall)
    first = say.DRILL_MOVED.format(
        need=need, move=move, span=_span(fall.hours), line=wording.round_percent(wanted)
    )
    has = _critical(rules)
    if has is None:
        return [first]
    second = say.DRILL_WIDE if has >= wanted else say.DRILL_NARROW
    return [first, second.format(line=wording.round_percent(has))]


def _span(hours: float) -> str:
    if hours >= 48:  # noqa: PLR2004 - two days
        return say.DRILL_SPAN_DAYS.format(days=hours / 24)
    span = say.DRILL_SPAN_SHORT if hours < 24 else say.DRILL_SPAN_HOURS  # noqa: PLR2004 - a day
    return span.format(hours=hours)


def _critical(rules: AlertRules) -> float | None:
    ladders = (ladder for ladder in rules.ladders if ladder.measure is Measure.DISTANCE)
    values = [ln.value for ld in ladders for ln in ld.lines if ln.tier is Tier.CRITICAL]
    return next((value for value in values if isinstance(value, int | float)), None)
