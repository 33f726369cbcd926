"""
Where a daemon can be put so that disk or network can be taken from it without harm to anybody.

Rule: a place is a prefix of its command line, made with the user's own rights in namespaces of its
own; what is missing for it is said in words. The process that is started stays the daemon: a
signal to it reaches nothing else.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

DISK_BYTES = 4_000_000


@cache
def lacks_mounts() -> str:
    return _tried("unshare", "-Urm", "mount", "-t", "tmpfs", "none", "/mnt")


@cache
def lacks_limits() -> str:
    return _tried("prlimit", "--fsize=0", "true")


@cache
def lacks_networks() -> str:
    return _tried("unshare", "-Urn", "true")


def small_disk(folder: Path) -> Sequence[str]:
    """Let the state folder be a disk of its own that holds 4 MB."""
    return _mounted(folder, f"mount -t tmpfs -o size={DISK_BYTES},mode=700 none STATE")


def read_only(folder: Path) -> Sequence[str]:
    """Let the state folder be one that nothing can be written to."""
    return _mounted(folder, "mount --bind STATE STATE && mount -o remount,ro,bind STATE")


def full_disk(folder: Path) -> Sequence[str]:
    """Let no file of the process grow."""
    return ("prlimit", "--fsize=0")


def seen_from(process_id: int, state: Path) -> Path:
    """Return where the state folder of a process is, as seen from outside."""
    return Path(f"/proc/{process_id}/root{state}")


def _mounted(folder: Path, how: str) -> Sequence[str]:
    state = folder / "state"
    how = how.replace("STATE", f"'{state}'")
    return ("unshare", "-Urm", "sh", "-c", f'{how} && exec "$@"', "sh")


def _tried(*command: str) -> str:
    if sys.platform != "linux" or shutil.which(command[0]) is None:
        return f"there is no {command[0]} here"
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else f"not allowed here: {' '.join(command)}"
