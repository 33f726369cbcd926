"""
The OKX adapter through the real ccxt against recorded bodies: bad answers, frozen ones, codes.

Rule: loopback only, the clock is moved by hand, nothing sleeps.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.replaying import Asked, Replay, SteppedClock, Told, replaying
from watcher.ports import (
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    Venue,
    VenueError,
    WithdrawalRight,
)
from watcher.venues.okx.errors import explain
from watcher.venues.transport import Answer, ClockSkew

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads" / "okx"
NOW_MS = 1795360247577
D = Decimal

BALANCE = "/api/v5/account/balance"
POSITIONS = "/api/v5/account/positions"
CONFIG = "/api/v5/account/config"
FUNDING = "/api/v5/asset/balances"
MARKS = "/api/v5/public/mark-price"
TIERS = "/api/v5/public/position-tiers"
INSTRUMENTS = "/api/v5/public/instruments"
FEES = "/api/v5/account/trade-fee"
TIME = "/api/v5/public/time"
INDEX = "/api/v5/market/index-tickers"


def bodies(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())["bodies"]
    return found


def replay_of(told: dict[str, Any]) -> Replay:
    def plain(name: str) -> Callable[[Asked], object]:
        return lambda _: told[name]

    def tiers(asked: Asked) -> object:
        if "ccy" in asked.query:
            return told.get(f"borrow {asked.query['ccy']}", {"code": "0", "data": []})
        found = told[f"tiers {asked.query['instType']} {asked.query['tdMode']}"]
        families = asked.query["instFamily"].split(",")
        rows = [row for row in found["data"] if row["instFamily"] in families]
        return {**found, "data": rows}

    def marks(asked: Asked) -> object:
        rows = [row for row in told["marks"]["data"] if row["instType"] == asked.query["instType"]]
        wanted = asked.query.get("instId")
        return {"code": "0", "data": [row for row in rows if wanted in (None, row["instId"])]}

    return Replay(
        {
            TIME: lambda _: {"code": "0", "msg": "", "data": [{"ts": str(NOW_MS)}]},
            CONFIG: plain("config"),
            BALANCE: plain("balance"),
            POSITIONS: plain("positions"),
            FUNDING: plain("funding"),
            MARKS: marks,
            TIERS: tiers,
            INSTRUMENTS: lambda asked: told[f"instruments {asked.query['instType']}"],
            FEES: lambda asked: told[f"fees {asked.query['instType']}"],
            "/api/v5/public/discount-rate-interest-free-quota": plain("discount"),
        }
    )


Use = Callable[[Venue, Replay, SteppedClock], Awaitable[None]]


def run(use: Use, told: dict[str, Any] | None = None) -> Replay:
    """Run *use* with an adapter that reads *told* (the futures account unless given)."""
    replay, clock = replay_of(told or bodies("futures")), SteppedClock(NOW_MS)

    async def main() -> None:
        async with replaying("okx", replay, clock, password="phrase") as venue:
            await use(venue, replay, clock)

    asyncio.run(main())
    return replay


def fresh(told: dict[str, Any], now_ms: float) -> None:
    told["balance"]["data"][0]["uTime"] = str(int(now_ms))
    for row in told["marks"]["data"]:
        row["ts"] = str(int(now_ms))


def test_futures_account_is_read_through_the_real_library() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        status = await venue.start()
        snapshot = await venue.snapshot()

        assert status.mode == "futures mode"
        assert status.rights.trade is False
        assert {one.symbol for one in snapshot.positions} == {
            "BTC-USDT-SWAP",
            "ETH-USDT-SWAP",
            "ETH-USD-210430",
        }
        assert set(snapshot.rules) == {
            "cross:USDT",
            "cross:ETH",
            "isolated:ETH-USD-210430:long",
        }
        assert snapshot.wallets == {"funding": {"USDT": D(5000)}}

    asked = run(use).asked

    assert {one.method for one in asked} == {"GET"}


def test_multi_currency_account_is_read_through_the_real_library() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        snapshot = await venue.snapshot()

        assert snapshot.mode == "multi-currency mode"
        assert set(snapshot.rules["unified"].borrow_brackets) == {"USDT"}
        assert snapshot.unmodelled == {}

    run(use, bodies("multi"))


def test_families_share_a_call_for_their_tiers() -> None:
    replay = run(lambda venue, replay, clock: _twice(venue))

    asked = [one.query.get("instFamily") for one in replay.asked if one.path == TIERS]
    assert sorted(filter(None, asked)) == ["BTC-USDT,ETH-USDT", "ETH-USD"]


async def _twice(venue: Venue) -> None:
    await venue.snapshot()
    await venue.snapshot()


def test_account_without_positions_is_flat_and_the_marks_are_still_asked() -> None:
    told = bodies("futures")
    told["positions"]["data"] = []
    details = told["balance"]["data"][0]["details"]
    details[0].update(eq="10000", eqUsd="9995", upl="0", mmr="0", imr="0", mgnRatio="")
    details[1].update(isoEq="0", isoUpl="0", upl="0", eq="0.5", eqUsd="1283")
    told["balance"]["data"][0].update(totalEq="11278", isoEq="0")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        snapshot = await venue.snapshot()

        assert snapshot.positions == ()
        assert set(snapshot.rules) == {"cross:USDT", "cross:ETH"}
        clock.now_ms += 41_000
        with pytest.raises(Unreadable, match="mark of BTC-USDT-SWAP is 42 s old"):
            await venue.snapshot()

    run(use, told)


def test_frozen_balance_is_refused() -> None:
    told = bodies("futures")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.snapshot()
        clock.now_ms += 41_000
        for row in told["marks"]["data"]:
            row["ts"] = str(int(clock.now_ms))

        with pytest.raises(Unreadable, match="answer is 42 s old"):
            await venue.snapshot()

    run(use, told)


def test_frozen_positions_are_seen_by_the_public_mark() -> None:
    told = bodies("futures")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.snapshot()
        clock.now_ms += 10_000
        fresh(told, clock.now_ms)
        told["marks"]["data"][0]["markPx"] = "56500"

        with pytest.raises(Unreadable, match="positions are old"):
            await venue.snapshot()

    run(use, told)


BAD_BODIES = [
    (Told(b""), Unreadable, "empty answer"),
    (Told(b"<html>busy</html>", content_type="text/html"), Unreadable, "HTML page"),
    (Told(b'{"code":"0","data":[{"x'), Unreadable, "broken off"),
    (Told(b"[]"), Unreadable, "no code"),
    (Told(b"{}"), Unreadable, "no code"),
    (Told(b'{"code":"0"}'), Unreadable, "data is missing"),
    (Told(b'{"code":"0","data":null}'), Unreadable, "data is None"),
    (Told(b'{"code":"0","data":{}}'), Unreadable, "expected a list"),
    (Told(b'{"code":"0","data":[[]]}'), Unreadable, "expected an object"),
    (Told(b'{"code":"0","data":[{}]}'), Unreadable, "is missing"),
    (Told(b'{"code":"0","data":[{"x":NaN}]}'), Unreadable, "NaN"),
    (Told(b"<html>", status=503, content_type="text/html"), Unreachable, "HTTP 503"),
    (Told(b"", status=529), Unreachable, "HTTP 529"),
    (Told(b"{}", status=202), Unreadable, "HTTP 202"),
]


@pytest.mark.parametrize("path", [BALANCE, POSITIONS, MARKS])
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
        assert len((await venue.snapshot()).positions) == 3

    run(use)


def test_table_nobody_can_read_is_asked_for_again_at_the_next_poll() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        replay.once(TIERS, {"code": "0", "msg": "", "data": []})

        with pytest.raises(Unreadable, match="position-tiers: none for"):
            await venue.snapshot()

        assert len((await venue.snapshot()).positions) == 3

    run(use)


def without(told: dict[str, Any], name: str, key: str, value: str) -> None:
    told[name]["data"] = [row for row in told[name]["data"] if row[key] != value]


def test_a_contract_without_tiers_makes_its_own_pool_partial_and_no_other() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()

        snapshot = await venue.snapshot()

        assert snapshot.unmodelled == {"cross:USDT": "ETH-USDT-SWAP: no position tiers known"}
        assert len(snapshot.positions) == 3

    told = bodies("futures")
    without(told, "tiers SWAP cross", "instFamily", "ETH-USDT")
    run(use, told)


def test_a_contract_the_venue_no_longer_lists_makes_its_own_pool_partial() -> None:
    """Delisted: neither described nor marked any more, but held; the venue's figures stand."""
    gone = "ETH-USDT-SWAP"

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()

        snapshot = await venue.snapshot()

        assert snapshot.unmodelled == {"cross:USDT": f"{gone}: the venue does not list it"}
        found = next(one for one in snapshot.positions if one.symbol == gone)
        # 100 contracts of 0.1 ETH, as the venue's own notional has it
        assert found.quantity * found.contract_size == pytest.approx(D(10), rel=D("0.001"))
        assert snapshot.venue_says["cross:USDT"].ratio is not None

    told = bodies("futures")
    without(told, "instruments SWAP", "instId", gone)
    without(told, "marks", "instId", gone)
    run(use, told)


