"""
The top-up protocol: how one intent gets from a decision to a proof, and never to two executions.

Rule: nothing is sent that is not written down before; what may have been sent counts as sent until
a proof says otherwise; "not found" is no proof. Only this file moves an intent. Each function is
one row of the table; a move that is not in it is a defect and asserts.

    from                  event                                       to
    proposed              approved                                    approved
    proposed              denied · its time is over · no longer so    denied · expired · cancelled
    approved              claimed (checks and time stamp written)     sending
    approved              killed, paused, frozen, no longer so        cancelled
    sending               paused too long before the request          cancelled (nothing was sent)
    sending               accepted, or "id already used"              accepted
    sending               a listed rejection                          rejected
    sending               anything else, or found so at a start       unknown
    accepted              found executed                              done
    accepted, unknown     called failed twice, 10 s apart             rejected
    accepted, unknown     pending, no answer                          same, asked again later
    unknown               found executed                              done
    unknown   (dedup)     not found, or no answer                     sending again, same id
    unknown   (lookup)    settled, then "no such id" three times      absent
    unknown   (no id)     a minute                                    human
    accepted, unknown     settled and still open                      human
    human                 a person says which                         done · absent

The sent time stamp is taken before the row is written and signed as it stands: a process that slept
between the two wakes up with a signature the venue refuses. That, not our care, is the fence.

Source: reliability reference §5, its model checked by `make model`.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.topup import (
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Progress,
    Route,
)
from watcher.policy import messages as say

SETTLE_US = 60 * MINUTE_US
"""Signature window, history lag and the longest queue a venue is known for (33 minutes, Binance,
2025-10-10) together: only after it "no such id" says something."""
ABSENCES_MIN = 3
FAILED_APART_US = 10 * SECOND_US
BLIND_WAIT_US = 60 * SECOND_US
SENDS_MAX = 6
"""The first request and five more under the same id."""
WAITS_S = (1, 2, 4, 8, 15, 30)
MARK_SPAN = 10_000
"""How many last values of an amount there are to name its intent where a venue keeps no id."""


def decision_key(venue_uid: str, route: Route, anchor: str) -> str:
    """
    Return the name of a decision. *anchor* names the newest matching transfer in the venue's
    history, so that whoever looks at the same history makes the same key, and the next decision
    after an execution a new one. Nothing random and nothing of this install goes in.
    """
    parts = (venue_uid, route.verb.value, route.asset, route.source, route.destination, anchor)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def venue_ref(key: str, attempt: int) -> str:
    """Return the id sent to a venue: 32 hexadecimal digits."""
    return hashlib.sha256(f"watcher\n{key}\n{attempt}".encode()).hexdigest()[:32]


def as_uuid(ref: str) -> str:
    """Return *ref* in the spelling of a version 4 UUID, which some venues insist on."""
    variant = "89ab"[int(ref[16], 16) % 4]
    spelled = f"{ref[:12]}4{ref[13:16]}{variant}{ref[17:]}"
    return "-".join((spelled[:8], spelled[8:12], spelled[12:16], spelled[16:20], spelled[20:]))


def marked(amount: Decimal, key: str, step: Decimal) -> Decimal:
    """
    Return *amount* with its last digits naming the decision: under 20,000 steps less, never more.

    For venues that keep no id: their history tells the amount, and this one is not anybody else's.
    A coarse step, or an amount of dust, leaves no room for a mark, then the amount stays.
    """
    scale = step * MARK_SPAN
    whole: Decimal = (amount // scale - 1) * scale
    if step > Decimal("0.000001") or whole <= 0:
        return amount
    return whole + _mark(key) * step


def is_marked(amount: Decimal, key: str, step: Decimal) -> bool:
    """Tell whether *amount* bears the mark of the decision *key*."""
    if step > Decimal("0.000001") or amount <= 0:
        return False
    return amount % step == 0 and (amount // step) % MARK_SPAN == _mark(key) % MARK_SPAN


def approved(intent: Intent, amount: Decimal, now_us: int) -> Intent:
    """Return *intent* approved for *amount*: worked out anew, never above its ceiling."""
    assert intent.progress is Progress.PROPOSED
    assert amount <= intent.ceiling
    return _moved(replace(intent, amount=amount), Progress.APPROVED, now_us)


def dropped(intent: Intent, progress: Progress, reason: str, now_us: int) -> Intent:
    """Return an intent of which nothing was sent, ended as *progress*."""
    assert intent.progress in (Progress.PROPOSED, Progress.APPROVED)
    assert progress in (Progress.EXPIRED, Progress.DENIED, Progress.CANCELLED)
    return _moved(replace(intent, reason=reason), progress, now_us)


def sending(intent: Intent, ts_sign_ms: int, now_us: int) -> Intent:
    """Return *intent* as it is written in the very transaction that checked the caps."""
    assert intent.progress is Progress.APPROVED or is_repeatable(intent)
    moved = replace(
        intent, ts_sign_ms=ts_sign_ms, sends=intent.sends + 1, looks=0, absences=0, failed_us=None
    )
    return _moved(moved, Progress.SENDING, now_us)


def unsent(intent: Intent, now_us: int) -> Intent:
    """
    Return an intent whose request was held back because its time stamp had grown old.

    An earlier request under the same id may be on its way: then it is as unknown as before.
    """
    assert intent.progress is Progress.SENDING
    first = intent.sends == 1
    return _moved(
        replace(intent, reason=say.HELD_UP, sends=intent.sends - 1),
        Progress.CANCELLED if first else Progress.UNKNOWN,
        now_us,
    )


def answered(intent: Intent, answer: Answer, now_us: int) -> Intent:
    """Return *intent* after the venue's answer to its request."""
    assert intent.progress is Progress.SENDING
    noted = replace(
        intent,
        venue_id=answer.venue_id or intent.venue_id,
        reason=answer.words,
        evidence=(*intent.evidence, f"{answer.answered.value} {answer.code}".strip()),
    )
    match answer.answered:
        case Answered.SUCCESS if answer.amount in (None, intent.amount):
            return _moved(noted, Progress.ACCEPTED, now_us)
        case Answered.DUPLICATE:
            return _moved(noted, Progress.ACCEPTED, now_us)
        case Answered.REJECTED if intent.sends == 1:
            return _moved(noted, Progress.REJECTED, now_us)
        case _:
            # of a repeated request a rejection says nothing about the one before it
            return _moved(noted, Progress.UNKNOWN, now_us)


