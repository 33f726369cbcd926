"""
Composes the messages: what a trader reads at three in the morning.

Rule: at most twelve short lines, the one that matters first, the age and origin of the numbers
last. Every message says what is true now, in numbers with units; an estimate says that it is one;
nothing is promised and nobody is blamed. Texts are plain, with spans to show bold.

Answers to commands are in `policy.overview`, notes about the service itself in `policy.notes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from watcher.domain.alert import (
    Ack,
    BlindState,
    DangerState,
    Incident,
    Kind,
    Missed,
    MissKind,
    Text,
    Tier,
)
from watcher.domain.report import PoolReport
from watcher.policy import lines, stages, wording
from watcher.policy import messages as say
from watcher.policy.advice import Advice
from watcher.policy.figures import Figures
from watcher.policy.incidents import elapsed_us
from watcher.policy.readings import Reading, is_empty
from watcher.policy.wording import Bold, Row, filled, row

POOLS_NAMED_MAX = 5
_NOTES = {
    Kind.REPEATED: say.NOTE_STILL,
    Kind.UPDATED: say.NOTE_STILL,
    Kind.UNANSWERED: say.NOTE_UNANSWERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """
    What is known of an account that cannot be seen: what the last true reading said of its worst
    pool, and what that would be at live prices. `last_wall_us` is None when it was never read.
    """

    account: str
    venue: str
    blind: BlindState
    since_s: float
    last_wall_us: int | None
    until: str
    last: str
    estimate: Figures | None
    priced: tuple[str, ...]
    zone: tzinfo


def danger(
    figures: Figures,
    state: DangerState,
    kind: Kind,
    *,
    was: Tier,
    advice: Advice | None,
    tolerance: float,
    answer: Sequence[Row] = (),
    suspect: bool = False,
    unstable: bool = False,
    until: str = "",
) -> Text:
    """
    Return the words for a tier reached, repeated or eased to; *answer* is `answer`'s, *until* when
    the doubt ends that alone holds the tier.
    """
    tier = state.tier
    note = lines.was(was) if kind is Kind.EASED else _NOTES.get(kind, "")
    note = say.NOTE_UNCONFIRMED if suspect else note
    doubted = [row(say.HELD_DOUBTED.format(at=until))] if until else []
    held = [] if until else _held(state, figures.reading, unstable=unstable)
    # of an empty pool with less than nothing left, a move of 0 % says nothing
    moves = [] if figures.reading.gone else lines.moves(figures)
    earlier = lines.earlier(figures)
    staged = [] if figures.reading.gone else stages.past(figures.report, figures.reading.gauge)
    rows: list[Row] = [
        lines.header(
            lines.MARK[tier], wording.tier_name(tier), state.incident, figures.account, note=note
        ),
        *lines.label(figures),
        *lines.distance(figures),
        *earlier,
        *moves,
        *lines.speed(figures),
        *lines.equity(figures.report),
        *staged,
        *lines.ways_back(advice),
        *doubted,
        *held,
        *answer,
        lines.origin(figures, tolerance),
    ]
    return wording.text_of(lines.fitted(rows, spare=[*held, *earlier, *moves[1:], *staged]))


def answer(state: DangerState, kind: Kind, ack: Ack | None, now_us: int) -> list[Row]:
    """Return whether anybody answered; *ack* is the ack in force before this word."""
    if kind is Kind.UNANSWERED and state.unanswered_since_us is not None:
        return [_unanswered(elapsed_us(now_us, state.unanswered_since_us))]
    if state.ack is not None:
        ago = wording.duration(elapsed_us(now_us, state.ack.at_us) / 1e6)
        return [row(say.SEEN_AGO.format(ago=ago))]
    if ack is None or ack.value is None or ack.measure is None:
        return []
    if kind not in (Kind.REPEATED, Kind.ESCALATED):
        return []
    return [row(say.WORSE_THAN_SEEN.format(value=lines.headline_of(ack.measure, ack.value)))]


def danger_unseen(
    sight: Sight, figures: Figures | None, state: DangerState, *, answer: Sequence[Row] = ()
) -> Text:
    """Return the words for danger in an account not seen: an estimate, or the last reading."""
    tier = state.tier
    note = say.NOTE_ESTIMATE if figures is not None else say.NOTE_NOT_SEEN
    rows: list[Row] = [
        lines.header(
            lines.MARK[tier], wording.tier_name(tier), state.incident, sight.account, note=note
        )
    ]
    if figures is not None:
        rows += [
            *lines.label(figures),
            filled(
                say.ESTIMATE,
                prices=_priced(sight),
                value=Bold(lines.headline(figures.reading.gauge)),
            ),
            *lines.moves(figures),
        ]
    rows += [
        *_last_true(sight),
        *_unseen(sight),
        *answer,
        row(say.CANNOT_SEE),
    ]
    return wording.text_of(lines.fitted(rows))


def resolved(
    figures: Figures, state: DangerState, *, was: Tier, now_us: int, tolerance: float
) -> Text:
    """Return the words for a pool that is calm again, or has nothing left to lose."""
    if is_empty(figures.report):
        return gone(
            figures.account,
            figures.venue,
            state,
            Kind.RESOLVED,
            was=was,
            label=figures.label,
            report=figures.report,
        )
    rows = [
        lines.header(
            lines.MARK[Tier.CALM],
            wording.tier_name(Tier.CALM),
            state.incident,
            figures.account,
            note=lines.was(was),
        ),
        *lines.label(figures),
        *lines.distance(figures),
        *_story(state, was, now_us),
        *lines.equity(figures.report),
        lines.origin(figures, tolerance),
    ]
    return wording.text_of(lines.fitted(rows))


def gone(
    account: str,
    venue: str,
    state: DangerState,
    kind: Kind,
    *,
    was: Tier,
    label: str,
    report: PoolReport | None,
    answer: Sequence[Row] = (),
) -> Text:
    """
    Return the words for positions that are no longer there; why is not ours to claim.

    Until that has ended the alert it is not proven: the alert stands, and says so.
    """
    tier, looked = state.tier, say.NO_LONGER_THERE_YET
    mark, word, note = lines.MARK[tier], wording.tier_name(tier), _NOTES.get(kind, "")
    if kind is Kind.RESOLVED:
        looked = say.NO_LONGER_THERE
        mark, word, note = lines.GONE_MARK, say.GONE, lines.was(was)
    rows = [
        lines.header(mark, word, state.incident, account, note=note),
        *([filled(say.POOL, label=Bold(label))] if label else []),
        row(looked),
        *(lines.equity(report) if report is not None else []),
        *answer,
        row(say.LOOK_AT.format(venue=wording.venue_name(venue))),
    ]
    return wording.text_of(lines.fitted(rows))


def blind(
    sight: Sight,
    incident: Incident,
    *,
    was: Tier,
    tier: Tier,
    next_wall_us: int,
    never_read: bool,
    unanswered_us: int | None = None,
) -> Text:
    """
    Return the words for an account that cannot be seen, which is of *tier*; *unanswered_us* is how
    long nobody said that he saw this.
    """
    mark = lines.blind_mark(tier)
    rows: list[Row] = [
        lines.header(mark, say.BLIND, incident, sight.account, note=lines.was(was)),
        *_unseen(sight),
    ]
    if never_read:
        rows.append(row(say.NEVER_READ_YET))
    rows += _last_true(sight)
    if sight.estimate is not None:
        value = lines.headline(sight.estimate.reading.gauge)
        rows.append(filled(say.ESTIMATE, prices=_priced(sight), value=Bold(value)))
    rows += [
        *([] if unanswered_us is None else [_unanswered(unanswered_us)]),
        row(say.CANNOT_SEE),
        row(say.NEXT_WORD.format(at=wording.clock_time(next_wall_us, sight.zone))),
    ]
    return wording.text_of(lines.fitted(rows))


def blindly(sight: Sight) -> str:
    """Return blindness in the fewest words, for a line among others."""
    since = say.NOT_SEEN_FOR.format(since=wording.duration(sight.since_s))
    return say.NOT_SEEN_LAST.format(since=since, value=sight.last) if sight.last else since


def seeing(
    account: str,
    incident: Incident,
    pools: list[tuple[Figures, Tier]],
    *,
    worst: Tier,
    doubted: bool,
    blind_s: float | None,
    tolerance: float,
) -> Text:
    """
    Return the words for an account seen again, with what is seen; *pools* worst first.

    *worst* is the worst tier that stands: that of a pool too which one look did not find. What is
    *doubted* is not called good.
    """
    after = (
        say.SEEING_NOW
        if blind_s is None
        else say.SEEING_AGAIN.format(since=wording.duration(blind_s))
    )
    mark = lines.MARK[max(worst, Tier.WATCH) if doubted else worst]
    note = ", ".join(filter(None, [_named(worst), say.NOTE_UNCONFIRMED if doubted else ""]))
    rows: list[Row] = [lines.header(mark, say.SEEING, incident, account, note=note)]
    if not pools:
        rows.append(row(say.SEEING_NOTHING.format(after=after)))
        rows += [row(say.SEEN_ONCE)] if worst > Tier.CALM else []
        return wording.text_of(rows)
    first = pools[0][0]
    if len(pools) == 1:
        rows += [
            filled(say.SEEING_VALUE, after=after, value=Bold(lines.shortly(first))),
            *lines.moves(first),
            *lines.equity(first.report),
        ]
    else:
        rows.append(row(after))
        for figures, tier in pools[:POOLS_NAMED_MAX]:
            mark = lines.MARK[tier]
            value = lines.shortly(figures)
            name = figures.label or wording.pool_name(figures.report.pool)
            rows.append(row(f"{mark} {name} ", Bold(value)))
        if len(pools) > POOLS_NAMED_MAX:
            rows.append(row(say.AND_MORE_POOLS.format(count=len(pools) - POOLS_NAMED_MAX)))
    rows.append(lines.origin(first, tolerance))
    return wording.text_of(lines.fitted(rows))


def security(account: str, venue: str, incident: Incident, missed: Missed) -> Text:
    """Return the words for a key that may not be used: it may withdraw, or is another account's."""
    who = wording.venue_name(venue)
    is_strange = missed.kind is MissKind.STRANGER
    fault = say.KEY_STRANGE if is_strange else say.KEY_WITHDRAWS
    remedy = say.KEY_STRANGE_REMEDY if is_strange else say.KEY_WITHDRAWS_REMEDY
    rows = [
        lines.header(lines.SECURITY_MARK, say.SECURITY, incident, account),
        row(fault.format(venue=who)),
        *([row(say.TOLD.format(reason=wording.words(missed.reason)))] if missed.reason else []),
        row(say.NOT_WATCHED_WITH_IT),
        row(remedy),
        row(say.TOLD_DAILY),
    ]
    return wording.text_of(rows)


