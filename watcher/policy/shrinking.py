"""
What got smaller or vanished: told at once, and where it goes on step by step, once a minute.

Rule: told where it looks like a liquidation. The first step is told on the reading that shows it; a
venue that liquidates in steps takes one every few seconds, and those are gathered into one word a
minute, from what there was at the last word to what there is. What is gone, or is first called a
liquidation, is told at once. What is gathered outlives misses and restarts. What is there again at
the next readings was not lost: that is told as far as the loss was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from watcher.domain.account import Snapshot
from watcher.domain.alert import FindingState, Lane, Tier
from watcher.domain.loss import Gathered
from watcher.policy import lines, losses, wording
from watcher.policy import messages as say
from watcher.policy.checks import LOSSES_SHOWN_MAX, Finding, Scene, health_line

_KINDS = tuple(say.LOSSES_GONE)
"""What is worst to lose comes first, and names the whole."""


def shrunk(scene: Scene) -> Iterator[Finding]:
    """
    Find what got smaller or vanished while its pool was in danger, or while nobody could see it,
    in any way that looks like a liquidation, or without what a close pays into the wallet.

    Told on the first reading that shows it: a liquidation must not wait for the three readings
    that end an alert.
    """
    if scene.before is None:
        return
    lost = losses.losses(scene.before, scene.look.snapshot)
    yield from _returned(scene, scene.before, lost)
    if not lost:
        return
    changes = losses.changes(scene.before, scene.look.snapshot, scene.look.report, scene.betas)
    for pool, found in lost.items():
        tier = scene.dangers[pool].tier if pool in scene.dangers else Tier.CALM
        change = changes.get(pool, losses.Change(equity_was=None, likely=False))
        if tier < Tier.WATCH and not (scene.unseen or change.likely or change.unpaid):
            continue
        known = scene.findings.get(f"{shrunk.__name__}:{pool}")
        whole = losses.gathered(known.gathered if known else None, found, change)
        said = tuple(losses.said(loss) for loss in whole.losses)
        rest = len(said) - LOSSES_SHOWN_MAX
        kind = min((loss.kind for loss in whole.losses), key=_KINDS.index)
        gone = any(not loss.now for loss in whole.losses if loss.kind == kind)
        yield Finding(
            check=shrunk.__name__,
            pool=pool,
            fact="/".join(said),
            title=(say.LOSSES_GONE if gone else say.LOSSES_SMALLER)[kind],
            facts=(
                *said[:LOSSES_SHOWN_MAX],
                *([say.AND_MORE_ROWS.format(count=rest)] if rest > 0 else []),
                *([say.LOSSES_STEPS.format(count=whole.steps)] if whole.steps > 1 else []),
                *_worth(scene, pool, whole, kind, unpaid=change.unpaid),
            ),
            tier=max(tier, Tier.CRITICAL if whole.likely else Tier.WARNING),
            lane=Lane.DANGER,
            wakes=whole.likely,
            gathered=whole,
            waits=not gone,
        )


# an answer without them was believed at once: whoever read of it must read that it was not so, by
# the second answer with them, or figures that flap would be told at each turn
def _returned(scene: Scene, before: Snapshot, lost: Collection[str]) -> Iterator[Finding]:
    after = scene.look.snapshot
    for state in scene.findings.values():
        told = () if state.gathered is None else state.gathered.told
        if not told or state.pool in lost:
            continue
        if all(losses.is_back(loss, state.pool, one) for loss in told for one in (before, after)):
            yield Finding(
                check=shrunk.__name__,
                pool=state.pool,
                fact=say.THERE_AGAIN,
                title=say.THERE_AGAIN,
                facts=(
                    *(losses.said_back(loss) for loss in told[:LOSSES_SHOWN_MAX]),
                    say.THERE_AGAIN_SEEN,
                    say.LOOK.format(venue=wording.venue_name(after.venue)),
                ),
                tier=state.tier,
                lane=Lane.DANGER,
                gathered=Gathered(),
                ends=True,
            )


def lost(telling: Iterable[Finding], findings: Mapping[str, FindingState]) -> frozenset[str]:
    """Return the pools of which a loss is among what is told, or is gathered to be."""
    told = {finding.pool for finding in telling if finding.check == shrunk.__name__}
    waiting = {state.pool for state in findings.values() if state.gathered and state.gathered.steps}
    return frozenset(told | waiting)


def _worth(scene: Scene, pool: str, whole: Gathered, kind: str, *, unpaid: bool) -> Iterator[str]:
    venue = wording.venue_name(scene.look.snapshot.venue)
    report = next((p for p in scene.look.report.pools if p.pool == pool), None)
    yield from lines.equity_then(report, whole.equity_was, likely=whole.likely)
    if report is not None and report.positions:
        yield from health_line(report)
    yield from _venues_word(scene, pool)
    if unpaid:
        yield say.UNPAID
    yield say.SEEN_ONCE
    text = say.LOOK if whole.likely else say.LOSSES_BY_WHOM[kind]
    yield text.format(venue=venue)


# in the reading before it: some venues mark a position while they liquidate or deleverage it
def _venues_word(scene: Scene, pool: str) -> Iterator[str]:
    before = scene.before.flags if scene.before is not None else ()
    venue = wording.venue_name(scene.look.snapshot.venue)
    said = dict.fromkeys(flag.says for flag in before if flag.pool == pool and flag.forced)
    if said:
        yield say.VENUE_SAID_BEFORE.format(venue=venue, flags=wording.words(", ".join(said)))
