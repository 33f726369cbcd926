"""Binance isolated margin (spot): pairs, tiers, and the published pair of examples."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS
from watcher.domain.account import ONE, Snapshot, VenueFlag
from watcher.domain.report import PoolReport
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import isolated, setup
from watcher.venues.binance.draft import Draft
from watcher.venues.fields import decode

D = Decimal
POOL = "isolated_margin:BTCUSDT"


def side(asset: str, **amounts: str) -> dict[str, Any]:
    told = {"free": "0", "locked": "0", "borrowed": "0", "interest": "0"} | amounts
    return {"asset": asset, "netAsset": "0", "totalAsset": "0", **told}


def account(base: dict[str, Any], quote: dict[str, Any], level: str, price: str = "0") -> Any:
    pair = {
        "baseAsset": base,
        "quoteAsset": quote,
        "symbol": base["asset"] + quote["asset"],
        "marginLevel": level,
        "marginLevelStatus": "NORMAL",
        "marginRatio": "10.0",
        "indexPrice": "50000.00000000",
        "liquidatePrice": price,
        "liquidateRate": "0.05",
    }
    return wire(
        {
            "assets": [pair],
            "totalAssetOfBtc": "0.5",
            "totalLiabilityOfBtc": "0.4",
            "totalNetAssetOfBtc": "0.1",
        }
    )


def wire(value: Any) -> Any:
    """As the adapter's decoder hands numbers over."""
    return decode(json.dumps(value))


def long() -> Any:
    """BN-08: 0.5 BTC against 20,005 USDT."""
    quote = side("USDT", borrowed="20000", interest="5")
    return account(side("BTC", free="0.4", locked="0.1"), quote, "1.249687", "42010.5")


def tiers(*ratios: str, symbol: str = "BTCUSDT") -> Any:
    return wire(
        [
            {
                "symbol": symbol,
                "tier": number,
                "effectiveMultiple": "10",
                "initialRiskRatio": "1.111",
                "liquidationRiskRatio": ratio,
                "baseAssetMaxBorrowable": str(number),
                "quoteAssetMaxBorrowable": str(20_000 * number),
            }
            for number, ratio in enumerate(ratios, start=1)
        ]
    )


def drafted(data: Any, table: Any, quote: Decimal | None = ONE) -> Draft:
    draft = Draft()
    for pair in isolated.read_pairs(data):
        isolated.add_pair(draft, pair, isolated.read_tiers(table, pair.symbol), quote)
    return draft


