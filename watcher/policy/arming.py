"""
Whether money may be moved at all on an account: its key, its caps against what is there, the clock.

Rule: what a venue does not tell counts as the worse. A refusal says what is wrong and how to mend
it; the account is watched all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from watcher.domain.alert import SECOND_US, Moment
from watcher.domain.status import KeyRights
from watcher.domain.topup import Limits, TopUpRules, Verb
from watcher.policy import messages as say
from watcher.policy.allowance import SENDS

CLOCK_APART_MAX_US = 60 * SECOND_US
"""The ledger's windows are reckoned by our clock: this far from the venue's it may free a cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """
    Why money stays off on an account, and what mends it: what has the same remedy is the same
    trouble, though the figures in its reason change from look to look.
    """

    reason: str = field(compare=False)
    fix: str


def unfit_key(rules: TopUpRules, rights: KeyRights) -> Unfit | None:
    """Return why this key moves nothing under *rules*; None: it may."""
    if rights.withdraw is not False:
        reason = say.UNFIT_WITHDRAWS if rights.withdraw else say.UNFIT_PERHAPS_WITHDRAWS
        return Unfit(reason=reason, fix=say.UNFIT_WITHDRAWS_FIX)
    if rules.mode not in SENDS:
        return None
    if rights.ip_bound is not True:
        return Unfit(reason=say.UNFIT_UNBOUND, fix=say.UNFIT_UNBOUND_FIX)
    verbs = {route.verb for route in rules.routes}
    if Verb.MOVE in verbs and rights.transfer is not True:
        return Unfit(reason=say.UNFIT_NO_TRANSFER, fix=say.UNFIT_NO_TRANSFER_FIX)
    if verbs - {Verb.MOVE} and rights.trade is not True:
        return Unfit(reason=say.UNFIT_NO_TRADE, fix=say.UNFIT_NO_TRADE_FIX)
    return None


def unfit_owner(uid: str, watched: str | None) -> Unfit | None:
    """Return that the key for money is of another account than the one that is watched."""
    if watched is None or uid == watched:
        return None
    return Unfit(reason=say.UNFIT_OWNER, fix=say.UNFIT_OWNER_FIX)


def may_withdraw(reason: str) -> Unfit:
    """Return that the venue's client itself refused the key."""
    return Unfit(reason=reason, fix=say.UNFIT_WITHDRAWS_FIX)


def unfit_caps(limits: Limits | None, held: Decimal) -> Unfit | None:
    """Return why caps do not fit what the source holds, *held* in their unit."""
    if limits is None:
        return Unfit(reason=say.UNFIT_NO_CAPS, fix=say.UNFIT_NO_CAPS_FIX)
    if limits.over_half or 2 * limits.per_day <= held:
        return None
    reason = say.UNFIT_OVER_HALF.format(cap=limits.per_day, unit=limits.unit, held=held)
    return Unfit(reason=reason, fix=say.UNFIT_OVER_HALF_FIX)


def unfit_clock(now: Moment, venue_ms: int) -> Unfit | None:
    """
    Return that our clock is too far from the venue's: the wall's now, or that of our start, which
    the steady one goes on by until we are started again.
    """
    if is_apart(now.wall_us, venue_ms):
        reason = say.UNFIT_CLOCK.format(seconds=_apart_s(now.wall_us, venue_ms))
        return Unfit(reason=reason, fix=say.UNFIT_CLOCK_FIX)
    if is_apart(now.steady_us, venue_ms):
        reason = say.UNFIT_BEGAN.format(seconds=_apart_s(now.steady_us, venue_ms))
        return Unfit(reason=reason, fix=say.UNFIT_BEGAN_FIX)
    return None


def is_apart(ours_us: int, venue_ms: int) -> bool:
    """Tell whether our clock is too far from the venue's to reckon caps by."""
    return abs(venue_ms * 1000 - ours_us) > CLOCK_APART_MAX_US


def _apart_s(ours_us: int, venue_ms: int) -> int:
    return abs(venue_ms * 1000 - ours_us) // SECOND_US
