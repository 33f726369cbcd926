"""The bank of a simulation, and the judges of what it executed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.money_stand_ins import intent
from tests.unit.storm_histories import broken, long_world
from watcher.domain.alert import MINUTE_US, SECOND_US, Moment
from watcher.domain.road import Reach
from watcher.domain.topup import Answered, Assurance, Intent, Mode, Progress, Verb
from watcher.policy import messages as say
from watcher.sim.default import empty_world, new_account
from watcher.store.beside import purse_of
from watcher.store.intents import SqlitePurse
from watcher.store.sqlite import SqliteStore
from watcher.storm.bank import ASSURANCE, WINDOW_MS, Bank, Execution
from watcher.storm.chat import Arrived
from watcher.storm.history import History
from watcher.storm.journal import Journal
from watcher.storm.money import SimMoney
from watcher.storm.operator import Operator
from watcher.storm.oracles import Oracle, money
from watcher.storm.packs import PACKS
from watcher.storm.trial import START_US, Trial, storm_settings
from watcher.storm.truth import Truth
from watcher.storm.weather import MONEY_FAULTS, Fault, Spell, Weather
from watcher.venues.binance.money import BinanceMoney
from watcher.venues.bybit.money import BybitMoney
from watcher.venues.okx.money import OkxMoney

ACCOUNT = "main"


async def written(folder: Path, one: Intent) -> None:
    """Leave a ledger with *one* in *folder*."""
    store = await SqliteStore.open(folder)
    assert await SqlitePurse(store).propose(one, ())
    await store.close()


class Clock:
    def __init__(self) -> None:
        self.now_us = START_US

    def __call__(self) -> int:
        return self.now_us


def bank_of(clock: Clock, *faults: Fault, venue: str = "bybit") -> Bank:
    world = empty_world(start_us=START_US)
    new_account(world, ACCOUNT, venue, "unified", {"funding": {"USDT": "10000"}})
    spells = [Spell(fault=one, from_us=0, until_us=START_US + 10**9) for one in faults]
    return Bank(world, ACCOUNT, Weather(spells, seed=1, now_us=clock), clock)


def sent(number: int = 1, *, amount: str = "100", **changes: object) -> Intent:
    made = intent(f"a{number}", venue_ref=f"{number:032d}", amount=Decimal(amount))
    return replace(made, **changes)  # type: ignore[arg-type]


def now_ms(clock: Clock) -> int:
    return clock.now_us // 1000


# -- the bank --------------------------------------------------------------------------------------


def test_the_classes_are_those_of_the_real_clients() -> None:
    real = {"binance": BinanceMoney, "bybit": BybitMoney, "okx": OkxMoney}

    assert {name: one.move_assurance for name, one in real.items()} == ASSURANCE


def test_a_move_is_carried_out_once_and_a_used_id_refused() -> None:
    clock = Clock()
    bank = bank_of(clock)

    answers = [bank.post(sent(), now_ms(clock)) for _ in range(2)]

    assert [one and one.answered for one in answers] == [Answered.SUCCESS, Answered.DUPLICATE]
    assert bank.held(sent().route) == 9900
    assert bank.world.account(ACCOUNT).balance("unified", "USDT") == 100


@pytest.mark.parametrize(
    ("fault", "answered", "executed"),
    [
        (Fault.MOVE_REFUSED, Answered.REJECTED, 0),
        (Fault.MOVE_LOST, None, 0),
        (Fault.MOVE_UNANSWERED, None, 1),
        (Fault.MOVE_DONE_THEN_ERROR, Answered.UNKNOWN, 1),
        (Fault.MOVE_QUEUED, Answered.SUCCESS, 0),
        (Fault.MOVE_FAILED, Answered.SUCCESS, 0),
    ],
)
def test_each_fault_does_what_it_says(
    fault: Fault, answered: Answered | None, executed: int
) -> None:
    clock = Clock()
    bank = bank_of(clock, fault)

    found = bank.post(sent(), now_ms(clock))

    assert (found and found.answered) == answered
    assert len(bank.executed) == executed


def test_what_is_queued_is_done_within_33_minutes_and_what_fails_never() -> None:
    for fault, executed in ((Fault.MOVE_QUEUED, 1), (Fault.MOVE_FAILED, 0)):
        clock = Clock()
        bank = bank_of(clock, fault)
        bank.post(sent(), now_ms(clock))
        waiting = bank.is_waiting(sent().venue_ref)
        clock.now_us += 34 * MINUTE_US
        bank.settle()

        assert waiting
        assert len(bank.executed) == executed
        assert bank.has_failed(sent().venue_ref) is not bool(executed)


def test_a_late_request_is_taken_only_within_its_window() -> None:
    taken = []
    for seed in range(1, 30):
        clock = Clock()
        bank = bank_of(clock, Fault.MOVE_LATE)
        for _ in range(seed):
            bank._chance.random()
        assert bank.post(sent(), now_ms(clock)) is None
        clock.now_us += 30 * SECOND_US
        bank.settle()
        taken += [one.at_us - START_US for one in bank.executed]

    assert 0 < len(taken) < 29
    assert max(taken) <= WINDOW_MS * 1000


def test_an_old_time_stamp_and_an_empty_wallet_are_refused() -> None:
    clock = Clock()
    bank = bank_of(clock)
    late = bank.post(sent(), now_ms(clock) - WINDOW_MS - 1)
    much = bank.post(sent(amount="10001"), now_ms(clock))

    assert [late and late.answered, much and much.answered] == [Answered.REJECTED] * 2
    assert not bank.executed


def test_a_late_history_shows_a_movement_a_minute_later() -> None:
    clock = Clock()
    bank = bank_of(clock, Fault.HISTORY_LATE)
    bank.post(sent(), now_ms(clock))
    before = bank.shown(sent().route)
    clock.now_us += 61 * SECOND_US

    assert (len(before), len(bank.shown(sent().route))) == (0, 1)


def test_a_repeat_that_is_as_unclear_as_the_first_request_is_no_new_doubt() -> None:
    """Each state is told once: what is not known and said so needs no second word."""
    clock = Clock()
    bank = bank_of(clock, Fault.MOVE_LOST)

    async def pause(seconds: float) -> None:
        clock.now_us += round(seconds * SECOND_US)

    desk = SimMoney(bank, pause=pause, alive=lambda: None, birth=1)
    for _ in range(2):
        asyncio.run(desk.send(sent(), now_ms(clock)))

    assert [one - START_US < SECOND_US for one in bank.unclear.values()] == [True]


def test_a_person_settles_nothing_that_still_waits_at_the_venue(tmp_path: Path) -> None:
    """A queued request called absent makes room for a second one, and then both are done."""
    clock = Clock()
    world, _ = long_world(name=ACCOUNT)
    world.credit(world.account(ACCOUNT), "USDT", Decimal(10_000), wallet="funding")
    settings = storm_settings(world, tmp_path, {ACCOUNT: Mode.AUTO})
    queue = Spell(fault=Fault.MOVE_QUEUED, from_us=0, until_us=START_US + 10**9)
    bank = Bank(world, ACCOUNT, Weather([queue], seed=1, now_us=clock), clock)
    bank.post(sent(), now_ms(clock))
    folder = Path(settings.state_dir)
    asyncio.run(written(folder, sent(progress=Progress.HUMAN)))
    operator = Operator(settings, {ACCOUNT: bank}, START_US)

    standing = []
    for minutes in (10, 60):
        clock.now_us = START_US + minutes * MINUTE_US
        bank.settle()
        operator.look(Moment(steady_us=clock.now_us, wall_us=clock.now_us))
        standing += [one.progress for one in purse_of(folder).intents]

    assert standing == [Progress.HUMAN, Progress.DONE]


# -- its judges ------------------------------------------------------------------------------------


def history_of(
    tmp_path: Path,
    executed: Sequence[Execution] = (),
    *,
    unclear: Mapping[str, int] | None = None,
    arrived: Sequence[Arrived] = (),
    intents: Sequence[Intent] = (),
) -> History:
    clock = Clock()
    world, _ = long_world(name=ACCOUNT)
    tmp_path.mkdir(exist_ok=True)
    settings = storm_settings(world, tmp_path, {ACCOUNT: Mode.AUTO})
    weather = Weather([], seed=1, now_us=clock)
    bank = Bank(world, ACCOUNT, weather, clock)
    bank.executed += executed
    bank.unclear |= unclear or {}
    return History(
        seed=1,
        settings=settings,
        from_us=START_US,
        healed_us=START_US,
        until_us=START_US + 60 * MINUTE_US,
        truth=Truth(world, settings),
        weather=weather,
        arrived=arrived,
        lives=[(START_US, START_US + 60 * MINUTE_US)],
        polls=(),
        journal=Journal(clock, START_US),
        banks={ACCOUNT: bank},
        intents=intents,
    )


def done(number: int, minute: float, *, amount: str = "1000", left: str = "50000") -> Execution:
    return Execution(
        intent=sent(number, amount=amount),
        at_us=START_US + round(minute * MINUTE_US),
        left=Decimal(left),
    )


def seen(at_us: int, text: str) -> Arrived:
    return Arrived(at_us=at_us, road=Reach.CHAT, text=text, silent=False, receipt="1")


def wrong(judge: Oracle, tmp_path: Path, *executed: Execution) -> int:
    return len(broken(judge, history_of(tmp_path, executed)))


def test_a_decision_carried_out_twice_is_found(tmp_path: Path) -> None:
    once, twice = done(1, 1), done(1, 2)

    assert wrong(money.moved_once, tmp_path / "a", once, done(2, 2)) == 0
    assert wrong(money.moved_once, tmp_path / "b", once, twice) == 1


def test_caps_are_judged_in_any_window_of_a_day(tmp_path: Path) -> None:
    full = [done(number, number, amount="1500") for number in range(20)]

    assert wrong(money.within_caps, tmp_path / "a", *full) == 0
    assert wrong(money.within_caps, tmp_path / "b", *full, done(20, 23 * 60)) == 1
    assert wrong(money.within_caps, tmp_path / "c", *full, done(20, 24 * 60 + 1)) == 0
    assert wrong(money.within_caps, tmp_path / "d", done(1, 1, amount="1501")) == 1


def test_the_floor_and_the_way_are_judged(tmp_path: Path) -> None:
    strange = replace(done(1, 1), intent=sent(route=replace(sent().route, source="spot")))

    assert wrong(money.within_bounds, tmp_path / "a", done(1, 1)) == 0
    assert wrong(money.within_bounds, tmp_path / "b", done(1, 1, left="14999")) == 1
    assert wrong(money.within_bounds, tmp_path / "c", strange) == 1


@pytest.mark.parametrize(
    ("progress", "stuck"),
    [
        (Progress.DONE, 0),
        (Progress.HUMAN, 0),
        (Progress.ACCEPTED, 0),
        (Progress.SENDING, 1),
        (Progress.APPROVED, 1),
    ],
)
def test_what_is_left_in_the_middle_is_found(
    progress: Progress, stuck: int, tmp_path: Path
) -> None:
    history = history_of(tmp_path, intents=[sent(progress=progress)])

    assert len(broken(money.nothing_stuck, history)) == stuck


@pytest.mark.parametrize(
    ("assurance", "minutes", "stuck"),
    [
        (Assurance.LOOKUP, 59, 0),
        (Assurance.LOOKUP, 61, 1),
        (Assurance.DEDUP, 59, 0),
        (Assurance.DEDUP, 61, 1),
        (Assurance.BLIND_SEND, 2, 1),
    ],
)
def test_what_no_venue_can_deny_yet_is_not_stuck(
    assurance: Assurance, minutes: int, stuck: int, tmp_path: Path
) -> None:
    """Until the settle time is over "no such id" says nothing; without ids it is soon a person."""
    changed_us = START_US + (60 - minutes) * MINUTE_US
    unknown = sent(
        progress=Progress.UNKNOWN,
        assurance=assurance,
        changed_us=changed_us,
        next_us=START_US + 61 * MINUTE_US,
    )
    history = history_of(tmp_path / "pursued", intents=[unknown])
    assert len(broken(money.nothing_stuck, history)) == stuck

    forgotten = replace(unknown, next_us=START_US + 59 * MINUTE_US)
    history = history_of(tmp_path / "forgotten", intents=[forgotten])
    assert len(broken(money.nothing_stuck, history)) == 1, "nobody looks it up any more"


def test_a_doubt_is_told_within_fifteen_seconds(tmp_path: Path) -> None:
    at_us = START_US + 10 * MINUTE_US
    for after_s, untold in ((14, 0), (16, 1), (None, 1)):
        words = f"❗ {say.TOP_UP_NOT_KNOWN} #AB12 {ACCOUNT}"
        arrived = [] if after_s is None else [seen(at_us + after_s * SECOND_US, words)]
        folder = tmp_path / str(after_s)
        history = history_of(folder, unclear={"a1": at_us}, arrived=arrived)
        assert len(broken(money.doubt_told, history)) == untold


# -- the pack --------------------------------------------------------------------------------------


def test_a_short_run_of_the_pack_moves_money_and_keeps_every_promise_about_it(
    tmp_path: Path,
) -> None:
    history = Trial(replace(PACKS["MONEY"].plan(1), hours=0.2), tmp_path).play()

    judges = (
        money.moved_once,
        money.within_caps,
        money.within_bounds,
        money.nothing_stuck,
        money.doubt_told,
    )
    assert [words for judge in judges for words in judge(history).violations] == []
    assert money.moved_once(history).checks > 0
    assert {one.fault for one in history.weather.spells} & set(MONEY_FAULTS)
    assert Assurance.BLIND_SEND in {bank.assurance for bank in history.banks.values()}
    assert {one.route.verb for one in history.intents} == {Verb.MOVE}
