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
import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    Decision,
    Lane,
    Message,
    Moment,
    Sample,
)
from watcher.ports import Backlog, Claim, Refusal, StoreError, Undelivered
from watcher.store import codec, history, outbox, schema

VERB_TIMEOUT_S = 6.0
LEASE_US = 15 * SECOND_US
PRUNE_EVERY_US = 360 * MINUTE_US
OUTBOX_KEPT_US = 14 * 1440 * MINUTE_US
SAMPLES_KEPT_US = 30 * 1440 * MINUTE_US
HISTORY_PENDING_MAX = 200

log = structlog.get_logger()

T = TypeVar("T")


class SqliteStore:
    """
    The `Store` port. Make one with `open`; `notes` says in plain words what was found odd then.
    """

    def __init__(self, folder: Path) -> None:
        self.notes: tuple[str, ...] = ()
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._lock: int | None = None
        self._ledger: sqlite3.Connection | None = None
        self._history: sqlite3.Connection | None = None
        self._history_pending = 0
        self._history_failing = False
        self._durable: dict[str, AccountState] = {}
        self._pruned_us = 0

    @classmethod
    async def open(cls, folder: Path) -> SqliteStore:
        """
        Open or create both files in *folder*.

        Raises: `StoreError` when another watcher runs there, for a newer version, for a foreign
        file, or when the disk refuses. A corrupt ledger is moved aside and told in `notes`.
        """
        store = cls(folder)
        try:
            await store._run(store._open_all)
        except BaseException:
            await store.close()
            raise
        return store

    async def load(self) -> Mapping[str, AccountState]:
        return await self._run(self._load)

    async def commit(self, decision: Decision, now: Moment) -> None:
        """Write the new state and its outbox rows together; the history follows by itself."""
        kept = codec.durable(decision.state)
        if decision.messages or self._durable.get(decision.account) != kept:
            self._durable.pop(decision.account, None)
            await self._run(lambda: self._commit(kept, decision.messages, now))
            self._durable[decision.account] = kept
        self._remember(decision, now)

    async def claim(
        self,
        now: Moment,
        *,
        limit: int,
        lanes: tuple[Lane, Lane] = (Lane.DANGER, Lane.DIGEST),
        created_before_us: int | None = None,
    ) -> Sequence[Claim]:
        return await self._run(lambda: self._claim(now, limit, lanes, created_before_us))

    async def delivered(self, claim_id: int, receipt: str, now: Moment) -> None:
        await self._change(
            "UPDATE outbox SET state = 'sent', receipt = ?, done_us = ? WHERE id = ?",
            (receipt, now.steady_us, claim_id),
        )

    async def postpone(
        self, claim_id: int, until_us: int, reason: str, *, copied: bool = False
    ) -> None:
        def write(ledger: sqlite3.Connection) -> None:
            outbox.give_back(ledger, claim_id, until_us, reason, copied=copied)

        await self._run(lambda: self._write(write))

    async def abandon(self, claim_id: int, reason: str) -> None:
        await self._change(
            "UPDATE outbox SET state = 'abandoned', reason = ? WHERE id = ?", (reason, claim_id)
        )

    async def refused(self, refusal: Refusal | None) -> None:
        await self._run(lambda: self._write(lambda db: outbox.note_refusal(db, refusal)))

    async def say(self, message: Message) -> None:
        await self._run(lambda: self._write(lambda ledger: outbox.insert(ledger, message)))

    async def backlog(self, now: Moment) -> Backlog:
        return await self._run(lambda: outbox.backlog_of(self._open_ledger(), now.steady_us))

    async def history(self, account: str, *, since_us: int) -> Sequence[Sample]:
        return await self._run(lambda: self._samples(account, since_us))

    async def probe(self) -> None:
        await self._run(lambda: self._write(_probe))

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
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

    async def _change(self, statement: str, values: tuple[object, ...]) -> None:
        await self._run(lambda: self._write(lambda ledger: ledger.execute(statement, values)))

    # -- everything below runs on the writer thread --------------------------------------------

    def _open_all(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(self._folder / "lock")
        path = self._folder / "ledger.db"
        try:
            self._ledger = schema.open_ledger(path)
        except schema.Corrupt as error:
            aside = schema.move_aside(path)
            log.error("ledger.replaced", reason=str(error), aside=aside.name)  # noqa: TRY400 - told, no defect
            self.notes += (f"The ledger was damaged and is now {aside.name}: alerts start afresh",)
            self._ledger = schema.open_ledger(path)
        self._write(outbox.give_back_all)
        self._open_history()

    def _open_history(self) -> None:
        path = self._folder / "history.db"
        try:
            self._history = schema.open_history(path)
        except (schema.Corrupt, StoreError, sqlite3.Error) as error:
            log.warning("history.dropped", reason=str(error))
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            try:
                self._history = schema.open_history(path)
            except (schema.Corrupt, StoreError, sqlite3.Error) as failure:
                log.warning("history.failed", reason=str(failure))

    def _open_ledger(self) -> sqlite3.Connection:
        if self._ledger is None:
            raise StoreError("ledger.db: not open")
        return self._ledger

    def _load(self) -> Mapping[str, AccountState]:
        states, notes = _states(self._open_ledger())
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

    def _commit(self, state: AccountState, messages: Sequence[Message], now: Moment) -> None:
        def write(ledger: sqlite3.Connection) -> None:
            ledger.execute(
                "INSERT INTO account_state VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE "
                "SET state = excluded.state, changed_us = excluded.changed_us",
                (state.account, codec.state_text(state), now.wall_us),
            )
            for message in messages:
                outbox.insert(ledger, message)

        self._write(write)

    def _claim(
        self, now: Moment, limit: int, lanes: tuple[Lane, Lane], created_before_us: int | None
    ) -> list[Claim]:
        values = {
            "now": now.steady_us,
            "far": now.steady_us + outbox.FAR_US,
            "lease": now.steady_us + LEASE_US,
            "first": int(lanes[0]),
            "last": int(lanes[1]),
            "before": created_before_us,
            "limit": limit,
        }
        if not outbox.is_due(self._open_ledger(), values):
            return []
        return self._write(lambda ledger: outbox.take(ledger, values))

    def _samples(self, account: str, since_us: int) -> Sequence[Sample]:
        if self._history is None:
            raise StoreError("history.db: not open")
        return history.samples(self._history, account, since_us)

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
            if self._history is not None:
                history.record(self._history, decision)
                self._prune(now.steady_us)
            self._history_failing = False
        except (sqlite3.Error, StoreError) as error:
            if not self._history_failing:
                log.warning("history.failed", reason=str(error))
            self._history_failing = True
            self._reopen_history()
        finally:
            self._history_pending -= 1

    def _reopen_history(self) -> None:
        if self._history is not None:
            self._history.close()
            self._history = None

    def _prune(self, now_us: int) -> None:
        if now_us - self._pruned_us < PRUNE_EVERY_US:
            return
        self._pruned_us = now_us
        if self._history is not None:
            self._history.execute("DELETE FROM sample WHERE at_us < ?", (now_us - SAMPLES_KEPT_US,))
        self._write(
            lambda ledger: ledger.execute(
                "DELETE FROM outbox WHERE state NOT IN ('queued', 'claimed') AND created_us < ?",
                (now_us - OUTBOX_KEPT_US,),
            )
        )

    def _close(self) -> None:
        for connection in (self._ledger, self._history):
            if connection is not None:
                connection.close()
        self._ledger = self._history = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def peek(folder: Path, now: Moment) -> tuple[Mapping[str, AccountState], Backlog]:
    """
    Return the states and the outbox's backlog beside a running daemon, changing nothing.

    Raises: `StoreError`.
    """
    ledger = schema.open_beside(folder / "ledger.db")
    try:
        states, _ = _states(ledger)
        backlog = outbox.backlog_of(ledger, now.steady_us)
    except sqlite3.Error as error:
        raise StoreError(f"ledger.db: {error}") from error
    finally:
        ledger.close()
    try:
        past = schema.open_beside(folder / "history.db")
    except StoreError:
        return states, backlog
    try:
        return codec.merged(states, history.readings(past)), backlog
    finally:
        past.close()


def undelivered(folder: Path) -> Undelivered:
    """
    Return what could not be delivered and why, beside a running daemon, changing nothing.

    Raises: `StoreError`.
    """
    ledger = schema.open_beside(folder / "ledger.db")
    try:
        return outbox.undelivered_of(ledger)
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise StoreError(f"ledger.db: {error}") from error
    finally:
        ledger.close()


def _states(ledger: sqlite3.Connection) -> tuple[dict[str, AccountState], tuple[str, ...]]:
    states: dict[str, AccountState] = {}
    notes: tuple[str, ...] = ()
    for account, text in ledger.execute("SELECT account, state FROM account_state"):
        try:
            states[account] = codec.state_of(text, account)
        except StoreError as error:
            log.error("state.unreadable", account=account, reason=str(error))  # noqa: TRY400 - told below
            notes += (f"{account}: what was remembered does not read back; it starts afresh.",)
    return states, notes


def _probe(ledger: sqlite3.Connection) -> None:
    row = ledger.execute("SELECT value FROM meta WHERE key = 'probe'").fetchone()
    count = str(int(row[0]) + 1 if row else 1)
    ledger.execute(
        "INSERT INTO meta VALUES ('probe', ?) ON CONFLICT (key) DO UPDATE SET value = ?",
        (count, count),
    )
    found = ledger.execute("SELECT value FROM meta WHERE key = 'probe'").fetchone()[0]
    if found != count:
        raise StoreError(f"ledger.db: wrote probe {count}, read {found}")


def _locked(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, schema.PRIVATE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreError(
            f"{path.parent}: another watcher runs on this state_dir; stop it or choose another"
        ) from error
    return handle
