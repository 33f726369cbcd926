"""
The money loop dies: before and after every call it makes, and between any two lines of a send.

What must hold is the venue's truth: one decision is one movement, whatever died when, and what may
have been sent is in the ledger and is found out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.money_desk import Desk, desk
from tests.unit.money_stand_ins import Bank, Killed
from watcher.domain.topup import COUNTED, Assurance, Intent, Progress
from watcher.policy import protocol

POINTS_MAX = 400


class Mortal:
    """A port whose calls are counted before and after; the process dies at the *fatal* one."""

    def __init__(self, port: Any, tick: Callable[[str], None]) -> None:
        self._port = port
        self._tick = tick

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)

        async def counted(*given: Any, **more: Any) -> Any:
            self._tick(f"before {name}")
            found = await call(*given, **more)
            self._tick(f"after {name}")
            return found

        return counted


class Fate:
    """Counts points, and kills at one of them."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.points: list[str] = []

    def tick(self, point: str) -> None:
        self.points.append(point)
        if len(self.points) == self.fatal:
            raise Killed(point)


async def _lives(one: Desk, fatal: int) -> Fate:
    """Slide until a top-up is sent and proven, dying at the point *fatal*; then start again."""
    fate = Fate(fatal)
    ledger = one.purse
    one.purse = Mortal(ledger, fate.tick)
    one.money.on = fate.tick
    one.fund = one.started()
    try:
        await one.slide()
        await one.wait(1)
        await one.look(20.0)
    except Killed:
        pass
    one.purse = ledger
    one.money.on = lambda _point: None
    one.fund = one.started()
    # no second decision is called for any more: whatever is moved now belongs to the first
    for after_s in (1, 4, 30, 30, 60):
        await one.look(20.0, after_s=after_s)
    return fate


@pytest.mark.parametrize(
    ("assurance", "reply"),
    [
        (Assurance.DEDUP, []),
        (Assurance.DEDUP, ["never"]),
        (Assurance.LOOKUP, ["no"]),
        (Assurance.BLIND_SEND, ["lost"]),
    ],
    ids=["dedup ok", "dedup never", "lookup no", "blind lost"],
)
def test_a_death_at_any_point_doubles_nothing_and_forgets_nothing(
    tmp_path: Path, assurance: Assurance, reply: list[str]
) -> None:
    async def story() -> int:
        dedups = assurance is Assurance.DEDUP
        for fatal in range(1, POINTS_MAX):
            bank = Bank(reply=list(reply), dedups=dedups)
            async with desk(tmp_path / str(fatal), bank=bank, assurance=assurance) as one:
                fate = await _lives(one, fatal)
                _check(bank, await one.intents(), f"died {fate.points[fatal - 1 :][:1]}")
                assert await one.store.flags() == {}, f"frozen after {fate.points[fatal - 1 :][:1]}"
            if len(fate.points) < fatal:
                return fatal
        raise AssertionError("too many points")

    points = asyncio.run(story())

    assert points > 30


def _check(bank: Bank, intents: Any, where: str) -> None:
    assert len(bank.moved) <= 1, where
    counted = [one for one in intents if one.progress in COUNTED]
    if bank.moved:
        assert [one.progress for one in counted] in (
            [Progress.DONE],
            [Progress.UNKNOWN],
            [Progress.HUMAN],
        ), where
        assert counted[0].amount == bank.moved[0].amount, where
    if bank.posts and not bank.moved:
        assert all(one.progress is not Progress.DONE for one in intents), where
    assert all(one.progress is not Progress.SENDING for one in intents), where


def test_signing_after_the_commit_would_double(tmp_path: Path) -> None:
    """The fence is the stamp of before the transaction: the request bears it to the millisecond."""

    async def story() -> None:
        async with desk(tmp_path) as one:
            claimed: list[int] = []
            claim = one.purse.claim_sending

            async def slept(intent: Intent, ts_ms: int, *given: Any) -> Any:
                found = await claim(intent, ts_ms, *given)
                claimed.append(ts_ms)
                one.clock.pass_(0.9)
                return found

            one.purse.claim_sending = slept
            await one.slide()
            assert [ts_ms for _, ts_ms in one.money.bank.posts] == claimed
            assert claimed[0] < one.clock.at_us // 1000

    asyncio.run(story())


@pytest.mark.parametrize("assurance", list(Assurance))
def test_two_loops_on_one_ledger_are_one_decision(tmp_path: Path, assurance: Assurance) -> None:
    async def story() -> None:
        dedups = assurance is Assurance.DEDUP
        async with desk(tmp_path, bank=Bank(dedups=dedups), assurance=assurance) as one:
            first, second = one.fund, one.started()
            for distance in (30.0, 9.4, 9.3, 9.2, 9.1):
                one.fund = first
                await one.look(distance, turn=False)
                assert one.state.last_good is not None
                second.seen(one.state, one.state.last_good)
                await asyncio.gather(first.round(), second.round())
            assert len(one.money.bank.moved) == 1
            assert len(one.money.bank.posts) == 1
            await asyncio.gather(first.round(), second.round())
            assert await one.states() == ["done"]
            said = [title for title in await one.said() if "DONE" in title]
            assert len(said) == 1

    asyncio.run(story())


def test_two_installs_with_ledgers_of_their_own_send_one_id(tmp_path: Path) -> None:
    """Both see the same history: the venue takes the id of the decision once."""

    async def story() -> None:
        bank = Bank(reply=["late"])
        async with desk(tmp_path / "a", bank=bank) as one, desk(tmp_path / "b", bank=bank) as other:
            await one.slide()
            await other.slide()
            bank.arrive(one.clock.at_us // 1000)
            for each in (one, other):
                for _ in range(4):
                    await each.look(20.0)
            assert len(bank.moved) == 1
            refs = {sent.venue_ref for sent, _ in bank.posts}
            assert len(refs) == 1

    asyncio.run(story())


def test_found_sending_at_a_start_is_unknown_and_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path) as one:

            def dies(point: str) -> None:
                if point == "after send":
                    raise Killed

            one.money.on = dies
            with pytest.raises(Killed):
                await one.slide()
            assert await one.states() == ["sending"]
            one.money.on = lambda _point: None
            one.money.down = True
            one.fund = one.started()
            await one.fund.round()
            assert await one.states() == ["unknown"]
            assert any("NOT KNOWN" in title for title in await one.said())
            one.money.down = False
            await one.wait(2)
            assert await one.states() == ["done"]
            assert len(one.money.bank.posts) == 1

    asyncio.run(story())


def test_the_repeat_after_a_restart_has_the_same_id_and_a_new_stamp(tmp_path: Path) -> None:
    async def story() -> None:
        async with desk(tmp_path, bank=Bank(reply=["never"])) as one:
            await one.slide()
            one.fund = one.started()
            for _ in range(4):
                await one.look(9.3)
            [first, second] = one.money.bank.posts
            assert first[0].venue_ref == second[0].venue_ref
            assert first[0].venue_ref == protocol.venue_ref(first[0].decision_key, 0)
            assert first[1] < second[1]
            assert len(one.money.bank.moved) == 1

    asyncio.run(story())
