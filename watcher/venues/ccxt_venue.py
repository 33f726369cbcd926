"""
One way to every venue: ccxt's raw endpoints behind strict transport, a weight budget and the
venue's own clock.

    Shared   what the process has once: the HTTP session with its TLS context, and the hosts
    Host     one venue behind one address: budgets, bans, clock offset, keyless public data
    Client   one account's key at that host; `call` returns a raw answer as a `Part`

Rule: raw (implicit) endpoints only, no unified parsers, no market loading, no retries (except one
after a refused time stamp). A call either returns a JSON object or list that came whole under
HTTP 200, or raises a `VenueError`. Secrets never leave `Credentials` but for signing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import certifi

from watcher.domain.alert import Moment
from watcher.ports import Banned, RateLimited, Refused, Unreachable, Unreadable, VenueError
from watcher.venues.ages import Clocks
from watcher.venues.lean import Log, venue_class
from watcher.venues.resolver import remembering
from watcher.venues.slot import Slot
from watcher.venues.transport import (
    Answer,
    ClockSkew,
    Road,
    Strict,
    Way,
    finish,
    judge,
    loopback,
    redirected,
    translate,
)
from watcher.venues.weights import Budget, Limit, Shutter

CLOCK_AGE_MS_MAX = 600_000
KEEPALIVE_S = 75
ED25519_PEM_CHARS_MAX = 120
"""ccxt takes a longer PEM for RSA; an Ed25519 key has 119 once its line ends are clean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An account's key. Nothing of it shows in a repr."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    password: str | None = field(default=None, repr=False)

    def signing_secret(self) -> str:
        """
        Return the secret as ccxt wants it, with the line ends of a PEM repaired.

        Raises: `Refused` for an RSA key: each signature would stop everything for 34 ms.
        """
        if "PRIVATE KEY" not in self.api_secret:
            return self.api_secret.strip()
        pem = self.api_secret.replace("\\n", "\n").replace("\r", "").strip()
        if "RSA" in pem or len(pem) > ED25519_PEM_CHARS_MAX:
            raise Refused("RSA keys are too slow to sign with; use an HMAC or an Ed25519 key")
        return pem


@dataclass(frozen=True, slots=True)
class Part:
    """One raw answer: its name in `Snapshot.parts`, the JSON, and our clock when it was whole."""

    name: str
    data: object
    received_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    What differs between venues below the level of fields.

    `explain` turns the venue's error codes into errors, from any answer (None: nothing wrong that
    it knows of; the HTTP status is judged after it). `heard` gives what the headers say
    was used: (budget name, weight). `clock` is the public time call and its budget;
    `read_clock_ms` reads its answer. `perpetuals` is how a perpetual contract of a coin is written,
    by what it is quoted in.
    """

    venue: str
    ccxt_id: str
    limits: Mapping[str, Limit]
    explain: Callable[[Answer], VenueError | None]
    heard: Callable[[Answer], tuple[str, int] | None]
    clock_method: str
    clock_budget: str
    read_clock_ms: Callable[[object], float]
    options: Mapping[str, object] = field(default_factory=dict)
    perpetuals: Mapping[str, str] = field(default_factory=dict)


class Shared:
    """The one session and the hosts of this process. The app owns it and closes it last."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self.hosts: dict[tuple[str, str | None], Host] = {}

    def session(self) -> aiohttp.ClientSession:
        """Return the session, opened on first use (it belongs to the running loop)."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=ssl.create_default_context(cafile=certifi.where()),
                keepalive_timeout=KEEPALIVE_S,
                limit_per_host=16,
                ttl_dns_cache=300,
                resolver=remembering(),
            )
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    def way(self, timeout_s: float) -> Way:
        """Return what ccxt gets for a session (capture.py puts another in its place)."""
        return Road(self.session(), timeout_s)

    def host(
        self,
        dialect: Dialect,
        endpoint: str | None,
        *,
        clock: Callable[[], Moment],
        timeout_s: float,
        log: Log,
    ) -> Host:
        """
        Return the host for this venue and endpoint; accounts behind one address share it.

        Raises: `ValueError` for an endpoint that is not on this machine.
        """
        place = None if endpoint is None else loopback(endpoint)
        key = (dialect.venue, place)
        if key not in self.hosts:
            self.hosts[key] = Host(
                dialect, place, shared=self, clock=clock, timeout_s=timeout_s, log=log
            )
        return self.hosts[key]

    async def close(self) -> None:
        for host in self.hosts.values():
            await host.close()
        self.hosts.clear()
        if self._session is not None:
            await finish(self._session)
            self._session = None


class Host:
    """One venue as seen from this address. `public` is a client without a key."""

    def __init__(
        self,
        dialect: Dialect,
        endpoint: str | None,
        *,
        shared: Shared,
        clock: Callable[[], Moment],
        timeout_s: float,
        log: Log,
    ) -> None:
        self.dialect = dialect
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self.log = log
        self._clocks = Clocks()
        self.shutter = Shutter()
        self.budgets = {name: Budget(name, limit) for name, limit in dialect.limits.items()}
        self._shared = shared
        self._clock = clock
        self._slots: dict[str, Slot[Part]] = {}
        self._public: Client | None = None

    @property
    def way(self) -> Way:
        return self._shared.way(self.timeout_s)

    @property
    def public(self) -> Client:
        if self._public is None:
            self._public = Client(self, None)
        return self._public

    def now_ms(self) -> float:
        """Our own time that never jumps, which everything is waited for and aged by."""
        return self._clock().steady_us / 1000

    def wall_ms(self) -> float:
        """Our own time of day."""
        return self._clock().wall_us / 1000

    def venue_ms(self) -> float:
        """The venue's time, as far as we know it; whoever sets our clock does not change it."""
        return self.now_ms() + self._clocks.believed_ms

    @property
    def offset_ms(self) -> float:
        """How far the venue's clock is ahead of our time of day."""
        return self.venue_ms() - self.wall_ms()

    def client(self, credentials: Credentials) -> Client:
        return Client(self, credentials)

    def judge(self, answer: Answer) -> None:
        """Learn from an answer's headers, then raise what it really is unless it is data."""
        now_ms = self.now_ms()
        heard = self.dialect.heard(answer)
        if heard is not None and heard[0] in self.budgets:
            self.budgets[heard[0]].heard(heard[1], now_ms)
        try:
            judge(answer, self.dialect.explain)
        except (Banned, RateLimited) as error:
            self.shutter.shut(error, now_ms)
            for budget in self.budgets.values():
                budget.halve(now_ms)
            self.log.warning(
                "venue.limited",
                venue=self.dialect.venue,
                reason=error.reason,
                wait_s=error.wait_s,
            )
            raise

    async def read_clock(self, *, age_ms_max: float = CLOCK_AGE_MS_MAX) -> None:
        """Measure the venue's clock against ours, unless that is newer. Raises: `VenueError`."""
        await self.cached("time", self._compare_clocks, age_ms_max=age_ms_max)

    async def _compare_clocks(self) -> Part:
        before_ms = self.now_ms()
        part = await self.public.call(
            self.dialect.clock_method, name="time", budget=self.dialect.clock_budget
        )
        middle_ms = (before_ms + self.now_ms()) / 2
        self._clocks.compare(middle_ms, self.dialect.read_clock_ms(part.data))
        self.log.debug("clock.compared", venue=self.dialect.venue, offset_ms=round(self.offset_ms))
        return part

    async def cached(
        self, key: str, fetch: Callable[[], Awaitable[Part]], *, age_ms_max: float
    ) -> Part:
        """
        Return public data at most *age_ms_max* old, fetched once for all who ask meanwhile.

        Raises: `VenueError` of the fetch.
        """
        slot = self._slots.setdefault(key, Slot(self.now_ms))
        return await slot.read(fetch, age_ms_max=age_ms_max)

    async def close(self) -> None:
        if self._public is not None:
            await self._public.close()
            self._public = None


