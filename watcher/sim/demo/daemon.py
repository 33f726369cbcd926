"""
The real daemon as a process of its own, started, killed and started again by the demo.

Rule: the demo knows it only as a user would: a command line, an exit code, its log. Nothing of
it is imported, and -9 is really -9.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

STOP_S = 10.0
START_TRIES = 3


class DaemonError(Exception):
    """The daemon ended by itself; the text holds its last words."""


class Daemon:
    """One `watcher run` on a practice exchange in lockstep."""

    def __init__(self, *, config: Path, clock_url: str, log: Path) -> None:
        self._command: tuple[str, ...] = (
            sys.executable,
            "-m",
            "watcher",
            "run",
            "--config",
            str(config),
            "--clock",
            clock_url,
        )
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    async def start(self) -> None:
        assert self._process is None
        environment = {key: value for key, value in os.environ.items() if key[:8] != "WATCHER_"}
        with self._log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
            )
        self.starts += 1

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Raises: `DaemonError` when the process is gone although nobody stopped it."""
        if self._process is not None and self._process.returncode is not None:
            code = self._process.returncode
            raise DaemonError(f"the daemon ended with code {code}:\n{self.last_words()}")

    def last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "\n".join(lines[-20:])

    def hang_up(self) -> None:
        """Tell it by SIGHUP to read its settings again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def kill(self) -> None:
        """Send -9 and reap: nothing of the daemon gets to run any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
        self._process = None

    async def stop(self) -> None:
        """Ask it to stop, and make it stop when it does not within `STOP_S`."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
