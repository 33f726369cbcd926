"""
What became of the last reload, for the command that asked for it.

Rule: SQL on an open connection. Outcomes are numbered, so that who waits knows the next one when it
comes, whatever the clocks say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

_NAME = "reload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One reload: whether the new settings hold, and a line for each change or problem."""

    number: int
    taken: bool
    lines: tuple[str, ...] = ()


NEVER = Outcome(number=0, taken=False)


def last_outcome(ledger: sqlite3.Connection) -> Outcome:
    row = ledger.execute("SELECT value FROM meta WHERE key = ?", (_NAME,)).fetchone()
    if row is None:
        return NEVER
    facts = orjson.loads(row[0])
    return Outcome(number=facts["number"], taken=facts["taken"], lines=tuple(facts["lines"]))


def note_outcome(ledger: sqlite3.Connection, lines: Sequence[str], *, taken: bool) -> None:
    number = last_outcome(ledger).number + 1
    _put(ledger, Outcome(number=number, taken=taken, lines=tuple(lines)))


def prove_writable(ledger: sqlite3.Connection) -> None:
    """Write what is written already: a disk that takes nothing refuses that too."""
    _put(ledger, last_outcome(ledger))


def _put(ledger: sqlite3.Connection, outcome: Outcome) -> None:
    ledger.execute(
        "INSERT INTO meta VALUES (:name, :text) ON CONFLICT (key) DO UPDATE SET value = :text",
        {"name": _NAME, "text": orjson.dumps(asdict(outcome)).decode()},
    )
