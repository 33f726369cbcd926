"""
OKX's readers on recorded payloads: what the answers say arrives exactly, and an answer that lacks
something, or contradicts another, becomes `Unreadable` naming it, never a calmer account.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from watcher.domain.account import (
    BracketKey,
    BracketKind,
    Family,
    Position,
    Side,
    Snapshot,
    VenueFlag,
    VenueRatio,
    Weight,
)
from watcher.domain.report import Status
from watcher.margin import evaluate
from watcher.ports import Unreadable, WithdrawalRight
from watcher.venues.okx.book import check_marks
from watcher.venues.okx.compose import compose
from watcher.venues.okx.position import misfits
from watcher.venues.okx.read import read_book
from watcher.venues.okx.tables import (
    Fees,
    Tables,
    kind_of,
    read_borrow,
    read_brackets,
    read_config,
    read_fees,
    read_funding,
    read_instruments,
    read_ladders,
    read_marks,
)

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads" / "okx"
NOW_MS = 1795360247577
D = Decimal
Bodies = dict[str, Any]


def bodies(name: str) -> Bodies:
    found: Bodies = json.loads((PAYLOADS / f"{name}.json").read_text())["bodies"]
    return found


def tables_from(told: Bodies, usd: dict[str, Decimal]) -> Tables:
    named = [(name.split(" "), body) for name, body in told.items()]
    return Tables(
        instruments={
            inst_id: one
            for words, body in named
            if words[0] == "instruments"
            for inst_id, one in read_instruments(body, words[1]).items()
        },
        brackets={
            (words[1], words[2], family): rows
            for words, body in named
            if words[0] == "tiers"
            for family, rows in read_brackets(body, families_in(body)).items()
        },
        fees={words[1]: read_fees(body, words[1]) for words, body in named if words[0] == "fees"},
        ladders=read_ladders(told["discount"]) if "discount" in told else {},
        borrow={
            words[1]: read_borrow(body, words[1]) for words, body in named if words[0] == "borrow"
        },
        usd=usd,
    )


def families_in(body: Any) -> set[str]:
    rows = [row for row in body["data"] if isinstance(row, dict)]
    return {row["instFamily"] for row in rows if row.get("instFamily")}


def snapshot_of(told: Bodies, *, now_ms: int = NOW_MS) -> Snapshot:
    mode = read_config(told["config"]).mode
    book = read_book(mode, told["balance"], told["positions"], now_ms=now_ms)
    check_marks(book, read_marks(told["marks"]), now_ms=now_ms)
    tables = tables_from(told, book.indices)
    assert not mode.is_computed or not misfits(book, tables)
    return compose(
        book,
        tables,
        account="main",
        mode=mode,
        parts={"balance": 7, "positions": 5},
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


BALANCE = ("balance", "data", 0)
POSITION = ("positions", "data", 0)


def position(snapshot: Snapshot, symbol: str) -> Position:
    return next(one for one in snapshot.positions if one.symbol == symbol)


# ── futures mode ─────────────────────────────────────────────────────────────────────────────


def test_each_settle_currency_is_a_pool_of_its_own() -> None:
    snapshot = snapshot_of(bodies("futures"))

    assert snapshot.mode == "futures mode"
    assert {pool: rules.family for pool, rules in snapshot.rules.items()} == {
        "cross:USDT": Family.LINEAR_POOL,
        "cross:ETH": Family.INVERSE_POOL,
        "isolated:ETH-USD-210430:long": Family.INVERSE_POOL,
    }
    assert [(asset.pool, asset.asset, asset.wallet) for asset in snapshot.assets] == [
        ("cross:ETH", "ETH", D("0.5")),
        ("cross:USDT", "USDT", D(10000)),
    ]
    assert snapshot.assets[1].index == D("0.9995")
    assert snapshot.wallets == {"funding": {"USDT": D(5000)}}
    assert snapshot.taken_at_us == 5


def test_linear_position_is_counted_in_contracts() -> None:
    long = position(snapshot_of(bodies("futures")), "BTC-USDT-SWAP")
    short = position(snapshot_of(bodies("futures")), "ETH-USDT-SWAP")

    assert (long.side, long.quantity, long.contract_size) == (Side.LONG, D(100), D("0.01"))
    assert (short.side, short.quantity, short.contract_size) == (Side.SHORT, D(100), D("0.1"))
    assert (long.underlying, long.settle, long.fee_rate) == ("BTC", "USDT", D("0.0005"))
    assert (long.bracket_key, long.bracket_kind) == (BracketKey.CONTRACTS, BracketKind.FLAT)
    assert [(row.floor, row.rate) for row in long.brackets] == [
        (D(0), D("0.004")),
        (D(15000), D("0.005")),
        (D(25000), D("0.0075")),
    ]
    # the venue starts a tier at 1001, after 1000: fractions of contracts lie above 1000 as well
    assert [row.floor for row in short.brackets] == [D(0), D(1000)]


def test_the_fee_of_a_liquidation_joins_the_requirement() -> None:
    rules = snapshot_of(bodies("futures")).rules["cross:USDT"]

    assert (rules.fee_in, rules.fee_basis, rules.hedge) == ("requirement", "notional", "sum")


def test_bucket_says_what_the_venue_says_of_it() -> None:
    says = snapshot_of(bodies("futures")).venue_says["cross:USDT"]

    assert (says.equity, says.maintenance_margin, says.used_margin) == (D(7000), D(542), D(8900))
    assert says.ratio is not None
    assert says.ratio.name == "mgnRatio"
    assert says.ratio.value == pytest.approx(D(7000) / D("586.5"))
    assert says.liquidation_prices == {"BTC-USDT-SWAP": D("50700.1")}


def test_currency_without_risk_has_no_ratio() -> None:
    """An empty mgnRatio is no risk, never a ratio of nought."""
    says = snapshot_of(bodies("futures")).venue_says["cross:ETH"]

    assert says.ratio is None
    assert says.equity == D("0.5")


def test_isolated_position_is_a_pool_of_one() -> None:
    """OK-02, the venue's own response example."""
    snapshot = snapshot_of(bodies("futures"))
    one = position(snapshot, "ETH-USD-210430")
    says = snapshot.venue_says["isolated:ETH-USD-210430:long"]

    assert one.inverse
    assert (one.isolated_margin, one.settle) == (pytest.approx(D("0.0003896645377994")), "ETH")
    assert says.equity == D("0.0003896645377994") - D("0.0000009932766034")
    assert says.ratio == VenueRatio(name="mgnRatio", value=D("11.731726509588816"))
    assert says.liquidation_prices == {"ETH-USD-210430": D("2352.8496681818233")}


