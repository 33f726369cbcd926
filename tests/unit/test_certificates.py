"""
Who answers under a venue's name must prove it: the reading and the money road over real TLS.

The roads' own contexts are told of one more root, ours; a certificate from it for this host is
taken, so that what is wrong with the others is all that is wrong with them.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from yarl import URL

from tests.authority import ELSEWHERE, FAR, HERE, NOW, Authority
from watcher.ports import Unreachable
from watcher.venues.ccxt_venue import Shared
from watcher.venues.transport import Road, translate

TIMEOUT_S = 5.0


def reached(server: ssl.SSLContext, *, knowing: Authority) -> str:
    """Return what the road brings back from *server*, or in what words it refuses."""
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({})

    async def run() -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        shared = Shared()
        connector: Any = shared.session().connector
        connector._ssl.load_verify_locations(cadata=knowing.pem)
        try:
            road = Road(shared.session(), TIMEOUT_S)
            async with road.get(URL(f"https://127.0.0.1:{port}/signed?x=1")) as reply:
                return reply.body
        except Exception as error:  # noqa: BLE001 - judged by its translation, as in the product
            told = translate(error, TIMEOUT_S)
            assert isinstance(told, Unreachable)
            assert seen == [], "nothing was sent before the far side was known"
            return told.reason
        finally:
            await shared.close()
            await runner.cleanup()

    return asyncio.run(run())


REFUSAL = "the certificate of the venue is not trusted (TLS)"


def test_a_certificate_of_a_known_root_for_this_host_is_taken(tmp_path: Path) -> None:
    ours = Authority()

    assert reached(ours.server(tmp_path, HERE, NOW + FAR), knowing=ours) == "{}"


@pytest.mark.parametrize(
    ("host", "end", "known"),
    [
        (HERE, NOW + FAR, False),
        (ELSEWHERE, NOW + FAR, True),
        (HERE, NOW - dt.timedelta(days=1), True),
    ],
    ids=["of nobody known", "for another host", "out of date"],
)
def test_any_other_is_refused_before_a_byte_of_the_request_left(
    host: x509.GeneralName, end: Any, *, known: bool, tmp_path: Path
) -> None:
    ours = Authority()
    server = ours.server(tmp_path, host, end)

    assert reached(server, knowing=ours if known else Authority()) == REFUSAL
