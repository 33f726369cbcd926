"""The Binance adapter over HTTP with the real ccxt: what it asks, keeps, and refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from tests.unit.binance_bodies import body
from tests.unit.far_server import Reach, Said, reaching, time_at
from watcher.margin import evaluate
from watcher.ports import Refused, Unreadable, Unsupported, VenueError, WithdrawalRight
from watcher.venues.binance.adapter import Binance
from watcher.venues.binance.dialect import DIALECT

PATHS = {
    "/sapi/v1/account/apiRestrictions": "api_restrictions",
    "/sapi/v1/account/info": "account_info",
    "/fapi/v1/accountConfig": "account_config",
    "/fapi/v1/symbolConfig": "symbol_config",
    "/fapi/v1/leverageBracket": "leverage_bracket",
    "/fapi/v1/premiumIndex": "premium_index",
    "/fapi/v3/account": "account",
    "/fapi/v3/positionRisk": "position_risk",
    "/fapi/v3/balance": "futures_balance",
    "/fapi/v1/assetIndex": "asset_index",
    "/dapi/v1/account": "coin_account_idle",
    "/dapi/v1/positionRisk": "coin_position_risk",
    "/dapi/v1/premiumIndex": "coin_premium",
    "/dapi/v1/exchangeInfo": "coin_exchange_info",
    "/dapi/v2/leverageBracket": "coin_bracket",
    "/sapi/v1/margin/account": "margin_account",
    "/sapi/v1/margin/isolated/account": "isolated_account",
    "/sapi/v1/margin/tradeCoeff": "trade_coeff",
    "/sapi/v1/margin/crossMarginCollateralRatio": "collateral_ratio",
    "/sapi/v1/asset/get-funding-asset": "funding",
    "/api/v3/account": "spot_account",
    "/papi/v1/account": "papi_account",
    "/papi/v1/um/positionRisk": "papi_um_position_risk",
    "/papi/v1/cm/positionRisk": "papi_cm_position_risk",
}
RISK = "/fapi/v3/positionRisk"
ACCOUNT = "/fapi/v3/account"
BRACKETS = "/fapi/v1/leverageBracket"
PREMIUM = "/fapi/v1/premiumIndex"
MARGIN = "/sapi/v1/margin/account"
PAIRS = "/sapi/v1/margin/isolated/account"
INDEX = "/fapi/v1/assetIndex"
COIN = "/dapi/v1/account"
COIN_RISK = "/dapi/v1/positionRisk"

PM_PRO = "/sapi/v1/portfolio/account"
NO_PM_PRO = Said(
    {"code": -21001, "msg": "Request ID is not a Portfolio Margin Account."}, status=400
)

Scene = Callable[[Reach, Binance], Awaitable[None]]


def play(scene: Scene, **changes: Any) -> None:
    """Run *scene* against a venue that answers the recorded bodies; *changes* replace some."""

    async def run() -> None:
        async with reaching(DIALECT) as reach:
            reach.server.answers = {path: Said(body(name)) for path, name in PATHS.items()}
            reach.server.answers["/fapi/v1/time"] = time_at(reach.clock)
            reach.server.answers[PM_PRO] = NO_PM_PRO
            for name, value in changes.items():
                path = next(path for path, found in PATHS.items() if found == name)
                reach.server.answers[path] = value if isinstance(value, Said) else Said(value)
            await scene(reach, Binance("main", reach.client))

    asyncio.run(run())


def marks_now(reach: Reach) -> None:
    """Make the public marks as of the clock's now."""
    rows = body("premium_index")
    for row in rows:
        row["time"] = round(reach.clock.now_ms)
    reach.server.answers[PREMIUM] = Said(rows)


def rates_now(reach: Reach) -> None:
    """Make the asset indices as of the clock's now."""
    rows = body("asset_index")
    for row in rows:
        row["time"] = round(reach.clock.now_ms)
    reach.server.answers[INDEX] = Said(rows)


def test_start_tells_mode_rights_and_clock() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        reach.server.answers["/fapi/v1/time"] = time_at(reach.clock, ahead_ms=120)
        status = await venue.start()

        assert status.mode == "futures single-asset, one-way; cross margin classic"
        assert status.rights.withdraw is False
        assert status.rights.uid == "354937868"
        assert status.clock_offset_ms == 120
        assert (status.weight_used, status.weight_limit) == (11, 2_400)

    play(scene)


