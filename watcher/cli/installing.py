"""
Where a service stands on a machine, and the single steps that put it there.

Rule: a step says in one line what it does, and whether there is anything to do; only `do` changes
the machine. Files that hold a secret are never shown, and never open to others even for a moment.
"""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watcher.cli import unit

SYSTEM_CONFIG = Path("/etc/watcher/watcher.toml")
SYSTEM_SECRETS = Path("/etc/watcher/secrets")
SYSTEM_STATE = Path("/var/lib/watcher")
SYSTEM_UNIT = Path("/etc/systemd/system") / unit.NAME
USER = "watcher"
PREFIX = "watcher_"
"""What the names of secrets begin with; a folder of the service's own leaves it out."""
COMMAND_TIMEOUT_S = 90.0
"""A start waits until the daemon says that it watches, or systemd gives up."""


class Refusal(Exception):
    """Why nothing was done, in one line that says what to do next; `more` is shown below it."""

    def __init__(self, reason: str, more: str = "") -> None:
        super().__init__(reason)
        self.more = more


class StepFailed(Exception):
    """A step could not be done; what was done before it stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a unit and what it needs stand; *root* is the machine's own but in tests."""

    user: bool
    root: Path
    unit: Path
    config: Path
    secrets: Path
    state: Path

    def at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    @property
    def systemctl(self) -> tuple[str, ...]:
        return ("systemctl", "--user") if self.user else ("systemctl",)


def system_place(root: Path) -> Place:
    return Place(
        user=False,
        root=root,
        unit=SYSTEM_UNIT,
        config=SYSTEM_CONFIG,
        secrets=SYSTEM_SECRETS,
        state=SYSTEM_STATE,
    )


def user_place(root: Path, config: Path, environ: Mapping[str, str]) -> Place:
    home = Path(environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    state_home = Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return Place(
        user=True,
        root=root,
        unit=config_home / "systemd" / "user" / unit.NAME,
        config=config,
        secrets=config.parent / "secrets",
        state=state_home / "watcher",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder that is there, with these rights."""

    path: Path
    mode: int
    at: Path

    @property
    def due(self) -> bool:
        return not self.at.is_dir()

    def words(self) -> str:
        return f"folder {self.path} (mode {self.mode:04o})"

    def do(self) -> None:
        self.at.mkdir(mode=self.mode, parents=True, exist_ok=True)
        self.at.chmod(self.mode)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file with this content; `shown` says whether a person may see that."""

    path: Path
    text: str = field(repr=False)
    mode: int
    at: Path
    shown: bool = True

    @property
    def due(self) -> bool:
        return self.found != self.text

    @property
    def found(self) -> str | None:
        """What stands there now; None: nothing."""
        try:
            return self.at.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def words(self) -> str:
        return f"file {self.path} (mode {self.mode:04o})"

    def do(self) -> None:
        # beside it and moved over it: never half a file, never one that others may read meanwhile
        self.at.parent.mkdir(parents=True, exist_ok=True)
        beside = self.at.with_name(f".{self.at.name}.new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(self.text)
            os.fchmod(file.fileno(), self.mode)
        beside.replace(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """
    A command of the machine; `unless` is one that tells by its exit code that nothing is due.

    What is not `vital` may fail: the rest is done all the same.
    """

    words_of: Sequence[str]
    unless: Sequence[str] = ()
    fix: str = ""
    vital: bool = True

    @property
    def due(self) -> bool:
        return not self.unless or ran(self.unless).returncode != 0

    def words(self) -> str:
        return shlex.join(self.words_of)

    def do(self) -> None:
        done = ran(self.words_of)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().replace("\n", "; ")
            reason = f"ended with {done.returncode}" + (f": {said}" if said else "")
            raise StepFailed(f"{self.words()} {reason}" + (f"; {self.fix}" if self.fix else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A file that is gone."""

    path: Path
    at: Path

    @property
    def due(self) -> bool:
        return self.at.exists()

    def words(self) -> str:
        return f"removed {self.path}"

    def do(self) -> None:
        self.at.unlink()


Step = Folder | File | Command | Removal


def ran(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """
    Run a command of the machine.

    Raises: `StepFailed` when there is none, or it does not end.
    """
    try:
        return subprocess.run(  # noqa: S603 - fixed words, found on the path
            list(words), capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_S
        )
    except FileNotFoundError as error:
        raise StepFailed(f"{words[0]}: not on the path of this user") from error
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"{shlex.join(words)}: no end in {COMMAND_TIMEOUT_S:.0f} s") from error
