"""
The venue's books against ours: who moved what, and whether both say the same.

Rule: a movement is ours by the id it carries, by the venue's number for it, or where there is no id
by the mark in its amount. Names are made anew from the history itself, so that what another install
or a ledger that was rolled back has sent is known here too. What does not fit freezes money.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.topup import Intent, Movement, Progress, Route
from watcher.policy import protocol

HISTORY_LAG_US = 10 * MINUTE_US
"""How long after its end a movement may be missing in the venue's history."""
NEAR_US = 15 * MINUTE_US
"""A movement without id is ours where its amount is, and it happened this near to our request."""
ATTEMPTS = 4
ANCHORS_MAX = 8

_MAY_BE_THERE = frozenset(
    {
        Progress.SENDING,
        Progress.ACCEPTED,
        Progress.UNKNOWN,
        Progress.HUMAN,
        Progress.DONE,
    }
)


def anchor_of(history: Sequence[Movement], route: Route) -> str:
    """Return the name of the newest movement on *route*; "" where there is none."""
    rows = [one for one in history if _is_on(one, route)]
    return _name(max(rows, key=lambda one: (one.at_us, one.venue_id))) if rows else ""


def strange(
    history: Sequence[Movement], intents: Sequence[Intent], uid: str, route: Route, step: Decimal
) -> Movement | None:
    """Return a movement that is ours by its name, and that *intents* know nothing of."""
    rows = sorted((one for one in history if _is_on(one, route)), key=lambda one: one.at_us)
    for number, row in enumerate(rows):
        known = [intent for intent in intents if is_of(row, intent)]
        if any(intent.progress in _MAY_BE_THERE for intent in known):
            continue
        anchors = ["", *(_name(one) for one in rows[max(0, number - ANCHORS_MAX) : number])]
        if known or any(_is_named(row, uid, route, anchor, step) for anchor in anchors):
            return row
    return None


def missing(
    history: Sequence[Movement], intents: Sequence[Intent], route: Route, *, since_us: int,
    now_us: int,
) -> Intent | None:  # fmt: skip
    """Return an intent on *route* the ledger calls done since then, and the venue knows not."""
    for intent in intents:
        ripe = since_us <= intent.changed_us <= now_us - HISTORY_LAG_US
        if intent.progress is not Progress.DONE or intent.route != route or not ripe:
            continue
        if intent.evidence and intent.evidence[-1] != "executed":
            continue  # a person said so
        if not any(is_of(row, intent) for row in history):
            return intent
    return None


def is_of(row: Movement, intent: Intent) -> bool:
    """Tell whether *row* is what *intent* sent."""
    if not _is_on(row, intent.route):
        return False
    if row.venue_id and row.venue_id == intent.venue_id:
        return True
    if row.ref:
        return bool(intent.venue_ref) and _plain(row.ref) in _spellings(intent.venue_ref)
    if intent.ts_sign_ms is None:
        return False
    near = abs(row.at_us - intent.ts_sign_ms * 1000) <= NEAR_US
    return row.amount == intent.amount and near


def _is_named(row: Movement, uid: str, route: Route, anchor: str, step: Decimal) -> bool:
    key = protocol.decision_key(uid, route, anchor)
    if row.ref:
        return any(_plain(row.ref) in _spellings(ref) for ref in _refs(key))
    return protocol.is_marked(row.amount, key, step)


def _refs(key: str) -> Iterator[str]:
    return (protocol.venue_ref(key, attempt) for attempt in range(ATTEMPTS))


def _spellings(ref: str) -> set[str]:
    return {ref, _plain(protocol.as_uuid(ref))}


def _plain(ref: str) -> str:
    return ref.replace("-", "").lower()


def _is_on(row: Movement, route: Route) -> bool:
    return (row.asset, row.source, row.destination) == (
        route.asset,
        route.source,
        route.destination,
    )


def _name(row: Movement) -> str:
    return row.venue_id or f"{row.at_us // SECOND_US}:{row.amount.normalize():f}"