def reported(draft: Draft) -> PoolReport:
    snapshot = Snapshot(
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
    (pool,) = evaluate(snapshot).pools
    return pool


def test_a_long_pair_is_liquidated_where_the_venue_says() -> None:
    """BN-08."""
    draft = drafted(long(), tiers("1.05"))
    pool = reported(draft)

    assert pool.pool == POOL
    assert pool.margin_level == pytest.approx(124.9687, abs=1e-4)
    assert pool.underlyings[0].liquidation_down == pytest.approx(42010.5)
    assert draft.says[POOL].liquidation_prices == {"BTCUSDT": D("42010.5")}
    assert pool.tier_distance == pytest.approx(15.979, abs=1e-4)
    assert pool.disagreement == pytest.approx(0, abs=1e-3)


def test_a_short_pair_is_liquidated_where_the_venue_says() -> None:
    """BN-09, with the call of a 5x pair."""
    data = account(
        side("BTC", free="0.1", borrowed="1.1", interest="0.0005"),
        side("USDT", free="70000"),
        "1.363017",
        "60056.195",
    )

    draft = drafted(data, tiers("1.15", "1.15"))

    pool = reported(draft)
    assert pool.underlyings[0].liquidation_up == pytest.approx(60056.195, rel=1e-6)
    assert draft.rules[POOL].call_level == D("1.19")


def test_the_higher_tier_of_both_debts_rules() -> None:
    data = account(
        side("BTC", free="3", borrowed="1.5"), side("USDT", borrowed="100", free="9"), "1.9"
    )

    draft = drafted(data, tiers("1.05", "1.06", "1.07"))

    assert draft.rules[POOL].liquidation_level == D("1.06")
    assert draft.rules[POOL].call_level is None  # not in the venue's published table


def test_debts_beyond_the_last_tier_take_the_highest_ratio() -> None:
    data = account(side("BTC", free="9"), side("USDT", borrowed="300000"), "1.5")

    assert drafted(data, tiers("1.05", "1.06")).rules[POOL].liquidation_level == D("1.06")


def test_a_pair_without_a_debt_is_in_no_danger() -> None:
    data = account(side("BTC", free="1"), side("USDT"), "999.00000000")
    data["totalLiabilityOfBtc"] = "0"

    pool = reported(drafted(data, tiers("1.05")))

    assert pool.health == float("inf")
    assert pool.tier_distance is None


def test_the_placeholder_of_no_debt_is_not_believed_beside_one() -> None:
    data = long()
    data["assets"][0]["marginLevel"] = "999.00000000"

    assert drafted(data, tiers("1.05")).says[POOL].ratio is None


def test_a_quote_without_a_price_makes_the_pair_partial_with_the_venues_level() -> None:
    pool = reported(drafted(long(), tiers("1.05"), quote=None))

    assert (pool.status, pool.why) == ("partial", "no index price of USDT")
    assert pool.health == pytest.approx(0.249687 / 0.05)


def test_a_pair_never_used_is_left_out_whatever_it_lacks() -> None:
    data = long()
    data["assets"].append({"baseAsset": side("ETH"), "quoteAsset": side("USDT"), "symbol": "X"})

    assert [pair.symbol for pair in isolated.read_pairs(data)] == ["BTCUSDT"]


@pytest.mark.parametrize("name", ["totalAssetOfBtc", "totalLiabilityOfBtc"])
def test_pairs_that_vanish_from_a_total_are_unreadable(name: str) -> None:
    data = long() | {"assets": []} | {"totalAssetOfBtc": "0", "totalLiabilityOfBtc": "0"}
    data[name] = "0.5"

    with pytest.raises(Unreadable, match="assets is"):
        isolated.read_pairs(data)


@pytest.mark.parametrize("name", ["marginLevel", "indexPrice", "liquidatePrice"])
def test_a_pair_that_lacks_a_figure_is_unreadable(name: str) -> None:
    data = long()
    del data["assets"][0][name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        isolated.read_pairs(data)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ([], "no tier of BTCUSDT"),
        (tiers("1"), "liquidationRiskRatio is"),
        (tiers("1.05", symbol="ETHUSDT"), "symbol is 'ETHUSDT'"),
    ],
)
def test_tiers_that_cannot_be_right_are_unreadable(table: Any, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        isolated.read_tiers(table, "BTCUSDT")


def test_an_index_off_the_public_ones_is_stale() -> None:
    (pair,) = isolated.read_pairs(long())

    assert not isolated.is_stale(pair, {"BTC": D(50_400), "USDT": D(1)}.get)
    assert isolated.is_stale(pair, {"BTC": D(51_000), "USDT": D(1)}.get)
    assert not isolated.is_stale(pair, {"USDT": D(1)}.get)  # nothing public to compare with


@pytest.mark.parametrize(
    ("state", "forced"),
    [("EXCESSIVE", None), ("NORMAL", None), ("MARGIN_CALL", False), ("FORCE_LIQUIDATION", True)],
)
def test_the_venues_word_for_the_level_is_carried(state: str, *, forced: bool | None) -> None:
    data = long()
    data["assets"][0]["marginLevelStatus"] = state

    flags = drafted(data, tiers("1.11")).flags

    pool = "isolated_margin:BTCUSDT"
    expected = [] if forced is None else [VenueFlag(pool=pool, says=state, forced=forced)]
    assert flags == expected


def test_a_pair_without_that_word_is_read_all_the_same() -> None:
    data = long()
    del data["assets"][0]["marginLevelStatus"]

    assert not drafted(data, tiers("1.11")).flags