def test_bucket_and_model_pnl_make_the_venues_equity() -> None:
    for name, pool in (("futures", "cross:USDT"), ("multi", "unified")):
        told = bodies(name)
        snapshot = snapshot_of(told)
        equities = {row["ccy"]: D(row["eq"]) for row in told["balance"]["data"][0]["details"]}
        for asset in snapshot.assets:
            if asset.pool == pool:
                assert bucket(snapshot, asset) == pytest.approx(equities[asset.asset])


def bucket(snapshot: Snapshot, asset: Any) -> Decimal:
    pnl = sum(
        (
            pnl_of(one)
            for one in snapshot.positions
            if one.pool == asset.pool and one.settle == asset.asset
        ),
        D(0),
    )
    return asset.wallet + pnl - (asset.interest or D(0))  # type: ignore[no-any-return]


def pnl_of(one: Position) -> Decimal:
    size = (1 if one.side is Side.LONG else -1) * one.quantity * one.contract_size
    if one.inverse:
        return size * (1 / one.entry - 1 / one.mark)
    return size * (one.mark - one.entry)


@pytest.mark.parametrize(
    ("name", "cash", "cross_upl"),
    [
        ("documented", "4850.435693622894", "-7.545600000000006"),  # a strategy holds 150 apart
        ("isolated", "94.42612990333333", "0"),  # all its profit is the isolated position's
    ],
)
def test_published_balances_come_apart_as_the_venue_adds_them(
    name: str, cash: str, cross_upl: str
) -> None:
    told = changed(bodies("futures"), *BALANCE, "details", 1, to=bodies("published")[name])
    told = changed(told, *BALANCE, "details", 0, to={**bodies("published")[name], "ccy": "X"})
    told = changed(told, *BALANCE, "totalEq", to="10000")
    told = changed(told, "positions", "data", to=[])
    told = changed(told, "config", "data", 0, "acctLv", to="1")

    [_, found] = read_book(
        read_config(told["config"]).mode, told["balance"], told["positions"], now_ms=NOW_MS
    ).currencies

    assert found.cash == pytest.approx(D(cash))
    assert found.cross_upl == D(cross_upl)


