"""
A month in the life of the service, in virtual time: what it keeps that it should have let go.

Rule: the loops, the judgement and the ledger are those of production over the practice world, under
a clear sky, with ten accounts: one of them hovers over its first line for part of each day, and all
are asked about every half hour. What the simulation itself would remember is thrown away, so that
what grows is the service's. The slope is a regression over all days after the first; memory by poll
is the finer measure, for a page cache that fills is no leak.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import math
import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import structlog

from watcher.domain.alert import SECOND_US
from watcher.domain.road import Reach
from watcher.ports import Answerer, Clock, Command
from watcher.sim.default import PRICES
from watcher.sim.quotes import PricePath
from watcher.storm.chat import SimChat, Wire
from watcher.storm.journal import Journal
from watcher.storm.life import Life, Scene
from watcher.storm.loop import VirtualLoop
from watcher.storm.people import ALLOWED, SeededIds
from watcher.storm.scenes import few
from watcher.storm.trial import START_US, storm_settings
from watcher.storm.truth import Truth
from watcher.storm.weather import Weather
from watcher.storm.worlds import COINS

DAY_US = 86_400 * SECOND_US
HOUR_US = DAY_US // 24
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a drawn name is made in it
ACCOUNTS = (
    *(("binance", 0.40), ("bybit", 0.45), ("okx", 0.50)) * 3,
    ("binance", 0.235),
)
"""Venues, and how far from liquidation each begins; the last one sways around the first line."""
SWAYS = ((0.03, 31.0), (0.004, 1.7), (0.001, 0.11))
"""Of the logarithm of all prices: how far, and how many hours a wave of it takes."""
STEP_S = 30.0
ASKED_EVERY_S = 1800.0
QUESTIONS = ("status", "alerts", "help", "positions binance_0", "whatif binance_0 BTC -10%")
SLOPE_MAX_MB = 1.0
"""A day."""
WARM_DAYS = 1.0
LOOKS_MIN = 3


class Waves(PricePath):
    """Prices that go up and down for ever and remember nothing."""

    def prices_at(self, elapsed_us: int) -> Mapping[str, Decimal]:
        hours = elapsed_us / HOUR_US
        log = sum(far * math.sin(2 * math.pi * hours / span) for far, span in SWAYS)
        factor = Decimal(repr(math.exp(log)))
        return {coin: (PRICES[coin] * factor).quantize(Decimal("0.0001")) for coin in COINS}

    def next_point_after(self, elapsed_us: int) -> int | None:
        return elapsed_us + round(STEP_S * SECOND_US)


class Unkept(list[Any]):
    """Takes everything, keeps nothing, and knows how much it was."""

    taken = 0

    def append(self, _one: Any) -> None:  # noqa: ANN401 - whatever it is
        self.taken += 1

    def __len__(self) -> int:
        return self.taken


class Asker:
    """Asks the bot the same things over and over, in the place of the people of a storm."""

    asked = 0

    def ids(self, birth: int) -> SeededIds:
        return SeededIds(0, birth)

    async def listen(
        self,
        answerer: Answerer,
        chats: Mapping[Reach, SimChat],
        clock: Clock,
        alive: Callable[[], None],
    ) -> None:
        while True:
            await clock.sleep(ASKED_EVERY_S)
            alive()
            word, _, argument = QUESTIONS[self.asked % len(QUESTIONS)].partition(" ")
            self.asked += 1
            command = Command(
                word=word,
                argument=argument,
                user_id=min(ALLOWED),
                sent_at_us=clock.now().wall_us,
                operator=True,
                update_id=self.asked,
            )
            answerer.answer(command, chats[Reach.CHAT])


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    What was measured at one moment; `rows` by table, `files_mb` by file. `blocks`: pieces of memory
    Python holds for objects of all kinds.
    """

    days: float
    cpu_s: float
    resident_mb: float
    blocks: int
    polls: int
    messages: int
    rows: Mapping[str, int]
    files_mb: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class Month:
    """A run of *days* looked at each *every_h*; `looks` and `logged` fill as it goes."""

    days: float
    every_h: float = 24.0
    calm_s: int = 10
    looks: list[Look] = field(default_factory=list)
    logged: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def play(self, told: Callable[[Look], None] = lambda _look: None) -> None:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            loop = VirtualLoop(START_US)
            with self._logging():
                try:
                    loop.run_until_complete(self._played(loop, Path(folder), told))
                finally:
                    loop.close()

    async def _played(self, loop: VirtualLoop, folder: Path, told: Callable[[Look], None]) -> None:
        scene = _scene(loop, folder, self.calm_s)
        life = Life(scene)
        life.begin()
        end_us = START_US + round(self.days * DAY_US)
        next_us = START_US
        while loop.now_us < end_us:
            await asyncio.sleep(STEP_S)
            scene.world.step(loop.now_us)
            if life.over:
                raise RuntimeError(f"the service ended by itself: {scene.journal.last()[-3:]}")
            if loop.now_us >= next_us + round(self.every_h * HOUR_US):
                next_us += round(self.every_h * HOUR_US)
                self.looks.append(_look(loop, scene))
                told(self.looks[-1])
        await life.leave()
        self.errors += scene.errors

    @contextmanager
    def _logging(self) -> Iterator[None]:
        before = structlog.get_config()
        structlog.configure(
            processors=[self._log],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)

    def _log(self, _logger: object, level: str, event: structlog.typing.EventDict) -> NoReturn:
        name = str(event.get("event"))
        self.logged[name] += 1
        if level in {"error", "critical"} or event.get("exc_info"):
            self.errors.append(f"{name} {sys.exc_info()[1]!r}")
        raise structlog.DropEvent


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the straight line nearest to *points*."""
    n = len(points)
    mid_x, mid_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    over = sum((x - mid_x) * (y - mid_y) for x, y in points)
    return over / sum((x - mid_x) ** 2 for x, _ in points)


def grown(looks: Sequence[Look], warm_days: float) -> float:
    """Return how many pieces of memory each poll after the first days left behind."""
    return slope([(look.polls, look.blocks) for look in looks if look.days > warm_days])


def _scene(loop: VirtualLoop, folder: Path, calm_s: int) -> Scene:
    world = few(Waves(), *ACCOUNTS)(1, START_US)  # type: ignore[arg-type]  # a path without a script
    world.slice_us = round(STEP_S * SECOND_US)
    settings = storm_settings(world, folder, {})
    poll = settings.poll.model_copy(update={"calm": calm_s * SECOND_US})
    settings = settings.model_copy(update={"poll": poll})
    wires = {road: Wire(road) for road in (Reach.CHAT, Reach.FALLBACK)}
    for wire in wires.values():
        wire.arrived = Unkept()
    return Scene(
        seed=1,
        settings=settings,
        world=world,
        truth=Truth(world, settings),  # asked where a venue lies: in this weather none does
        weather=Weather([], seed=1, now_us=lambda: loop.now_us),
        journal=Journal(lambda: loop.now_us, START_US),
        wires=wires,
        people=Asker(),  # type: ignore[arg-type]  # does of them what a life asks for
        polls=Unkept(),
        pings=Unkept(),
    )


def _look(loop: VirtualLoop, scene: Scene) -> Look:
    gc.collect()
    state = Path(scene.settings.state_dir)
    return Look(
        days=(loop.now_us - START_US) / DAY_US,
        cpu_s=time.process_time(),
        resident_mb=resident_mb(),
        blocks=sys.getallocatedblocks(),
        polls=len(scene.polls),
        messages=len(scene.wires[Reach.CHAT].arrived),
        rows=dict(_rows(state)),
        files_mb={file.name: file.stat().st_size / 1e6 for file in sorted(state.iterdir())},
    )


def resident_mb() -> float:
    """Return what this process holds in memory, as the system counts it."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _rows(state: Path) -> Iterator[tuple[str, int]]:
    for name in ("ledger.db", "history.db"):
        with sqlite3.connect(state / name) as db:
            tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            for (table,) in tables.fetchall():
                if not table.startswith("sqlite_"):
                    [(count,)] = db.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
                    yield table, count
        db.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.month", description=__doc__.splitlines()[1])
    parser.add_argument("--days", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=24.0, metavar="HOURS", help="a line each")
    parser.add_argument("--calm", type=int, default=30, metavar="SECONDS", help="between readings")
    given = parser.parse_args()
    month = Month(days=given.days, every_h=given.every, calm_s=given.calm)
    month.play(_show)
    print("log:", ", ".join(f"{name} {n}" for name, n in month.logged.most_common()))
    print(f"errors: {month.errors[:5] or 'none'}")
    words, fine = verdict(month.looks)
    print(words)
    return 0 if fine and not month.errors else 1


def verdict(looks: Sequence[Look]) -> tuple[str, bool]:
    """Return what *looks* say of memory, and whether that is well; the first day warms up."""
    warm = [look for look in looks if look.days > WARM_DAYS]
    if len(warm) < LOOKS_MIN:
        return f"too short to judge memory: {LOOKS_MIN} looks after the first day are needed", True
    grows = slope([(look.days, look.resident_mb) for look in warm])
    return (
        f"pieces of memory left behind by each poll: {grown(warm, 0):.3f}\n"
        f"resident memory grows by {grows:.3f} MB a day (at most {SLOPE_MAX_MB:g})"
    ), grows <= SLOPE_MAX_MB


def _show(look: Look) -> None:
    rows = " ".join(f"{name}={n}" for name, n in look.rows.items())
    files = " ".join(f"{name}={size:.1f}" for name, size in look.files_mb.items())
    print(
        f"day {look.days:.2f}: {look.resident_mb:.1f} MB, {look.blocks} blocks, "
        f"{look.polls} polls, {look.messages} messages, cpu {look.cpu_s:.0f} s | {rows} | "
        f"MB {files}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
