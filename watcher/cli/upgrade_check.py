"""
`watcher upgrade-check`: what the next start of this version would change, before it does.

Rule: changes nothing, needs neither secrets nor network. Exit code 0 when the next start takes over
what is there, 2 when it would refuse the configuration, 1 when it would refuse the ledger or has no
room for the copy made before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.cli.options import config_parser, settings_of
from watcher.cli.version import program
from watcher.ports import StoreError
from watcher.settings import CONFIG_DEFAULT, Need
from watcher.store.life import is_locked
from watcher.store.tables import LEDGER_VERSION
from watcher.store.upgrade import Found, look

MB = 1_000_000
ROOM_MIN = 3
"""Times its size: the copy, and the change itself in the journal and in the file."""


def main(argv: Sequence[str]) -> int:
    parser = config_parser("upgrade-check", "Say what the next start would change.")
    arguments = parser.parse_args(argv)
    print(program())
    settings = settings_of(arguments, Need.LINES)
    if settings is None:
        return REFUSED
    file = arguments.config or CONFIG_DEFAULT
    if file.exists():
        print(f"config {file}: version {settings.version}, every key is known to this watcher")
    folder = Path(settings.state_dir)
    try:
        found = look(folder)
    except (StoreError, OSError) as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE
    if is_locked(folder):
        print(f"a daemon runs on {folder}: it is as it was until it is started again")
    if found is None:
        print(f"ledger: none in {folder} yet, the first start makes one (version {LEDGER_VERSION})")
        return FINE
    return _tell(folder, found)


def _tell(folder: Path, found: Found) -> int:
    size = f"{found.size / MB:.1f} MB"
    print(f"ledger {folder / 'ledger.db'}: version {found.version}, {size}, sound")
    if not found.steps:
        print("  as this watcher writes it: the next start changes nothing")
        return FINE
    print(f"  the next start brings it to version {LEDGER_VERSION}: {found.steps}")
    print(f"  before that it is copied to {found.backup}")
    print("  to go back: stop, put the copy in its place, start the older version")
    if found.free < ROOM_MIN * found.size:
        print(
            f"watcher: {found.free / MB:.1f} MB free in {folder}, expected "
            f"{ROOM_MIN * found.size / MB:.1f}: make room before the update",
            file=sys.stderr,
        )
        return TROUBLE
    return FINE
