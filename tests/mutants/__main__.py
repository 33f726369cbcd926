"""
`make mutants`: faults planted in the real code, one by one, and what notices each.

A line per mutant, then the survivors; the last line counts. First the storm looks, then, at what
it let pass, the guard tests. Exit code 1 when fewer than 95 % were caught, with `--long` when any
survived, 2 when the code is not well without a fault: then nothing said of the others counts.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.mutants.planted import PLANTED, Mutant
from tests.mutants.trial import Caught, copied, guarded, judged, stormed

PROCESSES = 2
RUNS = ("SLIDE30:1", "BAN:1", "SAWTOOTH:1", "STORM:5")
"""Cheap ones first; a fall, a ban, a price that swings, and two hours of every kind of fault."""
RUNS_LONG = (*RUNS, "OKXGLITCH:1", "REVOKE:1", "MODE:1", "STORM:1", "STORM:4")
ENOUGH = 0.95
AS_IT_IS = "as it is"

_copy: list[Path] = []


def hunted(mutants: Sequence[Mutant], runs: Sequence[str], copy: Path) -> Iterator[Caught]:
    """Judge *mutants*, two at a time, each process in a copy of *copy* beside it."""
    jobs = [(mutant, tuple(runs)) for mutant in mutants]
    with ProcessPoolExecutor(PROCESSES, initializer=_begin, initargs=(copy,)) as pool:
        yield from pool.map(_one, jobs)


def _begin(copy: Path) -> None:
    own = Path(tempfile.mkdtemp(dir=copy.parent))
    _copy[:] = [shutil.copytree(copy, own, dirs_exist_ok=True)]


def _one(job: tuple[Mutant, tuple[str, ...]]) -> Caught:
    return judged(job[0], _copy[0], job[1])


def unwell(runs: Sequence[str], copy: Path) -> Caught | None:
    """Return what is wrong with the code as it is, if anything is."""
    found = stormed(AS_IT_IS, copy, runs)
    found = found if found.by else guarded(AS_IT_IS, copy)
    return found if found.by else None


def is_enough(found: Sequence[Caught], *, long: bool) -> bool:
    caught = sum(bool(one.by) for one in found)
    return caught == len(found) if long else caught >= ENOUGH * len(found)


def summary(found: Sequence[Caught]) -> str:
    caught = [one for one in found if one.by]
    storm = sum(one.by_storm for one in caught)
    said = f"planted {len(found)}, caught {len(caught)} ({storm} of them by the storm)"
    survivors = ", ".join(one.mutant for one in found if not one.by)
    return said + (f"; survivors: {survivors}" if survivors else "")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.mutants", description="planted bugs")
    parser.add_argument("--long", action="store_true", help="more storms; all must be caught")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help="these mutants only")
    given = parser.parse_args(arguments)
    mutants = [one for one in PLANTED if not given.only or one.name in given.only]
    runs = RUNS_LONG if given.long else RUNS
    with tempfile.TemporaryDirectory() as name:
        copy = copied(Path(tempfile.mkdtemp(dir=name)))
        wrong = unwell(runs, copy)
        if wrong is not None:
            sys.stdout.write(f"{wrong}\n")
            return 2
        found = []
        for one in hunted(mutants, runs, copy):
            found.append(one)
            sys.stdout.write(f"{one}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{summary(found)}\n")
    return 0 if is_enough(found, long=given.long) else 1


if __name__ == "__main__":
    sys.exit(main())
