"""
Try every fault, and write what came of it into docs/operations.md: python -m tests.chaos.table

Rule: the section between the marks is this program's alone; each row is one trial of the list, in
its order, with what was measured now or with why it could not be tried here.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.kills import Toll, reap
from tests.chaos.trials import TRIALS, Outcome, Trial, play

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
BEGIN, END = "<!-- measured by tests.chaos.table: begin -->\n", "<!-- end -->\n"
HEAD = "| where | what breaks | told after | as | over, told after |\n|---|---|---|---|---|\n"
KILLS, SEED = 100, 1


def section(text: str) -> str:
    """Return what stands between the marks. Raises: `ValueError` where there are none."""
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the table in *text*."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def row(trial: Trial, outcome: Outcome | str) -> str:
    if isinstance(outcome, str):
        measured = f"not tried: {outcome} | | "
    else:
        measured = f"{outcome.told_s:.0f} s | {outcome.words} | {outcome.back_s:.0f} s"
    return f"| {trial.place} | {trial.name} | {measured} |\n"


def killed(toll: Toll) -> str:
    modes = ", ".join(f"{count} {mode}" for mode, count in sorted(toll.kills.items()))
    return (
        f"{toll.kills.total()} × `kill -9` ({modes}) over {toll.falls} falls into critical: "
        f"{len(toll.lost)} alerts lost, the latest {max(toll.late_s):.0f} s of its life after the "
        f"line; {toll.copies} messages came again, {len(toll.doubled)} of them known to have "
        f"arrived; {len(toll.corrupt)} ledgers corrupt.\n"
    )


async def tried(trial: Trial, turns: asyncio.Semaphore) -> Outcome | str:
    if lacking := trial.lacks():
        return lacking
    async with turns:
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcome = await play(trial, Path(folder))
            except AssertionError as error:
                raise SystemExit(f"{trial.place}, {trial.name}: {error}") from error
        sys.stderr.write(row(trial, outcome))
        return outcome


async def measured(trials: Sequence[Trial]) -> str:
    turns = asyncio.Semaphore(os.cpu_count() or 1)
    outcomes = await asyncio.gather(*(tried(trial, turns) for trial in trials))
    with tempfile.TemporaryDirectory() as folder:
        toll = await reap(Path(folder), kills=KILLS, seed=SEED)
    table = "".join(map(row, trials, outcomes))
    return f"{HEAD}{table}\n{killed(toll)}"


def main() -> None:
    found = asyncio.run(measured(TRIALS))
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(section(text), found), encoding="utf-8")


if __name__ == "__main__":
    main()
