"""
The practice Bybit: its arithmetic against hand-written sums, its wire through the real ccxt.

Rule: expected numbers are written out by hand from the venue's examples (BB-..), never computed
by the code under test. Loopback only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.wire_http import serving
from watcher.sim.bybit import figures as bybit
from watcher.sim.bybit import prices
from watcher.sim.bybit.rules import BybitRules
from watcher.sim.bybit.tables import COLLATERAL, INSTRUMENTS
from watcher.sim.bybit.wire import BybitWire
from watcher.sim.bybit.wire_shapes import rate
from watcher.sim.things import Account, Debt, Option, Position, Rights
from watcher.sim.wire import Call, Reply, Trouble
from watcher.sim.world import World

D = Decimal
START_US = 1_795_363_200_000_000


def world_of(**prices: str) -> World:
    known = {"BTC": "60000", "ETH": "3000", "SOL": "150"} | prices
    return World(
        instruments=INSTRUMENTS,
        rules={"bybit": BybitRules()},
        start_us=START_US,
        prices={name: D(price) for name, price in known.items()},
    )


def account_of(world: World, **wallet: str) -> Account:
    return world.add(
        Account(
            name="bybit_main",
            venue="bybit",
            mode="unified",
            key="key-bybit",
            secret="secret-bybit",
            wallets={"unified": {coin: D(held) for coin, held in wallet.items()}},
            taker_fee=D("0.00055"),
        )
    )


def test_deductions_are_the_venues_printed_column() -> None:
    """BB-01, the official table of 20 tiers."""
    btc = next(one for one in INSTRUMENTS if one.symbol == "BTCUSDT")
    printed = (
        "0 1200 3020 4300 5820 8460 15460 20500 46000 66000 80000 160000 300000 452000 502000 "
        "777000 837000 967000 1107000 1482000"
    )

    assert [row.deduction for row in btc.brackets] == [D(one) for one in printed.split()]


def test_a_short_option_asks_for_what_the_venues_article_says() -> None:
    """BB-18: index 30,000, mark 300: 900 + 300 + 60."""
    call = Option(
        symbol="BTC-26DEC26-40000-C",
        underlying="BTC",
        settle="USDC",
        side="short",
        quantity=D(1),
        entry=D(300),
        mark=D(300),
        anchor=D(30_000),
        strike=D(40_000),
        is_call=True,
    )

    assert bybit.option_margin(call, D(30_000)) == D(1260)
    assert bybit.option_margin(replace(call, side="long"), D(30_000)) == 0


@pytest.mark.parametrize("is_call", [True, False])
def test_an_option_gains_no_faster_than_its_coin_moves(*, is_call: bool) -> None:
    one = Option(
        symbol="any",
        underlying="BTC",
        settle="USDC",
        side="short",
        quantity=D(1),
        entry=D(2500),
        mark=D(2500),
        anchor=D(60_000),
        strike=D(61_000),
        is_call=is_call,
    )
    prices = [D(price) for price in range(10_000, 200_000, 500)]
    marks = [bybit.option_mark(one, price) for price in prices]

    gains = [(above - below) * (1 if is_call else -1) for below, above in pairwise(marks)]
    assert bybit.option_mark(one, D(60_000)) == D(2500)
    assert all(0 < gain < 500 for gain in gains)
    for price, mark in zip(prices, marks, strict=True):
        assert mark > (price - 61_000 if is_call else 61_000 - price)


def test_position_margins_are_those_of_the_live_payload() -> None:
    """BB-04: a payload of 2026-03, BTCPERP 0.001 at 66,473.5, mark 66,472.02, fee 0.1 %."""
    perp = next(one for one in INSTRUMENTS if one.symbol == "BTCPERP")
    leg = Position(
        instrument=perp, side="long", quantity=D("0.001"), entry=D("66473.5"), leverage=D(10)
    )
    mark, fee = D("66472.02"), D("0.001")

    # 66.4735 x (1 - 1/10) x 0.001; 66.47202/10 + fee; 66.47202 x 0.004 + fee
    assert bybit.fee_to_close(leg, fee) == D("0.05982615")
    assert round(bybit.initial_margin(leg, mark, fee), 8) == D("6.70702815")
    row = perp.bracket_of(D("66.47"))
    assert round(bybit.maintenance_margin(leg, mark, fee, row), 8) == D("0.32571423")


def test_collateral_counts_slice_by_slice_of_quantity() -> None:
    """BB-10: 25 BTC count as 10 x 0.98 + 10 x 0.95 + 5 x 0.90 = 23.8."""
    assert bybit.counted(COLLATERAL["BTC"], D(25)) == D("23.8")
    assert bybit.counted(COLLATERAL["BTC"], D(60)) == D("44.8")


def test_account_with_a_borrowed_coin_adds_up() -> None:
    """BB-11 without its open order (whose margins are the example's own)."""
    world = world_of()
    account = account_of(world, USDT="10000", BTC="0.5")
    account.debts["ETH"] = Debt(principal=D(2))
    world.set_position(account, "BTCUSDT", "long", D("0.3"), entry=D(61000), leverage=D(10))

    now = bybit.figures(world, account)

    # USDT 10,000 - 300; BTC 0.5 x 60,000 x 0.98; ETH -2 x 3,000 in full
    assert now.margin_balance == D(9700) + D(29400) - D(6000)
    # 18,000 x 0.005 + 0.3 x 61,000 x 0.9 x 0.00055 = 90 + 9.0585; debt 6,000 x 0.04
    assert now.maintenance_margin == D("99.0585") + D(240)
    # 1,800 + 9.0585; debt 6,000 x 0.2
    assert now.initial_margin == D("1809.0585") + D(1200)


def test_estimate_of_the_liquidation_price_carries_the_borrow_margin() -> None:
    """BB-09: mark - (margin balance - maintenance margin) / (size x 1.04), wallet of USDC empty."""
    world = world_of(BTC="60000")
    account = account_of(world, BTC="0.002")
    world.set_position(account, "BTCPERP", "long", D("0.01"), entry=D(60000), leverage=D(10))

    now = bybit.figures(world, account)
    price = prices.shown_liquidation_price(now, now.legs[0])

    # balance 0.002 x 60,000 x 0.98 = 117.6; margin 600 x 0.004 + 600 x 0.9 x 0.00055 = 2.697
    assert price is not None
    assert round(price, 4) == D("48951.6346")  # 60,000 - 114.903 / 0.0104


@pytest.mark.parametrize(
    ("side", "extra", "expected"),
    [("long", "0.05", "44016.4816"), ("short", "0", "55277.7778")],
)
def test_isolated_inverse_price_has_the_venues_shape(side: Any, extra: str, expected: str) -> None:
    """BB-15 and BB-16, 60,000 USD at 50,000, 10x; the venue divides extra margin by (1 +- fee)."""
    world = world_of(BTC="50000")
    account = account_of(world, BTC="10")
    account.flags["isolated"] = True
    leg = world.set_position(account, "BTCUSD", side, D(60000), leverage=D(10))
    assert leg is not None
    margin = D(60000) / 50000 / 10 + bybit.fee_to_close(leg, account.taker_fee) + D(extra)
    world.set_position(account, "BTCUSD", side, D(60000), isolated_margin=margin)

    one = bybit.figures(world, account).legs[0]
    price = prices.isolated_price(one)

    assert price is not None
    assert abs(price - D(expected)) < D("2")


def test_isolated_linear_price_is_the_mark_based_one() -> None:
    """BB-14: 1 BTC at 20,000, 50x, mark-based maintenance margin."""
    world = world_of(BTC="20000")
    account = account_of(world, USDT="1000")
    account.flags["isolated"] = True
    leg = world.set_position(account, "BTCUSDT", "long", D(1), leverage=D(50))
    assert leg is not None
    margin = D(400) + bybit.fee_to_close(leg, account.taker_fee)
    world.set_position(account, "BTCUSDT", "long", D(1), isolated_margin=margin)

    price = prices.isolated_price(bybit.figures(world, account).legs[0])

    assert price is not None
    assert round(price, 4) == D("19698.4925")


# ── what the venue does ─────────────────────────────────────────────────────────────────────


def test_partial_liquidation_stops_near_ninety_percent() -> None:
    world = world_of()
    account = account_of(world, USDT="7000")
    world.set_position(account, "BTCUSDT", "long", D(1), leverage=D(10))
    world.set_prices({"BTC": D("53350")})
    # 7,000 - 6,650 = 350 against 266.75 + 29.7: above; another 60 down: below
    assert account.liquidations == []

    world.set_prices({"BTC": D("53290")})
    world.check()

    now = bybit.figures(world, account)
    assert [one.kind for one in account.liquidations] == ["partial"]
    assert D("0.85") < now.maintenance_margin / now.denominator < D("0.91")
    assert 0 < account.positions["BTCUSDT", "long"].quantity < 1


def test_liquidation_cancels_orders_and_sells_assets_before_it_touches_positions() -> None:
    world = world_of()
    account = account_of(world, USDT="1000", BTC="0.2")
    world.set_position(account, "BTCUSDT", "long", D(2), leverage=D(50))
    world.place_order(account, "BTCUSDT", "long", D("0.01"), D(50000))
    world.set_prices({"BTC": D("54600")})
    world.check()

    kinds = [one.kind for one in account.liquidations]
    assert kinds == ["cancel_orders", "sell_asset"]  # and that was enough
    assert account.orders == {}


def test_a_gap_through_everything_leaves_nothing_and_owes_nothing() -> None:
    world = world_of()
    account = account_of(world, USDT="6000")
    world.set_position(account, "BTCUSDT", "long", D(1), leverage=D(10))
    world.set_prices({"BTC": D("50000")})
    world.check()

    assert account.positions == {}
    assert account.balance("unified", "USDT") == 0
    assert account.liquidations[-1].kind == "full"


def test_the_venue_warns_once_and_again_only_after_recovery() -> None:
    world = world_of()
    account = account_of(world, USDT="7000")
    world.set_position(account, "BTCUSDT", "long", D(1), leverage=D(10))
    for price in ("53340", "53338", "56000", "53340"):
        world.set_prices({"BTC": D(price)})
        world.check()

    assert len(account.margin_calls) == 2


def test_isolated_leg_loses_its_margin_and_no_more() -> None:
    world = world_of()
    account = account_of(world, USDT="10000")
    account.flags["isolated"] = True
    world.set_position(account, "BTCUSDT", "long", D(1), isolated_margin=D(6000))
    world.set_prices({"BTC": D("53000")})
    world.check()

    assert account.positions == {}
    assert account.balance("unified", "USDT") == D(4000)


# ── the wire, read by the real client ───────────────────────────────────────────────────────


def client(endpoint: str, **more: object) -> Any:
    exchange = ccxt.bybit(
        {"apiKey": "key-bybit", "secret": "secret-bybit", "enableRateLimit": False, **more}
    )
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], endpoint)
    # the venue's clock is the world's, which stands still in these tests
    exchange.nonce = lambda: START_US // 1000
    return exchange


