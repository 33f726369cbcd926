"""
Signs of life of the daemon on a folder: its lock, and the last sign it wrote into the ledger.

Rule: reads with the standard library alone and waits for nobody, because monitors ask every few
seconds. Nothing is judged here.
"""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

from watcher.domain.sign import Sign

LOCK = "lock"
KEY = "sign"
BUSY_TIMEOUT_S = 0.2


class NoSign(Exception):
    """There is no sign of life to be read, and why in plain words."""


def sign_of(folder: Path) -> Sign:
    """
    Return the last sign of life in *folder*.

    Raises: `NoSign`.
    """
    path = folder / "ledger.db"
    try:
        there = path.is_file()
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise NoSign(f"{folder}: {reason}; ask as the user of the daemon, or as root") from error
    if not there:
        raise NoSign(f"no {path.name} in {folder}: nothing was ever started there")
    try:
        ledger = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S
        )
        try:
            row = ledger.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
        finally:
            ledger.close()
    except sqlite3.Error as error:
        raise NoSign(f"{path.name}: {error}") from error
    if row is None:
        raise NoSign(f"{path.name} holds none yet: it comes seconds after the start")
    return _read(row[0], path.name)


def _read(text: str, name: str) -> Sign:
    try:
        facts = json.loads(text)
        lists = {key: tuple(facts[key]) for key in ("wrong", "unseen", "blind")}
        return Sign(**{**facts, **lists})
    except (ValueError, TypeError, KeyError) as error:
        raise NoSign(f"{name}: of another version ({type(error).__name__})") from error


def sign_lock(folder: Path, process: int) -> None:
    """Write into the lock, which *process* holds, whom a signal to read the settings reaches."""
    (folder / LOCK).write_text(f"{process}\n", encoding="ascii")


def holder(folder: Path) -> int | None:
    """
    Return the process that holds the lock of *folder* and signed it; None: there is none.

    Raises: `NoSign` when the system does not tell.
    """
    path = folder / LOCK
    try:
        signed = path.read_text(encoding="ascii").strip()
        inode = path.stat().st_ino
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise NoSign(f"{path}: {reason}; ask as the user of the daemon, or as root") from error
    if not signed.isdigit():
        return None
    # what a process has open says which locks it holds: a number alone may be anybody's by now
    held = re.compile(rf"^lock:.* FLOCK .*:{inode} ", re.MULTILINE)
    try:
        handles = list((Path("/proc") / signed / "fdinfo").iterdir())
        return int(signed) if any(held.search(_facts(each)) for each in handles) else None
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"{path} is signed by process {signed}, which may not be looked at"
        raise NoSign(f"{reason}: {error.strerror}") from error


def _facts(handle: Path) -> str:
    try:
        return handle.read_text(encoding="ascii")
    except FileNotFoundError:
        return ""  # closed since it was listed


def is_locked(folder: Path) -> bool | None:
    """
    Return whether a process holds the lock of *folder*; None when the system does not tell.

    Taking the lock to find out would refuse a daemon that starts at that moment.
    """
    path = folder / LOCK
    try:
        inode = str(path.stat().st_ino)
        table = Path("/proc/locks").read_text(encoding="ascii")
    except FileNotFoundError:
        return None if path.exists() else False
    except OSError:
        return None
    held = (line.split() for line in table.splitlines())
    return any("FLOCK" in words and words[-3].endswith(f":{inode}") for words in held)
