"""
Nouns of alerting: tiers, measures, lines, what was seen, what is remembered, what is said.

Rule: values only; how a state moves is `policy.alerting`, how a message reads `policy.compose`.
Times are integer microseconds. A `Moment` carries two: `steady_us` never jumps while the process
lives and is what every duration is measured with; `wall_us` is what a person reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from watcher.domain.account import Snapshot
from watcher.domain.loss import Gathered, Rise
from watcher.domain.report import Report
from watcher.domain.road import Button, Reach
from watcher.domain.status import KeyRights, VenueStatus

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US


class Tier(IntEnum):
    """Closed. A higher number is worse, so `max` is the worst."""

    CALM = 0
    WATCH = 1
    WARNING = 2
    CRITICAL = 3
    EMERGENCY = 4


class Measure(StrEnum):
    DISTANCE = "distance"
    MARGIN_LEVEL = "margin_level"
    HEALTH = "health"


class Word(StrEnum):
    """Lines the account defines: its venue's call bar, and half-way from it to liquidation."""

    CALL = "call"
    HALFWAY = "halfway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Crossing below `value` enters `tier`. Distance and margin level in percent, health as is."""

    tier: Tier
    value: float | Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """The lines of one measure, mildest first. `everywhere`: honoured for any pool, because set."""

    measure: Measure
    lines: tuple[Line, ...]
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours of local time, in minutes of the day, in which nothing below critical makes a sound."""

    from_min: int
    to_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """Where a top-up is called for: below `value` of `measure`."""

    measure: Measure
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRules:
    """
    Everything `decide` needs from the configuration for one account. `reach` is the furthest road
    there is. `trigger` moves no tier: how long it is crossed is only remembered.
    """

    account: str
    venue: str
    ladders: tuple[Ladder, ...]
    betas: Mapping[str, float] = field(default_factory=dict)
    poll_calm_us: int = 10 * SECOND_US
    poll_hot_us: int = 4 * SECOND_US
    blind_after_max_us: int = 180 * SECOND_US
    timezone: str = "UTC"
    reach: Reach = Reach.CHAT
    quiet: Quiet | None = None
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    steady_us: int
    wall_us: int


class MissKind(StrEnum):
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    BANNED = "banned"
    MAINTENANCE = "maintenance"
    UNSUPPORTED = "unsupported"
    SECURITY = "security"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A poll that brought nothing, and why in a few plain words: "HTTP 503", "no answer in 5 s"."""

    kind: MissKind
    reason: str
    until_us: int | None = None  # the steady time before which the venue does not want to be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    What one poll slot brought. Exactly one of `snapshot` and `missed` is set.
    `prices` are live prices by underlying: beside a miss from any venue, to re-price the last good
    snapshot with; beside a snapshot from other venues only, to compare its own with. `status` is
    what the venue last said of mode, key and clock.
    """

    snapshot: Snapshot | None
    missed: Missed | None
    prices: Mapping[str, float] = field(default_factory=dict)
    status: VenueStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One point of a pool's history. `estimate`: re-priced, not read."""

    pool: str
    at_us: int
    distance: float | None
    health: float | None
    margin_level: float | None
    equity: float | None
    tier: Tier
    estimate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """How far one figure of ours was from the venue's in one reading, as a part of the venue's."""

    venue: str
    mode: str
    family: str
    figure: str
    off: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """
    A stretch of trouble in one machine, from the first tier reached to calm. `code` is the short
    name every message carries (`K7F3`); `seq` counts its messages.
    """

    code: str
    seq: int
    opened_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """
    Somebody has seen an incident at `tier`. It ends by itself when that gets worse: a worse tier,
    or a fifth of what `value` (of `measure`, when known) left is gone.
    """

    tier: Tier
    at_us: int
    user_id: int
    value: float | None = None
    measure: Measure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Silence for one pool, or with "" the whole account, up to `tier_max`, never for ever."""

    pool: str
    tier_max: Tier
    until_us: int
    user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DangerState:
    """
    One pool's danger machine. `good_since_us` and `good_samples` count towards leaving `tier`,
    `good_worst` is the mildest tier that stretch allows, `good_gone` whether it is one of readings
    without a position; `told_*` is what the trader was last told, and when. `eased_at_us` is when
    the tier last fell, `relapses` when it rose soon after that. `firm` is the tier by the pool's
    own measure: what a partial reading says never eases it. `unanswered_since_us` is when the
    present tier was first told without an `ack`, `reach` how far that was taken since.
    """

    pool: str
    tier: Tier = Tier.CALM
    since_us: int = 0
    good_since_us: int | None = None
    good_samples: int = 0
    good_gone: bool = False
    incident: Incident | None = None
    closed_at_us: int | None = None
    told_at_us: int | None = None
    told_value: float | None = None
    told_measure: Measure | None = None
    repeats: int = 0
    worst: Tier = Tier.CALM
    good_worst: Tier = Tier.CALM
    eased_at_us: int | None = None
    relapses: tuple[int, ...] = ()
    firm: Tier = Tier.CALM
    ack: Ack | None = None
    unanswered_since_us: int | None = None
    reach: Reach = Reach.CHAT
    edited_at_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindState:
    """
    One account's blind machine: whether it was told, and the misses since the last reading;
    `alike` counts the newest ones that share one reason. `tier` is the worst it was told at. A key
    that may withdraw, or is a stranger's, is told on its own: `security_told_at_us`, as what.
    """

    active: bool = False
    tier: Tier = Tier.CALM
    incident: Incident | None = None
    told_at_us: int | None = None
    misses: int = 0
    missed: Missed | None = None
    alike: int = 0
    security_told_at_us: int | None = None
    security_kind: MissKind | None = None
    ack: Ack | None = None
    unanswered_since_us: int | None = None
    reach: Reach = Reach.CHAT


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingState:
    """
    The machine of one check on one pool. `fact` and `tier` are what was told; it is told again when
    the fact changes. `bad_samples`, `good_samples` count readings in a row with and without it.
    `unanswered_since_us`, `reach`: as of a danger, while further people are still to be told with
    `title` and `facts`, though it is long over; `gathered` waits for a word, `rise` for a reason.
    """

    check: str
    pool: str
    fact: str = ""
    tier: Tier = Tier.CALM
    incident: Incident | None = None
    bad_samples: int = 0
    good_samples: int = 0
    told_at_us: int | None = None
    ack: Ack | None = None
    unanswered_since_us: int | None = None
    reach: Reach = Reach.CHAT
    title: str = ""
    facts: tuple[str, ...] = ()
    gathered: Gathered | None = None
    rise: Rise | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """Since when a mark reads the same, and what it was `elsewhere` when first compared since."""

    since_us: int
    elsewhere: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """
    Everything remembered of one account between two decisions. Survives a restart as it is, but for
    `last_report`: what `last_good` came to, not reckoned again at each miss. `key` is what its key
    was last known to be: whose, and with which rights. `crossed` says since which reading, without
    a miss or a better one between, a pool lies beyond the trigger. `still` is of marks by symbol,
    `pegs` what one of a collateral asset was last worth in what it follows.
    """

    account: str
    last_good: Snapshot | None = None
    last_good_at_us: int | None = None
    first_seen_at_us: int | None = None
    dangers: Mapping[str, DangerState] = field(default_factory=dict)
    blind: BlindState = field(default_factory=BlindState)
    findings: Mapping[str, FindingState] = field(default_factory=dict)
    recent: tuple[Sample, ...] = ()
    mutes: tuple[Mute, ...] = ()
    key: KeyRights | None = None
    crossed: Mapping[str, int] = field(default_factory=dict)
    still: Mapping[str, Still] = field(default_factory=dict)
    pegs: Mapping[str, float] = field(default_factory=dict)
    last_report: Report | None = field(default=None, compare=False, repr=False)


class Lane(IntEnum):
    """Order of delivery; a lower number goes first, always."""

    DANGER = 0
    BLIND = 1
    WARNING = 2
    REPLY = 3
    DIGEST = 4


class Kind(StrEnum):
    """Why a message exists: every notification has a reason word."""

    RAISED = "raised"
    ESCALATED = "escalated"
    REPEATED = "repeated"
    EASED = "eased"
    RESOLVED = "resolved"
    BLIND = "blind"
    BLIND_REPEATED = "blind_repeated"
    SEEING = "seeing"
    SECURITY = "security"
    UNANSWERED = "unanswered"
    UPDATED = "updated"
    TOP_UP = "top_up"
    NOTE = "note"
    DIGEST = "digest"
    PROOF = "proof"
    TEST = "test"
    REPLY = "reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a person reads: plain text and the spans to show bold, as (start, end) in characters."""

    plain: str
    bold: tuple[tuple[int, int], ...] = ()
    fixed: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    One thing to say. `key` is unique for ever: a second row with it is the same message. It goes to
    every road up to `reach`. `edits`: takes the place of the newest of its strand where the road
    can, and is sent silently where it cannot. `group` names what several accounts may be told of in
    one message (one cause, one tier), `line` is its one line there, and `away` (percent to
    liquidation, when known) its place among them. `picture`: a PNG, of answers only, never stored.
    """

    key: str
    account: str
    kind: Kind
    tier: Tier
    lane: Lane
    text: Text
    silent: bool
    created_at_us: int
    incident: str = ""
    pool: str = ""
    reach: Reach = Reach.CHAT
    edits: bool = False
    pinned: bool = False
    buttons: tuple[Button, ...] = ()
    group: str = ""
    line: str = ""
    away: float | None = None
    picture: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one poll slot leads to: the new memory, what to say and keep, when to look again."""

    account: str
    state: AccountState
    messages: tuple[Message, ...]
    samples: tuple[Sample, ...]
    next_poll_us: int
    divergences: tuple[Divergence, ...] = ()
