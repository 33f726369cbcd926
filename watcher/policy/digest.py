"""
What is said by the clock and not for a cause: the daily digest and the pinned proof of life.

Rule: both claim only what was seen. The digest comes even when there is nothing to tell, because
its absence is the news; the proof of life names whoever is not seen, and says from when on it is
itself worth nothing. Which day is due is worked out here, from local time alone, so that a day has
exactly one digest whatever the clocks do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    BlindState,
    DangerState,
    FindingState,
    Kind,
    Lane,
    Message,
    Moment,
    Quiet,
    Sample,
    Tier,
)
from watcher.domain.road import Reach
from watcher.domain.told import Told
from watcher.policy import canary, lines, proving, wording
from watcher.policy import messages as say
from watcher.policy.canary import SelfTest
from watcher.policy.envelope import is_quiet
from watcher.policy.incidents import elapsed_us
from watcher.policy.wording import Bold, Row, filled, row

DAY_US = 1440 * MINUTE_US
PROOF_EVERY_S = 300.0
ACCOUNTS_MAX = 12
QUIET_MAX = 4
OPEN_MAX = 6
GAP_US = 60 * SECOND_US
"""A longer time without a reading is told as a gap."""

_NO_WORD = frozenset({Kind.UPDATED, Kind.PROOF, Kind.DIGEST, Kind.TEST, Kind.REPLY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """
    What the samples of one account's day come to: the worst tier, the nearest distance that was
    read, and the stretches nobody saw; None where there were no readings.
    """

    worst: Tier | None
    nearest: float | None
    gaps_us: Sequence[int] | None

    @classmethod
    def of(cls, samples: Sequence[Sample], now: Moment) -> Lived:
        known = [s.distance for s in samples if s.distance is not None and not s.estimate]
        times = sorted({one.at_us for one in samples if not one.estimate})
        ends = [*times[1:], now.steady_us] if times else []
        spans = (end - at for at, end in zip(times, ends, strict=True))
        return cls(
            worst=max((one.tier for one in samples), default=None),
            nearest=min(known, default=None),
            gaps_us=tuple(span for span in spans if span > GAP_US) if times else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The newest digest due: its local date, its wall time, and when the next one is."""

    date: str
    at_us: int
    next_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One account and its day, None where that could not be read."""

    state: AccountState
    lived: Lived | None
    blind_after_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """
    All that a digest is made of. `proofs`: each road there is, and when it was last answered;
    `told` None: the outbox could not be read. `pinged`: somebody outside would notice our death.
    `tested` is how the last self-test went.
    """

    accounts: Sequence[Past]
    told: Sequence[Told] | None
    proofs: Mapping[Reach, int | None]
    quiet: Quiet | None
    zone: str
    pinged: bool
    tested: SelfTest | None = None


def slot(wall_us: int, at_min: int, zone: str) -> Slot:
    """Return the digest that is due at *wall_us*, of those at *at_min* of each local day."""
    where = wording.zone(zone)
    today = datetime.fromtimestamp(wall_us / SECOND_US, where).date()
    # an hour that the clocks skip or repeat is one moment all the same
    times = []
    for days in (-1, 0, 1):
        day = today + timedelta(days=days)
        hour, minute = divmod(at_min, 60)
        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=where)
        times.append((round(local.astimezone(UTC).timestamp()) * SECOND_US, day.isoformat()))
    at_us, date = max(time for time in times if time[0] <= wall_us)
    return Slot(date=date, at_us=at_us, next_us=min(t for t, _ in times if t > wall_us))


def digest(day: Day, due: Slot, now: Moment) -> Message:
    """Return the digest of the 24 hours until *now*."""
    said = [one for one in day.told or () if one.kind not in _NO_WORD]
    rows = [_head(day, now), *_accounts(day, said, now)]
    rows += [*_open(day, now), *_said(day, said, now)]
    roads = " · ".join(
        f"{road.road} {proving.proven(at_us, now.wall_us)}" for road, at_us in day.proofs.items()
    )
    rows.append(row(say.DAY_ROADS.format(roads=roads)))
    if day.tested is not None:
        rows.append(row(canary.words(day.tested, day.zone)))
    if not day.pinged:
        rows.append(row(say.NO_PING))
    return Message(
        # the date makes it one a day, whoever asks how often
        key=f"digest:{due.date}",
        account="",
        kind=Kind.DIGEST,
        tier=Tier.CALM,
        lane=Lane.DIGEST,
        text=wording.text_of(rows),
        silent=True,
        created_at_us=now.steady_us,
    )


def proof(
    accounts: Sequence[Past], now: Moment, *, zone: str, tested: SelfTest | None = None
) -> Message:
    """Return the proof of life: since when every account was read, and who is not seen."""
    where = wording.zone(zone)
    ages = [_age_us(past.state, now) for past in accounts]
    missing = [past for past in accounts if not _is_seen(past, now)]
    count = say.PROOF_ACCOUNTS.format(seen=len(accounts) - len(missing), count=len(accounts))
    known = [age for age in ages if age is not None]
    if accounts and len(known) == len(ages):
        wall_us = now.wall_us - max(known)
        at = wording.day_time(wall_us, where)
        if max(known) < DAY_US:
            zone_name = wording.minute_time(wall_us, where).rpartition(" ")[2]
            at = f"{wording.clock_time(wall_us, where)} {zone_name}"
        check = say.PROOF_CHECK.format(at=at)
    else:
        check = say.PROOF_NO_CHECK
    first = filled(say.PROOF_HEAD, check=Bold(check), count=count)
    rows = [first, *(row(_unseen(past.state, now)) for past in missing[:ACCOUNTS_MAX])]
    if len(missing) > ACCOUNTS_MAX:
        rows.append(row(say.PROOF_MORE.format(count=len(missing) - ACCOUNTS_MAX)))
    if tested is not None:
        rows.append(row(canary.words(tested, zone)))
    rows.append(row(say.PROOF_MEANS))
    return Message(
        key=f"proof:{now.wall_us}",
        account="",
        kind=Kind.PROOF,
        tier=Tier.CALM,
        lane=Lane.DIGEST,
        text=wording.text_of(rows),
        silent=True,
        created_at_us=now.steady_us,
        incident="proof",  # a newer one takes the place of one that still waits
        edits=True,
        pinned=True,
    )


def _head(day: Day, now: Moment) -> Row:
    at = wording.day_time(now.wall_us, wording.zone(day.zone))
    count = len(day.accounts)
    seen = sum(_is_seen(past, now) for past in day.accounts)
    return filled(say.DAY_HEAD, title=Bold(say.DAY), at=at, seen=seen, count=count)


def _accounts(day: Day, said: Sequence[Told], now: Moment) -> list[Row]:
    found = [_account(past, said, now) for past in day.accounts]
    # who is not seen first, then the worst
    found.sort(key=lambda one: one[0])
    rows = [row(words) for _, words in found[:ACCOUNTS_MAX]]
    if len(found) > ACCOUNTS_MAX:
        rows.append(row(say.AND_MORE_POOLS.format(count=len(found) - ACCOUNTS_MAX)))
    return rows


def _account(past: Past, said: Sequence[Told], now: Moment) -> tuple[tuple[bool, int, float], str]:
    name = wording.name(past.state.account)
    seen = _is_seen(past, now)
    mark = "⚫"
    worst, near = Tier.CALM, float("inf")
    lived = past.lived
    if lived is None:
        facts = [say.DAY_NO_HISTORY]
    elif lived.worst is None:
        facts = [say.NO_POSITION if seen else say.DAY_NO_READING]
    else:
        worst, near = lived.worst, near if lived.nearest is None else lived.nearest
        facts = [
            say.DAY_WORST.format(tier=wording.tier_name(worst)),
            say.DAY_NEAREST.format(value=wording.percent(near))
            if lived.nearest is not None
            else "",
            _gaps(lived.gaps_us),
        ]
    if seen:
        mark = lines.MARK[worst]
    incidents = {o.incident for o in said if o.account == past.state.account and o.incident}
    if incidents:
        facts.append(wording.counted(len(incidents), say.INCIDENTS_ONE, say.INCIDENTS))
    if not seen:
        facts.insert(0, say.DAY_NOT_SEEN)
    return (seen, -worst, near), f"{mark} {name}: {', '.join(fact for fact in facts if fact)}"


def _gaps(gaps: Sequence[int] | None) -> str:
    if gaps is None:
        return ""
    if not gaps:
        return say.DAY_NO_GAP
    total = wording.duration(sum(gaps) / SECOND_US)
    count = wording.counted(len(gaps), say.GAPS_ONE, say.GAPS)
    return say.BLIND_IN_GAPS.format(total=total, gaps=count)


def _open(day: Day, now: Moment) -> list[Row]:
    acks: list[str] = []
    mutes: list[str] = []
    for state in (past.state for past in day.accounts):
        name = wording.name(state.account)
        machines: list[DangerState | BlindState | FindingState] = [state.blind]
        machines += [*state.dangers.values(), *state.findings.values()]
        acks += [
            f"#{machine.incident.code} {name} {wording.tier_name(machine.ack.tier)}"
            for machine in machines
            if machine.ack is not None and machine.incident is not None
        ]
        for mute in state.mutes:
            until_us = now.wall_us + mute.until_us - now.steady_us
            until = wording.minute_time(until_us, wording.zone(day.zone))
            pool = f" {wording.pool_name(mute.pool)}" if mute.pool else ""
            mutes.append(
                say.DAY_MUTE.format(
                    account=name, pool=pool, tier=wording.tier_name(mute.tier_max), until=until
                )
            )
    return [
        row(say.DAY_ACKS.format(acks=_listed(acks))),
        row(say.DAY_MUTES.format(mutes=_listed(mutes))),
    ]


def _listed(words: Sequence[str]) -> str:
    more = say.AND_MORE.format(count=len(words) - OPEN_MAX) if len(words) > OPEN_MAX else ""
    return f"{', '.join(words[:OPEN_MAX])}{more}" if words else say.NONE


def _said(day: Day, said: Sequence[Told], now: Moment) -> list[Row]:
    if day.told is None:
        return [row(say.DAY_NOTHING_KNOWN)]
    lost = sum(not one.arrived for one in said)
    reached = say.DAY_LOST.format(count=lost) if lost else say.DAY_ALL_DELIVERED
    count = wording.counted(len(said), say.MESSAGES_ONE, say.MESSAGES)
    rows = [row(say.DAY_TOLD.format(count=count, reached=reached if said else ""))]
    if day.quiet is None:
        return rows
    where = wording.zone(day.zone)
    hushed = []
    for one in said:
        wall_us = now.wall_us + one.at_us - now.steady_us
        at = Moment(steady_us=one.at_us, wall_us=wall_us)
        if one.silent and one.incident and is_quiet(day.quiet, at, where):
            hushed.append((wall_us, one))
    rows.append(row(say.DAY_QUIET.format(count=len(hushed) or say.NOTHING)))
    worst = sorted(hushed, key=lambda pair: (-pair[1].tier, pair[0]))[:QUIET_MAX]
    for wall_us, one in sorted(worst, key=lambda pair: pair[0]):
        rows.append(row(f"  {wording.minute_time(wall_us, where)} {one.title}"))
    return rows


def _is_seen(past: Past, now: Moment) -> bool:
    age_us = _age_us(past.state, now)
    return age_us is not None and age_us <= past.blind_after_us and not past.state.blind.active


def _age_us(state: AccountState, now: Moment) -> int | None:
    return (
        None if state.last_good_at_us is None else elapsed_us(now.steady_us, state.last_good_at_us)
    )


def _unseen(state: AccountState, now: Moment) -> str:
    age_us = _age_us(state, now)
    since = "" if age_us is None else wording.duration(age_us / 1e6)
    text = say.PROOF_LAST_READ if since else say.PROOF_NEVER_READ
    return text.format(account=wording.name(state.account), since=since)
