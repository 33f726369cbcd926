"""
What opening the files would change, found without changing anything.

Rule: reads only, also where no daemon runs: a ledger without a journal is opened as one that nobody
changes, because SQLite would else write its shared memory beside it.
"""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from watcher.ports import StoreError
from watcher.store import schema
from watcher.store.tables import LEDGER_FROM


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    A ledger as it is. *steps* is what the next start changes in it, "" for nothing, and *backup*
    where it is copied before.
    """

    version: int
    size: int
    free: int
    steps: str
    backup: Path


def look(folder: Path) -> Found | None:
    """
    Return the ledger in *folder*; None: there is none yet.

    Raises: `StoreError` for one that would be refused: newer, foreign, damaged, not readable.
    """
    path = folder / "ledger.db"
    if not schema.is_there(path):
        return None
    journal = path.with_name(f"{path.name}-wal")
    still = "" if journal.exists() and journal.stat().st_size else "&immutable=1"
    try:
        ledger = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{still}", uri=True)
        try:
            schema.check_ledger(ledger, path)
            version = schema.version_of(ledger)
        finally:
            ledger.close()
    except (schema.Corrupt, sqlite3.Error) as error:
        raise StoreError(
            f"{path}: {error}; at the next start it is moved aside and a fresh one begun"
        ) from error
    step = LEDGER_FROM.get(version)
    size = sum(each.stat().st_size for each in (path, journal) if each.exists())
    return Found(
        version=version,
        size=size,
        free=shutil.disk_usage(folder).free,
        steps="" if step is None else step.words,
        backup=schema.backup_of(path, version),
    )
