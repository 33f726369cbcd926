"""What people order of an account: obeyed once, and written down with the request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.unit.service_stand_ins import (
    FailingStore,
    Venue,
    decide_by_mark,
    in_world,
    rules,
)
from watcher.domain.alert import AccountState, Message
from watcher.policy import messages as say
from watcher.policy.orders import AckOrder
from watcher.ports import Store
from watcher.service.clock import SteppedClock
from watcher.service.marks import Marks
from watcher.service.poll import Poller
from watcher.store.sqlite import SqliteStore

ACK = AckOrder(incident="K7F3", user_id=7)


class Outlet:
    def wake(self) -> None:
        return None

    def tell(self, message: Message) -> None:
        return None


def poller_on(clock: SteppedClock, store: Store, state: AccountState) -> Poller:
    return Poller(
        venue=Venue("main", ["39000"]),
        rules=rules(),
        state=state,
        decide=decide_by_mark,
        store=store,
        outlet=Outlet(),
        clock=clock,
        marks=Marks(),
    )


def acked_by(poller: Poller) -> int | None:
    ack = poller.state.dangers["unified"].ack
    return None if ack is None else ack.user_id


def polled(
    folder: Path, story: Callable[[SteppedClock, SqliteStore, Poller], Awaitable[None]]
) -> None:
    async def told(clock: SteppedClock) -> None:
        store = await SqliteStore.open(folder)
        loaded = (await store.load()).get("main", AccountState(account="main"))
        poller = poller_on(clock, store, loaded)
        try:
            await poller.slot()
            await story(clock, store, poller)
        finally:
            await store.close()

    in_world(told)


def test_an_ack_holds_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async def before(_: SteppedClock, store: SqliteStore, poller: Poller) -> None:
        said = await poller.obey(ACK, 5)
        assert said
        assert said != say.ALREADY_DONE
        assert acked_by(poller) == 7

    async def after(_: SteppedClock, store: SqliteStore, poller: Poller) -> None:
        assert acked_by(poller) == 7

    polled(tmp_path, before)
    polled(tmp_path, after)


def test_a_request_that_comes_again_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async def before(_: SteppedClock, store: SqliteStore, poller: Poller) -> None:
        await poller.obey(ACK, 5)

    async def after(_: SteppedClock, store: SqliteStore, poller: Poller) -> None:
        before = poller.state
        assert await poller.obey(AckOrder(incident="K7F3", user_id=8), 5) == say.ALREADY_DONE
        assert poller.state is before

    polled(tmp_path, before)
    polled(tmp_path, after)


def test_a_slot_while_an_order_is_written_down_keeps_both(tmp_path: Path) -> None:
    """The order's commit hangs on the disk while the account is read: neither undoes the other."""

    async def story(_: SteppedClock, store: SqliteStore, poller: Poller) -> None:
        commit = store.commit
        gate = asyncio.Event()

        async def slow(*arguments: Any, **options: Any) -> bool:
            await gate.wait()
            return await commit(*arguments, **options)

        store.commit = slow  # type: ignore[method-assign]
        seen = len(poller.state.recent)
        order = asyncio.create_task(poller.obey(ACK, 5))
        slot = asyncio.create_task(poller.slot())
        for _turn in range(20):
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(slot, order)
        assert acked_by(poller) == 7
        assert len(poller.state.recent) == seen + 1
        assert (await store.load())["main"].dangers["unified"].ack is not None

    polled(tmp_path, story)


def test_with_a_dead_store_an_order_holds_in_memory_and_says_so() -> None:
    async def told(clock: SteppedClock) -> None:
        poller = poller_on(clock, FailingStore(), AccountState(account="main"))
        await poller.slot()
        assert (await poller.obey(ACK, 5)).endswith(say.NOT_KEPT)
        assert acked_by(poller) == 7

    in_world(told)
