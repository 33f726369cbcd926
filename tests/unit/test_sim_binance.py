"""
The practice Binance: its arithmetic against the venue's published numbers, its acts at the lines.

Rule: expected numbers come from the venue's own examples (BN-..) or are written out by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from watcher.sim.binance.figures import BinanceFigures, collateral_value, liquidation_price
from watcher.sim.binance.tables import brackets
from watcher.sim.default import empty_world, new_account
from watcher.sim.things import Account, Instrument, PoolState, Position, SideName
from watcher.sim.world import SECOND_US, World

D = Decimal
FIGURES = BinanceFigures()

# the 2021 BTCUSDT ladder of the venue's FAQ, and a row that contains its ETHUSDT example
FAQ_BTC = (
    "50000 .004 125|250000 .005 100|1000000 .01 50|5000000 .025 20|20000000 .05 10|"
    "50000000 .1 5|100000000 .125 4|200000000 .15 3|900000000 .25 2"
)


def contract(symbol: str = "BTCUSDT", table: str = FAQ_BTC) -> Instrument:
    world = empty_world()
    return replace(world.instrument("binance", symbol), brackets=brackets(table))


def leg(one: Instrument, side: SideName, quantity: str, entry: str) -> Position:
    return Position(instrument=one, side=side, quantity=D(quantity), entry=D(entry), leverage=D(10))


def account_in(world: World, *, hedge: bool = False, **wallets: Mapping[str, str]) -> Account:
    return new_account(world, "main", "binance", "classic", wallets, hedge=hedge)


def pool(world: World, name: str) -> PoolState:
    account = world.account("main")
    return next(state for state in world.pools(account) if state.pool == name)


def test_cum_is_the_venues_own_column() -> None:
    """BN-13."""
    cums = [row.deduction for row in brackets(FAQ_BTC)]

    assert cums == [0, 50, 1300, 16300, 141300, 1141300, 2391300, 4891300, 24891300]


def test_the_two_position_example_of_the_faq() -> None:
    """BN-10: both liquidation prices of a cross pool of two symbols."""
    btc = leg(contract(), "long", "109.488", "32481.980")
    eth_row = replace(contract("ETHUSDT", "900000000 .1 5").brackets[0], deduction=D(135365))
    eth_contract = replace(contract("ETHUSDT"), brackets=(eth_row,))
    eth = leg(eth_contract, "long", "3683.979", "1456.84")
    wallet, btc_mark, eth_mark = D("1535443.01"), D("31967.27"), D("1335.18")

    btc_others = D("3683.979") * (eth_mark - D("1456.84")) - D("356512.51")
    eth_others = D("109.488") * (btc_mark - D("32481.98")) - D("71200.81")

    btc_price = liquidation_price(wallet, [btc], btc_mark, others=btc_others)
    eth_price = liquidation_price(wallet, [eth], eth_mark, others=eth_others)
    assert btc_price is not None
    assert eth_price is not None
    assert abs(btc_price - D("26316.89")) < D("0.01")
    assert abs(eth_price - D("1153.26")) < D("0.01")


def test_the_isolated_example_of_the_faq() -> None:
    """BN-11."""
    btc = leg(contract(), "long", "109.488", "32481.980")

    price = liquidation_price(D("1535443.01"), [btc], D("31967.27"))

    assert price is not None
    assert abs(price - D("18778.73")) < D("0.01")


def test_both_hedge_legs_share_one_liquidation_price() -> None:
    """BN-12, where the 0.4 % bracket holds at 16,633."""
    one = contract(table="900000000 .004 125")
    legs = [leg(one, "long", "0.6", "30000"), leg(one, "short", "0.2", "32000")]

    price = liquidation_price(D(5000), legs, D(30000))

    assert price is not None
    assert abs(price - D("16633.06")) < D("0.01")


def test_a_fully_hedged_symbol_has_no_liquidation_price() -> None:
    one = contract()
    legs = [leg(one, "long", "1", "30000"), leg(one, "short", "1", "31000")]

    assert liquidation_price(D(5000), legs, D(30000)) is None


def test_a_short_liquidates_above_the_mark_across_bracket_edges() -> None:
    """1 BTC short at 40,000, 220,000 in the wallet: 0.5 % below 250,000, 1 % (cum 1,300) above."""
    price = liquidation_price(D(220_000), [leg(contract(), "short", "1", "40000")], D(40_000))

    # 220,000 + 40,000 - P = 0.01 P - 1,300  =>  P = 261,300 / 1.01
    assert price == D(261_300) / D("1.01")


def test_a_margin_level_is_assets_over_debt_and_interest_without_haircut() -> None:
    """BN-03: 10 BTC at 50,000 against 400,000."""
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, margin={"BTC": "10"})
    world.borrow(account, "USDC", D(400_000), wallet="margin", hourly_rate=D(0))
    world.credit(account, "USDC", D(-400_000), wallet="margin")

    state = pool(world, "margin")

    assert state.venue_ratio == D("1.25")
    assert state.health == D("2.5")
    assert state.margin_level == 125


def test_collateral_counts_slice_by_slice() -> None:
    """BN-04."""
    assert collateral_value("BTC", D(6000) * D(20_000)) == D(119_500_000)


def test_the_one_notice_goes_out_once_per_visit_to_the_call_band() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, margin={"BTC": "10"})
    world.borrow(account, "USDC", D(380_000), wallet="margin", hourly_rate=D(0))
    world.credit(account, "USDC", D(-380_000), wallet="margin")

    for price in ("49000", "48000", "60000", "49000"):
        world.set_prices({"BTC": D(price)})
        world.check()
        world.step(world.now_us + SECOND_US)

    assert [call.pool for call in account.margin_calls] == ["margin", "margin"]
    assert account.liquidations == []


def test_at_level_one_point_one_assets_are_sold_until_the_early_stop() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, margin={"BTC": "10"})
    world.borrow(account, "USDC", D(400_000), wallet="margin", hourly_rate=D(0))
    world.credit(account, "USDC", D(-400_000), wallet="margin")

    world.set_prices({"BTC": D(44_000)})
    world.check()

    state = pool(world, "margin")
    assert state.venue_ratio is not None
    assert state.venue_ratio > D("1.5")
    assert account.debts["USDC"].principal > 0
    assert [event.kind for event in account.liquidations] == ["sell_asset"]
    # what was sold paid the debt and 2 % clearance on it, nothing else
    sold = account.liquidations[0]
    repaid = D(400_000) - account.debts["USDC"].principal
    assert abs(sold.quantity * sold.price - repaid * D("1.02")) < D("0.000001")


def test_a_coin_that_is_worth_less_than_its_debt_is_sold_to_the_last() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, margin={"BTC": "10"})
    world.borrow(account, "USDC", D(400_000), wallet="margin", hourly_rate=D(0))
    world.credit(account, "USDC", D(-400_000), wallet="margin")

    world.set_prices({"BTC": D(30_000)})
    world.check()
    world.check()

    assert account.balance("margin", "BTC") == 0
    assert account.debts["USDC"].principal > D(100_000)
    assert len(account.liquidations) == 1


def test_a_cross_pool_at_ratio_one_is_closed_and_the_rest_stays() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = account_in(world, futures={"USDT": "3000"}, funding={"USDT": "100"})
    world.set_position(account, "BTCUSDT", "long", D("0.5"))
    world.place_order(account, "BTCUSDT", "long", D("0.1"), D(50_000))

    world.set_prices({"BTC": D(54_300)})
    world.check()
    assert account.positions
    assert account.margin_calls == []

    # 0.5 x 54,150: equity 75, maintenance 108.3
    world.set_prices({"BTC": D(54_150)})
    world.check()

    assert account.positions == {}
    assert account.orders == {}
    assert [event.kind for event in account.liquidations] == ["cancel_orders", "full"]
    assert account.balance("futures", "USDT") == 0
    assert account.balance("funding", "USDT") == 100


def test_a_large_position_is_reduced_bracket_by_bracket_and_lives_on() -> None:
    """50 BTC lie in the 2.5 % bracket; cutting to 3,000,000 of notional is enough to comply."""
    world = empty_world(prices={"BTC": D(100_000)})
    account = account_in(world, futures={"USDT": "342000"})
    world.set_position(account, "BTCUSDT", "long", D(50))

    # equity 69,000; maintenance 0.025 x 4,727,000 - 48,050 = 70,125
    world.set_prices({"BTC": D(94_540)})
    world.check()

    (left,) = account.positions.values()
    (event,) = account.liquidations
    assert (event.kind, event.quantity, left.quantity) == ("partial", D("18.268"), D("31.732"))
    assert event.fee == D("18.268") * D(94_540) * D("0.0125")
    state = pool(world, "cross:USDT")
    assert state.equity == D(69_000) - event.fee
    assert state.health is not None
    assert state.health > 1


def test_an_isolated_leg_loses_its_margin_and_nothing_more() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = account_in(world, futures={"USDT": "5000"})
    world.set_position(account, "BTCUSDT", "long", D("0.5"), isolated_margin=D(1000))

    world.set_prices({"BTC": D(50_000)})
    world.check()

    assert account.positions == {}
    assert account.balance("futures", "USDT") == D(4000)


def test_a_jump_far_below_zero_leaves_an_empty_wallet_and_no_debt() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = account_in(world, futures={"USDT": "3000"})
    world.set_position(account, "BTCUSDT", "long", D("0.5"))

    world.set_prices({"BTC": D(30_000)})
    world.check()

    assert account.positions == {}
    assert account.balance("futures", "USDT") == 0


@pytest.mark.parametrize("hedge", [False, True])
def test_the_pools_of_an_account_are_one_per_asset_and_isolated_leg(*, hedge: bool) -> None:
    world = empty_world()
    account = account_in(world, hedge=hedge, futures={"USDT": "50000", "USDC": "9000"})
    world.set_position(account, "BTCUSDT", "long", D("0.1"))
    world.set_position(account, "ETHUSDC", "short", D(1))
    world.set_position(account, "SOLUSDT", "long", D(5), isolated_margin=D(200))

    names = [state.pool for state in world.pools(account)]

    assert names == ["cross:USDC", "cross:USDT", "isolated:SOLUSDT:long"]


def test_figures_are_those_of_the_rules() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = account_in(world, futures={"USDT": "5000"})
    world.set_position(account, "BTCUSDT", "short", D(1))
    (cross,) = FIGURES.futures(world, account)

    # 60,000 lies in the second bracket: 0.5 % less 50
    assert cross.maintenance_margin == D(250)
    assert cross.margin_balance == D(5000)
