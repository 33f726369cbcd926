"""
The traps of ccxt 4.5.90, each against the real library over loopback.

Where the library alone would say "no positions" or guess, ours must refuse. If a test that shows
the library's own behaviour fails after an upgrade, the trap is gone; ours stays.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as library
import pytest
from aiohttp import web

from tests.unit.far_server import KEY, SECRET, Reach, Said, far_server, reaching, time_at
from watcher import venues
from watcher.ports import (
    Banned,
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    VenueError,
)
from watcher.venues.binance.dialect import DIALECT
from watcher.venues.ccxt_venue import Credentials, Part
from watcher.venues.transport import redirected

POSITIONS = "/fapi/v3/positionRisk"
TIME = "/fapi/v1/time"


def error_after(said: Said) -> VenueError:
    """Return what a read of positions raises when the venue answers *said*."""

    async def run() -> VenueError:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {TIME: time_at(reach.clock), POSITIONS: said}
            with pytest.raises(VenueError) as caught:
                await read(reach)
            return caught.value

    return asyncio.run(run())


async def read(reach: Reach) -> Part:
    return await reach.client.call(
        "fapiPrivateV3GetPositionRisk", name="positionRisk", weight=5, budget="fapi"
    )


# ── trap 1: a garbage answer looks like "no positions" ────────────────────────────────────────

GARBAGE = [
    (Said(b""), Unreadable, "empty answer"),
    (Said(b"<html><title>Just a moment</title>"), Unreadable, "HTML page"),
    (Said(b'[{"symbol": "BTCUSDT", "posit'), Unreadable, "broken off"),
    (Said(b"[]", 202), Unreadable, "HTTP 202"),
    (Said(b"", 202), Unreadable, "HTTP 202"),
    (Said(b"", 302, {"Location": "/elsewhere"}), Unreachable, "HTTP 302"),
    (Said(b"<html>", 524), Unreachable, "HTTP 524"),
    (Said(b"", 529), Unreachable, "HTTP 529"),
    (Said(b'{"a": NaN}'), Unreadable, "NaN"),
    (Said(b'"maintenance"'), Unreadable, "not JSON"),
]


@pytest.mark.parametrize(("said", "kind", "words"), GARBAGE)
def test_garbage_is_an_error_and_never_an_empty_account(
    said: Said, kind: type[VenueError], words: str
) -> None:
    error = error_after(said)

    assert type(error) is kind
    assert words in error.reason


def test_the_library_alone_takes_an_empty_body_for_an_account_without_positions() -> None:
    async def run() -> object:
        async with far_server() as server:
            server.answers = {
                "/fapi/v1/exchangeInfo": Said({"symbols": []}),
                "/fapi/v1/leverageBracket": Said([]),
                POSITIONS: Said(b""),
            }
            options = {"defaultType": "swap", "fetchMarkets": {"types": ["linear"]}}
            exchange = library.binance({"apiKey": "k", "secret": "s", "options": options})
            exchange.has["fetchCurrencies"] = False
            exchange.options["fetchMargins"] = False
            exchange.urls["api"] = redirected(exchange.urls["api"], server.url)
            try:
                return await exchange.fetch_positions()
            finally:
                await exchange.close()

    assert asyncio.run(run()) == []


def test_a_redirect_is_not_followed_to_another_place() -> None:
    async def run() -> int:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {
                TIME: time_at(reach.clock),
                POSITIONS: Said(b"", 302, {"Location": f"{reach.server.url}/elsewhere"}),
                "/elsewhere": Said([]),
            }
            with pytest.raises(Unreachable):
                await read(reach)
            return reach.server.count("/elsewhere")

    assert asyncio.run(run()) == 0


def test_a_body_that_never_ends_is_cut_off() -> None:
    error = error_after(Said(b"[" + b" " * 10_500_000 + b"]"))

    assert "larger than 10 MB" in error.reason


# ── trap 16: classes that mislead ─────────────────────────────────────────────────────────────

CODES = [
    (401, -2015, "Invalid API-key, IP, or permissions for action.", Refused, "key refused (-2015)"),
    (401, -2014, "API-key format invalid.", Refused, "-2014"),
    (400, -1022, "Signature for this request is not valid.", Refused, "check the secret"),
    (400, -1000, "An unknown error occurred.", Unreachable, "venue busy"),
    (503, -1008, "Server is currently overloaded.", Unreachable, "venue busy"),
    (408, -1007, "Timeout waiting for response.", Unreachable, "venue busy"),
    (503, -1016, "This service is no longer available.", Maintenance, "maintenance"),
    (200, -1001, "Internal error.", Unreachable, "venue busy"),
    (400, -4168, "Unable to adjust to isolated-margin mode.", Unreadable, "error -4168: Unable"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "words"), CODES)
def test_errors_are_read_by_code_and_not_by_class(
    status: int, code: int, message: str, kind: type[VenueError], words: str
) -> None:
    error = error_after(Said({"code": code, "msg": message}, status))

    assert type(error) is kind
    assert words in error.reason


def test_a_revoked_key_is_refused_even_after_it_worked() -> None:
    """The library calls -2015 "DDoSProtection" once a private spot call has succeeded."""

    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {
                TIME: time_at(reach.clock),
                "/api/v3/account": Said({"balances": []}),
                POSITIONS: Said(
                    {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}, 401
                ),
            }
            await reach.client.call("privateGetAccount", name="spot", weight=20, budget="api")
            with pytest.raises(Refused, match="-2015"):
                await read(reach)

    asyncio.run(run())


@pytest.mark.parametrize("headers", [{"Retry-After": "90"}, {}])
@pytest.mark.parametrize("apart_ms", [0, 3_600_000, -3_600_000])
def test_a_ban_is_kept_to_its_end_and_nothing_is_sent_before(
    apart_ms: int, headers: dict[str, str]
) -> None:
    """However far our clock is from the venue's, by which its words name the end, and when set."""

    async def run() -> None:
        async with reaching(DIALECT) as reach:
            until_ms = round(reach.clock.now_ms) + 90_000
            end = f"IP banned until {until_ms + apart_ms}. Please use"
            words = f"Way too much request weight used; {end}"
            reach.server.answers = {
                TIME: time_at(reach.clock, ahead_ms=apart_ms),
                POSITIONS: Said({"code": -1003, "msg": words}, 418, headers),
            }
            for skew_ms in (0, apart_ms, 0):
                reach.clock.skew_ms = skew_ms
                with pytest.raises(Banned) as caught:
                    await read(reach)
                assert caught.value.wait_s == pytest.approx(90, abs=1)
            assert reach.server.count(POSITIONS) == 1
            reach.clock.now_ms = until_ms - 1
            with pytest.raises(Banned):
                await read(reach)
            assert reach.server.count(POSITIONS) == 1
            reach.server.answers[POSITIONS] = Said([])
            reach.clock.now_ms = until_ms + 1
            assert (await read(reach)).data == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "wait_s"), [({"Retry-After": "7"}, 7), ({}, 30), ({"Retry-After": "soon"}, 30)]
)
def test_too_many_requests_waits_as_long_as_the_venue_asks(
    headers: dict[str, str], wait_s: int
) -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {
                TIME: time_at(reach.clock),
                POSITIONS: Said(b"slow down", 429, headers),
            }
            with pytest.raises(RateLimited, match="HTTP 429") as caught:
                await read(reach)
            assert caught.value.wait_s == wait_s

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Said(b"<html>403</html>", 403), "HTTP 403, refused by the venue's firewall"),
        (Said(b"", 451), "HTTP 451, not served at this address"),
        (Said(b"<html>", 503), "HTTP 503"),
    ],
)
def test_a_geo_block_or_a_dead_gateway_is_told_by_its_status(said: Said, words: str) -> None:
    assert error_after(said).reason == words


