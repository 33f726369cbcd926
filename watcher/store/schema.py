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

APPLICATION_ID = 0x77617463
"""The letters `watc`."""

LEDGER_VERSION = 3
HISTORY_VERSION = 1
BUSY_TIMEOUT_MS = 5000
PRIVATE_MODE = 0o600

_OUTBOX = """
CREATE TABLE outbox (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    key           TEXT NOT NULL,
    road          INTEGER NOT NULL,
    account       TEXT NOT NULL,
    incident      TEXT NOT NULL,
    strand        TEXT NOT NULL,
    bundle        TEXT NOT NULL,
    lane          INTEGER NOT NULL,
    share         INTEGER NOT NULL,
    tier          INTEGER NOT NULL,
    message       TEXT NOT NULL,
    state         TEXT NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'claimed', 'sent', 'abandoned', 'superseded')),
    created_us    INTEGER NOT NULL,
    lease_us      INTEGER NOT NULL DEFAULT 0,
    not_before_us INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    copies        INTEGER NOT NULL DEFAULT 0,
    single        INTEGER NOT NULL DEFAULT 1,
    done_us       INTEGER,
    receipt       TEXT,
    reason        TEXT,
    superseded_by INTEGER,
    UNIQUE (key, road)
) STRICT;
CREATE INDEX outbox_open ON outbox (road, lane, tier DESC, id)
    WHERE state IN ('queued', 'claimed');
CREATE INDEX outbox_lost ON outbox (road, id)
    WHERE state = 'abandoned' OR (state = 'sent' AND receipt IS NULL);
CREATE INDEX outbox_strand ON outbox (account, strand, incident, road);
CREATE TABLE button (
    hash       TEXT PRIMARY KEY,
    outbox_id  INTEGER NOT NULL,
    act        TEXT NOT NULL,
    account    TEXT NOT NULL,
    pool       TEXT NOT NULL,
    incident   TEXT NOT NULL,
    tier       INTEGER NOT NULL,
    chat       TEXT NOT NULL,
    receipt    TEXT,
    expires_us INTEGER NOT NULL,
    taken_us   INTEGER,
    taken_by   INTEGER,
    taken_with INTEGER,
    intent     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX button_outbox ON button (outbox_id);
CREATE TABLE heard (
    update_id INTEGER PRIMARY KEY,
    at_us     INTEGER NOT NULL
) STRICT;
"""
"""What came with version 2: a row per road, buttons, and which requests of people were heard."""

_STANDS = "progress IN ('proposed', 'approved', 'sending', 'accepted', 'unknown', 'human')"

_MONEY = f"""
CREATE TABLE intent (
    id           TEXT PRIMARY KEY,
    decision_key TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    account      TEXT NOT NULL,
    uid          TEXT NOT NULL,
    source       TEXT NOT NULL,
    progress     TEXT NOT NULL,
    created_us   INTEGER NOT NULL,
    changed_us   INTEGER NOT NULL,
    intent       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX intent_of_source ON intent (uid, source) WHERE {_STANDS};
CREATE UNIQUE INDEX intent_of_account ON intent (account, source) WHERE {_STANDS};
CREATE UNIQUE INDEX intent_of_decision ON intent (decision_key) WHERE {_STANDS};
CREATE INDEX intent_known ON intent (decision_key);
"""
"""What came with version 3. What is open is unique, by wallet and by decision."""

LEDGER_TABLES = f"""
CREATE TABLE account_state (
    account    TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
{_OUTBOX}
{_MONEY}
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
"""

# rows of version 1 were all for the chat; its receipts held words where nobody confirmed
_LEDGER_FROM_1 = (
    "DROP INDEX outbox_open; ALTER TABLE outbox RENAME TO outbox_1;",
    _OUTBOX,
    """
INSERT INTO outbox (id, key, road, account, incident, strand, bundle, lane, share, tier, message,
    state, created_us, lease_us, not_before_us, attempts, copies, done_us, receipt, reason,
    superseded_by)
SELECT id, key, 0, account, incident, strand, '', lane, CASE WHEN lane <= 1 THEN 0 ELSE 2 END, tier,
    message, state, created_us, lease_us, not_before_us, attempts, copies, done_us,
    CASE WHEN receipt NOT IN ('unconfirmed', 'sent from memory') THEN receipt END, reason,
    superseded_by
FROM outbox_1;
DROP TABLE outbox_1;
UPDATE meta SET key = 'refusal:0' WHERE key = 'refusal';
""",
    _MONEY,
)
_LEDGER_FROM_2 = ("ALTER TABLE button ADD COLUMN intent TEXT NOT NULL DEFAULT '';", _MONEY)
_LEDGER_FROM = {1: _LEDGER_FROM_1, 2: _LEDGER_FROM_2}

HISTORY_TABLES = """
CREATE TABLE sample (
    account      TEXT NOT NULL,
    at_us        INTEGER NOT NULL,
    pool         TEXT NOT NULL,
    distance     REAL,
    health       REAL,
    margin_level REAL,
    equity       REAL,
    tier         INTEGER NOT NULL,
    estimate     INTEGER NOT NULL,
    PRIMARY KEY (account, at_us, pool)
) STRICT, WITHOUT ROWID;
CREATE TABLE reading (
    account  TEXT PRIMARY KEY,
    at_us    INTEGER NOT NULL,
    snapshot BLOB NOT NULL,
    recent   TEXT NOT NULL
) STRICT;
"""


DIVERGENCE_TABLE = """
CREATE TABLE IF NOT EXISTS divergence (
    venue  TEXT NOT NULL,
    mode   TEXT NOT NULL,
    family TEXT NOT NULL,
    figure TEXT NOT NULL,
    minute INTEGER NOT NULL,
    off    REAL NOT NULL,
    PRIMARY KEY (venue, mode, family, figure, minute)
) STRICT, WITHOUT ROWID;
"""
"""How far our figures were from the venue's, the worst of each minute. Came after version 1."""


PRICE_TABLE = """
CREATE TABLE IF NOT EXISTS price (
    account TEXT NOT NULL,
    coin    TEXT NOT NULL,
    minute  INTEGER NOT NULL,
    price   REAL NOT NULL,
    PRIMARY KEY (account, coin, minute)
) STRICT, WITHOUT ROWID;
"""
"""The price of each traded coin as last read in each minute. Came after version 1."""


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
        older = _LEDGER_FROM.get(int(str(_pragma(connection, "user_version"))))
        if older is not None:
            _change(connection, "".join(older), LEDGER_VERSION)
    except BaseException:
        connection.close()
        raise
    return connection


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


def open_beside(path: Path, version: int, *, write: bool = False) -> sqlite3.Connection:
    """
    Return *path* beside a running daemon, for reading unless *write*.

    Raises: `StoreError` when there is nothing of *version* there.
    """
    if not path.exists():
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
        raise StoreError(
            f"{path.name} has version {found}, this watcher reads up to {version}: "
            "run the newer watcher, or move the file away to start afresh"
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
