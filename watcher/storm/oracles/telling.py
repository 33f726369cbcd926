"""
What a person who read everything believes of an account at any moment.

Rule: the newest word of each incident counts, by its number: a copy that comes late on another road
changes nothing. A ledger that was put back begins its numbers again, and says what it knows of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from watcher.domain.alert import Tier
from watcher.policy import messages as say
from watcher.storm.words import OVER, Said

Told = list[tuple[int, Tier]]


def told(said: Iterable[Said]) -> Told:
    """Return the worst tier told of one account, from each moment on at which that changed."""
    tiers: dict[str, tuple[tuple[int, int], Tier]] = {}
    found: Told = []
    for one in said:
        if one.word == OVER:
            tiers.pop(one.code, None)
        elif one.tier is None or (one.code in tiers and tiers[one.code][0] > one.number):
            continue
        else:
            tiers[one.code] = one.number, one.tier
        worst = max((tier for _, tier in tiers.values()), default=Tier.CALM)
        if not found or found[-1][1] is not worst:
            found.append((one.at_us, worst))
    return found


def stands_blind(said: Iterable[Said]) -> bool:
    """Return whether an account was last said to be unseen, and nothing has ended that."""
    blind = ""  # its code
    newest: dict[str, tuple[int, int]] = {}
    for one in said:
        if one.word == OVER:
            blind = "" if one.code == blind else blind
            continue
        if one.number < newest.get(one.code, one.number):
            continue
        newest[one.code] = one.number
        if one.tells_blind:
            blind = one.code
        elif (one.tier is not None or one.word == say.SEEING) and not (
            one.is_late and one.code != blind
        ):
            # what came late of another incident is older than the word that stands
            blind = ""
    return bool(blind)


def at(tiers: Told, at_us: int) -> Tier:
    """Return what was told last before a moment."""
    number = bisect_right(tiers, at_us, key=lambda one: one[0])
    return tiers[number - 1][1] if number else Tier.CALM


def since(tiers: Told, tier: Tier, at_us: int) -> int:
    """Return from when on *tier* or worse has stood told at a moment; the moment if it does not."""
    found = at_us
    for when, one in reversed(tiers):
        if when <= at_us:
            if one < tier:
                break
            found = when
    return found


def first(tiers: Told, tier: Tier, from_us: int) -> int | None:
    """Return when, from *from_us* on, *tier* or worse stood told; *from_us* if it did then."""
    if at(tiers, from_us) >= tier:
        return from_us
    return next((when for when, one in tiers if when > from_us and one >= tier), None)
