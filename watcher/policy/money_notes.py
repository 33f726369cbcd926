"""
What the service says of its own money side: switched off, frozen, settled by hand, not written.

Rule: a freeze and a key that may too much are matters of security and reach every road. Each says
what was found and what to do; nothing here is about one top-up's amounts (`proposals`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from watcher.domain.alert import Kind, Lane, Message, Moment, Tier
from watcher.domain.road import Reach
from watcher.domain.topup import Intent
from watcher.policy import lines, notes, wording
from watcher.policy import messages as say
from watcher.policy.arming import Unfit
from watcher.policy.wording import Bold, Fixed, Row, row

STATUS = "watcher money status"
UNFREEZE = 'watcher money unfreeze --reason "..."'


def frozen(account: str, reason: str, now: Moment) -> Message:
    """Return that money stands still until a person has looked; *account* is "" for all."""
    whose = wording.name(account) or say.EVERY_ACCOUNT
    rows = [
        row(f"{lines.SECURITY_MARK} ", Bold(say.FROZEN), f" {whose}"),
        row(wording.words(reason)),
        row(say.FROZEN_MEANS),
        row(say.FROZEN_LOOK),
        row(say.FROZEN_UNDO),
        row(Fixed(UNFREEZE)),
    ]
    said = _message(f"frozen:{account}", account, rows, now)
    return replace(said, kind=Kind.SECURITY, reach=Reach.FALLBACK)


def switched_off(unfit: Mapping[str, Unfit], now: Moment) -> Message:
    """Return that money stays off on these accounts, for one trouble, and what mends it."""
    accounts = list(unfit)
    rows = [row(f"{lines.NOTE_MARK} ", Bold(say.TOP_UPS_OFF), f" {_whose(accounts)}")]
    for reason in dict.fromkeys(one.reason for one in unfit.values()):
        alike = [name for name, one in unfit.items() if one.reason == reason]
        rows += [notes.named(alike)] if len(accounts) > 1 else []
        rows.append(row(wording.words(reason)))
    watched = say.TOP_UPS_OFF_WATCHED_ONE if len(accounts) == 1 else say.TOP_UPS_OFF_WATCHED
    rows += [row(wording.words(unfit[accounts[0]].fix)), row(watched)]
    return _message(f"off:{','.join(accounts)}", _account(accounts), rows, now)


def switched_on(accounts: Sequence[str], now: Moment) -> Message:
    """Return that what kept money off on *accounts* is mended."""
    rows = [row(f"{lines.NOTE_MARK} ", Bold(say.TOP_UPS_ON), f" {_whose(accounts)}")]
    rows += [notes.named(accounts)] if len(accounts) > 1 else []
    said = _message(f"on:{','.join(accounts)}", _account(accounts), rows, now)
    return replace(said, tier=Tier.CALM, silent=True)


def unwritten(intent: Intent, now: Moment) -> Message:
    """Return that a request was made, and what became of it could not be written down."""
    amount = f"{intent.amount:f} {intent.route.asset}"
    rows = [
        row(
            f"{lines.MARK[Tier.WARNING]} ",
            Bold(say.TOP_UP_NOT_KNOWN),
            f" {wording.name(intent.account)}",
        ),
        row(say.UNWRITTEN.format(amount=wording.words(amount))),
        row(say.UNWRITTEN_LATER),
        row(say.UNWRITTEN_LOOK),
    ]
    return _message(f"unwritten:{intent.id}", intent.account, rows, now)


def settled(intent: Intent, now: Moment) -> Message:
    """Return what a person on the server said of an intent nobody could tell the outcome of."""
    progress = say.TOP_UP_STATES[intent.progress]
    amount = f"{intent.amount:f} {intent.route.asset}"
    rows = [
        row(f"{lines.NOTE_MARK} ", Bold(say.SETTLED), f" {wording.name(intent.account)}"),
        row(say.SETTLED_AS.format(amount=wording.words(amount), progress=progress)),
        row(say.SETTLED_BY_HAND),
    ]
    return _message(f"settled:{intent.id}", intent.account, rows, now)


def rearmed(reason: str, now: Moment) -> Message:
    """Return that a person on the server let money move again."""
    rows = [
        row(f"{lines.SECURITY_MARK} ", Bold(say.ARMED_AGAIN), say.ARMED_AGAIN_WHERE),
        row(wording.words(reason)),
    ]
    return replace(_message("rearmed", "", rows, now), kind=Kind.SECURITY)


def _account(accounts: Sequence[str]) -> str:
    return accounts[0] if len(accounts) == 1 else ""


def _whose(accounts: Sequence[str]) -> str:
    if len(accounts) == 1:
        return wording.name(accounts[0])
    return wording.counted(len(accounts), say.ACCOUNTS_ONE, say.ACCOUNTS)


def _message(subject: str, account: str, rows: list[Row], now: Moment) -> Message:
    return Message(
        key=f"money:{subject}:{now.wall_us}",
        account=account,
        kind=Kind.NOTE,
        tier=Tier.CRITICAL,
        lane=Lane.BLIND,
        text=wording.text_of(rows),
        silent=False,
        created_at_us=now.steady_us,
    )
