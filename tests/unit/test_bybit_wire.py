"""
The Bybit adapter through the real ccxt against recorded bodies: pages, bad answers, error codes.

Rule: loopback only, the clock is moved by hand, nothing sleeps.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.replaying import Asked, Replay, SteppedClock, Told, replaying
from watcher.domain.report import Status
from watcher.margin import evaluate
from watcher.ports import (
    Banned,
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    Venue,
    VenueError,
    WithdrawalRight,
)
from watcher.venues.bybit.adapter import DIALECT
from watcher.venues.bybit.errors import explain
from watcher.venues.transport import Answer, ClockSkew

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads" / "bybit"
NOW_MS = 1795360247575
D = Decimal

WALLET = "/v5/account/wallet-balance"
POSITIONS = "/v5/position/list"
INFO = "/v5/account/info"
KEY = "/v5/user/query-api"
FUNDING = "/v5/asset/transfer/query-account-coins-balance"
RISK = "/v5/market/risk-limit"
LADDERS = "/v5/spot-margin-trade/collateral"
TIME = "/v5/market/time"
TICKERS = "/v5/market/tickers"
FEES = "/v5/account/fee-rate"


def bodies() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / "cross.json").read_text())["bodies"]
    return found


def positions_of(told: dict[str, Any]) -> Callable[[Asked], object]:
    def answer(asked: Asked) -> object:
        category = asked.query["category"]
        assert asked.query["limit"] == "200"
        name = f"linear {asked.query['settleCoin']}" if category == "linear" else category
        if "cursor" in asked.query:
            return {**told[name], "result": {**told[name]["result"], "list": []}}
        return told[name]

    return answer


def replay_of(told: dict[str, Any]) -> Replay:
    def named(prefix: str, key: str) -> Callable[[Asked], object]:
        return lambda asked: told[f"{prefix} {asked.query[key]}"]

    def plain(name: str) -> Callable[[Asked], object]:
        return lambda _: told[name]

    return Replay(
        {
            TIME: lambda _: {
                "retCode": 0,
                "result": {"timeSecond": "0", "timeNano": "0"},
                "time": NOW_MS,
            },
            WALLET: plain("wallet"),
            INFO: plain("info"),
            KEY: plain("key"),
            FUNDING: plain("funding"),
            POSITIONS: positions_of(told),
            "/v5/spot-margin-trade/collateral": plain("collateral"),
            "/v5/spot-margin-trade/position-tiers": plain("borrow"),
            RISK: named("risk", "symbol"),
            FEES: named("fees", "category"),
        }
    )


Use = Callable[[Venue, Replay, SteppedClock], Awaitable[None]]


def run(use: Use, told: dict[str, Any] | None = None) -> Replay:
    """Run *use* with an adapter that reads *told* (the cross account unless given)."""
    replay, clock = replay_of(told or bodies()), SteppedClock(NOW_MS)

    async def main() -> None:
        async with replaying("bybit", replay, clock) as venue:
            await use(venue, replay, clock)

    asyncio.run(main())
    return replay


def test_account_is_read_through_the_real_library() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        status = await venue.start()
        snapshot = await venue.snapshot()

        assert status.mode == "UTA 2.0 Pro cross"
        assert status.rights.withdraw is False
        assert {one.asset: one.wallet for one in snapshot.assets}["USDT"] == D(10000)
        assert [one.symbol for one in snapshot.positions] == ["BTCUSDT"]
        assert snapshot.wallets == {"funding": {"USDT": D(5000)}}
        assert set(snapshot.parts) == {
            "wallet",
            "positions linear USDT",
            "positions linear USDC",
            "positions inverse",
            "positions option",
        }

    asked = run(use).asked

    assert {one.method for one in asked} == {"GET"}


def test_a_poll_costs_five_requests_once_the_tables_are_kept() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        await venue.snapshot()
        before = len(replay.asked)

        await venue.snapshot()

        assert len(replay.asked) - before == 5

    run(use)


def test_every_page_is_read_with_its_cursor_untouched() -> None:
    told = bodies()
    row = told["linear USDT"]["result"]["list"][0]
    symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
    for symbol in symbols[1:]:
        brackets = copy.deepcopy(told["risk BTCUSDT"])
        for tier in brackets["result"]["list"]:
            tier["symbol"] = symbol
        told[f"risk {symbol}"] = brackets
    told["fees linear"]["result"]["list"].append(
        {"symbol": "SOLUSDT", "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}
    )
    told["wallet"]["result"]["list"][0]["coin"][0]["totalPositionMM"] = "297.1755"
    cursors = {"": "a%3D1%2Cb", "a%3D1%2Cb": "c%3D2", "c%3D2": ""}

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        others = replay.routes[POSITIONS]

        def pages(asked: Asked) -> object:
            if asked.query.get("settleCoin") != "USDT":
                return others(asked)
            parts = dict(part.split("=", 1) for part in asked.raw_query.split("&"))
            cursor = parts.get("cursor", "")
            page = copy.deepcopy(told["linear USDT"])
            symbol = symbols[list(cursors).index(cursor)]
            page["result"]["list"] = [{**row, "symbol": symbol}]
            page["result"]["nextPageCursor"] = cursors[cursor]
            return page

        replay.routes[POSITIONS] = pages

        snapshot = await venue.snapshot()

        assert sorted(one.symbol for one in snapshot.positions) == sorted(symbols)

    run(use, told)


def test_pages_that_repeat_themselves_are_refused() -> None:
    told = bodies()
    told["linear USDT"]["result"]["nextPageCursor"] = "again"

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        replay.always(POSITIONS, told["linear USDT"])

        with pytest.raises(Unreadable, match="pages repeat themselves"):
            await venue.snapshot()

    run(use, told)


BAD_BODIES = [
    (Told(b""), Unreadable, "empty answer"),
    (Told(b"<html>busy</html>", content_type="text/html"), Unreadable, "HTML page"),
    (Told(b'{"retCode":0,"result":{"li'), Unreadable, "broken off"),
    (Told(b'"OK"'), Unreadable, "not JSON"),
    (Told(b"[]"), Unreadable, "no retCode"),
    (Told(b"{}"), Unreadable, "no retCode"),
    (Told(b'{"retCode":0,"retMsg":"OK"}'), Unreadable, "is missing"),
    (Told(b'{"retCode":0,"time":1795360247575}'), Unreadable, "result is missing"),
    (Told(b'{"retCode":0,"result":{},"time":1795360247575}'), Unreadable, "is missing"),
    (Told(b'{"retCode":0,"result":{"x":NaN}}'), Unreadable, "NaN"),
    (Told(b"<html>", status=503, content_type="text/html"), Unreachable, "HTTP 503"),
    (Told(b"", status=524), Unreachable, "HTTP 524"),
    (Told(b"{}", status=202), Unreadable, "HTTP 202"),
    (Told(b"", status=302), Unreachable, "HTTP 302"),
]


@pytest.mark.parametrize("path", [WALLET, POSITIONS])
@pytest.mark.parametrize(("told", "kind", "words"), BAD_BODIES)
def test_bad_body_is_a_miss_and_the_next_poll_is_fine(
    path: str, told: Told, kind: type[VenueError], words: str
) -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        usual = replay.routes[path]
        replay.always(path, told)

        with pytest.raises(kind, match=words):
            await venue.snapshot()

        replay.routes[path] = usual
        assert [one.symbol for one in (await venue.snapshot()).positions] == ["BTCUSDT"]

    run(use)


def test_answer_frozen_under_200_is_refused() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        await venue.snapshot()
        clock.now_ms += 41_000

        with pytest.raises(Unreadable, match="answer is 42 s old"):
            await venue.snapshot()

    run(use)


def test_funding_wallet_that_cannot_be_read_is_left_out() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        replay.always(FUNDING, Told(b"", status=503))

        snapshot = await venue.snapshot()
        await venue.snapshot()

        assert snapshot.wallets == {}
        assert len(snapshot.positions) == 1
        assert replay.times(FUNDING) == 1  # not again within the minute

    run(use)


def test_key_that_gains_the_right_to_withdraw_is_refused_from_then_on() -> None:
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        told["key"]["result"]["permissions"]["Wallet"].append("Withdraw")
        await venue.snapshot()  # rights are read every six hours
        clock.now_ms += 6 * 3_600_000 + 1

        with pytest.raises(WithdrawalRight):
            await venue.housekeeping()
        with pytest.raises(WithdrawalRight, match="may withdraw"):
            await venue.snapshot()

    run(use, told)


def test_changed_mode_is_noticed_by_the_misfit_and_read_again() -> None:
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        told["info"]["result"]["marginMode"] = "PORTFOLIO_MARGIN"
        told["wallet"]["result"]["list"][0]["coin"][0]["totalPositionMM"] = ""

        with pytest.raises(Unreadable, match="totalPositionMM"):
            await venue.snapshot()
        snapshot = await venue.snapshot()

        assert snapshot.mode == "UTA 2.0 Pro portfolio margin"

    run(use, told)


def test_brackets_that_stopped_fitting_are_read_again_at_once() -> None:
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.snapshot()
        clock.now_ms += 11 * 60_000
        for name in ("wallet", "linear USDT", "linear USDC", "inverse", "option"):
            told[name]["time"] = clock.now_ms
        told["risk BTCUSDT"]["result"]["list"][0]["maintenanceMargin"] = "0.006"
        told["risk BTCUSDT"]["result"]["list"][1]["mmDeduction"] = ""
        told["linear USDT"]["result"]["list"][0]["positionMM"] = "117.0585"

        snapshot = await venue.snapshot()

        assert snapshot.positions[0].brackets[0].rate == D("0.006")
        assert replay.times(RISK) == 2

    run(use, told)


def test_ladders_that_do_not_give_the_margin_balance_are_read_again_and_told() -> None:
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        assert (await venue.snapshot()).mismatches == ()
        clock.now_ms += 11 * 60_000
        for name in ("wallet", "linear USDT", "linear USDC", "inverse", "option"):
            told[name]["time"] = clock.now_ms
        account = told["wallet"]["result"]["list"][0]
        account["totalMarginBalance"] = str(D(account["totalMarginBalance"]) * D("0.99"))

        for _ in range(2):
            (off,) = (await venue.snapshot()).mismatches
            assert (off.what, off.figure) == ("all coins", "collateral value")
        assert replay.times(LADDERS) == 2

    run(use, told)


def test_brackets_that_do_not_fit_are_used_while_the_venue_does_not_answer_for_them() -> None:
    """In a crash figures stop fitting and public pages stop answering, at the same time."""
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.snapshot()
        clock.now_ms += 11 * 60_000
        for name in ("wallet", "linear USDT", "linear USDC", "inverse", "option"):
            told[name]["time"] = clock.now_ms
        told["linear USDT"]["result"]["list"][0]["positionMM"] = "117.0585"
        replay.always(RISK, Told(b"", status=503))

        snapshots = [await venue.snapshot() for _ in range(3)]

        assert [snapshot.positions[0].brackets[0].rate for snapshot in snapshots] == [
            D("0.005")
        ] * 3
        assert replay.times(RISK) == 2

    run(use, told)


def test_kept_tables_outlive_a_venue_that_does_not_answer_for_them() -> None:
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.snapshot()
        replay.always(RISK, Told(b"", status=503))
        clock.now_ms += 3_600_001
        for name in ("wallet", "linear USDT", "linear USDC", "inverse", "option"):
            told[name]["time"] = clock.now_ms

        with pytest.raises(Unreachable):
            await venue.housekeeping()

        assert len((await venue.snapshot()).positions) == 1

    run(use, told)


def test_a_contract_without_a_table_blinds_no_other() -> None:
    """The pool shows the venue's figures and says why; the table is asked for at the next poll."""
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        full = told["risk BTCUSDT"]
        told["risk BTCUSDT"] = {**full, "result": {**full["result"], "list": []}}
        snapshot = await venue.snapshot()
        assert snapshot.unmodelled == {"unified": "BTCUSDT has no maintenance table"}
        [pool] = evaluate(snapshot).pools
        assert pool.status is Status.PARTIAL
        assert pool.health == pytest.approx(97.623, rel=1e-4)

        told["risk BTCUSDT"] = full
        assert (await venue.snapshot()).unmodelled == {}

    run(use, told)


