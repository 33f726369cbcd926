"""
Binance's published examples of USDⓈ-M, COIN-M and portfolio margin.

Rule: that of `tests.examples.cases`, where each function has its example.
"""

from __future__ import annotations

from dataclasses import replace

from tests.examples.build import (
    POOL,
    Found,
    Given,
    coin,
    debt_ratio,
    dec,
    haircut,
    inverse,
    leg,
    linear,
    price_of,
    report,
    snapshot,
    table,
    top_up_to_health,
)
from tests.examples.practice import asking, of_binance
from watcher.domain.account import (
    Asset,
    BracketKind,
    Family,
)
from watcher.domain.alert import Measure
from watcher.margin import repriced, required_top_up
from watcher.margin.tables import bracket_steps


def um_cross(i: Given) -> Found:
    account = snapshot(
        linear(), [coin("USDT", i["wallet_balance"])], [leg(p) for p in i["positions"]]
    )
    pool = report(account)
    assert pool.health is not None
    found: Found = {"margin_balance": pool.equity, "margin_ratio": 1 / pool.health}
    found["margin_ratio_now"] = 1 / pool.health
    for p in pool.positions:
        name = p.symbol[:3].lower()
        found[f"mm_{name}"] = p.maintenance_margin
        found[f"upnl_{name}"] = p.unrealised_pnl
        found[f"liq_price_{name}"] = p.liquidation_price
    prices = {p.liquidation_price for p in pool.positions}
    if len(prices) == 1:
        (shared,) = prices
        assert shared is not None
        found["liq_price_shared"] = shared
        factor = shared / pool.underlyings[0].mark
        found["margin_balance_at_liq"] = report(repriced(account, {"BTC": factor})).equity
    return found


def um_isolated(i: Given) -> Found:
    return {
        f"liq_price_{p['symbol'][:3].lower()}": price_of(
            report(snapshot(linear(), [], [leg(p, isolated_margin=dec(i["wallet_balance"]))]))
        )
        for p in i["positions"]
    }


def um_brackets(i: Given) -> Found:
    brackets = table(i["brackets"])
    one = leg({"mark": 1, "quantity": i["notional"]}, brackets=brackets)
    pool = report(snapshot(linear(), [coin("USDT", 0)], [one]))
    steps = bracket_steps(brackets, BracketKind.MARGINAL, "example")
    return {"cum": [s.deduction for s in steps], "maint_margin": pool.maintenance_margin}


def um_row(i: Given) -> Found:
    one = asking(leg(i | {"quantity": i["positionAmt"]}), of_binance)
    pool = report(snapshot(linear(), [coin("USDT", 0)], [one]))
    (p,) = pool.positions
    return {
        "initialMargin": pool.initial_margin,
        "notional": p.notional,
        "maintMargin": p.maintenance_margin,
        "unRealizedProfit": p.unrealised_pnl,
    }


def um_account(i: Given) -> Found:
    (row,) = i["positions"]
    size = abs(dec(row["notional"]))
    entry = 1 + dec(i["unrealizedProfit"]) / size
    short = leg(row | {"side": "short", "quantity": size, "mark": 1, "entry": entry})
    short = asking(short, of_binance)
    pool = report(snapshot(linear(), [coin("USDT", i["walletBalance"])], [short]))
    assert pool.health is not None
    return {
        "initialMargin": pool.initial_margin,
        "marginBalance": pool.equity,
        "maintMargin": pool.maintenance_margin,
        "margin_ratio": 1 / pool.health,
    }


def um_multi(i: Given) -> Found:
    """Each currency has a bid and an ask; what is required counts at the ask."""
    rates = {name: {k: dec(v) for k, v in one.items()} for name, one in i["asset_rates"].items()}
    held = [
        replace(
            coin(
                name,
                dec(wallet) + dec(i["upnl"][name]),
                index=rates[name]["index"],
                weight=rates[name]["bid"] / rates[name]["index"],
            ),
            ask=rates[name]["ask"] / rates[name]["index"],
        )
        for name, wallet in i["wallet"].items()
    ]
    legs = [
        asking(
            leg(p | {"quantity": p["notional"], "mark": 1}, settle=p["margin_asset"]), of_binance
        )
        for p in i["positions"]
    ]
    pool = report(snapshot(haircut(margins_at="ask"), held, legs))
    flat = report(snapshot(haircut(margins_at="ask"), held))
    assert pool.health is not None
    assert flat.equity is not None
    return {
        "account_equity_usd": pool.equity,
        "maint_margin_usd": pool.maintenance_margin,
        "initial_margin_usd": pool.initial_margin,
        "available_usd": pool.free_margin,
        "available_usdt_without_positions": flat.equity / float(rates["USDT"]["ask"]),
        "margin_ratio": 1 / pool.health,
    }


def um_asset_index(i: Given) -> Found:
    """Its buffers are a weight and an ask: one coin held counts at the bid, one owed at the ask."""
    name, index = i["symbol"].removesuffix("USD"), dec(i["index"])
    weight, ask = 1 - dec(i["bidBuffer"]), 1 + dec(i["askBuffer"])

    def equity(held: int) -> float:
        one = replace(coin(name, held, index=index, weight=weight), ask=ask)
        found = report(snapshot(haircut(margins_at="ask"), [one])).equity
        assert found is not None
        return found

    return {"bidRate": equity(1), "askRate": -equity(-1)}


