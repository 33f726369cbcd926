"""
Readings that cannot be taken at their word yet: figures nothing explains.

Rule: bad news is believed at once and marked as unconfirmed; good news waits for the three readings
that end an alert anyway; no money moves while a doubt stands, nor for three readings after it. What
prices, and moves between the pools of the account, explain is no doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from watcher.domain.alert import MINUTE_US, SECOND_US, FindingState, Lane, Tier
from watcher.policy import history, lines, losses, wording
from watcher.policy import messages as say
from watcher.policy.alerting import GOOD_SAMPLES
from watcher.policy.checks import Finding, Scene
from watcher.policy.compared import price_apart

JUMP_FACTOR = 10.0
"""On the worst days balances were shown as nothing, and tens of millions too high."""
REPEAT_US = 10 * MINUTE_US
AGAIN_US = 2 * SECOND_US
"""A reading in doubt is looked at again as soon as this."""


def jumped(scene: Scene) -> Iterator[Finding]:
    """
    Find pools at risk whose equity is a tenth, or ten times, of what prices explain.

    A loss of a position or a debt beside it is `checks.shrunk`'s to tell, a pool that is no longer
    there too.
    """
    before, after = scene.before, scene.look.snapshot
    pools = {pool.pool: pool for pool in scene.look.report.pools}
    known = {pool: samples[-1].equity for pool, samples in history.pools_of(scene.recent).items()}
    suspects = [
        pool
        for pool, was in known.items()
        if was is not None and pool in pools and _is_jump(was, pools[pool].equity)
    ]
    if before is None or not suspects:
        return
    explained = losses.unexplained(before, after, scene.look.report, scene.betas)
    lost = losses.losses(before, after)
    at_risk = {one.pool for one in before.positions}
    at_risk |= {one.pool for one in before.assets if one.debt}
    for pool in suspects:
        if pool in lost or pool not in at_risk or pool not in explained:
            continue
        expected, worth = explained[pool]
        if not _is_jump(expected, worth):
            continue
        rose = worth > expected
        yield Finding(
            check="jumped",
            pool=pool,
            fact="jump",
            title=say.JUMPED,
            facts=(
                *lines.equity_then(pools[pool], expected, likely=False),
                say.JUMPED_UNEXPLAINED,
                say.SEEN_ONCE,
                say.JUMPED_BY_WHOM.format(venue=wording.venue_name(after.venue)),
            ),
            tier=Tier.WATCH if rose else Tier.WARNING,
            lane=Lane.WARNING,
            silent=rose,
            repeat_us=REPEAT_US,
        )


def is_suspect(findings: Mapping[str, FindingState], pool: str) -> bool:
    """Tell whether what *pool* was last read as is in doubt, or was within three readings."""
    return _stands(findings.get(f"{jumped.__name__}:{pool}"))


def bars_money(findings: Mapping[str, FindingState], pool: str) -> bool:
    """Tell whether a doubt about *pool*, or about a price of its account, stands."""
    return is_suspect(findings, pool) or _stands(findings.get(f"{price_apart.__name__}:"))


def _stands(state: FindingState | None) -> bool:
    return state is not None and state.good_samples < GOOD_SAMPLES


def _is_jump(was: float, now: float | None) -> bool:
    return now is not None and was > 0 and not was / JUMP_FACTOR < now < was * JUMP_FACTOR
