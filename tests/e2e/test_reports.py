"""What the real daemon says by the clock: a digest a day through a restart, a pinned proof."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import Stage
from watcher.sim.bot_messages import SentMessage
from watcher.sim.demo.daemon import Daemon
from watcher.sim.faults import Fault
from watcher.sim.practice import serve, write_config

pytestmark = pytest.mark.process

HOUR_S = 3600.0


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Stage]:
    """Watch two calm accounts from 14:00 UTC on, with a digest at 14:10 and a proof of life."""
    world = world_of()
    long_btc(world, "main", "bybit", away=45.0)
    long_btc(world, "alt", "okx", away=40.0)
    practice = await serve(world, lockstep=True)
    try:
        config = write_config(practice, folder)
        text = config.read_text(encoding="utf-8").replace("proof_of_life = false", "")
        config.write_text(f'digest_at = "14:10"\n{text}', encoding="utf-8")
        daemon = Daemon(config=config, clock_url=f"{practice.url}/clock", log=folder / "daemon.log")
        stage = Stage(practice, daemon)
        await daemon.start()
        try:
            yield stage
        finally:
            await daemon.stop()
    finally:
        await practice.close()


def said(stage: Stage, mark: str) -> list[SentMessage]:
    return [sent for sent in stage.messages if sent.text.startswith(mark)]


def test_the_digest_comes_once_at_its_minute_also_after_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            await stage.to(590)
            assert said(stage, "📋") == []
            await stage.to(660)
            await stage.restart()
            await stage.to(1500)

            (digest,) = said(stage, "📋 DAY until ")
            lines = digest.text.splitlines()
            assert lines[0].endswith("14:10 UTC · 2 of 2 seen now")
            assert lines[1].startswith("🟢 alt: worst CALM, nearest 40.0 %, no gap")
            assert lines[-1].startswith("NOBODY WILL NOTICE")
            assert digest.silent

    asyncio.run(play())


def test_the_proof_of_life_is_one_pinned_message_that_stays_true(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            await stage.to(60)
            (first,) = said(stage, "🫀 Last complete check 14:00:")
            assert first.text.splitlines()[0].endswith(" UTC, 2/2 accounts")
            assert first.silent
            assert first.pinned_at_us is not None
            down = Fault(target="okx", kind="http", status=503, until_us=None)
            down.count = 1_000_000
            stage.practice.server.faults.add(down)
            await stage.to(1000)

            (proof,) = said(stage, "🫀")
            assert proof.id == first.id
            lines = proof.now().text.splitlines()
            assert lines[0].startswith("🫀 Last complete check 14:00:")
            assert lines[0].endswith(", 1/2 accounts")
            assert lines[1].startswith("⚫ alt NOT SEEN, last read 1")

    asyncio.run(play())
