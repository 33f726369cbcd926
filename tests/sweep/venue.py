"""
The venue of the sweep: the `Money` port in memory, honest about what it does, with one fault a run.

Rule: what it executed is the truth everything is judged by. It takes a request while its time
stamp is within the window, refuses a used id where its class says so, and shows an execution in
its history no sooner than the lag. Every call goes through the gate, where a process may die.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from tests.sweep.gate import Gate
from tests.unit.money_stand_ins import FINE, UID
from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.status import KeyRights
from watcher.domain.topup import (
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Movement,
    Route,
    Verb,
)
from watcher.ports import VenueError

WINDOW_MS = 3000
QUEUE_US = 33 * MINUTE_US
STEP = Decimal("0.000001")
CALL_S, TIMEOUT_S = 0.1, 8.0


class Fault(StrEnum):
    """What becomes of the first request."""

    NONE = "none"
    REFUSED = "refused"
    LOST = "lost"
    REPLY_LOST = "reply_lost"
    DONE_THEN_ERROR = "done_then_error"
    LATE = "late"
    TOO_LATE = "too_late"
    QUEUED = "queued"
    QUEUED_REPLY_LOST = "queued_reply_lost"
    FAILED = "failed"
    HISTORY_LAGS = "history_lags"
    HISTORY_LAGS_LONG = "history_lags_long"
    DEAF = "deaf"
    REVOKED = "revoked"
    READ_AS_ZERO = "read_as_zero"
    READ_TALL = "read_tall"


WAITS_US = {
    Fault.LATE: 2 * SECOND_US,
    Fault.TOO_LATE: 20 * SECOND_US,
    Fault.FAILED: 5 * SECOND_US,
    Fault.QUEUED: QUEUE_US,
    Fault.QUEUED_REPLY_LOST: QUEUE_US,
}
"""How long it is until a request arrives, or an accepted one is executed."""
LAGS_US = {
    Fault.HISTORY_LAGS: 60 * SECOND_US,
    Fault.HISTORY_LAGS_LONG: 9 * MINUTE_US,
}
"""How long after its execution a movement is in no list."""
REVOKED_US, ZERO_US = 5 * MINUTE_US, 2 * MINUTE_US
UNANSWERED = {
    Fault.LATE,
    Fault.TOO_LATE,
    Fault.LOST,
    Fault.REPLY_LOST,
    Fault.QUEUED_REPLY_LOST,
}


@dataclass(slots=True)
class Order:
    """A request the venue has or will get: *due_us* is when it executes, or is looked at."""

    intent: Intent
    ts_ms: int
    due_us: int
    arrived: bool
    fails: bool = False


@dataclass(slots=True)
class Bank:
    """The truth: what is held, what waits, what was executed."""

    assurance: Assurance
    fault: Fault
    held: Decimal
    signs_late: bool = False
    orders: list[Order] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    executed: list[tuple[Intent, int]] = field(default_factory=list)
    requests: int = 0
    asked_rights: int = 0
    asked_balances: int = 0
    until_us: int = 0
    """Until when rights stay revoked, or balances are read as zero."""
    least: Decimal = Decimal("Infinity")

    def knows(self, ref: str) -> bool:
        waiting = any(each.intent.venue_ref == ref for each in self.orders if each.arrived)
        return waiting or any(each.venue_ref == ref for each, _ in self.executed)

    def settle(self, now_us: int) -> None:
        """Do what has become due."""
        for order in [each for each in self.orders if each.due_us <= now_us]:
            self.orders.remove(order)
            if order.arrived:
                self.finish(order)
            elif order.due_us // 1000 - order.ts_ms <= WINDOW_MS:
                self.take(order.intent, order.due_us)

    def finish(self, order: Order) -> None:
        if order.fails:
            self.failed.add(order.intent.venue_ref)
        else:
            self.take(order.intent, order.due_us)

    def take(self, intent: Intent, at_us: int) -> bool:
        used = self.assurance is Assurance.DEDUP and self.knows(intent.venue_ref)
        if used or intent.amount > self.held:
            return False
        self.held -= intent.amount
        self.least = min(self.least, self.held)
        self.executed.append((intent, at_us))
        return True

    def post(self, intent: Intent, ts_ms: int, now_us: int) -> Answer | None:
        """Return the answer; None: none comes."""
        self.settle(now_us)
        self.requests += 1
        fault = self.fault if self.requests == 1 else Fault.NONE
        refused = self.refusal(intent, ts_ms, now_us, fault)
        if refused is not None:
            return refused
        if fault in WAITS_US:
            arrived = fault not in (Fault.LATE, Fault.TOO_LATE)
            due_us, fails = now_us + WAITS_US[fault], fault is Fault.FAILED
            self.orders.append(Order(intent, ts_ms, due_us, arrived=arrived, fails=fails))
        elif fault is not Fault.LOST:
            self.take(intent, now_us)
        if fault in UNANSWERED:
            return None
        if fault is Fault.DONE_THEN_ERROR:
            return _answer(Answered.UNKNOWN, "504")
        return _answer(Answered.SUCCESS, "0")

    def refusal(self, intent: Intent, ts_ms: int, now_us: int, fault: Fault) -> Answer | None:
        if now_us // 1000 - ts_ms > WINDOW_MS:
            return _answer(Answered.REJECTED, "time stamp")
        if self.fault is Fault.REVOKED and now_us < self.until_us:
            return _answer(Answered.REJECTED, "permission")
        if fault is Fault.REFUSED or intent.amount > self.held:
            return _answer(Answered.REJECTED, "not enough")
        if self.assurance is Assurance.DEDUP and self.knows(intent.venue_ref):
            return _answer(Answered.DUPLICATE, "id used")
        return None

    def read_balance(self, now_us: int) -> Decimal:
        """Return what is held, or on the worst days nought, or a thousand times as much."""
        self.settle(now_us)
        self.asked_balances += 1
        if self.fault is Fault.READ_AS_ZERO:
            # from the second one on: after caps were held against it
            if self.asked_balances == 2:
                self.until_us = now_us + ZERO_US
            return Decimal(0) if now_us < self.until_us else self.held
        tall = self.fault is Fault.READ_TALL and self.asked_balances % 2 == 0
        return self.held * 1000 if tall else self.held

    def read_rights(self, now_us: int) -> KeyRights:
        """Return what the key may do; revoked between what was decided and what is to be sent."""
        self.asked_rights += 1
        if self.fault is Fault.REVOKED and self.asked_rights == 2:
            self.until_us = now_us + REVOKED_US
        may = now_us >= self.until_us or self.fault is not Fault.REVOKED
        return replace(FINE, transfer=may, trade=may)

    @property
    def lag_us(self) -> int:
        return LAGS_US.get(self.fault, 0)

    def shown(self, now_us: int) -> list[tuple[Intent, int]]:
        self.settle(now_us)
        return [(each, at_us) for each, at_us in self.executed if at_us + self.lag_us <= now_us]


class SweepMoney:
    """One process's client at *bank*."""

    def __init__(self, bank: Bank, gate: Gate, account: str) -> None:
        self.account = account
        self._bank = bank
        self._gate = gate
        self._began_us = gate.at_us

    def assurance(self, verb: Verb) -> Assurance:
        return self._bank.assurance

    def step(self, route: Route) -> Decimal:
        return STEP

    def window_ms(self, verb: Verb) -> int:
        return WINDOW_MS

    async def uid(self) -> str:
        return await self._gate.call(lambda: UID, VenueError)

    async def now_ms(self) -> int:
        return await self._gate.call(lambda: self._gate.at_us // 1000, VenueError)

    async def balance(self, route: Route) -> Decimal:
        return await self._gate.call(lambda: self._bank.read_balance(self._gate.at_us), VenueError)

    async def send(self, intent: Intent, ts_ms: int) -> Answer:
        def post() -> Answer | None:
            now_us = self._gate.at_us
            # broken on purpose: signed as it goes out, not with what was written down
            signed = now_us // 1000 if self._bank.signs_late else ts_ms
            return self._bank.post(intent, signed, now_us)

        try:
            answer = await self._gate.call(post, VenueError)
        except VenueError:
            self._gate.unclear(intent.id)
            raise
        if answer is None:
            self._gate.pass_(TIMEOUT_S)
            answer = _answer(Answered.UNKNOWN, "")
        if answer.answered is Answered.UNKNOWN:
            self._gate.unclear(intent.id)
        return answer

    async def lookup(self, intent: Intent) -> Lookup:
        return await self._gate.call(lambda: self._look(intent), VenueError)

    async def history(self, route: Route, *, since_us: int) -> Sequence[Movement]:
        def read() -> list[Movement]:
            rows = enumerate(self._bank.shown(self._gate.at_us), 1)
            kept = self._bank.assurance is not Assurance.BLIND_SEND
            return [_row(number, one, at_us, kept=kept) for number, (one, at_us) in rows]

        return await self._gate.call(read, VenueError)

    async def rights(self) -> KeyRights:
        return await self._gate.call(lambda: self._bank.read_rights(self._gate.at_us), VenueError)

    async def close(self) -> None:
        return None

    def _look(self, intent: Intent) -> Lookup:
        bank, now_us = self._bank, self._gate.at_us
        shown = bank.shown(now_us)
        if bank.fault is Fault.DEAF and now_us - self._began_us < 120 * SECOND_US:
            return Lookup(found=Found.UNANSWERED)
        if bank.assurance is Assurance.BLIND_SEND:
            found = any(each.amount == intent.amount for each, _ in shown)
            return Lookup(found=Found.EXECUTED if found else Found.NOT_FOUND)
        if any(each.venue_ref == intent.venue_ref for each, _ in shown):
            return Lookup(found=Found.EXECUTED)
        if any(each.intent.venue_ref == intent.venue_ref for each in bank.orders if each.arrived):
            return Lookup(found=Found.PENDING)
        if intent.venue_ref in bank.failed:
            return Lookup(found=Found.FAILED)
        return Lookup(found=Found.NOT_FOUND)


def _answer(answered: Answered, code: str) -> Answer:
    return Answer(answered=answered, code=code, words=code)


def _row(number: int, intent: Intent, at_us: int, *, kept: bool) -> Movement:
    return Movement(
        venue_id=f"t{number}",
        ref=intent.venue_ref if kept else "",
        asset=intent.route.asset,
        amount=intent.amount,
        source=intent.route.source,
        destination=intent.route.destination,
        at_us=at_us,
        done=True,
    )
