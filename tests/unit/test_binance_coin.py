"""Binance COIN-M: from the dapi bodies to pools in coin, and when they are not believed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS, body, leg
from tests.unit.test_binance_futures import snapshot_of
from watcher.domain.account import Family, Side
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import coin, setup
from watcher.venues.binance.coin_side import coin_of
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.futures import Torn, check_marks

D = Decimal


def marks() -> setup.Marks:
    return setup.Marks.of(setup.read_mark_table(body("coin_premium")), AT_MS)


def tables(brackets: Any = None) -> coin.CoinTables:
    return coin.CoinTables(
        contracts=coin.read_contracts(body("coin_exchange_info")),
        brackets=coin.read_brackets(brackets or body("coin_bracket")),
    )


def drafted(
    account: Any = None, risk: Any = None, *, given: coin.CoinTables | None = None
) -> Draft:
    """Read both bodies as the adapter does, checks included."""
    read = coin.read_account(account or body("coin_account"))
    risks = coin.read_risks(body("coin_position_risk") if risk is None else risk)
    coin.check_agreement(read, risks)
    check_marks(risks, marks())
    draft = Draft()
    coin.add_coins(draft, read, risks, given or tables(), marks(), {"BTC": D("38000")})
    return draft


def test_a_coin_is_a_pool_and_an_isolated_leg_is_another() -> None:
    draft = drafted()

    assert {name: rules.family for name, rules in draft.rules.items()} == {
        "coin:BTC": Family.INVERSE_POOL,
        "isolated:BTCUSD_PERP:long": Family.INVERSE_POOL,
    }
    perpetual, dated = draft.positions
    assert perpetual.inverse
    assert perpetual.quantity * perpetual.contract_size == 200
    assert perpetual.isolated_margin == D("0.00268058")
    assert (dated.side, dated.pool, dated.underlying) == (Side.SHORT, "coin:BTC", "BTC")
    assert [(one.pool, one.wallet) for one in draft.assets] == [("coin:BTC", D("0.5"))]
    assert draft.mismatches == []


def test_figures_are_in_coin_and_are_the_venues() -> None:
    pools = {pool.pool: pool for pool in evaluate(snapshot_of(drafted())).pools}

    cross = pools["coin:BTC"]
    profit = 10_000 / 38_200 - 10_000 / 39_000
    assert cross.reference == "BTC"
    assert cross.equity == pytest.approx(0.5 + profit, abs=1e-8)
    assert cross.maintenance_margin == pytest.approx(10_000 / 38_200 * 0.004, abs=1e-8)
    assert cross.disagreement == pytest.approx(0, abs=0.01)


def test_the_recorded_payload_gives_its_own_liquidation_price() -> None:
    """BN-20."""
    snapshot = replace(snapshot_of(drafted()), venue_says={})
    pools = {pool.pool: pool for pool in evaluate(snapshot).pools}

    (one,) = pools["isolated:BTCUSD_PERP:long"].positions
    assert one.liquidation_price == pytest.approx(25_119.974_457_60, abs=1e-5)


def test_a_floor_is_read_under_either_name_and_scaled_by_the_coefficient() -> None:
    data = body("coin_bracket")
    for row in data[0]["brackets"]:
        row["qtyFloor"] = row.pop("qtylFloor")
    data[0]["notionalCoef"] = D("1.5")

    table = coin.read_brackets(data)["BTCUSD_PERP"]

    assert [row.floor for row in table] == [0, D("7.5"), 15, 30, 75]
    assert table[1].deduction == D("0.0075")


def test_a_floor_under_no_name_is_unreadable() -> None:
    data = body("coin_bracket")
    del data[0]["brackets"][1]["qtylFloor"]

    with pytest.raises(Unreadable, match="qtyFloor is missing"):
        coin.read_brackets(data)


@pytest.mark.parametrize("spoil", ["first", "twice"])
def test_a_table_out_of_order_is_unreadable(spoil: str) -> None:
    data = body("coin_bracket")
    rows = data[0]["brackets"]
    rows[:] = rows[1:] if spoil == "first" else [*rows, rows[1]]

    with pytest.raises(
        Unreadable, match=r"BTCUSD_PERP.brackets\[\d\] begins at 5, expected (0|10)"
    ):
        coin.read_brackets(data)


def test_bodies_that_tell_of_different_positions_are_torn() -> None:
    with pytest.raises(Torn, match="coin account has -100 BTCUSD_261225, positionRisk none"):
        drafted(risk=body("coin_position_risk")[:1])

    account = body("coin_account")
    leg(account["positions"], "BTCUSD_PERP")["isolated"] = False
    with pytest.raises(Torn, match="differ on whether BTCUSD_PERP is isolated"):
        drafted(account)


def test_margin_kept_for_positions_nobody_lists_is_torn() -> None:
    account = body("coin_account") | {"positions": []}

    with pytest.raises(Torn, match=r"coin account keeps 0\.0010"):
        drafted(account, [])


def test_a_coin_that_was_held_may_not_leave_the_list() -> None:
    account = coin.read_account(body("coin_account"))

    coin.check_purses(account, {"BTC"})
    with pytest.raises(Torn, match="lists no SOL"):
        coin.check_purses(account, {"SOL"})


def test_positions_priced_long_ago_are_torn() -> None:
    risk = body("coin_position_risk")
    risk[0]["markPrice"] = "40000"

    with pytest.raises(Torn, match="mark of BTCUSD_PERP is 40000"):
        drafted(risk=risk)


@pytest.mark.parametrize("name", ["assets", "positions"])
def test_an_account_that_lacks_a_part_is_unreadable(name: str) -> None:
    account = body("coin_account")
    del account[name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        coin.read_account(account)


@pytest.mark.parametrize("name", ["markPrice", "entryPrice", "positionAmt", "leverage"])
@pytest.mark.parametrize("value", [None, "", "NaN"])
def test_a_position_that_lacks_a_number_is_unreadable(name: str, value: object) -> None:
    risk = body("coin_position_risk")
    risk[0][name] = value

    with pytest.raises(Unreadable, match=rf"positionRisk\[0\]: {name} is"):
        coin.read_risks(risk)


def test_a_contract_without_a_table_makes_its_pool_partial() -> None:
    given = tables([row for row in body("coin_bracket") if row["symbol"] != "BTCUSD_261225"])

    assert drafted(given=given).unmodelled == {"coin:BTC": "BTCUSD_261225 has no maintenance table"}


def test_a_contract_without_a_size_is_unreadable() -> None:
    given = replace(tables(), contracts={})

    with pytest.raises(Unreadable, match="BTCUSD_PERP settles in a coin not listed"):
        drafted(given=given)


def test_a_table_that_does_not_give_the_venues_margin_is_doubtful_and_told() -> None:
    data = body("coin_bracket")
    data[1]["brackets"][0]["maintMarginRatio"] = D("0.0041")
    given = tables(data)
    account = coin.read_account(body("coin_account"))
    risks = coin.read_risks(body("coin_position_risk"))

    assert coin.doubtful(account, risks, tables()) == []
    assert coin.doubtful(account, risks, given) == ["BTCUSD_261225"]
    (told,) = drafted(given=given).mismatches
    assert (told.pool, told.what) == ("coin:BTC", "BTCUSD_261225 short")


def test_an_account_with_nothing_there_is_not_used() -> None:
    assert not coin.read_account(body("coin_account_idle")).is_used
    assert coin.read_account(body("coin_account")).is_used


@pytest.mark.parametrize(
    ("symbol", "found"),
    [("BTCUSD_PERP", "BTC"), ("ETHUSD_261225", "ETH"), ("BTCUSDT_261225", None), ("BTCUSD", None)],
)
def test_the_coin_is_read_off_a_coin_m_symbol_only(symbol: str, found: str | None) -> None:
    assert coin_of(symbol) == found
