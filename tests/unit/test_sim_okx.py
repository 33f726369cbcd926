"""
The practice OKX: its arithmetic against hand-written sums, its wire through the real ccxt.

Rule: expected numbers are written out by hand from the venue's examples (OK-..), never computed
by the code under test. Loopback only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.wire_http import serving
from watcher.sim.okx import figures as okx
from watcher.sim.okx.rules import OkxRules
from watcher.sim.okx.tables import DISCOUNT, INSTRUMENTS, contract
from watcher.sim.okx.wire import OkxWire
from watcher.sim.things import Account, Debt, Instrument, Rights
from watcher.sim.wire import Call, Reply, Trouble
from watcher.sim.world import World

D = Decimal
START_US = 1_795_363_200_000_000
SWAP = "BTC-USDT-SWAP"


def world_of(instruments: tuple[Instrument, ...] = INSTRUMENTS, **prices: str) -> World:
    known = {"BTC": "60000", "ETH": "3000", "SOL": "150"} | prices
    return World(
        instruments=instruments,
        rules={"okx": OkxRules()},
        start_us=START_US,
        prices={name: D(price) for name, price in known.items()},
    )


def account_of(world: World, mode: str = "futures", **wallet: str) -> Account:
    return world.add(
        Account(
            name="okx_main",
            venue="okx",
            mode=mode,
            key="key-okx",
            secret="secret-okx",
            passphrase="phrase",
            wallets={"trading": {coin: D(held) for coin, held in wallet.items()}},
            taker_fee=D("0.0005"),
        )
    )


# ── arithmetic ──────────────────────────────────────────────────────────────────────────────


def test_equity_counts_slice_by_slice() -> None:
    """OK-05: 20 x 0.98 + 2 x 0.9775 = 21.555."""
    assert okx.discounted(DISCOUNT["BTC"], D(22)) == D("21.555")


def test_the_reached_tiers_rate_holds_for_the_whole_position() -> None:
    """OK-14: 16,000 contracts of 0.01 BTC at 60,000 lie in tier 2: 9,600,000 x 0.005."""
    world = world_of()
    account = account_of(world, USDT="10000000")
    world.set_position(account, SWAP, "long", D(16000), leverage=D(10))

    assert okx.figures(world, account).legs[0].maintenance_margin == D(48000)


@pytest.mark.parametrize(
    ("side", "mark", "ratio", "price"),
    [("long", "59000", "18.832392", "54244.0984"), ("short", "63000", "10.582011", "65704.3305")],
)
def test_isolated_linear_ratio_and_price(side: Any, mark: str, ratio: str, price: str) -> None:
    """OK-10 and OK-11: 100 contracts of 0.01 BTC at 60,000, margin 6,000."""
    world = world_of(BTC="60000")
    account = account_of(world, USDT="10000")
    world.set_position(account, SWAP, side, D(100), isolated_margin=D(6000))
    world.set_prices({"BTC": D(mark)})

    one = okx.figures(world, account).legs[0]
    shown = okx.shown_liquidation_price(
        okx.figures(world, account), one, taker_fee=account.taker_fee
    )

    assert one.maintenance_margin == D(mark) * D("0.004")
    assert round(one.own_ratio, 6) == D(ratio)
    assert shown is not None
    assert round(shown, 4) == D(price)


def test_isolated_inverse_future_is_the_recorded_one() -> None:
    """OK-02: one ETH-USD contract of 10 USD; the venue's printed price is a tick higher."""
    dated = contract("ETH-USD-270326", "10000 .008 .01", "10", "0.01")
    world = world_of((dated,), ETH="2566.31")
    account = account_of(world, ETH="1")
    leg = world.set_position(
        account, dated.symbol, "long", D(1), isolated_margin=D("0.0003896645377994")
    )
    assert leg is not None
    world.set_basis(dated, D(0))
    mark = D("2565.656")

    # the mark of the payload has three decimals, finer than the contract's tick: ask the formulas
    value = okx.notional(dated, leg.quantity, mark)
    gain = okx.unrealised(leg, mark)
    assert round(gain, 16) == D("-0.0000009932766034")
    assert round(value * D("0.008"), 16) == D("0.0000311811092368")
    shown = okx.shown_liquidation_price(
        okx.figures(world, account), okx.figures(world, account).legs[0], taker_fee=D("0.0005")
    )
    assert shown is not None
    assert round(shown, 10) == D("2352.8396681818")


