"""A name server that fails does not make us blind: the address that was good within the hour."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from watcher.venues import resolver as module
from watcher.venues.ccxt_venue import Shared
from watcher.venues.resolver import KEPT_S, Resolver

NAME = "venue.test"


class Names(AbstractResolver):
    """A name server: `failing` is what it raises, `silent` that it never answers."""

    def __init__(self) -> None:
        self.failing: OSError | None = None
        self.silent = False
        self.address = "127.0.0.1"

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if self.silent:
            await asyncio.Event().wait()
        if self.failing is not None:
            raise self.failing
        return [
            ResolveResult(
                hostname=host, host=self.address, port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Steady:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def addresses(resolver: Resolver, host: str = NAME) -> list[str]:
    return [each["host"] for each in await resolver.resolve(host, 443)]


def test_what_the_name_server_says_now_counts() -> None:
    async def run() -> None:
        names = Names()
        resolver = Resolver(names, Steady())

        assert await addresses(resolver) == ["127.0.0.1"]
        names.address = "127.0.0.2"

        assert await addresses(resolver) == ["127.0.0.2"]

    asyncio.run(run())


def test_a_failed_look_up_takes_the_address_of_before_for_an_hour() -> None:
    async def run() -> None:
        names, now_s = Names(), Steady()
        resolver = Resolver(names, now_s)
        await resolver.resolve(NAME, 443)
        names.failing = socket.gaierror(socket.EAI_AGAIN, "try again")

        now_s.now_s += KEPT_S
        assert await addresses(resolver) == ["127.0.0.1"]

        now_s.now_s += 1
        with pytest.raises(OSError, match=r"venue\.test: .*try again"):
            await resolver.resolve(NAME, 443)

    asyncio.run(run())


def test_a_name_that_was_never_found_is_of_no_address() -> None:
    async def run() -> None:
        names = Names()
        resolver = Resolver(names, Steady())
        await resolver.resolve(NAME, 443)
        names.failing = socket.gaierror(socket.EAI_NONAME, "unknown")

        with pytest.raises(OSError, match=r"other\.test"):
            await resolver.resolve("other.test", 443)

    asyncio.run(run())


def test_a_silent_name_server_is_waited_for_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(module, "RESOLVE_S", 0.01)
        names = Names()
        resolver = Resolver(names, Steady())
        await resolver.resolve(NAME, 443)
        names.silent = True

        assert await addresses(resolver) == ["127.0.0.1"]
        # a bare TimeoutError would read as a request that had no answer
        with pytest.raises(OSError, match=r"not looked up in 0\.01 s") as caught:
            await resolver.resolve("other.test", 443)
        assert not isinstance(caught.value, TimeoutError)

    asyncio.run(run())


def test_requests_go_on_while_names_cannot_be_looked_up() -> None:
    async def run() -> None:
        names = Names()
        async with serving() as port:
            connector = aiohttp.TCPConnector(
                resolver=Resolver(names, Steady()), use_dns_cache=False, force_close=True
            )
            async with aiohttp.ClientSession(connector=connector) as session:
                assert await asked(session, f"http://{NAME}:{port}/") == "here"
                names.failing = socket.gaierror(socket.EAI_AGAIN, "try again")

                assert await asked(session, f"http://{NAME}:{port}/") == "here"
                with pytest.raises(aiohttp.ClientConnectorDNSError):
                    await asked(session, f"http://other.test:{port}/")

    asyncio.run(run())


def test_the_session_of_all_venues_has_the_memory() -> None:
    async def run() -> None:
        shared = Shared()
        try:
            connector = shared.session().connector
            assert isinstance(connector, aiohttp.TCPConnector)
            assert isinstance(connector._resolver, Resolver)
        finally:
            await shared.close()

    asyncio.run(run())


async def asked(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        return await answer.text()


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    app = web.Application()

    async def here(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    app.router.add_get("/", here)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
