"""The trader of the demo does what the words on the phone say, in coins or in contracts."""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.default import empty_world, new_account
from watcher.sim.demo.people import Person
from watcher.sim.demo.phone import read

TEXT = """🔴 CRITICAL #ab12·3 main
5.8 % from liquidation
Back to 12 %: add 0.5 BTC
  or close {close}"""


def test_the_trader_closes_contracts_of_the_position_counted_in_them() -> None:
    world = empty_world()
    account = new_account(
        world, "main", "okx", "futures", {"trading": {"BTC": "2", "USDT": "60000"}}
    )
    world.set_position(account, "BTC-USD-SWAP", "long", Decimal(1_000))
    world.set_position(account, "BTC-USDT-SWAP", "long", Decimal(200))
    advice = read(TEXT.format(close="120 of 1,000 contracts"))
    assert advice is not None
    assert advice.close == (Decimal(120), "contracts")

    trader = Person(reaction_s=10.0)
    trader.notice(world, "main", advice)
    world.step(world.now_us + 11_000_000)
    assert trader.due(world) == [("main", "closed 120 contracts")]

    left = {leg.symbol: leg.quantity for leg in account.positions.values()}
    assert left == {"BTC-USD-SWAP": 880, "BTC-USDT-SWAP": 200}


def test_all_contracts_and_coins_are_read_alike() -> None:
    for words, close in (
        ("all 1,000 contracts", (Decimal(1000), "contracts")),
        ("0.25 of 1.5 BTC", (Decimal("0.25"), "BTC")),
    ):
        found = read(TEXT.format(close=words))
        assert found is not None
        assert found.close == close