def test_an_account_whose_number_cannot_be_read_is_watched_without_it() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        reach.server.answers["/api/v3/account"] = Said(b"<html>", 503)

        assert (await venue.start()).rights.uid is None
        assert (await venue.snapshot()).positions

    play(scene)


def test_the_status_follows_the_key_without_asking_at_every_poll() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        reach.server.answers["/sapi/v1/account/apiRestrictions"] = Said(
            body("api_restrictions") | {"enableFutures": True}
        )
        reach.clock.now_ms += 6 * 3_600_000
        assert not (await venue.status()).rights.trade
        await venue.housekeeping()
        asked = len(reach.server.asked)

        assert (await venue.status()).rights.trade
        assert len(reach.server.asked) == asked

    play(scene)


def test_a_snapshot_has_every_pool_its_parts_and_the_wallets() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        snapshot = await venue.snapshot()

        assert set(snapshot.rules) == {"cross:USDT", "cross:BNB", "margin"}
        assert set(snapshot.parts) == {"account", "positionRisk", "premiumIndex", "margin"}
        assert snapshot.taken_at_us == reach.clock.now_ms * 1000
        assert snapshot.wallets == {"spot": {"USDT": 1000.5}, "funding": {"USDT": 5000}}
        assert snapshot.reference == "USDT"
        pools = {pool.pool: pool for pool in evaluate(snapshot).pools}
        assert pools["cross:USDT"].disagreement == pytest.approx(0, abs=1e-6)
        assert pools["margin"].disagreement == pytest.approx(0, abs=1e-6)

    play(scene)


def test_a_poll_asks_only_what_changes() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        await venue.snapshot()
        before = len(reach.server.asked)
        await venue.snapshot()

        paths = sorted(one.path for one in reach.server.asked[before:])
        assert paths == [ACCOUNT, RISK, MARGIN]

    play(scene)


def test_the_first_snapshot_reads_the_set_up_where_start_could_not() -> None:
    async def scene(_: Reach, venue: Binance) -> None:
        assert (await venue.snapshot()).positions

    play(scene)


def test_two_accounts_share_the_public_marks() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        other = Binance("second", reach.client)
        await asyncio.gather(venue.snapshot(), other.snapshot())

        assert reach.server.count(PREMIUM) == 1
        assert reach.server.count("/sapi/v1/margin/crossMarginCollateralRatio") == 1

    play(scene)


def test_a_key_that_may_withdraw_is_never_used_again() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        for attempt in (venue.start, venue.snapshot, venue.snapshot):
            with pytest.raises(WithdrawalRight, match="may withdraw"):
                await attempt()
        assert reach.server.count(ACCOUNT) == 0

    play(scene, api_restrictions=body("api_restrictions") | {"enableWithdrawals": True})


def test_a_right_to_withdraw_given_later_is_found_within_six_hours() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        reach.server.answers["/sapi/v1/account/apiRestrictions"] = Said(
            body("api_restrictions") | {"enableWithdrawals": True}
        )
        await venue.housekeeping()
        reach.clock.now_ms += 6 * 3_600_000
        with pytest.raises(WithdrawalRight):
            await venue.housekeeping()
        with pytest.raises(WithdrawalRight):
            await venue.snapshot()

    play(scene)


def test_housekeeping_follows_a_change_of_mode_every_ten_minutes() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        changed = body("account_config") | {"multiAssetsMargin": True, "dualSidePosition": True}
        reach.server.answers["/fapi/v1/accountConfig"] = Said(changed)
        reach.clock.now_ms += 599_000
        marks_now(reach)
        await venue.housekeeping()
        assert "single-asset, one-way" in (await venue.snapshot()).mode
        reach.clock.now_ms += 1_000
        rates_now(reach)
        await venue.housekeeping()
        snapshot = await venue.snapshot()
        assert "multi-assets, hedge" in snapshot.mode
        assert snapshot.rules["cross:multi"].family == "haircut_pool"

    play(scene)


