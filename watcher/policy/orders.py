"""
What people may order of one account's alerts: to have seen one, to mute a pool for a while.

Rule: an order makes something slower or silent, never milder, and always ends by itself. It is
obeyed on the memory of the account and answered in one line that says the new state; an order that
cannot be obeyed changes nothing and says why. The same order twice is the same as once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    Ack,
    BlindState,
    DangerState,
    FindingState,
    Moment,
    Mute,
    Tier,
)
from watcher.policy import blind, checks, history, speaking, wording
from watcher.policy import messages as say
from watcher.policy.dangers import MUTE_MAX_US, MUTE_TIER_MAX, live

MUTE_US = 60 * MINUTE_US
"""How long the button under a message mutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AckOrder:
    """
    "I have seen incident `incident`". `tier` is that of the message it was said under; None for a
    typed command, which is about what stands now.
    """

    incident: str
    user_id: int
    tier: Tier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteOrder:
    """Say nothing of `pool` ("" for all of the account) up to `tier_max` for so long."""

    pool: str
    for_us: int
    user_id: int
    tier_max: Tier = MUTE_TIER_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmuteOrder:
    """End the mute of `pool`, "" for every mute of the account."""

    pool: str
    user_id: int


Order = AckOrder | MuteOrder | UnmuteOrder


def obey(state: AccountState, order: Order, now: Moment) -> tuple[AccountState, str]:
    """Return the memory after *order*, and the line to answer."""
    match order:
        case AckOrder():
            return _acked(state, order, now.steady_us)
        case MuteOrder():
            return _muted(state, order, now.steady_us)
        case UnmuteOrder():
            return _unmuted(state, order, now.steady_us)


def open_incidents(state: AccountState) -> dict[str, Tier]:
    """Return the codes that can be acked, each with its worst tier."""
    found: dict[str, Tier] = {}
    for code, tier in _open(state):
        found[code] = max(tier, found.get(code, Tier.CALM))
    return found


def _open(state: AccountState) -> Iterator[tuple[str, Tier]]:
    for danger in state.dangers.values():
        if danger.incident is not None and danger.tier > Tier.CALM:
            yield danger.incident.code, danger.tier
    unseen = _blind_code(state)
    if unseen:
        yield unseen, state.blind.tier
    for finding in state.findings.values():
        if finding.incident is not None:
            yield finding.incident.code, finding.tier


def _blind_code(state: AccountState) -> str:
    if not state.blind.active:
        return ""
    worst = blind.shared(state.dangers.values())
    incident = state.blind.incident if worst is None else worst.incident
    return "" if incident is None else incident.code


def _acked(state: AccountState, order: AckOrder, now_us: int) -> tuple[AccountState, str]:
    code = order.incident.upper().lstrip("#")
    shown = f"#{wording.name(code)}"
    tier = open_incidents(state).get(code)
    if tier is None:
        return state, say.NOT_OPEN_ON.format(code=shown, account=wording.name(state.account))
    if order.tier is not None and tier > order.tier:
        return state, say.WORSE_BY_NOW.format(code=shown, tier=wording.tier_name(tier))
    dangers = {
        pool: _danger_acked(state, danger, order, now_us) if _named(danger, code) else danger
        for pool, danger in state.dangers.items()
    }
    unseen = state.blind
    if _blind_code(state) == code:
        unseen = _blind_acked(unseen, order, now_us)
    findings = {
        key: _finding_acked(finding, order, now_us) if _named(finding, code) else finding
        for key, finding in state.findings.items()
    }
    moved = replace(state, dangers=dangers, blind=unseen, findings=findings)
    return moved, say.SEEN.format(
        code=shown, tier=wording.tier_name(tier), next=_next_word(moved, code, tier)
    )


def _named(machine: DangerState | FindingState, code: str) -> bool:
    if isinstance(machine, DangerState) and machine.tier is Tier.CALM:
        return False
    return machine.incident is not None and machine.incident.code == code


