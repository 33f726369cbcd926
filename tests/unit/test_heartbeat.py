"""The heartbeat: what is proof of work, what is told as a failure, and who it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.service_stand_ins import START_US, FailingStore, in_world, rules
from watcher.channels.heartbeat import HttpPing
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    AlertRules,
    BlindState,
    Kind,
    Lane,
    Message,
    Sample,
    Tier,
)
from watcher.domain.told import Told
from watcher.policy import pulse
from watcher.ports import PingError, StoreError
from watcher.service.clock import SteppedClock
from watcher.service.heartbeat import Heartbeat


def seen(age_s: float = 0.0, *, distance: float | None = None) -> AccountState:
    at_us = START_US - round(age_s * SECOND_US)
    sample = Sample(
        pool="unified",
        at_us=at_us,
        distance=distance,
        health=None,
        margin_level=None,
        equity=None,
        tier=Tier.CALM,
    )
    return AccountState(account="main", last_good_at_us=at_us, recent=(sample,))


def blind(told_at_us: int = START_US) -> AccountState:
    return replace(seen(600), blind=BlindState(active=True, told_at_us=told_at_us))


def told(at_us: int = START_US, account: str = "main", *, arrived: bool = True) -> Told:
    return Told(
        account=account,
        kind=Kind.BLIND,
        tier=Tier.WARNING,
        incident="K7F3",
        silent=False,
        at_us=at_us,
        title="",
        arrived=arrived,
    )


# -- the judgement -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "distance", "expected"),
    [(190, 80.0, True), (200, 80.0, False), (30, 1.0, True), (40, 1.0, False), (190, None, True)],
)
def test_how_long_a_reading_counts_shrinks_with_the_distance(
    age_s: float, distance: float | None, *, expected: bool
) -> None:
    account = pulse.Account(state=seen(age_s, distance=distance), rules=rules())

    assert pulse.is_seen(account, START_US) is expected


def test_an_account_never_read_is_not_seen() -> None:
    account = pulse.Account(state=AccountState(account="main"), rules=rules())

    assert not pulse.is_seen(account, START_US)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([told()], True),
        ([told(arrived=False)], False),
        ([told(account="other")], False),
        ([told(START_US - SECOND_US), told(arrived=False)], False),
        ([], False),
    ],
)
def test_blindness_counts_as_told_when_its_newest_word_arrived(
    said: Sequence[Told], *, expected: bool
) -> None:
    account = pulse.Account(state=blind(), rules=rules())

    assert not pulse.is_seen(account, START_US)
    assert pulse.is_told(account, said) is expected


def test_what_the_machine_calls_blind_is_not_seen_however_young_the_last_reading() -> None:
    state = replace(seen(25, distance=1.0), blind=BlindState(active=True, told_at_us=START_US))

    assert not pulse.is_seen(pulse.Account(state=state, rules=rules()), START_US)


def test_a_reason_names_checks_and_no_account() -> None:
    found = pulse.doubt(
        faults=["slot:main", "slot:other", "store", "loop"],
        looked_us=START_US,
        lost=0,
        accounts=2,
        lost_since_us=None,
        now_us=START_US,
    )

    assert found == pulse.Doubt(reason="slot, store", firm=True)


def test_a_watchdog_that_no_longer_looks_is_a_failure() -> None:
    found = pulse.doubt(
        faults=[],
        looked_us=START_US - 61 * SECOND_US,
        lost=0,
        accounts=1,
        lost_since_us=None,
        now_us=START_US,
    )

    assert found == pulse.Doubt(reason="watchdog", firm=True)


# -- the loop ------------------------------------------------------------------------------------


@dataclass
class FarSide:
    """Records what it was told and when, in seconds since the start; `down` while it is away."""

    clock: SteppedClock
    said: list[tuple[float, str]] = field(default_factory=list)
    asked: int = 0
    down: bool = False

    async def ok(self) -> None:
        await self._take("")

    async def fail(self, reason: str) -> None:
        await self._take(reason)

    async def _take(self, reason: str) -> None:
        self.asked += 1
        if self.down:
            raise PingError("it answered 503")
        at_s = (self.clock.now().steady_us - START_US) / SECOND_US
        self.said.append((at_s, reason))

    def times(self, reason: str = "") -> list[float]:
        return [at_s for at_s, said in self.said if said == reason]


@dataclass
class Account:
    state: AccountState
    rules: AlertRules = field(default_factory=rules)


@dataclass
class Dog:
    faults: dict[str, object] = field(default_factory=dict)
    looked_us: int | None = None


class Ledger(FailingStore):
    def __init__(self) -> None:
        self.rows: list[Told] = []
        self.reads = True

    async def told(self, *, since_us: int) -> Sequence[Told]:
        if not self.reads:
            raise StoreError("disk I/O error")
        return [row for row in self.rows if row.at_us >= since_us]


class Scene:
    """An account that is read all the time while `reads`, and a watchdog that looks."""

    def __init__(self, clock: SteppedClock) -> None:
        self.clock = clock
        self.far = FarSide(clock)
        self.account = Account(seen())
        self.dog = Dog()
        self.ledger = Ledger()
        self.notes: list[Message] = []
        self.reads = True
        self.heart = Heartbeat(
            ping=self.far,
            watched={"main": self.account},
            watchdog=self.dog,
            store=self.ledger,
            tell=self.notes.append,
            clock=clock,
            every_s=60,
        )

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds / 5)):
            await self.clock.sleep(5)
            now_us = self.clock.now().steady_us
            self.dog.looked_us = now_us
            if self.reads:
                self.account.state = replace(self.account.state, last_good_at_us=now_us)
            await self.heart.look()


def played(story: Callable[[Scene], Awaitable[None]]) -> None:
    async def play(clock: SteppedClock) -> None:
        await story(Scene(clock))

    in_world(play)


def test_a_ping_goes_out_each_period_while_all_is_well() -> None:
    async def story(scene: Scene) -> None:
        await scene.run(300)

        assert scene.far.said == [(at_s, "") for at_s in (5, 65, 125, 185, 245)]

    played(story)


def test_nothing_is_claimed_before_the_watchdog_has_looked() -> None:
    async def story(scene: Scene) -> None:
        await scene.heart.look()

        assert scene.far.asked == 0

    played(story)


def test_a_failed_check_is_told_at_once_each_period_and_its_end_at_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.run(30)
        scene.dog.faults["store"] = object()
        await scene.run(70)
        scene.dog.faults.clear()
        await scene.run(10)

        assert scene.far.times("store") == [35, 95]
        assert scene.far.times() == [5, 105]

    played(story)


def test_blindness_nobody_was_told_of_stops_the_pings_and_then_fails() -> None:
    async def story(scene: Scene) -> None:
        await scene.run(60)
        scene.reads = False
        scene.account.state = blind(scene.clock.now().steady_us)
        await scene.run(120)

        assert scene.far.times() == [5]
        assert scene.far.times("unseen:1/1") == [130]

    played(story)


def test_blindness_that_was_delivered_is_as_good_as_sight() -> None:
    async def story(scene: Scene) -> None:
        scene.reads = False
        scene.account.state = blind()
        scene.ledger.rows = [told()]
        await scene.run(130)
        assert scene.far.said == [(5, ""), (65, ""), (125, "")]

        scene.ledger.reads = False
        await scene.run(120)
        assert {reason for _, reason in scene.far.said[3:]} == {"unseen:1/1"}

    played(story)


def test_an_account_that_is_silently_not_read_any_more_fails() -> None:
    """No miss was ever decided: the machine that would call it blind is itself dead."""

    async def story(scene: Scene) -> None:
        await scene.run(60)
        scene.reads = False
        await scene.run(400)

        assert max(scene.far.times()) < 60 + 180 + 15 + 5
        assert min(scene.far.times("unseen:1/1")) <= 60 + 180 + 15 + 60 + 10

    played(story)


def test_an_end_that_is_down_is_asked_again_and_told_after_five_minutes_once() -> None:
    async def story(scene: Scene) -> None:
        await scene.run(60)
        scene.far.down = True
        await scene.run(290)
        assert scene.notes == []
        await scene.run(3600)
        assert [note.text.plain.splitlines()[0] for note in scene.notes] == [
            "🔧 PINGS DO NOT ARRIVE"
        ]
        assert (scene.notes[0].lane, scene.notes[0].silent) == (Lane.WARNING, True)
        assert scene.far.asked > 100

        scene.far.down = False
        await scene.run(30)
        assert scene.notes[-1].text.plain.splitlines()[0] == "🔧 PINGS ARRIVE AGAIN"
        await scene.run(24 * 3600)
        assert len(scene.notes) == 2

    played(story)


def test_a_short_trouble_of_the_far_side_is_not_told() -> None:
    async def story(scene: Scene) -> None:
        scene.far.down = True
        await scene.run(120)
        scene.far.down = False
        await scene.run(60)

        assert scene.notes == []
        assert scene.far.said

    played(story)


# -- on the wire ---------------------------------------------------------------------------------

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def asked(answer: Answer, call: Callable[[HttpPing], Awaitable[None]], **more: Any) -> None:
    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", answer)
        async with TestServer(app) as server:
            ping = HttpPing(str(server.make_url("/ping/check?rid=1")), **more)
            try:
                await call(ping)
            finally:
                await ping.close()

    asyncio.run(run())


def test_well_is_a_get_and_failure_a_post_with_its_reason() -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, await request.text()))
        return web.Response(text="OK")

    async def call(ping: HttpPing) -> None:
        await ping.ok()
        await ping.fail("store")

    asked(answer, call)

    assert seen == [
        ("GET", "/ping/check?rid=1", ""),
        ("POST", "/ping/check/fail?rid=1", "store"),
    ]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: web.Response(status=503), "it answered 503"),
        (lambda: web.Response(status=302, headers={"Location": "/stolen"}), "it answered 302"),
        (lambda: web.Response(text="OK (not found)"), "it answered: not found"),
        (lambda: web.Response(text="OK (rate limited)"), "it answered: rate limited"),
    ],
)
def test_what_was_not_taken_is_an_error_without_the_address(
    response: Callable[[], web.Response], reason: str
) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return response()

    async def call(ping: HttpPing) -> None:
        with pytest.raises(PingError) as raised:
            await ping.ok()
        assert str(raised.value) == reason

    asked(answer, call)

    assert paths == ["/ping/check"]


def test_an_end_that_never_answers_holds_nobody_up() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def call(ping: HttpPing) -> None:
        with pytest.raises(PingError, match="in time"):
            await ping.ok()

    asked(answer, call, timeout_s=0.05)


def test_an_end_that_is_not_there_is_an_error_without_the_address() -> None:
    async def run() -> str:
        ping = HttpPing("http://127.0.0.1:1/ping/0e7c1f5a")
        with pytest.raises(PingError) as raised:
            await ping.fail("store")
        await ping.close()
        return str(raised.value)

    reason = asyncio.run(run())

    assert reason.startswith("no connection")
    assert "0e7c1f5a" not in reason
    assert "127" not in reason
