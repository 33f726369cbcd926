"""
When something stood between an account and a person: the weather and the deaths, as stretches.

Rule: a stretch ends a little after its cause, for what was broken has to be found mended. What is
promised in fair weather (reliability.md §3.1) is asked of the service only outside of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from watcher.domain.alert import SECOND_US
from watcher.storm.weather import (
    DISK_FAULTS,
    INSTANT,
    LIES,
    LIFE_FAULTS,
    ROAD_FAULTS,
    VENUE_FAULTS,
    Fault,
    Spell,
    Weather,
)

CONVERGED_US = 60 * SECOND_US
"""R_c: after a fault everything is as it should be within this time."""

BAN_US = 600 * SECOND_US
"""Bybit's refusal names no end; its documentation says ten minutes."""

Stretches = list[tuple[int, int]]

_SEEING = frozenset((*VENUE_FAULTS, *LIES, Fault.GREEDY_BOT))
_HOME = frozenset((*DISK_FAULTS, *LIFE_FAULTS))


class Sky:
    """The stretches of trouble of one run, merged, for each account: sight, roads and home."""

    def __init__(
        self,
        weather: Weather,
        venues: Mapping[str, str],
        lives: Sequence[tuple[int, int]],
        from_us: int,
        until_us: int,
    ) -> None:
        dead = _dead(lives, from_us, until_us)
        home = [_lasting(one) for one in weather.spells if one.fault in _HOME] + dead
        self.roads = merged(
            [_lasting(one) for one in weather.spells if one.fault in ROAD_FAULTS] + home
        )
        self.home = merged(home)
        self.sight: dict[str, Stretches] = {}
        self.all: dict[str, Stretches] = {}
        for name, venue in venues.items():
            over = [one for one in weather.spells if _is_over(one, name, venue)]
            self.sight[name] = merged([_lasting(one, venue) for one in over] + home)
            self.all[name] = merged([*self.sight[name], *self.roads])

    def is_clear(self, name: str, from_us: int, until_us: int) -> bool:
        """Tell whether nothing stands between *name* and a person in all that time."""
        return not overlaps(self.all[name], from_us, until_us)

    def clear_from(self, name: str, at_us: int, span_us: int) -> int:
        """Return when, from *at_us* on, the first clear stretch of *span_us* begins."""
        return clear_from(self.all[name], at_us, span_us)


def merged(stretches: Iterable[tuple[int, int]]) -> Stretches:
    """Return *stretches* in order, those that touch as one."""
    found: Stretches = []
    for from_us, until_us in sorted(stretches):
        if found and from_us <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until_us))
        else:
            found.append((from_us, until_us))
    return found


def overlaps(stretches: Stretches, from_us: int, until_us: int) -> bool:
    """Tell whether one of the merged *stretches* has a part between the two moments."""
    number = bisect_right(stretches, until_us, key=lambda one: one[0])
    return number > 0 and stretches[number - 1][1] >= from_us


def clear_from(stretches: Stretches, at_us: int, span_us: int) -> int:
    """Return the first moment from *at_us* on that is followed by *span_us* without any."""
    for from_us, until_us in stretches:
        if until_us >= at_us and from_us < at_us + span_us:
            at_us = until_us + 1
    return at_us


def began(stretches: Stretches, at_us: int, within_us: int) -> int:
    """Return *at_us* less *within_us*, or the beginning of the trouble that reaches into that."""
    since = at_us - within_us
    for from_us, until_us in reversed(stretches):
        if from_us <= at_us and until_us >= since:
            since = min(since, from_us - within_us)
    return since


def freed_us(weather: Weather, name: str, venue: str) -> int:
    """Return when the last ban of an account is over, as far as its venue tells; 0 without one."""
    bans = (one for one in weather.spells if one.fault is Fault.BAN and _is_over(one, name, venue))
    return max((_end_us(one, venue) for one in bans), default=0)


def _is_over(spell: Spell, name: str, venue: str) -> bool:
    return spell.fault in _SEEING and spell.target in ("", name, venue)


def _end_us(spell: Spell, venue: str) -> int:
    if spell.fault in INSTANT:
        return spell.from_us
    untold = spell.fault is Fault.BAN and venue == "bybit"
    return spell.until_us + (BAN_US if untold else 0)


def _lasting(spell: Spell, venue: str = "") -> tuple[int, int]:
    return spell.from_us, _end_us(spell, venue) + CONVERGED_US


# from a death, or before the first birth, until the next life had time to look and to tell
def _dead(lives: Sequence[tuple[int, int]], from_us: int, until_us: int) -> Stretches:
    deaths = [from_us, *(died for _, died in lives)]
    births = [*(born for born, _ in lives), until_us]
    return [
        (died, born + CONVERGED_US)
        for died, born in zip(deaths, births, strict=True)
        if died < until_us
    ]
