"""
What a demo proves, counted from its record: lateness, lead time, false alarms, blindness told.

Rule: counted from events alone; a number that cannot be counted is left out. A true crossing is
the moment the world's own distance went below a tier's line; a message is late by the time since.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watcher.sim.demo.record import TIERS, Event, Record

TOUCH_S = 10.0
"""A line crossed for less than one calm poll may be back before anybody looks."""
NOT_LATE_S = 15.0
"""A message for a tier the truth left longer ago than this is a false alarm."""
NOT_EARLY_S = 2.0
"""Truth and model may differ in the last digit on the line itself: that much before it is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One tier reached: when it was true, when it was delivered."""

    account: str
    tier: str
    true_at: float
    told_at: float | None

    @property
    def late_s(self) -> float | None:
        return None if self.told_at is None else self.told_at - self.true_at


@dataclass(slots=True, kw_only=True)
class Summary:
    told: list[Told]
    false_alarms: list[Event]
    lead_s: dict[str, float]
    died: dict[str, float]
    saved: list[str]
    lost: list[str]
    blind: list[tuple[str, float, float | None]]
    repeated: list[str]
    gaps: list[str]
    requests: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def worst_late_s(self) -> float | None:
        return max((told.late_s for told in self.told if told.late_s is not None), default=None)

    @property
    def missed(self) -> list[Told]:
        return [told for told in self.told if told.told_at is None]


def summarise(record: Record, pairs: list[tuple[str, str]]) -> Summary:
    """Count everything the closing page shows for *pairs* of (guarded, twin)."""
    guarded = [pair[0] for pair in pairs]
    died = {event.account: event.t for event in reversed(record.of("liquidation"))}
    told = [one for account in guarded for one in _told(record, account)]
    return Summary(
        told=told,
        false_alarms=_false_alarms(record, guarded),
        lead_s=_leads(record, pairs, died),
        died=died,
        saved=[mine for mine, twin in pairs if mine not in died and twin in died],
        lost=[mine for mine in guarded if mine in died],
        blind=_blind(record),
        repeated=_repeated(record),
        gaps=_gaps(record),
    )


def _told(record: Record, account: str) -> list[Told]:
    found = []
    alerts = [event for event in record.of("alert", account=account) if not event.repeated]
    for crossing in record.of("crossing", account=account):
        rank = TIERS.index(crossing.tier)
        if _standing(record, account, crossing.t) >= rank:
            continue  # the alert of this tier still stood: nothing new to tell
        answers = [
            alert.t
            for alert in alerts
            if TIERS.index(alert.tier) >= rank and alert.t >= crossing.t - NOT_LATE_S
        ]
        told_at = min(answers, default=None)
        back = [e.t for e in record.of("back", account=account) if e.tier == crossing.tier]
        until = min((t for t in back if t >= crossing.t), default=None)
        if until is not None and until - crossing.t < TOUCH_S and until < (told_at or until + 1):
            continue  # a touch between two looks
        if told_at is not None:
            told_at = max(told_at, crossing.t)
        found.append(Told(account=account, tier=crossing.tier, true_at=crossing.t, told_at=told_at))
    return found


def _standing(record: Record, account: str, t: float) -> int:
    """Return the rank of the tier the trader had last been told before *t*, -1 for calm."""
    standing = -1
    for event in record.of("alert", "eased", "recovered", "gone", account=account):
        if event.t >= t:
            break
        standing = TIERS.index(event.tier) if event.tier else -1
    return standing


def _false_alarms(record: Record, guarded: list[str]) -> list[Event]:
    """
    Alerts for a tier the truth was not in when, or shortly before, they were told.

    One that is a tier up for its speed says the truth was in the tier before it.
    """
    return [
        alert
        for alert in record.of("alert")
        if alert.account in guarded
        and not alert.repeated
        and not any(
            begin - NOT_EARLY_S <= alert.t <= end + NOT_LATE_S
            for begin, end in _spans(record, alert.account, _claimed(alert))
        )
    ]


def _claimed(alert: Event) -> str:
    rank = TIERS.index(alert.tier) - alert.raced
    return TIERS[max(rank, 0)]


def _spans(record: Record, account: str, tier: str) -> list[tuple[float, float]]:
    """Return when the truth was in *tier* or beyond, as (begin, end); one still on has no end."""
    spans, begin = [], None
    for event in record.of("crossing", "back", account=account):
        if event.tier != tier:
            continue
        if event.kind == "crossing":
            begin = event.t
        elif begin is not None:
            spans.append((begin, event.t))
            begin = None
    return spans if begin is None else [*spans, (begin, float("inf"))]


def _leads(
    record: Record, pairs: list[tuple[str, str]], died: dict[str, float]
) -> dict[str, float]:
    """Seconds from the first CRITICAL told of the guarded account to the death of its twin."""
    leads = {}
    for mine, twin in pairs:
        first = next(
            (event.t for event in record.of("alert", account=mine) if event.tier == "CRITICAL"),
            None,
        )
        if first is not None and twin in died:
            leads[mine] = died[twin] - first
    return leads


def _blind(record: Record) -> list[tuple[str, float, float | None]]:
    told = []
    for event in record.of("blind"):
        if event.repeated:
            continue
        ends = [end.t for end in record.of("seeing", account=event.account) if end.t > event.t]
        told.append((event.account, event.t, min(ends, default=None)))
    return told


def _numbers(record: Record) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for event in record.events:
        if event.code:
            numbers.setdefault(event.code, []).append(event.seq)
    return numbers


def _repeated(record: Record) -> list[str]:
    """Message numbers that arrived twice."""
    return [
        f"{code}·{number}"
        for code, numbers in _numbers(record).items()
        for number in sorted({one for one in numbers if numbers.count(one) > 1})
    ]


def _gaps(record: Record) -> list[str]:
    """Message numbers that never arrived although later ones did."""
    return [
        f"{code}·{number}"
        for code, numbers in _numbers(record).items()
        for number in range(1, max(numbers))
        if number not in numbers
    ]
