"""What a venue lists changes under a daemon that runs: a new contract, one that is gone, a name."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.books import long_btc, symbol, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.things import Instrument
from watcher.sim.world import World

pytestmark = pytest.mark.process

VENUES = ("bybit", "binance", "okx")
START_S = 90.0
"""Tables are read at start, and again for what is not in them a minute later at the earliest."""
LOOKS_S = 90.0


def list_like_btc(world: World, venue: str, coin: str) -> Instrument:
    """List a contract on *coin* that is in all but its name like the one on BTC."""
    like = world.instrument(venue, symbol(venue))
    made = replace(like, symbol=like.symbol.replace("BTC", coin), underlying=coin)
    world.list_contract(made)
    return made


def texts(stage: Stage, account: str, title: str = "") -> list[str]:
    """Return what was told of *account* alone, under *title*."""
    heads = [(sent.text.partition("\n")[0], sent.text) for sent in stage.messages]
    return [text for head, text in heads if head.endswith(account) and title in head]


def test_a_contract_listed_after_the_start_is_computed_and_a_delisted_one_blinds_nobody(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        world = world_of()
        names = [f"{venue}_main" for venue in VENUES]
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=40.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(START_S)
            world.set_prices({"NEW": Decimal(1_000)})
            for venue in VENUES:
                one = list_like_btc(world, venue, "NEW")
                account = world.account(f"{venue}_main")
                world.set_position(account, one.symbol, "long", Decimal(60) / one.contract_size)

            # known at the first reading, and told by its name once it matters
            await stage.to(START_S + LOOKS_S)
            world.set_prices({"NEW": Decimal(750)})
            await stage.to(START_S + 2 * LOOKS_S)
            for name in names:
                assert texts(stage, name, "NOT COMPUTED") == [], name
                [told, *_] = texts(stage, name, "WARNING")
                assert "NEW" in told, told

            # whoever holds it when it goes is judged by the venue's figures, and not blind
            for venue in VENUES:
                world.delist(venue, symbol(venue).replace("BTC", "NEW"))
            await stage.to(START_S + 5 * LOOKS_S)
            for name in names:
                assert texts(stage, name, "BLIND") == [], texts(stage, name)[-1]
                assert texts(stage, name, "GONE") == [], texts(stage, name)[-1]
            for name in ("binance_main", "okx_main"):
                [told] = texts(stage, name, "NOT COMPUTED")
                assert "NEW" in told, told
                assert "own figures" in told, told

    asyncio.run(play())
