"""A ledger of version 1 or 2 becomes one of today and loses nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import START_US, danger, message, moment
from watcher.domain.alert import AccountState, DangerState, Incident, Message, Tier
from watcher.domain.road import Reach
from watcher.ports import Press, Refusal, StoreError
from watcher.store import codec, schema, tables
from watcher.store.beside import peek, undelivered
from watcher.store.intents import SqlitePurse
from watcher.store.sqlite import SqliteStore

VERSION_1 = """
CREATE TABLE account_state (
    account TEXT PRIMARY KEY, state TEXT NOT NULL, changed_us INTEGER NOT NULL
) STRICT;
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    incident TEXT NOT NULL, strand TEXT NOT NULL, lane INTEGER NOT NULL, tier INTEGER NOT NULL,
    message TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'queued', created_us INTEGER NOT NULL,
    lease_us INTEGER NOT NULL DEFAULT 0, not_before_us INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, copies INTEGER NOT NULL DEFAULT 0, done_us INTEGER,
    receipt TEXT, reason TEXT, superseded_by INTEGER
) STRICT;
CREATE INDEX outbox_open ON outbox (lane, tier DESC, id) WHERE state IN ('queued', 'claimed');
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
TOLD = DangerState(
    pool="unified",
    tier=Tier.CRITICAL,
    incident=Incident(code="K7F3", seq=3, opened_at_us=START_US),
    told_value=5.8,
)
STATE = AccountState(account="main", first_seen_at_us=START_US, dangers={"unified": TOLD})
# what version 1 did not know yet
NEW_OF_A_MESSAGE = ("reach", "edits", "pinned", "buttons", "group", "line", "away", "picture")


def _text_of_version_1(said: Message) -> str:
    whole = json.loads(codec.message_text(said))
    return json.dumps({name: whole[name] for name in whole if name not in NEW_OF_A_MESSAGE})


def write_version_1(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    ledger = sqlite3.connect(folder / "ledger.db")
    ledger.executescript(
        f"PRAGMA application_id = {tables.APPLICATION_ID}; PRAGMA user_version = 1;{VERSION_1}"
    )
    ledger.execute("INSERT INTO account_state VALUES ('main', ?, 1)", (codec.state_text(STATE),))
    for said, state, receipt in (
        (danger("urgent", incident="K7F3", pool="unified"), "claimed", None),
        (message("warning"), "queued", None),
        (danger("told", pool="unified"), "sent", "77"),
        (message("perhaps"), "sent", "unconfirmed"),
        (message("refused"), "abandoned", None),
    ):
        ledger.execute(
            "INSERT INTO outbox (key, account, incident, strand, lane, tier, message, state, "
            "created_us, receipt, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'why')",
            (
                said.key, said.account, said.incident, f"danger:{said.pool}", int(said.lane),
                int(said.tier), _text_of_version_1(said), state, said.created_at_us, receipt,
            ),
        )  # fmt: skip
    ledger.execute(
        'INSERT INTO meta VALUES (\'refusal\', \'{"reason":"bot token refused","since_us":5}\')'
    )
    ledger.commit()
    ledger.close()


def test_states_and_waiting_rows_of_version_1_live_on(tmp_path: Path) -> None:
    write_version_1(tmp_path)

    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        assert store.notes == ()
        assert await store.load() == {"main": STATE}
        first, second = await store.claim(moment(), limit=9)
        assert [first.message.key, second.message.key] == ["urgent", "warning"]
        assert first.message == danger("urgent", incident="K7F3", pool="unified")
        await store.say(replace(message("warning"), tier=Tier.WATCH))
        assert (await store.backlog()).waiting == 2
        await store.say(message("new"))
        assert [c.message.key for c in await store.claim(moment(), limit=9)] == ["new"]
        await store.close()

    asyncio.run(story())

    told = undelivered(tmp_path)
    assert told.refusal == Refusal(reason="bot token refused", since_us=5)
    assert (told.abandoned, told.reason) == (1, "why")
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        rows = ledger.execute("SELECT key, road, state, receipt FROM outbox ORDER BY id").fetchall()
    ledger.close()
    assert rows[2:4] == [("told", Reach.CHAT, "sent", "77"), ("perhaps", Reach.CHAT, "sent", None)]


def test_it_is_brought_up_to_date_once(tmp_path: Path) -> None:
    write_version_1(tmp_path)

    async def open_and_close() -> None:
        await (await SqliteStore.open(tmp_path)).close()

    for _ in range(2):
        asyncio.run(open_and_close())

    assert peek(tmp_path)[0] == {"main": STATE}


def test_beside_a_daemon_of_before_the_update_one_is_told_what_to_do(tmp_path: Path) -> None:
    write_version_1(tmp_path)

    with pytest.raises(StoreError, match="start `watcher run` once"):
        peek(tmp_path)


def test_a_ledger_of_version_2_keeps_its_buttons_and_learns_of_money(tmp_path: Path) -> None:
    async def open_and_say() -> None:
        store = await SqliteStore.open(tmp_path)
        await store.say(message("before"))
        await store.close()

    asyncio.run(open_and_say())
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        ledger.executescript(
            "DROP TABLE intent; ALTER TABLE button DROP COLUMN intent; PRAGMA user_version = 2;"
            "INSERT INTO button (hash, outbox_id, act, account, pool, incident, tier, chat, "
            "expires_us) VALUES ('h', 1, 'ack', 'main', 'unified', 'K7F3', 3, 'telegram', "
            "9000000000000000);"
        )
    ledger.close()

    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        press = Press(token="t", user_id=1, chat_id=2, receipt="9", operator=True, update_id=3)
        taken = await store.take_button("h", press, chat="telegram", now=moment())
        assert taken is not None
        assert (taken.incident, taken.intent) == ("K7F3", "")
        assert (await store.backlog()).waiting == 1
        assert await SqlitePurse(store).intents() == []
        await store.close()

    asyncio.run(story())


def test_a_folder_in_the_place_of_the_ledger_is_told_as_that(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.mkdir()

    with pytest.raises(StoreError, match=r"ledger\.db: found a folder, expected a file"):
        schema.open_ledger(path)
    with pytest.raises(StoreError, match=r"ledger\.db: found a folder, expected a file"):
        schema.open_beside(path, tables.LEDGER_VERSION)


def test_a_folder_in_the_place_of_the_history_costs_only_the_past(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()

    async def run() -> None:
        store = await SqliteStore.open(tmp_path)
        assert await store.load() == {}
        await store.close()

    asyncio.run(run())
