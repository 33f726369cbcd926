"""Each family by hand: small accounts whose figures fit on the back of an envelope."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.examples.build import (
    POOL,
    coin,
    debt_ratio,
    dec,
    haircut,
    inverse,
    leg,
    linear,
    report,
    snapshot,
    table,
)
from watcher.domain.account import (
    BracketKey,
    BracketKind,
    Family,
    Order,
    Position,
    Rules,
    Side,
    VenueRatio,
    VenueSays,
    Weight,
)
from watcher.domain.report import Status
from watcher.margin import BookError, evaluate
from watcher.margin.opinion import venue_health

LONG_BTC = leg({"symbol": "BTCUSDT", "entry": 60_000, "quantity": 1, "mmr": "0.01"})


def eth(side: str, quantity: object, entry: object = 3_000) -> Position:
    return leg(
        {"symbol": "ETHUSDT", "side": side, "quantity": quantity, "entry": entry, "mmr": "0.01"}
    )


def test_a_long_is_liquidated_below_and_a_short_above_the_mark() -> None:
    short = leg({"side": "short", "entry": 60_000, "mmr": "0.01"})
    below = report(snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC])).positions[0]
    above = report(snapshot(linear(), [coin("USDT", 6_000)], [short])).positions[0]

    # 6,000 + (p - 60,000) = 0.01 p, and 6,000 - (p - 60,000) = 0.01 p
    assert below.liquidation_price == pytest.approx(54_000 / 0.99, rel=1e-12)
    assert above.liquidation_price == pytest.approx(66_000 / 1.01, rel=1e-12)
    assert below.bankruptcy_price == pytest.approx(54_000, rel=1e-12)
    assert below.distance == pytest.approx(100 * (1 - 54_000 / 0.99 / 60_000), rel=1e-10)


def test_a_pair_is_blind_to_everything_falling_but_not_to_one_coin() -> None:
    """Long 10 ETH, short 0.5 BTC, 2,000 USDT: all down never ends it, BTC alone does at +5.4 %."""
    short_btc = leg({"side": "short", "entry": 60_000, "quantity": "0.5", "mmr": "0.0025"})
    pool = report(snapshot(linear(), [coin("USDT", 2_000)], [eth("long", 10), short_btc]))

    assert pool.joint_down is None
    assert pool.worst_path == "BTC up"
    # 2,000 - 30,000 x = 300 + 75 (1 + x)
    assert pool.tier_distance == pytest.approx(100 * 1_625 / 30_075)


def test_stable_coins_stand_still_when_everything_falls() -> None:
    assets = [coin("USDT", 10_000), coin("USDC", 10_000)]
    pool = report(snapshot(haircut(), assets, [LONG_BTC]))

    # 20,000 + (p - 60,000) = 0.01 p
    assert pool.joint_down == pytest.approx(100 * (1 - 40_000 / 0.99 / 60_000), rel=1e-10)
    assert set(pool.depeg) == {"USDT", "USDC"}


def test_a_beta_stretches_the_joint_path() -> None:
    account = snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC])
    plain, double = (evaluate(account, betas=b).pools[0] for b in ({}, {"BTC": 2.0}))

    assert plain.joint_down is not None
    assert double.joint_down == pytest.approx(plain.joint_down / 2, rel=1e-10)
    assert double.underlyings == plain.underlyings


def test_staked_coins_fall_with_their_coin() -> None:
    """Collateral in WBETH is ETH for the path of ETH alone."""
    dollars, leg_of_eth = coin("USDT", 0), eth("long", 10)
    staked = report(snapshot(haircut(), [dollars, coin("WBETH", 10, index=3_000)], [leg_of_eth]))
    plain = report(snapshot(haircut(), [dollars, coin("ETH", 10, index=3_000)], [leg_of_eth]))

    assert staked.tier_distance == pytest.approx(plain.tier_distance)
    assert staked.tier_distance == pytest.approx(100 * (1 - 1 / 1.99))
    assert [u.underlying for u in staked.underlyings] == ["ETH"]


def test_collateral_of_the_same_coin_brings_liquidation_closer() -> None:
    """Both the position and what backs it fall: the curved joint path of the lab's second trap."""
    position = replace(LONG_BTC, settle="USDT")
    pool = report(snapshot(haircut(), [coin("BTC", 1, index=60_000), coin("USDT", 0)], [position]))

    # p + (p - 60,000) = 0.01 p
    assert pool.positions[0].liquidation_price == pytest.approx(60_000 / 1.99, rel=1e-12)


