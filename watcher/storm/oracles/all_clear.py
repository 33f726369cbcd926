"""
I11, no false all-clear: better is said only of what was seen to be better, for as long as it takes.

Rule: behind every "calm", every milder tier and every "gone" there must be three complete answers
in a row over the whole dwell or longer, at each of which the truth was no worse than what is said.
An account that was not read is not better. What is said to be unconfirmed is no claim.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping

from watcher.domain.alert import SECOND_US, Tier
from watcher.policy import messages as say
from watcher.policy.doubts import STANDS_US
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles.danger import SLACK
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.weather import Fault
from watcher.storm.words import TIERS, Said

GOOD_SAMPLES = 3
DWELL_US: Mapping[Tier, int] = {
    Tier.WATCH: 60 * SECOND_US,
    Tier.WARNING: 60 * SECOND_US,
    Tier.CRITICAL: 120 * SECOND_US,
    Tier.EMERGENCY: 180 * SECOND_US,
}
ON_THE_WAY_US = 45 * SECOND_US
READ_US = 6 * SECOND_US
"""An answer was true at some time while it was under way."""
_WAS = re.compile(say.WAS.format(tier=r"(?P<tier>[A-Z]+)"))


def true_when_said(history: History) -> Verdict:
    """Judge every word that makes an account look better than it was said to be."""
    verdict = Verdict(name="I11 no false all-clear")
    for one in history.said:
        if one.account not in history.accounts or _is_of_another_mode(history, one):
            continue
        if _is_long_lied_to(history, one):
            continue
        where = at(history, one.account, one.at_us)
        left = _left(one)
        if left is not None:
            what = f"{one.word} ({one.note}) without proof"
            verdict.check(_was_proven(history, one, left), where, what)
        elif one.word == say.SEEING and say.NOTE_UNCONFIRMED not in one.note:
            told = TIERS.get(one.note, Tier.CALM)
            what = f"seen as {told.name}, and it was worse"
            verdict.check(_was_seen_as(history, one, told), where, what)
    return verdict


def _is_long_lied_to(history: History, one: Said) -> bool:
    # a doubt stands for ten minutes: glitches that come back for longer, with less than that
    # between them, are believed
    since_us = one.at_us
    mine = ("", one.account, history.settings.accounts[one.account].venue)
    for spell in reversed(history.weather.spells):
        if spell.fault is not Fault.GLITCH_UP or spell.target not in mine:
            continue
        if spell.from_us < one.at_us and spell.until_us >= since_us - STANDS_US:
            since_us = min(since_us, spell.from_us)
    return one.at_us - since_us > STANDS_US


def _is_of_another_mode(history: History, one: Said) -> bool:
    since = sky.began(history.sky.roads, one.at_us, ON_THE_WAY_US)
    return history.is_other(one.account, since - max(DWELL_US.values()), one.at_us)


def _left(one: Said) -> Tier | None:
    """Return the tier that *one* says is over, None where it says no such thing."""
    was = _WAS.search(one.note)
    if one.tier is None or (was is None and one.tier > Tier.CALM):
        return None
    return TIERS[was["tier"]] if was else Tier.WATCH


def _was_proven(history: History, one: Said, left: Tier) -> bool:
    assert one.tier is not None
    since = sky.began(history.sky.roads, one.at_us, ON_THE_WAY_US)
    spans = _answers(history, one, since - max(DWELL_US.values()))
    for number, (_, end_us) in enumerate(spans):
        if end_us < since:
            continue
        begin_us = end_us - DWELL_US[left]
        longest = next(n for n, span in enumerate(spans) if span[1] >= begin_us)
        # answers may lie so far apart that three of them take longer than the dwell
        first = min(longest, number + 1 - GOOD_SAMPLES)
        if first >= 0 and all(
            _is_no_worse(history, one, *span) for span in spans[first : number + 1]
        ):
            return True
    return False


def _is_no_worse(history: History, one: Said, from_us: int, until_us: int) -> bool:
    if one.word == say.GONE:
        points = history.truth.within(one.account, from_us, until_us)
        return any(point.held == 0 for point in points)
    assert one.tier is not None
    return history.truth.mildest(one.account, from_us, until_us, -SLACK) <= one.tier


def _was_seen_as(history: History, one: Said, told: Tier) -> bool:
    since = sky.began(history.sky.roads, one.at_us, ON_THE_WAY_US)
    return any(
        history.truth.mildest(one.account, *span, -SLACK) <= told
        for span in _answers(history, one, since)
    )


def _answers(history: History, one: Said, since_us: int) -> list[tuple[int, int]]:
    """Return while each answer that *one* may rest on was under way, oldest first."""
    times = history.seen_us[one.account]
    newest = bisect_right(times, one.at_us)
    return [(at_us - READ_US, at_us) for at_us in times[bisect_left(times, since_us) : newest]]
