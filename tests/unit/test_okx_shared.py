"""
OKX accounts with one shared pool: what is owed, what orders hold back, what a debt is charged.

Rule: where the venue publishes no rule, its own figures decide; these tests turn those figures and
look at what the snapshot and the report make of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.test_okx_read import BALANCE, Bodies, bodies, changed, snapshot_of
from watcher.domain.account import Asset, Snapshot
from watcher.domain.report import PoolReport, Status
from watcher.margin import evaluate
from watcher.ports import Unreadable

D = Decimal


def totals(told: Bodies, **figures: str) -> Bodies:
    copied = told
    for name, value in figures.items():
        copied = changed(copied, *BALANCE, name, to=value)
    return copied


def detail(told: Bodies, place: int, **figures: str) -> Bodies:
    copied = told
    for name, value in figures.items():
        copied = changed(copied, *BALANCE, "details", place, name, to=value)
    return copied


def asset(snapshot: Snapshot, name: str) -> Asset:
    return next(one for one in snapshot.assets if one.asset == name)


def unified(snapshot: Snapshot) -> PoolReport:
    return next(pool for pool in evaluate(snapshot).pools if pool.pool == "unified")


# ── multi-currency: the fee on a debt ────────────────────────────────────────────────────────


def test_a_ratio_without_room_for_it_charges_no_fee_on_a_debt() -> None:
    """The drawn account: 31,148.35 / (118.069005 + 9.0045), nothing on 2,300.5 USDT owed."""
    snapshot = snapshot_of(bodies("multi"))

    assert snapshot.rules["unified"].borrow_fee_rate == 0
    assert unified(snapshot).disagreement == pytest.approx(0, abs=1e-6)


def test_a_ratio_that_has_room_for_it_charges_the_spot_fee_on_a_debt() -> None:
    fee = D("2301.65025") * (1 + D("0.02")) * D("0.001")
    ratio = D("31148.34975") / (D("118.0690050") + D("9.0045") + fee)
    snapshot = snapshot_of(totals(bodies("multi"), mgnRatio=str(ratio)))

    assert snapshot.rules["unified"].borrow_fee_rate == D("0.001")
    assert unified(snapshot).disagreement == pytest.approx(0, abs=1e-6)


def test_where_no_ratio_is_told_a_debt_is_charged() -> None:
    told = totals(spot(), mgnRatio="")

    assert snapshot_of(told).rules["unified"].borrow_fee_rate == D("0.001")


# ── multi-currency: resting spot orders ──────────────────────────────────────────────────────


def frozen(told: Bodies, *, borrowed_usd: str) -> Bodies:
    """OKB sold beyond what there is: 140 held back of 100."""
    ordered = detail(told, 2, ordFrozen="140")
    return totals(ordered, notionalUsdForBorrow=borrowed_usd, adjEq="31128.34975")


def with_okb_tiers(told: Bodies) -> Bodies:
    return {**told, "borrow OKB": told["borrow USDT"]}


def test_orders_that_hold_back_more_than_there_is_borrow_the_rest() -> None:
    told = with_okb_tiers(bodies("multi"))
    index = asset(snapshot_of(told), "OKB").index
    without = unified(snapshot_of(told)).maintenance_margin

    snapshot = snapshot_of(frozen(told, borrowed_usd=str(D("2301.65025") + 40 * index)))

    assert asset(snapshot, "OKB").frozen == 140
    found = unified(snapshot).maintenance_margin
    assert found is not None
    assert without is not None
    assert found - without == pytest.approx(float(40 * index * D("0.02")))


def test_orders_of_which_the_venue_borrows_nothing_borrow_nothing() -> None:
    told = with_okb_tiers(bodies("multi"))
    snapshot = snapshot_of(frozen(told, borrowed_usd="2301.65025"))

    assert asset(snapshot, "OKB").frozen == 0


def test_orders_that_may_borrow_what_has_no_tiers_make_the_pool_partial() -> None:
    snapshot = snapshot_of(frozen(bodies("multi"), borrowed_usd="2301.65025"))

    assert snapshot.unmodelled == {"unified": "borrowing rate of OKB unknown"}


def test_what_orders_lose_is_what_the_venues_total_leaves_out_of_its_currencies() -> None:
    told = with_okb_tiers(bodies("multi"))
    snapshot = snapshot_of(frozen(told, borrowed_usd="2301.65025"))

    assert snapshot.rules["unified"].order_loss == D(20)
    assert unified(snapshot).equity == pytest.approx(31128.34975)


def test_no_more_is_lost_than_orders_hold_back_and_nothing_without_orders() -> None:
    told = detail(bodies("multi"), 1, ordFrozen="15")
    held_back = snapshot_of(totals(told, adjEq="31000"))
    without = snapshot_of(totals(bodies("multi"), adjEq="31000"))

    assert held_back.rules["unified"].order_loss == 15 * asset(held_back, "USDT").index
    assert without.rules["unified"].order_loss == 0


def test_isolated_margin_in_a_currency_is_no_loss_of_orders() -> None:
    """Whether `disEq` counts it is not documented: its cross part at the ladder stands in."""
    told = detail(
        bodies("multi"), 0, eq="0.6", eqUsd="36000", isoEq="0.1", disEq="35280", ordFrozen="0.4"
    )
    told = totals(told, totalEq="41198.34975")

    assert snapshot_of(told).rules["unified"].order_loss == 0


def test_an_error_of_our_own_is_not_taken_for_a_loss_of_orders() -> None:
    """The loss is of the venue's figures alone: a ladder that is wrong by 1 % stays a mismatch."""
    told = detail(bodies("multi"), 1, ordFrozen="5000")
    told = changed(told, "discount", "data", 0, "details", 0, "discountRate", to="0.97")

    snapshot = snapshot_of(told)

    assert snapshot.rules["unified"].order_loss == 0
    assert [off.what for off in snapshot.mismatches] == ["BTC"]


