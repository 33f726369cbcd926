"""
What the service says of its own troubles: a disk that takes nothing, an account it cannot judge.

Rule: these go from memory, past the store that may be the trouble; one key for one thing said, so
that many accounts with one cause say it once, and what lasts has another key when it is told again.
"""

from __future__ import annotations

from dataclasses import replace

from watcher.domain.alert import MINUTE_US, Lane, Message, Moment, Tier
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.policy import notes, wording
from watcher.policy.blind import REPEAT_US as UNSEEN_REPEAT_US
from watcher.policy.incidents import elapsed_us
from watcher.policy.speaking import FALLBACK_AFTER_US, SECOND_AFTER_US, reach_due

REPEAT_US = 60 * MINUTE_US
"""How often a disk that still takes nothing is told."""
MB = 1_000_000
STALL_REPEAT_US = 10 * MINUTE_US
STALL_ALOUD_S = 60.0


def not_kept(reason: str, now: Moment) -> Message:
    """Return that nothing can be written down; the same words within the hour have one key."""
    facts = (say.TROUBLE_MEMORY, say.TROUBLE_RESTART, reason)
    told = notes.trouble(say.TROUBLE_STORE, facts, now, subject="store")
    return replace(told, key=f"trouble:store:{now.wall_us // REPEAT_US}", tier=Tier.WARNING)


def kept_again(now: Moment) -> Message:
    """Return that everything is written down again."""
    facts = (say.TROUBLE_KEPT,)
    told = notes.trouble(say.TROUBLE_STORE_OVER, facts, now, subject="store")
    return replace(told, key=f"trouble:store_works:{now.wall_us // MINUTE_US}")


def stood_still(seconds: float, now: Moment) -> Message:
    """Return that nothing was done for so long; aloud where that is long enough to die in."""
    facts = (say.TROUBLE_STALL_SPAN.format(span=wording.duration(seconds)), say.TROUBLE_STALL_WHY)
    told = notes.trouble(say.TROUBLE_STALL, facts, now, subject="stall")
    key = f"trouble:stall:{now.wall_us // STALL_REPEAT_US}"
    return replace(told, key=key, silent=seconds < STALL_ALOUD_S)


def refused(road: Reach, reason: str, now: Moment) -> Message:
    """Return that *road* takes no messages, for the others: nobody can be told of it there."""
    facts = (say.TROUBLE_ROAD_SAYS.format(reason=reason), say.TROUBLE_ROAD_LOOK)
    title = say.TROUBLE_ROAD.format(road=road.road)
    told = notes.trouble(title, facts, now, subject=f"road:{road.road}")
    return replace(told, tier=Tier.WARNING, reach=Reach.FALLBACK)


def crashing(crashes: int, now: Moment) -> Message:
    """Return that the service dies again and again; the same within the hour has one key."""
    facts = (
        say.TROUBLE_CRASHED.format(count=crashes),
        say.TROUBLE_CRASH_MONEY,
        say.TROUBLE_CRASH_POLLS,
        say.TROUBLE_CRASH_END,
        say.TROUBLE_LOOK_LOG,
    )
    told = notes.trouble(say.TROUBLE_CRASHING, facts, now, subject="crashing")
    key = f"trouble:crashing:{now.wall_us // REPEAT_US}"
    return replace(told, key=key, tier=Tier.WARNING, reach=Reach.FALLBACK)


def stable(now: Moment) -> Message:
    """Return that it no longer does."""
    return _mild(
        notes.trouble(say.TROUBLE_STABLE, (say.TROUBLE_STABLE_FACT,), now, subject="stable")
    )


def canary_failed(reason: str, now: Moment, *, judged: bool) -> Message:
    """
    Return that the self-test failed; the same words within the hour have one key.

    Where nothing was *judged* rightly no alert can be trusted: that goes as far as one.
    """
    facts = (reason, *([] if judged else [say.TROUBLE_CANARY_LOOK, say.TROUBLE_LOG]))
    told = notes.trouble(say.TROUBLE_CANARY, facts, now, subject="canary")
    told = replace(told, key=f"trouble:canary:{judged}:{now.wall_us // REPEAT_US}")
    return told if judged else replace(told, tier=Tier.CRITICAL, reach=Reach.FALLBACK)


def growing(
    size: int, hourly: float, now: Moment, *, limit: int, left_s: float | None, aloud: bool
) -> Message:
    """
    Return that memory will not do for long, all in bytes; *left_s* None: it does not grow steadily.
    """
    pace = (
        ()
        if left_s is None
        else (
            say.TROUBLE_GROWS_BY.format(
                hourly=hourly / MB, limit=limit / MB, left=wording.duration(left_s)
            ),
        )
    )
    facts = (
        say.TROUBLE_GROWS_TO.format(size=size / MB),
        *pace,
        say.TROUBLE_GROWS_LIMIT.format(limit=limit / MB),
        say.TROUBLE_GROWS_RESTART,
    )
    title = say.TROUBLE_GROWS if left_s is not None else say.TROUBLE_LARGE
    told = notes.trouble(title, facts, now, subject=f"memory:{aloud}")
    return replace(told, tier=Tier.WARNING) if aloud else _mild(told)


def unpinged(reason: str, now: Moment) -> Message:
    """Return that the dead man's switch takes no pings."""
    facts = (say.TROUBLE_ROAD_SAYS.format(reason=reason), say.TROUBLE_PING_MEANS)
    return _mild(notes.trouble(say.TROUBLE_PING, facts, now, subject="ping"))


def pinged_again(now: Moment) -> Message:
    """Return that it takes them again."""
    return _mild(notes.trouble(say.TROUBLE_PING_OVER, (), now, subject="ping"))


def not_judged(
    account: str, error: Exception, now: Moment, *, since_us: int, furthest: Reach
) -> Message:
    """
    Return that *account* cannot be judged, since *since_us*, by a fault of ours.

    Nobody can answer it and nothing else speaks of that account meanwhile, so it goes as far as
    what nobody answers, and on at the pace of blindness. One key for each time it is told.
    """
    facts = (
        say.TROUBLE_LOOK.format(account=account),
        say.TROUBLE_FAULT.format(error=type(error).__name__),
        say.TROUBLE_LOG,
    )
    waited_us = elapsed_us(now.steady_us, since_us)
    steps = (waited_us >= SECOND_AFTER_US) + (waited_us >= FALLBACK_AFTER_US)
    word = steps + max(0, waited_us - FALLBACK_AFTER_US) // UNSEEN_REPEAT_US
    told = notes.trouble(say.TROUBLE_NOT_JUDGED, facts, now, subject=f"decide:{account}")
    return replace(
        told,
        key=f"trouble:decide:{account}:{since_us}:{word}",
        account=account,
        tier=Tier.CRITICAL,
        reach=reach_due(since_us, Reach.CHAT, now.steady_us, furthest=furthest) or Reach.CHAT,
    )


# nobody need wake up for it: the far side noticed by itself
def _mild(told: Message) -> Message:
    return replace(told, lane=Lane.WARNING, silent=True)
