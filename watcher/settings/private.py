"""
Who else on this machine could read what must stay private: secret files and the state folder.

Rule: looked at once, at start, and refused with the command that mends it; nothing is mended here,
because whoever could read it may have. A file is private when it belongs to us or to root and gives
nobody else a right. Where an engine puts the secrets (systemd, a container's), its group counts as
us: systemd's list of one user shows as the group's right, and Kubernetes gives a group's.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from watcher.settings.problems import Problem

OTHERS = 0o007
GROUP_AND_OTHERS = 0o077
ROOT = 0


def of_secret(path: Path, *, by_engine: bool) -> Iterator[Problem]:
    """Yield what is wrong with the owner and the rights of a secret file."""
    denied = OTHERS if by_engine else GROUP_AND_OTHERS
    yield from _looked_at(str(path), path, denied, "chmod 600")


def of_state(folder: Path) -> Iterator[Problem]:
    """Yield the same for the state folder and the databases in it: they hold balances."""
    yield from _looked_at("state_dir", folder, GROUP_AND_OTHERS, "chmod 700")
    for path in sorted(folder.glob("*.db*")):
        if path.is_dir():
            continue  # what is wrong with it is said where it is opened
        yield from _looked_at("state_dir", path, GROUP_AND_OTHERS, "chmod 600")


def _looked_at(key: str, path: Path, denied: int, mend: str) -> Iterator[Problem]:
    try:
        info = path.stat()  # of what a link points to: containers hand out links
    except OSError:
        return  # gone meanwhile, or not to be looked at: whoever reads it says so
    me = os.geteuid()
    name = "it" if key == str(path) else str(path)
    if info.st_uid not in (me, ROOT):
        found = f"{name} owned by user {info.st_uid}"
        expected = f"user {me}, who runs this, or root: chown {me} {path}"
        yield Problem(key=key, found=found, expected=expected)
    mode = stat.S_IMODE(info.st_mode)
    if mode & denied:
        found = f"{name} open to others on this machine (mode {mode:04o})"
        yield Problem(key=key, found=found, expected=f"rights for its owner only: {mend} {path}")
