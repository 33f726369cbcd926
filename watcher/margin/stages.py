"""
The stages a venue itself goes through before and at liquidation, and how far each one is.

Rule: a stage is a bar on the venue's own ratio. Every such bar is a health (equity over
requirement), so the place where it is reached is found by the same solver on a book whose
requirement is multiplied by it. Sources: the `stage` rows of `margin.sources`. A venue nobody
wrote stages down for has none; what is not told is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from watcher.domain.account import Family, Rules, Snapshot, VenueSays
from watcher.domain.report import StageReport
from watcher.margin.book import Floats, scaled
from watcher.margin.compile import Pool
from watcher.margin.distance import Distances, distances
from watcher.margin.opinion import UNI_MMR_LIQUIDATION, venue_health
from watcher.margin.state import State, at_stake

BYBIT_REPAY_RATE = 0.85
OKX_WARNING_RATIO = 3.0
UNI_MMR = (("margin_call", 1.5), ("reduce_only", 1.2))
"""Stages of portfolio margin above its liquidation, on the venue's own ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of one pool: `level` in percent of the venue's `ratio`, and the health that is."""

    name: str
    ratio: str
    level: float
    health: float


def stages_of(
    snapshot: Snapshot,
    state: State,
    found: Mapping[str, Distances],
    betas: Mapping[str, float],
) -> dict[str, tuple[StageReport, ...]]:
    """Return the stages of every computed pool, the first to be reached first."""
    pools = state.compiled.pools
    known = {name: list(stages_known(snapshot.venue, pools[name])) for name in found}
    told: dict[str, list[StageReport]] = {name: [] for name in found}
    for turn in range(max(map(len, known.values()), default=0)):
        now = {name: stages[turn] for name, stages in known.items() if turn < len(stages)}
        far = _distances_at(state, found, now, betas)
        for name, stage in now.items():
            told[name].append(_report(stage, state.today[name].health, far[name], pools[name]))
    return {name: tuple(reports) for name, reports in told.items()}


def unplaced_stages(snapshot: Snapshot, state: State) -> dict[str, tuple[StageReport, ...]]:
    """Return the same without how far they are: only whether each is reached."""
    return {
        name: tuple(
            _unplaced(stage, today.health)
            for stage in stages_known(snapshot.venue, state.compiled.pools[name])
        )
        for name, today in state.today.items()
    }


def stages_known(venue: str, pool: Pool) -> Iterator[Stage]:
    """Return what *venue* does to a pool of this kind, the first to be reached first."""
    rules = pool.rules
    if rules.family is Family.DEBT_RATIO or rules.debts == "own":
        yield from _bars(rules)
    elif venue == "binance":
        yield from _bars_of("marginRatio", rules)
    elif venue == "bybit":
        if _owes(pool):
            bar = BYBIT_REPAY_RATE
            yield Stage(name="auto_repay", ratio="accountMMRate", level=100 * bar, health=1 / bar)
        # an isolated position has no rate of its own account: its maintenance over what is left
        if rules.family is Family.HAIRCUT_POOL:
            yield from _bars_of("accountMMRate", rules)
        else:
            yield Stage(name="liquidation", ratio="positionMM", level=100.0, health=1.0)
    elif venue == "okx":
        yield from _bars_of("mgnRatio", rules)


def told_stages(says: VenueSays | None, rules: Rules) -> tuple[StageReport, ...]:
    """Return the stages of a pool only its venue computes: bars on its ratio, without a place."""
    health = None if says is None else venue_health(says, rules)
    if health is None or says is None or says.ratio is None:
        return ()
    return tuple(_unplaced(stage, health) for stage in _bars_of(says.ratio.name, rules))


def _bars_of(ratio: str, rules: Rules) -> Iterator[Stage]:
    """Return the stages on the venue's own *ratio*, which names the venue and the mode."""
    if ratio == "uniMMR":
        told = rules.liquidation_level
        end = UNI_MMR_LIQUIDATION if told is None else float(told)
        for name, level in (*UNI_MMR, ("liquidation", end)):
            yield Stage(name=name, ratio=ratio, level=100 * level, health=level / end)
    elif ratio == "marginLevel":
        yield from _bars(rules)
    elif ratio in {"marginRatio", "accountMMRate", "mgnRatio"}:
        if ratio == "mgnRatio":
            bar = OKX_WARNING_RATIO
            yield Stage(name="margin_call", ratio=ratio, level=100 * bar, health=bar)
        yield Stage(name="liquidation", ratio=ratio, level=100.0, health=1.0)


def _bars(rules: Rules) -> Iterator[Stage]:
    end, call = rules.liquidation_level, rules.call_level
    if end is None:
        return
    if call is not None:
        # level of assets over debt: what is left is equity, over the debt's share of it
        health = (
            float(call) / float(end) if rules.debts == "own" else float(call - 1) / float(end - 1)
        )
        yield Stage(name="margin_call", ratio="marginLevel", level=100 * float(call), health=health)
    yield Stage(name="liquidation", ratio="marginLevel", level=100 * float(end), health=1.0)


def _owes(pool: Pool) -> bool:
    return any(a.wallet < 0 or a.debt or a.interest for a in pool.assets)


def _distances_at(
    state: State,
    found: Mapping[str, Distances],
    now: Mapping[str, Stage],
    betas: Mapping[str, float],
) -> Mapping[str, Distances]:
    times: Floats = np.ones(state.book.pools)
    for name, stage in now.items():
        times[state.compiled.numbers[name]] = stage.health
    if (times == 1).all():
        return found
    return distances(replace(state, cautious=scaled(state.cautious, times)), betas)


def _report(stage: Stage, health: float, far: Distances, pool: Pool) -> StageReport:
    if not at_stake(pool):
        return _unplaced(stage, health)
    coin, _, way = (far.worst_path or "").rpartition(" ")
    marks = [p.mark for p in pool.positions if p.underlying == coin]
    mark = next((float(m) for m in [*marks, *_indices(pool, coin)]), None)
    price = None
    if mark is not None and far.worst is not None:
        price = mark * (1 - far.worst if way == "down" else 1 + far.worst)
    return replace(
        _unplaced(stage, health),
        distance=None if far.worst is None else 100 * far.worst,
        path=far.worst_path,
        price=price,
    )


def _indices(pool: Pool, coin: str) -> Iterator[Decimal]:
    return (asset.index for asset in pool.assets if asset.asset == coin)


def _unplaced(stage: Stage, health: float) -> StageReport:
    return StageReport(
        name=stage.name,
        ratio=stage.ratio,
        level=stage.level,
        health=stage.health,
        reached=health <= stage.health,
    )
