"""Binance: mode, rights, brackets, weights, bars and marks, read strictly."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.binance_bodies import AT_MS, body, leg
from watcher.domain.account import Weight
from watcher.domain.status import KeyRights
from watcher.ports import Unreadable
from watcher.venues.binance import setup


def test_the_doors_and_modes_are_the_venues_own_flags() -> None:
    assert setup.read_doors(body("account_info")) == setup.Doors(
        margin=True, futures=True, portfolio=False
    )
    assert setup.read_futures_mode(body("account_config")) == setup.FuturesMode(
        multi_assets=False, hedge=False
    )


@pytest.mark.parametrize("name", ["isMarginEnabled", "isPortfolioMarginRetailEnabled"])
def test_a_mode_that_is_not_told_is_unreadable_not_classic(name: str) -> None:
    data = body("account_info")
    del data[name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        setup.read_doors(data)


def test_rights_of_a_read_only_key() -> None:
    assert setup.read_rights(body("api_restrictions")) == KeyRights(
        read=True, trade=False, transfer=False, withdraw=False, ip_bound=True
    )


def test_rights_add_up_over_products() -> None:
    data = body("api_restrictions") | {
        "enableFutures": True,
        "enableInternalTransfer": True,
        "enableWithdrawals": True,
        "ipRestrict": False,
        "tradingAuthorityExpirationTime": AT_MS,
    }

    assert setup.read_rights(data) == KeyRights(
        read=True,
        trade=True,
        transfer=True,
        withdraw=True,
        ip_bound=False,
        expires_at_us=AT_MS * 1000,
    )


def test_a_right_that_is_not_told_is_unreadable_not_absent() -> None:
    data = body("api_restrictions")
    del data["enableWithdrawals"]

    with pytest.raises(Unreadable, match="enableWithdrawals is missing"):
        setup.read_rights(data)


def test_brackets_reproduce_the_published_maintenance_margin() -> None:
    """Maintenance of the FAQ's two positions: 71,200.81 and 356,512.51."""
    tables = setup.read_brackets(body("leverage_bracket"), {"BTCUSDT", "ETHUSDT"})

    for row in body("position_risk"):
        notional = Decimal(row["notional"])
        assert setup.maintenance_of(notional, tables[row["symbol"]]) == pytest.approx(
            Decimal(row["maintMargin"]), abs=Decimal("1e-6")
        )


def test_only_the_symbols_held_are_kept() -> None:
    tables = setup.read_brackets(body("leverage_bracket"), {"BTCUSDT", "NEWUSDT"})

    assert list(tables) == ["BTCUSDT"]


def test_a_coefficient_scales_floors_and_amounts_so_that_the_table_stays_continuous() -> None:
    data = body("leverage_bracket")
    leg(data, "BTCUSDT")["notionalCoef"] = Decimal("1.5")

    table = setup.read_brackets(data, {"BTCUSDT"})["BTCUSDT"]

    assert [row.floor for row in table] == [0, 75_000, 375_000, 1_500_000, 15_000_000]
    assert table[3].deduction == 24_450
    for row in table[1:]:
        below = setup.maintenance_of(row.floor, table)
        assert below == row.floor * row.rate - (row.deduction or 0)


def test_a_table_that_does_not_start_at_nothing_is_refused() -> None:
    data = body("leverage_bracket")
    leg(data, "BTCUSDT")["brackets"].pop(0)

    with pytest.raises(Unreadable, match=r"BTCUSDT.brackets\[0\] begins at 50000, expected 0"):
        setup.read_brackets(data, {"BTCUSDT"})


@pytest.mark.parametrize("data", [[], [{"symbol": "BTCUSDT", "brackets": []}]])
def test_empty_tables_are_refused(data: object) -> None:
    with pytest.raises(Unreadable):
        setup.read_brackets(data, {"BTCUSDT"})


def test_bars_come_from_the_account_never_from_habit() -> None:
    assert setup.read_bars(body("trade_coeff")) == setup.Bars(
        call=Decimal("1.3"), liquidation=Decimal("1.1")
    )
    with pytest.raises(Unreadable, match="forceLiquidationBar is missing"):
        setup.read_bars({"normalBar": "1.5", "marginCallBar": "1.3"})
    with pytest.raises(Unreadable, match="1 < liquidation < call"):
        setup.read_bars(body("trade_coeff") | {"forceLiquidationBar": "1.4"})


def test_collateral_slices_end_with_nothing_above_the_last_cap() -> None:
    weights = setup.read_weights(body("collateral_ratio"))

    assert weights["USDC"] == (
        Weight(floor=Decimal(0), weight=Decimal(1)),
        Weight(floor=Decimal(200_000_000), weight=Decimal(0)),
    )
    assert [slice_.weight for slice_ in weights["BTC"]] == [
        Decimal(text) for text in ("1", "0.975", "0.95", "0.90", "0.85", "0")
    ]


def test_a_gap_between_slices_is_refused() -> None:
    data = body("collateral_ratio")
    data[0]["collaterals"].pop(2)

    with pytest.raises(Unreadable, match="minUsdValue"):
        setup.read_weights(data)


def test_indices_are_in_usdt_and_a_stable_without_a_pair_goes_through_bitcoin() -> None:
    marks = setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS)

    assert marks.index("USDT") == 1
    assert marks.index("BTC") == Decimal("31970.5")
    assert marks.index("USDC") == Decimal("31970.5") / Decimal("31986.48525")
    assert marks.index("NIL") is None
    assert marks.mark("BTCUSDT_261225") == Decimal("32100.1")


def test_marks_that_stand_still_under_http_200_are_unreadable() -> None:
    with pytest.raises(Unreadable, match="marks are 41 s old"):
        setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS + 41_000)
    with pytest.raises(Unreadable, match="ahead of our clock"):
        setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS - 31_000)


def test_one_old_mark_among_fresh_ones_is_unreadable_where_it_is_used() -> None:
    data = body("premium_index")
    leg(data, "ETHUSDT")["time"] = AT_MS - 35_000
    marks = setup.Marks.of(setup.read_mark_table(data), AT_MS)

    assert marks.mark("BTCUSDT") is not None
    with pytest.raises(Unreadable, match="marks are 35 s old"):
        marks.mark("ETHUSDT")


def test_an_empty_list_of_marks_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="empty"):
        setup.Marks.of(setup.read_mark_table([]), AT_MS)


def test_a_margin_price_index_is_of_the_pair_asked_for_and_of_now() -> None:
    assert setup.read_price_index(body("price_index"), "NILUSDT", AT_MS) == Decimal("0.42")
    with pytest.raises(Unreadable, match="symbol is 'NILUSDT'"):
        setup.read_price_index(body("price_index"), "BTCUSDT", AT_MS)
    with pytest.raises(Unreadable, match="61 s old"):
        setup.read_price_index(body("price_index"), "NILUSDT", AT_MS + 61_000)


@pytest.mark.parametrize(
    ("symbol", "settle", "underlying"),
    [
        ("BTCUSDT", "USDT", "BTC"),
        ("BTCUSDT_261225", "USDT", "BTC"),
        ("BTCUSDC", "USDC", "BTC"),
        ("BTCUSDC", None, "BTC"),
        ("1000PEPEUSDT", "USDT", "1000PEPE"),
        ("ETHBTC", "USDT", None),
        ("USDT", "USDT", None),
    ],
)
def test_the_underlying_is_read_off_the_symbol_or_not_at_all(
    symbol: str, settle: str | None, underlying: str | None
) -> None:
    assert setup.underlying_of(symbol, settle) == underlying
