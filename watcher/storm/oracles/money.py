"""
I3, money moves once, within its caps, and nothing about it stays in the dark.

Rule: judged by what the venue executed, whatever the ledger, clocks or look-ups say of it. A run
without an account that may be topped up has nothing to check here.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from decimal import Decimal

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.topup import OPEN, Assurance, Intent, Limits, Mode, Progress, TopUpRules
from watcher.policy import messages as say
from watcher.policy.protocol import SETTLE_US
from watcher.settings import top_up_rules
from watcher.storm import sky
from watcher.storm.bank import Bank
from watcher.storm.history import History
from watcher.storm.oracles.verdict import Verdict, at

DAY_US = 24 * 60 * MINUTE_US
TOLD_US = 15 * SECOND_US
SENDS = (Mode.ASK, Mode.AUTO)
WAITING = (Progress.ACCEPTED, Progress.PROPOSED, Progress.HUMAN)
"""How an intent may stand when a run ends: its venue, or a person, has not said yet."""
_CLEARED = (say.TOP_UP_NOT_KNOWN, say.TOP_UP_DONE, say.TOP_UP_REFUSED, say.TOP_UP_ABSENT)
"""What says that it is not known, or what is known since."""


def moved_once(history: History) -> Verdict:
    """Judge whether no decision was carried out twice."""
    verdict = Verdict(name="I3 one decision, one execution")
    for name, bank in history.banks.items():
        times = Counter(one.intent.decision_key for one in bank.executed)
        for key, count in times.items():
            verdict.check(count == 1, name, f"the decision {key} was carried out {count} times")
    return verdict


def within_caps(history: History) -> Verdict:
    """Judge whether no window of a day held more than its caps, nor one move more than its own."""
    verdict = Verdict(name="I3 caps")
    for name, bank, rules in _sending(history):
        limits = _limits(rules)
        window: deque[tuple[int, Decimal]] = deque()
        for one in bank.executed:
            window.append((one.at_us, one.intent.amount))
            while window[0][0] <= one.at_us - DAY_US:
                window.popleft()
            day = sum((amount for _, amount in window), Decimal(0))
            good = (
                one.intent.amount <= limits.per_event
                and day <= limits.per_day
                and len(window) <= limits.count_per_day
            )
            what = f"{one.intent.amount:f} moved, {day:f} in a day, {len(window)} times"
            verdict.check(good, at(history, name, one.at_us), what)
    return verdict


def within_bounds(history: History) -> Verdict:
    """Judge whether only what may move moved, only in a mode that sends, and the floor was kept."""
    verdict = Verdict(name="I3 boundaries")
    for name, bank, rules in _sending(history):
        floor = _limits(rules).keep_in_source
        for one in bank.executed:
            good = one.intent.route in rules.routes and one.left >= floor and rules.mode in SENDS
            what = f"{one.intent.route} left {one.left:f} in mode {rules.mode}"
            verdict.check(good, at(history, name, one.at_us), what)
    return verdict


def nothing_stuck(history: History) -> Verdict:
    """Judge whether every intent ended, or waits for its venue or a person, once all is well."""
    verdict = Verdict(name="I3 nothing stuck")
    for one in history.intents:
        good = one.progress not in OPEN or _may_stand(one, history.until_us)
        verdict.check(good, at(history, one.account, one.changed_us), f"{one.id} is {one.progress}")
    return verdict


def doubt_told(history: History) -> Verdict:
    """Judge whether a request without a clear answer was told of, where the roads were open."""
    verdict = Verdict(name="I3 a doubt is told")
    words = [one for one in history.arrived if any(title in one.text for title in _CLEARED)]
    for name, bank in history.banks.items():
        for at_us in bank.unclear.values():
            if sky.overlaps(history.sky.roads, at_us, at_us + TOLD_US):
                continue
            told = any(at_us <= one.at_us <= at_us + TOLD_US and name in one.text for one in words)
            verdict.check(told, at(history, name, at_us), "nobody was told that it is not known")
    return verdict


# "no such id" says nothing within the settle time; what has no id goes to a person long before
def _may_stand(intent: Intent, at_us: int) -> bool:
    if intent.progress is Progress.UNKNOWN and intent.assurance is not Assurance.BLIND_SEND:
        pursued = at_us - intent.next_us <= TOLD_US
        return pursued and at_us - intent.changed_us <= SETTLE_US
    return intent.progress in WAITING


def _sending(history: History) -> Iterator[tuple[str, Bank, TopUpRules]]:
    for name, bank in history.banks.items():
        rules = top_up_rules(history.settings, name)
        assert rules is not None, "a bank is opened for an account that may be topped up"
        yield name, bank, rules


def _limits(rules: TopUpRules) -> Limits:
    assert rules.limits is not None, "a run with money has caps"
    return rules.limits
