"""
The parts a world of the model is made of: workers, their ledger, requests, executions.

Rule: values only, in ages and small numbers, so that two worlds that go on alike are equal.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.model.moves import NEVER, Row
from watcher.domain.topup import Found

NOBODY = -1


class Worker(NamedTuple):
    """*at*: idle, stamp, claim, post, wait, look, ended. *row*: the intent as it was read."""

    at: str = "idle"
    row: Row | None = None
    stamp: int = NEVER
    found: Found | None = None


class Ledger(NamedTuple):
    """The one open intent, how many ids were used up, whether the decision is done."""

    row: Row | None = None
    attempt: int = 0
    done: bool = False


class Request(NamedTuple):
    """A request on its way (`queued` NEVER) or in the venue's queue, by age of its time stamp."""

    stamp: int
    ref: int
    queued: int
    owner: int


class Executed(NamedTuple):
    ref: int
    age: int


class World(NamedTuple):
    workers: tuple[Worker, ...] = (Worker(), Worker())
    ledgers: tuple[Ledger, ...] = (Ledger(),)
    requests: tuple[Request, ...] = ()
    executed: tuple[Executed, ...] = ()
    failed: frozenset[int] = frozenset()
    owner: int = NOBODY
    lease: int = 0
    wrong: bool = False
    """It was written down as never executed although it was, or may yet be."""
