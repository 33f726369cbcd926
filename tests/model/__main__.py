"""
`make model`: every case of the top-up protocol explored to its end, two at a time.

    case, what it is, what was found, worlds seen        ("WRONG" beside what was not expected)

Exit code 1 when a safe case is not, or a broken rule did no harm. `--quick` and `--deep` set other
bounds, `--path` tells how a bad world came about, names choose cases.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from textwrap import indent

from tests.model.case import deep, quick
from tests.model.cases import CASES
from tests.model.explore import Verdict, explored

PROCESSES = 2


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def line_of(verdict: Verdict) -> str:
    case, off = verdict.case, "" if verdict.is_expected else "  WRONG"
    return f"{case.name:4} {case.words:58} {verdict.found:7}{verdict.worlds:>10,}{off}"


def total_of(verdicts: Sequence[Verdict]) -> str:
    safe = [each for each in verdicts if each.case.expected == "safe"]
    bad = [each for each in verdicts if each.case.expected != "safe"]
    return (
        f"safe {sum(each.is_expected for each in safe)}/{len(safe)}, "
        f"known-bad found {sum(each.is_expected for each in bad)}/{len(bad)}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.model", description="model of the top-up protocol")
    bounds = parser.add_mutually_exclusive_group()
    bounds.add_argument("--quick", action="store_const", const=quick, dest="bounded")
    bounds.add_argument("--deep", action="store_const", const=deep, dest="bounded")
    parser.add_argument("--path", action="store_true", help="tell how each bad world came about")
    parser.add_argument("names", nargs="*", choices=[case.name for case in CASES] + [[]])
    given = parser.parse_args(arguments)
    cases = [case for case in CASES if case.name in given.names or not given.names]
    if given.bounded is not None:
        cases = [case if case.name == "V9" else given.bounded(case) for case in cases]
    verdicts: list[Verdict] = []
    # nothing a model makes is circular: looking for that costs a tenth of the time
    with ProcessPoolExecutor(PROCESSES, initializer=gc.disable) as pool:
        for verdict in pool.map(explored, cases):
            say(line_of(verdict))
            if verdict.path and (given.path or not verdict.is_expected):
                say(indent("\n".join(verdict.path), "       "))
            verdicts.append(verdict)
    say(total_of(verdicts))
    return 0 if all(each.is_expected for each in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
