"""
Somebody at a keyboard: a shell in a terminal of its own, typed into and read as a person would.

Rule: only what the screen shows is known; what is typed is typed key by key through the terminal,
so that a question which hides its answer hides it here too. Every keystroke and what a phone did
is kept with its time. Nothing outlives `close`.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 120.0
ROWS, COLUMNS = 24, 80
"""As a terminal is that nobody made larger."""
CTRL_C = "\x03"

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")

# a shell without a terminal to control has no Ctrl-C
_IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """One thing a person did: `hidden` ones are kept without what was typed."""

    at_s: float
    where: str
    text: str
    hidden: bool = False


@dataclass(slots=True)
class Diary:
    """What was done, and what was shown, from the first keystroke on."""

    began_s: float = field(default_factory=time.monotonic)
    strokes: list[Stroke] = field(default_factory=list)

    def note(self, where: str, text: str, *, hidden: bool = False) -> None:
        at_s = time.monotonic() - self.began_s
        self.strokes.append(Stroke(at_s=at_s, where=where, text=text, hidden=hidden))


class Terminal:
    """One shell. `screen` is all it showed, without colours."""

    def __init__(self, name: str, folder: Path, environ: Mapping[str, str], diary: Diary) -> None:
        self.name = name
        self.screen = ""
        self._seen = 0
        self._diary = diary
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (ROWS, COLUMNS))
        bare = {key: value for key, value in environ.items() if key not in {"COLUMNS", "LINES"}}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, "sh", "-i"],
            cwd=folder,
            env={**bare, "PS1": "$ ", "TERM": "dumb"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.expect(r"\$ ")

    def type(self, text: str, *, hidden: bool = False) -> None:
        """Type *text* and Enter."""
        self._diary.note(self.name, text, hidden=hidden)
        os.write(self._master, f"{text}\r".encode())

    def interrupt(self) -> None:
        self._diary.note(self.name, "Ctrl-C")
        os.write(self._master, CTRL_C.encode())

    def expect(self, pattern: str, *, within_s: float = PATIENCE_S) -> re.Match[str]:
        """Return the first match on the screen after the last one."""
        found = None

        def shown() -> bool:
            nonlocal found
            self._read(0.1)
            found = re.search(pattern, self.screen[self._seen :])
            return found is not None

        try:
            until(shown, pattern, within_s)
        except AssertionError as late:
            raise AssertionError(f"{late}; {self.name} shows:\n{self.screen[-3000:]}") from None
        assert found is not None
        self._seen += found.end()
        return found

    def close(self) -> None:
        """End the shell and whatever was started in it: a daemon takes a hang-up for a reload."""
        for process in _session(self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        os.close(self._master)
        self._process.wait(timeout=20)

    def _read(self, wait_s: float) -> None:
        while select.select([self._master], [], [], wait_s)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return  # the shell is gone, and its terminal with it
            if not data:
                return
            self.screen += _COLOURS.sub("", data.decode(errors="replace"))
            wait_s = 0.0


def _session(leader: int) -> list[int]:
    """Return the processes of the session *leader* began, itself last."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(entry.name)) == leader != int(entry.name):
                found.append(int(entry.name))
    return [*found, leader]


def until(done: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait for *done*; fail naming *what* when it takes too long."""
    end = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < end, f"{what}: not within {within_s:g} s"
        time.sleep(0.05)
