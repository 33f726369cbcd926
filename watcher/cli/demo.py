"""
`watcher demo`: see what it does in a minute, with no keys, no config and no network.

Rule: only arguments are read here; the demo is `watcher.sim.demo`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from watcher.sim.demo.rescue import MODES
from watcher.sim.demo.run import run_demo


def main(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    return run_demo(
        seed=given.seed,
        fast=given.fast,
        book=given.book,
        tiers=given.tiers,
        top_up=given.top_up,
        events=given.json,
        picture=given.png,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watcher demo",
        description="Twin accounts through the sell-off of January 2022, one guarded and one not: "
        "no keys, no configuration, no network.",
    )
    add = parser.add_argument
    add("--seed", type=int, default=1, help="another seed is another story (default 1)")
    add("--fast", action="store_true", help="lockstep without waiting, over the same HTTP")
    add("--book", metavar="TEXT", help='your own book: "2 BTC long, 40 ETH short, 25k USDT"')
    add("--tiers", metavar="LINES", help='distance lines (default "20%%,12%%,6%%,3%%")')
    add(
        "--top-up",
        choices=MODES,
        default="auto",
        help="mode of the account that tops itself up; it dies in any other (default auto)",
    )
    add("--json", type=Path, metavar="FILE", help="write one JSON line per event")
    add(
        "--png",
        type=Path,
        metavar="FILE",
        default=Path("watcher-demo.png"),
        help="where to draw distance over time (default watcher-demo.png)",
    )
    return parser
