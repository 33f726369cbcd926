"""`send-test --all` and `drill` over the practice exchange, with and without a daemon."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import SECOND_CHAT_ID, add_roads, add_secret
from watcher.domain.road import Reach
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import CHAT_ID
from watcher.sim.faults import Fault
from watcher.sim.practice import Practice, serve, write_config
from watcher.store.beside import overview, peek

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}
WAIT_S = 60.0
STRANGER = 666_000_001


class Bench:
    """A practice world in real time with all roads, and commands run against it."""

    def __init__(self, practice: Practice, config: Path) -> None:
        self.practice = practice
        self.config = config
        self.state = config.parent / "state"

    async def start(self, command: str, *more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "watcher", command, "--config", str(self.config), *more,
            env={**CLEAN, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def ended(self, process: asyncio.subprocess.Process) -> tuple[int, str, str]:
        async with asyncio.timeout(WAIT_S):
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def run(self, command: str, *more: str) -> tuple[int, str, str]:
        return await self.ended(await self.start(command, *more))

    async def message(self, words: str, chat_id: int = CHAT_ID) -> SentMessage:
        """Return the newest message with *words* once it is there."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for sent in reversed(self.practice.bot.messages):
                    if words in sent.text and sent.chat_id == chat_id:
                        return sent
                await asyncio.sleep(0.05)

    async def shown(self, words: str) -> None:
        """Wait until *words* are shown at once after a press."""
        async with asyncio.timeout(WAIT_S):
            while all(words not in each.text for each in self.practice.bot.answers):  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.05)

    async def code(self) -> str:
        """Return the digits the fallback was told."""
        async with asyncio.timeout(WAIT_S):
            while not self.practice.server.fallback.notifications:  # noqa: ASYNC110 - it rings no bell
                await asyncio.sleep(0.05)
        found = re.search(r"/heard (\d{4})", self.practice.server.fallback.notifications[-1].text)
        assert found is not None
        return found[1]

    def press(self, sent: SentMessage, label: str, *, user_id: int = CHAT_ID) -> None:
        self.practice.bot.press(
            user_id=user_id, chat_id=sent.chat_id, message_id=sent.id, data=sent.keys()[label]
        )

    def say(self, text: str) -> None:
        self.practice.bot.say(user_id=CHAT_ID, chat_id=CHAT_ID, text=text)

    async def answer_all(self) -> None:
        for chat_id in (CHAT_ID, SECOND_CHAT_ID):
            self.press(await self.message("TEST", chat_id), "I heard it")
        self.say(f"/heard {await self.code()}")


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    world = world_of()
    long_btc(world, "main", "bybit", away=40.0)
    practice = await serve(world)
    try:
        config = write_config(practice, folder)
        add_roads(practice, config)
        yield Bench(practice, config)
    finally:
        await practice.close()


@asynccontextmanager
async def daemon(one: Bench) -> AsyncIterator[None]:
    """Run the daemon until it has read its account."""
    process = await one.start("run")
    assert process.stderr is not None
    async with asyncio.timeout(WAIT_S):
        async for line in process.stderr:
            if b"poll.completed" in line:
                break
    drain = asyncio.create_task(process.stderr.read())
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
        await drain


