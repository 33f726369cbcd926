"""Hosts, clients and their shared parts: one session, one clock, one copy of public data."""

from __future__ import annotations

import asyncio
import errno
import gc
from typing import Any

import aiohttp
import pytest

from tests.unit.far_server import Hands, Quiet, Said, far_server, reaching, time_at
from watcher.ports import RateLimited, Unreachable, VenueError
from watcher.venues import CLOSED, VENUES, open_venue, weights_of
from watcher.venues.binance.dialect import DIALECT, heard
from watcher.venues.ccxt_venue import Credentials, Part, Shared, together
from watcher.venues.transport import Answer, loopback, plain, redirected, translate

TIME = "/fapi/v1/time"


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:8700", "http://localhost:8700/", "http://[::1]:8700"]
)
def test_an_endpoint_on_this_machine_is_taken(endpoint: str) -> None:
    assert loopback(endpoint) == endpoint.rstrip("/")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://10.0.0.1:8700",
        "https://127.0.0.1:8700",
        "http://127.0.0.1.example.com",
        "http://user:pass@127.0.0.1:8700",
        "http://127.0.0.1:8700/path",
        "http://127.0.0.1:8700?x=1",
        "127.0.0.1:8700",
        "",
    ],
)
def test_an_endpoint_elsewhere_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        loopback(endpoint)


def test_every_url_of_a_venue_goes_to_the_endpoint_with_its_path() -> None:
    urls = {
        "fapi": "https://fapi.binance.com/fapi/v1",
        "ws": {"spot": "wss://stream.binance.com/ws"},
        "v5": "https://api.{hostname}",
        "none": None,
    }

    assert redirected(urls, "http://127.0.0.1:1") == {
        "fapi": "http://127.0.0.1:1/fapi/v1",
        "ws": {"spot": "http://127.0.0.1:1/ws"},
        "v5": "http://127.0.0.1:1",
        "none": None,
    }


def test_accounts_behind_one_address_share_their_host_and_others_do_not() -> None:
    async def run() -> None:
        shared, clock, log = Shared(), Hands(), Quiet()

        def host(endpoint: str | None) -> object:
            return shared.host(DIALECT, endpoint, clock=clock, timeout_s=5, log=log)

        assert host("http://127.0.0.1:1") is host("http://127.0.0.1:1/")
        assert host("http://127.0.0.1:1") is not host("http://127.0.0.1:2")
        assert host(None) is not host("http://127.0.0.1:1")
        await shared.close()

    asyncio.run(run())


def test_weights_are_those_of_each_host_and_budget_now() -> None:
    async def run() -> None:
        shared, clock, log = Shared(), Hands(), Quiet()
        host = shared.host(DIALECT, "http://127.0.0.1:1", clock=clock, timeout_s=5, log=log)
        shared.host(DIALECT, None, clock=clock, timeout_s=5, log=log)
        host.budgets["sapi"].take(7, clock.now_ms)

        found = {(one.endpoint, one.budget): (one.used, one.limit) for one in weights_of(shared)}

        limit = DIALECT.limits["sapi"].weight
        assert found["http://127.0.0.1:1", "sapi"] == (7, limit)
        assert found["", "sapi"] == (0, limit)
        assert {one.venue for one in weights_of(shared)} == {DIALECT.venue}
        await shared.close()

    asyncio.run(run())


def test_public_data_is_fetched_once_for_all_who_ask_at_the_same_time() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            fetched = 0

            async def fetch() -> Part:
                nonlocal fetched
                fetched += 1
                await asyncio.sleep(0)
                return Part("marks", fetched, int(reach.clock.now_ms * 1000))

            async def ask(age_ms_max: float = 2_000) -> object:
                return (await reach.host.cached("marks", fetch, age_ms_max=age_ms_max)).data

            assert await together(ask(), ask(), ask()) == [1, 1, 1]
            reach.clock.now_ms += 1_999
            assert await ask() == 1
            reach.clock.now_ms += 1
            assert await ask() == 2
            assert await ask(0) == 3

    asyncio.run(run())


def test_a_failed_fetch_fails_its_asker_and_the_next_one_tries() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            outcomes: list[object] = [Unreachable("HTTP 503"), Part("marks", "good", 1)]

            async def fetch() -> Part:
                outcome = outcomes.pop(0)
                if isinstance(outcome, Part):
                    return outcome
                raise Unreachable("HTTP 503")

            with pytest.raises(Unreachable):
                await reach.host.cached("marks", fetch, age_ms_max=1)
            assert (await reach.host.cached("marks", fetch, age_ms_max=1)).data == "good"

    asyncio.run(run())


def test_those_who_waited_for_a_fetch_that_failed_share_its_failure() -> None:
    """A venue that does not answer must not be waited for once per account."""

    async def run() -> None:
        async with reaching(DIALECT) as reach:
            fetched = 0

            async def fetch() -> Part:
                nonlocal fetched
                fetched += 1
                await asyncio.sleep(0)
                raise RateLimited("slow down", wait_s=5)

            async def ask() -> Part:
                return await reach.host.cached("marks", fetch, age_ms_max=1)

            outcomes = await asyncio.gather(ask(), ask(), ask(), return_exceptions=True)
            assert fetched == 1
            for outcome in outcomes:
                assert isinstance(outcome, RateLimited)
                assert (outcome.reason, outcome.wait_s) == ("slow down", 5)

    asyncio.run(run())


