"""
The real daemon between faulty lines: a practice exchange and a Bot API behind proxies, a state
folder that can be spoilt, a process that can be stopped.

Rule: as in `tests.e2e.lockstep` the daemon is known by its command line, messages and exit code
only. Time is the world's: in lockstep it costs nothing, elsewhere it is the wall clock's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import canary
from tests.authority import FAR, HERE, NOW, Authority
from tests.chaos.cell import Cell
from tests.chaos.proxy import Proxy
from tests.e2e.lockstep import Stage, add_roads, add_secret
from watcher.sim.demo.daemon import Daemon
from watcher.sim.heartbeat import CHECK, PING_PATH
from watcher.sim.practice import Practice, serve, write_config
from watcher.sim.world import SECOND_US, World

ROOT = Path(__file__).resolve().parents[2]
STEP_S = 1.0
LOOK_S = 0.1
STOP_S = 30.0
SETTINGS = '\n[blind]\nafter_max = "60s"\n[poll]\ntimeout = "1s"\n[heartbeat]\nevery = "15s"\n'


class Harried(Daemon):
    """One `watcher run`, started through *prefix*, by the wall clock where *clock_url* is none."""

    def __init__(
        self,
        *,
        config: Path,
        log: Path,
        clock_url: str | None,
        prefix: Sequence[str] = (),
        root: Path | None = None,
    ) -> None:
        super().__init__(config=config, clock_url=clock_url or "", log=log)
        program = ("watcher",) if root is None else ("tests.chaos.launch", str(root))
        clock = () if clock_url is None else ("--clock", clock_url)
        own = (sys.executable, "-m", *program, "run", "--config", str(config), *clock)
        self._command = (*prefix, *own)

    async def refuse(self, prefix: Sequence[str]) -> None:
        """Start it through *prefix*, where it ends by itself, and not as if all were well."""
        usual, self._command = self._command, (*prefix, *self._command)
        await self.start()
        self._command = usual
        assert self._process is not None
        async with asyncio.timeout(STOP_S):
            assert await self._process.wait() != 0
        self._process = None


@dataclass(slots=True, kw_only=True)
class Stand:
    """Everything a fault can be put into."""

    practice: Practice
    daemon: Harried
    stage: Stage | None
    venue: Proxy
    chat: Proxy
    folder: Path
    authority: Authority
    cell: Cell | None

    @property
    def world(self) -> World:
        return self.practice.world

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def now_us(self) -> int:
        return self.practice.server.now()

    async def until(
        self, came: Callable[[], int | None], since_us: int, within_s: float
    ) -> float | None:
        """Let time pass until *came* returns a time; return how long that is after *since_us*."""
        while True:
            at_us = came()
            if at_us is not None:
                return max(0, at_us - since_us) / SECOND_US
            if self.now_us - since_us >= within_s * SECOND_US:
                return None
            await self.pass_time(STEP_S)

    async def pass_time(self, seconds: float) -> None:
        if self.stage is not None:
            await self.stage.to(self.stage.t + seconds)
        else:
            self.daemon.check()
            await asyncio.sleep(min(LOOK_S, seconds))

    def said(self, word: str, since_us: int) -> int | None:
        """Return when a chat was first told *word* in a first line."""
        return next(
            (
                sent.at_us
                for sent in self.practice.bot.messages
                if sent.at_us >= since_us and word in sent.text.partition("\n")[0]
            ),
            None,
        )

    def called(self, word: str, since_us: int) -> int | None:
        """Return when the fallback was first told *word*."""
        return next(
            (
                each.at_us
                for each in self.practice.server.fallback.notifications
                if each.at_us >= since_us and word in each.title
            ),
            None,
        )

    def missed(self, silence_s: float, since_us: int) -> int | None:
        """Return when whoever is pinged had heard nothing good for *silence_s*."""
        heard = [one.at_us for one in self.practice.server.pings.pings if one.ok]
        late_us = max([since_us, *heard]) + round(silence_s * SECOND_US)
        return late_us if self.now_us >= late_us else None

    def pinged(self, since_us: int) -> int | None:
        """Return when it was next told that all is well."""
        pings = self.practice.server.pings.pings
        return next((one.at_us for one in pings if one.ok and one.at_us >= since_us), None)


@asynccontextmanager
async def harried(
    world: World,
    folder: Path,
    *,
    real: bool = False,
    tls: bool = False,
    celled: bool = False,
    prefix: Callable[[Path], Sequence[str]] = lambda _: (),
) -> AsyncIterator[Stand]:
    """Serve *world* behind two lines (the chat's over TLS), start the daemon, stop everything."""
    authority = Authority()
    context = authority.server(folder, HERE, NOW + FAR) if tls else None
    practice = await serve(canary.armed(world), lockstep=not real)
    venue, chat = Proxy(practice.port), Proxy(practice.port, tls=context)
    await venue.start()
    await chat.start()
    config = _config(practice, folder, venue=venue, chat=chat, tls=tls)
    root = folder / "root.pem" if tls else None
    if root is not None:
        root.write_text(authority.pem, encoding="ascii")
    cell = Cell([venue.port, chat.port, practice.port]) if celled else None
    daemon = Harried(
        config=config,
        log=folder / "daemon.log",
        clock_url=None if real else f"{practice.url}/clock",
        prefix=prefix(folder) if cell is None else cell.prefix,
        root=root,
    )
    stand = Stand(
        practice=practice,
        daemon=daemon,
        stage=None if real else Stage(practice, daemon),
        venue=venue,
        chat=chat,
        folder=folder,
        authority=authority,
        cell=cell,
    )
    try:
        if cell is None:
            await daemon.start()
        else:
            cell.open()
            await daemon.start()
            await cell.join()
        yield stand
    finally:
        await daemon.stop()
        canary.tell(practice, folder)
        if cell is not None:
            await cell.close()
        await venue.close()
        await chat.close()
        await practice.close()


def _config(practice: Practice, folder: Path, *, venue: Proxy, chat: Proxy, tls: bool) -> Path:
    config = write_config(practice, folder)
    (folder / "state").mkdir(mode=0o700, exist_ok=True)
    service, accounts, rest = config.read_text(encoding="utf-8").partition("[accounts.")
    scheme = "https" if tls else "http"
    service = service.replace(practice.url, f"{scheme}://127.0.0.1:{chat.port}")
    rest = rest.replace(practice.url, f"http://127.0.0.1:{venue.port}")
    config.write_text(f"{service}{accounts}{rest}{SETTINGS}", encoding="utf-8")
    add_roads(practice, config)
    add_secret(config, "watcher_heartbeat__url", f"{practice.url}{PING_PATH}{CHECK}")
    return config