def test_published_balances_of_accounts_without_positions_are_read() -> None:
    """OKX-004 and OKX-005: "" everywhere means does not apply, not a margin level of nought."""
    for row, level in zip(bodies("published")["spot_and_futures"], ("2", "1"), strict=True):
        told = changed(bodies("futures"), *BALANCE, "details", to=[row])
        told = changed(told, *BALANCE, "totalEq", to=row["totalEq"])
        told = changed(told, "positions", "data", to=[])
        told = changed(told, "config", "data", 0, "acctLv", to=level)

        snapshot = snapshot_of(told)

        assert [says.ratio for says in snapshot.venue_says.values()] == [None]
        assert snapshot.assets[0].wallet == D(row["cashBal"])


def test_published_account_totals_are_carried() -> None:
    told = bodies("multi")
    told["balance"]["data"][0].update(bodies("published")["totals"] | {"uTime": str(NOW_MS)})

    says = snapshot_of(told).venue_says["unified"]

    assert says.equity == D("10679688.0460531643092577")
    assert says.ratio == VenueRatio(name="mgnRatio", value=D("70375.35408747017"))


# ── multi-currency mode ──────────────────────────────────────────────────────────────────────


def test_multi_currency_account_is_one_pool() -> None:
    snapshot = snapshot_of(bodies("multi"))

    assert snapshot.mode == "multi-currency mode"
    assert [(one.asset, one.wallet, one.interest) for one in snapshot.assets] == [
        ("BTC", D("0.5"), None),
        ("USDT", D(-2000), D("0.5")),
        ("OKB", D(100), None),
        ("TUSD", D(3000), None),
    ]
    rules = snapshot.rules["unified"]
    assert rules.family is Family.HAIRCUT_POOL
    assert rules.borrow_bracket_kind is BracketKind.FLAT
    assert [(row.floor, row.rate) for row in rules.borrow_brackets["USDT"]] == [
        (D(0), D("0.02")),
        (D(5000), D("0.03")),
    ]
    assert snapshot.unmodelled == {}


def test_discounts_are_kept_in_slices_of_the_coin() -> None:
    weights = {one.asset: one.weights for one in snapshot_of(bodies("multi")).assets}

    assert weights["BTC"] == (
        Weight(floor=D(0), weight=D("0.98"), by="quantity"),
        Weight(floor=D(20), weight=D("0.9775"), by="quantity"),
        Weight(floor=D(25), weight=D(0), by="quantity"),
    )
    assert weights["OKB"][0].weight == D("0.9")


def test_currency_the_venue_discounts_to_nothing_counts_for_nothing() -> None:
    """OK-06: collateral off. The flag itself is false in accounts that cannot switch it."""
    weights = {one.asset: one.weights for one in snapshot_of(bodies("multi")).assets}

    assert weights["TUSD"] == (Weight(weight=D(0)),)


def test_ladder_out_of_date_gives_way_to_the_rate_the_venue_applies() -> None:
    told = changed(bodies("multi"), *BALANCE, "details", 0, "disEq", to="27000")

    btc = next(one for one in snapshot_of(told).assets if one.asset == "BTC")

    assert btc.weights == (Weight(weight=D("0.9")),)


def test_owed_currency_without_tiers_makes_the_pool_partial() -> None:
    told = changed(bodies("multi"), "borrow USDT", "data", to=[])

    assert snapshot_of(told).unmodelled == {"unified": "borrowing rate of USDT unknown"}


