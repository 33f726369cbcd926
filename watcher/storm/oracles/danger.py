"""
I1, danger is told: in time, and again and again until somebody answers.

Rule: what counts is the world's own distance against when a word arrived. The model may round, so
only what is beyond a line by `SLACK` points is required. In fair weather the deadlines are those of
reliability.md §3.1; after a fault the danger that still stands is told within R_c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from watcher.domain.alert import MINUTE_US, SECOND_US, Tier
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.storm.history import History
from watcher.storm.oracles import telling
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.sky import CONVERGED_US

SLACK = 0.2
FINE = 0.05
DEADLINE_US: Mapping[Tier, int] = {
    Tier.WARNING: 45 * SECOND_US,
    Tier.CRITICAL: 20 * SECOND_US,
    Tier.EMERGENCY: 15 * SECOND_US,
}
AGAIN_US: Mapping[Tier, int] = {
    Tier.CRITICAL: 10 * MINUTE_US,
    Tier.EMERGENCY: MINUTE_US,
}
AGAIN_ANSWERED_US: Mapping[Tier, int] = {
    Tier.CRITICAL: 120 * MINUTE_US,
    Tier.EMERGENCY: 5 * MINUTE_US,
}
AGAIN_LATE_US = 30 * SECOND_US
GATHERED_US = MINUTE_US
CROWDED = 10
"""From so many messages in a minute on, what is worse goes before a warning."""
DUST = 10
"""A forced sale for less, in the reference, is the rounding of another."""
LOST = frozenset((say.GONE, *say.LOSSES_GONE.values(), *say.LOSSES_SMALLER.values()))


def told_in_time(history: History) -> Verdict:
    """Judge whether every stretch beyond a line was told while it lasted."""
    verdict = Verdict(name="I1 danger is told")
    for name in history.accounts:
        tiers = telling.told(history.said_of(name))
        for tier in DEADLINE_US:
            for from_us, until_us in history.truth.spans(name, tier, -SLACK):
                due_us = _due_us(history, name, tier, from_us)
                if tier is Tier.WARNING and is_crowded(history, from_us, due_us):
                    due_us += MINUTE_US
                if due_us >= until_us or history.is_muted(name, tier, from_us, due_us):
                    continue
                told_us = telling.first(tiers, tier, from_us)
                verdict.check(
                    told_us is not None and told_us <= due_us,
                    at(history, name, from_us),
                    f"{tier.name} not told until {(due_us - from_us) / SECOND_US:.0f} s after",
                )
    return verdict


def told_again(history: History) -> Verdict:
    """Judge whether a critical account was named again at its pace for as long as it was that."""
    verdict = Verdict(name="I1 danger is told again")
    for name in history.accounts:
        said = history.said_of(name)
        tiers = telling.told(said)
        for tier, pace_us in AGAIN_US.items():
            for from_us, until_us in history.truth.spans(name, tier, -SLACK):
                words = [one for one in said if from_us <= one.at_us <= until_us]
                urgent = [
                    one for one in words if (one.tier or Tier.CALM) >= tier or one.tells_blind
                ]
                # an answer holds for as long as what it was to is told
                since_us = telling.since(tiers, tier, from_us)
                answered = [o.at_us for o in said if o.answered and since_us <= o.at_us <= until_us]
                for before, after in pairwise(
                    sorted({from_us, until_us, *(u.at_us for u in urgent)})
                ):
                    slow = any(one <= before for one in answered)
                    limit_us = (AGAIN_ANSWERED_US[tier] if slow else pace_us) + AGAIN_LATE_US
                    end_us = before + limit_us
                    if not history.sky.is_clear(name, before, min(after, end_us)):
                        continue
                    verdict.check(
                        after <= end_us,
                        at(history, name, before),
                        f"{tier.name} and silent for {(after - before) / SECOND_US:.0f} s",
                    )
    return verdict


def liquidation_told(history: History) -> Verdict:
    """Judge whether what the venue took was told: a loss is never only a recovery."""
    verdict = Verdict(name="I1 a liquidation is told")
    for name in history.accounts:
        said = history.said_of(name)
        for act_us in _acts(history, name):
            due_us = history.sky.clear_from(name, act_us, CONVERGED_US) + CONVERGED_US
            if due_us > history.until_us:
                continue
            words = [one.at_us for one in said if one.word in LOST]
            # further steps of what was just told of are gathered for a minute
            if any(act_us - GATHERED_US <= at_us <= act_us for at_us in words):
                due_us += GATHERED_US
            verdict.check(
                any(act_us <= at_us <= due_us for at_us in words),
                at(history, name, act_us),
                "liquidated and no word of it",
            )
    return verdict


def latencies_s(history: History) -> Iterator[float]:
    """
    Yield how long after its crossing each critical danger was told, where nothing stood between.

    A crossing counts when it lasts: a dip between two readings is seen by nobody.
    """
    for name in history.accounts:
        tiers = telling.told(history.said_of(name))
        for tier in (Tier.CRITICAL, Tier.EMERGENCY):
            within_us = DEADLINE_US[tier]
            for from_us, until_us in history.truth.spans(name, tier, -FINE):
                told_us = telling.first(tiers, tier, from_us)
                lasted = until_us - from_us >= within_us
                clear = history.sky.is_clear(name, from_us, from_us + within_us)
                if lasted and clear and told_us != from_us:
                    yield ((told_us or history.until_us) - from_us) / SECOND_US


def _due_us(history: History, name: str, tier: Tier, from_us: int) -> int:
    within_us = DEADLINE_US[tier]
    if history.sky.is_clear(name, from_us, from_us + within_us):
        return from_us + within_us
    return history.sky.clear_from(name, from_us, CONVERGED_US) + CONVERGED_US


# the chat takes so many a minute, the worst first
def is_crowded(history: History, from_us: int, until_us: int) -> bool:
    sent = [one for one in history.arrived if from_us <= one.at_us <= until_us]
    loud = sum(one.road is Reach.CHAT and not one.edited for one in sent)
    return loud * MINUTE_US >= CROWDED * (until_us - from_us)


# acts of one moment are one
def _acts(history: History, name: str) -> list[int]:
    acts = history.truth.liquidations(name)
    return sorted(
        {act.at_us for act in acts if act.kind != "sell_asset" or act.quantity * act.price >= DUST}
    )
