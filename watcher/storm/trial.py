"""
One seed, played from the first start to the end of the fair weather that follows the storm.

Rule: the trial moves the world and brings about what befalls the process as a whole; it judges
nothing. After the storm everything is mended and the same loops must come to rest by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

import structlog
from structlog.typing import EventDict

from watcher.domain.alert import MINUTE_US, SECOND_US, Moment
from watcher.domain.road import Reach
from watcher.domain.topup import Intent, Mode
from watcher.settings import Settings, load
from watcher.sim.things import ONE
from watcher.sim.world import World
from watcher.store.intents import intents_of
from watcher.storm.bank import Bank
from watcher.storm.chat import Wire
from watcher.storm.disk import Planted
from watcher.storm.history import SKEW_MAX_US, History
from watcher.storm.journal import Journal
from watcher.storm.life import Life, Scene
from watcher.storm.loop import VirtualLoop
from watcher.storm.operator import Operator
from watcher.storm.people import ALLOWED, CHAT, People
from watcher.storm.truth import Truth
from watcher.storm.weather import (
    DISK_FAULTS,
    LIES,
    LIFE_FAULTS,
    MONEY_FAULTS,
    QUIET_US,
    ROAD_FAULTS,
    VENUE_FAULTS,
    Fault,
    Spell,
    Weather,
    drawn,
)
from watcher.storm.worlds import SHAPES, STEP_US, storm_world

START_US = 1_790_000_000 * SECOND_US
SLICE_US = STEP_US
HOUR_US = 60 * MINUTE_US
REBIRTH_S = (2.0, 5.0)
CALM_US = 12 * MINUTE_US
"""How long everything is well at the end: what does not come to rest by then never does."""
LEAVES = 0.2
"""This part of the kills is an orderly stop."""
PAGE = 4096
DEPEGGED = Decimal("0.01")
IMAGES = ("ledger.db", "history.db")
SPARE = Decimal(80_000)
MOVES_GAP_S = 12.0
"""Moves are rare: more of what may befall one must be on when it comes."""
BOTH_ROADS = (Reach.CHAT, Reach.FALLBACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What a run is: a storm drawn from its seed, or a pack's own world and weather. `money`: by
    account, in which mode it may be topped up.
    """

    seed: int
    hours: float
    shapes: Sequence[str] = ()
    opened: Callable[[int, int], World] | None = None
    spells: Sequence[Spell] | None = None
    stormy: bool = True
    money: Mapping[str, Mode] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Lives:
    """When the process lived, and the older images of its store."""

    spans: list[tuple[int, int]] = field(default_factory=list)
    images: list[Path] = field(default_factory=list)


