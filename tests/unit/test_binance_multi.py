"""Binance multi-assets mode: bid and ask per asset, what counts, and what is not believed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS, body
from tests.unit.test_binance_futures import isolated, marks, snapshot_of, tables
from watcher.domain.account import Bracket, Family, Rules, Snapshot, VenueSays, Weight
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import futures, multi, setup
from watcher.venues.binance.draft import Draft

D = Decimal


def rates(data: Any = None) -> multi.Rates:
    return multi.read_rate_table(data or body("asset_index")).at(AT_MS)


def row_of(data: Any, asset: str) -> Any:
    return next(row for row in data if row["symbol"] == f"{asset}USD")


def drafted(
    account: Any = None, risk: Any = None, *, at: multi.Rates | None = None, held: str = "USDT USDC"
) -> Draft:
    draft = Draft()
    read = futures.read_account(account or body("account"))
    legs = futures.read_legs(risk or body("position_risk"))
    multi.add_multi_assets(
        draft, read, legs, tables(), marks(), at or rates(), frozenset(held.split())
    )
    return draft


def in_usd(draft: Draft) -> Snapshot:
    return replace(snapshot_of(draft), reference=multi.USD)


def test_the_venues_own_bid_and_ask_become_a_weight_and_a_factor() -> None:
    """BN-15: ADA, 10 % either way."""
    ada = rates().of("ADA")

    assert ada is not None
    assert ada.index * ada.weight == pytest.approx(D("1.73661633"), abs=D("1e-8"))
    assert ada.index * ada.ask == pytest.approx(D("2.12253107"), abs=D("1e-8"))


def test_the_pool_is_in_usd_with_the_venues_totals_beside() -> None:
    draft = drafted()

    rules = draft.rules[multi.POOL]
    assert (rules.family, rules.margins_at) == (Family.HAIRCUT_POOL, "ask")
    says = draft.says[multi.POOL]
    assert says.equity == D("1030895.55638")
    assert says.liquidation_estimated
    usdt = next(one for one in draft.assets if one.asset == "USDT")
    assert (usdt.index, usdt.ask) == (D("0.99"), D("1.005"))
    assert usdt.weights == (Weight(weight=D("0.99")),)


def test_equity_is_at_the_bid_and_margin_at_the_ask() -> None:
    """1,030,895.56 USDT at 0.9801; 427,713.32 USDT of margin at 0.99495; BNB counts for nothing."""
    (pool,) = evaluate(in_usd(drafted())).pools

    assert pool.equity == pytest.approx(1_030_895.55638 * 0.9801, abs=0.01)
    assert pool.maintenance_margin == pytest.approx(427_713.319566 * 0.99495, abs=0.01)


def test_an_asset_that_is_margin_counts_at_its_bid() -> None:
    bnb = next(one for one in drafted(held="USDT BNB").assets if one.asset == "BNB")

    assert bnb.weights == (Weight(weight=D("0.95")),)


def test_what_is_owed_in_an_asset_that_is_no_margin_still_counts_at_the_ask() -> None:
    account = body("account")
    next(row for row in account["assets"] if row["asset"] == "BNB")["crossWalletBalance"] = "-2"
    (pool,) = evaluate(in_usd(drafted(account))).pools
    (before,) = evaluate(in_usd(drafted())).pools

    assert pool.equity is not None
    assert before.equity is not None
    assert before.equity - pool.equity == pytest.approx(2 * 291.585, rel=1e-6)


def test_an_asset_at_index_zero_is_no_collateral() -> None:
    data = body("asset_index")
    row_of(data, "BNB")["index"] = "0.00000000"

    draft = drafted(at=rates(data), held="USDT BNB")

    assert "BNB" not in {one.asset for one in draft.assets}
    assert draft.unmodelled == {}


def test_contracts_in_an_asset_without_an_index_make_the_pool_partial() -> None:
    data = [row for row in body("asset_index") if row["symbol"] != "USDTUSD"]

    assert drafted(at=rates(data)).unmodelled == {multi.POOL: "no index price of USDT"}


def test_a_debt_in_an_asset_without_an_index_makes_the_pool_partial() -> None:
    account = body("account")
    next(row for row in account["assets"] if row["asset"] == "BNB")["crossWalletBalance"] = "-2"
    data = [row for row in body("asset_index") if row["symbol"] != "BNBUSD"]

    draft = drafted(account, at=rates(data))

    assert draft.unmodelled == {multi.POOL: "no index price of BNB"}


def test_an_isolated_leg_makes_the_pool_partial() -> None:
    account, risk = body("account"), body("position_risk")
    isolated(account, risk, "ETHUSDT", "600000")

    assert drafted(account, risk).unmodelled == {
        multi.POOL: "ETHUSDT is isolated in multi-assets mode"
    }


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("bidRate", "1.1", "at most the index"),
        ("askRate", "0.9", "at least the index"),
        ("index", None, "index is None"),
        ("bidRate", "NaN", "bidRate"),
    ],
)
def test_rates_that_cannot_be_right_are_unreadable(key: str, value: object, why: str) -> None:
    data = body("asset_index")
    row_of(data, "USDT")[key] = value

    with pytest.raises(Unreadable, match=why):
        rates(data).of("USDT")


def test_one_old_index_among_fresh_ones_is_unreadable_where_it_is_used() -> None:
    data = body("asset_index")
    row_of(data, "USDT")["time"] = AT_MS - 35_000

    assert rates(data).of("USDC") is not None
    with pytest.raises(Unreadable, match="index of USDT are 35 s old"):
        rates(data).of("USDT")


def test_empty_lists_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="empty"):
        multi.read_rate_table([])
    with pytest.raises(Unreadable, match="empty"):
        multi.read_margin_assets([])
    with pytest.raises(Unreadable, match="marginAvailable is missing"):
        multi.read_margin_assets([{"asset": "USDT"}])


def test_other_pools_are_told_in_usd_tables_by_value_included() -> None:
    draft = drafted()
    draft.rules["margin"] = Rules(
        family=Family.HAIRCUT_POOL,
        debts="own",
        order_loss=D(100),
        borrow_bracket_by="value",
        borrow_brackets={"BTC": (Bracket(floor=D(50_000), rate=D("0.05"), deduction=D(10)),)},
    )
    draft.rules["coin:BTC"] = Rules(family=Family.INVERSE_POOL)
    draft.says["margin"] = VenueSays(equity=D(1000))
    draft.says["coin:BTC"] = VenueSays(equity=D(1))

    multi.restate_in_usd(draft, rates())

    rules = draft.rules["margin"]
    assert rules.order_loss == 99
    assert rules.borrow_brackets["BTC"][0].floor == 49_500
    assert rules.borrow_brackets["BTC"][0].deduction == D("9.9")
    assert draft.says["margin"].equity == 990
    assert draft.says["coin:BTC"].equity == 1
    assert draft.says[multi.POOL].equity == D("1030895.55638")


def test_without_an_index_of_usdt_nothing_can_be_told_in_usd() -> None:
    data = [row for row in body("asset_index") if row["symbol"] != "USDTUSD"]

    with pytest.raises(Unreadable, match="no index price of USDT"):
        multi.restate_in_usd(Draft(), rates(data))
    assert setup.REFERENCE == "USDT"