@asynccontextmanager
async def connected(world: World, **more: object) -> AsyncIterator[Any]:
    async with serving(BybitWire(), world) as endpoint:
        exchange = client(endpoint, **more)
        try:
            yield exchange
        finally:
            await exchange.close()


def reading(world: World, ask: Callable[[Any], Awaitable[Any]], **more: object) -> Any:
    async def run() -> Any:
        async with connected(world, **more) as exchange:
            return await ask(exchange)

    return asyncio.run(run())


def example_eleven() -> World:
    world = world_of()
    account = account_of(world, USDT="10000", BTC="0.5")
    account.debts["ETH"] = Debt(principal=D(2))
    account.wallet("funding")["USDT"] = D(5000)
    world.set_position(account, "BTCUSDT", "long", D("0.3"), entry=D(61000), leverage=D(10))
    return world


def test_wallet_balance_prints_the_venues_numbers() -> None:
    """BB-11 without its open order, on the wire; the rates are truncated (BB-07, BB-08)."""
    body = reading(
        example_eleven(), lambda ex: ex.privateGetV5AccountWalletBalance({"accountType": "UNIFIED"})
    )

    account = body["result"]["list"][0]
    assert account["totalMarginBalance"] == "33100"
    assert account["totalMaintenanceMargin"] == "339.0585"
    assert account["totalInitialMargin"] == "3009.0585"
    assert account["totalPerpUPL"] == "-300"
    assert account["totalWalletBalance"] == "33400"
    assert account["totalAvailableBalance"] == "30090.9415"
    assert account["accountMMRate"] == "0.0102"  # 0.010243...
    assert account["accountIMRate"] == "0.0909"  # 0.090907...
    ether = next(coin for coin in account["coin"] if coin["coin"] == "ETH")
    assert (ether["equity"], ether["borrowAmount"], ether["spotBorrow"]) == ("-2", "2", "2")
    assert (ether["usdValue"], ether["collateralSwitch"]) == ("-6000", True)
    tether = next(coin for coin in account["coin"] if coin["coin"] == "USDT")
    assert (tether["equity"], tether["walletBalance"]) == ("9700", "10000")
    assert tether["totalPositionMM"] == "99.0585"


