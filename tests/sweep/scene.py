"""
The accounts of the sweep, one for each verb, and the stories prices tell about them.

Rule: a reading is what prices make it, whatever has come in; that it came shows in what is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import cache

from tests.unit.money_desk import with_wallet
from tests.unit.policy_books import borrowed
from tests.unit.top_up_books import AUTO, POOL, limited, short_of
from watcher.domain.account import Asset, Snapshot
from watcher.domain.alert import Measure
from watcher.domain.topup import Assurance, Limits, Route, TopUpRules, Verb

ISOLATED = "isolated:BTCUSDT:long"
FREE = Decimal(200)
"""What the source of a verb inside an engine shows; what may leave it is asked of the venue."""
OWED = Decimal(300)


class Story(StrEnum):
    """What prices do: ease after a top-up, go on falling, do so under wide caps, slide anew."""

    ONCE = "once"
    FALLS_ON = "falls_on"
    BRAKED = "braked"
    AGAIN = "again"

    @property
    def falls_on(self) -> bool:
        return self in (Story.FALLS_ON, Story.BRAKED)

    @property
    def slides(self) -> int:
        """How many times it slides; each is an incident of its own."""
        return 3 if self is Story.AGAIN else 1

    @property
    def held(self) -> Decimal:
        """What is in the source: once so little that the floor binds before the cap of the day."""
        return Decimal(180) if self is Story.FALLS_ON else Decimal(500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Values of the leading measure: at ease, first and then again beyond the trigger."""

    calm: float
    first: float
    low: float


LEVELS = {
    Measure.DISTANCE: Levels(calm=30.0, first=9.4, low=9.3),
    Measure.MARGIN_LEVEL: Levels(calm=200.0, first=139.0, low=138.0),
}
RULES: Mapping[Verb, TopUpRules] = {
    Verb.MOVE: AUTO,
    Verb.ADD_MARGIN: replace(
        AUTO,
        routes=(
            Route(
                verb=Verb.ADD_MARGIN, asset="USDT", source=POOL, destination="isolated:BTCUSDT:*"
            ),
        ),
    ),
    Verb.REPAY: replace(
        AUTO,
        routes=(Route(verb=Verb.REPAY, asset="USDT", source="margin", destination="margin"),),
        measure=Measure.MARGIN_LEVEL,
        trigger=140.0,
        target=145.0,
    ),
}
WAYS = (
    (Verb.MOVE, Assurance.DEDUP),
    (Verb.MOVE, Assurance.LOOKUP),
    (Verb.MOVE, Assurance.BLIND_SEND),
    (Verb.ADD_MARGIN, Assurance.BLIND_SEND),
    (Verb.REPAY, Assurance.BLIND_SEND),
)
"""Every verb, in every class a venue has it in."""


@cache
def rules_of(verb: Verb, story: Story) -> TopUpRules:
    wide = story in (Story.BRAKED, Story.AGAIN)
    return limited(
        RULES[verb],
        per_event=Decimal(50),
        per_day=Decimal(220 if wide else 90),
        per_week=Decimal(230 if wide else 100),
        count_per_day=5 if wide else 2,
        over_half=True,
    )


def limits_of(verb: Verb, story: Story) -> Limits:
    limits = rules_of(verb, story).limits
    assert limits is not None
    return limits


def pool_of(verb: Verb) -> str:
    return {Verb.MOVE: POOL, Verb.ADD_MARGIN: ISOLATED, Verb.REPAY: "margin"}[verb]


@cache
def snapshot_at(verb: Verb, value: float, came: Decimal) -> Snapshot:
    """Return the account where its measure is *value*, after *came* has come in."""
    match verb:
        case Verb.MOVE:
            return with_wallet(short_of(value), came)
        case Verb.ADD_MARGIN:
            return _isolated(with_wallet(short_of(value), came))
        case Verb.REPAY:
            return _borrowed(value)


# the same position with what is held for it as its own margin, beside a pool with cash
def _isolated(snapshot: Snapshot) -> Snapshot:
    [asset], [position] = snapshot.assets, snapshot.positions
    return replace(
        snapshot,
        assets=(replace(asset, wallet=FREE),),
        positions=(replace(position, pool=ISOLATED, isolated_margin=asset.wallet),),
        rules={**snapshot.rules, ISOLATED: snapshot.rules[POOL]},
    )


# what was paid back is owed again by the next reading
def _borrowed(level: float) -> Snapshot:
    snapshot = borrowed(level)
    index = OWED * Decimal(repr(level)) / 100 - FREE
    held: tuple[Asset, ...] = tuple(
        replace(row, wallet=FREE, debt=OWED) if row.asset == "USDT" else replace(row, index=index)
        for row in snapshot.assets
    )
    return replace(snapshot, assets=held, account="bybit_main")
