"""
What each published example is checked for: its inputs as a snapshot, our answer under its names.

Rule: a function takes an example's inputs and returns {name: our figure}; the names are those of
the example's `expected`. Nothing is computed here that the engine should have computed. A venue's
own worked examples are in the module of its name; here are the real cases, already put in common
words under `normalised`, and the tables of them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tests.examples.build import (
    POOL,
    Found,
    Given,
    coin,
    dec,
    haircut,
    leg,
    linear,
    report,
    snapshot,
    table,
)
from tests.examples.cases_binance import (
    binance_sizing,
    cm_cross,
    cm_isolated,
    cm_row,
    cm_step,
    pro_portfolio,
    um_account,
    um_asset_index,
    um_brackets,
    um_cross,
    um_isolated,
    um_multi,
    um_row,
)
from tests.examples.cases_binance_margin import (
    btc_on_credit,
    collateral_by_value,
    isolated_pair,
    margin_interest,
    pro_account,
    pro_debts,
    pro_steps,
    totals_of_margin,
)
from tests.examples.cases_bybit import (
    bybit_borrowed,
    bybit_deductions,
    bybit_inverse_slices,
    bybit_isolated,
    bybit_position,
    bybit_sizing,
    bybit_slices,
    bybit_sold_option,
    bybit_totals,
    bybit_truncation,
    bybit_usdc_pool,
    collateral_by_quantity,
)
from tests.examples.cases_okx import (
    okx_account,
    okx_bucket,
    okx_contracts,
    okx_equity,
    okx_flat_weights,
    okx_implied,
    okx_isolated,
    okx_partial,
    okx_sizing,
    okx_spot_debt,
    okx_spot_margin,
)
from tests.examples.practice import Asks, asking, of_binance, of_bybit_at_entry
from watcher.domain.account import (
    Bracket,
    BracketKind,
    Family,
    Rules,
    VenueSays,
)
from watcher.margin.tables import bracket_steps


def real_pool(i: Given, asks: Asks = of_binance) -> Found:
    """One account of the common words: balances and positions, cross or isolated."""
    positions = i["positions"]
    isolated = any(p["margin_mode"] == "isolated" for p in positions)
    cash = i["balances"][0]["total"] if i["balances"] else 0
    at_entry = any(p.get("mm_basis") == "entry" for p in positions)
    rules = linear(maintenance_basis="entry" if at_entry else "mark")
    margin = {"isolated_margin": dec(cash)} if isolated else {}
    legs = [asking(leg(p, **margin), asks) for p in positions]
    pool = report(snapshot(rules, [] if isolated else [coin("USDT", cash)], legs))
    return {
        "liquidation_price": {p.symbol: p.liquidation_price for p in pool.positions},
        "equity": pool.equity,
        "initial_margin": pool.initial_margin,
        "maintenance_margin": pool.maintenance_margin,
        "maintenance_margin_ratio": pool.health and 1 / pool.health,
        "unrealized_pnl": sum(p.unrealised_pnl for p in pool.positions),
        "notional": sum(p.notional for p in pool.positions),
    }


def real_bybit_row(i: Given) -> Found:
    """Fee to close at bankruptcy, margin of that time on the entry value."""
    (p,) = i["positions"]
    fee = i["account"].get("taker_fee", 0)
    rules = linear(fee_basis="entry", maintenance_basis="entry")
    one = asking(leg(p | {"taker_fee": fee}), of_bybit_at_entry)
    pool = report(snapshot(rules, [coin("USDT", 0)], [one]))
    return {
        "initial_margin": pool.initial_margin,
        "maintenance_margin": pool.maintenance_margin,
        "unrealized_pnl": pool.positions[0].unrealised_pnl,
    }


def real_lookup(i: Given) -> Found:
    rows = i["tiers_BTCUSDT_2021"]
    floors = [0, *(row[0] for row in rows[:-1])]
    brackets = table([(f, row[1], row[2]) for f, row in zip(floors, rows, strict=True)])

    def margin(notional: int) -> float | None:
        one = leg({"mark": 1, "quantity": notional}, brackets=brackets)
        return report(snapshot(linear(), [coin("USDT", 0)], [one])).maintenance_margin

    steps = bracket_steps(brackets, BracketKind.MARGINAL, "example")
    return {
        "mmr_at_264000": steps[2].rate,
        "maint_amount_at_500000": steps[2].deduction,
        "maintenance_margin_at_264000": margin(264_000),
        "maintenance_margin_at_500000": margin(500_000),
    }


def real_tiers(raw: Given, points: list[float]) -> Found:
    brackets = tuple(
        Bracket(
            floor=dec(t["info"]["notionalFloor"]),
            rate=dec(t["info"]["maintMarginRatio"]),
            deduction=dec(t["info"]["cum"]),
        )
        for t in raw["tiers"]
    )
    return {
        "maintenance_margin": [
            report(
                snapshot(
                    linear(),
                    [coin("USDT", 0)],
                    [leg({"mark": 1, "quantity": point}, brackets=brackets)],
                )
            ).maintenance_margin
            for point in points
        ]
    }


def real_okx_account(raw: Given) -> Found:
    margin, notional = dec(raw["mmr"]), dec(raw["notionalUsd"])
    return okx_account(
        raw | {"taker_fee": "0.0005", "tier_mmr": margin / notional, "adjEq": raw["adjEq"]}
    )


def real_okx_idle(raw: Given) -> Found:
    index = dec(raw["eqUsd"]) / dec(raw["cashBal"])
    pool = report(snapshot(haircut(), [coin(raw["ccy"], raw["cashBal"], index=index)]))
    assert pool.health == float("inf")
    assert pool.tier_distance is None
    return {
        "equity_usd": pool.equity,
        "maintenance_margin": pool.maintenance_margin,
        "margin_level": None if pool.margin_level == float("inf") else pool.margin_level,
    }


def told_portfolio(i: Given) -> Found:
    """Portfolio margin is reported: its ratio is the venue's own equity over its own margin."""
    says = VenueSays(
        equity=dec(i.get("eq", i.get("accountEquity"))),
        maintenance_margin=dec(i.get("m", i.get("accountMaintMargin"))),
    )
    pool = report(snapshot(Rules(family=Family.REPORTED), venue_says={POOL: says}))
    return {"uniMMR": pool.health, "margin_level": pool.health}


