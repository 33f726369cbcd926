"""Safe mode: how crashes are counted, what stands still after five, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import START_US, FailingStore, in_world, moment, rules
from watcher.domain.alert import MINUTE_US, SECOND_US, AlertRules, Message
from watcher.domain.road import Reach
from watcher.ports import PAUSED, Flag, Store
from watcher.service.clock import SteppedClock
from watcher.service.safe_mode import SafeMode
from watcher.store.sqlite import SqliteStore
from watcher.store.starts import FILE, Starts


def test_starts_count_as_crashes_until_one_is_forgotten(tmp_path: Path) -> None:
    assert [Starts(tmp_path).note(moment(after)) for after in (0, 20, 40)] == [0, 1, 2]

    Starts(tmp_path).forget()

    assert Starts(tmp_path).note(moment(60)) == 0


def test_crashes_long_ago_and_clocks_set_back_count_no_more(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    starts.note(moment(3600))  # by a clock that was wrong then
    starts.note(moment(0))

    assert starts.note(moment(300)) == 1
    assert starts.note(moment(601)) == 0


def test_a_file_that_is_none_counts_nothing_and_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"a": [', encoding="utf-8")

    assert [Starts(tmp_path).note(moment(after)) for after in (0, 1)] == [0, 1]


def test_a_folder_that_takes_nothing_keeps_nobody_from_watching(tmp_path: Path) -> None:
    assert Starts(tmp_path / "gone").note(moment()) == 0
    Starts(tmp_path / "gone").forget()


def test_many_starts_do_not_grow_the_file(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    counts = [starts.note(moment(second)) for second in range(60)]

    assert max(counts) == 20
    assert (tmp_path / FILE).stat().st_size < 500


@dataclass
class Account:
    rules: AlertRules


class Scene:
    def __init__(self, clock: SteppedClock, store: Store, crashes: int) -> None:
        own = replace(rules(), poll_calm_us=10 * SECOND_US, poll_hot_us=4 * SECOND_US)
        self.account = Account(own)
        self.own = own
        self.told: list[Message] = []
        self.settled = 0
        self.resumed = 0
        self.mode = SafeMode(
            crashes=crashes,
            paced={"main": self.account},
            store=store,
            tell=self.told.append,
            clock=clock,
            settled=self._settle,
            resume=self._resume,
        )

    def _settle(self) -> None:
        self.settled += 1

    def _resume(self) -> None:
        self.resumed += 1


def title(message: Message) -> str:
    return message.text.plain.splitlines()[0]


def test_five_crashes_slow_it_down_hold_money_and_are_told_once(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        scene = Scene(clock, store, 5)
        await scene.mode.begin()
        again = Scene(clock, store, 6)
        await clock.sleep(30)
        await again.mode.begin()

        assert scene.mode.active
        assert scene.account.rules.poll_hot_us == 15 * SECOND_US
        assert scene.account.rules.poll_calm_us == 15 * SECOND_US
        flag = (await store.flags())[PAUSED]
        assert flag.until_us == clock.now().wall_us + 10 * MINUTE_US
        said = await store.claim(clock.now(), limit=9)
        assert [(title(c.message), c.message.reach) for c in said] == [
            ("🔧 SAFE MODE", Reach.FALLBACK)
        ]
        assert "died 5 times" in said[0].message.text.plain
        await store.close()

    in_world(story)


def test_fewer_crashes_change_nothing(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        scene = Scene(clock, store, 4)
        await scene.mode.begin()
        assert scene.account.rules == scene.own
        assert await store.flags() == {}
        await scene.mode.settle()
        assert (scene.settled, scene.resumed, scene.told) == (1, 0, [])
        await store.close()

    in_world(story)


def test_a_longer_pause_of_a_person_stays(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        until_us = START_US + 3600 * SECOND_US
        theirs = Flag(name=PAUSED, user_id=7, at_us=START_US, until_us=until_us)
        await store.raise_flag(theirs, clock.now())
        await Scene(clock, store, 5).mode.begin()
        assert (await store.flags())[PAUSED] == theirs
        await store.close()

    in_world(story)


def test_it_ends_once_with_everything_as_before(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        store = await SqliteStore.open(tmp_path)
        scene = Scene(clock, store, 5)
        await scene.mode.begin()
        await clock.sleep(600)
        assert await scene.mode.settle() == 600
        await scene.mode.settle()
        assert scene.account.rules == scene.own
        assert (scene.settled, scene.resumed) == (2, 1)
        assert [title(message) for message in scene.told] == ["🔧 SAFE MODE IS OVER"]
        await store.close()

    in_world(story)


@pytest.mark.parametrize("crashes", [5, 50])
def test_a_store_that_fails_does_not_keep_it_from_being_told(crashes: int) -> None:
    async def story(clock: SteppedClock) -> None:
        scene = Scene(clock, FailingStore(), crashes)  # type: ignore[arg-type]  # a part of it
        await scene.mode.begin()
        assert scene.mode.active
        assert [title(message) for message in scene.told] == ["🔧 SAFE MODE"]

    in_world(story)