# ── multi-currency: cross spot margin ────────────────────────────────────────────────────────


def margin_row(**more: str) -> dict[str, Any]:
    """A long position that owes 2,000 of the 2,300.5 USDT; the table asks 2 %."""
    return {
        "instType": "MARGIN",
        "instId": "BTC-USDT",
        "posSide": "net",
        "pos": "0.05",
        "posCcy": "BTC",
        "mgnMode": "cross",
        "ccy": "",
        "liab": "-2000",
        "liabCcy": "USDT",
        "interest": "-0.5",
        "markPx": "60010",
        "mmr": str(D(2000) / D(60010) * D("0.02")),
        "mgnRatio": "245.12",
        "notionalUsd": "3000.5",
        "upl": "0.001",
    } | more


def with_margin(told: Bodies, **more: str) -> Bodies:
    copied = changed(told, "positions", "data", to=[*told["positions"]["data"], margin_row(**more)])
    mark = told["marks"]["data"][0] | {"instId": "BTC-USDT", "instType": "MARGIN"}
    return changed(copied, "marks", "data", to=[*told["marks"]["data"], mark])


def test_a_cross_margin_position_is_computed_from_the_balances_that_carry_it() -> None:
    plain, held = snapshot_of(bodies("multi")), snapshot_of(with_margin(bodies("multi")))

    assert (held.unmodelled, held.mismatches) == ({}, ())
    assert held.assets == plain.assets
    assert unified(held).status is Status.OK
    assert unified(held).requirement == unified(plain).requirement


def test_a_cross_margin_position_whose_debt_no_balance_owes_makes_the_pool_partial() -> None:
    snapshot = snapshot_of(with_margin(bodies("multi"), liab="-9000"))

    assert snapshot.unmodelled == {"unified": "BTC-USDT: its debt is not in the USDT balance"}


def test_a_cross_margin_position_margined_otherwise_than_by_our_table_is_told() -> None:
    row = margin_row(mmr=str(D(2000) / D(60010) * D("0.0202")))
    snapshot = snapshot_of(with_margin(bodies("multi"), mmr=row["mmr"]))

    assert [(off.what, off.figure) for off in snapshot.mismatches] == [
        ("BTC-USDT long", "maintenance margin")
    ]


