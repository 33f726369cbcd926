"""The practice world: prices, positions, wallets, time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from watcher.sim.default import START_US, default_world, empty_world, new_account
from watcher.sim.market import Scripted
from watcher.sim.things import Account, WorldError
from watcher.sim.world import HOUR_US, SECOND_US, World

D = Decimal


def trader(world: World, *, hedge: bool = False, usdt: str = "10000") -> Account:
    wallets: Mapping[str, Mapping[str, str]] = {
        "futures": {"USDT": usdt},
        "funding": {"USDT": "500"},
    }
    return new_account(world, "main", "binance", "classic", wallets, hedge=hedge)


def test_the_same_seed_makes_the_same_world() -> None:
    one, two = default_world(5), default_world(5)

    assert one.accounts == two.accounts
    assert one.accounts["bybit_main"].key != default_world(6).accounts["bybit_main"].key


def test_a_mark_is_the_pairs_index_lifted_by_the_contracts_basis() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    contract = world.instrument("binance", "BTCUSDT")

    world.set_basis(contract, D("0.001"))
    world.set_index({"USDT": D("0.99")})

    assert world.mark(contract) == (D(60_000) / D("0.99") * D("1.001")).quantize(D("1e-8"))
    assert world.index("BTC") == D(60_000)


def test_adding_averages_the_entry_and_reducing_realises_the_profit() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = trader(world)
    world.set_position(account, "BTCUSDT", "long", D("0.1"))
    world.set_prices({"BTC": D(62_000)})

    leg = world.set_position(account, "BTCUSDT", "long", D("0.2"))
    assert leg is not None
    assert leg.entry == D(61_000)

    world.set_prices({"BTC": D(63_000)})
    world.set_position(account, "BTCUSDT", "long", D("0.05"))

    assert account.balance("futures", "USDT") == D(10_300)
    assert world.unrealised(leg) == D(100)


def test_without_hedge_mode_the_other_side_is_closed_first() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = trader(world)
    world.set_position(account, "BTCUSDT", "long", D("0.1"))
    world.set_prices({"BTC": D(61_000)})

    world.set_position(account, "BTCUSDT", "short", D("0.1"))

    assert set(account.positions) == {("BTCUSDT", "short")}
    assert account.balance("futures", "USDT") == D(10_100)


def test_inverse_contracts_average_and_settle_in_the_coin() -> None:
    world = empty_world(prices={"BTC": D(50_000)})
    account = new_account(world, "coin", "bybit", "unified", {"unified": {"BTC": "1"}})
    world.set_position(account, "BTCUSD", "long", D(10_000))
    world.set_prices({"BTC": D(40_000)})

    world.set_position(account, "BTCUSD", "long", D(0))

    assert account.balance("unified", "BTC") == D("0.95")


def test_isolated_margin_leaves_the_wallet_and_comes_back() -> None:
    world = empty_world(prices={"BTC": D(60_000)})
    account = trader(world)

    world.set_position(account, "BTCUSDT", "long", D("0.1"), isolated_margin=D(600))
    assert account.balance("futures", "USDT") == D(9_400)

    world.set_position(account, "BTCUSDT", "long", D(0))
    assert account.balance("futures", "USDT") == D(10_000)


@pytest.mark.parametrize(
    ("amount", "source", "said"),
    [("501", "funding", "funding holds 500"), ("1", "pocket", "no wallet pocket")],
)
def test_a_transfer_of_what_is_not_there_is_refused(amount: str, source: str, said: str) -> None:
    world = empty_world()
    account = trader(world)

    with pytest.raises(WorldError, match=said):
        world.transfer(account, "USDT", D(amount), source=source, target="futures")

    assert account.balance("futures", "USDT") == D(10_000)


def test_interest_is_due_at_once_and_at_each_full_hour() -> None:
    """1,000 at 0.001 % an hour from 13:20 to 14:15 costs two hours (the venue's own example)."""
    world = empty_world(start_us=START_US - 40 * 60 * SECOND_US)
    account = trader(world)
    world.credit(account, "BTC", D(1), wallet="margin")

    world.borrow(account, "USDC", D(1000), wallet="margin", hourly_rate=D("0.00001"))
    world.slice_us = HOUR_US
    world.step(START_US + 15 * 60 * SECOND_US)

    assert account.debts["USDC"].interest == D("0.02")


def test_repaying_takes_interest_first_and_ends_the_debt_exactly() -> None:
    world = empty_world()
    account = trader(world)
    world.borrow(account, "USDT", D(1000), wallet="margin", hourly_rate=D("0.001"))
    world.credit(account, "USDT", D(1), wallet="margin")

    assert world.repay(account, "USDT", D("0.5"), wallet="margin") == D("0.5")
    assert account.debts["USDT"].interest == D("0.5")
    assert world.repay(account, "USDT", D(5000), wallet="margin") == D("1000.5")
    assert account.debts == {}


def test_no_point_of_the_path_is_stepped_over() -> None:
    """A spike between two slices must be seen by the venues, however far one advances."""
    world = empty_world()
    seen: list[Decimal] = []
    spike = {"BTC": D(50_000)}
    calm = {"BTC": D(60_000)}
    world.follow(Scripted([(0, calm), (1_499_999, calm), (1_500_000, spike), (1_500_001, calm)]))
    world.on_step.append(lambda here: seen.append(here.prices["BTC"]))

    world.step(START_US + 10 * SECOND_US)

    assert D(50_000) in seen
    assert world.now_us == START_US + 10 * SECOND_US


def test_a_path_runs_as_much_faster_as_was_asked() -> None:
    world = empty_world()
    ends = [(0, {"BTC": D(60_000)}), (3600 * SECOND_US, {"BTC": D(50_000)})]
    world.follow(Scripted(ends), speed=D(60))

    world.step(START_US + 30 * SECOND_US)

    assert world.prices["BTC"] == D(55_000)


def test_a_price_set_by_hand_bends_the_path_from_there() -> None:
    world = empty_world()
    ends = [(0, {"BTC": D(60_000)}), (10 * SECOND_US, {"BTC": D(30_000)})]
    world.follow(Scripted(ends))

    world.bend({"BTC": D(120_000), "ETH": D(2000)})
    world.step(START_US + 10 * SECOND_US)

    assert world.prices["BTC"] == D(60_000)
    assert world.prices["ETH"] == D(2000)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused(price: str) -> None:
    world = empty_world()

    with pytest.raises(WorldError, match="price of BTC"):
        world.set_prices({"BTC": D(price)})


def test_two_accounts_with_one_key_are_refused() -> None:
    world = empty_world()
    first = trader(world)

    with pytest.raises(WorldError, match="name or key"):
        world.add(Account(name="b", venue="binance", mode="classic", key=first.key, secret="s"))
