"""What people decided survives: requests heard once, flags, proofs, chats that moved, roads."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import START_US, danger, message, moment
from watcher.domain.alert import AccountState, Decision, Kind, Lane, Message
from watcher.domain.road import Reach
from watcher.outlets import noting
from watcher.ports import KILLED, PAUSED, Flag, Proof, Refusal, StoreError, Traffic
from watcher.store import kept
from watcher.store.beside import fates, overview, put
from watcher.store.sqlite import SqliteStore

ROADS = (Reach.CHAT, Reach.FALLBACK)


def with_store(folder: Path, story: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await SqliteStore.open(folder, ROADS)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(run())


def decision(*messages: Message, seen_at_us: int = START_US) -> Decision:
    return Decision(
        account="main",
        state=AccountState(account="main", first_seen_at_us=seen_at_us),
        messages=messages,
        samples=(),
        next_poll_us=0,
    )


def test_a_request_heard_before_changes_nothing_also_after_a_restart(tmp_path: Path) -> None:
    async def first(store: SqliteStore) -> None:
        assert await store.commit(decision(), moment(), update_id=77)
        assert not await store.commit(decision(danger("a"), seen_at_us=1), moment(1), update_id=77)

    async def second(store: SqliteStore) -> None:
        assert not await store.commit(decision(danger("a"), seen_at_us=1), moment(2), update_id=77)
        assert (await store.load())["main"].first_seen_at_us == START_US
        assert (await store.backlog()).waiting == 0
        assert await store.commit(decision(danger("a")), moment(3), update_id=78)

    with_store(tmp_path, first)
    with_store(tmp_path, second)


def test_a_request_that_changes_nothing_is_heard_all_the_same(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.commit(decision(), moment())
        assert await store.commit(decision(), moment(1), update_id=5)
        assert not await store.commit(decision(), moment(2), update_id=5)

    with_store(tmp_path, story)


def test_a_request_whose_write_failed_is_not_heard(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        unwritable = decision(danger("a", account="\ud800"))
        with pytest.raises((StoreError, UnicodeError)):
            await store.commit(unwritable, moment(), update_id=5)
        assert await store.commit(decision(), moment(2), update_id=5)

    with_store(tmp_path, story)


def test_flags_stay_raised_until_another_of_their_name(tmp_path: Path) -> None:
    paused = Flag(name=PAUSED, user_id=7, at_us=5, until_us=99)
    longer = Flag(name=PAUSED, user_id=8, at_us=6, until_us=199)
    killed = Flag(name=KILLED, user_id=9, at_us=7)

    async def write(store: SqliteStore) -> None:
        assert await store.raise_flag(paused, moment(), update_id=1)
        assert not await store.raise_flag(killed, moment(), update_id=1)
        assert await store.flags() == {PAUSED: paused}
        assert await store.raise_flag(longer, moment(), update_id=2)
        assert await store.raise_flag(killed, moment())

    async def read(store: SqliteStore) -> None:
        assert await store.flags() == {PAUSED: longer, KILLED: killed}

    with_store(tmp_path, write)
    with_store(tmp_path, read)
    assert overview(tmp_path).flags == {PAUSED: longer, KILLED: killed}


def test_a_proof_of_a_road_is_kept(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.prove(Reach.FALLBACK, Proof(at_us=5, reaction_s=42.5))
        await store.prove(Reach.FALLBACK, Proof(at_us=9, reaction_s=12.5))

    with_store(tmp_path, story)

    assert overview(tmp_path).proofs == {Reach.FALLBACK: Proof(at_us=9, reaction_s=12.5)}


def test_a_chat_that_moves_twice_is_found_by_its_first_number(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        moved = noting(store)
        await moved(-5, -1005)
        await moved(-1005, -1006)

    async def after(store: SqliteStore) -> None:
        assert (await store.chats_moved())[-5] == -1006

    with_store(tmp_path, story)
    with_store(tmp_path, after)


def test_each_road_is_seen_as_it_stands(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(danger("both", reach=Reach.FALLBACK))
        await store.say(message("chat"))
        [claim] = await store.claim(moment(), limit=1)
        await store.delivered(claim.id, "1", moment(3))
        [far] = await store.claim(moment(), limit=1, road=Reach.FALLBACK)
        await store.abandon(far.id, "too long")
        await store.refused(Refusal(reason="key refused", since_us=9), Reach.FALLBACK)

    with_store(tmp_path, story)

    traffic = overview(tmp_path).traffic
    delivered_us = moment(3).steady_us
    assert traffic[Reach.CHAT] == Traffic(waiting=1, oldest_us=START_US, delivered_us=delivered_us)
    refusal = Refusal(reason="key refused", since_us=9)
    # the alert arrived on the other road, so nothing of it is lost
    assert traffic[Reach.FALLBACK] == Traffic(refusal=refusal)


def test_what_is_put_in_from_beside_is_there_once_on_every_road(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        for _ in range(2):
            put(tmp_path, [danger("a", reach=Reach.FALLBACK)], ROADS)
        for road in ROADS:
            [claim] = await store.claim(moment(), limit=9, road=road)
            assert claim.message.key == "a"

    with_store(tmp_path, story)


def test_nothing_is_put_where_no_daemon_ever_ran(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has `watcher run` started here"):
        put(tmp_path, [danger("a")], ROADS)


def test_what_may_have_arrived_is_not_what_arrived(tmp_path: Path) -> None:
    """The dead man's switch was told that all is well on the word of a message that got lost."""

    async def story(store: SqliteStore) -> None:
        await store.say(message("t1"))
        (claim,) = await store.claim(moment(), limit=1)
        await store.delivered(claim.id, None, moment(3))

        (told,) = await store.told(since_us=0)
        assert not told.arrived

    with_store(tmp_path, story)


