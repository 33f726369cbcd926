"""
The history: samples, and each account's last reading as one row.

Rule: nothing here may be needed. What fails to be written or read back is dropped and logged; the
account then starts without a past, as after its first start. SQL on an open connection only.

What grows old is thinned: the last day in full, then the worst and the best of each minute, nothing
beyond a month. Thinning hides neither a dip nor the size of a fall.
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
from watcher.store.tables import HISTORY_VERSION

log = structlog.get_logger()

HOUR_US = 60 * MINUTE_US
KEPT_MINUTES = 30 * 24 * 60
WHOLE_US = 25 * HOUR_US
"""The digest looks a day back."""
THIN_EVERY_US = MINUTE_US
DROP_EVERY_US = 6 * HOUR_US

# what a minute of a pool keeps: its worst, and its farthest from the end
_THIN = f"""
DELETE FROM sample WHERE account = :account AND (at_us, pool) IN (
    SELECT at_us, pool FROM (
        SELECT at_us, pool, row_number() OVER (
            minute ORDER BY tier DESC, distance, margin_level, health, at_us
        ) AS worst, row_number() OVER (
            minute ORDER BY distance DESC, margin_level DESC, health DESC, at_us
        ) AS best
        FROM sample WHERE account = :account AND at_us >= :begin AND at_us < :end
        WINDOW minute AS (PARTITION BY pool, estimate, at_us / {MINUTE_US})
    ) WHERE worst > 1 AND best > 1
)
"""  # noqa: S608 - a constant


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


class Ageing:
    """
    Thins and drops what grew old, an hour of samples at a time: whoever else waits for the disk
    waits for no more than that.
    """

    def __init__(self) -> None:
        self._thinned_us = self._looked_us = self._dropped_us = 0

    def tidy(self, history: sqlite3.Connection, now_us: int) -> bool:
        """Do what is due at *now_us*; tell whether it was time to drop what is too old."""
        if now_us - self._looked_us >= THIN_EVERY_US:
            self._looked_us = now_us
            self._thin(history, now_us)
        if now_us - self._dropped_us < DROP_EVERY_US:
            return False
        self._dropped_us = now_us
        oldest = now_us // MINUTE_US - KEPT_MINUTES
        for account in _accounts(history):
            history.execute(
                "DELETE FROM sample WHERE account = ? AND at_us < ?", (account, oldest * MINUTE_US)
            )
        history.execute("DELETE FROM price WHERE minute < ?", (oldest,))
        history.execute("DELETE FROM divergence WHERE minute < ?", (oldest,))
        return True

    def _thin(self, history: sqlite3.Connection, now_us: int) -> None:
        accounts = _accounts(history)
        begin = max(self._thinned_us, _oldest(history, accounts) // HOUR_US * HOUR_US)
        end = begin + HOUR_US
        if end > now_us - WHOLE_US:
            return
        for account in accounts:
            history.execute(_THIN, {"account": account, "begin": begin, "end": end})
        self._thinned_us = end


def _accounts(history: sqlite3.Connection) -> list[str]:
    return [name for (name,) in history.execute("SELECT account FROM reading")]


def _oldest(history: sqlite3.Connection, accounts: Sequence[str]) -> int:
    firsts = [
        history.execute("SELECT min(at_us) FROM sample WHERE account = ?", (name,)).fetchone()[0]
        for name in accounts
    ]
    return min((first for first in firsts if first is not None), default=0)


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
        history = schema.open_beside(folder / "history.db", HISTORY_VERSION)
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
