"""
What goes wrong in a simulation, when, and for whom: drawn from the seed before it begins.

Rule: a fault is a *spell*, from one moment to another, on everybody or one target; a spell with a
*share* below 1 strikes that part of the calls. Per run some faults are *hot* (reliability.md §4.2):
they come often and at their worst, since faults at random are weak against bad timing. Who asks
`now` is struck and counted; oracles ask `is_on` and `overlaps`, which draw nothing.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from watcher.domain.alert import MINUTE_US, SECOND_US


class Fault(StrEnum):
    """Every kind of fault, with its row in the failure matrix."""

    TIMEOUT = "F1 timeout"
    RESET = "F1 reset"
    SERVER_ERROR = "F2 server error"
    GARBAGE = "F2 garbage"
    RATE_LIMIT = "F3 rate limit"
    BAN = "F4 ban"
    BLOCKED = "F5 blocked"
    REVOKED = "F6 revoked"
    MAINTENANCE = "F7 maintenance"
    DNS = "F11 dns"
    TLS = "F12 certificate"
    CHAT_DOWN = "F13 chat down"
    CHAT_FLOOD = "F14 flood"
    CHAT_MALFORMED = "F15 malformed"
    CHAT_REFUSED = "F16 refused"
    CHAT_AMBIGUOUS = "F19 ambiguous"
    ASLEEP = "F20 asleep"
    DISK_FULL = "F21 disk full"
    DISK_BUSY = "F22 busy"
    DISK_CORRUPT = "F23 corrupt"
    DISK_ERROR = "F24 io error"
    ROLLBACK = "F25 rollback"
    KILL = "F26 kill"
    OFFLINE = "F27 offline"
    CLOCK_JUMP = "F28 clock jump"
    SUSPEND = "F28 suspend"
    TASK_DEATH = "F30 task death"
    PART_MISSING = "F34 part missing"
    FROZEN_MARK = "F35 frozen mark"
    BENT_INDEX = "F35 bent index"
    NOT_A_NUMBER = "F36 not a number"
    GLITCH_UP = "F37 glitch up"
    GLITCH_ZERO = "F37 glitch zero"
    VANISHED = "F38 vanished"
    MODE_SWITCH = "F42 mode switch"
    DIVERGENCE = "F44 divergence"
    PAGE_CUT = "F45 page cut"
    PING_DOWN = "F47 ping down"
    GREEDY_BOT = "another bot"
    MOVE_REFUSED = "move refused"
    MOVE_LOST = "move lost"
    MOVE_LATE = "move arrives late"
    MOVE_QUEUED = "move queued"
    MOVE_FAILED = "move fails later"
    MOVE_UNANSWERED = "move done, no answer"
    MOVE_DONE_THEN_ERROR = "move done, then an error"
    HISTORY_LATE = "history is late"


VENUE_FAULTS = (
    Fault.TIMEOUT,
    Fault.RESET,
    Fault.SERVER_ERROR,
    Fault.GARBAGE,
    Fault.RATE_LIMIT,
    Fault.BAN,
    Fault.BLOCKED,
    Fault.REVOKED,
    Fault.MAINTENANCE,
    Fault.DNS,
    Fault.TLS,
    Fault.PART_MISSING,
    Fault.NOT_A_NUMBER,
    Fault.PAGE_CUT,
    Fault.MODE_SWITCH,
)
"""An account is not read, or not all of it."""

LIES = (
    Fault.FROZEN_MARK,
    Fault.BENT_INDEX,
    Fault.GLITCH_UP,
    Fault.GLITCH_ZERO,
    Fault.VANISHED,
    Fault.DIVERGENCE,
)
"""An account is read, and what is read is not so."""

ROAD_FAULTS = (
    Fault.CHAT_DOWN,
    Fault.CHAT_FLOOD,
    Fault.CHAT_MALFORMED,
    Fault.CHAT_REFUSED,
    Fault.CHAT_AMBIGUOUS,
)

DISK_FAULTS = (
    Fault.DISK_FULL,
    Fault.DISK_BUSY,
    Fault.DISK_ERROR,
)

MONEY_FAULTS = (
    Fault.MOVE_REFUSED,
    Fault.MOVE_LOST,
    Fault.MOVE_LATE,
    Fault.MOVE_QUEUED,
    Fault.MOVE_FAILED,
    Fault.MOVE_UNANSWERED,
    Fault.MOVE_DONE_THEN_ERROR,
    Fault.HISTORY_LATE,
)
"""What becomes of a request to move collateral."""

LIFE_FAULTS = (
    Fault.KILL,
    Fault.DISK_CORRUPT,
    Fault.ROLLBACK,
    Fault.OFFLINE,
    Fault.CLOCK_JUMP,
    Fault.SUSPEND,
    Fault.TASK_DEATH,
)
"""They befall the process as a whole; the trial brings them about at their beginning."""

INSTANT = frozenset(LIFE_FAULTS) - {Fault.OFFLINE, Fault.SUSPEND}

LONGEST_S: Mapping[Fault, float] = {
    Fault.BAN: 900.0,
    Fault.REVOKED: 900.0,
    Fault.MAINTENANCE: 1200.0,
    Fault.MODE_SWITCH: 600.0,
    Fault.GREEDY_BOT: 3600.0,
    Fault.ASLEEP: 7200.0,
    Fault.OFFLINE: 120.0,
    Fault.SUSPEND: 600.0,
    Fault.VANISHED: 60.0,
    Fault.GLITCH_UP: 300.0,
    Fault.GLITCH_ZERO: 60.0,
}
LONGEST_USUAL_S = 240.0
SHORTEST_S = 3.0
HOT_CHANCE = 0.25
HOT_TIMES = 5
MEAN_GAP_S = 150.0
"""More than twenty spells an hour: what the page calls a storm."""
BUSY_S, LULL_S = (900.0, 3000.0), (480.0, 1500.0)
"""Storm and fair weather take turns: what is promised in fair weather has to be asked for too."""
UNBROKEN = frozenset({Fault.ASLEEP})
"""People sleep through the fair weather as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """
    One fault from one moment to another. *target* is an account, a venue or a road, "" everybody.
    *share* is the part of calls it strikes; *worst*: it strikes at its worst value.
    """

    fault: Fault
    from_us: int
    until_us: int
    target: str = ""
    share: float = 1.0
    worst: bool = False

    def hits(self, at_us: int, targets: Collection[str]) -> bool:
        return self.from_us <= at_us < self.until_us and (not self.target or self.target in targets)