def test_rates_of_real_payloads_are_truncated_the_same_way() -> None:
    """BB-08: margin / margin balance of recorded wallets, and the rate each showed."""
    rows = [
        ("60.23673481", "1352.5353253", "0.0445"),
        ("205.72562486", "12837.78330188", "0.016"),
        ("182.60183684", "18070.32797922", "0.0101"),
        ("0.38106773", "18070.32797922", "0"),
        ("0.30525761", "841.28368768", "0.0003"),
    ]

    assert [rate(D(margin) / D(balance)) for margin, balance, _ in rows] == [
        shown for _, _, shown in rows
    ]


def test_isolated_mode_leaves_the_account_fields_empty() -> None:
    world = world_of()
    account_of(world, USDT="10000").flags["isolated"] = True

    body = reading(
        world, lambda ex: ex.privateGetV5AccountWalletBalance({"accountType": "UNIFIED"})
    )

    row = body["result"]["list"][0]
    assert (row["accountMMRate"], row["totalMaintenanceMargin"]) == ("", "")
    assert row["totalEquity"] == "10000"


def many(count: int) -> World:
    """A world of *count* symbols, each held long and short."""
    model = next(one for one in INSTRUMENTS if one.symbol == "SOLUSDT")
    names = [f"C{number:03d}" for number in range(count)]
    world = World(
        instruments=[replace(model, symbol=f"{name}USDT", underlying=name) for name in names],
        rules={"bybit": BybitRules()},
        start_us=START_US,
        prices=dict.fromkeys(names, D(100)) | {"BTC": D(60000)},
    )
    account = account_of(world, USDT="1000000")
    account.hedge = True
    for name in names:
        for side in ("long", "short"):
            world.set_position(account, f"{name}USDT", side, D(1))
    return world


