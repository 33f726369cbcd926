"""Binance cross margin, portfolio margin and wallets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS, body
from watcher.domain.account import Family, Snapshot
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import margin, setup
from watcher.venues.binance.draft import Draft


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


def test_a_pro_account_is_reported_and_its_level_is_its_health() -> None:
    account = margin.read_margin(
        body("margin_account") | {"accountType": "MARGIN_2", "marginLevel": "3.8494"}
    )
    draft = Draft()

    margin.add_margin_pro(draft, account, Decimal(50_000))

    (report,) = evaluate(snapshot_of(draft)).pools
    assert account.pro
    assert report.status == "reported"
    assert report.health == pytest.approx(3.8494)
    assert report.equity == pytest.approx(100_000)


def test_portfolio_margin_is_reported_by_its_own_ratio() -> None:
    draft = Draft()

    margin.add_portfolio(draft, body("papi_account"))

    (report,) = evaluate(snapshot_of(draft)).pools
    assert (report.pool, report.status) == ("portfolio", "reported")
    assert report.health == pytest.approx(1.99999999 / 1.05)
    assert report.maintenance_margin == pytest.approx(15.11708371)


def test_wallets_tell_what_is_free() -> None:
    assert margin.read_spot_wallet(body("spot_account")) == {"USDT": Decimal("1000.5")}
    assert margin.read_funding_wallet(body("funding")) == {"USDT": Decimal(5000)}
    assert margin.read_funding_wallet([]) == {}
    with pytest.raises(Unreadable, match="balances is missing"):
        margin.read_spot_wallet({})
