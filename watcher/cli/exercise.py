"""
The roads as `send-test --all` and `drill` use them: those of the running daemon, or their own.

Rule: with a daemon running, messages go into its ledger and it delivers them and takes the taps.
Without one the command holds the daemon's lock, delivers from a ledger of its own that is thrown
away, and listens itself; what was proven is then written into the real ledger. What waits in the
real outbox, and all that is remembered of real accounts, is left as it is.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from watcher.app import Tokens
from watcher.domain.alert import Message
from watcher.domain.road import Reach
from watcher.outlets import hear, noting, open_chat, open_roads, outbound_over
from watcher.ports import Clock, Proof
from watcher.service.hearing import Hearing
from watcher.settings import Settings, destinations, reaches
from watcher.store import beside, schema
from watcher.store.sqlite import SqliteStore
from watcher.store.traffic import Fate

LOOK_S = 0.25
DELIVER_S = 30.0
"""A daemon looks into its outbox every 5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where to hand in messages. `by_daemon`: a running daemon takes them from there."""

    folder: Path
    roads: tuple[Reach, ...]
    by_daemon: bool
    wake: Callable[[], None]

    def put(self, *messages: Message, only: Reach | None = None) -> None:
        """Hand in *messages*, for each road within their reach or for one *only*."""
        beside.put(self.folder, messages, self.roads if only is None else (only,))
        self.wake()

    async def fates(self, keys: Collection[str]) -> list[Fate]:
        """Return what became of the messages of those *keys*, when that is settled."""
        end = time.monotonic() + DELIVER_S
        while True:
            found = beside.fates(self.folder, keys)
            if all(fate.done for fate in found) or time.monotonic() > end:
                return found
            await asyncio.sleep(LOOK_S)

    async def proofs(
        self, codes: Collection[str], within_s: float, *, least: int
    ) -> Mapping[Reach, Proof]:
        """Return who answered which of the tests *codes*, when *least* are or time is over."""
        end = time.monotonic() + within_s
        while True:
            kept = beside.overview(self.folder).proofs
            found = {road: proof for road, proof in kept.items() if proof.code in codes}
            if len(found) >= least or time.monotonic() > end:
                return found
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def open_desk(settings: Settings, clock: Clock) -> AsyncIterator[Desk]:
    """
    Open the desk of the daemon that runs on the state folder, or one of our own.

    Raises: `StoreError`, `ConfigError` for a fallback that cannot be used.
    """
    folder, roads = Path(settings.state_dir), reaches(settings)
    try:
        lock = schema.locked(folder / "lock")
    except schema.Occupied:
        yield Desk(folder=folder, roads=roads, by_daemon=True, wake=lambda: None)
        return
    proofs: dict[Reach, Proof] = {}
    try:
        with TemporaryDirectory(prefix="watcher-") as name:
            async with _own(settings, clock, Path(name), proofs) as desk:
                yield desk
    finally:
        os.close(lock)
    if proofs:
        store = await SqliteStore.open(folder, roads)
        await store.lead(destinations(settings))
        for road, proof in proofs.items():
            await store.prove(road, proof)
        await store.close()


@asynccontextmanager
async def _own(
    settings: Settings, clock: Clock, folder: Path, proofs: dict[Reach, Proof]
) -> AsyncIterator[Desk]:
    roads = reaches(settings)
    async with AsyncExitStack() as doors:
        store = await SqliteStore.open(folder, roads)
        doors.push_async_callback(store.close)
        chat = open_chat(settings, moved=noting(store))
        doors.push_async_callback(chat.close)
        channels = await open_roads(settings, chat, store, doors)
        outbound = outbound_over(settings, channels, store, clock, Tokens(None))
        loops = [asyncio.create_task(each.run()) for each in outbound.deliverers]
        hearing = Hearing(store, clock)
        if settings.telegram.allowed_users:
            listening = hear(settings, hearing, store, outbound, clock)
            loops.append(asyncio.create_task(listening))
        try:
            yield Desk(folder=folder, roads=roads, by_daemon=False, wake=outbound.wake)
            proofs.update(await store.proofs())
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await hearing.close()
