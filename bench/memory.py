"""
Resident memory of `watcher run` with three accounts on three venues.

Rule: measured from outside, at the fastest pace the settings allow, after every account has been
read many times; the highest value seen counts, not the last. The practice exchange is another
process. The baseline is the same daemon after ccxt's own documented import, which loads every
venue; both run at the same time.
"""

from __future__ import annotations

import time

from bench.daemon import THREE, Process, config_of, practice, run_arguments, running
from bench.line import Line

WATCH_S = 20.0
LOOK_S = 0.25
MOST_MB = 130.0
READINGS_MIN = 20
PACE = '[poll]\ncalm = "2s"\nhot = "1s"\n'
WHOLE = (
    "-c",
    "import sys, ccxt.async_support; from watcher.__main__ import main; sys.exit(main())",
)


def measure() -> list[Line]:
    with practice() as folder:
        lean = config_of(folder, "lean", tables=PACE)
        whole = config_of(folder, "whole", tables=PACE)
        with (
            running(run_arguments(lean), folder / "lean.log") as ours,
            running(run_arguments(whole, WHOLE), folder / "whole.log") as baseline,
        ):
            for process in (ours, baseline):
                process.wait_for("poll.completed", len(THREE))
            highest = _highest_mb(ours, baseline)
            for process in (ours, baseline):
                process.wait_for("poll.completed", READINGS_MIN)
    return [
        Line(
            name="resident memory, 3 accounts, 3 venues",
            unit="MB",
            ours=highest[0],
            baseline=highest[1],
            against="the same daemon after `import ccxt.async_support`",
            most=MOST_MB,
        )
    ]


def _highest_mb(*processes: Process) -> list[float]:
    highest = [0.0 for _ in processes]
    end = time.monotonic() + WATCH_S
    while time.monotonic() < end:
        for number, process in enumerate(processes):
            highest[number] = max(highest[number], process.resident_mb())
        time.sleep(LOOK_S)
    return highest
