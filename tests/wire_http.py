"""
Serves one practice wire over loopback, for tests that read it with the real ccxt.

Rule: no faults, no control, no clock of its own: only what a wire needs to be reached. The full
practice exchange is `watcher.sim.server`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from watcher.sim.wire import Call, Wire
from watcher.sim.world import World


def _answer(wire: Wire, world: World) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            raw_query=request.rel_url.raw_query_string,
            body=await request.read(),
            headers=headers,
        )
        key = headers.get(wire.key_header)
        account = world.by_key(wire.venue, key) if key else None
        reply = wire.handle(call, world, account)
        body = reply.payload if isinstance(reply.payload, bytes) else orjson.dumps(reply.payload)
        return web.Response(
            body=body,
            status=reply.status,
            headers=dict(reply.headers),
            content_type=reply.content_type,
        )

    return answer


@asynccontextmanager
async def serving(wire: Wire, world: World) -> AsyncIterator[str]:
    """Serve *wire* until the block ends; gives the endpoint."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", _answer(wire, world))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server: Any = site._server  # aiohttp shows the free port nowhere else
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()
