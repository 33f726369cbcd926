"""`watcher version`: the version of the installed program."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version


def main(argv: Sequence[str]) -> int:
    argparse.ArgumentParser(prog="watcher version", description=__doc__).parse_args(argv)
    print(program())
    return 0


def program() -> str:
    """Return the name and the version of what runs."""
    try:
        return f"watcher {version('watcher')}"
    except PackageNotFoundError:
        return "watcher (run from its source, not installed)"