def test_a_negative_bucket_counts_in_full_at_the_ask_and_raises_the_requirement() -> None:
    usdt = replace(coin("USDT", -1_000, weight="0.9"), ask=Decimal("1.05"))
    rules = haircut(borrow_brackets={"USDT": table([(0, "0.04"), (500, "0.10")])})
    pool = report(snapshot(rules, [usdt, coin("BTC", 1, index=60_000)]))

    assert pool.equity == pytest.approx(60_000 - 1_050)
    assert pool.requirement == pytest.approx(500 * 0.04 + 500 * 0.10)


def test_a_flat_borrow_table_puts_the_reached_rate_on_all_of_the_debt() -> None:
    rules = haircut(
        borrow_brackets={"USDT": table([(0, "0.04"), (500, "0.10")])},
        borrow_bracket_kind=BracketKind.FLAT,
    )
    pool = report(snapshot(rules, [coin("USDT", -1_000), coin("BTC", 1, index=60_000)]))

    assert pool.requirement == pytest.approx(100)


def test_what_orders_hold_back_beyond_the_balance_is_borrowed_already() -> None:
    """OKX: two BTC held, an order that sells four: the other two ask for their margin now."""
    rules = haircut(borrow_brackets={"BTC": table([(0, "0.03")])})
    btc = replace(coin("BTC", 2, index=100_000), frozen=Decimal(4))
    pool = report(snapshot(rules, [btc]))

    assert pool.equity == pytest.approx(200_000)
    assert pool.requirement == pytest.approx(2 * 100_000 * 0.03)


def test_the_fee_on_a_debt_is_required_beside_its_maintenance() -> None:
    rules = haircut(
        borrow_brackets={"USDT": table([(0, "0.03")])}, borrow_fee_rate=Decimal("0.001")
    )
    pool = report(snapshot(rules, [coin("USDT", -30_000), coin("BTC", 1, index=60_000)]))

    assert pool.maintenance_margin == pytest.approx(900)
    assert pool.requirement == pytest.approx(900 + 30_900 * 0.001)


def test_debt_told_beside_the_wallet_is_taken_off_the_bucket() -> None:
    usdt = replace(coin("USDT", 5_000, debt=2_000), interest=Decimal(10))
    pool = report(snapshot(haircut(), [usdt, coin("BTC", 1, index=60_000)]))

    assert pool.equity == pytest.approx(60_000 + 2_990)


def test_a_coin_pool_reads_in_coin_and_is_solved_as_in_usd() -> None:
    position = leg(
        {"symbol": "BTCUSD", "entry": 50_000, "quantity": 100, "contract_usd": 100, "mmr": "0.01"},
        inverse=True,
        settle="BTC",
    )
    pool = report(snapshot(inverse(), [coin("BTC", "0.05", index=50_000)], [position]))
    (only,) = pool.positions

    assert pool.reference == "BTC"
    assert pool.equity == pytest.approx(0.05)
    assert pool.requirement == pytest.approx(0.002)
    # 0.05 + 10,000/50,000 - 10,000/p = 0.01 * 10,000/p
    assert only.liquidation_price == pytest.approx(10_100 / 0.25, rel=1e-12)


@pytest.mark.parametrize(("rule", "requirement"), [("sum", 60.0), ("net", 20.0), ("max", 40.0)])
def test_hedge_rules(rule: str, requirement: float) -> None:
    legs = [
        eth("long", 2 * Decimal(2) / 3, 3_000),
        eth("short", Decimal(2) / 3, 3_000),
    ]
    pool = report(snapshot(linear(hedge=rule), [coin("USDT", 500)], legs))

    assert pool.requirement == pytest.approx(requirement)


