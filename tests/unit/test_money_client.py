"""How a money request leaves: once, with the given stamp, with a key that may not withdraw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from yarl import URL

from tests.unit.far_server import Hands, Quiet, far_server
from tests.unit.money_rig import VENUES, Rig, play
from watcher.domain.topup import Answered
from watcher.ports import Unreachable, WithdrawalRight
from watcher.venues.binance.dialect import DIALECT as BINANCE
from watcher.venues.bybit.adapter import DIALECT as BYBIT
from watcher.venues.ccxt_venue import Credentials, Dialect, Shared
from watcher.venues.okx.adapter import DIALECT as OKX
from watcher.venues.sender import OnceRoad, Order, Sender, SpentTicket

each_venue = pytest.mark.parametrize("venue", VENUES)
FAR = {
    "binance": (
        BINANCE,
        "/sapi/v1/asset/transfer",
        Order(method="sapiPostAssetTransfer", params={"amount": "1.50"}, budget="sapi"),
    ),
    "bybit": (
        BYBIT,
        "/v5/asset/transfer/inter-transfer",
        Order(
            method="privatePostV5AssetTransferInterTransfer",
            params={"amount": "1.50"},
            budget="ip",
        ),
    ),
    "okx": (
        OKX,
        "/api/v5/asset/transfer",
        Order(method="privatePostAssetTransfer", params={"amount": "1.50"}, budget="account"),
    ),
}
TS_MS = 1_795_305_601_234
STAMP = {"okx": "2026-11-22T00:00:01.234Z"}


class Seen:
    """Every request that came, as it was on the wire."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str, dict[str, str]]] = []
        self.peers: list[object] = []

    async def keep(self, request: web.Request) -> None:
        body = await request.text()
        assert request.transport is not None
        self.peers.append(request.transport.get_extra_info("peername"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.path_qs, body, headers))

    def stamp(self) -> str:
        ((_, path, body, headers),) = self.requests
        given = dict(pair.split("=", 1) for pair in f"{path}&{body}".split("&") if "=" in pair)
        for name in ("x-bapi-timestamp", "ok-access-timestamp"):
            if name in headers:
                return headers[name]
        return given["timestamp"]


@asynccontextmanager
async def sending(venue: str, answer: Any, *, timeout_s: float = 0.5) -> AsyncIterator[Any]:
    """Give a sender whose far side answers money requests by *answer*, and what it saw."""
    dialect: Dialect
    dialect, path, order = FAR[venue]
    seen = Seen()

    async def respond(request: web.Request) -> web.StreamResponse:
        await seen.keep(request)
        response: web.StreamResponse = await answer(request)
        return response

    async with far_server() as server:
        server.answers[path] = respond
        shared = Shared()
        host = shared.host(dialect, server.url, clock=Hands(), timeout_s=timeout_s, log=Quiet())
        key = Credentials(api_key="key", api_secret="secret", password="pass")
        sender = Sender(host, key, window_ms=None if venue == "okx" else 3_000)
        try:
            yield sender, order, seen
        finally:
            await sender.close()
            await shared.close()


