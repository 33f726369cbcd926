"""
Readings that cannot be taken at their word yet: figures nothing explains.

Rule: bad news is believed at once and marked as unconfirmed; no good news comes of a rise in doubt,
and no money moves, while a doubt stands. What prices, and moves between the pools and wallets of
the account, explain is no doubt; wallets are read once a minute, so that a rise may be explained
later. A glitch comes and goes, and comes again: a doubt stands for ten minutes since it was told
or last rose, whatever else it shows meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from watcher.domain.alert import MINUTE_US, SECOND_US, DangerState, FindingState, Lane, Tier
from watcher.domain.loss import Rise
from watcher.domain.report import PoolReport
from watcher.policy import history, lines, losses, wording
from watcher.policy import messages as say
from watcher.policy.alerting import GOOD_SAMPLES
from watcher.policy.checks import Finding, Scene
from watcher.policy.compared import price_apart
from watcher.policy.incidents import elapsed_us
from watcher.policy.readings import Reading

JUMP_FACTOR = 10.0
"""On the worst days balances were shown as nothing, and tens of millions too high."""
STANDS_US = 10 * MINUTE_US
AGAIN_US = 2 * SECOND_US
"""A reading in doubt is looked at again as soon as this."""


def jumped(scene: Scene) -> Iterator[Finding]:
    """
    Find pools at risk whose equity is a tenth, or ten times, of what prices explain.

    A loss of a position or a debt beside it is `shrinking.shrunk`'s to tell, a pool that is no
    longer there too.
    """
    pools = {pool.pool: pool for pool in scene.look.report.pools}
    jumps = _jumps(scene)
    for pool, report in pools.items():
        if pool not in jumps and not _was_told(scene, report):
            continue
        expected, worth = jumps.get(pool, (None, 0.0))
        # what was told as a rise is one for as long as it stands
        rise = _risen(scene, pool) if pool not in jumps else None
        if expected is not None and scene.before is not None and worth > expected:
            beside = losses.beside(pool, scene.before)
            rise = Rise(expected=expected, worth=worth, beside=beside, at_us=scene.at_us)
            if _is_explained(rise, report, scene):
                continue
        yield Finding(
            check=jumped.__name__,
            pool=pool,
            fact="jump",
            title=say.JUMPED,
            facts=(
                *lines.equity_then(report, expected, likely=False),
                say.JUMPED_UNEXPLAINED,
                say.SEEN_ONCE,
                say.JUMPED_BY_WHOM.format(venue=wording.venue_name(scene.look.snapshot.venue)),
            ),
            tier=Tier.WARNING if rise is None else Tier.WATCH,
            lane=Lane.WARNING,
            silent=rise is not None,
            rise=rise,
        )


def _jumps(scene: Scene) -> dict[str, tuple[float, float]]:
    """Return by pool what its equity should be and what it is, where the two are far apart."""
    before, after = scene.before, scene.look.snapshot
    now = {pool.pool: pool.equity for pool in scene.look.report.pools}
    known = {pool: samples[-1].equity for pool, samples in history.pools_of(scene.recent).items()}
    suspects = [
        pool
        for pool, was in known.items()
        if was is not None and pool in now and _is_jump(was, now[pool])
    ]
    if before is None or not suspects:
        return {}
    explained = losses.unexplained(before, after, scene.look.report, scene.betas)
    lost = losses.losses(before, after)
    at_risk = {one.pool for one in before.positions}
    at_risk |= {one.pool for one in before.assets if one.debt}
    return {
        pool: explained[pool]
        for pool in suspects
        if pool in at_risk and pool not in lost and pool in explained and _is_jump(*explained[pool])
    }


def _risen(scene: Scene, pool: str) -> Rise | None:
    told = scene.findings.get(f"{jumped.__name__}:{pool}")
    return None if told is None else told.rise


def _was_told(scene: Scene, pool: PoolReport) -> bool:
    told = scene.findings.get(f"{jumped.__name__}:{pool.pool}")
    if told is None or told.told_at_us is None or not _stands(told):
        return False
    if told.rise is not None and _is_explained(told.rise, pool, scene):
        return False
    return elapsed_us(scene.at_us, _since_us(told)) < STANDS_US


def _is_explained(rise: Rise, pool: PoolReport, scene: Scene) -> bool:
    snapshot = scene.look.snapshot
    return losses.is_explained(rise, pool.pool, pool.reference, snapshot, JUMP_FACTOR)


def is_doubted(findings: Mapping[str, FindingState], pool: str) -> bool:
    """Tell whether a doubt about what *pool* is worth stands."""
    return _stands(findings.get(f"{jumped.__name__}:{pool}"))


def is_suspect(findings: Mapping[str, FindingState], pool: str) -> bool:
    """Tell whether what *pool* was just read as is in doubt, and was not confirmed since."""
    state = findings.get(f"{jumped.__name__}:{pool}")
    return _stands(state) and state is not None and state.bad_samples <= GOOD_SAMPLES


def held_back(
    readings: Mapping[str, Reading | None],
    findings: Mapping[str, FindingState],
    known: Mapping[str, DangerState],
) -> dict[str, Reading | None]:
    """Return *readings* in which a rise that nothing explains lets no tier go, while it stands."""
    found = dict(readings)
    for pool, danger in known.items():
        reading = found.get(pool)
        state = findings.get(f"{jumped.__name__}:{pool}")
        if reading is None or state is None or not _stands(state) or state.rise is None:
            continue
        if reading.hold < danger.tier:
            until_us = _since_us(state) + STANDS_US
            found[pool] = replace(reading, hold=danger.tier, doubted_until_us=until_us)
    return found


def bars_money(findings: Mapping[str, FindingState], pool: str) -> bool:
    """Tell whether a doubt about *pool*, or about a price of its account, stands."""
    doubts = (f"{jumped.__name__}:{pool}", f"{price_apart.__name__}:")
    return any(_stands(findings.get(name)) for name in doubts)


def _since_us(told: FindingState) -> int:
    return max(told.told_at_us or 0, 0 if told.rise is None else told.rise.at_us)


def _stands(state: FindingState | None) -> bool:
    return state is not None and state.good_samples < GOOD_SAMPLES


def _is_jump(was: float, now: float | None) -> bool:
    return now is not None and was > 0 and not was / JUMP_FACTOR < now < was * JUMP_FACTOR
