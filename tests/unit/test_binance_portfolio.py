"""Binance portfolio margin: the venue's own figures, positions and stages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.binance_bodies import AT_MS, body
from watcher.domain.account import Snapshot, VenueFlag
from watcher.domain.report import PoolReport
from watcher.margin import evaluate
from watcher.ports import Unreadable
from watcher.venues.binance import portfolio, setup
from watcher.venues.binance.draft import Draft


def marks() -> setup.Marks:
    return setup.Marks.of(setup.read_mark_table(body("premium_index")), AT_MS)


def reported(account: Any, linear: Any, inverse: Any) -> PoolReport:
    draft = Draft()
    held = (*portfolio.read_linear(linear), *portfolio.read_inverse(inverse))
    portfolio.add_portfolio(draft, portfolio.read_portfolio(account), held, marks())
    snapshot = Snapshot(
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
    (pool,) = evaluate(snapshot).pools
    return pool


def whole() -> PoolReport:
    return reported(
        body("papi_account"), body("papi_um_position_risk"), body("papi_cm_position_risk")
    )


def test_portfolio_margin_is_reported_by_its_own_ratio() -> None:
    """BN-22."""
    pool = whole()

    assert (pool.pool, pool.status) == ("portfolio", "reported")
    assert pool.health == pytest.approx(1.99999999 / 1.05)
    assert pool.equity == pytest.approx(30.23416728)
    assert pool.maintenance_margin == pytest.approx(15.11708371)


def test_positions_of_both_kinds_are_listed_with_their_value() -> None:
    short, long = whole().positions

    assert (short.symbol, short.side) == ("BTCUSDT", "short")
    assert short.notional == pytest.approx(3196.727)
    assert short.unrealised_pnl == pytest.approx(303.273)
    assert short.liquidation_price == pytest.approx(45000.5)
    assert (long.symbol, long.side, long.liquidation_price) == ("BTCUSD_PERP", "long", None)
    # 25 contracts of 100 USD, told in USDT at the index of the coin
    assert long.notional == pytest.approx(2500, rel=1e-3)


def test_no_tier_is_taken_from_prices_the_venue_calls_approximate() -> None:
    pool = whole()

    assert pool.positions[0].distance is not None
    assert pool.tier_distance is None


def test_an_account_that_tells_less_is_still_reported() -> None:
    """PM Pro: sapi portfolio/account has no initial margin."""
    data = body("papi_account") | {"accountType": "PM_1"}
    del data["accountInitialMargin"]

    assert portfolio.is_pro(data)
    assert reported(data, [], []).used_margin is None


@pytest.mark.parametrize("kind", ["PM_2", "MARGIN_1", ""])
def test_no_other_account_is_taken_for_pro(kind: str) -> None:
    assert not portfolio.is_pro(body("papi_account") | {"accountType": kind or "NONE"})
    assert not portfolio.is_pro(body("papi_account"))


@pytest.mark.parametrize("name", ["uniMMR", "accountEquity", "accountMaintMargin", "accountStatus"])
def test_an_account_that_lacks_a_figure_is_unreadable(name: str) -> None:
    data = body("papi_account")
    del data[name]

    with pytest.raises(Unreadable, match=f"{name} is missing"):
        portfolio.read_portfolio(data)


def test_a_state_nobody_knows_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="accountStatus is"):
        portfolio.read_portfolio(body("papi_account") | {"accountStatus": "ODD"})


def test_a_mark_off_the_public_one_is_stale() -> None:
    rows = body("papi_um_position_risk")
    rows[0]["markPrice"] = "40000"

    with pytest.raises(Unreadable, match="stale: BTCUSDT is marked 40000"):
        portfolio.check_marks(portfolio.read_linear(rows), marks())


def test_contracts_of_no_whole_size_are_unreadable() -> None:
    rows = body("papi_cm_position_risk")
    rows[0]["notionalValue"] = "0.00005"

    with pytest.raises(Unreadable, match="notionalValue is"):
        portfolio.read_inverse(rows)


@pytest.mark.parametrize(
    ("state", "flags"),
    [
        ("NORMAL", []),
        ("MARGIN_CALL", [VenueFlag(pool="portfolio", says="MARGIN_CALL")]),
        ("REDUCE_ONLY", [VenueFlag(pool="portfolio", says="REDUCE_ONLY")]),
        (
            "ACTIVE_LIQUIDATION",
            [VenueFlag(pool="portfolio", says="ACTIVE_LIQUIDATION", forced=True)],
        ),
    ],
)
def test_the_state_of_the_account_is_carried(state: str, flags: list[VenueFlag]) -> None:
    draft = Draft()
    told = portfolio.read_portfolio(body("papi_account") | {"accountStatus": state})

    portfolio.add_portfolio(draft, told, (), marks())

    assert draft.flags == flags