def test_a_listed_contract_without_a_mark_is_a_miss() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()

        with pytest.raises(Unreadable, match="no mark of ETH-USDT-SWAP, which is held"):
            await venue.snapshot()

    told = bodies("futures")
    without(told, "marks", "instId", "ETH-USDT-SWAP")
    run(use, told)


def test_empty_answer_is_not_flat() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        replay.always(POSITIONS, {"code": "0", "msg": "", "data": []})

        with pytest.raises(Unreadable, match="positions missing"):
            await venue.snapshot()

    run(use)


def test_changed_mode_is_noticed_by_the_misfit_and_read_again() -> None:
    told = bodies("multi")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        told["config"]["data"][0]["acctLv"] = "2"
        account = told["balance"]["data"][0]
        account.update(adjEq="", imr="", mmr="", mgnRatio="")
        account["details"][1].update(mmr="72", imr="1800", mgnRatio="3.5", interest="", liab="")

        with pytest.raises(Unreadable, match="adjEq"):
            await venue.snapshot()
        snapshot = await venue.snapshot()

        assert snapshot.mode == "futures mode"
        assert "cross:USDT" in snapshot.rules

    run(use, told)


def test_key_that_may_withdraw_is_refused_at_start_and_when_it_gains_the_right() -> None:
    told = bodies("futures")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        await venue.start()
        told["config"]["data"][0]["perm"] = "read_only,withdraw"
        clock.now_ms += 600_001
        fresh(told, clock.now_ms)

        with pytest.raises(WithdrawalRight):
            await venue.housekeeping()
        with pytest.raises(WithdrawalRight):
            await venue.snapshot()

    run(use, told)
    with pytest.raises(WithdrawalRight):
        run(lambda venue, replay, clock: _start(venue), told)