def finding(
    account: str,
    incident: Incident,
    title: str,
    label: str,
    facts: tuple[str, ...],
    *,
    mark: str = lines.NOTE_MARK,
) -> Text:
    """Return the words for a check that found something; *facts* are whole lines of ours."""
    rows = [
        lines.header(mark, title, incident, account),
        *([filled(say.POOL, label=Bold(label))] if label else []),
        *(row(fact) for fact in facts),
    ]
    return wording.text_of(lines.fitted(rows))


def _unanswered(waited_us: int) -> Row:
    return row(Bold(say.NOBODY_ANSWERED.format(since=wording.duration(waited_us / 1e6))))


def _held(state: DangerState, reading: Reading, *, unstable: bool) -> list[Row]:
    if reading.lesser and state.firm >= max(state.tier, Tier.WATCH):
        return [row(say.HELD_UNKNOWN.format(tier=wording.tier_name(state.tier)))]
    if reading.gone:
        return [row(say.HELD_UNSEEN.format(tier=wording.tier_name(state.tier)))]
    if unstable:
        return [row(say.HELD_UNSTABLE.format(tier=wording.tier_name(state.tier)))]
    if state.good_since_us is not None:
        return [row(say.HELD_BETTER.format(tier=wording.tier_name(state.tier)))]
    return []