# ── other modes and kinds ────────────────────────────────────────────────────────────────────


def test_portfolio_margin_shows_the_venues_figures() -> None:
    told = changed(bodies("multi"), "config", "data", 0, "acctLv", to="4")

    snapshot = snapshot_of(told)

    assert snapshot.mode == "portfolio margin mode"
    assert snapshot.rules["unified"].family is Family.REPORTED
    assert snapshot.venue_says["unified"].equity == D(told["balance"]["data"][0]["adjEq"])
    assert [(one.symbol, one.brackets) for one in snapshot.positions] == [("BTC-USDT-SWAP", ())]


@pytest.mark.parametrize(
    ("kind", "inst_id", "why"),
    [
        ("MARGIN", "BTC-USDT", "borrowed spot position BTC-USDT: not modelled yet"),
        ("OPTION", "BTC-USD-261225-90000-C", "option BTC-USD-261225-90000-C: not modelled yet"),
    ],
)
def test_kind_the_engine_does_not_model_makes_its_pool_partial(
    kind: str, inst_id: str, why: str
) -> None:
    told = bodies("multi")
    odd = {**told["positions"]["data"][0], "instType": kind, "instId": inst_id}
    told["positions"]["data"].append(odd)

    snapshot = snapshot_of(told)

    assert snapshot.unmodelled == {"unified": why}
    assert len(snapshot.positions) == 1


def test_isolated_spot_margin_is_a_partial_pool_of_its_own() -> None:
    told = bodies("futures")
    odd = {
        **told["positions"]["data"][2],
        "instType": "MARGIN",
        "instId": "BTC-USDT",
        "mgnRatio": "9.404143929947395",
    }
    told["positions"]["data"].append(odd)

    snapshot = snapshot_of(told)

    pool = "isolated:BTC-USDT:net"
    assert snapshot.rules[pool].family is Family.REPORTED
    assert snapshot.venue_says[pool].ratio == VenueRatio(
        name="mgnRatio", value=D("9.404143929947395")
    )
    assert "not modelled" in snapshot.unmodelled[pool]


def margin_row(**more: str) -> dict[str, object]:
    """OK-01: the published sample of a spot-margin position."""
    row = {
        **dict.fromkeys(bodies("futures")["positions"]["data"][2], ""),
        "instType": "MARGIN",
        "instId": "BTC-USDT",
        "mgnMode": "isolated",
        "posSide": "net",
        "pos": "0.00190433573",
        "posCcy": "BTC",
        "ccy": "BTC",
        "liab": "-99.9998177776581948",
        "liabCcy": "USDT",
        "interest": "0",
        "margin": "0.000317654",
        "upl": "-0.0000033452492717",
        "markPx": "62891.9",
        "mmr": "0.0000318005395854",
        "mgnRatio": "9.404143929947395",
        "liqPx": "53615.448336593756",
        "usdPx": "62891.9",
        "notionalUsd": "100",
        "quoteBal": "0",
        "baseBal": "",
    }
    return row | more


def with_margin(**more: str) -> Bodies:
    told = bodies("futures")
    told["positions"]["data"].append(margin_row(**more))
    told["marks"]["data"].append({**told["marks"]["data"][0], "instId": "BTC-USDT"})
    told["marks"]["data"][-1]["markPx"] = "62891.9"
    told["fees MARGIN"] = copy.deepcopy(told["fees SWAP"])
    told["fees MARGIN"]["data"][0].update(taker="-0.001", instType="MARGIN")
    return told


def test_an_isolated_spot_margin_position_is_computed_to_the_last_digit() -> None:
    """OK-01: ratio 9.404..., liquidation at 53,615.448..."""
    snapshot = snapshot_of(with_margin())

    pool = next(p for p in evaluate(snapshot).pools if p.pool == "isolated:BTC-USDT:long")
    assert pool.status is Status.OK
    assert pool.health == pytest.approx(9.404143929947395, rel=1e-9)
    assert pool.disagreement == pytest.approx(0, abs=1e-6)
    [coin] = [u for u in pool.underlyings if u.underlying == "BTC"]
    assert coin.liquidation_down == pytest.approx(53615.448336593756, rel=1e-9)
    assert coin.liquidation_up is None


