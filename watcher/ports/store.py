"""
What the loops need from memory that survives: the ledger (states, outbox) and the history.

Rule: each verb is one transaction, and a failure is a `StoreError` and nothing else. The outbox
holds one row per message and road, for every road there is up to the message's reach.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from watcher.domain.alert import (
    AccountState,
    Decision,
    Kind,
    Lane,
    Message,
    Moment,
    Sample,
    Text,
    Tier,
)
from watcher.domain.road import Act, Reach
from watcher.domain.sign import Sign
from watcher.domain.told import Told
from watcher.ports.channel import Press


class StoreError(Exception):
    """The store failed; alerts go on from memory, and the trader is told."""


class Share(IntEnum):
    """Which part of a road's sends a message may use. `STORM`: urgent, and told with others."""

    URGENT = 0
    STORM = 1
    REST = 2
    EDIT = 3
    REPLY = 4


SHARES = frozenset({Share.URGENT, Share.STORM, Share.REST, Share.EDIT})
"""What the outbox holds; answers are told fresh or not at all and live in memory."""

_BLIND_KINDS = frozenset({Kind.BLIND, Kind.BLIND_REPEATED, Kind.SEEING})


def share_of(message: Message) -> Share:
    if message.kind is Kind.REPLY:
        return Share.REPLY
    if message.edits:
        return Share.EDIT
    if message.lane <= Lane.BLIND:
        return Share.STORM if message.group else Share.URGENT
    return Share.REST


def strand_of(message: Message) -> str:
    """Return what a newer message of the same incident has to be about to take its place."""
    if message.kind in {Kind.PROOF, Kind.TEST}:
        return message.kind.value
    if message.kind is Kind.TOP_UP:
        # what is said of a top-up takes the place of no alert of its incident
        return f"money:{message.pool}"
    if message.kind is Kind.NOTE and message.lane is Lane.DANGER:
        # each word of a loss tells only what went since the one before it
        return f"loss:{message.key}"
    # what edits or escalates is about danger where it names a pool
    about_danger = message.kind not in _BLIND_KINDS and bool(message.pool)
    no_alert = message.kind not in {*_BLIND_KINDS, Kind.UNANSWERED, Kind.UPDATED}
    return f"danger:{message.pool}" if about_danger or no_alert else "blind"


def is_vital(message: Message) -> bool:
    """Return whether *message* takes another road when its own fails."""
    return (
        message.lane <= Lane.BLIND
        and message.tier >= Tier.CRITICAL
        and share_of(message) in {Share.URGENT, Share.STORM}
    )


def may_come_twice(message: Message) -> bool:
    """
    Return whether a send that nobody confirmed is tried again: for what is critical, and for the
    first word that an account is not seen, twice is better than never.
    """
    return message.tier >= Tier.CRITICAL or message.kind is Kind.BLIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    An outbox row taken for sending; it falls back to the queue when its lease ends.

    `copies` counts the sends that may have arrived although nobody confirmed them. `edit_of` is
    the receipt of the newest message of the same strand that an edit can take the place of.
    """

    id: int
    message: Message
    attempts: int
    copies: int = 0
    edit_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    What waits in the outbox. `urgent_since_us` is the age of the oldest row of lanes 0 and 1;
    None: no such row.
    """

    waiting: int
    urgent_since_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """
    When the next rows of one road may go out, by share. `stranded_us` is when the oldest message
    came that an earlier road has not delivered and this road does not carry.
    """

    shares: Mapping[Share, int] = field(default_factory=dict)
    stranded_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The channel takes nothing, why, and since when (wall time) nothing could be delivered."""

    reason: str
    since_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """
    What a person must know of the outbox. `abandoned` and `abandoned_urgent` (lanes 0 and 1) count
    messages the far side would not take and nothing newer about the same thing has replaced.
    """

    refusal: Refusal | None = None
    abandoned: int = 0
    abandoned_urgent: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One road as seen from outside; times are steady, but the refusal's."""

    waiting: int = 0
    oldest_us: int | None = None
    delivered_us: int | None = None
    abandoned: int = 0
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressable:
    """
    A button as it is remembered: the hash of its token and what a press of it is about. `chat` is
    the name of the channel it was shown in.
    """

    hash: str
    act: Act
    chat: str
    account: str
    pool: str
    incident: str
    tier: Tier
    expires_us: int
    intent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A press that holds: what it asks. `text` is what the message said, where still known."""

    act: Act
    account: str
    pool: str
    incident: str
    tier: Tier
    text: Text | None
    intent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A lasting order about money: who gave it when (wall time), and until when; None: for good."""

    name: str
    user_id: int
    at_us: int
    until_us: int | None = None
    reason: str = ""


