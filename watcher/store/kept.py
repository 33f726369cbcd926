"""
Small things that survive a restart: buttons, requests heard, refusals, flags, proofs, moved chats.

Rule: SQL on an open connection, inside the caller's transaction. Of a button's token only the hash
is here: who reads this file can press nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from watcher.domain.alert import Tier
from watcher.domain.road import ACTING, Act, Reach
from watcher.domain.sign import Sign
from watcher.ports import Flag, Pressable, Proof, Refusal, StoreError, Taken
from watcher.store import codec, life

_ACTING = orjson.dumps(sorted(act.value for act in ACTING)).decode()

# one statement, so that of two presses one is first; a press that is delivered again, because we
# died over it, is the same press
_TAKE = """
UPDATE button SET taken_us = :now, taken_by = :user, taken_with = :update, receipt = :receipt
WHERE hash = :hash AND chat = :chat AND (receipt IS NULL OR receipt = :receipt)
AND expires_us > :now AND (
    act NOT IN (SELECT value FROM json_each(:acting))
    OR (:operator AND (taken_us IS NULL OR taken_with = :update))
)
RETURNING act, account, pool, incident, tier, intent, outbox_id
"""


def keep_buttons(ledger: sqlite3.Connection, row_id: int, buttons: Sequence[Pressable]) -> None:
    ledger.executemany(
        "INSERT INTO button "
        "(hash, outbox_id, act, account, pool, incident, tier, chat, expires_us, intent) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                each.hash, row_id, each.act.value, each.account, each.pool, each.incident,
                int(each.tier), each.chat, each.expires_us, each.intent,
            )
            for each in buttons
        ],
    )  # fmt: skip


def bind_buttons(ledger: sqlite3.Connection, row_id: int, receipt: str) -> None:
    """
    Bind the buttons that went out with row *row_id* to *receipt*.

    Where an earlier attempt may have arrived too they stay unbound, until a press binds each.
    """
    ledger.execute(
        "UPDATE button SET receipt = ? WHERE outbox_id = ? AND receipt IS NULL "
        "AND (SELECT copies FROM outbox WHERE id = ?) = 0",
        (receipt, row_id, row_id),
    )


def take_button(ledger: sqlite3.Connection, values: Mapping[str, object]) -> Taken | None:
    row = ledger.execute(_TAKE, {**values, "acting": _ACTING}).fetchone()
    if row is None:
        return None
    act, account, pool, incident, tier, intent, outbox_id = row
    said = ledger.execute("SELECT message FROM outbox WHERE id = ?", (outbox_id,)).fetchone()
    try:
        text = None if said is None else codec.message_of(said[0]).text
    except StoreError:
        text = None
    return Taken(
        act=Act(act),
        account=account,
        pool=pool,
        incident=incident,
        tier=Tier(tier),
        intent=intent,
        text=text,
    )


def hear(ledger: sqlite3.Connection, update_id: int | None, now_us: int) -> bool:
    """Return whether *update_id* is new, and remember it; None always is."""
    if update_id is None:
        return True
    cursor = ledger.execute(
        "INSERT INTO heard VALUES (?, ?) ON CONFLICT DO NOTHING", (update_id, now_us)
    )
    return cursor.rowcount == 1


def note_refusal(ledger: sqlite3.Connection, refusal: Refusal | None, road: Reach) -> None:
    """Write down that the channel refuses all; one noted before keeps its beginning."""
    name = f"refusal:{int(road)}"
    if refusal is None:
        ledger.execute("DELETE FROM meta WHERE key = ?", (name,))
        return
    before = refusal_of(ledger, road)
    since_us = refusal.since_us if before is None else before.since_us
    _put(ledger, name, {"reason": refusal.reason, "since_us": since_us})


def refusal_of(ledger: sqlite3.Connection, road: Reach) -> Refusal | None:
    row = ledger.execute(
        "SELECT value FROM meta WHERE key = ?", (f"refusal:{int(road)}",)
    ).fetchone()
    return None if row is None else Refusal(**orjson.loads(row[0]))


def raise_flag(ledger: sqlite3.Connection, flag: Flag, update_id: int | None, now_us: int) -> bool:
    """Write *flag* down, unless *update_id* asked for it before; return whether it did not."""
    if not hear(ledger, update_id, now_us):
        return False
    facts = asdict(flag)
    _put(ledger, f"flag:{facts.pop('name')}", facts)
    return True


def rearm(ledger: sqlite3.Connection, reason: str, now_us: int) -> list[str]:
    """Lower every flag that holds money, note when and why; return their names."""
    lowered = sorted(flags_of(ledger))
    ledger.executemany("DELETE FROM meta WHERE key = ?", [(f"flag:{name}",) for name in lowered])
    _put(ledger, "rearmed", {"reason": reason, "at_us": now_us})
    return lowered


def rearmed(ledger: sqlite3.Connection) -> tuple[int, str] | None:
    """Return when (wall time) and why money was last armed again by hand."""
    row = ledger.execute("SELECT value FROM meta WHERE key = 'rearmed'").fetchone()
    facts = None if row is None else orjson.loads(row[0])
    return None if facts is None else (facts["at_us"], facts["reason"])


def flags_of(ledger: sqlite3.Connection) -> dict[str, Flag]:
    return {name: Flag(name=name, **facts) for name, facts in _all(ledger, "flag:").items()}


def tested(ledger: sqlite3.Connection, code: str) -> tuple[Reach, int] | None:
    """Return on which road the test *code* arrived and when, unless it was answered."""
    if any(proof.code == code for proof in proofs_of(ledger).values()):
        return None
    row = ledger.execute(
        "SELECT road, done_us FROM outbox WHERE account = '' AND strand = 'test' AND incident = ? "
        "AND state = 'sent' ORDER BY id DESC LIMIT 1",
        (code,),
    ).fetchone()
    return None if row is None else (Reach(row[0]), int(row[1]))


def prove(ledger: sqlite3.Connection, road: Reach, proof: Proof) -> None:
    _put(ledger, f"proven:{road.road}", asdict(proof))


def proofs_of(ledger: sqlite3.Connection) -> dict[Reach, Proof]:
    found = _all(ledger, "proven:")
    return {road: Proof(**found[road.road]) for road in Reach if road.road in found}


def lead(ledger: sqlite3.Connection, destinations: Mapping[Reach, str]) -> None:
    """Note where each road leads, and forget the proof of one that led elsewhere before."""
    before = destinations_of(ledger)
    for road, mark in destinations.items():
        if before.get(road, mark) != mark:
            ledger.execute("DELETE FROM meta WHERE key = ?", (f"proven:{road.road}",))
        _put(ledger, f"destination:{road.road}", {"mark": mark})


def destinations_of(ledger: sqlite3.Connection) -> dict[Reach, str]:
    found = _all(ledger, "destination:")
    return {road: found[road.road]["mark"] for road in Reach if road.road in found}


def move_chat(ledger: sqlite3.Connection, chat_id: int, new_chat_id: int) -> None:
    """Remember that a chat has a new number, also for who knows it by one it had before."""
    for before, now in chats_of(ledger).items():
        if now == chat_id:
            _put(ledger, f"chat:{before}", {"now": new_chat_id})
    _put(ledger, f"chat:{chat_id}", {"now": new_chat_id})
    # what can be pressed there is pressed under the new number from now on
    ledger.execute(
        "UPDATE button SET chat = 'telegram:' || ? WHERE chat = 'telegram:' || ?",
        (new_chat_id, chat_id),
    )


def chats_of(ledger: sqlite3.Connection) -> dict[int, int]:
    return {int(name): facts["now"] for name, facts in _all(ledger, "chat:").items()}


def _put(ledger: sqlite3.Connection, name: str, facts: Mapping[str, object]) -> None:
    ledger.execute(
        "INSERT INTO meta VALUES (:name, :text) ON CONFLICT (key) DO UPDATE SET value = :text",
        {"name": name, "text": orjson.dumps(facts).decode()},
    )


def _all(ledger: sqlite3.Connection, prefix: str) -> dict[str, dict[str, Any]]:
    rows = ledger.execute(
        "SELECT substr(key, length(:prefix) + 1), value FROM meta "
        "WHERE substr(key, 1, length(:prefix)) = :prefix",
        {"prefix": prefix},
    )
    return {name: orjson.loads(text) for name, text in rows}


def probe(ledger: sqlite3.Connection, sign: Sign) -> None:
    """Write *sign* down as the last sign of life, and read it back."""
    _put(ledger, life.KEY, asdict(sign))
    wrote = orjson.dumps(asdict(sign)).decode()
    found = ledger.execute("SELECT value FROM meta WHERE key = ?", (life.KEY,)).fetchone()[0]
    if found != wrote:
        raise StoreError(f"ledger.db: wrote {len(wrote)} characters, read others")
