"""
The store as another process sees it: read beside a running daemon, or hand it a message to send.

Rule: nothing here needs the daemon's lock, and nothing but `put` and the orders about
money changes the ledger. The daemon finds what was put within seconds and sends it as its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from watcher.domain.alert import AccountState, Message, Moment, Sample
from watcher.domain.road import Reach
from watcher.domain.topup import Intent
from watcher.ports import Backlog, Flag, Proof, StoreError, Traffic, Undelivered
from watcher.store import codec, history, intents, kept, outbox, schema, traffic
from watcher.store.outcome import Outcome, last_outcome
from watcher.store.tables import HISTORY_VERSION, LEDGER_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is on its way, by road, and what people decided."""

    traffic: Mapping[Reach, Traffic] = field(default_factory=dict)
    flags: Mapping[str, Flag] = field(default_factory=dict)
    proofs: Mapping[Reach, Proof] = field(default_factory=dict)
    destinations: Mapping[Reach, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseView:
    """The money side of the ledger. `armed`: when (wall time) and why it was last by hand."""

    intents: Sequence[Intent] = ()
    flags: Mapping[str, Flag] = field(default_factory=dict)
    armed: tuple[int, str] | None = None


def peek(folder: Path) -> tuple[Mapping[str, AccountState], Backlog]:
    """
    Return the states and the outbox's backlog.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        states, _ = codec.states_of(ledger)
        backlog = traffic.backlog_of(ledger)
    try:
        past = schema.open_beside(folder / "history.db", HISTORY_VERSION)
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
    Return each road's traffic, the flags, the proofs and where the roads led.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return Overview(
            traffic=traffic.traffic_of(ledger),
            flags=kept.flags_of(ledger),
            proofs=kept.proofs_of(ledger),
            destinations=kept.destinations_of(ledger),
        )


def outcome_of(folder: Path) -> Outcome:
    """
    Return what became of the last reload.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return last_outcome(ledger)


def put(folder: Path, messages: Sequence[Message], roads: Sequence[Reach]) -> None:
    """
    Queue *messages* for the daemon that runs on *folder*; *roads* are those it has.

    Raises: `StoreError`.
    """
    with _writing(folder) as ledger:
        for message in messages:
            outbox.insert(ledger, message, roads)


def fates(folder: Path, keys: Collection[str]) -> list[traffic.Fate]:
    """
    Return what became of messages that were `put`.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return traffic.fates_of(ledger, keys)


def purse_of(folder: Path) -> PurseView:
    """
    Return every intent, what holds money, and when it was last armed by hand.

    Raises: `StoreError`.
    """
    with _ledger(folder) as ledger:
        return PurseView(
            intents=intents.intents_of(ledger),
            flags=kept.flags_of(ledger),
            armed=kept.rearmed(ledger),
        )


def freeze(folder: Path, flag: Flag, said: Message, roads: Sequence[Reach]) -> bool:
    """
    Hold all money beside the daemon that runs on *folder*, and have it said; False: it was held.

    Raises: `StoreError`.
    """
    with _writing(folder) as ledger:
        return intents.freeze(ledger, flag, said, roads)


def unfreeze(
    folder: Path, reason: str, now: Moment, said: Message, roads: Sequence[Reach]
) -> list[str]:
    """
    Let money move again and return what held it.

    Raises: `StoreError`.
    """
    with _writing(folder) as ledger:
        outbox.insert(ledger, said, roads)
        return kept.rearm(ledger, reason, now.wall_us)


def settle(folder: Path, was: Intent, moved: Intent, said: Message, roads: Sequence[Reach]) -> bool:
    """
    Write down what a person found out about *was*; False: it changed meanwhile.

    Raises: `StoreError`.
    """
    with _writing(folder) as ledger:
        return intents.advance(ledger, was, moved, [said], roads)


def samples(folder: Path, account: str) -> Sequence[Sample]:
    """
    Return the recorded history of *account*, oldest first.

    Raises: `StoreError`.
    """
    past = schema.open_beside(folder / "history.db", HISTORY_VERSION)
    try:
        return history.samples(past, account, 0)
    except sqlite3.Error as error:
        raise StoreError(f"history.db: {error}") from error
    finally:
        past.close()


@contextmanager
def _writing(folder: Path) -> Iterator[sqlite3.Connection]:
    with _ledger(folder, write=True) as ledger:
        ledger.execute("BEGIN IMMEDIATE")
        try:
            yield ledger
            ledger.execute("COMMIT")
        except BaseException:
            if ledger.in_transaction:
                ledger.execute("ROLLBACK")
            raise


@contextmanager
def _ledger(folder: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    ledger = schema.open_beside(folder / "ledger.db", LEDGER_VERSION, write=write)
    try:
        yield ledger
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise StoreError(f"ledger.db: {error}") from error
    finally:
        ledger.close()
