"""
What the venues' money clients have in common: the guard before a request, the judgement after it.

Rule: nothing is sent with a key whose rights were not read just so, or that may withdraw. A
request goes out once (`sender`), its answer is judged by raw code (`verdict`); reading an answer
that is not whole proves nothing. Look-ups and histories go through the ordinary reading client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from http import HTTPStatus
from typing import NoReturn

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
from watcher.ports import Unreadable, Unsupported, VenueError, WithdrawalRight
from watcher.venues import transport
from watcher.venues.ccxt_venue import Client, Part
from watcher.venues.sender import Heard, Order, Sender
from watcher.venues.verdict import Codes, verdict

CLOCK_AGE_MS_MAX = 60_000
HISTORY_MS_MAX = 30 * 86_400_000
"""As far back as every venue tells."""
AHEAD_MS = 1_000
"""A venue takes time stamps this far ahead of its clock, so what it did may bear an earlier one."""
DRIFT = Decimal("0.01")
"""Interest and funding run on meanwhile: a change this close, as a share, is of the amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """How a position or debt stood before a request: its margin or what is owed, and its leg."""

    value: Decimal
    leg: str = ""


def plain(amount: Decimal) -> str:
    """
    Return *amount* exactly, in plain digits.

    >>> plain(Decimal("250.00004217")), plain(Decimal("1E+3")), plain(Decimal("1E-8"))
    ('250.00004217', '1000', '0.00000001')
    """
    return format(amount, "f")


def leg_of(route: Route) -> tuple[str, str]:
    """Return symbol and side of an isolated pool. Raises: `Unsupported` for another pool."""
    kind, _, rest = route.destination.partition(":")
    symbol, _, side = rest.rpartition(":")
    if kind != "isolated" or side not in ("long", "short"):
        raise Unsupported(f"no margin can be added to {route.destination}: not an isolated leg")
    return symbol, side