def test_a_short_one_owes_the_coin_and_is_liquidated_upwards() -> None:
    """K4, K12: 0.1 BTC owed at 60,000 against 7,200 USDT, rate 2 %, fee 0.1 %."""
    kept = (1 + D("0.02")) * (1 + D("0.001"))
    ratio = (7200 - 6000) / (6000 * (kept - 1))
    told = with_margin(
        pos="7200",
        posCcy="USDT",
        ccy="USDT",
        liab="0.1",
        liabCcy="BTC",
        margin="1300",
        upl="-100",
        markPx="60000",
        mmr="120",
        mgnRatio=str(ratio),
        liqPx="70519",
        usdPx="0.999",
    )
    told["marks"]["data"][-1]["markPx"] = "60000"

    pool = next(p for p in evaluate(snapshot_of(told)).pools if p.pool == "isolated:BTC-USDT:short")

    assert pool.health == pytest.approx(float(ratio), rel=1e-12)
    [coin] = [u for u in pool.underlyings if u.underlying == "BTC"]
    assert coin.liquidation_up == pytest.approx(float(7200 / (D("0.1") * kept)) * 0.999, rel=1e-9)


@pytest.mark.parametrize(
    "odd",
    [
        {"ccy": "USDT"},  # margin posted in the currency that is owed
        {"quoteBal": "5"},  # quick margin
        {"upl": "0.0001"},  # the parts do not explain the profit
        {"liabCcy": ""},
    ],
)
def test_a_spot_margin_position_of_another_make_stays_partial(odd: dict[str, str]) -> None:
    snapshot = snapshot_of(with_margin(**odd))

    assert "not modelled" in snapshot.unmodelled["isolated:BTC-USDT:net"]


def test_contract_counted_in_something_else_is_not_computed() -> None:
    told = changed(bodies("futures"), "instruments SWAP", "data", 0, "ctValCcy", to="USDT")

    assert "counted in USDT" in snapshot_of(told).unmodelled["cross:USDT"]


def test_expiries_of_a_family_reach_their_tier_together() -> None:
    told = bodies("futures")
    near = told["positions"]["data"][2]
    near.update(mgnMode="cross", pos="3000", imr="0.1", mmr="0", margin="", upl="0")
    told["positions"]["data"] = [near, {**near, "instId": "ETH-USD-210625"}]
    told["tiers FUTURES cross"] = told.pop("tiers FUTURES isolated")
    told["marks"]["data"].append({**told["marks"]["data"][2], "instId": "ETH-USD-210625"})
    maintenance = D(3000) * 10 / D("2565.656") * D("0.015")
    for row in told["positions"]["data"]:
        row.update(mmr=str(maintenance), notionalUsd="30000")
    told["balance"]["data"][0]["details"][0].update(upl="0", mmr="0")
    told["balance"]["data"][0]["details"][1].update(
        mmr=str(2 * maintenance), mgnRatio="1.4", isoEq="0", isoUpl="0"
    )

    snapshot = snapshot_of(told)

    assert [one.brackets[-1].rate for one in snapshot.positions] == [D("0.015"), D("0.015")]


def test_side_is_the_sign_in_net_mode_and_the_name_in_hedge_mode() -> None:
    told = changed(bodies("futures"), *POSITION, "posSide", to="short")

    assert position(snapshot_of(told), "BTC-USDT-SWAP").side is Side.SHORT
    assert position(snapshot_of(bodies("futures")), "ETH-USDT-SWAP").side is Side.SHORT


# ── rights, fees, names ──────────────────────────────────────────────────────────────────────


def test_key_that_may_withdraw_is_refused() -> None:
    told = changed(bodies("futures"), "config", "data", 0, "perm", to="read_only,withdraw,trade")

    with pytest.raises(WithdrawalRight, match="may withdraw"):
        read_config(told["config"])


