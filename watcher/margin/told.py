"""
Pools that are not computed: the venue's own figures, and why.

Rule: nothing is guessed. What the venue does not tell is None; its health comes from its own
ratio, its distances from its own liquidation prices, and a position that cannot be valued (no
mark, no price of its settle asset) is left out rather than valued at 1.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.domain.account import Family, Position, Side, Snapshot, VenueSays
from watcher.domain.report import PoolReport, PositionReport, Status
from watcher.margin.compile import Pool
from watcher.margin.figures import notional, percent_level, unrealised
from watcher.margin.opinion import venue_health
from watcher.margin.stages import told_stages
from watcher.margin.state import reference_of

NOTHING_SAID = VenueSays()


def told_report(snapshot: Snapshot, pool: Pool, why: str) -> PoolReport:
    """Return the report of a pool the engine leaves alone; *why* is "" for `reported` ones."""
    says = snapshot.venue_says.get(pool.name, NOTHING_SAID)
    health = venue_health(says, pool.rules)
    equity = None if says.equity is None else float(says.equity)
    margin = None if says.maintenance_margin is None else float(says.maintenance_margin)
    used = None if says.used_margin is None else float(says.used_margin)
    requirement = margin
    if health is not None and equity is not None and 0 < health < float("inf"):
        requirement = equity / health  # what the venue's own verdict says it needs
    positions = tuple(
        report
        for position in pool.positions
        if (report := _position(pool, position, says)) is not None
    )
    # prices of a whole portfolio are the venue's guesses: shown, but no tier is taken from them
    guessed = pool.rules.family is Family.REPORTED and says.liquidation_estimated
    worst = min(
        (p for p in positions if p.distance is not None and not guessed),
        key=lambda p: p.distance if p.distance is not None else float("inf"),
        default=None,
    )
    return PoolReport(
        pool=pool.name,
        family=pool.rules.family,
        status=Status.PARTIAL if why else Status.REPORTED,
        why=why or None,
        reference=reference_of(pool),
        equity=equity,
        maintenance_margin=margin,
        requirement=requirement,
        headroom=None if equity is None or requirement is None else equity - requirement,
        used_margin=used,
        initial_margin=None,
        free_margin=None if equity is None or used is None else equity - used,
        health=health,
        margin_level=_level(says, equity, used),
        collateral_margin_level=None,
        venue_ratio=says.ratio,
        disagreement=None,
        stage_reports=told_stages(snapshot.venue_says.get(pool.name), pool.rules),
        tier_distance=None if worst is None else worst.distance,
        worst_path=None if worst is None else _path(pool, worst),
        joint_down=None,
        joint_up=None,
        positions=positions,
    )


def _level(says: VenueSays, equity: float | None, used: float | None) -> float | None:
    if says.ratio is not None and says.ratio.name == "marginLevel":
        return 100 * float(says.ratio.value)
    return None if equity is None else percent_level(equity, used)


def _path(pool: Pool, worst: PositionReport) -> str:
    position = next(p for p in pool.positions if p.symbol == worst.symbol)
    price = worst.liquidation_price
    assert price is not None
    return f"{position.underlying} {'down' if price < position.mark else 'up'}"


def _position(pool: Pool, position: Position, says: VenueSays) -> PositionReport | None:
    single = reference_of(pool) == position.settle
    index = None if single else pool.indices.get(position.settle)
    if not (position.mark > 0 and position.entry > 0) or (index is None and not single):
        return None
    unit = 1.0 if index is None else float(index)
    price = says.liquidation_price(position.symbol, position.side)
    mark = float(position.mark)
    far = None if price is None else 100 * abs(float(price) - mark) / mark
    if price is not None and _is_passed(pool, position, price, says):
        far = 0.0
    return PositionReport(
        symbol=position.symbol,
        side=position.side,
        notional=notional(position) * unit,
        unrealised_pnl=unrealised(position) * unit,
        maintenance_margin=None,
        liquidation_price=None if price is None else float(price),
        bankruptcy_price=None,
        distance=far,
    )


# beside others a short may protect a larger long, and the price that ends both lies below the mark
def _is_passed(pool: Pool, position: Position, price: Decimal, says: VenueSays) -> bool:
    side = position.side if len(pool.positions) == 1 else _net_side(pool, says)
    if side is None:
        return False
    return price >= position.mark if side is Side.LONG else price <= position.mark


def _net_side(pool: Pool, says: VenueSays) -> Side | None:
    """Return which way a hedge with one price for both sides leans, None where it is not plain."""
    first = pool.positions[0]
    if len({says.liquidation_price(p.symbol, p.side) for p in pool.positions}) != 1:
        return None
    if {(p.underlying, p.inverse) for p in pool.positions} != {(first.underlying, first.inverse)}:
        return None
    sizes = [
        p.quantity * p.contract_size * (1 if p.side is Side.LONG else -1) for p in pool.positions
    ]
    net = sum(sizes, Decimal(0))
    holds_it = any(a.asset == first.underlying and a.wallet > 0 for a in pool.assets)
    if net == 0 or (net < 0 and holds_it and not first.inverse):
        return None
    return Side.LONG if net > 0 else Side.SHORT
