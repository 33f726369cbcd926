"""The first words of a service reach the chat, whatever the disk does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import Numbers, Phone, Venue, in_world
from watcher.assembly import Outside, assemble, start_loops
from watcher.domain.alert import Message
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.ports import StoreError, Unreachable
from watcher.service.clock import SteppedClock
from watcher.service.schedule import SteppedScheduler
from watcher.settings import Settings
from watcher.store.sqlite import SqliteStore

WATCHED = Settings(accounts={"main": {"venue": "bybit"}}, telegram={"chat_id": 7})


async def lived(clock: SteppedClock, store: SqliteStore, phone: Phone, venue: Venue) -> None:
    """Live for twenty-five seconds."""

    async def warm() -> None: ...

    outside = Outside(
        clock=clock,
        scheduler=SteppedScheduler(clock),
        store=store,
        venues={"main": venue},
        moneys={},
        channels={Reach.CHAT: phone},
        ids=Numbers(),
        warm=warm,
        notify=lambda _state: None,
    )
    service = await assemble(WATCHED, outside)
    start_loops(service)
    running = asyncio.create_task(service.supervisor.run())
    await clock.sleep(25)
    service.supervisor.stop()
    await running
    await service.supervisor.cancel(*service.supervisor.names())
    await store.close()


def test_the_word_of_a_lost_ledger_goes_out_past_a_disk_that_fails(tmp_path: Path) -> None:
    """The simulation lost it with the ledger's successor: a word stood in the chat for good."""
    (tmp_path / "ledger.db").write_bytes(b"this is no ledger" * 1000)
    phone = Phone()

    async def full(_message: Message) -> None:
        raise StoreError("disk full")

    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        store.say = full  # type: ignore[method-assign]
        await lived(clock, store, phone, Venue("main", ["50000"]))

    in_world(story)

    assert any("The ledger was damaged" in text for text in phone.plain()), phone.plain()


@pytest.mark.parametrize(("away_s", "told"), [(30, 1), (90, 2)])
def test_blindness_that_stands_is_told_again_after_a_gap_that_is_told(
    away_s: float, told: int, tmp_path: Path
) -> None:
    """Storm 42: an older ledger said BLIND and acked, the last word on the screen was SEEING."""
    phone = Phone()

    async def story(clock: SteppedClock) -> None:
        for _ in range(2):
            venue = Venue("main", [Unreachable("HTTP 503")])
            await lived(clock, await SqliteStore.open(tmp_path), phone, venue)
            await clock.sleep(away_s)

    in_world(story)

    words = [text for text in phone.plain() if f"{say.BLIND} #" in text]
    assert len(words) == told, phone.plain()
