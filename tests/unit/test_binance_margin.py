"""Binance cross margin, classic and Pro, and wallets."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS, body
from watcher.domain.account import Family, Snapshot, Weight
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import margin, multi, setup
from watcher.venues.binance.draft import Draft
from watcher.venues.fields import decode


def drafted(data: Any) -> Draft:
    draft = Draft()
    marks = setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS)
    margin.add_margin(
        draft,
        margin.read_margin(data),
        setup.read_bars(body("trade_coeff")),
        setup.read_weights(body("collateral_ratio")),
        marks.index,
    )
    return draft


def snapshot_of(draft: Draft) -> Snapshot:
    return Snapshot(
        venue="binance",
        account="main",
        mode="test",
        taken_at_us=AT_MS * 1000,
        reference=setup.REFERENCE,
        rules=draft.rules,
        assets=tuple(draft.assets),
        venue_says=draft.says,
        unmodelled=draft.unmodelled,
    )


def holding(data: Any, asset: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in data["userAssets"] if row["asset"] == asset)
    return found


def test_the_level_of_the_leverage_faq_comes_out_and_both_bars_with_it() -> None:
    """10 BTC against 8 BTC owed in USDT: level 1.25, liquidated 12 % lower."""
    draft = drafted(body("margin_account"))
    (report,) = evaluate(snapshot_of(draft)).pools

    assert draft.rules["margin"].family is Family.DEBT_RATIO
    assert report.margin_level == pytest.approx(125)
    assert report.health == pytest.approx(0.25 / 0.1)
    assert report.tier_distance == pytest.approx(12)
    assert report.stages["call"] == pytest.approx(130)
    assert report.disagreement == pytest.approx(0, abs=1e-9)


def test_locked_is_owned_and_interest_is_owed() -> None:
    btc, usdt = drafted(body("margin_account")).assets

    assert (btc.asset, btc.wallet, btc.debt) == ("BTC", 10, 0)
    assert (usdt.asset, usdt.wallet) == ("USDT", 0)
    assert (usdt.debt, usdt.interest) == (255_754, 10)


def test_assets_of_nothing_are_left_out() -> None:
    assert [asset.asset for asset in drafted(body("margin_account")).assets] == ["BTC", "USDT"]


def test_an_asset_outside_the_collateral_table_counts_in_full_for_the_level_only() -> None:
    data = body("margin_account")
    holding(data, "ETH")["free"] = "2"

    eth = drafted(data).assets[-1]

    assert eth.asset == "ETH"
    assert [slice_.weight for slice_ in eth.weights] == [0]


def test_an_asset_without_a_price_makes_the_pool_partial() -> None:
    data = body("margin_account")
    data["userAssets"].append(holding(data, "BTC") | {"asset": "NIL"})

    assert drafted(data).unmodelled == {"margin": "no index price of NIL"}


def test_rows_without_the_assets_of_the_total_are_unreadable_not_empty() -> None:
    data = body("margin_account") | {"userAssets": []}

    with pytest.raises(Unreadable, match=r"assets missing: margin account totals 10\.0"):
        margin.read_margin(data)


def test_rows_without_the_debt_of_the_total_are_unreadable_not_debt_free() -> None:
    data = body("margin_account")
    holding(data, "USDT").update(borrowed="0", interest="0")

    with pytest.raises(Unreadable, match=r"debts missing: margin account owes 8\.0"):
        margin.read_margin(data)


def test_no_debt_is_not_believed_of_an_account_that_owes() -> None:
    with pytest.raises(Unreadable, match="marginLevel is 999"):
        margin.read_margin(body("margin_account") | {"marginLevel": "999.00000000"})


def test_an_account_of_nothing_is_empty() -> None:
    data = body("margin_account") | {
        "marginLevel": "999.00000000",
        "totalAssetOfBtc": "0.00000000",
        "totalLiabilityOfBtc": "0.00000000",
    }
    for row in data["userAssets"]:
        row |= {"free": "0", "locked": "0", "borrowed": "0", "interest": "0"}

    assert margin.read_margin(data).is_empty


@pytest.mark.parametrize("name", ["marginLevel", "totalLiabilityOfBtc", "accountType"])
def test_an_account_that_lacks_a_figure_is_unreadable(name: str) -> None:
    data = body("margin_account")
    del data[name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        margin.read_margin(data)


@pytest.mark.parametrize("value", ["NaN", "", None, "-1"])
def test_a_balance_that_is_no_amount_is_unreadable(value: object) -> None:
    data = body("margin_account")
    holding(data, "BTC")["free"] = value

    with pytest.raises(Unreadable, match=r"userAssets\[0\]: free is"):
        margin.read_margin(data)


PRO = {
    "accountType": "MARGIN_2",
    "TotalCollateralValueInUSDT": "500000.00000000",
    "totalOpenOrderLossInUSDT": "500.00000000",
}
DEBT_TABLES = [
    {
        "assetNames": ["USDT", "BTC"],
        "rank": 1,
        "brackets": [
            {
                "leverage": 5,
                "maxDebt": 1000000.0,
                "maintenanceMarginRate": 0.07,
                "initialMarginRate": 0.25,
                "fastNum": 4000.0,
            },
            {
                "leverage": 10,
                "maxDebt": 200000.0,
                "maintenanceMarginRate": 0.05,
                "initialMarginRate": 0.1112,
                "fastNum": 0.0,
            },
        ],
    }
]


def pro_draft(data: Any, tables: Any) -> Draft:
    draft = Draft()
    marks = setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS)
    margin.add_margin_pro(
        draft,
        margin.read_margin(data),
        setup.read_debt_tables(tables),
        setup.read_weights(body("collateral_ratio")),
        marks.index,
    )
    return draft


def wire(value: Any) -> Any:
    """As the adapter's decoder hands numbers over."""
    return decode(json.dumps(value))


