"""
The words about one top-up: asked for, sent, proven, refused, or known to nobody.

Rule: amounts are exact to the last digit. Where money moved, or may have, nothing says that all is
well: the alert says how far it is, and goes on as if nothing were under way. Whoever must do
something is told what, in one line he can copy. Each state is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo

from watcher.domain.alert import SECOND_US, Kind, Lane, Message, Moment, Tier
from watcher.domain.road import Act, Button, Reach
from watcher.domain.topup import Intent, Mode, Progress
from watcher.policy import by_hand, deeds, lines, wording
from watcher.policy import messages as say
from watcher.policy.deeds import Tense
from watcher.policy.means import Why
from watcher.policy.sizing import Proposal
from watcher.policy.wording import Bold, Fixed, Row, filled, row

MARK = "💵"
ASK_MARK = "❓"
TROUBLE_MARK = "❗"

_SHORT = {
    Why.EVENT: say.STOP_EVENT,
    Why.DAY: say.STOP_DAY,
    Why.WEEK: say.STOP_WEEK,
    Why.FLOOR: say.STOP_FLOOR,
    Why.CEILING: say.STOP_CEILING,
    Why.SOURCE_POOL: say.STOP_SOURCE_POOL,
    Why.OUT_OF_REACH: say.STOP_OUT_OF_REACH,
}


def proposed(found: Proposal, intent: Intent, now: Moment, *, zone: str) -> Message:
    """Return what is said when *found* was made an intent, in the mode of the intent."""
    age_s = max(0.0, (now.wall_us - found.taken_at_us) / SECOND_US)
    read = row(say.TOP_UP_READ.format(age=wording.duration(age_s)))
    match intent.mode:
        case Mode.REQUEST:
            rows = [*_requested(found, intent), read]
        case Mode.ASK:
            rows = [*_asked(found, intent, now, wording.zone(zone)), read]
        case Mode.AUTO:
            rows = [*_begun(found, intent), read]
        case _:
            rows = [*_rehearsed(found, intent), read]
    asks = intent.mode in (Mode.ASK, Mode.REQUEST)
    one = _message(intent, rows, now, urgent=asks)
    silent = intent.mode is Mode.DRY_RUN
    buttons = _buttons(intent) if intent.mode is Mode.ASK else ()
    return replace(one, silent=silent, buttons=buttons)


def moved(was: Intent, intent: Intent, now: Moment, *, zone: str) -> list[Message]:
    """Return what is said when *was* became *intent*; what it brought is told by `done`."""
    if was.progress is intent.progress:
        return []
    words = _MOVED.get(intent.progress)
    rows = [] if words is None else words(intent, wording.zone(zone))
    if not rows:
        return []
    urgent = intent.progress in (Progress.UNKNOWN, Progress.HUMAN)
    one = _message(intent, rows, now, urgent=urgent)
    quiet = intent.progress in (Progress.APPROVED, Progress.ACCEPTED)
    reach = Reach.SECOND if intent.progress is Progress.HUMAN else Reach.CHAT
    return [replace(one, silent=quiet, reach=reach)]


def done(intent: Intent, now: Moment, *, zone: str) -> Message:
    """Return that *intent* is proven, with the value read after it where one was."""
    at = wording.clock_time(now.wall_us, wording.zone(zone))
    after = row(say.TOP_UP_NOT_READ) if intent.after is None else _now(intent, intent.after)
    rows = [
        deeds.header(MARK, say.TOP_UP_DONE, intent),
        *deeds.rows(intent.route, intent.amount, Tense.DONE),
        after,
        row(say.TOP_UP_PROVEN.format(venue=wording.venue_name(intent.venue), at=at)),
    ]
    return _message(intent, rows, now, urgent=False)


def standing(intent: Intent | None) -> str:
    """Return where *intent* stands, for whoever pressed a button under it."""
    if intent is None:
        return say.STANDING_GONE
    plain = say.STANDING[intent.progress]
    why = wording.words(intent.reason)
    if intent.progress in (Progress.APPROVED, Progress.SENDING, Progress.DONE):
        return say.STANDING_WITH.format(plain=plain, more=deeds.amount(intent.route, intent.amount))
    if intent.progress in (Progress.CANCELLED, Progress.REJECTED) and why:
        return say.STANDING_WITH.format(plain=plain, more=why)
    return plain


def _rehearsed(found: Proposal, intent: Intent) -> list[Row]:
    change = _change(found)
    deed = deeds.rows(found.route, found.amount, Tense.WOULD)
    last = "".join(p if isinstance(p, str) else p.text for p in deed[-1])
    fits = len(last) + len(change) + 2 <= lines.WIDTH_MAX
    return [
        deeds.header(MARK, say.TOP_UP_DRY_RUN, intent),
        *deed[:-1],
        *([(*deed[-1], f": {change}")] if fits else [deed[-1], row(change)]),
        *_stopped(found),
        *_caps(found),
        row(say.TOP_UP_DRY_RUN_END),
    ]


def _requested(found: Proposal, intent: Intent) -> list[Row]:
    return [
        deeds.header(MARK, say.TOP_UP_PLEASE[found.route.verb], intent),
        *deeds.rows(found.route, found.amount, Tense.DO),
        *by_hand.steps(intent.venue, found.route, found.amount),
        _then(found),
        *_stopped(found),
        *([row(found.doubt)] if found.doubt else []),
        row(say.TOP_UP_TOLD_LATER),
    ]


def _asked(found: Proposal, intent: Intent, now: Moment, zone: tzinfo) -> list[Row]:
    ends_us = now.wall_us + intent.expires_us - now.steady_us
    source = deeds.place(found.route.source)
    return [
        deeds.header(ASK_MARK, say.TOP_UP_ASK, intent),
        *deeds.rows(found.route, intent.ceiling, Tense.DO),
        _then(found),
        row(say.SOURCE_AFTER.format(source=source, amount=_source_after(found))),
        *_stopped(found),
        *_caps(found),
        *([row(say.TOP_UP_BRAKED)] if found.braked else []),
        row(say.TOP_UP_CEILING),
        row(say.TOP_UP_UNTIL.format(at=wording.minute_time(ends_us, zone))),
    ]


def _begun(found: Proposal, intent: Intent) -> list[Row]:
    return [
        deeds.header(MARK, say.TOP_UP, intent),
        *deeds.rows(found.route, found.amount, Tense.DOING),
        _then(found),
        *_stopped(found),
        *_caps(found),
        row(say.TOP_UP_ALERTS_GO_ON),
    ]


def _sent(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    if intent.mode is not Mode.ASK:
        return []
    return [
        deeds.header(MARK, say.TOP_UP_APPROVED, intent),
        *deeds.rows(intent.route, intent.amount, Tense.DOING),
        row(say.TOP_UP_ALERTS_GO_ON),
    ]


def _accepted(intent: Intent, zone: tzinfo) -> list[Row]:
    text = say.TOP_UP_TAKEN_AS if intent.venue_id else say.TOP_UP_TAKEN
    taken = text.format(
        venue=wording.venue_name(intent.venue),
        id=wording.name(intent.venue_id),
        at=_sent_at(intent, zone),
    )
    return [
        deeds.header(MARK, say.TOP_UP_SENT, intent),
        *deeds.rows(intent.route, intent.amount, Tense.DOING),
        row(taken),
        row(say.TOP_UP_NOT_PROVEN),
    ]


def _unknown(intent: Intent, zone: tzinfo) -> list[Row]:
    return [
        deeds.header(TROUBLE_MARK, say.TOP_UP_NOT_KNOWN, intent),
        *deeds.rows(intent.route, intent.amount),
        row(say.TOP_UP_MAY_HAVE),
        *_because(intent),
        row(say.TOP_UP_SENT_AT.format(at=_sent_at(intent, zone))),
        row(say.TOP_UP_LOOKED_UP),
        row(say.TOP_UP_NOT_BY_HAND),
    ]


def _human(intent: Intent, zone: tzinfo) -> list[Row]:
    venue, at = wording.venue_name(intent.venue), _sent_at(intent, zone)
    settle = f"watcher money settle {wording.name(intent.id)}"
    return [
        deeds.header(TROUBLE_MARK, say.LOOK_YOURSELF, intent),
        *deeds.rows(intent.route, intent.amount),
        row(say.NOBODY_CAN_TELL),
        row(say.LOOK_INTO[intent.route.verb].format(venue=venue, at=at)),
        row(say.LOOK_THEN),
        row(Fixed(f"{settle} --happened")),
        row(Fixed(f"{settle} --did-not")),
        row(say.LOOK_UNTIL_THEN.format(source=deeds.place(intent.route.source))),
    ]


def _rejected(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    return [
        deeds.header(TROUBLE_MARK, say.TOP_UP_REFUSED, intent),
        *deeds.rows(intent.route, intent.amount),
        row(say.TOP_UP_NOT_DONE.format(venue=wording.venue_name(intent.venue))),
        *_because(intent),
        row(say.DANGER_STANDS),
    ]


def _absent(intent: Intent, zone: tzinfo) -> list[Row]:
    venue = wording.venue_name(intent.venue)
    return [
        deeds.header(TROUBLE_MARK, say.TOP_UP_ABSENT, intent),
        *deeds.rows(intent.route, intent.amount),
        row(say.TOP_UP_NO_SUCH.format(venue=venue, at=_sent_at(intent, zone))),
        row(say.TOP_UP_COUNTS),
        row(say.DANGER_STANDS),
    ]


def _expired(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    asked = intent.mode is Mode.REQUEST
    said = say.TOP_UP_NOT_ARRIVED if asked else say.TOP_UP_UNANSWERED
    return [
        deeds.header(MARK, say.TOP_UP_EXPIRED, intent),
        *deeds.rows(intent.route, intent.ceiling),
        row(said),
    ]


def _denied(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    return [
        deeds.header(MARK, say.TOP_UP_DENIED, intent),
        *deeds.rows(intent.route, intent.ceiling),
        row(say.TOP_UP_DENIED_MEANS),
    ]


def _cancelled(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    if intent.mode is Mode.DRY_RUN:
        return []
    if intent.mode is Mode.REQUEST and intent.after is not None:
        return _arrived(intent)
    return [
        deeds.header(MARK, say.TOP_UP_CANCELLED, intent),
        *deeds.rows(intent.route, intent.amount),
        *_because(intent),
        row(say.NOTHING_SENT),
    ]


# what a person moved himself, seen in the pool; the loop asks again if it was too little
def _arrived(intent: Intent) -> list[Row]:
    assert intent.after is not None
    came = intent.evidence[-1].partition(" ")[0] if intent.evidence else "?"
    asked = deeds.amount(intent.route, intent.amount)
    return [
        deeds.header(MARK, say.TOP_UP_ARRIVED, intent),
        row(Bold(say.TOP_UP_CAME.format(came=wording.words(came), asked=asked))),
        _now(intent, intent.after),
        row(say.TOP_UP_ASKED_AGAIN),
    ]


_Words = Callable[[Intent, tzinfo], list[Row]]
_MOVED: Mapping[Progress, _Words] = {
    Progress.APPROVED: _sent,
    Progress.ACCEPTED: _accepted,
    Progress.UNKNOWN: _unknown,
    Progress.HUMAN: _human,
    Progress.REJECTED: _rejected,
    Progress.ABSENT: _absent,
    Progress.EXPIRED: _expired,
    Progress.DENIED: _denied,
    Progress.CANCELLED: _cancelled,
}


def _value(intent: Intent, value: float) -> str:
    return deeds.figure(intent.measure, value)


def _now(intent: Intent, after: float) -> Row:
    value = Bold(_value(intent, after))
    if intent.before is None:
        return filled(say.TOP_UP_NOW, value=value)
    return filled(say.TOP_UP_NOW_WAS, value=value, was=_value(intent, intent.before))


def _then(found: Proposal) -> Row:
    then, now = (deeds.figure(found.measure, v) for v in (found.after, found.before))
    return filled(say.TOP_UP_THEN, then=Bold(then), now=now)


def _change(found: Proposal) -> str:
    before, after = (deeds.figure(found.measure, v) for v in (found.before, found.after))
    return f"{before} → {after}"


def _source_after(found: Proposal) -> str:
    return deeds.amount(found.route, found.source_after)


def _stopped(found: Proposal) -> list[Row]:
    if found.short is None:
        return []
    target = deeds.figure(found.measure, found.target)
    return [row(say.TOP_UP_STOPPED.format(target=target, by=_SHORT[found.short]))]


def _caps(found: Proposal) -> list[Row]:
    free = found.room
    if free.day is None or free.week is None or free.count is None:
        return []
    cost = found.amount * free.price
    day, week = (wording.amount(float(left - cost)) for left in (free.day, free.week))
    text = say.CAPS_LEFT.format(day=day, week=week, unit=free.unit, count=free.count - 1)
    return [row(text)]


def _because(intent: Intent) -> list[Row]:
    why = wording.words(intent.reason)
    return [row(say.TOLD.format(reason=why))] if why else []


def _sent_at(intent: Intent, zone: tzinfo) -> str:
    assert intent.ts_sign_ms is not None
    return wording.clock_time(intent.ts_sign_ms * 1000, zone)


def _buttons(intent: Intent) -> tuple[Button, ...]:
    yes = say.BUTTON_APPROVE.format(amount=deeds.amount(intent.route, intent.ceiling))
    return (
        Button(act=Act.APPROVE, label=yes, intent=intent.id),
        Button(act=Act.DENY, label=say.BUTTON_DENY, intent=intent.id),
        Button(act=Act.KILL, label=say.BUTTON_KILL, intent=intent.id),
    )


def _message(intent: Intent, rows: list[Row], now: Moment, *, urgent: bool) -> Message:
    return Message(
        key=f"{intent.account}:topup:{intent.id}:{intent.progress.value}",
        account=intent.account,
        kind=Kind.TOP_UP,
        tier=Tier.CRITICAL if urgent else Tier.WARNING,
        lane=Lane.BLIND if urgent else Lane.WARNING,
        text=wording.text_of(lines.fitted(rows)),
        silent=False,
        created_at_us=now.steady_us,
        incident=intent.incident,
        pool=intent.pool,
    )
