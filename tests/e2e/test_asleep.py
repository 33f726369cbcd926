"""Nobody answers: who is called next, by the clock; and what an answer stops, for how long."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from tests.e2e.asking import press
from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import SECOND_CHAT_ID, Stage, staged
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import CHAT_ID
from watcher.sim.demo.phone import read
from watcher.sim.world import SECOND_US

pytestmark = pytest.mark.process

POLL_S = 4.0
"""A step falls due between two looks."""
FAST, FAST_COUNT, SLOW = 180.0, 10, 600.0
SECOND_AFTER_S, FALLBACK_AFTER_S = 180.0, 360.0


def heard(stage: Stage, chat_id: int) -> list[SentMessage]:
    """Return what a chat was told of an incident."""
    return [m for m in stage.messages if m.chat_id == chat_id and read(m.text) is not None]


def times(stage: Stage, chat_id: int) -> list[float]:
    return [(m.at_us - stage.world.start_us) / SECOND_US for m in heard(stage, chat_id)]


def called(stage: Stage) -> list[float]:
    told = stage.practice.server.fallback.notifications
    return [(each.at_us - stage.world.start_us) / SECOND_US for each in told]


def is_at(found: float, due: float) -> bool:
    return due <= found <= due + POLL_S


def test_an_unanswered_critical_alert_climbs_by_the_clock(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=5.0)
        async with staged(world, tmp_path, roads=True) as stage:
            await stage.to(FAST * FAST_COUNT + 2 * SLOW + 60)
            chat, second, far = times(stage, CHAT_ID), times(stage, SECOND_CHAT_ID), called(stage)
            told = chat[0]

            assert stage.words("main")[0] == "CRITICAL"
            assert is_at(second[0], told + SECOND_AFTER_S)
            assert is_at(far[0], told + FALLBACK_AFTER_S)
            # ten times every three minutes, then every ten
            paces = [after - before for before, after in pairwise(chat)]
            assert len(paces) == FAST_COUNT + 2
            assert all(is_at(pace, FAST) for pace in paces[:FAST_COUNT])
            assert all(is_at(pace, SLOW) for pace in paces[FAST_COUNT:])
            # whoever was called once hears the rest, at the same time
            assert second == chat[1:]
            assert far == chat[2:]

    asyncio.run(play())


def test_an_answer_stops_it_until_it_is_worse_and_outlives_kill_9(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=5.0)
        # liquidation at 95,000: 5 %, then 3.9 % (a fifth is gone), then 2.9 % (emergency)
        falls(world, (900, 100_000), (1700, 98_855), (2100, 98_855), (2900, 97_830), (3100, 97_830))
        async with staged(world, tmp_path, roads=True) as stage:
            await stage.to(60)
            [told] = times(stage, CHAT_ID)
            await stage.to(told + SECOND_AFTER_S + 60)
            await stage.restart()
            await stage.to(told + FALLBACK_AFTER_S + 30)
            # the clock of an unanswered alert is not the process's
            assert [is_at(t, told + SECOND_AFTER_S) for t in times(stage, SECOND_CHAT_ID)][:1]
            assert is_at(called(stage)[0], told + FALLBACK_AFTER_S)

            shown = heard(stage, CHAT_ID)[-1]
            assert list(shown.keys()) == ["Ack", "Details", "Chart"]
            assert (await press(stage, "Ack", of=shown)).startswith("Seen: #")
            await stage.to(told + FALLBACK_AFTER_S + 40)
            now = stage.practice.bot.message(shown.id).now()
            assert "Ack" not in str(now.buttons)
            assert "Seen " in now.text
            await stage.restart()
            quiet = (len(heard(stage, CHAT_ID)), len(called(stage)))
            await stage.to(1000)
            assert quiet == (len(heard(stage, CHAT_ID)), len(called(stage)))

            # a fifth of what was left is gone: it speaks again, to the first chat at first
            await stage.to(1760)
            worse = [m for m in heard(stage, CHAT_ID) if "Worse than seen" in m.text]
            assert len(worse) == 1
            assert list(worse[0].keys()) == ["Ack", "Details", "Chart"]
            assert "(still)" in worse[0].text
            assert len(called(stage)) == quiet[1]

            # and an emergency is told on every road at once
            await stage.to(2950)
            at = {}
            for sent in stage.messages:
                if (one := read(sent.text)) is not None and one.word == "EMERGENCY":
                    at.setdefault(sent.chat_id, sent.at_us)
            [first, *_] = [
                each.at_us
                for each in stage.practice.server.fallback.notifications
                if "EMERGENCY" in each.title
            ]
            assert {at[CHAT_ID], at[SECOND_CHAT_ID], first} == {first}

    asyncio.run(play())
