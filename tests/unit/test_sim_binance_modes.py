"""
The practice Binance in multi-assets mode and in COIN-M: its figures and its acts at the lines.

Rule: expected numbers come from the venue's own examples (BN-..) or are written out by hand.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from watcher.sim.binance.legs import coin_liquidation_price, initial_margin, maintenance, value
from watcher.sim.binance.multi import MultiPool, multi_pool
from watcher.sim.binance.tables import brackets
from watcher.sim.default import empty_world, new_account
from watcher.sim.things import Account, Instrument, Position, SideName
from watcher.sim.world import World

D = Decimal


def leg(one: Instrument, side: SideName, quantity: str, entry: str, leverage: int = 10) -> Position:
    return Position(
        instrument=one, side=side, quantity=D(quantity), entry=D(entry), leverage=D(leverage)
    )


def account_in(world: World, *, multi: bool = False, **wallets: dict[str, str]) -> Account:
    account = new_account(world, "main", "binance", "classic", wallets)
    account.flags["multi_assets"] = multi
    return account


def flat(world: World, symbol: str, rate: str) -> Instrument:
    return replace(world.instrument("binance", symbol), brackets=brackets(f"900000000 {rate} 100"))


def test_the_published_example_of_multi_assets_mode() -> None:
    """BN-14: USDT at 0.99, held at 0.9801 and required at 0.99495."""
    world = empty_world()
    pool = MultiPool(
        legs=(
            leg(flat(world, "BTCUSDT", ".008"), "long", "1", "10000", 100),
            leg(flat(world, "ETHUSDC", ".01"), "long", "1", "12000", 50),
        ),
        wallets={"USDT": D(200), "USDC": D(220)},
        bids={"USDT": D("0.9801"), "USDC": D(1)},
        asks={"USDT": D("0.99495"), "USDC": D(1)},
        marks={"BTCUSDT": D(10_000), "ETHUSDC": D(12_000)},
    )

    assert pool.equity == D("416.02")
    assert pool.maintenance_margin == D("199.596")
    assert pool.initial_margin == D("339.495")


def test_what_is_owed_counts_at_the_ask() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, multi=True, futures={"BTC": "1", "USDT": "-1000"})

    # 1 BTC 5 % below its index, 1,000 USDT at 1.0005
    assert multi_pool(world, account).equity == D("47500") - D("1000.5")


def test_multi_assets_mode_liquidates_at_its_own_price_and_not_before() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, multi=True, futures={"USDT": "6000"})
    world.set_position(account, "BTCUSDT", "long", D(1))
    (pool,) = world.pools(account)
    price = pool.liquidation_prices["BTCUSDT", "long"]

    world.set_prices({"BTC": price * D("1.0005")})
    world.check()
    assert not account.liquidations
    world.set_prices({"BTC": price * D("0.9995")})
    world.check()

    assert {event.pool for event in account.liquidations} == {"cross:multi"}
    assert account.liquidations[-1].side == "long"


def test_what_a_fall_leaves_owed_is_the_insurance_funds() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, multi=True, futures={"USDT": "6000", "USDC": "10"})
    world.set_position(account, "BTCUSDT", "long", D(1))

    world.set_prices({"BTC": D(30_000)})
    world.check()

    assert not account.positions
    assert multi_pool(world, account).equity == 0


def test_coin_contracts_are_valued_in_coin() -> None:
    """BN-18: 100 contracts of 100 USD at 25,000 are 0.4 BTC and ask for 0.0016."""
    one = leg(empty_world().instrument("binance", "BTCUSD_PERP"), "long", "100", "25000")

    assert value(one, D(25_000)) == D("0.4")
    assert maintenance(one, D(25_000)) == D("0.0016")
    assert initial_margin(one, D(25_000)) == D("0.04")


def test_the_recorded_isolated_position_gives_its_own_price() -> None:
    """BN-20."""
    one = leg(empty_world().instrument("binance", "BTCUSD_PERP"), "long", "2", "37643.10000021")

    price = coin_liquidation_price(D("0.00268058"), [one], D("38103.05510455"))

    assert price is not None
    assert abs(price - D("25119.97445760")) < D("1e-5")


def test_one_contract_moves_while_the_dated_one_stands_still() -> None:
    """BN-21: the perpetual's price beside a dated short."""
    one = empty_world().instrument("binance", "BTCUSD_PERP")
    perpetual, dated = leg(one, "long", "300", "60000"), leg(one, "short", "100", "62000")
    others = D(10_000) / D(58_500) - D(10_000) / D(62_000) - maintenance(dated, D(58_500))

    price = coin_liquidation_price(D("0.5"), [perpetual], D(58_000), others=others)

    assert price is not None
    assert abs(price - D("29852.34")) < D("0.01")


def test_a_short_that_hedges_the_coin_it_lies_in_has_no_price() -> None:
    one = leg(empty_world().instrument("binance", "BTCUSD_PERP"), "short", "500", "50000")

    assert coin_liquidation_price(D(1), [one], D(50_000)) is None


@pytest.mark.parametrize(("side", "beyond", "before"), [("long", "0.999", "1.001")])
def test_a_coin_pool_liquidates_at_its_own_price(side: SideName, beyond: str, before: str) -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, coin={"BTC": "0.2"}, futures={"USDT": "1000"})
    world.set_position(account, "BTCUSD_PERP", side, D(500))
    pool = next(one for one in world.pools(account) if one.pool == "coin:BTC")
    price = pool.liquidation_prices["BTCUSD_PERP", side]

    world.set_prices({"BTC": price * D(before)})
    world.check()
    assert not account.liquidations
    world.set_prices({"BTC": price * D(beyond)})
    world.check()

    assert {event.pool for event in account.liquidations} == {"coin:BTC"}
    # its own wallet pays, and no other
    assert account.balance("coin", "BTC") < D("0.2")
    assert account.balance("futures", "USDT") == 1000
    assert account.balance("futures", "BTC") == 0


def test_an_isolated_coin_leg_loses_its_margin_and_no_more() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = account_in(world, coin={"BTC": "1"})
    world.set_position(account, "BTCUSD_PERP", "long", D(500), isolated_margin=D("0.1"))

    world.set_prices({"BTC": D(30_000)})
    world.check()

    assert not account.positions
    assert account.balance("coin", "BTC") == pytest.approx(D("0.9"), abs=D("1e-12"))