def test_both_legs_of_a_hedge_share_one_price() -> None:
    pool = report(
        snapshot(linear(), [coin("USDT", 2_000)], [eth("long", 3), eth("short", 1, 2_900)])
    )

    long, short = pool.positions
    assert long.liquidation_price is not None
    assert long.liquidation_price < 3_000
    assert short.liquidation_price == pytest.approx(long.liquidation_price * 2_900 / 3_000)


def test_a_hedge_whose_leading_side_may_flip_is_not_computed() -> None:
    legs = [eth("long", 1), replace(eth("short", 1), brackets=table([(0, "0.02")]))]
    pool = report(snapshot(linear(hedge="max"), [coin("USDT", 500)], legs))

    assert pool.status is Status.PARTIAL
    assert pool.why is not None
    assert "ETHUSDT" in pool.why


def test_a_flat_table_jumps_and_the_crossing_is_on_the_jump() -> None:
    """Short: as the price rises the notional passes 70,000 and the rate goes from 1 to 50 %."""
    brackets = table([(0, "0.01"), (70_000, "0.5")])
    short = leg(
        {"side": "short", "entry": 60_000},
        brackets=brackets,
        bracket_kind=BracketKind.FLAT,
    )
    pool = report(snapshot(linear(), [coin("USDT", 20_000)], [short]))

    assert pool.positions[0].liquidation_price == pytest.approx(70_000, rel=1e-12)


def test_a_dip_below_zero_that_recovers_is_found() -> None:
    """Long, flat table with a bulge: falling leaves the dear bracket again, too late."""
    brackets = table([(0, "0.01"), (50_000, "0.4"), (55_000, "0.01")])
    long = leg({"entry": 60_000}, brackets=brackets, bracket_kind=BracketKind.FLAT)
    pool = report(snapshot(linear(), [coin("USDT", 20_000)], [long]))

    # at 55,000 headroom falls from 14,450 to -7,000, at 50,000 it is back at 9,500
    assert pool.positions[0].liquidation_price == pytest.approx(55_000, rel=1e-12)


def test_a_bracket_in_contracts_does_not_move_with_the_price() -> None:
    position = leg(
        {"symbol": "BTCUSDT", "entry": 60_000, "quantity": 16_000, "ct_val": "0.01"},
        brackets=table([(0, "0.004"), (15_000, "0.005")]),
        bracket_key=BracketKey.CONTRACTS,
        bracket_kind=BracketKind.FLAT,
    )
    pool = report(snapshot(linear(), [coin("USDT", 10**6)], [position]))

    assert pool.requirement == pytest.approx(16_000 * 0.01 * 60_000 * 0.005)
    assert pool.underlyings[0].liquidation_down == pytest.approx(8_600_000 / 160 / 0.995)


def test_fees_beside_the_margin_raise_the_requirement_only() -> None:
    position = replace(LONG_BTC, fee_rate=Decimal("0.0005"))
    inside = report(snapshot(linear(), [coin("USDT", 6_000)], [position]))
    beside = report(snapshot(linear(fee_in="requirement"), [coin("USDT", 6_000)], [position]))

    assert (inside.maintenance_margin, inside.requirement) == (630, 630)
    assert (beside.maintenance_margin, beside.requirement) == (600, 630)
    assert beside.positions[0].maintenance_margin == 600


def test_an_order_that_would_fill_at_a_loss_lowers_equity() -> None:
    bid = Order(
        pool=POOL,
        symbol="BTCUSDT",
        underlying="BTC",
        side=Side.LONG,
        quantity=Decimal(1),
        price=Decimal(60_100),
        mark=Decimal(60_000),
        settle="USDT",
    )
    account = snapshot(haircut(orders_in="equity"), [coin("USDT", 6_000)], [LONG_BTC])

    assert report(replace(account, orders=(bid,))).equity == pytest.approx(5_900)
    assert report(account).equity == pytest.approx(6_000)


