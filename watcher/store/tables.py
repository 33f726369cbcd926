"""
The tables of both files, their versions, and the steps from each older version to today's.

Rule: statements only. A table that changes gets a new version here and a step from every version
there ever was, each tested with a file of its own (tests/unit/test_store_versions.py).
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x77617463
"""The letters `watc`."""

LEDGER_VERSION = 3
HISTORY_VERSION = 1

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


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What brings a ledger of an older version to today's, and that in words."""

    statements: str
    words: str


LEDGER_FROM = {
    1: Upgrade(
        "".join(_LEDGER_FROM_1),
        "the outbox is kept per road; tables for buttons, requests heard and top-ups are added",
    ),
    2: Upgrade("".join(_LEDGER_FROM_2), "a table for top-ups and their buttons is added"),
}

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
