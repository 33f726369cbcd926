"""Advice: doing what it says brings the pool to its target, and no less would do."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import RULES, borrowed, position, single, unified
from watcher.domain.account import Asset, Family, Rules, Side, Snapshot, Weight
from watcher.domain.alert import Measure, Tier
from watcher.domain.report import PoolReport
from watcher.margin import evaluate, with_closed, with_repaid, with_top_up
from watcher.policy import lines
from watcher.policy.advice import Advice, advise, target_of
from watcher.policy.readings import Reading, read, value_of


def judged(snapshot: Snapshot, pool: str) -> tuple[PoolReport, Reading]:
    report = next(p for p in evaluate(snapshot).pools if p.pool == pool)
    found = read(report, RULES)
    assert found is not None
    return report, found


def advice_for(snapshot: Snapshot, pool: str, tier: Tier | None = None) -> Advice | None:
    report, found = judged(snapshot, pool)
    return advise(snapshot, report, found, tier or found.tier, betas={})


def value_after(snapshot: Snapshot, pool: str, measure: Measure) -> float:
    report, _ = judged(snapshot, pool)
    value = value_of(report, measure)
    assert value is not None
    return value


@pytest.mark.parametrize("distance", [0.5, 2.0, 4.0, 5.9, 8.0, 11.9])
def test_adding_what_it_says_reaches_the_target_and_hardly_more(distance: float) -> None:
    snapshot = single(distance)
    advice = advice_for(snapshot, "cross:USDT")
    assert advice is not None
    assert advice.add is not None
    amount, asset = advice.add

    reached = value_after(
        with_top_up(snapshot, "cross:USDT", asset, amount), "cross:USDT", Measure.DISTANCE
    )
    less = value_after(
        with_top_up(snapshot, "cross:USDT", asset, amount * Decimal("0.97")),
        "cross:USDT",
        Measure.DISTANCE,
    )

    assert reached >= advice.target - 1e-6
    assert less < advice.target


@pytest.mark.parametrize("usdt", [13_000, 16_000, 20_000])
def test_closing_what_it_says_reaches_the_target(usdt: float) -> None:
    snapshot = unified(usdt=usdt)
    advice = advice_for(snapshot, "unified")
    assert advice is not None
    assert advice.closing is not None
    held = next(p for p in snapshot.positions if p.underlying == advice.closing.unit)

    closed = with_closed(snapshot, "unified", held.symbol, held.side, advice.closing.amount)

    assert value_after(closed, "unified", Measure.DISTANCE) >= advice.target - 1e-6


def test_targets_are_the_warning_line_or_the_watch_line() -> None:
    for distance, target in ((2.0, 12.0), (5.0, 12.0), (10.0, 20.0)):
        _, found = judged(single(distance), "cross:USDT")
        assert target_of(found, found.tier) == target
    _, found = judged(single(15.0), "cross:USDT")
    assert target_of(found, Tier.WATCH) is None


def test_a_tier_only_held_gets_no_advice() -> None:
    assert advice_for(single(19.4), "cross:USDT", Tier.CRITICAL) is None


def test_amounts_for_people_are_round() -> None:
    advice = advice_for(unified(), "unified")

    assert advice is not None
    assert advice.add is not None
    amount, asset = advice.add
    assert asset == "USDT"
    assert amount == amount.to_integral_value()
    assert len(str(amount.normalize().as_tuple().digits).split(",")) <= 5
    assert advice.closing is not None
    assert advice.closing.amount % Decimal("0.1") == 0


def test_a_wallet_that_suffices_is_enough_and_one_that_does_not_says_what_it_brings() -> None:
    rich = advice_for(unified(funding="500000"), "unified")
    poor = advice_for(unified(funding="5000"), "unified")
    assert rich is not None
    assert poor is not None
    assert rich.spare is not None
    assert poor.spare is not None

    assert rich.spare.enough
    assert not poor.spare.enough
    after = with_top_up(unified(funding="5000"), "unified", "USDT", Decimal(5000))
    assert poor.spare.brings == pytest.approx(
        value_after(after, "unified", Measure.DISTANCE), abs=1e-9
    )


def test_a_wallet_that_changes_nothing_is_not_mentioned() -> None:
    advice = advice_for(unified(funding="1"), "unified")

    assert advice is not None
    assert advice.spare is None


def test_a_borrower_is_told_to_bring_what_he_owes() -> None:
    snapshot = borrowed(125)
    advice = advice_for(snapshot, "margin")
    assert advice is not None
    assert advice.add is not None
    amount, asset = advice.add

    assert (asset, advice.measure, advice.target) == ("USDT", Measure.MARGIN_LEVEL, 150.0)
    after = with_top_up(snapshot, "margin", asset, amount)
    assert value_after(after, "margin", Measure.MARGIN_LEVEL) >= 150 - 1e-6


@pytest.mark.parametrize("level", [112, 125, 140])
def test_a_borrower_may_repay_less_than_he_would_have_to_add(level: float) -> None:
    snapshot = borrowed(level)
    advice = advice_for(snapshot, "margin", Tier.CRITICAL)
    assert advice is not None
    assert advice.add is not None
    assert advice.repay is not None
    assert float(advice.repay) == pytest.approx(float(advice.add[0]) / 1.5, rel=1e-3)

    enough = with_repaid(snapshot, "margin", "USDT", advice.repay)
    less = with_repaid(snapshot, "margin", "USDT", advice.repay * Decimal("0.99"))
    assert value_after(enough, "margin", Measure.MARGIN_LEVEL) >= 150 - 1e-6
    assert value_after(less, "margin", Measure.MARGIN_LEVEL) < 150
    said = [str(row) for row in lines.ways_back(advice)]
    assert any(f"or repay {advice.repay:,f} USDT from outside" in row for row in said)


def test_only_what_is_owed_can_be_repaid() -> None:
    advice = advice_for(single(5.0), "cross:USDT")

    assert advice is not None
    assert advice.repay is None


def test_an_isolated_position_is_helped_in_its_own_margin() -> None:
    pool = "isolated:BTCUSDT:long"
    held = position(quantity="1", entry="1000", mark="1000", pool=pool, isolated_margin="50")
    snapshot = replace(
        unified(),
        assets=(),
        positions=(held,),
        rules={pool: Rules(family=Family.LINEAR_POOL)},
        venue_says={},
    )
    advice = advice_for(snapshot, pool)
    assert advice is not None
    assert advice.add is not None

    after = with_top_up(snapshot, pool, "USDT", advice.add[0])

    assert value_after(after, pool, Measure.DISTANCE) >= advice.target - 1e-6


@pytest.mark.parametrize("busy", [False, True])
def test_an_isolated_position_is_offered_what_is_idle_in_its_cross_wallet(*, busy: bool) -> None:
    pool = "isolated:BTCUSDT:long"
    held = position(quantity="1", entry="1000", mark="1000", pool=pool, isolated_margin="50")
    other = position(symbol="ETHUSDT", quantity="1", entry="10", mark="10", pool="cross:USDT")
    snapshot = replace(
        unified(),
        assets=(Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(400), index=Decimal(1)),),
        positions=(held, other) if busy else (held,),
        rules=dict.fromkeys([pool, "cross:USDT"], Rules(family=Family.LINEAR_POOL)),
        venue_says={},
        wallets={"funding": {"USDT": Decimal(3)}},
    )
    advice = advice_for(snapshot, pool)
    assert advice is not None
    assert advice.spare is not None

    assert (advice.spare.wallet, advice.spare.amount) == (
        ("funding", 3) if busy else ("cross", 400)
    )
    assert advice.spare.enough is not busy


def test_a_short_hedge_is_never_the_one_to_close() -> None:
    one = unified()
    hedge = replace(
        position("ETHUSDT", underlying="ETH", side=Side.SHORT, quantity="5", mark="3000"),
        entry=Decimal(3000),
    )
    snapshot = replace(one, positions=(*one.positions, hedge))

    advice = advice_for(snapshot, "unified")

    assert advice is not None
    assert advice.closing is None or advice.closing.unit != "ETH"


def test_worthless_collateral_is_called_too_weak() -> None:
    one = unified()
    dust = Asset(
        pool="unified",
        asset="USDT",
        wallet=Decimal(16_000),
        index=Decimal(1),
        weights=(Weight(), Weight(floor=Decimal(500), weight=Decimal(0))),
    )
    snapshot = replace(one, assets=(dust,))

    advice = advice_for(snapshot, "unified")

    assert advice is not None
    assert advice.add is None
    assert advice.hopeless == "USDT"
    assert advice.spare is None
    assert advice.closing is not None


def test_small_positions_are_closed_in_their_own_lots() -> None:
    small = position(quantity="0.012", entry="113000", mark="113420")
    snapshot = replace(
        unified(usdt=60),
        positions=(small,),
        assets=(replace(unified().assets[0], wallet=Decimal(60)),),
    )

    advice = advice_for(snapshot, "unified")

    assert advice is not None
    assert advice.closing is not None
    assert advice.closing.amount % Decimal("0.001") == 0


@pytest.mark.parametrize(
    ("held", "step"),
    [("1.523", "0.01"), ("1.5", "0.1"), ("1", "0.1"), ("7", "0.1"), ("50", "1"), ("1000", "10")],
)
def test_no_more_is_closed_than_a_lot_above_what_is_needed(held: str, step: str) -> None:
    """A step is a hundredth of the position, unless the position shows that lots are coarser."""
    wallet = 17_000 * Decimal(held) / 2
    snapshot = replace(
        unified(),
        positions=(position(quantity=held, entry="113000", mark="113420"),),
        assets=(replace(unified().assets[0], wallet=wallet),),
    )
    advice = advice_for(snapshot, "unified")
    assert advice is not None
    assert advice.closing is not None
    amount = advice.closing.amount

    short = with_closed(snapshot, "unified", "BTCUSDT", Side.LONG, amount - Decimal(step))

    assert amount % Decimal(step) == 0
    assert value_after(short, "unified", Measure.DISTANCE) < advice.target


def test_a_pool_only_the_venue_computes_gets_no_advice() -> None:
    report, found = judged(single(5), "cross:USDT")
    told = replace(report, status=type(report.status).REPORTED)

    assert advise(single(5), told, found, Tier.CRITICAL, betas={}) is None
