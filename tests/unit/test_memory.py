"""Memory that grows without end is told of once, early enough, and nothing else is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from itertools import count, repeat
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import Numbers, Phone, Venue, in_world
from watcher.app import resident_bytes
from watcher.assembly import Outside, assemble, start_loops
from watcher.domain.alert import Message, Tier
from watcher.domain.road import Reach
from watcher.service.clock import SteppedClock
from watcher.service.lag import LagProbe
from watcher.service.memory import EVERY_S, LIMIT, SETTLED_S, Memory
from watcher.service.schedule import SteppedScheduler
from watcher.settings import Settings
from watcher.store.sqlite import SqliteStore

MB = 1_000_000
HOUR_S = 3600.0
UNIT = Path(__file__).parents[2] / "config" / "watcher.service"


def weighed(sizes: Iterator[float | None], hours: float) -> list[tuple[float, Message]]:
    """Return what is told in *hours*, and at which hour, of one size (MB) after the other."""
    told: list[tuple[float, Message]] = []

    async def story(clock: SteppedClock) -> None:
        began_us = clock.now().steady_us

        def tell(message: Message) -> None:
            told.append(((clock.now().steady_us - began_us) / HOUR_S / 1e6, message))

        def resident() -> int | None:
            size = next(sizes)
            return None if size is None else round(size * MB)

        memory = Memory(resident=resident, tell=tell, clock=clock)
        await clock.sleep(SETTLED_S)
        while clock.now().steady_us - began_us < hours * HOUR_S * 1e6:
            await clock.sleep(await memory.look())

    in_world(story)
    return told


def growing(hourly: float, *, start: float = 120.0) -> Iterator[float]:
    return (start + hourly * number * EVERY_S / HOUR_S for number in count())


def test_memory_that_grows_is_told_once_with_what_is_left() -> None:
    (found,) = weighed(growing(4.0), 24)

    at_h, told = found
    assert 7 <= at_h <= 9
    assert told.silent
    lines = told.text.plain.splitlines()
    assert lines[0] == "🔧 MEMORY GROWS"
    assert re.fullmatch(r"  watcher uses 14\d MB", lines[1])
    assert re.fullmatch(r"  4\.\d MB more each hour: 315 MB in 1 d 1\d h", lines[2])


def test_it_is_told_days_before_a_machine_of_one_gigabyte_is_full() -> None:
    hourly = 2.1
    ((at_h, _),) = weighed(growing(hourly), 60)

    assert (1000 - (120 + hourly * at_h)) / hourly > 24 * 14


def test_what_grows_too_slowly_to_be_sure_is_told_aloud_before_the_limit() -> None:
    found = weighed(growing(0.8), 24 * 9)

    ((_, told),) = found
    assert (told.tier, told.silent) == (Tier.WARNING, False)
    size = re.search(r"uses (\d+) MB", told.text.plain)
    assert size is not None
    assert 250 <= float(size[1]) < LIMIT / MB - 50


def test_what_goes_on_growing_is_told_a_second_time_and_no_third() -> None:
    found = weighed(growing(10.0), 40)

    assert [told.silent for _, told in found] == [True, False]


@pytest.mark.parametrize(
    "size",
    [
        lambda n: 120.0,
        lambda n: 120.0 + min(n / 6, 5.0) * 9,
        lambda n: 120.0 + n * (n % 6 == 3) / 2,
        lambda n: 120.0 + 15 * (n % 24) / 6,
        lambda n: 120.0 + n / 6 * 0.13,
    ],
    ids=["steady", "fills for five hours", "peaks", "comes and goes", "three a day"],
)
def test_what_does_not_grow_without_end_is_not_told(size: Callable[[int], float]) -> None:
    assert weighed((size(n) for n in count()), 72) == []


def test_where_nobody_knows_nothing_is_told() -> None:
    assert weighed(repeat(None), 24) == []


def test_the_limit_is_that_of_the_unit() -> None:
    found = re.search(r"^MemoryHigh=(\d+)M$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)

    assert found is not None
    assert int(found[1]) << 20 == LIMIT


def test_this_process_uses_some_memory() -> None:
    size = resident_bytes()

    assert size is not None
    assert 10 * MB < size < 4_000 * MB


class Noting(SteppedScheduler):
    """Remembers what it was given to do, and when first."""

    def __init__(self, clock: SteppedClock) -> None:
        super().__init__(clock)
        self.jobs: dict[str, tuple[float, Callable[[], Awaitable[float]]]] = {}

    def every(
        self,
        name: str,
        job: Callable[[], Awaitable[float]],
        *,
        first_s: float = 0.0,
        timeout_s: float = 60.0,
    ) -> None:
        self.jobs[name] = (first_s, job)


@pytest.mark.parametrize("real", [True, False], ids=["real time", "a world that waits"])
def test_a_service_in_real_time_weighs_itself(tmp_path: Path, *, real: bool) -> None:
    phone = Phone()

    async def warm() -> None: ...

    async def story(clock: SteppedClock) -> None:
        scheduler, sizes = Noting(clock), growing(4.0)
        outside = Outside(
            clock=clock,
            scheduler=scheduler,
            store=await SqliteStore.open(tmp_path),
            venues={"main": Venue("main", ["50000"])},
            moneys={},
            channels={Reach.CHAT: phone},
            ids=Numbers(),
            warm=warm,
            notify=lambda _state: None,
            lag=LagProbe(clock) if real else None,
            resident=lambda: round(next(sizes) * MB),
        )
        watched = {"main": {"venue": "bybit"}}
        service = await assemble(Settings(accounts=watched, telegram={"chat_id": 7}), outside)
        assert ("memory" in scheduler.jobs) == real
        if real:
            wait_s, job = scheduler.jobs["memory"]
            assert wait_s == SETTLED_S
            for _ in range(60):
                await clock.sleep(wait_s)
                wait_s = await job()
        start_loops(service)
        running = asyncio.create_task(service.supervisor.run())
        await clock.sleep(30)
        service.supervisor.stop()
        await running
        await outside.store.close()

    in_world(story)

    assert sum("MEMORY GROWS" in text for text in phone.plain()) == real
