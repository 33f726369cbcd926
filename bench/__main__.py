"""Runs the benches named on the command line, or all, and exits 1 when a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from bench import idle, latency, margin, memory, start
from bench.ahead import step_ahead
from bench.line import HEADER, Line, Wrong, show

BENCHES: Mapping[str, Callable[[], list[Line]]] = {
    "margin": margin.measure,
    "start": start.measure,
    "memory": memory.measure,
    "latency": latency.measure,
    "idle": idle.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Measure against the budgets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    names = parser.parse_args(argv).names or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        parser.error(f"found {unknown[0]}, expected one of {', '.join(BENCHES)}")
    ahead = "ahead of other programs" if step_ahead() else "beside other programs"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python}, {os.cpu_count()} cores, {ahead}")
    print(HEADER)
    missed = []
    for name in names:
        began = time.perf_counter()
        try:
            lines = BENCHES[name]()
        except Wrong as found:
            print(f"{name}: WRONG, not measured\n    {found}")
            missed.append(name)
            continue
        show(lines)
        missed += [line.name for line in lines if line.missed]
        print(f"    ({name} took {time.perf_counter() - began:.0f} s)")
    print(f"missed: {', '.join(missed)}" if missed else "all targets met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