def example_twelve() -> World:
    """OK-12: a USDT bucket of two swaps, 500 in use elsewhere, an open order whose fee is 5."""
    world = world_of(BTC="58000", ETH="3100")
    account = account_of(world, USDT="9500")
    account.wallet("funding")["USDT"] = D(5000)
    world.set_position(account, SWAP, "long", D(100), entry=D(60000), leverage=D(10))
    world.set_position(account, "ETH-USDT-SWAP", "short", D(100), entry=D(3000), leverage=D(10))
    world.place_order(account, SWAP, "long", D(20), D(50000))
    return world


def test_futures_mode_has_one_ratio_per_currency() -> None:
    world = example_twelve()
    account = world.accounts["okx_main"]

    bucket = okx.figures(world, account).currencies["USDT"]

    assert (bucket.unrealised, bucket.maintenance_margin) == (D(-3000), D(542))
    assert bucket.liquidation_fee == D("44.5")
    assert bucket.numerator == D(6495)
    assert bucket.ratio is not None
    assert round(bucket.ratio, 6) == D("11.074169")


def test_cross_price_is_where_the_bucket_reaches_one() -> None:
    world = example_twelve()
    now = okx.figures(world, world.accounts["okx_main"])

    price = okx.shown_liquidation_price(now, now.legs[0], taker_fee=D("0.0005"))

    assert price is not None
    assert round(price, 4) == D("52064.7916")


def test_profit_lands_in_the_settlement_currency() -> None:
    """OK-07: 2 BTC, 110,000 USDT; 0.5 BTC long from 80,000, now at 100,000."""
    world = world_of(BTC="100000")
    account = account_of(world, "multi", BTC="2", USDT="110000")
    world.set_position(account, SWAP, "long", D(50), entry=D(80000))

    coins = okx.figures(world, account).currencies

    assert (coins["USDT"].unrealised, coins["USDT"].equity) == (D(10000), D(120000))
    assert coins["BTC"].equity == D(2)


def test_a_currency_below_zero_counts_in_full_and_needs_borrow_margin() -> None:
    world = world_of()
    account = account_of(world, "multi", BTC="1")
    account.debts["USDT"] = Debt(principal=D(30000))

    now = okx.figures(world, account)

    # 60,000 x 0.98 - 30,000; 30,000 x 0.03; (30,000 + 900) x 0.0005
    assert now.adjusted_equity == D(28800)
    assert now.maintenance_margin == D(900)
    assert now.liquidation_fee == D("15.45")


def test_spot_mode_adds_a_fee_on_the_debt() -> None:
    """OK-15: ratio 28,800 / (900 + 30,000 x 1.03 x 0.001)."""
    world = world_of()
    account = account_of(world, "spot", BTC="1")
    account.taker_fee = D("0.001")
    account.debts["USDT"] = Debt(principal=D(30000))

    ratio = okx.figures(world, account).ratio

    assert ratio is not None
    assert round(ratio, 4) == D("30.9378")


# ── what the venue does ─────────────────────────────────────────────────────────────────────


def test_the_venue_warns_once_at_three_hundred_percent() -> None:
    world = world_of()
    account = account_of(world, USDT="6000")
    world.set_position(account, SWAP, "long", D(100), leverage=D(10))
    for price in ("55000", "54600", "54500", "58000"):
        world.set_prices({"BTC": D(price)})
        world.check()

    # at 54,600: 600 against 245.7, that is 244 %
    assert [one.pool for one in account.margin_calls] == ["cross:USDT"]
    assert account.liquidations == []


def test_a_small_position_is_closed_whole() -> None:
    world = world_of()
    account = account_of(world, USDT="6000")
    world.set_position(account, SWAP, "long", D(100), leverage=D(10))
    world.place_order(account, SWAP, "long", D(1), D(40000))
    world.set_prices({"BTC": D("54200")})
    world.check()

    # 200 against 54,200 x 0.0045 = 243.9
    assert [one.kind for one in account.liquidations] == ["cancel_orders", "full"]
    assert account.positions == {}
    assert account.balance("trading", "USDT") == D(200) - D("27.1")


