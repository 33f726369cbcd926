"""
Binance's published examples of borrowed spot margin: classic, isolated and Pro.

Rule: that of `tests.examples.cases`, where each function has its example.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.examples.build import (
    Found,
    Given,
    coin,
    debt_ratio,
    dec,
    haircut,
    ladder,
    report,
    snapshot,
    table,
)
from watcher.domain.account import (
    Rules,
)
from watcher.margin import repriced
from watcher.sim.default import empty_world, new_account

START_DAY_US = 20_000 * 86_400_000_000
"""Some midnight: an example gives a time of day only."""


def totals_of_margin(i: Given) -> Found:
    assets = i.get("total_asset_value", i.get("totalAssetOfBtc"))
    debt = i.get("total_liability_plus_interest", i.get("totalLiabilityOfBtc"))
    weight = i.get("flat_collateral_ratio", 1)
    pool = report(
        snapshot(debt_ratio(), [coin("A", assets, weight=weight), coin("B", 0, debt=debt)])
    )
    assert pool.margin_level is not None
    assert pool.collateral_margin_level is not None
    return {
        "margin_level": pool.margin_level / 100,
        "collateral_margin_level": pool.collateral_margin_level / 100,
        "total_net_asset_of_btc": pool.equity,
    }


def btc_on_credit(i: Given) -> Found:
    rules = debt_ratio(i["force_liquidation_bar"], i["margin_call_bar"])
    index = i["index_btc_usdc"]
    account = snapshot(
        rules, [coin("BTC", i["btc_held"], index=index), coin("USDC", 0, debt=i["usdc_debt"])]
    )
    pool = report(account)
    assert pool.margin_level is not None
    # where the level is the call bar: the price at which another evaluation says so
    low, high = 0.5, 2.0
    for _ in range(80):
        middle = (low + high) / 2
        level = report(repriced(account, {"BTC": middle})).margin_level
        assert level is not None
        low, high = (middle, high) if level < pool.stages["call"] else (low, middle)
    return {
        "margin_level": pool.margin_level / 100,
        "price_at_margin_call": float(index) * high,
        "price_at_liquidation": pool.underlyings[0].liquidation_down,
    }


def collateral_by_value(i: Given) -> Found:
    btc = coin("BTC", i["qty_btc"], index=i["index"], weights=ladder(i["tiers_usd"], "usd"))
    pool = report(snapshot(debt_ratio(), [btc, coin("USDT", 0, debt=1_000_000)]))
    assert pool.collateral_margin_level is not None
    return {"collateral_value": pool.collateral_margin_level / 100 * 1_000_000}


def isolated_pair(i: Given) -> Found:
    base = coin(i["base"], i["base_asset"], index=i["index"], debt=i["base_debt_incl_interest"])
    quote = coin(i["quote"], i["quote_asset"], debt=i["quote_debt_incl_interest"])
    pool = report(snapshot(debt_ratio(i["liquidation_risk_ratio"]), [base, quote]))
    (alone,) = pool.underlyings
    assert pool.margin_level is not None
    return {
        "margin_level": pool.margin_level / 100,
        "liquidation_price": alone.liquidation_down or alone.liquidation_up,
        "distance_pct": pool.tier_distance,
    }


def pro_rules(**rules: Any) -> Rules:
    return haircut(
        liquidation_level=Decimal(1),
        call_level=dec("1.5"),
        debts="own",
        borrow_bracket_by="value",
        **rules,
    )


def pro_debts(i: Given) -> Found:
    """
    Each debt by its slices: the table of its tiers, as the venue's own fast number has it. What is
    asked to borrow goes by the same slices at rates of its own.
    """

    def asked(column: int) -> float | None:
        tables, owed = {}, []
        for debt in i["liabilities"]:
            floors = [Decimal(0)]
            for width, *_ in debt["slices"]:
                floors.append(floors[-1] + dec(width))
            rows = [
                (floor, row[column]) for floor, row in zip(floors, debt["slices"], strict=False)
            ]
            tables[debt["asset"]] = table(rows)
            owed.append(coin(debt["asset"], 0, debt=debt["value_usd"]))
        rules = pro_rules(borrow_brackets=tables)
        return report(snapshot(rules, [coin("USDT", 10**6), *owed])).requirement

    return {"maintenance_margin_usd": asked(1), "initial_margin_usd": asked(2)}


def pro_steps(i: Given) -> Found:
    found: Found = {}
    for step in ("step1", "step2"):
        owed = i[step]["liabilities"]
        tables = {asset: table([(0, rate, fast)]) for asset, _, rate, fast in owed}
        own = dec(i[step]["net_equity_usd"]) + sum((dec(row[1]) for row in owed), Decimal(0))
        debts = [coin(asset, 0, debt=value) for asset, value, *_ in owed]
        pool = report(snapshot(pro_rules(borrow_brackets=tables), [coin("USDT", own), *debts]))
        found |= {f"mm_{step}": pool.requirement, f"ml_{step}": pool.health}
    return found


def pro_account(i: Given) -> Found:
    owed = {row["asset"]: row for row in i["liabilities"]}
    held = {row["asset"]: row for row in i["assets"]}
    rows = []
    for name in dict.fromkeys([*held, *owed]):
        given, debt = held.get(name), owed.get(name)
        amount = None if debt is None else dec(debt["qty"]) + dec(debt["interest"])
        index = (given or owed[name])["index"]
        weights = ladder(given["tiers_usd"], "usd") if given else None
        wallet = given["qty"] if given else 0
        rows.append(coin(name, wallet, index=index, debt=amount, weights=weights))
    losses = (
        max(Decimal(0), dec(o["sell_collateral_value"]) - dec(o["buy_collateral_value"]))
        for o in i["open_orders"]
    )
    rules = pro_rules(
        order_loss=sum(losses, Decimal(0)),
        borrow_brackets={
            name: table([(0, row["mmr"], row["fast_num"])]) for name, row in owed.items()
        },
    )
    pool = report(snapshot(rules, rows))
    idle = replace(rules, order_loss=Decimal(0))
    owing = report(snapshot(idle, rows)).equity
    owned = report(snapshot(idle, [replace(row, debt=None) for row in rows])).equity
    assert pool.equity is not None
    assert owing is not None
    assert owned is not None
    return {
        "collateral_value": owned,
        "liability": owned - owing,
        "maintenance_margin": pool.requirement,
        "open_order_loss": owing - pool.equity,
        "margin_level": pool.health,
    }


def margin_interest(i: Given) -> Found:
    """A loan of the practice venue from one time of day to another, its debt as we read it."""

    def at_us(clock: str) -> int:
        hours, minutes = clock.split(":")
        return START_DAY_US + (60 * int(hours) + int(minutes)) * 60_000_000

    world = empty_world(start_us=at_us(i["borrowed_at"]))
    account = new_account(world, "account", "binance", "classic", {"margin": {"BTC": "1"}})
    principal, rate = dec(i["principal"]), dec(i["hourly_rate"])
    world.borrow(account, "USDC", principal, wallet="margin", hourly_rate=rate)
    world.step(at_us(i["repaid_at"]))
    owed = account.debts["USDC"]
    debt = replace(coin("USDC", 0, debt=owed.principal), interest=owed.interest)
    used = report(snapshot(debt_ratio(), [coin("BTC", 1, index=60_000), debt])).used_margin
    assert used is not None
    interest = used - float(principal)
    return {"hours_charged": interest / float(principal * rate), "interest": interest}