def test_a_pro_account_is_collateral_less_debt_over_what_the_debt_needs() -> None:
    """255,764 USDT owed: 7 % of it less 4,000; collateral 10 BTC, less 500 for resting orders."""
    data = body("margin_account") | PRO
    index = next(r for r in body("premium_index") if r["symbol"] == "BTCUSDT")["indexPrice"]
    equity = 10 * float(index) - 255_764 - 500
    maintenance = 255_764 * 0.07 - 4_000
    told = data | {"marginLevel": f"{equity / maintenance:.8f}"}

    draft = pro_draft(told, wire(DEBT_TABLES))

    (report,) = evaluate(snapshot_of(draft)).pools
    assert draft.rules["margin"].family is Family.HAIRCUT_POOL
    assert (report.status, report.why) == ("ok", None)
    assert report.equity == pytest.approx(equity)
    assert report.requirement == pytest.approx(maintenance)
    assert report.health == pytest.approx(equity / maintenance)
    assert report.margin_level == pytest.approx(100 * equity / maintenance)
    assert report.stages == {"call": 150, "liquidation": 100}
    assert report.disagreement == pytest.approx(0, abs=1e-6)
    assert report.tier_distance == pytest.approx(100 * (equity - maintenance) / 10 / float(index))


def test_a_pro_level_is_the_same_told_in_usd() -> None:
    """Beside multi-assets futures a snapshot is in USD: tables, slices and losses go along."""
    data = body("margin_account") | PRO
    draft = pro_draft(data, wire(DEBT_TABLES))
    ladder = (Weight(), Weight(floor=Decimal(300_000), weight=Decimal("0.9")))
    draft.assets[:] = [replace(row, weights=ladder) for row in draft.assets]
    (before,) = evaluate(snapshot_of(draft)).pools

    now_ms = multi.read_rate_table(body("asset_index")).newest_ms
    multi.restate_in_usd(draft, multi.read_rate_table(body("asset_index")).at(now_ms))

    (after,) = evaluate(replace(snapshot_of(draft), reference="USD")).pools
    assert before.equity is not None
    assert after.equity == pytest.approx(before.equity * 0.99)
    assert after.requirement == pytest.approx((before.requirement or 0) * 0.99)
    assert after.health == pytest.approx(before.health)
    assert after.tier_distance == pytest.approx(before.tier_distance)


def test_a_pro_debt_without_a_table_makes_the_pool_partial_with_the_venues_level() -> None:
    tables = wire([DEBT_TABLES[0] | {"assetNames": ["BTC"]}])

    draft = pro_draft(body("margin_account") | PRO | {"marginLevel": "3.8494"}, tables)

    (report,) = evaluate(snapshot_of(draft)).pools
    assert report.why == "no maintenance table of debts in USDT"
    assert report.health == pytest.approx(3.8494)


@pytest.mark.parametrize("name", ["TotalCollateralValueInUSDT", "totalOpenOrderLossInUSDT"])
def test_a_pro_account_that_lacks_a_figure_is_unreadable(name: str) -> None:
    data = body("margin_account") | PRO
    del data[name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        margin.read_margin(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [("maxDebt", 200000.0), ("maintenanceMarginRate", 0.01), ("maintenanceMarginRate", 1.5)],
)
def test_a_debt_table_that_cannot_be_right_is_unreadable(name: str, value: float) -> None:
    first, second = DEBT_TABLES[0]["brackets"]  # type: ignore[misc]
    broken = [DEBT_TABLES[0] | {"brackets": [first | {name: value}, second]}]  # type: ignore[operator]

    with pytest.raises(Unreadable, match=r"brackets\[\d\]: "):
        setup.read_debt_tables(wire(broken))


def test_wallets_tell_what_is_free() -> None:
    assert margin.read_spot_wallet(body("spot_account")) == {"USDT": Decimal("1000.5")}
    assert margin.read_funding_wallet(body("funding")) == {"USDT": Decimal(5000)}
    assert margin.read_funding_wallet([]) == {}
    with pytest.raises(Unreadable, match="balances is missing"):
        margin.read_spot_wallet({})
