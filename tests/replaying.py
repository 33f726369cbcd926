"""
A venue that replays recorded bodies over loopback, for tests that read it with the real ccxt.

Rule: it answers by path and query, says what was asked, and can be told to answer one path
differently (status, body, once or from now on). It knows no venue and keeps no clock.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiohttp import web

from watcher.domain.alert import Moment
from watcher.ports import Venue
from watcher.venues import open_venue
from watcher.venues.ccxt_venue import Credentials, Shared


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `raw_query` before any decoding."""

    method: str
    path: str
    query: Mapping[str, str]
    raw_query: str


@dataclass(frozen=True)
class Told:
    """What to answer instead of JSON under 200."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Asked], object]
"""Returns a JSON value, or a `Told`."""


class Replay:
    """`routes` by path; `asked` lists every request in order."""

    def __init__(self, routes: Mapping[str, Answer]) -> None:
        self.routes = dict(routes)
        self.asked: list[Asked] = []
        self.endpoint = ""  # while it is served

    def always(self, path: str, answer: object) -> None:
        self.routes[path] = lambda _: answer

    def once(self, path: str, answer: object) -> None:
        """Answer the next request for *path* with *answer*, later ones as before."""
        before = self.routes[path]

        def next_time(asked: Asked) -> object:
            self.routes[path] = before
            del asked
            return answer

        self.routes[path] = next_time

    def times(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    async def handle(self, request: web.Request) -> web.Response:
        asked = Asked(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            raw_query=request.rel_url.raw_query_string,
        )
        self.asked.append(asked)
        route = self.routes.get(asked.path)
        told = Told(status=404, body=b"{}") if route is None else route(asked)
        if not isinstance(told, Told):
            told = Told(body=json.dumps(told).encode())
        return web.Response(
            body=told.body,
            status=told.status,
            content_type=told.content_type,
            headers=dict(told.headers),
        )


class SteppedClock:
    """Our wall clock in milliseconds, moved by hand."""

    def __init__(self, now_ms: float) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms

    def now(self) -> Moment:
        at_us = round(self.now_ms * 1000)
        return Moment(steady_us=at_us, wall_us=at_us)


@asynccontextmanager
async def replaying(
    venue: str, replay: Replay, clock: SteppedClock, *, password: str | None = None
) -> AsyncIterator[Venue]:
    """Serve *replay* until the block ends; gives an adapter of *venue* that reads it."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", replay.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server  # aiohttp shows the free port nowhere else
    replay.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    shared = Shared()
    adapter = open_venue(
        venue,
        "main",
        Credentials(api_key="key", api_secret="secret", password=password),
        endpoint=replay.endpoint,
        clock=clock.now,
        timeout_s=2.0,
        log=structlog.get_logger(),
        shared=shared,
    )
    try:
        yield adapter
    finally:
        await adapter.close()
        await shared.close()
        await runner.cleanup()
