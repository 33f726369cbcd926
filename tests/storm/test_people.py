"""The people of a storm act late, twice and wrongly, the same way every time, and outlive it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.ports import Channel, Command, Key, Press
from watcher.service.clock import SystemClock
from watcher.storm.chat import Arrived, SimChat, Wire
from watcher.storm.disk import Dead
from watcher.storm.journal import Journal
from watcher.storm.loop import VirtualLoop
from watcher.storm.people import ALLOWED, OUTSIDERS, TURNED_AWAY, Deed, People
from watcher.storm.weather import Fault, Spell, Weather

START_US = 1_790_000_000 * SECOND_US
HOUR_S = 3600


@dataclass
class Taker:
    """An answerer that takes everything and notes it."""

    commands: list[Command] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)

    def answer(self, command: Command, road: Channel) -> None:
        self.commands.append(command)

    async def press(self, press: Press, road: Channel) -> str:
        self.presses.append(press)
        await asyncio.sleep(0.05)
        return "Acked"


@dataclass
class Stage:
    """One history: `taker` has what got through over all lives."""

    taker: Taker
    done: list[Deed]
    trace: str


def alert(at_s: float, number: int) -> Arrived:
    labels = (say.BUTTON_ACK, say.BUTTON_MUTE, say.BUTTON_CHART)
    return Arrived(
        at_us=START_US + round(at_s * SECOND_US),
        road=Reach.CHAT,
        text=f"🔴 CRITICAL #K7F{number}·1 main\nunified 5.2 % from liquidation",
        silent=False,
        receipt=str(1000 + number),
        keys=tuple(Key(label=label, token=f"{label}{number}") for label in labels),
    )


def played(
    seed: int, *, hours: float = 6, lives: int = 1, alerts: int = 12, asleep: bool = False
) -> Stage:
    """Play *lives* processes one after the other before a chat that shows *alerts* in an hour."""
    loop = VirtualLoop(START_US)
    spells = [Spell(fault=Fault.ASLEEP, from_us=0, until_us=START_US * 2)] if asleep else []
    weather = Weather(spells, seed=seed, now_us=lambda: loop.now_us)
    journal = Journal(lambda: loop.now_us, START_US)
    wires = {Reach.CHAT: Wire(Reach.CHAT)}
    people = People(seed=seed, wires=wires, weather=weather, journal=journal)
    taker = Taker()

    async def life() -> None:
        over = False

        def alive() -> None:
            if over:
                raise Dead

        clock = SystemClock(lambda: loop.now_us * 1000, lambda: loop.now_us * 1000)
        chat = SimChat(
            wires[Reach.CHAT],
            clock=clock,
            weather=weather,
            journal=journal,
            alive=alive,
            seed=seed,
            birth=0,
        )
        heard = asyncio.create_task(people.listen(taker, {Reach.CHAT: chat}, clock, alive))
        await asyncio.sleep(hours * HOUR_S / lives)
        over = True
        heard.cancel()
        await asyncio.wait([heard])

    async def play() -> None:
        wires[Reach.CHAT].arrived += [alert(HOUR_S * one / alerts, one) for one in range(alerts)]
        for _ in range(lives):
            await life()
            await asyncio.sleep(30)

    loop.run_until_complete(play())
    loop.close()
    return Stage(taker=taker, done=people.done, trace=journal.trace)


def test_the_same_seed_is_the_same_people() -> None:
    assert played(3).trace == played(3).trace
    assert played(3).trace != played(4).trace


def test_outsiders_never_get_past_the_gate() -> None:
    stage = played(5)

    outside = [deed for deed in stage.done if deed.who.startswith("outsider")]
    assert outside
    assert {deed.answer for deed in outside} == {TURNED_AWAY}
    acted = [one.user_id for one in stage.taker.commands]
    acted += [one.user_id for one in stage.taker.presses]
    assert not [one for one in acted if one in OUTSIDERS]


def test_readers_press_leaked_buttons_and_are_no_operators() -> None:
    presses = [one for seed in range(4) for one in played(seed).taker.presses]

    assert any(one.operator for one in presses)
    assert any(not one.operator for one in presses)
    assert all(one.operator == (one.user_id in ALLOWED) for one in presses)


def test_no_chart_is_ever_asked_for() -> None:
    """It would be drawn by a process in real time, which virtual time cannot wait for."""
    stage = played(6)

    assert all(say.BUTTON_CHART not in deed.what for deed in stage.done)
    assert all(one.word != "chart" for one in stage.taker.commands)


def test_buttons_are_pressed_twice_and_updates_come_again() -> None:
    presses = [one for seed in range(6) for one in played(seed).taker.presses]

    again = [one.update_id for one in presses]
    assert len(set(again)) < len(again), "no update was delivered twice"
    numbers: dict[tuple[str, int], set[int]] = {}
    for one in presses:
        numbers.setdefault((one.token, one.user_id), set()).add(one.update_id)
    assert any(len(one) > 1 for one in numbers.values()), "nobody pressed a button twice"


def test_what_was_not_confirmed_comes_again_in_the_next_life() -> None:
    once, thrice = played(7), played(7, lives=3)

    assert len(thrice.done) > 2
    taken = [one.update_id for one in thrice.taker.commands]
    assert len(taken) - len(set(taken)) > 0
    assert max(taken) > max(one.update_id for one in once.taker.commands) - 200


def test_who_is_asleep_does_nothing() -> None:
    stage = played(8, asleep=True)

    assert not [deed for deed in stage.done if deed.who.startswith("operator")]
    assert [deed for deed in stage.done if deed.who.startswith("reader")]


def test_answers_come_after_ten_seconds_and_within_a_night() -> None:
    stage = played(9, alerts=1, hours=10)

    presses = [deed.at_us - START_US for deed in stage.done if deed.what.startswith("press")]
    assert all(10 * SECOND_US <= one <= 481 * MINUTE_US for one in presses)
