"""
Top-ups over the real wire: the daemon, its ledger, the venue's practice desk, the phone.

Rule: what counts is the practice venue's own record of what was moved, and what the phone showed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import ask, press
from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import new_account
from watcher.sim.demo.truth import distance
from watcher.sim.desk import Plan
from watcher.sim.things import Account, Rights

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
WAYS = {
    "bybit": ("funding", "unified"),
    "binance": ("spot", "cross:USDT"),
    "okx": ("funding", "unified"),
}


def table(venue: str, mode: str) -> str:
    source, pool = WAYS[venue]
    return f"""
[accounts.main.top_up]
mode = "{mode}"
asset = "USDT"
from = "{source}"
to = "{pool}"
trigger = "10%"
target = "15%"
max_per_event = "20000 USDT"
max_per_day = "20000 USDT"
keep_in_source = "1000 USDT"
"""


@asynccontextmanager
async def sliding(
    folder: Path, venue: str, mode: str, *, rights: Rights | None = None
) -> AsyncIterator[tuple[Stage, Account]]:
    """An account 12 % from liquidation, whose coin falls by a tenth within ten minutes."""
    world = world_of()
    account = long_btc(world, "main", venue, away=12.0)
    account.wallet(WAYS[venue][0])["USDT"] = Decimal(50_000)
    account.rights = rights or Rights(transfer=True, trade=venue == "okx", ip_bound=True)
    falls(world, (60, 100_000), (600, 90_500))
    async with staged(world, folder, tables=table(venue, mode)) as stage:
        yield stage, account


def topups(stage: Stage) -> list[SentMessage]:
    marks = ("💵", "❓", "❗")
    return [sent for sent in stage.messages if sent.text.startswith(marks)]


def first_lines(stage: Stage) -> list[str]:
    return [sent.text.partition("\n")[0].split(" #")[0] for sent in topups(stage)]


def cli(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "watcher", *words, "--config", str(folder / "watcher.toml")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def ledger(folder: Path) -> list[dict[str, Any]]:
    _, text = cli(folder, "ledger", "--json")
    found: list[dict[str, Any]] = json.loads(text)["intents"]
    return found


@pytest.mark.parametrize("venue", sorted(WAYS))
def test_auto_saves_a_sliding_account(tmp_path: Path, venue: str) -> None:
    async def play() -> None:
        async with sliding(tmp_path, venue, "auto") as (stage, account):
            await stage.to(600)
            assert account.liquidations == []
            assert len(account.transfers) >= 1
            assert sum(one.amount for one in account.transfers) <= 20_000
            assert first_lines(stage)[:3] == ["💵 TOP-UP", "💵 TOP-UP SENT", "💵 TOP-UP DONE"]
            far = distance(stage.world, account)
            assert far is not None
            assert far > 4.0, "without it about 2 % would be left"
            states = [one["state"] for one in ledger(tmp_path)]
            assert states == ["done"] * len(account.transfers)

    asyncio.run(play())


def test_ask_sends_on_a_press_and_kill_holds_all(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "ask") as (stage, account):
            await stage.to(330)
            [asked] = topups(stage)
            assert "APPROVE?" in asked.text
            assert account.transfers == []
            keys = list(asked.keys())
            said = await press(stage, keys[0], of=asked)
            assert said.startswith(("Approved", "Heard"))
            assert await press(stage, keys[0], of=asked) == "Expired or already used"
            await stage.to(345)
            [moved] = account.transfers
            [sent] = ledger(tmp_path)
            assert (sent["state"], Decimal(sent["amount"])) == ("done", moved.amount)
            assert (await press(stage, "Kill money", of=asked)).startswith("KILLED")
            await stage.to(1200)
            assert len(account.transfers) == 1
            assert "KILLED" in await ask(stage, "/alerts")
            code, told = cli(tmp_path, "money", "status")
            assert code == 1
            assert "KILLED" in told

    asyncio.run(play())


def test_a_request_is_followed_by_hand_and_seen_to_arrive(tmp_path: Path) -> None:
    async def play() -> None:
        rights = Rights(transfer=False)
        async with sliding(tmp_path, "okx", "request", rights=rights) as (stage, account):
            await stage.to(330)
            [asked] = topups(stage)
            assert "PLEASE MOVE" in asked.text
            [intent] = ledger(tmp_path)
            stage.world.transfer(
                account, "USDT", Decimal(intent["amount"]), source="funding", target="trading"
            )
            await stage.to(350)
            assert first_lines(stage) == ["💵 PLEASE MOVE", "💵 ARRIVED"]

    asyncio.run(play())


def test_a_dry_run_says_what_it_would_do_and_moves_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "dry_run", rights=Rights()) as (stage, account):
            await stage.to(400)
            assert first_lines(stage) == ["💵 TOP-UP, DRY RUN"]
            assert account.transfers == []

    asyncio.run(play())


def test_a_lost_reply_and_a_kill_dash_nine_double_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "auto") as (stage, account):
            stage.world.desk.add(
                Plan.of({"target": "main", "kind": "lost_reply"}, now_us=stage.world.now_us)
            )
            await stage.to(200)
            while not account.transfers:
                await stage.to(stage.t + 2)
            await stage.restart(after_s=3)
            await stage.to(stage.t + 60)
            assert len(account.transfers) == 1
            assert [one["state"] for one in ledger(tmp_path)] == ["done"]

    asyncio.run(play())


def test_a_key_that_cannot_transfer_is_told_and_the_account_watched(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "auto", rights=Rights()) as (stage, account):
            await stage.to(400)
            off = [sent for sent in stage.messages if "TOP-UPS OFF" in sent.text]
            assert len(off) == 1
            assert "Give it that right" in off[0].text
            assert account.transfers == []
            assert stage.words("main"), "alerts go on"

    asyncio.run(play())


def test_money_is_frozen_and_let_go_on_the_server_only(tmp_path: Path) -> None:
    async def play() -> None:
        async with sliding(tmp_path, "bybit", "auto") as (stage, account):
            await stage.to(30)
            code, _ = cli(tmp_path, "money", "freeze", "--reason", "looking into it")
            assert code == 0
            await stage.to(400)
            assert account.transfers == []
            assert any("MONEY FROZEN" in sent.text for sent in stage.messages)
            code, told = cli(tmp_path, "money", "unfreeze", "--reason", "all is well")
            assert (code, told) == (0, "lifted: frozen\n")
            await stage.to(430)
            assert len(account.transfers) == 1
            code, told = cli(tmp_path, "money", "status")
            assert "all is well" in told

    asyncio.run(play())


@pytest.mark.parametrize("venue", ["binance"])
def test_margin_is_added_to_an_isolated_leg_from_the_pool_beside_it(
    tmp_path: Path, venue: str
) -> None:
    async def play() -> None:
        world = world_of()
        account = new_account(world, "main", venue, "classic", {"spot": {"USDT": "1"}})
        account.wallet("futures")["USDT"] = Decimal(60_000)
        account.rights = Rights(trade=True, transfer=True)
        leg = {"quantity": Decimal(1), "isolated_margin": Decimal(12_500)}
        world.set_position(account, "BTCUSDT", "long", **leg)
        falls(world, (60, 100_000), (600, 95_000))
        text = table(venue, "auto") + 'verbs = ["add_margin"]\n'
        async with staged(world, tmp_path, tables=text) as stage:
            await stage.to(600)
            states = [one["state"] for one in ledger(tmp_path)]
            assert states
            assert set(states) == {"done"}, (tmp_path / "daemon.log").read_text()[-3000:]
            assert account.liquidations == []
            assert "💵 TOP-UP DONE" in first_lines(stage)

    asyncio.run(play())


def test_debt_is_repaid_with_what_the_margin_account_holds(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        account = new_account(world, "main", "binance", "classic", {"spot": {"USDT": "1"}})
        account.rights = Rights(trade=True, transfer=True)
        account.wallet("margin")["BTC"] = Decimal(1)
        rate = Decimal("0.000001")
        world.borrow(account, "USDT", Decimal(60_000), wallet="margin", hourly_rate=rate)
        account.wallet("margin")["USDT"] = Decimal(20_000)
        falls(world, (60, 100_000), (600, 92_000))
        text = table("binance", "auto").replace('"cross:USDT"', '"margin"')
        text = text.replace('"10%"', '"190%"').replace('"15%"', '"210%"')
        text += 'verbs = ["repay"]\naccept_more_than_half = true\n'
        async with staged(world, tmp_path, tables=text) as stage:
            await stage.to(660)
            states = [one["state"] for one in ledger(tmp_path)]
            assert states == ["done"], (tmp_path / "daemon.log").read_text()[-3000:]
            assert account.debts["USDT"].principal < 50_000

    asyncio.run(play())
