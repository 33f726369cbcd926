"""
What each published example is checked for: its inputs as a snapshot, our answer under its names.

Rule: a function takes an example's inputs and returns {name: our figure}; the names are those of
the example's `expected`. Nothing is computed here that the engine should have computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from tests.examples.build import (
    POOL,
    Given,
    coin,
    debt_ratio,
    dec,
    haircut,
    inverse,
    ladder,
    leg,
    linear,
    lump,
    report,
    snapshot,
    table,
    up_to,
)
from tests.examples.practice import Asks, asking, of_binance, of_bybit, of_bybit_at_entry
from watcher.domain.account import (
    Asset,
    Bracket,
    BracketKey,
    BracketKind,
    Claim,
    Family,
    Order,
    Rules,
    Side,
    VenueRatio,
    VenueSays,
)
from watcher.domain.alert import Measure
from watcher.domain.report import PoolReport
from watcher.margin import repriced, required_top_up
from watcher.margin.tables import bracket_steps, reached
from watcher.sim.bybit.figures import OPTION_FACTOR, OPTION_FEE_RATE, option_margin
from watcher.sim.default import empty_world, new_account
from watcher.sim.okx.figures import figures
from watcher.sim.okx.tables import BORROW
from watcher.sim.things import Debt, Option

Found: TypeAlias = dict[str, Any]

START_DAY_US = 20_000 * 86_400_000_000
"""Some midnight: an example gives a time of day only."""


def price_of(pool: PoolReport, symbol: str | None = None) -> float | None:
    """Return a liquidation price: of one position, or of the only one."""
    found = [p for p in pool.positions if symbol in (None, p.symbol)]
    return found[0].liquidation_price


# Binance, borrowed spot margin


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


# Binance, USDⓈ-M and COIN-M


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
        leg(
            p | {"quantity": p["notional"], "mark": 1},
            settle=p["margin_asset"],
            initial_margin=dec(p["notional"]) / dec(p["leverage"]),
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


def top_up_to_health(equity: object, margin: object, health: float) -> float | None:
    """Return the top-up of a pool known by its totals."""
    account = snapshot(haircut(), [coin("USD", equity)], [lump(0, margin)])
    return required_top_up(account, POOL, "USD", Measure.HEALTH, health)


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


# Bybit


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


# OKX


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


# Real cases: already put in common words under `normalised`


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
