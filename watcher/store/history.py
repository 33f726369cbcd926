"""
The history: samples, and each account's last reading as one row.

Rule: nothing here may be needed. What fails to be written or read back is dropped and logged; the
account then starts without a past, as after its first start. SQL on an open connection only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import structlog

from watcher.domain.alert import Decision, Sample, Tier
from watcher.ports import StoreError
from watcher.store import codec

log = structlog.get_logger()


def record(history: sqlite3.Connection, decision: Decision) -> None:
    state = decision.state
    history.execute("BEGIN IMMEDIATE")
    try:
        history.executemany(
            "INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    decision.account, s.at_us, s.pool, s.distance, s.health, s.margin_level,
                    s.equity, int(s.tier), int(s.estimate),
                )
                for s in decision.samples
            ],
        )  # fmt: skip
        if state.last_good is not None and state.last_good_at_us is not None:
            reading = codec.Reading(
                last_good=state.last_good,
                last_good_at_us=state.last_good_at_us,
                recent=state.recent,
            )
            snapshot, recent = codec.reading_texts(reading)
            history.execute(
                "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?)",
                (decision.account, state.last_good_at_us, snapshot, recent),
            )
        history.execute("COMMIT")
    except BaseException:
        if history.in_transaction:
            history.execute("ROLLBACK")
        raise


def readings(history: sqlite3.Connection) -> dict[str, codec.Reading]:
    found: dict[str, codec.Reading] = {}
    try:
        rows = history.execute("SELECT account, snapshot, at_us, recent FROM reading").fetchall()
    except sqlite3.Error as error:
        log.warning("history.failed", reason=str(error))
        return {}
    for account, snapshot, at_us, recent in rows:
        try:
            found[account] = codec.reading_of(snapshot, at_us, recent)
        except StoreError as error:
            log.warning("reading.dropped", account=account, reason=str(error))
    return found


def samples(history: sqlite3.Connection, account: str, since_us: int) -> Sequence[Sample]:
    rows = history.execute(
        "SELECT pool, at_us, distance, health, margin_level, equity, tier, estimate "
        "FROM sample WHERE account = ? AND at_us >= ? ORDER BY at_us, pool",
        (account, since_us),
    )
    return [
        Sample(
            pool=row[0], at_us=row[1], distance=row[2], health=row[3], margin_level=row[4],
            equity=row[5], tier=Tier(row[6]), estimate=bool(row[7]),
        )
        for row in rows
    ]  # fmt: skip
