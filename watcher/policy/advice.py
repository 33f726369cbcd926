"""
What would bring a pool back: how much to add, what to close, how far the spare wallet goes.

Rule: advice is computed, then tried on a copy of the account, and only said if the trial reaches
the target; amounts are rounded up, never down. It is worked out when a message is really sent,
because it costs several evaluations. A pool only its venue can compute gets none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import Asset, Family, Position, Snapshot
from watcher.domain.alert import Measure, Tier
from watcher.domain.amounts import ceil_to_step
from watcher.domain.report import PoolReport, Status
from watcher.margin import (
    BookError,
    evaluate,
    required_close,
    required_top_up,
    with_closed,
    with_repaid,
    with_top_up,
)
from watcher.policy import messages as say
from watcher.policy.readings import Reading, value_of

POSITIONS_TRIED_MAX = 4
TOP_UP_FIGURES = 4
CLOSE_FIGURES = 3
STABLE = frozenset({"USDT", "USDC", "FDUSD", "USD1", "DAI"})

_TARGET_TIERS = {
    Tier.EMERGENCY: (Tier.WARNING, Tier.WATCH),
    Tier.CRITICAL: (Tier.WARNING, Tier.WATCH),
    Tier.WARNING: (Tier.WATCH,),
}
_HUGE = Decimal(1000)
_REACHED = 1e-6
_GAIN_POINTS_MIN = {Measure.DISTANCE: 0.1, Measure.MARGIN_LEVEL: 1.0, Measure.HEALTH: 0.01}


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How much of one position to close, in `unit` (its coin, or contracts)."""

    amount: Decimal
    of: Decimal
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    """What a wallet holds and what it would bring; `enough`: it covers all that is needed."""

    wallet: str
    amount: Decimal
    asset: str
    brings: float
    enough: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """
    Ways back to `target` of `measure`. `add` is an amount and its asset; `repay` is how much of the
    same asset does it too where it is owed and brought to repay. `hopeless` names the asset no
    amount of which helps.
    """

    measure: Measure
    target: float
    add: tuple[Decimal, str] | None = None
    repay: Decimal | None = None
    closing: Closing | None = None
    spare: Spare | None = None
    hopeless: str = ""


def advise(
    snapshot: Snapshot,
    report: PoolReport,
    reading: Reading,
    tier: Tier,
    *,
    betas: Mapping[str, float],
) -> Advice | None:
    """Return the ways back from *tier*; None where there is nothing true and useful to say."""
    target = target_of(reading, tier)
    if target is None or report.status is not Status.OK:
        return None
    case = _Case(snapshot, report.pool, reading.gauge.measure, target, betas)
    try:
        found = _found(case, report, reading)
    except BookError:  # a what-if the engine refuses is advice we do not have
        return None
    return found if found.add or found.closing or found.spare or found.hopeless else None


def target_of(reading: Reading, tier: Tier) -> float | None:
    """Return the line to go back to from *tier*: warning from the two worst, watch from warning."""
    enters = {bound.tier: bound.enter for bound in reading.gauge.bounds}
    lines = [enters[better] for better in _TARGET_TIERS.get(tier, ()) if better in enters]
    # beyond the line already: the tier is only held until the recovery is proven
    return lines[0] if lines and lines[0] > reading.gauge.value else None


@dataclass(frozen=True, slots=True)
class _Case:
    snapshot: Snapshot
    pool: str
    measure: Measure
    target: float
    betas: Mapping[str, float]

    def value(self, snapshot: Snapshot) -> float | None:
        report = evaluate(snapshot, betas=self.betas, stages=False, only=self.pool)
        return next((value_of(pool, self.measure) for pool in report.pools), None)

    def reaches(self, snapshot: Snapshot) -> bool:
        value = self.value(snapshot)
        # a pool that is gone altogether after closing has nothing left to lose
        return value is None or value >= self.target - _REACHED


def _found(case: _Case, report: PoolReport, reading: Reading) -> Advice:
    asset = _asset_to_add(case.snapshot, report)
    add = _top_up(case, asset) if asset else None
    return Advice(
        measure=case.measure,
        target=case.target,
        add=(add, asset) if add is not None and asset else None,
        repay=_repayment(case, asset, add) if add is not None and asset else None,
        closing=_closing(case, report),
        spare=_spare(case, asset, add, reading.gauge.value),
        hopeless=asset if asset and add is None and _is_hopeless(case, report, asset) else "",
    )


def _top_up(case: _Case, asset: str) -> Decimal | None:
    needed = required_top_up(
        case.snapshot, case.pool, asset, case.measure, case.target, betas=case.betas
    )
    if needed is None or not needed > 0 or math.isinf(needed):
        return None
    amount = ceil_to_step(needed, _step(needed, TOP_UP_FIGURES, stable=asset in STABLE))
    after = with_top_up(case.snapshot, case.pool, asset, amount)
    return amount if case.reaches(after) else None


def _repayment(case: _Case, asset: str, add: Decimal) -> Decimal | None:
    """Return what brings a level of assets over debt to its target when it is repaid at once."""
    rules = case.snapshot.rules.get(case.pool)
    if case.measure is not Measure.MARGIN_LEVEL or rules is None:
        return None
    if rules.family is not Family.DEBT_RATIO:
        return None
    # (A + add) / D and A / (D - repay) are the same level when repay is add over the level
    needed = float(add) * 100 / case.target
    amount = ceil_to_step(needed, _step(needed, TOP_UP_FIGURES, stable=asset in STABLE))
    owed = sum(
        (a.debt or Decimal(0)) + (a.interest or Decimal(0))
        for a in _assets(case.snapshot, case.pool)
        if a.asset == asset
    )
    after = with_repaid(case.snapshot, case.pool, asset, amount)
    return amount if amount < min(owed, add) and case.reaches(after) else None


