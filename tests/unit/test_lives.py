"""One life of the service after another: what fails leaves the old one, what waits is handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.unit.service_stand_ins import Numbers, Phone, Venue, in_world, message
from watcher.assembly import Outside
from watcher.domain.road import Reach
from watcher.lives import Lives
from watcher.ports import DeliveryError, StoreError
from watcher.service.clock import SteppedClock
from watcher.service.schedule import SteppedScheduler
from watcher.settings import ConfigError, Settings
from watcher.store.life import NoSign, holder
from watcher.store.outcome import Outcome, last_outcome
from watcher.store.sqlite import SqliteStore


def settings(calm: str = "10s", *, chat: int = 7, **tables: Any) -> Settings:
    return Settings(
        accounts={"main": {"venue": "bybit"}},
        poll={"calm": calm, "hot": calm},
        telegram={"chat_id": chat},
        **tables,
    )


class House:
    """Lives with stand-ins outside; `latest` is what the file says, or what reading it raises."""

    def __init__(self, clock: SteppedClock, store: SqliteStore) -> None:
        self.clock = clock
        self.store = store
        self.latest: Settings | Exception = settings()
        self.troubles: list[Exception] = []
        self.watched: list[str] = ["main"]
        self.phone = Phone()
        self.venues: list[Venue] = []
        self.opened = 0
        self.closed = 0
        self.lives = Lives(
            clock=clock,
            store=store,
            opening=self._open,
            again=self._read,
            relog=lambda *_settings: None,
        )
        self.life: asyncio.Task[None] | None = None

    async def begin(self, first: Settings | None = None) -> None:
        self.life = asyncio.create_task(self.lives.run(first or settings(), crashes=0))
        await self.clock.sleep(5)

    async def end(self) -> None:
        self.lives.stop()
        assert self.life is not None
        await self.life

    async def reload(self, latest: Settings | Exception) -> Outcome:
        self.latest = latest
        self.lives.reload()
        await self.clock.sleep(1)
        return await self.store.read(last_outcome)

    async def _open(self, latest: Settings, doors: AsyncExitStack) -> Outside:
        self.opened += 1
        doors.callback(self._close)
        if self.troubles:
            raise self.troubles.pop(0)
        venues = {name: Venue(name, ["50000"]) for name in self.watched}
        self.venues += venues.values()
        return Outside(
            clock=self.clock,
            scheduler=SteppedScheduler(self.clock),
            store=self.store,
            venues=venues,
            moneys={},
            channels={Reach.CHAT: self.phone},
            ids=Numbers(),
            warm=self._warm,
            notify=lambda _state: None,
        )

    def _close(self) -> None:
        self.closed += 1

    def _read(self) -> Settings:
        if isinstance(self.latest, Exception):
            raise self.latest
        return self.latest

    async def _warm(self) -> None:
        return None

    def said(self, word: str) -> list[str]:
        return [text for text in self.phone.plain() if word in text.splitlines()[0]]


def played(folder: Path, story: Callable[[House], Awaitable[None]]) -> None:
    async def run(clock: SteppedClock) -> None:
        store = await SqliteStore.open(folder)
        house = House(clock, store)
        try:
            try:
                await story(house)
            finally:
                await house.end()
        finally:
            await store.close()
        assert house.closed == house.opened

    in_world(run)


def test_the_next_life_polls_by_the_new_settings_and_the_old_is_gone(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.begin()
        (first,) = house.venues
        seen = first.snapshots
        assert seen

        done = await house.reload(settings("20s"))

        lines = ("poll.calm: 10s -> 20s", "poll.hot: 10s -> 20s")
        assert done == Outcome(number=1, taken=True, lines=lines)
        await house.clock.sleep(100)
        second = house.venues[1]
        assert first.snapshots <= seen + 1
        assert second.snapshots == pytest.approx(6, abs=1)
        assert [house.opened, house.closed] == [2, 1]
        assert len(house.said("RELOADED")) == 1
        assert not house.said("STOPPED")

    played(tmp_path, story)


@pytest.mark.parametrize(
    ("trouble", "line"),
    [
        (ConfigError(["accounts.main.api_secret: no key"]), "accounts.main.api_secret: no key"),
        (StoreError("ledger.db: full"), "ledger.db: full"),
        (RuntimeError("defect"), "the service could not start with them: RuntimeError: defect"),
    ],
)
@pytest.mark.parametrize("while_", ["reading", "opening"])
def test_what_fails_before_the_swap_leaves_the_old_life_alone(
    tmp_path: Path, trouble: Exception, line: str, while_: str
) -> None:
    async def story(house: House) -> None:
        await house.begin()
        if while_ == "opening":
            house.troubles.append(trouble)
        done = await house.reload(trouble if while_ == "reading" else settings("20s"))

        assert done == Outcome(number=1, taken=False, lines=(line,))
        assert len(house.said("NEW SETTINGS NOT TAKEN")) == 1
        (venue,) = house.venues
        seen = venue.snapshots
        await house.clock.sleep(60)
        assert venue.snapshots >= seen + 5
        assert (await house.reload(settings("20s"))).taken  # and once mended it is taken

    played(tmp_path, story)


def test_a_life_that_cannot_begin_gives_way_to_the_old_settings(tmp_path: Path) -> None:
    """A defect of ours in wiring the new one must not end the watch."""

    async def story(house: House) -> None:
        await house.begin()
        house.watched = ["nobody"]  # an account the settings do not have
        real = house.lives._open

        async def healed(latest: Settings, changed: Any = ()) -> Any:
            opened = await real(latest, changed)
            house.watched = ["main"]
            return opened

        house.lives._open = healed  # type: ignore[method-assign]
        done = await house.reload(settings("20s"))

        assert not done.taken
        assert "KeyError" in done.lines[0]
        assert len(house.said("NEW SETTINGS NOT TAKEN")) == 1
        assert not house.said("RELOADED")
        third = house.venues[2]
        await house.clock.sleep(60)
        assert third.account == "main"
        assert third.snapshots >= 5
        assert house.closed == 2

    played(tmp_path, story)


def test_a_first_life_that_cannot_begin_leaves_nothing_open(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        house = House(clock, store)
        house.watched = ["nobody"]
        with pytest.raises(KeyError):
            await house.lives.run(settings(), crashes=0)
        await store.close()

        assert [house.opened, house.closed] == [1, 1]

    in_world(story)


def test_another_state_folder_is_refused_while_it_runs(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.begin(settings(state_dir="here"))
        done = await house.reload(settings("20s", state_dir="elsewhere"))

        assert not done.taken
        assert done.lines[0].startswith('state_dir: found "elsewhere", expected "here" while it')
        assert house.opened == 1

    (tmp_path / "here").mkdir()
    played(tmp_path, story)


def test_settings_that_did_not_change_swap_nothing_and_tell_nobody(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.begin()
        said = len(house.phone.texts)
        done = await house.reload(settings())

        assert done == Outcome(number=1, taken=True)
        assert house.opened == 1
        assert len(house.phone.texts) == said

    played(tmp_path, story)


def test_what_waits_in_memory_is_said_by_the_next_life(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.begin()
        house.phone.failures = [DeliveryError("unreachable", retry_after_s=30.0)]
        present = house.lives._present()
        present.outbound.tell(message("from memory"))
        await house.clock.sleep(1)
        assert not house.said("from memory")

        assert (await house.reload(settings("20s"))).taken
        await house.clock.sleep(5)

        assert len(house.said("from memory")) == 1

    played(tmp_path, story)


@pytest.mark.parametrize("failure", [None, DeliveryError("kicked", refused=True)])
def test_a_chat_that_is_left_is_told(tmp_path: Path, failure: DeliveryError | None) -> None:
    """Whoever reads there would take its silence for safety."""

    async def story(house: House) -> None:
        await house.begin()
        first, house.phone = house.phone, Phone()
        first.failures = [failure]

        assert (await house.reload(settings(chat=8))).taken

        titles = [title for title in first.titles() if "THIS CHAT IS LEFT" in title]
        assert len(titles) == (failure is None)
        assert len(house.said("RELOADED")) == 1
        assert not house.said("THIS CHAT IS LEFT")
        again, house.phone = house.phone, Phone()
        assert (await house.reload(settings("20s", chat=8))).taken
        assert not any("LEFT" in title for title in again.titles())

    played(tmp_path, story)


def test_many_signals_in_a_row_end_with_the_latest_settings(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.begin()
        for calm in ("20s", "30s", "40s"):
            house.latest = settings(calm)
            house.lives.reload()
            await asyncio.sleep(0)
        await house.clock.sleep(1)

        assert house.lives._present().settings.poll.calm == 40_000_000
        assert house.opened - house.closed == 1

    played(tmp_path, story)


def test_told_to_stop_in_the_middle_it_stops_and_says_so(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        await house.begin()
        house.latest = settings("20s")
        house.lives.reload()
        await asyncio.sleep(0)
        await house.end()

        assert house.said("STOPPED")

    played(tmp_path, story)


def test_a_store_that_takes_nothing_keeps_the_old_settings(tmp_path: Path) -> None:
    """What is known in memory only would be forgotten by the next life."""

    async def story(house: House) -> None:
        await house.begin()
        written = house.store.written

        async def full(_work: object) -> Any:
            raise StoreError("ledger.db: disk full")

        house.store.written = full  # type: ignore[method-assign]
        await house.reload(settings("20s"))

        assert house.opened == 1
        (told,) = house.said("NEW SETTINGS NOT TAKEN")
        assert "disk full" in told
        house.store.written = written  # type: ignore[method-assign]

    played(tmp_path, story)


# -- who is told by a signal -----------------------------------------------------------------------


def test_only_the_process_that_holds_the_lock_and_signed_it_is_told(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        assert holder(tmp_path) is None  # it holds the lock and does not listen yet
        await house.begin(settings(state_dir=str(tmp_path)))
        assert holder(tmp_path) == int((tmp_path / "lock").read_text())

    assert holder(tmp_path) is None
    played(tmp_path, story)
    assert (tmp_path / "lock").read_text().strip()
    assert holder(tmp_path) is None  # signed, by one that holds it no more


@pytest.mark.parametrize("signed", ["", "nobody", "99999999", "-1"])
def test_what_stands_in_an_old_lock_is_nobody(tmp_path: Path, signed: str) -> None:
    (tmp_path / "lock").write_text(signed)

    assert holder(tmp_path) is None


def test_a_lock_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()

    with pytest.raises(NoSign):
        holder(tmp_path)
