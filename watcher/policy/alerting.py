"""
The danger machine: how one pool's alert moves from tier to tier.

Rule: everything that moves an alert is in this file; it knows nothing of venues or channels. Bad
news is believed at once: one reading under a line enters its tier, and a fall through several
tiers enters the worst. Good news needs proof: a tier is left after its dwell and three readings
beyond its exit line, for the mildest tier that whole stretch allows. What was not seen moves
nothing, except that an estimate may make things worse; so may the venue's figures of a pool that is
partial, and what was entered by a better measure waits for that measure to be left.

    from      reading                         to                says
    calm      under a line                    its tier          RAISED
    any       under a worse line              that tier         ESCALATED, and any ack has ended
    any       beyond the exit, long enough    milder, not calm  EASED
    any       beyond every exit, long enough  calm              RESOLVED
    any       neither                         same              as `speaking` has it

While a tier only waits out its dwell, it speaks at the pace of the milder one it reads; while only
a doubt about a better reading holds it, at the pace of critical at most.

An incident opens at the first tier and is kept for ten minutes of calm, so that a pool which falls
again speaks under the same code. Each relapse soon after easing doubles the dwell, up to a quarter
of an hour: a pool that swings across a line is held at the worse tier instead of paging each swing,
and says so from the second relapse on, which is its fourth crossing.

Time is an argument. Nothing here logs, waits or stores.
"""

from __future__ import annotations

from dataclasses import replace

from watcher.domain.alert import MINUTE_US, SECOND_US, DangerState, Kind, Tier
from watcher.domain.road import Reach
from watcher.policy import speaking
from watcher.policy.incidents import elapsed_us, opened
from watcher.policy.readings import Reading

GOOD_SAMPLES = 3
REOPEN_US = 10 * MINUTE_US
RELAPSE_WITHIN_US = 10 * MINUTE_US
RELAPSES_KEPT_US = 30 * MINUTE_US
DWELL_MAX_US = 15 * MINUTE_US
DWELL_US = {
    Tier.WATCH: 60 * SECOND_US,
    Tier.WARNING: 60 * SECOND_US,
    Tier.CRITICAL: 120 * SECOND_US,
    Tier.EMERGENCY: 180 * SECOND_US,
}


def step(
    danger: DangerState,
    reading: Reading,
    now_us: int,
    *,
    account: str,
    furthest: Reach = Reach.CHAT,
) -> tuple[DangerState, Kind | None]:
    """
    Move the machine by one true reading; return what it says, if anything.

    *furthest* is the furthest road there is.
    """
    moved, kind = _step(_aged(danger, now_us), reading, now_us, account, furthest)
    return moved if reading.lesser else replace(moved, firm=moved.tier), kind


def _step(
    danger: DangerState, reading: Reading, now_us: int, account: str, furthest: Reach
) -> tuple[DangerState, Kind | None]:
    if reading.tier > danger.tier:
        return _worse(danger, reading, now_us, account, furthest)
    if danger.tier is Tier.CALM:
        return danger, None
    hold = max(reading.hold, danger.firm) if reading.lesser else reading.hold
    if hold >= danger.tier:
        held = _without_good(danger)
        doubted = reading.doubted_until_us is not None
        pace = min(danger.tier, Tier.CRITICAL) if doubted else danger.tier
        return speaking.again(held, reading, now_us, pace=pace, furthest=furthest)
    return _better(danger, reading, hold, now_us, furthest)


def step_estimate(
    danger: DangerState,
    reading: Reading | None,
    now_us: int,
    *,
    account: str,
    furthest: Reach = Reach.CHAT,
) -> tuple[DangerState, Kind | None]:
    """Move the machine by a re-priced reading, or by none: never towards calm."""
    danger = _aged(danger, now_us)
    if reading is not None and reading.tier > danger.tier:
        moved, kind = _worse(danger, reading, now_us, account, furthest)
        return moved if reading.lesser else replace(moved, firm=moved.tier), kind
    if danger.tier is Tier.CALM:
        return danger, None
    return speaking.again(
        danger, reading, now_us, pace=danger.tier, furthest=furthest, guessed=True
    )