@pytest.mark.parametrize("closed", [Said([]), Said({"code": -2015, "msg": "no"}, status=401)])
def test_a_change_of_mode_that_closes_the_futures_is_found_by_the_misfit(closed: Said) -> None:
    """Ten minutes blind would be the price of waiting for housekeeping."""

    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        changed = body("account_info") | {"isPortfolioMarginRetailEnabled": True}
        reach.server.answers["/sapi/v1/account/info"] = Said(changed)
        reach.server.answers[ACCOUNT] = closed
        reach.clock.now_ms += 60_000
        marks_now(reach)
        with pytest.raises(VenueError):
            await venue.snapshot()

        assert (await venue.snapshot()).mode == "portfolio margin (reported)"

    play(scene)


def test_a_misfit_asks_for_the_mode_once_a_minute_at_most_and_costs_no_mode_known() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        reach.server.answers["/fapi/v1/accountConfig"] = Said(b"<html>")
        good, reach.server.answers[ACCOUNT] = reach.server.answers[ACCOUNT], Said([])
        for _ in range(20):  # 200 s
            reach.clock.now_ms += 10_000
            marks_now(reach)
            with pytest.raises(VenueError):
                await venue.snapshot()
        assert reach.server.count("/sapi/v1/account/info") == 1 + 3
        reach.server.answers[ACCOUNT] = good
        assert "single-asset" in (await venue.snapshot()).mode

    play(scene)


def test_portfolio_margin_asks_papi_and_nothing_of_futures() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        snapshot = await venue.snapshot()

        assert snapshot.mode == "portfolio margin (reported)"
        assert list(snapshot.rules) == ["portfolio"]
        assert reach.server.count(ACCOUNT) == reach.server.count(MARGIN) == 0

    play(scene, account_info=body("account_info") | {"isPortfolioMarginRetailEnabled": True})


def test_portfolio_margin_pro_is_found_and_nothing_of_it_is_computed() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        told = body("papi_account") | {"accountType": "PM_1"}
        del told["accountInitialMargin"]
        reach.server.answers[PM_PRO] = Said(told)
        snapshot = await venue.snapshot()

        assert snapshot.mode == "portfolio margin Pro (reported)"
        assert list(snapshot.rules) == ["portfolio"]
        assert reach.server.count(ACCOUNT) == reach.server.count(MARGIN) == 0

        reach.server.answers[PM_PRO] = Said(b"<html>")
        reach.clock.now_ms += 11 * 60_000
        with pytest.raises(VenueError):
            await venue.housekeeping()  # it is not taken for another kind of account

    play(scene)


def test_isolated_pairs_are_asked_for_every_time_once_there_are_some() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        await venue.snapshot()
        assert reach.server.count(PAIRS) == 1

        btc = {"asset": "BTC", "free": "0.5", "locked": "0", "borrowed": "0", "interest": "0"}
        usdt = btc | {"asset": "USDT", "free": "0", "borrowed": "10000"}
        pair = {
            "symbol": "BTCUSDT",
            "baseAsset": btc,
            "quoteAsset": usdt,
            "marginLevel": "1.598525",
            "indexPrice": "31970.50000000",
            "liquidatePrice": "21000.00000000",
        }
        totals = {"totalAssetOfBtc": "0.5", "totalLiabilityOfBtc": "0.3"}
        tier = {
            "symbol": "BTCUSDT",
            "tier": 1,
            "liquidationRiskRatio": "1.05",
            "baseAssetMaxBorrowable": "9",
            "quoteAssetMaxBorrowable": "100000",
        }
        reach.server.answers[PAIRS] = Said({"assets": [pair], **totals})
        reach.server.answers["/sapi/v1/margin/isolatedMarginTier"] = Said([tier])
        reach.clock.now_ms += 10 * 60_000
        marks_now(reach)
        first = await venue.snapshot()
        second = await venue.snapshot()

        assert reach.server.count(PAIRS) == 3
        assert reach.server.count("/sapi/v1/margin/isolatedMarginTier") == 1
        assert second.mode.endswith("isolated margin")
        pools = {pool.pool: pool for pool in evaluate(first).pools}
        assert pools["isolated_margin:BTCUSDT"].underlyings[0].liquidation_down == 21_000

    play(scene)


def test_a_spot_only_account_is_unsupported() -> None:
    async def scene(_: Reach, venue: Binance) -> None:
        with pytest.raises(Unsupported, match="neither futures nor margin"):
            await venue.start()

    play(scene, account_info=body("account_info") | {"isMarginEnabled": False} | CLOSED_FUTURES)