def test_a_large_position_is_lowered_one_tier_at_a_time() -> None:
    """OK-09's rule on contracts: tier 3 goes down to the cap of tier 2 first."""
    world = world_of()
    account = account_of(world, USDT="1500000")
    world.set_position(account, SWAP, "long", D(26000), leverage=D(50))
    world.set_prices({"BTC": D("54660")})
    world.check()

    # 1,500,000 - 1,388,400 = 111,600 against 14,211,600 x 0.008 = 113,692.8
    first = account.liquidations[0]
    assert (first.kind, first.quantity) == ("partial", D(1000))
    # then 111,600 - 273.3 against 13,665,000 x 0.0055 = 75,157.5: it stands
    assert len(account.liquidations) == 1
    assert account.positions[SWAP, "long"].quantity == D(25000)


def test_opposite_legs_are_offset_before_anything_is_closed() -> None:
    world = world_of()
    account = account_of(world, USDT="3000")
    account.hedge = True
    world.set_position(account, SWAP, "long", D(300), leverage=D(50))
    world.set_position(account, SWAP, "short", D(250), leverage=D(50))
    world.set_prices({"BTC": D("55200")})
    world.check()

    # 3,000 - 2,400 = 600 against 303,600 x 0.0045 = 1,366; after: 27,600 x 0.0045 = 124
    assert [one.note for one in account.liquidations] == ["opposite legs offset"] * 2
    assert account.positions[SWAP, "long"].quantity == D(50)
    assert (SWAP, "short") not in account.positions


def test_buckets_do_not_help_each_other_in_futures_mode() -> None:
    world = world_of()
    account = account_of(world, USDT="6000", BTC="5")
    world.set_position(account, SWAP, "long", D(100), leverage=D(10))
    world.set_prices({"BTC": D("54200")})
    world.check()

    assert account.positions == {}
    assert account.balance("trading", "BTC") == D(5)


def test_an_isolated_leg_loses_its_margin_and_no_more() -> None:
    world = world_of()
    account = account_of(world, USDT="10000")
    world.set_position(account, SWAP, "long", D(100), isolated_margin=D(6000))
    world.set_prices({"BTC": D("54000")})
    world.check()

    assert account.positions == {}
    assert account.balance("trading", "USDT") == D(4000)


# ── the wire, read by the real client ───────────────────────────────────────────────────────


def client(endpoint: str, **more: object) -> Any:
    keys = {"apiKey": "key-okx", "secret": "secret-okx", "password": "phrase"}
    exchange = ccxt.okx({**keys, "enableRateLimit": False, **more})
    exchange.urls["api"] = {"rest": endpoint}
    # the venue's clock is the world's, which stands still in these tests
    exchange.nonce = lambda: START_US // 1000
    return exchange


@asynccontextmanager
async def connected(world: World, **more: object) -> AsyncIterator[Any]:
    async with serving(OkxWire(), world) as endpoint:
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


def test_futures_mode_balance_has_its_numbers_per_currency() -> None:
    """OK-12 on the wire."""
    body = reading(example_twelve(), lambda ex: ex.privateGetAccountBalance())

    account = body["data"][0]
    assert {account[name] for name in ("adjEq", "imr", "mmr", "mgnRatio", "notionalUsd")} == {""}
    bucket = account["details"][0]
    assert (bucket["ccy"], bucket["cashBal"], bucket["upl"]) == ("USDT", "9500", "-3000")
    assert (bucket["eq"], bucket["mmr"], bucket["imr"]) == ("6500", "542", "8900")
    assert bucket["mgnRatio"].startswith("11.0741687979")


def test_multi_currency_balance_has_them_for_the_account() -> None:
    """OK-03's identities: mmr and ratio follow from adjEq and notionalUsd."""
    world = world_of(BTC="100000")
    account = account_of(world, "multi", BTC="2", USDT="-1000")
    world.set_position(account, SWAP, "long", D(50), leverage=D(10))

    row = reading(world, lambda ex: ex.privateGetAccountBalance())["data"][0]

    # 2 x 100,000 x 0.98 - 1,000; 50,000 x 0.004 + 1,000 x 0.03; 50,000 x 0.0005 + 1,030 x 0.0005
    assert (row["adjEq"], row["mmr"], row["notionalUsd"]) == ("195000", "230", "50000")
    assert row["mgnRatio"].startswith("763.1645891630")  # 195,000 / 255.515
    details = {one["ccy"]: one for one in row["details"]}
    assert (details["USDT"]["liab"], details["USDT"]["disEq"]) == ("1000", "-1000")
    assert (details["BTC"]["disEq"], details["BTC"]["eqUsd"]) == ("196000", "200000")
    assert {details["BTC"]["mgnRatio"], details["BTC"]["mmr"], details["BTC"]["imr"]} == {""}