def test_a_connection_that_dies_in_mid_answer_is_unreachable() -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'[{"symbol": ')
        assert request.transport is not None
        request.transport.abort()
        return response

    assert reason_of(half) == "connection lost in mid-answer"


def test_no_answer_in_time_is_told_with_the_time() -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    assert reason_of(never, timeout_s=0.1) == "no answer in 0.1 s"


def reason_of(
    answer: Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]],
    *,
    timeout_s: float = 2.0,
) -> str:
    async def run() -> str:
        async with reaching(DIALECT, timeout_s=timeout_s) as reach:
            reach.server.answers = {TIME: time_at(reach.clock), POSITIONS: answer}
            with pytest.raises(Unreachable) as caught:
                await read(reach)
            return caught.value.reason

    return asyncio.run(run())


# ── numbers, secrets, keys, the clock ─────────────────────────────────────────────────────────


def test_numbers_of_the_wire_arrive_exact() -> None:
    async def run() -> object:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {
                TIME: time_at(reach.clock),
                POSITIONS: Said(b'[{"cum": 0.1, "big": 123456789012345678901.5}]'),
            }
            return (await read(reach)).data

    assert asyncio.run(run()) == [
        {"cum": Decimal("0.1"), "big": Decimal("123456789012345678901.5")}
    ]


