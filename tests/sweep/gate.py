"""
Where a process dies: every call of a port passes here, before its effect, after it, and when the
caller has learned of it.

Rule: points are numbered through a run, over restarts. At one that is planned the process is killed
(nothing of it runs any more), or frozen: another takes its place, and it wakes up when all is over.
Or the port fails, before or after its effect: what the store wrote and did not confirm is the
"unknown commit". Or all of that port is away for a while, as a locked file or a dead network is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn, TypeVar

from watcher.domain.alert import SECOND_US, Moment
from watcher.ports import StoreError

T = TypeVar("T")
CALL_US = SECOND_US // 10
AWAY_US = 25 * SECOND_US
GIVES_UP_US = 4 * SECOND_US
"""How long a call waits for a port that is away."""


class Accident(StrEnum):
    """What happens to a process."""

    KILL = "kill"
    FREEZE = "freeze"
    FAIL = "fail"
    AWAY = "away"


class Dead(BaseException):
    """The process is gone: no clean-up of its own has any effect."""


@dataclass
class Gate:
    """
    The one way to ports, and the clock of the run. *plan* says what happens at which point;
    `frozen` are processes that sleep, `struck` counts accidents that came to pass. `unclear_us`
    says since when nobody knows what became of an intent, until it is `told`; of those `found` at a
    start that is known once the ledger can be read.
    """

    at_us: int
    plan: Mapping[int, Accident]
    points: int = 0
    struck: int = 0
    frozen: list[asyncio.Future[None]] = field(default_factory=list)
    turned: asyncio.Future[None] | None = None
    unclear_us: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    away_us: dict[type[Exception], int] = field(default_factory=dict)
    thawing: bool = False

    def now(self) -> Moment:
        return Moment(steady_us=self.at_us, wall_us=self.at_us)

    def pass_(self, seconds: float) -> None:
        self.at_us += round(seconds * SECOND_US)

    def unclear(self, intent_id: str) -> None:
        """Note that from now on nobody knows what became of it; that is told once."""
        if intent_id not in self.told:
            self.unclear_us.setdefault(intent_id, self.at_us)

    def is_told(self, names: set[str]) -> None:
        self.told |= names
        for name in names & set(self.unclear_us):
            del self.unclear_us[name]

    async def call(self, effect: Callable[[], T], failure: type[Exception]) -> T:
        """Return what *effect* does, unless something happens; *failure* is how the port fails."""
        await self.point(failure)
        if self.at_us < self.away_us.get(failure, 0):
            self.give_up(failure)
        self.at_us += CALL_US
        found = effect()
        await self.point(failure)
        self.at_us += CALL_US
        await self.point(failure)
        return found

    async def point(self, failure: type[Exception]) -> None:
        if self.thawing:
            return
        self.points += 1
        accident = self.plan.get(self.points)
        if accident is None:
            return
        self.struck += 1
        match accident:
            case Accident.KILL:
                raise Dead
            case Accident.FREEZE:
                await self.frozen_here()
            case Accident.FAIL:
                raise failure("it failed here")
            case Accident.AWAY:
                self.away_us[failure] = self.at_us + AWAY_US
                self.give_up(failure)

    def give_up(self, failure: type[Exception]) -> NoReturn:
        self.at_us += GIVES_UP_US
        if failure is StoreError:
            # nobody can tell of what nobody can read
            self.unclear_us |= dict.fromkeys(self.found & set(self.unclear_us), self.at_us)
        raise failure("it is away")

    async def frozen_here(self) -> None:
        thawed = asyncio.get_running_loop().create_future()
        self.frozen.append(thawed)
        assert self.turned is not None
        self.turned.set_result(None)
        await thawed
