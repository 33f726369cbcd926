"""
The outbox: rows of messages, one per road, from queued to sent.

Rule: SQL on an open connection, inside the caller's transaction; who writes when is `sqlite.py`.
A message's *strand* is what a newer one may replace: the dangers of one pool, or the account's
blindness, never one by the other although they may share an incident code. Roads know nothing of
each other here, and an edit never takes the place of a word that was not said yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import replace

from watcher.domain.alert import MINUTE_US, SECOND_US, Lane, Message, Tier
from watcher.domain.road import Reach
from watcher.ports import Claim, Share, StoreError, share_of, strand_of
from watcher.store import codec, kept

FAR_US = 60 * MINUTE_US
KEPT_US = 14 * 1440 * MINUTE_US
STALE_US = 10 * MINUTE_US
"""An alert that waited longer gives way to the newest word on the same thing, whatever it says."""
GROUP_WAIT_US = 3 * SECOND_US
"""What is not critical waits this long for others of its group."""

# "state IN ('queued', 'claimed')" stands wherever waiting rows are looked for: SQLite takes the
# partial index for these very words only
#
# a wait further off than an hour comes from a clock that was wrong: such a row is due
_DUE = (
    "FROM outbox WHERE state IN ('queued', 'claimed') "
    "AND ((state = 'queued' AND (not_before_us <= :now OR not_before_us > :far)) "
    "OR (state = 'claimed' AND lease_us <= :now)) AND road = :road "
    "AND share IN (SELECT value FROM json_each(:shares)) "
    "AND (:before IS NULL OR created_us < :before)"
)
_COLUMNS = "id, message, attempts, copies, share, account, strand, incident, road"
_RULE = {"edit": int(Share.EDIT), "urgent": int(Lane.BLIND)}

_GROUPED = """
FROM outbox WHERE state IN ('queued', 'claimed') AND state = 'queued' AND share <> :edit
AND (road, bundle) = (SELECT road, bundle FROM outbox WHERE id = :first)
ORDER BY tier DESC, lane, id LIMIT :limit
"""

_RETIRE = """
UPDATE outbox SET state = 'superseded' WHERE state IN ('queued', 'claimed') AND state = 'queued'
AND attempts > 0 AND incident <> ''
AND EXISTS (
    SELECT 1 FROM outbox AS newer WHERE newer.id > outbox.id AND newer.state <> 'abandoned'
    AND newer.account = outbox.account AND newer.incident = outbox.incident
    AND newer.strand = outbox.strand AND newer.road = outbox.road
    AND (newer.share <> :edit OR outbox.share = :edit)
    AND (outbox.lane > :urgent OR newer.tier >= outbox.tier)
)
"""

_OVERTAKEN = """
SELECT old.id, old.message, max(newer.id) FROM outbox AS old INDEXED BY outbox_open
JOIN outbox AS newer
ON newer.id > old.id AND newer.account = old.account AND newer.incident = old.incident
AND newer.strand = old.strand AND newer.road = old.road
AND newer.state IN ('queued', 'claimed') AND newer.state = 'queued'
AND newer.share <> :edit
WHERE old.state IN ('queued', 'claimed') AND old.state = 'queued'
AND old.incident <> '' AND old.created_us < :before GROUP BY old.id
"""

_SUPERSEDE = """
UPDATE outbox SET state = 'superseded', superseded_by = :id WHERE state = 'queued'
AND account = :account AND incident = :incident AND strand = :strand AND road = :road AND id < :id
AND (:share <> :edit OR share = :edit) AND (lane > :urgent OR tier <= :tier)
"""

_EDITABLE = """
SELECT receipt FROM outbox WHERE account = ? AND strand = ? AND incident = ? AND road = ?
AND id < ? AND state = 'sent' AND single = 1 AND receipt IS NOT NULL ORDER BY id DESC LIMIT 1
"""


def take(ledger: sqlite3.Connection, values: Mapping[str, object]) -> list[Claim]:
    _overtake(ledger, int(str(values["now"])) - STALE_US)
    rows = ledger.execute(
        f"SELECT {_COLUMNS} {_DUE} ORDER BY share = :edit, lane, tier DESC, id LIMIT :limit",
        {**values, **_RULE},
    ).fetchall()
    return _claimed(ledger, rows, int(str(values["lease"])))


def take_group(
    ledger: sqlite3.Connection, first_id: int, lease_us: int, *, at_least: int, limit: int
) -> list[Claim]:
    """Claim the queued rows of the group of row *first_id*, unless fewer than *at_least* wait."""
    rows = ledger.execute(
        f"SELECT {_COLUMNS} {_GROUPED}", {**_RULE, "first": first_id, "limit": limit}
    ).fetchall()
    return [] if len(rows) < at_least else _claimed(ledger, rows, lease_us)


def _claimed(
    ledger: sqlite3.Connection, rows: list[tuple[int, str, int, int, int, str, str, str, int]],
    lease_us: int,
) -> list[Claim]:  # fmt: skip
    claims = []
    for row_id, text, attempts, copies, share, *thing in rows:
        try:
            message = codec.message_of(text)
        except StoreError as error:
            ledger.execute(
                "UPDATE outbox SET state = 'abandoned', reason = ? WHERE id = ?",
                (str(error), row_id),
            )
            continue
        ledger.execute(
            "UPDATE outbox SET state = 'claimed', lease_us = ?, attempts = attempts + 1 "
            "WHERE id = ?",
            (lease_us, row_id),
        )
        editable = None
        if share == Share.EDIT:
            editable = ledger.execute(_EDITABLE, (*thing, row_id)).fetchone()
        claims.append(
            Claim(
                id=row_id,
                message=message,
                attempts=attempts + 1,
                copies=copies,
                edit_of=editable and editable[0],
            )
        )
    return claims


def insert(ledger: sqlite3.Connection, message: Message, roads: Collection[Reach]) -> None:
    """Queue *message* on each of *roads* within its reach."""
    for road in roads:
        if road <= message.reach:
            insert_on(ledger, message, road)


def insert_on(ledger: sqlite3.Connection, message: Message, road: Reach) -> None:
    strand = strand_of(message)
    share = share_of(message)
    waits = message.group and message.tier < Tier.CRITICAL
    cursor = ledger.execute(
        "INSERT INTO outbox (key, road, account, incident, strand, bundle, lane, share, tier, "
        "message, created_us, not_before_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (key, road) DO NOTHING",
        (
            message.key,
            int(road),
            message.account,
            message.incident,
            strand,
            message.group,
            int(message.lane),
            int(share),
            int(message.tier),
            codec.message_text(message),
            message.created_at_us,
            message.created_at_us + GROUP_WAIT_US if waits else 0,
        ),
    )
    if cursor.rowcount == 1 and message.incident:
        ledger.execute(
            _SUPERSEDE,
            {
                **_RULE,
                "id": cursor.lastrowid,
                "account": message.account,
                "incident": message.incident,
                "strand": strand,
                "road": int(road),
                "share": int(share),
                "tier": int(message.tier),
            },
        )


def give_back(
    ledger: sqlite3.Connection, row_id: int, until_us: int, reason: str, *, copied: bool
) -> None:
    """Queue a claimed row again, not before *until_us*."""
    ledger.execute(
        "UPDATE outbox SET state = 'queued', not_before_us = ?, reason = ?, copies = copies + ? "
        "WHERE id = ?",
        (until_us, reason, int(copied), row_id),
    )
    _retire(ledger)


def give_back_all(ledger: sqlite3.Connection, roads: Collection[Reach]) -> None:
    """Queue again what a dead predecessor had claimed; what waited for a road now gone is over."""
    ledger.execute("UPDATE outbox SET state = 'queued' WHERE state = 'claimed'")
    gone = [(int(road),) for road in Reach if road not in roads]
    # the chat has each of them too
    ledger.executemany(
        "UPDATE outbox SET state = 'superseded', reason = 'road gone' "
        "WHERE state = 'queued' AND road = ?",
        gone,
    )
    _retire(ledger)


# what comes back unsent meets the rule that queued rows met when the newer row came
def _retire(ledger: sqlite3.Connection) -> None:
    ledger.execute(_RETIRE, _RULE)


# the newest word may be a mild and silent one: after a loud one that was never heard it is loud
def _overtake(ledger: sqlite3.Connection, before_us: int) -> None:
    overtaken = ledger.execute(_OVERTAKEN, {**_RULE, "before": before_us}).fetchall()
    for row_id, text, newest_id in overtaken:
        ledger.execute(
            "UPDATE outbox SET state = 'superseded', superseded_by = ? WHERE id = ?",
            (newest_id, row_id),
        )
        kept = ledger.execute("SELECT message FROM outbox WHERE id = ?", (newest_id,)).fetchone()[0]
        try:
            loud = not codec.message_of(text).silent
            newest = codec.message_of(kept)
        except StoreError:
            continue  # told when it is its turn
        if loud and newest.silent:
            ledger.execute(
                "UPDATE outbox SET message = ? WHERE id = ?",
                (codec.message_text(replace(newest, silent=False)), newest_id),
            )


def mark_sent(
    ledger: sqlite3.Connection, row_id: int, receipt: str | None, now_us: int, *, single: bool
) -> None:
    """Mark a row as sent, and its buttons as those under *receipt*."""
    ledger.execute(
        "UPDATE outbox SET state = 'sent', receipt = ?, done_us = ?, single = ? WHERE id = ?",
        (receipt, now_us, int(single), row_id),
    )
    if receipt is not None:
        kept.bind_buttons(ledger, row_id, receipt)


def drop(ledger: sqlite3.Connection, row_id: int, forget: str | None) -> None:
    """Mark a row as not needed, and what was delivered as *forget* on its road as not editable."""
    ledger.execute("UPDATE outbox SET state = 'superseded' WHERE id = ?", (row_id,))
    if forget is not None:
        ledger.execute(
            "UPDATE outbox SET single = 0 WHERE receipt = ? "
            "AND (account, strand, incident, road) = "
            "(SELECT account, strand, incident, road FROM outbox WHERE id = ?)",
            (forget, row_id),
        )


def prune(ledger: sqlite3.Connection, now_us: int) -> None:
    """Forget what ended long ago."""
    before_us = now_us - KEPT_US
    ledger.execute(
        "DELETE FROM outbox WHERE state NOT IN ('queued', 'claimed') AND created_us < ?",
        (before_us,),
    )
    ledger.execute("DELETE FROM button WHERE expires_us < ?", (now_us,))
    ledger.execute("DELETE FROM heard WHERE at_us < ?", (before_us,))
