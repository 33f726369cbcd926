"""A deliverer over a real store or a dead one, on a stepped clock, while a story is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.unit.service_stand_ins import FailingStore, FreeWorld, Numbers, Phone, in_world
from watcher.domain.alert import SECOND_US
from watcher.domain.road import Reach
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.service.outbound import Outbound
from watcher.store.sqlite import SqliteStore

Story = Callable[[SteppedClock, Any, Deliverer], Awaitable[None]]
RoadsStory = Callable[[SteppedClock, Any, Outbound], Awaitable[None]]


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


def deliver_on(folder: Path | None, phones: Mapping[Reach, Phone], story: RoadsStory) -> None:
    """Run a deliverer per road over one store in *folder*, or a dead one, while *story* is told."""

    async def told(clock: SteppedClock) -> None:
        store: Any = FailingStore()
        if folder is not None:
            store = await SqliteStore.open(folder, tuple(phones))
        made: list[Deliverer] = []
        ids = Numbers()
        for road, phone in phones.items():
            phone.clock = clock
            made.append(
                Deliverer(store=store, channel=phone, clock=clock, ids=ids, road=road, earlier=made)
            )
        outbound = Outbound(made)
        running = [clock.spawn(each.run(), name=each.road.road) for each in made]
        try:
            await story(clock, store, outbound)
        finally:
            outbound.stop()
            await asyncio.gather(*running)
            await store.close()

    in_world(told)


def phones(*roads: Reach) -> dict[Reach, Phone]:
    return {road: Phone(road.road) for road in roads or tuple(Reach)}


async def say(store: SqliteStore, deliverer: Deliverer | Outbound, *messages: Any) -> None:
    for each in messages:
        await store.say(each)
    deliverer.wake()


def seconds(phone: Phone) -> list[float]:
    first = FreeWorld().at_us
    return [(at_us - first) / SECOND_US for at_us in phone.times_us]
