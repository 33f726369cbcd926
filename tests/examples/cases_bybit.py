"""
Bybit's published examples; OKX's ladder of collateral is of the same kind.

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
    ladder,
    leg,
    linear,
    lump,
    price_of,
    report,
    snapshot,
    table,
    top_up_to_health,
    up_to,
)
from tests.examples.practice import asking, of_bybit, of_bybit_at_entry
from watcher.domain.account import (
    BracketKind,
    Claim,
    Order,
    Side,
    VenueRatio,
    VenueSays,
)
from watcher.margin.tables import bracket_steps
from watcher.sim.bybit.figures import OPTION_FACTOR, OPTION_FEE_RATE, option_margin
from watcher.sim.things import Option


def bybit_deductions(i: Given) -> Found:
    steps = bracket_steps(up_to(i["tiers_limit_mmr"]), BracketKind.MARGINAL, "example")
    return {"mm_deduction": [step.deduction for step in steps]}


def bybit_slices(i: Given) -> Found:
    brackets = up_to(i["tiers_limit_mmr"])
    one = leg({"mark": 1, "quantity": i["position_value"]}, brackets=brackets)
    pool = report(snapshot(linear(), [coin("USDT", 0)], [one]))
    steps = bracket_steps(brackets, BracketKind.MARGINAL, "example")
    return {"mm": pool.maintenance_margin, "deduction_tier4": steps[3].deduction}


def bybit_inverse_slices(i: Given) -> Found:
    one = leg(
        {"mark": i["price"], "quantity": i["contracts_usd"]},
        inverse=True,
        settle="BTC",
        brackets=up_to(i["tiers_limit_mmr"]),
    )
    (p,) = report(snapshot(inverse(), [coin("BTC", 9)], [one])).positions
    return {"position_value_coin": p.notional, "mm_coin": p.maintenance_margin}


def bybit_position(i: Given) -> Found:
    rules = linear(fee_basis="entry")
    one = asking(leg(i), of_bybit)
    without = leg(i | {"taker_fee": "0"})
    pool = report(snapshot(rules, [coin("USDT", 0)], [one]))
    (p,) = pool.positions
    (bare,) = report(snapshot(rules, [coin("USDT", 0)], [without])).positions
    assert p.maintenance_margin is not None
    assert bare.maintenance_margin is not None
    return {
        "fee_to_close": p.maintenance_margin - bare.maintenance_margin,
        "positionIM": pool.initial_margin,
        "positionMM": p.maintenance_margin,
    }


def bybit_totals(i: Given) -> Found:
    total = lump(
        i.get("totalPerpUPL", 0), i["totalMaintenanceMargin"], initial=i["totalInitialMargin"]
    )
    wallet = dec(i.get("totalWalletBalance", i.get("totalMarginBalance")))
    pool = report(snapshot(haircut(), [coin("USD", wallet)], [total]))
    assert pool.health
    assert pool.margin_level
    return {
        "totalMarginBalance": pool.equity,
        "totalAvailableBalance": pool.free_margin,
        "free_margin": pool.free_margin,
        "imr": 100 / pool.margin_level,
        "mmr": 1 / pool.health,
        "maintenance_margin_ratio": 1 / pool.health,
        "accountIMRate": truncated(100 / pool.margin_level),
        "accountMMRate": truncated(1 / pool.health),
    }


def truncated(rate: float) -> float:
    """Cut to four decimals, as Bybit prints its rates."""
    return int(rate * 10_000) / 10_000


def bybit_truncation(i: Given) -> Found:
    rates = []
    for margin, equity in i["rows"]:
        exact = dec(margin) / dec(equity)
        says = VenueSays(
            equity=dec(equity),
            maintenance_margin=dec(margin),
            ratio=VenueRatio(name="accountMMRate", value=dec(truncated(float(exact)))),
        )
        pool = report(snapshot(haircut(), venue_says={POOL: says}, unmodelled={POOL: "totals"}))
        assert pool.health is not None
        rates.append(truncated(1 / pool.health))
    return {"reported_rate": rates}


def bybit_usdc_pool(i: Given) -> Found:
    """
    Their estimate holds the maintenance margin still, all of it, and asks for what is borrowed once
    the settle coin, of which there is none, falls below nought.
    """
    own = leg({"size": i["size"], "mark": i["mark"], "mmr": i["tier_mmr"]})
    free = replace(own, settle="USDC", brackets=table([(0, 0)]))
    total = dec(i["totalMaintenanceMargin"])
    rest = total - own.quantity * own.mark * dec(i["tier_mmr"])
    usd = coin("USD", i["totalMarginBalance"])
    plain = snapshot(haircut(), [usd], [replace(own, settle="USD"), lump(0, rest)])
    rules = haircut(borrow_brackets={"USDC": table([(0, i["settle_coin_borrow_mmr"])])})
    theirs = snapshot(rules, [usd, coin("USDC", 0)], [free, lump(0, total)])
    return {
        "local_no_borrow": price_of(report(plain), own.symbol),
        "venue_estimate": price_of(report(theirs), own.symbol),
    }


def collateral_by_quantity(i: Given) -> Found:
    name, held = i["coin"], i.get("qty", i.get("eq"))
    index = i["usd_index"] if "usd_index" in i else i["usd_px"]
    weights = ladder(i["tiers_qty"], "quantity")
    pool = report(snapshot(haircut(), [coin(name, held, index=index, weights=weights)]))
    assert pool.equity is not None
    counted = pool.equity / float(index)
    return {
        "collateral_qty": counted,
        "collateral_usd": pool.equity,
        "discounted_qty": counted,
        "disEq": pool.equity,
    }


def bybit_borrowed(i: Given) -> Found:
    (given,) = i["positions"]
    one = leg(given)
    pnl = one.quantity * (one.mark - one.entry)
    assets = [
        # coin equity already holds the unrealised loss of the position
        coin(c["coin"], dec(c["equity"]) - (pnl if c["coin"] == "USDT" else 0), index=c["index"],
             weight=c["ratio"])
        for c in i["coins"]
    ]  # fmt: skip
    borrow = {b["coin"]: table([(0, b["borrow_mmr"])]) for b in i["borrows"]}
    # an order of one base coin that would lose what the example says
    order = Order(
        pool=POOL,
        symbol=one.symbol,
        underlying=one.underlying,
        side=Side.LONG,
        quantity=dec(1),
        price=one.mark - dec(i["order_loss"]),
        mark=one.mark,
        settle=one.settle,
    )
    rules = haircut(
        fee_basis="entry",
        debts="larger",
        borrow_brackets=borrow,
        orders_in="equity",
        order_loss=dec(i["haircut_loss"]),
    )
    whole = snapshot(rules, assets, [one])
    claim = Claim(pool=POOL, name="orders", settle=one.settle, amount=dec(i["order_mm"]))
    initial = of_bybit(one) + dec(i["order_im"])
    for b in i["borrows"]:
        initial += dec(b["qty"]) * dec(b["index"]) * dec(b["borrow_imr"])
    says = {POOL: VenueSays(used_margin=initial)}
    pool = report(replace(whole, orders=(order,), claims=(claim,), venue_says=says))
    assert pool.health
    assert pool.equity is not None
    assert pool.margin_level is not None
    lost = float(i["haircut_loss"]) - float(i["order_loss"])
    return {
        "margin_balance": pool.equity + lost,
        "total_mm": pool.maintenance_margin,
        "total_im": pool.used_margin,
        "account_mmr": 1 / pool.health,
        "account_imr": 100 / pool.margin_level,
    }


def bybit_isolated(i: Given) -> Found:
    """Entry-based before September 2025, mark-based with a fee since; X is added margin."""
    upside_down = "size_usd" in i
    at_entry = "taker_fee" not in i
    rules = (inverse if upside_down else linear)(
        maintenance_basis="entry" if at_entry else "mark", fee_basis="entry"
    )
    one = leg(i, inverse=upside_down, settle="BTC" if upside_down else "USDT")
    value = one.quantity / one.entry if upside_down else one.quantity * one.entry
    gear = (1 if one.side == "long" else -1) / dec(i["leverage"])
    fee = value * (1 + gear if upside_down else 1 - gear) * one.fee_rate
    added = dec(i["extra_margin"])
    if upside_down:  # added coin counts net of the fee to close
        added /= 1 + one.fee_rate
    margin = value / dec(i["leverage"]) + fee + added
    held = replace(asking(one, of_bybit_at_entry), isolated_margin=margin)
    pool = report(snapshot(rules, [], [held]))
    return {
        "im": pool.initial_margin,
        "mm": pool.maintenance_margin,
        "liq_price": price_of(pool),
    }


def bybit_sold_option(i: Given) -> Found:
    """The practice venue asks by the published formula; what it asks is a claim on the pool."""
    index, mark = dec(i["index"]), dec(i["mark"])
    assert (dec(i["mm_factor"]), dec(i["liq_fee_rate"])) == (OPTION_FACTOR, OPTION_FEE_RATE)
    sold = Option(
        symbol="BTC-26DEC26-40000-C-USDT",
        underlying="BTC",
        settle="USDT",
        side="short",
        quantity=dec(i["size"]),
        entry=mark,
        mark=mark,
        anchor=index,
        strike=Decimal(40_000),
        is_call=True,
    )
    asked = option_margin(sold, index)
    claim = Claim(pool=POOL, name=sold.symbol, settle=sold.settle, amount=asked)
    account = snapshot(haircut(), [coin("USDT", i["margin_balance"])])
    pool = report(replace(account, claims=(claim,)))
    assert pool.health
    return {"mm": pool.maintenance_margin, "account_mmr": 1 / pool.health}


def bybit_sizing(i: Given) -> Found:
    return {"topup": top_up_to_health(i["denominator"], i["total_mm"], 1 / float(i["target_mmr"]))}
