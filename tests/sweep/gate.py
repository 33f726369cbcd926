"""
Where a process dies: every call of a port passes here, before its effect, after it, and when the
caller has learned of it.

Rule: points are numbered through a run, over restarts. At one that is planned the process is killed
(nothing of it runs any more), or frozen: another takes its place, and it wakes up when all is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from watcher.domain.alert import SECOND_US, Moment

T = TypeVar("T")
CALL_US = SECOND_US // 10


class Accident(StrEnum):
    """What happens to a process."""

    KILL = "kill"
    FREEZE = "freeze"


class Dead(BaseException):
    """The process is gone: no clean-up of its own has any effect."""


@dataclass
class Gate:
    """
    The one way to ports, and the clock of the run. *plan* says what happens at which point;
    `frozen` are processes that sleep, `struck` counts accidents that came to pass. `unclear_us`
    says since when nobody knows what became of an intent, until it is `told`.
    """

    at_us: int
    plan: Mapping[int, Accident]
    points: int = 0
    struck: int = 0
    frozen: list[asyncio.Future[None]] = field(default_factory=list)
    turned: asyncio.Future[None] | None = None
    unclear_us: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    thawing: bool = False

    def now(self) -> Moment:
        return Moment(steady_us=self.at_us, wall_us=self.at_us)

    def pass_(self, seconds: float) -> None:
        self.at_us += round(seconds * SECOND_US)

    def unclear(self, intent_id: str) -> None:
        """Note that from now on nobody knows what became of it; that is told once."""
        if intent_id not in self.told:
            self.unclear_us.setdefault(intent_id, self.at_us)

    async def call(self, name: str, effect: Callable[[], T]) -> T:
        await self.point()
        self.at_us += CALL_US
        found = effect()
        await self.point()
        self.at_us += CALL_US
        await self.point()
        return found

    async def point(self) -> None:
        if self.thawing:
            return
        self.points += 1
        accident = self.plan.get(self.points)
        if accident is None:
            return
        self.struck += 1
        if accident is Accident.KILL:
            raise Dead
        thawed = asyncio.get_running_loop().create_future()
        self.frozen.append(thawed)
        assert self.turned is not None
        self.turned.set_result(None)
        await thawed
