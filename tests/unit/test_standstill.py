"""A top-up held while it is needed is told: once it stood, once for each reason and incident."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.money_desk import Desk, desk
from tests.unit.money_stand_ins import FINE, Bank
from tests.unit.top_up_books import AUTO, limited
from watcher.domain.topup import Mode, TopUpRules
from watcher.ports import FROZEN, Flag, VenueError

POOR = limited(keep_in_source=Decimal(1_000_000))
"""The source must keep more than there is."""
NO_TOP_UP = "❗ NO TOP-UP"


def play(
    folder: Path,
    story: Callable[[Desk], Awaitable[None]],
    rules: TopUpRules = AUTO,
    bank: Bank | None = None,
) -> None:
    async def run() -> None:
        async with desk(folder, rules, bank=bank) as made:
            await story(made)

    asyncio.run(run())


async def noes(one: Desk) -> int:
    return sum(title.startswith(NO_TOP_UP) for title in await one.said())


async def stay(one: Desk, seconds: float, distance: float = 9.3, every_s: float = 4.0) -> None:
    for _ in range(round(seconds / every_s)):
        await one.look(distance, after_s=every_s)


@pytest.mark.parametrize("mode", [Mode.REQUEST, Mode.ASK, Mode.AUTO, Mode.DRY_RUN])
def test_a_reason_is_told_once_when_it_stood_and_again_an_hour_later(
    tmp_path: Path, mode: Mode
) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        assert await noes(one) == 0, "it may be gone with the next reading"
        await stay(one, 12)
        assert await noes(one) == 1
        await stay(one, 3_540, every_s=60)
        assert await noes(one) == 1
        await stay(one, 120, every_s=60)
        assert await noes(one) == 2

    play(tmp_path, story, replace(POOR, mode=mode))


def test_another_reason_is_told_of_its_own(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await stay(one, 16)
        flag = Flag(name=FROZEN, user_id=1, at_us=1)
        await one.store.raise_flag(flag, one.clock.now())
        await stay(one, 16)
        assert await noes(one) == 2

    play(tmp_path, story, POOR)


def test_a_reason_that_comes_and_goes_between_two_readings_is_not_told(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        for _ in range(20):
            await one.look(9.3)
            await one.look(12.0)
        assert await noes(one) == 0

    play(tmp_path, story, POOR)


def test_a_new_incident_is_told_anew(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await stay(one, 16)
        await stay(one, 1_800, 60.0, every_s=60)
        await stay(one, 20)
        assert await noes(one) == 2, "within the hour"

    play(tmp_path, story, POOR)


def test_a_restart_does_not_tell_the_same_again(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await stay(one, 16)
        one.fund = one.started()
        await stay(one, 60)
        assert await noes(one) == 1

    play(tmp_path, story, POOR)


@pytest.mark.parametrize("distance", [10.5, 60.0])
def test_where_the_trigger_is_not_reached_nothing_is_said(tmp_path: Path, distance: float) -> None:
    async def story(one: Desk) -> None:
        flag = Flag(name=FROZEN, user_id=1, at_us=1)
        await one.store.raise_flag(flag, one.clock.now())
        await stay(one, 60, distance)
        assert await noes(one) == 0

    play(tmp_path, story, POOR)


def test_a_top_up_under_way_asked_for_denied_or_done_is_no_standstill(tmp_path: Path) -> None:
    for number, mode in enumerate((Mode.ASK, Mode.REQUEST, Mode.DRY_RUN)):

        async def story(one: Desk) -> None:
            await one.slide()
            await stay(one, 120)
            if one.rules.mode is Mode.ASK:
                [asked] = await one.intents()
                await one.fund.decided(asked.id, yes=False, user_id=7)
                await stay(one, 120)
            assert await noes(one) == 0

        folder = tmp_path / str(number)
        folder.mkdir()
        play(folder, story, replace(AUTO, mode=mode))


def test_what_was_refused_was_told_and_what_was_done_too_little_waits(tmp_path: Path) -> None:
    async def refused(one: Desk) -> None:
        await one.slide()
        await stay(one, 120)
        assert await one.states() == ["rejected"]
        assert await noes(one) == 0

    async def done(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        await stay(one, 60)
        assert await one.states() == ["done"]
        assert await noes(one) == 1

    for name, story, reply in (("refused", refused, ["no"]), ("done", done, [])):
        folder = tmp_path / name
        folder.mkdir()
        play(folder, story, bank=Bank(reply=list(reply)))


def test_books_that_cannot_be_read_are_told_where_it_is_needed(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        async def broken(*given: object, **more: object) -> object:
            raise VenueError("502")

        one.money.history = broken  # type: ignore[method-assign,assignment]
        await stay(one, 60, 60.0)
        assert await noes(one) == 0
        await stay(one, 24)
        assert await noes(one) == 1

    play(tmp_path, story)


def test_a_key_that_does_not_fit_is_named_again_in_danger(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        one.money.rights_now = replace(FINE, transfer=False)
        await stay(one, 60, 60.0)
        assert await noes(one) == 0
        await stay(one, 24)
        assert await noes(one) == 1

    play(tmp_path, story)