async def all_pages(exchange: Any) -> list[list[dict[str, Any]]]:
    pages, cursor = [], ""
    while True:
        asked = {"category": "linear", "settleCoin": "USDT", "limit": "200"}
        if cursor:
            asked["cursor"] = cursor
        body = await exchange.privateGetV5PositionList(asked)
        pages.append(body["result"]["list"])
        cursor = body["result"]["nextPageCursor"]
        if not cursor:
            return pages


def test_positions_come_in_three_pages_whose_cursor_is_signed_as_given() -> None:
    pages = reading(many(225), all_pages)

    assert [len(rows) for rows in pages] == [200, 200, 50]
    seen = {(row["symbol"], row["positionIdx"]) for rows in pages for row in rows}
    assert len(seen) == 450


def test_without_a_limit_twenty_rows_come_and_without_a_settle_coin_none() -> None:
    world = many(25)

    twenty = reading(
        world,
        lambda ex: ex.privateGetV5PositionList({"category": "linear", "settleCoin": "USDT"}),
    )

    assert len(twenty["result"]["list"]) == 20
    assert twenty["result"]["nextPageCursor"] != ""
    with pytest.raises(ccxt.BadRequest, match="10001"):
        reading(world, lambda ex: ex.privateGetV5PositionList({"category": "linear"}))


def test_position_row_is_the_live_payloads() -> None:
    """BB-04 on the wire."""
    world = world_of(BTC="66472.02")
    account = account_of(world, USDC="90")
    account.taker_fee = D("0.001")
    world.set_position(account, "BTCPERP", "long", D("0.001"), entry=D("66473.5"), leverage=D(10))

    body = reading(
        world,
        lambda ex: ex.privateGetV5PositionList({"category": "linear", "settleCoin": "USDC"}),
    )

    row = body["result"]["list"][0]
    assert (row["positionIM"], row["positionMM"]) == ("6.70702815", "0.32571423")
    assert (row["size"], row["avgPrice"], row["markPrice"]) == ("0.001", "66473.5", "66472.02")
    assert (row["side"], row["positionIdx"], row["tradeMode"]) == ("Buy", 0, 0)
    assert row["liqPrice"] == ""