def test_trading_key_can_also_transfer() -> None:
    told = changed(bodies("futures"), "config", "data", 0, "perm", to="read_only,trade")
    told = changed(told, "config", "data", 0, "ip", to="203.0.113.7")

    rights = read_config(told["config"]).rights

    assert rights.uid == "44705892343619584"
    assert (rights.trade, rights.transfer, rights.withdraw, rights.ip_bound) == (
        True,
        True,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("symbol", "rate"),
    [("BTC-USDT-SWAP", "0.0005"), ("BTC-USD-SWAP", "0.0004")],
)
def test_fee_follows_the_settle_currency(symbol: str, rate: str) -> None:
    told = bodies("futures")
    told["fees SWAP"]["data"][0]["taker"] = "-0.0004"
    fees = read_fees(told["fees SWAP"], "SWAP")

    assert fees.of(read_instruments(told["instruments SWAP"], "SWAP")[symbol]) == D(rate)


def test_fee_group_stands_in_for_rates_left_empty() -> None:
    told = bodies("futures")
    told["fees SWAP"]["data"][0].update(taker="", takerU="", takerUSDC="")
    contracts = read_instruments(told["instruments SWAP"], "SWAP")

    assert read_fees(told["fees SWAP"], "SWAP").of(contracts["BTC-USDT-SWAP"]) == D("0.0005")
    with pytest.raises(Unreadable, match="no taker fee for BTC-USDT-SWAP"):
        Fees(coin=None, usdt=None, usdc=None, groups={}).of(contracts["BTC-USDT-SWAP"])


def test_kind_follows_from_the_name() -> None:
    names = ("BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-260327", "BTC-USD-260327-90000-C")

    assert [kind_of(name) for name in names] == ["MARGIN", "SWAP", "FUTURES", "OPTION"]


# ── contradictions ───────────────────────────────────────────────────────────────────────────


def test_empty_position_list_is_not_flat_while_the_balance_carries_profit() -> None:
    told = changed(bodies("futures"), "positions", "data", to=[])

    with pytest.raises(Unreadable, match="positions missing: the USDT balance carries unrealised"):
        snapshot_of(told)


def test_half_a_list_is_not_all_of_it() -> None:
    told = bodies("futures")
    told["positions"]["data"].pop(1)

    with pytest.raises(Unreadable, match="those seen explain 232"):
        snapshot_of(told)


@pytest.mark.parametrize(("more", "told"), [("1.005", 0), ("1.02", 1), ("1.09", 1)])
def test_a_list_that_lacks_a_little_is_told(more: str, told: int) -> None:
    spoilt = bodies("futures")
    usdt = next(r for r in spoilt["balance"]["data"][0]["details"] if r["ccy"] == "USDT")
    usdt["mmr"] = str(D(usdt["mmr"]) * D(more))

    found = [one for one in snapshot_of(spoilt).mismatches if one.what == "all USDT positions"]

    assert len(found) == told
    assert all((one.pool, one.venue) == ("cross:USDT", D(usdt["mmr"])) for one in found)


def test_isolated_equity_needs_its_position() -> None:
    told = bodies("futures")
    told["positions"]["data"].pop(2)
    told["balance"]["data"][0]["details"][1].update(isoEq="0.2", isoUpl="0", upl="0")

    with pytest.raises(Unreadable, match="isolated equity"):
        snapshot_of(told)


def test_multi_currency_account_is_not_flat_while_its_notional_is_told() -> None:
    told = changed(bodies("multi"), "positions", "data", to=[])
    told["balance"]["data"][0]["details"][1]["upl"] = "0"

    with pytest.raises(Unreadable, match="SWAP of 18009 USD in the balance, 0 in the list"):
        snapshot_of(told)


def test_maintenance_that_nothing_explains_is_not_flat() -> None:
    told = changed(bodies("multi"), "positions", "data", to=[])
    account = told["balance"]["data"][0]
    account.update(details=account["details"][:1], notionalUsdForSwap="0", totalEq="30000")

    with pytest.raises(Unreadable, match="no position, order or debt was seen"):
        snapshot_of(told)


def test_a_currency_that_is_owed_cannot_drop_out_of_the_balance() -> None:
    told = bodies("multi")
    told["balance"]["data"][0]["details"].pop(1)

    with pytest.raises(Unreadable, match="currencies missing"):
        snapshot_of(told)