class Weather:
    """The spells of one run, oldest first. `fired` counts how often each fault struck."""

    def __init__(self, spells: Sequence[Spell], *, seed: int, now_us: Callable[[], int]) -> None:
        self.spells = tuple(sorted(spells, key=lambda one: (one.from_us, one.fault, one.target)))
        self.fired: Counter[Fault] = Counter()
        self._now_us = now_us
        self._draws = {fault: random.Random(f"{seed}:strike:{fault}") for fault in Fault}
        self._of: dict[Fault, list[Spell]] = {}
        for spell in self.spells:
            self._of.setdefault(spell.fault, []).append(spell)

    def now(self, fault: Fault, *targets: str) -> Spell | None:
        """Return the spell that strikes one of *targets* at this call, if one does."""
        at_us = self._now_us()
        for spell in self._of.get(fault, ()):
            if not spell.hits(at_us, targets):
                continue
            if spell.share < 1.0 and self._draws[fault].random() >= spell.share:
                continue
            self.fired[fault] += 1
            return spell
        return None

    def first(self, faults: Sequence[Fault], *targets: str) -> Spell | None:
        """Return what of *faults* strikes at this call, the first of them."""
        for fault in faults:
            found = self.now(fault, *targets)
            if found is not None:
                return found
        return None

    def is_on(self, fault: Fault, *targets: str, at_us: int | None = None) -> bool:
        """Tell whether a spell is on, without being struck by it."""
        when = self._now_us() if at_us is None else at_us
        return any(spell.hits(when, targets) for spell in self._of.get(fault, ()))

    def overlaps(
        self, faults: Collection[Fault], from_us: int, until_us: int, *targets: str
    ) -> bool:
        """Tell whether any of *faults* is on for one of *targets* at some time in between."""
        return any(
            spell.fault in faults
            and spell.from_us < until_us
            and spell.until_us > from_us
            and (not spell.target or spell.target in targets)
            for spell in self.spells
        )


def drawn(
    seed: int | str,
    from_us: int,
    until_us: int,
    targets: Mapping[Fault, Sequence[str]],
    *,
    gap_s: float = MEAN_GAP_S,
) -> Iterator[Spell]:
    """
    Draw the spells of a stormy run from *from_us* to *until_us*.

    *targets* says whom each fault may strike; a fault it lacks does not come. *gap_s* is the mean
    time from one to the next.
    """
    chance = random.Random(f"{seed}:weather")
    faults = [fault for fault in Fault if fault in targets]
    hot = [fault for fault in faults if chance.random() < HOT_CHANCE]
    pool = [*faults, *(hot * HOT_TIMES)]
    for begin_us, end_us in _busy(seed, from_us, until_us):
        at_us = begin_us
        while (at_us := at_us + _us(chance.expovariate(1 / gap_s))) < end_us:
            fault = chance.choice(pool)
            worst = fault in hot and chance.random() < HOT_CHANCE
            longest_s = LONGEST_S.get(fault, LONGEST_USUAL_S)
            length_s = longest_s if worst else chance.uniform(SHORTEST_S, longest_s)
            yield Spell(
                fault=fault,
                target=chance.choice(targets[fault]),
                from_us=at_us,
                until_us=min(at_us + _us(length_s), until_us if fault in UNBROKEN else end_us),
                share=1.0 if worst else chance.choice((0.2, 0.5, 1.0)),
                worst=worst,
            )


def _busy(seed: int | str, from_us: int, until_us: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches in which it storms."""
    chance = random.Random(f"{seed}:lulls")
    while from_us < until_us:
        end_us = from_us + _us(chance.uniform(*BUSY_S))
        yield from_us, min(end_us, until_us)
        from_us = end_us + _us(chance.uniform(*LULL_S))


def _us(seconds: float) -> int:
    return round(seconds * SECOND_US)


QUIET_US = 5 * MINUTE_US
"""The weather is fair at the beginning, so that there is something to lose."""
