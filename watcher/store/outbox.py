"""
The outbox: rows of messages, from queued to sent.

Rule: SQL on an open connection, inside the caller's transaction; who writes when is `sqlite.py`.
A message's *strand* is what a newer one may replace: the dangers of one pool, or the account's
blindness, never one by the other although they may share an incident code.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from watcher.domain.alert import MINUTE_US, Kind, Lane, Message
from watcher.ports import Backlog, Claim, StoreError
from watcher.store import codec

FAR_US = 60 * MINUTE_US

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


def is_due(ledger: sqlite3.Connection, values: Mapping[str, object]) -> bool:
    """Return whether `take` would find a row; reading only, so an idle outbox costs no write."""
    return ledger.execute(f"SELECT 1 {_DUE} LIMIT 1", values).fetchone() is not None


def take(ledger: sqlite3.Connection, values: Mapping[str, object]) -> list[Claim]:
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


def backlog_of(ledger: sqlite3.Connection, now_us: int) -> Backlog:
    row = ledger.execute(
        "SELECT count(*), min(CASE WHEN lane <= ? THEN created_us END), "
        "min(CASE WHEN state = 'claimed' THEN lease_us "
        "WHEN not_before_us > ? THEN 0 ELSE not_before_us END) "
        "FROM outbox WHERE state IN ('queued', 'claimed')",
        (int(Lane.BLIND), now_us + FAR_US),
    ).fetchone()
    return Backlog(waiting=row[0], urgent_since_us=row[1], due_us=row[2])
