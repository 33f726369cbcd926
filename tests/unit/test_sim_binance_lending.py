"""
The practice Binance's borrowed coins: Cross Margin Pro and isolated pairs, against the published
numbers, and what it does at the lines.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from watcher.sim.binance.lending import debt_table, pair_tiers
from watcher.sim.binance.pairs import pair_pool
from watcher.sim.binance.pro import pro_pool
from watcher.sim.default import empty_world, new_account
from watcher.sim.things import Account, Debt, MarginPair
from watcher.sim.world import HOUR_US, World

D = Decimal


def at(price: int, **purse: str) -> tuple[World, Account]:
    world = empty_world(prices={"BTC": D(price), "ETH": D(3_000)})
    account = new_account(world, "main", "binance", "classic", {"margin": purse})
    return world, account


def test_pro_maintenance_is_the_published_example() -> None:
    """BN-05: 13 BTC at 30,000 and 13 ETH at 3,000 owed need 31,330."""
    world, account = at(30_000, USDT="100000")
    account.flags["pro"] = True
    for coin in ("BTC", "ETH"):
        account.debts[coin] = Debt(principal=D(13))

    assert pro_pool(world, account).maintenance_margin == 31_330
    assert [row.fast for row in debt_table("BTC")][:3] == [0, 1_000, 2_000]


def test_pro_sells_until_the_level_is_two() -> None:
    world, account = at(50_000, BTC="10")
    account.flags["pro"] = True
    account.debts["USDT"] = Debt(principal=D(400_000))
    world.check()
    assert not account.liquidations

    world.set_prices({"BTC": D(41_000)})
    world.check()

    assert account.liquidations[0].kind == "cancel_orders"
    assert any(event.kind == "sell_asset" for event in account.liquidations)
    assert pro_pool(world, account).level > 2


def pair_of(world: World, account: Account, pair: MarginPair) -> MarginPair:
    account.pairs[pair.symbol] = pair
    world.touch()
    return pair


@pytest.mark.parametrize(
    ("price", "acts"), [(42_020, False), (42_000, True)], ids=["above", "below"]
)
def test_a_long_pair_is_liquidated_at_the_published_price(price: int, acts: bool) -> None:  # noqa: FBT001 - a case of the table
    """BN-08: 0.5 BTC against 20,005 USDT at 1.05 ends at 42,010.5."""
    world, account = at(50_000)
    debt = Debt(principal=D(20_000), interest=D(5))
    pair = pair_of(
        world,
        account,
        MarginPair(base="BTC", quote="USDT", held={"BTC": D("0.5")}, debts={"USDT": debt}),
    )
    pool = pair_pool(world, pair)
    assert round(pool.level, 6) == D("1.249688")
    assert pool.liquidation_price == D("42010.5")

    world.set_prices({"BTC": D(price)})
    world.check()

    assert bool(account.liquidations) == acts
    assert bool(pair.debts) != acts


def test_the_tier_is_that_of_what_was_borrowed() -> None:
    """Ratios that rise with the tier, as in the venue's older table."""
    world = empty_world(prices={"BTC": D(50_000), "SOL": D(150)})
    account = new_account(world, "main", "binance", "classic", {})
    first, second, _ = pair_tiers("SOLUSDT")
    pair = pair_of(
        world,
        account,
        MarginPair(base="SOL", quote="USDT", held={"USDT": D(60_000)}),
    )

    for borrowed, tier in ((first.base_max, first), (second.base_max, second)):
        pair.debts["SOL"] = Debt(principal=borrowed)
        assert pair_pool(world, pair).tier == tier
    assert (first.liquidation, second.liquidation) == (D("1.18"), D("1.25"))


def test_interest_of_a_pair_is_charged_every_hour() -> None:
    world, account = at(50_000)
    debt = Debt(principal=D(1_000), hourly_rate=D("0.00001"))
    pair_of(
        world,
        account,
        MarginPair(base="BTC", quote="USDT", held={"BTC": D(1)}, debts={"USDT": debt}),
    )

    world.step(world.now_us + 2 * HOUR_US)

    assert debt.interest == D("0.02")
