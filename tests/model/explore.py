"""
Every world that can come of a case, breadth first, until a bad one or until there is no new one.

Bad is: executed more than once; or written down as never executed when it was or may yet be.
"""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import dataclass

from tests.model.case import Case
from tests.model.parts import World
from tests.model.world import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """*found*: "safe", "double" or "wrong"; *path* tells how it came to a bad one."""

    case: Case
    found: str
    worlds: int
    path: tuple[str, ...] = ()

    @property
    def is_expected(self) -> bool:
        return self.found == self.case.expected


def explored(case: Case) -> Verdict:
    model, parts = Model(case), dict[object, object]()
    first = model.first()
    came: dict[World, tuple[World, str] | None] = {first: None}
    waiting = deque([first])
    while waiting:
        world = waiting.popleft()
        for words, successor in model.steps(world):
            after = model.canonical(successor)
            if after in came:
                continue
            # worlds differ in little: their parts are shared, or memory would not do
            after = World(*(parts.setdefault(part, part) for part in after))  # type: ignore[arg-type]
            came[after] = (world, sys.intern(words))
            if found := fault(after, case):
                return Verdict(case=case, found=found, worlds=len(came), path=path_to(after, came))
            waiting.append(after)
    return Verdict(case=case, found="safe", worlds=len(came))


def fault(world: World, case: Case) -> str:
    if len(world.executed) > 1:
        return "double"
    # a rule broken on purpose is to be shown by the harm it does, not by a step on the way
    return "wrong" if world.wrong and case.expected != "double" else ""


def path_to(world: World, came: dict[World, tuple[World, str] | None]) -> tuple[str, ...]:
    words: list[str] = []
    while (step := came[world]) is not None:
        world, said = step
        words.append(said)
    return tuple(reversed(words))