CLOSED_FUTURES = {"isFutureEnabled": False}


def test_a_margin_only_account_asks_nothing_of_futures_but_marks() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        snapshot = await venue.snapshot()

        assert list(snapshot.rules) == ["margin"]
        paths = {one.path for one in reach.server.asked if one.path.startswith("/fapi")}
        assert paths == {"/fapi/v1/time", PREMIUM}

    play(scene, account_info=body("account_info") | CLOSED_FUTURES)


def test_a_key_without_the_right_to_read_is_refused() -> None:
    async def scene(_: Reach, venue: Binance) -> None:
        with pytest.raises(Refused, match="may not read"):
            await venue.start()

    play(scene, api_restrictions=body("api_restrictions") | {"enableReading": False})


# ── multi-assets mode and COIN-M ───────────────────────────────────────────────────────────────

MULTI = body("account_config") | {"multiAssetsMargin": True}


def test_multi_assets_mode_is_one_pool_in_usd_and_the_margin_pool_is_told_in_usd_too() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        snapshot = await venue.snapshot()

        assert snapshot.reference == "USD"
        assert set(snapshot.rules) >= {"cross:multi", "margin"}
        rows = {(one.pool, one.asset): one for one in snapshot.assets}
        usdt = rows["cross:multi", "USDT"]
        assert (usdt.index, usdt.weights[0].weight) == (Decimal("0.99"), Decimal("0.99"))
        assert usdt.ask == Decimal("1.005")
        # what the venue lists as no margin counts for nothing
        assert rows["cross:multi", "BNB"].weights[0].weight == 0
        assert rows["margin", "USDT"].index == Decimal("0.99")
        assert rows["margin", "BTC"].index == Decimal("31970.5") * Decimal("0.99")
        pools = {pool.pool: pool for pool in evaluate(snapshot).pools}
        assert pools["cross:multi"].status == "ok"
        assert pools["margin"].disagreement == pytest.approx(0, abs=1e-6)
        assert reach.server.count(INDEX) == 1

    play(scene, account_config=MULTI)


def test_a_snapshot_is_as_old_as_the_oldest_prices_in_it() -> None:
    """Asset indices and COIN-M marks stamped earlier than the rest were read from a cache."""

    async def multi_assets(reach: Reach, venue: Binance) -> None:
        rates = body("asset_index")
        for row in rates:
            row["time"] = round(reach.clock.now_ms) - 9_000
        rates[0]["time"] += 2_000  # one nobody trades may stand: the newest of all is told
        reach.server.answers[INDEX] = Said(rates)
        snapshot = await venue.snapshot()
        assert snapshot.taken_at_us == (round(reach.clock.now_ms) - 7_000) * 1000

    async def coin_margined(reach: Reach, venue: Binance) -> None:
        marks = body("coin_premium")
        for row in marks:
            row["time"] = round(reach.clock.now_ms) - 9_000
        reach.server.answers["/dapi/v1/premiumIndex"] = Said(marks)
        snapshot = await venue.snapshot()
        assert snapshot.taken_at_us == (round(reach.clock.now_ms) - 9_000) * 1000

    play(multi_assets, account_config=MULTI)
    play(coin_margined, coin_account_idle=body("coin_account"))


def test_asset_indices_of_another_time_are_unreadable() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        reach.clock.now_ms += 41_000
        marks_now(reach)
        with pytest.raises(Unreadable, match="asset indices are 41 s old"):
            await venue.snapshot()

    play(scene, account_config=MULTI)


@pytest.mark.parametrize("said", [Said(b""), Said([]), Said([{}]), Said(b"<html>", 503)])
def test_garbage_for_asset_indices_costs_the_reading(said: Said) -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        good = reach.server.answers[INDEX]
        reach.server.answers[INDEX] = said
        with pytest.raises(VenueError):
            await venue.snapshot()
        reach.server.answers[INDEX] = good
        assert (await venue.snapshot()).positions

    play(scene, account_config=MULTI)