def recovered(intent: Intent, now_us: int) -> Intent:
    """Return what a start makes of an intent that was left in the middle of its request."""
    if intent.progress is not Progress.SENDING:
        return intent
    return _moved(replace(intent, reason=say.STOPPED_SENDING), Progress.UNKNOWN, now_us)


def looked_up(intent: Intent, lookup: Lookup, now_us: int, venue_ms: int) -> Intent:
    """Return *intent* after a look at the venue's own books; *venue_ms* is the venue's time."""
    assert intent.progress in (Progress.ACCEPTED, Progress.UNKNOWN, Progress.HUMAN)
    noted = replace(
        intent,
        looks=intent.looks + 1,
        venue_id=lookup.venue_id or intent.venue_id,
        next_us=now_us + wait_us(intent.looks),
    )
    match lookup.found:
        case Found.EXECUTED:
            return _moved(_proven(noted, "executed"), Progress.DONE, now_us)
        case Found.FAILED:
            if noted.failed_us is None:
                return replace(noted, failed_us=now_us)
            if now_us - noted.failed_us >= FAILED_APART_US:
                return _moved(_proven(noted, "failed"), Progress.REJECTED, now_us)
            return noted
        case Found.NOT_FOUND:
            # before the settle time "no such id" says nothing, also not later
            absences = noted.absences + 1 if _is_settled(noted, venue_ms) else 0
            noted = replace(noted, absences=absences, failed_us=None)
        case Found.PENDING:
            noted = replace(noted, absences=0, failed_us=None)
        case Found.UNANSWERED:
            pass
    return _waiting(noted, lookup.found, now_us, venue_ms)


def judged(intent: Intent, *, happened: bool, by: str, now_us: int) -> Intent:
    """Return an intent a person looked into: it happened, or it did not."""
    assert intent.progress is Progress.HUMAN
    progress = Progress.DONE if happened else Progress.ABSENT
    return _moved(
        _proven(intent, f"{by}: {'happened' if happened else 'did not'}"), progress, now_us
    )


def is_repeatable(intent: Intent) -> bool:
    """Tell whether the same request may go out again under its id."""
    return (
        intent.progress is Progress.UNKNOWN
        and intent.assurance is Assurance.DEDUP
        and intent.looks > 0
        and intent.sends < SENDS_MAX
    )


def wait_us(looks: int) -> int:
    """Return how long to wait before the next look-up."""
    return WAITS_S[min(looks, len(WAITS_S) - 1)] * SECOND_US


def _mark(key: str) -> int:
    digest = hashlib.sha256(f"mark\n{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % MARK_SPAN + 1


# what is neither proven nor disproven waits, until waiting can tell no more
def _waiting(intent: Intent, found: Found, now_us: int, venue_ms: int) -> Intent:
    settled = _is_settled(intent, venue_ms)
    if intent.progress is Progress.HUMAN:
        return intent
    if intent.progress is Progress.UNKNOWN:
        if intent.assurance is Assurance.LOOKUP and settled and found is Found.NOT_FOUND:
            if intent.absences < ABSENCES_MIN:
                return intent
            return _moved(_proven(intent, "no such id"), Progress.ABSENT, now_us)
        if intent.assurance is Assurance.BLIND_SEND and now_us - intent.changed_us >= BLIND_WAIT_US:
            return _moved(intent, Progress.HUMAN, now_us)
    return _moved(intent, Progress.HUMAN, now_us) if settled else intent


def _is_settled(intent: Intent, venue_ms: int) -> bool:
    assert intent.ts_sign_ms is not None
    return (venue_ms - intent.ts_sign_ms) * 1000 > SETTLE_US


def _proven(intent: Intent, words: str) -> Intent:
    return replace(intent, evidence=(*intent.evidence, words))


def _moved(intent: Intent, progress: Progress, now_us: int) -> Intent:
    return replace(intent, progress=progress, changed_us=now_us, next_us=now_us)
