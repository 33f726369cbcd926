"""
`watcher practice`: run the practice exchange alone and print a config that points at it.

Rule: standard output is a valid configuration file; what else there is to say is in its comments.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from watcher.sim.practice import run_practice


def main(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    return run_practice(
        port=given.port,
        prices=given.prices,
        underlying=given.underlying,
        speed=given.speed,
        lockstep=given.lockstep,
        seed=given.seed,
        folder=given.dir,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="watcher practice", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    add("--prices", type=Path, metavar="FILE", help="CSV of minutes: open, high, low, close")
    add("--underlying", default="BTC", help="the coin the file moves (default BTC)")
    add("--speed", type=float, default=1.0, help="price path, times the clock (default 1)")
    add("--lockstep", action="store_true", help="time moves only when the daemon asks (--clock)")
    add("--seed", type=int, help="draw a market from this seed")
    add("--dir", type=Path, metavar="DIR", help="write watcher.toml and secrets/ there")
    return parser