def test_a_symbol_asked_for_by_name_shows_its_flat_leg() -> None:
    body = reading(
        example_eleven(),
        lambda ex: ex.privateGetV5PositionList({"category": "linear", "symbol": "ETHUSDT"}),
    )

    row = body["result"]["list"][0]
    assert (row["size"], row["side"], row["positionMM"], row["liqPrice"]) == ("0", "", "", "0")


READS: list[tuple[str, dict[str, str]]] = [
    ("publicGetV5MarketTime", {}),
    ("publicGetV5MarketInstrumentsInfo", {"category": "linear", "limit": "1000"}),
    ("publicGetV5MarketInstrumentsInfo", {"category": "inverse", "limit": "1000"}),
    ("publicGetV5MarketInstrumentsInfo", {"category": "spot"}),
    ("publicGetV5MarketInstrumentsInfo", {"category": "option", "baseCoin": "BTC"}),
    ("publicGetV5MarketRiskLimit", {"category": "linear"}),
    ("publicGetV5MarketRiskLimit", {"category": "linear", "symbol": "BTCUSDT"}),
    ("publicGetV5MarketTickers", {"category": "linear"}),
    ("publicGetV5MarketTickers", {"category": "inverse"}),
    ("publicGetV5MarketTickers", {"category": "spot"}),
    ("publicGetV5SpotMarginTradeCollateral", {}),
    ("publicGetV5SpotMarginTradeData", {}),
    ("privateGetV5SpotMarginTradePositionTiers", {}),
    ("privateGetV5AccountInfo", {}),
    ("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"}),
    ("privateGetV5AccountFeeRate", {"category": "linear"}),
    ("privateGetV5AccountCollateralInfo", {}),
    ("privateGetV5AccountWithdrawal", {"coinName": "USDT"}),
    ("privateGetV5PositionList", {"category": "inverse"}),
    ("privateGetV5PositionList", {"category": "option"}),
    ("privateGetV5OrderRealtime", {"category": "linear", "settleCoin": "USDT"}),
    ("privateGetV5UserQueryApi", {}),
    ("privateGetV5AssetCoinQueryInfo", {}),
    ("privateGetV5AssetTransferQueryAccountCoinsBalance", {"accountType": "FUND"}),
    ("privateGetV5AssetTransferQueryInterTransferList", {}),
]


def test_every_read_is_signed_right_and_carries_its_keys() -> None:
    async def ask(exchange: Any) -> dict[tuple[str, str | None], Any]:
        bodies = {}
        for name, asked in READS:
            bodies[name, asked.get("category")] = await getattr(exchange, name)(asked)
        return bodies

    bodies = reading(example_eleven(), ask)

    for (name, _), body in bodies.items():
        assert body["retCode"] == 0, name
        assert int(body["time"]) == START_US // 1000, name
    risk = bodies["publicGetV5MarketRiskLimit", "linear"]["result"]["list"]
    assert (risk[0]["mmDeduction"], risk[1]["mmDeduction"]) == ("", "1200")
    ladder = bodies["publicGetV5SpotMarginTradeCollateral", None]["result"]["list"]
    btc = next(row for row in ladder if row["currency"] == "BTC")["collateralRatioList"]
    assert btc[-1] == {"minQty": "50", "maxQty": "", "collateralRatio": "0"}
    rights = bodies["privateGetV5UserQueryApi", None]["result"]
    assert (rights["readOnly"], rights["permissions"]["Wallet"]) == (1, ["SubMemberTransferList"])


def test_the_whole_client_loads_its_markets() -> None:
    async def ask(exchange: Any) -> dict[str, Any]:
        markets = await exchange.load_markets()
        tiers = await exchange.fetch_leverage_tiers(["BTC/USDT:USDT"])
        return {"markets": markets, "tiers": tiers}

    found = reading(example_eleven(), ask)

    assert {"BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC", "BTC/USDT"} <= set(found["markets"])
    assert len(found["tiers"]["BTC/USDT:USDT"]) == 20