# what was told or what was read last, whichever left more: the ack is of no less than that
def _danger_acked(
    state: AccountState, danger: DangerState, order: AckOrder, now_us: int
) -> DangerState:
    value, measure = danger.told_value, danger.told_measure
    if value is not None and measure is not None:
        latest = [s for s in state.recent if s.pool == danger.pool][-1:]
        read = [history.value_of(sample, measure) for sample in latest]
        value = max([value, *(one for one in read if one is not None)])
    ack = Ack(
        tier=danger.tier,
        at_us=now_us,
        user_id=order.user_id,
        value=value,
        measure=measure,
    )
    return replace(danger, ack=ack, unanswered_since_us=None)


def _blind_acked(unseen: BlindState, order: AckOrder, now_us: int) -> BlindState:
    ack = Ack(tier=unseen.tier, at_us=now_us, user_id=order.user_id)
    return replace(unseen, ack=ack, unanswered_since_us=None)


def _finding_acked(finding: FindingState, order: AckOrder, now_us: int) -> FindingState:
    ack = Ack(tier=finding.tier, at_us=now_us, user_id=order.user_id)
    return replace(finding, ack=ack, unanswered_since_us=None)


def _next_word(state: AccountState, code: str, tier: Tier) -> str:
    if _blind_code(state) == code:
        wait_us = blind.repeat_us(tier, acked=True)
    elif any(_named(danger, code) for danger in state.dangers.values()):
        wait_us = speaking.repeat_us(tier, 0, acked=True)
    else:
        wait_us = checks.DAY_US
    return say.SEEN_NEXT_WORD.format(since=wording.duration(wait_us / 1e6))


def _muted(state: AccountState, order: MuteOrder, now_us: int) -> tuple[AccountState, str]:
    if order.tier_max > MUTE_TIER_MAX:
        return state, say.MUTE_NOT_THIS.format(tier=wording.tier_name(order.tier_max))
    if not 0 < order.for_us <= MUTE_MAX_US:
        return state, say.MUTE_TOO_LONG
    if order.pool and order.pool not in _pools(state):
        known = ", ".join(wording.pool_name(pool) for pool in sorted(_pools(state)))
        asked = wording.pool_name(order.pool)
        return state, say.MUTE_NO_POOL.format(
            pool=asked, account=wording.name(state.account), known=known
        )
    others = [m for m in live(state.mutes, now_us) if m.pool != order.pool]
    mute = Mute(
        pool=order.pool,
        tier_max=order.tier_max,
        until_us=now_us + order.for_us,
        user_id=order.user_id,
    )
    for_ = wording.duration(order.for_us / 1e6)
    said = say.MUTED.format(
        tier=wording.tier_name(order.tier_max), since=for_, scope=_scope(state, order.pool)
    )
    worst = _worst(state.dangers, order.pool)
    if worst > order.tier_max:
        said += say.MUTED_GOES_ON.format(tier=wording.tier_name(worst))
    return replace(state, mutes=(*others, mute)), said


def _unmuted(state: AccountState, order: UnmuteOrder, now_us: int) -> tuple[AccountState, str]:
    mutes = live(state.mutes, now_us)
    left = tuple(m for m in mutes if order.pool and m.pool != order.pool)
    scope = _scope(state, order.pool)
    if len(left) == len(mutes):
        return replace(state, mutes=left), say.UNMUTED_NOTHING.format(scope=scope)
    return replace(state, mutes=left), say.UNMUTED.format(scope=scope)


def _scope(state: AccountState, pool: str) -> str:
    account = wording.name(state.account)
    return f"{account} {wording.pool_name(pool)}" if pool else account


def _pools(state: AccountState) -> set[str]:
    known = () if state.last_good is None else state.last_good.rules
    return set(chain(state.dangers, known))


def _worst(dangers: Mapping[str, DangerState], pool: str) -> Tier:
    return max((d.tier for d in dangers.values() if pool in ("", d.pool)), default=Tier.CALM)
