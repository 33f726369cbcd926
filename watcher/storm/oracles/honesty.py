"""
I12, I13: figures are true, and what was said is remembered.

Rule: a figure is compared with the truth while it was under way; words that call themselves an
estimate or unconfirmed are not held to it. Memory is judged from what repeats: a story goes on
under its code, what somebody saw is not told again at the pace of what nobody saw.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise

from watcher.domain.alert import MINUTE_US, SECOND_US, Measure, Tier
from watcher.policy import messages as say
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles.all_clear import READ_US
from watcher.storm.oracles.danger import SLACK
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.people import Deed
from watcher.storm.sky import CONVERGED_US
from watcher.storm.truth import RANGE_PERCENT
from watcher.storm.weather import LIES, Fault
from watcher.storm.words import TIERS, Said

LOOSE_NOTES = frozenset((say.NOTE_UNCONFIRMED, say.NOTE_ESTIMATE, say.NOTE_NOT_SEEN))
ROUNDED = 0.3
UNDATED_US = MINUTE_US + READ_US
"""What waits longer for its turn in the chat says how late it is."""
_LATE = re.compile(say.SAID_LATE.format(at=".*", minutes=r"(?P<minutes>\d+)"))
ACK_HELD_US = 110 * MINUTE_US
FIRST_US = 90 * SECOND_US
_OTHER = (*(one for one in LIES if one is not Fault.DIVERGENCE), Fault.PAGE_CUT)
_SEEN = re.compile(say.SEEN.partition("{")[0] + r"#?(?P<code>\w+) (?P<tier>[A-Z]+)")
_WORSE = say.WORSE_THAN_SEEN.partition("{")[0]
_ORIGINS = tuple(part.partition("{")[0] for part in (say.LAST_TRUE, say.UNSEEN_FOR, say.LOOK_AT))
_AGE = say.AGE.partition("}")[2].strip()


def figures_true(history: History) -> Verdict:
    """Judge whether every distance on a screen was the true one when it was read."""
    verdict = Verdict(name="I12 figures are true")
    for one in history.said:
        if one.account not in history.accounts or one.distance is None or one.listed:
            continue
        if one.tier is None or one.note in LOOSE_NOTES or "ESTIMATE" in one.text:
            continue
        low, high = _bounds(history, one)
        if low is None or high is None:
            continue
        verdict.check(
            low <= one.distance <= high or (high == math.inf and one.distance >= RANGE_PERCENT),
            at(history, one.account, one.at_us),
            f"{one.distance} % shown, was {low:.2f} to {high:.2f} %",
        )
    return verdict


def figures_dated(history: History) -> Verdict:
    """Judge whether whoever reads a danger reads how old its figures are."""
    verdict = Verdict(name="I12 figures have an age")
    for one in history.said:
        if one.listed or one.tier is None or one.tier is Tier.CALM or one.text.count("\n") < 1:
            continue
        good = _AGE in one.text or any(origin in one.text for origin in _ORIGINS)
        verdict.check(good, at(history, one.account, one.at_us), f"{one.word} without an age")
    return verdict


def stories_kept(history: History) -> Verdict:
    """Judge whether a danger that outlives the process goes on under its code."""
    verdict = Verdict(name="I13 a story survives a death")
    for (_, died_us), (born_us, _) in pairwise(history.lives):
        for name in history.accounts:
            said = [one for one in history.said_of(name) if one.tier is not None]
            before = [one for one in said if one.at_us <= died_us]
            after = next((o for o in said if o.at_us > born_us and not o.edited), None)
            if not before or after is None or before[-1].tier is Tier.CALM:
                continue
            if not _is_remembered(history, name, died_us, after.at_us):
                continue
            known = {one.code for one in before[-20:]}
            what = f"#{after.code} after a death, known were {', '.join(sorted(known))}"
            verdict.check(after.code in known, at(history, name, after.at_us), what)
    return verdict


def acks_kept(history: History) -> Verdict:
    """Judge whether what somebody saw stays quiet until it is worse, whatever dies meanwhile."""
    verdict = Verdict(name="I13 an ack is kept")
    for deed, code, tier in _acks(history):
        first_us, last_us = deed.at_us + FIRST_US, deed.at_us + ACK_HELD_US
        for one in history.said:
            if one.code != code or one.at_us <= deed.at_us or one.tier is None:
                continue
            if one.tier is not tier or _WORSE in one.text or one.at_us > last_us:
                break
            troubled = sky.overlaps(history.sky.all[one.account], deed.at_us, one.at_us)
            if one.at_us < first_us or troubled or tier is not Tier.CRITICAL:
                continue
            loud = one.note in (say.NOTE_STILL, say.NOTE_UNANSWERED) and not one.edited
            what = f"{one.word} #{code} told again, seen {(one.at_us - deed.at_us) / 1e6:.0f} s ago"
            verdict.check(not loud, at(history, one.account, one.at_us), what)
    return verdict


def since_us(history: History, one: Said) -> int:
    """Return from when on the answers came that *one* may rest on."""
    late = _LATE.search(one.text)
    late_us = UNDATED_US + (int(late["minutes"]) * MINUTE_US if late else 0)
    return sky.began(history.sky.roads, one.at_us, late_us)


def is_other_lie(history: History, account: str, from_us: int, until_us: int) -> bool:
    """Tell whether what was read may be false by more than the venue's own opinion of it."""
    venue = history.settings.accounts[account].venue
    return history.weather.overlaps(_OTHER, from_us, until_us, account, venue) or history.is_other(
        account, from_us, until_us
    )


def _bounds(history: History, one: Said) -> tuple[float | None, float | None]:
    scale = history.truth.scales[one.account]
    since = since_us(history, one)
    venue = history.settings.accounts[one.account].venue
    lied = history.weather.overlaps(LIES, since - CONVERGED_US, one.at_us, one.account, venue)
    lied = lied or history.is_other(one.account, since, one.at_us)
    if scale.measure is not Measure.DISTANCE or lied:
        return None, None
    points = history.truth.within(one.account, since, one.at_us)
    # what lies between two looks is known as well as the lines next to it need
    low = min(point.value - scale.step(point.value) for point in points)
    high = max(point.value + scale.step(point.value) for point in points)
    return low - ROUNDED, high + ROUNDED


def _acks(history: History) -> Iterator[tuple[Deed, str, Tier]]:
    for deed in history.presses:
        seen = _SEEN.match(deed.answer)
        if seen is not None and seen["tier"] in TIERS:
            yield deed, seen["code"], TIERS[seen["tier"]]


# a disk that lost something owes no memory, and calm for ten minutes ends a story
def _is_remembered(history: History, name: str, died_us: int, at_us: int) -> bool:
    lost = (Fault.ROLLBACK, Fault.DISK_CORRUPT, Fault.DISK_FULL, Fault.DISK_BUSY, Fault.DISK_ERROR)
    if history.weather.overlaps(lost, died_us - 10 * MINUTE_US, at_us):
        return False
    truth = history.truth.within(name, died_us - MINUTE_US, at_us)
    scale = history.truth.scales[name]
    return min(scale.hold(one.value, -SLACK) for one in truth) > Tier.CALM
