"""
The lives of the service: one after another in one process, each with settings of its own.

Rule: there is one way to start, so reading the settings again is a planned restart. The present
life goes on until the next is read, rehearsed and open; what fails until then leaves it alone. The
store stays open and hands over what was known and said; nothing queued is lost and nobody is told
STOPPED. Between the last reading of one life and the first of the next only the ledger is read.

    SIGHUP ─► read, rehearse ─► open ─► old loops end, readings last ─► assemble ─► loops ─► told
                    └─ refused ──┴─► told; the old settings stay           └─ failed: the old anew
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from watcher.assembly import Outside, Service, assemble, hand_over, start_loops, stop
from watcher.domain.alert import Message, Moment
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.policy import reloading
from watcher.policy.reloading import Change
from watcher.ports import Clock, DeliveryError, StoreError
from watcher.settings import ConfigError, Problem, Settings, destinations, reaches
from watcher.settings.changes import changes
from watcher.store.life import sign_lock
from watcher.store.outcome import note_outcome, prove_writable
from watcher.store.sqlite import SqliteStore

FREEZE_AFTER_S = 10.0
LEAVE_S = 5.0

log = structlog.get_logger()

Open = Callable[[Settings, AsyncExitStack], Awaitable[Outside]]
"""Opens what lies outside for these settings, closed with the stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    settings: Settings
    outside: Outside
    doors: AsyncExitStack
    changed: Sequence[Change] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    service: Service
    doors: AsyncExitStack


