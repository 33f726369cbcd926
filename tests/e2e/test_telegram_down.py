"""Ten minutes without Telegram in the middle of a crash: told elsewhere, then told as it is now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import SECOND_CHAT_ID, staged
from tests.e2e.told import busiest
from watcher.sim.default import CHAT_ID
from watcher.sim.demo.phone import read
from watcher.sim.demo.truth import distance
from watcher.sim.faults import Fault
from watcher.sim.world import SECOND_US

pytestmark = pytest.mark.process

AWAY = {"first": 13.0, "later": 14.0, "third": 15.0, "milder": 26.0}
DOWN_S, UP_S = 90.0, 690.0
FALL_S, LOW_S, LOW = 120.0, 180.0, 88_000.0
BACK_S, BACK = 460.0, 97_000.0
WITHIN_S = 20.0
CAUGHT_UP_S = 120.0


def test_ten_minutes_without_telegram_lose_nothing_and_flood_nobody(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        for (name, away), venue in zip(
            AWAY.items(), ("bybit", "okx", "binance", "bybit"), strict=True
        ):
            long_btc(world, name, venue, away=away)
        falls(
            world, (FALL_S, 100_000), (LOW_S, LOW), (400, LOW), (BACK_S, BACK), (UP_S + 200, BACK)
        )
        async with staged(world, tmp_path, roads=True) as stage:
            await stage.to(DOWN_S)
            until_us = world.start_us + round(UP_S * SECOND_US)
            down = Fault(target="bot", kind="http", status=502, path="/bot", until_us=until_us)
            stage.practice.server.faults.add(down)
            before = len(stage.messages)
            await stage.to(UP_S)
            assert len(stage.messages) == before
            told = [
                ((each.at_us - world.start_us) / SECOND_US, one)
                for each in stage.practice.server.fallback.notifications
                if (one := read(each.title)) is not None
            ]
            for name, away in AWAY.items():
                heard = [t for t, one in told if one.account == name]
                price = 100_000 * (1 - away / 100) / (1 - 0.06)
                if price < LOW:  # never critical, not even by its speed
                    assert heard == []
                    continue
                crossed = FALL_S + (LOW_S - FALL_S) * (100_000 - price) / (100_000 - LOW)
                assert heard[0] - crossed <= WITHIN_S, f"{name}: {heard[0] - crossed:.0f} s"

            await stage.to(UP_S + CAUGHT_UP_S)
            after = [sent for sent in stage.messages[before:] if sent.chat_id == CHAT_ID]
            late = [one for sent in after if (one := read(sent.text)) is not None]
            # the state told is the present one, of everyone
            for name in AWAY:
                now = distance(world, world.account(name))
                said = [one for one in late if one.account == name]
                shown = said[-1].distance if said else None
                assert shown is not None, f"{name} was never told"
                assert now is not None
                assert abs(shown - now) <= 0.1, f"{name}: told {shown}, is {now:.1f}"
            # below critical each thing once, nothing twice, and no flood
            assert len({(one.code, one.seq) for one in late}) == len(late)
            mild = [one for one in late if one.tier in {"WATCH", "WARNING"} or not one.tier]
            assert len(mild) <= len(AWAY)
            assert busiest(stage.messages) <= 12
            assert {sent.chat_id for sent in stage.messages} <= {CHAT_ID, SECOND_CHAT_ID}

    asyncio.run(play())