FROM_INPUTS: Mapping[str, Callable[[Given], Found]] = {
    "BN-01": totals_of_margin,
    "BN-02": totals_of_margin,
    "BN-03": btc_on_credit,
    "BN-04": collateral_by_value,
    "BN-05": pro_debts,
    "BN-06": pro_steps,
    "BN-07": pro_account,
    "BN-08": isolated_pair,
    "BN-09": isolated_pair,
    "BN-10": um_cross,
    "BN-11": um_isolated,
    "BN-12": um_cross,
    "BN-13": um_brackets,
    "BN-14": um_multi,
    "BN-15": um_asset_index,
    "BN-16": um_row,
    "BN-17": um_account,
    "BN-18": cm_row,
    "BN-19": cm_step,
    "BN-20": cm_isolated,
    "BN-21": cm_cross,
    "BN-22": told_portfolio,
    "BN-23": pro_portfolio,
    "BN-24": margin_interest,
    "BN-25": binance_sizing,
    "BB-01": bybit_deductions,
    "BB-02": bybit_slices,
    "BB-03": bybit_inverse_slices,
    "BB-04": bybit_position,
    "BB-05": bybit_position,
    "BB-06": bybit_position,
    "BB-07": bybit_totals,
    "BB-08": bybit_truncation,
    "BB-09": bybit_usdc_pool,
    "BB-10": collateral_by_quantity,
    "BB-11": bybit_borrowed,
    "BB-12": bybit_isolated,
    "BB-13": bybit_isolated,
    "BB-14": bybit_isolated,
    "BB-15": bybit_isolated,
    "BB-16": bybit_isolated,
    "BB-18": bybit_sold_option,
    "BB-20": bybit_sizing,
    "OK-01": okx_spot_margin,
    "OK-02": okx_isolated,
    "OK-03": okx_account,
    "OK-04": okx_implied,
    "OK-05": collateral_by_quantity,
    "OK-06": okx_flat_weights,
    "OK-07": okx_equity,
    "OK-09": okx_partial,
    "OK-10": okx_isolated,
    "OK-11": okx_isolated,
    "OK-12": okx_bucket,
    "OK-14": okx_contracts,
    "OK-15": okx_spot_debt,
    "OK-16": okx_sizing,
}

FROM_NORMALISED: Mapping[str, Callable[[Given], Found]] = {
    "BIN-OFF-001": real_pool,
    "BIN-OFF-002": real_pool,
    "BIN-OFF-003": real_pool,
    "BIN-OFF-004": real_lookup,
    "FT-BINANCE-03": real_pool,
    "FT-BINANCE-06": real_pool,
    "FT-BYBIT-18": partial(real_pool, asks=of_bybit_at_entry),
    "FT-BYBIT-21": partial(real_pool, asks=of_bybit_at_entry),
    "FT-BYBIT-24": partial(real_pool, asks=of_bybit_at_entry),
    "BIN-007": real_pool,
    "BYB-001": real_bybit_row,
    "BYB-003": real_bybit_row,
    "BYB-008": partial(real_pool, asks=of_bybit_at_entry),
}

FROM_RAW: Mapping[str, Callable[[Given], Found]] = {
    "BIN-009": told_portfolio,
    "BIN-011": totals_of_margin,
    "BYB-012": bybit_totals,
    "OKX-003": real_okx_account,
    "OKX-004": real_okx_idle,
    "OKX-005": real_okx_idle,
}