async def _start(venue: Venue) -> None:
    await venue.start()


def test_index_the_balance_does_not_tell_is_asked_for() -> None:
    told = bodies("futures")
    for row in told["positions"]["data"]:
        row["usdPx"] = ""
    details = told["balance"]["data"][0]["details"]
    details[0].update(cashBal="3000", eq="0", eqUsd="0", mgnRatio="0.01")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        replay.always(INDEX, {"code": "0", "data": [{"instId": "USDT-USD", "idxPx": "0.998"}]})

        snapshot = await venue.snapshot()

        usdt = next(one for one in snapshot.assets if one.asset == "USDT")
        assert usdt.index == D("0.998")
        assert [one.query for one in replay.asked if one.path == INDEX] == [{"instId": "USDT-USD"}]

    run(use, told)


def test_marks_are_read_without_the_account() -> None:
    told = bodies("futures")

    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        found = await venue.prices(["BTC-USDT-SWAP", "ETH-USDT-SWAP", "GONE-USDT-SWAP"])

        assert found == {"BTC": 58000, "ETH": 3100.5}
        with pytest.raises(Unreadable, match="none of the contracts"):
            await venue.prices(["GONE-USDT-SWAP"])

    asked = run(use, told).asked

    assert {one.path for one in asked} == {MARKS}


def test_funding_wallet_that_cannot_be_read_is_left_out() -> None:
    async def use(venue: Venue, replay: Replay, clock: SteppedClock) -> None:
        replay.always(FUNDING, Told(b"", status=503))

        assert (await venue.snapshot()).wallets == {}

    run(use)


# ── error codes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("50001", Maintenance, "maintenance"),
        ("50004", Unreachable, "no answer"),
        ("50013", Unreachable, "busy"),
        ("50026", Unreachable, "system error"),
        ("50011", RateLimited, "too many"),
        ("50061", RateLimited, "too many"),
        ("50102", ClockSkew, "time stamp"),
        ("50100", Refused, "frozen"),
        ("50101", Refused, "other environment"),
        ("50105", Refused, "passphrase"),
        ("50110", Refused, "not on the key's list"),
        ("50111", Refused, "revoked"),
        ("50113", Refused, "signature"),
        ("50119", Refused, "does not exist"),
        ("50120", Refused, "lacks the right"),
        ("58004", Refused, "blocked"),
        ("51010", Unreadable, "mode has changed"),
        ("51000", Unreadable, "Something"),
        ("59999", Unreachable, "Something"),
    ],
)
def test_code_says_what_happened(code: str, kind: type[VenueError], words: str) -> None:
    error = explain(
        Answer(
            status=200,
            headers={},
            path=BALANCE,
            payload={"code": code, "msg": "Something", "data": []},
            broken="",
            now_ms=NOW_MS,
        )
    )

    assert type(error) is kind
    assert words in error.reason
    assert code in error.reason
