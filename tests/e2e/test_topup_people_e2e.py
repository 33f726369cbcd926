"""
People and a top-up, over the real wire: who may press, when, and what stops money all the same.

Rule: what counts is the practice venue's own record of what was moved, and what the phone showed.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.asking import press
from tests.e2e.lockstep import Stage
from tests.e2e.test_topups_e2e import cli, first_lines, ledger, sliding, topups
from watcher.sim.default import CHAT_ID
from watcher.sim.desk import Plan
from watcher.sim.things import Rights

pytestmark = pytest.mark.process

STRANGER = 666


def state_of(folder: Path) -> Path:
    (found,) = folder.rglob("ledger.db")
    return found.parent


def test_an_old_button_is_the_operators_alone_and_once_after_a_restart(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "ask") as (stage, account):
            await stage.to(330)
            [asked] = topups(stage)
            for words in ("Then about 15.0 %, now 9.", "funding then holds", "Caps left", "Until "):
                assert words in asked.text, asked.text
            approve = next(iter(asked.keys()))
            ceiling = Decimal(re.sub(r"[^0-9.]", "", approve))
            bot, shown = stage.practice.bot, len(stage.practice.bot.answers)
            data = asked.keys()[approve]
            bot.press(user_id=STRANGER, chat_id=asked.chat_id, message_id=asked.id, data=data)
            await stage.to(338)
            assert len(bot.answers) == shown, "a stranger is not even answered"
            assert account.transfers == []

            await stage.restart(after_s=5)
            await stage.to(stage.t + 12)
            assert (await press(stage, approve, of=asked)).startswith(("Approved", "Heard"))
            await stage.to(400)

            [moved] = account.transfers
            assert moved.amount <= ceiling
            assert await press(stage, approve, of=asked) == "Expired or already used"
            assert (await press(stage, "Deny", of=asked)).startswith("Done"), "where it stands"
            assert len(account.transfers) == 1

    asyncio.run(play())


def test_where_less_came_than_was_asked_for_the_rest_is_asked_for(tmp_path: Path) -> None:
    async def play() -> None:
        rights = Rights(transfer=False)
        async with sliding(tmp_path, "bybit", "request", rights=rights) as (stage, account):
            await stage.to(330)
            [first] = ledger(tmp_path)
            half = (Decimal(first["amount"]) / 2).quantize(Decimal("0.01"))
            stage.world.transfer(account, "USDT", half, source="funding", target="unified")
            await stage.to(360)
            assert first_lines(stage) == ["💵 PLEASE MOVE", "💵 ARRIVED", "💵 PLEASE MOVE"]
            _, again = ledger(tmp_path)
            assert Decimal(again["amount"]) < Decimal(first["amount"])

    asyncio.run(play())


def test_while_it_is_on_its_way_the_alert_goes_on_as_loud(tmp_path: Path) -> None:
    """Wallet transfers took 33 minutes on 2025-10-10: sent is not arrived."""

    async def play() -> None:
        async with sliding(tmp_path, "bybit", "auto") as (stage, account):
            slow = {"target": "main", "kind": "pending", "count": 1, "delay": 2_000}
            stage.world.desk.add(Plan.of(slow, now_us=stage.world.now_us))
            await stage.to(1_000)
            assert "💵 TOP-UP SENT" in first_lines(stage)
            assert "💵 TOP-UP DONE" not in first_lines(stage)
            assert "CRITICAL" in stage.words("main"), stage.words("main")
            assert not any("safe" in sent.text.lower() for sent in stage.messages)
            assert not any(word.startswith("BACK") for word in stage.words("main"))
            assert account.transfers == []
            assert len(stage.world.desk.all_of(account)) == 1

    asyncio.run(play())


def test_the_kill_file_stops_a_press_that_was_on_time(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "ask") as (stage, account):
            await stage.to(330)
            [asked] = topups(stage)
            (state_of(tmp_path) / "money.kill").touch()
            said = await press(stage, next(iter(asked.keys())), of=asked)
            assert "Approved" not in said
            await stage.to(400)
            assert account.transfers == []
            assert [one["state"] for one in ledger(tmp_path)] == ["cancelled"]
            code, told = cli(tmp_path, "money", "unfreeze", "--reason", "looked at it")
            assert code == 1
            assert "the file money.kill still holds it" in told

    asyncio.run(play())


def test_an_older_ledger_put_back_freezes_all_money(tmp_path: Path) -> None:
    async def until_moved(stage: Stage, count: int) -> None:
        while len(stage.world.account("main").transfers) < count:
            await stage.to(stage.t + 2)
        await stage.to(stage.t + 30)

    async def play() -> None:
        async with sliding(tmp_path, "bybit", "auto") as (stage, account):
            await stage.to(30)
            state, backup = state_of(tmp_path), tmp_path / "backup"
            await stage.daemon.kill()
            shutil.copytree(state, backup)
            await stage.daemon.start()
            await until_moved(stage, 1)
            await stage.daemon.kill()
            shutil.rmtree(state)
            shutil.copytree(backup, state)
            await stage.daemon.start()
            await stage.to(stage.t + 400)
            assert len(account.transfers) == 1
            frozen = [sent.text for sent in stage.messages if "MONEY FROZEN" in sent.text]
            assert len(frozen) == 1
            assert "watcher money unfreeze" in frozen[0]
            assert "CRITICAL" in stage.words("main"), "alerts go on"
            _, told = cli(tmp_path, "money", "status")
            assert "money FROZEN" in told

    asyncio.run(play())


def test_a_top_up_held_in_danger_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Whoever counts on one must not learn from a log that there is none."""

    async def play() -> None:
        async with sliding(tmp_path, "bybit", "auto") as (stage, account):
            account.wallet("funding")["USDT"] = Decimal(50_000)
            await stage.to(30)
            code, _ = cli(tmp_path, "money", "freeze", "--reason", "I am testing")
            assert code == 0
            await stage.to(600)
            held = [one for one in topups(stage) if "NO TOP-UP" in one.text]
            assert len(held) == 1, [one.text for one in held]
            for words in ("Why: money frozen", "trigger is 10", "money unfreeze --reason"):
                assert words in held[0].text, held[0].text
            assert account.transfers == []
            cli(tmp_path, "money", "unfreeze", "--reason", "tested")
            await stage.to(620)
            assert len(account.transfers) == 1

    asyncio.run(play())


def test_a_press_in_another_chat_moves_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "ask") as (stage, account):
            await stage.to(330)
            [asked] = topups(stage)
            bot, data = stage.practice.bot, next(iter(asked.keys().values()))
            other = asked.chat_id - 1
            bot.press(user_id=CHAT_ID, chat_id=other, message_id=asked.id, data=data)
            await stage.to(400)
            assert account.transfers == []

    asyncio.run(play())
