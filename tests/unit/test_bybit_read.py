"""
Bybit's readers on recorded payloads: what the answers say arrives exactly, and an answer that
lacks something, or contradicts another, becomes `Unreadable` naming it, never a calmer account.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from watcher.domain.account import (
    Bracket,
    BracketKind,
    Family,
    Side,
    Snapshot,
    VenueFlag,
    VenueRatio,
    Weight,
)
from watcher.domain.report import Status
from watcher.margin import evaluate
from watcher.ports import Unreadable, Unsupported, WithdrawalRight
from watcher.venues.bybit.compose import compose
from watcher.venues.bybit.isolated import margin_of
from watcher.venues.bybit.legs import misfits
from watcher.venues.bybit.orders import order_scopes, read_orders
from watcher.venues.bybit.read import SCOPES, Leg, next_cursor, read_book
from watcher.venues.bybit.tables import (
    Tables,
    read_borrow,
    read_brackets,
    read_fees,
    read_funding,
    read_ladders,
    read_mode,
    read_rights,
    read_tickers,
    underlying_of,
    usd_indices,
)

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads" / "bybit"
NOW_MS = 1795360247575
D = Decimal
Bodies = dict[str, Any]


def bodies(name: str) -> Bodies:
    found: Bodies = json.loads((PAYLOADS / f"{name}.json").read_text())["bodies"]
    return found


def snapshot_of(
    told: Bodies,
    *,
    now_ms: int = NOW_MS,
    misfit: bool = False,
    usd: dict[str, Decimal] | None = None,
) -> Snapshot:
    mode = read_mode(told["info"])
    pages = {scope: [told[scope.name.removeprefix("positions ")]] for scope in SCOPES}
    book = read_book(mode, told["wallet"], pages, now_ms=now_ms)
    order_pages = {scope: [told[f"orders {scope.settle}"]] for scope in order_scopes(book)}
    book = replace(book, orders=read_orders(order_pages, now_ms=now_ms))
    tables = Tables(
        ladders=read_ladders(told["collateral"]),
        borrow=read_borrow(told["borrow"]),
        brackets={
            name.removeprefix("risk "): read_brackets(body, name.removeprefix("risk "))
            for name, body in told.items()
            if name.startswith("risk ")
        },
        fees={
            symbol: fee
            for category in ("linear", "inverse")
            if f"fees {category}" in told
            for symbol, fee in read_fees(told[f"fees {category}"], category).items()
        },
        usd={"USDT": D(1), "USDC": D("0.9999")} | (usd or {}),
    )
    assert bool(misfits(book, tables)) is misfit
    return compose(
        book,
        tables,
        account="main",
        mode=mode,
        parts={"wallet": 7, "positions": 5},
        wallets={"funding": read_funding(told["funding"])},
    )


def changed(told: Bodies, *path: str | int, to: object = ...) -> Bodies:
    """Return a copy with the place at *path* set to *to*, or deleted."""
    copied = copy.deepcopy(told)
    spot: Any = copied
    for step in path[:-1]:
        spot = spot[step]
    if to is ...:
        del spot[path[-1]]
    else:
        spot[path[-1]] = to
    return copied


WALLET = ("wallet", "result", "list", 0)
POSITION = ("linear USDT", "result", "list", 0)


# ── what is read ──────────────────────────────────────────────────────────────────────────────


def test_cross_account_arrives_exactly() -> None:
    snapshot = snapshot_of(bodies("cross"))

    assert snapshot.mode == "UTA 2.0 Pro cross"
    assert snapshot.taken_at_us == 5
    assert {asset.asset: (asset.wallet, asset.index) for asset in snapshot.assets} == {
        "USDT": (D(10000), D(1)),
        "BTC": (D("0.5"), D(60000)),
        "ETH": (D(0), D(3000)),  # 2 lent and sold
    }
    [position] = snapshot.positions
    assert (position.symbol, position.underlying, position.side) == ("BTCUSDT", "BTC", Side.LONG)
    assert (position.quantity, position.entry, position.mark) == (D("0.3"), D(61000), D(60000))
    assert (position.fee_rate, position.leverage) == (D("0.00055"), D(10))
    assert [(row.floor, row.rate, row.deduction) for row in position.brackets] == [
        (D(0), D("0.005"), D(0)),
        (D(2000000), D("0.0056"), D(1200)),
        (D(2600000), D("0.0063"), D(3020)),
    ]
    assert snapshot.wallets == {"funding": {"USDT": D(5000)}}
    assert snapshot.unmodelled == {}


def test_a_liquidation_price_of_cross_margin_is_an_estimate() -> None:
    assert snapshot_of(bodies("cross")).venue_says["unified"].liquidation_estimated


def test_rules_say_how_the_venue_computes() -> None:
    rules = snapshot_of(bodies("cross")).rules["unified"]

    assert rules.family is Family.HAIRCUT_POOL
    assert (rules.fee_in, rules.fee_basis, rules.hedge) == ("maintenance", "entry", "sum")
    assert rules.borrow_bracket_kind is BracketKind.FLAT
    assert [(row.floor, row.rate) for row in rules.borrow_brackets["ETH"]] == [
        (D(0), D("0.04")),
        (D(6000), D("0.06")),
    ]


def test_the_venues_own_totals_are_carried_beside_ours() -> None:
    says = snapshot_of(bodies("cross")).venue_says["unified"]

    assert (says.equity, says.maintenance_margin) == (D(33100), D("339.0585"))
    assert says.used_margin == D("3009.0585")
    assert says.ratio == VenueRatio(name="accountMMRate", value=D("0.0102"))
    assert says.liquidation_prices == {}  # "" and "0" mean none


def test_ladder_is_kept_in_slices_of_the_coin() -> None:
    snapshot = snapshot_of(bodies("cross"))
    btc = next(asset for asset in snapshot.assets if asset.asset == "BTC")

    assert btc.weights[:2] == (
        Weight(floor=D(0), weight=D("0.98"), by="quantity"),
        Weight(floor=D(10), weight=D("0.95"), by="quantity"),
    )
    assert btc.weights[-1] == Weight(floor=D(50), weight=D(0), by="quantity")


def test_bucket_and_model_pnl_make_the_venues_equity() -> None:
    """Also for USDC contracts, whose P&L is settled into cash while the average entry stays."""
    for name in ("cross", "usdc_and_inverse"):
        told = bodies(name)
        snapshot = snapshot_of(told)
        equities = {
            coin["coin"]: D(coin["equity"]) for coin in told["wallet"]["result"]["list"][0]["coin"]
        }
        for asset in snapshot.assets:
            pnl = sum(
                (pnl_of(one) for one in snapshot.positions if one.settle == asset.asset), D(0)
            )
            assert asset.wallet - (asset.debt or 0) + pnl == pytest.approx(
                equities[asset.asset], rel=D("1e-9")
            )


def pnl_of(position: Any) -> Decimal:
    sign = 1 if position.side is Side.LONG else -1
    if position.inverse:
        return sign * position.quantity * (1 / position.entry - 1 / position.mark)
    return sign * position.quantity * (position.mark - position.entry)


def test_inverse_position_settles_in_its_coin() -> None:
    snapshot = snapshot_of(bodies("usdc_and_inverse"))
    inverse = next(one for one in snapshot.positions if one.symbol == "BTCUSD")

    assert inverse.inverse
    assert (inverse.settle, inverse.underlying, inverse.side) == ("BTC", "BTC", Side.SHORT)
    assert inverse.quantity == D(6000)
    assert snapshot.venue_says["unified"].liquidation_prices == {"BTCUSD": D(310000)}


def test_published_row_gives_the_published_numbers() -> None:
    """liqPrice 0.0001 of a coin at 0.34 is none; maintenance includes the fee to close."""
    told = bodies("cross")
    told["linear USDT"] = bodies("published")["positions"]
    told["wallet"]["result"]["list"][0]["coin"][0]["totalPositionMM"] = "0.381021"
    mode = read_mode(told["info"])
    pages = {scope: [told[scope.name.removeprefix("positions ")]] for scope in SCOPES}

    with pytest.raises(Unreadable, match=r"answer is 123\d+ s old"):
        read_book(mode, told["wallet"], pages, now_ms=NOW_MS)
    told["linear USDT"]["time"] = NOW_MS
    [leg] = read_book(mode, told["wallet"], pages, now_ms=NOW_MS).legs

    assert (leg.maintenance_margin, leg.initial_margin) == (D("0.381021"), D("3.634521"))
    assert leg.pnl == D("-1.83")
    assert leg.liquidation_price is None


def test_a_truncated_rate_of_nought_is_carried_as_it_is() -> None:
    told = bodies("cross")
    told["wallet"]["result"]["list"][0].update(bodies("published")["totals"])

    says = snapshot_of(told).venue_says["unified"]

    assert says.ratio == VenueRatio(name="accountMMRate", value=D("0.0000"))
    assert says.maintenance_margin == D("9.13733489")


@pytest.mark.parametrize(
    ("symbol", "settle", "coin"),
    [
        ("BTCUSDT", "USDT", "BTC"),
        ("BTCUSDT-26DEC25", "USDT", "BTC"),
        ("1000PEPEUSDT", "USDT", "PEPE"),
        ("SHIB1000USDT", "USDT", "SHIB"),
        ("1INCHUSDT", "USDT", "1INCH"),
        ("USDCUSDT", "USDT", "USDC"),
        ("BTCPERP", "USDC", "BTC"),
        ("ETH-27MAR26", "USDC", "ETH"),
        ("BTCUSD", "BTC", "BTC"),
        ("BTCUSDM26", "BTC", "BTC"),
    ],
)
def test_underlying_follows_from_the_symbol(symbol: str, settle: str, coin: str) -> None:
    assert underlying_of(symbol, settle) == coin


def test_index_of_usdt_shows_a_depeg() -> None:
    def tickers(symbol: str, index: str) -> Any:
        body = {"symbol": symbol, "markPrice": index, "indexPrice": index}
        return read_tickers(
            {"retCode": 0, "result": {"list": [body]}, "time": NOW_MS}, "x", now_ms=NOW_MS
        )

    linear = tickers("BTCUSDT", "60000") | tickers("USDCUSDT", "1.01")
    found = usd_indices(tickers("BTCUSD", "57000"), linear)

    assert found["USDT"] == D("0.95")
    assert found["USDC"] == D("0.95") * D("1.01")


# ── modes and rights ──────────────────────────────────────────────────────────────────────────


def test_classic_account_is_not_supported() -> None:
    told = changed(bodies("cross"), "info", "result", "unifiedMarginStatus", to=1)

    with pytest.raises(Unsupported, match="classic"):
        snapshot_of(told)


def test_portfolio_margin_shows_the_venues_figures() -> None:
    told = changed(bodies("cross"), "info", "result", "marginMode", to="PORTFOLIO_MARGIN")
    for key in ("positionIM", "positionMM", "liqPrice"):
        told = changed(told, *POSITION, key, to="")

    snapshot = snapshot_of(told)

    assert snapshot.mode == "UTA 2.0 Pro portfolio margin"
    assert snapshot.rules["unified"].family is Family.REPORTED
    assert snapshot.venue_says["unified"].equity == D(33100)
    assert [(one.symbol, one.brackets) for one in snapshot.positions] == [("BTCUSDT", ())]


def isolated(**position: str) -> Bodies:
    told = changed(bodies("cross"), "info", "result", "marginMode", to="ISOLATED_MARGIN")
    for key in ("accountMMRate", "totalMarginBalance", "totalMaintenanceMargin"):
        told = changed(told, *WALLET, key, to="")
    for key, value in position.items():
        told = changed(told, *POSITION, key, to=value)
    return told


def test_an_isolated_position_is_liquidated_at_the_venues_own_price() -> None:
    snapshot = snapshot_of(isolated(liqPrice="55500"))

    says = snapshot.venue_says["isolated:BTCUSDT:long"]
    assert says.maintenance_margin == D("99.0585")
    assert says.liquidation_prices == {"BTCUSDT": D(55500)}
    assert not says.liquidation_estimated  # here it is the trigger itself
    assert snapshot.rules["isolated:BTCUSDT:long"].family is Family.LINEAR_POOL
    [pool] = evaluate(snapshot).pools
    assert pool.status is Status.OK
    assert pool.reference == "USDT"
    assert pool.positions[0].liquidation_price == pytest.approx(55500, rel=1e-12)
    assert pool.disagreement == pytest.approx(0, abs=1e-9)
    # 0.3 x 55,500 x 0.5 % + fee 9.0585, and 0.3 x 4,500 up from there
    assert pool.equity == pytest.approx(0.3 * 55500 * 0.005 + 9.0585 + 1350, rel=1e-12)


EXAMPLES = [
    # BB-14, BB-15, BB-16: side, entry, leverage, added margin, size, liquidation price
    pytest.param("Buy", "20000", "50", "0", "1", "19698.492462311557789", id="BB-14"),
    pytest.param("Buy", "50000", "10", "0.05", "60000", "44015.481577567770", id="BB-15"),
    pytest.param("Sell", "50000", "10", "0", "60000", "55277.777777777777778", id="BB-16"),
]


FEE_RATE = D("0.00055")


def isolated_margin(side: str, entry: str, leverage: str, size: str, price: Decimal) -> Decimal:
    """Return the margin *price* stands for, of a contract with one bracket of 0.5 %."""
    inverse = size == "60000"
    symbol = "BTCUSD" if inverse else "BTCUSDT"
    leg = Leg(
        symbol=symbol,
        category="inverse" if inverse else "linear",
        settle="BTC" if inverse else "USDT",
        side=Side.LONG if side == "Buy" else Side.SHORT,
        quantity=D(size),
        entry=D(entry),
        mark=D(entry),
        unrealised_pnl=D(0),
        maintenance_margin=None,
        initial_margin=D(1),
        leverage=D(leverage),
        liquidation_price=price,
    )
    tables = Tables(
        ladders={},
        borrow={},
        brackets={symbol: (Bracket(floor=D(0), rate=D("0.005"), deduction=D(0)),)},
        fees={symbol: FEE_RATE},
        usd={},
    )
    margin = margin_of(leg, tables)
    assert margin is not None
    return margin


@pytest.mark.parametrize(("side", "entry", "leverage", "added", "size", "price"), EXAMPLES)
def test_isolated_margin_is_what_the_published_formulas_say(
    side: str, entry: str, leverage: str, added: str, size: str, price: str
) -> None:
    """Z3 to Z5 backwards: opening margin with its fee, and what was added to it."""
    inverse = size == "60000"
    value = D(size) / D(entry) if inverse else D(size) * D(entry)
    gear = (1 if (side == "Buy") is inverse else -1) / D(leverage)
    counted = D(added) / (1 + FEE_RATE) if inverse else D(added)

    margin = isolated_margin(side, entry, leverage, size, D(price))

    opening = value / D(leverage) + value * (1 + gear) * FEE_RATE
    assert margin == pytest.approx(opening + counted, rel=D("1e-9"))


@pytest.mark.parametrize(("side", "entry", "leverage", "added", "size", "price"), EXAMPLES)
@pytest.mark.parametrize("towards", [1, -1])
def test_a_liquidation_price_off_by_a_tick_is_off_by_little_margin(
    side: str, entry: str, leverage: str, added: str, size: str, price: str, towards: int
) -> None:
    """Ours is derived from that price; towards the mark, where the venue rounds, it is less."""
    tick = D("0.1")
    nearer = 1 if side == "Buy" else -1

    exact = isolated_margin(side, entry, leverage, size, D(price))
    printed = isolated_margin(side, entry, leverage, size, D(price) + towards * nearer * tick)

    assert (printed < exact) is (towards > 0)
    assert abs(printed / exact - 1) <= tick * D(leverage) / D(entry) * D("1.3")


def test_a_position_without_a_price_keeps_its_opening_margin_where_that_leaves_none_either() -> (
    None
):
    once = isolated(liqPrice="", leverage="1", positionIM="18300", positionMM="90")
    [pool] = evaluate(snapshot_of(once)).pools

    assert pool.status is Status.OK
    assert pool.positions[0].liquidation_price is None
    assert pool.equity == pytest.approx(18300 - 300)

    [pool] = evaluate(snapshot_of(isolated(liqPrice=""))).pools

    assert pool.status is Status.PARTIAL
    assert pool.why == "BTCUSDT: no liquidation price told, so its added margin is not known"
    assert pool.tier_distance is None


def test_an_isolated_position_its_table_does_not_explain_is_partial() -> None:
    told = isolated(liqPrice="55500", positionMM="150")
    with pytest.raises(AssertionError):
        snapshot_of(told)  # the adapter asks for the table again first

    [pool] = evaluate(snapshot_of(told, misfit=True)).pools

    assert pool.status is Status.PARTIAL
    assert pool.why is not None
    assert pool.why.startswith("BTCUSDT: its table asks 99.058500 USDT of maintenance, the venue")
    assert pool.tier_distance == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("part", "why"),
    [("risk BTCUSDT", "BTCUSDT has no maintenance table"), ("fees linear", "has no taker fee")],
)
@pytest.mark.parametrize(("mode", "pool"), [("cross", "unified"), ("isolated", "isolated:")])
def test_a_contract_without_its_table_makes_its_pool_partial(
    part: str, why: str, mode: str, pool: str
) -> None:
    told = bodies("cross") if mode == "cross" else isolated(liqPrice="55500")
    del told[part]

    odd = part.startswith("fees")  # without its fee a margin is not explained either
    [(where, reason)] = snapshot_of(told, misfit=odd).unmodelled.items()

    assert where.startswith(pool)
    assert reason.endswith(why)


def with_option(side: str, **more: str) -> Bodies:
    told = bodies("cross")
    option = {
        **told["linear USDT"]["result"]["list"][0],
        "symbol": "BTC-26DEC26-90000-C",
        "side": side,
        "markPrice": "1200",
        "avgPrice": "1000",
        "leverage": "",
        "positionIM": "",
        "positionMM": "",
        "liqPrice": "",
        **more,
    }
    told["option"]["result"]["list"] = [option]
    return told


SOLD = "BTC-26DEC26-90000-C-USDT"


def with_sold_option(**more: str) -> Bodies:
    """0.3 of a call at 1,200 with BTC at 60,000: 0.3 x (1,200 + 3.2 % of 60,000) = 936."""
    told = with_option(
        **{"side": "Sell", "symbol": SOLD, "size": "0.3", "positionMM": "936", **more}
    )
    account = told["wallet"]["result"]["list"][0]
    for row, key in ((account, "totalMaintenanceMargin"), (account["coin"][0], "totalPositionMM")):
        row[key] = str(D(row[key]) + D(more.get("positionMM", "936") or 0))
    return told


@pytest.mark.parametrize(
    ("symbol", "up", "down"),
    [("BTC-26DEC26-90000-C-USDT", "1.032", "0"), ("BTC-26DEC26-50000-P-USDT", "0.032", "1.032")],
)
def test_a_short_option_is_reported_margin_that_may_grow_with_its_coin(
    symbol: str, up: str, down: str
) -> None:
    """Today's figure is the venue's; from there it grows by no less than the venue could ask."""
    snapshot = snapshot_of(with_sold_option(symbol=symbol))

    [claim] = [claim for claim in snapshot.claims if claim.name == symbol]
    assert (claim.settle, claim.underlying) == ("USDT", "BTC")
    assert claim.amount == 936
    assert claim.price == 60000
    assert claim.growth_up == D("0.3") * D(up)
    assert claim.growth_down == D("0.3") * D(down)
    [pool] = evaluate(snapshot).pools
    assert pool.status is Status.OK
    assert pool.why == f"margin of {symbol} taken at the most its coin can make of it"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"positionMM": ""}, "short, and no margin is told that covers its mark"),
        ({"positionMM": "359"}, "short, and no margin is told that covers its mark"),
        ({"symbol": "BTC-ODD-USDT"}, "its symbol tells neither call nor put"),
        ({"symbol": "XRP-26DEC26-3-C-USDT"}, "no index of XRP or USDT is known"),
        ({"side": "Buy"}, "long, and yet it asks for margin"),
    ],
)
def test_an_option_whose_margin_cannot_be_told_makes_the_pool_partial(
    more: dict[str, str], why: str
) -> None:
    snapshot = snapshot_of(with_sold_option(**more))

    assert snapshot.unmodelled["unified"].endswith(why)
    assert snapshot.claims == ()


def test_a_long_option_asks_for_nothing_and_counts_for_nothing() -> None:
    plain = snapshot_of(bodies("cross"))
    told = with_option("Buy")
    coin = told["wallet"]["result"]["list"][0]["coin"][0]
    coin["equity"] = str(D(coin["equity"]) + 360)  # 0.3 of it at 1,200
    coin["usdValue"] = str(D(coin["usdValue"]) + 360)

    snapshot = snapshot_of(told)

    assert snapshot.unmodelled == {}
    assert snapshot.positions == plain.positions
    assert snapshot.assets == plain.assets
    [pool] = evaluate(snapshot).pools
    assert pool.status is Status.OK


def test_contract_wallet_of_the_first_generation_is_not_counted_in() -> None:
    told = changed(bodies("usdc_and_inverse"), "info", "result", "unifiedMarginStatus", to=3)
    told["wallet"]["result"]["list"][0]["coin"].pop()

    snapshot = snapshot_of(told)

    assert [one.symbol for one in snapshot.positions] == ["BTCPERP"]
    assert "contract wallet" in snapshot.unmodelled["contract"]


def test_key_that_may_withdraw_is_refused() -> None:
    told = changed(
        bodies("cross"),
        "key",
        "result",
        "permissions",
        "Wallet",
        to=["AccountTransfer", "Withdraw"],
    )

    with pytest.raises(WithdrawalRight, match="may withdraw"):
        read_rights(told["key"])


def test_rights_of_a_read_only_key() -> None:
    rights = read_rights(bodies("cross")["key"])

    assert (rights.read, rights.trade, rights.transfer, rights.withdraw) == (
        True,
        False,
        False,
        False,
    )
    assert rights.ip_bound is False
    assert rights.expires_at_us == 1802661204_000000
    assert rights.uid == "53888001"


def test_bound_key_has_no_expiry() -> None:
    told = changed(bodies("cross"), "key", "result", "ips", to=["203.0.113.7"])

    rights = read_rights(told["key"])

    assert rights.ip_bound is True
    assert rights.expires_at_us is None


@pytest.mark.parametrize("value", [..., {}, None, "", ["Withdraw", 1]])
def test_unclear_permissions_are_not_taken_for_harmless(value: object) -> None:
    told = changed(bodies("cross"), "key", "result", "permissions", "Wallet", to=value)

    with pytest.raises(Unreadable, match="Wallet"):
        read_rights(told["key"])


# ── tables ────────────────────────────────────────────────────────────────────────────────────


def test_percentages_in_old_inverse_tables_are_recognised() -> None:
    told = bodies("usdc_and_inverse")["risk BTCUSD"]
    told["result"]["list"][0]["maintenanceMargin"] = "0.5"

    assert read_brackets(told, "BTCUSD")[0].rate == D("0.005")


def test_empty_deduction_above_the_first_row_stays_unknown() -> None:
    told = bodies("cross")["risk BTCUSDT"]
    told["result"]["list"][1]["mmDeduction"] = ""
    told["result"]["list"][0]["mmDeduction"] = ""

    assert [row.deduction for row in read_brackets(told, "BTCUSDT")] == [D(0), None, D(3020)]


def test_brackets_of_another_symbol_are_not_taken() -> None:
    with pytest.raises(Unreadable, match="no brackets for ETHUSDT"):
        read_brackets(bodies("cross")["risk BTCUSDT"], "ETHUSDT")


def test_coin_with_a_gap_in_its_ladder_counts_for_nothing_and_says_so() -> None:
    told = bodies("cross")
    told["collateral"]["result"]["list"][2]["collateralRatioList"].pop(1)

    snapshot = snapshot_of(told)

    btc = next(asset for asset in snapshot.assets if asset.asset == "BTC")
    assert btc.weights == (Weight(weight=D(0)),)
    assert snapshot.unmodelled == {"unified": "collateral ratio of BTC unknown"}


def test_brackets_that_do_not_explain_the_maintenance_are_a_misfit() -> None:
    told = bodies("cross")
    told["risk BTCUSDT"]["result"]["list"][0]["maintenanceMargin"] = "0.004"
    told["risk BTCUSDT"]["result"]["list"][1]["mmDeduction"] = ""

    with pytest.raises(AssertionError, match="BTCUSDT"):
        snapshot_of(told)


# ── contradictions ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("switch", ["collateralSwitch", "marginCollateral"])
def test_coin_with_a_switch_off_counts_for_nothing(switch: str) -> None:
    snapshot = snapshot_of(changed(bodies("cross"), *WALLET, "coin", 1, switch, to=False))

    btc = next(asset for asset in snapshot.assets if asset.asset == "BTC")
    assert btc.weights == (Weight(weight=D(0)),)


def test_empty_position_list_is_not_flat_while_the_wallet_carries_maintenance() -> None:
    told = changed(bodies("cross"), "linear USDT", "result", "list", to=[])

    with pytest.raises(Unreadable, match="positions missing: USDT wallet"):
        snapshot_of(told)


def test_half_a_list_is_not_all_of_it() -> None:
    told = bodies("cross")
    told["wallet"]["result"]["list"][0]["coin"][0]["totalPositionMM"] = "250"

    with pytest.raises(Unreadable, match=r"explain 99\.0585"):
        snapshot_of(told)


@pytest.mark.parametrize(("total", "told"), [("100", 0), ("100.3", 1), ("109", 1), ("90", 0)])
def test_a_list_that_lacks_a_little_is_told(total: str, told: int) -> None:
    """A small position on a page that never came: the total of the wallet knows of it."""
    spoilt = bodies("cross")
    spoilt["wallet"]["result"]["list"][0]["coin"][0]["totalPositionMM"] = total

    found = [one for one in snapshot_of(spoilt).mismatches if one.what == "all USDT positions"]

    assert len(found) == told
    assert all((one.pool, one.venue) == ("unified", D(total)) for one in found)


def test_maintenance_that_nothing_explains_is_not_flat() -> None:
    told = bodies("cross")
    account = told["wallet"]["result"]["list"][0]
    account["coin"] = [{**account["coin"][0], "totalPositionMM": "0"}]
    told["linear USDT"]["result"]["list"] = []

    with pytest.raises(Unreadable, match="no position, order or borrowing was seen"):
        snapshot_of(told)


def test_a_coin_that_is_owed_cannot_drop_out_of_the_wallet() -> None:
    told = bodies("cross")
    told["wallet"]["result"]["list"][0]["coin"].pop()

    with pytest.raises(Unreadable, match="coins missing"):
        snapshot_of(told)


def test_flat_account_is_flat_when_everything_says_so() -> None:
    told = bodies("cross")
    account = told["wallet"]["result"]["list"][0]
    account["coin"] = [{**account["coin"][1]}]
    account.update(totalMaintenanceMargin="0", totalEquity="30000")
    told["linear USDT"]["result"]["list"] = []

    snapshot = snapshot_of(told)

    assert snapshot.positions == ()
    assert [asset.asset for asset in snapshot.assets] == ["BTC"]


def test_settle_coin_the_venue_leaves_out_is_a_bucket_all_the_same() -> None:
    told = bodies("usdc_and_inverse")
    account = told["wallet"]["result"]["list"][0]
    account["coin"].pop(0)

    usdc = next(one for one in snapshot_of(told).assets if one.asset == "USDC")

    assert usdc.wallet == D("-0.02650")  # with our P&L of -0.00148 the venue's own -0.02798
    assert usdc.index == D("0.9999")


def test_owed_coin_without_a_price_is_unreadable() -> None:
    told = changed(bodies("cross"), *WALLET, "coin", 2, "usdValue", to="0")
    told = changed(told, *WALLET, "totalEquity", to="39700")

    with pytest.raises(Unreadable, match="ETH: no USD index for what is owed"):
        snapshot_of(told)


@pytest.mark.parametrize("part", ["wallet", "linear USDT", "linear USDC", "inverse", "option"])
def test_old_answer_is_refused_with_its_age(part: str) -> None:
    told = changed(bodies("cross"), part, "time", to=NOW_MS - 41_000)

    with pytest.raises(Unreadable, match="answer is 41 s old"):
        snapshot_of(told)


def test_two_accounts_in_one_answer_are_not_guessed_at() -> None:
    told = bodies("cross")
    told["wallet"]["result"]["list"] *= 2

    with pytest.raises(Unreadable, match="2 UNIFIED accounts"):
        snapshot_of(told)


def test_last_page_is_an_empty_page_or_an_empty_cursor() -> None:
    page = bodies("cross")["linear USDT"]
    scope = SCOPES[0]

    assert next_cursor(page, scope.name) is None
    assert next_cursor(changed(page, "result", "nextPageCursor", to="x%3D1"), scope.name) == "x%3D1"
    empty = changed(page, "result", "list", to=[])
    assert next_cursor(changed(empty, "result", "nextPageCursor", to="x"), scope.name) is None
    with pytest.raises(Unreadable, match="nextPageCursor is missing"):
        next_cursor(changed(page, "result", "nextPageCursor"), scope.name)


# ── every field, broken in every way ──────────────────────────────────────────────────────────

REQUIRED = [
    *((*WALLET, key) for key in (
        "accountType", "totalEquity", "totalMarginBalance", "totalMaintenanceMargin",
        "totalInitialMargin", "accountMMRate", "coin",
    )),
    *((*WALLET, "coin", 0, key) for key in (
        "coin", "equity", "walletBalance", "spotBorrow", "unrealisedPnl", "usdValue",
        "borrowAmount", "collateralSwitch", "marginCollateral", "totalPositionMM", "totalOrderIM",
    )),
    *((*POSITION, key) for key in (
        "symbol", "side", "size", "avgPrice", "markPrice", "leverage", "positionMM", "positionIM",
        "unrealisedPnl", "positionIdx",
    )),
    ("wallet", "retCode"), ("wallet", "time"), ("wallet", "result"), ("wallet", "result", "list"),
    ("linear USDT", "retCode"), ("linear USDT", "time"), ("linear USDT", "result", "list"),
    ("risk BTCUSDT", "result", "list", 0, "maintenanceMargin"),
    ("risk BTCUSDT", "result", "list", 0, "riskLimitValue"),
    ("risk BTCUSDT", "result", "list", 0, "maxLeverage"),
    ("fees linear", "result", "list", 0, "takerFeeRate"),
    ("borrow", "result", "list", 1, "positionTiersRatioList", 0, "positionMMR"),
    ("borrow", "result", "list", 1, "positionTiersRatioList", 0, "borrowLimit"),
    ("info", "result", "marginMode"), ("info", "result", "unifiedMarginStatus"),
    ("funding", "result", "balance", 0, "transferBalance"),
]  # fmt: skip


@pytest.mark.parametrize("path", REQUIRED, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("wrong", [..., None, "", "NaN", "Infinity", "-", {}, [[]], 1.5])
def test_broken_field_is_unreadable_and_named(path: tuple[str | int, ...], wrong: object) -> None:
    told = changed(bodies("cross"), *path, to=wrong)

    with pytest.raises(Unreadable) as refusal:
        snapshot_of(told)

    # a coin by another name, or a result without its list, is missed where it was needed
    places = (str(path[-1]), "[0]", "UNIFIED", "positions missing", "list is missing")
    assert any(place in refusal.value.reason for place in places), refusal.value.reason


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    children: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from leaves(child, (*path, key))
        yield (*path, key)


def worth(snapshot: Snapshot) -> tuple[Decimal, Decimal]:
    """Equity and requirement of the one pool, naively: what this test means by better."""
    equity, requirement = D(0), D(0)
    rules = snapshot.rules["unified"]
    for asset in snapshot.assets:
        bucket = asset.wallet + sum(
            (pnl_of(one) for one in snapshot.positions if one.settle == asset.asset), D(0)
        )
        if bucket < 0:
            equity += bucket * asset.index
            rates = rules.borrow_brackets.get(asset.asset, ())
            reached = [row.rate for row in rates if -bucket > row.floor]
            requirement += -bucket * asset.index * (reached[-1] if reached else D(0))
            continue
        counted, taken = D(0), D(0)
        for row in asset.weights:
            if bucket > row.floor:
                counted += (bucket - row.floor) * (row.weight - taken)
                taken = row.weight
        equity += counted * asset.index
    for one in snapshot.positions:
        value = one.quantity / one.mark if one.inverse else one.quantity * one.mark
        index = next(asset.index for asset in snapshot.assets if asset.asset == one.settle)
        requirement += value * one.brackets[0].rate * index
        requirement += value * one.fee_rate * index
    return equity, requirement


def is_better(found: Snapshot, honest: Snapshot) -> bool:
    if found.unmodelled:  # the venue's figures lead then
        return False
    equity, requirement = worth(found)
    equity_told, requirement_told = worth(honest)
    slack = D("1e-6")
    return equity > equity_told + slack or requirement < requirement_told - slack


LEGITIMATE = {"nextPageCursor", "list"}
"""An empty cursor ends the pages; a shorter list is dealt with by the sums, above."""


@pytest.mark.parametrize("name", ["cross", "usdc_and_inverse"])
@pytest.mark.parametrize("wrong", [..., None, "", "NaN"], ids=["deleted", "null", "empty", "nan"])
def test_no_broken_answer_makes_an_account_look_better(name: str, wrong: object) -> None:
    told = bodies(name)
    honest = snapshot_of(told)
    assert not is_better(honest, honest)

    tried = 0
    for path in leaves(told):
        if len(path) < 2 or path[-1] in LEGITIMATE:
            continue
        tried += 1
        found = quietly(lambda path=path: snapshot_of(changed(told, *path, to=wrong)))
        assert found is None or not is_better(found, honest), path

    assert tried > 300


def quietly(read: Callable[[], Snapshot]) -> Snapshot | None:
    """Return what was read; None when it was refused, in one of the two ways there are."""
    try:
        return read()
    except (Unreadable, AssertionError):  # a misfit: the adapter reads its tables again
        return None


# ── what the engine makes of it ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["cross", "usdc_and_inverse"])
def test_our_figures_are_the_venues(name: str) -> None:
    """BB-11 without its orders: margin balance 33,100, maintenance 339.0585."""
    snapshot = snapshot_of(bodies(name))
    says = snapshot.venue_says["unified"]

    [pool] = evaluate(snapshot).pools

    assert pool.equity == pytest.approx(float(says.equity or 0), rel=1e-6)
    assert pool.maintenance_margin == pytest.approx(float(says.maintenance_margin or 0), rel=1e-5)
    assert pool.disagreement == pytest.approx(0, abs=1e-3)


def with_orders(*rows: dict[str, object]) -> Bodies:
    """BB-11 whole: a spot order that costs 50 in haircut, and orders in USDT contracts."""
    told = bodies("cross")
    for key, value in {
        "totalMaintenanceMargin": "351.0585",
        "totalInitialMargin": "3309.0585",
        "totalAvailableBalance": "29740.9415",
        "accountMMRate": "0.0106",
        "accountIMRate": "0.1001",
    }.items():
        told = changed(told, *WALLET, key, to=value)
    told = changed(told, *WALLET, "coin", 0, "totalOrderIM", to="300")
    told = changed(told, *WALLET, "coin", 0, "locked", to="1000")
    told["orders USDT"] = copy.deepcopy(told["inverse"])
    told["orders USDT"]["result"] = {"category": "linear", "list": list(rows), "nextPageCursor": ""}
    return told


def order(**more: object) -> dict[str, object]:
    return {
        "orderId": "1",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderStatus": "New",
        "orderType": "Limit",
        "price": "62000",
        "qty": "0.02",
        "leavesQty": "0.01",
        "reduceOnly": False,
        **more,
    }


def test_resting_orders_lose_and_require_what_the_example_says() -> None:
    """BB-11 whole: haircut loss 50, order loss 20, order maintenance 12."""
    snapshot = snapshot_of(with_orders(order()))

    assert snapshot.rules["unified"].order_loss == 50
    [claim] = snapshot.claims
    assert (claim.name, claim.settle, claim.amount) == ("resting orders", "USDT", D(12))
    assert [(one.symbol, one.quantity, one.mark) for one in snapshot.orders] == [
        ("BTCUSDT", D("0.01"), D(60000))
    ]
    [pool] = evaluate(snapshot).pools
    assert pool.status is Status.OK
    assert pool.equity == pytest.approx(33030)
    assert pool.maintenance_margin == pytest.approx(351.0585)
    assert pool.health is not None
    assert 1 / pool.health == pytest.approx(0.01062847, abs=1e-8)


@pytest.mark.parametrize(
    "row",
    [
        order(reduceOnly=True),
        order(orderStatus="Untriggered"),
        order(orderStatus="Filled"),
        order(leavesQty="0"),
        order(price="0", orderType="Market"),
    ],
)
def test_an_order_that_opens_nothing_loses_nothing(row: dict[str, object]) -> None:
    snapshot = snapshot_of(with_orders(row))

    assert snapshot.orders == ()
    assert [claim.amount for claim in snapshot.claims] == [12]  # what the venue asks, it asks


def test_an_order_of_unknown_kind_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="orderStatus"):
        snapshot_of(with_orders(order(orderStatus="Odd")))
    with pytest.raises(Unreadable, match="no mark known for its contract"):
        snapshot_of(with_orders(order(symbol="ETHUSDT")))


def test_haircut_loss_is_bracketed_by_the_rates_once_nothing_is_available() -> None:
    """The rates are cut to four decimals: the larger loss of their range is taken."""
    told = changed(with_orders(), *WALLET, "totalAvailableBalance", to="0")

    snapshot = snapshot_of(told)

    # 3309.0585 / 0.1002 is closer to 33,050 than 351.0585 / 0.0107
    loss = snapshot.rules["unified"].order_loss
    assert loss == pytest.approx(D(33100) - D("3309.0585") / D("0.1002"))
    assert 50 <= loss <= 100


def test_without_a_spot_order_the_totals_lose_nothing() -> None:
    told = changed(bodies("cross"), *WALLET, "totalAvailableBalance", to="29000")

    assert snapshot_of(told).rules["unified"].order_loss == 0


def test_a_loan_asks_for_its_margin_although_the_coin_is_held() -> None:
    """2 ETH borrowed and 2 held: nothing is owed on balance, 4 % of the loan is asked for."""
    told = bodies("cross")
    for key, value in {"equity": "0", "usdValue": "0", "walletBalance": "2"}.items():
        told = changed(told, *WALLET, "coin", 2, key, to=value)
    told = changed(told, *WALLET, "totalMarginBalance", to="39100")
    told = changed(told, *WALLET, "totalEquity", to="39700")

    snapshot = snapshot_of(told, usd={"ETH": D(3000)})

    ether = next(asset for asset in snapshot.assets if asset.asset == "ETH")
    assert (ether.wallet, ether.debt) == (D(2), D(2))
    [pool] = evaluate(snapshot).pools
    assert pool.equity == pytest.approx(39100)
    assert pool.maintenance_margin == pytest.approx(339.0585)


@pytest.mark.parametrize(
    ("key", "value", "says", "forced"),
    [
        ("positionStatus", "Adl", "Adl", True),
        ("positionStatus", "Liq", "Liq", True),
        ("isReduceOnly", True, "isReduceOnly", False),
    ],
)
def test_what_bybit_does_to_a_position_is_carried(
    key: str, value: object, says: str, *, forced: bool
) -> None:
    scope = "linear USDT"
    told = changed(bodies("cross"), scope, "result", "list", 0, key, to=value)
    row = told[scope]["result"]["list"][0]
    side = "long" if row["side"] == "Buy" else "short"

    assert not snapshot_of(bodies("cross")).flags
    assert snapshot_of(told).flags == (
        VenueFlag(pool="unified", says=says, what=f"{row['symbol']} {side}", forced=forced),
    )
