"""
Whether a sign of life may go out: proof of work, not of life.

Rule: the pulse is well only while every account is seen or its blindness has reached somebody, and
the service's own checks pass. What is only just so is waited for, neither claimed nor denied: the
far side notices a missing ping by itself. A reason names a check and counts accounts; it goes to
somebody outside, so it holds no name and no figure.

    account     within its allowed age S and a poll's slack       seen
                blind, and what was last told of it arrived       seen
                neither                                           waited for, then failed
    a check of the watchdog's, the self-test                      failed at once: they have graces

Time is an argument. Nothing here logs, waits or sends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from watcher.domain.alert import MINUTE_US, SECOND_US, AccountState, AlertRules
from watcher.domain.told import Told
from watcher.policy import blind
from watcher.policy.incidents import elapsed_us

SLACK_US = 15 * SECOND_US
"""A reading takes a while, and the next may be a poll away."""
WAITED_US = MINUTE_US
"""How long an account may be neither seen nor told of before that is a failure."""
LOOKED_US = MINUTE_US
"""The watchdog's checks count for so long."""
PASSED = frozenset({"loop"})
"""Checks that are seen after the fact: over before anybody outside could be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as its poller knows it."""

    state: AccountState
    rules: AlertRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why no ping may go out. `firm`: it is to be told as a failure, else it may still pass."""

    reason: str
    firm: bool


def is_seen(account: Account, now_us: int) -> bool:
    """Return whether the last reading is no older than this account may go unseen."""
    state = account.state
    if state.blind.active or state.last_good_at_us is None:
        return False
    # the newest sample of each pool; what has no distance lets the account go unseen longest
    newest = {sample.pool: sample.distance for sample in state.recent}
    known = [distance for distance in newest.values() if distance is not None]
    allowed = blind.allowed_us(known, account.rules.blind_after_max_us)
    return elapsed_us(now_us, state.last_good_at_us) <= allowed + SLACK_US


def is_told(account: Account, told: Iterable[Told]) -> bool:
    """Return whether what was last said of an account's blindness has arrived anywhere."""
    state = account.state
    if not state.blind.active:
        return False
    return any(
        one.arrived and one.account == state.account and one.at_us == state.blind.told_at_us
        for one in told
    )


def doubt(
    *,
    faults: Collection[str],
    looked_us: int,
    lost: int,
    accounts: int,
    lost_since_us: int | None,
    now_us: int,
) -> Doubt | None:
    """
    Return why no ping may go out; None: it may.

    *faults* are the checks that fail, found at *looked_us*; *lost* of the *accounts* are neither
    seen nor told of, without a break since *lost_since_us*.
    """
    lasting = {check.partition(":")[0] for check in faults if check not in PASSED}
    if lasting:
        return Doubt(reason=", ".join(sorted(lasting)), firm=True)
    if elapsed_us(now_us, looked_us) > LOOKED_US:
        return Doubt(reason="watchdog", firm=True)
    if lost_since_us is None:
        return None
    firm = elapsed_us(now_us, lost_since_us) > WAITED_US
    return Doubt(reason=f"unseen:{lost}/{accounts}", firm=firm)


def last_told_us(accounts: Sequence[Account]) -> int | None:
    """Return from when on messages about blindness matter; None: nobody is blind."""
    times = [each.state.blind.told_at_us for each in accounts if each.state.blind.active]
    return min((at_us for at_us in times if at_us is not None), default=None)
