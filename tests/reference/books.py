"""
Random accounts: every family, every table shape, deep in trouble or far from it.

Rule: seeded, so that a failure names the one account that fails. Numbers have few digits, as on a
venue, and wallets are drawn against the notional so that most accounts can be liquidated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from watcher.domain.account import (
    Asset,
    Bracket,
    BracketKey,
    BracketKind,
    Claim,
    Family,
    Order,
    Position,
    Rules,
    Side,
    Snapshot,
    Weight,
)

PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0, "XRP": 0.6, "DOGE": 0.12}
POOL = "pool"


def dec(value: float, digits: int = 6) -> Decimal:
    return Decimal(f"{value:.{digits}g}")


def log_uniform(rng: random.Random, low: float, high: float) -> float:
    return low * math.pow(high / low, rng.random())


def brackets(
    rng: random.Random, scale: float, *, told: bool = False, steep: bool = False
) -> tuple[Bracket, ...]:
    """A table whose floors lie around *scale*; *told*: with the venue's own deductions."""
    floor, rate, deduction = Decimal(0), dec(rng.uniform(0.003, 0.02), 3), Decimal(0)
    rows = [Bracket(floor=floor, rate=rate, deduction=deduction if told else None)]
    for _ in range(rng.randint(0, 6)):
        floor = dec(float(floor) * rng.uniform(1.2, 4) or scale * rng.uniform(0.05, 1.5), 5)
        higher = min(Decimal("0.5"), dec(float(rate) * rng.uniform(1.05, 2.5 if steep else 2), 4))
        deduction += (higher - rate) * floor
        rate = higher
        rows.append(Bracket(floor=floor, rate=rate, deduction=deduction if told else None))
    return tuple(rows)


def position(
    rng: random.Random,
    underlying: str,
    symbol: str,
    settle: str,
    *,
    inverse: bool = False,
    notional: float | None = None,
    kind: BracketKind | None = None,
    quote: float = 1.0,
) -> Position:
    mark = dec(PRICES[underlying] / quote * rng.uniform(0.8, 1.25))
    value = notional or log_uniform(rng, 200, 2e6)
    contract = Decimal(rng.choice(["1", "1", "0.01", "100"]))
    base = value if inverse else value / quote / float(mark)
    quantity = dec(base / float(contract), 4)
    kind = kind or rng.choice([BracketKind.MARGINAL, BracketKind.MARGINAL, BracketKind.FLAT])
    key = rng.choice([BracketKey.NOTIONAL] * 4 + [BracketKey.CONTRACTS, BracketKey.BASE])
    in_settle = value / float(mark) if inverse else value / quote
    scale = {
        BracketKey.CONTRACTS: float(quantity),
        BracketKey.BASE: in_settle if inverse else base,
    }.get(key, in_settle)
    told = key is BracketKey.NOTIONAL and kind is BracketKind.MARGINAL and rng.random() < 0.5
    return Position(
        pool=POOL,
        symbol=symbol,
        underlying=underlying,
        side=rng.choice(list(Side)),
        quantity=quantity,
        contract_size=contract,
        entry=dec(float(mark) * rng.uniform(0.85, 1.18)),
        mark=mark,
        settle=settle,
        inverse=inverse,
        fee_rate=rng.choice([Decimal(0), Decimal("0.0005"), Decimal("0.001")]),
        leverage=Decimal(rng.randint(1, 50)),
        brackets=brackets(rng, scale, told=told, steep=kind is BracketKind.FLAT),
        bracket_key=key,
        bracket_kind=kind,
    )


def worth(positions: Sequence[Position], quotes: dict[str, float]) -> float:
    """Notional of all, in USD, with the price of each settle asset in *quotes*."""
    total = 0.0
    for p in positions:
        size = float(p.quantity * p.contract_size)
        total += (size / float(p.mark) if p.inverse else size * float(p.mark)) * quotes[p.settle]
    return total


def _rules(rng: random.Random, family: Family, **more: object) -> Rules:
    return Rules(
        family=family,
        fee_in=rng.choice(["maintenance", "requirement"]),
        fee_basis=rng.choice(["notional", "entry"]),
        **more,  # type: ignore[arg-type]
    )


def _snapshot(
    rules: Rules,
    positions: Sequence[Position] = (),
    assets: Sequence[Asset] = (),
    orders: Sequence[Order] = (),
) -> Snapshot:
    return Snapshot(
        venue="test",
        account="random",
        mode="random",
        taken_at_us=0,
        reference="USD",
        rules={POOL: rules},
        positions=tuple(positions),
        assets=tuple(assets),
        orders=tuple(orders),
    )


