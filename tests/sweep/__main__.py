"""
`make sweep`: the real money loop, killed or frozen at every call of a port, and at two of them.

One line of JSON: how many accidents came to pass in how many runs, and what was wrong afterwards,
judged by the venue's truth. Exit code 1 when anything was. Every call of plain runs is struck; what
is left of `--points` goes to pairs of accidents in all ways and stories, drawn by `--seed`.
`--whole` strikes every call of every way and fault by every accident.
`--signs-late` breaks the fence on purpose: the request is signed as it goes out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import structlog

from tests.sweep.broken import Broken
from tests.sweep.gate import Accident
from tests.sweep.memo import remembered
from tests.sweep.run import Outcome, Plan, outcomes, planned
from tests.sweep.scene import WAYS, Story
from tests.sweep.venue import Fault
from watcher.domain.topup import Assurance

PROCESSES, CHUNK, FAULTY_SHOWN_MAX = 2, 100, 5
POINTS = 20_000
FLAWS = ("doubles", "cap_violations", "below_floor", "stuck", "unknown_told_late")


class Played(NamedTuple):
    plan: Plan
    outcome: Outcome


def play(plans: Sequence[Plan]) -> list[Played]:
    """Play *plans*, quietly."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with remembered():
        return [Played(*each) for each in zip(plans, asyncio.run(outcomes(plans)), strict=True)]


def plain_plans(broken: Broken = Broken.NOTHING) -> list[Plan]:
    return [
        Plan(verb=verb, assurance=assurance, fault=fault, story=story, broken=broken)
        for story in Story
        for verb, assurance in WAYS
        for fault in Fault
    ]


def every_call(plain: Sequence[Played], *, whole: bool) -> Iterator[Plan]:
    """
    Each call where one top-up is enough: with no other fault struck by every accident, with one
    killed where there are ids. The *whole* of it is every accident with every fault on every way.
    """
    for plan, outcome in plain:
        alone = plan.fault is Fault.NONE
        told = alone or plan.assurance is not Assurance.BLIND_SEND
        if plan.story is not Story.ONCE or not (whole or told):
            continue
        for accident in Accident if alone or whole else (Accident.KILL,):
            for point in range(1, outcome.points + 1):
                yield planned(plan, {point: accident})


def drawn(plain: Sequence[Played], rng: random.Random) -> Iterator[Plan]:
    """Pairs, freezes and falling markets, for ever."""
    while True:
        plan, outcome = rng.choice(plain)
        first = rng.randint(1, outcome.points)
        # the second one mostly while the first is being mended
        second = first + rng.choice([rng.randint(1, 60), rng.randint(1, outcome.points)])
        accidents = [rng.choice(list(Accident)), rng.choice(list(Accident))]
        yield planned(plan, {first: accidents[0], second: accidents[1]})


def chunks(plans: Iterator[Plan]) -> Iterator[list[Plan]]:
    while chunk := list(islice(plans, CHUNK)):
        yield chunk


def sweep(
    points: int, seed: int, *, every: bool, whole: bool = False, broken: Broken = Broken.NOTHING
) -> list[Played]:
    """Return what came of runs with at least *points* accidents; with *every* of every call's."""
    rng = random.Random(seed)
    plain = play(plain_plans(broken))
    played, struck = list(plain), 0
    fixed = chunks(every_call(plain, whole=whole) if every else iter(()))
    more = chunks(drawn(plain, rng))
    with ProcessPoolExecutor(PROCESSES) as pool:
        for found in pool.map(play, fixed):
            played += found
            struck += sum(each.outcome.struck for each in found)
        while struck < points:
            for found in pool.map(play, list(islice(more, 2 * PROCESSES))):
                played += found
                struck += sum(each.outcome.struck for each in found)
    return played


def total_of(played: Sequence[Played]) -> dict[str, int]:
    found = [each.outcome for each in played]
    total = {"crash_points": sum(each.struck for each in found), "runs": len(found)}
    return total | {flaw: sum(getattr(each, flaw) for each in found) for flaw in FLAWS}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.sweep", description="crash sweep of top-ups")
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drawn-only", action="store_true", help="not every call of every plan")
    parser.add_argument("--whole", action="store_true", help="every accident at every call")
    parser.add_argument("--signs-late", action="store_true", help="break the fence on purpose")
    given = parser.parse_args(arguments)
    played = sweep(
        given.points,
        given.seed,
        every=not given.drawn_only,
        whole=given.whole,
        broken=Broken.FENCE if given.signs_late else Broken.NOTHING,
    )
    total = total_of(played)
    sys.stdout.write(json.dumps(total) + "\n")
    faulty = [each for each in played if not each.outcome.is_clean]
    for each in faulty[:FAULTY_SHOWN_MAX]:
        sys.stderr.write(f"{replace(each.plan)}\n  {each.outcome}\n")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
