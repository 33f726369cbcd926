"""
Proof that a road wakes somebody: the words of its test, of the answer, and of a proof that is due.

Rule: a road counts as proven only when a person answered what came over it, and only for a month:
phones are replaced, applications lose their rights. Telegram alone does not break a phone's
do-not-disturb, so without a proven fallback nothing here promises to wake anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from watcher.domain.alert import MINUTE_US, SECOND_US, Kind, Lane, Message, Moment, Tier
from watcher.domain.road import Act, Button, Reach
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.wording import Bold, row

PROVEN_FOR_US = 30 * 1440 * MINUTE_US
CODES = 10_000
"""A code has four digits."""

HEARD = Button(act=Act.HEARD, label=say.BUTTON_HEARD)
HEARD_WORD = "heard"

_WHAT_FOR = {
    Reach.CHAT: say.TEST_FACT,
    Reach.SECOND: say.TEST_SECOND,
    Reach.FALLBACK: say.TEST_FALLBACK,
}


def code_of(number: int) -> str:
    """Return any number as the four digits a person types."""
    return f"{number % CODES:04d}"


def road_test(road: Reach, code: str, now: Moment, *, zone: str) -> Message:
    """Return the message that tests *road*; who hears it answers by its button or by *code*."""
    at = wording.minute_time(now.wall_us, wording.zone(zone))
    how = say.TEST_WRITE.format(code=code)
    if road is not Reach.FALLBACK:
        how = say.TEST_PRESS.format(code=code)
    rows = [row("🔔 ", Bold(say.TEST), f" {at}"), row(_WHAT_FOR[road]), row(how)]
    return Message(
        key=f"test:{road.road}:{code}:{now.wall_us}",
        account="",
        kind=Kind.TEST,
        tier=Tier.CALM,
        lane=Lane.REPLY,
        text=wording.text_of(rows),
        silent=False,
        created_at_us=now.steady_us,
        incident=code,
        pool=road.road,
        reach=road,
        buttons=() if road is Reach.FALLBACK else (HEARD,),
    )


def drill_call(road: Reach, code: str, now: Moment, *, zone: str) -> Message:
    """Return the test that stands for an alert in the night: what is timed is the answer."""
    made = road_test(road, code, now, zone=zone)
    first, *rest = made.text.plain.split("\n")
    title = say.DRILL_CALL.format(mark=say.DRILL_MARK, test=first)
    return replace(
        made,
        key=f"drill:{made.key}",
        text=wording.text_of([row(Bold(title)), *(row(line) for line in rest)]),
    )


def heard(road: Reach, reaction_s: float) -> str:
    """Return the few words shown to whoever answered."""
    return say.HEARD_AFTER.format(since=wording.duration(reaction_s), road=road.road)


def is_proven(at_us: int | None, now_us: int) -> bool:
    """Tell whether an answer given at *at_us* (wall time) still proves its road."""
    return at_us is not None and now_us - at_us <= PROVEN_FOR_US


def proven(at_us: int | None, now_us: int) -> str:
    """Return when a road was proven, in words."""
    if at_us is None:
        return say.NEVER_PROVEN
    text = say.PROVEN if is_proven(at_us, now_us) else say.PROVEN_TOO_LONG
    return text.format(since=wording.duration(max(0, now_us - at_us) // SECOND_US))


def asleep(proofs: Mapping[Reach, int | None], now_us: int) -> str | None:
    """
    Return why nothing here will wake anybody; None where a fallback is proven.

    *proofs* holds each road there is, with the wall time of its last answer.
    """
    if Reach.FALLBACK not in proofs:
        why = say.ASLEEP_NO_FALLBACK
    elif is_proven(proofs[Reach.FALLBACK], now_us):
        return None
    else:
        why = say.ASLEEP_UNPROVEN.format(proven=proven(proofs[Reach.FALLBACK], now_us))
    return say.ASLEEP.format(why=why)
