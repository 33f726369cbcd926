"""Delivery: lanes, budget, waits, copies, folding, and what a crash or a dead store leaves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.delivery import deliver, say, seconds
from tests.unit.service_stand_ins import START_US, Numbers, Phone, danger, in_world, message
from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Lane, Text, Tier
from watcher.ports import DeliveryError, StoreError
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.store.sqlite import SqliteStore

AMBIGUOUS = DeliveryError("no answer in time", ambiguous=True)
PERMANENT = DeliveryError("can't parse entities", permanent=True)
NETWORK = DeliveryError("no connection")


def test_worst_lane_leaves_first(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await clock.sleep(1)
        await say(store, deliverer, message("w"), danger("c"), danger("e", Tier.EMERGENCY))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of e", "text of c", "text of w"]


def test_twelve_a_minute_leave_and_five_of_them_are_kept_for_danger(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, *(message(f"w{n}") for n in range(10)))
        await clock.sleep(10)
        await say(store, deliverer, *(danger(f"d{n}") for n in range(7)))
        await clock.sleep(110)

    deliver(tmp_path, phone, story)

    sent = dict(zip((text.plain.split()[-1] for text in phone.texts), seconds(phone), strict=True))
    assert [sent[f"w{n}"] for n in range(7)] == [0.0] * 7
    assert [sent[f"d{n}"] for n in range(5)] == [10.0] * 5
    assert [sent[f"d{n}"] for n in (5, 6)] == [60.0] * 2
    assert min(sent[f"w{n}"] for n in (7, 8, 9)) >= 60.0
    assert len(sent) == 17


def test_a_restart_is_no_new_minute(tmp_path: Path) -> None:
    """The simulation had thirteen in a minute: a life killed in it, and the next one."""
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, *(message(f"w{n}") for n in range(7)))
        await clock.sleep(10)
        deliverer.stop()
        await clock.sleep(1)
        again = Deliverer(store=store, channel=phone, clock=clock, ids=Numbers())
        running = clock.spawn(again.run(), name="again")
        await say(store, again, message("late"), *(danger(f"d{n}") for n in range(7)))
        await clock.sleep(110)
        again.stop()
        await running

    deliver(tmp_path, phone, story)

    times = seconds(phone)
    assert len(times) == 15
    assert sum(at_s < 60 for at_s in times) == 12


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(list(Lane))), max_size=40))
def test_no_window_of_a_minute_holds_more_than_the_budget(
    burst: list[tuple[float, Lane]],
) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, _: Any, deliverer: Deliverer) -> None:
        for number, (wait_s, lane) in enumerate(burst):
            await clock.sleep(wait_s if number % 3 == 0 else 0)
            deliverer.tell(message(f"m{number}", lane=lane))
        await clock.sleep(600)

    deliver(None, phone, story)

    times = phone.times_us
    assert len(times) == len(burst)
    for start_us in times:
        assert sum(start_us <= t < start_us + MINUTE_US for t in times) <= 12


def test_retry_after_is_kept_exactly(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("wait", retry_after_s=7.0)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("a"))
        await clock.sleep(3)
        await say(store, deliverer, danger("b", Tier.EMERGENCY))
        await clock.sleep(10)

    deliver(tmp_path, phone, story)

    assert list(zip(phone.plain(), seconds(phone), strict=True)) == [
        ("text of b", 7.0),
        ("text of a", 7.0),
    ]
    assert phone.tries == 3


def test_network_errors_wait_longer_each_time_and_nothing_is_lost(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [NETWORK] * 6

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("a"))
        await clock.sleep(60)
        assert deliverer.sender.failures == 6

    deliver(tmp_path, phone, story)

    assert seconds(phone) == [1 + 2 + 4 + 8 + 15 + 15]


def test_a_critical_that_may_have_arrived_is_repeated_after_3_s_up_to_3_copies(
    tmp_path: Path,
) -> None:
    phone = Phone()
    phone.failures = [AMBIGUOUS] * 9

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("a"))
        await clock.sleep(2.9)
        assert phone.tries == 1
        await clock.sleep(60)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.tries == 3


def test_a_loss_told_next_takes_the_place_of_none_before_it(tmp_path: Path) -> None:
    """Each says what went since the last: of the first of two positions nobody was told."""
    phone = Phone()
    phone.failures = [DeliveryError("asks to wait", retry_after_s=10)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        for name, tier in (("sol", Tier.CRITICAL), ("btc", Tier.EMERGENCY)):
            gone = danger(name, tier, kind=Kind.NOTE, incident="K7F3", pool="unified")
            await say(store, deliverer, gone)
            await clock.sleep(4)
        await clock.sleep(60)

    deliver(tmp_path, phone, story)

    assert sorted(phone.plain()) == ["text of btc", "text of sol"]


def test_copies_are_counted_though_the_store_cannot(tmp_path: Path) -> None:
    """Seed 177: a disk that failed half the time and a road without answers made six of three."""
    phone = Phone()
    phone.failures = [AMBIGUOUS] * 9

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        async def fails(*_: object, **__: object) -> None:
            raise StoreError("disk I/O error")

        store.postpone = fails  # type: ignore[method-assign]
        await say(store, deliverer, danger("a"))
        await clock.sleep(600)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.tries == 3


def test_a_warning_that_may_have_arrived_counts_as_sent(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [AMBIGUOUS]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, message("a"))
        await clock.sleep(60)
        assert (await store.backlog()).waiting == 0
        assert deliverer.sender.contact_us is None

    deliver(tmp_path, phone, story)

    assert phone.tries == 1


def test_the_first_word_of_blindness_is_sent_again_where_it_may_not_have_arrived(
    tmp_path: Path,
) -> None:
    """The simulation lost one of a warning's rank: nothing was said for an hour."""
    phone = Phone()
    phone.failures = [AMBIGUOUS]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, message("a", kind=Kind.BLIND, lane=Lane.BLIND))
        await clock.sleep(60)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.tries == 2