def test_every_road_is_proven_by_taps_without_a_daemon(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one:
            process = await one.start("send-test", "--all", "--wait", "30s")
            await one.answer_all()
            code, out, err = await one.ended(process)

            assert code == 0, out + err
            assert "no daemon runs" in out
            for road in ("chat", "second", "fallback"):
                assert f"{road}: delivered" in out
                assert re.search(rf"^{road}: heard after \d+ s, proven$", out, re.MULTILINE)
            assert set(overview(one.state).proofs) == set(Reach)

            code, out, _ = await one.run("check")
            assert "nothing here will wake you" not in out

            add_secret(one.config, "watcher_fallback__url", "json://127.0.0.1:9/another-place")
            code, out, _ = await one.run("check")
            assert "nothing here will wake you: the fallback was never proven" in out

    asyncio.run(play())


def test_a_running_daemon_delivers_takes_the_taps_and_shows_the_roads(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one, daemon(one):
            process = await one.start("send-test", "--all", "--wait", "40s")
            await one.answer_all()
            code, out, err = await one.ended(process)
            _, status, _ = await one.run("status")

            assert code == 0, out + err
            assert "the running daemon delivers" in out
            assert out.count(", proven") == 3
            told = re.findall(r"^road (\w+): .*, proven \d+ s ago", status, re.MULTILINE)
            assert told == ["chat", "second", "fallback"]
            assert "0 waiting" in status
            assert "last delivered" in status

            add_secret(one.config, "watcher_fallback__url", "json://127.0.0.1:9/another-place")
            assert (await one.run("reload"))[0] == 0
            _, status, _ = await one.run("status")
            told = re.findall(r"^road (\w+): .*, proven \d+ s ago", status, re.MULTILINE)
            assert told == ["chat", "second"], "a proof is of the place it was made for"

    asyncio.run(play())


def test_who_is_not_listed_proves_nothing_and_silence_is_told(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one:
            process = await one.start("send-test", "--all", "--wait", "8s")
            sent = await one.message("TEST")
            one.press(sent, "I heard it", user_id=STRANGER)
            one.say("/heard 0")
            one.say("/kill")
            await one.message("No test of that code waits for an answer")
            await one.message("Not done: only a test runs here")
            code, out, err = await one.ended(process)

            assert code == 1
            assert "chat: delivered" in out
            assert err.count("not answered") == 3
            assert not (one.state / "ledger.db").exists()
            code, out, _ = await one.run("check")
            assert "nothing here will wake you: the fallback was never proven" in out
            assert "NOBODY WILL NOTICE IF THIS PROGRAM DIES" in out

    asyncio.run(play())


def test_a_road_that_refuses_is_named_and_fails_the_command(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one:
            down = Fault(target="bot", kind="http", status=400, until_us=None)
            down.count = 1_000_000
            one.practice.server.faults.add(down)
            code, out, err = await one.run("send-test", "--all", "--wait", "1s")

            assert code == 1
            assert "chat: NOT DELIVERED" in err
            assert "second: NOT DELIVERED" in err
            assert "fallback: delivered" in out

    asyncio.run(play())


def drilled(one: Bench) -> list[SentMessage]:
    return [m for m in one.practice.bot.messages if m.text.startswith("DRILL · ")]


TIERS = ("WATCH", "WARNING", "CRITICAL", "EMERGENCY")


def test_a_drill_without_a_daemon_fires_every_tier_and_leaves_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one:
            code, out, err = await one.run("drill")

            assert code == 0, out + err
            assert "a built-in sample slides instead" in out
            fired = [line.split()[0] for line in out.splitlines() if "→" in line]
            assert fired == list(TIERS)
            assert re.search(r"^CRITICAL +BTC alone falls 28.4 %: BTC 71,605", out, re.MULTILINE)
            assert len(one.practice.bot.messages) == len(drilled(one))
            chat = [m.text.split()[3] for m in drilled(one) if m.chat_id == CHAT_ID][:4]
            assert chat == list(TIERS)
            # an emergency goes to every road, in a drill too
            (told,) = one.practice.server.fallback.notifications
            assert told.title.startswith("DRILL · ")
            assert [path.name for path in one.state.iterdir()] == ["lock"]

    asyncio.run(play())


def test_a_drill_beside_the_daemon_touches_nothing_real(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one, daemon(one):
            before = real_state(one.state)
            code, out, err = await one.run("drill", "--account", "main")
            assert code == 0, out + err
            assert "drill of main" in out
            # the account's own book: liquidated 40 % below 100,000
            assert re.search(r"^EMERGENCY +.* falls 38\.\d %: BTC 61,[89]\d\d", out, re.MULTILINE)
            sent = await one.message("🔴 CRITICAL")
            one.press(sent, "Ack")
            await one.shown("This was a drill: nothing real was changed")
            emergency = await one.message("🚨 EMERGENCY")
            code_of = re.search(r"#(\w{4})", emergency.text)
            assert code_of is not None
            one.say(f"/ack {code_of[1]}")
            await one.message("not open")

            assert real_state(one.state) == before
            assert all(m.text.startswith("DRILL") for m in drilled(one))

    asyncio.run(play())


def real_state(folder: Path) -> object:
    """What the ledger remembers of accounts and of orders about money."""
    states, _ = peek(folder)
    ledger = sqlite3.connect(f"{(folder / 'ledger.db').as_uri()}?mode=ro", uri=True)
    try:
        rows = ledger.execute("SELECT account, state FROM account_state").fetchall()
    finally:
        ledger.close()
    return rows, sorted(states), overview(folder).flags


def test_a_drill_that_wakes_times_the_answer_and_judges_the_line(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one, daemon(one):
            process = await one.start("drill", "--wake", "--wait", "40s")
            sent = await one.message("DRILL · 🔔 TEST")
            assert not sent.silent
            one.press(sent, "I heard it")
            code, out, err = await one.ended(process)

            assert code == 0, out + err
            assert re.search(r"^answered after \d+ s$", out, re.MULTILINE)
            assert re.search(r"^main: you need 1 min; ", out, re.MULTILINE)

    asyncio.run(play())


def test_a_drill_of_an_unknown_account_names_the_known_ones(tmp_path: Path) -> None:
    async def play() -> None:
        async with bench(tmp_path) as one:
            code, _, err = await one.run("drill", "--account", "nobody")

            assert code == 2
            assert "expected one of main" in err

    asyncio.run(play())
