"""
The answer to /alerts: what is open and who has seen it, what is muted, at which lines tiers begin.

Rule: the worst first, and what finds no room is counted. Money that stands still is said here too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from watcher.domain.alert import (
    AccountState,
    Ack,
    AlertRules,
    Incident,
    Measure,
    Moment,
    Mute,
    Text,
    Tier,
)
from watcher.policy import blind, lines, wording
from watcher.policy import messages as say
from watcher.policy.dangers import live
from watcher.policy.incidents import elapsed_us
from watcher.policy.readings import leading
from watcher.policy.wording import Bold, Row, filled, row

LINES_SHOWN_MAX = 3
UNIT = {Measure.DISTANCE: "%", Measure.MARGIN_LEVEL: "%", Measure.HEALTH: "x"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """One thing that is open: a danger, a blindness or a finding."""

    account: str
    about: str
    tier: Tier
    incident: Incident
    ack: Ack | None


def alerts(
    states: Sequence[AccountState],
    rules: Mapping[str, AlertRules],
    now: Moment,
    *,
    zone: str,
    money: str = "",
) -> Text:
    """Return the answer to /alerts; *money* is the line of what holds money, "" for nothing."""
    found = sorted(
        (one for state in states for one in opened(state)),
        key=lambda one: (-one.tier, one.ack is not None, one.account, one.about),
    )
    mutes = [(s.account, mute) for s in states for mute in live(s.mutes, now.steady_us)]
    at = wording.minute_time(now.wall_us, wording.zone(zone))
    head = filled(
        say.ALERTS_HEAD,
        at=Bold(at),
        open=len(found) or say.NOTHING,
        muted=len(mutes) or say.NOTHING,
    )
    footer = [*([row(money)] if money else []), *_lines_of(states, rules)]
    silent = [_muted(account, mute, now) for account, mute in mutes]
    room = lines.LINES_MAX - 1 - len(footer)
    kept = _fitted([_block(one, now) for one in found], silent, room)
    return wording.text_of([head, *kept, *footer])


def opened(state: AccountState) -> Iterator[Open]:
    """Yield what is open in one account."""
    for danger in state.dangers.values():
        if danger.incident is not None and danger.tier > Tier.CALM:
            yield _open(
                state, wording.pool_name(danger.pool), danger.tier, danger.incident, danger.ack
            )
    unseen = state.blind
    worst = blind.shared(state.dangers.values())
    incident = unseen.incident if worst is None else worst.incident
    if unseen.active and incident is not None:
        yield _open(state, say.BLIND, unseen.tier, incident, unseen.ack)
    for finding in state.findings.values():
        if finding.incident is not None:
            about = f"{wording.words(finding.check)} {wording.pool_name(finding.pool)}"
            yield _open(state, about, finding.tier, finding.incident, finding.ack)


def _open(state: AccountState, about: str, tier: Tier, incident: Incident, ack: Ack | None) -> Open:
    return Open(account=state.account, about=about, tier=tier, incident=incident, ack=ack)


def _block(one: Open, now: Moment) -> list[Row]:
    mark = lines.MARK[one.tier]
    for_ = _ago(one.incident.opened_at_us, now)
    seen = say.NOBODY_HAS_SEEN
    if one.ack is not None:
        seen = say.SEEN_BY.format(who=one.ack.user_id, since=_ago(one.ack.at_us, now))
    return [
        row(f"{mark} #{one.incident.code} ", Bold(wording.name(one.account)), f" {one.about}"),
        row(say.OPEN_FOR.format(tier=wording.tier_name(one.tier), since=for_, seen=seen)),
    ]


def _muted(account: str, mute: Mute, now: Moment) -> Row:
    pool = f" {wording.pool_name(mute.pool)}" if mute.pool else ""
    left = wording.duration((mute.until_us - now.steady_us) / 1e6)
    return row(
        say.MUTED_LINE.format(
            account=wording.name(account),
            pool=pool,
            tier=wording.tier_name(mute.tier_max),
            left=left,
        )
    )


def _ago(at_us: int, now: Moment) -> str:
    return wording.duration(elapsed_us(now.steady_us, at_us) / 1e6)


def _fitted(blocks: list[list[Row]], silent: list[Row], room: int) -> list[Row]:
    if sum(map(len, blocks)) + len(silent) > room:
        blocks = [block[:1] for block in blocks]
    rows = [one for block in blocks for one in block]
    rows += silent
    if len(rows) <= room:
        return rows
    return [*rows[: room - 1], row(say.AND_MORE_ROWS.format(count=len(rows) - room + 1))]


# accounts with the same lines share one row: a hundred accounts are usually one
def _lines_of(states: Sequence[AccountState], rules: Mapping[str, AlertRules]) -> list[Row]:
    shared: dict[str, list[str]] = {}
    for state in states:
        for said in _ladders(state, rules[state.account]):
            shared.setdefault(said, []).append(wording.name(state.account))
    rows = []
    for said, accounts in shared.items():
        whose = say.ALL_ACCOUNTS if len(accounts) == len(states) else accounts[0]
        if 1 < len(accounts) < len(states):
            whose += say.AND_MORE.format(count=len(accounts) - 1)
        rows.append(row(f"{whose}: {said}"))
    if len(rows) > LINES_SHOWN_MAX:
        more = row(say.AND_OTHER_LINES.format(count=len(rows) - LINES_SHOWN_MAX + 1))
        rows = [*rows[: LINES_SHOWN_MAX - 1], more]
    return [row(say.TIERS_BEGIN), *rows] if rows else []


def _ladders(state: AccountState, rules: AlertRules) -> Iterator[str]:
    known = state.last_good
    led = set() if known is None else {leading(each.family) for each in known.rules.values()}
    for ladder in rules.ladders:
        if ladder.everywhere or not led or ladder.measure in led:
            values = [
                f"{lines.MARK[line.tier]}{_value(line.value, UNIT[ladder.measure])}"
                for line in ladder.lines
            ]
            yield f"{ladder.measure.value.replace('_', ' ')} {' '.join(values)}"


def _value(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:g}{unit}" if math.isfinite(value) else say.NEVER
