"""A deliverer over a real store or a dead one, on a stepped clock, while a story is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.unit.service_stand_ins import FailingStore, FreeWorld, Numbers, Phone, in_world
from watcher.domain.alert import SECOND_US
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.store.sqlite import SqliteStore

Story = Callable[[SteppedClock, Any, Deliverer], Awaitable[None]]


def deliver(folder: Path | None, phone: Phone, story: Story) -> None:
    """Run a deliverer over a real store in *folder*, or a dead one, while *story* is told."""

    async def told(clock: SteppedClock) -> None:
        phone.clock = clock
        store: Any = FailingStore() if folder is None else await SqliteStore.open(folder)
        deliverer = Deliverer(store=store, channel=phone, clock=clock, ids=Numbers())
        running = clock.spawn(deliverer.run(), name="deliverer")
        try:
            await story(clock, store, deliverer)
        finally:
            deliverer.stop()
            await running
            await store.close()

    in_world(told)


async def say(store: SqliteStore, deliverer: Deliverer, *messages: Any) -> None:
    for each in messages:
        await store.say(each)
    deliverer.wake()


def seconds(phone: Phone) -> list[float]:
    first = FreeWorld().at_us
    return [(at_us - first) / SECOND_US for at_us in phone.times_us]