@pytest.mark.parametrize("skew_ms", [0, -3_600_000])
def test_an_old_value_is_fetched_again_also_after_the_clock_was_set_back(skew_ms: int) -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:

            async def fetch() -> Part:
                return Part("marks", reach.clock.now_ms, int(reach.clock.now_ms * 1000) - 1)

            first = await reach.host.cached("marks", fetch, age_ms_max=2_000)
            reach.clock.now_ms += 2_000
            reach.clock.skew_ms = skew_ms
            later = await reach.host.cached("marks", fetch, age_ms_max=2_000)
            assert first.data != later.data

    asyncio.run(run())


def test_the_clock_is_compared_once_and_then_every_ten_minutes() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {TIME: time_at(reach.clock, ahead_ms=-250)}
            await reach.host.read_clock()
            await reach.host.read_clock()
            assert reach.server.count(TIME) == 1
            assert reach.host.offset_ms == -250
            assert reach.host.venue_ms() == reach.clock.now_ms - 250
            reach.clock.now_ms += 600_000
            await reach.host.read_clock()
            assert reach.server.count(TIME) == 2

    asyncio.run(run())


def test_the_venues_count_of_weight_stops_us_before_the_venue_does() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {
                TIME: time_at(reach.clock),
                "/fapi/v3/account": Said({}, headers={"X-MBX-USED-WEIGHT-1M": "2279"}),
            }

            async def read() -> None:
                await reach.client.call(
                    "fapiPrivateV3GetAccount", name="account", weight=5, budget="fapi"
                )

            await read()
            with pytest.raises(RateLimited, match="own request budget"):
                await read()
            reach.clock.now_ms += 60_000
            await read()

    asyncio.run(run())


def test_a_method_this_ccxt_lacks_is_a_miss_and_not_a_crash() -> None:
    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {TIME: time_at(reach.clock)}
            with pytest.raises(VenueError, match="this ccxt has no sapiGetNothing"):
                await reach.client.call("sapiGetNothing", name="nothing", budget="sapi")

    asyncio.run(run())


def test_headers_tell_the_weight_used_by_kind_of_path() -> None:
    def answer(path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Answer(status=200, headers=named, path=path, payload={}, broken="", now_ms=0)

    assert heard(answer("/fapi/v3/account", x_mbx_used_weight_1m="25")) == ("fapi", 25)
    assert heard(answer("/sapi/v1/account/info", x_sapi_used_ip_weight_1m="12")) == ("sapi", 12)
    assert heard(answer("/fapi/v3/account")) is None
    assert heard(answer("/fapi/v3/account", x_mbx_used_weight_1m="many")) is None


def test_whatever_a_library_throws_becomes_a_venue_error_of_plain_words() -> None:
    for error in (TypeError("x"), KeyError("y"), RuntimeError("http://secret"), ValueError()):
        turned = translate(error, 5)

        assert isinstance(turned, VenueError)
        assert "http" not in turned.reason


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, "no connection to be had: too many open files here"),
        (errno.ENETUNREACH, "this machine has no network"),
        (errno.ECONNREFUSED, "connection refused"),
    ],
)
def test_what_is_wrong_here_is_not_laid_at_the_venues_door(number: int, words: str) -> None:
    key: Any = None
    error = aiohttp.ClientConnectorError(key, OSError(number, "said by the system"))

    assert translate(error, 5).reason == words


def test_a_venues_own_words_lose_addresses_and_anything_like_a_secret() -> None:
    words = "bad key abcdefghijklmnopqrstuvwxyz0123456789 see https://x.example/y?signature=1"

    assert plain(words) == "bad key … see …"
    assert len(plain("word " * 100)) == 80
    assert plain(None) == ""


def test_together_waits_for_all_and_then_raises_the_first_error() -> None:
    async def run() -> None:
        done: list[str] = []

        async def fail() -> None:
            raise Unreachable("first")

        async def finish() -> None:
            await asyncio.sleep(0)
            done.append("second")

        with pytest.raises(Unreachable, match="first"):
            await together(fail(), finish())
        assert done == ["second"]

    asyncio.run(run())


def test_names_are_known_without_loading_a_library() -> None:
    assert set(VENUES) == {"binance", "bybit", "okx"}
    assert "ceased operations" in CLOSED["bitmex"]
    assert not set(VENUES) & set(CLOSED)


def test_an_unknown_venue_and_a_foreign_endpoint_are_refused_before_anything_is_sent() -> None:
    async def run() -> None:
        shared = Shared()
        keys = Credentials(api_key="k", api_secret="s")

        def opened(name: str, endpoint: str) -> object:
            return open_venue(
                name,
                "main",
                keys,
                endpoint=endpoint,
                clock=Hands(),
                timeout_s=5,
                log=Quiet(),
                shared=shared,
            )

        with pytest.raises(KeyError):
            opened("bitmex", "http://127.0.0.1:1")
        with pytest.raises(ValueError, match="loopback"):
            opened("binance", "http://192.168.1.5:80")
        await shared.close()

    asyncio.run(run())


def test_closing_leaves_nothing_open() -> None:
    async def run() -> None:
        async with far_server() as server:
            shared = Shared()
            host = shared.host(DIALECT, server.url, clock=Hands(), timeout_s=5, log=Quiet())
            server.answers = {TIME: Said({"serverTime": 1_795_305_600_000})}
            await host.read_clock()
            await shared.close()
            await shared.close()
        gc.collect()

    asyncio.run(run())
