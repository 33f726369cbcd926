"""
`watcher explain FILE | --account NAME`: the arithmetic of an account as a person would write it.

Rule: every figure is written out from the snapshot in exact Decimals, beside the engine's and not
from it; where the two part, that is said and the exit code is 1. Each rule is cited with its
source and date. A file needs no config and no network; an account is read once and nothing sent.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.given import snapshot_given
from watcher.cli.options import add_clock, config_parser, refuse, settings_of
from watcher.domain.account import ZERO, Snapshot
from watcher.domain.report import PoolReport, Report, Status
from watcher.margin import BookError, evaluate
from watcher.margin.crossing import Crossing, Proof, coins_at, is_proved, prove
from watcher.margin.movers import mover_of
from watcher.margin.rows import plain
from watcher.margin.sources import source_of
from watcher.margin.written import written
from watcher.store.files import FileError

SAME = Decimal("1e-9")
"""Our sums and the engine's are one where they lie closer than this part of gross notional."""

Betas = Mapping[str, float]


def main(argv: Sequence[str]) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    if (arguments.file is None) == (arguments.account is None):
        parser.error("expected either a snapshot FILE or --account NAME")
    try:
        asked = _of_account(arguments) if arguments.file is None else (_of_file(arguments.file), {})
        if isinstance(asked, int):
            return asked
        snapshot, betas = asked
        report = evaluate(snapshot, betas=betas)
        fine = [_tell_pool(snapshot, pool, betas) for pool in _heading(snapshot, report).pools]
    except (FileError, BookError) as error:
        print(f"{arguments.file or arguments.account}: {error}", file=sys.stderr)
        return REFUSED
    _cite(snapshot, report, betas)
    return FINE if all(fine) else TROUBLE


def _parser() -> argparse.ArgumentParser:
    parser = config_parser(
        "explain",
        "Write out the arithmetic of a snapshot file or of a live account, with the source of "
        "each rule.",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="a snapshot or a capture, - for standard input"
    )
    parser.add_argument("--account", metavar="NAME", help="read this account of the configuration")
    add_clock(parser)
    return parser


def _of_file(name: str) -> Snapshot:
    try:
        return snapshot_given(sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes())
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise FileError(f"{reason}, expected a snapshot file") from None


def _of_account(arguments: argparse.Namespace) -> tuple[Snapshot, Betas] | int:
    # the venue libraries take seconds to load: only where an account is asked
    from watcher.settings import ConfigError, Need, alert_rules  # noqa: PLC0415 - see above
    from watcher.setup.look import ask_all  # noqa: PLC0415 - see above

    settings = settings_of(arguments, Need.ACCOUNTS)
    if settings is None:
        return REFUSED
    name = arguments.account
    if name not in settings.accounts:
        known = ", ".join(settings.accounts)
        print(f"--account: found {name!r}, expected one of {known}", file=sys.stderr)
        return REFUSED
    only = settings.model_copy(update={"accounts": {name: settings.accounts[name]}})
    try:
        (answer,), _ = asyncio.run(ask_all(only, arguments.clock))
    except ConfigError as error:
        refuse(error)
        return REFUSED
    if answer.snapshot is None:
        print(f"{name}: not read: {answer.trouble}", file=sys.stderr)
        return TROUBLE
    return answer.snapshot, dict(alert_rules(settings, name).betas)


def _heading(snapshot: Snapshot, report: Report) -> Report:
    show.heading(
        f"{report.account} · {snapshot.venue} {snapshot.mode} · {show.moment(report.taken_at_us)}"
    )
    return report


def _tell_pool(snapshot: Snapshot, pool: PoolReport, betas: Betas) -> bool:
    print()
    show.heading(f"pool {pool.pool} ({pool.family}), in {pool.reference}")
    if pool.status is not Status.OK:
        why = pool.why or "nobody outside the venue can rebuild its arithmetic"
        show.line(f"  not computed: {why}; the venue's figures are used")
        return pool.status is Status.REPORTED
    proof = prove(snapshot, pool.pool, betas)
    _tell_lines(proof)
    fine = _tell_sums(pool, proof)
    for one in pool.stage_reports:
        title, place = show.stage(one)
        show.line(f"  [stage] {title}: {place}")
    for crossing in proof.crossings:
        fine &= _tell_crossing(snapshot, pool, proof, crossing, betas)
    if not proof.crossings:
        show.line("  no price between −100 % and +1,000 % liquidates this pool")
    return fine


def _tell_lines(proof: Proof) -> None:
    now = proof.now
    for total, title in ((now.equity, "equity"), (now.requirement, "requirement")):
        show.line(f"  {title}")
        for line in now.lines:
            amount = getattr(line, title)
            if not amount and (line.equity or line.requirement):
                continue
            if title == "requirement" and not amount:
                continue
            share = f" ({plain(round(100 * amount / total, 1))} %)" if total else ""
            show.line(f"    {line.name} [{line.rule}]: {line.words}")
            show.line(f"      = {plain(amount)}{share}")


