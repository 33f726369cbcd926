"""Each way Telegram says no, as the trader meets it: what still arrives, where, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import SECOND_CHAT_ID, Stage, staged
from watcher.sim.bot_fallback import Notification
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import CHAT_ID
from watcher.sim.demo.phone import read
from watcher.sim.faults import Fault
from watcher.sim.world import SECOND_US

pytestmark = pytest.mark.process

BEGIN_S = 30.0
POLL_S, FAIL_OVER_S = 4.0, 20.0


@asynccontextmanager
async def watching(folder: Path, *, roads: bool = True) -> AsyncIterator[Stage]:
    """Watch an account in no danger for a while, whose price is about to jump."""
    world = world_of()
    long_btc(world, "main", "bybit", away=13.5)
    async with staged(world, folder, roads=roads) as stage:
        await stage.to(BEGIN_S)
        yield stage


def drop(stage: Stage, price: str = "91500") -> None:
    """Let the market jump to 5.5 % from liquidation (91,500), or as said."""
    stage.world.set_prices({"BTC": Decimal(price)})


def told(stage: Stage, word: str, chat_id: int = CHAT_ID) -> list[SentMessage]:
    return [
        sent
        for sent in stage.messages
        if sent.chat_id == chat_id and (one := read(sent.text)) is not None and one.word == word
    ]


def called(stage: Stage, word: str) -> list[Notification]:
    return [one for one in stage.practice.server.fallback.notifications if word in one.title]


def at_s(stage: Stage, at_us: int) -> float:
    return (at_us - stage.world.start_us) / SECOND_US


def fault(stage: Stage, **said: object) -> None:
    stage.practice.server.faults.add(Fault(target="bot", **said))  # type: ignore[arg-type]


def test_a_rival_that_reads_the_bot_stops_no_alert_and_is_told_everywhere(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            seen = len(stage.messages)
            fault(stage, kind="http", status=409, path="getUpdates", count=1_000_000)
            async with asyncio.timeout(30):  # the rival is met in real time
                while not any("another program reads" in m.text for m in stage.messages[seen:]):
                    await stage.to(stage.t + 1)
                    await asyncio.sleep(0.05)
            drop(stage)
            began = stage.t
            await stage.to(began + FAIL_OVER_S)
            assert called(stage, "SECURITY")
            [alert] = told(stage, "CRITICAL")
            assert at_s(stage, alert.at_us) <= began + POLL_S

    asyncio.run(play())


def test_a_chat_that_blocked_the_bot_is_passed_by_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            stage.practice.bot.blocked |= {CHAT_ID, SECOND_CHAT_ID}
            drop(stage)
            await stage.to(BEGIN_S + FAIL_OVER_S)
            assert told(stage, "CRITICAL") == []
            [alert] = called(stage, "CRITICAL")
            assert at_s(stage, alert.at_us) <= BEGIN_S + POLL_S + 5.0

            # let in again, it hears what is true, without a restart
            stage.practice.bot.blocked.clear()
            await stage.to(BEGIN_S + 100)
            assert len(told(stage, "CRITICAL")) == 1

    asyncio.run(play())


def test_a_text_telegram_cannot_read_arrives_bare_at_once(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path, roads=False) as stage:
            stage.practice.bot.unreadable = True
            drop(stage)
            await stage.to(BEGIN_S + 10)
            [alert] = told(stage, "CRITICAL")
            assert at_s(stage, alert.at_us) <= BEGIN_S + POLL_S
            assert alert.entities == []
            assert "Liquidation at BTC" in alert.text

    asyncio.run(play())


def test_a_flooded_chat_waits_as_told_and_the_fallback_does_not(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            fault(stage, kind="rate_limit", retry_after_s=30.0, count=1)
            drop(stage)
            await stage.to(BEGIN_S + 60)
            [alert] = told(stage, "CRITICAL")
            sent_s = at_s(stage, alert.at_us)
            assert BEGIN_S + 30 <= sent_s <= BEGIN_S + POLL_S + 30 + 0.1
            heard = [
                each.at_us
                for each in (*called(stage, "CRITICAL"), *told(stage, "CRITICAL", SECOND_CHAT_ID))
            ]
            assert at_s(stage, min(heard)) <= BEGIN_S + FAIL_OVER_S

    asyncio.run(play())


@pytest.mark.parametrize(
    ("price", "word", "most"), [("91500", "CRITICAL", 3), ("96500", "WARNING", 1)]
)
def test_an_answer_lost_after_the_message_arrived(
    price: str, word: str, most: int, tmp_path: Path
) -> None:
    """What is critical may come again under its own number; what is not never does."""

    async def play() -> None:
        async with watching(tmp_path, roads=False) as stage:
            fault(stage, kind="dropped", path="sendMessage", count=10)
            drop(stage, price)
            await stage.to(BEGIN_S + 60)
            shown = told(stage, word)
            assert 1 <= len(shown) <= most
            assert len({read(sent.text) for sent in shown}) == 1

    asyncio.run(play())
