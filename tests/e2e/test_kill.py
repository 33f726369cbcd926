"""The daemon is killed, stopped and started again: nothing is lost, nothing is said twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.faults import Fault
from watcher.sim.practice import serve, write_config

pytestmark = pytest.mark.process

TIERS = ["WATCH", "WARNING", "CRITICAL", "EMERGENCY"]


def numbers(stage: Stage, account: str) -> list[int]:
    return [one.seq for one in stage.said(account)]


def test_an_alert_that_waits_for_telegram_survives_kill_9(tmp_path: Path) -> None:
    """Written down, not delivered, killed: the next life delivers it, once."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=14.0)
        falls(world, (60, 100_000), (120, 91_000), (500, 91_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(60)
            down = Fault(target="bot", kind="http", status=502, path="sendMessage", until_us=None)
            down.count = 10_000
            stage.practice.server.faults.add(down)
            await stage.to(150)
            assert "CRITICAL" not in stage.words("main")

            await stage.daemon.kill()
            stage.practice.server.faults.clear()
            await stage.daemon.start()
            await stage.to(200)

            assert stage.words("main").count("CRITICAL") == 1
            assert numbers(stage, "main") == sorted(set(numbers(stage, "main")))

    asyncio.run(play())


def test_a_kill_between_delivery_and_note_repeats_the_same_number_only(tmp_path: Path) -> None:
    """The phone has it, the daemon dies before it can know: the copy carries the same number."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=14.0)
        falls(world, (60, 100_000), (120, 91_000), (500, 91_000))
        async with staged(world, tmp_path) as stage:
            await stage.to(60)
            struck = asyncio.Event()
            stage.practice.bot.on_message.append(
                lambda sent: struck.set() if "CRITICAL" in sent.text else None
            )
            lost = Fault(target="bot", kind="timeout", path="sendMessage", count=1)
            stage.practice.server.faults.add(lost)
            moving = asyncio.create_task(stage.to(200))
            await asyncio.wait_for(struck.wait(), 60)
            await stage.daemon.kill()
            await stage.daemon.start()
            await moving

            critical = [one for one in stage.said("main") if one.word == "CRITICAL"]
            assert {(one.code, one.seq) for one in critical if not one.note} == {
                (critical[0].code, critical[0].seq)
            }
            assert 1 <= len([one for one in critical if not one.note]) <= 2

    asyncio.run(play())


def test_kills_all_along_a_slide_lose_and_repeat_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "okx", away=22.0)
        falls(world, (60, 100_000), (860, 80_000))
        async with staged(world, tmp_path) as stage:
            for t in (90, 215, 430, 505, 640, 700, 790):
                await stage.to(t)
                await stage.restart(after_s=3)
            await stage.to(865)

            fresh = [one.tier for one in stage.said("main") if one.tier and one.note != "still"]
            assert fresh == TIERS
            assert numbers(stage, "main") == list(range(1, len(numbers(stage, "main")) + 1))

    asyncio.run(play())


def test_sigterm_stops_within_five_seconds_and_says_so(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=14.0)
        practice = await serve(world)
        try:
            config = write_config(practice, tmp_path)
            daemon = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "watcher", "run", "--config", str(config)),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={k: v for k, v in os.environ.items() if not k.startswith("WATCHER_")},
            )
            told = asyncio.Event()
            practice.bot.on_message.append(
                lambda sent: told.set() if "WATCH #" in sent.text else None
            )
            await asyncio.wait_for(told.wait(), 30)
            began = time.monotonic()
            daemon.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(daemon.wait(), 10)

            assert time.monotonic() - began < 5
            assert code == 0
            assert "STOPPED" in practice.bot.messages[-1].text
        finally:
            await practice.close()

    asyncio.run(play())


def test_a_crash_loop_ends_in_safe_mode_and_that_in_peace(tmp_path: Path) -> None:
    """Five deaths within five minutes: alerts go on, slowly; no money; over after ten minutes."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=14.0)
        falls(world, (300, 100_000), (360, 91_000), (2000, 91_000))
        async with staged(world, tmp_path) as stage:
            for t in range(20, 120, 20):
                await stage.to(t)
                assert not any("SAFE MODE" in sent.text for sent in stage.messages)
                await stage.restart(after_s=3)
            await stage.to(400)
            said = [sent.text for sent in stage.messages if "SAFE MODE" in sent.text]
            assert len(said) == 1
            assert "watcher died 5 times within 5 min" in said[0]
            assert stage.words("main").count("CRITICAL") == 1

            await stage.to(720)
            assert stage.messages[-1].text.startswith("🔧 SAFE MODE IS OVER")
            await stage.daemon.stop()
            await stage.daemon.start()
            await stage.to(760)
            assert (tmp_path / "state" / "starts.json").read_text(encoding="utf-8").count(",") == 0

    asyncio.run(play())
