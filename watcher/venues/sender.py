"""
How one money request leaves: signed with the time stamp it was written down with, once.

Rule: a client apart from the one that reads, one request at a time, over a connection of its own
(an idle one that the far side has just closed would make a plain transfer unknowable). Nothing
here is retried or redirected: the road takes one request per ticket, whoever asks for a second.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import certifi
from yarl import URL

from watcher.ports import VenueError
from watcher.venues.ccxt_venue import Client, Credentials, Host
from watcher.venues.transport import Answer, Reply, Road, finish, translate

NEVER_SENT = (aiohttp.ClientConnectorError,)
"""Refused, unknown or untrusted before a byte of the request was written; a slow one is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One money request: ccxt's raw endpoint and its parameters, all text."""

    method: str
    params: Mapping[str, str]
    budget: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came back: a whole answer, or none and why. `unsent`: nothing reached the venue."""

    answer: Answer | None = None
    unsent: bool = False
    words: str = ""


class SpentTicket(VenueError):
    """A second request was asked of a road that takes one."""


class OnceRoad(Road):
    """A road of one request per ticket."""

    def __init__(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        super().__init__(session, timeout_s)
        self.tickets = 0

    @asynccontextmanager
    async def _request(
        self, method: str, url: URL, options: Mapping[str, Any]
    ) -> AsyncIterator[Reply]:
        if method != "POST" or self.tickets < 1:
            raise SpentTicket("a money request is sent once")
        self.tickets -= 1
        async with super()._request(method, url, options) as reply:
            yield reply


class Sender(Client):
    """One account's money requests. *window_ms* is how long the venue may take one, if it asks."""

    def __init__(
        self, host: Host, credentials: Credentials, *, window_ms: int | None = None
    ) -> None:
        super().__init__(host, credentials)
        self._lock = asyncio.Lock()
        self._tls = ssl.create_default_context(cafile=certifi.where())
        self._session: aiohttp.ClientSession | None = None
        self._ears: Callable[[Answer], None] = lambda _: None
        self._exchange.judge = self._hear
        if window_ms is not None:
            self._exchange.options["recvWindow"] = window_ms

    async def send(self, order: Order, ts_ms: int) -> Heard:
        """Send *order* signed with *ts_ms*, at most once. Raises nothing but cancellation."""
        async with self._lock:
            try:
                now_ms = self.host.now_ms()
                self.host.shutter.check(now_ms)
                self.host.budgets[order.budget].take(1, now_ms)
            except VenueError as held:
                return Heard(unsent=True, words=held.reason)
            return await self._post(order, ts_ms)

    async def _post(self, order: Order, ts_ms: int) -> Heard:
        exchange = self._exchange
        heard: list[Answer] = []
        self._ears = heard.append
        assert exchange.options["maxRetriesOnFailure"] == 0
        road = OnceRoad(self._own_session(), self.host.timeout_s)
        road.tickets = 1
        exchange.session = road
        exchange.clock_ms = lambda: ts_ms
        try:
            await getattr(exchange, order.method)(dict(order.params))
        except Exception as error:  # noqa: BLE001 - the library may throw anything; the answer decides
            if not heard:
                return self._no_answer(error, road)
        return Heard(answer=heard[-1]) if heard else Heard(words="no answer was seen")

    def _no_answer(self, error: Exception, road: OnceRoad) -> Heard:
        words = translate(error, self.host.timeout_s).reason
        # the ticket unspent: the library gave up before it asked the road
        unsent = road.tickets == 1 or isinstance(error.__cause__ or error, NEVER_SENT)
        return Heard(unsent=unsent, words=words)

    def _hear(self, answer: Answer) -> None:
        self._ears(answer)
        self.host.judge(answer)

    def _own_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self._tls, force_close=True)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def close(self) -> None:
        await super().close()
        if self._session is not None:
            await finish(self._session)
            self._session = None
