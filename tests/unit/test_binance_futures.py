"""Binance USDⓈ-M: from two bodies to pools, and when they are not believed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS, body, leg
from watcher.domain.account import Family, Side, Snapshot
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import futures, setup
from watcher.venues.binance.draft import Draft


def marks() -> setup.Marks:
    return setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS)


def tables(*symbols: str) -> futures.Tables:
    held = set(symbols or ("BTCUSDT", "ETHUSDT"))
    return futures.Tables(
        brackets=setup.read_brackets(body("leverage_bracket"), held),
        leverages=setup.read_leverages(body("symbol_config")),
    )


def drafted(account: Any, risk: Any, *, with_tables: futures.Tables | None = None) -> Draft:
    """Read both bodies as the adapter does, checks included."""
    read, legs = futures.read_account(account), futures.read_legs(risk)
    futures.check_agreement(read, legs)
    futures.check_marks(legs, marks())
    draft = Draft()
    futures.add_single_asset(draft, read, legs, with_tables or tables(), marks())
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
        positions=tuple(draft.positions),
        venue_says=draft.says,
        unmodelled=draft.unmodelled,
    )


def isolated(account: Any, risk: Any, symbol: str, wallet: str) -> None:
    """Turn a cross leg of both bodies into an isolated one with *wallet* behind it."""
    for row in (leg(account["positions"], symbol), leg(risk, symbol)):
        profit = Decimal(row.get("unRealizedProfit") or row["unrealizedProfit"])
        row["isolatedWallet"] = wallet
        row["isolatedMargin"] = str(Decimal(wallet) + profit)


def test_the_published_example_comes_out_to_the_cent() -> None:
    """Wallet 1,535,443.01 and two longs; the FAQ liquidates them at 26,316.89 and 1,153.26."""
    draft = drafted(body("account"), body("position_risk"))
    report = next(p for p in evaluate(snapshot_of(draft)).pools if p.pool == "cross:USDT")

    assert draft.unmodelled == {}
    assert draft.rules["cross:USDT"].family is Family.LINEAR_POOL
    assert report.equity == pytest.approx(1_030_895.56, abs=0.01)
    assert report.maintenance_margin == pytest.approx(427_713.32, abs=0.01)
    assert report.disagreement == pytest.approx(0, abs=1e-6)
    prices = {row.symbol: row.liquidation_price for row in report.positions}
    assert prices["BTCUSDT"] == pytest.approx(26_316.89, abs=0.01)
    assert prices["ETHUSDT"] == pytest.approx(1_153.26, abs=0.01)


def test_the_venues_own_figures_ride_beside_ours() -> None:
    says = drafted(body("account"), body("position_risk")).says["cross:USDT"]

    assert says.equity is not None
    assert says.equity == pytest.approx(Decimal("1030895.56"), abs=Decimal("0.01"))
    assert says.ratio is not None
    assert says.ratio.name == "marginRatio"
    assert says.ratio.value == pytest.approx(Decimal("0.414895"), abs=Decimal("1e-6"))
    assert says.liquidation_prices["BTCUSDT"] == Decimal("26316.89326452")


def test_positions_are_exact_and_carry_leverage_and_brackets() -> None:
    one = drafted(body("account"), body("position_risk")).positions[0]

    assert (one.symbol, one.underlying, one.side) == ("BTCUSDT", "BTC", Side.LONG)
    assert one.quantity == Decimal("109.488")
    assert one.entry == Decimal("32481.98")
    assert one.leverage == 20
    assert one.isolated_margin is None
    assert len(one.brackets) == 5


def test_a_wallet_without_positions_is_a_pool_and_an_empty_one_is_none() -> None:
    draft = drafted(body("account"), body("position_risk"))

    assert set(draft.rules) == {"cross:USDT", "cross:BNB"}
    bnb = next(asset for asset in draft.assets if asset.asset == "BNB")
    assert bnb.index == Decimal("280.6")


def test_an_isolated_leg_is_a_pool_of_its_own_and_leaves_the_cross_pool() -> None:
    account, risk = body("account"), body("position_risk")
    isolated(account, risk, "ETHUSDT", "600000")

    draft = drafted(account, risk)

    pool = "isolated:ETHUSDT:long"
    eth = next(one for one in draft.positions if one.symbol == "ETHUSDT")
    assert eth.pool == pool
    assert eth.isolated_margin == 600_000
    cross = draft.says["cross:USDT"].maintenance_margin
    assert cross == Decimal(leg(risk, "BTCUSDT")["maintMargin"])
    assert draft.says[pool].equity == 600_000 + Decimal(leg(risk, "ETHUSDT")["unRealizedProfit"])


def test_an_isolated_leg_whose_wallet_was_used_up_is_still_isolated() -> None:
    account, risk = body("account"), body("position_risk")
    isolated(account, risk, "ETHUSDT", "0")

    assert futures.read_legs(risk)[1].isolated


def test_both_sides_of_hedge_mode_are_positions_of_one_pool() -> None:
    account, risk = body("account"), body("position_risk")
    for rows in (account["positions"], risk):
        leg(rows, "ETHUSDT")["positionSide"] = "LONG"
        short = dict(leg(rows, "ETHUSDT"), positionSide="SHORT", positionAmt="-1000.5")
        rows.append(short)
    account["assets"][0]["maintMargin"] = str(
        sum((Decimal(row["maintMargin"]) for row in risk), Decimal(0))
    )

    draft = drafted(account, risk)

    sides = {(one.symbol, one.side): one.quantity for one in draft.positions}
    assert sides["ETHUSDT", Side.LONG] == Decimal("3683.979")
    assert sides["ETHUSDT", Side.SHORT] == Decimal("1000.5")


def test_a_long_side_with_a_negative_amount_is_refused() -> None:
    risk = body("position_risk")
    risk[0] |= {"positionSide": "LONG", "positionAmt": "-1"}

    with pytest.raises(Unreadable, match="the sign of a LONG position"):
        futures.read_legs(risk)


def test_a_row_that_stands_for_resting_orders_is_no_position() -> None:
    risk = body("position_risk")
    risk[1]["positionAmt"] = "0.000"

    assert [one.symbol for one in futures.read_legs(risk)] == ["BTCUSDT"]


@pytest.mark.parametrize("shown", ["0", "0.00000000", "", None, "-12.5"])
def test_no_liquidation_price_is_none_and_not_nought(shown: object) -> None:
    risk = body("position_risk")
    risk[0]["liquidationPrice"] = shown

    assert futures.read_legs(risk)[0].liquidation_price is None


# ── empty is not flat ──────────────────────────────────────────────────────────────────────────


def test_an_empty_list_of_positions_beside_an_account_that_holds_some_is_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"account has 109\.488 BTCUSDT, positionRisk none"):
        drafted(body("account"), [])


def test_both_lists_empty_but_margin_kept_for_positions_is_unreadable() -> None:
    account = body("account")
    account["positions"] = []

    with pytest.raises(Unreadable, match="positions missing: account keeps 427713"):
        drafted(account, [])


def test_a_position_the_account_does_not_know_is_unreadable() -> None:
    account = body("account")
    account["positions"].pop()

    with pytest.raises(Unreadable, match=r"positionRisk has 3683\.979 ETHUSDT, account none"):
        drafted(account, body("position_risk"))


def test_a_fill_between_the_two_requests_is_torn() -> None:
    risk = body("position_risk")
    risk[0]["positionAmt"] = "100"

    with pytest.raises(futures.Torn, match=r"account has 109\.488 BTCUSDT, positionRisk 100"):
        drafted(body("account"), risk)


def test_flat_is_believed_when_the_account_agrees() -> None:
    account = body("account")
    account["positions"] = []
    for row in account["assets"]:
        row |= {"maintMargin": "0", "positionInitialMargin": "0", "crossUnPnl": "0"}

    draft = drafted(account, [])

    assert draft.positions == []
    assert draft.says["cross:USDT"].maintenance_margin == 0


def test_an_account_without_assets_is_unreadable_unless_it_owns_nothing() -> None:
    account = body("account") | {"assets": []}
    with pytest.raises(Unreadable, match="assets is empty"):
        futures.read_account(account)

    nothing = {"totalMarginBalance": "0", "totalWalletBalance": "0", "totalMaintMargin": "0"}
    account |= nothing | {"positions": [], "totalPositionInitialMargin": "0"}
    assert futures.read_account(account).wallets == {}


def test_a_position_whose_asset_is_missing_is_unreadable() -> None:
    account = body("account")
    account["assets"].pop(0)

    with pytest.raises(Unreadable, match="asset USDT is missing"):
        drafted(account, body("position_risk"))


def test_sums_that_do_not_belong_together_are_unreadable() -> None:
    account = body("account")
    account["assets"][0]["maintMargin"] = "20"

    with pytest.raises(Unreadable, match="maintenance margin of USDT is 20 in account"):
        drafted(account, body("position_risk"))


@pytest.mark.parametrize("name", ["assets", "positions", "totalMaintMargin", "totalMarginBalance"])
def test_an_account_that_lacks_a_part_is_unreadable(name: str) -> None:
    account = body("account")
    del account[name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        futures.read_account(account)


@pytest.mark.parametrize(
    "name", ["positionAmt", "entryPrice", "markPrice", "maintMargin", "unRealizedProfit"]
)
@pytest.mark.parametrize("value", [None, "", "NaN"])
def test_a_position_that_lacks_a_number_is_unreadable(name: str, value: object) -> None:
    risk = body("position_risk")
    risk[1][name] = value

    with pytest.raises(Unreadable, match=rf"positionRisk\[1\]: {name} is"):
        futures.read_legs(risk)


def test_positions_priced_long_ago_are_unreadable() -> None:
    risk = body("position_risk")
    risk[0]["markPrice"] = "33000"

    with pytest.raises(futures.Torn, match="positions are stale: mark of BTCUSDT is 33000"):
        futures.check_marks(futures.read_legs(risk), marks())


# ── what is not modelled ───────────────────────────────────────────────────────────────────────


def test_a_symbol_without_a_table_makes_its_pool_partial_with_the_reason() -> None:
    draft = drafted(body("account"), body("position_risk"), with_tables=tables("BTCUSDT"))
    report = next(p for p in evaluate(snapshot_of(draft)).pools if p.pool == "cross:USDT")

    assert draft.unmodelled == {"cross:USDT": "ETHUSDT has no maintenance table"}
    assert report.status == "partial"


def test_a_pair_that_does_not_name_its_coin_makes_its_pool_partial() -> None:
    account, risk = body("account"), body("position_risk")
    for rows in (account["positions"], risk):
        leg(rows, "ETHUSDT")["symbol"] = "ETHBTC"

    draft = drafted(account, risk)

    assert draft.unmodelled == {"cross:USDT": "ETHBTC settles in USDT: its coin is not known"}


def test_a_table_that_does_not_give_the_venues_margin_is_disputed() -> None:
    legs = futures.read_legs(body("position_risk"))
    brackets = dict(tables().brackets)
    assert futures.disputed(legs, brackets) == []

    brackets["BTCUSDT"] = brackets["ETHUSDT"]

    assert futures.disputed(legs, brackets) == ["BTCUSDT"]


def test_a_pool_under_water_has_amounts_but_no_ratio() -> None:
    account = body("account")
    account["assets"][0]["crossWalletBalance"] = "500000"

    draft = drafted(account, body("position_risk"))

    says = draft.says["cross:USDT"]
    assert says.ratio is None
    assert says.equity is not None
    assert says.equity < 0
