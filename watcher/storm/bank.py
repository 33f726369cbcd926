"""
A venue's side of moving collateral, in a simulation: what was asked, what waits, what was done.

Rule: what it executed is the truth the money oracles judge by, and it outlives every process. It
takes a request while its time stamp is within the window, refuses a used id where the venue does,
and may be slow, silent or late about all of it, by the weather.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.topup import Answer, Answered, Assurance, Intent, Movement, Route
from watcher.sim.world import COLLATERAL_WALLET, World
from watcher.storm.weather import Fault, Weather

ASSURANCE: Mapping[str, Assurance] = {
    "binance": Assurance.BLIND_SEND,
    "bybit": Assurance.DEDUP,
    "okx": Assurance.LOOKUP,
}
"""What a move between wallets is protected by; a test holds it against the real clients."""
WINDOW_MS = 3_000
STEP = Decimal("0.000001")
LATE_S = (1.0, 20.0)
FAILS_AFTER_US = 5 * SECOND_US
QUEUE_MAX_MIN = 33.0
"""Transfers between wallets took that long on 2025-10-10 (reliability.md §4.3)."""
LAG_US = 60 * SECOND_US


@dataclass(slots=True, kw_only=True)
class Order:
    """A request on its way, or accepted and not carried out; `due_us` is when that ends."""

    intent: Intent
    ts_ms: int
    due_us: int
    accepted: bool
    fails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One movement the venue made, and what it left in the source."""

    intent: Intent
    at_us: int
    left: Decimal


@dataclass(slots=True)
class Bank:
    """
    One account's. `unclear` tells since when the service cannot know what became of an intent.
    """

    world: World
    account: str
    weather: Weather
    now_us: Callable[[], int]
    executed: list[Execution] = field(default_factory=list)
    unclear: dict[str, int] = field(default_factory=dict)
    _orders: list[Order] = field(default_factory=list)
    _failed: set[str] = field(default_factory=set)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.world.seed}:bank:{self.account}")

    @property
    def venue(self) -> str:
        return self.world.account(self.account).venue

    @property
    def assurance(self) -> Assurance:
        return ASSURANCE[self.venue]

    def held(self, route: Route) -> Decimal:
        self.settle()
        return self.world.account(self.account).balance(route.source, route.asset)

    def settle(self) -> None:
        """Do what has become due."""
        now_us = self.now_us()
        for order in [one for one in self._orders if one.due_us <= now_us]:
            self._orders.remove(order)
            if order.fails:
                self._failed.add(order.intent.venue_ref)
            elif order.accepted or order.due_us // 1000 - order.ts_ms <= WINDOW_MS:
                self._take(order.intent, order.due_us)

    def post(self, intent: Intent, ts_ms: int) -> Answer | None:
        """Take a request and return the answer; None: none comes."""
        self.settle()
        if (refused := self._refusal(intent, ts_ms)) is not None:
            return refused
        if self._strikes(Fault.MOVE_LOST):
            return None
        if self._strikes(Fault.MOVE_LATE):
            self._wait(intent, ts_ms, round(self._chance.uniform(*LATE_S) * SECOND_US))
            return None
        if self._strikes(Fault.MOVE_QUEUED):
            wait_us = round(self._chance.uniform(0.5, QUEUE_MAX_MIN) * MINUTE_US)
            self._wait(intent, ts_ms, wait_us, accepted=True)
        elif self._strikes(Fault.MOVE_FAILED):
            self._wait(intent, ts_ms, FAILS_AFTER_US, accepted=True, fails=True)
        else:
            self._take(intent, self.now_us())
        if self._strikes(Fault.MOVE_UNANSWERED):
            return None
        if self._strikes(Fault.MOVE_DONE_THEN_ERROR):
            return answer(Answered.UNKNOWN, "504")
        return answer(Answered.SUCCESS, "0")

    def _refusal(self, intent: Intent, ts_ms: int) -> Answer | None:
        if abs(self.now_us() // 1000 - ts_ms) > WINDOW_MS:
            return answer(Answered.REJECTED, "time stamp")
        if self._strikes(Fault.MOVE_REFUSED) or intent.amount > self.held(intent.route):
            return answer(Answered.REJECTED, "not enough")
        if self.assurance is Assurance.DEDUP and self._knows(intent.venue_ref):
            return answer(Answered.DUPLICATE, "id used")
        return None

    def is_waiting(self, ref: str) -> bool:
        return any(one.intent.venue_ref == ref for one in self._orders if one.accepted)

    def has_failed(self, ref: str) -> bool:
        self.settle()
        return ref in self._failed

    def shown(self, route: Route) -> list[Movement]:
        """Return what the venue lists of *route*, oldest first; the youngest may be missing."""
        self.settle()
        lag_us = LAG_US if self._strikes(Fault.HISTORY_LATE) else 0
        keeps_id = self.assurance is not Assurance.BLIND_SEND
        return [
            Movement(
                venue_id=f"t{number}",
                ref=one.intent.venue_ref if keeps_id else "",
                asset=one.intent.route.asset,
                amount=one.intent.amount,
                source=one.intent.route.source,
                destination=one.intent.route.destination,
                at_us=one.at_us,
                done=True,
            )
            for number, one in enumerate(self.executed, 1)
            if one.at_us + lag_us <= self.now_us() and one.intent.route == route
        ]

    def _knows(self, ref: str) -> bool:
        return self.is_waiting(ref) or any(one.intent.venue_ref == ref for one in self.executed)

    def _wait(
        self,
        intent: Intent,
        ts_ms: int,
        wait_us: int,
        *,
        accepted: bool = False,
        fails: bool = False,
    ) -> None:
        due_us = self.now_us() + wait_us
        self._orders.append(
            Order(intent=intent, ts_ms=ts_ms, due_us=due_us, accepted=accepted, fails=fails)
        )

    def _take(self, intent: Intent, at_us: int) -> None:
        account, route = self.world.account(self.account), intent.route
        used = self.assurance is Assurance.DEDUP and self._knows(intent.venue_ref)
        if used or intent.amount > account.balance(route.source, route.asset):
            return
        target = COLLATERAL_WALLET[account.venue]
        self.world.transfer(account, route.asset, intent.amount, source=route.source, target=target)
        left = account.balance(route.source, route.asset)
        self.executed.append(Execution(intent=intent, at_us=at_us, left=left))

    def _strikes(self, fault: Fault) -> bool:
        return self.weather.now(fault, self.account, self.venue) is not None


def answer(answered: Answered, code: str) -> Answer:
    return Answer(answered=answered, code=code, words=code)
