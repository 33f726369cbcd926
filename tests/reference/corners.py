"""
Random accounts on corners: what chance alone seldom draws.

Rule: as in `books`, seeded and with few digits. Pairs are what borrowed spot margin is; edged
accounts stand exactly on a floor today; banded ones are liquidated by a jump and safe beyond it;
turning ones have a settle bucket that changes sign on the way, with a table under it.
"""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

from tests.reference.books import (
    POOL,
    PRICES,
    _cash,
    _rules,
    _snapshot,
    brackets,
    dec,
    ladder,
    log_uniform,
    position,
    worth,
)
from watcher.domain.account import (
    Asset,
    Bracket,
    BracketKey,
    BracketKind,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    Weight,
)


def pair(rng: random.Random) -> Snapshot:
    """One pair of borrowed spot margin: by level of assets over debt, or by a rate on the debt."""
    base = rng.choice(list(PRICES))
    coins = [(base, PRICES[base]), ("USDT", rng.uniform(0.98, 1.01))]
    rng.shuffle(coins)
    (holds, price), (owes, owed_price) = coins
    worth_held = log_uniform(rng, 1e3, 1e6)
    owed = worth_held * rng.uniform(0.3, 1.05)
    index, debt = dec(owed_price), dec(owed / owed_price)
    own = dec(owed * rng.choice([0, 0, rng.uniform(0, 0.3)]) / owed_price)
    if rng.random() < 0.5:
        level = Decimal(rng.choice(["1.05", "1.1", "1.15"]))
        rules = Rules(family=Family.DEBT_RATIO, liquidation_level=level)
        lent = Asset(pool=POOL, asset=owes, wallet=own, index=index, debt=debt)
    else:
        table = (Bracket(floor=Decimal(0), rate=dec(rng.uniform(0.01, 0.12), 3)),)
        rules = Rules(
            family=Family.HAIRCUT_POOL,
            borrow_brackets={owes: table},
            borrow_bracket_kind=BracketKind.FLAT,
        )
        lent = Asset(pool=POOL, asset=owes, wallet=own - debt, index=index)
    held = Asset(pool=POOL, asset=holds, wallet=dec(worth_held / price), index=dec(price))
    return _snapshot(rules, assets=[held, lent])


def edged(rng: random.Random) -> Snapshot:
    """A ladder, a maintenance table and an order that lie exactly on a floor today."""
    mark, quantity = Decimal(rng.randint(10, 90_000)), Decimal(rng.randint(1, 400))
    notional = mark * quantity
    table = [Bracket(floor=Decimal(0), rate=dec(rng.uniform(0.003, 0.02), 3))]
    for times in sorted(rng.sample(["0.5", "1", "1", "1.25", "2"], 3)):
        floor = notional * Decimal(times)
        if floor > table[-1].floor:
            rate = min(Decimal("0.5"), dec(float(table[-1].rate) * rng.uniform(1.1, 2.5), 3))
            table.append(Bracket(floor=floor, rate=rate))
    leg = Position(
        pool=POOL,
        symbol="BTCUSDT",
        underlying="BTC",
        side=rng.choice(list(Side)),
        quantity=quantity,
        entry=dec(float(mark) * rng.uniform(0.9, 1.1)),
        mark=mark,
        settle="USDT",
        brackets=tuple(table),
        bracket_kind=rng.choice(list(BracketKind)),
    )
    coins, index = Decimal(rng.randint(1, 100)), Decimal(rng.randint(100, 90_000))
    by = rng.choice(["usd", "quantity"])
    step = coins * index if by == "usd" else coins
    weights = (
        Weight(floor=Decimal(0), weight=Decimal("0.95"), by=by),  # type: ignore[arg-type]
        Weight(floor=step / 2, weight=Decimal("0.8"), by=by),  # type: ignore[arg-type]
        Weight(floor=step, weight=Decimal(rng.choice(["0.5", "0"])), by=by),  # type: ignore[arg-type]
    )
    cash = rng.choice([Decimal(0), _cash(rng, float(notional))])
    owed = {"USDT": brackets(rng, float(notional) / 10)}
    assets = [
        Asset(pool=POOL, asset="USDT", wallet=cash, index=Decimal(1)),
        Asset(pool=POOL, asset="BTC", wallet=coins, index=index, weights=weights),
    ]
    rules = Rules(
        family=Family.HAIRCUT_POOL,
        borrow_brackets=owed,
        borrow_bracket_kind=rng.choice(list(BracketKind)),
    )
    return _snapshot(rules, [leg], assets)


def banded(rng: random.Random) -> Snapshot:
    """A jump of a flat table takes what is left; further up the profit brings it back."""
    coin = rng.choice(list(PRICES))
    leg = position(rng, coin, coin, "USDT", kind=BracketKind.FLAT)
    leg = replace(leg, side=Side.LONG, contract_size=Decimal(1), bracket_key=BracketKey.NOTIONAL)
    leg = replace(leg, fee_rate=Decimal(0), entry=leg.mark, quantity=dec(float(leg.quantity), 3))
    value = float(leg.quantity * leg.mark)
    rate, rows, step = rng.uniform(0.01, 0.03), [(0.0, 0.004)], 1.0
    for _ in range(rng.randint(1, 3)):
        step *= rng.uniform(1.0002, 1.0015)
        rows.append((value * step, rate))
        rate *= rng.uniform(2, 4)
    table = tuple(Bracket(floor=dec(floor, 9), rate=dec(r, 4)) for floor, r in rows)
    # enough below the chosen floor, too little above
    floor, after = rows[rng.randrange(1, len(rows))]
    cash = floor * after * rng.uniform(0.5, 0.999) - (floor - value)
    assets = [Asset(pool=POOL, asset="USDT", wallet=dec(cash), index=Decimal(1))]
    return _snapshot(Rules(family=Family.LINEAR_POOL), [replace(leg, brackets=table)], assets)


def turning(rng: random.Random) -> Snapshot:
    """Little cash, large contracts, coins as collateral: the cash turns negative on the way."""
    coins = rng.sample(["BTC", "ETH", "SOL"], 2)
    legs = [position(rng, c, f"{c}{n}", "USDT") for n, c in enumerate(coins)]
    total = worth(legs, {"USDT": 1.0})
    assets = [
        Asset(
            pool=POOL,
            asset="USDT",
            wallet=dec(total * rng.uniform(-0.02, 0.05)),
            index=dec(rng.uniform(0.98, 1.01)),
            ask=Decimal(rng.choice(["1", "1.02"])),
        )
    ]
    for coin in coins[: rng.randint(1, 2)]:
        by, share = rng.choice(["usd", "quantity"]), total * rng.uniform(0.1, 0.5)
        scale = share if by == "usd" else share / PRICES[coin]
        assets.append(
            Asset(
                pool=POOL,
                asset=coin,
                wallet=dec(share / PRICES[coin]),
                index=dec(PRICES[coin]),
                weights=ladder(rng, scale, by),
            )
        )
    rules = replace(
        _rules(rng, Family.HAIRCUT_POOL),
        borrow_brackets={"USDT": brackets(rng, total * 0.1, steep=True)},
        borrow_bracket_kind=rng.choice(list(BracketKind)),
    )
    return _snapshot(rules, legs, assets)


CORNERS = {"pair": pair, "edged": edged, "banded": banded, "turning": turning}
