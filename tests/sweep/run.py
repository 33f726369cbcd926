"""
One run of the sweep: the real money loop from a slide to the end of everything, with accidents.

Rule: judged by the venue's truth only. The account slides below its trigger, is topped up, and has
more than an hour to come to rest; whoever is asked says yes. A process that dies is started anew on
what its ledger holds; one that froze is replaced and wakes up at the very end.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tests.sweep import scene
from tests.sweep.broken import PURSES, Broken
from tests.sweep.gate import Accident, Dead, Gate
from tests.sweep.ledger import MemoryStore
from tests.sweep.scene import Story
from tests.sweep.venue import Bank, Fault, SweepMoney
from tests.unit.money_desk import ACCOUNT
from tests.unit.policy_books import START_US
from tests.unit.top_up_books import alert_rules
from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    DangerState,
    Incident,
    Message,
)
from watcher.domain.topup import OPEN, Assurance, Intent, Limits, Mode, Progress, Verb
from watcher.policy.topups import BRAKE_AFTER
from watcher.ports import StoreError
from watcher.service.books import Charge
from watcher.service.fund import Fund
from watcher.service.switches import Switches
from watcher.store.intents import SqlitePurse

SETTLE_S = (1, 2, 4, 8, 15, 30, 61, 331, 1900, 1600, 31, 31, 31, 331, 5, 5)
MORE_S = (61, 61, 331, 1900, 1600, 31, 31, 31, 31)
AFTER_S = (2, 31, 331)
BRAKED_S = (1, 2, 4, 331, 5, 331, 5, 331, 5, 331, 5, 331, 5, 1900, 1600, 31, 31, 31)
WATCHED_S = 5.0
"""While something is unclear the loop turns as often as it does in production."""
TOLD_LATE_US = 15 * SECOND_US
DAY_US = 1440 * MINUTE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one run is about."""

    assurance: Assurance
    fault: Fault
    verb: Verb = Verb.MOVE
    story: Story = Story.ONCE
    accidents: tuple[tuple[int, Accident], ...] = ()
    broken: Broken = Broken.NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to; the counts of `make sweep` are sums of these."""

    points: int
    struck: int
    executed: int
    doubles: int
    cap_violations: int
    below_floor: int
    stuck: int
    unknown_told_late: int

    @property
    def is_clean(self) -> bool:
        return not (
            self.doubles
            or self.cap_violations
            or self.below_floor
            or self.stuck
            or self.unknown_told_late
        )


class Process:
    """One life of the program: its own loop, client and connection."""

    def __init__(self, plan: Plan, gate: Gate, bank: Bank, store: MemoryStore) -> None:
        self.store = store
        limits = scene.limits_of(plan.verb, plan.story)
        rules = replace(scene.rules_of(plan.verb, plan.story), limits=plan.broken.limits(limits))
        clock: Any = gate
        real: Any = store
        self.fund = Fund(
            Charge(
                account=ACCOUNT,
                venue="bybit",
                rules=rules,
                alerts=alert_rules(rules),
                money=SweepMoney(bank, gate, ACCOUNT),
            ),
            purse=PURSES.get(plan.broken, SqlitePurse)(real),
            clock=clock,
            queue=store.say,
            tell=self.tell,
            wake=lambda: None,
            switches=Switches(queue=store.say, killed=lambda: False),
        )

    def tell(self, message: Message) -> None:
        """Take what is said from memory, of the intent its key names."""
        gate = self.store.gate
        gate.is_told({name for name in gate.unclear_us if f":{name}:" in message.key})


class Run:
    """The world of one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.gate = Gate(START_US, dict(plan.accidents))
        self.bank = Bank(
            plan.assurance, plan.fault, plan.story.held, signs_late=plan.broken is Broken.FENCE
        )
        self.rules = scene.rules_of(plan.verb, plan.story)
        self.levels = scene.LEVELS[self.rules.measure]
        self.slide, self.before = 0, Decimal(0)
        self.crossed: dict[str, int] = {}
        self.process = Process(plan, self.gate, self.bank, MemoryStore(self.gate))
        self.sleeping: list[asyncio.Task[object]] = []
        self.late = 0
        self.quiet = 0
        self.open_before = True

    async def played(self) -> Outcome:
        levels = self.levels
        for number in range(self.plan.story.slides):
            self.slide, self.before, self.quiet = number, self.came(), 0
            for wait_s, value in ((4.0, levels.calm), (4.0, levels.first), (4.0, levels.low)):
                await self.step(wait_s, value)
            await self.settled(BRAKED_S if self.plan.story is Story.BRAKED else SETTLE_S)
        while self.gate.frozen:
            await self.thawed()
            await self.settled(AFTER_S)
        return self.outcome()

    # an accident on the way starts the waiting anew: everyone gets the same time to come to rest
    async def settled(self, waits: Sequence[float]) -> None:
        struck, left = self.gate.struck, list(waits)
        while left and not self.at_rest():
            await self.step(left.pop(0))
            if self.gate.struck != struck:
                struck, left = self.gate.struck, list(SETTLE_S)
        for wait_s in MORE_S:
            if self.unfinished():
                await self.step(wait_s)

    def at_rest(self) -> bool:
        """Tell whether nothing can follow: it is topped up for good, and all of it is told."""
        open_ones = any(each.progress in OPEN for each in self.intents())
        over = self.came() > self.before and not self.plan.story.falls_on
        return bool(over and not open_ones and not self.bank.orders and self.quiet >= 2)

    def came(self) -> Decimal:
        return sum((each.amount for each, _ in self.bank.executed), Decimal(0))

    async def step(self, wait_s: float, value: float | None = None) -> None:
        while wait_s > WATCHED_S and self.gate.unclear_us:
            await self.stepped(WATCHED_S, value)
            wait_s -= WATCHED_S
        await self.stepped(wait_s, value)

    async def stepped(self, wait_s: float, value: float | None) -> None:
        self.gate.pass_(wait_s)
        points, struck = self.gate.points, self.gate.struck
        await self.turn(self.polled(value))
        usual = self.gate.struck == struck and not self.late
        self.quiet = self.quiet + 1 if usual and not self.open_before else 0
        self.open_before = any(each.progress in OPEN for each in self.intents())
        assert self.gate.points > points

    async def polled(self, value: float | None) -> None:
        gate, fund = self.gate, self.process.fund
        self.bank.settle(gate.at_us)
        came = self.came()
        calm = came > self.before and not self.plan.story.falls_on
        now = value or (self.levels.calm if calm else self.levels.low)
        snapshot = scene.snapshot_at(self.plan.verb, now, came)
        snapshot = replace(snapshot, taken_at_us=gate.at_us)
        fund.seen(self.state_at(snapshot, now), snapshot)
        await fund.round()
        for intent in self.intents():
            if intent.progress is Progress.PROPOSED and intent.mode is Mode.ASK:
                # a press that could not be written down is made again
                with suppress(StoreError):
                    await fund.decided(intent.id, yes=True, user_id=1)
                await fund.round()

    # what the alerts remember of readings, in the parts that money asks for
    def state_at(self, snapshot: Snapshot, value: float) -> AccountState:
        at_us, pool = self.gate.at_us, scene.pool_of(self.plan.verb)
        since_us = self.crossed.get(pool, at_us)
        self.crossed = {pool: since_us} if value < self.rules.trigger else {}
        incident = Incident(code=f"K{self.slide}", seq=1, opened_at_us=at_us)
        return AccountState(
            account=ACCOUNT,
            dangers={pool: DangerState(pool=pool, incident=incident)},
            last_good=snapshot,
            last_good_at_us=at_us,
            crossed=self.crossed,
        )

    # one turn of the process that lives, until it waits, dies or freezes
    async def turn(self, work: Any) -> None:
        gate = self.gate
        gate.turned = asyncio.get_running_loop().create_future()
        task: asyncio.Task[object] = asyncio.ensure_future(work)
        task.add_done_callback(self.ended)
        await gate.turned
        if not task.done():
            self.sleeping.append(task)
            self.started(self.process.store)
            return
        try:
            task.result()
        except Dead:
            image = self.process.store.ledger.serialize()
            self.started(MemoryStore(gate, image))
        self.note_late()

    def ended(self, _task: object) -> None:
        assert self.gate.turned is not None
        if not self.gate.turned.done():
            self.gate.turned.set_result(None)

    def started(self, store: MemoryStore) -> None:
        """Start another process; while none runs nobody can be told anything."""
        self.gate.pass_(3)
        self.gate.unclear_us = dict.fromkeys(self.gate.unclear_us, self.gate.at_us)
        self.process = Process(self.plan, self.gate, self.bank, store)
        for intent in self.intents():
            if intent.progress is Progress.SENDING:
                self.gate.found.add(intent.id)
                self.gate.unclear(intent.id)

    def note_late(self) -> None:
        for name, since_us in list(self.gate.unclear_us.items()):
            intent = next((each for each in self.intents() if each.id == name), None)
            if intent is not None and intent.progress not in (Progress.SENDING, Progress.UNKNOWN):
                del self.gate.unclear_us[name]
            elif self.gate.at_us - since_us > TOLD_LATE_US:
                del self.gate.unclear_us[name]
                self.late += 1

    async def thawed(self) -> None:
        frozen, sleeping = self.gate.frozen, self.sleeping
        self.gate.frozen, self.sleeping, self.gate.thawing = [], [], True
        for thaw in frozen:
            thaw.set_result(None)
        for task in sleeping:
            await task
        self.gate.thawing = False

    def unfinished(self) -> int:
        return sum(
            each.progress in OPEN and each.progress is not Progress.HUMAN for each in self.intents()
        )

    def intents(self) -> list[Intent]:
        return self.process.store.intents()

    def outcome(self) -> Outcome:
        executed = self.bank.executed
        return Outcome(
            points=self.gate.points,
            struck=self.gate.struck,
            executed=len(executed),
            doubles=self.doubles(),
            cap_violations=self.cap_violations(),
            below_floor=int(self.bank.least < self.limits.keep_in_source),
            stuck=self.unfinished(),
            unknown_told_late=self.late,
        )

    @property
    def limits(self) -> Limits:
        return scene.limits_of(self.plan.verb, self.plan.story)

    def doubles(self) -> int:
        executed = [each for each, _ in self.bank.executed]
        again = len(executed) - len({each.decision_key for each in executed})
        # where a top-up ends the slide, there is nothing to decide a second time
        slides = len({each.incident for each in executed})
        return again if self.plan.story.falls_on else max(again, len(executed) - slides)

    def cap_violations(self) -> int:
        limits, found = self.limits, 0
        times: Counter[str] = Counter()
        for number, (intent, at_us) in enumerate(self.bank.executed):
            day = [each.amount for each, at in self.bank.executed if at_us - DAY_US < at <= at_us]
            found += intent.amount > limits.per_event
            found += sum(day, Decimal(0)) > limits.per_day
            found += len(day) > limits.count_per_day
            times[intent.incident] += 1
            # after so many in one incident a person says yes to each
            found += times[intent.incident] > BRAKE_AFTER and intent.mode is Mode.AUTO
            if number:
                signed_us = (intent.ts_sign_ms or 0) * 1000
                found += signed_us - self.bank.executed[number - 1][1] < limits.cooldown_us
        return found


async def outcomes(plans: Sequence[Plan]) -> list[Outcome]:
    return [await Run(plan).played() for plan in plans]


def planned(plan: Plan, accidents: Mapping[int, Accident]) -> Plan:
    return replace(plan, accidents=tuple(sorted(accidents.items())))
