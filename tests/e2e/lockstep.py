"""
The real daemon as a process against a practice exchange in lockstep, for end-to-end tests.

Rule: the daemon is known by its command line, its messages and its exit code only. Time is the
world's: `to(t)` lets it pass until `t` seconds after the start and returns when the daemon has
finished everything it does up to there and waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests import canary
from watcher.sim.bot_fallback import NOTIFY_PATH
from watcher.sim.bot_messages import SentMessage
from watcher.sim.demo.daemon import Daemon
from watcher.sim.demo.phone import Read, read
from watcher.sim.heartbeat import CHECK, PING_PATH
from watcher.sim.practice import Practice, serve, write_config
from watcher.sim.wire import Wire
from watcher.sim.world import SECOND_US, World

WAIT_S = 300.0
SECOND_CHAT_ID = -7007


class Stage:
    """One daemon, one world. `messages` is what the phone showed, oldest first."""

    def __init__(self, practice: Practice, daemon: Daemon) -> None:
        self.practice = practice
        self.daemon = daemon
        self._limit_us = self.world.now_us
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        practice.server.hold = self._hold

    @property
    def world(self) -> World:
        return self.practice.world

    @property
    def t(self) -> float:
        return (self.world.now_us - self.world.start_us) / SECOND_US

    @property
    def messages(self) -> list[SentMessage]:
        return self.practice.bot.messages

    def said(self, account: str) -> list[Read]:
        """Return every message about an incident of *account*, as a person reads it."""
        found = [read(sent.text) for sent in self.messages]
        return [one for one in found if one is not None and one.account == account]

    def words(self, account: str) -> list[str]:
        """Return the first line of each of those, without code and account: `CRITICAL`."""
        return [f"{one.word} ({one.note})" if one.note else one.word for one in self.said(account)]

    async def to(self, t: float) -> None:
        """Let time pass to *t*; nothing of the daemon is unfinished when this returns."""
        self._limit_us = self.world.start_us + round(t * SECOND_US)
        self._idle.clear()
        self._more.set()
        async with asyncio.timeout(WAIT_S):
            while not self._idle.is_set():
                self.daemon.check()
                try:
                    async with asyncio.timeout(0.2):
                        await self._idle.wait()
                except TimeoutError:
                    continue

    async def restart(self, *, after_s: float = 5.0) -> None:
        """Kill -9, let the world go on for *after_s* without it, start it again."""
        await self.daemon.kill()
        self.world.step(self.world.now_us + round(after_s * SECOND_US))
        await self.daemon.start()

    async def _hold(self, until_us: int) -> int:
        # whoever asks for more time has done all it had to do
        held = False
        while self.world.now_us >= self._limit_us:
            held = True
            self._more.clear()
            self._idle.set()
            await self._more.wait()
        # what a person said meanwhile may be under way yet: the daemon asks again once it rests
        return self.world.now_us if held else min(until_us, self._limit_us)


@asynccontextmanager
async def staged(
    world: World,
    folder: Path,
    *,
    only: Collection[str] | None = None,
    extra: str = "",
    tables: str = "",
    viewers: Sequence[int] = (),
    faces: Sequence[Wire] | None = None,
    roads: bool = False,
    pinged: bool = False,
) -> AsyncIterator[Stage]:
    """
    Serve *world* (through *faces*), start a daemon that watches *only* those accounts, stop both.
    *extra* goes before the configuration of practice, *tables* after it. It logs all it can, and
    what it showed anybody is left in *folder* for the search for secrets.

    With all *roads* it has a second chat and a fallback; *pinged*: somebody to miss it.
    """
    practice = await serve(canary.armed(world), lockstep=True, faces=faces)
    try:
        config = write_config(practice, folder, only=only)
        text = config.read_text(encoding="utf-8")
        if viewers:
            text = text.replace("[telegram]\n", f"[telegram]\nviewers = {list(viewers)}\n")
        config.write_text(f'{extra}{text}\n[log]\nlevel = "debug"\n{tables}', encoding="utf-8")
        if roads:
            add_roads(practice, config)
        if pinged:
            add_secret(config, "watcher_heartbeat__url", f"{practice.url}{PING_PATH}{CHECK}")
        daemon = Daemon(config=config, clock_url=f"{practice.url}/clock", log=folder / "daemon.log")
        stage = Stage(practice, daemon)
        await daemon.start()
        try:
            canary.list_process(daemon.process_id, folder)
            yield stage
        finally:
            await daemon.stop()
            canary.tell(practice, folder)
    finally:
        await practice.close()


def add_roads(practice: Practice, config: Path) -> None:
    """Give the configuration a second chat and a fallback."""
    text = config.read_text(encoding="utf-8")
    second = f"[telegram]\nsecond_chat_id = {SECOND_CHAT_ID}\n"
    config.write_text(text.replace("[telegram]\n", second), encoding="utf-8")
    practice.bot.chats.add(SECOND_CHAT_ID)
    add_secret(config, "watcher_fallback__url", f"json://127.0.0.1:{practice.port}{NOTIFY_PATH}")


def add_secret(config: Path, name: str, text: str) -> None:
    secret = config.parent / "secrets" / name
    secret.touch(mode=0o600)
    secret.write_text(text, encoding="utf-8")
