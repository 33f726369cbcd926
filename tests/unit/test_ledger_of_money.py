"""The money side of the ledger: what is unique, what changes only once, what is one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.money_stand_ins import MOVE, intent
from tests.unit.service_stand_ins import START_US, message, moment
from watcher.domain.topup import OPEN, Answer, Answered, Assurance, Intent, Progress
from watcher.policy import protocol
from watcher.ports import KILLED, Flag, StoreError
from watcher.store.intents import CHANGED_MEANWHILE, SqlitePurse
from watcher.store.sqlite import SqliteStore


def fine(standing: Sequence[Intent], flags: Mapping[str, Flag]) -> str:
    return ""


def with_purse(folder: Path, story: Callable[[SqlitePurse, SqliteStore], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await SqliteStore.open(folder)
        try:
            await story(SqlitePurse(store), store)
        finally:
            await store.close()

    asyncio.run(run())


def test_an_intent_survives_a_restart_to_the_last_digit(tmp_path: Path) -> None:
    written = intent(
        amount=Decimal("100.50000000042170"), evidence=("one", "two"), before=4.25, next_us=7
    )

    async def write(purse: SqlitePurse, store: SqliteStore) -> None:
        assert await purse.propose(written, [message("told")])
        assert (await store.backlog()).waiting == 1

    async def read(purse: SqlitePurse, store: SqliteStore) -> None:
        [found] = await purse.intents()
        assert found == written
        assert str(found.amount) == "100.50000000042170"

    with_purse(tmp_path, write)
    with_purse(tmp_path, read)


@pytest.mark.parametrize("standing", sorted(OPEN))
@pytest.mark.parametrize(
    "second",
    [
        {"decision_key": "another"},
        {"decision_key": "another", "account": "alias of the same key"},
        {"decision_key": "another", "uid": "78"},
        {"route": replace(MOVE, source="spot"), "account": "other", "uid": "78"},
    ],
    ids=["same wallet", "same owner", "same account", "same decision"],
)
def test_while_one_is_open_there_is_no_second(
    tmp_path: Path, standing: Progress, second: dict[str, object]
) -> None:
    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        first = intent(progress=standing)
        assert await purse.propose(first, ())
        other = replace(intent("b2", decision_key=first.decision_key), **second)
        assert not await purse.propose(other, [message("never")])
        assert (await store.backlog()).waiting == 0
        assert [each.id for each in await purse.intents()] == ["a1"]

    with_purse(tmp_path, story)


def test_another_wallet_may_be_drawn_on_meanwhile(tmp_path: Path) -> None:
    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        assert await purse.propose(intent(), ())
        spot = intent("b2", route=replace(MOVE, source="spot"))
        assert await purse.propose(spot, ())
        assert [each.id for each in await purse.intents(open_only=True)] == ["a1", "b2"]

    with_purse(tmp_path, story)


@pytest.mark.parametrize(
    ("progress", "attempt", "may"),
    [
        (Progress.DENIED, 0, True),
        (Progress.EXPIRED, 0, True),
        (Progress.CANCELLED, 0, True),
        (Progress.REJECTED, 0, True),
        (Progress.ABSENT, 0, False),
        (Progress.ABSENT, 1, True),
        (Progress.DONE, 0, False),
        (Progress.DONE, 1, False),
    ],
)
def test_a_decision_that_was_carried_out_is_not_made_again(
    tmp_path: Path, progress: Progress, attempt: int, *, may: bool
) -> None:
    """The venue's history is behind: it gives the same anchor, hence the same decision."""

    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        first = intent(progress=progress)
        assert await purse.propose(first, ())
        again = intent("b2", decision_key=first.decision_key, attempt=attempt)
        assert await purse.propose(again, ()) is may

    with_purse(tmp_path, story)


def test_a_claim_writes_the_stamp_with_the_state(tmp_path: Path) -> None:
    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        await purse.propose(intent(), ())
        claimed = await purse.claim_sending(intent(), 123_456, fine, moment(1))
        assert claimed == protocol.sending(intent(), 123_456, moment(1).steady_us)
        assert list(await purse.intents()) == [claimed]
        assert await purse.claim_sending(intent(), 123_457, fine, moment(1)) == CHANGED_MEANWHILE

    with_purse(tmp_path, story)