def test_borrowed_coins_are_liquidated_at_the_level_of_the_account() -> None:
    assets = [coin("BTC", 10, index=50_000), coin("USDC", 0, debt=400_000)]
    pool = report(snapshot(debt_ratio("1.1"), assets))

    assert pool.health == pytest.approx((1.25 - 1) / (1.1 - 1))
    assert pool.margin_level == pytest.approx(125)
    assert pool.stages == {"call": 130.0, "liquidation": pytest.approx(110)}
    assert pool.worst_path == "BTC down"
    assert pool.tier_distance == pytest.approx(12)
    # USDC may also rise against the dollar: 500,000 = 1.1 * 400,000 * f
    assert pool.depeg["USDC"] == pytest.approx(100 * (500 / 440 - 1))


@pytest.mark.parametrize("rules", [linear(), haircut(), debt_ratio()])
def test_nothing_at_stake_is_infinitely_healthy_and_nowhere_near(rules: Rules) -> None:
    empty = report(snapshot(rules))
    idle = report(snapshot(rules, [coin("USDT", 100)]))

    for pool in (empty, idle):
        assert pool.status is Status.OK
        assert pool.health == math.inf
        assert pool.tier_distance is None
        assert pool.worst_path is None
        assert pool.joint_down is None


def test_collateral_that_counts_nothing_is_no_danger() -> None:
    pool = report(snapshot(haircut(), [coin("BTC", 1, index=60_000, weight=0)]))

    assert (pool.equity, pool.health, pool.tier_distance) == (0.0, math.inf, None)


def test_distance_is_nought_once_crossed() -> None:
    pool = report(snapshot(linear(), [coin("USDT", -100)], [LONG_BTC]))

    assert pool.tier_distance == 0
    assert pool.positions[0].distance == 0
    assert pool.health is not None
    assert pool.health < 0


def test_negative_equity_without_requirement_is_minus_infinite_health() -> None:
    pool = report(snapshot(linear(), [coin("USDT", -100)]))

    assert (pool.health, pool.tier_distance) == (-math.inf, 0)


def test_the_worse_opinion_rules_and_distances_follow_it() -> None:
    ours = snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC])
    told = VenueSays(ratio=VenueRatio(name="marginRatio", value=Decimal("0.2")))
    plain, doubted = report(ours), report(replace(ours, venue_says={POOL: told}))

    assert plain.health == pytest.approx(10)
    assert doubted.health == pytest.approx(5)
    assert (doubted.equity, doubted.requirement) == (plain.equity, plain.requirement)
    assert doubted.disagreement == pytest.approx(50)
    # equity lowered by 3,000: 3,000 + (p - 60,000) = 0.01 p
    assert doubted.positions[0].liquidation_price == pytest.approx(57_000 / 0.99)
    assert doubted.positions[0].distance == pytest.approx(doubted.tier_distance)


@pytest.mark.parametrize(
    "told",
    [
        VenueSays(equity=Decimal(-5), maintenance_margin=Decimal(0)),
        VenueSays(ratio=VenueRatio(name="marginRatio", value=Decimal(-1))),
    ],
)
def test_a_venue_that_sees_nothing_left_leaves_no_distance(told: VenueSays) -> None:
    pool = report(snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC], venue_says={POOL: told}))

    assert pool.health == -math.inf
    assert pool.tier_distance == 0
    assert pool.positions[0].distance == 0


def test_a_venue_that_is_calmer_than_we_are_changes_nothing() -> None:
    ours = snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC])
    told = VenueSays(ratio=VenueRatio(name="mgnRatio", value=Decimal(11)))
    pool = report(replace(ours, venue_says={POOL: told}))

    assert pool.health == pytest.approx(10)
    assert pool.disagreement == pytest.approx(100 / 11)
    assert pool.tier_distance == report(ours).tier_distance


def test_a_pool_with_something_unmodelled_shows_the_venues_figures() -> None:
    says = VenueSays(
        equity=Decimal(1_000),
        maintenance_margin=Decimal(100),
        used_margin=Decimal(250),
        ratio=VenueRatio(name="mgnRatio", value=Decimal(8)),
        liquidation_prices={"BTCUSDT": Decimal(54_000)},
    )
    account = snapshot(
        linear(), [coin("USDT", 6_000)], [LONG_BTC],
        venue_says={POOL: says}, unmodelled={POOL: "holds an option"},
    )  # fmt: skip
    pool = report(account)

    assert (pool.status, pool.why) == (Status.PARTIAL, "holds an option")
    assert (pool.health, pool.equity, pool.requirement) == (8, 1_000, 125)
    assert pool.margin_level == 400
    assert pool.tier_distance == pytest.approx(10)
    assert pool.worst_path == "BTC down"
    assert pool.positions[0].maintenance_margin is None


