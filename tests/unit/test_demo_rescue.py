"""What the demo says of the account that tops itself up, and when it calls its own story untrue."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from watcher.sim.default import empty_world, new_account
from watcher.sim.demo.rescue import Rescue, failures_of, lines_of
from watcher.sim.demo.truth import worth
from watcher.sim.things import Transfer

INTENT = {"asset": "USDT", "amount": "4379.18699282", "state": "done", "mode": "auto"}


def move(amount: str = "4379.18699282") -> Transfer:
    return Transfer(asset="USDT", amount=Decimal(amount), source="funding", target="futures")


def rescue() -> Rescue:
    return Rescue(
        account="main",
        twin="twin",
        moves=[(3211.5, move())],
        decided=[INTENT],
        nearest=(3339.0, 6.69),
        lost_at=None,
        twin_lost_at=3637.0,
        starts=Decimal(69_788),
        ends=Decimal(45_939),
        twin_ends=Decimal(40_000),
    )


def test_the_page_tells_what_moved_how_near_it_was_and_what_came_of_the_twin() -> None:
    assert lines_of(rescue()) == [
        "main tops itself up, nobody touches it:",
        "  0:53:31  moved 4,379.19 USDT, funding → futures",
        "  top-ups decided: 1; carried out by the venue: 1",
        "  nearest to liquidation: 6.7 % at 0:55:39",
        "  with it: its positions stand; worth 45,939 USDT at the end",
        "  without it: twin, the same account, was liquidated at 1:00:37, 29,788 USDT lost",
        "  twin is worth 40,000 USDT at the end",
    ]
    assert failures_of(rescue()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"moves": [], "decided": []}, "main: nothing was moved"),
        (
            {"moves": [(1.0, move()), (2.0, move())]},
            "main: the venue carried out 2 top-ups, the ledger has 1 (done)",
        ),
        (
            {"decided": [INTENT, INTENT]},
            "main: the venue carried out 1 top-ups, the ledger has 2 (done, done)",
        ),
        (
            {"moves": [(1.0, move("4379.18"))]},
            "main: the venue carried out 1 top-ups, the ledger has 1 (done)",
        ),
        (
            {"decided": [INTENT | {"state": "unknown"}]},
            "main: the venue carried out 1 top-ups, the ledger has 1 (unknown)",
        ),
        ({"lost_at": 3637.0}, "main: liquidated at 1:00:37 all the same"),
        ({"twin_lost_at": None}, "twin: lived without a top-up, so none was needed"),
    ],
)
def test_a_story_that_did_not_come_true_is_called_so(change: dict[str, Any], words: str) -> None:
    assert failures_of(replace(rescue(), **change)) == [words]


def test_what_an_account_is_worth_counts_every_wallet_and_every_leg() -> None:
    world = empty_world()
    wallets = {"funding": {"USDT": "1000"}, "futures": {"USDT": "500", "BTC": "0.01"}}
    account = new_account(world, "main", "binance", "classic", wallets)
    world.set_prices({"BTC": Decimal(100_000)})
    held = {"entry": Decimal(99_000), "isolated_margin": Decimal(200)}
    leg = world.set_position(account, "BTCUSDT", "long", Decimal("0.1"), **held)
    assert leg is not None
    gained = world.unrealised(leg)

    # the margin of the leg left its wallet and is still there
    assert worth(world, account) == 1000 + 500 + 1000 + gained
    assert gained > 90
