"""
The real daemon killed with -9 over and over while its accounts go in and out of danger.

Rule: what is judged is what reached the phone and what lies on the disk. In lockstep whoever asks
for more time has done all it had to do, so a delivery is known to be written down as soon as the
clock was asked again in the same life; only one that is not may be delivered a second time.

    idle     between two things it does
    request  a venue has the request, the daemon never sees the answer
    sending  the word of danger has left and reaches nobody
    message  the phone has the message, the daemon cannot know
    moment   some time within what it does, by the wall clock
    start    while it starts
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.demo.phone import Read, read_all
from watcher.sim.wire import Reply
from watcher.sim.world import SECOND_US, World

MODES = ("idle", "request", "sending", "message", "moment", "start")
AWAY = {"one": ("bybit", 14.0), "two": ("okx", 14.5)}
HIGH, LOW = 100_000.0, 90_500.0
FALL_S, LOW_S, RISE_S, HIGH_S = 60.0, 100.0, 60.0, 260.0
CYCLE_S = FALL_S + LOW_S + RISE_S + HIGH_S
FIRST_S = 60.0
CRITICAL = 6.0
BETWEEN_S = (15.0, 75.0)
DOWN_S = (1.0, 5.0)
STRIKES = {"request": 0.3, "sending": 1.0, "message": 0.8}
URGENT = ("CRITICAL", "EMERGENCY")
HELD_S = 3600.0
HUNT_S = {"request": 60.0, "sending": CYCLE_S, "message": 300.0, "moment": 300.0}
MOMENT_S, START_S = 0.25, 1.2
"""The latest, in seconds of the wall, that `moment` and `start` strike."""


@dataclass(slots=True, kw_only=True)
class Toll:
    """What the kills cost."""

    kills: Counter[str] = field(default_factory=Counter)
    falls: int = 0
    late_s: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    copies: int = 0
    corrupt: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Delivered:
    chat_id: int
    read: Read
    at_us: int
    life: int
    asked: int


class Reaper:
    """Kills one daemon and keeps the account of it."""

    def __init__(self, stage: Stage, state: Path, seed: int) -> None:
        self.toll = Toll()
        self._stage = stage
        self._state = state
        self._chance = random.Random(seed)
        self._asked = 0  # how often this life asked for more time
        self._confirmed: dict[int, int] = {}  # by life: how often it had asked when it died
        self._life = 0
        self._down: list[tuple[int, int]] = []
        self._delivered: list[_Delivered] = []
        self._coming: list[str] = []
        self._prey = ""  # what is waited for to strike
        self._struck = asyncio.Event()
        server = stage.practice.server
        inner = server.hold
        assert inner is not None

        async def hold(until_us: int) -> int:
            self._asked += 1
            return await inner(until_us)

        server.hold = hold
        server.on_reply.append(lambda *_: self._may_strike("request"))
        bot = stage.practice.bot
        deliver = bot.handle

        async def handle(
            token: str,
            method: str,
            params: Mapping[str, str],
            files: Mapping[str, bytes] | None = None,
        ) -> Reply:
            urgent = any(word in params.get("text", "") for word in URGENT)
            if urgent and self._comes("sending"):
                await asyncio.sleep(HELD_S)
            return await deliver(token, method, params, files)

        bot.handle = handle  # type: ignore[method-assign]
        bot.on_message.append(lambda _: self._may_strike("message"))
        bot.on_message.append(self._note)

    def _note(self, sent: object) -> None:
        message = self._stage.messages[-1]
        assert message is sent
        self._delivered += [
            _Delivered(message.chat_id, read, message.at_us, self._life, self._asked)
            for read in read_all(message.text)
        ]

    def _may_strike(self, what: str) -> None:
        self._comes(what)

    def _comes(self, what: str) -> bool:
        """Strike where *what* is the prey; return whether it did."""
        strikes = (
            what == self._prey
            and not self._struck.is_set()
            and self._chance.random() < STRIKES[what]
        )
        if strikes:
            os.kill(self._stage.daemon.process_id, signal.SIGKILL)
            self._struck.set()
        return strikes

    # -- killing -------------------------------------------------------------------------------

    async def kill_once(self) -> None:
        stage, chance = self._stage, self._chance
        if not self._coming:
            self._coming = chance.sample(MODES, len(MODES))
        mode = self._coming.pop()
        await stage.to(stage.t + chance.uniform(*BETWEEN_S))
        if mode in HUNT_S:
            mode = await self._hunt(mode)
        await self._reap("idle" if mode == "start" else mode)
        if mode == "start":
            await stage.daemon.start()
            await asyncio.sleep(chance.uniform(0.0, START_S))
            await self._reap(mode)
        await stage.daemon.start()

    async def _hunt(self, mode: str) -> str:
        """Let it go on until the prey comes; return what it dies of."""
        self._prey = mode
        self._struck.clear()
        going = asyncio.create_task(self._stage.to(self._stage.t + HUNT_S[mode]))
        striking = asyncio.create_task(self._struck.wait())
        limit_s = self._chance.uniform(0.0, MOMENT_S) if mode == "moment" else None
        await asyncio.wait({going, striking}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        self._prey = ""
        idle = going.done() and not striking.done()
        for task in (going, striking):
            task.cancel()
        await asyncio.gather(going, striking, return_exceptions=True)
        return "idle" if idle else mode

    async def _reap(self, mode: str) -> None:
        stage = self._stage
        await stage.daemon.kill()
        self.toll.kills[mode] += 1
        self._confirmed[self._life] = self._asked
        self._life += 1
        self._asked = 0
        verdict = soundness(self._state)
        if verdict != "ok":
            self.toll.corrupt.append(f"kill {self._life}: {verdict}")
        now_us = stage.world.now_us
        stage.world.step(now_us + round(self._chance.uniform(*DOWN_S) * SECOND_US))
        self._down.append((now_us, stage.world.now_us))

    # -- judging -------------------------------------------------------------------------------

    def judge(self) -> Toll:
        self._confirmed[self._life] = self._asked
        self._judge_copies()
        for name in AWAY:
            for began_us, ended_us in _dangers(self._stage.world, name):
                self._judge_fall(name, began_us, ended_us)
        return self.toll

    def _judge_copies(self) -> None:
        last: dict[tuple[int, str, int], _Delivered] = {}
        for each in self._delivered:
            key = (each.chat_id, each.read.code, each.read.seq)
            before = last.get(key)
            if before is not None:
                self.toll.copies += 1
                if self._confirmed[before.life] > before.asked:
                    self.toll.doubled.append(f"{each.read.word} #{key[1]}·{key[2]}")
            last[key] = each

    def _judge_fall(self, name: str, began_us: int, ended_us: int) -> None:
        self.toll.falls += 1
        heard = [
            each.at_us
            for each in self._delivered
            if each.read.account == name
            and each.read.tier in URGENT
            # told for its speed it may be told before
            and began_us - FALL_S * SECOND_US <= each.at_us <= ended_us
        ]
        if not heard:
            self.toll.lost.append(f"{name} at {(began_us - self._stage.world.start_us) / 1e6:.0f}")
            return
        first_us = heard[0]
        down_us = sum(
            max(0, min(until_us, first_us) - max(from_us, began_us))
            for from_us, until_us in self._down
        )
        self.toll.late_s.append(max(0, first_us - began_us - down_us) / SECOND_US)


async def reap(folder: Path, *, kills: int, seed: int) -> Toll:
    """Let a daemon live and die until *kills* are done; return what that cost."""
    world = world_of()
    for name, (venue, away) in AWAY.items():
        long_btc(world, name, venue, away=away)
    falls(world, *_waves(kills))
    async with staged(world, folder) as stage:
        reaper = Reaper(stage, folder / "state", seed)
        while reaper.toll.kills.total() < kills:
            await reaper.kill_once()
        await stage.to(stage.t + CYCLE_S)
        return reaper.judge()


def _waves(kills: int) -> Iterator[tuple[float, float]]:
    at_s = FIRST_S
    while at_s < 3 * CYCLE_S + kills * 2 * BETWEEN_S[1]:
        for span_s, price in ((0.0, HIGH), (FALL_S, LOW), (LOW_S, LOW), (RISE_S, HIGH)):
            at_s += span_s
            yield at_s, price
        at_s += HIGH_S


def _dangers(world: World, name: str) -> Iterator[tuple[int, int]]:
    """Yield from when to when the account was critical in truth, as the waves have it."""
    away = AWAY[name][1]
    line = HIGH * (1 - away / 100) / (1 - CRITICAL / 100)
    share = (HIGH - line) / (HIGH - LOW)
    at_s = FIRST_S
    while True:
        began_s = at_s + FALL_S * share
        ended_s = at_s + FALL_S + LOW_S + RISE_S * (1 - share)
        if world.start_us + ended_s * SECOND_US > world.now_us:
            return
        yield (
            world.start_us + round(began_s * SECOND_US),
            world.start_us + round(ended_s * SECOND_US),
        )
        at_s += CYCLE_S


def soundness(state: Path) -> str:
    """Return what SQLite says of a copy of the ledger; the original is left as the kill left it."""
    with tempfile.TemporaryDirectory() as scratch:
        for file in state.glob("ledger.db*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, scratch)
        copy = Path(scratch) / "ledger.db"
        if not copy.exists():
            return "ok"  # died before it had one
        found = sqlite3.connect(copy)
        try:
            return "; ".join(row[0] for row in found.execute("PRAGMA quick_check"))
        except sqlite3.DatabaseError as error:
            return str(error)
        finally:
            found.close()