def test_coin_m_that_is_not_used_is_looked_at_every_ten_minutes_and_not_read() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        for _ in range(3):
            await venue.snapshot()
        assert (reach.server.count(COIN), reach.server.count(COIN_RISK)) == (1, 0)
        reach.clock.now_ms += 600_000
        marks_now(reach)
        await venue.housekeeping()
        assert (reach.server.count(COIN), reach.server.count(COIN_RISK)) == (2, 0)

    play(scene)


def test_coin_m_that_is_used_is_read_beside_the_rest() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        snapshot = await venue.snapshot()

        assert "COIN-M" in snapshot.mode
        assert {"coin:BTC", "isolated:BTCUSD_PERP:long"} <= set(snapshot.rules)
        assert {"coin account", "coin positionRisk", "coin premiumIndex"} <= set(snapshot.parts)
        pools = {pool.pool: pool for pool in evaluate(replace(snapshot, venue_says={})).pools}
        (leg,) = pools["isolated:BTCUSD_PERP:long"].positions
        # BN-20: the venue's own price of this payload
        assert leg.liquidation_price == pytest.approx(25_119.974_457_60, abs=1e-5)
        # its own figures have eight decimals: of a margin of 0.000021 that is 0.02 %
        pools = {pool.pool: pool for pool in evaluate(snapshot).pools}
        assert pools["isolated:BTCUSD_PERP:long"].disagreement == pytest.approx(0.02, abs=0.01)
        assert pools["coin:BTC"].reference == "BTC"
        assert pools["coin:BTC"].disagreement == pytest.approx(0, abs=0.01)
        assert reach.server.count("/dapi/v1/exchangeInfo") == 1

    play(scene, coin_account_idle=body("coin_account"))


def test_coin_m_positions_missing_from_one_body_are_unreadable() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        with pytest.raises(Unreadable, match="coin account has 2 BTCUSD_PERP, positionRisk none"):
            await venue.snapshot()
        assert reach.server.count(COIN_RISK) == 2

    play(
        scene,
        coin_account_idle=body("coin_account"),
        coin_position_risk=body("coin_position_risk")[1:],
    )


@pytest.mark.parametrize("path", [COIN, COIN_RISK, "/dapi/v1/premiumIndex"])
@pytest.mark.parametrize("said", [Said(b""), Said({}), Said([{}]), Said(b"", 524)])
def test_garbage_in_any_part_of_coin_m_costs_the_whole_reading(path: str, said: Said) -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.start()
        good = reach.server.answers[path]
        reach.server.answers[path] = said
        with pytest.raises(VenueError):
            await venue.snapshot()
        reach.server.answers[path] = good
        assert (await venue.snapshot()).positions

    play(scene, coin_account_idle=body("coin_account"))


def test_live_prices_of_coin_m_are_its_own_marks() -> None:
    async def scene(_: Reach, venue: Binance) -> None:
        assert await venue.prices(["BTCUSD_PERP"]) == {"BTC": 38103.05510455}

    play(scene)


# ── torn, frozen, garbage ──────────────────────────────────────────────────────────────────────


def test_a_fill_between_two_requests_is_read_again_at_once() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        torn, whole = Said([]), Said(body("position_risk"))

        async def once_torn(_: web.Request) -> web.StreamResponse:
            return (torn if reach.server.count(RISK) == 1 else whole).response()

        reach.server.answers[RISK] = once_torn
        assert len((await venue.snapshot()).positions) == 2
        assert reach.server.count(RISK) == reach.server.count(ACCOUNT) == 2

    play(scene)


def test_an_empty_list_that_stays_empty_is_unreadable_and_never_flat() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        with pytest.raises(Unreadable, match="positions missing"):
            await venue.snapshot()
        assert reach.server.count(RISK) == 2

    play(scene, position_risk=[])


def test_wallets_that_vanish_all_at_once_are_unreadable() -> None:
    """Totals of single-asset mode count USDT only: an account of USDC alone shows 0 in them."""

    async def scene(reach: Reach, venue: Binance) -> None:
        account = body("account") | {"positions": []}
        account |= {name: "0" for name in account if name.startswith("total")}
        account["assets"] = [dict(account["assets"][1], crossWalletBalance="9000")]
        reach.server.answers[ACCOUNT] = Said(account)
        assert "cross:USDC" in (await venue.snapshot()).rules
        reach.server.answers[ACCOUNT] = Said(account | {"assets": []})
        with pytest.raises(Unreadable, match="assets missing: account lists none, it had USDC"):
            await venue.snapshot()

    play(scene, position_risk=[])


