"""
The history: samples, and each account's last reading as one row.

Rule: nothing here may be needed. What fails to be written or read back is dropped and logged; the
account then starts without a past, as after its first start. SQL on an open connection only.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import structlog

from watcher.domain.alert import MINUTE_US, Decision, Sample, Tier
from watcher.ports import StoreError
from watcher.store import codec, schema

log = structlog.get_logger()

KEPT_MINUTES = 30 * 24 * 60
PRUNE_EVERY_MINUTES = 60


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
        _diverged(history, decision)
        _priced(history, decision)
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


def _diverged(history: sqlite3.Connection, decision: Decision) -> None:
    # one row a minute and figure, the worst: a year of hot polls must not fill the disk
    at_us = decision.state.last_good_at_us
    if at_us is None or not decision.divergences:
        return
    minute = at_us // MINUTE_US
    history.executemany(
        "INSERT INTO divergence VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET off = max(off, excluded.off)",
        [(d.venue, d.mode, d.family, d.figure, minute, d.off) for d in decision.divergences],
    )
    if minute % PRUNE_EVERY_MINUTES == 0:
        history.execute("DELETE FROM divergence WHERE minute < ?", (minute - KEPT_MINUTES,))


def _priced(history: sqlite3.Connection, decision: Decision) -> None:
    last, at_us = decision.state.last_good, decision.state.last_good_at_us
    if last is None or at_us is None:
        return
    minute = at_us // MINUTE_US
    # of several contracts on one coin the first by name, as everywhere
    later_first = sorted(last.positions, key=lambda each: each.symbol, reverse=True)
    marks = {each.underlying: float(each.mark) for each in later_first}
    history.executemany(
        "INSERT OR REPLACE INTO price VALUES (?, ?, ?, ?)",
        [(decision.account, coin, minute, mark) for coin, mark in marks.items()],
    )


def prune(history: sqlite3.Connection, now_us: int) -> None:
    """Drop samples and prices older than a month."""
    oldest = now_us // MINUTE_US - KEPT_MINUTES
    history.execute("DELETE FROM sample WHERE at_us < ?", (oldest * MINUTE_US,))
    history.execute("DELETE FROM price WHERE minute < ?", (oldest,))


Prices = Sequence[tuple[int, float]]


def prices(history: sqlite3.Connection, account: str, coin: str, since_us: int) -> Prices:
    rows = history.execute(
        "SELECT minute, price FROM price WHERE account = ? AND coin = ? AND minute >= ? "
        "ORDER BY minute",
        (account, coin, since_us // MINUTE_US),
    )
    return [(minute * MINUTE_US, price) for minute, price in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningError:
    """How far one figure was off in one mode: the most, and what 95 % of minutes stay below."""

    venue: str
    mode: str
    family: str
    figure: str
    minutes: int
    p95: float
    most: float


def running_errors(folder: Path) -> list[RunningError]:
    """
    Return the running errors kept beside a daemon, by venue and mode; none where none are kept.

    Best effort like all of the history: what cannot be read is as if it had not been kept.
    """
    try:
        history = schema.open_beside(folder / "history.db", schema.HISTORY_VERSION)
    except StoreError:
        return []
    try:
        rows = history.execute(
            "SELECT venue, mode, family, figure, off FROM divergence "
            "ORDER BY venue, mode, family, figure, off"
        ).fetchall()
    except sqlite3.Error:
        return []  # written by a watcher that kept none
    finally:
        history.close()
    found = []
    for key, group in groupby(rows, key=lambda row: row[:4]):
        offs = [row[4] for row in group]
        venue, mode, family, figure = key
        at = max(0, math.ceil(0.95 * len(offs)) - 1)
        found.append(
            RunningError(
                venue=venue,
                mode=mode,
                family=family,
                figure=figure,
                minutes=len(offs),
                p95=offs[at],
                most=offs[-1],
            )
        )
    return found


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