@pytest.mark.parametrize(
    ("more", "shift_ms", "error", "code"),
    [
        ({"secret": "other"}, 0, ccxt.AuthenticationError, "10004"),
        ({"apiKey": "stranger"}, 0, ccxt.AuthenticationError, "10003"),
        ({}, -5001, ccxt.InvalidNonce, "10002"),
        ({}, 1000, ccxt.InvalidNonce, "10002"),
    ],
)
def test_a_wrong_key_signature_or_clock_is_refused(
    more: dict[str, str], shift_ms: int, error: type[Exception], code: str
) -> None:
    async def ask(exchange: Any) -> Any:
        exchange.nonce = lambda: START_US // 1000 + shift_ms
        return await exchange.privateGetV5AccountInfo()

    with pytest.raises(error, match=code):
        reading(example_eleven(), ask, **more)


def test_a_transfer_id_moves_money_once() -> None:
    world = example_eleven()
    account = world.accounts["bybit_main"]
    account.rights = Rights(transfer=True)
    asked = {
        "transferId": "42c0cfb0-6bca-4242-bc76-4e6df6cbab16",
        "coin": "USDT",
        "amount": "120.5",
        "fromAccountType": "FUND",
        "toAccountType": "UNIFIED",
    }

    async def ask(exchange: Any) -> Any:
        await exchange.privatePostV5AssetTransferInterTransfer(asked)
        with pytest.raises(ccxt.BadRequest, match="131214"):
            await exchange.privatePostV5AssetTransferInterTransfer(asked)
        lookup = {"transferId": asked["transferId"]}
        return await exchange.privateGetV5AssetTransferQueryInterTransferList(lookup)

    found = reading(world, ask)

    assert account.balance("unified", "USDT") == D("10120.5")
    assert account.balance("funding", "USDT") == D("4879.5")
    row = found["result"]["list"][0]
    assert (row["status"], row["amount"], row["toAccountType"]) == ("SUCCESS", "120.5", "UNIFIED")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"amount": "5000.01"}, ccxt.InsufficientFunds, "131212"),
        ({"amount": "0.123456789"}, ccxt.BadRequest, "131210"),
        ({"transferId": "not-a-uuid"}, ccxt.BadRequest, "10001"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused(
    change: dict[str, str], error: type[Exception], code: str
) -> None:
    world = example_eleven()
    world.accounts["bybit_main"].rights = Rights(transfer=True)
    asked = {
        "transferId": "42c0cfb0-6bca-4242-bc76-4e6df6cbab16",
        "coin": "USDT",
        "amount": "1",
        "fromAccountType": "FUND",
        "toAccountType": "UNIFIED",
    } | change

    with pytest.raises(error, match=code):
        reading(world, lambda ex: ex.privatePostV5AssetTransferInterTransfer(asked))
    assert world.accounts["bybit_main"].transfers == []


def test_margin_can_be_added_in_isolated_mode_only() -> None:
    world = world_of()
    account = account_of(world, USDT="10000")
    account.rights = Rights(trade=True)
    world.set_position(account, "BTCUSDT", "long", D("0.1"), leverage=D(10))
    asked = {"category": "linear", "symbol": "BTCUSDT", "margin": "10", "positionIdx": 0}

    with pytest.raises(ccxt.BadRequest, match="110015"):
        reading(world, lambda ex: ex.privatePostV5PositionAddMargin(asked))
    account.flags["isolated"] = True
    world.set_position(account, "BTCUSDT", "long", D("0.1"), isolated_margin=D(600))
    reading(world, lambda ex: ex.privatePostV5PositionAddMargin(asked))

    assert account.positions["BTCUSDT", "long"].isolated_margin == D(610)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ("rate_limit", ccxt.RateLimitExceeded),
        ("ban", ccxt.RateLimitExceeded),
        ("maintenance", ccxt.ExchangeError),
        ("revoked", ccxt.AuthenticationError),
    ],
)
def test_troubles_are_told_in_the_venues_words(trouble: Trouble, error: type[Exception]) -> None:
    class Troubled(BybitWire):
        def handle(self, call: Call, world: World, account: Account | None) -> Reply:
            return self.refuse(trouble, world, retry_after_s=2.0)

    async def run() -> None:
        async with serving(Troubled(), example_eleven()) as endpoint:
            exchange = client(endpoint)
            try:
                await exchange.privateGetV5AccountInfo()
            finally:
                await exchange.close()

    with pytest.raises(error):
        asyncio.run(run())
