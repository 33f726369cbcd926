"""The SQLite store: what survives, what supersedes what, and what is refused."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import (
    START_US,
    danger,
    decide_by_mark,
    message,
    moment,
    rules,
    snapshot,
)
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    DangerState,
    Decision,
    Incident,
    Kind,
    Lane,
    Message,
    Sample,
    Seen,
    Tier,
)
from watcher.domain.road import Reach
from watcher.domain.sign import Sign
from watcher.ports import Claim, Share, StoreError
from watcher.store import tables
from watcher.store.beside import peek
from watcher.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]


def with_store(folder: Path, story: Callable[[SqliteStore], Awaitable[None]]) -> SqliteStore:
    async def run() -> SqliteStore:
        store = await SqliteStore.open(folder)
        try:
            await story(store)
        finally:
            await store.close()
        return store

    return asyncio.run(run())


def decision(
    *messages: Message, state: AccountState | None = None, samples: tuple[Sample, ...] = ()
) -> Decision:
    return Decision(
        account="main",
        state=state or AccountState(account="main", first_seen_at_us=START_US),
        messages=messages,
        samples=samples,
        next_poll_us=SECOND_US,
    )


def keys(claims: object) -> list[str]:
    assert isinstance(claims, list)
    return [claim.message.key for claim in claims if isinstance(claim, Claim)]


def rows(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "ledger.db") as ledger:
        found = dict(ledger.execute("SELECT key, state FROM outbox").fetchall())
    ledger.close()
    return found


def test_a_decision_comes_back_whole_after_a_restart(tmp_path: Path) -> None:
    seen = Seen(snapshot=snapshot(mark="39000"), missed=None)
    decided = decide_by_mark(AccountState(account="main"), seen, rules(), moment())
    loaded: list[AccountState] = []

    async def write(store: SqliteStore) -> None:
        await store.commit(decided, moment())

    async def read(store: SqliteStore) -> None:
        loaded.append((await store.load())["main"])
        assert keys(await store.claim(moment(1), limit=5)) == ["main:K7F3:1"]

    with_store(tmp_path, write)
    with_store(tmp_path, read)

    restarted = replace(decided.state.dangers["unified"], good_samples=0)
    assert loaded == [replace(decided.state, dangers={"unified": restarted})]
    assert loaded[0].recent[0].health == float("inf")


def test_a_decision_that_changes_only_counters_does_not_touch_the_ledger(tmp_path: Path) -> None:
    state = AccountState(account="main", dangers={"unified": DangerState(pool="unified")})
    counted = replace(
        state,
        dangers={"unified": DangerState(pool="unified", good_samples=2, good_since_us=5)},
        blind=replace(state.blind, misses=3),
        last_good=snapshot(),
        last_good_at_us=START_US,
        crossed={"unified": START_US},
    )

    async def story(store: SqliteStore) -> None:
        await store.commit(decision(state=state), moment())
        before = (tmp_path / "ledger.db-wal").read_bytes()
        await store.commit(decision(state=counted), moment(10))
        assert (tmp_path / "ledger.db-wal").read_bytes() == before

    with_store(tmp_path, story)


def test_the_same_key_is_kept_once(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.commit(decision(message("a")), moment())
        await store.commit(decision(message("a")), moment(1))
        await store.say(message("a"))
        assert keys(await store.claim(moment(2), limit=5)) == ["a"]

    with_store(tmp_path, story)


def test_the_worst_lane_and_tier_leave_first(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        for each in (
            message("reply", lane=Lane.REPLY),
            message("warning"),
            danger("critical"),
            message("blind", lane=Lane.BLIND, kind=Kind.BLIND),
            danger("emergency", Tier.EMERGENCY),
        ):
            await store.say(each)
        order = keys(await store.claim(moment(), limit=9))
        assert order == ["emergency", "critical", "blind", "warning", "reply"]

    with_store(tmp_path, story)


def test_a_claim_can_be_limited_to_lanes_and_to_old_rows(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(danger("urgent"))
        await store.say(message("old"))
        await store.say(message("young", created_at_us=START_US + 60 * SECOND_US))
        old = await store.claim(
            moment(61),
            limit=9,
            shares=(Share.REST,),
            created_before_us=START_US + 30 * SECOND_US,
        )
        assert keys(old) == ["old"]

    with_store(tmp_path, story)


def test_a_claim_falls_back_after_its_lease(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(message("a"))
        assert keys(await store.claim(moment(), limit=1)) == ["a"]
        assert keys(await store.claim(moment(14), limit=1)) == []
        [again] = await store.claim(moment(15), limit=1)
        assert (again.message.key, again.attempts) == ("a", 2)

    with_store(tmp_path, story)


def test_a_postponed_row_waits_and_counts_its_copies(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(message("a"))
        [claim] = await store.claim(moment(), limit=1)
        until_us = moment(7).steady_us
        await store.postpone(claim.id, until_us, "may have arrived", copied=True)
        assert (await store.due(Reach.CHAT, moment())).shares == {Share.REST: until_us}
        assert keys(await store.claim(moment(6.9), limit=1)) == []
        [again] = await store.claim(moment(7), limit=1)
        assert again.copies == 1

    with_store(tmp_path, story)


def test_a_wait_written_by_a_wrong_clock_is_not_kept(tmp_path: Path) -> None:
    """The wall was an hour and more ahead when the process started, and was then set right."""

    async def story(store: SqliteStore) -> None:
        await store.say(message("a"))
        [claim] = await store.claim(moment(4000), limit=1)
        await store.postpone(claim.id, moment(4010).steady_us, "no connection")
        assert keys(await store.claim(moment(0), limit=1)) == ["a"]

    with_store(tmp_path, story)


def test_sent_and_abandoned_rows_do_not_come_again_and_stay_visible(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(message("a"))
        await store.say(message("b"))
        first, second = await store.claim(moment(), limit=2)
        await store.delivered(first.id, "77", moment(1))
        await store.abandon(second.id, "chat not found")
        assert keys(await store.claim(moment(100), limit=5)) == []
        assert (await store.backlog()).waiting == 0

    with_store(tmp_path, story)

    assert rows(tmp_path) == {"a": "sent", "b": "abandoned"}


K7F3 = {"incident": "K7F3", "pool": "unified"}


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (danger("a", **K7F3), danger("b", Tier.EMERGENCY, **K7F3), ["b"]),
        (danger("a", **K7F3), danger("b", **K7F3), ["b"]),
        (danger("a", Tier.EMERGENCY, **K7F3), danger("b", **K7F3), ["a", "b"]),
        (danger("a", **K7F3), message("b", tier=Tier.CALM, kind=Kind.RESOLVED, **K7F3), ["a", "b"]),
        (message("a", **K7F3), message("b", tier=Tier.WATCH, kind=Kind.EASED, **K7F3), ["b"]),
        (message("a", **K7F3), danger("b", **K7F3), ["b"]),
        (danger("a", **K7F3), danger("b", **{**K7F3, "pool": "other"}), ["a", "b"]),
        (danger("a", **K7F3), danger("b", **{**K7F3, "incident": "M2X9"}), ["a", "b"]),
        (danger("a", **K7F3), danger("b", lane=Lane.BLIND, kind=Kind.BLIND, **K7F3), ["a", "b"]),
        (danger("a"), danger("b"), ["a", "b"]),
    ],
    ids=[
        "a danger by a worse one",
        "a danger by one as bad",
        "no danger by a milder one",
        "no danger by its end",
        "a warning by its easing",
        "a warning by a danger",
        "nothing of another pool",
        "nothing of another incident",
        "no danger by blindness under the same code",
        "nothing without an incident",
    ],
)
def test_a_newer_row_supersedes(
    tmp_path: Path, first: Message, second: Message, left: list[str]
) -> None:
    async def story(store: SqliteStore) -> None:
        await store.commit(decision(first), moment())
        await store.commit(decision(second), moment(1))
        assert sorted(keys(await store.claim(moment(2), limit=5))) == left

    with_store(tmp_path, story)


def test_a_claimed_row_is_not_superseded(tmp_path: Path) -> None:
    """It may be on the wire already; marking it otherwise would lose its receipt."""

    async def story(store: SqliteStore) -> None:
        await store.say(danger("a", **K7F3))
        [claim] = await store.claim(moment(), limit=1)
        await store.say(danger("b", Tier.EMERGENCY, **K7F3))
        await store.delivered(claim.id, "1", moment(1))

    with_store(tmp_path, story)

    assert rows(tmp_path) == {"a": "sent", "b": "queued"}


def test_what_comes_back_unsent_gives_way_to_a_newer_row(tmp_path: Path) -> None:
    """Told after the emergency it grew into, an old "critical" would read like a recovery."""

    async def story(store: SqliteStore) -> None:
        await store.say(danger("a", **K7F3))
        [claim] = await store.claim(moment(), limit=1)
        await store.say(danger("b", Tier.EMERGENCY, **K7F3))
        await store.postpone(claim.id, moment(1).steady_us, "no connection")
        assert keys(await store.claim(moment(2), limit=5)) == ["b"]

    with_store(tmp_path, story)

    assert rows(tmp_path)["a"] == "superseded"


def test_what_a_dead_predecessor_claimed_gives_way_to_a_newer_row(tmp_path: Path) -> None:
    async def die(store: SqliteStore) -> None:
        await store.say(danger("a", **K7F3))
        await store.claim(moment(), limit=1)
        await store.say(danger("b", Tier.EMERGENCY, **K7F3))

    async def story(store: SqliteStore) -> None:
        assert keys(await store.claim(moment(2), limit=5)) == ["b"]

    with_store(tmp_path, die)
    with_store(tmp_path, story)


def test_a_worse_row_that_comes_back_is_kept_beside_a_milder_one(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(danger("a", Tier.EMERGENCY, **K7F3))
        [claim] = await store.claim(moment(), limit=1)
        await store.say(danger("b", **K7F3))
        await store.postpone(claim.id, moment(1).steady_us, "no connection")
        assert keys(await store.claim(moment(2), limit=5)) == ["a", "b"]

    with_store(tmp_path, story)


def test_an_incident_survives_with_its_code(tmp_path: Path) -> None:
    incident = Incident(code="K7F3", seq=4, opened_at_us=START_US)
    told = DangerState(pool="unified", tier=Tier.CRITICAL, incident=incident, told_value=5.8)
    state = AccountState(account="main", dangers={"unified": told})

    async def write(store: SqliteStore) -> None:
        await store.commit(decision(state=state), moment())

    async def read(store: SqliteStore) -> None:
        assert (await store.load())["main"].dangers["unified"] == told

    with_store(tmp_path, write)
    with_store(tmp_path, read)


def test_samples_come_back_in_order_with_infinities(tmp_path: Path) -> None:
    samples = tuple(
        Sample(
            pool="unified",
            at_us=START_US + n,
            distance=None,
            health=float("inf"),
            margin_level=230.0,
            equity=-1.5,
            tier=Tier.WATCH,
            estimate=bool(n % 2),
        )
        for n in range(4)
    )

    async def story(store: SqliteStore) -> None:
        await store.commit(decision(samples=samples), moment())
        assert tuple(await store.history("main", since_us=START_US + 1)) == samples[1:]
        assert list(await store.history("other", since_us=0)) == []

    with_store(tmp_path, story)


def test_the_price_of_each_coin_is_kept_once_a_minute(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        for second, mark in enumerate(("50000", "50010", "50020", "50030")):
            read_us = START_US + 20 * second * SECOND_US
            state = AccountState(
                account="main", last_good=snapshot(mark=mark), last_good_at_us=read_us
            )
            await store.commit(decision(state=state), moment(20 * second))

        minute = START_US // MINUTE_US * MINUTE_US
        kept = list(await store.prices("main", "BTC", since_us=START_US))
        assert kept == [(minute, 50010.0), (minute + MINUTE_US, 50030.0)]
        assert list(await store.prices("main", "ETH", since_us=0)) == []
        assert list(await store.prices("other", "BTC", since_us=0)) == []

    with_store(tmp_path, story)


def test_a_lost_history_costs_only_the_past(tmp_path: Path) -> None:
    state = AccountState(
        account="main", first_seen_at_us=1, last_good=snapshot(), last_good_at_us=START_US
    )

    async def write(store: SqliteStore) -> None:
        await store.commit(decision(state=state), moment())

    async def read(store: SqliteStore) -> None:
        assert (await store.load())["main"] == AccountState(account="main", first_seen_at_us=1)
        await store.commit(decision(state=state), moment(1))

    with_store(tmp_path, write)
    (tmp_path / "history.db").write_bytes(b"not a database at all" * 300)
    with_store(tmp_path, read)
    with_store(tmp_path, _expect_last_good)


async def _expect_last_good(store: SqliteStore) -> None:
    assert (await store.load())["main"].last_good == snapshot()


@pytest.mark.parametrize("damage", ["head", "page", "cut"])
def test_a_damaged_ledger_is_moved_aside_and_told(tmp_path: Path, damage: str) -> None:
    async def write(store: SqliteStore) -> None:
        for number in range(60):
            await store.say(message(f"m{number}", text=message("x" * 300).text))

    async def read(store: SqliteStore) -> None:
        assert await store.load() == {}
        await store.say(message("again"))

    with_store(tmp_path, write)
    path = tmp_path / "ledger.db"
    whole = bytearray(path.read_bytes())
    if damage == "head":
        whole[:200] = b"\xff" * 200
    elif damage == "page":
        whole[4096 * 2 : 4096 * 4] = b"\x5a" * 8192
    else:
        del whole[len(whole) // 2 :]
    path.write_bytes(whole)

    store = with_store(tmp_path, read)

    assert store.notes == ("The ledger was damaged: alerts start afresh",)
    assert (tmp_path / "ledger.db.corrupt-1").exists()
    assert rows(tmp_path) == {"again": "queued"}


def test_a_state_of_another_shape_starts_afresh_and_is_told(tmp_path: Path) -> None:
    async def write(store: SqliteStore) -> None:
        await store.commit(decision(), moment())

    async def read(store: SqliteStore) -> None:
        assert await store.load() == {}

    with_store(tmp_path, write)
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        ledger.execute("UPDATE account_state SET state = '{}'")
    ledger.close()

    assert with_store(tmp_path, read).notes == (
        "main: what was remembered does not read back; it starts afresh.",
    )


def test_a_newer_ledger_is_refused_in_words(tmp_path: Path) -> None:
    async def nothing(_: SqliteStore) -> None:
        return None

    with_store(tmp_path, nothing)
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        ledger.execute(f"PRAGMA user_version = {tables.LEDGER_VERSION + 1}")
    ledger.close()

    with pytest.raises(StoreError, match=r"version 4, this watcher reads up to 3"):
        with_store(tmp_path, nothing)
    assert not list(tmp_path.glob("*.corrupt*"))


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()

    async def nothing(_: SqliteStore) -> None:
        return None

    with pytest.raises(StoreError, match="another program's database"):
        with_store(tmp_path, nothing)


def test_a_second_watcher_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async def story(_: SqliteStore) -> None:
        with pytest.raises(StoreError, match="another watcher runs"):
            await SqliteStore.open(tmp_path)

    with_store(tmp_path, story)


def test_files_are_private(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch(mode=0o644)

    async def story(store: SqliteStore) -> None:
        await store.commit(decision(message("a")), moment())

    with_store(tmp_path, story)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}


def test_a_full_disk_is_a_store_error_and_leaves_the_ledger_sound(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.say(message("a"))
        ledger = store._ledger
        assert ledger is not None
        pages = ledger.execute("PRAGMA page_count").fetchone()[0]
        ledger.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full"):
            await _fill(store)
        ledger.execute("PRAGMA max_page_count = 100000")
        await store.say(message("b"))
        await store.probe(Sign(at_us=1))

    with_store(tmp_path, story)

    found = rows(tmp_path)
    assert found["a"] == found["b"] == "queued"


async def _fill(store: SqliteStore) -> None:
    for number in range(200):
        await store.say(message(f"big{number}", text=message("x" * 4000).text))


def test_a_failed_commit_is_written_whole_by_the_next(tmp_path: Path) -> None:
    """The durable part counts as unknown after a failure, so the same state is written again."""
    state = AccountState(account="main", first_seen_at_us=7)

    async def story(store: SqliteStore) -> None:
        ledger, store._ledger = store._ledger, None
        with pytest.raises(StoreError):
            await store.commit(decision(state=state), moment())
        store._ledger = ledger
        await store.commit(decision(state=state), moment(10))

    with_store(tmp_path, story)
    states, backlog = peek(tmp_path)

    assert states["main"].first_seen_at_us == 7
    assert backlog.waiting == 0


def test_peek_reads_beside_a_running_daemon(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await store.commit(decision(danger("a")), moment())
        states, backlog = peek(tmp_path)
        assert states["main"].first_seen_at_us == START_US
        assert (backlog.waiting, backlog.urgent_since_us) == (1, START_US)

    with_store(tmp_path, story)

    with pytest.raises(StoreError, match=r"has `watcher run` started here\?"):
        peek(tmp_path / "nowhere")


WRITER = """
import asyncio, sys
from pathlib import Path
from tests.unit.service_stand_ins import message, moment
from watcher.store.sqlite import SqliteStore

async def main() -> None:
    store = await SqliteStore.open(Path(sys.argv[1]))
    number = 0
    while True:
        await store.say(message(f"m{number}"))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
        number += 1

asyncio.run(main())
"""


def test_whatever_was_committed_survives_kill_9(tmp_path: Path) -> None:
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline() for _ in range(25)]
            os.kill(writer.pid, signal.SIGKILL)
            told += writer.stdout.readlines()
        last = max(int(line) for line in told if line.endswith("\n"))

        async def look(store: SqliteStore, last: int = last) -> None:
            assert store.notes == ()
            found = {claim.message.key for claim in await store.claim(moment(), limit=100_000)}
            assert {f"m{number}" for number in range(last + 1)} <= found

        with_store(tmp_path, look)
