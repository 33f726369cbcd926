"""The practice server: signed calls of the real ccxt, faults, freezes, control, clock."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from watcher.sim.binance.wire import BinanceWire
from watcher.sim.binance.wire_routes import ROUTES
from watcher.sim.default import START_US, default_world, empty_world
from watcher.sim.faults import KINDS
from watcher.sim.market import Scripted
from watcher.sim.practice import (
    MARK,
    NotOurs,
    Practice,
    practice_config,
    printed_config,
    serve,
    write_config,
)
from watcher.sim.things import Account, Rights
from watcher.sim.world import SECOND_US

D = Decimal
ROOT = Path(__file__).resolve().parents[2]


class Desk:
    """One practice exchange and a person with curl."""

    def __init__(self, practice: Practice, session: aiohttp.ClientSession) -> None:
        self.practice = practice
        self.session = session

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.session.get(self.practice.url + path, headers=headers) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        async with self.session.post(self.practice.url + path, json=body) as answer:
            return answer.status, await answer.json()

    @asynccontextmanager
    async def binance(self, account: Account, **options: object) -> AsyncIterator[Any]:
        client = ccxt.binance(
            {
                "apiKey": account.key,
                "secret": account.secret,
                "enableRateLimit": False,
                "timeout": 1000,
                **options,
            }
        )
        for name, url in client.urls["api"].items():
            if isinstance(url, str):
                client.urls["api"][name] = self.practice.url + url[url.index("/", 8) :]
        # lockstep: what is signed carries the world's time
        client.milliseconds = lambda: self.practice.world.now_us // 1000
        try:
            yield client
        finally:
            await client.close()


Scene = Callable[[Desk], Awaitable[None]]


def play(scene: Scene, *, lockstep: bool = True) -> None:
    async def run() -> None:
        practice = await serve(default_world(1), lockstep=lockstep)
        try:
            async with aiohttp.ClientSession() as session:
                await scene(Desk(practice, session))
        finally:
            await practice.close()

    asyncio.run(run())


CALLS: list[tuple[str, dict[str, str], str]] = [
    ("fapiPublicGetTime", {}, "serverTime"),
    ("fapiPublicGetExchangeInfo", {}, "symbols"),
    ("fapiPublicGetPremiumIndex", {"symbol": "BTCUSDT"}, "markPrice"),
    ("fapiPublicGetPremiumIndex", {}, "0.markPrice"),
    ("fapiPublicGetAssetIndex", {}, "0.index"),
    ("fapiPrivateV3GetAccount", {}, "assets"),
    ("fapiPrivateV3GetBalance", {}, "0.balance"),
    ("fapiPrivateV3GetPositionRisk", {}, "0.liquidationPrice"),
    ("fapiPrivateGetLeverageBracket", {}, "0.brackets"),
    ("fapiPrivateGetLeverageBracket", {"symbol": "BTCUSDT"}, "brackets"),
    ("fapiPrivateGetAccountConfig", {}, "multiAssetsMargin"),
    ("fapiPrivateGetSymbolConfig", {}, "0.leverage"),
    ("fapiPrivateGetMultiAssetsMargin", {}, "multiAssetsMargin"),
    ("fapiPrivateGetPositionSideDual", {}, "dualSidePosition"),
    ("fapiPrivateGetCommissionRate", {"symbol": "BTCUSDT"}, "takerCommissionRate"),
    ("fapiPrivateGetForceOrders", {}, ""),
    ("publicGetTime", {}, "serverTime"),
    ("publicGetExchangeInfo", {}, "symbols"),
    ("publicGetTickerPrice", {}, "0.price"),
    ("privateGetAccount", {}, "balances"),
    ("sapiGetAccountInfo", {}, "isPortfolioMarginRetailEnabled"),
    ("sapiGetAccountApiRestrictions", {}, "enableWithdrawals"),
    ("sapiGetMarginAccount", {}, "marginLevel"),
    ("sapiGetMarginIsolatedAccount", {}, "assets"),
    ("sapiGetMarginTradeCoeff", {}, "forceLiquidationBar"),
    ("sapiGetMarginCrossMarginCollateralRatio", {}, "0.collaterals"),
    ("sapiGetMarginPriceIndex", {"symbol": "BTCUSDT"}, "price"),
    ("sapiGetMarginLeverageBracket", {}, "0.brackets"),
    ("sapiGetMarginAllPairs", {}, "0.symbol"),
    ("sapiPostAssetGetFundingAsset", {}, "0.free"),
    ("sapiV3PostAssetGetUserAsset", {}, "0.free"),
    ("sapiGetAssetTransfer", {"type": "MAIN_UMFUTURE"}, "total"),
    ("sapiGetCapitalConfigGetall", {}, "0.coin"),
]


def test_every_call_of_ccxt_is_signed_right_and_has_its_field() -> None:
    async def scene(desk: Desk) -> None:
        async with desk.binance(desk.practice.world.account("binance_usdm")) as client:
            for name, params, field in CALLS:
                body = await getattr(client, name)(params)
                for part in filter(None, field.split(".")):
                    body = body[int(part)] if part.isdigit() else body[part]

    play(scene)


def test_ccxts_own_readers_understand_the_wire() -> None:
    async def scene(desk: Desk) -> None:
        account = desk.practice.world.account("binance_usdm")
        async with desk.binance(account, options={"defaultType": "swap"}) as client:
            await client.load_markets()
            positions = await client.fetch_positions()
            balance = await client.fetch_balance({"type": "future"})

        held = {(one["symbol"], one["side"], one["contracts"]) for one in positions}
        assert ("BTC/USDT:USDT", "long", 0.8) in held
        assert ("BTC/USDT:USDT", "short", 0.3) in held
        assert balance["USDT"]["total"] == 22_500.0

    play(scene)


def test_the_wires_numbers_are_the_worlds() -> None:
    async def scene(desk: Desk) -> None:
        world = desk.practice.world
        account = world.account("binance_usdm")
        world.set_prices({"BTC": D(110_000), "ETH": D(4100), "SOL": D(190)})
        async with desk.binance(account) as client:
            body = await client.fapiPrivateV3GetAccount()
            rows = await client.fapiPrivateV3GetPositionRisk()

        usdt = next(row for row in body["assets"] if row["asset"] == "USDT")
        # 0.5 BTC net x -3,420, 5 ETH short x -120; 50 SOL isolated x -6.5
        assert D(usdt["crossUnPnl"]) == D("-2310")
        assert D(usdt["crossWalletBalance"]) == D(20_000)
        assert D(usdt["unrealizedProfit"]) == D("-2635")
        assert D(usdt["walletBalance"]) == D(22_500)
        maintenance = sum(D(row["maintMargin"]) for row in rows if row["marginAsset"] == "USDT")
        assert D(body["totalMaintMargin"]) == maintenance
        (short,) = [
            row for row in rows if row["positionSide"] == "SHORT" and "BTC" in row["symbol"]
        ]
        assert (short["positionSide"], D(short["notional"])) == ("SHORT", D(-33_000))
        # 33,000 lies in the first bracket, 88,000 in the second: 0.5 % less 50
        assert D(short["maintMargin"]) == D(132)
        (isolated,) = [row for row in rows if row["symbol"] == "SOLUSDT"]
        assert D(isolated["isolatedWallet"]) == D(2500)
        assert D(isolated["isolatedMargin"]) == D(2175)

    play(scene)


def test_a_transfer_is_carried_out_and_found_again() -> None:
    async def scene(desk: Desk) -> None:
        account = desk.practice.world.account("binance_usdm")
        account.rights = replace(account.rights, transfer=True)
        async with desk.binance(account) as client:
            wish = {"type": "FUNDING_UMFUTURE", "asset": "USDT", "amount": "123.45678901"}
            done = await client.sapiPostAssetTransfer(wish)
            found = await client.sapiGetAssetTransfer({"type": "FUNDING_UMFUTURE"})
            with pytest.raises(ccxt.ExchangeError, match="-5013"):
                await client.sapiPostAssetTransfer({**wish, "amount": "5000"})

        assert account.balance("futures", "USDT") == D("20123.45678901")
        assert found["rows"][0]["tranId"] == done["tranId"]
        assert found["rows"][0]["amount"] == "123.45678901"

    play(scene)


def test_a_bad_key_secret_clock_or_symbol_is_refused_in_the_venues_words() -> None:
    async def scene(desk: Desk) -> None:
        account = desk.practice.world.account("binance_usdm")
        async with desk.binance(account) as client:
            client.secret = "wrong"
            with pytest.raises(ccxt.AuthenticationError, match="-1022"):
                await client.fapiPrivateV3GetAccount()
            client.secret, client.apiKey = account.secret, "stranger"
            with pytest.raises(ccxt.AuthenticationError, match="-2015"):
                await client.fapiPrivateV3GetAccount()
            client.apiKey = account.key
            now = desk.practice.world.now_us // 1000
            client.milliseconds = lambda: now - 60_000
            with pytest.raises(ccxt.InvalidNonce, match="outside of the recvWindow"):
                await client.fapiPrivateV3GetAccount()
            client.milliseconds = lambda: now + 5_000
            with pytest.raises(ccxt.InvalidNonce, match="ahead"):
                await client.fapiPrivateV3GetAccount()
            with pytest.raises(ccxt.BadSymbol, match="-1121"):
                await client.fapiPublicGetPremiumIndex({"symbol": "NONEUSDT"})
            account.rights = Rights(read=False)
            client.milliseconds = lambda: now
            with pytest.raises(ccxt.AuthenticationError, match="-2015"):
                await client.sapiGetMarginAccount()

    play(scene)


def test_weights_are_the_venues_and_overuse_ends_in_429_then_418() -> None:
    world = empty_world()
    wire = BinanceWire(ROUTES, limits={"fapi": 30})

    async def run() -> list[int]:
        practice = await serve(world, lockstep=True)
        practice.server._wires = [("/fapi/", wire)]
        try:
            async with aiohttp.ClientSession() as session:
                seen = []
                for _ in range(30):
                    async with session.get(f"{practice.url}/fapi/v1/premiumIndex") as answer:
                        seen.append(answer.status)
                        if len(seen) == 2:
                            assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "20"
                        if answer.status != 200:
                            assert int(answer.headers["Retry-After"]) >= 1
                await practice.server.advance(START_US + 121 * SECOND_US)
                async with session.get(f"{practice.url}/fapi/v1/premiumIndex") as answer:
                    seen.append(answer.status)
                return seen
        finally:
            await practice.close()

    seen = asyncio.run(run())

    assert seen == [200] * 3 + [429] * 20 + [418] * 7 + [200]


def test_every_fault_shows_on_the_wire_of_its_account_and_then_ends() -> None:
    async def scene(desk: Desk) -> None:
        account = desk.practice.world.account("binance_usdm")
        other = desk.practice.world.account("binance_margin")
        async with desk.binance(account) as client, desk.binance(other) as untouched:
            whole = await client.fapiPrivateV3GetPositionRisk()
            for kind in KINDS:
                # a lost connection is tried again by the HTTP library itself: two must be lost
                times = 2 if kind in {"reset", "dropped"} else 1
                wish = {"target": "binance_usdm", "kind": kind, "count": times}
                assert (await desk.post("/control/fault", wish))[0] == 200

                assert await untouched.fapiPrivateV3GetPositionRisk() == []
                try:
                    spoiled = await client.fapiPrivateV3GetPositionRisk()
                except ccxt.BaseError as error:
                    spoiled = error
                assert spoiled != whole, kind
                assert await client.fapiPrivateV3GetPositionRisk() == whole, kind

    play(scene)


def test_every_default_account_is_calm_and_has_a_wallet_to_draw_on() -> None:
    world = default_world(3)

    assert len(world.accounts) == 5
    for account in world.accounts.values():
        states = world.pools(account)
        assert states
        assert all(state.health is None or state.health > 5 for state in states)
        assert account.balance("funding", "USDT") > 0
        assert not account.rights.trade
        assert not account.rights.withdraw
    world.check()
    assert not any(account.margin_calls for account in world.accounts.values())


def test_a_fault_lasts_as_long_as_it_was_asked_for() -> None:
    async def scene(desk: Desk) -> None:
        path = "/fapi/v1/premiumIndex?symbol=BTCUSDT"
        wish = {"target": "binance", "kind": "http", "status": 503, "seconds": 30}
        await desk.post("/control/fault", wish)
        async with desk.session.get(desk.practice.url + path) as answer:
            assert answer.status == 503

        await desk.post("/clock/advance", {"until_us": START_US + 30 * SECOND_US})

        assert (await desk.get(path))[0] == 200

    play(scene)


def test_a_frozen_venue_repeats_old_bytes_under_200() -> None:
    async def scene(desk: Desk) -> None:
        path = "/fapi/v1/premiumIndex?symbol=BTCUSDT"
        _, before = await desk.get(path)
        await desk.post("/control/freeze", {"target": "binance", "on": True})
        await desk.post("/control/price", {"BTC": "90000"})
        await desk.post("/clock/advance", {"until_us": START_US + 5 * SECOND_US})

        assert (await desk.get(path)) == (200, before)

        await desk.post("/control/freeze", {"target": "binance", "on": False})
        _, after = await desk.get(path)
        assert after["markPrice"] == "90000.00000000"
        assert after["time"] == before["time"] + 5000

    play(scene)


def test_the_control_endpoint_moves_the_world_and_shows_it() -> None:
    async def scene(desk: Desk) -> None:
        order = {"account": "binance_usdm", "symbol": "XRPUSDT", "side": "long"}
        _, opened = await desk.post("/control/position", {**order, "quantity": "1000"})
        assert opened["position"]["entry"] == "2.61"
        await desk.post("/control/price", {"XRP": "2.71"})
        _, state = await desk.get("/control/state")

        account = state["accounts"]["binance_usdm"]
        (leg,) = [one for one in account["positions"] if one["symbol"] == "XRPUSDT"]
        assert leg["unrealised_pnl"] == "100"
        assert account["pools"]["cross:USDT"]["equity"] == "20100"
        assert account["pools"]["cross:USDT"]["health"] > 1

        await desk.post("/control/position", {**order, "quantity": "0"})
        move = {"account": "binance_usdm", "asset": "USDT", "amount": "50"}
        await desk.post("/control/transfer", {**move, "from": "funding", "to": "futures"})
        _, state = await desk.get("/control/state")
        wallets = state["accounts"]["binance_usdm"]["wallets"]
        assert wallets["futures"]["USDT"] == "20150"
        assert wallets["funding"]["USDT"] == "1950"

    play(scene)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("price", {"BTC": "NaN"}, "finite"),
        ("price", {"NOPE": "1"}, "no price for NOPE"),
        ("price", {"BTC": "-5"}, "more than 0"),
        ("price", [1], "JSON object"),
        ("position", {"account": "nobody"}, "no account nobody"),
        ("position", {"account": "binance_usdm", "side": "up"}, "long or short"),
        (
            "position",
            {"account": "binance_usdm", "symbol": "X", "side": "long", "quantity": "1"},
            "binance lists no X",
        ),
        ("fault", {"target": "binance", "kind": "flood"}, "expected one of http"),
        ("fault", {"target": "kraken", "kind": "http"}, "expected one of"),
        ("nonsense", {}, "not known"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_the_reason(
    path: str, body: object, said: str
) -> None:
    async def scene(desk: Desk) -> None:
        status, answer = await desk.post(f"/control/{path}", body)

        assert status == 400
        assert said in answer["error"]

    play(scene)


def test_the_clock_moves_only_when_told_and_no_liquidation_is_skipped() -> None:
    async def scene(desk: Desk) -> None:
        world = desk.practice.world
        low, high = {"BTC": D(40_000)}, {"BTC": D(113_420)}
        minute = 60 * SECOND_US
        world.follow(Scripted([(0, high), (30 * minute, low), (60 * minute, high)]))
        assert (await desk.get("/clock/now"))[1] == {"now_us": START_US}

        _, reached = await desk.post("/clock/advance", {"until_us": START_US + 60 * minute})

        assert reached == {"now_us": START_US + 60 * minute}
        assert world.prices["BTC"] == D(113_420)
        assert world.account("binance_usdm").liquidations
        assert world.account("binance_margin").liquidations
        assert world.account("binance_margin").margin_calls

    play(scene)


def test_the_host_may_hold_the_clock_back() -> None:
    async def scene(desk: Desk) -> None:
        async def hold(until_us: int) -> int:
            return min(until_us, START_US + 3 * SECOND_US)

        desk.practice.server.hold = hold

        _, reached = await desk.post("/clock/advance", {"until_us": START_US + 9 * SECOND_US})

        assert reached == {"now_us": START_US + 3 * SECOND_US}

    play(scene)


def test_on_the_wall_clock_nobody_may_advance_it() -> None:
    async def scene(desk: Desk) -> None:
        status, answer = await desk.post("/clock/advance", {"until_us": 1})

        assert status == 400
        assert "lockstep" in answer["error"]

    play(scene, lockstep=False)


def test_requests_are_counted_by_venue_and_path() -> None:
    async def scene(desk: Desk) -> None:
        for _ in range(3):
            await desk.get("/fapi/v1/premiumIndex")
        _, counted = await desk.get("/control/requests")

        assert counted["binance"]["weight"] == 30
        assert counted["binance"]["paths"]["/fapi/v1/premiumIndex"]["count"] == 3

    play(scene)


def test_what_is_printed_is_a_configuration_file_without_secrets() -> None:
    async def scene(desk: Desk) -> None:
        _, secrets = practice_config(desk.practice)
        printed = printed_config(desk.practice, None)
        parsed = tomllib.loads(printed)

        assert set(parsed["accounts"]) == set(desk.practice.world.accounts)
        assert parsed["telegram"]["endpoint"] == desk.practice.url
        keys = "".join(line for line in printed.splitlines() if not line.startswith("#"))
        assert not any(secret in keys for secret in secrets.values())
        assert all(f"# export {name}={value}" in printed for name, value in secrets.items())

    play(scene)


def test_written_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        target = write_config(desk.practice, tmp_path)
        _, secrets = practice_config(desk.practice)

        assert tomllib.loads(target.read_text())["accounts"]
        for name, value in secrets.items():
            secret = tmp_path / "secrets" / name.lower()
            assert secret.read_text().strip() == value
            assert secret.stat().st_mode & 0o777 == 0o600

    play(scene)


def test_the_practice_folder_is_written_anew(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        first = write_config(desk.practice, tmp_path).read_text()
        assert write_config(desk.practice, tmp_path).read_text() == first

    play(scene)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[telegram]\nchat_id = 5\n",
        f"{MARK}[telegram]\nchat_id = 5\n",
        f'{MARK}[telegram]\nendpoint = "x"\n[accounts.main]\nvenue = "okx"\n',
        f"{MARK}[half",
    ],
)
def test_a_configuration_it_did_not_write_is_not_replaced(tmp_path: Path, text: str) -> None:
    """A real one and its token were, by `--folder config`."""
    file, secret = tmp_path / "watcher.toml", tmp_path / "secrets" / "watcher_telegram__bot_token"
    file.write_text(text)
    secret.parent.mkdir()
    secret.write_text("real")

    async def scene(desk: Desk) -> None:
        with pytest.raises(NotOurs, match=r"watcher\.toml"):
            write_config(desk.practice, tmp_path)
        assert (file.read_text(), secret.read_text()) == (text, "real")
        file.unlink()
        with pytest.raises(NotOurs, match="bot_token"):
            write_config(desk.practice, tmp_path)
        assert secret.read_text() == "real"
        assert not file.exists()

    play(scene)


@pytest.mark.process
def test_practice_runs_alone_until_it_is_told_to_stop(tmp_path: Path) -> None:
    minutes = tmp_path / "minutes.csv"
    minutes.write_text("open,high,low,close\n50000,51000,49000,50500\n", encoding="utf-8")
    command = [sys.executable, "-m", "watcher", "practice", "--prices", str(minutes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("[accounts.okx_futures]"):
                    break
            url = tomllib.loads("".join(lines))["telegram"]["endpoint"]
            with urllib.request.urlopen(f"{url}/control/state", timeout=5) as answer:  # noqa: S310  loopback
                state = json.load(answer)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=5)

    assert 49_000 <= float(state["prices"]["BTC"]) <= 51_000
    assert process.returncode == 0


@pytest.mark.process
def test_a_file_that_is_no_minutes_ends_practice_with_the_reason(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "watcher", "practice", "--prices", str(other)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.returncode == 2
    assert "other.csv: no column open" in done.stderr