def test_marks_of_another_time_under_http_200_are_unreadable() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        reach.clock.now_ms += 41_000
        with pytest.raises(Unreadable, match="marks are 41 s old"):
            await venue.snapshot()

    play(scene)


def test_positions_frozen_while_the_market_moves_are_unreadable() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        reach.clock.now_ms += 10_000
        marks_now(reach)
        fallen = reach.server.answers[PREMIUM]
        assert isinstance(fallen, Said)
        assert isinstance(fallen.body, list)
        fallen.body[0]["markPrice"] = "29000"
        with pytest.raises(Unreadable, match="positions are stale: mark of BTCUSDT is 31967"):
            await venue.snapshot()

    play(scene)


@pytest.mark.parametrize("path", [ACCOUNT, RISK, MARGIN, PREMIUM, BRACKETS])
@pytest.mark.parametrize(
    "said", [Said(b""), Said(b"<html>"), Said({}), Said([{}]), Said(b"", 524), Said(b"[]", 202)]
)
def test_garbage_in_any_part_costs_the_whole_reading_and_nothing_else(
    path: str, said: Said
) -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        good = reach.server.answers[path]
        reach.server.answers[path] = said
        with pytest.raises(VenueError):
            await venue.snapshot()
        reach.server.answers[path] = good
        assert (await venue.snapshot()).positions

    play(scene)


def test_a_wallet_that_cannot_be_read_is_left_out_and_the_rest_stands() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        snapshot = await venue.snapshot()

        assert snapshot.positions
        assert snapshot.wallets == {"spot": {"USDT": 1000.5}}
        assert ("wallet.missed", "funding") in [
            (event, fields.get("wallet")) for event, fields in reach.log.events
        ]

    play(scene, funding=Said(b"<html>", 503))


# ── brackets ───────────────────────────────────────────────────────────────────────────────────


def test_a_symbol_not_known_yet_brings_the_brackets_at_once() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        account, risk = body("account"), body("position_risk")
        only_btc = account | {"positions": account["positions"][:1]}
        only_btc["assets"] = [dict(row) for row in account["assets"]]
        only_btc["assets"][0]["maintMargin"] = risk[0]["maintMargin"]
        reach.server.answers[ACCOUNT] = Said(only_btc)
        reach.server.answers[RISK] = Said(risk[:1])
        await venue.snapshot()
        assert reach.server.count(BRACKETS) == 1

        reach.server.answers[ACCOUNT] = Said(account)
        reach.server.answers[RISK] = Said(risk)
        assert len((await venue.snapshot()).positions) == 2
        assert reach.server.count(BRACKETS) == 2

    play(scene)


def test_a_symbol_the_venue_does_not_list_is_asked_for_once_a_minute() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        for _ in range(3):
            snapshot = await venue.snapshot()
        assert snapshot.unmodelled == {"cross:USDT": "ETHUSDT has no maintenance table"}
        assert reach.server.count(BRACKETS) == 1
        reach.clock.now_ms += 60_000
        marks_now(reach)
        await venue.snapshot()
        assert reach.server.count(BRACKETS) == 2

    play(scene, leverage_bracket=body("leverage_bracket")[:1])


def test_brackets_that_disagree_are_read_again_and_the_disagreement_told_once() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        risk, account = body("position_risk"), body("account")
        risk[0]["maintMargin"] = "80000"
        reach.server.answers[RISK] = Said(risk)
        reach.server.answers[ACCOUNT] = Said(account)
        for _ in range(3):
            reach.clock.now_ms += 60_000
            marks_now(reach)
            await venue.snapshot()

        assert reach.server.count(BRACKETS) == 4
        told = [fields["symbols"] for event, fields in reach.log.events if event.startswith("br")]
        assert told == [["BTCUSDT"]]

    play(scene)


def test_brackets_are_refreshed_every_hour() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        reach.clock.now_ms += 3_600_000
        marks_now(reach)
        await venue.snapshot()

        assert reach.server.count(BRACKETS) == 2

    play(scene)


