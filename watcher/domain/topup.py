"""
Nouns of top-ups: what may be moved, what was decided, how far it got.

Rule: values only; how an intent moves from state to state is `policy.protocol`, whether one is made
`policy.topups`. Amounts are exact Decimals in the asset's own unit; caps are in the asset of the
top-up. Times are microseconds, except `ts_sign_ms`, the millisecond time that is signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from watcher.domain.alert import Measure


class Mode(StrEnum):
    """What `watcher` may do about money on an account. Each later one may do more."""

    OFF = "off"
    DRY_RUN = "dry_run"
    REQUEST = "request"
    ASK = "ask"
    AUTO = "auto"


class Verb(StrEnum):
    """The three ways collateral moves. Nothing else exists in this program."""

    MOVE = "move"
    ADD_MARGIN = "add_margin"
    REPAY = "repay"


class Assurance(StrEnum):
    """
    What stands between one decision and two executions, per venue and verb (its *policy class*).

    DEDUP: the venue refuses a used id. LOOKUP: the id can be asked for. BLIND_SEND: there is no id.
    """

    DEDUP = "dedup"
    LOOKUP = "lookup"
    BLIND_SEND = "blind_send"


class Progress(StrEnum):
    """How far an intent got."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    HUMAN = "human"
    DONE = "done"
    REJECTED = "rejected"
    ABSENT = "absent"
    EXPIRED = "expired"
    DENIED = "denied"
    CANCELLED = "cancelled"


OPEN = frozenset(
    {
        Progress.PROPOSED,
        Progress.APPROVED,
        Progress.SENDING,
        Progress.ACCEPTED,
        Progress.UNKNOWN,
        Progress.HUMAN,
    }
)
"""While one of these stands, its source wallet makes no second intent."""

COUNTED = frozenset(
    {
        Progress.SENDING,
        Progress.ACCEPTED,
        Progress.UNKNOWN,
        Progress.HUMAN,
        Progress.DONE,
        Progress.ABSENT,
    }
)
"""What counts against the caps: all that may have reached the venue and is not proven rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    One allowed way: *asset* from wallet *source* to *destination*. For `MOVE` both are wallets by
    their names in `Snapshot.wallets` and the pool the destination feeds; for `ADD_MARGIN` the
    destination is the isolated pool, for `REPAY` the pool whose debt is paid.
    """

    verb: Verb
    asset: str
    source: str
    destination: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The caps of one account. Amounts are in `unit`: the one allowed asset, or USD for several, which
    are then valued at the venue's index. Windows slide: any 24 hours, any 7 days.
    """

    unit: str
    per_event: Decimal
    per_day: Decimal
    per_week: Decimal
    count_per_day: int
    cooldown_us: int
    keep_in_source: Decimal
    over_half: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpRules:
    """
    What an account's `[accounts.NAME.top_up]` says. `trigger` and `target` are in `measure`.
    `limits` may be missing where nothing is sent.
    """

    mode: Mode
    routes: tuple[Route, ...]
    measure: Measure
    trigger: float
    target: float
    limits: Limits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """
    One decision to move money, written down before anything is sent.

    `decision_key` derives from the venue's own history, so that two workers, two installs or a
    restored backup that see the same history make the same key; `venue_ref` is the id sent, derived
    from it and `attempt`. `amount` is the exact text that goes out, `ceiling` what was approved at
    most. `ts_sign_ms` is fixed in the same transaction as SENDING and signed as it stands.
    `sends` counts requests, `looks` look-ups since the last of them, `absences` those that answered
    "no such id"; `failed_us` is when the venue first called it failed, `next_us` when to act next.
    `uid` is the venue's own number of the account. `before` and `after` are in `measure`.
    """

    id: str
    decision_key: str
    account: str
    venue: str
    pool: str
    route: Route
    amount: Decimal
    ceiling: Decimal
    progress: Progress
    assurance: Assurance
    mode: Mode
    incident: str = ""
    attempt: int = 0
    venue_ref: str = ""
    ts_sign_ms: int | None = None
    created_us: int = 0
    changed_us: int = 0
    expires_us: int = 0
    sends: int = 0
    looks: int = 0
    absences: int = 0
    failed_us: int | None = None
    next_us: int = 0
    venue_id: str = ""
    reason: str = ""
    before: float | None = None
    after: float | None = None
    evidence: tuple[str, ...] = field(default=())
    uid: str = ""
    measure: Measure = Measure.DISTANCE


class Answered(StrEnum):
    """What the answer to a money request proves."""

    SUCCESS = "success"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one request, classified by raw status and code; unlisted is UNKNOWN."""

    answered: Answered
    code: str
    words: str
    venue_id: str = ""
    amount: Decimal | None = None


class Found(StrEnum):
    """What a look-up proves."""

    EXECUTED = "executed"
    PENDING = "pending"
    FAILED = "failed"
    NOT_FOUND = "not_found"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    found: Found
    venue_id: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One row of the venue's own history of transfers on a route; `ref` is our id, where kept."""

    venue_id: str
    ref: str
    asset: str
    amount: Decimal
    source: str
    destination: str
    at_us: int
    done: bool
