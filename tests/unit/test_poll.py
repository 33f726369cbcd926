"""Poll slots: what a venue, the store or the decision may do without ending the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.service_stand_ins import (
    FailingStore,
    Numbers,
    Phone,
    Venue,
    decide_by_mark,
    in_world,
    moment,
    rules,
    snapshot,
    unreachable,
)
from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    AlertRules,
    DangerState,
    Decision,
    Message,
    Moment,
    Seen,
    Still,
    Tier,
)
from watcher.domain.road import Reach
from watcher.ports import (
    Banned,
    Maintenance,
    Refused,
    Unreachable,
    Unreadable,
    VenueError,
    WithdrawalRight,
)
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.service.marks import Marks
from watcher.service.poll import Poller, first_waits_s
from watcher.service.schedule import SteppedScheduler
from watcher.store.sqlite import SqliteStore

HOUR_US = 60 * MINUTE_US
Decide = Callable[[AccountState, Seen, AlertRules, Moment], Decision]


class Outlet:
    def __init__(self) -> None:
        self.told: list[Message] = []
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def tell(self, message: Message) -> None:
        self.told.append(message)


class Skewed:
    """A clock whose time of day is off."""

    def __init__(self, clock: SteppedClock, skew_us: int) -> None:
        self.sleep = clock.sleep
        self.skew_us = skew_us
        self._clock = clock

    def now(self) -> Moment:
        now = self._clock.now()
        return replace(now, wall_us=now.wall_us + self.skew_us)


class Slots:
    """A poller, and what `decide` was given."""

    def __init__(
        self,
        clock: SteppedClock,
        venue: Venue,
        *,
        marks: Marks | None = None,
        store: Any = None,
        deadline_s: float = 30.0,
    ) -> None:
        self.seen: list[Seen] = []
        self.outlet = Outlet()
        self.venue = venue
        self.decide: Decide = decide_by_mark
        self.clock = clock
        self.poller = Poller(
            venue=venue,
            rules=rules(venue.account),
            state=AccountState(account=venue.account),
            decide=self._decide,
            store=store or FailingStore(),
            outlet=self.outlet,
            clock=clock,
            marks=marks or Marks(),
            deadline_s=deadline_s,
        )

    def _decide(self, state: AccountState, seen: Seen, rules: AlertRules, now: Moment) -> Decision:
        self.seen.append(seen)
        return self.decide(state, seen, rules, now)

    async def slots(self, count: int, every_s: float = 10.0) -> list[Seen]:
        for _ in range(count):
            await self.poller.slot()
            await self.clock.sleep(every_s)
        return self.seen


def reasons(seen: list[Seen]) -> list[str | None]:
    return [each.missed.reason if each.missed else None for each in seen]


def test_a_venue_error_is_a_miss_and_the_next_slot_reads_again() -> None:
    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Venue("main", ["50000", unreachable("HTTP 503"), "50000"]))

        assert reasons(await slots.slots(3)) == [None, "HTTP 503", None]

        tally = slots.poller.tally
        assert tally.durations.count == 2, "whole readings alone are timed"
        assert {kind: count for kind, count in tally.misses.items() if count} == {"unreachable": 1}

    in_world(story)


def test_a_venue_that_hangs_is_missed_at_the_deadline() -> None:
    class Hangs(Venue):
        async def snapshot(self) -> Snapshot:
            await asyncio.sleep(3600)
            raise AssertionError

    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Hangs("main", ["50000"]), deadline_s=0.05)

        assert reasons(await slots.slots(1)) == ["no answer in 0.05 s"]

    in_world(story)


def test_a_defect_in_a_venue_is_a_miss_with_its_name() -> None:
    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Venue("main", [KeyError("x"), "50000"]))

        assert reasons(await slots.slots(2)) == ["fault in watcher (KeyError)", None]

    in_world(story)


def test_starting_is_tried_again_with_growing_waits_and_its_failures_are_misses() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000"])
        venue.start_failures = [unreachable(f"try {n}") for n in range(4)]
        slots = Slots(clock, venue)

        seen = await slots.slots(17, every_s=1.0)

        # tried at 0, 1, 3, 7 and 15 s; between them slots go on with what is known
        assert reasons(seen) == ["try 0", "try 1", "try 1"] + ["try 2"] * 4 + ["try 3"] * 8 + [
            None,
            None,
        ]
        assert venue.starts == 5

    in_world(story)


def test_a_ban_is_kept_to_the_second_and_not_even_prices_are_asked_for() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", Banned("banned", wait_s=25), "50000"])
        venue.live = {"BTC": 1.0}
        slots = Slots(clock, venue)

        seen = await slots.slots(7)

        assert reasons(seen) == [None, "banned", "banned", "banned", None, None, None]
        assert venue.snapshots == 5
        assert [each.prices for each in seen[1:4]] == [{}] * 3

    in_world(story)


def test_a_long_ban_is_not_tried_in_between() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", Banned("banned", wait_s=140), "50000"])

        seen = await Slots(clock, venue).slots(17)

        assert reasons(seen).count("banned") == 14
        assert venue.snapshots == 4

    in_world(story)


@pytest.mark.parametrize(("before_h", "after_h"), [(0, -1), (0, 1), (-1, 0), (1, 0)])
def test_a_clock_that_is_set_in_a_ban_makes_it_neither_longer_nor_shorter(
    before_h: int, after_h: int
) -> None:
    async def story(clock: SteppedClock) -> None:
        skewed = Skewed(clock, before_h * HOUR_US)
        venue = Venue("main", ["50000", Banned("banned", wait_s=25), "50000"])
        slots = Slots(cast("SteppedClock", skewed), venue)
        await slots.slots(2)
        skewed.skew_us = after_h * HOUR_US

        seen = await slots.slots(5)

        assert reasons(seen) == [None, "banned", "banned", "banned", None, None, None]

    in_world(story)


@pytest.mark.parametrize("error", [Unreachable, Maintenance])
def test_an_outage_said_to_last_an_hour_is_looked_at_again_each_minute(
    error: type[VenueError],
) -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", error("HTTP 503", wait_s=3600), "50000"])

        seen = await Slots(clock, venue).slots(9)

        assert reasons(seen) == [None, *["HTTP 503"] * 6, None, None]

    in_world(story)


def test_a_refused_key_is_tried_again_after_half_a_minute() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", Refused("key refused"), "50000"])
        seen = await Slots(clock, venue).slots(6)

        assert reasons(seen) == [None, *["key refused"] * 3, None, None]
        assert venue.snapshots == 4

    in_world(story)


def test_a_key_that_may_withdraw_sends_the_venue_back_to_its_start() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", "50000"])
        slots = Slots(clock, venue)
        await slots.slots(1)

        async def found_out() -> None:
            raise WithdrawalRight("the key may withdraw")

        venue.housekeeping = found_out  # type: ignore[method-assign]
        venue.start_failures = [WithdrawalRight("the key may withdraw")]
        await slots.poller.housekeep()

        assert reasons(await slots.slots(1)) == [None, "the key may withdraw"]
        assert venue.snapshots == 1

    in_world(story)


def test_on_a_miss_live_prices_come_from_the_venue_and_from_other_accounts() -> None:
    async def story(clock: SteppedClock) -> None:
        marks = Marks()
        venue = Venue("main", ["50000", unreachable(), unreachable(), unreachable()])
        slots = Slots(clock, venue, marks=marks)
        await slots.slots(1)
        other = snapshot("other", "48000")
        marks.note(other, clock.now())

        await slots.slots(1, every_s=16)
        venue.live = {"BTC": 47000.0}
        await slots.slots(1)
        venue.live = unreachable()
        await slots.slots(1)

        assert [each.prices for each in slots.seen] == [{}, {"BTC": 48000.0}, {"BTC": 47000.0}, {}]

    in_world(story)


def test_from_the_second_miss_on_other_venues_are_asked_of_what_nobody_here_says() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", unreachable()])
        venue.live, venue.elsewhere = unreachable(), {"BTC": 46000.0}
        slots = Slots(clock, venue)
        await slots.slots(3)
        venue.live = {"BTC": 47000.0}
        await slots.slots(1)

        expected = [{}, {}, {"BTC": 46000.0}, {"BTC": 47000.0}]
        assert [each.prices for each in slots.seen] == expected
        assert venue.asked_elsewhere == [["BTCUSDT"]]

    in_world(story)


def test_during_a_ban_other_venues_are_asked_and_the_own_one_is_not() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", Banned("banned", wait_s=600)])
        venue.live, venue.elsewhere = {"BTC": 1.0}, {"BTC": 46000.0}
        slots = Slots(clock, venue)
        await slots.slots(4)

        assert [each.prices for each in slots.seen] == [{}, {}, *[{"BTC": 46000.0}] * 2]
        assert venue.snapshots == 2

    in_world(story)


def test_beside_a_reading_come_other_venues_marks_and_no_other_accounts_of_the_same() -> None:
    async def story(clock: SteppedClock) -> None:
        marks = Marks()
        slots = Slots(clock, Venue("main", ["50000"]), marks=marks)
        for name, venue, mark in (("twin", "bybit", "1"), ("far", "okx", "49000")):
            marks.note(replace(snapshot(name, mark), venue=venue), clock.now())

        assert [each.prices for each in await slots.slots(2, every_s=16)] == [{"BTC": 49000.0}, {}]
        assert slots.venue.asked_elsewhere == []

    in_world(story)


@pytest.mark.parametrize(
    ("noted", "asked", "believed"), [("51000", None, 51_000), ("55000", 50_100, 50_100)]
)
def test_a_mark_of_seconds_ago_that_differs_is_asked_anew(
    noted: str, asked: float | None, believed: float
) -> None:
    """Seed 71: twelve seconds of a crash were told as another price elsewhere."""

    async def act(clock: SteppedClock) -> None:
        marks = Marks()
        venue = Venue("main", ["50000"])
        venue.elsewhere = {} if asked is None else {"BTC": asked}
        marks.note(replace(snapshot("other", noted), venue="okx"), clock.now())
        seen = await Slots(clock, venue, marks=marks).slots(1)
        assert [one.prices for one in seen] == [{"BTC": believed}]
        assert len(venue.asked_elsewhere) == (asked is not None)

    in_world(act)


def test_a_mark_that_differs_and_cannot_be_asked_of_anybody_stands() -> None:
    async def act(clock: SteppedClock) -> None:
        marks = Marks()
        marks.note(replace(snapshot("other", "55000"), venue="okx"), clock.now())
        seen = await Slots(clock, Venue("main", ["50000"]), marks=marks).slots(1)
        assert [one.prices for one in seen] == [{"BTC": 55_000}]

    in_world(act)


def test_of_a_mark_that_stands_still_other_venues_are_asked() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000"])
        venue.elsewhere = {"BTC": 48000.0}
        slots = Slots(clock, venue)
        still = Still(since_us=clock.now().steady_us)
        slots.poller.state = replace(slots.poller.state, still={"BTCUSDT": still})
        seen = await slots.slots(4)

        assert [each.prices for each in seen] == [{}, {}, {}, {"BTC": 48000.0}]

    in_world(story)


def test_no_prices_are_asked_for_before_anything_was_read() -> None:
    class Asks(Venue):
        async def prices(self, symbols: Any) -> Mapping[str, float]:
            raise AssertionError

    async def story(clock: SteppedClock) -> None:
        seen = await Slots(clock, Asks("main", [Unreadable("no marks")])).slots(1)
        assert reasons(seen) == ["no marks"]

    in_world(story)


def test_a_dead_store_sends_alerts_from_memory() -> None:
    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Venue("main", ["50000", "39000", "39000"]))

        await slots.slots(3)

        subjects = [message.key.split(":")[0] for message in slots.outlet.told]
        assert subjects == ["main"]
        assert slots.poller.state.dangers["unified"].tier > 0

    in_world(story)


def test_what_the_venue_says_of_key_and_clock_reaches_the_decision() -> None:
    async def story(clock: SteppedClock) -> None:
        venue = Venue("main", ["50000", unreachable("HTTP 503")])
        slots = Slots(clock, venue)
        await slots.slots(1)
        venue.told = replace(venue.told, clock_offset_ms=1234.0)
        await slots.poller.housekeep()
        seen = await slots.slots(1)

        told = [one.status.clock_offset_ms for one in seen if one.status is not None]
        assert told == [0.0, 1234.0]

    in_world(story)


def test_a_status_counts_though_the_tables_beside_it_cannot_be_read() -> None:
    class Stuck(Venue):
        async def housekeeping(self) -> None:
            raise unreachable("HTTP 503")

    async def story(clock: SteppedClock) -> None:
        venue = Stuck("main", ["50000"])
        slots = Slots(clock, venue)
        await slots.slots(1)
        venue.told = replace(venue.told, clock_offset_ms=1234.0)
        await slots.poller.housekeep()
        (_, seen) = await slots.slots(1)

        assert seen.status == venue.told

    in_world(story)


def test_a_store_that_works_again_gets_the_whole_state(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        ledger, store._ledger = store._ledger, None
        slots = Slots(clock, Venue("main", ["39000", "39000"]), store=store)
        await slots.slots(1)
        store._ledger = ledger
        await slots.slots(1)
        await store.close()

        store = await SqliteStore.open(tmp_path)
        loaded = (await store.load())["main"]
        await store.close()
        assert loaded.dangers["unified"].incident is not None
        assert slots.outlet.woken == 0

    in_world(story)


def test_a_defect_in_the_decision_is_told_once_and_the_loop_goes_on() -> None:
    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Venue("main", ["50000"]))

        def broken(*_: object) -> Decision:
            raise ZeroDivisionError

        slots.decide = broken
        assert await slots.poller.slot() == 10.0
        await slots.slots(2)
        [told] = slots.outlet.told
        assert "main: look at it yourself" in told.text.plain
        assert "ZeroDivisionError" in told.text.plain

        slots.decide = decide_by_mark
        await slots.slots(1)
        assert slots.poller.state.last_good is not None

    in_world(story)


def test_a_defect_in_one_account_does_not_reach_another(tmp_path: Path) -> None:
    phone = Phone()

    def picky(state: AccountState, seen: Seen, rules: AlertRules, now: Moment) -> Decision:
        if rules.account == "bad":
            raise ZeroDivisionError
        return decide_by_mark(state, seen, rules, now)

    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        deliverer = Deliverer(store=store, channel=phone, clock=clock, ids=Numbers())
        scheduler = SteppedScheduler(clock)
        for name in ("bad", "good"):
            poller = Poller(
                venue=Venue(name, ["50000", "39000"]),
                rules=rules(name),
                state=AccountState(account=name),
                decide=picky,
                store=store,
                outlet=deliverer,
                clock=clock,
                marks=Marks(),
            )
            scheduler.every(name, poller.slot)
        loops = [
            clock.spawn(scheduler.run(), name="scheduler"),
            clock.spawn(deliverer.run(), name="deliverer"),
        ]
        await clock.sleep(120)
        await scheduler.stop()
        deliverer.stop()
        await asyncio.gather(*loops)
        await store.close()

    in_world(story)

    assert sum("text of good" in text for text in phone.plain()) == 1
    assert sum("NOT JUDGED" in text for text in phone.plain()) == 1


def test_an_account_that_cannot_be_judged_goes_on_being_told_further_each_time() -> None:
    """Nothing else speaks of it: not even its blindness can be judged."""

    def broken(*_: object) -> Decision:
        raise ZeroDivisionError

    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Venue("main", ["50000"]))
        slots.poller.rules = replace(slots.poller.rules, reach=Reach.FALLBACK)
        slots.decide = broken
        began_us = clock.now().steady_us
        await slots.slots(28, every_s=60)

        told = [((m.created_at_us - began_us) // MINUTE_US, m.reach) for m in slots.outlet.told]
        assert told[:3] == [(0, Reach.CHAT), (3, Reach.SECOND), (6, Reach.FALLBACK)]
        assert told[3:] == [(16, Reach.FALLBACK), (26, Reach.FALLBACK)]
        assert all(message.tier is Tier.CRITICAL for message in slots.outlet.told)

        slots.decide = decide_by_mark
        await slots.slots(1)
        slots.decide = broken
        await slots.slots(1)
        assert slots.outlet.told[-1].reach is Reach.CHAT

    in_world(story)


@pytest.mark.parametrize(("asked_us", "waited_s"), [(0, 0.5), (4_000_000, 4.0), (9 * 10**11, 300)])
def test_the_wait_is_as_decided_within_bounds(asked_us: int, waited_s: float) -> None:
    async def story(clock: SteppedClock) -> None:
        slots = Slots(clock, Venue("main", ["50000"]))
        slots.decide = lambda *args: replace(decide_by_mark(*args), next_poll_us=asked_us)
        assert await slots.poller.slot() == waited_s

    in_world(story)


def test_first_polls_are_spread_and_the_first_is_at_once() -> None:
    calm = [AccountState(account=f"a{number}") for number in range(100)]
    assert first_waits_s(calm[:3], 10.0) == [0.0, 0.5, 1.0]
    assert first_waits_s(calm, 10.0)[-1] < 10.0


def test_who_was_in_danger_polls_first() -> None:
    tiers = (Tier.CALM, Tier.WARNING, Tier.CALM, Tier.CRITICAL)
    states = [
        AccountState(account=tier.name, dangers={"p": DangerState(pool="p", tier=tier)})
        for tier in tiers
    ]

    assert first_waits_s(states, 10.0) == [1.0, 0.5, 1.5, 0.0]


def test_live_marks_are_young_and_of_other_accounts() -> None:
    marks = Marks()
    marks.note(snapshot("a", mark="1"), moment(0))
    marks.note(snapshot("b", mark="2"), moment(5))

    held = snapshot("main", mark="3").positions
    assert marks.fresh(held, moment(15), apart_from="main") == {"BTC": 2.0}
    assert marks.fresh(held, moment(15), apart_from="b") == {"BTC": 1.0}
    assert marks.fresh(held, moment(15.1), apart_from="b") == {}


def test_live_marks_are_of_like_contracts_on_any_venue() -> None:
    """A swap and a contract of next March on one coin may lie percents apart for good."""
    marks = Marks()
    (own,) = snapshot("a", mark="50000").positions
    swap, dated = (replace(own, symbol=name) for name in ("BTC-USDT-SWAP", "BTC-USDT-270326"))
    marks.note(replace(snapshot("a", mark="1"), positions=(swap,)), moment(0))
    for held, news in ((own, {"BTC": 50_000.0}), (swap, {"BTC": 50_000.0}), (dated, {})):
        assert marks.fresh([held], moment(1), apart_from="main") == news
    # of several contracts the first by name is what is compared
    assert marks.fresh([swap, dated], moment(1), apart_from="main") == {}


def test_messages_wake_the_deliverer_only_after_the_commit(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        slots = Slots(clock, Venue("main", ["50000", "39000", "39000"]), store=store)
        waiting: list[int] = []

        async def one() -> None:
            await slots.poller.slot()
            waiting.append((await store.backlog()).waiting)

        for _ in range(3):
            await one()
        await store.close()
        assert waiting == [0, 1, 1]
        assert slots.outlet.woken == 1
        assert slots.outlet.told == []

    in_world(story)