class Client:
    """One key (or none) at one host. All calls of it may run at the same time."""

    def __init__(self, host: Host, credentials: Credentials | None) -> None:
        self.host = host
        self._signed = credentials is not None
        self._exchange = self._build(credentials)

    def _build(self, credentials: Credentials | None) -> Any:  # noqa: ANN401 - ccxt has no types
        host = self.host
        library = venue_class(host.dialect.ccxt_id, host.log)
        config: dict[str, object] = {
            "enableRateLimit": False,  # its queue is first come, first served; see weights.py
            "timeout": int(host.timeout_s * 1000),
            "session": host.way,
            "enableLastHttpResponse": False,
            "enableLastJsonResponse": False,
            "enableLastResponseHeaders": False,
            "options": {**host.dialect.options, "maxRetriesOnFailure": 0},
        }
        if credentials is not None:
            config["apiKey"] = credentials.api_key
            config["secret"] = credentials.signing_secret()
            if credentials.password is not None:
                config["password"] = credentials.password
        exchange: Any = type(f"Strict{library.__name__}", (Strict, library), {})(config)
        exchange.judge = host.judge
        exchange.clock_ms = host.venue_ms
        exchange.ssl_context = False  # the shared session has its own; None would build another
        exchange.timeout_on_exit = 0
        if host.endpoint is not None:
            exchange.urls["api"] = redirected(exchange.urls["api"], host.endpoint)
        return exchange

    async def call(
        self,
        method: str,
        params: Mapping[str, object] | None = None,
        *,
        name: str,
        weight: int = 1,
        budget: str,
        calm: bool = False,
    ) -> Part:
        """
        Call the raw ccxt endpoint *method* (`fapiPrivateV3GetAccount`) and return its answer.

        *name* is the part's name in errors and in the snapshot. *calm* calls leave a reserve of
        the budget to those that serve a snapshot.

        Raises: `VenueError`.
        """
        if self._signed:
            await self.host.read_clock(age_ms_max=float("inf"))
        try:
            return await self._once(method, params, name, weight, budget, calm=calm)
        except ClockSkew:
            await self.host.read_clock(age_ms_max=0)
        try:
            return await self._once(method, params, name, weight, budget, calm=calm)
        except ClockSkew as error:
            offset_ms = round(self.host.offset_ms)
            raise Unreachable(
                f"{error.reason}; our clock is {-offset_ms:+} ms from the venue's"
            ) from None

    async def _once(
        self,
        method: str,
        params: Mapping[str, object] | None,
        name: str,
        weight: int,
        budget: str,
        *,
        calm: bool,
    ) -> Part:
        now_ms = self.host.now_ms()
        self.host.shutter.check(now_ms)
        self.host.budgets[budget].take(weight, now_ms, calm=calm)
        endpoint = getattr(self._exchange, method, None)
        if endpoint is None:
            raise Unreadable(f"this ccxt has no {method}")
        try:
            data = await endpoint(dict(params or {}))
        except Exception as error:  # noqa: BLE001 - the library may throw anything; all of it is a miss
            raise translate(error, self.host.timeout_s) from None
        if not isinstance(data, dict | list):
            raise Unreadable(f"{name}: not a JSON object or list")
        return Part(name, data, int(self.host.wall_ms() * 1000))

    async def close(self) -> None:
        await self._exchange.close()


async def together(*calls: Awaitable[Any]) -> list[Any]:
    """
    Await all *calls* at once and return their results.

    All are waited for, so none is left running; then the first error is raised.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return list(results)
