"""
`watcher sim`: seeds of the storm, and scenario packs, played and judged.

Rule: one line for each pack and a total on standard output, whatever was found; what a person needs
to follow a failure (seed, first oracle, last events) on standard error. A past failure, from the
file of seeds, is always played again. Exit code 0 when every promise held.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.storm import report
from watcher.storm.packs import PACKS
from watcher.storm.play import STORM, Job, Played, played

HOURS = 6.0
SEEDS = "1-40"
TWICE = 2
HASH_SEEDS = (1, 2)
STORIES_MAX = 5
PAST = Path(__file__).resolve().parents[2] / "tests" / "faults" / "seeds.txt"
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


class Player(Protocol):
    """Plays jobs, in order."""

    def __call__(
        self, jobs: Sequence[Job], *, workers: int, hash_seed: int
    ) -> Iterator[Played]: ...


def main(argv: Sequence[str], *, player: Player = played, file: Path = PAST) -> int:
    arguments = parser().parse_args(argv)
    try:
        jobs = list(dict.fromkeys(jobs_of(arguments, file)))
    except ValueError as error:
        print(f"sim: {error}", file=sys.stderr)
        return REFUSED
    runs, lines = _first(jobs, arguments, player)
    again = player(_to_repeat(runs), workers=arguments.workers, hash_seed=HASH_SEEDS[1])
    total = report.total_of(runs, list(again))
    _show(total, arguments)
    for run in [one for one in runs if not one.good][:STORIES_MAX]:
        print("\n".join(report.story_of(run)), file=sys.stderr)
    failures = report.failures_of(lines, total)
    for words in failures:
        print(f"sim: {words}", file=sys.stderr)
    return TROUBLE if failures else FINE


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="watcher sim",
        description="Play the real service in virtual time over a practice world in bad weather, "
        "and judge it by the world's truth. Without options: forty storms and every short pack.",
    )
    which = found.add_mutually_exclusive_group()
    which.add_argument("--seed", metavar="N", help="one seed, and no past failures")
    which.add_argument("--seeds", metavar="A-B", help=f"these seeds (default: {SEEDS})")
    found.add_argument(
        "--hours", type=float, default=HOURS, metavar="H", help=f"of each storm ({HOURS:g})"
    )
    found.add_argument(
        "--pack", metavar="NAME", help=f"this one only: {', '.join((STORM, *PACKS))}"
    )
    found.add_argument("--json", action="store_true", help="a line of JSON each")
    found.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: every core)"
    )
    return found


# ── what is played ──────────────────────────────────────────────────────────────────────────


def jobs_of(arguments: argparse.Namespace, file: Path = PAST) -> Iterator[Job]:
    """Yield what is asked for. Raises: `ValueError` with words for a person."""
    if not 0 < arguments.hours <= 24 * 30:
        raise ValueError(f"--hours: found {arguments.hours:g}, expected more than 0, up to 720")
    if arguments.workers < 1:
        raise ValueError(f"--workers: found {arguments.workers}, expected 1 or more")
    asked, only = arguments.seed or arguments.seeds, arguments.pack
    if only not in (None, STORM, *PACKS):
        known = ", ".join((STORM, *PACKS))
        raise ValueError(f"--pack: found {only!r}, expected one of {known}")
    if only in PACKS:
        yield from _of_pack(only, asked)
        return
    for seed in _seeds(asked or SEEDS):
        yield Job(seed=seed, hours=arguments.hours)
    if arguments.seed is not None:
        return
    yield from past(file)
    for name, pack in PACKS.items():
        if only is None and not pack.long:
            yield from _of_pack(name, None)


def past(file: Path = PAST) -> Iterator[Job]:
    """Yield the failures there were, from *file*: a seed, and its hours or its pack."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) == 2:  # noqa: PLR2004 - as the file's head says
            seed, what = words
            if what in PACKS:
                yield Job(seed=int(seed), hours=PACKS[what].hours, pack=what)
            else:
                yield Job(seed=int(seed), hours=float(what))


def _of_pack(name: str, asked: str | None) -> Iterator[Job]:
    pack = PACKS[name]
    for seed in _seeds(asked or f"1-{pack.runs}"):
        yield Job(seed=seed, hours=pack.hours, pack=name)


def _seeds(asked: str) -> range:
    found = _RANGE.fullmatch(asked)
    if found is None:
        raise ValueError(f"seeds: found {asked!r}, expected 7 or 1-40")
    seeds = range(int(found[1]), int(found[2] or found[1]) + 1)
    if not seeds:
        raise ValueError(f"seeds: found {asked!r}, expected the smaller one first")
    return seeds


# ── playing ─────────────────────────────────────────────────────────────────────────────────


def _first(
    jobs: Sequence[Job], arguments: argparse.Namespace, player: Player
) -> tuple[list[Played], list[report.Line]]:
    """Play *jobs* and show the line of each pack as soon as it is over."""
    runs: dict[str, list[Played]] = {job.pack: [] for job in jobs}
    lines = []
    for run in player(jobs, workers=arguments.workers, hash_seed=HASH_SEEDS[0]):
        name = run.job.pack
        runs[name].append(run)
        if len(runs[name]) == sum(job.pack == name for job in jobs):
            lines.append(report.line_of(name, runs[name]))
            _show(lines[-1], arguments)
    return [run for mine in runs.values() for run in mine], lines


def _to_repeat(runs: Sequence[Played]) -> list[Job]:
    whole = [run.job for run in runs if run.trace]
    return sorted(whole, key=lambda job: job.pack != STORM)[:TWICE]


def _show(line: report.Line, arguments: argparse.Namespace) -> None:
    print(json.dumps(line) if arguments.json else report.words_of(line), flush=True)
