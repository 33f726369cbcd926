"""Somebody outside is pinged for work seen done, told of failures, and misses what is dead."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests import canary
from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import Stage, add_secret, staged
from watcher.sim.faults import Fault, Kind
from watcher.sim.heartbeat import CHECK, PING_PATH
from watcher.sim.practice import serve, write_config
from watcher.sim.world import SECOND_US

pytestmark = pytest.mark.process

FOR_EVER = 1_000_000


def pings(stage: Stage) -> list[tuple[float, str]]:
    """Return when each ping came, in seconds, and why not all was well."""
    start_us = stage.world.start_us
    return [
        (round((one.at_us - start_us) / SECOND_US, 3), "" if one.ok else one.reason)
        for one in stage.practice.server.pings.pings
    ]


def trouble(stage: Stage, target: str, kind: Kind = "http", **more: object) -> None:
    fault = Fault(target=target, kind=kind, status=502, **more)  # type: ignore[arg-type]  # its fields
    fault.count = FOR_EVER
    stage.practice.server.faults.add(fault)


def test_it_pings_while_well_and_blindness_that_is_told_is_well(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=30.0)
        async with staged(world, tmp_path, pinged=True) as stage:
            await stage.to(300)
            times = [at for at, reason in pings(stage) if not reason]
            assert len(pings(stage)) == len(times) == 5
            assert times[0] < 15

            trouble(stage, "bybit")
            await stage.to(700)
            assert "BLIND" in stage.words("main")
            assert {reason for _, reason in pings(stage)} == {""}
            assert len(pings(stage)) >= 10
            started = stage.messages[0].text
            assert "NOBODY WILL NOTICE" not in started

    asyncio.run(play())


def test_blindness_that_reaches_nobody_is_a_failure_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=30.0)
        async with staged(world, tmp_path, pinged=True) as stage:
            await stage.to(120)
            trouble(stage, "bybit")
            trouble(stage, "bot", path="sendMessage")
            await stage.to(420)
            failed = [at for at, reason in pings(stage) if reason]
            well = [at for at, reason in pings(stage) if not reason]
            # blind after 120 s at this distance, undelivered for 60 s then
            assert 300 < failed[0] < 320
            assert max(well) < 245
            assert "outbox" in pings(stage)[-1][1]

            stage.practice.server.faults.clear()
            await stage.to(480)
            assert pings(stage)[-1][1] == ""

    asyncio.run(play())


def test_a_daemon_that_hangs_is_missed_and_claims_nothing_old_afterwards(tmp_path: Path) -> None:
    """I8: SIGSTOP, ten minutes, SIGCONT: what was read before is no proof of work after."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=30.0)
        async with staged(world, tmp_path, pinged=True) as stage:
            await stage.to(200)
            process = stage.daemon.process_id
            os.kill(process, signal.SIGSTOP)
            world.step(world.now_us + 600 * SECOND_US)
            trouble(stage, "bybit")
            os.kill(process, signal.SIGCONT)
            await stage.to(840)
            times = [at for at, reason in pings(stage) if not reason]
            assert [at for at in times if 200 < at < 800] == []
            # it was blind for ten minutes: before that is told, no ping
            told = [one.at_us for one in stage.messages if "BLIND" in one.text]
            assert [at for at in times if at >= 800]
            assert min(at for at in times if at >= 800) >= (told[0] - world.start_us) / SECOND_US

    asyncio.run(play())


def test_who_is_pinged_being_away_holds_up_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=30.0)
        async with staged(world, tmp_path, pinged=True) as stage:
            trouble(stage, "ping")
            await stage.to(290)
            assert "PINGS DO NOT ARRIVE" not in " ".join(one.text for one in stage.messages)
            await stage.to(400)
            assert "PINGS DO NOT ARRIVE" in stage.messages[-1].text

            stage.practice.server.faults.clear()
            await stage.to(430)
            assert "PINGS ARRIVE AGAIN" in stage.messages[-1].text
            assert pings(stage)

    asyncio.run(play())


def test_the_service_manager_is_fed_for_work_and_a_standstill_is_told(tmp_path: Path) -> None:
    """In real time: ready, fed, stopped for seven seconds, told, stopping."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=30.0)
        practice = await serve(canary.armed(world))
        heard: list[str] = []
        try:
            config = write_config(practice, tmp_path, only=["main"])
            add_secret(config, "watcher_heartbeat__url", f"{practice.url}{PING_PATH}{CHECK}")
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(str(tmp_path / "notify"))
                manager.settimeout(0)
                clean = {k: v for k, v in os.environ.items() if not k.startswith("WATCHER_")}
                daemon = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "watcher", "run", "--config", str(config)),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env={**clean, "NOTIFY_SOCKET": str(tmp_path / "notify")},
                )

                async def until(is_true: Callable[[], bool]) -> None:
                    async with asyncio.timeout(40):
                        while not is_true():
                            with suppress(BlockingIOError):
                                heard.append(manager.recv(64).decode())
                                continue
                            await asyncio.sleep(0.1)

                try:
                    await until(lambda: "WATCHDOG=1" in heard and bool(practice.server.pings.pings))
                    assert heard[0] == "READY=1"
                    assert practice.server.pings.pings[0].ok

                    daemon.send_signal(signal.SIGSTOP)
                    await asyncio.sleep(7)
                    fed = len(heard)
                    daemon.send_signal(signal.SIGCONT)
                    texts = practice.bot.messages
                    await until(lambda: any("STOOD STILL" in sent.text for sent in texts))
                    await until(lambda: len(heard) > fed)
                finally:
                    daemon.send_signal(signal.SIGTERM)
                    code = await asyncio.wait_for(daemon.wait(), 10)
                assert code == 0
                await until(lambda: heard[-1] == "STOPPING=1")
        finally:
            await practice.close()

    asyncio.run(play())