def test_a_test_is_known_by_its_code_until_it_is_answered(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        said = message("t1", account="", kind=Kind.TEST, incident="4821", lane=Lane.REPLY)
        await store.say(said)
        assert await store.tested("4821") is None, "it is still on its way"
        (claim,) = await store.claim(moment(), limit=1)
        await store.delivered(claim.id, "77", moment(3))
        assert await store.tested("4821") == (Reach.CHAT, moment(3).steady_us)
        assert await store.tested("4822") is None

        proof = Proof(at_us=5, reaction_s=1.5, code="4821")
        await store.prove(Reach.CHAT, proof)

        assert await store.tested("4821") is None
        assert await store.proofs() == {Reach.CHAT: proof}
        (told,) = await store.told(since_us=0)
        assert (told.kind, told.title, told.arrived) == (Kind.TEST, "text of t1", True)
        (fate,) = fates(tmp_path, ["t1", "unknown"])
        assert (fate.road, fate.arrived, fate.done) == (Reach.CHAT, True, True)

    with_store(tmp_path, story)


def test_buttons_move_with_their_chat() -> None:
    ledger = sqlite3.connect(":memory:")
    ledger.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)")
    ledger.execute("CREATE TABLE button (hash TEXT, chat TEXT)")
    ledger.executemany(
        "INSERT INTO button VALUES (?, ?)", [("a", "telegram:-5"), ("b", "telegram:-55")]
    )

    kept.move_chat(ledger, -5, -1005)

    chats = ledger.execute("SELECT hash, chat FROM button ORDER BY hash").fetchall()
    assert chats == [("a", "telegram:-1005"), ("b", "telegram:-55")]
    ledger.close()


def test_a_disk_that_does_not_write_keeps_no_watcher_from_its_start(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        async def full(_: object) -> None:
            raise StoreError("disk full")

        store.written = full  # type: ignore[method-assign, assignment]
        await store.lead({Reach.CHAT: "a"})

    with_store(tmp_path, story)


def test_a_proof_counts_only_for_the_place_it_was_made_for(tmp_path: Path) -> None:
    proof = Proof(at_us=START_US, reaction_s=3.0)

    async def story(store: SqliteStore) -> None:
        for road in ROADS:
            await store.prove(road, proof)
        # those of a program that did not note it count on
        await store.lead({Reach.CHAT: "a", Reach.FALLBACK: "b"})
        assert set(await store.proofs()) == set(ROADS)
        await store.lead({Reach.CHAT: "a"})
        await store.lead({Reach.CHAT: "a", Reach.FALLBACK: "b"})
        assert set(await store.proofs()) == set(ROADS)

        await store.lead({Reach.CHAT: "a", Reach.FALLBACK: "c"})

        assert set(await store.proofs()) == {Reach.CHAT}
        assert overview(tmp_path).destinations == {Reach.CHAT: "a", Reach.FALLBACK: "c"}

    with_store(tmp_path, story)
