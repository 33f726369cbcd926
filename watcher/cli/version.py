"""`watcher version`: the version of the installed program."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version


def main(argv: Sequence[str]) -> int:
    argparse.ArgumentParser(prog="watcher version", description=__doc__).parse_args(argv)
    try:
        print(f"watcher {version('watcher')}")
    except PackageNotFoundError:
        print("watcher (run from its source, not installed)")
    return 0
