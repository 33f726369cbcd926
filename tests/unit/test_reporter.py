"""The jobs by the clock: one digest a day through restarts and failures, a proof that is edited."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.unit.service_stand_ins import FailingStore, FreeWorld, in_world, rules, snapshot
from watcher.domain.alert import SECOND_US, AccountState, AlertRules, Kind, Message, Moment
from watcher.domain.road import Reach
from watcher.policy.canary import SelfTest
from watcher.ports import Proof
from watcher.service.clock import SteppedClock
from watcher.service.digest import Reporter, last_seen_us, owed_from_us
from watcher.store.sqlite import SqliteStore

EIGHT = 8 * 60


@dataclass
class Account:
    rules: AlertRules = field(default_factory=rules)
    state: AccountState = field(default_factory=lambda: AccountState(account="main"))


@dataclass
class Outlet:
    told: list[Message] = field(default_factory=list)
    woken: int = 0

    def wake(self) -> None:
        self.woken += 1

    def tell(self, message: Message) -> None:
        self.told.append(message)


@dataclass
class Canary:
    tested: SelfTest | None = None


def at(day: int, hour: int, minute: int = 0) -> int:
    return round(datetime(2026, 9, day, hour, minute, tzinfo=UTC).timestamp()) * SECOND_US


def reporter(
    store: Any, clock: SteppedClock, *, outlet: Outlet | None = None, owed_us: int = 0
) -> Reporter:
    return Reporter(
        watched={"main": Account()},
        store=store,
        outlet=outlet or Outlet(),
        clock=clock,
        roads=(Reach.CHAT,),
        at_min=EIGHT,
        zone="UTC",
        quiet=None,
        owed_from_us=owed_us,
        pinged=False,
        canary=Canary(),
    )


async def until(clock: SteppedClock, job: Reporter, end_us: int) -> None:
    """Run the daily job at its own pace."""
    while clock.now().wall_us < end_us:
        wait_s = await job.daily()
        await clock.sleep(wait_s)


def digests(told: Any) -> list[tuple[str, int]]:
    return [(one.title, one.at_us) for one in told if one.kind is Kind.DIGEST]


def world(at_us: int) -> FreeWorld:
    made = FreeWorld()
    made.at_us = at_us
    return made


def test_each_day_has_one_digest_at_its_minute_also_across_restarts(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        first = reporter(store, clock, owed_us=at(21, 7))
        await until(clock, first, at(21, 9))
        # a restart within the hour, by somebody who thinks the day is still owed
        again = reporter(store, clock, owed_us=at(21, 7))
        await until(clock, again, at(23, 9))

        told = digests(await store.told(since_us=0))
        assert [at_us for _, at_us in told] == [at(21, 8), at(22, 8), at(23, 8)]
        assert all(title.startswith("📋 DAY until ") for title, _ in told)
        await store.close()

    in_world(story, world(at(21, 7)))


def test_a_digest_that_fell_into_a_stop_comes_after_it(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        last = AccountState(account="main", last_good=snapshot(), last_good_at_us=at(21, 7, 50))
        owed_us = owed_from_us(last_seen_us([last]), clock.now())
        await reporter(store, clock, owed_us=owed_us).daily()

        assert [at_us for _, at_us in digests(await store.told(since_us=0))] == [at(21, 11)]
        await store.close()

    in_world(story, world(at(21, 11)))


def test_the_day_of_the_first_start_owes_no_digest_for_its_morning(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        first = owed_from_us(last_seen_us([]), clock.now())
        wait_s = await reporter(store, clock, owed_us=first).daily()
        # nor does it after a restart in the afternoon
        last = AccountState(account="main", last_good=snapshot(), last_good_at_us=at(21, 10, 59))
        again = owed_from_us(last_seen_us([last]), clock.now())
        await reporter(store, clock, owed_us=again).daily()

        assert digests(await store.told(since_us=0)) == []
        assert wait_s == 300.0
        await store.close()

    in_world(story, world(at(21, 11)))


def test_a_store_that_fails_keeps_no_digest_from_the_trader() -> None:
    async def story(clock: SteppedClock) -> None:
        outlet = Outlet()
        job = reporter(FailingStore(), clock, outlet=outlet)
        await job.daily()
        await job.daily()

        (told,) = outlet.told
        assert "its history could not be read" in told.text.plain
        assert "Told: not known, the outbox could not be read" in told.text.plain

    in_world(story, world(at(21, 8)))


def test_the_digest_says_when_each_road_was_proven(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        await store.prove(Reach.CHAT, Proof(at_us=at(19, 8), reaction_s=3.0))
        outlet = Outlet()
        await reporter(store, clock, outlet=outlet).daily()

        (claim,) = await store.claim(clock.now(), limit=1)
        assert "Roads: chat proven 2 d ago" in claim.message.text.plain
        assert outlet.woken == 1
        await store.close()

    in_world(story, world(at(21, 8)))


def test_the_proof_of_life_is_renewed_every_five_minutes_in_one_row_at_a_time(
    tmp_path: Path,
) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        job = reporter(store, clock)
        for _ in range(3):
            assert await job.proof() == 300.0
            await clock.sleep(300)

        (claim,) = await store.claim(clock.now(), limit=5)  # those before gave way
        assert claim.message.kind is Kind.PROOF
        assert claim.message.created_at_us == at(21, 8, 10)
        await store.close()

    in_world(story, world(at(21, 8)))


def test_what_was_seen_last_is_the_newest_of_all_accounts() -> None:
    states = [
        AccountState(account="a", last_good_at_us=5),
        AccountState(account="b", last_good_at_us=9),
        AccountState(account="c"),
    ]

    assert last_seen_us(states) == 9
    assert last_seen_us([]) == 0
    now = Moment(steady_us=at(21, 11), wall_us=at(21, 11))
    assert owed_from_us(0, now) == now.wall_us