class Lives:
    """
    `run` with the first settings; `reload` and `stop` at any time.

    *again* reads and rehearses the settings, in a thread. *relog* sets the log up as the first
    settings say and has it hide the secrets of all.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        store: SqliteStore,
        opening: Open,
        again: Callable[[], Settings],
        relog: Callable[..., None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._opening = opening
        self._again = again
        self._relog = relog
        self._life: _Life | None = None
        self._next: _Opened | None = None
        self._stopping = False
        self._asked = False
        self._task: asyncio.Task[None] | None = None
        self._swapped = asyncio.Event()

    def stop(self) -> None:
        self._stopping = True
        if self._life is not None:
            self._life.service.supervisor.stop()

    def reload(self) -> None:
        """Read the settings again, as soon as that can be done."""
        self._asked = True
        if self._life is not None and (self._task is None or self._task.done()):
            self._task = self._clock.spawn(self._reload(), name="reload")

    async def run(self, settings: Settings, *, crashes: int) -> None:
        """
        Live until `stop`; before this start there were so many *crashes* of late.

        Raises: `StoreError` when the ledger cannot be read, `LoopsFailed` when a loop is beyond
        help, `ConfigError` for a key that cannot be used.
        """
        with self._clock.hold():
            opened = await self._open(settings)
            outside = replace(opened.outside, crashes=crashes)
            self._life = await self._begin(replace(opened, outside=outside))
        with suppress(OSError):  # on a full disk only `watcher reload` does without
            sign_lock(Path(settings.state_dir), os.getpid())
        log.info("watcher.started", accounts=len(settings.accounts), process=os.getpid())
        if self._asked:
            self.reload()
        try:
            while not self._stopping:
                await self._life.service.supervisor.run()
                if self._next is not None and not self._stopping:
                    self._life = await self._swap(self._life, self._next)
        finally:
            await self._put_off()
            await stop(self._life.service)
            await self._life.doors.aclose()

    # -- the next life -------------------------------------------------------------------------

    async def _reload(self) -> None:
        while self._asked and not self._stopping:
            self._asked = False
            try:
                self._next = await self._prepared()
            except (ConfigError, StoreError) as error:
                problems = error.problems if isinstance(error, ConfigError) else (error,)
                await self._refused([str(problem) for problem in problems])
            except Exception as error:
                log.exception("reload.failed")
                await self._refused([_defect(error)])
            if self._next is not None:
                self._swapped.clear()
                self._present().supervisor.stop()
                await self._swapped.wait()

    async def _prepared(self) -> _Opened | None:
        """Return the next life, all open, or None when nothing changed."""
        before = self._present().settings
        settings = await asyncio.to_thread(self._again)
        if settings.state_dir != before.state_dir:
            expected = f'"{before.state_dir}" while it runs; for another stop it and start it again'
            found = f'"{settings.state_dir}"'
            raise ConfigError([Problem(key="state_dir", found=found, expected=expected)])
        changed = list(changes(before, settings))
        if not changed:
            log.info("reload.idle")
            await self._noted([], taken=True)
            return None
        self._relog(before, settings)
        # what is in memory only would not live on
        await self._store.written(prove_writable)
        return await self._open(settings, changed)

    async def _open(self, settings: Settings, changed: Sequence[Change] = ()) -> _Opened:
        async with AsyncExitStack() as doors:
            outside = await self._opening(settings, doors)
            kept = doors.pop_all()
        return _Opened(settings=settings, outside=outside, doors=kept, changed=changed)

    async def _begin(self, opened: _Opened, greeting: Message | None = None) -> _Life:
        self._relog(opened.settings)
        try:
            service = await assemble(opened.settings, opened.outside, greeting=greeting)
            start_loops(service)
        except BaseException:
            await opened.doors.aclose()
            raise
        asyncio.get_running_loop().call_later(FREEZE_AFTER_S, _freeze)
        return _Life(service=service, doors=opened.doors)

    async def _swap(self, old: _Life, opened: _Opened) -> _Life:
        self._next = None
        with self._clock.hold():
            ended = await hand_over(old.service)
            gc.unfreeze()
            now = self._clock.now()
            said = reloading.reloaded(opened.changed, now, zone=opened.settings.timezone)
            try:
                await self._store.renew(reaches(opened.settings))
                await self._store.lead(destinations(opened.settings))
                life = await self._begin(opened, said)
            except Exception as error:
                log.exception("reload.failed")
                await opened.doors.aclose()
                before = old.service.settings
                await self._store.renew(reaches(before))
                await self._store.lead(destinations(before))
                problems = [_defect(error)]
                life = await self._begin(await self._open(before), reloading.refused(problems, now))
                await self._noted(problems, taken=False)
            else:
                gap_ms = (self._clock.now().steady_us - ended.steady_us) // 1000
                lines = [str(change) for change in opened.changed]
                log.info("reload.completed", changed=lines, gap_ms=gap_ms)
                await self._noted(lines, taken=True)
            life.service.outbound.inherit(old.service.outbound)
            await _leave(old.service, life.service.settings, now)
        await old.doors.aclose()
        self._swapped.set()
        return life

    async def _refused(self, problems: list[str]) -> None:
        log.warning("reload.refused", problems=problems)
        outbound = self._present().outbound
        said = reloading.refused(problems, self._clock.now())
        try:
            await self._store.say(said)
        except StoreError:
            outbound.tell(said)
        outbound.wake()
        await self._noted(problems, taken=False)

    async def _noted(self, lines: Sequence[str], *, taken: bool) -> None:
        with suppress(StoreError):  # who waits for it is told to look at the log
            await self._store.written(lambda db: note_outcome(db, lines, taken=taken))

    async def _put_off(self) -> None:
        """Drop a next life that will not come."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._next is not None:
            await self._next.doors.aclose()

    def _present(self) -> Service:
        assert self._life is not None, "there is one before the first reload"
        return self._life.service


async def _leave(service: Service, settings: Settings, now: Moment) -> None:
    """Say in each chat that *settings* do not name any more that it is left; one try has to do."""
    before, after = service.settings.telegram, settings.telegram
    left = {
        Reach.CHAT: before.chat_id not in (after.chat_id, after.second_chat_id),
        Reach.SECOND: before.second_chat_id not in (after.chat_id, after.second_chat_id),
    }
    text = reloading.left(now, zone=settings.timezone).text
    for road, channel in service.outside.channels.items():
        if left.get(road, False):
            try:
                async with asyncio.timeout(LEAVE_S):
                    await channel.send(text, silent=False)
            except (DeliveryError, TimeoutError) as error:
                log.warning("farewell.missed", reason=str(error) or type(error).__name__)


def _defect(error: Exception) -> str:
    return say.SETTINGS_NOT_OPENED.format(error=f"{type(error).__name__}: {error}")


def _freeze() -> None:
    # what is alive after start stays alive: the collector need not walk it again
    gc.collect()
    gc.freeze()