class VenueMoney(ABC):
    """One account's money client; see `watcher.ports.Money`."""

    codes: Codes
    move_assurance = Assurance.BLIND_SEND
    window = 3_000
    budget = ""

    def __init__(self, account: str, client: Client, sender: Sender) -> None:
        self.account = account
        self._client = client
        self._sender = sender
        self._rights: KeyRights | None = None
        self._stances: dict[Route, Stance] = {}
        self._before: dict[str, Stance] = {}

    def assurance(self, verb: Verb) -> Assurance:
        return self.move_assurance if verb is Verb.MOVE else Assurance.BLIND_SEND

    def window_ms(self, verb: Verb) -> int:
        del verb
        return self.window

    async def now_ms(self) -> int:
        await self._client.host.read_clock(age_ms_max=CLOCK_AGE_MS_MAX)
        return int(self._client.host.venue_ms())

    async def rights(self) -> KeyRights:
        """Return what the key may do. Raises: `WithdrawalRight`; until this has answered, and
        after it has failed, `send` sends nothing."""
        self._rights = None
        rights = await self._read_rights()
        if rights.withdraw is not False:
            raise WithdrawalRight("the key for money may withdraw; make one that may only transfer")
        self._rights = rights
        return rights

    async def uid(self) -> str:
        rights = self._rights or await self.rights()
        if not rights.uid:
            raise Unreadable(f"{self.account}: the venue does not tell the account's number")
        return rights.uid

    async def balance(self, route: Route) -> Decimal:
        """Return what may leave the source, and remember how the destination stands."""
        if route.verb is not Verb.MOVE:
            self._stances[route] = await self._stance(route)
        return await self._available(route)

    async def send(self, intent: Intent, ts_ms: int) -> Answer:
        if self._rights is None:
            return _unsent("the key's rights are not known")
        try:
            if intent.route.verb is not Verb.MOVE and intent.route not in self._stances:
                self._stances[intent.route] = await self._stance(intent.route)
            order = self._order(intent, ts_ms)
        except VenueError as error:
            return _unsent(error.reason)
        if intent.route in self._stances:
            self._before[intent.id] = self._stances[intent.route]
        return await self._judged(intent, await self._sender.send(order, ts_ms))

    async def _judged(self, intent: Intent, heard: Heard) -> Answer:
        if heard.unsent:
            return _unsent(heard.words)
        if heard.answer is None:
            return Answer(answered=Answered.UNKNOWN, code="no answer", words=heard.words)
        told = self._told(intent, heard.answer)
        if told.answered is Answered.REJECTED:
            return await self._confirmed(intent, told)
        return told

    def _told(self, intent: Intent, answer: transport.Answer) -> Answer:
        payload = answer.payload if isinstance(answer.payload, dict) else {}
        code = self._code(payload)
        if answer.status == HTTPStatus.OK and self._is_success(intent, payload):
            try:
                return self._success(intent, payload)
            except VenueError as error:
                return Answer(answered=Answered.UNKNOWN, code=code, words=error.reason)
        answered, words = verdict(self.codes, answer.status, code)
        label = f"{answer.status} {code}".strip()
        return Answer(answered=answered, code=label, words=words)

    async def lookup(self, intent: Intent) -> Lookup:
        try:
            return await self._look(intent)
        except VenueError as error:
            return Lookup(found=Found.UNANSWERED, words=error.reason)

    async def close(self) -> None:
        await self._sender.close()
        await self._client.close()

    async def history(self, route: Route, *, since_us: int) -> Sequence[Movement]:
        """Return what the venue tells of *route*, oldest first, thirty days back at most."""
        now_ms = await self.now_ms()
        since_ms = max(since_us // 1000, now_ms - HISTORY_MS_MAX)
        moved = await self._movements(route, since_ms, now_ms)
        return sorted(moved, key=lambda one: one.at_us)

    async def _call(
        self,
        method: str,
        params: Mapping[str, object],
        *,
        name: str,
        weight: int = 1,
        budget: str = "",
    ) -> Part:
        return await self._client.call(
            method, params, name=name, weight=weight, budget=budget or self.budget
        )

    def _change(self, intent: Intent, now: Decimal) -> Lookup:
        """Return what the change of margin or debt since the request proves."""
        before = self._before.get(intent.id)
        if before is None:
            return Lookup(found=Found.UNANSWERED, words="not known how it stood before")
        moved, near = now - before.value, intent.amount * DRIFT
        if intent.route.verb is Verb.REPAY:
            moved = -moved
        words = f"changed by {plain(moved)} since"
        if moved <= near:
            return Lookup(found=Found.NOT_FOUND, words=words)
        if abs(moved - intent.amount) <= near:
            return Lookup(found=Found.EXECUTED, words=words)
        return Lookup(found=Found.UNANSWERED, words=f"{words}, not by the amount")

    async def _confirmed(self, intent: Intent, told: Answer) -> Answer:
        """Return a rejection as it counts; a venue that may contradict itself is asked again."""
        del intent
        return told

    # ── what each venue says ─────────────────────────────────────────────────────────────────

    @abstractmethod
    def step(self, route: Route) -> Decimal: ...
    @abstractmethod
    async def _movements(self, route: Route, since_ms: int, now_ms: int) -> list[Movement]: ...
    @abstractmethod
    async def _read_rights(self) -> KeyRights: ...
    @abstractmethod
    async def _available(self, route: Route) -> Decimal: ...
    @abstractmethod
    async def _stance(self, route: Route) -> Stance: ...
    @abstractmethod
    def _order(self, intent: Intent, ts_ms: int) -> Order: ...
    @abstractmethod
    def _code(self, payload: Mapping[str, object]) -> str: ...
    @abstractmethod
    def _is_success(self, intent: Intent, payload: Mapping[str, object]) -> bool: ...
    @abstractmethod
    def _success(self, intent: Intent, payload: Mapping[str, object]) -> Answer: ...
    @abstractmethod
    async def _look(self, intent: Intent) -> Lookup: ...


def succeeded(*, venue_id: str = "", amount: Decimal | None = None) -> Answer:
    return Answer(
        answered=Answered.SUCCESS, code="ok", words="accepted", venue_id=venue_id, amount=amount
    )


def doubted(told: Answer, lookup: Lookup) -> Answer:
    """Return a rejection the venue's own books do not confirm: it proves nothing."""
    words = f"{told.words}, but asked again: {lookup.found.value}"
    return replace(told, answered=Answered.UNKNOWN, words=words, venue_id=lookup.venue_id)


def unlisted(route: Route) -> NoReturn:
    raise Unsupported(f"the venue keeps no history of {route.verb.value} on {route.destination}")


def _unsent(words: str) -> Answer:
    return Answer(answered=Answered.REJECTED, code="unsent", words=f"nothing was sent: {words}")
