"""
OKX's published examples.

Rule: that of `tests.examples.cases`, where each function has its example.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.examples.build import (
    POOL,
    Found,
    Given,
    coin,
    dec,
    haircut,
    inverse,
    leg,
    linear,
    lump,
    price_of,
    report,
    snapshot,
    table,
    top_up_to_health,
)
from watcher.domain.account import (
    Bracket,
    BracketKey,
    BracketKind,
)
from watcher.domain.alert import Measure
from watcher.margin import required_top_up
from watcher.margin.tables import bracket_steps, reached
from watcher.sim.default import empty_world, new_account
from watcher.sim.okx.figures import figures
from watcher.sim.okx.tables import BORROW
from watcher.sim.things import Debt


def okx_isolated(i: Given) -> Found:
    upside_down = "ct_val_usd" in i
    rules = (inverse if upside_down else linear)(fee_in="requirement")
    settle = i["instId"].split("-")[0] if upside_down else "USDT"
    one = leg(
        i,
        inverse=upside_down,
        settle=settle,
        isolated_margin=dec(i["margin"]),
        bracket_key=BracketKey.CONTRACTS,
        bracket_kind=BracketKind.FLAT,
    )
    pool = report(snapshot(rules, [], [one]))
    (p,) = pool.positions
    assert pool.equity is not None
    assert p.liquidation_price is not None
    return {
        "margin": pool.equity - p.unrealised_pnl,
        "upl": p.unrealised_pnl,
        "mmr": pool.maintenance_margin,
        "mgnRatio": pool.health,
        "liqPx": p.liquidation_price,
        "liqPx_formula": p.liquidation_price,
        # what the venue shows is one tick above its own formula
        "liqPx_reported": p.liquidation_price + float(i.get("tick", 0)),
    }


def okx_spot_margin(i: Given) -> Found:
    """A coin held against a currency owed; the fee is on the debt and its maintenance."""
    mark, owed, margin = (dec(i[name]) for name in ("mark", "liab", "margin"))
    rate, fee = dec(i["tier_mmr"]), dec(i["taker_fee"])
    kept = (1 + rate) * (1 + fee) - 1
    pool = report(
        snapshot(
            haircut(borrow_brackets={"USDT": table([(0, kept)])}),
            [coin("BTC", i["pos"], index=mark), coin("USDT", -owed, index=1)],
        )
    )
    assert pool.equity is not None
    assert pool.maintenance_margin is not None
    return {
        "mgnRatio": pool.health,
        "liqPx": next(u.liquidation_down for u in pool.underlyings if u.underlying == "BTC"),
        "upl": pool.equity / float(mark) - float(margin),
        "mmr": pool.maintenance_margin / float(kept) * float(rate) / float(mark),
    }


def okx_account(i: Given) -> Found:
    notional = i.get("notionalUsd", i.get("notional"))
    one = leg(
        {"mark": 1, "quantity": notional, "taker_fee": i["taker_fee"], "mmr": i["tier_mmr"]},
        settle="USD",
        initial_margin=dec(notional) / 10,
    )
    equity = i.get("adjEq", i.get("implied"))
    pool = report(snapshot(haircut(fee_in="requirement"), [coin("USD", equity)], [one]))
    assert pool.health
    assert pool.equity is not None
    assert pool.maintenance_margin is not None
    return {
        "mmr": pool.maintenance_margin,
        "mgnRatio": pool.health,
        "margin_level": pool.health,
        "initial_margin": pool.initial_margin,
        "maintenance_margin_ratio": pool.requirement and pool.requirement / pool.equity,
    }


def okx_implied(i: Given) -> Found:
    """The ratio is given: the equity that yields it is the one a top-up from nothing reaches."""
    one = leg(
        {
            "mark": 1,
            "quantity": i["notionalUsd"],
            "taker_fee": i["taker_fee"],
            "mmr": i["tier_mmr"],
        },
        settle="USD",
    )
    account = snapshot(haircut(fee_in="requirement"), [coin("USD", 0)], [one])
    return {
        "mmr": report(account).maintenance_margin,
        "implied_adjEq": required_top_up(
            account, POOL, "USD", Measure.HEALTH, float(i["mgnRatio"])
        ),
    }


def okx_flat_weights(i: Given) -> Found:
    return {
        "disEq": [
            report(snapshot(haircut(), [coin(row["ccy"], row["eqUsd"], weight=row["rate"])])).equity
            for row in i["rows"]
        ]
    }


def okx_equity(i: Given) -> Found:
    perp = leg(i["perp"] | {"entry": i["perp"]["avgPx"]})
    held = {c: dec(v) for c, v in i["cashBal"].items()}

    def equity(*names: str) -> float:
        coins = [coin(n, held[n], index=i["spot_prices"][n]) for n in names]
        found = report(snapshot(haircut(), coins, [perp] if "USDT" in names else [])).equity
        assert found is not None
        return found

    (p,) = report(snapshot(linear(), [coin("USDT", held["USDT"])], [perp])).positions
    return {
        "upl_usdt": p.unrealised_pnl,
        "eq_USDT": equity("USDT"),
        "eq_BTC": equity("BTC") / float(i["spot_prices"]["BTC"]),
        "potential_borrow_BTC": potential_borrow(i, "BTC"),
    }


def potential_borrow(i: Given, name: str) -> float | None:
    """Under a table that asks for all of a debt, what is required is what is borrowed."""
    held = replace(coin(name, i["cashBal"][name]), frozen=dec(i["frozen"][name]))
    rules = haircut(borrow_brackets={name: table([(0, 1)])})
    return report(snapshot(rules, [held])).requirement


def okx_spot_debt(i: Given) -> Found:
    """Spot mode that borrows: the fee is on the debt and on what it asks."""
    owed = i["borrow"]
    coins = [coin(c["ccy"], c["eq"], index=c["usdPx"], weight=c["rate"]) for c in i["coins"]]
    rules = haircut(
        borrow_brackets={owed["ccy"]: table([(0, owed["tier_mmr"])])},
        borrow_fee_rate=dec(owed["taker_fee"]),
    )
    pool = report(snapshot(rules, coins))
    return {"adjEq": pool.equity, "mmr": pool.maintenance_margin, "mgnRatio": pool.health}


def okx_bucket(i: Given) -> Found:
    cash = dec(i["cashBal"]) - dec(i["in_use_by_sell_orders_option_buys_isolated"])
    legs = [leg(p, bracket_kind=BracketKind.FLAT) for p in i["cross_positions"]]
    rules = linear(fee_in="requirement")
    pool = report(snapshot(rules, [coin("USDT", cash - dec(i["order_fees"]))], legs))
    assert pool.requirement is not None
    assert pool.maintenance_margin is not None
    return {
        "upl": sum(p.unrealised_pnl for p in pool.positions),
        "mmr": pool.maintenance_margin,
        "liq_fee": pool.requirement - pool.maintenance_margin,
        "numerator": pool.equity,
        "mgnRatio": pool.health,
        "btc_price_at_100pct": price_of(pool, legs[0].symbol),
    }


def okx_contracts(i: Given) -> Found:
    brackets = tuple(
        Bracket(floor=floor, rate=dec(tier["mmr"]))
        for floor, tier in zip(
            [Decimal(0), *(dec(t["maxSz"]) for t in i["tiers"][:-1])], i["tiers"], strict=True
        )
    )
    one = leg(i, brackets=brackets, bracket_key=BracketKey.CONTRACTS, bracket_kind=BracketKind.FLAT)
    pool = report(snapshot(linear(), [coin("USDT", 0)], [one]))
    steps = bracket_steps(brackets, BracketKind.FLAT, "example")
    tier = steps.index(reached(steps, float(one.quantity))) + 1
    return {"mmr": pool.maintenance_margin, "tier": tier}


def okx_sizing(i: Given) -> Found:
    needs = dec(i["mmr"]) + dec(i["liq_fee"])
    pool = report(snapshot(haircut(), [coin("USD", i["adjEq"])], [lump(0, needs)]))
    target = float(i["target_mgnRatio"])
    return {"mgnRatio_now": pool.health, "topup": top_up_to_health(i["adjEq"], needs, target)}


def okx_partial(i: Given) -> Found:
    """The practice venue's own liquidation: a debt a hair past a ratio of 100 %, what is repaid."""
    owed = dec(i["borrowed_btc"])
    assert dec(i["tier2_cap_btc"]) in {tier.cap for tier in BORROW["BTC"]}
    world = empty_world(seed=0, prices={"BTC": Decimal(60_000)})
    purse = {"trading": {"USDT": str(owed * 60_000 * dec("1.0504"))}}
    account = new_account(world, "account", "okx", "multi", purse)
    account.debts["BTC"] = Debt(principal=owed)
    world.check()
    return {"reduce_btc": owed - figures(world, account).currencies["BTC"].owed}
