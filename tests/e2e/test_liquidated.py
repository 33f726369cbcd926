"""A liquidation is bad news: told within seconds, in sight or after an outage, never as calm."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.default import default_world
from watcher.sim.faults import Fault
from watcher.sim.market import Scripted
from watcher.sim.world import SECOND_US

pytestmark = pytest.mark.process

VENUES = ("bybit", "binance", "okx")
CRASH_S = 60.0


def told_at(stage: Stage, account: str, words: str) -> float:
    """Return when (seconds of the world) *account* was first told *words*."""
    found = [sent for sent in stage.messages if account in sent.text and words in sent.text]
    assert found, [sent.text for sent in stage.messages]
    return (found[0].at_us - stage.world.start_us) / 1e6


def test_a_liquidation_in_sight_is_told_within_seconds(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=10.0)
        falls(world, (CRASH_S, 100_000), (CRASH_S + 1, 80_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(CRASH_S + 25)

            for venue in VENUES:
                assert told_at(stage, f"{venue}_main", "POSITION ") <= CRASH_S + 15

            await stage.to(CRASH_S + 400)
            for venue in VENUES:
                assert not [w for w in stage.words(f"{venue}_main") if w.startswith("CALM")], venue

    asyncio.run(play())


def test_a_gap_that_liquidates_calm_accounts_is_told_within_seconds(tmp_path: Path) -> None:
    """No tier stood before it: what is missing is all there is to tell it by."""

    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=35.0)
        falls(world, (CRASH_S, 100_000), (CRASH_S + 0.5, 50_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(CRASH_S - 5)
            assert not [s for s in stage.messages if "_main" in s.text and "POSITION" in s.text]
            await stage.to(CRASH_S + 25)

            for venue in VENUES:
                words = "most likely LIQUIDATED"
                assert told_at(stage, f"{venue}_main", words) <= CRASH_S + 15
                told = [s for s in stage.messages if venue in s.text and words in s.text]
                assert not any(sent.silent for sent in told)
                assert "POSITION GONE" in told[0].text

    asyncio.run(play())


def test_whatever_a_crash_liquidates_is_told_for_its_pool(tmp_path: Path) -> None:
    """The practice world, where some pools are calm, some watched, and some go without trace."""

    async def play() -> None:
        world = default_world()
        at_us = round(CRASH_S * SECOND_US)
        calm = {coin: world.prices[coin] for coin in ("BTC", "SOL", "ETH")}
        crash = {"BTC": Decimal(60_000), "SOL": Decimal(100), "ETH": Decimal(2000)}
        world.follow(Scripted([(0, calm), (at_us, calm), (at_us + 1, crash)]))
        async with staged(world, tmp_path) as stage:
            await stage.to(CRASH_S + 20)

            forced = [one for account in world.accounts.values() for one in account.liquidations]
            lost = {(one.account, one.symbol) for one in forced if one.kind == "full"}
            assert len(lost) > len(VENUES)
            for account, symbol in lost:
                told = [
                    sent
                    for sent in stage.messages
                    if account in sent.text and f"Was {symbol} " in sent.text
                ]
                assert told, (account, symbol)
                assert "most likely LIQUIDATED" in told[0].text
                assert not told[0].silent

    asyncio.run(play())


def test_a_liquidation_during_an_outage_is_told_when_it_ends(tmp_path: Path) -> None:
    """The account was calm when it was last seen, and no price was known meanwhile."""

    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=25.0)
        falls(world, (CRASH_S, 100_000), (CRASH_S + 60, 60_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(CRASH_S - 5)
            for venue in VENUES:
                until_us = world.now_us + 300 * 1_000_000
                fault = Fault(target=venue, kind="http", status=503, until_us=until_us)
                stage.practice.server.faults.add(fault)
            await stage.to(CRASH_S + 295 + 30)

            for venue in VENUES:
                told = told_at(stage, f"{venue}_main", "POSITION ")
                assert CRASH_S + 295 <= told <= CRASH_S + 295 + 20, venue

            await stage.to(CRASH_S + 800)
            for venue in VENUES:
                assert not [w for w in stage.words(f"{venue}_main") if w.startswith("CALM")], venue

    asyncio.run(play())
