"""The watchdog, the supervisor, the schedulers and the clocks: what keeps the loops honest."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.service_stand_ins import START_US, FailingStore, FreeWorld, in_world
from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.domain.sign import Sign
from watcher.ports import Backlog, Bell, DeliveryError
from watcher.service.clock import SteppedClock, SystemClock
from watcher.service.lag import LagProbe
from watcher.service.schedule import ApSchedulerScheduler, SteppedScheduler
from watcher.service.supervise import LoopsFailed, Supervisor
from watcher.service.watchdog import Watchdog, notifier


class QuietStore(FailingStore):
    def __init__(self) -> None:
        self.urgent_since_us: int | None = None
        self.writes = True
        self.signs: list[Sign] = []

    async def backlog(self, *args: object) -> Backlog:
        return Backlog(waiting=0, urgent_since_us=self.urgent_since_us)

    async def probe(self, sign: Sign) -> None:
        if not self.writes:
            await self._fail()
        self.signs.append(sign)


class Slot:
    def __init__(self) -> None:
        self.slot_ended_us: int | None = None
        self.wait_s = 10.0


class Out:
    contact_us: int | None = None
    urgent: int | None = None

    def __init__(self) -> None:
        self.signs: list[DeliveryError | None] = []
        self.told: list[Message] = []

    def tell(self, message: Message) -> None:
        self.told.append(message)

    def urgent_since_us(self) -> int | None:
        return self.urgent

    def warmed(self, error: DeliveryError | None) -> None:
        self.signs.append(error)


class Turning:
    turned_us: int | None = None


async def _sign(now: Moment, faults: Collection[str]) -> Sign:
    return Sign(at_us=now.wall_us, wrong=tuple(faults))


class Kennel:
    def __init__(self, clock: SteppedClock, warm: Any = None) -> None:
        self.store = QuietStore()
        self.slot = Slot()
        self.out = Out()
        self.notified: list[str] = []
        self.deliverer = Turning()
        self.restarted: list[tuple[str, float]] = []
        self.lag = LagProbe(clock)
        self.unsung = ""
        self.clock = clock
        self.dog = Watchdog(
            clock=clock,
            store=self.store,
            slots={"main": self.slot},
            outbound=self.out,
            notify=self.notified.append,
            turning={"deliver:chat": self.deliverer},
            restart=self._restart,
            canary=lambda: self.unsung,
            sign=_sign,
            lag=self.lag,
            warm=warm,
        )
        clock.spawn(self.dog.run(), name="watchdog").set_name("watchdog")

    def _restart(self, name: str) -> None:
        self.restarted.append((name, (self.clock.now().steady_us - START_US) / SECOND_US))

    async def work(self, seconds: float, *, slots: bool = True, turns: bool = True) -> None:
        """Let the loops do their work for so long, or not."""
        for _ in range(round(seconds / 5)):
            now_us = self.clock.now().steady_us
            self.slot.slot_ended_us = now_us if slots else self.slot.slot_ended_us
            self.deliverer.turned_us = now_us if turns else self.deliverer.turned_us
            await self.clock.sleep(5)


def test_systemd_is_fed_while_all_is_well_and_not_when_a_slot_stalls() -> None:
    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)
        await kennel.work(60)
        await clock.sleep(1)
        assert kennel.notified == ["READY=1"] + ["WATCHDOG=1"] * 12
        assert kennel.dog.faults == {}

        await kennel.work(70, slots=False)
        assert list(kennel.dog.faults) == ["slot:main"]
        assert kennel.restarted == [("schedule", 130)]
        assert kennel.notified.count("WATCHDOG=1") == 25

        # the loop was started again and has its time anew
        await kennel.work(75, slots=False)
        assert kennel.restarted == [("schedule", 130), ("schedule", 205)]
        await kennel.work(10)
        assert kennel.dog.faults == {}
        _end("watchdog")

    in_world(story)


def test_a_deliverer_that_does_nothing_is_started_again() -> None:
    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)
        await kennel.work(60)
        await kennel.work(65, turns=False)
        assert list(kennel.dog.faults) == ["deliver:chat"]
        assert kennel.restarted == [("deliver:chat", 120)]
        _end("watchdog")

    in_world(story)


def test_a_loop_that_stood_still_is_told_once_and_aloud_when_it_was_long() -> None:
    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)
        kennel.lag.note(0.9)
        await kennel.work(10)
        assert kennel.out.told == []

        kennel.lag.note(7.0)
        await kennel.work(5)
        assert list(kennel.dog.faults) == ["loop"]
        await kennel.work(5)
        kennel.lag.note(8.0)
        await kennel.work(20)
        assert kennel.dog.faults == {}
        assert [(m.text.plain.splitlines()[1].strip(), m.silent) for m in kennel.out.told] == [
            ("For 7 s nothing was seen or sent", True)
        ]
        await kennel.work(600)
        for _ in range(240):
            kennel.lag.note(0.0)
        kennel.lag.note(3600.0)
        await kennel.work(10)
        assert not kennel.out.told[-1].silent
        assert kennel.restarted == []
        assert kennel.lag.count == 3
        _end("watchdog")

    in_world(story)


def test_a_loop_that_is_late_again_and_again_is_a_fault() -> None:
    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)
        for number in range(240):
            kennel.lag.note(1.5 if number < 2 else 0.0)
        await kennel.work(10)
        assert "lag" not in kennel.dog.faults

        kennel.lag.note(1.5)
        for _ in range(100):
            kennel.lag.note(0.0)
        for _ in range(4):
            kennel.lag.note(1.5)
        await kennel.work(10)
        assert "lag" in kennel.dog.faults
        _end("watchdog")

    in_world(story)


def test_the_probe_sees_a_call_that_blocks_the_loop() -> None:
    async def run() -> float:
        probe = LagProbe(system_clock())
        running = asyncio.create_task(probe.run())
        await asyncio.sleep(0.05)
        time.sleep(0.5)  # noqa: ASYNC251 - what it is about
        await asyncio.sleep(0.3)
        running.cancel()
        return probe.take_worst_s()

    assert asyncio.run(run()) >= 0.2


def test_a_disk_that_takes_nothing_is_told_within_15_s_every_hour_and_when_it_works() -> None:
    """Past the store, on a quiet day too: no account had anything to write."""

    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)
        await kennel.work(60)
        await clock.sleep(2)
        kennel.store.writes = False
        failed_us = clock.now().steady_us
        await kennel.work(2.5 * 3600)
        kennel.store.writes = True
        await kennel.work(15)
        _end("watchdog")

        rows = [message.text.plain.splitlines()[0] for message in kennel.out.told]
        assert rows == ["🔧 CANNOT WRITE TO DISK"] * 3 + ["🔧 DISK WORKS AGAIN"]
        assert kennel.out.told[0].created_at_us - failed_us <= 15 * SECOND_US

    in_world(story)


def test_what_a_restart_cannot_mend_is_told_and_systemd_still_fed() -> None:
    async def story(clock: SteppedClock) -> None:
        async def cold() -> None:
            raise DeliveryError("no connection")

        kennel = Kennel(clock, warm=cold)
        kennel.store.urgent_since_us = clock.now().steady_us
        kennel.store.writes = False
        kennel.unsung = "not told"
        await kennel.work(310)

        assert sorted(kennel.dog.faults) == ["canary", "channel", "outbox", "store"]
        assert kennel.restarted == []
        assert kennel.notified.count("WATCHDOG=1") >= 60
        _end("watchdog")

    in_world(story)


def test_what_fails_is_in_the_sign_of_life_that_is_left_every_ten_seconds() -> None:
    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)
        await kennel.work(30)
        kennel.unsung = "not told"
        await kennel.work(30)
        _end("watchdog")

        times = [sign.at_us for sign in kennel.store.signs]
        assert {later - sooner for sooner, later in pairwise(times)} == {10 * SECOND_US}
        assert kennel.store.signs[0].wrong == ()
        assert kennel.store.signs[-1].wrong == ("canary",)

    in_world(story)


def test_a_defect_in_judging_how_it_goes_stops_nothing() -> None:
    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock)

        async def broken(now: Moment, faults: Collection[str]) -> Sign:
            raise KeyError("x")

        kennel.dog._sign = broken
        await kennel.work(30)
        _end("watchdog")

        assert kennel.store.signs[-1].wrong == ("sign",)
        assert kennel.notified.count("WATCHDOG=1") == 5

    in_world(story)


def test_what_a_sign_of_life_says_is_handed_to_who_delivers() -> None:
    refused = DeliveryError("bot token refused", refused=True)
    answers: list[DeliveryError | None] = [refused, None]

    async def warm() -> str:
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return "watcher_bot"

    async def story(clock: SteppedClock) -> None:
        kennel = Kennel(clock, warm=warm)
        await clock.sleep(130)
        assert kennel.out.signs == [refused, None]
        _end("watchdog")

    in_world(story)


def test_the_service_manager_hears_states(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(5)
        notifier(path)("READY=1")
        assert manager.recv(64) == b"READY=1"
    notifier(str(tmp_path / "gone"))("WATCHDOG=1")
    notifier(None)("READY=1")


def _end(name: str) -> None:
    for task in asyncio.all_tasks():
        if task.get_name() == name:
            task.cancel()


# -- supervision -------------------------------------------------------------------------------


def test_a_loop_that_breaks_is_started_again_later_each_time() -> None:
    async def story(clock: SteppedClock) -> None:
        starts: list[float] = []
        supervisor = Supervisor(clock)

        async def breaks() -> None:
            starts.append((clock.now().steady_us - START_US) / SECOND_US)
            raise ValueError

        supervisor.keep("commands", breaks, vital=False)
        await clock.sleep(20)
        supervisor.stop()
        await supervisor.run()
        await supervisor.finish()
        assert starts == [0, 1, 3, 7, 15]

    in_world(story)


def test_a_vital_loop_that_breaks_three_times_in_five_minutes_ends_the_run() -> None:
    async def story(clock: SteppedClock) -> None:
        supervisor = Supervisor(clock)

        async def breaks() -> None:
            await clock.sleep(1)
            raise ValueError

        supervisor.keep("deliver", breaks)
        with pytest.raises(LoopsFailed, match="deliver broke 3 times"):
            await supervisor.run()
        await supervisor.finish()

    in_world(story)


def test_a_loop_that_is_broken_off_is_started_again_and_counts_as_broken() -> None:
    async def story(clock: SteppedClock) -> None:
        supervisor = Supervisor(clock)
        starts: list[float] = []

        async def hangs() -> None:
            starts.append((clock.now().steady_us - START_US) / SECOND_US)
            task = asyncio.current_task()
            assert task is not None
            assert not task.cancelling()
            await clock.sleep(86_400)

        supervisor.keep("deliver", hangs)
        await clock.sleep(10)
        supervisor.restart("deliver")
        await clock.sleep(0.5)
        supervisor.restart("deliver")  # it waits to be started: nothing to break off
        await clock.sleep(10)
        assert starts == [0, 11]

        supervisor.restart("deliver")
        await clock.sleep(10)
        supervisor.restart("deliver")
        with pytest.raises(LoopsFailed, match="deliver broke 3 times"):
            await supervisor.run()
        await supervisor.finish()

    in_world(story)


def test_stopping_a_loop_that_is_broken_off_stops_it() -> None:
    async def story(clock: SteppedClock) -> None:
        supervisor = Supervisor(clock)
        starts = 0

        async def hangs() -> None:
            nonlocal starts
            starts += 1
            await clock.sleep(86_400)

        supervisor.keep("deliver", hangs)
        await clock.sleep(1)
        supervisor.stop()
        supervisor.restart("deliver")
        await supervisor.finish()
        await clock.sleep(60)
        assert starts == 1

    in_world(story)


def test_a_vital_loop_that_breaks_rarely_is_kept_for_ever() -> None:
    async def story(clock: SteppedClock) -> None:
        supervisor = Supervisor(clock)
        broke = 0

        async def breaks() -> None:
            nonlocal broke
            await clock.sleep(200)
            broke += 1
            raise ValueError

        supervisor.keep("deliver", breaks)
        await clock.sleep(2000)
        assert broke == 9
        supervisor.stop()
        await supervisor.run()
        await supervisor.cancel("deliver")

    in_world(story)


# -- schedulers --------------------------------------------------------------------------------


def system_clock() -> SystemClock:
    return SystemClock(time.monotonic_ns, time.time_ns)


def test_a_ring_beside_the_timer_is_kept_for_the_next_wait() -> None:
    async def run() -> tuple[bool, bool]:
        clock, bell = system_clock(), Bell()
        waiting = asyncio.create_task(clock.wait(bell, 0.02))
        await asyncio.sleep(0)
        time.sleep(0.03)  # noqa: ASYNC251 - so that the timer and the ring come in one turn
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, bell.ring)
        first = await waiting
        return first, await clock.wait(bell, 0.02)

    assert asyncio.run(run()) == (False, True)


def test_apscheduler_runs_a_job_at_the_pace_it_asks_for_and_never_over_itself() -> None:
    async def run() -> list[float]:
        clock = system_clock()
        scheduler = ApSchedulerScheduler(clock)
        began = time.monotonic()
        starts: list[float] = []
        running = 0

        async def job() -> float:
            nonlocal running
            running += 1
            assert running == 1
            starts.append(time.monotonic() - began)
            await asyncio.sleep(0.1)
            running -= 1
            return 0.1

        scheduler.every("job", job, first_s=0.05)
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.8)
        await scheduler.stop()
        await task
        return starts

    starts = asyncio.run(run())

    assert 2 <= len(starts) <= 4
    assert starts[0] >= 0.04
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(starts))


def test_apscheduler_arms_a_job_again_after_a_defect_and_after_its_time_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> list[str]:
        clock = system_clock()
        scheduler = ApSchedulerScheduler(clock)
        ran: list[str] = []

        async def breaks() -> float:
            ran.append("breaks")
            raise ValueError

        async def hangs() -> float:
            ran.append("hangs")
            await asyncio.sleep(60)
            return 0.0

        scheduler.every("breaks", breaks)
        scheduler.every("hangs", hangs, timeout_s=0.05)
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.4)
        armed = {job.id for job in scheduler._scheduler.get_jobs()}
        assert armed == {"breaks", "hangs"}
        await scheduler.stop()
        await task
        return ran

    assert sorted(asyncio.run(run())) == ["breaks", "hangs"]


def test_apscheduler_runs_its_jobs_again_after_its_loop_was_broken_off() -> None:
    async def run() -> int:
        clock = system_clock()
        scheduler = ApSchedulerScheduler(clock)
        supervisor = Supervisor(clock)
        runs = 0

        async def job() -> float:
            nonlocal runs
            runs += 1
            return 0.05

        scheduler.every("job", job)
        supervisor.keep("schedule", scheduler.run)
        await asyncio.sleep(0.3)
        supervisor.restart("schedule")
        await asyncio.sleep(0.2)
        before = runs
        await asyncio.sleep(1.5)
        await supervisor.cancel("schedule")
        return runs - before

    assert asyncio.run(run()) >= 5


def test_apscheduler_is_not_paused_by_a_wall_clock_set_back() -> None:
    """It fires by the wall clock; the guard compares with the steady one and arms anew."""

    async def run() -> int:
        ahead_ns = 3600 * 10**9
        offset_ns = ahead_ns
        clock = SystemClock(time.monotonic_ns, lambda: time.time_ns() + offset_ns)
        scheduler = ApSchedulerScheduler(clock)
        runs = 0

        async def job() -> float:
            nonlocal runs
            runs += 1
            return 0.05

        scheduler.every("job", job)
        # armed an hour ahead by a wrong wall clock: APScheduler itself would wait the hour
        task = asyncio.create_task(scheduler.run())
        await asyncio.sleep(0.2)
        assert runs == 0
        offset_ns = 0
        scheduler._jobs["job"].due_us -= 4 * SECOND_US
        scheduler._guard()
        await asyncio.sleep(0.4)
        await scheduler.stop()
        await task
        return runs

    assert asyncio.run(run()) >= 3


def test_the_stepped_scheduler_keeps_the_same_promises() -> None:
    async def story(clock: SteppedClock) -> None:
        starts: list[float] = []
        broke = 0
        scheduler = SteppedScheduler(clock)

        async def job() -> float:
            starts.append((clock.now().steady_us - START_US) / SECOND_US)
            await clock.sleep(1)
            return 4.0

        async def breaks() -> float:
            nonlocal broke
            broke += 1
            raise ValueError

        scheduler.every("job", job, first_s=2)
        scheduler.every("breaks", breaks)
        running = clock.spawn(scheduler.run(), name="scheduler")
        await clock.sleep(19)
        await scheduler.stop()
        await running
        assert starts == [2, 7, 12, 17]
        assert broke == 4

    in_world(story)


# -- clocks ------------------------------------------------------------------------------------


def test_the_world_stands_still_while_any_task_works() -> None:
    """Real waiting (an answer in flight) inside a tracked task must not let the time move."""
    world = FreeWorld()

    async def story(clock: SteppedClock) -> None:
        async def waits() -> None:
            for _ in range(50):
                await clock.sleep(1)

        ticking = clock.spawn(waits(), name="ticking")
        at_us = clock.now().steady_us
        await asyncio.sleep(0.05)
        assert clock.now().steady_us == at_us
        await clock.sleep(10)
        assert clock.now().steady_us == at_us + 10 * SECOND_US
        await asyncio.sleep(0.05)
        assert clock.now().steady_us == at_us + 10 * SECOND_US
        ticking.cancel()

    in_world(story, world)


def test_a_hold_keeps_the_world_still_for_work_outside_any_task_of_the_clock() -> None:
    async def run() -> None:
        clock = await SteppedClock.open(FreeWorld())
        with clock.hold():
            ticking = clock.spawn(clock.sleep(5), name="ticking")
            await asyncio.sleep(0.02)
            assert clock.now().steady_us == START_US
        await ticking
        assert clock.now().steady_us == START_US + 5 * SECOND_US
        await clock.close()

    asyncio.run(run())


def test_a_ring_keeps_the_world_still_until_the_woken_task_waits_again() -> None:
    async def story(clock: SteppedClock) -> None:
        bell = Bell()
        heard: list[tuple[bool, int]] = []

        async def listens() -> None:
            for _ in range(3):
                rang = await clock.wait(bell, 100)
                heard.append((rang, clock.now().steady_us - START_US))
                await asyncio.sleep(0.01)

        listening = clock.spawn(listens(), name="listening")
        await clock.sleep(3)
        bell.ring()
        await clock.sleep(1)
        bell.ring()
        bell.ring()
        await clock.sleep(200)
        await listening
        assert heard == [(True, 3 * SECOND_US), (True, 4 * SECOND_US), (True, 4 * SECOND_US)] or (
            heard == [(True, 3 * SECOND_US), (True, 4 * SECOND_US), (False, 104 * SECOND_US)]
        )

    in_world(story)


def test_a_world_that_stops_early_is_asked_again() -> None:
    class Halting(FreeWorld):
        async def advance(self, until_us: int) -> int:
            self.steps += 1
            self.at_us = min(until_us, self.at_us + 3 * SECOND_US)
            return self.at_us

    world = Halting()

    async def story(clock: SteppedClock) -> None:
        await clock.sleep(10)
        assert clock.now().steady_us == START_US + 10 * SECOND_US

    in_world(story, world)

    assert world.steps == 4


def test_the_stepped_clock_talks_to_a_practice_server() -> None:
    asked: list[int] = []

    async def now(_: web.Request) -> web.Response:
        return web.json_response({"now_us": START_US})

    async def advance(request: web.Request) -> web.Response:
        asked.append((await request.json())["until_us"])
        return web.json_response({"now_us": asked[-1]})

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/clock/now", now)
        app.router.add_post("/clock/advance", advance)
        async with TestServer(app) as server:
            clock = await SteppedClock.open(str(server.make_url("/clock")))
            waiting = clock.spawn(clock.sleep(10), name="waiting")
            await waiting
            await clock.close()

    asyncio.run(run())

    assert asked == [START_US + 10 * SECOND_US]


def test_steady_time_starts_at_the_wall_and_never_follows_its_jumps() -> None:
    steady_ns, wall_ns = 5 * 10**9, 1_000 * 10**9
    clock = SystemClock(lambda: steady_ns, lambda: wall_ns)
    assert clock.now().steady_us == clock.now().wall_us == 1_000 * SECOND_US

    steady_ns, wall_ns = 7 * 10**9, 400 * 10**9

    assert clock.now().steady_us == 1_002 * SECOND_US
    assert clock.now().wall_us == 400 * SECOND_US


def test_the_system_clock_hears_a_bell_kept_rung_and_a_time_out() -> None:
    async def run() -> None:
        clock, bell = system_clock(), Bell()
        bell.ring()
        assert await clock.wait(bell, 5)
        assert not await clock.wait(bell, 0.01)
        asyncio.get_running_loop().call_later(0.01, bell.ring)
        assert await clock.wait(bell, 5)

    asyncio.run(run())
