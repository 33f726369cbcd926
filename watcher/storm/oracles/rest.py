"""
I8 and I10: silence is not safety, and after the storm everything comes to rest by itself.

Rule: a ping that says all is well is held against what was read and told when it was sent. From
`healed_us` on nothing fails any more: every account must be read, its blindness ended, and its
danger told, within R_c of that, or of the end of the last ban.
"""

from __future__ import annotations

from itertools import pairwise

from watcher.domain.alert import MINUTE_US, SECOND_US, Tier
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles import telling
from watcher.storm.oracles.blindness import LATE_US, allowed
from watcher.storm.oracles.danger import SLACK
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.sky import CONVERGED_US
from watcher.storm.weather import LIES, Fault

GRACE_US = 180 * SECOND_US
SEEN_SLACK_US = LATE_US + 20 * SECOND_US
UNTOLD_US = 120 * SECOND_US
LAST_US = 10 * MINUTE_US
RELAPSES_KEPT_US = 30 * MINUTE_US
READ_US = 6 * SECOND_US
"""An answer that came so long after it was true may be older."""


def pings_by_work(history: History) -> Verdict:
    """Judge whether no ping said that all is well while an account was neither seen nor told."""
    verdict = Verdict(name="I8 well only when it is")
    for at_us, well, _ in history.pings:
        if not well:
            continue
        for name in history.accounts:
            why = _unwell(history, name, at_us)
            verdict.check(not why, at(history, name, at_us), f"a ping said well, and {why}")
    return verdict


def pings_when_well(history: History) -> Verdict:
    """Judge whether in fair weather no three minutes pass without a ping that all is well."""
    verdict = Verdict(name="I8 a ping in fair weather")
    if not history.pings:
        return verdict
    down = sky.merged(
        [
            (one.from_us, one.until_us + CONVERGED_US)
            for one in history.weather.spells
            if one.fault is Fault.PING_DOWN
        ]
        + [stretch for name in history.accounts for stretch in history.sky.all[name]]
    )
    times = [at_us for at_us, well, _ in history.pings if well]
    from_us = history.from_us
    while from_us + GRACE_US < history.until_us:
        if not sky.overlaps(down, from_us - GRACE_US, from_us + GRACE_US):
            good = any(from_us <= one <= from_us + GRACE_US for one in times)
            where = f"{(from_us - history.from_us) / SECOND_US:.0f} s"
            verdict.check(good, where, "no ping for three minutes, and nothing was wrong")
        from_us += GRACE_US
    return verdict


def converges(history: History) -> Verdict:
    """Judge whether after the storm everything is as it should be within R_c."""
    verdict = Verdict(name="I10 convergence")
    taken = converged_s(history)
    verdict.check(
        taken * SECOND_US <= CONVERGED_US, "after the storm", f"{taken:.0f} s until all was told"
    )
    return verdict


def ends_as_it_is(history: History) -> Verdict:
    """Judge whether what is told at the end is what is true then."""
    verdict = Verdict(name="I10 the end is told as it is")
    end_us = history.until_us
    for name in history.accounts:
        said = history.said_of(name)
        tiers = telling.told(said)
        shown = telling.at(tiers, end_us)
        least = history.truth.mildest(name, end_us - CONVERGED_US, end_us, -SLACK)
        if not history.is_muted(name, least, history.from_us, end_us):
            verdict.check(
                shown >= least, at(history, name, end_us), f"{shown.name} told, is {least.name}"
            )
        if _is_unsteady(tiers, end_us) or history.healed_us > end_us - LAST_US:
            continue
        most = history.truth.held_at(name, end_us - LAST_US, end_us, SLACK)
        if most > Tier.CALM and tiers and history.is_muted(name, shown, tiers[-1][0], end_us):
            most = max(most, Tier.WARNING)  # who muted it hears of its end, not that it is milder
        raced = any(one.raced for one in said if one.at_us > end_us - LAST_US)
        verdict.check(
            shown <= Tier(min(most + raced, Tier.EMERGENCY)),
            at(history, name, end_us),
            f"{shown.name} told, was {most.name} at worst",
        )
        verdict.check(
            not telling.stands_blind(said), at(history, name, end_us), "still told as blind"
        )
    return verdict


def converged_s(history: History) -> float:
    """Return how long after the storm the last account was read and told as it is."""
    return max((_rested_us(history, name) for name in history.accounts), default=0) / SECOND_US


def _rested_us(history: History, name: str) -> int:
    said = history.said_of(name)
    tiers = telling.told(said)
    venue = history.settings.accounts[name].venue
    from_us = max(history.healed_us, sky.freed_us(history.weather, name, venue))
    seen = [one for one in history.seen_us[name] if one >= from_us]
    moments = sorted({*seen, *(one.at_us for one in said if one.at_us >= from_us)})
    for moment in moments:
        if not seen or moment < seen[0]:
            continue
        least = history.truth.mildest(name, from_us, moment, -SLACK)
        told = telling.at(tiers, moment) >= least or least < Tier.WARNING
        muted = history.is_muted(name, least, history.from_us, moment)
        if (told or muted) and not telling.stands_blind(o for o in said if o.at_us <= moment):
            return moment - from_us
    return history.until_us - from_us


def _is_unsteady(tiers: telling.Told, end_us: int) -> bool:
    worse = 0
    for (_, before), (at_us, after) in pairwise(tiers):
        worse += after > before and at_us > end_us - RELAPSES_KEPT_US
    return worse > 1


def _unwell(history: History, name: str, at_us: int) -> str:
    seen = max((one for one in history.seen_us[name] if one <= at_us), default=history.from_us)
    limit_us = allowed(history, name, seen) + SEEN_SLACK_US
    words = [one for one in history.said_of(name) if one.at_us <= at_us]
    if at_us - seen > limit_us and not telling.stands_blind(words):
        return f"it was not read for {(at_us - seen) / SECOND_US:.0f} s and nobody was told"
    since_us = _untold_us(history, name, at_us, telling.at(telling.told(words), at_us))
    if since_us > UNTOLD_US and not telling.stands_blind(words):
        return f"it is critical for {since_us / SECOND_US:.0f} s and nobody was told"
    return ""


def _untold_us(history: History, name: str, at_us: int, told: Tier) -> int:
    """Return for how long an account has been read as critical without that having arrived."""
    venue = history.settings.accounts[name].venue
    for from_us, until_us in history.truth.spans(name, Tier.CRITICAL, -SLACK):
        if not from_us <= at_us < until_us or told >= Tier.CRITICAL:
            continue
        read = [one for one in history.seen_us[name] if from_us + READ_US <= one <= at_us]
        lied = history.weather.overlaps(LIES, from_us, at_us, name, venue)
        if read and not lied and not history.is_other(name, from_us, at_us):
            return at_us - read[0]
    return 0
