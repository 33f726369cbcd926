"""The bot token is wrong, or the chat shut the bot out: alerts wait and everyone can see it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.default import CHAT_ID
from watcher.sim.faults import Fault

pytestmark = pytest.mark.process


async def status(stage: Stage, folder: Path) -> tuple[int, str]:
    """Ask `watcher status` beside the daemon; return its exit code and what it printed."""
    asked = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "watcher", "status", "--config", str(folder / "watcher.toml")),
        *("--clock", f"{stage.practice.url}/clock"),
        stdout=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("WATCHER_")},
    )
    printed, _ = await asyncio.wait_for(asked.communicate(), 30)
    assert asked.returncode is not None
    return asked.returncode, printed.decode()


@pytest.mark.parametrize("how", ["revoked", "blocked", "no chat"])
def test_alerts_wait_while_the_channel_refuses_and_leave_afterwards(
    how: str, tmp_path: Path
) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=14.0)
        falls(world, (60, 100_000), (120, 91_000), (900, 91_000))
        async with staged(world, tmp_path) as stage:
            bot = stage.practice.bot
            await stage.to(60)
            code, _ = await status(stage, tmp_path)
            assert code == 0
            revoked = Fault(target="bot", kind="revoked", until_us=None)
            revoked.count = 1_000_000
            if how == "revoked":
                stage.practice.server.faults.add(revoked)
            elif how == "blocked":
                bot.blocked.add(CHAT_ID)
            else:
                bot.chats.discard(CHAT_ID)
            await stage.to(240)
            assert "CRITICAL" not in stage.words("main")
            code, printed = await status(stage, tmp_path)
            assert code == 1
            assert "NOT DELIVERING since 14:0" in printed
            assert "outbox: empty" not in printed

            bot.blocked.clear()
            bot.chats.add(CHAT_ID)
            stage.practice.server.faults.clear()
            await stage.restart()
            await stage.to(260)

            words = stage.words("main")
            assert words.count("CRITICAL") + words.count("CRITICAL (still)") == 1
            assert stage.messages[-1].text
            code, printed = await status(stage, tmp_path)
            assert (code, "NOT DELIVERING" in printed) == (0, False)

    asyncio.run(play())
