"""
The outbox seen as a whole: what is due, what waits, what no road could deliver, who takes over.

Rule: SQL on an open connection. Only `take_over` writes, inside the caller's transaction: it copies
what an earlier road does not deliver to a later one, once, and never what a newer word on the same
thing has replaced there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from watcher.domain.alert import MINUTE_US, Lane, Tier
from watcher.domain.road import Reach
from watcher.domain.told import Told
from watcher.ports import Backlog, Due, Share, StoreError, Traffic, Undelivered
from watcher.store import codec, kept
from watcher.store.outbox import FAR_US, STALE_US, insert_on

_RULE = {"urgent": int(Lane.BLIND), "critical": int(Tier.CRITICAL), "edit": int(Share.EDIT)}

# what no road has delivered for certain; the two halves are the two partial indices. A word meant
# to reach further people is not delivered by those before them; one that only fell over there is
_STRANDED = """
FROM (
    SELECT * FROM outbox WHERE state IN ('queued', 'claimed') AND road < :road
    UNION ALL
    SELECT * FROM outbox WHERE (state = 'abandoned' OR (state = 'sent' AND receipt IS NULL))
    AND road < :road AND created_us > :stale
) AS old
WHERE old.lane <= :urgent AND old.tier >= :critical
AND old.share <> :edit
AND NOT EXISTS (
    SELECT 1 FROM outbox AS same WHERE same.key = old.key
    AND (same.road = :road OR (same.state = 'sent' AND same.receipt IS NOT NULL
    AND (same.road >= old.road OR json_extract(old.message, '$.reach') < old.road)))
)
AND NOT EXISTS (
    SELECT 1 FROM outbox AS newer WHERE newer.account = old.account
    AND newer.strand = old.strand AND newer.incident = old.incident AND newer.incident <> ''
    AND newer.road = :road AND newer.state IN ('queued', 'claimed', 'sent')
    AND newer.share <> :edit
    AND newer.created_us > old.created_us AND newer.tier >= old.tier
)
"""

# what the far side would not take, until something newer about the same thing has arrived
_ABANDONED = """
FROM outbox AS old
WHERE state = 'abandoned' AND NOT EXISTS (
    SELECT 1 FROM outbox AS newer WHERE newer.state = 'sent' AND newer.share <> :edit
    AND newer.account = old.account AND newer.strand = old.strand AND newer.id > old.id
) AND NOT EXISTS (
    SELECT 1 FROM outbox AS same WHERE same.key = old.key AND same.state = 'sent'
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of one message on one road; `done`: nothing more will be tried."""

    key: str
    road: Reach
    arrived: bool
    done: bool
    reason: str


def stranded_us(ledger: sqlite3.Connection, road: Reach, now_us: int) -> int | None:
    """Return when the oldest message came that is on no road's way but an earlier one's."""
    if road is Reach.CHAT:
        return None
    values = {**_RULE, "road": int(road), "stale": now_us - STALE_US}
    row = ledger.execute(
        f"SELECT min(CASE WHEN old.state = 'abandoned' THEN 0 ELSE old.created_us END) {_STRANDED}",
        values,
    ).fetchone()
    return None if row[0] is None else int(row[0])


def take_over(
    ledger: sqlite3.Connection, road: Reach, now_us: int, late_us: int, shut: int | None
) -> bool:
    """Queue on *road* what earlier roads strand; *shut* is the road before if it is."""
    rows = ledger.execute(
        f"SELECT old.message {_STRANDED} AND "
        "(old.created_us <= :late OR old.road = :shut OR old.state = 'abandoned') ORDER BY old.id",
        {
            **_RULE,
            "road": int(road),
            "stale": now_us - STALE_US,
            "late": late_us,
            "shut": shut,
        },
    ).fetchall()
    taken = False
    for (text,) in rows:
        try:
            insert_on(ledger, codec.message_of(text), road)
        except StoreError:
            continue  # told when it is its turn
        taken = True
    return taken


def due_of(ledger: sqlite3.Connection, road: Reach, now_us: int) -> Due:
    rows = ledger.execute(
        "SELECT share, min(CASE WHEN state = 'claimed' THEN lease_us "
        "WHEN not_before_us > ? THEN 0 ELSE not_before_us END) "
        "FROM outbox WHERE state IN ('queued', 'claimed') AND road = ? GROUP BY share",
        (now_us + FAR_US, int(road)),
    )
    return Due(
        shares={Share(share): due_us for share, due_us in rows},
        stranded_us=stranded_us(ledger, road, now_us),
    )


def sends_of(ledger: sqlite3.Connection, road: Reach, now_us: int) -> list[int]:
    # rows told together are one send; a time to come is a clock's that was wrong
    rows = ledger.execute(
        "SELECT max(done_us) FROM outbox WHERE state = 'sent' AND road = ? AND done_us > ? "
        "AND done_us <= ? GROUP BY coalesce(receipt, id) ORDER BY 1",
        (int(road), now_us - MINUTE_US, now_us),
    )
    return [done_us for (done_us,) in rows]


def backlog_of(ledger: sqlite3.Connection) -> Backlog:
    row = ledger.execute(
        "SELECT count(*), min(CASE WHEN lane <= ? THEN created_us END) "
        "FROM outbox WHERE state IN ('queued', 'claimed')",
        (int(Lane.BLIND),),
    ).fetchone()
    return Backlog(waiting=row[0], urgent_since_us=row[1])


def undelivered_of(ledger: sqlite3.Connection) -> Undelivered:
    abandoned, urgent, reason = ledger.execute(
        f"SELECT count(*), coalesce(sum(lane <= :urgent), 0), max(reason) {_ABANDONED}", _RULE
    ).fetchone()
    refusals = (kept.refusal_of(ledger, road) for road in Reach)
    return Undelivered(
        refusal=next((refusal for refusal in refusals if refusal is not None), None),
        abandoned=abandoned,
        abandoned_urgent=urgent,
        reason=reason or "",
    )


def traffic_of(ledger: sqlite3.Connection) -> dict[Reach, Traffic]:
    """Return each road that was ever used, as it stands."""
    rows = ledger.execute(
        "SELECT road, coalesce(sum(state IN ('queued', 'claimed')), 0), "
        "min(CASE WHEN state IN ('queued', 'claimed') THEN created_us END), "
        "max(CASE WHEN receipt IS NOT NULL THEN done_us END) FROM outbox GROUP BY road"
    ).fetchall()
    lost = ledger.execute(f"SELECT road, count(*) {_ABANDONED} GROUP BY road", _RULE)
    abandoned = dict(lost.fetchall())
    return {
        Reach(road): Traffic(
            waiting=waiting,
            oldest_us=oldest_us,
            delivered_us=delivered_us,
            abandoned=abandoned.get(road, 0),
            refusal=kept.refusal_of(ledger, Reach(road)),
        )
        for road, waiting, oldest_us, delivered_us in rows
    }


def told_of(ledger: sqlite3.Connection, since_us: int) -> list[Told]:
    """
    Return what was said since then, oldest first; what does not read back is left out. What may
    have arrived (no receipt of it came) is not what arrived.
    """
    rows = ledger.execute(
        "SELECT message, max(state = 'sent' AND receipt IS NOT NULL) FROM outbox "
        "WHERE created_us >= ? GROUP BY key ORDER BY min(id)",
        (since_us,),
    )
    found = []
    for text, arrived in rows:
        try:
            said = codec.message_of(text)
        except StoreError:
            continue
        found.append(
            Told(
                account=said.account,
                kind=said.kind,
                tier=said.tier,
                incident=said.incident,
                silent=said.silent,
                at_us=said.created_at_us,
                title=said.text.plain.partition("\n")[0],
                arrived=bool(arrived),
            )
        )
    return found


def fates_of(ledger: sqlite3.Connection, keys: Collection[str]) -> list[Fate]:
    """Return what became of the messages of those *keys*, on each road they were queued for."""
    rows = ledger.execute(
        "SELECT key, road, state, reason FROM outbox "
        "WHERE key IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(list(keys)),),
    )
    return [
        Fate(
            key=key,
            road=Reach(road),
            arrived=state == "sent",
            done=state not in {"queued", "claimed"},
            reason=reason or "",
        )
        for key, road, state, reason in rows
    ]
