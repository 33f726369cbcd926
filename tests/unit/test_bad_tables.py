"""
Tables a venue could not have meant, as they would come over its wire: missed or partial, by name.

What a file may say wrong is in `test_bad_snapshots`; a field that is missing or no number, marks
and prices among them, in each venue's own tests.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit import test_bybit_read as bybit_read
from tests.unit import test_okx_read as okx_read
from tests.unit.binance_bodies import body, leg
from watcher.ports import Unreadable
from watcher.venues.binance import coin, setup
from watcher.venues.bybit import tables as bybit
from watcher.venues.okx import tables as okx

Rows = list[dict[str, Any]]


def without(place: int) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows.pop(place)

    return change


def put(place: int, field: str, value: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[place][field] = value

    return change


def again(place: int, field: str, value: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows.append(rows[place] | {field: value})

    return change


# ── maintenance ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(0), r"BTCUSDT.brackets\[0\] begins at 50000, expected 0"),
        (without(1), r"BTCUSDT.brackets\[1\] begins at 250000, expected 50000"),
        (put(1, "notionalFloor", "40000"), r"brackets\[1\] begins at 40000, expected 50000"),
        (put(1, "notionalFloor", "60000"), r"brackets\[1\] begins at 60000, expected 50000"),
        (put(0, "notionalCap", "260000"), r"brackets\[1\] begins at 50000, expected 260000"),
        (put(0, "notionalFloor", "-1"), "notionalFloor is '-1'"),
        (put(0, "maintMarginRatio", "-0.004"), r"BTCUSDT.+: maintMarginRatio is '-0.004'"),
        (put(2, "maintMarginRatio", "1.01"), "maintMarginRatio is '1.01'"),
        (again(1, "cum", "51"), r"brackets\[2\] begins at 50000, expected 250000"),
        (put(1, "cum", "-50"), "cum is '-50'"),
    ],
)
def test_binance_futures_table(change: Callable[[Rows], None], words: str) -> None:
    data = body("leverage_bracket")
    change(leg(data, "BTCUSDT")["brackets"])

    with pytest.raises(Unreadable, match=words):
        setup.read_brackets(data, {"BTCUSDT"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(0), r"BTCUSD_PERP.brackets\[0\] begins at 5, expected 0"),
        (without(2), r"BTCUSD_PERP.brackets\[2\] begins at 20, expected 10"),
        (put(1, "qtylFloor", "4"), r"BTCUSD_PERP.brackets\[1\] begins at 4, expected 5"),
        (put(1, "maintMarginRatio", "-0.01"), r"BTCUSD_PERP.+: maintMarginRatio is '-0.01'"),
        (put(1, "maintMarginRatio", "2"), "maintMarginRatio is '2'"),
    ],
)
def test_binance_coin_table(change: Callable[[Rows], None], words: str) -> None:
    data = body("coin_bracket")
    change(leg(data, "BTCUSD_PERP")["brackets"])

    with pytest.raises(Unreadable, match=words):
        coin.read_brackets(data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(0), "mmDeduction is '1200', expected 0 in the lowest row"),
        (without(1), "mmDeduction is '3020', expected 2600 after the row that ends at 2000000"),
        (again(1, "mmDeduction", "1300"), "riskLimitValue is '2600000', expected each end once"),
        (put(1, "maintenanceMargin", "-0.0056"), "maintenanceMargin is '-0.0056'"),
        (put(1, "maintenanceMargin", "1.5"), "maintenanceMargin is '1.5'"),
    ],
)
def test_bybit_risk_limits(change: Callable[[Rows], None], words: str) -> None:
    told = copy.deepcopy(bybit_read.bodies("cross"))["risk BTCUSDT"]
    change(told["result"]["list"])

    with pytest.raises(Unreadable, match=words):
        bybit.read_brackets(told, "BTCUSDT")


def test_a_bybit_row_two_pages_tell_alike_counts_once() -> None:
    told = bybit_read.bodies("cross")["risk BTCUSDT"]
    plain = bybit.read_brackets(told, "BTCUSDT")
    told["result"]["list"].append(dict(told["result"]["list"][1]))

    assert bybit.read_brackets(told, "BTCUSDT") == plain


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(0), r"okx position-tiers BTC-USDT\[0\] begins at 15000, expected 0"),
        (without(1), r"okx position-tiers BTC-USDT\[1\] begins at 25000, expected 15000"),
        (put(1, "minSz", "14000"), r"BTC-USDT\[1\] begins at 14000, expected 15000"),
        (put(1, "minSz", "15002"), r"BTC-USDT\[1\] begins at 15002, expected 15000"),
        (put(1, "maxSz", "15000"), r"BTC-USDT\[1\] ends at 15000, expected more than 15000"),
        (put(0, "mmr", "-0.1"), r"BTC-USDT\[0\]: mmr is '-0.1'"),
        (put(0, "mmr", "1.1"), "mmr is '1.1'"),
    ],
)
def test_okx_tiers(change: Callable[[Rows], None], words: str) -> None:
    told = copy.deepcopy(okx_read.bodies("multi"))["tiers SWAP cross"]
    change(told["data"])

    with pytest.raises(Unreadable, match=words):
        okx.read_brackets(told, ["BTC-USDT"])


# ── what is owed ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(0), r"okx position-tiers USDT\[0\] begins at 5000, expected 0"),
        (put(1, "minSz", "6000"), r"okx position-tiers USDT\[1\] begins at 6000, expected 5000"),
        (put(1, "mmr", "7"), "mmr is '7'"),
    ],
)
def test_okx_borrowing(change: Callable[[Rows], None], words: str) -> None:
    told = copy.deepcopy(okx_read.bodies("multi"))["borrow USDT"]
    change(told["data"])

    with pytest.raises(Unreadable, match=words):
        okx.read_borrow(told, "USDT")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (again(0, "positionMMR", "0.05"), "borrowLimit is '390', expected each end once"),
        (put(0, "positionMMR", "-0.05"), r"BTC.+: positionMMR is '-0.05'"),
        (put(0, "positionMMR", "1.05"), "positionMMR is '1.05'"),
        (lambda rows: rows.clear(), "positionTiersRatioList"),
    ],
)
def test_bybit_borrowing(change: Callable[[Rows], None], words: str) -> None:
    told = copy.deepcopy(bybit_read.bodies("cross"))["borrow"]
    change(told["result"]["list"][0]["positionTiersRatioList"])

    with pytest.raises(Unreadable, match=words):
        bybit.read_borrow(told)


# ── collateral ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("change", [without(0), put(0, "discountRate", "1.2")])
def test_okx_discounts_that_do_not_fit_make_the_pool_partial(
    change: Callable[[Rows], None],
) -> None:
    told = copy.deepcopy(okx_read.bodies("multi"))
    change(told["discount"]["data"][0]["details"])

    assert okx_read.snapshot_of(told).unmodelled == {"unified": "discount rates of BTC unknown"}


@pytest.mark.parametrize("change", [without(0), put(1, "collateralRatio", "-0.2")])
def test_bybit_ratios_that_do_not_fit_make_the_pool_partial(
    change: Callable[[Rows], None],
) -> None:
    told = copy.deepcopy(bybit_read.bodies("cross"))
    change(told["collateral"]["result"]["list"][2]["collateralRatioList"])

    snapshot = bybit_read.snapshot_of(told)

    assert snapshot.unmodelled == {"unified": "collateral ratio of BTC unknown"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without(0), "minUsdValue is"),
        (put(0, "discountRate", "1.5"), "discountRate is '1.5'"),
        (put(0, "discountRate", "-1"), "discountRate is '-1'"),
    ],
)
def test_binance_collateral_ratios(change: Callable[[Rows], None], words: str) -> None:
    data = body("collateral_ratio")
    change(data[0]["collaterals"])

    with pytest.raises(Unreadable, match=words):
        setup.read_weights(data)
