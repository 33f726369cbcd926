"""`watcher practice`: run the practice exchange alone, on one loopback port."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from watcher.sim.practice import run_practice

PORT_MAX = 65_535


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="watcher practice",
        description="Run the practice exchange alone: Binance, Bybit, OKX and the Bot API on one "
        "loopback port. Prints a ready configuration; runs until SIGTERM or Ctrl-C.",
    )
    parser.add_argument("--port", type=_port, default=0, help="on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--prices", type=Path, metavar="FILE", help="a CSV of minutes that prices follow"
    )
    parser.add_argument("--underlying", default="BTC", help="the coin of --prices (default: BTC)")
    parser.add_argument("--speed", type=float, default=1.0, help="of the price path (default: 1)")
    parser.add_argument("--seed", type=int, help="draw a market from this seed")
    parser.add_argument(
        "--lockstep", action="store_true", help="time moves only when the daemon asks for it"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="write watcher.toml and its secrets there"
    )
    arguments = parser.parse_args(argv)
    return run_practice(**vars(arguments))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= PORT_MAX):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a port from 1 to {PORT_MAX}")
    return int(text)