def test_a_hedged_pool_that_is_not_computed_shows_the_price_of_each_side() -> None:
    says = VenueSays(
        liquidation_prices={"BTCUSDT:long": Decimal(54_000), "BTCUSDT:short": Decimal(90_000)}
    )
    short = replace(LONG_BTC, side=Side.SHORT)
    pool = report(
        snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC, short],
                 venue_says={POOL: says}, unmodelled={POOL: "holds an option"})
    )  # fmt: skip

    assert [p.liquidation_price for p in pool.positions] == [54_000, 90_000]


@pytest.mark.parametrize(
    ("long", "short", "price", "distance"),
    [
        (3, 1, "54000", 10),
        (3, 1, "60600", 0),  # of a net long, above the mark: passed
        (1, 3, "66000", 10),
        (1, 3, "59400", 0),
        (1, 1, "60600", 1),  # leans nowhere: as far as it says
    ],
)
def test_a_passed_price_of_a_hedge_is_told_as_passed(
    long: int, short: int, price: str, distance: float
) -> None:
    legs = [
        replace(LONG_BTC, quantity=Decimal(long)),
        replace(LONG_BTC, side=Side.SHORT, quantity=Decimal(short)),
    ]
    says = VenueSays(liquidation_prices={"BTCUSDT": Decimal(price)})
    pool = report(
        snapshot(linear(), [coin("USDT", 6_000)], legs,
                 venue_says={POOL: says}, unmodelled={POOL: "holds an option"})
    )  # fmt: skip

    assert pool.tier_distance == pytest.approx(distance)


@pytest.mark.parametrize(
    ("name", "value", "level", "health"),
    [
        ("marginRatio", "0.25", None, 4),
        ("marginRatio", "0", None, math.inf),
        ("accountMMRate", "0.5", None, 2),
        ("mgnRatio", "9.4", None, 9.4),
        ("marginLevel", "1.3", "1.1", 3),
        ("marginLevel", "999", "1.1", math.inf),
        ("uniMMR", "2.1", None, 2),
        ("somethingNew", "2.1", None, None),
    ],
)
def test_venue_ratios_become_health(
    name: str, value: str, level: str | None, health: float | None
) -> None:
    rules = Rules(
        family=Family.REPORTED, liquidation_level=None if level is None else Decimal(level)
    )
    says = VenueSays(ratio=VenueRatio(name=name, value=Decimal(value)))
    pool = report(snapshot(rules, venue_says={POOL: says}))

    assert pool.status is Status.REPORTED
    assert pool.health == (health if health is None else pytest.approx(health))


@pytest.mark.parametrize(("rate", "health"), [("0.5000", 2.0), ("0.4000", 2.5), ("0.3999", 2.5)])
def test_a_truncated_rate_counts_where_it_is_worse_than_its_parts(rate: str, health: float) -> None:
    """Bybit's rate also counts what resting orders lose; its margin balance does not."""
    told = VenueSays(
        equity=Decimal(2_500),
        maintenance_margin=Decimal(1_000),
        ratio=VenueRatio(name="accountMMRate", value=Decimal(rate)),
    )

    assert venue_health(told, linear()) == pytest.approx(health)


def test_a_truncated_rate_of_nought_is_small_and_not_nothing() -> None:
    """Bybit prints "0" below 0.0001; with the parts told, they decide; without, nobody knows."""
    ratio = VenueRatio(name="accountMMRate", value=Decimal(0))
    parts = VenueSays(equity=Decimal(10**6), maintenance_margin=Decimal(9), ratio=ratio)
    rules = Rules(family=Family.REPORTED)

    known = report(snapshot(rules, venue_says={POOL: parts}))
    unknown = report(snapshot(rules, venue_says={POOL: VenueSays(ratio=ratio)}))

    assert known.health == pytest.approx(10**6 / 9)
    assert unknown.health is None


