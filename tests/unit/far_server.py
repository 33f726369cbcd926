"""
A far server that answers with whatever bytes a test gives it, for the real ccxt to read.

Rule: no venue rules in here. Answers are set by path; every request is kept. One server per
`asyncio.run`, on a free loopback port.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import web

from watcher.domain.alert import Moment
from watcher.venues.ccxt_venue import Client, Credentials, Dialect, Host, Shared

AT_MS = 1_795_305_600_000
SECRET = "far-server-secret-of-no-value"
KEY = "far-server-key-of-no-value"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: bytes or a JSON value, with its status and headers."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        body = self.body if isinstance(self.body, bytes) else _json(self.body).encode()
        return web.Response(
            body=body,
            status=self.status,
            headers=dict(self.headers),
            content_type="application/json",
        )


def _json(value: object) -> str:
    return json.dumps(value, default=lambda item: float(item) if type(item) is Decimal else None)


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


class FarServer:
    """`answers` by path; a path not set answers 404 and an empty body."""

    def __init__(self) -> None:
        self.answers: dict[str, Said | Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def count(self, path: str) -> int:
        return sum(1 for one in self.asked if one.path == path)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(
            Asked(request.method, request.path, dict(request.query), dict(request.headers))
        )
        said = self.answers.get(request.path, Said(status=404))
        return said.response() if isinstance(said, Said) else await said(request)


@asynccontextmanager
async def far_server() -> AsyncIterator[FarServer]:
    server = FarServer()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


class Quiet:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []

    def debug(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    info = warning = debug


class Hands:
    """A clock that is moved by hand. `skew_ms`: how far its time of day is off."""

    def __init__(self, now_ms: float = AT_MS) -> None:
        self.now_ms = now_ms
        self.skew_ms = 0.0

    def __call__(self) -> Moment:
        return Moment(
            steady_us=round(self.now_ms * 1000),
            wall_us=round((self.now_ms + self.skew_ms) * 1000),
        )


@dataclass(slots=True)
class Reach:
    """A client of one dialect, wired to a far server."""

    server: FarServer
    host: Host
    client: Client
    clock: Hands
    log: Quiet
    shared: Shared


@asynccontextmanager
async def reaching(dialect: Dialect, *, timeout_s: float = 2.0) -> AsyncIterator[Reach]:
    async with far_server() as server:
        clock, log, shared = Hands(), Quiet(), Shared()
        host = shared.host(dialect, server.url, clock=clock, timeout_s=timeout_s, log=log)
        client = host.client(Credentials(api_key=KEY, api_secret=SECRET, password="pass"))
        try:
            yield Reach(server, host, client, clock, log, shared)
        finally:
            await client.close()
            await shared.close()
            await asyncio.sleep(0)


def time_at(clock: Hands, *, ahead_ms: float = 0) -> Callable[[web.Request], Any]:
    """Return an answer to Binance's time call: *clock* plus *ahead_ms*."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"serverTime": round(clock.now_ms + ahead_ms)})

    return answer
