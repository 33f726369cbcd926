"""
`watcher reload`: have a running daemon go on with the settings as they stand in the file now.

Rule: the file is read and rehearsed here first; what is refused here never reaches the daemon. It
is told by a signal, and only the process that holds the lock of the state folder is. Whether the
new settings hold it says itself, in its store: secrets and keys are its to judge. Exit code 0 when
they do, 2 when they were refused, 1 when there is no daemon or no answer.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.options import config_parser, settings_of
from watcher.ports import StoreError
from watcher.settings import Need
from watcher.store.beside import outcome_of
from watcher.store.life import NoSign, holder
from watcher.store.outcome import Outcome

WAIT_S = 15.0
LOOK_S = 0.05


def main(argv: Sequence[str]) -> int:
    parser = config_parser("reload", "Have a running daemon take over the edited configuration.")
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.LINES)
    if settings is None:
        show.complaint("a daemon that runs keeps the settings it has")
        return REFUSED
    folder = Path(settings.state_dir)
    try:
        process = holder(folder)
        if process is None:
            fix = "start it with `watcher run`; it reads the settings then"
            print(f"watcher: no daemon runs on {folder}: {fix}", file=sys.stderr)
            return TROUBLE
        before = outcome_of(folder).number
        os.kill(process, signal.SIGHUP)
        outcome = _awaited(folder, before)
    except PermissionError:
        fix = "run this as the user of the daemon, or as root"
        print(f"watcher: process {process} is another user's: {fix}", file=sys.stderr)
        return TROUBLE
    except (StoreError, NoSign, ProcessLookupError) as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE
    if outcome is None:
        print(f"watcher: no answer in {WAIT_S:g} s; look at the daemon's log", file=sys.stderr)
        return TROUBLE
    return _tell(outcome)


def _awaited(folder: Path, before: int) -> Outcome | None:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        outcome = outcome_of(folder)
        if outcome.number != before:
            return outcome
        time.sleep(LOOK_S)
    return None


def _tell(outcome: Outcome) -> int:
    count = len(outcome.lines)
    many = "" if count == 1 else "s"
    if not outcome.taken:
        print(f"refused, the old settings stay, {count} problem{many}:", file=sys.stderr)
        for line in outcome.lines:
            print(f"  {line}", file=sys.stderr)
        return REFUSED
    if not count:
        print("nothing changed")
        return FINE
    print(f"reloaded: {count} setting{many} changed:")
    for line in outcome.lines:
        print(f"  {line}")
    return FINE
