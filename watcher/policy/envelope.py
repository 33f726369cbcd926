"""
What goes around a text: its key, lane and sound, how far it reaches, what can be pressed under it,
and the one line that stands for it among others.

Rule: nothing is decided here. A key is the same whenever the same thing is said again. Good news
never shares a group with bad, what is critical or worse is one group, and a message that edits
another has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import tzinfo

from watcher.domain.alert import (
    AlertRules,
    DangerState,
    Incident,
    Kind,
    Lane,
    Message,
    Moment,
    Quiet,
    Text,
    Tier,
)
from watcher.domain.road import Act, Button, Reach
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.checks import Finding
from watcher.policy.dangers import MUTE_TIER_MAX, Turn
from watcher.policy.figures import Figures

ACK = Button(act=Act.ACK, label=say.BUTTON_ACK)
MUTE = Button(act=Act.MUTE, label=say.BUTTON_MUTE)
DETAILS = Button(act=Act.DETAILS, label=say.BUTTON_DETAILS)
CHART = Button(act=Act.CHART, label=say.BUTTON_CHART)


def message(
    account: str,
    incident: Incident,
    kind: Kind,
    tier: Tier,
    lane: Lane,
    text: Text,
    now: Moment,
) -> Message:
    """Return *text* as something to say of *incident*."""
    # four characters repeat within years; the opening time keeps the key unique for ever
    code = f"{incident.code}:{incident.opened_at_us}:{incident.seq}"
    return Message(
        key=f"{account}:{code}:{kind}",
        account=account,
        kind=kind,
        tier=tier,
        lane=lane,
        text=text,
        silent=False,
        created_at_us=now.steady_us,
        incident=incident.code,
    )


def of_danger(
    account: str,
    danger: DangerState,
    turn: Turn,
    text: Text,
    now: Moment,
    *,
    figures: Figures | None,
) -> Message:
    """Return *text* as what one danger machine says; *figures* are its pool's where known."""
    assert danger.incident is not None
    lane = Lane.DANGER if danger.tier >= Tier.CRITICAL else Lane.WARNING
    one = message(account, danger.incident, turn.kind, danger.tier, lane, text, now)
    edits = turn.kind is Kind.UPDATED
    away = None if figures is None else figures.report.tier_distance
    value = say.FIGURE_NOT_KNOWN if figures is None else lines.shortly(figures)
    where = f"{wording.name(account)} {wording.pool_name(turn.pool)}"
    return replace(
        one,
        pool=turn.pool,
        silent=turn.silent or edits or danger.worst <= Tier.WATCH,
        reach=turn.reach,
        edits=edits,
        buttons=_buttons(danger),
        group="" if edits else _group_of(turn.kind, danger.tier),
        line=_line(lines.MARK[danger.tier], where, value, danger.incident),
        away=away,
    )


def of_blindness(
    one: Message, incident: Incident, *, venue: str, reach: Reach, said: str, acked: bool
) -> Message:
    """Return what the blind machine says with its envelope; *said* is what its line says."""
    security = one.kind is Kind.SECURITY
    seeing = one.kind is Kind.SEEING
    mark = lines.MARK[one.tier] if seeing else lines.blind_mark(one.tier)
    group = f"{'seeing' if seeing else 'blind'}:{venue}:{one.tier.name.lower()}"
    keys = (DETAILS, CHART) if acked else (ACK, DETAILS, CHART)
    return replace(
        one,
        reach=reach,
        buttons=() if security or seeing else keys,
        group="" if security else group,
        line="" if security else _line(mark, wording.name(one.account), said, incident),
    )


def of_finding(
    one: Message, incident: Incident, finding: Finding, *, reach: Reach, acked: bool
) -> Message:
    """Return what a check says with its envelope."""
    mark = lines.MARK[finding.tier] if finding.lane is Lane.DANGER else lines.NOTE_MARK
    return replace(
        one,
        pool=finding.pool,
        silent=finding.silent,
        reach=reach,
        buttons=(DETAILS,) if acked else (ACK, DETAILS),
        group=f"{finding.check}:{finding.tier.name.lower()}",
        line=_line(mark, wording.name(one.account), finding.title, incident),
    )


def quieted(said: Iterable[Message], rules: AlertRules, now: Moment) -> list[Message]:
    """Return *said* without sound, in quiet hours, for all that is not critical."""
    quiet = rules.quiet is not None and is_quiet(rules.quiet, now, wording.zone(rules.timezone))
    return [replace(m, silent=m.silent or (quiet and m.tier <= Tier.WARNING)) for m in said]


def is_quiet(quiet: Quiet, now: Moment, zone: tzinfo) -> bool:
    """Tell whether *now* lies in the hours; those that end before they begin go over midnight."""
    at = wording.minute_of_day(now.wall_us, zone)
    if quiet.from_min <= quiet.to_min:
        return quiet.from_min <= at < quiet.to_min
    return at >= quiet.from_min or at < quiet.to_min


def _buttons(danger: DangerState) -> tuple[Button, ...]:
    if danger.tier is Tier.CALM:
        return ()
    ack = (ACK,) if danger.ack is None else ()
    mute = (MUTE,) if danger.tier <= MUTE_TIER_MAX else ()
    return (*ack, *mute, DETAILS, CHART)


def _group_of(kind: Kind, tier: Tier) -> str:
    if kind is Kind.RESOLVED:
        return "resolved"
    if kind is Kind.EASED:
        return f"eased:{tier.name.lower()}"
    return "danger:urgent" if tier >= Tier.CRITICAL else f"danger:{tier.name.lower()}"


# the number tells, of two copies of a story, which is the newer
def _line(mark: str, where: str, value: str, incident: Incident) -> str:
    return f"{mark} {where}: {value} #{incident.code}·{incident.seq}"