def test_symbol_listed_after_the_fees_were_read_is_asked_for_again() -> None:
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        full = told["fees linear"]
        told["fees linear"] = {**full, "result": {"list": full["result"]["list"][1:]}}
        partial = await venue.snapshot()
        assert partial.unmodelled == {"unified": "BTCUSDT has no taker fee"}
        told["fees linear"] = full
        clock.now_ms += 11 * 60_000
        for name in ("wallet", "linear USDT", "linear USDC", "inverse", "option"):
            told[name]["time"] = clock.now_ms

        assert len((await venue.snapshot()).positions) == 1

    run(use, told)


def test_refused_time_stamp_is_answered_by_comparing_clocks_once() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        compared = replay.times(TIME)
        skewed = {"retCode": 10002, "retMsg": "invalid request", "result": {}, "time": NOW_MS}
        replay.once(WALLET, skewed)

        await venue.snapshot()

        assert replay.times(TIME) == compared + 1

    run(use)


def test_marks_are_read_without_the_account() -> None:
    def ticker(symbol: str, mark: str) -> dict[str, str]:
        return {"symbol": symbol, "markPrice": mark, "indexPrice": mark}

    listed = {
        "linear": [ticker("BTCUSDT", "60000"), ticker("1000PEPEUSDT", "0.01")],
        "inverse": [ticker("ETHUSD", "3000")],
    }

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        def tickers(asked: Asked) -> object:
            rows = listed[asked.query["category"]]
            wanted = asked.query.get("symbol")
            rows = [row for row in rows if wanted in (None, row["symbol"])]
            return {"retCode": 0, "result": {"list": rows}, "time": NOW_MS}

        replay.routes[TICKERS] = tickers
        symbols = ["BTCUSDT", "1000PEPEUSDT", "ETHUSD", "GONEUSDT"]

        assert await venue.prices(symbols) == {"BTC": 60000, "PEPE": 0.01, "ETH": 3000}
        assert await venue.prices(["BTCUSDT"]) == {"BTC": 60000}
        with pytest.raises(Unreadable, match="none of the symbols"):
            await venue.prices(["GONEUSDT"])
        clock.now_ms += 60_000
        with pytest.raises(Unreadable, match="60 s old"):
            await venue.prices(["BTCUSDT"])

    asked = run(use).asked

    assert {one.path for one in asked} == {TICKERS}