PAUSED = "money_paused"
KILLED = "money_killed"
FROZEN = "money_frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """When (wall time) a person last answered a test over a road, how soon, and which test."""

    at_us: int
    reaction_s: float
    code: str = ""


class Store(Protocol):
    """The ledger (alert states, outbox) and the history, each verb one transaction."""

    async def load(self) -> Mapping[str, AccountState]: ...

    async def commit(
        self, decision: Decision, now: Moment, *, update_id: int | None = None
    ) -> bool:
        """
        Write the new state and its outbox rows together; a known message key is kept once.

        *update_id*: the request of a person this comes from. One that was heard before changes
        nothing, and False is returned.
        """

    async def claim(
        self,
        now: Moment,
        *,
        limit: int,
        road: Reach = Reach.CHAT,
        shares: Collection[Share] = SHARES,
        created_before_us: int | None = None,
    ) -> Sequence[Claim]:
        """
        Take the next rows of *road* to send, worst lane first, each under a lease of 15 s.

        Only of *shares*; *created_before_us* leaves younger rows.
        """

    async def claim_group(
        self, first: Claim, now: Moment, *, at_least: int, limit: int
    ) -> Sequence[Claim]:
        """
        Take the queued rows of the group and road of *first* too, worst first; none where fewer
        than *at_least* wait.
        """

    async def take_over(self, road: Reach, now: Moment, *, late_us: int, shut: bool) -> bool:
        """
        Queue on *road* what no earlier road delivered: what is vital and came before *late_us*, or
        was given up there, or waits on the road before while that is *shut*. Return whether any.
        """

    async def delivered(
        self, claim_id: int, receipt: str | None, now: Moment, *, single: bool = True
    ) -> None:
        """
        Mark a row as sent. No *receipt*: it may have arrived and is not sent again. *single*:
        the receipt is this message's alone, so that it can be edited.
        """

    async def postpone(
        self, claim_id: int, until_us: int, reason: str, *, copied: bool = False
    ) -> None:
        """Put a row back for later; *copied*: this attempt may have arrived."""

    async def abandon(self, claim_id: int, reason: str) -> None:
        """Mark a row as undeliverable; it stays visible."""

    async def drop(self, claim_id: int, *, forget: str | None = None) -> None:
        """Mark a row as not needed; the message delivered as *forget* can no longer be edited."""

    async def refused(self, refusal: Refusal | None, road: Reach = Reach.CHAT) -> None:
        """
        Note for whoever looks from outside that the channel refuses all, or None: no longer.

        A refusal already noted keeps its beginning.
        """

    async def say(self, message: Message) -> None:
        """Queue a message that no decision led to (start, stop, trouble of our own)."""

    async def keep_buttons(self, claim_id: int, buttons: Sequence[Pressable]) -> None:
        """Write down the buttons of a message about to be sent; `delivered` binds its receipt."""

    async def take_button(
        self, hashed: str, press: Press, *, chat: str, now: Moment
    ) -> Taken | None:
        """
        Take *press* of the button whose token has that hash, in the channel named *chat*.

        An acting one once, a reading one until it expires. None: forged, used, expired, of another
        chat or message, or not allowed. The same update again is the same press, not a second.
        """

    async def raise_flag(self, flag: Flag, now: Moment, *, update_id: int | None = None) -> bool:
        """Write *flag* down in the place of one of its name; False: heard before."""

    async def flags(self) -> Mapping[str, Flag]: ...

    async def tested(self, code: str) -> tuple[Reach, int] | None:
        """
        Return the road the test *code* went out on, and when it arrived; None: no such test, or
        it was answered.
        """

    async def prove(self, road: Reach, proof: Proof) -> None: ...

    async def proofs(self) -> Mapping[Reach, Proof]: ...

    async def told(self, *, since_us: int) -> Sequence[Told]:
        """Return what was said since then, oldest first, and whether it arrived."""

    async def chat_moved(self, chat_id: int, new_chat_id: int) -> None: ...

    async def chats_moved(self) -> Mapping[int, int]:
        """Return where chats that moved are now, by the number they are configured with."""

    async def due(self, road: Reach, now: Moment) -> Due: ...

    async def sends(self, road: Reach, now: Moment) -> Sequence[int]:
        """Return when something was sent on *road* in the last minute, oldest first."""

    async def backlog(self) -> Backlog: ...

    async def history(self, account: str, *, since_us: int) -> Sequence[Sample]: ...

    async def prices(
        self, account: str, coin: str, *, since_us: int
    ) -> Sequence[tuple[int, float]]:
        """Return the last price of *coin* that *account* was read with, by the minute it was in."""

    async def probe(self, sign: Sign) -> None:
        """Write *sign* down and read it back. Raises: `StoreError`."""

    async def close(self) -> None: ...