def _cash(rng: random.Random, notional: float, price: float = 1.0) -> Decimal:
    return dec(notional * rng.choice([rng.uniform(-0.05, 0.1), rng.uniform(0.01, 0.8)]) / price)


def linear(rng: random.Random) -> Snapshot:
    legs = [
        position(rng, coin, f"{coin}{n}", "USDT")
        for n, coin in enumerate(rng.choices(list(PRICES), k=rng.randint(1, 6)))
    ]
    rules = _rules(
        rng, Family.LINEAR_POOL, maintenance_basis=rng.choice(["mark", "mark", "mark", "entry"])
    )
    wallet = _cash(rng, worth(legs, {"USDT": 1.0}))
    if rng.random() < 0.3:
        rules = replace(rules, order_loss=dec(abs(float(wallet)) * rng.uniform(0.001, 0.1) + 1))
    cash = Asset(pool=POOL, asset="USDT", wallet=wallet, index=Decimal("0.9995"))
    return _snapshot(rules, legs, [cash])


def isolated(rng: random.Random) -> Snapshot:
    inverse = rng.random() < 0.4
    coin = rng.choice(list(PRICES))
    leg = position(rng, coin, coin, coin if inverse else "USDT", inverse=inverse)
    margin = _cash(rng, worth([leg], {leg.settle: 1.0}))
    leg = _with(leg, isolated_margin=abs(margin))
    return _snapshot(_rules(rng, Family.INVERSE_POOL if inverse else Family.LINEAR_POOL), [leg])


def hedged(rng: random.Random) -> Snapshot:
    rule = rng.choice(["sum", "sum", "net", "max"])
    legs: list[Position] = []
    for n, coin in enumerate(rng.sample(list(PRICES), rng.randint(1, 2))):
        one = position(rng, coin, f"{coin}{n}", "USDT")
        size = dec(float(one.quantity) * rng.choice([1, 1.0, rng.uniform(0.3, 1.7)]), 4)
        entry = dec(float(one.mark) * rng.uniform(0.85, 1.18))
        legs += [
            _with(one, side=Side.LONG),
            _with(one, side=Side.SHORT, quantity=size, entry=entry),
        ]
    rules = Rules(family=Family.LINEAR_POOL, hedge=rule)  # type: ignore[arg-type]
    wallet = _cash(rng, worth(legs, {"USDT": 0.6}))
    return _snapshot(rules, legs, [Asset(pool=POOL, asset="USDT", wallet=wallet, index=Decimal(1))])


def inverse_cross(rng: random.Random) -> Snapshot:
    coin = rng.choice(["BTC", "ETH", "SOL"])
    legs = [position(rng, coin, f"{coin}{n}", coin, inverse=True) for n in range(rng.randint(1, 3))]
    price = PRICES[coin]
    wallet = _cash(rng, worth(legs, {coin: price}), price)
    return _snapshot(
        _rules(rng, Family.INVERSE_POOL),
        legs,
        [Asset(pool=POOL, asset=coin, wallet=wallet, index=dec(price))],
    )


def ladder(rng: random.Random, scale: float, by: str) -> tuple[Weight, ...]:
    rows, floor, weight = [], 0.0, rng.uniform(0.85, 1)
    for _ in range(rng.randint(1, 4)):
        rows.append(Weight(floor=dec(floor), weight=dec(weight, 3), by=by))  # type: ignore[arg-type]
        floor = (floor or scale * 0.2) * rng.uniform(1.3, 3)
        weight *= 0 if rng.random() < 0.1 else rng.uniform(0.5, 0.98)
    return tuple(rows)