def pro_portfolio(i: Given) -> Found:
    """
    Portfolio Margin Pro by the venue's published sums. The daemon shows what the venue reports;
    here the engine is given the whole account.
    """
    kinds = ((i["um_positions"], linear()), (i["cm_positions"], inverse()))
    legs = [
        leg(p, inverse=rules.family is Family.INVERSE_POOL, settle=p.get("settle", "USDT"))
        for rows, rules in kinds
        for p in rows
    ]
    price = {name: dec(index) for name, index in i["index"].items()}

    def held(name: str, weight: object) -> Asset:
        own, futures = i["margin"][name], i["futures_wallet"].get(name, 0)
        wallet, loan = dec(own["asset"]) + dec(futures), dec(own["loan"])
        return coin(name, wallet, index=price[name], debt=loan, weight=weight)

    def net(name: str) -> float:
        mine = [one for one in legs if one.settle == name]
        found = report(snapshot(haircut(), [held(name, 1)], mine)).equity
        assert found is not None
        return found / float(price[name])

    loans = {
        name: table([(0, dec(own["mm"]) / dec(own["loan"]))])
        for name, own in i["margin"].items()
        if dec(own["loan"])
    }
    rules = haircut(debts="larger", borrow_brackets=loans, order_loss=dec(i["open_loss_usd"]))
    pool = report(snapshot(rules, [held(*one) for one in i["collateral_rate"].items()], legs))
    return {f"x_{name}": net(name) for name in price} | {
        "account_equity_usd": pool.equity,
        "maint_margin_usd": pool.maintenance_margin,
        "uniMMR": pool.health,
    }


def cm_step(i: Given) -> Found:
    """One step of a table in coin, above any table that has come to the amount given."""
    floor = dec(i["cum_level4"]) / dec(i["mmr_level4"])
    rows = table(
        [(0, 0), (floor, i["mmr_level4"]), (i["level5_notional_btc_floor"], i["mmr_level5"])]
    )
    return {"cum_level5": bracket_steps(rows, BracketKind.MARGINAL, "example")[-1].deduction}


def cm_row(i: Given) -> Found:
    one = leg(i, inverse=True, settle="BTC")
    (p,) = report(snapshot(inverse(), [coin("BTC", 1)], [one])).positions
    return {"notional_btc": p.notional, "maint_margin_btc": p.maintenance_margin}


def cm_isolated(i: Given) -> Found:
    margin = dec(i["isolated_wallet_btc"])
    one = leg(i["position"], inverse=True, settle="BTC", isolated_margin=margin)
    (p,) = report(snapshot(inverse(), [], [one])).positions
    return {
        "notional_btc": p.notional,
        "unrealized_profit_btc": p.unrealised_pnl,
        "liquidation_price": p.liquidation_price,
    }


def cm_cross(i: Given) -> Found:
    legs = [leg(p, inverse=True, settle="BTC") for p in i["positions"]]
    pool = report(snapshot(inverse(), [coin("BTC", i["wallet_btc"])], legs))
    assert pool.health is not None
    # our own price moves all of BTC; theirs holds the dated contract still, so that what it has
    # won and what it asks for are coins like those of the wallet
    _, dated = pool.positions
    assert dated.maintenance_margin is not None
    apart = dec(i["wallet_btc"]) + dec(dated.unrealised_pnl) - dec(dated.maintenance_margin)
    still = report(snapshot(inverse(), [coin("BTC", apart)], legs[:1]))
    return {
        "liq_price_perp": price_of(still),
        "margin_balance_btc": pool.equity,
        "maint_margin_btc": pool.maintenance_margin,
        "margin_ratio": 1 / pool.health,
    }


def binance_sizing(i: Given) -> Found:
    um, spot = i["um"], i["spot_margin"]
    account = snapshot(debt_ratio(), [coin("A", spot["assets"]), coin("B", 0, debt=spot["debt"])])
    level = 100 * float(spot["target_margin_level"])

    def repaid(*, from_account: bool) -> float:
        # no top-up of ours: the repayment after which another evaluation says the target
        low, high = 0.0, float(spot["debt"])
        for _ in range(80):
            part = (low + high) / 2
            left = dec(spot["assets"]) - (dec(part) if from_account else 0)
            owed = coin("B", 0, debt=dec(spot["debt"]) - dec(part))
            after = report(snapshot(debt_ratio(), [coin("A", left), owed])).margin_level
            assert after is not None
            low, high = (low, part) if after >= level else (part, high)
        return high

    return {
        "spot_repay_from_account": repaid(from_account=True),
        "spot_repay_with_transferred_in": repaid(from_account=False),
        "um_topup": top_up_to_health(
            um["margin_balance"], um["maint_margin"], 1 / float(um["target_margin_ratio"])
        ),
        "spot_add_collateral": required_top_up(account, POOL, "A", Measure.MARGIN_LEVEL, level),
    }