def _priced(sight: Sight) -> str:
    names = [wording.name(coin) for coin in sight.priced[:2]]
    if len(sight.priced) > len(names):
        return say.LIVE_PRICES
    text = say.LIVE_MANY if len(names) > 1 else say.LIVE_ONE
    return text.format(coins=say.AND.join(names))


def _last_true(sight: Sight) -> list[Row]:
    if sight.last_wall_us is None:
        return []
    at = wording.clock_time(sight.last_wall_us, sight.zone)
    return [filled(say.LAST_TRUE, at=at, value=Bold(sight.last))]


def _unseen(sight: Sight) -> list[Row]:
    missed = sight.blind.missed
    if missed is None:
        return [row(say.UNSEEN_FOR.format(since=wording.duration(sight.since_s)))]
    misses = _misses(sight.blind, missed)
    return lines.unseen(sight.venue, missed, sight.since_s, misses, sight.until)


def _misses(blind: BlindState, missed: Missed) -> str:
    reason = wording.words(missed.reason)
    start = f"{reason} " if reason else ""
    if blind.alike == blind.misses:
        return f"{start}×{blind.misses}"
    return say.MISSES_OF.format(reason=start, alike=blind.alike, misses=blind.misses)


def _story(state: DangerState, was: Tier, now_us: int) -> list[Row]:
    if state.incident is None:
        return []
    lasted = wording.duration(max(0, now_us - state.incident.opened_at_us) / 1e6)
    worst = say.AT_WORST.format(tier=wording.tier_name(state.worst)) if state.worst > was else ""
    return [row(say.LASTED.format(since=lasted, worst=worst))]


def _named(tier: Tier) -> str:
    return wording.tier_name(tier) if tier > Tier.CALM else ""
