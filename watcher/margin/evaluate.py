"""
The `Report` of a snapshot: every pool's figures, distances and prices.

Rule: numbers are put together here and computed elsewhere. Equity, margins and headroom are our
model's own; health, margin level and every distance are the worse of ours and the venue's. A pool
that is not computed shows the venue's figures and says why. Every number is finite or None; only
health and levels may be infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from watcher.domain.account import Asset, Position, Snapshot
from watcher.domain.report import (
    PoolReport,
    PositionReport,
    Report,
    StageReport,
    Status,
    UnderlyingReport,
)
from watcher.margin.book import equity_only
from watcher.margin.compile import Pool
from watcher.margin.distance import Alone, Distances, distances, of_position, solos
from watcher.margin.figures import levels_of, notional, unrealised
from watcher.margin.movers import mover_of, stable_movers
from watcher.margin.opinion import disagreement, health
from watcher.margin.stages import stages_of, unplaced_stages
from watcher.margin.state import State, reference_of, state_of
from watcher.margin.told import told_report

NO_BETAS: Mapping[str, float] = {}


def evaluate(
    snapshot: Snapshot,
    *,
    betas: Mapping[str, float] = NO_BETAS,
    stages: bool = True,
    only: str | None = None,
) -> Report:
    """
    Return what *snapshot* means: one report per pool, or *only* that pool, in order of its rules.

    Without *stages* it is left open how far the venue's stages are, and bankruptcy prices: they
    cost as much again, and who asks often does without.

    Raises: `BookError` for a snapshot that cannot be right.
    """
    state = state_of(snapshot, betas, only=only)
    found = distances(state, betas)
    bankrupt = _bankruptcies(state) if stages else {}
    staged = (
        stages_of(snapshot, state, found, betas) if stages else unplaced_stages(snapshot, state)
    )
    pools = []
    for name, pool in state.compiled.pools.items():
        if only not in (None, name):
            continue
        if name in state.compiled.left_out:
            pools.append(told_report(snapshot, pool, state.compiled.left_out[name]))
        else:
            broke, stage = bankrupt.get(name, {}), staged.get(name, ())
            pools.append(_pool_report(_Computed(snapshot, pool, state, found[name], broke, stage)))
    return Report(account=snapshot.account, taken_at_us=snapshot.taken_at_us, pools=tuple(pools))


@dataclass(frozen=True, slots=True)
class _Computed:
    """Everything known of one computed pool."""

    snapshot: Snapshot
    pool: Pool
    state: State
    far: Distances
    bankrupt: Mapping[str, Alone]
    stages: tuple[StageReport, ...]

    @property
    def price_of(self) -> Callable[[str], float]:
        units = self.state.compiled.sheets[self.pool.name].units
        return lambda currency: float(self.state.book.price[units[currency]])

    @property
    def charge_of(self) -> Callable[[str], float]:
        sheet = self.state.compiled.sheets[self.pool.name]
        return lambda currency: float(self.state.book.price[sheet.charge(currency)])


def _bankruptcies(state: State) -> dict[str, dict[str, Alone]]:
    # where equity itself is gone: the same solver with nothing required
    book = equity_only(state.cautious)
    names = list(state.compiled.numbers)
    found: dict[str, dict[str, Alone]] = {}
    for number, mover, alone in solos(book, ~stable_movers(book)):
        found.setdefault(names[number], {})[mover] = alone
    return found


def _pool_report(one: _Computed) -> PoolReport:
    pool, far = one.pool, one.far
    today = one.state.today[pool.name]
    levels = levels_of(one.snapshot, pool, today, one.charge_of)
    says = one.snapshot.venue_says.get(pool.name)
    return PoolReport(
        pool=pool.name,
        family=pool.rules.family,
        status=Status.OK,
        why=_bounded(pool),
        reference=reference_of(pool),
        equity=today.equity,
        maintenance_margin=today.maintenance,
        requirement=today.requirement,
        headroom=today.equity - today.requirement,
        used_margin=levels.used_margin,
        initial_margin=levels.initial_margin,
        free_margin=levels.free_margin,
        health=today.health,
        margin_level=levels.margin_level,
        collateral_margin_level=levels.collateral_margin_level,
        venue_ratio=None if says is None else says.ratio,
        disagreement=disagreement(health(today.equity, today.requirement), today.told),
        stages=levels.stages,
        tier_distance=_percent(far.worst),
        worst_path=far.worst_path,
        joint_down=_percent(far.joint_down),
        joint_up=_percent(far.joint_up),
        depeg={name: _percent(alone.nearest) for name, alone in far.stable.items()},
        positions=tuple(
            _position_report(one, position, item)
            for position, item in zip(pool.positions, pool.items, strict=True)
        ),
        underlyings=tuple(_underlyings(one)),
        stage_reports=one.stages,
    )


def _bounded(pool: Pool) -> str | None:
    # computed all the same: what is not known exactly is taken at the most it could be
    names = [claim.name for claim in pool.claims if claim.underlying]
    if not names:
        return None
    return f"margin of {', '.join(names)} taken at the most its coin can make of it"


def _percent(distance: float | None) -> float | None:
    return None if distance is None else 100 * distance


def _position_report(one: _Computed, position: Position, item: int) -> PositionReport:
    unit = one.price_of(position.settle)
    hit = of_position(one.far, position, one.pool)
    mark = float(position.mark)
    mover = mover_of(position.underlying, one.pool.betas)
    broke = one.bankrupt.get(mover, Alone(down=None, up=None)).factor
    return PositionReport(
        symbol=position.symbol,
        side=position.side,
        notional=notional(position) * unit,
        unrealised_pnl=unrealised(position) * unit,
        maintenance_margin=float(one.state.charges[item]),
        liquidation_price=None if hit is None else mark * hit[0],
        bankruptcy_price=None if broke is None else mark * broke,
        distance=None if hit is None else 100 * hit[1],
    )


def _underlyings(one: _Computed) -> list[UnderlyingReport]:
    marks = marks_of(one.pool)
    both = one.far.risky | one.far.stable
    reports = []
    for name, mark in marks.items():
        mover = mover_of(name, one.pool.betas)
        if mover not in both or (mover in one.far.stable and not _is_traded(one.pool, name)):
            continue
        alone = both[mover]
        reports.append(
            UnderlyingReport(
                underlying=name,
                mark=mark,
                liquidation_down=None if alone.down is None else mark * (1 - alone.down),
                liquidation_up=None if alone.up is None else mark * (1 + alone.up),
            )
        )
    return reports


def _is_traded(pool: Pool, name: str) -> bool:
    return any(position.underlying == name for position in pool.positions)


def marks_of(pool: Pool) -> dict[str, float]:
    """
    Return today's price of every coin a pool depends on: its contracts' marks, then its coins.

    Of several contracts on one coin the first names the price; a staked form of a coin is told by
    its own name only where its parent is not there.
    """
    marks: dict[str, float] = {}
    for position in pool.positions:
        marks.setdefault(position.underlying, float(position.mark))
    for claim in pool.claims:
        if claim.underlying is not None:
            marks.setdefault(claim.underlying, float(claim.price))
    movers = {mover_of(name, pool.betas) for name in marks}
    held = [(a, mover_of(a.asset, pool.betas)) for a in pool.assets if _counts(a)]
    # parents first: sorting is stable and False comes before True
    for asset, mover in sorted(held, key=lambda pair: pair[0].asset != pair[1]):
        if mover not in movers:
            movers.add(mover)
            marks[asset.asset] = float(asset.index)
    return marks


def _counts(asset: Asset) -> bool:
    return asset.index > 0 and bool(asset.wallet or asset.debt or asset.interest)