@pytest.mark.parametrize(("equity", "health"), [(0, math.inf), (20, math.inf), (-5, -math.inf)])
def test_a_rate_beside_no_margin_at_all_is_no_danger(equity: int, health: float) -> None:
    """Whatever is printed for nothing over nothing once all was taken."""
    told = VenueSays(
        equity=Decimal(equity),
        maintenance_margin=Decimal(0),
        ratio=VenueRatio(name="accountMMRate", value=Decimal(9999)),
    )

    assert venue_health(told, linear()) == health


def test_used_margin_is_the_venues_or_unknown() -> None:
    known = replace(LONG_BTC, initial_margin=Decimal(3_000))
    pool = report(snapshot(linear(), [coin("USDT", 6_000)], [known]))
    unknown = report(snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC]))

    assert (pool.used_margin, pool.free_margin, pool.margin_level) == (3_000, 3_000, 200)
    assert (unknown.used_margin, unknown.free_margin, unknown.margin_level) == (None, None, None)


def test_contracts_settled_in_a_currency_without_a_row_need_its_price() -> None:
    elsewhere = replace(coin("USDT", 5, index="0.998"), pool="other")
    account = snapshot(haircut(), [coin("BTC", 1, index=60_000)], [LONG_BTC])
    with_price = replace(
        account, assets=(*account.assets, elsewhere), rules={**account.rules, "other": linear()}
    )

    with pytest.raises(BookError, match="USDT"):
        evaluate(account)
    assert evaluate(with_price).pools[0].requirement == pytest.approx(600 * 0.998)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"brackets": ()}, "brackets is empty"),
        ({"brackets": table([(100, "0.01")])}, "floor is 100, expected 0"),
        ({"brackets": table([(0, "0.01"), (50, "0.02"), (50, "0.03")])}, "more than 50"),
        ({"brackets": table([(0, "0.01"), (90, "0.02"), (50, "0.03")])}, "more than 90"),
        ({"brackets": table([(0, "1.5")])}, "rate is 1.5"),
        ({"brackets": table([(0, "-0.01")])}, "rate is -0.01"),
        ({"bracket_key": BracketKey.DEBT}, "bracket_key is debt"),
        ({"mark": Decimal(0)}, "mark is 0"),
        ({"mark": Decimal(-1)}, "mark is -1"),
        ({"entry": Decimal(0)}, "entry is 0"),
        ({"quantity": Decimal(0)}, "quantity is 0"),
        ({"contract_size": Decimal(0)}, "contract_size is 0"),
        ({"fee_rate": Decimal(-1)}, "fee_rate is -1"),
        ({"leverage": Decimal(0)}, "leverage is 0"),
        ({"inverse": True}, "inverse is true"),
        ({"settle": "USDC"}, "expected one currency"),
    ],
)
def test_a_position_that_cannot_be_right_is_refused_by_name(
    change: dict[str, object], text: str
) -> None:
    broken = replace(LONG_BTC, **change)  # type: ignore[arg-type]

    with pytest.raises(BookError, match=text) as caught:
        evaluate(snapshot(linear(), [coin("USDT", 6_000)], [broken]))
    assert POOL in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ((), "weights is empty"),
        ((Weight(floor=Decimal(5)),), "floor is 5, expected 0"),
        ((Weight(weight=Decimal("1.2")),), "weight is 1.2"),
        ((Weight(), Weight(floor=Decimal(5), by="quantity")), "partly by usd"),
        ((Weight(), Weight(floor=Decimal("NaN"))), "not a finite number"),
    ],
)
def test_a_ladder_that_cannot_be_right_is_refused(weights: tuple[Weight, ...], text: str) -> None:
    with pytest.raises(BookError, match=text):
        evaluate(snapshot(haircut(), [coin("BTC", 1, index=60_000, weights=weights)]))