def unified(rng: random.Random) -> Snapshot:
    prices = {"USDT": rng.uniform(0.98, 1.01), "USDC": rng.uniform(0.99, 1.01)} | PRICES
    settles = ["USDT", "USDC"] if rng.random() < 0.5 else ["USDT"]
    legs = [
        position(rng, coin, f"{coin}{n}", rng.choice(settles))
        for n, coin in enumerate(rng.choices(list(PRICES), k=rng.randint(1, 5)))
    ]
    held = rng.sample(["BTC", "ETH", "SOL"], rng.randint(1, 3))
    for coin in held:
        if rng.random() < 0.3:
            legs.append(position(rng, coin, f"{coin}-INV", coin, inverse=True))
        if rng.random() < 0.2:
            other = rng.choice([c for c in PRICES if c != coin])
            legs.append(position(rng, other, f"{other}-{coin}", coin, quote=PRICES[coin]))
    total = worth(legs, prices)
    assets, borrow = [], {}
    for name in [*settles, *held]:
        by = rng.choice(["usd", "quantity"])
        scale = 3e5 * rng.random() / (prices[name] if by == "quantity" else 1)
        stable = name in settles
        share = rng.choice([0.0, rng.uniform(-0.1, 0.4), rng.uniform(0.01, 0.6)])
        assets.append(
            Asset(
                pool=POOL,
                asset=name,
                wallet=dec(total * share / prices[name]),
                index=dec(prices[name]),
                debt=dec(total * 0.05 / prices[name]) if rng.random() < 0.2 else None,
                frozen=dec(total * rng.choice([0, 0, rng.random() * 0.4]) / prices[name]),
                ask=Decimal(rng.choice(["1", "1.005", "1.05"])),
                weights=(Weight(weight=dec(rng.uniform(0.95, 1), 3)),)
                if stable
                else ladder(rng, scale, by),
            )
        )
        if rng.random() < 0.5:
            borrow[name] = brackets(rng, 2e4 / prices[name], told=rng.random() < 0.5)
    return _snapshot(
        _rules(
            rng,
            Family.HAIRCUT_POOL,
            borrow_brackets=borrow,
            borrow_bracket_kind=rng.choice([BracketKind.MARGINAL, BracketKind.FLAT]),
            borrow_fee_rate=Decimal(rng.choice(["0", "0.001"])),
            orders_in=rng.choice(["nothing", "equity"]),
        ),
        legs,
        assets,
        [order(rng, rng.choice(settles)) for _ in range(rng.randint(0, 2))],
    )


def lent(rng: random.Random) -> Snapshot:
    """Loans ask for their margin however much of the coin is held; resting orders ask too."""
    drawn = unified(rng)
    total = worth(drawn.positions, {a.asset: float(a.index) for a in drawn.assets})
    assets, tables = [], {}
    for a in drawn.assets:
        owed = dec(total * rng.uniform(0.01, 0.3) / float(a.index)) if rng.random() < 0.6 else None
        assets.append(replace(a, wallet=a.wallet + (owed or 0) * rng.choice([0, 1, 1]), debt=owed))
        tables[a.asset] = brackets(rng, total * 0.2 / float(a.index), told=rng.random() < 0.5)
    rules = replace(
        drawn.rules[POOL],
        debts="larger",
        borrow_brackets=tables,
        orders_in="equity",
        order_loss=dec(rng.choice([0, rng.uniform(0, 0.01)]) * total),
    )
    plain = _snapshot(rules, drawn.positions, assets, drawn.orders)
    return replace(plain, claims=tuple(_claims(rng, plain, total)))


def _claims(rng: random.Random, drawn: Snapshot, total: float) -> Iterator[Claim]:
    """What the venue says orders and short options ask for, the latter growing with their coin."""
    for number in range(rng.randint(0, 2)):
        asset = rng.choice(drawn.assets)
        amount = dec(rng.uniform(0, 0.01) * total / float(asset.index))
        claim = Claim(pool=POOL, name=f"claim {number}", settle=asset.asset, amount=amount)
        coins = [(p.underlying, p.mark) for p in drawn.positions if not p.inverse]
        if rng.random() < 0.5 and coins:
            name, price = rng.choice(coins)
            up, down = (
                dec(rng.choice([0, rng.uniform(0, 0.5)]) * total / float(asset.index * price))
                for _ in range(2)
            )
            claim = replace(claim, underlying=name, price=price, growth_up=up, growth_down=down)
        yield claim


def two_priced(rng: random.Random) -> Snapshot:
    """Each currency has a bid and an ask: held at the one, owed and required at the other."""
    drawn = unified(rng)
    buffers = {a.asset: dec(rng.choice([0, rng.uniform(0, 0.1)]), 3) for a in drawn.assets}
    assets = [
        replace(a, ask=1 + buffers[a.asset], weights=(Weight(weight=1 - buffers[a.asset]),))
        for a in drawn.assets
    ]
    rules = Rules(family=Family.HAIRCUT_POOL, margins_at="ask")
    return _snapshot(rules, drawn.positions, assets)


def order(rng: random.Random, settle: str) -> Order:
    coin = rng.choice(list(PRICES))
    mark = PRICES[coin]
    return Order(
        pool=POOL,
        symbol=f"{coin}-ORDER",
        underlying=coin,
        side=rng.choice(list(Side)),
        quantity=dec(log_uniform(rng, 500, 2e5) / mark, 4),
        price=dec(mark * rng.uniform(0.7, 1.3)),
        mark=dec(mark),
        settle=settle,
    )


