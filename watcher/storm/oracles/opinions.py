"""
I14, pessimism on disagreement: where a venue counts less than there is, that is told, believed and
shown.

Rule: which answers were apart, and what they leave of the account, is known from the venue's side
(`Apart`). An answer that tells another lie too proves nothing here. Each line of a danger that says
how far the two opinions lie apart is held to it, in fair weather as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from watcher.domain.alert import MINUTE_US, SECOND_US, Tier
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles import telling
from watcher.storm.oracles.all_clear import READ_US
from watcher.storm.oracles.danger import DEADLINE_US, SLACK, is_crowded
from watcher.storm.oracles.honesty import LOOSE_NOTES, ROUNDED, is_other_lie, since_us
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.sky import CONVERGED_US
from watcher.storm.truth import Apart
from watcher.storm.weather import Fault
from watcher.storm.words import Said

SAMPLES = 3
SHARE_MIN = 0.04
"""Ratios a little nearer than this are taken for equal: they may be of two moments."""
TOLD_US = 45 * SECOND_US
FOLDED_US = 10 * MINUTE_US
"""What waits longer than this is told as one of many."""
QUICK_US = 30 * SECOND_US
"""What nothing holds up is of a reading as young as this."""
SHOWN_OFF = 0.6
"""Points that the words of a danger may round away."""
_DIFFER, _AGREE = (
    text.rpartition("{venue} ")[2].partition("{")[0]
    for text in (say.ORIGIN_DIFFER, say.ORIGIN_AGREE)
)
_APART = re.compile(rf"(?:{_DIFFER}|{_AGREE})(?P<share>[\d.]+) %")

UNSURE = (Fault.CHAT_AMBIGUOUS,)

Run = list[Apart]


def divergence_told(history: History) -> Verdict:
    """Judge whether a venue whose figures are far from ours is told of at the third answer."""
    verdict = Verdict(name="I14 a divergence is told")
    for name in history.accounts:
        words = [one.at_us for one in history.said_of(name) if one.word == say.MODEL_DIFFERS]
        for run in _runs(history, name):
            if len(run) < SAMPLES or run[0].share < SHARE_MIN:
                continue
            from_us = run[SAMPLES - 1].at_us
            due_us = _due_us(history, name, from_us, TOLD_US)
            if due_us is None or not history.truth.at(name, from_us).held:
                continue
            # below CRITICAL what nobody confirmed is not sent again: it may have come (F19)
            if history.weather.overlaps(UNSURE, from_us, due_us, Reach.CHAT.road):
                continue
            good = any(_since(history, name, run[0]) <= one <= due_us for one in words)
            verdict.check(good, at(history, name, from_us), "figures far apart, and no word of it")
    return verdict


def worse_believed(history: History) -> Verdict:
    """Judge whether tiers and distances follow the venue while it counts less than there is."""
    verdict = Verdict(name="I14 the worse opinion rules")
    for name in history.accounts:
        tiers = telling.told(history.said_of(name))
        for tier, from_us, until_us in _spans(history, name):
            due_us = _due_us(history, name, from_us, DEADLINE_US[tier])
            if due_us is None or due_us >= until_us:
                continue
            told_us = telling.first(tiers, tier, from_us)
            verdict.check(
                told_us is not None and told_us <= due_us,
                at(history, name, from_us),
                f"{tier.name} by the venue, not told until {(due_us - from_us) / SECOND_US:.0f} s "
                "after",
            )
    for one in history.said:
        answers = _answers(history, one) if one.distance is not None else []
        if not answers or None in answers:
            continue
        known = [answer.value for answer in answers if answer is not None]
        verdict.check(
            one.distance is not None and one.distance <= max(known) + ROUNDED,
            at(history, one.account, one.at_us),
            f"{one.distance} % shown, the venue counts {max(known):.2f} %",
        )
    return verdict


def agreement_true(history: History) -> Verdict:
    """Judge whether whoever reads a danger reads how far the two opinions lie apart."""
    verdict = Verdict(name="I14 agreement is as told")
    for one in history.said:
        found = _APART.search(one.text)
        answers = _answers(history, one) if found is not None else []
        if found is None or not answers:
            continue
        shown = float(found["share"])
        true = {0.0 if answer is None else 100 * answer.share for answer in answers}
        verdict.check(
            any(abs(shown - share) <= SHOWN_OFF for share in true),
            at(history, one.account, one.at_us),
            f"{shown} % apart by the words, {' or '.join(f'{s:.1f}' for s in sorted(true))} by "
            "the answers",
        )
    return verdict


def _runs(history: History, name: str) -> Iterator[Run]:
    """Yield answers of one account in a row that were all apart, and no other lie."""
    apart = {one.at_us: one for one in history.apart if one.account == name}
    marked = [_plain(history, apart.get(at_us)) for at_us in history.seen_us[name]]
    for is_apart, group in groupby(marked, key=lambda one: one is not None):
        if is_apart:
            yield [one for one in group if one is not None]


def _plain(history: History, one: Apart | None) -> Apart | None:
    if one is None or is_other_lie(history, one.account, one.at_us - READ_US, one.at_us):
        return None
    return one


def _spans(history: History, name: str) -> Iterator[tuple[Tier, int, int]]:
    """Yield each tier with the stretches in which all answers, by the venue, were beyond it."""
    scale = history.truth.scales[name]
    for run in _runs(history, name):
        for tier in DEADLINE_US:
            beyond = groupby(run, key=lambda one, t=tier: scale.tier(one.value, -SLACK) >= t)  # type: ignore[misc]
            for is_beyond, group in beyond:
                answers = list(group)
                from_us, until_us = answers[0].at_us, answers[-1].at_us
                if is_beyond and not history.is_muted(name, tier, from_us, until_us):
                    yield tier, from_us, until_us


def _due_us(history: History, name: str, from_us: int, within_us: int) -> int | None:
    """Return when a word is due, None where it may be silenced or folded with older ones."""
    due_us = from_us + within_us
    if is_crowded(history, from_us, due_us):
        due_us += MINUTE_US
    if sky.overlaps(history.sky.roads, from_us, due_us):
        due_us = sky.clear_from(history.sky.roads, from_us, CONVERGED_US) + CONVERGED_US
    late = due_us > min(from_us + FOLDED_US, history.until_us)
    return None if late or history.is_muted(name, Tier.WARNING, from_us, due_us) else due_us


def _since(history: History, name: str, first: Apart) -> int:
    """Return when the last three answers in a row before *first* that were not apart ended."""
    apart = {one.at_us for one in history.apart if one.account == name}
    good, since = 0, history.from_us
    for at_us in history.seen_us[name]:
        if at_us >= first.at_us:
            break
        good = 0 if at_us in apart else good + 1
        since = at_us if good >= SAMPLES else since
    return since


def _answers(history: History, one: Said) -> list[Apart | None]:
    """Return the answers *one* may rest on, None for each that was not apart; [] if not known."""
    if one.account not in history.accounts or one.tier is None or one.listed:
        return []
    if one.note in LOOSE_NOTES or "ESTIMATE" in one.text:
        return []
    quick = one.at_us - QUICK_US
    waited = sky.overlaps(history.sky.roads, quick, one.at_us) or is_crowded(
        history, one.at_us - MINUTE_US, one.at_us
    )
    since = since_us(history, one) if waited else quick
    if is_other_lie(history, one.account, since - CONVERGED_US, one.at_us):
        return []
    apart = {each.at_us: each for each in history.apart if each.account == one.account}
    return [apart.get(t) for t in history.seen_us[one.account] if since <= t <= one.at_us]
