"""What-if: repricing, topping up and closing give snapshots the engine reads like any other."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.examples.build import (
    POOL,
    coin,
    debt_ratio,
    haircut,
    inverse,
    leg,
    linear,
    report,
    snapshot,
)
from watcher.domain.account import (
    Asset,
    Bracket,
    Claim,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
    Weight,
)
from watcher.domain.alert import Measure
from watcher.margin import (
    BookError,
    evaluate,
    prices_after,
    repayable,
    repriced,
    required_close,
    required_repay,
    required_top_up,
    with_closed,
    with_moved,
    with_repaid,
    with_top_up,
)

LONG_BTC = leg({"symbol": "BTCUSDT", "entry": 60_000, "quantity": 1, "mmr": "0.01"})
ACCOUNT = snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC])
DOUBTED = replace(
    ACCOUNT,
    venue_says={
        POOL: VenueSays(
            equity=Decimal(6_000),
            maintenance_margin=Decimal(1_200),
            ratio=VenueRatio(name="marginRatio", value=Decimal("0.2")),
        )
    },
)
UNIFIED = snapshot(
    haircut(), [coin("USDT", 0), coin("BTC", 1, index=60_000, weight="0.95")], [LONG_BTC]
)


def test_a_price_move_moves_marks_and_indices_of_the_named_coin_only() -> None:
    moved = repriced(UNIFIED, {"BTC": 0.9})

    assert moved.positions[0].mark == 54_000
    assert [a.index for a in moved.assets] == [1, 54_000]
    assert report(moved).equity == pytest.approx(54_000 * 0.95 - 6_000)


def test_staked_coins_follow_unless_named_themselves() -> None:
    account = snapshot(haircut(), [coin("WBETH", 1, index=3_000)])

    assert repriced(account, {"ETH": 0.5}).assets[0].index == 1_500
    assert repriced(account, {"ETH": 0.5, "WBETH": 0.9}).assets[0].index == 2_700


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_no_price_is_refused(factor: float) -> None:
    with pytest.raises(BookError, match="BTC: price factor"):
        repriced(UNIFIED, {"BTC": factor})


def test_repricing_to_the_liquidation_price_leaves_no_headroom() -> None:
    for account in (ACCOUNT, UNIFIED, DOUBTED):
        price = report(account).positions[0].liquidation_price
        assert price is not None
        there = report(repriced(account, {"BTC": price / 60_000}))
        assert there.health == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("factor", "asked"), [(1.1, "1600"), (0.9, "1000"), (1.0, "1000")])
def test_a_claim_grows_as_its_coin_moves_against_it_and_never_shrinks(
    factor: float, asked: str
) -> None:
    sold = Claim(
        pool=POOL,
        name="BTC-26DEC26-90000-C",
        settle="USDT",
        amount=Decimal(1000),
        underlying="BTC",
        price=Decimal(60_000),
        growth_up=Decimal("0.1"),
    )
    account = replace(snapshot(haircut(), [coin("USDT", 2000)]), claims=(sold,))

    moved = repriced(account, {"BTC": factor})

    (claim,) = moved.claims
    assert claim.amount == Decimal(asked)
    assert report(moved).requirement == pytest.approx(float(asked))
    alone = report(account).underlyings[0]
    assert (alone.underlying, alone.liquidation_down) == ("BTC", None)
    assert alone.liquidation_up == pytest.approx(70_000)


def test_a_what_if_keeps_the_venues_doubt() -> None:
    """Ours is 10x, the venue says 5x: after the same top-up both rise, and the gap stays."""
    before, after = report(DOUBTED), report(with_top_up(DOUBTED, POOL, "USDT", Decimal(600)))

    assert before.health == pytest.approx(5)
    assert after.health == pytest.approx(6)
    assert after.equity == pytest.approx(6_600)


def test_a_venue_that_sees_nothing_left_is_not_forgotten_by_a_what_if() -> None:
    """Its ratio has no value then; ours of today must not come back through a what-if."""
    says = {POOL: VenueSays(ratio=VenueRatio(name="marginRatio", value=Decimal(-1)))}
    account = replace(ACCOUNT, venue_says=says)
    assert report(account).health == -math.inf

    same = report(with_top_up(account, POOL, "USDT", Decimal(1)))
    assert same.health is not None
    assert same.health < 0.01
    more = report(with_top_up(account, POOL, "USDT", Decimal(1_200)))
    assert more.health == pytest.approx(1_200 / 600)


def test_a_top_up_of_an_isolated_position_grows_its_margin() -> None:
    lone = snapshot(linear(), [], [replace(LONG_BTC, isolated_margin=Decimal(3_000))])
    after = with_top_up(lone, POOL, "USDT", Decimal(500))

    assert after.positions[0].isolated_margin == 3_500
    assert required_top_up(lone, POOL, "USDT", Measure.HEALTH, 10) == pytest.approx(3_000)
    assert required_top_up(lone, POOL, "BTC", Measure.HEALTH, 10) is None


def test_a_top_up_in_a_currency_the_pool_has_none_of_uses_its_row_elsewhere() -> None:
    other = Asset(
        pool="funding", asset="ETH", wallet=Decimal(5), index=Decimal(3_000),
        weights=(Weight(weight=Decimal("0.9")),),
    )  # fmt: skip
    account = replace(
        UNIFIED, assets=(*UNIFIED.assets, other), rules={**UNIFIED.rules, "funding": haircut()}
    )
    before, after = report_of(account), report_of(with_top_up(account, POOL, "ETH", Decimal(2)))

    assert after - before == pytest.approx(2 * 3_000 * 0.9)
    with pytest.raises(BookError, match="pool XRP"):
        with_top_up(account, POOL, "XRP", Decimal(2))
    with pytest.raises(BookError, match="nowhere: no such pool"):
        with_top_up(account, "nowhere", "ETH", Decimal(2))


def report_of(account: Snapshot) -> float:
    equity = evaluate(account).pools[0].equity
    assert equity is not None
    return equity


def test_closing_at_the_mark_changes_no_equity_and_frees_requirement() -> None:
    winning = replace(LONG_BTC, entry=Decimal(50_000))
    account = snapshot(linear(), [coin("USDT", 6_000)], [winning])
    half = with_closed(account, POOL, "BTCUSDT", Side.LONG, Decimal("0.5"))
    gone = with_closed(account, POOL, "BTCUSDT", Side.LONG, Decimal(1))

    assert half.assets[0].wallet == 11_000
    assert [report(s).equity for s in (account, half, gone)] == pytest.approx([16_000] * 3)
    assert report(half).requirement == pytest.approx(300)
    assert gone.positions == ()


def test_closing_an_inverse_position_pays_in_coin() -> None:
    position = leg(
        {"symbol": "BTCUSD", "entry": 50_000, "mark": 40_000, "quantity": 100, "contract_usd": 100},
        inverse=True,
        settle="BTC",
    )
    account = snapshot(inverse(), [coin("BTC", 1, index=40_000)], [position])
    closed = with_closed(account, POOL, "BTCUSD", Side.LONG, Decimal(100))

    assert closed.assets[0].wallet == Decimal("0.95")


def test_closing_part_of_an_isolated_position_gives_back_its_margin() -> None:
    lone = snapshot(linear(), [], [replace(LONG_BTC, isolated_margin=Decimal(3_000))])
    half = with_closed(lone, POOL, "BTCUSDT", Side.LONG, Decimal("0.5"))

    assert half.positions[0].isolated_margin == 1_500
    assert report(half).health == pytest.approx(report(lone).health)
    assert required_close(lone, POOL, "BTCUSDT", Side.LONG, Measure.DISTANCE, 30) == 1


def test_closing_releases_the_used_margin_it_had_locked() -> None:
    held = replace(LONG_BTC, initial_margin=Decimal(3_000))
    says = VenueSays(used_margin=Decimal(4_000))
    account = snapshot(linear(), [coin("USDT", 6_000)], [held], venue_says={POOL: says})
    half = with_closed(account, POOL, "BTCUSDT", Side.LONG, Decimal("0.5"))

    assert report(account).margin_level == pytest.approx(150)
    assert report(half).margin_level == pytest.approx(240)
    contracts = required_close(account, POOL, "BTCUSDT", Side.LONG, Measure.MARGIN_LEVEL, 240)
    assert contracts == pytest.approx(0.5)


@pytest.mark.parametrize("quantity", ["-1", "2"])
def test_no_more_can_be_closed_than_is_open(quantity: str) -> None:
    with pytest.raises(BookError, match="cannot close"):
        with_closed(ACCOUNT, POOL, "BTCUSDT", Side.LONG, Decimal(quantity))
    with pytest.raises(BookError, match="no short position"):
        with_closed(ACCOUNT, POOL, "BTCUSDT", Side.SHORT, Decimal(1))


def test_closing_the_protecting_leg_is_no_advice() -> None:
    hedge = leg({"symbol": "BTCUSDT", "side": "short", "entry": 60_000, "quantity": "0.6"})
    account = snapshot(linear(), [coin("USDT", 3_000)], [LONG_BTC, hedge])
    target = 1.5 * (report(account).tier_distance or 0)

    close = {
        side: required_close(account, POOL, "BTCUSDT", side, Measure.DISTANCE, target)
        for side in Side
    }

    assert close[Side.SHORT] is None
    assert close[Side.LONG] is not None


def test_nothing_is_required_where_the_target_is_met_or_nothing_is_at_stake() -> None:
    idle = snapshot(linear(), [coin("USDT", 6_000)])

    assert required_top_up(ACCOUNT, POOL, "USDT", Measure.HEALTH, 5) == 0
    assert required_close(ACCOUNT, POOL, "BTCUSDT", Side.LONG, Measure.DISTANCE, 5) == 0
    assert required_top_up(idle, POOL, "USDT", Measure.DISTANCE, 50) == 0


def test_an_asset_worthless_at_the_target_is_no_remedy() -> None:
    """With beta 2 the coin is gone at -50 %: no amount of it holds a pool there."""
    betas = {"SOL": 2.0}
    account = replace(
        ACCOUNT, rules={POOL: haircut()}, assets=(*ACCOUNT.assets, coin("SOL", 1, index=150))
    )

    assert required_top_up(account, POOL, "SOL", Measure.DISTANCE, 50, betas=betas) is None
    assert required_top_up(account, POOL, "SOL", Measure.DISTANCE, 30, betas=betas) is not None


def test_pools_that_are_not_computed_get_no_advice() -> None:
    account = replace(ACCOUNT, unmodelled={POOL: "holds an option"})

    assert required_top_up(account, POOL, "USDT", Measure.HEALTH, 50) is None
    assert required_close(account, POOL, "BTCUSDT", Side.LONG, Measure.HEALTH, 50) is None


def test_a_debt_pool_reaches_its_level() -> None:
    account = snapshot(debt_ratio(), [coin("BTC", 10, index=50_000), coin("USDC", 0, debt=400_000)])
    amount = required_top_up(account, POOL, "USDC", Measure.MARGIN_LEVEL, 150)

    assert amount == pytest.approx(100_000)


def test_prices_after_a_joint_move_are_the_marks_along_the_betas() -> None:
    account = replace(UNIFIED, assets=(*UNIFIED.assets, coin("SOL", 3, index=150)))

    assert prices_after(account, POOL, 10, down=True) == pytest.approx({"BTC": 54_000, "SOL": 135})
    assert prices_after(account, POOL, 10, down=False, betas={"SOL": 1.5}) == pytest.approx(
        {"BTC": 66_000, "SOL": 172.5}
    )
    with pytest.raises(BookError, match="nowhere"):
        prices_after(account, "nowhere", 10, down=True)


def test_what_moves_between_two_pools_is_neither_made_nor_lost() -> None:
    made = _two_pools()

    after = with_moved(made, "cross:USDT", "isolated:BTCUSDT:long", "USDT", Decimal(40))

    (cash,), (held,) = after.assets, after.positions
    assert (cash.wallet, held.isolated_margin) == (Decimal(60), Decimal(140))
    assert with_moved(made, "cross:USDT", "isolated:BTCUSDT:long", "USDT", Decimal(0)) == made


@pytest.mark.parametrize("amount", ["100.01", "-1"])
def test_a_pool_gives_no_more_than_it_holds(amount: str) -> None:
    with pytest.raises(BookError, match=f"cannot move {amount} of 100"):
        with_moved(_two_pools(), "cross:USDT", "isolated:BTCUSDT:long", "USDT", Decimal(amount))


def test_repaying_from_inside_takes_from_the_balance_and_interest_first() -> None:
    made = _owing(wallet="500", debt="300", interest="20", frozen="50")

    assert repayable(made, "margin", "USDT") == Decimal(320)
    assert repayable(_owing(wallet="200", debt="300", frozen="50"), "margin", "USDT") == 150
    assert repayable(_owing(wallet="20", debt="300", frozen="50"), "margin", "USDT") == 0
    assert repayable(made, "margin", "BTC") == 0
    for amount, left in (("10", ("490", "300", "10")), ("120", ("380", "200", "0"))):
        (row, *_) = with_repaid(made, "margin", "USDT", Decimal(amount), inside=True).assets
        assert (row.wallet, row.debt, row.interest) == tuple(map(Decimal, left))
    (row, *_) = with_repaid(made, "margin", "USDT", Decimal(1000), inside=True).assets
    assert (row.wallet, row.debt, row.interest) == (Decimal(180), Decimal(0), Decimal(0))


def test_a_repayment_is_sized_exactly_or_not_at_all() -> None:
    made = _owing(wallet="500", debt="1000", coins="1300")

    # (1,800 - x) / (1,000 - x) = 2
    needed = required_repay(made, "margin", "USDT", Measure.MARGIN_LEVEL, 200.0)
    assert needed == pytest.approx(200)
    assert required_repay(made, "margin", "USDT", Measure.MARGIN_LEVEL, 150.0) == 0
    # all 500 bring (1,300) / (500) and no more
    assert required_repay(made, "margin", "USDT", Measure.MARGIN_LEVEL, 260.1) is None
    nothing = _owing(wallet="0", debt="1000", coins="1800")
    assert required_repay(nothing, "margin", "USDT", Measure.MARGIN_LEVEL, 200.0) is None


def _two_pools() -> Snapshot:
    held = Position(
        pool="isolated:BTCUSDT:long",
        symbol="BTCUSDT",
        underlying="BTC",
        side=Side.LONG,
        quantity=Decimal(1),
        entry=Decimal(1000),
        mark=Decimal(1000),
        settle="USDT",
        isolated_margin=Decimal(100),
        brackets=(Bracket(floor=Decimal(0), rate=Decimal("0.005")),),
    )
    rules = Rules(family=Family.LINEAR_POOL)
    return Snapshot(
        venue="test",
        account="test",
        mode="test",
        taken_at_us=0,
        reference="USD",
        rules={"cross:USDT": rules, held.pool: rules},
        assets=(Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(100), index=Decimal(1)),),
        positions=(held,),
    )


def _owing(
    *, wallet: str, debt: str, interest: str = "0", frozen: str = "0", coins: str = "5000"
) -> Snapshot:
    rules = Rules(family=Family.DEBT_RATIO, liquidation_level=Decimal("1.1"))
    owed = Asset(
        pool="margin",
        asset="USDT",
        wallet=Decimal(wallet),
        index=Decimal(1),
        debt=Decimal(debt),
        interest=Decimal(interest),
        frozen=Decimal(frozen),
    )
    coin = Asset(pool="margin", asset="BTC", wallet=Decimal(1), index=Decimal(coins))
    return Snapshot(
        venue="test",
        account="test",
        mode="test",
        taken_at_us=0,
        reference="USD",
        rules={"margin": rules},
        assets=(owed, coin),
    )