def borrowed(rng: random.Random) -> Snapshot:
    names = ["USDT", *rng.sample(list(PRICES), rng.randint(1, 4))]
    prices = {"USDT": rng.uniform(0.98, 1.01)} | PRICES
    assets = [
        Asset(
            pool=POOL,
            asset=name,
            wallet=dec(log_uniform(rng, 1e3, 5e5) / prices[name]) * rng.choice([0, 1, 1]),
            index=dec(prices[name]),
            debt=dec(log_uniform(rng, 1e2, 3e5) / prices[name]) * rng.choice([0, 1]),
            interest=dec(log_uniform(rng, 0.1, 1e2) / prices[name]) * rng.choice([0, 1]),
        )
        for name in names
    ]
    level = Decimal(rng.choice(["1.1", "1.05", "1.15"]))
    rules = Rules(family=Family.DEBT_RATIO, liquidation_level=level, call_level=Decimal("1.3"))
    return _snapshot(rules, assets=assets)


def pro(rng: random.Random) -> Snapshot:
    """Weighted collateral beside debts whose maintenance goes by their value."""
    coins = rng.sample(list(PRICES), rng.randint(1, 4))
    prices = {"USDT": rng.uniform(0.98, 1.01)} | PRICES
    assets, tables = [], {}
    for name in ["USDT", *coins]:
        owed = log_uniform(rng, 1e2, 3e5) * rng.choice([0, 1])
        scale = 3e5 * rng.random()
        assets.append(
            Asset(
                pool=POOL,
                asset=name,
                wallet=dec(log_uniform(rng, 1e3, 5e5) / prices[name]) * rng.choice([0, 1, 1]),
                index=dec(prices[name]),
                debt=dec(owed / prices[name]) if owed else None,
                interest=dec(owed / 1e3 / prices[name]) if rng.random() < 0.5 else None,
                weights=ladder(rng, scale, "usd"),
            )
        )
        tables[name] = brackets(rng, 2e4, told=rng.random() < 0.5)
    rules = Rules(
        family=Family.HAIRCUT_POOL,
        liquidation_level=Decimal(1),
        call_level=Decimal("1.5"),
        debts="own",
        borrow_brackets=tables,
        borrow_bracket_by="value",
        # without a debt nothing is at stake, whatever orders may lose
        order_loss=dec(rng.choice([0, rng.uniform(0, 2e3)]) if any(a.debt for a in assets) else 0),
    )
    return _snapshot(rules, assets=assets)


def jumpy(rng: random.Random) -> Snapshot:
    """Flat tables close around the position, and a wallet that a jump alone can break."""
    legs = []
    for n, coin in enumerate(rng.choices(list(PRICES), k=rng.randint(1, 4))):
        leg = position(rng, coin, f"{coin}{n}", "USDT", kind=BracketKind.FLAT)
        value = float(leg.quantity * leg.contract_size * leg.mark)
        floors = sorted(value * rng.uniform(0.3, 3) for _ in range(rng.randint(2, 6)))
        rate, rows = 0.004, [Bracket(floor=Decimal(0), rate=Decimal("0.004"))]
        for floor in floors:
            rate = min(0.6, rate * rng.uniform(1.02, 2.2))
            rows.append(Bracket(floor=dec(floor, 8), rate=dec(rate, 4)))
        legs.append(_with(leg, bracket_key=BracketKey.NOTIONAL, brackets=tuple(rows)))
    total = worth(legs, {"USDT": 1.0})
    wallet = dec(total * rng.uniform(0.0, 0.25))
    cash = Asset(pool=POOL, asset="USDT", wallet=wallet, index=Decimal(1))
    return _snapshot(Rules(family=Family.LINEAR_POOL), legs, [cash])


KINDS = {
    "linear": linear,
    "isolated": isolated,
    "hedged": hedged,
    "inverse": inverse_cross,
    "unified": unified,
    "lent": lent,
    "two_priced": two_priced,
    "borrowed": borrowed,
    "pro": pro,
    "jumpy": jumpy,
}


def random_snapshot(seed: int) -> tuple[str, Snapshot]:
    """Return the account of *seed* and its kind."""
    rng = random.Random(seed)
    kind = rng.choice([*KINDS, "unified", "unified"])
    return kind, KINDS[kind](rng)


def _with(leg: Position, **changes: object) -> Position:
    return replace(leg, **changes)  # type: ignore[arg-type]
