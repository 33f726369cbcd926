"""
The checks beside danger: facts about a pool the trader must know, though no tier says so.

Rule: a check is one function from a scene to findings, with its limits in a
dataclass beside it, entered in `checklist`. A finding is told when it has been there for as many
readings in a row as it needs, again when its fact changes or its repeat is due, and forgotten
after three readings without it. Acked, it is repeated once a day at most, and told again when its
fact changes or its tier gets worse. What goes on step by step is gathered into one word a minute.
One that wakes people and stays unanswered goes to the next
road after 3 min and to the last after 6, though what it found may be over by then: once each.
Nothing here moves a tier.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from watcher.domain.account import Mismatch, Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    DangerState,
    FindingState,
    Lane,
    Sample,
    Tier,
)
from watcher.domain.loss import Gathered, Rise
from watcher.domain.report import PoolReport, Report, Status
from watcher.domain.road import Reach
from watcher.domain.status import KeyRights, VenueStatus
from watcher.policy import lines, losses, opinions, speaking, wording
from watcher.policy import messages as say
from watcher.policy.alerting import GOOD_SAMPLES
from watcher.policy.incidents import elapsed_us, opened, spoken
from watcher.policy.readings import Reading

DAY_US = 24 * 60 * MINUTE_US
GATHER_US = MINUTE_US
LOSSES_SHOWN_MAX = 4
HOVERS_SAMPLES = 20
"""So many readings in a row without it, one to three minutes, end a table's difference told of."""
STAY = 0.7
"""What was told to differ stays so until it is this part of its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One complete reading of an account: what the venue said, and what it amounts to."""

    snapshot: Snapshot
    report: Report
    readings: Mapping[str, Reading | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """One coin whose mark here and elsewhere differ; `stuck_us`: for how long ours stood still."""

    coin: str
    ours: float
    elsewhere: float
    stuck_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """
    What a check may look at: this reading, the one before, the danger machines before it.
    `unseen`: between the two readings the account went unseen for longer than is allowed.
    `status` is what the venue last said of mode, key and clock, `key` what was known of the key
    before; both may be missing. `at_us` is the steady time, `wall_us` the time of day, `recent` the
    readings before this, `findings` what stands of the checks, `pegs` what collateral was worth,
    `apart` what differs from prices elsewhere.
    """

    look: Look
    before: Snapshot | None
    dangers: Mapping[str, DangerState]
    betas: Mapping[str, float] = field(default_factory=dict)
    unseen: bool = False
    status: VenueStatus | None = None
    key: KeyRights | None = None
    recent: tuple[Sample, ...] = ()
    findings: Mapping[str, FindingState] = field(default_factory=dict)
    pegs: Mapping[str, float] = field(default_factory=dict)
    apart: tuple[Apart, ...] = ()
    at_us: int = 0
    wall_us: int = 0
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something one check found in one pool, "" for the whole account. `fact` tells it from another
    finding of the same check; `facts` are the lines that say it. `wakes`: unanswered, it is told to
    further people; `unanswered`: this is that word. `gathered` is all that was not told yet of what
    goes on step by step; unless it `waits`, it is told at once. `ends`: what was told is not so.
    `rise` is one not explained yet.
    """

    check: str
    pool: str
    fact: str
    title: str
    facts: tuple[str, ...]
    tier: Tier
    lane: Lane
    silent: bool = False
    samples: int = 1
    repeat_us: int | None = None
    wakes: bool = False
    unanswered: bool = False
    gathered: Gathered | None = None
    ends: bool = False
    waits: bool = False
    rise: Rise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceLimits:
    """Our ratio and the venue's may lie this far apart, in percent; more when read in parts."""

    base: float = 3.0
    per_second_of_spread: float = 1.0
    most: float = 20.0
    samples: int = 3
    repeat_us: int = 4 * 60 * MINUTE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    divergence: DivergenceLimits = field(default_factory=DivergenceLimits)


LIMITS = Limits()


def tolerance(snapshot: Snapshot, limits: DivergenceLimits = LIMITS.divergence) -> float:
    """Return how far apart (percent) our ratio and the venue's may lie for this reading."""
    times = snapshot.parts.values()
    spread_s = (max(times) - min(times)) / 1e6 if times else 0.0
    return min(limits.base + limits.per_second_of_spread * spread_s, limits.most)


def divergence(scene: Scene) -> Iterator[Finding]:
    """Find pools whose ratio by our model and by the venue differ more than time explains."""
    limits = LIMITS.divergence
    venue = wording.venue_name(scene.look.snapshot.venue)
    for pool in scene.look.report.pools:
        apart = pool.disagreement
        if pool.status is not Status.OK or apart is None:
            continue
        told = scene.findings.get(f"divergence:{pool.pool}")
        stays = STAY if told is not None and told.fact else 1.0
        if math.isfinite(apart) and apart <= stays * tolerance(scene.look.snapshot, limits):
            continue
        shown = wording.percent(apart) if math.isfinite(apart) else "all"
        yield Finding(
            check="divergence",
            pool=pool.pool,
            fact="apart",
            title=say.MODEL_DIFFERS,
            facts=(
                say.MODEL_DIFFERS_BY.format(venue=venue, apart=shown),
                *opinions.figures(scene.look.snapshot, pool),
                opinions.reason(scene.look.snapshot, pool),
                say.WORSE_COUNTS,
            ),
            tier=Tier.WARNING,
            lane=Lane.WARNING,
            samples=limits.samples,
            repeat_us=limits.repeat_us,
        )


def contradicted(scene: Scene) -> Iterator[Finding]:
    """Find tables that the venue's own figure of one position or asset contradicts."""
    found: dict[str, list[Mismatch]] = {}
    for one in scene.look.snapshot.mismatches:
        found.setdefault(one.pool, []).append(one)
    for pool, mismatches in found.items():
        rest = len(mismatches) - LOSSES_SHOWN_MAX
        told = scene.findings.get(f"contradicted:{pool}")
        # what comes and goes beside another is no news when it comes again
        names = {
            *(told.fact.split("/") if told and told.fact else ()),
            *(m.what for m in mismatches),
        }
        yield Finding(
            check="contradicted",
            pool=pool,
            fact="/".join(sorted(names)),
            title=say.TABLE_DIFFERS,
            facts=(
                *(opinions.said(one) for one in mismatches[:LOSSES_SHOWN_MAX]),
                *([say.AND_MORE_ROWS.format(count=rest)] if rest > 0 else []),
                say.WORSE_COUNTS,
            ),
            tier=Tier.WATCH,
            lane=Lane.WARNING,
            repeat_us=DAY_US,
        )


def unmodelled(scene: Scene) -> Iterator[Finding]:
    """Find pools the engine does not compute, and say whose figures stand in."""
    venue = wording.venue_name(scene.look.snapshot.venue)
    for pool in scene.look.report.pools:
        if pool.status is Status.OK:
            continue
        judged = scene.look.readings.get(pool.pool) is not None
        why = wording.words(pool.why or scene.look.snapshot.mode)
        ending = say.TIERS_FOLLOW_VENUE.format(venue=venue) if judged else say.NO_TIER_CAN_FIRE
        yield Finding(
            check="unmodelled",
            pool=pool.pool,
            fact=f"{why}/{judged}",
            title=say.NOT_COMPUTED if judged else say.NOT_WATCHED,
            facts=(say.NOT_COMPUTED_WHY.format(why=why), *_figures(pool), ending),
            tier=Tier.WATCH if judged else Tier.WARNING,
            lane=Lane.WARNING,
            silent=judged,
            repeat_us=None if judged else DAY_US,
        )


Check = Callable[[Scene], Iterator[Finding]]


def step(
    states: Mapping[str, FindingState],
    found: list[Finding],
    now_us: int,
    *,
    account: str,
    furthest: Reach = Reach.CHAT,
) -> tuple[dict[str, FindingState], list[Finding]]:
    """Return the machines after one reading, and the findings to tell now."""
    kept: dict[str, FindingState] = {}
    telling: list[Finding] = []
    for finding in found:
        key = f"{finding.check}:{finding.pool}"
        state = states.get(key) or FindingState(check=finding.check, pool=finding.pool)
        if state.good_samples >= _samples_kept(state):  # over, kept for who is still to be told
            state = replace(state, fact="")
        # the first rise told may come again; after a fall told it is the way back
        rise = None if state.rise is None else finding.rise or state.rise
        state = replace(state, bad_samples=state.bad_samples + 1, good_samples=0, rise=rise)
        if _is_due(state, finding, now_us):
            incident = state.incident or opened(account, key, now_us)
            state = _told(replace(state, incident=incident), finding, now_us, furthest)
            telling.append(finding)
        elif _is_news(state, finding) and finding.waits:
            state = replace(
                state, title=finding.title, facts=finding.facts, gathered=finding.gathered
            )
        kept[key] = state
    for key, state in states.items():
        held = state.unanswered_since_us is not None or _has_gathered(state)
        held = held or _gathers(state, now_us)
        if key not in kept and (held or state.good_samples + 1 < _samples_kept(state)):
            kept[key] = replace(state, bad_samples=0, good_samples=state.good_samples + 1)
    return kept, telling


def further(
    states: Mapping[str, FindingState], now_us: int, *, furthest: Reach
) -> tuple[dict[str, FindingState], list[Finding]]:
    """Return the machines with the steps taken that are due, and what is to be told with each."""
    kept = dict(states)
    telling: list[Finding] = []
    for key, was in states.items():
        since_us = was.unanswered_since_us
        reach = speaking.reach_due(since_us, was.reach, now_us, furthest=furthest)
        if since_us is not None and reach is not None:
            kept[key] = _retold(replace(was, reach=reach), now_us)
            telling.append(_again(kept[key], elapsed_us(now_us, since_us)))
        elif _has_gathered(was) and not _gathers(was, now_us):
            kept[key] = _retold(replace(was, fact="", ack=None), now_us)
            telling.append(_of(was, was.facts))
        if kept[key].reach >= furthest:
            kept[key] = replace(kept[key], unanswered_since_us=None)
    return kept, telling


# a fast market alone sets two answers of a venue apart now and then
def _samples_kept(state: FindingState) -> int:
    hovers = state.check == contradicted.__name__ and state.told_at_us is not None
    return HOVERS_SAMPLES if hovers else GOOD_SAMPLES


def _told(state: FindingState, finding: Finding, now_us: int, furthest: Reach) -> FindingState:
    assert state.incident is not None
    news = state.told_at_us is None or _is_news(state, finding)
    state = replace(
        state,
        fact=finding.fact,
        tier=finding.tier,
        told_at_us=now_us,
        incident=spoken(state.incident),
        ack=None if news else state.ack,
        gathered=_begun(finding.gathered),
        rise=finding.rise or state.rise,  # a fall after it explains no rise
    )
    if finding.ends:
        return replace(state, unanswered_since_us=None)
    if not finding.wakes:
        return state
    state = replace(state, title=finding.title, facts=finding.facts)
    reach = speaking.first_reach(finding.tier, furthest)
    if not news or reach >= furthest or state.unanswered_since_us is not None:
        return state
    return replace(state, unanswered_since_us=now_us, reach=reach)


def _again(state: FindingState, waited_us: int) -> Finding:
    waited = say.NOBODY_ANSWERED.format(since=wording.duration(waited_us / 1e6))
    return replace(_of(state, (waited, *state.facts)), unanswered=True)


def _of(state: FindingState, facts: tuple[str, ...]) -> Finding:
    return Finding(
        check=state.check,
        pool=state.pool,
        fact=state.fact,
        title=state.title,
        facts=facts,
        tier=state.tier,
        lane=Lane.DANGER,
    )


# the newest words are told, so that nothing gathered is left
def _retold(state: FindingState, now_us: int) -> FindingState:
    assert state.incident is not None
    return replace(
        state,
        told_at_us=now_us,
        incident=spoken(state.incident),
        gathered=_begun(state.gathered),
    )


def _begun(gathered: Gathered | None) -> Gathered | None:
    return None if gathered is None else losses.telling(gathered)


def _is_due(state: FindingState, finding: Finding, now_us: int) -> bool:
    if state.bad_samples < finding.samples:
        return False
    if state.told_at_us is None:
        return True
    if _is_news(state, finding):
        return not _waits(state, finding, now_us)
    if finding.repeat_us is None:
        return False
    wait_us = max(finding.repeat_us, DAY_US) if state.ack is not None else finding.repeat_us
    return elapsed_us(now_us, state.told_at_us) >= wait_us


# what is first called a liquidation is told at once
def _waits(state: FindingState, finding: Finding, now_us: int) -> bool:
    if not finding.waits or finding.gathered is None or state.gathered is None:
        return False
    worse = finding.gathered.likely and not state.gathered.likely
    return not worse and _gathers(state, now_us)


def _gathers(state: FindingState, now_us: int) -> bool:
    """Tell whether the last word is too young for another one of the same."""
    if state.gathered is None or state.told_at_us is None:
        return False
    return elapsed_us(now_us, state.told_at_us) < GATHER_US


def _has_gathered(state: FindingState) -> bool:
    return state.gathered is not None and state.gathered.steps > 0


# an ack is of one fact at one tier
def _is_news(state: FindingState, finding: Finding) -> bool:
    worse = state.ack is not None and finding.tier > state.ack.tier
    return worse or state.fact != finding.fact


def _figures(pool: PoolReport) -> tuple[str, ...]:
    said = ["".join(p if isinstance(p, str) else p.text for p in r) for r in lines.equity(pool)]
    return (*said, *health_line(pool))


def health_line(pool: PoolReport | None) -> tuple[str, ...]:
    """Return the line of a pool's health, none where it is not known."""
    if pool is None or pool.health is None or not math.isfinite(pool.health):
        return ()
    return (say.HEALTH.format(value=wording.health(pool.health)),)