async def silence(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(30)
    return web.Response()


async def drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def saying(status: int, body: object, **headers: str) -> Any:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return answer


TROUBLES = {
    "silence": silence,
    "drop": drop,
    "503": saying(503, {"code": -1007, "msg": "Timeout waiting for response", "retCode": 10016}),
    "504": saying(504, {}),
    "busy": saying(400, {"code": -1007, "msg": "x", "retCode": 10000}),
    "redirect": saying(307, {}, Location="/sapi/v1/asset/transfer?again=1"),
}


@each_venue
@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_is_sent_twice_whatever_comes_back(venue: str, trouble: str) -> None:
    async def run() -> None:
        async with sending(venue, TROUBLES[trouble]) as (sender, order, seen):
            heard = await sender.send(order, TS_MS)
            await asyncio.sleep(0.05)

            assert len(seen.requests) == 1
            assert seen.requests[0][0] == "POST"
            assert not heard.unsent

    asyncio.run(run())


@each_venue
def test_the_signed_stamp_is_the_given_one_and_the_window_ours(venue: str) -> None:
    async def run() -> None:
        async with sending(venue, saying(200, {})) as (sender, order, seen):
            await sender.send(order, TS_MS)

            assert seen.stamp() == STAMP.get(venue, str(TS_MS))
            (_, path, body, headers) = seen.requests[0]
            if venue == "binance":
                assert "recvWindow=3000" in path + body
            if venue == "bybit":
                assert headers["x-bapi-recv-window"] == "3000"
            assert "1.50" in path + body

    asyncio.run(run())


def test_requests_at_the_same_time_keep_their_own_stamps() -> None:
    async def run() -> None:
        async def slow(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(0.02)
            return web.json_response({"retCode": 0})

        async with sending("bybit", slow) as (sender, order, seen):
            await asyncio.gather(*(sender.send(order, TS_MS + n) for n in range(5)))

            stamps = [headers["x-bapi-timestamp"] for *_, headers in seen.requests]
            assert sorted(stamps) == [str(TS_MS + n) for n in range(5)]
            # each over a connection of its own: an idle one may be dead without telling
            assert len(set(seen.peers)) == 5

    asyncio.run(run())


def test_a_client_that_would_retry_is_a_defect() -> None:
    async def run() -> None:
        async with sending("binance", saying(503, {})) as (sender, order, seen):
            sender._exchange.options["maxRetriesOnFailure"] = 3
            with pytest.raises(AssertionError):
                await sender.send(order, TS_MS)
            assert seen.requests == []

    asyncio.run(run())


def test_even_a_library_that_retries_gets_one_request() -> None:
    """The second line: ccxt reads this option per path too."""

    async def run() -> None:
        async with sending("binance", silence, timeout_s=0.1) as (sender, order, seen):
            sender._exchange.options["asset/transfer"] = {"maxRetriesOnFailure": 3}
            heard = await sender.send(order, TS_MS)

            assert len(seen.requests) == 1
            assert heard.answer is None
            assert not heard.unsent

    asyncio.run(run())


def test_a_road_takes_one_post_per_ticket() -> None:
    async def run() -> None:
        async with far_server() as server:
            shared = Shared()
            road = OnceRoad(shared.session(), 1.0)
            for method in (road.get, road.post):
                with pytest.raises(SpentTicket):
                    async with method(URL(server.url)):
                        pass
            assert server.asked == []
            await shared.close()

    asyncio.run(run())


@each_venue
@pytest.mark.parametrize("place", ["http://127.0.0.1:1", "http://localhost:1"])
def test_a_refused_connection_is_proven_never_sent(venue: str, place: str) -> None:
    async def run() -> None:
        shared = Shared()
        dialect, _, order = FAR[venue]
        host = shared.host(dialect, place, clock=Hands(), timeout_s=1, log=Quiet())
        sender = Sender(host, Credentials(api_key="k", api_secret="s", password="p"))
        heard = await sender.send(order, TS_MS)
        await sender.close()
        await shared.close()

        assert heard.unsent
        assert heard.words == "connection refused"

    asyncio.run(run())


def test_nothing_is_sent_to_a_venue_that_banned_this_address() -> None:
    async def run() -> None:
        banned = saying(418, {"code": -1003, "msg": "banned"}, **{"Retry-After": "60"})
        async with sending("binance", banned) as (sender, order, seen):
            first = await sender.send(order, TS_MS)
            second = await sender.send(order, TS_MS)

            assert first.answer.status == 418
            assert second.unsent
            assert len(seen.requests) == 1

    asyncio.run(run())


# ── the key ────────────────────────────────────────────────────────────────────────────────


@each_venue
def test_a_key_that_may_withdraw_moves_nothing(venue: str) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent()
        await rig.control("rights", account=venue, withdraw=True)
        with pytest.raises(WithdrawalRight):
            await rig.money.rights()

        answer = await rig.send(intent)

        assert (answer.answered, answer.code) == (Answered.REJECTED, "unsent")
        assert rig.posts() == 0
        assert rig.done == []

    play(venue, scene)


@each_venue
def test_nothing_is_sent_before_the_rights_were_read_or_when_they_cannot_be(venue: str) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent()
        await rig.control("fault", target=venue, kind="http", status=503, count=9)
        with pytest.raises(Unreachable):
            await rig.money.rights()
        await rig.control("reset_faults")

        assert (await rig.send(intent)).code == "unsent"
        assert rig.done == []
        await rig.money.rights()
        assert (await rig.send(intent)).answered is Answered.SUCCESS

    play(venue, scene)


@each_venue
def test_the_account_is_known_by_the_venues_own_number(venue: str) -> None:
    async def scene(rig: Rig) -> None:
        rights = await rig.money.rights()

        assert await rig.money.uid() == rights.uid == str(rig.account.uid)
        assert rights.withdraw is False

    play(venue, scene)


@each_venue
def test_the_time_is_the_venues(venue: str) -> None:
    async def scene(rig: Rig) -> None:
        assert await rig.money.now_ms() == rig.world.now_us // 1000
        await rig.wait(100)
        assert await rig.money.now_ms() == rig.world.now_us // 1000

    play(venue, scene)


@each_venue
def test_no_secret_leaves_in_words(venue: str) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent()
        for kind in ("lost_reply", "insufficient", "executed_504"):
            await rig.plan(kind)
            answer = await rig.send(intent)
            lookup = await rig.money.lookup(intent)
            for words in (repr(answer), repr(lookup), repr(rig.log.events)):
                assert rig.account.secret not in words
                assert rig.account.key not in words
                assert "signature" not in words

    play(venue, scene)
