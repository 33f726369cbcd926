"""
The SQLite store: `ledger.db` (alert states, outbox; every commit synced) and `history.db`
(samples and last readings; may be lost without harm).

Rule: all SQL of the program is in this folder and runs on one writer thread, so the event loop
never waits for the disk and no two writes overlap. A verb is one transaction and has a deadline;
when it fails or its end is unknown the caller gets a `StoreError` and goes on from memory. A
decision that changes nothing durable and says nothing does not touch the ledger.

    queued ──claim (lease 15 s)──► claimed ──delivered──► sent
       ▲                              ├─────postpone────► queued
       └────────lease over────────────┤─────abandon─────► abandoned
    queued ──a newer one of the same incident and strand──► superseded

A row of lanes 0 and 1 is superseded only by one at least as bad, until it is ten minutes old: then
the newest word on the same thing replaces it, and is loud where it was. One process owns the folder
(a lock file says which), hence rows claimed by a dead predecessor are free again at once.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    Decision,
    Message,
    Moment,
    Sample,
)
from watcher.domain.road import Reach
from watcher.domain.sign import Sign
from watcher.domain.told import Told
from watcher.ports import (
    SHARES,
    Backlog,
    Claim,
    Due,
    Flag,
    Press,
    Pressable,
    Proof,
    Refusal,
    Share,
    StoreError,
    Taken,
)
from watcher.store import codec, history, kept, outbox, schema, traffic
from watcher.store.history import Prices

VERB_TIMEOUT_S = 6.0
LEASE_US = 15 * SECOND_US
HISTORY_PENDING_MAX = 200

log = structlog.get_logger()

T = TypeVar("T")


class SqliteStore:
    """The `Store` port. Make one with `open`; `notes` tell in words what was found odd then."""

    def __init__(self, folder: Path, roads: Sequence[Reach], thread: Executor | None) -> None:
        self.notes: tuple[str, ...] = ()
        self.replaced = False
        self._folder = folder
        self.roads = tuple(roads)
        self._thread = thread or ThreadPoolExecutor(1, thread_name_prefix="store")
        self._lock: int | None = None
        self._ledger: sqlite3.Connection | None = None
        self._history: sqlite3.Connection | None = None
        self._history_pending = 0
        self._history_failing = False
        self._durable: dict[str, AccountState] = {}
        self._ageing = history.Ageing()

    @classmethod
    async def open(
        cls, folder: Path, roads: Sequence[Reach] = (Reach.CHAT,), thread: Executor | None = None
    ) -> SqliteStore:
        """
        Open or create both files in *folder* for *roads*; *thread* does the work (None: its own).

        Raises: `StoreError` when another watcher runs there, for a newer version, for a foreign
        file, or when the disk refuses. A corrupt ledger is moved aside and told in `notes`.
        """
        store = cls(folder, roads, thread)
        try:
            await store._run(store._open_all)
        except BaseException:
            await store.close()
            raise
        return store

    async def renew(self, roads: Sequence[Reach]) -> None:
        """Begin anew for *roads*, as if opened: what was in hand is free, what was odd is told."""
        self.roads, self.notes, self.replaced = tuple(roads), (), False
        await self.written(lambda db: outbox.give_back_all(db, self.roads))

    async def load(self) -> Mapping[str, AccountState]:
        return await self._run(self._load)

    async def commit(
        self, decision: Decision, now: Moment, *, update_id: int | None = None
    ) -> bool:
        """The history follows by itself."""
        state = codec.durable(decision.state)
        known = update_id is None and self._durable.get(decision.account) == state
        if decision.messages or not known:
            self._durable.pop(decision.account, None)
            fresh = await self.written(
                lambda db: (
                    kept.hear(db, update_id, now.steady_us)
                    and self._put_down(db, state, decision.messages, now)
                )
            )
            if not fresh:
                return False
            self._durable[decision.account] = state
        self._remember(decision, now)
        return True

    async def claim(
        self,
        now: Moment,
        *,
        limit: int,
        road: Reach = Reach.CHAT,
        shares: Collection[Share] = SHARES,
        created_before_us: int | None = None,
    ) -> Sequence[Claim]:
        values = {
            "now": now.steady_us,
            "far": now.steady_us + outbox.FAR_US,
            "lease": now.steady_us + LEASE_US,
            "road": int(road),
            "shares": str(sorted(map(int, shares))),
            "before": created_before_us,
            "limit": limit,
        }
        return await self.written(lambda db: outbox.take(db, values))

    async def claim_group(
        self, first: Claim, now: Moment, *, at_least: int, limit: int
    ) -> Sequence[Claim]:
        until_us = now.steady_us + LEASE_US
        return await self.written(
            lambda db: outbox.take_group(db, first.id, until_us, at_least=at_least, limit=limit)
        )

    async def take_over(self, road: Reach, now: Moment, *, late_us: int, shut: bool) -> bool:
        before = max((each for each in self.roads if each < road), default=None)
        closed = int(before) if shut and before is not None else None
        return await self.written(
            lambda db: traffic.take_over(db, road, now.steady_us, late_us, closed)
        )

    async def delivered(
        self, claim_id: int, receipt: str | None, now: Moment, *, single: bool = True
    ) -> None:
        at_us = now.steady_us
        await self.written(lambda db: outbox.mark_sent(db, claim_id, receipt, at_us, single=single))

    async def postpone(
        self, claim_id: int, until_us: int, reason: str, *, copied: bool = False
    ) -> None:
        await self.written(
            lambda db: outbox.give_back(db, claim_id, until_us, reason, copied=copied)
        )

    async def abandon(self, claim_id: int, reason: str) -> None:
        statement = "UPDATE outbox SET state = 'abandoned', reason = ? WHERE id = ?"
        await self.written(lambda db: db.execute(statement, (reason, claim_id)))

    async def drop(self, claim_id: int, *, forget: str | None = None) -> None:
        await self.written(lambda db: outbox.drop(db, claim_id, forget))

    async def refused(self, refusal: Refusal | None, road: Reach = Reach.CHAT) -> None:
        await self.written(lambda db: kept.note_refusal(db, refusal, road))

    async def say(self, message: Message) -> None:
        await self.written(lambda db: outbox.insert(db, message, self.roads))

    async def keep_buttons(self, claim_id: int, buttons: Sequence[Pressable]) -> None:
        await self.written(lambda db: kept.keep_buttons(db, claim_id, buttons))

    async def take_button(
        self, hashed: str, press: Press, *, chat: str, now: Moment
    ) -> Taken | None:
        values = {
            "hash": hashed,
            "chat": chat,
            "receipt": press.receipt,
            "user": press.user_id,
            "operator": press.operator,
            "update": press.update_id,
            "now": now.steady_us,
        }
        return await self.written(lambda db: kept.take_button(db, values))

    async def raise_flag(self, flag: Flag, now: Moment, *, update_id: int | None = None) -> bool:
        return await self.written(lambda db: kept.raise_flag(db, flag, update_id, now.steady_us))

    async def flags(self) -> Mapping[str, Flag]:
        return await self.read(kept.flags_of)

    async def tested(self, code: str) -> tuple[Reach, int] | None:
        return await self.read(lambda db: kept.tested(db, code))

    async def lead(self, destinations: Mapping[Reach, str]) -> None:
        """Take the roads to lead there from now on: a proof of another destination is none."""
        with suppress(StoreError):  # a full disk must not keep a watcher from its start
            await self.written(lambda db: kept.lead(db, destinations))

    async def prove(self, road: Reach, proof: Proof) -> None:
        await self.written(lambda db: kept.prove(db, road, proof))

    async def proofs(self) -> Mapping[Reach, Proof]:
        return await self.read(kept.proofs_of)

    async def told(self, *, since_us: int) -> Sequence[Told]:
        return await self.read(lambda db: traffic.told_of(db, since_us))

    async def chat_moved(self, chat_id: int, new_chat_id: int) -> None:
        await self.written(lambda db: kept.move_chat(db, chat_id, new_chat_id))

    async def chats_moved(self) -> Mapping[int, int]:
        return await self.read(kept.chats_of)

    async def due(self, road: Reach, now: Moment) -> Due:
        return await self.read(lambda db: traffic.due_of(db, road, now.steady_us))

    async def sends(self, road: Reach, now: Moment) -> Sequence[int]:
        return await self.read(lambda db: traffic.sends_of(db, road, now.steady_us))

    async def backlog(self) -> Backlog:
        return await self.read(traffic.backlog_of)

    async def history(self, account: str, *, since_us: int) -> Sequence[Sample]:
        return await self._run(lambda: history.samples(self._past(), account, since_us))

    async def prices(self, account: str, coin: str, *, since_us: int) -> Prices:
        return await self._run(lambda: history.prices(self._past(), account, coin, since_us))

    async def probe(self, sign: Sign) -> None:
        await self.written(lambda db: kept.probe(db, sign))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self.release)
        self._thread.shutdown(wait=False)

    # -- the way to the thread -----------------------------------------------------------------

    async def _run(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(VERB_TIMEOUT_S):
                return await loop.run_in_executor(self._thread, work)
        except TimeoutError as error:
            raise StoreError(
                f"ledger.db: no answer from the disk in {VERB_TIMEOUT_S:g} s"
            ) from error
        except sqlite3.Error as error:
            raise StoreError(f"ledger.db: {error}") from error
        except OSError as error:
            raise StoreError(f"{self._folder}: {error.strerror or error}") from error

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._run(lambda: work(self._open_ledger()))

    async def written(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do *work* on the ledger in one transaction."""
        return await self._run(lambda: self._write(work))

    # -- everything below runs on the writer thread --------------------------------------------

    def _open_all(self) -> None:
        self._lock = schema.locked(self._folder / "lock")
        path = self._folder / "ledger.db"
        try:
            self._ledger = schema.open_ledger(path)
        except schema.Corrupt as error:
            aside = schema.move_aside(path)
            log.error("ledger.replaced", reason=str(error), aside=aside.name)  # noqa: TRY400 - told, no defect
            self.notes += ("The ledger was damaged: alerts start afresh",)
            self._ledger = schema.open_ledger(path)
            self.replaced = True
        self._write(lambda db: outbox.give_back_all(db, self.roads))
        self._open_history()

    def _open_history(self) -> None:
        path = self._folder / "history.db"
        try:
            self._history = schema.open_history(path)
        except (schema.Corrupt, StoreError, sqlite3.Error) as error:
            log.warning("history.dropped", reason=str(error))
            try:
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                self._history = schema.open_history(path)
            except (schema.Corrupt, StoreError, sqlite3.Error, OSError) as failure:
                log.warning("history.failed", reason=str(failure))

    def _open_ledger(self) -> sqlite3.Connection:
        if self._ledger is None:
            raise StoreError("ledger.db: not open")
        return self._ledger

    def _load(self) -> Mapping[str, AccountState]:
        states, notes = codec.states_of(self._open_ledger())
        self.notes += notes
        self._durable = dict(states)
        readings: Mapping[str, codec.Reading] = {}
        if self._history is not None:
            readings = history.readings(self._history)
        return codec.merged(states, readings)

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        ledger = self._open_ledger()
        ledger.execute("BEGIN IMMEDIATE")
        try:
            result = work(ledger)
            ledger.execute("COMMIT")
        except BaseException:
            # SQLite itself rolls back on a full disk: a second rollback would be an error
            if ledger.in_transaction:
                ledger.execute("ROLLBACK")
            raise
        return result

    def _put_down(
        self,
        ledger: sqlite3.Connection,
        state: AccountState,
        messages: Sequence[Message],
        now: Moment,
    ) -> bool:
        ledger.execute(
            "INSERT INTO account_state VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE "
            "SET state = excluded.state, changed_us = excluded.changed_us",
            (state.account, codec.state_text(state), now.wall_us),
        )
        for message in messages:
            outbox.insert(ledger, message, self.roads)
        return True

    def _past(self) -> sqlite3.Connection:
        if self._history is None:
            raise StoreError("history.db: not open")
        return self._history

    # -- the history: best effort, nobody waits for it -----------------------------------------

    def _remember(self, decision: Decision, now: Moment) -> None:
        if self._history_pending >= HISTORY_PENDING_MAX:
            return
        self._history_pending += 1
        self._thread.submit(self._remember_now, decision, now)

    def _remember_now(self, decision: Decision, now: Moment) -> None:
        try:
            if self._history is None:
                self._open_history()
            history.record(self._past(), decision)
            if self._ageing.tidy(self._past(), now.steady_us):
                self._write(lambda db: outbox.prune(db, now.steady_us))
            self._history_failing = False
        except (sqlite3.Error, StoreError) as error:
            if not self._history_failing:
                log.warning("history.failed", reason=str(error))
            self._history_failing = True
            if self._history is not None:
                self._history.close()
            self._history = None
        finally:
            self._history_pending -= 1

    def release(self) -> None:
        for connection in (self._ledger, self._history):
            if connection is not None:
                connection.close()
        self._ledger = self._history = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