def test_a_verdict_is_given_all_that_counts_and_stops_the_claim(tmp_path: Path) -> None:
    heard: list[tuple[list[str], list[str]]] = []

    def never(standing: Sequence[Intent], flags: Mapping[str, Flag]) -> str:
        heard.append(([each.id for each in standing], sorted(flags)))
        return "over the cap"

    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        for number, (progress, uid) in enumerate(
            [
                (Progress.DONE, "77"),
                (Progress.REJECTED, "77"),
                (Progress.CANCELLED, "77"),
                (Progress.ABSENT, "77"),
                (Progress.DONE, "another account"),
            ]
        ):
            name = "main" if uid == "77" else "other"
            old = intent(f"n{number}", progress=progress, uid=uid, account=name)
            assert await purse.propose(old, ())
        await purse.propose(intent(account="alias"), ())
        await store.raise_flag(Flag(name=KILLED, user_id=1, at_us=2, reason="why"), moment())
        said = await purse.claim_sending(intent(account="alias"), 5, never, moment())
        assert said == "over the cap"
        assert list(await purse.intents(open_only=True)) == [intent(account="alias")]
        assert (await purse.flags())[KILLED].reason == "why"

    with_purse(tmp_path, story)

    assert heard == [(["n0", "n3", "a1"], [KILLED])]


def test_a_verdict_that_breaks_claims_nothing(tmp_path: Path) -> None:
    def broken(standing: Sequence[Intent], flags: Mapping[str, Flag]) -> str:
        raise ZeroDivisionError

    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        await purse.propose(intent(), ())
        with pytest.raises(ZeroDivisionError):
            await purse.claim_sending(intent(), 5, broken, moment())
        assert list(await purse.intents()) == [intent()]
        await store.say(message("the store goes on"))

    with_purse(tmp_path, story)


def test_of_two_who_saw_the_same_state_one_moves_it(tmp_path: Path) -> None:
    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        await purse.propose(intent(), ())
        sent = await purse.claim_sending(intent(), 5, fine, moment())
        assert isinstance(sent, Intent)
        answer = Answer(answered=Answered.SUCCESS, code="0", words="ok", venue_id="t1")
        accepted = protocol.answered(sent, answer, moment(1).steady_us)
        lost = protocol.recovered(sent, moment(2).steady_us)
        assert await purse.advance(sent, lost, [message("unknown")])
        assert not await purse.advance(sent, accepted, [message("accepted")])
        assert list(await purse.intents()) == [lost]
        assert (await store.backlog()).waiting == 1

    with_purse(tmp_path, story)


def test_the_past_is_shown_from_when_on_it_is_asked_for(tmp_path: Path) -> None:
    async def story(purse: SqlitePurse, store: SqliteStore) -> None:
        old = intent("old", progress=Progress.DONE, changed_us=START_US - 10)
        new = intent("new", progress=Progress.DONE, account="other", uid="9")
        for each in (old, new):
            await purse.propose(each, ())
        assert [each.id for each in await purse.intents(since_us=START_US)] == ["new"]
        assert [each.id for each in await purse.intents(account="main")] == ["old"]
        assert await purse.intents(open_only=True) == []

    with_purse(tmp_path, story)


def test_an_intent_that_does_not_read_back_stops_everything(tmp_path: Path) -> None:
    async def write(purse: SqlitePurse, store: SqliteStore) -> None:
        await purse.propose(intent(assurance=Assurance.BLIND_SEND), ())

    async def read(purse: SqlitePurse, store: SqliteStore) -> None:
        with pytest.raises(StoreError, match="does not read back"):
            await purse.intents()

    with_purse(tmp_path, write)
    with sqlite3.connect(tmp_path / "ledger.db") as ledger:
        ledger.execute("UPDATE intent SET intent = replace(intent, '\"100.5\"', '\"much\"')")
    ledger.close()
    with_purse(tmp_path, read)