def test_a_coin_switched_off_is_worth_money_and_counts_nothing() -> None:
    """OK-06: TUSD has eqUsd and no disEq."""
    world = world_of()
    account = account_of(world, "multi", USDT="1000", ETH="1")
    account.flags["collateral_off:ETH"] = True

    row = reading(world, lambda ex: ex.privateGetAccountBalance())["data"][0]

    ether = next(one for one in row["details"] if one["ccy"] == "ETH")
    assert (ether["eqUsd"], ether["disEq"], ether["collateralEnabled"]) == ("3000", "0", False)
    assert row["adjEq"] == "1000"
    assert row["mgnRatio"] == ""


def test_positions_tell_their_side_by_the_mode() -> None:
    world = world_of()
    account = account_of(world, USDT="10000")
    world.set_position(account, SWAP, "short", D(10), leverage=D(10))
    net = reading(world, lambda ex: ex.privateGetAccountPositions())["data"]
    account.hedge = True
    world.set_position(account, SWAP, "long", D(4), isolated_margin=D(100))
    both = reading(world, lambda ex: ex.privateGetAccountPositions())["data"]

    assert [(row["posSide"], row["pos"]) for row in net] == [("net", "-10")]
    assert [(row["posSide"], row["pos"]) for row in both] == [("short", "10"), ("long", "4")]
    assert [(row["mgnMode"], row["margin"]) for row in both] == [("cross", ""), ("isolated", "100")]
    assert [row["imr"] for row in both] == ["600", ""]
    # isolated: 100 / (2,400 x 0.0045); cross: 9,900 / (6,000 x 0.0045)
    assert both[1]["mgnRatio"].startswith("9.259259")
    assert both[0]["mgnRatio"].startswith("366.6666")


def test_one_call_holds_balances_and_positions_of_one_instant() -> None:
    body = reading(example_twelve(), lambda ex: ex.privateGetAccountAccountPositionRisk())

    both = body["data"][0]
    assert both["adjEq"] == ""
    assert [row["instId"] for row in both["posData"]] == [SWAP, "ETH-USDT-SWAP"]
    assert both["balData"][0]["eq"] == "6500"


READS: list[tuple[str, dict[str, str]]] = [
    ("publicGetPublicTime", {}),
    ("publicGetPublicInstruments", {"instType": "SWAP"}),
    ("publicGetPublicInstruments", {"instType": "FUTURES"}),
    ("publicGetPublicInstruments", {"instType": "SPOT"}),
    ("publicGetPublicInstruments", {"instType": "MARGIN"}),
    ("publicGetPublicInstruments", {"instType": "OPTION", "uly": "BTC-USD"}),
    ("publicGetPublicMarkPrice", {"instType": "SWAP"}),
    ("publicGetPublicMarkPrice", {"instType": "FUTURES"}),
    (
        "publicGetPublicPositionTiers",
        {"instType": "SWAP", "tdMode": "cross", "instFamily": "BTC-USDT,ETH-USD"},
    ),
    ("publicGetPublicPositionTiers", {"instType": "MARGIN", "tdMode": "cross", "ccy": "BTC"}),
    ("publicGetPublicDiscountRateInterestFreeQuota", {}),
    ("publicGetMarketIndexTickers", {"quoteCcy": "USD"}),
    ("publicGetMarketTickers", {"instType": "SWAP"}),
    ("privateGetAccountConfig", {}),
    ("privateGetAccountBalance", {}),
    ("privateGetAccountBalance", {"ccy": "USDT,BTC"}),
    ("privateGetAccountPositions", {"instType": "SWAP"}),
    ("privateGetAccountAccountPositionRisk", {}),
    ("privateGetAccountTradeFee", {"instType": "SWAP"}),
    ("privateGetAccountMaxWithdrawal", {"ccy": "USDT"}),
    ("privateGetTradeOrdersPending", {}),
    ("privateGetAssetBalances", {}),
    ("privateGetAssetCurrencies", {}),
    ("privateGetAssetTransferState", {"clientId": "none"}),
]