def step_absent(
    danger: DangerState, now_us: int, *, furthest: Reach = Reach.CHAT
) -> tuple[DangerState | None, Kind | None]:
    """Move the machine by a complete reading that no longer holds its pool; None: forgotten."""
    danger = _aged(danger, now_us)
    if danger.tier is Tier.CALM:
        return (danger if danger.incident else None), None
    return _better(danger, None, Tier.CALM, now_us, furthest)


def blinded(danger: DangerState) -> DangerState:
    """Forget good readings counted so far: a recovery must be seen in one stretch."""
    return _without_good(danger)


def dwell_us(danger: DangerState) -> int:
    """Return how long *danger* must look good before it leaves its tier."""
    return min(DWELL_US[danger.tier] << min(len(danger.relapses), 8), DWELL_MAX_US)


def is_unstable(danger: DangerState) -> bool:
    return len(danger.relapses) > 1


def _worse(
    danger: DangerState, reading: Reading, now_us: int, account: str, furthest: Reach
) -> tuple[DangerState, Kind]:
    kind = Kind.RAISED if danger.tier is Tier.CALM else Kind.ESCALATED
    relapsed = (
        danger.eased_at_us is not None
        and elapsed_us(now_us, danger.eased_at_us) < RELAPSE_WITHIN_US
    )
    moved = replace(
        _without_good(danger),
        tier=reading.tier,
        since_us=now_us,
        incident=danger.incident or opened(account, danger.pool, now_us),
        closed_at_us=None,
        worst=max(danger.worst, reading.tier),
        eased_at_us=None if relapsed else danger.eased_at_us,
        relapses=(*danger.relapses, now_us) if relapsed else danger.relapses,
        ack=None,
    )
    fresh = speaking.entered(moved, now_us, furthest=furthest)
    return speaking.told(fresh, reading, now_us), kind


def _better(
    danger: DangerState, reading: Reading | None, hold: Tier, now_us: int, furthest: Reach
) -> tuple[DangerState, Kind | None]:
    gone = reading is None or reading.gone
    if gone is not danger.good_gone:
        danger = _without_good(danger)  # one look without a position does not prove that none is
    since = now_us if danger.good_since_us is None else danger.good_since_us
    danger = replace(
        danger,
        good_gone=gone,
        good_since_us=since,
        good_samples=danger.good_samples + 1,
        good_worst=max(danger.good_worst, hold),
    )
    proven = danger.good_samples >= GOOD_SAMPLES and elapsed_us(now_us, since) >= dwell_us(danger)
    if not proven:
        # what still reads well need not page at the pace of what it was; what is gone may be a slip
        pace = danger.tier if gone else danger.good_worst
        return speaking.again(danger, reading, now_us, pace=pace, furthest=furthest)
    tier = danger.good_worst
    calm = tier is Tier.CALM
    moved = replace(
        _without_good(danger),
        tier=tier,
        since_us=now_us,
        closed_at_us=now_us if calm else None,
        eased_at_us=now_us,
        firm=min(danger.firm, tier),
        ack=None if calm else danger.ack,
    )
    return speaking.eased(moved, reading, now_us), Kind.RESOLVED if calm else Kind.EASED


def _without_good(danger: DangerState) -> DangerState:
    if danger.good_since_us is None:
        return danger
    return replace(
        danger, good_since_us=None, good_samples=0, good_worst=Tier.CALM, good_gone=False
    )


# calm for long enough ends the incident; old relapses no longer count
def _aged(danger: DangerState, now_us: int) -> DangerState:
    if danger.relapses and elapsed_us(now_us, danger.relapses[0]) > RELAPSES_KEPT_US:
        kept = tuple(at for at in danger.relapses if elapsed_us(now_us, at) <= RELAPSES_KEPT_US)
        danger = replace(danger, relapses=kept)
    over = danger.closed_at_us is not None and elapsed_us(now_us, danger.closed_at_us) >= REOPEN_US
    return DangerState(pool=danger.pool) if over else danger
