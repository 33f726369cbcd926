"""
`make books`: random accounts of every kind against brute force and exact Decimals.

    family, books, crossings, misses, worst residual

Every path a report speaks of is walked: each position, all down and up, each coin alone, each
stable coin off its peg; one book in `BANDS_EVERY` also has its safe bands looked at. Exit code 1
when anything is off by a hair, with the seed of each account. `--books` and `--seed` ask for more
or others; the figures of the last long run are in docs/venues.md.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import localcontext

from tests.reference.books import KINDS as ORDINARY
from tests.reference.corners import CORNERS
from tests.reference.judge import Verdict, judge
from watcher.margin import evaluate

BOOKS, CHUNK, BANDS_EVERY, FAULTS_SHOWN_MAX = 10_000, 250, 20, 5

KINDS = ORDINARY | CORNERS

Task = tuple[str, int, int]


def betas_of(rng: random.Random) -> dict[str, float]:
    if rng.random() < 0.6:
        return {}
    return {c: rng.choice([0.5, 1.5, 2.0, -0.3]) for c in rng.sample(["BTC", "ETH", "SOL"], 2)}


def measured(task: Task) -> Verdict:
    """Judge the accounts of one kind whose seeds lie in a range."""
    kind, first, stop = task
    total = Verdict()
    with localcontext() as context:
        context.prec = 40
        for seed in range(first, stop):
            rng = random.Random(f"{kind}:{seed}")
            snapshot, betas = KINDS[kind](rng), betas_of(rng)
            (pool,) = evaluate(snapshot, betas=betas, stages=False).pools
            assert pool.status == "ok", (kind, seed, pool.why)
            verdict = judge(snapshot, pool, betas, bands=seed % BANDS_EVERY == 0)
            verdict.faults = [f"{kind}:{seed} {fault}" for fault in verdict.faults]
            total.add(verdict)
    return total


def tasks(kind: str, seed: int, books: int) -> Iterator[Task]:
    for first in range(seed, seed + books, CHUNK):
        yield kind, first, min(first + CHUNK, seed + books)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make books", description="Judge random accounts.")
    parser.add_argument("--books", type=int, default=BOOKS, help="accounts of each family")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    asked = parser.parse_args(argv)
    total = Verdict()
    _say("family, books, crossings, misses, worst residual")
    with ProcessPoolExecutor() as workers:
        for kind in KINDS:
            verdict = Verdict()
            for part in workers.map(measured, tasks(kind, asked.seed, asked.books)):
                verdict.add(part)
            _tell(kind, verdict)
            total.add(verdict)
    _tell("all", total)
    _say(f"{total.paths} paths; {total.jumps} crossings at jumps, {total.bands} safe bands")
    return 1 if total.faults else 0


def _tell(name: str, verdict: Verdict) -> None:
    _say(
        f"{name}, {verdict.books}, {verdict.crossings}, {len(verdict.faults)}, "
        f"{verdict.residual:.1e}"
    )
    for fault in verdict.faults[:FAULTS_SHOWN_MAX] if name != "all" else ():
        sys.stderr.write(f"  {fault}\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
