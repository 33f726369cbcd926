"""
The command behind `watcher demo`: sets the stage, lets the show run, tells what it proved.

Rule: exit code 0 only if nobody was failed: every true crossing of a watched account told, no
false alarm, no message lost, blindness told and ended, at least one twin dead and one saved, and
the account that tops itself up saved by what it moved, once per decision.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from watcher.sim.default import empty_world
from watcher.sim.demo.book import BookError, OwnBook, parse_book
from watcher.sim.demo.daemon import DaemonError
from watcher.sim.demo.market import DRAWN, FACTS, STARTS, sell_off
from watcher.sim.demo.record import TIERS, Event, Record
from watcher.sim.demo.rescue import failures_of, lines_of, rescues_of
from watcher.sim.demo.show import DEAD_S, OUTAGE_S, Plot, Show
from watcher.sim.demo.stage import COINS, Pair, cast
from watcher.sim.demo.summary import Summary, summarise
from watcher.sim.demo.truth import worth
from watcher.sim.demo.view import clock_text, view_for
from watcher.sim.market import Scripted
from watcher.sim.practice import serve
from watcher.sim.world import SECOND_US

TIERS_TEXT = "20%,12%,6%,3%"
PACE = 100.0
START_US = 1_642_705_200 * SECOND_US
"""2022-01-20 19:00:00 UTC, the first recorded minute."""
OUTAGE_SHARE = 0.62
TRADER_S = (90.0, 240.0)
EMAIL_S = (1500.0, 2700.0)


def run_demo(
    *,
    seed: int = 1,
    fast: bool = False,
    book: str | None = None,
    tiers: str | None = None,
    top_up: str = "auto",
    events: Path | None = None,
    picture: Path | None = None,
) -> int:
    """
    Play the demo and return the exit code: 0 fine, 1 something was missed, 2 bad input.

    *fast*: as quick as the machine can instead of at reading pace. *tiers*: distance lines other
    than the defaults, "20%,12%,6%,3%". *top_up*: the mode of the account that tops itself up;
    in any other than "auto" it is not saved, and the code is 1. *events*: where to write one JSON
    line per event. *picture*: where to write the PNG.
    """
    console = Console()
    try:
        own = parse_book(book, COINS) if book is not None else None
        lines = parse_tiers(tiers)
        _expect_folders(events, picture)
        _expect_writable(events)  # without its picture a demo is a demo still
    except BookError as found:
        sys.stderr.write(f"watcher demo: {found}\n")
        return 2
    try:
        return asyncio.run(
            _until_told(
                _play(
                    console,
                    own,
                    Asked(seed=seed, lines=lines, fast=fast, top_up=top_up),
                    events=events,
                    picture=picture,
                )
            )
        )
    except DaemonError as found:
        sys.stderr.write(f"watcher demo: {found}\n")
        return 1
    except asyncio.CancelledError:
        sys.stderr.write("watcher demo: stopped\n")
        return 1


def _expect_folders(*targets: Path | None) -> None:
    for target in targets:
        if target is None:
            continue
        if not target.absolute().parent.is_dir():
            raise BookError(f"{target}: found no folder {target.parent}, expected one")
        if target.is_dir():
            raise BookError(f"{target}: found a folder, expected a file")


def _expect_writable(target: Path | None) -> None:
    if target is not None and not os.access(target.absolute().parent, os.W_OK | os.X_OK):
        raise BookError(f"{target}: this user may not write there, expected a file to write")


async def _until_told(play: Coroutine[object, object, int]) -> int:
    """Run *play*; SIGTERM or Ctrl-C end it in order, with its daemon and its folder."""
    task = asyncio.ensure_future(play)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    return await task


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which story is to be told, and how."""

    seed: int
    lines: Mapping[str, float]
    fast: bool
    top_up: str


async def _play(
    console: Console,
    own: OwnBook | None,
    asked: Asked,
    *,
    events: Path | None,
    picture: Path | None,
) -> int:
    path, record_end = sell_off(asked.seed)
    plot = _plot(asked, path)
    world = empty_world(seed=asked.seed, start_us=START_US, prices=path.prices_at(0))
    pairs = cast(world, own)
    world.follow(path)
    starts = {name: worth(world, account) for name, account in world.accounts.items()}
    view = view_for(console)
    view.opening(_opening(asked.seed, pairs, plot, record_end))
    practice = await serve(world, lockstep=True)
    try:
        show = Show(practice=practice, pairs=pairs, plot=plot, view=view)
        with tempfile.TemporaryDirectory(prefix="watcher-demo-") as folder:
            record = await show.run(Path(folder))
    finally:
        await practice.close()
    summary = summarise(record, [(pair.watched, pair.twin) for pair in pairs])
    rescues = rescues_of(world, record, pairs, starts, show.ledger)
    for (venue, _), tally in practice.server.tallies.items():
        count, weight = summary.requests.get(venue, (0, 0))
        summary.requests[venue] = (count + tally.count, weight + tally.weight)
    failures = _failures(summary, own)
    failures += [words for one in rescues for words in failures_of(one)]
    view.closing(_closing(summary, show.killed_at, {one.account for one in rescues}))
    view.closing([line for one in rescues for line in lines_of(one)])
    view.closing([f"FAILED: {failure}" for failure in failures])
    record.add(
        Event(t=show.t, kind="summary", note="; ".join(failures) or "every crossing was told")
    )
    _write_events(record, events)
    title = f"watcher demo, seed {asked.seed}: true distance to liquidation, percent"
    await _draw(show, title, picture, view.closing)
    return 1 if failures else 0


