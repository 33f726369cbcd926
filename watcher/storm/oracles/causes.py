"""
I1, expected words and nothing else: whatever arrived has a cause, in the truth or in the weather.

Rule: the far side of `danger` and `blindness`. A tier told must have been true, or hold over from
when it was; a reading lost or a lie told by a venue explains what follows from it, for a while. A
word that no table here knows is not expected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

from watcher.domain.alert import MINUTE_US, SECOND_US, Tier
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles.danger import SLACK
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.weather import (
    DISK_FAULTS,
    LIES,
    LIFE_FAULTS,
    ROAD_FAULTS,
    VENUE_FAULTS,
    Fault,
)
from watcher.storm.words import OVER, UNSEEN, Said

FRESH_US = 60 * SECOND_US
HELD_US = 16 * MINUTE_US
"""The longest dwell, and a poll: so long a tier may be held after it was true."""
FOUND_US = 10 * MINUTE_US
UNSEEN_MIN_US = 20 * SECOND_US
_HELD_NOTES = frozenset((say.NOTE_STILL, say.NOTE_UNANSWERED))
_LOST = (*say.LOSSES_GONE.values(), *say.LOSSES_SMALLER.values())
_DISK = frozenset((*DISK_FAULTS, *LIFE_FAULTS))

FINDINGS: Mapping[str, Collection[Fault]] = {
    say.THERE_AGAIN: (*LIES, *VENUE_FAULTS),
    say.MODEL_DIFFERS: (*LIES, *VENUE_FAULTS),
    say.TABLE_DIFFERS: (*LIES, *VENUE_FAULTS),
    say.JUMPED: (*LIES, *VENUE_FAULTS),
    say.PRICE_DIFFERS: LIES,
    say.OFF_PEG: LIES,
    say.MODE_CHANGED: (Fault.MODE_SWITCH,),
    say.NOT_COMPUTED: (Fault.MODE_SWITCH,),
    say.NOT_WATCHED: (Fault.MODE_SWITCH,),
    say.CLOCK_OFF: (Fault.CLOCK_JUMP, Fault.SUSPEND),
    **dict.fromkeys(_LOST, (*LIES, *VENUE_FAULTS)),
}
"""What a check may find, and the weather that makes it so."""

ROADS = {say.TROUBLE_ROAD.format(road=road.road).upper(): road.road for road in Reach}
"""The road that is told of, on all others."""

NOTES: Mapping[str, Collection[Fault]] = {
    say.TROUBLE_STORE.upper(): _DISK,
    say.TROUBLE_STORE_OVER.upper(): _DISK,
    say.TROUBLE_PING.upper(): (Fault.PING_DOWN, Fault.OFFLINE),
    say.TROUBLE_PING_OVER.upper(): (Fault.PING_DOWN, Fault.OFFLINE),
    say.TROUBLE_STALL.upper(): (Fault.SUSPEND, Fault.CLOCK_JUMP),
    **dict.fromkeys(ROADS, ROAD_FAULTS),
    say.TROUBLE_NOT_JUDGED.upper(): (),
}
"""What the service says of its own troubles, and what must have been in their way."""
NOTED_US = 75 * MINUTE_US


def nothing_else(history: History) -> Verdict:
    """Judge whether every word about an account has a cause."""
    verdict = Verdict(name="I1 nothing else is told")
    for one in history.said:
        where = at(history, one.account, one.at_us)
        what = f"{one.word} {f'({one.note}) ' if one.note else ''}#{one.code}·{one.seq}: no cause"
        if one.account not in history.accounts:
            verdict.check(good=False, at=where, what=what)
        elif one.tier is not None and one.tier > Tier.CALM:
            verdict.check(_is_danger(history, one) or _is_troubled(history, one), where, what)
        elif one.word in UNSEEN:
            verdict.check(_is_unseen(history, one), where, what)
        elif one.tier is None and one.word not in (say.SEEING, OVER):
            verdict.check(_is_found(history, one), where, what)
    return verdict


def notes_explained(history: History) -> Verdict:
    """Judge whether the service speaks only of troubles that it had."""
    verdict = Verdict(name="I7 no trouble of its own making")
    for one in history.arrived:
        title = one.text.partition("\n")[0].partition(" ")[2]
        faults = NOTES.get(title)
        if faults is not None:
            since = sky.began(history.sky.roads, one.at_us, NOTED_US)
            road = ROADS.get(title, one.road.road)
            good = history.weather.overlaps(faults, since, one.at_us, road)
            where = f"{(one.at_us - history.from_us) / SECOND_US:.1f} s"
            verdict.check(good=good or _lived(history, since), at=where, what=title)
    return verdict


# every run begins with one life; a second one has its own troubles
def _lived(history: History, since_us: int) -> bool:
    return any(born > since_us for born, _ in history.lives[1:])


def _is_danger(history: History, one: Said) -> bool:
    assert one.tier is not None
    since = sky.began(history.sky.roads, one.at_us, FRESH_US)
    faster = any(o.raced for o in history.said if o.code == one.code and o.at_us <= one.at_us)
    tier = Tier(one.tier - 1) if faster or one.listed else one.tier
    truth = history.truth
    if truth.worst(one.account, since, one.at_us, SLACK) >= tier:
        return True
    if not _is_held(one):
        return False
    return truth.held_at(one.account, since - HELD_US, one.at_us, SLACK) >= tier


def _is_troubled(history: History, one: Said) -> bool:
    since = sky.began(history.sky.roads, one.at_us, FRESH_US)
    within_us = HELD_US if _is_held(one) else 0
    return sky.overlaps(history.sky.sight[one.account], since - within_us, one.at_us)


# a tier that eased, or goes on, may be of what was read long before it
def _is_held(one: Said) -> bool:
    eased = one.note.startswith(say.WAS.partition("{")[0])
    return eased or one.edited or one.listed or one.is_doubted or one.note in _HELD_NOTES


def _is_unseen(history: History, one: Said) -> bool:
    since = sky.began(history.sky.roads, one.at_us, FRESH_US)
    times = [history.from_us, *history.seen_us[one.account]]
    seen = max((t for t in times if t <= one.at_us), default=history.from_us)
    if one.at_us - seen >= UNSEEN_MIN_US:
        return True
    before = [t for t in times if since - MINUTE_US <= t <= one.at_us]
    gaps = (b - a for a, b in pairwise(before))
    return any(gap >= UNSEEN_MIN_US for gap in gaps) or sky.overlaps(
        history.sky.sight[one.account], since, one.at_us
    )


def _is_found(history: History, one: Said) -> bool:
    # what nobody answers is told further, long after its cause
    first_us = min(o.at_us for o in history.said if (o.code, o.word) == (one.code, one.word))
    since = sky.began(history.sky.roads, first_us, FOUND_US)
    if history.weather.overlaps((Fault.ROLLBACK,), since, one.at_us):
        since = history.from_us  # a ledger that was put back finds again what it had found
    acts = history.truth.liquidations(one.account)
    if any(since <= act.at_us <= one.at_us for act in acts):
        return True
    venue = history.settings.accounts[one.account].venue
    if one.word in (
        say.VENUE_WARNS.format(venue=venue.upper()),
        say.VENUE_ACTS.format(venue=venue.upper()),
    ):
        # it may act by figures of its own that are not so
        lied = history.weather.overlaps(LIES, since, one.at_us, one.account, venue)
        return lied or history.truth.worst(one.account, since, one.at_us, SLACK) >= Tier.WATCH
    if one.word == say.OFF_PEG and any(since <= at_us <= one.at_us for at_us in history.depegged):
        return True
    faults = FINDINGS.get(one.word, ())
    return history.weather.overlaps(faults, since, one.at_us, one.account, venue)
