"""
The danger machines of one account, moved by one poll slot: which of them speak, and how loudly.

Rule: a mute changes what is said, never what is known: a muted machine moves, keeps its incident
and is silent up to the tier the mute names, which is a warning at most. When the mute ends and the
tier stands, it speaks at once. Blindness, security, losses and whatever is critical know no mute.

What is told of a pool that just lost something (`shrinking.shrunk`) stands for the words that would
say in the same breath that its position is gone, or that all is well; those wait for the next look.

While an account is blind, the words about that stand for those of its dangers, but for a danger
that is worse by estimate than what was told or acked, or that nobody answered where somebody
answered the blindness.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    Ack,
    BlindState,
    DangerState,
    Kind,
    Mute,
    Tier,
)
from watcher.domain.road import Reach
from watcher.policy import alerting, blind, speaking
from watcher.policy.readings import Reading

MUTE_MAX_US = 24 * 60 * MINUTE_US
MUTE_TIER_MAX = Tier.WARNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """
    One danger machine that has something to say, and how far that goes; *was* is the tier it had
    before, *ack* the ack that was in force until now.
    """

    pool: str
    was: Tier
    kind: Kind
    reach: Reach = Reach.CHAT
    silent: bool = False
    ack: Ack | None = None


Moved = tuple[dict[str, DangerState], list[Turn]]


def seen(
    state: AccountState,
    readings: Mapping[str, Reading | None],
    now_us: int,
    *,
    furthest: Reach,
    lost: Collection[str] = (),
) -> Moved:
    """Move every machine by a complete reading; *lost* are pools of which a loss is told now."""
    account = state.account
    dangers: dict[str, DangerState] = {}
    turns: list[Turn] = []
    for pool in {**readings, **state.dangers}:
        old = state.dangers.get(pool) or DangerState(pool=pool)
        reading = readings.get(pool)
        new: DangerState | None
        if pool not in readings:
            new, kind = alerting.step_absent(old, now_us, furthest=furthest)
        elif reading is None:
            new, kind = alerting.step_estimate(
                old, None, now_us, account=account, furthest=furthest
            )
        else:
            new, kind = alerting.step(old, reading, now_us, account=account, furthest=furthest)
        over = pool not in readings or (reading is not None and reading.gone)
        if pool in lost and (kind is Kind.RESOLVED or (kind is not None and over)):
            new, kind = old, None
        _keep(dangers, turns, old, new, kind, muted_up_to(state.mutes, pool, now_us))
    return dangers, turns


def unseen(
    state: AccountState,
    guesses: Mapping[str, Reading | None],
    now_us: int,
    *,
    furthest: Reach,
) -> Moved:
    """Move every machine by a miss: by the re-priced last reading, or by nothing."""
    dangers = dict(state.dangers)
    turns: list[Turn] = []
    for pool in {**dangers, **guesses}:
        old = dangers.setdefault(pool, DangerState(pool=pool))
        guess = guesses.get(pool)
        if state.blind.active and _is_named(state.blind, old, guess):
            continue
        new, kind = alerting.step_estimate(
            old, guess, now_us, account=state.account, furthest=furthest
        )
        _keep(dangers, turns, old, new, kind, muted_up_to(state.mutes, pool, now_us))
    return dangers, turns


def live(mutes: Iterable[Mute], now_us: int) -> tuple[Mute, ...]:
    """Return the mutes in force; a clock that went back lengthens none beyond a day."""
    return tuple(mute for mute in mutes if 0 < mute.until_us - now_us <= MUTE_MAX_US)


def muted_up_to(mutes: Iterable[Mute], pool: str, now_us: int) -> Tier:
    """Return the worst tier of *pool* that is not told now; calm when all are."""
    tiers = [mute.tier_max for mute in live(mutes, now_us) if mute.pool in ("", pool)]
    return min(max(tiers, default=Tier.CALM), MUTE_TIER_MAX)


# the blind machine's repeats name each danger, unless it has more to say or says it more often
def _is_named(unseen: BlindState, danger: DangerState, guess: Reading | None) -> bool:
    if guess is not None and (guess.tier > danger.tier or speaking.outgrows_ack(danger, guess)):
        return False
    acked = danger.ack is not None
    own_us = speaking.repeat_us(danger.tier, danger.repeats, acked=acked)
    return blind.repeat_us(danger.tier, acked=unseen.ack is not None) <= own_us


def _keep(
    dangers: dict[str, DangerState],
    turns: list[Turn],
    old: DangerState,
    new: DangerState | None,
    kind: Kind | None,
    muted: Tier,
) -> None:
    if new is None:
        return
    silent = muted > Tier.CALM and new.tier <= muted
    if silent and not _ends_a_story(old, kind, muted):
        new, kind = _untold(old, new), None
    dangers[new.pool] = new
    if kind is not None:
        reach = speaking.reach_of(old, new, kind)
        turn = Turn(pool=new.pool, was=old.tier, kind=kind, reach=reach, silent=silent, ack=old.ack)
        turns.append(turn)


# whoever heard of a danger hears of its end, mute or not
def _ends_a_story(old: DangerState, kind: Kind | None, muted: Tier) -> bool:
    if kind is Kind.EASED:
        return old.tier > muted
    return kind is Kind.RESOLVED and old.incident is not None and old.incident.seq > 0


def _untold(old: DangerState, new: DangerState) -> DangerState:
    if new.incident is None:
        return new
    same = old.incident is not None and old.incident.code == new.incident.code
    seq = old.incident.seq if same and old.incident is not None else 0
    return replace(
        new,
        incident=replace(new.incident, seq=seq),
        repeats=min(new.repeats, old.repeats),  # nothing that is kept changes at every poll
        told_at_us=None,
        told_value=None,
        told_measure=None,
    )
