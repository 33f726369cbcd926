"""Stand-ins for the ports of money, and builders of intents: a venue without network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.unit.service_stand_ins import START_US
from watcher.domain.status import KeyRights
from watcher.domain.topup import (
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Mode,
    Movement,
    Progress,
    Route,
    Verb,
)
from watcher.ports import VenueError

MOVE = Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified")
STEP = Decimal("0.000001")
UID = "77"
FINE = KeyRights(read=True, trade=False, transfer=True, withdraw=False, ip_bound=True, uid=UID)


class Killed(BaseException):
    """The process dies here: nothing after it runs."""


def intent(id_: str = "a1", **changes: Any) -> Intent:
    made = Intent(
        id=id_,
        decision_key=f"key of {id_}",
        account="main",
        venue="bybit",
        pool="unified",
        route=MOVE,
        amount=Decimal("100.5"),
        ceiling=Decimal("100.5"),
        progress=Progress.APPROVED,
        assurance=Assurance.DEDUP,
        mode=Mode.AUTO,
        uid=UID,
        venue_ref="0" * 32,
        created_us=START_US,
        changed_us=START_US,
    )
    return replace(made, **changes)


@dataclass
class Bank:
    """
    The venue's truth: what was moved. `reply` is what becomes of the next requests, one each:
    "ok", "lost" (done, no answer), "late" (no answer, done by `arrive`), "never" (no answer, not
    done), "no" (a listed rejection).
    """

    held: Decimal = Decimal(10_000)
    dedups: bool = True
    reply: list[str] = field(default_factory=list)
    moved: list[Movement] = field(default_factory=list)
    late: list[tuple[Intent, int]] = field(default_factory=list)
    posts: list[tuple[Intent, int]] = field(default_factory=list)
    on_move: Callable[[Intent], None] = lambda _intent: None

    def post(self, sent: Intent, ts_ms: int, now_ms: int) -> Answer:
        self.posts.append((sent, ts_ms))
        how = self.reply.pop(0) if self.reply else "ok"
        if how == "no":
            return Answer(answered=Answered.REJECTED, code="131212", words="not enough")
        if how == "never":
            return Answer(answered=Answered.UNKNOWN, code="504", words="gateway time-out")
        if how == "late":
            self.late.append((sent, now_ms))
            return Answer(answered=Answered.UNKNOWN, code="504", words="gateway time-out")
        if self.dedups and any(row.ref == sent.venue_ref for row in self.moved):
            return Answer(answered=Answered.DUPLICATE, code="131214", words="id used")
        self._move(sent, now_ms)
        if how == "lost":
            return Answer(answered=Answered.UNKNOWN, code="", words="connection reset")
        return Answer(answered=Answered.SUCCESS, code="0", words="ok")

    def arrive(self, now_ms: int) -> None:
        for sent, _ in self.late:
            if not self.dedups or all(row.ref != sent.venue_ref for row in self.moved):
                self._move(sent, now_ms)
        self.late.clear()

    def _move(self, sent: Intent, now_ms: int) -> None:
        route = sent.route
        self.moved.append(
            Movement(
                venue_id=f"t{len(self.moved) + 1}",
                ref=sent.venue_ref if self.dedups else "",
                asset=route.asset,
                amount=sent.amount,
                source=route.source,
                destination=route.destination,
                at_us=now_ms * 1000,
                done=True,
            )
        )
        self.held -= sent.amount
        self.on_move(sent)


class StandInMoney:
    """
    The `Money` port on *bank*. `on` is called with the name of every call, before and after it:
    it may raise `Killed`, or a `VenueError` where the call may.
    """

    def __init__(
        self,
        bank: Bank,
        now_us: Callable[[], int],
        *,
        account: str = "main",
        assurance: Assurance = Assurance.DEDUP,
    ) -> None:
        self.account = account
        self.bank = bank
        self.rights_now = FINE
        self.lag_us = 0
        self.down = False
        self.offset_ms = 0
        self.calls: list[str] = []
        self.on: Callable[[str], None] = lambda _call: None
        self._now_us = now_us
        self._assurance = assurance

    def assurance(self, verb: Verb) -> Assurance:
        return self._assurance

    def step(self, route: Route) -> Decimal:
        return STEP

    def window_ms(self, verb: Verb) -> int:
        return 3000

    async def uid(self) -> str:
        self._call("uid")
        return UID

    async def now_ms(self) -> int:
        self._call("now_ms")
        return self._now_us() // 1000 + self.offset_ms

    async def balance(self, route: Route) -> Decimal:
        self._call("balance")
        return self.bank.held

    async def send(self, intent: Intent, ts_ms: int) -> Answer:
        self.on("before send")
        self.calls.append("send")
        answer = self.bank.post(intent, ts_ms, self._now_us() // 1000)
        self.on("after send")
        return answer

    async def lookup(self, intent: Intent) -> Lookup:
        self.on("lookup")
        self.calls.append("lookup")
        if self.down:
            return Lookup(found=Found.UNANSWERED)
        for row in self._shown():
            if row.ref == intent.venue_ref if row.ref else row.amount == intent.amount:
                return Lookup(found=Found.EXECUTED, venue_id=row.venue_id)
        return Lookup(found=Found.NOT_FOUND)

    async def history(self, route: Route, *, since_us: int) -> Sequence[Movement]:
        self._call("history")
        return [row for row in self._shown() if row.at_us >= since_us]

    async def rights(self) -> KeyRights:
        self._call("rights")
        return self.rights_now

    async def close(self) -> None:
        return None

    def _shown(self) -> list[Movement]:
        return [row for row in self.bank.moved if row.at_us + self.lag_us <= self._now_us()]

    def _call(self, name: str) -> None:
        self.on(name)
        self.calls.append(name)
        if self.down:
            raise VenueError("HTTP 503")