def test_a_refused_text_is_sent_once_bare(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [PERMANENT]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("a", text=Text(plain="bold word", bold=((0, 4),))))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert phone.texts == [Text(plain="bold word")]


def test_what_is_refused_bare_too_is_abandoned_and_the_next_row_goes_on(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [PERMANENT, PERMANENT]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        bold = Text(plain="bold word", bold=((0, 4),))
        await say(store, deliverer, danger("a", Tier.EMERGENCY, text=bold), danger("b"))
        await clock.sleep(60)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of b"]
    assert phone.tries == 3


def test_old_warnings_are_folded_into_one_and_dangers_are_not(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("wait", retry_after_s=900.0)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, *(message(f"w{n}") for n in range(14)), danger("d"))
        await clock.sleep(1000)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.titles()[0] == "text of d"
    [summary] = phone.plain()[1:]
    lines = summary.splitlines()
    assert lines[0] == "14 messages could not be sent for up to 15 min"
    assert lines[1] == "the first 4 are left out"
    assert lines[2:] == [f"· text of w{n}" for n in range(4, 14)]


def test_one_old_warning_is_sent_as_it_is(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("wait", retry_after_s=900.0)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, message("w"))
        await clock.sleep(1000)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of w"]


def test_with_a_dead_store_alerts_go_out_from_memory_once_each() -> None:
    phone = Phone()

    async def story(clock: SteppedClock, _: Any, deliverer: Deliverer) -> None:
        deliverer.tell(message("w"))
        deliverer.tell(danger("d"))
        deliverer.tell(danger("d"))
        await clock.sleep(30)
        deliverer.tell(danger("d"))
        await clock.sleep(30)

    deliver(None, phone, story)

    assert phone.plain() == ["text of d", "text of w"]


def test_what_was_said_from_memory_takes_the_place_of_what_the_disk_held(tmp_path: Path) -> None:
    """The disk was full for minutes: what it gives back then is older than what the phone shows."""
    phone = Phone()
    newer, milder = START_US + 60 * SECOND_US, START_US + 90 * SECOND_US
    old = danger("old", incident="K7F3", pool="cross")
    unseen = danger("unseen", incident="K7F3", kind=Kind.BLIND)
    worse = danger("worse", Tier.EMERGENCY, incident="M4P1", pool="cross")
    memory = [
        danger("new", incident="K7F3", pool="cross", created_at_us=newer),
        danger("mild", incident="M4P1", pool="cross", created_at_us=milder),
    ]

    async def before(_: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        for row in (old, unseen, worse):
            await store.say(row)
        await store.close()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        ledger, store._ledger = store._ledger, None
        for each in memory:
            deliverer.tell(each)
        await clock.sleep(60)
        store._ledger = ledger
        await clock.sleep(60)
        assert (await store.backlog()).waiting == 0

    in_world(before)
    deliver(tmp_path, phone, story)

    assert phone.plain()[:2] == ["text of new", "text of mild"]
    # another strand, and a worse word than the one from memory, are still owed
    assert sorted(phone.plain()[2:]) == ["text of unseen", "text of worse"]


def test_a_row_whose_mark_failed_is_not_sent_again(tmp_path: Path) -> None:
    """The disk was full between the send and the mark; the process lives and remembers."""
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        ledger = store._ledger
        original = phone.send

        async def send_then_break(text: Text, *, silent: bool, **rest: Any) -> str:
            receipt = await original(text, silent=silent, **rest)
            store._ledger = None
            return receipt

        phone.send = send_then_break  # type: ignore[method-assign]
        await say(store, deliverer, danger("a"))
        await clock.sleep(5)
        store._ledger = ledger
        await clock.sleep(60)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of a"]


def test_a_crash_between_send_and_mark_repeats_the_same_message(tmp_path: Path) -> None:
    """At least once: the copy carries the same code, so a person sees that it is one alert."""
    phone = Phone()

    class Dies(Phone):
        async def send(self, text: Text, *, silent: bool, **rest: Any) -> str:
            await phone.send(text, silent=silent, **rest)
            raise asyncio.CancelledError

    async def first(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        await store.say(danger("K7F3-1"))
        deliverer = Deliverer(store=store, channel=Dies(), clock=clock, ids=Numbers())
        running = clock.spawn(deliverer.run(), name="deliverer")
        await asyncio.gather(running, return_exceptions=True)
        await store.close()

    async def second(clock: SteppedClock, _: Any, __: Deliverer) -> None:
        await clock.sleep(1)

    in_world(first)
    deliver(tmp_path, phone, second)

    assert phone.plain() == ["text of K7F3-1"] * 2


def test_a_crash_between_commit_and_send_loses_nothing(tmp_path: Path) -> None:
    phone = Phone()

    async def commit_only(_: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        await store.say(danger("a"))
        await store.close()

    async def second(clock: SteppedClock, _: Any, __: Deliverer) -> None:
        await clock.sleep(1)

    in_world(commit_only)
    deliver(tmp_path, phone, second)
    deliver(tmp_path, phone, second)

    assert phone.plain() == ["text of a"]


def test_replies_go_on_their_own_road_and_an_alert_passes_them(tmp_path: Path) -> None:
    alerts, asker = Phone("alerts"), Phone("asker")

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        asker.clock = clock
        for number in range(20):
            reply = message(f"r{number}", lane=Lane.REPLY, kind=Kind.REPLY, tier=Tier.CALM)
            deliverer.tell(reply, channel=asker)
        await say(store, deliverer, danger("d"))
        await clock.sleep(1)
        assert seconds(alerts) == [0.0]
        assert len(asker.texts) == 6

    deliver(tmp_path, alerts, story)


def test_a_held_road_does_not_hold_the_other(tmp_path: Path) -> None:
    alerts, asker = Phone("alerts"), Phone("asker")
    asker.failures = [DeliveryError("wait", retry_after_s=100.0)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        deliverer.tell(message("r", lane=Lane.REPLY, kind=Kind.REPLY), channel=asker)
        await clock.sleep(1)
        await say(store, deliverer, danger("d"))
        await clock.sleep(1)

    deliver(tmp_path, alerts, story)

    assert seconds(alerts) == [1.0]
