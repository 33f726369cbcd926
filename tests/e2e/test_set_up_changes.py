"""What changes around the numbers, as the phone shows it: mode, key, whose key, clock, a flag."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import Stage, staged

pytestmark = pytest.mark.process

VENUES = ("bybit", "binance", "okx")
MODE_S = 600.0
SLACK_S = 130.0
"""Housekeeping once a minute, one poll after it, and the message's way."""


def told(stage: Stage, account: str, title: str) -> list[float]:
    """Return when (seconds of the world) *account* was told *title*."""
    return [
        (sent.at_us - stage.world.start_us) / 1e6
        for sent in stage.messages
        if account in sent.text and title in sent.text.splitlines()[0]
    ]


def test_mode_and_key_that_change_are_told_once_each_in_their_time(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=40.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            for name in ("binance_main", "okx_main"):
                world.account(name).hedge = True
            for venue in VENUES:
                account = world.account(f"{venue}_main")
                account.rights = replace(account.rights, trade=True)
            world.touch()

            await stage.to(30 + MODE_S + SLACK_S)
            for name in ("binance_main", "okx_main"):
                assert len(told(stage, name, "MODE CHANGED")) == 1, name
            assert told(stage, "bybit_main", "MODE CHANGED") == []
            assert len(told(stage, "okx_main", "KEY CHANGED")) == 1

            await stage.restart()  # rights are read at start, and else every six hours
            await stage.to(stage.t + 30)
            for venue in VENUES:
                assert len(told(stage, f"{venue}_main", "KEY CHANGED")) == 1, venue
                assert len(told(stage, f"{venue}_main", "MODE CHANGED")) == (venue != "bybit")
            texts = [sent.text for sent in stage.messages if "KEY CHANGED" in sent.text]
            assert all("May now trade" in text for text in texts)

    asyncio.run(play())


def test_a_clock_that_is_off_and_another_accounts_key_are_told_after_a_start(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=40.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            assert not [sent for sent in stage.messages if "CLOCK" in sent.text]
            stage.practice.server.ahead_us = 2_000_000
            world.account("okx_main").uid = 99
            await stage.restart()
            await stage.to(stage.t + 40)

            for venue in ("bybit", "binance"):
                assert len(told(stage, f"{venue}_main", "CLOCK OFF")) == 1, venue
            off = [sent.text for sent in stage.messages if "CLOCK OFF" in sent.text]
            assert all("2.0 s ahead of" in text for text in off)
            assert len(told(stage, "okx_main", "SECURITY")) == 1
            assert told(stage, "okx_main", "CLOCK OFF") == []  # it is not watched

    asyncio.run(play())


def test_a_position_the_venue_deleverages_is_told_at_the_next_poll(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "bybit_main", "bybit", away=40.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            world.account("bybit_main").flags["adl"] = True
            world.touch()
            await stage.to(50)

            (at,) = told(stage, "bybit_main", "BYBIT ACTS")
            assert at <= 30 + 12

    asyncio.run(play())
