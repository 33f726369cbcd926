"""A venue that is away, or whose price stands still, as the other venues' prices show it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, symbol, world_of
from tests.e2e.lockstep import staged
from watcher.sim.faults import Fault
from watcher.sim.world import World

pytestmark = pytest.mark.process

VENUES = ("bybit", "binance", "okx")


@pytest.mark.parametrize("venue", VENUES)
def test_danger_while_a_venue_is_away_is_told_by_another_venues_price(
    venue: str, tmp_path: Path
) -> None:
    """The account is the only one; the venue answers nobody, also not for public prices."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", venue, away=15.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            assert stage.words("main") == ["WATCH"]
            until_us = world.now_us + 600 * 1_000_000
            stage.practice.server.faults.add(Fault(target=venue, kind="http", until_us=until_us))
            falls(world, (30.0, 90_000.0))
            await stage.to(75)

            (critical,) = (
                sent for sent in stage.messages if "CRITICAL" in sent.text.splitlines()[0]
            )
            assert "(ESTIMATE)" in critical.text.splitlines()[0]
            assert "live BTC price" in critical.text

    asyncio.run(play())


def stands_still(world: World, venue: str) -> None:
    """Keep the mark of *venue* where it is, whatever BTC costs."""
    one = world.instrument(venue, symbol(venue))
    mark = world.mark(one)

    def hold(world: World) -> None:
        world.set_basis(one, mark / world.prices["BTC"] - 1)

    world.on_step.append(hold)


@pytest.mark.parametrize("venue", ["bybit", "binance"])
def test_a_mark_that_stands_still_is_told_and_the_price_elsewhere_counts(
    venue: str, tmp_path: Path
) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", venue, away=15.0)
        async with staged(world, tmp_path) as stage:
            stands_still(world, venue)
            await stage.to(40)
            assert stage.words("main") == ["WATCH"]
            falls(world, (60.0, 90_000.0))
            await stage.to(67)  # 4.5 % down elsewhere

            texts = [sent.text for sent in stage.messages]
            (note,) = (text for text in texts if "PRICE DIFFERS" in text)
            assert "BTC has not moved there for" in note
            assert stage.words("main")[1:] == ["PRICE DIFFERS", "WARNING (unconfirmed)"]

    asyncio.run(play())
