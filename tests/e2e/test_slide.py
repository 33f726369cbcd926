"""A slide to the brink and back: each tier once, in order, at its line, and one all-clear."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.books import coin_margined, falls, long_btc, multi_assets, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.demo.phone import Read
from watcher.sim.things import Account

pytestmark = pytest.mark.process

REPEATS = ("still", "unanswered")
LINES = {"WATCH": 20.0, "WARNING": 12.0, "CRITICAL": 6.0, "EMERGENCY": 3.0}


def fired(stage: Stage) -> list[Read]:
    """Return the words that reached a tier."""
    return [one for one in stage.said("main") if one.tier and one.note not in REPEATS]


def is_at_its_line(one: Read) -> bool:
    """Tell whether *one* came at the line of its tier; by its speed, at the line before it."""
    assert one.distance is not None
    tiers = list(LINES)
    line = LINES[tiers[tiers.index(one.tier) - 1]] if one.raced else LINES[one.tier]
    return LINES[one.tier] - 0.4 <= one.distance <= line


@pytest.mark.parametrize("venue", ["bybit", "binance", "okx"])
def test_every_tier_fires_once_in_order_at_its_line(venue: str, tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", venue, away=22.0)
        # 20 % in 800 s: a quarter of a percent in ten seconds
        falls(world, (60, 100_000), (860, 80_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(865)

            told = fired(stage)
            assert [one.tier for one in told] == list(LINES)
            for one in told:
                assert is_at_its_line(one)

    asyncio.run(play())


@pytest.mark.parametrize("book", [multi_assets, coin_margined])
def test_slide_of_the_other_modes_ends_in_a_liquidation_that_is_told(
    book: Callable[..., Account], tmp_path: Path
) -> None:
    async def play() -> None:
        world = world_of()
        account = book(world, "main", away=22.0)
        # 25 % in 1,000 s, through liquidation
        falls(world, (60, 100_000), (1060, 75_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(1100)

            told = fired(stage)
            assert [one.tier for one in told[: len(LINES)]] == list(LINES)
            for one in told[: len(LINES)]:
                assert is_at_its_line(one)
            assert [one.kind for one in account.liquidations][-1] == "full"
            (gone, *_) = [one for one in stage.said("main") if one.word == "POSITION GONE"]
            assert gone.seq > told[len(LINES) - 1].seq or gone.code != told[-1].code

    asyncio.run(play())


def test_recovery_is_told_once_and_nothing_after_it(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=22.0)
        falls(world, (60, 100_000), (860, 88_000), (1160, 110_000), (2500, 110_500))
        async with staged(world, tmp_path) as stage:
            await stage.to(2900)

            words = stage.words("main")
            assert words[:2] == ["WATCH", "WARNING"]
            assert words[-1].startswith("CALM")
            assert not any(word in ("WATCH", "WARNING", "CRITICAL") for word in words[2:])

    asyncio.run(play())


def test_noise_around_a_line_pages_nobody_twice(tmp_path: Path) -> None:
    """Half a percent up and down around the watch line for twenty minutes."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=20.1)
        swings = [(60.0 + 30 * n, 100_000 * (0.995 if n % 2 else 1.005)) for n in range(40)]
        falls(world, *swings)
        async with staged(world, tmp_path) as stage:
            await stage.to(1250)

            assert stage.words("main") == ["WATCH"]

    asyncio.run(play())


def test_an_outage_is_told_and_its_end(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=15.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(60)
            outage(stage, "bybit", 300)
            await stage.to(500)

            words = stage.words("main")
            assert words[0] == "WATCH"
            assert words[1].startswith("BLIND")
            assert words[2].startswith("SEEING")
            assert len(words) == 3
            blind = next(sent for sent in stage.messages if "BLIND" in sent.text)
            # S is 4 s per percent of distance: 60 s, told within 15 s of it
            assert 50 <= (blind.at_us - world.start_us) / 1e6 - 60 <= 75

    asyncio.run(play())


def outage(stage: Stage, target: str, seconds: float) -> None:
    from watcher.sim.faults import Fault  # noqa: PLC0415 - only this scenario breaks things

    until_us = stage.world.now_us + round(seconds * 1e6)
    stage.practice.server.faults.add(
        Fault(target=target, kind="http", status=503, until_us=until_us)
    )
