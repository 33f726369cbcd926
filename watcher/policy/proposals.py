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
from watcher.domain.topup import Intent, Mode, Progress, Verb
from watcher.policy import by_hand, deeds, lines, wording
from watcher.policy.allowance import Why
from watcher.policy.deeds import Tense
from watcher.policy.sizing import Proposal
from watcher.policy.wording import Bold, Fixed, Row, row

MARK = "💵"
ASK_MARK = "❓"
TROUBLE_MARK = "❗"

_SHORT = {
    Why.EVENT: "the cap of one top-up",
    Why.DAY: "the cap of 24 hours",
    Why.WEEK: "the cap of 7 days",
    Why.FLOOR: "what the source must keep",
    Why.CEILING: "what was approved",
    Why.SOURCE_POOL: "what its own pool needs",
    Why.OUT_OF_REACH: "all there is to repay",
}
_PLAIN: Mapping[Progress, str] = {
    Progress.PROPOSED: "Heard: it is sent on the next fresh reading",
    Progress.APPROVED: "Approved, not sent yet",
    Progress.SENDING: "Being sent",
    Progress.ACCEPTED: "Sent, not proven yet",
    Progress.UNKNOWN: "Sent, nobody knows yet whether it happened",
    Progress.HUMAN: "Sent, a person must look whether it happened",
    Progress.DONE: "Done",
    Progress.REJECTED: "Refused",
    Progress.ABSENT: "The venue does not know it",
    Progress.EXPIRED: "Its time is over, nothing was sent",
    Progress.DENIED: "Denied, nothing was sent",
    Progress.CANCELLED: "Nothing was sent",
}


def proposed(found: Proposal, intent: Intent, now: Moment, *, zone: str) -> Message:
    """Return what is said when *found* was made an intent, in the mode of the intent."""
    age_s = max(0.0, (now.wall_us - found.taken_at_us) / SECOND_US)
    read = row(f"Read {wording.duration(age_s)} ago")
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
    after = (
        row("What it is now was not read yet")
        if intent.after is None
        else row("Now ", Bold(_value(intent, intent.after)), _was(intent))
    )
    rows = [
        deeds.header(MARK, "TOP-UP DONE", intent),
        *deeds.rows(intent.route, intent.amount, Tense.DONE),
        after,
        row(f"Proven by {wording.venue_name(intent.venue)}'s own books, {at}"),
    ]
    return _message(intent, rows, now, urgent=False)


def standing(intent: Intent | None) -> str:
    """Return where *intent* stands, for whoever pressed a button under it."""
    if intent is None:
        return "Not known any more"
    plain = _PLAIN[intent.progress]
    why = wording.words(intent.reason)
    if intent.progress in (Progress.APPROVED, Progress.SENDING, Progress.DONE):
        return f"{plain}: {deeds.amount(intent.route, intent.amount)}"
    if intent.progress in (Progress.CANCELLED, Progress.REJECTED) and why:
        return f"{plain}: {why}"
    return plain


def _rehearsed(found: Proposal, intent: Intent) -> list[Row]:
    change = _change(found)
    deed = deeds.rows(found.route, found.amount, Tense.DO, start="Would ")
    last = "".join(p if isinstance(p, str) else p.text for p in deed[-1])
    fits = len(last) + len(change) + 2 <= lines.WIDTH_MAX
    return [
        deeds.header(MARK, "TOP-UP, DRY RUN", intent),
        *deed[:-1],
        *([(*deed[-1], f": {change}")] if fits else [deed[-1], row(change)]),
        *_stopped(found),
        *_caps(found),
        row("Nothing was sent: the mode is dry_run"),
    ]


def _requested(found: Proposal, intent: Intent) -> list[Row]:
    verb = deeds.DEEDS[found.route.verb][Tense.DO].upper()
    return [
        deeds.header(MARK, f"PLEASE {verb}", intent),
        *deeds.rows(found.route, found.amount, Tense.DO),
        *by_hand.steps(intent.venue, found.route, found.amount),
        row("Then about ", *_then(found)),
        *_stopped(found),
        *([row(found.doubt)] if found.doubt else []),
        row("It is told when it arrives"),
    ]


def _asked(found: Proposal, intent: Intent, now: Moment, zone: tzinfo) -> list[Row]:
    ends_us = now.wall_us + intent.expires_us - now.steady_us
    return [
        deeds.header(ASK_MARK, "APPROVE?", intent),
        *deeds.rows(found.route, intent.ceiling, Tense.DO),
        row("Then about ", *_then(found)),
        row(f"{deeds.place(found.route.source)} then holds {_source_after(found)}"),
        *_stopped(found),
        *_caps(found),
        *([row("Asked because three were made in this incident")] if found.braked else []),
        row("Never more than this; worked out anew on a tap"),
        row(f"Until {wording.minute_time(ends_us, zone)}; no answer is a no"),
    ]


def _begun(found: Proposal, intent: Intent) -> list[Row]:
    return [
        deeds.header(MARK, "TOP-UP", intent),
        *deeds.rows(found.route, found.amount, Tense.DOING),
        row("Then about ", *_then(found)),
        *_stopped(found),
        *_caps(found),
        row("Alerts go on as they are"),
    ]


