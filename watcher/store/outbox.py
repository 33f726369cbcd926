"""
The outbox: rows of messages, from queued to sent.

Rule: SQL on an open connection, inside the caller's transaction; who writes when is `sqlite.py`.
A message's *strand* is what a newer one may replace: the dangers of one pool, or the account's
blindness, never one by the other although they may share an incident code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace

import orjson

from watcher.domain.alert import MINUTE_US, Kind, Lane, Message
from watcher.ports import Backlog, Claim, Refusal, StoreError, Undelivered
from watcher.store import codec

FAR_US = 60 * MINUTE_US
STALE_US = 10 * MINUTE_US
"""An alert that waited longer gives way to the newest word on the same thing, whatever it says."""

_BLIND_KINDS = frozenset({Kind.BLIND, Kind.BLIND_REPEATED, Kind.SEEING})

# a wait further off than an hour comes from a clock that was wrong: such a row is due
_DUE = (
    "FROM outbox WHERE ((state = 'queued' AND (not_before_us <= :now OR not_before_us > :far)) "
    "OR (state = 'claimed' AND lease_us <= :now)) AND lane BETWEEN :first AND :last "
    "AND (:before IS NULL OR created_us < :before)"
)


_RETIRE = """
UPDATE outbox SET state = 'superseded' WHERE state = 'queued' AND attempts > 0 AND incident <> ''
AND EXISTS (
    SELECT 1 FROM outbox AS newer WHERE newer.id > outbox.id AND newer.state <> 'abandoned'
    AND newer.account = outbox.account AND newer.incident = outbox.incident
    AND newer.strand = outbox.strand AND (outbox.lane > :urgent OR newer.tier >= outbox.tier)
)
"""

_OVERTAKEN = """
SELECT old.id, old.message, max(newer.id) FROM outbox AS old JOIN outbox AS newer
ON newer.id > old.id AND newer.account = old.account AND newer.incident = old.incident
AND newer.strand = old.strand AND newer.state = 'queued'
WHERE old.state = 'queued' AND old.incident <> '' AND old.created_us < ? GROUP BY old.id
"""

# what the far side would not take, until something newer about the same thing has arrived
_ABANDONED = """
SELECT count(*), coalesce(sum(lane <= ?), 0), max(reason) FROM outbox AS old
WHERE state = 'abandoned' AND NOT EXISTS (
    SELECT 1 FROM outbox AS newer WHERE newer.state = 'sent' AND newer.id > old.id
    AND newer.account = old.account AND newer.strand = old.strand
)
"""


def is_due(ledger: sqlite3.Connection, values: Mapping[str, object]) -> bool:
    """Return whether `take` would find a row; reading only, so an idle outbox costs no write."""
    return ledger.execute(f"SELECT 1 {_DUE} LIMIT 1", values).fetchone() is not None


def take(ledger: sqlite3.Connection, values: Mapping[str, object]) -> list[Claim]:
    _overtake(ledger, int(str(values["now"])) - STALE_US)
    rows = ledger.execute(
        f"SELECT id, message, attempts, copies {_DUE} ORDER BY lane, tier DESC, id LIMIT :limit",
        values,
    ).fetchall()
    claims = []
    for row_id, text, attempts, copies in rows:
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
            (values["lease"], row_id),
        )
        claims.append(Claim(id=row_id, message=message, attempts=attempts + 1, copies=copies))
    return claims


def insert(ledger: sqlite3.Connection, message: Message) -> None:
    strand = "blind" if message.kind in _BLIND_KINDS else f"danger:{message.pool}"
    cursor = ledger.execute(
        "INSERT INTO outbox (key, account, incident, strand, lane, tier, message, created_us) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
        (
            message.key,
            message.account,
            message.incident,
            strand,
            int(message.lane),
            int(message.tier),
            codec.message_text(message),
            message.created_at_us,
        ),
    )
    if cursor.rowcount == 1 and message.incident:
        ledger.execute(
            "UPDATE outbox SET state = 'superseded', superseded_by = :id WHERE state = 'queued' "
            "AND account = :account AND incident = :incident AND strand = :strand AND id < :id "
            "AND (lane > :urgent OR tier <= :tier)",
            {
                "id": cursor.lastrowid,
                "account": message.account,
                "incident": message.incident,
                "strand": strand,
                "urgent": int(Lane.BLIND),
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


def give_back_all(ledger: sqlite3.Connection) -> None:
    """Queue again what a dead predecessor had claimed."""
    ledger.execute("UPDATE outbox SET state = 'queued' WHERE state = 'claimed'")
    _retire(ledger)


# what comes back unsent meets the rule that queued rows met when the newer row came
def _retire(ledger: sqlite3.Connection) -> None:
    ledger.execute(_RETIRE, {"urgent": int(Lane.BLIND)})


# the newest word may be a mild and silent one: after a loud one that was never heard it is loud
def _overtake(ledger: sqlite3.Connection, before_us: int) -> None:
    for row_id, text, newest_id in ledger.execute(_OVERTAKEN, (before_us,)).fetchall():
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


def note_refusal(ledger: sqlite3.Connection, refusal: Refusal | None) -> None:
    """Write down that the channel refuses all; one noted before keeps its beginning."""
    if refusal is None:
        ledger.execute("DELETE FROM meta WHERE key = 'refusal'")
        return
    before = refusal_of(ledger)
    since_us = refusal.since_us if before is None else before.since_us
    text = orjson.dumps({"reason": refusal.reason, "since_us": since_us}).decode()
    ledger.execute(
        "INSERT INTO meta VALUES ('refusal', :text) ON CONFLICT (key) DO UPDATE SET value = :text",
        {"text": text},
    )


def refusal_of(ledger: sqlite3.Connection) -> Refusal | None:
    row = ledger.execute("SELECT value FROM meta WHERE key = 'refusal'").fetchone()
    if row is None:
        return None
    told = orjson.loads(row[0])
    return Refusal(reason=told["reason"], since_us=told["since_us"])


def undelivered_of(ledger: sqlite3.Connection) -> Undelivered:
    abandoned, urgent, reason = ledger.execute(_ABANDONED, (int(Lane.BLIND),)).fetchone()
    return Undelivered(
        refusal=refusal_of(ledger),
        abandoned=abandoned,
        abandoned_urgent=urgent,
        reason=reason or "",
    )


def backlog_of(ledger: sqlite3.Connection, now_us: int) -> Backlog:
    row = ledger.execute(
        "SELECT count(*), min(CASE WHEN lane <= ? THEN created_us END), "
        "min(CASE WHEN state = 'claimed' THEN lease_us "
        "WHEN not_before_us > ? THEN 0 ELSE not_before_us END) "
        "FROM outbox WHERE state IN ('queued', 'claimed')",
        (int(Lane.BLIND), now_us + FAR_US),
    ).fetchone()
    return Backlog(waiting=row[0], urgent_since_us=row[1], due_us=row[2])
