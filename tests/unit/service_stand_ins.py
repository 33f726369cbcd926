"""Stand-ins for the loops' ports, and builders: a world without network, disk or waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from watcher.domain.account import Family, Position, Rules, Side, Snapshot
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    AlertRules,
    DangerState,
    Decision,
    Incident,
    Kind,
    Lane,
    Message,
    Moment,
    Sample,
    Seen,
    Text,
    Tier,
)
from watcher.domain.status import KeyRights, VenueStatus
from watcher.ports import DeliveryError, Key, StoreError, VenueError
from watcher.service.clock import SteppedClock

START_US = 1_790_000_000 * SECOND_US


class FreeWorld:
    """A world that moves wherever the clock asks, at once."""

    def __init__(self) -> None:
        self.at_us = START_US
        self.steps = 0

    async def now_us(self) -> int:
        return self.at_us

    async def advance(self, until_us: int) -> int:
        self.steps += 1
        self.at_us = until_us
        await asyncio.sleep(0)
        return until_us

    async def close(self) -> None:
        return None


def moment(after_s: float = 0.0) -> Moment:
    at_us = START_US + round(after_s * SECOND_US)
    return Moment(steady_us=at_us, wall_us=at_us)


def snapshot(account: str = "main", mark: str = "50000") -> Snapshot:
    position = Position(
        pool="unified",
        symbol="BTCUSDT",
        underlying="BTC",
        side=Side.LONG,
        quantity=Decimal(1),
        entry=Decimal(50000),
        mark=Decimal(mark),
        settle="USDT",
        brackets=(),
    )
    return Snapshot(
        venue="bybit",
        account=account,
        mode="unified",
        taken_at_us=START_US,
        reference="USD",
        rules={"unified": Rules(family=Family.HAIRCUT_POOL)},
        positions=(position,),
    )


def message(key: str = "k", **changes: Any) -> Message:
    made = Message(
        key=key,
        account="main",
        kind=Kind.RAISED,
        tier=Tier.WARNING,
        lane=Lane.WARNING,
        text=Text(plain=f"text of {key}"),
        silent=False,
        created_at_us=START_US,
    )
    return replace(made, **changes)


def danger(key: str = "d", tier: Tier = Tier.CRITICAL, **changes: Any) -> Message:
    return message(key, **{"tier": tier, "lane": Lane.DANGER, **changes})


def decide_by_mark(state: AccountState, seen: Seen, rules: AlertRules, now: Moment) -> Decision:
    """Below 40,000 is critical, told once; looks again in 10 s, in 4 s below."""
    told: tuple[Message, ...] = ()
    samples: tuple[Sample, ...] = ()
    if seen.snapshot is not None:
        mark = float(seen.snapshot.positions[0].mark)
        tier = Tier.CRITICAL if mark < 40000 else Tier.CALM
        before = state.dangers.get("unified", DangerState(pool="unified"))
        if tier > before.tier:
            incident = Incident(code="K7F3", seq=1, opened_at_us=now.steady_us)
            key = f"{rules.account}:K7F3:1"
            told = (
                danger(
                    key,
                    account=rules.account,
                    incident="K7F3",
                    pool="unified",
                    created_at_us=now.steady_us,
                ),
            )
            before = replace(before, incident=incident)
        after = replace(before, tier=tier, good_samples=before.good_samples + 1)
        sample = Sample(
            pool="unified",
            at_us=now.steady_us,
            distance=5.0,
            health=float("inf"),
            margin_level=None,
            equity=1.0,
            tier=tier,
        )
        samples = (sample,)
        state = replace(
            state,
            dangers={"unified": after},
            last_good=seen.snapshot,
            last_good_at_us=now.steady_us,
            recent=(*state.recent, sample)[-20:],
        )
    else:
        state = replace(state, blind=replace(state.blind, misses=state.blind.misses + 1))
    return Decision(
        account=rules.account,
        state=state,
        messages=told,
        samples=samples,
        next_poll_us=10 * SECOND_US,
    )


class Venue:
    """Answers from a list of marks; an exception in it is raised."""

    def __init__(self, account: str, answers: Sequence[str | Exception]) -> None:
        self.account = account
        self.answers = list(answers)
        self.start_failures: list[Exception] = []
        self.live: Mapping[str, float] | Exception = {}
        self.elsewhere: Mapping[str, float] = {}
        self.asked_elsewhere: list[list[str]] = []
        self.told = VenueStatus(
            mode="unified",
            rights=KeyRights(read=True, trade=False, transfer=False, withdraw=False, ip_bound=True),
            clock_offset_ms=0.0,
            weight_used=0,
            weight_limit=1,
        )
        self.starts = 0
        self.snapshots = 0
        self.kept = 0

    async def start(self) -> VenueStatus:
        self.starts += 1
        if self.start_failures:
            raise self.start_failures.pop(0)
        return self.told

    async def snapshot(self) -> Snapshot:
        self.snapshots += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return snapshot(self.account, answer)

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, float]:
        if isinstance(self.live, Exception):
            raise self.live
        return self.live

    async def prices_elsewhere(self, symbols: Sequence[str]) -> Mapping[str, float]:
        self.asked_elsewhere.append(list(symbols))
        return self.elsewhere

    async def housekeeping(self) -> None:
        self.kept += 1

    async def status(self) -> VenueStatus:
        return self.told

    async def close(self) -> None:
        return None


class Phone:
    """A channel that remembers; failures are raised in turn."""

    def __init__(self, name: str = "phone") -> None:
        self.name = name
        self.texts: list[Text] = []
        self.times_us: list[int] = []
        self.keys: list[tuple[Key, ...]] = []
        self.pictures: list[bytes | None] = []
        self.edits: list[tuple[str, Text, tuple[Key, ...]]] = []
        self.pinned: list[str] = []
        self.failures: list[DeliveryError | None] = []
        self.tries = 0
        self.clock: SteppedClock | None = None

    async def send(
        self,
        text: Text,
        *,
        silent: bool,
        keys: Sequence[Key] = (),
        picture: bytes | None = None,
    ) -> str:
        self._try()
        self.texts.append(text)
        self.keys.append(tuple(keys))
        self.pictures.append(picture)
        if self.clock is not None:
            self.times_us.append(self.clock.now().steady_us)
        return str(len(self.texts))

    async def edit(self, receipt: str, text: Text, *, keys: Sequence[Key] = ()) -> None:
        self._try()
        self.edits.append((receipt, text, tuple(keys)))

    async def pin(self, receipt: str) -> None:
        self._try()
        self.pinned.append(receipt)

    async def close(self) -> None:
        return None

    def _try(self) -> None:
        self.tries += 1
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    def plain(self) -> list[str]:
        return [text.plain for text in self.texts]

    def titles(self) -> list[str]:
        """The first row of what was sent: without the one that says how late an alert comes."""
        return [text.plain.splitlines()[0] for text in self.texts]


class FailingStore:
    """A store whose every verb fails, as on a full disk."""

    async def _fail(self, *args: object, **options: object) -> Any:
        raise StoreError("disk full")

    load = commit = claim = claim_group = take_over = delivered = postpone = abandon = _fail
    drop = refused = say = keep_buttons = take_button = raise_flag = flags = prove = _fail
    chat_moved = chats_moved = due = backlog = history = prices = probe = _fail
    tested = proofs = told = sends = _fail

    async def close(self) -> None:
        return None


class Numbers:
    """Tokens that count."""

    def __init__(self) -> None:
        self.made = 0

    def token(self) -> str:
        self.made += 1
        return f"token-{self.made}"


def rules(account: str = "main") -> AlertRules:
    return AlertRules(account=account, venue="bybit", ladders=())


def unreachable(reason: str = "HTTP 503") -> VenueError:
    return VenueError(reason)


def in_world(
    story: Callable[[SteppedClock], Awaitable[None]], world: FreeWorld | None = None
) -> None:
    """Run *story* on a stepped clock over a world that never waits."""

    async def run() -> None:
        clock = await SteppedClock.open(world or FreeWorld())
        try:
            task = asyncio.current_task()
            assert task is not None
            told = clock.spawn(_void(story(clock)), name="story")
            async with asyncio.timeout(120):
                await told
        finally:
            await clock.close()

    asyncio.run(run())


async def _void(work: Awaitable[None]) -> None:
    await work