def _sent(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    if intent.mode is not Mode.ASK:
        return []
    return [
        deeds.header(MARK, "APPROVED", intent),
        *deeds.rows(intent.route, intent.amount, Tense.DOING),
        row("Alerts go on as they are"),
    ]


def _accepted(intent: Intent, zone: tzinfo) -> list[Row]:
    venue = wording.venue_name(intent.venue)
    under = f" as {wording.name(intent.venue_id)}" if intent.venue_id else ""
    return [
        deeds.header(MARK, "TOP-UP SENT", intent),
        *deeds.rows(intent.route, intent.amount, Tense.DOING),
        row(f"{venue} took it{under}, {_sent_at(intent, zone)}"),
        row("Not proven yet"),
    ]


def _unknown(intent: Intent, zone: tzinfo) -> list[Row]:
    again = "It is looked up; counted as sent until proven"
    return [
        deeds.header(TROUBLE_MARK, "TOP-UP NOT KNOWN", intent),
        *deeds.rows(intent.route, intent.amount),
        row("It may have happened, or not"),
        *_because(intent),
        row(f"Sent {_sent_at(intent, zone)}"),
        row(again),
        row("Do not make the same by hand meanwhile"),
    ]


def _human(intent: Intent, zone: tzinfo) -> list[Row]:
    venue = wording.venue_name(intent.venue)
    settle = f"watcher money settle {wording.name(intent.id)}"
    return [
        deeds.header(TROUBLE_MARK, "LOOK YOURSELF", intent),
        *deeds.rows(intent.route, intent.amount),
        row("Nobody here can tell whether it happened"),
        row(f"Look at {_where(intent)} in {venue}, {_sent_at(intent, zone)}"),
        row("Then on the server, one of the two:"),
        row(Fixed(f"{settle} --happened")),
        row(Fixed(f"{settle} --did-not")),
        row(f"Until then nothing else leaves {deeds.place(intent.route.source)}"),
    ]


def _rejected(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    return [
        deeds.header(TROUBLE_MARK, "TOP-UP REFUSED", intent),
        *deeds.rows(intent.route, intent.amount),
        row(f"{wording.venue_name(intent.venue)} did not do it"),
        *_because(intent),
        row("The danger stands"),
    ]


def _absent(intent: Intent, zone: tzinfo) -> list[Row]:
    venue = wording.venue_name(intent.venue)
    return [
        deeds.header(TROUBLE_MARK, "TOP-UP ABSENT", intent),
        *deeds.rows(intent.route, intent.amount),
        row(f"{venue} knows of no such request, {_sent_at(intent, zone)}"),
        row("It counts against the caps all the same"),
        row("The danger stands"),
    ]


def _expired(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    asked = intent.mode is Mode.REQUEST
    said = "It was not seen to arrive" if asked else "Nobody answered: nothing was sent"
    return [
        deeds.header(MARK, "EXPIRED", intent),
        *deeds.rows(intent.route, intent.ceiling),
        row(said),
    ]


def _denied(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    return [
        deeds.header(MARK, "DENIED", intent),
        *deeds.rows(intent.route, intent.ceiling),
        row("Nothing was sent; the danger stands"),
    ]


def _cancelled(intent: Intent, zone: tzinfo) -> list[Row]:
    del zone
    if intent.mode is Mode.DRY_RUN:
        return []
    if intent.mode is Mode.REQUEST and intent.after is not None:
        return _arrived(intent)
    return [
        deeds.header(MARK, "NOT SENT", intent),
        *deeds.rows(intent.route, intent.amount),
        *_because(intent),
        row("Nothing was sent"),
    ]


# what a person moved himself, seen in the pool; the loop asks again if it was too little
def _arrived(intent: Intent) -> list[Row]:
    assert intent.after is not None
    came = intent.evidence[-1].partition(" ")[0] if intent.evidence else "?"
    asked = deeds.amount(intent.route, intent.amount)
    return [
        deeds.header(MARK, "ARRIVED", intent),
        row(Bold(f"{wording.words(came)} of {asked} arrived")),
        row("Now ", Bold(_value(intent, intent.after)), _was(intent)),
        row("Asked again if it is not enough"),
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


def _was(intent: Intent) -> str:
    return "" if intent.before is None else f", was {_value(intent, intent.before)}"


def _then(found: Proposal) -> tuple[wording.Piece, ...]:
    now = deeds.figure(found.measure, found.before)
    return (Bold(deeds.figure(found.measure, found.after)), f", now {now}")


def _change(found: Proposal) -> str:
    before, after = (deeds.figure(found.measure, v) for v in (found.before, found.after))
    return f"{before} → {after}"


def _source_after(found: Proposal) -> str:
    return deeds.amount(found.route, found.source_after)


def _stopped(found: Proposal) -> list[Row]:
    if found.short is None:
        return []
    target = deeds.figure(found.measure, found.target)
    return [row(f"Not to {target}: stopped by {_SHORT[found.short]}")]


def _caps(found: Proposal) -> list[Row]:
    free = found.room
    if free.day is None or free.week is None or free.count is None:
        return []
    cost = found.amount * free.price
    day, week = (wording.amount(float(left - cost)) for left in (free.day, free.week))
    often = f"{free.count - 1} more a day"
    return [row(f"Caps left: day {day}, week {week} {free.unit}, {often}")]


def _because(intent: Intent) -> list[Row]:
    why = wording.words(intent.reason)
    return [row(f"Told: {why}")] if why else []


def _sent_at(intent: Intent, zone: tzinfo) -> str:
    assert intent.ts_sign_ms is not None
    return wording.clock_time(intent.ts_sign_ms * 1000, zone)


def _where(intent: Intent) -> str:
    return {
        Verb.MOVE: "the transfer history",
        Verb.ADD_MARGIN: "the position's margin history",
        Verb.REPAY: "the repayment history",
    }[intent.route.verb]


def _buttons(intent: Intent) -> tuple[Button, ...]:
    yes = f"Approve {deeds.amount(intent.route, intent.ceiling)}"
    return (
        Button(act=Act.APPROVE, label=yes, intent=intent.id),
        Button(act=Act.DENY, label="Deny", intent=intent.id),
        Button(act=Act.KILL, label="Kill money", intent=intent.id),
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
