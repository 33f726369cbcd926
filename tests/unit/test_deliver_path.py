"""The thin path: poll, decide, commit, deliver, on a stepped clock and the real store."""

from __future__ import annotations

from pathlib import Path

from tests.unit.service_stand_ins import (
    Numbers,
    Phone,
    Venue,
    decide_by_mark,
    in_world,
    rules,
    unreachable,
)
from watcher.domain.alert import AccountState
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.service.marks import Marks
from watcher.service.poll import Poller
from watcher.service.schedule import SteppedScheduler
from watcher.store.sqlite import SqliteStore


def test_a_fall_is_polled_decided_written_down_and_delivered_once(tmp_path: Path) -> None:
    phone = Phone()
    venue = Venue("main", ["50000", unreachable(), "39000"])

    async def story(clock: SteppedClock) -> None:
        phone.clock = clock
        store = await SqliteStore.open(tmp_path)
        deliverer = Deliverer(store=store, channel=phone, clock=clock, ids=Numbers())
        poller = Poller(
            venue=venue,
            rules=rules(),
            state=AccountState(account="main"),
            decide=decide_by_mark,
            store=store,
            outlet=deliverer,
            clock=clock,
            marks=Marks(),
        )
        scheduler = SteppedScheduler(clock)
        scheduler.every("poll:main", poller.slot)
        began_us = clock.now().steady_us
        running = clock.spawn(scheduler.run(), name="scheduler")
        delivering = clock.spawn(deliverer.run(), name="deliverer")

        await clock.sleep(65)

        await scheduler.stop()
        deliverer.stop()
        await running
        await delivering
        await store.close()
        assert phone.times_us == [began_us + 20_000_000]

    in_world(story)

    assert phone.plain() == ["text of main:K7F3:1"]
    assert venue.snapshots == 7