def test_a_balance_without_a_price_is_refused_and_an_empty_one_is_not() -> None:
    with pytest.raises(BookError, match="XYZ: index is 0"):
        evaluate(snapshot(haircut(), [coin("XYZ", 1, index=0)]))
    assert report(snapshot(haircut(), [coin("XYZ", 0, index=0)])).equity == 0


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(value: str) -> None:
    none = Decimal(value)
    rows = [
        snapshot(linear(), [coin("USDT", none)]),
        snapshot(haircut(), [coin("BTC", 1, index=none)]),
        snapshot(linear(), [], [replace(LONG_BTC, quantity=none)]),
        snapshot(linear(), [], [replace(LONG_BTC, fee_rate=none)]),
        snapshot(linear(), [], [replace(LONG_BTC, brackets=table([(0, none)]))]),
        snapshot(linear(), [], [replace(LONG_BTC, brackets=table([(0, "0.01", none)]))]),
    ]
    for broken in rows:
        with pytest.raises(BookError, match=POOL):
            evaluate(broken)


def test_a_snapshot_without_pools_has_an_empty_report() -> None:
    nothing = replace(snapshot(linear()), rules={})
    told_only = snapshot(Rules(family=Family.REPORTED))

    assert evaluate(nothing).pools == ()
    assert [pool.health for pool in evaluate(told_only).pools] == [None]


def test_two_forms_of_one_coin_are_one_underlying() -> None:
    assets = [coin("WBETH", 5, index=3_300), coin("ETH", 5, index=3_000), coin("USDT", -20_000)]
    pool = report(snapshot(haircut(), assets))

    assert [u.underlying for u in pool.underlyings] == ["ETH"]
    assert pool.tier_distance == pytest.approx(100 * (1 - 20_000 / 31_500))


def test_a_pool_without_rules_and_a_doubled_asset_are_refused() -> None:
    stray = replace(coin("USDT", 1), pool="nowhere")

    with pytest.raises(BookError, match="nowhere: has assets but no rules"):
        evaluate(snapshot(linear(), [stray]))
    with pytest.raises(BookError, match="two asset rows"):
        evaluate(snapshot(linear(), [coin("USDT", 1), coin("USDT", 2)]))


def test_a_fee_at_bankruptcy_needs_the_leverage() -> None:
    position = replace(LONG_BTC, fee_rate=dec("0.001"))

    with pytest.raises(BookError, match="leverage is missing"):
        evaluate(snapshot(linear(fee_basis="entry"), [coin("USDT", 6_000)], [position]))


def test_a_borrowed_pool_needs_its_level_and_knows_no_contracts() -> None:
    with pytest.raises(BookError, match="liquidation_level is None"):
        evaluate(snapshot(Rules(family=Family.DEBT_RATIO), [coin("USDT", 1)]))
    pool = report(snapshot(debt_ratio(), [coin("USDT", 1)], [LONG_BTC]))
    assert pool.status is Status.PARTIAL


def test_a_family_without_a_compiler_is_told_and_not_guessed() -> None:
    pool = report(snapshot(Rules(family=Family.USED_MARGIN_LEVEL), [coin("USD", 1)]))

    assert pool.status is Status.PARTIAL
    assert pool.why is not None
    assert pool.equity is None


def test_pools_of_one_snapshot_do_not_see_each_other() -> None:
    alone = [
        snapshot(linear(), [coin("USDT", 6_000)], [LONG_BTC]),
        snapshot(haircut(), [coin("ETH", 3, index=3_000), coin("USDT", 10)], [eth("short", 4)]),
        snapshot(debt_ratio(), [coin("BTC", 1, index=60_000), coin("USDC", 0, debt=40_000)]),
    ]
    parts = [
        replace(
            one,
            rules={f"p{n}": one.rules[POOL]},
            assets=tuple(replace(a, pool=f"p{n}") for a in one.assets),
            positions=tuple(replace(p, pool=f"p{n}") for p in one.positions),
        )
        for n, one in enumerate(alone)
    ]
    together = replace(
        parts[0],
        rules={name: rule for part in parts for name, rule in part.rules.items()},
        assets=tuple(a for part in parts for a in part.assets),
        positions=tuple(p for part in parts for p in part.positions),
    )

    whole = evaluate(together).pools
    for part, pool in zip(parts, whole, strict=True):
        assert evaluate(together, only=pool.pool).pools == (pool,)
        assert evaluate(part).pools[0] == pool
