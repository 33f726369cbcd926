"""
Storms and packs over the package in the working folder, until one of them breaks a promise.

Rule: one line of JSON on stdout, nothing but what `watcher.storm.play` says: the run and the first
promise that was broken, or nothing. Asked for a package elsewhere than in the working folder, it
ends: then it would judge the wrong one.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import watcher
from watcher.storm.play import Job, play


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutants.storm")
    parser.add_argument("--hours", type=float, required=True)
    parser.add_argument("runs", nargs="+", metavar="PACK:SEED")
    given = parser.parse_args()
    assert Path(str(watcher.__file__)).is_relative_to(Path.cwd()), watcher.__file__
    for run in given.runs:
        pack, _, seed = run.partition(":")
        played = play(Job(seed=int(seed), hours=given.hours, pack=pack))
        if played.good:
            continue
        name, words = next(iter(played.violations.items()), ("could not be played", []))
        said = words[0] if words else played.broken.strip().rpartition("\n")[2]
        sys.stdout.write(json.dumps({"run": run, "oracle": name, "words": said}) + "\n")
        return 0
    sys.stdout.write("{}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
