"""
The store as another process sees it: read beside a running daemon, or hand it a message to send.

Rule: nothing here needs the daemon's lock, and nothing but `put` changes the ledger. The daemon
finds what was put within seconds and sends it as its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from watcher.domain.alert import AccountState, Message, Sample
from watcher.domain.road import Reach
from watcher.ports import Backlog, Flag, Proof, StoreError, Traffic, Undelivered
from watcher.store import codec, history, kept, outbox, schema, traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is on its way, by road, and what people decided."""

    traffic: Mapping[Reach, Traffic] = field(default_factory=dict)
    flags: Mapping[str, Flag] = field(default_factory=dict)
    proofs: Mapping[Reach, Proof] = field(default_factory=dict)


def peek(folder: Path) -> tuple[Mapping[str, AccountState], Backlog]:
    """
    Return the states and the outbox's backlog.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        states, _ = codec.states_of(ledger)
        backlog = traffic.backlog_of(ledger)
    try:
        past = schema.open_beside(folder / "history.db", schema.HISTORY_VERSION)
    except StoreError:
        return states, backlog
    try:
        return codec.merged(states, history.readings(past)), backlog
    finally:
        past.close()


def undelivered(folder: Path) -> Undelivered:
    """
    Return what could not be delivered and why.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return traffic.undelivered_of(ledger)


def overview(folder: Path) -> Overview:
    """
    Return each road's traffic, the flags and the proofs.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return Overview(
            traffic=traffic.traffic_of(ledger),
            flags=kept.flags_of(ledger),
            proofs=kept.proofs_of(ledger),
        )


def put(folder: Path, messages: Sequence[Message], roads: Sequence[Reach]) -> None:
    """
    Queue *messages* for the daemon that runs on *folder*; *roads* are those it has.

    Raises: `StoreError`.
    """
    with _ledger(folder, write=True) as ledger:
        ledger.execute("BEGIN IMMEDIATE")
        for message in messages:
            outbox.insert(ledger, message, roads)
        ledger.execute("COMMIT")


def fates(folder: Path, keys: Collection[str]) -> list[traffic.Fate]:
    """
    Return what became of messages that were `put`.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return traffic.fates_of(ledger, keys)


def samples(folder: Path, account: str) -> Sequence[Sample]:
    """
    Return the recorded history of *account*, oldest first.

    Raises: `StoreError`.
    """
    past = schema.open_beside(folder / "history.db", schema.HISTORY_VERSION)
    try:
        return history.samples(past, account, 0)
    except sqlite3.Error as error:
        raise StoreError(f"history.db: {error}") from error
    finally:
        past.close()


@contextmanager
def _ledger(folder: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    ledger = schema.open_beside(folder / "ledger.db", schema.LEDGER_VERSION, write=write)
    try:
        yield ledger
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise StoreError(f"ledger.db: {error}") from error
    finally:
        ledger.close()