class Trial:
    """Plays *plan* in *folder*; `play` returns what happened."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self._folder = folder
        self._chance = random.Random(f"{plan.seed}:trial")
        self._end_us = START_US + round(plan.hours * HOUR_US)
        self._loop = VirtualLoop(START_US)
        self._life: Life | None = None
        self._born_us = START_US
        self._lives = Lives()
        shapes = tuple(plan.shapes) or tuple(
            self._chance.sample(SHAPES, self._chance.choice((1, 1, 2, 2, 3)))
        )
        if plan.opened is not None:
            world = plan.opened(plan.seed, START_US)
            shapes = tuple(world.accounts)
        else:
            world = storm_world(plan.seed, shapes=shapes, start_us=START_US)
        journal = Journal(lambda: self._loop.now_us, START_US)
        wires = {road: Wire(road) for road in BOTH_ROADS}
        weather = Weather(self._spells(shapes), seed=plan.seed, now_us=lambda: self._loop.now_us)
        for number, name in enumerate(plan.money):
            account = world.account(name)
            account.uid += number  # one number is one purse, wherever it is
            world.credit(account, "USDT", SPARE, wallet="funding")
        settings = storm_settings(world, folder, plan.money)
        self._scene = Scene(
            seed=plan.seed,
            settings=settings,
            world=world,
            truth=Truth(world, settings),
            weather=weather,
            journal=journal,
            wires=wires,
            people=People(seed=plan.seed, wires=wires, weather=weather, journal=journal),
            banks={
                name: Bank(world, name, weather, lambda: self._loop.now_us) for name in plan.money
            },
        )
        self._depegged: list[int] = []
        self._operator = Operator(settings, self._scene.banks, START_US)
        self._due = [one for one in weather.spells if one.fault in LIFE_FAULTS]

    def play(self) -> History:
        """Play it to its end. Raises what a defect of the simulation itself raises."""
        before = structlog.get_config()
        structlog.configure(
            processors=[self._log],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            cache_logger_on_first_use=False,
        )
        try:
            return self._loop.run_until_complete(self._played())
        finally:
            self._loop.close()
            structlog.configure(**before)

    async def _played(self) -> History:
        scene = self._scene
        self._begin()
        while self._loop.now_us < self._end_us + CALM_US:
            # where the market moves, whenever the last life began
            await asyncio.sleep((SLICE_US - self._loop.now_us % SLICE_US) / SECOND_US)
            self._step()
            while self._due and self._due[0].from_us <= self._loop.now_us:
                await self._befall(self._due.pop(0))
            if self._life is not None and self._life.over:
                await self._end(self._life.bury())
                await self._reborn()
            if self._loop.now_us >= self._end_us:
                scene.skew_us = 0
        assert self._life is not None
        await self._end(self._life.bury())
        return History(
            seed=self.plan.seed,
            settings=scene.settings,
            from_us=START_US,
            healed_us=self._end_us,
            until_us=self._loop.now_us,
            truth=scene.truth,
            weather=scene.weather,
            arrived=sorted(
                (one for wire in scene.wires.values() for one in wire.arrived),
                key=lambda one: (one.at_us, one.road),
            ),
            lives=tuple(self._lives.spans),
            polls=tuple(scene.polls),
            apart=tuple(scene.apart),
            presses=tuple(scene.people.done),
            errors=tuple(scene.errors),
            pings=tuple(scene.pings),
            depegged=tuple(self._depegged),
            banks=scene.banks,
            intents=_intents(Path(scene.settings.state_dir)) if scene.banks else (),
            journal=scene.journal,
        )

    def _step(self) -> None:
        world = self._scene.world
        world.step(self._loop.now_us)
        if any(abs(price - ONE) >= DEPEGGED for price in world.stables.values()):
            self._depegged.append(world.now_us)
        for bank in self._scene.banks.values():
            bank.settle()
        if self._scene.banks:
            now_us = self._loop.now_us
            self._operator.look(Moment(steady_us=now_us, wall_us=now_us + self._scene.skew_us))
        self._scene.truth.look()

    # -- births and deaths ---------------------------------------------------------------------

    def _begin(self) -> None:
        self._life = Life(self._scene)
        self._born_us = self._loop.now_us
        self._life.begin()

    async def _end(self, ending: Awaitable[None]) -> None:
        await ending
        self._lives.spans.append((self._born_us, self._loop.now_us))
        self._scene.journal.note("died", len(self._lives.spans))
        image = self._folder / f"image{len(self._lives.spans)}"
        image.mkdir()
        for name in IMAGES:
            shutil.copy(Path(self._scene.settings.state_dir) / name, image / name)
        self._lives.images.append(image)

    async def _reborn(self) -> None:
        await asyncio.sleep(self._chance.uniform(*REBIRTH_S))
        self._step()
        self._begin()

    # -- what befalls the process --------------------------------------------------------------

    async def _befall(self, spell: Spell) -> None:
        scene, life = self._scene, self._life
        assert life is not None
        scene.weather.fired[spell.fault] += 1
        scene.journal.note("befalls", spell.fault)
        match spell.fault:
            case Fault.CLOCK_JUMP:
                scene.skew_us = self._chance.randint(-SKEW_MAX_US, SKEW_MAX_US)
            case Fault.SUSPEND:
                # nobody runs, and all that fell due meanwhile is due at once
                while self._loop.now_us < spell.until_us:
                    self._loop.now_us += SLICE_US
                    self._step()
            case Fault.TASK_DEATH:
                life.disk.plant()
            case Fault.KILL | Fault.OFFLINE if self._chance.random() < LEAVES:
                await self._end(life.leave())
                await self._reborn()
            case _:
                await self._end(life.bury())
                self._spoil(spell.fault)
                await self._reborn()

    def _spoil(self, fault: Fault) -> None:
        folder = Path(self._scene.settings.state_dir)
        if fault is Fault.ROLLBACK:
            image = self._chance.choice(self._lives.images)
            for name in IMAGES:
                (folder / f"{name}-wal").unlink(missing_ok=True)
                shutil.copy(image / name, folder / name)
        elif fault is Fault.DISK_CORRUPT:
            with (folder / "ledger.db").open("r+b") as file:
                size = file.seek(0, 2)
                file.seek(self._chance.randrange(PAGE, max(size, PAGE + 1)))
                file.write(bytes(self._chance.randrange(256) for _ in range(PAGE // 2)))

    # -- the weather ---------------------------------------------------------------------------

    def _spells(self, shapes: Sequence[str]) -> list[Spell]:
        plan = self.plan
        spells = list(plan.spells or ())
        if plan.stormy:
            targets = dict.fromkeys((*VENUE_FAULTS, *LIES, Fault.GREEDY_BOT), (*shapes, ""))
            targets |= dict.fromkeys(ROAD_FAULTS, ("chat", "chat", "fallback"))
            targets |= dict.fromkeys(
                (*DISK_FAULTS, *LIFE_FAULTS, Fault.ASLEEP, Fault.PING_DOWN), ("",)
            )
            spells += drawn(plan.seed, START_US + QUIET_US, self._end_us, targets)
        if plan.money:
            # drawn apart, so that an account with money has the weather of one without
            moves = dict.fromkeys(MONEY_FAULTS, tuple(plan.money))
            seed = f"{plan.seed}:money"
            spells += drawn(seed, START_US, self._end_us, moves, gap_s=MOVES_GAP_S)
        for spell in list(spells):
            if spell.fault is Fault.OFFLINE:
                spells += [
                    replace(spell, fault=each, share=1.0) for each in (Fault.DNS, Fault.CHAT_DOWN)
                ]
        return spells

    # -- the log -------------------------------------------------------------------------------

    def _log(self, _logger: object, level: str, event: EventDict) -> NoReturn:
        what = str(event.pop("event", ""))
        error = event.pop("exc_info", None)
        facts = " ".join(f"{key}={event[key]}" for key in sorted(event))
        self._scene.journal.note("log", level, what, facts)
        if error:
            found = sys.exc_info()[1]
            if isinstance(found, Planted):
                raise structlog.DropEvent
            self._scene.errors.append(f"{self._loop.now_us} {what} {found!r} {facts}")
        raise structlog.DropEvent


def storm_settings(world: World, folder: Path, money: Mapping[str, Mode]) -> Settings:
    """Return the settings of a daemon that watches every account of *world*, by defaults."""
    lines = ["[telegram]", f"chat_id = {CHAT}", f"allowed_users = {sorted(ALLOWED)}"]
    environ = {
        "WATCHER_TELEGRAM__BOT_TOKEN": "1:storm-bot-token-of-no-bot",
        "WATCHER_FALLBACK__URL": "json://127.0.0.1:9/storm-fallback",
        "WATCHER_HEARTBEAT__URL": "http://127.0.0.1:9/storm-heartbeat",
    }
    for account in world.accounts.values():
        lines += [f"[accounts.{account.name}]", f'venue = "{account.venue}"']
        prefix = f"WATCHER_ACCOUNTS__{account.name.upper()}__"
        environ |= {f"{prefix}API_KEY": account.key, f"{prefix}API_SECRET": account.secret}
        if account.passphrase:
            environ[f"{prefix}PASSWORD"] = account.passphrase
        if account.name in money:
            lines += _top_up(account.name, account.venue, money[account.name])
    config = folder / "watcher.toml"
    config.write_text("\n".join(lines), encoding="utf-8")
    state = folder / "state"
    state.mkdir(mode=0o700)
    return load(config, environ=environ, flags={"state_dir": str(state)})


def _top_up(name: str, venue: str, mode: Mode) -> list[str]:
    pool = "cross:USDT" if venue == "binance" else "unified"
    return [
        f"[accounts.{name}.top_up]",
        f'mode = "{mode.value}"',
        'asset = "USDT"',
        'from = "funding"',
        f'to = "{pool}"',
        'trigger = "11%"',
        'target = "14%"',
        'max_per_event = "1500 USDT"',
        'max_per_day = "30000 USDT"',
        "max_count_per_day = 24",
        'cooldown = "1m"',
        'keep_in_source = "15000 USDT"',
    ]


def _intents(state: Path) -> tuple[Intent, ...]:
    """Return what the ledger in *state* says of money, once nobody writes it any more."""
    ledger = sqlite3.connect(f"file:{state / 'ledger.db'}?mode=ro", uri=True)
    try:
        return tuple(intents_of(ledger))
    finally:
        ledger.close()
