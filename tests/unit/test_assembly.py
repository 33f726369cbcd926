"""The first words of a service reach the chat, whatever the disk does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.unit.service_stand_ins import Numbers, Phone, Venue, in_world
from watcher.assembly import Outside, assemble, start_loops
from watcher.domain.alert import Message
from watcher.domain.road import Reach
from watcher.ports import StoreError
from watcher.service.clock import SteppedClock
from watcher.service.schedule import SteppedScheduler
from watcher.settings import Settings
from watcher.store.sqlite import SqliteStore


def test_the_word_of_a_lost_ledger_goes_out_past_a_disk_that_fails(tmp_path: Path) -> None:
    """The simulation lost it with the ledger's successor: a word stood in the chat for good."""
    (tmp_path / "ledger.db").write_bytes(b"this is no ledger" * 1000)
    phone = Phone()

    async def warm() -> None: ...

    async def full(_message: Message) -> None:
        raise StoreError("disk full")

    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        store.say = full  # type: ignore[method-assign]
        outside = Outside(
            clock=clock,
            scheduler=SteppedScheduler(clock),
            store=store,
            venues={"main": Venue("main", ["50000"])},
            moneys={},
            channels={Reach.CHAT: phone},
            ids=Numbers(),
            warm=warm,
            notify=lambda _state: None,
        )
        watched = {"main": {"venue": "bybit"}}
        service = await assemble(Settings(accounts=watched, telegram={"chat_id": 7}), outside)
        start_loops(service)
        running = asyncio.create_task(service.supervisor.run())
        await clock.sleep(20)
        service.supervisor.stop()
        await running
        await store.close()

    in_world(story)

    assert any("The ledger was damaged" in text for text in phone.plain()), phone.plain()
