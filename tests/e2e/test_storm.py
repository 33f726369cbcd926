"""Fifty accounts crash together: each is named in time, and the phone stays readable."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from tests.e2e.told import busiest, critical_in, gaps
from watcher.sim.world import World

pytestmark = pytest.mark.process

ACCOUNTS = 50
PER_MINUTE_MAX = 12
NAMED_WITHIN_S = 20.0
EMERGENCY_S, CRITICAL_S = 60.0, 180.0
CALM_S, CRASH_S = 60.0, 30.0
LOW = 88_000.0
VENUES = ("bybit", "binance", "okx")


def crowd(world: World) -> dict[str, float]:
    """Add accounts 13 to 17 % from liquidation on three venues; return each one's percent."""
    away = {f"a{n:02}": 13.0 + 4.0 * (7 * n % ACCOUNTS) / ACCOUNTS for n in range(ACCOUNTS)}
    for n, (name, percent) in enumerate(away.items()):
        long_btc(world, name, VENUES[n % 3], away=percent)
    return away


def crossing_s(away: float, line: float) -> float:
    """Return when the fall takes an account under *line* percent from liquidation."""
    price = 100_000 * (1 - away / 100) / (1 - line / 100)
    return CALM_S + CRASH_S * (100_000 - price) / (100_000 - LOW)


async def crash(folder: Path, until_s: float) -> tuple[Stage, dict[str, float]]:
    world = world_of()
    away = crowd(world)
    falls(world, (CALM_S, 100_000), (CALM_S + CRASH_S, LOW), (until_s + 1, LOW))
    async with staged(world, folder) as stage:
        for t in range(60, round(until_s) + 1, 60):
            await stage.to(t)
        return stage, away


def judge(stage: Stage, away: dict[str, float], until_s: float) -> None:
    assert busiest(stage.messages) <= PER_MINUTE_MAX
    named = critical_in(stage.world, stage.messages)
    for name, percent in away.items():
        times = [one.t for one in named if one.account == name]
        crossed = crossing_s(percent, 6.0)
        first = min(times, default=until_s)
        assert first - crossed <= NAMED_WITHIN_S, f"{name} named {first - crossed:.0f} s late"
        # a figure is never milder than the line, nor of another account
        final = 100 * (1 - 100_000 * (1 - percent / 100) / LOW)
        shown = [one.distance for one in named if one.account == name]
        assert final - 0.1 <= min(shown) <= max(shown) <= 6.0 + 0.05
        # nobody answers: whoever stands under a line is named again and again
        pace = EMERGENCY_S if final <= 3.0 else CRITICAL_S
        silence = gaps([t for t in times if t > CALM_S + CRASH_S], first, until_s)
        assert max(silence) <= pace + NAMED_WITHIN_S, f"{name}: {silence}"


def test_each_of_fifty_accounts_in_a_crash_is_named_within_20_s(tmp_path: Path) -> None:
    async def play() -> None:
        until_s = 180.0
        stage, away = await crash(tmp_path, until_s)
        judge(stage, away, until_s)

    asyncio.run(play())


@pytest.mark.deep
def test_fifty_accounts_unanswered_for_half_an_hour_are_named_again_and_again(
    tmp_path: Path,
) -> None:
    async def play() -> None:
        until_s = 1860.0
        stage, away = await crash(tmp_path, until_s)
        judge(stage, away, until_s)

    asyncio.run(play())
