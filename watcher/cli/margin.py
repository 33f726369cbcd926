"""
`watcher margin FILE`: evaluate a snapshot or a capture offline.

Rule: the file holds all there is; no config, no network, no clock. Exit code 1 when a pool is
partial or our figure and the venue's lie apart, 2 when the file cannot be read.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.given import snapshot_given
from watcher.domain.account import Snapshot
from watcher.domain.report import PoolReport, Report, Status
from watcher.margin import BookError, evaluate
from watcher.store.files import FileError, placed, report_json

DISAGREEMENT_MAX = 1.0
"""Percent between our ratio and the venue's from which the exit code says so."""


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    name = arguments.file
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        snapshot = snapshot_given(text)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        print(f"{name}: {reason}, expected a snapshot file", file=sys.stderr)
        return REFUSED
    except FileError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return REFUSED
    try:
        report = evaluate(snapshot, betas=dict(arguments.beta))
    except BookError as error:
        print(f"{name}: {placed(snapshot, str(error))}", file=sys.stderr)
        return REFUSED
    if arguments.json:
        print(json.dumps(report_json(report), indent=2, allow_nan=False))
    else:
        tell(snapshot, report)
    return TROUBLE if any(map(in_trouble, report.pools)) else FINE


def in_trouble(pool: PoolReport) -> bool:
    """Return whether the exit code should speak of *pool*: partial, or in doubt."""
    return pool.status is Status.PARTIAL or (
        pool.disagreement is not None and abs(pool.disagreement) > DISAGREEMENT_MAX
    )


def tell(snapshot: Snapshot, report: Report) -> None:
    show.heading(
        f"{report.account} · {snapshot.venue} {snapshot.mode} · {show.moment(report.taken_at_us)}"
    )
    for pool in report.pools:
        _tell_pool(pool)
    if not report.pools:
        show.line("no pools: the account holds nothing")


def _tell_pool(pool: PoolReport) -> None:
    unit = pool.reference
    why = f": {pool.why}" if pool.why else ""
    print()
    show.heading(f"pool {pool.pool} ({pool.family}, {pool.status}{why})")
    figures = [
        ("equity", show.money(pool.equity, unit)),
        ("must keep", show.money(pool.requirement, unit)),
        ("headroom", show.money(pool.headroom, unit)),
        ("maintenance margin", show.money(pool.maintenance_margin, unit)),
        ("used margin", show.money(pool.used_margin, unit)),
        ("health", show.health(pool.health)),
        ("margin level", show.percent(pool.margin_level)),
        ("distance", _distance(pool)),
        ("all down / all up", f"{_move(pool.joint_down)} / {_move(pool.joint_up)}"),
    ]
    figures += [(f"depeg {asset}", _move(value)) for asset, value in pool.depeg.items()]
    if pool.venue_ratio is not None:
        apart = "" if pool.disagreement is None else f" (ours differs by {pool.disagreement:.2g} %)"
        figures.append((f"venue's {pool.venue_ratio.name}", f"{pool.venue_ratio.value}{apart}"))
    width = max(len(name) for name, _ in figures)
    for name, text in figures:
        show.line(f"  {name.ljust(width)}  {text}")
    _tell_tables(pool)


def _tell_tables(pool: PoolReport) -> None:
    show.table(
        [
            "position",
            "side",
            f"notional {pool.reference}",
            "P&L",
            "maintenance",
            "liquidation at",
            "distance",
        ],
        [
            [
                position.symbol,
                str(position.side),
                show.money(position.notional),
                show.money(position.unrealised_pnl),
                show.money(position.maintenance_margin),
                show.price(position.liquidation_price),
                show.percent(position.distance),
            ]
            for position in pool.positions
        ],
        words=2,
    )
    show.table(
        ["the venue's stage", "reached at"],
        [list(show.stage(one)) for one in pool.stage_reports],
        words=2,
    )
    show.table(
        ["alone", "mark", "liquidated below", "liquidated above"],
        [
            [
                row.underlying,
                show.price(row.mark),
                show.price(row.liquidation_down),
                show.price(row.liquidation_up),
            ]
            for row in pool.underlyings
        ],
    )


def _distance(pool: PoolReport) -> str:
    if pool.tier_distance is None:
        return "none in range"
    return f"{show.percent(pool.tier_distance)} ({pool.worst_path})"


def _move(value: float | None) -> str:
    return "none in range" if value is None else show.percent(value)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watcher margin",
        description="Evaluate a file (watcher.snapshot/1 or watcher.capture/1) offline.",
    )
    parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    parser.add_argument("--json", action="store_true", help="print the report as watcher.report/1")
    parser.add_argument(
        "--beta",
        metavar="COIN=FACTOR",
        type=_beta,
        action="append",
        default=[],
        help="how far a coin moves when all move by 1 (repeat for several)",
    )
    return parser


def _beta(text: str) -> tuple[str, float]:
    coin, _, factor = text.partition("=")
    try:
        number = float(factor)
    except ValueError:
        number = math.nan
    if not coin or not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected COIN=FACTOR such as SOL=1.3")
    return coin.upper(), number