# ── error codes ──────────────────────────────────────────────────────────────────────────────


def answer(payload: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(
        status=status,
        headers=headers or {},
        path=WALLET,
        payload=payload,
        broken="",
        now_ms=NOW_MS,
    )


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (10002, ClockSkew, "time stamp"),
        (10003, Refused, "revoked"),
        (10004, Refused, "signature"),
        (10005, Refused, "lacks the right"),
        (10007, Refused, "not accepted"),
        (10008, Refused, "suspended"),
        (10010, Refused, "not on the key's list"),
        (10024, Refused, "region"),
        (33004, Refused, "expired"),
        (10006, RateLimited, "too many requests"),
        (10018, RateLimited, "address"),
        (10429, RateLimited, "too many"),
        (10009, Banned, "banned"),
        (10019, Maintenance, "maintenance"),
        (10001, Unreadable, "request refused"),
        (10000, Unreachable, "Server Timeout"),
        (10016, Unreachable, "Server Timeout"),
        (131200, Unreachable, "Server Timeout"),
    ],
)
def test_code_says_what_happened(code: int, kind: type[VenueError], words: str) -> None:
    error = explain(answer({"retCode": code, "retMsg": "Server Timeout", "result": {}}))

    assert type(error) is kind
    assert words in error.reason
    assert str(code) in error.reason


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000, -3_600_000])
@pytest.mark.parametrize(
    ("after_ms", "wait_s"), [(3_000, 3.0), (7_200_000, 60.0), (0, 5.0), (-1, 5.0)]
)
def test_pause_lasts_until_the_venue_says(after_ms: int, wait_s: float, ahead_ms: int) -> None:
    """Both times are the venue's, however far its clock is from what we take for it."""
    venue_ms = NOW_MS + ahead_ms
    reset = {"x-bapi-limit-reset-timestamp": str(venue_ms + after_ms)}

    limited = explain(answer({"retCode": 10006, "result": {}, "time": venue_ms}, headers=reset))

    assert limited is not None
    assert limited.wait_s == wait_s