def test_old_mark_is_refused_with_its_age() -> None:
    told = changed(bodies("futures"), "marks", "data", 0, "ts", to=str(NOW_MS - 41_000))

    with pytest.raises(Unreadable, match="mark of BTC-USDT-SWAP is 41 s old"):
        snapshot_of(told)


def test_positions_priced_far_from_the_public_mark_are_old() -> None:
    told = changed(bodies("futures"), "marks", "data", 0, "markPx", to="56000")

    with pytest.raises(Unreadable, match="positions are old: BTC-USDT-SWAP at 58000"):
        snapshot_of(told)


def test_old_balance_is_refused_with_its_age() -> None:
    told = changed(bodies("futures"), *BALANCE, "uTime", to=str(NOW_MS - 41_000))

    with pytest.raises(Unreadable, match="answer is 41 s old"):
        snapshot_of(told)


def test_contract_counted_wrongly_is_seen_in_its_notional() -> None:
    told = changed(bodies("futures"), "instruments SWAP", "data", 0, "ctVal", to="0.1")
    told = changed(told, *POSITION, "mmr", to="2320")

    with pytest.raises(Unreadable, match=r"100 contracts of 0\.1 make 579710\.00 USD"):
        snapshot_of(told)


def test_tiers_that_do_not_explain_the_maintenance_are_a_misfit() -> None:
    told = changed(bodies("futures"), "tiers SWAP cross", "data", 0, "mmr", to="0.003")

    with pytest.raises(AssertionError, match="BTC-USDT-SWAP"):
        snapshot_of(told)


# ── every field, broken in every way ─────────────────────────────────────────────────────────

