"""
`watcher capture --account NAME OUT.json`: the venue's raw answers of one poll, to look at later.

Rule: reads once, writes one file, sends nothing anywhere. Secrets, ids and addresses are replaced
before anything is written; the file is then read back the way `watcher margin` reads it and must
give the same account. A poll that fails is written too: that is what a report is often about. Exit
code 1 when it failed or reads back differently.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from watcher.app import open_clock, open_venues, set_up_log
from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.options import add_clock, config_parser, refuse, settings_of
from watcher.domain.account import Snapshot
from watcher.ports import VenueError
from watcher.settings import ConfigError, Need, Settings
from watcher.settings.hidden import secrets_of
from watcher.venues.capture import ACCOUNT, Capture, Tape, record, replayed, write_capture
from watcher.venues.redact import Redactor

PRIVATE_MODE = 0o600
TIMEOUT_S = 60.0


def main(argv: Sequence[str]) -> int:
    parser = config_parser(
        "capture",
        "Read an account once and write the venue's raw answers to a file, without secrets, ids "
        "and addresses. Balances, positions and orders stay in it: look before you share it.",
    )
    parser.add_argument("--account", metavar="NAME", help="which account (default: the only one)")
    parser.add_argument("file", metavar="OUT.json", type=Path, help="where to; must not exist yet")
    add_clock(parser)
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.ACCOUNTS)
    if settings is None:
        return REFUSED
    name = arguments.account or (
        next(iter(settings.accounts)) if len(settings.accounts) == 1 else ""
    )
    if name not in settings.accounts:
        known = ", ".join(settings.accounts)
        print(f"--account: found {name!r}, expected one of {known}", file=sys.stderr)
        return REFUSED
    if os.access(arguments.file, os.F_OK):
        print(f"{arguments.file}: exists already, expected a new file", file=sys.stderr)
        return REFUSED
    settings = settings.model_copy(update={"accounts": {name: settings.accounts[name]}})
    try:
        capture, live, again = asyncio.run(_capture(settings, name, arguments.clock))
        _write(arguments.file, write_capture(capture))
    except ConfigError as error:
        refuse(error)
        return REFUSED
    except OSError as error:
        print(f"{arguments.file}: {(error.strerror or 'not written').lower()}", file=sys.stderr)
        return REFUSED
    return _tell(arguments.file, capture, live, again)


async def _capture(
    settings: Settings, name: str, clock_url: str | None
) -> tuple[Capture, Snapshot | None, Snapshot | None]:
    """Return what was captured, what the adapter read, and what it reads from the capture."""
    account = settings.accounts[name]
    async with open_clock(clock_url) as clock:
        set_up_log(settings, clock.now, level="error")
        tape = Tape(lambda: clock.now().wall_us / 1000, Redactor(list(secrets_of(account))))
        try:
            venue = open_venues(settings, tape, clock)[name]
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    capture, live = await record(venue, tape, account.venue)
            finally:
                await venue.close()
        finally:
            await tape.close()
    try:
        again = await replayed(capture)
    except VenueError:
        again = None
    return capture, live, again


def _write(path: Path, text: str) -> None:
    # balances are in it: for its owner's eyes until he decides otherwise
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _tell(path: Path, capture: Capture, live: Snapshot | None, again: Snapshot | None) -> int:
    replaced = ", ".join(f"{count} {kind}" for kind, count in sorted(capture.replaced.items()))
    print(f"{path}: {len(capture.answers)} answers of {capture.venue}, {capture.mode}")
    print(f"replaced: {replaced or 'nothing'}; left in it: balances, positions, times, key rights")
    if capture.trouble is not None:
        show.line(
            f"the poll failed, and what was answered is in it: {capture.trouble}", style="red"
        )
        return TROUBLE
    if live is None or again is None or _bare(live) != _bare(again):
        show.line("it does not read back as the account that was read", style="red")
        return TROUBLE
    print(f"reads back as the same account: watcher margin {path}")
    return FINE


def _bare(snapshot: Snapshot) -> Snapshot:
    """Return *snapshot* without its times and its name, which a capture does not keep."""
    return replace(snapshot, account=ACCOUNT, taken_at_us=0, parts=dict.fromkeys(snapshot.parts, 0))
