"""
The money side of the ledger: one row per intent, and the `Purse` port over it.

Rule: what is open is unique, by source wallet and by decision; the file itself refuses a second.
A row changes only where it still is what its changer saw, and never back. Whether an intent may be
sent is judged by the caller's verdict inside the very transaction that writes SENDING. SQL on an
open connection; the class brings it to the store's one writer thread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from watcher.domain.alert import Message, Moment
from watcher.domain.road import Reach
from watcher.domain.topup import COUNTED, OPEN, Intent, Progress
from watcher.policy import protocol
from watcher.ports import Flag, StoreError, Verdict
from watcher.store import kept, outbox
from watcher.store.sqlite import SqliteStore

CHANGED_MEANWHILE = "it changed meanwhile"

_INTENT = TypeAdapter(Intent)

_IS_KNOWN = """
SELECT 1 FROM intent WHERE decision_key = :key
AND progress IN (SELECT value FROM json_each(:counted))
AND (progress = :done OR attempt >= :attempt)
"""


class SqlitePurse:
    """The `Purse` port on the ledger of *store*."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def propose(self, intent: Intent, messages: Sequence[Message]) -> bool:
        roads = self._store.roads
        return await self._store.written(lambda db: propose(db, intent, messages, roads))

    async def claim_sending(
        self, intent: Intent, ts_ms: int, verdict: Verdict, now: Moment
    ) -> Intent | str:
        at_us = now.steady_us
        return await self._store.written(lambda db: claim(db, intent, ts_ms, verdict, at_us))

    async def advance(self, was: Intent, moved: Intent, messages: Sequence[Message]) -> bool:
        roads = self._store.roads
        return await self._store.written(lambda db: advance(db, was, moved, messages, roads))

    async def intents(
        self, *, account: str | None = None, since_us: int = 0, open_only: bool = False
    ) -> Sequence[Intent]:
        return await self._store.read(
            lambda db: intents_of(db, account=account, since_us=since_us, open_only=open_only)
        )

    async def freeze(self, flag: Flag, said: Message) -> bool:
        roads = self._store.roads
        return await self._store.written(lambda db: freeze(db, flag, said, roads))

    async def flags(self) -> Mapping[str, Flag]:
        return await self._store.flags()

    async def armed_at_us(self) -> int:
        found = await self._store.read(kept.rearmed)
        return 0 if found is None else found[0]


def freeze(ledger: sqlite3.Connection, flag: Flag, said: Message, roads: Collection[Reach]) -> bool:
    """Hold all money, and have it said; False where it is held by a flag of that name already."""
    if flag.name in kept.flags_of(ledger):
        return False
    kept.raise_flag(ledger, flag, None, flag.at_us)
    outbox.insert(ledger, said, roads)
    return True


def propose(
    ledger: sqlite3.Connection,
    intent: Intent,
    messages: Sequence[Message],
    roads: Collection[Reach],
) -> bool:
    """Write a new intent; False where its wallet or its decision has one that stands."""
    known = ledger.execute(
        _IS_KNOWN,
        {
            "key": intent.decision_key,
            "attempt": intent.attempt,
            "done": Progress.DONE.value,
            "counted": _values(COUNTED),
        },
    ).fetchone()
    if known is not None:
        return False
    cursor = ledger.execute(
        "INSERT INTO intent VALUES "
        "(:id, :key, :attempt, :account, :uid, :source, :progress, :created, :changed, :text) "
        "ON CONFLICT DO NOTHING",
        {
            "id": intent.id,
            "key": intent.decision_key,
            "attempt": intent.attempt,
            "account": intent.account,
            "uid": _owner(intent),
            "source": intent.route.source,
            "progress": intent.progress.value,
            "created": intent.created_us,
            "changed": intent.changed_us,
            "text": intent_text(intent),
        },
    )
    if cursor.rowcount != 1:
        return False
    _say(ledger, messages, roads)
    return True


def claim(
    ledger: sqlite3.Connection, intent: Intent, ts_ms: int, verdict: Verdict, now_us: int
) -> Intent | str:
    """Write *intent* down as being sent unless *verdict* objects; its words are returned then."""
    row = ledger.execute("SELECT intent FROM intent WHERE id = ?", (intent.id,)).fetchone()
    if row is None or row[0] != intent_text(intent):
        return CHANGED_MEANWHILE
    words = verdict(_standing(ledger, intent), kept.flags_of(ledger))
    if words:
        return words
    moved = protocol.sending(intent, ts_ms, now_us)
    _put(ledger, moved)
    return moved


def advance(
    ledger: sqlite3.Connection,
    was: Intent,
    moved: Intent,
    messages: Sequence[Message],
    roads: Collection[Reach],
) -> bool:
    """Put *moved* in the place of *was*; False where that is not what stands there."""
    assert (was.id, was.decision_key) == (moved.id, moved.decision_key)
    row = ledger.execute("SELECT intent FROM intent WHERE id = ?", (was.id,)).fetchone()
    if row is None or row[0] != intent_text(was):
        return False
    _put(ledger, moved)
    _say(ledger, messages, roads)
    return True


def intents_of(
    ledger: sqlite3.Connection,
    *,
    account: str | None = None,
    since_us: int = 0,
    open_only: bool = False,
) -> list[Intent]:
    """Return intents, oldest first: the open ones, and those changed since then."""
    rows = ledger.execute(
        "SELECT intent FROM intent WHERE (:account IS NULL OR account = :account) "
        "AND (progress IN (SELECT value FROM json_each(:open)) "
        "OR (NOT :open_only AND changed_us >= :since)) ORDER BY created_us, rowid",
        {
            "account": account,
            "open": _values(OPEN),
            "open_only": open_only,
            "since": since_us,
        },
    )
    return [intent_of(text) for (text,) in rows]


def intent_text(intent: Intent) -> str:
    return json.dumps(_INTENT.dump_python(intent, mode="json"), separators=(",", ":"))


def intent_of(text: str) -> Intent:
    """Raises: `StoreError`; what cannot be read may have been sent, so nothing else is."""
    try:
        return _INTENT.validate_python(json.loads(text))
    except (ValidationError, ValueError) as error:
        raise StoreError(f"ledger: an intent does not read back: {type(error).__name__}") from error


# two names in the configuration may be one account at the venue, and its wallets are one purse
def _standing(ledger: sqlite3.Connection, intent: Intent) -> list[Intent]:
    rows = ledger.execute(
        "SELECT intent FROM intent WHERE (account = :account OR uid = :uid) "
        "AND progress IN (SELECT value FROM json_each(:counts)) ORDER BY created_us, rowid",
        {
            "account": intent.account,
            "uid": _owner(intent),
            "counts": _values(COUNTED | OPEN),
        },
    )
    return [intent_of(text) for (text,) in rows]


def _put(ledger: sqlite3.Connection, moved: Intent) -> None:
    ledger.execute(
        "UPDATE intent SET progress = ?, changed_us = ?, intent = ? WHERE id = ?",
        (moved.progress.value, moved.changed_us, intent_text(moved), moved.id),
    )


def _say(ledger: sqlite3.Connection, messages: Sequence[Message], roads: Collection[Reach]) -> None:
    for message in messages:
        outbox.insert(ledger, message, roads)


def _owner(intent: Intent) -> str:
    return f"{intent.venue}:{intent.uid or intent.account}"


def _values(states: Collection[Progress]) -> str:
    return json.dumps(sorted(state.value for state in states))