def parse_tiers(text: str | None) -> dict[str, float]:
    """Return the distance lines of *text*, or the defaults. Raises: `BookError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)%" + r",(\d+(?:\.\d+)?)%" * 3, text or TIERS_TEXT)
    if found is None:
        raise BookError(f'--tiers: found {text!r}, expected four lines like "{TIERS_TEXT}"')
    lines = [float(value) for value in found.groups()]
    if not 100 > lines[0] > lines[1] > lines[2] > lines[3] > 0:
        raise BookError(f"--tiers: found {text!r}, expected four distances, the widest first")
    return dict(zip(TIERS, lines, strict=True))


def _plot(asked: Asked, path: Scripted) -> Plot:
    chance = random.Random(asked.seed * 7919 + 1)
    end_s = path.length_us / SECOND_US
    return Plot(
        lines=asked.lines,
        end_s=end_s,
        outage_venue="bybit",
        outage_s=end_s * OUTAGE_SHARE + chance.uniform(-120, 120),
        trader_s=chance.uniform(*TRADER_S),
        email_s=chance.uniform(*EMAIL_S),
        pace=None if asked.fast else PACE,
        top_up=asked.top_up,
    )


def _opening(seed: int, pairs: list[Pair], plot: Plot, record_end_us: int) -> list[str]:
    names = ", ".join(f"{pair.watched} / {pair.twin}" for pair in pairs)
    prices = ", ".join(f"{coin} {price:,.0f}" for coin, price in STARTS.items())
    return [
        f"watcher demo · seed {seed} · no keys, no network: practice venues on this machine",
        FACTS,
        DRAWN,
        f"prices at the start: {prices}; the drawn end begins at {clock_text(record_end_us / 1e6)}",
        f"pairs: {names}",
        (
            f"the trader acts {plot.trader_s / 60:.1f} min after a CRITICAL message; the twin "
            f"reads the venue's e-mail after {plot.email_s / 60:.0f} min"
        ),
        (
            f"planned: {plot.outage_venue} down for {OUTAGE_S / 60:.0f} min at "
            f"{clock_text(plot.outage_s)}; kill -9 of the daemon at the first CRITICAL, back after "
            f"{DEAD_S:.0f} s"
        ),
        *(
            f"{pair.watched} tops itself up from its funding wallet (mode {plot.top_up}); nobody "
            f"touches it or {pair.twin}"
            for pair in pairs
            if pair.auto
        ),
        "",
    ]


def _failures(summary: Summary, own: OwnBook | None) -> list[str]:
    """Return what went wrong, in words; a book of one's own may do as it likes."""
    failures = [
        f"{one.account}: {one.tier} crossed at {clock_text(one.true_at)}, never told"
        for one in summary.missed
    ]
    failures += [
        f"{event.account}: {event.tier} told at {clock_text(event.t)} was not true"
        for event in summary.false_alarms
    ]
    failures += [f"message {name} was lost" for name in summary.gaps]
    failures += [f"message {name} came twice" for name in summary.repeated]
    failures += [f"{name}: blindness never ended" for name, _, end in summary.blind if end is None]
    if not summary.blind:
        failures.append("the outage was never told")
    if own is None and not summary.saved:
        failures.append("no watched account outlived its twin")
    return failures


def _closing(summary: Summary, killed_at: float | None, alone: Collection[str]) -> list[str]:
    lines = ["", "── what it proved ──"]
    lines.append("true crossing → delivered, per alert:")
    for one in summary.told:
        late = "never" if one.late_s is None else f"{one.late_s:.0f} s"
        lines.append(f"  {clock_text(one.true_at)}  {one.account:<14} {one.tier:<10} {late}")
    if summary.worst_late_s is not None:
        lines.append(f"  worst: {summary.worst_late_s:.0f} s")
    for name, lead in summary.lead_s.items():
        lines.append(f"first CRITICAL of {name}: {lead / 60:.0f} min before its twin died")
    lines.append(f"false alarms: {len(summary.false_alarms)}")
    for name, begin, end in summary.blind:
        until = "never ended" if end is None else f"seeing again {clock_text(end)}"
        lines.append(f"blind told: {name} {clock_text(begin)}, {until}")
    if killed_at is not None:
        lost, twice = len(summary.gaps), len(summary.repeated)
        lines.append(f"kill -9 at {clock_text(killed_at)}: {lost} messages lost, {twice} repeated")
    for name, t in summary.died.items():
        lines.append(f"liquidated: {name} at {clock_text(t)}")
    alerted = [name for name in summary.saved if name not in alone]
    lines.append(f"saved by an alert: {', '.join(alerted) or 'none'}")
    topped_up = [name for name in summary.saved if name in alone]
    lines.append(f"saved by a top-up: {', '.join(topped_up) or 'none'}")
    lines.append(f"not saved: {', '.join(summary.lost) or 'none'}")
    for venue, (count, weight) in sorted(summary.requests.items()):
        lines.append(f"requests: {venue} {count:,}, weight {weight:,}")
    return lines


def _write_events(record: Record, target: Path | None) -> None:
    if target is not None:
        lines = "".join(event.as_json() + "\n" for event in record.events)
        target.write_text(lines, encoding="utf-8")


async def _draw(
    show: Show,
    title: str,
    target: Path | None,
    say: Callable[[list[str]], None],
) -> None:
    """Let a child process draw the picture; a demo without one is still a demo."""
    if target is None:
        return
    story = {
        "title": title,
        "lines": show.plot.lines,
        "pairs": [(pair.watched, pair.twin) for pair in show.pairs],
        "curves": show.record.curves,
        "events": [json.loads(event.as_json()) for event in show.record.events],
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "watcher.sim.demo.picture",
        str(target),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, trouble = await child.communicate(json.dumps(story).encode())
    last = trouble.decode(errors="replace").strip().rpartition("\n")[2] or "it could not be drawn"
    say([f"picture: {target}" if child.returncode == 0 else f"no picture: {last}"])
