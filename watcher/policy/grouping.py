"""
Several messages told as one: those of one cause at once, and those that waited too long.

Rule: nothing is dropped silently. What finds no room is counted, and an account in critical danger
or worse is always named. Which rows belong together is the deliverer's to know; here are the words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from watcher.domain.alert import MINUTE_US, Kind, Message, Moment, Text, Tier
from watcher.policy import lines, wording
from watcher.policy import messages as say

GROUP_LINES_MAX = 40
FOLD_LINES_MAX = 10
_TITLES = {
    Kind.BLIND: say.BLIND,
    Kind.BLIND_REPEATED: say.STILL_BLIND,
    Kind.SEEING: say.SEEING,
    Kind.RESOLVED: wording.tier_name(Tier.CALM),
}


def grouped(messages: Sequence[Message], now: Moment) -> Message:
    """Return one message in place of several of one group: each as its line, worst first."""
    ordered = sorted(messages, key=_worst_first)
    named = [m for m in ordered if m.tier >= Tier.CRITICAL]
    named += ordered[len(named) : max(len(named), GROUP_LINES_MAX)]
    rest = len(ordered) - len(named)
    rows = [_head(ordered), *(message.line or _first_row(message) for message in named)]
    if rest:
        rows.append(say.AND_MORE_POOLS.format(count=rest))
    return replace(
        _one_for(ordered, "grouped", rows, now),
        lane=min(message.lane for message in ordered),
        silent=all(message.silent for message in ordered),
        group=ordered[0].group,
    )


def folded(messages: Sequence[Message], now: Moment) -> Message:
    """
    Return one message in place of several that waited too long: each as its first line, the newest
    last.
    """
    ordered = sorted(messages, key=lambda m: m.created_at_us)
    shown = ordered[-FOLD_LINES_MAX:]
    age_min = max(0, now.steady_us - ordered[0].created_at_us) // MINUTE_US
    rows = [say.FOLDED.format(count=len(ordered), minutes=age_min)]
    if len(shown) < len(ordered):
        rows.append(say.FOLDED_LEFT.format(count=len(ordered) - len(shown)))
    rows += [f"· {_first_row(message)}" for message in shown]
    newest = ordered[-1]
    return replace(
        _one_for(ordered, "folded", rows, now),
        lane=newest.lane,
        silent=newest.silent,
        created_at_us=newest.created_at_us,
    )


def _one_for(ordered: Sequence[Message], how: str, rows: list[str], now: Moment) -> Message:
    accounts = {message.account for message in ordered}
    return Message(
        key=f"{how}:{ordered[0].key}:{ordered[-1].key}",
        account=ordered[0].account if len(accounts) == 1 else "",
        kind=ordered[-1].kind,
        tier=max(message.tier for message in ordered),
        lane=ordered[-1].lane,
        text=Text(plain="\n".join(rows), bold=((0, len(rows[0])),)),
        silent=False,
        created_at_us=min(now.steady_us, *(message.created_at_us for message in ordered)),
        reach=max(message.reach for message in ordered),
    )


def _worst_first(message: Message) -> tuple[int, float, str, str]:
    away = math.inf if message.away is None else message.away
    return -message.tier, away, message.account, message.pool


def _head(ordered: Sequence[Message]) -> str:
    worst = ordered[0]
    unseen = worst.kind in {Kind.BLIND, Kind.BLIND_REPEATED}
    mark = lines.blind_mark(worst.tier) if unseen else lines.MARK[worst.tier]
    if worst.kind in _TITLES:
        return f"{mark} {_TITLES[worst.kind]}: {_count(ordered)}"
    tiers = groupby(ordered, key=lambda message: message.tier)
    return f"{mark} " + " · ".join(
        f"{wording.tier_name(tier)}: {_count(list(some))}" for tier, some in tiers
    )


def _count(some: Sequence[Message]) -> str:
    accounts = len({message.account for message in some})
    said = wording.counted(accounts, say.ACCOUNTS_ONE, say.ACCOUNTS)
    return (
        said if accounts == len(some) else say.GROUP_ALERTS.format(count=len(some), accounts=said)
    )


def _first_row(message: Message) -> str:
    return message.text.plain.split("\n", 1)[0]
