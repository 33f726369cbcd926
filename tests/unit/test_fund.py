"""The money loop: each mode, each row of the protocol, a death between any two lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.money_desk import Desk, desk
from tests.unit.money_stand_ins import Bank
from tests.unit.top_up_books import AUTO
from watcher.domain.topup import Assurance, Mode, TopUpRules

ASK = replace(AUTO, mode=Mode.ASK)
DRY = replace(AUTO, mode=Mode.DRY_RUN)
REQUEST = replace(AUTO, mode=Mode.REQUEST)


def play(
    folder: Path,
    story: Callable[[Desk], Awaitable[None]],
    rules: TopUpRules = AUTO,
    *,
    bank: Bank | None = None,
    assurance: Assurance = Assurance.DEDUP,
) -> None:
    async def run() -> None:
        async with desk(folder, rules, bank=bank, assurance=assurance) as made:
            await story(made)

    asyncio.run(run())


def test_auto_sends_once_proves_it_and_tells_what_it_brought(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        assert await one.states() == ["done"]
        assert len(one.money.bank.posts) == 1
        await one.look(15.2)
        [intent] = await one.intents()
        assert intent.after == pytest.approx(15.2, abs=0.01)
        assert [t.split(" #")[0] for t in await one.said()] == [
            "💵 TOP-UP",
            "💵 TOP-UP SENT",
            "💵 TOP-UP DONE",
        ]

    play(tmp_path, story)