# out of reach is said only after trying far more than anybody would add
def _is_hopeless(case: _Case, report: PoolReport, asset: str) -> bool:
    index = next((a.index for a in _assets(case.snapshot, case.pool) if a.asset == asset), None)
    if index is None or not index > 0 or report.requirement is None:
        return False
    size = Decimal(repr(max(report.requirement, abs(report.equity or 0.0), 1.0)))
    huge = (_HUGE * size / index).quantize(Decimal("0.01"))
    value = case.value(with_top_up(case.snapshot, case.pool, asset, huge))
    return value is not None and value < case.target - _REACHED


def _spare(
    case: _Case, asset: str | None, needed: Decimal | None, value_now: float
) -> Spare | None:
    if asset is None:
        return None
    held = [
        (amounts[asset], wallet)
        for wallet, amounts in case.snapshot.wallets.items()
        if amounts.get(asset, Decimal(0)) > 0
    ]
    held += _idle(case.snapshot, case.pool, asset)
    if not held:
        return None
    amount, wallet = max(held)
    value = case.value(with_top_up(case.snapshot, case.pool, asset, amount))
    if value is None or not value - value_now >= _GAIN_POINTS_MIN[case.measure]:
        return None
    enough = needed is not None and amount >= needed
    return Spare(wallet=wallet, amount=amount, asset=asset, brings=value, enough=enough)


def _idle(snapshot: Snapshot, pool: str, asset: str) -> Iterator[tuple[Decimal, str]]:
    """Yield what lies in a pool an isolated position draws its margin from, while it risks none."""
    if not any(p.pool == pool and p.isolated_margin is not None for p in snapshot.positions):
        return
    busy = {p.pool for p in snapshot.positions} | {o.pool for o in snapshot.orders}
    busy |= {a.pool for a in snapshot.assets if a.wallet < 0 or a.debt or a.interest}
    for row in snapshot.assets:
        if row.asset == asset and row.pool not in busy and row.wallet > 0:
            yield row.wallet, row.pool.partition(":")[0]


def _closing(case: _Case, report: PoolReport) -> Closing | None:
    notional = {(p.symbol, p.side): abs(p.notional) for p in report.positions}
    held = [p for p in case.snapshot.positions if p.pool == case.pool and p.quantity > 0]
    held.sort(key=lambda p: -notional.get((p.symbol, p.side), 0.0))
    best: tuple[float, Position, Decimal] | None = None
    for position in held[:POSITIONS_TRIED_MAX]:
        quantity = _quantity_to_close(case, position)
        if quantity is None:
            continue
        cost = notional.get((position.symbol, position.side), 0.0) * float(
            quantity / position.quantity
        )
        if best is None or cost < best[0]:
            best = (cost, position, quantity)
    if best is None:
        return None
    _, position, quantity = best
    if position.inverse:
        return Closing(amount=quantity, of=position.quantity, unit=say.CONTRACTS)
    size = position.contract_size
    return Closing(amount=quantity * size, of=position.quantity * size, unit=position.underlying)


def _quantity_to_close(case: _Case, position: Position) -> Decimal | None:
    symbol, side = position.symbol, position.side
    gone = with_closed(case.snapshot, case.pool, symbol, side, position.quantity)
    if not case.reaches(gone):  # one evaluation instead of a search that must fail
        return None
    needed = required_close(
        case.snapshot, case.pool, symbol, side, case.measure, case.target, betas=case.betas
    )
    if needed is None or not needed > 0:
        return None
    quantity = min(ceil_to_step(needed, _lot(position)), position.quantity)
    after = with_closed(case.snapshot, case.pool, symbol, side, quantity)
    return quantity if case.reaches(after) else None


def _step(value: float, figures: int, *, stable: bool) -> Decimal:
    exponent = math.floor(math.log10(value)) - figures + 1
    return Decimal(1).scaleb(max(exponent, 0) if stable else exponent)


# The venue's lot is not in a snapshot. Three figures of the position: with two, a position that
# begins with 1 would lose up to a tenth of itself for nothing. Never finer than the position itself
# shows, whole contracts where contracts are counted; a round size shows nothing, there two do.
def _lot(position: Position) -> Decimal:
    size = position.quantity
    own = size.normalize().as_tuple().exponent
    assert isinstance(own, int)
    counted = position.inverse or position.contract_size != 1
    finest = min(own, 0) if own < 0 or counted else min(size.adjusted() - 1, 0)
    return Decimal(1).scaleb(max(size.adjusted() - CLOSE_FIGURES + 1, finest))


def _asset_to_add(snapshot: Snapshot, report: PoolReport) -> str | None:
    assets = _assets(snapshot, report.pool)
    owed = [a for a in assets if a.debt is not None and a.debt > 0]
    if owed:
        return max(owed, key=lambda a: (a.debt or Decimal(0)) * a.index).asset
    settles = _by_notional(snapshot, report)
    for asset in settles:
        if asset in STABLE or not assets:
            return asset
    if settles:
        return settles[0]
    stable = [a.asset for a in assets if a.asset in STABLE]
    return stable[0] if stable else None


def _by_notional(snapshot: Snapshot, report: PoolReport) -> list[str]:
    notional = {(p.symbol, p.side): abs(p.notional) for p in report.positions}
    total: dict[str, float] = {}
    for position in snapshot.positions:
        if position.pool == report.pool:
            own = notional.get((position.symbol, position.side), 0.0)
            total[position.settle] = total.get(position.settle, 0.0) + own
    return sorted(total, key=lambda asset: -total[asset])


def _assets(snapshot: Snapshot, pool: str) -> list[Asset]:
    return [asset for asset in snapshot.assets if asset.pool == pool]
