"""
Orders, buttons and charts over the real wire: python-telegram-bot, the Bot API stand-in, SQLite.

Rule: what is proved here is the whole way of a person's word: to the daemon, into its memory, back
to the phone, and through a kill -9.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.asking import after, ask, press
from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import CHAT_ID

pytestmark = pytest.mark.process

VIEWER = 42
CHART_KB_MAX = 1024
GROWN_KB_MAX = 4096
"""What a chart may leave in the daemon: buffers of its picture, not Matplotlib's 60 MB."""


@asynccontextmanager
async def watching(folder: Path, *, away: float = 5.0) -> AsyncIterator[Stage]:
    """Watch an account *away* percent from liquidation, and a calm one; a viewer is listed."""
    world = world_of()
    long_btc(world, "main", "bybit", coins="1.5", away=away)
    long_btc(world, "calm", "okx", away=45.0)
    async with staged(world, folder, viewers=(VIEWER,)) as stage:
        stage.practice.bot.chats.add(VIEWER)
        await stage.to(40)
        yield stage


def alert(stage: Stage) -> SentMessage:
    return next(sent for sent in stage.messages if "CRITICAL" in sent.text and sent.keys())


def code(stage: Stage) -> str:
    return alert(stage).text.split("#")[1].split("·")[0]


def about(stage: Stage, what: str) -> str:
    """Return what the system knows of the daemon's process."""
    return Path(f"/proc/{stage.daemon.process_id}/{what}").read_text(encoding="utf-8")


def resident_kb(stage: Stage) -> int:
    """Return what the daemon holds in memory of its own, without shared library pages."""
    [line] = [line for line in about(stage, "status").splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1])


def test_the_buttons_of_an_alert_ack_mute_and_answer(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            shown = alert(stage)
            assert list(shown.keys()) == ["Ack", "Details", "Chart"]

            seen = len(stage.messages)
            assert await press(stage, "Details", of=shown) == "Positions of main below"
            [details] = await after(stage, seen)
            assert "BTCUSDT long 1.5 BTC" in details.text

            seen = len(stage.messages)
            assert await press(stage, "Chart", of=shown) == "Chart of main below"
            [chart] = await after(stage, seen)
            assert chart.picture is not None
            assert len(chart.picture) < CHART_KB_MAX * 1024

            said = await press(stage, "Ack", of=shown)
            assert said == f"Seen: #{code(stage)} CRITICAL, next word in 2 h or when worse"
            assert await press(stage, "Ack", of=shown) == "Expired or already used"
            told = len(stage.said("main"))
            await stage.to(600)
            assert len(stage.said("main")) == told, "an ack keeps it quiet"

    asyncio.run(play())


def test_an_ack_and_a_mute_outlive_the_process(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            assert (await ask(stage, "/ack")).startswith(f"Seen: #{code(stage)} CRITICAL")
            assert await ask(stage, "/mute calm 2h") == "Muted up to WARNING for 2 h: calm"
            assert (await ask(stage, "/pause 2h")).startswith("Money paused until ")

            await stage.restart()
            await stage.to(stage.t + 30)
            rows = (await ask(stage, "/alerts")).splitlines()

            assert rows[0].endswith("1 open, 1 muted")
            assert any(f"seen by {CHAT_ID}" in row for row in rows)
            assert any(row.startswith("🔇 calm up to WARNING, 1 h ") for row in rows)
            assert any(row.startswith("Money paused until ") for row in rows)

    asyncio.run(play())


def test_a_viewer_reads_and_cannot_change_anything(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:

            async def viewer(text: str) -> str:
                await stage.to(stage.t + 16)  # six answers a minute
                return await ask(stage, text, user_id=VIEWER, chat_id=VIEWER)

            assert "CRITICAL" in await viewer("/status")
            assert "distance" in await viewer("/whatif main BTC -1%")
            for text in ("/ack", "/mute main 2h", "/unmute main", "/pause 2h", "/kill"):
                said = await viewer(text)
                assert said == f"{text.split()[0]} is for operators; you may read: /help"
            said = await press(stage, "Ack", of=alert(stage), user_id=VIEWER)
            assert said == "NOT done: you may only read, or the button has expired"
            assert "nobody has seen it" in await ask(stage, "/alerts")
            assert "Money" not in await ask(stage, "/alerts")

    asyncio.run(play())


def test_whatif_tells_what_then_comes_true(tmp_path: Path) -> None:
    """The same fall, asked first and then made by the world's own arithmetic."""

    async def play() -> None:
        async with watching(tmp_path, away=15.0) as stage:
            asked = (await ask(stage, "/whatif main BTC -10%")).splitlines()
            assert asked[1].startswith("main · ")
            told = asked[2].split("→")[1].split()[0]
            assert asked[-1].endswith("🔴 CRITICAL")

            stage.world.set_prices({"BTC": stage.world.prices["BTC"] * 90 / 100})
            await stage.to(60)
            assert "CRITICAL" in stage.words("main")
            status = await ask(stage, "/status")
            assert f" {told} %" in status.splitlines()[1]

    asyncio.run(play())


def test_a_chart_leaves_the_daemons_memory_as_it_was(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            await stage.to(400)

            async def chart() -> SentMessage:
                seen = len(stage.messages)
                await ask(stage, "/chart main 1h")
                [one] = await after(stage, seen)
                return one

            await chart()
            before = resident_kb(stage)
            shown = [await chart() for _ in range(2)]
            grown = resident_kb(stage) - before

            assert all(one.picture is not None for one in shown)
            assert shown[0].text.startswith("main · last 1 h\nNow 5.0 %")
            assert grown < GROWN_KB_MAX, f"{grown} kB more than before"
            assert "matplotlib" not in about(stage, "maps")

    asyncio.run(play())
