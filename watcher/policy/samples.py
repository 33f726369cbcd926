"""
The sample books of the rehearsal: one coin, one position or one debt, a price that falls.

Rule: each is so small that the price at which a measure has a given value is known by hand; the
engine is then asked and must agree. One sample per family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import (
    Asset,
    Bracket,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
)
from watcher.domain.alert import Measure

POOL = "sample"
RATE = 0.005
DEBT = 1.0
LIQUIDATION = 1.1
CALL = 1.3
INITIAL_MARGIN = 0.01
FAR_DISTANCE = 99.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    A book of one coin whose price falls. `at` builds it; `price_of` gives the price at which a
    measure has a value, None where this book never has it.
    """

    family: Family
    at: Callable[[float], Snapshot]
    price_of: Callable[[Measure, float], float | None]
    liquidated_at: float
    far: float


def _exact(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _long(price: float, *, inverse: bool) -> Position:
    return Position(
        pool=POOL,
        symbol="SAMPLE",
        underlying="BTC",
        side=Side.LONG,
        quantity=Decimal(1),
        entry=Decimal(1) if inverse else Decimal(100),
        mark=_exact(price),
        settle="BTC" if inverse else "USDT",
        brackets=(Bracket(floor=Decimal(0), rate=_exact(RATE)),),
        inverse=inverse,
        initial_margin=_exact(INITIAL_MARGIN),
    )


def _snapshot(rules: Rules, **parts: object) -> Snapshot:
    return Snapshot(
        venue="sample",
        account="rehearsal",
        mode="sample",
        taken_at_us=0,
        reference="USD",
        rules={POOL: rules},
        **parts,  # type: ignore[arg-type]  # each caller names fields of Snapshot
    )


def _cash(asset: str, amount: float, index: float = 1.0) -> Asset:
    return Asset(pool=POOL, asset=asset, wallet=_exact(amount), index=_exact(index))


# one coin bought at 100 with 99 of cash: liquidated where 99 + (P - 100) = RATE x P
_LONG_GONE = 1 / (1 - RATE)


def _linear(family: Family) -> Sample:
    def at(price: float) -> Snapshot:
        position = _long(price, inverse=False)
        return _snapshot(Rules(family=family), assets=(_cash("USDT", 99),), positions=(position,))

    def price_of(measure: Measure, value: float) -> float | None:
        match measure:
            case Measure.DISTANCE:
                return _LONG_GONE / (1 - value / 100) if value < 100 else None  # noqa: PLR2004 - percent of the price
            case Measure.MARGIN_LEVEL:
                return 1 + INITIAL_MARGIN * value / 100
            case Measure.HEALTH:
                return 1 / (1 - RATE * value) if RATE * value < 1 else None

    far = _LONG_GONE / (1 - FAR_DISTANCE / 100)
    return Sample(family=family, at=at, price_of=price_of, liquidated_at=_LONG_GONE, far=far)


# a 1 USD contract bought at 1, no coin beside it: (1 - 1/P) coins = (P - 1) USD against RATE USD
_INVERSE_GONE = 1 + RATE


def _inverse() -> Sample:
    def at(price: float) -> Snapshot:
        return _snapshot(
            Rules(family=Family.INVERSE_POOL),
            assets=(_cash("BTC", 0, price),),
            positions=(_long(price, inverse=True),),
        )

    def price_of(measure: Measure, value: float) -> float | None:
        match measure:
            case Measure.DISTANCE:
                return _INVERSE_GONE / (1 - value / 100) if value < 100 else None  # noqa: PLR2004 - percent of the price
            case Measure.MARGIN_LEVEL:  # equity and initial margin both in coin
                level = INITIAL_MARGIN * value / 100
                return 1 / (1 - level) if level < 1 else None
            case Measure.HEALTH:
                return 1 + RATE * value

    far = _INVERSE_GONE / (1 - FAR_DISTANCE / 100)
    return Sample(
        family=Family.INVERSE_POOL,
        at=at,
        price_of=price_of,
        liquidated_at=_INVERSE_GONE,
        far=far,
    )


# one coin held, 1 USDT owed: the level is the price
def _borrowed() -> Sample:
    rules = Rules(
        family=Family.DEBT_RATIO,
        liquidation_level=_exact(LIQUIDATION),
        call_level=_exact(CALL),
        used_margin_basis="debt",
    )

    def at(price: float) -> Snapshot:
        owed = Asset(
            pool=POOL,
            asset="USDT",
            wallet=Decimal(0),
            index=Decimal(1),
            debt=_exact(DEBT),
            interest=Decimal(0),
        )
        held = Asset(
            pool=POOL,
            asset="BTC",
            wallet=Decimal(1),
            index=_exact(price),
            debt=Decimal(0),
            interest=Decimal(0),
        )
        return _snapshot(rules, assets=(owed, held))

    def price_of(measure: Measure, value: float) -> float | None:
        match measure:
            case Measure.DISTANCE:
                return LIQUIDATION / (1 - value / 100) if value < 100 else None  # noqa: PLR2004 - percent of the price
            case Measure.MARGIN_LEVEL:
                return value / 100
            case Measure.HEALTH:
                return 1 + (LIQUIDATION - 1) * value

    return Sample(
        family=Family.DEBT_RATIO,
        at=at,
        price_of=price_of,
        liquidated_at=LIQUIDATION,
        far=LIQUIDATION / (1 - FAR_DISTANCE / 100),
    )


# the venue's own verdict, given directly
def _reported() -> Sample:
    def at(price: float) -> Snapshot:
        says = VenueSays(ratio=VenueRatio(name="health", value=_exact(price)))
        return _snapshot(Rules(family=Family.REPORTED), venue_says={POOL: says})

    def price_of(measure: Measure, value: float) -> float | None:
        return value if measure is Measure.HEALTH else None

    return Sample(family=Family.REPORTED, at=at, price_of=price_of, liquidated_at=1.0, far=1000.0)


SAMPLES = (
    _linear(Family.LINEAR_POOL),
    _linear(Family.HAIRCUT_POOL),
    _inverse(),
    _borrowed(),
    _reported(),
)