def test_pause_without_the_venues_own_time_is_counted_from_what_we_take_for_it() -> None:
    reset = {"x-bapi-limit-reset-timestamp": str(NOW_MS + 3_000)}

    limited = explain(answer({"retCode": 10006, "result": {}}, headers=reset))

    assert limited is not None
    assert limited.wait_s == 3.0


def test_firewall_is_a_ban_of_ten_minutes() -> None:
    banned = explain(answer(None, status=403))

    assert isinstance(banned, Banned)
    assert banned.wait_s == 600


def test_venues_words_leave_without_what_could_be_a_secret() -> None:
    said = "error sign! origin_string[1700000000abcdefghijklmnopqrstuvwxyz]"

    error = explain(answer({"retCode": 170001, "retMsg": said, "result": {}}))

    assert error is not None
    assert "abcdefghijklmnopqrstuvwxyz" not in error.reason


def test_budget_is_the_venues_own_per_address() -> None:
    assert DIALECT.limits["ip"].weight == 600
    assert DIALECT.limits["ip"].window_ms == 5_000


def test_torn_answers_are_asked_for_once_more() -> None:
    """A position opened between the two requests is no reason to miss a poll."""
    told = bodies()

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        before = replay.times(WALLET)
        torn = copy.deepcopy(told["wallet"])
        torn["result"]["list"][0]["coin"][0]["totalPositionMM"] = "250"
        replay.once(WALLET, torn)

        assert len((await venue.snapshot()).positions) == 1
        assert replay.times(WALLET) == before + 2

    run(use, told)
