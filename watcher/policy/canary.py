"""
The canary: an account that does not exist falls to liquidation, and must be told of.

Rule: the same book, engine, machine and words as for a real account, with a configured account's
own lines; nothing of it is remembered and nothing of it is sent. What must come out is known: an
alert that is at least critical, loud and first in line.
"""

from __future__ import annotations

from dataclasses import dataclass

from watcher.domain.alert import AlertRules, Lane, Moment, Tier
from watcher.policy import messages as say
from watcher.policy import wording


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """When (wall time) the last self-test was, and what was wrong; "": nothing."""

    at_us: int
    wrong: str


def trial(rules: AlertRules, now: Moment) -> str:
    """Return why the made-up account is not told of as *rules* ask; "": it is."""
    # first needed minutes after the start, which it would hold up
    from watcher.policy import drill  # noqa: PLC0415 - see above

    stops = drill.played(drill.sample(), rules, now)
    heard = [one for stop in stops for one in stop.messages if one.tier >= Tier.CRITICAL]
    told = [one for one in heard if one.lane is Lane.DANGER and not one.silent and one.text.plain]
    return "" if told and told == heard else say.TROUBLE_CANARY_UNHEARD


def words(tested: SelfTest, zone: str) -> str:
    """Return the row that says how the last self-test went."""
    at = wording.minute_time(tested.at_us, wording.zone(zone))
    return (say.CANARY_FAILED if tested.wrong else say.CANARY_PASSED).format(at=at)
