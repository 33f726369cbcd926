"""The trader of the demo does what the words on the phone say, in coins or in contracts."""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.default import empty_world, new_account
from watcher.sim.demo.people import Person
from watcher.sim.demo.phone import read, read_all

START_US = empty_world().now_us

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


def test_everything_a_message_lists_is_read() -> None:
    text = (
        "🚨 EMERGENCY: 1 account · WARNING: 2 alerts of 1 account\n"
        "🚨 main unified: 2.9 % #AB12·3\n"
        "🔧 main: MODEL DIFFERS #CD34\n"
        "🟠 other cross USDT: level 152 % #EF56·1"
    )

    found = [(one.account, one.word, one.code, one.seq, one.distance) for one in read_all(text)]

    assert found == [
        ("main", "EMERGENCY", "AB12", 3, 2.9),
        ("main", "MODEL DIFFERS", "CD34", 0, None),
        ("other", "WARNING", "EF56", 1, None),
    ]


def test_a_group_that_is_not_seen_and_one_that_waited_too_long_are_read() -> None:
    blind = read_all("🟠 BLIND: 2 accounts\n🟠 main: not seen for 40 s, last 12 % #AB12\nmore")
    late = read_all(
        "2 messages could not be sent for up to 12 min\n· 🟢 CALM #AB12·7 main (was WATCH)"
    )

    assert [(one.account, one.word) for one in blind] == [("main", "BLIND")]
    assert [(one.word, one.note, one.seq) for one in late] == [("CALM", "was WATCH", 7)]
    assert not read_all("")
    assert not read_all("🔧 CANNOT WRITE TO DISK\n  a: b #AB12")


def test_the_trader_acts_again_at_once_only_on_graver_news() -> None:
    world = empty_world()
    account = new_account(world, "main", "okx", "futures", {"trading": {"USDT": "60000"}})
    world.set_position(account, "BTC-USDT-SWAP", "long", Decimal(200))
    trader = Person(reaction_s=10.0)
    done = []
    for second, tier in (
        (0, "CRITICAL"),
        (100, "CRITICAL"),
        (200, "EMERGENCY"),
        (300, "EMERGENCY"),
    ):
        world.step(second * 1_000_000 + START_US)
        trader.notice(world, "main", read(TEXT.format(close="0.1 BTC").replace("CRITICAL", tier)))
        world.step(world.now_us + 11_000_000)
        done.append(len(trader.due(world)))
    assert done == [1, 0, 1, 0]