def _tell_sums(pool: PoolReport, proof: Proof) -> bool:
    now = proof.now
    show.line(f"  equity {plain(now.equity)}, requirement {plain(now.requirement)}")
    show.line(f"  headroom {plain(now.headroom)}" + _health(proof))
    if proof.gap > SAME * now.gross:
        show.line(
            f"  the venue's own ratio is worse: {plain(proof.gap)} is taken off equity until both "
            "agree, and what follows starts from there"
        )
    apart = max(
        abs(now.equity - _exact(pool.equity)), abs(now.requirement - _exact(pool.requirement))
    )
    part = apart / now.gross if now.gross else apart
    if part <= SAME:
        show.line(f"  the engine's sums are the same to {float(part):.1e} of gross notional")
        return True
    show.line(
        f"  DOES NOT ADD UP: the engine has equity {pool.equity!r} and requirement "
        f"{pool.requirement!r}; this command does not write out all it counts",
        style="red",
    )
    return False


def _health(proof: Proof) -> str:
    now = proof.now
    if now.requirement <= 0:
        return ""
    ratio = now.equity / now.requirement
    return f", health {plain(now.equity)} / {plain(now.requirement)} = {ratio:.4f}"


def _tell_crossing(
    snapshot: Snapshot, pool: PoolReport, proof: Proof, crossing: Crossing, betas: Betas
) -> bool:
    marks = _marks(pool, betas, snapshot)
    at = coins_at(crossing, marks)
    tiers = " (the distance tiers use)" if crossing is proof.crossings[0] else ""
    print()
    show.line(f"  {crossing.path.name}: {100 * crossing.exact:.6f} %{tiers}")
    if not crossing.move:
        show.line("    at or past liquidation already")
    show.line("    " + ", ".join(f"{name} {plain(price)}" for name, price in at.items()))
    there = crossing.at
    show.line(
        f"    there equity {plain(there.equity - proof.gap)}, requirement "
        f"{plain(there.requirement)}, left {float(there.headroom - proof.gap):.1e}"
    )
    fine = is_proved(crossing) or not crossing.move
    if crossing.jump:
        show.line(
            f"    a table jumps there: headroom falls by {plain(crossing.jump)} at once and passes "
            "zero without touching it"
        )
    elif crossing.move:
        part = abs(crossing.residual) / there.gross if there.gross else ZERO
        verdict = "" if fine else " TOO MUCH"
        show.line(
            f"    substituted: the engine's {100 * crossing.move!r} % leaves "
            f"{float(crossing.residual):.1e}, {float(part):.1e} of gross notional{verdict}"
        )
    for again, gone in crossing.safe:
        show.line("    " + _band(crossing, marks, again, gone))
    return fine


def _band(
    crossing: Crossing, marks: Mapping[str, Decimal], again: float, gone: float | None
) -> str:
    words = f"safe again beyond {100 * again:.4f} %{_prices(crossing, marks, again)}"
    if gone is not None:
        words += f", liquidated again at {100 * gone:.4f} %{_prices(crossing, marks, gone)}"
    return words


def _prices(crossing: Crossing, marks: Mapping[str, Decimal], move: float) -> str:
    name = crossing.path.mover
    if name is None or name not in marks:
        return ""
    sign = -1 if crossing.path.down else 1
    return f" ({name} {plain(marks[name] * (1 + sign * Decimal(repr(move))))})"


def _marks(pool: PoolReport, betas: Betas, snapshot: Snapshot) -> dict[str, Decimal]:
    marks = {a.asset: a.index for a in snapshot.assets if a.pool == pool.pool and a.index > 0}
    marks |= {mover_of(u.underlying, betas): _exact(u.mark) for u in pool.underlyings}
    return marks


def _exact(value: float | None) -> Decimal:
    return ZERO if value is None else Decimal(repr(value))


def _cite(snapshot: Snapshot, report: Report, betas: Betas) -> None:
    computed = [pool.pool for pool in report.pools if pool.status is Status.OK]
    used = dict.fromkeys(
        line.rule for name in computed for line in written(snapshot, name, betas=betas).lines
    )
    if any(pool.stage_reports for pool in report.pools):
        used["stage"] = None
    if not used:
        return
    print()
    show.heading("rules")
    for rule in used:
        source = source_of(snapshot.venue, rule)
        if source is None:
            show.line(f"  [{rule}] no source is noted for {snapshot.venue}")
        else:
            show.line(f"  [{rule}] {source.words}")
            show.line(f"    {source.page}, read {source.read}")
