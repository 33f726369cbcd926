"""
What is said where a top-up is needed and none is made: why, and what a person can do about it.

Rule: whoever counts on a top-up must not learn from a log that there is none. What another message
says already (one is under way, one was refused or denied), and what the next reading settles, has
no word here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    Kind,
    Lane,
    Message,
    Moment,
    Tier,
)
from watcher.domain.topup import Mode, Progress, TopUpRules
from watcher.policy import deeds, lines, wording
from watcher.policy import messages as say
from watcher.policy.checks import Look
from watcher.policy.means import Held, Means, Why
from watcher.policy.money_notes import STATUS, UNFREEZE
from watcher.policy.proposals import TROUBLE_MARK
from watcher.policy.readings import value_of
from watcher.policy.wording import Bold, Fixed, Row, row

SETTLED_US = 10 * SECOND_US
"""A reason that is gone by then was none to wake somebody for."""
REPEAT_US = 60 * MINUTE_US

CHECK = "watcher check"

_BY_HAND = (say.NO_TOP_UP_BY_HAND,)
_LOOK = (say.NO_TOP_UP_LOOK,)
_CLOSE = (say.NO_TOP_UP_CLOSE,)
_TO_DO: Mapping[Why, tuple[str, ...]] = {
    Why.KILLED: (say.NO_TOP_UP_FILE,),
    Why.FLAGGED: (say.NO_TOP_UP_STATUS, STATUS, UNFREEZE),
    Why.UNFIT: (say.NO_TOP_UP_MEND,),
    Why.UNREAD: _BY_HAND,
    Why.UNSEEN: _LOOK,
    Why.NOT_COMPUTED: _BY_HAND,
    Why.DISAGREES: _LOOK,
    Why.STALE: _LOOK,
    Why.NO_POOL: (say.NO_TOP_UP_CHECK, CHECK),
    Why.UNKNOWN: _LOOK,
    Why.COOLING: (say.NO_TOP_UP_WAIT,),
    Why.COUNT: (say.NO_TOP_UP_CAP.format(cap="max_count_per_day"),),
    Why.UNSETTLED: (say.NO_TOP_UP_UNSETTLED, STATUS),
    Why.NO_BALANCE: _BY_HAND,
    Why.NO_PRICE: _BY_HAND,
    Why.EVENT: (say.NO_TOP_UP_CAP.format(cap="max_per_event"),),
    Why.DAY: (say.NO_TOP_UP_CAP.format(cap="max_per_day"),),
    Why.WEEK: (say.NO_TOP_UP_CAP.format(cap="max_per_week"),),
    Why.FLOOR: (say.NO_TOP_UP_FLOOR,),
    Why.SOURCE_POOL: _BY_HAND,
    Why.OUT_OF_REACH: _CLOSE,
    Why.SLIGHT: _CLOSE,
    Why.BURNING: _CLOSE,
}
"""What a person can do: a text, then what to type on the server. What is not here is not told."""


def is_news(held: Held, means: Means) -> bool:
    """Tell whether *held* holds what is needed, and no other message says so."""
    if not held.pool or held.why not in _TO_DO:
        return False
    if held.why is not Why.COOLING:
        return True
    # a refusal, a no and a rehearsal were told as such
    last = max(means.intents, key=lambda one: one.changed_us, default=None)
    return last is not None and last.progress is Progress.DONE


def told(held: Held, look: Look, state: AccountState, rules: TopUpRules, now: Moment) -> Message:
    """Return that the pool of *held* needs a top-up and gets none; one key for each hour."""
    danger = state.dangers.get(held.pool)
    tier = Tier.CALM if danger is None else danger.tier
    code = "" if danger is None or danger.incident is None else danger.incident.code
    text, *typed = _TO_DO[held.why]
    header = f" #{code}" if code else ""
    rows = [
        row(f"{TROUBLE_MARK} ", Bold(say.NO_TOP_UP), f"{header} {wording.name(state.account)}"),
        _needed(held, look, rules, tier),
        row(say.NO_TOP_UP_BECAUSE.format(reason=wording.words(held.reason))),
        row(text.format(venue=wording.venue_name(look.snapshot.venue))),
        *(row(Fixed(one)) for one in typed),
    ]
    dry = rules.mode is Mode.DRY_RUN
    if dry:
        rows.append(row(say.TOP_UP_DRY_RUN_END))
    urgent = tier >= Tier.CRITICAL and not dry
    hour = now.wall_us // REPEAT_US
    return Message(
        key=f"{state.account}:no_top_up:{held.pool}:{code}:{held.why.value}:{hour}",
        account=state.account,
        kind=Kind.TOP_UP,
        tier=Tier.CRITICAL if urgent else Tier.WARNING,
        lane=Lane.BLIND if urgent else Lane.WARNING,
        text=wording.text_of(lines.fitted(rows)),
        silent=dry,
        created_at_us=now.steady_us,
        incident=code,
        pool=held.pool,
    )


def _needed(held: Held, look: Look, rules: TopUpRules, tier: Tier) -> Row:
    pool = wording.pool_name(held.pool)
    report = next(one for one in look.report.pools if one.pool == held.pool)
    value = value_of(report, rules.measure)
    if value is None or math.isnan(value):
        measure = say.MEASURES[rules.measure]
        text = say.NO_TOP_UP_NEEDED_UNKNOWN
        return row(text.format(pool=pool, measure=measure, tier=wording.tier_name(tier)))
    now, trigger = (deeds.figure(rules.measure, one) for one in (value, rules.trigger))
    return row(say.NO_TOP_UP_NEEDED.format(pool=pool, now=now, trigger=trigger))