def test_every_read_is_signed_right_and_carries_its_keys() -> None:
    async def ask(exchange: Any) -> list[tuple[str, Any]]:
        return [(name, await getattr(exchange, name)(asked)) for name, asked in READS]

    answers = reading(example_twelve(), ask)

    assert {body["code"] for _, body in answers} == {"0"}
    found = dict(answers)
    config = found["privateGetAccountConfig"]["data"][0]
    assert (config["acctLv"], config["posMode"], config["perm"]) == ("2", "net_mode", "read_only")
    fee = found["privateGetAccountTradeFee"]["data"][0]
    assert (fee["takerU"], fee["taker"]) == ("-0.0005", "-0.0005")
    ladder = {
        row["ccy"]: row for row in found["publicGetPublicDiscountRateInterestFreeQuota"]["data"]
    }
    assert ladder["BTC"]["details"][1] == {
        "tier": "2",
        "minAmt": "20",
        "maxAmt": "25",
        "discountRate": "0.9775",
        "liqPenaltyRate": "0.0225",
        "disCcyEq": "24.4875",  # 19.6 + 5 x 0.9775
    }
    indices = {row["instId"]: row["idxPx"] for row in found["publicGetMarketIndexTickers"]["data"]}
    assert (indices["BTC-USD"], indices["USDT-USD"]) == ("58000", "1")


def test_tiers_are_told_in_contracts_for_swaps_and_in_coins_for_borrowing() -> None:
    async def ask(exchange: Any) -> tuple[Any, Any]:
        asked = {"instType": "SWAP", "tdMode": "cross", "instFamily": "BTC-USDT"}
        borrow = {"instType": "MARGIN", "tdMode": "cross", "ccy": "BTC"}
        return (
            await exchange.publicGetPublicPositionTiers(asked),
            await exchange.publicGetPublicPositionTiers(borrow),
        )

    swap, borrow = reading(example_twelve(), ask)

    rows = [(row["tier"], row["minSz"], row["maxSz"], row["mmr"]) for row in swap["data"]]
    assert rows[:2] == [("1", "0", "15000", "0.004"), ("2", "15000.01", "25000", "0.005")]
    assert [row["maxSz"] for row in borrow["data"]] == ["50", "100", "200"]


def test_the_whole_client_loads_its_markets() -> None:
    markets = reading(example_twelve(), lambda ex: ex.load_markets())

    assert {"BTC/USDT:USDT", "BTC/USD:BTC", "BTC/USDT", "BTC/USDT:USDT-270326"} <= set(markets)
    assert markets["BTC/USDT:USDT"]["contractSize"] == 0.01


@pytest.mark.parametrize(
    ("more", "shift_ms", "error", "code"),
    [
        ({"secret": "other"}, 0, ccxt.AuthenticationError, "50113"),
        ({"password": "other"}, 0, ccxt.AuthenticationError, "50105"),
        ({"apiKey": "stranger"}, 0, ccxt.AuthenticationError, "50111"),
        ({}, -30_001, ccxt.InvalidNonce, "50102"),
        ({}, 30_001, ccxt.InvalidNonce, "50102"),
    ],
)
def test_a_wrong_key_signature_or_clock_is_refused(
    more: dict[str, str], shift_ms: int, error: type[Exception], code: str
) -> None:
    async def ask(exchange: Any) -> Any:
        exchange.nonce = lambda: START_US // 1000 + shift_ms
        return await exchange.privateGetAccountConfig()

    with pytest.raises(error, match=code):
        reading(example_twelve(), ask, **more)


def test_a_transfer_can_be_looked_up_and_is_repeated_when_sent_again() -> None:
    world = example_twelve()
    account = world.accounts["okx_main"]
    account.rights = Rights(trade=True)
    asked = {"ccy": "USDT", "amt": "100", "from": "6", "to": "18", "clientId": "w1a2b3"}

    async def ask(exchange: Any) -> Any:
        await exchange.privatePostAssetTransfer(asked)
        await exchange.privatePostAssetTransfer(asked)
        return await exchange.privateGetAssetTransferState({"clientId": "w1a2b3"})

    found = reading(world, ask)

    assert [row["state"] for row in found["data"]] == ["success", "success"]
    assert account.balance("trading", "USDT") == D(9700)
    assert account.balance("funding", "USDT") == D(4800)


