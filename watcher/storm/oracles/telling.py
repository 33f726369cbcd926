"""
What a person who read everything believes of an account at any moment.

Rule: the newest word of each incident counts, by its number: a copy that comes late on another road
changes nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from watcher.domain.alert import Tier
from watcher.policy import messages as say
from watcher.storm.words import Said

Told = list[tuple[int, Tier]]


def told(said: Iterable[Said]) -> Told:
    """Return the worst tier told of one account, from each moment on at which that changed."""
    tiers: dict[str, tuple[int, Tier]] = {}
    found: Told = []
    for one in said:
        if one.tier is None or tiers.get(one.code, (-1, Tier.CALM))[0] > one.seq:
            continue
        tiers[one.code] = one.seq, one.tier
        worst = max(tier for _, tier in tiers.values())
        if not found or found[-1][1] is not worst:
            found.append((one.at_us, worst))
    return found


def stands_blind(said: Iterable[Said]) -> bool:
    """Return whether an account was last said to be unseen, and nothing has ended that."""
    stands = False
    for one in said:
        if one.tells_blind:
            stands = True
        elif one.tier is not None or one.word == say.SEEING:
            stands = False
    return stands


def at(tiers: Told, at_us: int) -> Tier:
    """Return what was told last before a moment."""
    number = bisect_right(tiers, at_us, key=lambda one: one[0])
    return tiers[number - 1][1] if number else Tier.CALM


def first(tiers: Told, tier: Tier, from_us: int) -> int | None:
    """Return when, from *from_us* on, *tier* or worse stood told; *from_us* if it did then."""
    if at(tiers, from_us) >= tier:
        return from_us
    return next((when for when, one in tiers if when > from_us and one >= tier), None)
