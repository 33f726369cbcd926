"""
Opening the two files: tables, pragmas, versions, corruption.

Rule: the ledger is opened only as what it says it is. A newer version or a foreign file is refused
with words; a corrupt one is moved aside whole (with its journal) and a fresh one begun, because a
watcher that does not start watches nobody. The history is expendable: any doubt drops it.
Effective pragmas are asserted, not assumed.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path

from watcher.ports import StoreError
from watcher.store.tables import (
    APPLICATION_ID,
    DIVERGENCE_TABLE,
    HISTORY_TABLES,
    HISTORY_VERSION,
    LEDGER_FROM,
    LEDGER_TABLES,
    LEDGER_VERSION,
    PRICE_TABLE,
)

BUSY_TIMEOUT_MS = 5000
PRIVATE_MODE = 0o600
AFRESH = "move the file away to start afresh"


class Corrupt(Exception):
    """The file is damaged. Only this module's callers decide what becomes of it."""


class Occupied(StoreError):
    """Another process works in this folder."""


def open_ledger(path: Path) -> sqlite3.Connection:
    """
    Return the ledger for writing, created if absent, every commit synced to the disk.

    Raises: `Corrupt`; `StoreError` for a newer version, a foreign file, or a disk that refuses.
    """
    connection = _open(path, tables=LEDGER_TABLES, version=LEDGER_VERSION, synchronous="FULL")
    try:
        _check_soundness(connection, path)
        found = version_of(connection)
        if found in LEDGER_FROM:
            back_up(connection, path, found)
            _change(connection, LEDGER_FROM[found].statements, LEDGER_VERSION)
    except (sqlite3.OperationalError, OSError) as error:
        connection.close()
        raise StoreError(f"{path.name}: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def check_ledger(connection: sqlite3.Connection, path: Path) -> None:
    """
    Look whether *path* would be opened as a ledger; nothing is changed.

    Raises: `Corrupt`; `StoreError` for a newer version or a foreign file.
    """
    _refuse_folder(path)
    _check_identity(connection, path, LEDGER_VERSION)
    _check_soundness(connection, path)


def backup_of(path: Path, version: int) -> Path:
    """Return where a ledger of *version* is kept before it is brought up to date."""
    return path.with_name(f"{path.name}.v{version}")


def back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """
    Copy the ledger whole, journal and all, to where `backup_of` says; there is no half copy there.

    Raises: `sqlite3.OperationalError`, `OSError` where there is no room.
    """
    target = backup_of(path, version)
    draft = target.with_name(f"{target.name}.draft")
    draft.unlink(missing_ok=True)
    _keep_private(draft)
    copy = sqlite3.connect(draft)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    draft.replace(target)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def version_of(connection: sqlite3.Connection) -> int:
    return int(str(_pragma(connection, "user_version")))


def open_history(path: Path) -> sqlite3.Connection:
    """
    Return the history for writing, created if absent; the last seconds may be lost with the power.

    Raises: `Corrupt`; `StoreError`.
    """
    connection = _open(path, tables=HISTORY_TABLES, version=HISTORY_VERSION, synchronous="NORMAL")
    try:
        connection.execute(DIVERGENCE_TABLE)
        connection.execute(PRICE_TABLE)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Corrupt(str(error)) from error
    return connection


def is_there(path: Path) -> bool:
    """
    Return whether *path* is there.

    Raises: `StoreError` where this user may not look.
    """
    try:
        return path.exists()
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise StoreError(f"{path}: {reason}; ask as the user of the daemon, or as root") from error


def open_beside(path: Path, version: int, *, write: bool = False) -> sqlite3.Connection:
    """
    Return *path* beside a running daemon, for reading unless *write*.

    Raises: `StoreError` when there is nothing of *version* there.
    """
    if not is_there(path):
        raise StoreError(
            f"{path.name}: not found in {path.parent}; has `watcher run` started here?"
        )
    _refuse_folder(path)
    try:
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode={'rw' if write else 'ro'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA trusted_schema = OFF")
        _check_identity(connection, path, version)
        found = _pragma(connection, "user_version")
        if found != version:
            raise StoreError(
                f"{path.name} has version {found}, this watcher reads {version}: "
                "start `watcher run` once, it brings the file up to date"
            )
    except sqlite3.Error as error:
        raise StoreError(f"{path.name}: {error}") from error
    return connection


def move_aside(path: Path) -> Path:
    """Rename a damaged database with its journals, and return its new name."""
    number = 1
    while (target := path.with_name(f"{path.name}.corrupt-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(target.with_name(target.name + suffix))
    return target


def _open(path: Path, *, tables: str, version: int, synchronous: str) -> sqlite3.Connection:
    _keep_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _set_pragmas(connection, synchronous)
        _check_identity(connection, path, version)
        if _pragma(connection, "user_version") == 0:
            _change(connection, tables, version)
    except sqlite3.OperationalError as error:
        connection.close()
        raise StoreError(f"{path.name}: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise Corrupt(str(error)) from error
    except BaseException:
        connection.close()
        raise
    return connection


# balances are in here: nobody else on the machine reads them. SQLite gives its journals the same
# rights as the file
def _keep_private(path: Path) -> None:
    _refuse_folder(path)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
        try:
            os.fchmod(handle, PRIVATE_MODE)
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


# the system says of it what it says of a broken disk
def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreError(
            f"{path}: found a folder, expected a file; move it away, or point state_dir elsewhere"
        )


def _set_pragmas(connection: sqlite3.Connection, synchronous: str) -> None:
    wanted = {
        "busy_timeout": (str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
        "journal_mode": ("WAL", "wal"),
        "synchronous": (synchronous, {"NORMAL": 1, "FULL": 2}[synchronous]),
        "foreign_keys": ("ON", 1),
        "trusted_schema": ("OFF", 0),
        "cell_size_check": ("ON", 1),
        "wal_autocheckpoint": ("1000", 1000),
    }
    for name, (setting, effective) in wanted.items():
        connection.execute(f"PRAGMA {name} = {setting}")
        found = _pragma(connection, name)
        if found != effective:
            raise StoreError(f"sqlite {name}: expected {effective}, found {found}")


def _check_identity(connection: sqlite3.Connection, path: Path, version: int) -> None:
    found_id = _pragma(connection, "application_id")
    found = _pragma(connection, "user_version")
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found_id not in (0, APPLICATION_ID) or (found_id == 0 and tables):
        raise StoreError(f"{path}: this is another program's database; point state_dir elsewhere")
    if isinstance(found, int) and found > version:
        kept = backup_of(path, version)
        older = f"put back {kept.name} from before the upgrade (what came since is lost)"
        raise StoreError(
            f"{path.name} has version {found}, this watcher reads up to {version}: "
            f"run the newer watcher, or {older if kept.exists() else AFRESH}"
        )


def _check_soundness(connection: sqlite3.Connection, path: Path) -> None:
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise Corrupt(f"{path.name}: {verdict}")


def _change(connection: sqlite3.Connection, statements: str, version: int) -> None:
    # the identity comes with the tables in one transaction: no half-made file passes for a ledger
    connection.executescript(
        f"BEGIN IMMEDIATE;{statements}"
        f"PRAGMA application_id = {APPLICATION_ID};PRAGMA user_version = {version};COMMIT;"
    )


def _pragma(connection: sqlite3.Connection, name: str) -> object:
    row = connection.execute(f"PRAGMA {name}").fetchone()
    return None if row is None else row[0]


def locked(path: Path) -> int:
    """
    Take the lock file *path*, with its folder, until the handle returned is closed.

    Raises: `Occupied`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise Occupied(
            f"{path.parent}: another watcher runs on this state_dir; stop it or choose another"
        ) from error
    os.ftruncate(handle, 0)  # whoever held it before has signed it
    return handle