def test_brackets_that_ask_for_less_are_read_twice_before_they_are_used() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        before = (await venue.snapshot()).positions[0].brackets
        milder = body("leverage_bracket")
        for row in milder[0]["brackets"]:
            row["maintMarginRatio"] = str(float(row["maintMarginRatio"]) * 0.9)
        reach.server.answers[BRACKETS] = Said(milder)
        found = []
        for seconds in (3_600, 30, 30):
            reach.clock.now_ms += seconds * 1000
            marks_now(reach)
            found.append((await venue.snapshot()).positions[0].brackets)

        assert found[:2] == [before, before]
        assert found[2][0].rate < before[0].rate
        assert reach.server.count(BRACKETS) == 3

    play(scene)


def test_brackets_that_cannot_be_refreshed_serve_for_six_hours() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        await venue.snapshot()
        reach.server.answers[BRACKETS] = Said(b"", 503)
        for hours, asked in ((1, 2), (0, 2), (4, 3)):
            reach.clock.now_ms += hours * 3_600_000
            marks_now(reach)
            assert (await venue.snapshot()).positions[0].brackets
            assert reach.server.count(BRACKETS) == asked
        reach.clock.now_ms += 3_600_000
        marks_now(reach)
        with pytest.raises(VenueError, match="HTTP 503"):
            await venue.snapshot()

    play(scene)


def test_weights_that_do_not_give_the_collateral_told_are_told_and_read_again() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        path = "/sapi/v1/margin/crossMarginCollateralRatio"
        assert (await venue.snapshot()).mismatches == ()
        reach.server.answers[MARGIN] = Said(
            body("margin_account") | {"TotalCollateralValueInUSDT": "316000"}
        )
        for _ in range(3):
            reach.clock.now_ms += 1_900_000  # an hour after they were read, and not sooner
            marks_now(reach)
            (off,) = (await venue.snapshot()).mismatches
            assert (off.pool, off.what, off.figure) == ("margin", "all coins", "collateral value")
        assert reach.server.count(path) == 2

    play(scene)


def test_bars_are_refreshed_hourly_by_housekeeping_and_outlive_a_failure() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        path = "/sapi/v1/margin/tradeCoeff"
        await venue.snapshot()
        reach.server.answers[path] = Said(b"", 503)
        reach.clock.now_ms += 3_600_000
        with pytest.raises(VenueError, match="HTTP 503"):
            await venue.housekeeping()
        marks_now(reach)
        assert str((await venue.snapshot()).rules["margin"].call_level) == "1.30000000"
        reach.server.answers[path] = Said(body("trade_coeff") | {"marginCallBar": "1.25"})
        reach.clock.now_ms += 3_600_000
        await venue.housekeeping()
        marks_now(reach)
        assert str((await venue.snapshot()).rules["margin"].call_level) == "1.25"

    play(scene)


# ── margin prices, estimates ───────────────────────────────────────────────────────────────────


def margin_with(asset: str) -> Any:
    data = body("margin_account")
    data["userAssets"].append(data["userAssets"][0] | {"asset": asset, "free": "100"})
    return data


def test_an_asset_without_a_contract_is_priced_by_the_margin_index() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        reach.server.answers["/sapi/v1/margin/priceIndex"] = Said(body("price_index"))
        snapshot = await venue.snapshot()

        priced = {asset.asset: str(asset.index) for asset in snapshot.assets}
        assert priced["NIL"] == "0.42"
        assert snapshot.unmodelled == {}

    play(scene, margin_account=margin_with("NIL"))


def test_an_asset_without_any_index_makes_the_pool_partial_and_is_not_asked_for_again() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        path = "/sapi/v1/margin/priceIndex"
        reach.server.answers[path] = Said({"code": -1121, "msg": "Invalid symbol."}, 400)
        for _ in range(3):
            snapshot = await venue.snapshot()

        assert snapshot.unmodelled == {"margin": "no index price of NIL"}
        assert reach.server.count(path) == 1

    play(scene, margin_account=margin_with("NIL"))


def test_live_prices_need_no_key() -> None:
    async def scene(reach: Reach, venue: Binance) -> None:
        prices = await venue.prices(["BTCUSDT", "ETHUSDT", "NEWUSDT"])

        assert prices == {"BTC": 31967.27, "ETH": 1335.18}
        assert all("X-MBX-APIKEY" not in one.headers for one in reach.server.asked)

    play(scene)
