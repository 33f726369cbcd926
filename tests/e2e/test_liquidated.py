"""A liquidation is bad news: told within seconds, in sight or after an outage, never as calm."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.faults import Fault

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
