"""
The ledger of the sweep: the real SQL of the real purse on a database in memory.

Rule: each verb is one transaction and passes the gate; what was not committed when a process died
is gone with its connection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar

from tests.sweep.gate import Gate
from watcher.domain.alert import Message
from watcher.domain.road import Reach
from watcher.domain.topup import Intent, Progress
from watcher.ports import Flag, StoreError
from watcher.store import intents as books
from watcher.store import kept, outbox, tables

T = TypeVar("T")


@cache
def empty() -> bytes:
    ledger = sqlite3.connect(":memory:")
    ledger.executescript(tables.LEDGER_TABLES)
    return ledger.serialize()


def opened(image: bytes) -> sqlite3.Connection:
    ledger = sqlite3.connect(":memory:", isolation_level=None)
    ledger.deserialize(image)
    return ledger


class MemoryStore:
    """What `SqlitePurse` needs of a store."""

    roads = (Reach.CHAT,)

    def __init__(self, gate: Gate, image: bytes | None = None) -> None:
        self.gate = gate
        self.ledger = opened(empty() if image is None else image)

    async def written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction() -> T:
            before = self.told()
            self.ledger.execute("BEGIN IMMEDIATE")
            try:
                done = work(self.ledger)
            except BaseException:
                self.ledger.execute("ROLLBACK")
                raise
            self.ledger.execute("COMMIT")
            if self.told() > before:
                self.note_told()
            return done

        return await self.gate.call(transaction, StoreError)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self.gate.call(lambda: work(self.ledger), StoreError)

    async def flags(self) -> Mapping[str, Flag]:
        return await self.read(kept.flags_of)

    async def say(self, message: Message) -> None:
        await self.written(lambda db: outbox.insert(db, message, self.roads))

    def told(self) -> int:
        """Return how many messages there are."""
        return int(self.ledger.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def note_told(self) -> None:
        """Take off what is written down as unknown in a transaction that says something."""
        unknown = {one.id for one in self.intents() if one.progress is Progress.UNKNOWN}
        self.gate.is_told(unknown)

    def intents(self) -> list[Intent]:
        return books.intents_of(self.ledger)