def test_profit_of_cross_margin_in_the_venues_sum_is_not_taken_off_the_cash() -> None:
    """Whether `upl` counts it is not documented; the equity beside it says that it does not."""
    told = detail(with_margin(bodies("multi"), upl="0.01"), 0, upl="0.01")

    assert asset(snapshot_of(told), "BTC").wallet == D("0.5")


def test_a_cross_margin_position_of_another_make_makes_the_pool_partial() -> None:
    snapshot = snapshot_of(with_margin(bodies("multi"), liabCcy="", liab=""))

    assert "not modelled" in snapshot.unmodelled["unified"]


# ── spot mode that borrows ───────────────────────────────────────────────────────────────────


def spot(**usdt: str) -> Bodies:
    """OK-15: 1 BTC at 60,000 counts 0.98, 30,000 USDT are owed at 3 %, the fee is 0.1 %."""
    told = bodies("multi")
    told = changed(told, "config", "data", 0, "acctLv", to="1")
    told = changed(told, "config", "data", 0, "enableSpotBorrow", to=True)
    told = changed(told, "positions", "data", to=[])
    btc, usdt_row = told["balance"]["data"][0]["details"][:2]
    btc |= {"cashBal": "1", "eq": "1", "eqUsd": "60000", "disEq": "58800", "upl": ""}
    usdt_row |= {"cashBal": "-30000", "eq": "-30000", "eqUsd": "-30000", "disEq": "-30000"}
    usdt_row |= {"upl": "", "liab": "30000", "interest": "0"} | usdt
    told = changed(told, *BALANCE, "details", to=[btc, usdt_row])
    table = changed(told, "borrow USDT", "data", 0, "mmr", to="0.03")
    table["borrow USDT"]["data"] = [table["borrow USDT"]["data"][0] | {"maxSz": "500000"}]
    ratio = D(28800) / (900 + 30_900 * D("0.001"))
    return totals(
        table,
        adjEq="28800",
        mmr="900",
        mgnRatio=str(ratio),
        notionalUsdForBorrow="30000",
        notionalUsdForSwap="0",
        totalEq="30000",
    )


def test_spot_mode_that_borrows_is_computed() -> None:
    snapshot = snapshot_of(spot())
    pool = unified(snapshot)

    assert snapshot.mode == "spot mode, borrowing"
    assert pool.status is Status.OK
    assert pool.equity == pytest.approx(28_800)
    assert pool.maintenance_margin == pytest.approx(900)
    assert pool.health == pytest.approx(30.9378, abs=1e-4)
    assert pool.disagreement == pytest.approx(0, abs=1e-9)
    [btc] = pool.underlyings
    # 0.98 p - 30,000 = 900 + 30.9
    assert btc.liquidation_down == pytest.approx(30_930.9 / 0.98)


def test_a_spot_loan_that_is_kept_asks_for_its_margin_all_the_same() -> None:
    kept = spot(cashBal="0", eq="0", eqUsd="0", disEq="0", liab="30000", coinUsdPrice="1")
    snapshot = snapshot_of(totals(kept, adjEq="58800", totalEq="60000"))

    assert asset(snapshot, "USDT").wallet == asset(snapshot, "USDT").debt == 30_000
    assert unified(snapshot).equity == pytest.approx(58_800)
    assert unified(snapshot).maintenance_margin == pytest.approx(900)


def test_debts_margined_otherwise_than_by_our_tables_are_told() -> None:
    assert snapshot_of(spot()).mismatches == ()

    [off] = snapshot_of(totals(spot(), mmr="909")).mismatches

    assert (off.what, off.ours, off.venue) == ("all debts", D(900), D(909))


def test_spot_mode_that_may_not_borrow_shows_the_venues_figures() -> None:
    told = changed(spot(), "config", "data", 0, "enableSpotBorrow", to=False)

    assert unified(snapshot_of(told)).status is Status.REPORTED


def test_whether_spot_mode_may_borrow_is_not_guessed() -> None:
    with pytest.raises(Unreadable, match="enableSpotBorrow"):
        snapshot_of(changed(spot(), "config", "data", 0, "enableSpotBorrow"))