REQUIRED = {
    "futures": [
        *((*BALANCE, "details", 0, key) for key in ("ccy", "eq", "eqUsd", "cashBal", "upl", "mmr",
                                                    "mgnRatio")),
        *((*POSITION, key) for key in (
            "instId", "instType", "mgnMode", "posSide", "pos", "avgPx", "markPx", "upl", "lever",
            "imr", "mmr", "notionalUsd",
        )),
        *(("positions", "data", 2, key) for key in ("margin", "mgnRatio")),
        (*BALANCE, "uTime"), (*BALANCE, "totalEq"), (*BALANCE, "details"),
        ("balance", "code"), ("balance", "data"), ("positions", "code"), ("positions", "data"),
        ("instruments SWAP", "data", 0, "ctVal"), ("instruments SWAP", "data", 0, "settleCcy"),
        ("instruments SWAP", "data", 0, "ctType"), ("instruments SWAP", "data", 0, "instFamily"),
        ("tiers SWAP cross", "data", 0, "mmr"), ("tiers SWAP cross", "data", 0, "maxSz"),
        ("marks", "data", 0, "ts"), ("marks", "data", 0, "markPx"),
        ("config", "data", 0, "acctLv"), ("config", "data", 0, "perm"),
        ("config", "data", 0, "posMode"),
        ("funding", "data", 0, "availBal"),
    ],
    "multi": [
        *((*BALANCE, key) for key in ("adjEq", "imr", "mmr", "mgnRatio")),
        *((*BALANCE, "details", 1, key) for key in ("eq", "eqUsd", "cashBal", "upl", "interest",
                                                    "disEq")),
        ("borrow USDT", "data", 0, "mmr"), ("borrow USDT", "data", 0, "maxSz"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path"),
    [(name, path) for name, paths in REQUIRED.items() for path in paths],
    ids=lambda value: value if isinstance(value, str) else ".".join(map(str, value)),
)
@pytest.mark.parametrize("wrong", [..., None, "", "NaN", "Infinity", "-", {}, [[]], 1.5])
def test_broken_field_is_unreadable_and_named(
    name: str, path: tuple[str | int, ...], wrong: object
) -> None:
    told = changed(bodies(name), *path, to=wrong)

    with pytest.raises(Unreadable) as refusal:
        snapshot_of(told)

    # a row by another name is missed where it was needed
    places = (str(path[-1]), "[0]", "mark-price", "positions missing", "USDT", "rows of data")
    assert any(place in refusal.value.reason for place in places), refusal.value.reason


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    children: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from leaves(child, (*path, key))
        yield (*path, key)


def worth(snapshot: Snapshot, pool: str) -> tuple[Decimal, Decimal]:
    """Equity and requirement of one pool, naively: what this test means by better."""
    equity, requirement = D(0), D(0)
    rules = snapshot.rules[pool]
    index = dict.fromkeys((one.settle for one in snapshot.positions), D(1))
    if pool == "unified":  # pools of one currency are compared in it
        index |= {asset.asset: asset.index for asset in snapshot.assets}
    for asset in snapshot.assets:
        if asset.pool != pool:
            continue
        held = bucket(snapshot, asset)
        if held < 0:
            equity += held * index[asset.asset]
            rates = rules.borrow_brackets.get(asset.asset, ())
            reached = [row.rate for row in rates if -held > row.floor]
            requirement += -held * index[asset.asset] * (reached[-1] if reached else D(0))
            continue
        counted, taken = D(0), D(0)
        for row in asset.weights:
            if held > row.floor:
                counted += (held - row.floor) * (row.weight - taken)
                taken = row.weight
        equity += counted * index[asset.asset]
    for one in snapshot.positions:
        if one.pool != pool:
            continue
        size = one.quantity * one.contract_size
        value = size / one.mark if one.inverse else size * one.mark
        rate = [row.rate for row in one.brackets if one.quantity > row.floor][-1]
        requirement += value * (rate + one.fee_rate) * index[one.settle]
        equity += (one.isolated_margin or D(0)) * index[one.settle]
    return equity, requirement


def is_better(found: Snapshot, honest: Snapshot) -> bool:
    at_risk = {one.pool for one in honest.positions}
    if at_risk - found.rules.keys():
        return True  # a pool that is gone cannot be watched
    for pool in at_risk:
        if pool in found.unmodelled:  # the venue's figures lead then
            continue
        equity, requirement = worth(found, pool)
        equity_told, requirement_told = worth(honest, pool)
        slack = D("1e-6")
        if equity > equity_told + slack or requirement < requirement_told - slack:
            return True
    return False


LEGITIMATE = {"data", "details"}
"""A shorter list is dealt with by the sums, above."""


@pytest.mark.parametrize("name", ["futures", "multi"])
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


# ── what the engine makes of it ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["futures", "multi"])
def test_our_figures_are_the_venues(name: str) -> None:
    snapshot = snapshot_of(bodies(name))

    for pool in evaluate(snapshot).pools:
        says = snapshot.venue_says[pool.pool]
        assert pool.equity == pytest.approx(float(says.equity or 0), rel=1e-9)
        assert pool.maintenance_margin == pytest.approx(
            float(says.maintenance_margin or 0), rel=1e-9
        )
        # without a requirement both see no risk, whether or not a ratio is told
        untold = says.ratio is None and pool.requirement
        assert pool.disagreement == (None if untold else pytest.approx(0, abs=1e-6))


def test_liquidation_price_of_the_venues_own_example() -> None:
    """OK-02: the closed form; the venue prints one tick of 0.01 more."""
    pools = {pool.pool: pool for pool in evaluate(snapshot_of(bodies("futures"))).pools}

    [leg] = pools["isolated:ETH-USD-210430:long"].positions

    assert leg.liquidation_price == pytest.approx(2352.8396681818, abs=1e-6)


@pytest.mark.parametrize(
    ("key", "level", "forced"), [("twap", "2", False), ("colBorrAutoConversion", "5", True)]
)
def test_what_okx_is_about_to_sell_is_carried(key: str, level: str, *, forced: bool) -> None:
    told = changed(bodies("multi"), "balance", "data", 0, "details", 0, key, to=level)
    currency = told["balance"]["data"][0]["details"][0]["ccy"]

    assert not snapshot_of(bodies("multi")).flags
    assert snapshot_of(told).flags == (
        VenueFlag(pool="unified", says=f"{key} {level}", what=currency, forced=forced),
    )