@pytest.mark.parametrize(
    ("rights", "change", "error", "code"),
    [
        (Rights(), {}, ccxt.ExchangeError, "50120"),
        (Rights(trade=True), {"amt": "5000.5"}, ccxt.InsufficientFunds, "58350"),
        (Rights(trade=True), {"amt": "0"}, ccxt.ExchangeError, "58114"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused(
    rights: Rights, change: dict[str, str], error: type[Exception], code: str
) -> None:
    world = example_twelve()
    world.accounts["okx_main"].rights = rights
    asked = {"ccy": "USDT", "amt": "1", "from": "6", "to": "18"} | change

    with pytest.raises(error, match=code):
        reading(world, lambda ex: ex.privatePostAssetTransfer(asked))
    assert world.accounts["okx_main"].transfers == []


def test_margin_is_added_to_isolated_positions_only() -> None:
    world = world_of()
    account = account_of(world, USDT="10000")
    account.rights = Rights(trade=True)
    asked = {"instId": SWAP, "posSide": "net", "type": "add", "amt": "10"}

    with pytest.raises(ccxt.ExchangeError, match="59300"):
        reading(world, lambda ex: ex.privatePostAccountPositionMarginBalance(asked))
    world.set_position(account, SWAP, "long", D(10), isolated_margin=D(600))
    reading(world, lambda ex: ex.privatePostAccountPositionMarginBalance(asked))

    assert account.positions[SWAP, "long"].isolated_margin == D(610)
    assert account.balance("trading", "USDT") == D(9390)


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ("rate_limit", ccxt.RateLimitExceeded),
        ("ban", ccxt.ExchangeNotAvailable),
        ("maintenance", ccxt.OnMaintenance),
        ("revoked", ccxt.ExchangeError),
    ],
)
def test_troubles_are_told_in_the_venues_words(trouble: Trouble, error: type[Exception]) -> None:
    class Troubled(OkxWire):
        def handle(self, call: Call, world: World, account: Account | None) -> Reply:
            return self.refuse(trouble, world, retry_after_s=2.0)

    async def run() -> None:
        async with serving(Troubled(), example_twelve()) as endpoint:
            exchange = client(endpoint)
            try:
                await exchange.privateGetAccountConfig()
            finally:
                await exchange.close()

    with pytest.raises(error):
        asyncio.run(run())


# ── debts and resting spot orders ───────────────────────────────────────────────────────────


def test_what_orders_hold_back_is_margined_like_a_debt_and_goes_first() -> None:
    """OK-07: two BTC held, four in a sell order: the other two are borrowed already."""
    world = world_of(BTC="100000")
    account = account_of(world, "multi", BTC="2", USDT="110000")
    account.frozen["BTC"] = D(4)
    account.haircut_loss = D(250)

    now = okx.figures(world, account)

    assert now.currencies["BTC"].borrowed.amount == D(2)
    assert now.maintenance_margin == D(2) * 100_000 * D("0.03")
    assert now.adjusted_equity == D(2) * 98_000 + 110_000 - 250

    world.credit(account, "USDT", D(-300_000))
    world.check()

    assert [event.kind for event in account.liquidations][:1] == ["cancel_orders"]
    assert (account.frozen, account.haircut_loss) == ({}, D(0))


def test_a_debt_is_lowered_tier_by_tier() -> None:
    """OK-09: of 110 BTC owed ten are repaid, to the cap of the tier below."""
    world = world_of()
    # 6,933,000 - 6,600,000 = 333,000 against 6,600,000 x 0.05 + 6,930,000 x 0.0005 = 333,465
    account = account_of(world, "multi", USDT="6933000")
    account.debts["BTC"] = Debt(principal=D(110))

    world.check()

    assert [(event.kind, event.symbol) for event in account.liquidations] == [
        ("sell_asset", "USDT")
    ]
    assert okx.figures(world, account).currencies["BTC"].owed == D(100)


def test_a_loan_that_is_kept_is_paid_from_what_is_kept() -> None:
    """Spot mode: borrowed and not spent, a loan still asks for its margin."""
    world = world_of()
    account = account_of(world, "spot", USDT="30000", BTC="0.0005")
    account.debts["USDT"] = Debt(principal=D(30000))

    assert okx.figures(world, account).maintenance_margin == D(900)

    world.check()

    assert account.debts == {}
    assert account.balance("trading", "USDT") == 0
    assert account.balance("trading", "BTC") == D("0.0005")
