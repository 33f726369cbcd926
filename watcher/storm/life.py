"""
One life of the process: the real service over a simulated outside, from its start to its death.

Rule: what a dead process does has no effect: every port asks whether it is alive, before and after
each wait, and its disk takes no more work. What survives is what a real one would leave: the files
of the store as they were committed, and the far sides of the roads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from watcher.assembly import Outside, Service, assemble, start_loops, stop
from watcher.domain.road import Reach
from watcher.ports import StoreError
from watcher.service.clock import SystemClock
from watcher.service.schedule import SteppedScheduler
from watcher.service.supervise import LoopsFailed
from watcher.settings import Settings, reaches
from watcher.sim.world import World
from watcher.store.sqlite import SqliteStore
from watcher.storm.bank import Bank
from watcher.storm.chat import SimChat, Wire
from watcher.storm.disk import Dead, Disk
from watcher.storm.journal import Journal
from watcher.storm.loop import VirtualLoop
from watcher.storm.money import SimMoney
from watcher.storm.ping import SimPing
from watcher.storm.truth import Apart, Truth
from watcher.storm.venue import SimVenue
from watcher.storm.weather import Weather

if TYPE_CHECKING:
    from watcher.storm.people import People


@dataclass(slots=True, kw_only=True)
class Scene:
    """What all lives of a run share. `skew_us`: how far the machine's wall clock is off."""

    seed: int
    settings: Settings
    world: World
    truth: Truth
    weather: Weather
    journal: Journal
    wires: Mapping[Reach, Wire]
    people: People
    banks: Mapping[str, Bank] = field(default_factory=dict)
    polls: list[tuple[str, int, bool]] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    pings: list[tuple[int, bool, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    skew_us: int = 0
    births: int = 0


class Life:
    """`begin` it, `leave` or `bury` it; `over` tells that it ended by itself."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._alive = True
        self._service: Service | None = None
        self._store: SqliteStore | None = None
        self.disk = Disk(scene.weather, scene.seed * 1000 + scene.births)
        self._main: asyncio.Task[None] | None = None
        self._birth = scene.births
        scene.births += 1

    @property
    def over(self) -> bool:
        return self._main is None or self._main.done()

    def begin(self) -> None:
        self._main = asyncio.create_task(self._live(), name="life")
        running().adopt(self._main)

    async def leave(self) -> None:
        """Stop in order, as on SIGTERM."""
        if self._service is not None and not self.over:
            self._service.supervisor.stop()
            assert self._main is not None
            await asyncio.wait([self._main])
        await self.bury()

    async def bury(self) -> None:
        """End whatever is left of it, as kill -9 does; the files stay as they are."""
        self._alive = self.disk.alive = False
        loop = running()
        # one that is cancelled may start another on its way out
        while ours := [task for task in loop.life if not task.done()]:
            for task in ours:
                task.cancel()
            await asyncio.sleep(0)
        for task in loop.life:
            # read, so that nobody is told of it: the dead raise whatever they like
            if not task.cancelled():
                task.exception()
        if self._store is not None:
            self._store.release()
        loop.forget_life()

    def _check(self) -> None:
        if not self._alive:
            raise Dead

    async def _live(self) -> None:
        scene = self._scene
        try:
            self._store = await SqliteStore.open(
                Path(scene.settings.state_dir), reaches(scene.settings), thread=self.disk
            )
            service = await assemble(scene.settings, self._outside(self._store))
        except StoreError as error:
            # whoever started it starts it again
            scene.journal.note("unborn", str(error))
            return
        self._service = service
        start_loops(service)
        scene.journal.note("born", self._birth)
        try:
            await service.supervisor.run()
        except LoopsFailed as error:
            scene.journal.note("failed", str(error))
            return
        await stop(service)
        scene.journal.note("left", self._birth)

    def _outside(self, store: SqliteStore) -> Outside:
        scene, loop = self._scene, running()
        clock = SystemClock(
            lambda: loop.now_us * 1000,
            lambda: (loop.now_us + scene.skew_us) * 1000,
        )
        chats = {
            road: SimChat(
                wire,
                clock=clock,
                weather=scene.weather,
                journal=scene.journal,
                alive=self._check,
                seed=scene.seed,
                birth=self._birth,
            )
            for road, wire in scene.wires.items()
        }
        venues = {
            name: SimVenue(
                world=scene.world,
                account=name,
                weather=scene.weather,
                journal=scene.journal,
                pause=clock.sleep,
                alive=self._check,
                polls=scene.polls,
                apart=scene.apart,
                by_venue=partial(scene.truth.by_venue, name),
                now_us=lambda: loop.now_us,
                wall_us=lambda: loop.now_us + scene.skew_us,
                birth=self._birth,
            )
            for name in scene.settings.accounts
        }
        moneys = {
            name: SimMoney(
                bank,
                pause=clock.sleep,
                alive=self._check,
                birth=self._birth,
            )
            for name, bank in scene.banks.items()
        }
        people = scene.people
        return Outside(
            clock=clock,
            scheduler=SteppedScheduler(clock),
            store=store,
            venues=venues,
            moneys=moneys,
            channels=chats,
            ids=people.ids(self._birth),
            warm=chats[Reach.CHAT].warm,
            notify=lambda _state: None,
            ping=SimPing(scene.pings, clock=clock, weather=scene.weather, alive=self._check),
            ear=lambda answerer, _outbound: people.listen(answerer, chats, clock, self._check),
        )


def running() -> VirtualLoop:
    """Return the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
