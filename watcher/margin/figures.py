"""
Plain figures of a position and of a pool: notional, P&L, used margin, margin level, stages.

Rule: nothing here moves a price. Used margin is the venue's initial margin, or the debt of a
borrowed account; it is never derived from leverage, and where the venue does not tell it, it and
all that rests on it is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from watcher.domain.account import Family, Position, Rules, Side, Snapshot
from watcher.margin.compile import Pool
from watcher.margin.state import Today
from watcher.margin.tables import ladder_slices, ladder_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    used_margin: float | None = None
    initial_margin: float | None = None
    free_margin: float | None = None
    margin_level: float | None = None
    collateral_margin_level: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)


def notional(position: Position) -> float:
    """Return the value of a position at its mark, in its settle asset."""
    size = float(position.quantity * position.contract_size)
    return size / float(position.mark) if position.inverse else size * float(position.mark)


def unrealised(position: Position) -> float:
    """Return the P&L of a position at its mark, in its settle asset."""
    size = float(position.quantity * position.contract_size)
    size = size if position.side is Side.LONG else -size
    entry, mark = float(position.entry), float(position.mark)
    if position.inverse:
        return size * (mark - entry) / (entry * mark)
    return size * (mark - entry)


def percent_level(amount: float, used: float | None) -> float | None:
    """Return *amount* over used margin in percent; infinite where nothing is used."""
    if used is None:
        return None
    if used > 0:
        return 100 * amount / used
    return math.inf if amount >= 0 else -math.inf


def levels_of(
    snapshot: Snapshot, pool: Pool, today: Today, price_of: Callable[[str], float]
) -> Levels:
    """
    Return the margin figures of a computed pool, in its unit.

    *price_of* turns margin in a settle asset into it. The level is of the equity both opinions
    leave; for borrowed coins it is the venue's own definition: assets over debt, or, where debts
    have a maintenance margin (Pro), equity over that.
    """
    cautious = today.equity - today.gap
    if pool.rules.family is Family.DEBT_RATIO:
        return _debt_levels(pool, today, cautious)
    if pool.rules.debts == "own":
        return Levels(
            margin_level=percent_level(cautious, today.requirement), stages=_stages(pool.rules)
        )
    initial = _initial_margin(pool, price_of)
    says = snapshot.venue_says.get(pool.name)
    told = says.used_margin if says else None
    used = float(told) if told is not None else initial
    return Levels(
        used_margin=used,
        initial_margin=initial,
        free_margin=None if used is None else today.equity - used,
        margin_level=percent_level(cautious, used),
    )


def _initial_margin(pool: Pool, price_of: Callable[[str], float]) -> float | None:
    total = 0.0
    for position in pool.positions:
        if position.initial_margin is None:
            return None
        total += float(position.initial_margin) * price_of(position.settle)
    return total


def _debt_levels(pool: Pool, today: Today, cautious: float) -> Levels:
    level = pool.rules.liquidation_level
    assert level is not None
    debt = today.requirement / (float(level) - 1)
    counted = 0.0
    for asset in pool.assets:
        slices, by_value = ladder_slices(asset.weights, f"{pool.name} {asset.asset}")
        held, index = float(asset.wallet), float(asset.index)
        counted += (
            ladder_value(slices, held * index) if by_value else ladder_value(slices, held) * index
        )
    return Levels(
        used_margin=debt,
        margin_level=percent_level(cautious + debt, debt),
        collateral_margin_level=percent_level(counted, debt),
        stages=_stages(pool.rules),
    )


def _stages(rules: Rules) -> dict[str, float]:
    levels = {"call": rules.call_level, "liquidation": rules.liquidation_level}
    return {name: 100 * float(level) for name, level in levels.items() if level is not None}