def test_no_error_and_no_log_line_holds_url_key_or_signature(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The library's own texts carry the signed URL."""
    caplog.set_level(logging.INFO)
    errors = [error_after(said) for said, _, _ in GARBAGE]
    words = f"please see http://127.0.0.1:1/fapi?signature={'ab' * 32} key {KEY}"
    errors.append(error_after(Said({"code": -9999, "msg": words}, 400)))

    told = " ".join([*(str(error) for error in errors), caplog.text])

    assert "http" not in told
    assert "signature=" not in told
    assert KEY not in told
    assert SECRET not in told
    assert repr(Credentials(api_key=KEY, api_secret=SECRET)) == "Credentials()"


def test_rsa_keys_are_refused_and_pem_line_ends_repaired() -> None:
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    short = f"{begin}\n{'A' * 64}\n{end}"
    windows = short.replace("\n", "\r\n")
    escaped = short.replace("\n", "\\n")

    for secret in (windows, escaped, short + "\n"):
        assert Credentials(api_key="k", api_secret=secret).signing_secret() == short
    with pytest.raises(Refused, match="RSA"):
        Credentials(api_key="k", api_secret=f"{begin}\n{'A' * 1600}\n{end}").signing_secret()


def test_signatures_carry_the_venues_time() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {
                TIME: time_at(reach.clock, ahead_ms=4_321),
                POSITIONS: Said([]),
            }
            await read(reach)
            stamp = reach.server.asked[-1].params["timestamp"]
            assert int(stamp) == reach.clock.now_ms + 4_321

    asyncio.run(run())


def test_a_refused_time_stamp_is_tried_once_more_after_looking_at_the_clock() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            refused = Said({"code": -1021, "msg": "Timestamp is outside of the recvWindow."}, 400)
            reach.server.answers = {TIME: time_at(reach.clock), POSITIONS: refused}
            with pytest.raises(Unreachable, match=r"time stamp refused \(-1021\); our clock is"):
                await read(reach)
            assert reach.server.count(POSITIONS) == 2
            assert reach.server.count(TIME) == 2

    asyncio.run(run())


@pytest.mark.parametrize(("ours_ms", "theirs_ms", "refused"), [(-1, 0, 0), (1, 0, 0), (0, 1, 1)])
def test_a_clock_that_is_set_costs_no_read(ours_ms: int, theirs_ms: int, refused: int) -> None:
    """Ours does not even matter; the venue's is followed within the same read."""

    async def run() -> None:
        async with reaching(DIALECT) as reach:
            venue_ms = reach.clock.now_ms

            async def judge_stamp(request: web.Request) -> web.StreamResponse:
                late = abs(int(request.query["timestamp"]) - venue_ms) > 5_000
                said = Said({"code": -1021, "msg": "Timestamp"}, 400) if late else Said([])
                return said.response()

            async def venue_time(_: web.Request) -> web.StreamResponse:
                return web.json_response({"serverTime": round(venue_ms)})

            reach.server.answers = {TIME: venue_time, POSITIONS: judge_stamp}
            await read(reach)
            reach.clock.skew_ms = ours_ms * 3_600_000
            venue_ms += theirs_ms * 3_600_000
            assert (await read(reach)).data == []
            assert reach.server.count(POSITIONS) == 2 + refused
            assert reach.host.offset_ms == (theirs_ms - ours_ms) * 3_600_000

    asyncio.run(run())


# ── throttle and the rest ─────────────────────────────────────────────────────────────────────


def test_the_library_neither_throttles_nor_retries_nor_keeps_bodies() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            exchange = reach.client._exchange
            assert exchange.enableRateLimit is False
            assert exchange.options["maxRetriesOnFailure"] == 0
            assert exchange.enableLastHttpResponse is False
            assert exchange.enableLastJsonResponse is False
            assert exchange.verbose is False
            reach.server.answers = {TIME: time_at(reach.clock), POSITIONS: Said(b"", 500)}
            with pytest.raises(Unreachable):
                await read(reach)
            assert reach.server.count(POSITIONS) == 1

    asyncio.run(run())


def test_no_code_of_ours_uses_a_unified_method_or_loads_markets() -> None:
    """Unified parsers drop the deduction, invent ratios and take an empty body for flat."""
    for path in sorted(Path(venues.__file__).parent.glob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert re.search(r"\bfetch_[a-z]|load_markets|\bsafe_[a-z]", source) is None, path.name


def test_a_cancelled_read_is_cancelled_and_the_next_one_works() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:

            async def slow(_: web.Request) -> web.StreamResponse:
                await asyncio.sleep(5)
                return web.Response()

            reach.server.answers = {TIME: time_at(reach.clock), POSITIONS: slow}
            task = asyncio.create_task(read(reach))
            while not reach.server.count(POSITIONS):  # noqa: ASYNC110 - until the request is there
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            reach.server.answers[POSITIONS] = Said([])
            assert (await read(reach)).data == []

    asyncio.run(run())


def test_venues_that_vanished_from_the_library_are_closed_here() -> None:
    for name in venues.CLOSED:
        assert not hasattr(library, name)
    for name in venues.VENUES:
        assert isinstance(getattr(library, name), type)
