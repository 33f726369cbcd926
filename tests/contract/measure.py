"""
`make worlds`: random practice worlds read through the adapters, ours against the venue's own.

    mode, worlds, pools, not computed, most optimistic, most pessimistic, crossings, wrong

Optimistic and pessimistic are our health over the venue's, in percent; one world in
`LIQUIDATED_EVERY` is also moved to just before and just beyond each of our liquidation prices.
Exit code 1 when ours is more optimistic than print allows, more pessimistic than 0.25 %, or a
crossing is not where the venue acts. `--worlds` and `--seed` ask for more or others; the figures of
the last long run are in docs/venues.md.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal

import structlog

from tests.contract.test_worlds import (
    EXACT,
    KINDS,
    OPTIMISTIC,
    Read,
    crossings_of,
    drawn,
    liquidates_there,
    pools_of,
    read,
)
from watcher.domain.report import Status
from watcher.sim.world import World

WORLDS, CHUNK, LIQUIDATED_EVERY = 2_000, 100, 10
PESSIMISTIC_MAX = 0.0025
"""What the engine may be worse by at most: of the venue's health, and of a price."""


@dataclass(slots=True)
class Line:
    """One mode. `low` and `high` are the extremes of our health over the venue's, less 1."""

    worlds: int = 0
    pools: int = 0
    shown: int = 0
    crossings: int = 0
    low: float = 0.0
    high: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Line) -> None:
        self.worlds += other.worlds
        self.pools += other.pools
        self.shown += other.shown
        self.crossings += other.crossings
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.wrong += other.wrong


def measured(task: tuple[str, int, int]) -> Line:
    """Read the worlds of one mode whose seeds lie in a range."""
    # a world's daemon has nothing to say here
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    kind, first, stop = task
    line = Line()
    for seed in range(first, stop):
        world = drawn(kind, seed)
        found = read(world)
        line.worlds += 1
        _health(line, world, found, f"{kind}-{seed}")
        if kind in EXACT and seed % LIQUIDATED_EVERY == 0:
            for crossing in crossings_of(found.report):
                line.crossings += 1
                if not liquidates_there(kind, seed, crossing, Decimal(str(PESSIMISTIC_MAX))):
                    line.wrong.append(f"{kind}-{seed} {crossing}")
    return line


def _health(line: Line, world: World, found: Read, name: str) -> None:
    reports = {pool.pool: pool for pool in found.report.pools}
    for pool, truth in pools_of(world).items():
        if truth.requirement <= 0:
            continue
        report = reports.get(pool)
        if report is None or report.health is None or report.status is not Status.OK:
            line.shown += 1  # the reason is in the report; nothing is claimed of it
            continue
        line.pools += 1
        assert truth.health is not None
        apart = report.health / float(truth.health) - 1
        line.low, line.high = min(line.low, apart), max(line.high, apart)
        if not -PESSIMISTIC_MAX <= apart <= OPTIMISTIC:
            line.wrong.append(f"{name} {pool}: health {report.health}, the venue's {truth.health}")


def tasks(kind: str, seed: int, worlds: int) -> Iterator[tuple[str, int, int]]:
    for first in range(seed, seed + worlds, CHUNK):
        yield kind, first, min(first + CHUNK, seed + worlds)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make worlds", description="Read random worlds.")
    parser.add_argument("--worlds", type=int, default=WORLDS, help="worlds of each mode")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    asked = parser.parse_args(argv)
    wrong = 0
    _say("mode, worlds, pools, not computed, most optimistic, most pessimistic, crossings, wrong")
    with ProcessPoolExecutor() as workers:
        for kind in KINDS:
            line = Line()
            for part in workers.map(measured, tasks(kind, asked.seed, asked.worlds)):
                line.add(part)
            _say(
                f"{kind}, {line.worlds}, {line.pools}, {line.shown}, {100 * line.high:.1e} %, "
                f"{-100 * line.low:.1e} %, {line.crossings}, {len(line.wrong)}"
            )
            for one in line.wrong:
                sys.stderr.write(f"  {one}\n")
            wrong += len(line.wrong)
    return 1 if wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
