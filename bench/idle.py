"""
Processor time of `watcher run` at rest: three accounts, one reading each ten seconds, nothing to
tell.

Rule: real time against a practice exchange in a process of its own; the window begins after start
and its clean-up and is longer than the minute of the housekeeping, so that one of each is in it.
The baseline runs in the same minute: APScheduler firing three empty jobs each ten seconds.
"""

from __future__ import annotations

import time

from bench.daemon import THREE, config_of, practice, run_arguments, running
from bench.line import Line, Wrong

SETTLE_S = 15.0
WATCH_S = 66.0
MOST_PERCENT = 1.0
READINGS_MIN = 15
PACE = '[poll]\ncalm = "10s"\nhot = "10s"\n'
EMPTY_JOBS = ("-m", "bench.empty_jobs")


def measure() -> list[Line]:
    with practice() as folder:
        config = config_of(folder, "idle", tables=PACE)
        with (
            running(run_arguments(config), folder / "idle.log") as ours,
            running(EMPTY_JOBS, folder / "jobs.log") as baseline,
        ):
            ours.wait_for("poll.completed", len(THREE))
            time.sleep(SETTLE_S)
            began, read = time.monotonic(), ours.said("poll.completed")
            before = ours.cpu_s(), baseline.cpu_s()
            time.sleep(WATCH_S)
            used_s = ours.cpu_s() - before[0], baseline.cpu_s() - before[1]
            took_s = time.monotonic() - began
            read = ours.said("poll.completed") - read
    if read < READINGS_MIN:
        raise Wrong(f"{read} readings in {took_s:.0f} s, expected at least {READINGS_MIN}")
    return [
        Line(
            name="processor at rest, 3 accounts each 10 s",
            unit="%",
            ours=100 * used_s[0] / took_s,
            baseline=100 * used_s[1] / took_s,
            against="APScheduler with three empty jobs each 10 s",
            most=MOST_PERCENT,
            note=f"{read} readings in {took_s:.0f} s",
        )
    ]
