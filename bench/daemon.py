"""
The real daemon as a process beside a practice exchange, for benches that look at it from outside.

Rule: the daemon is what a user starts (`python -m watcher run`), with byte-code already written; a
baseline may start it in another way, with the same arguments. Figures come from /proc, so these
benches run on Linux only. Whatever is started here is ended here.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.line import Wrong

PLAIN = ("-m", "watcher")
THREE = ("bybit_main", "binance_usdm", "okx_hedge")
"""One account of each venue from the default practice world."""

WAIT_MAX_S = 30.0
LOOK_S = 0.05
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A running program and the file its error output goes to."""

    pid: int
    log: Path

    def cpu_s(self) -> float:
        """Return the processor time used so far by all threads it has."""
        threads = Path(f"/proc/{self.pid}/task").iterdir()
        ran_ns = [(one / "schedstat").read_text(encoding="ascii").split()[0] for one in threads]
        return sum(map(int, ran_ns)) / 1e9

    def resident_mb(self) -> float:
        pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * PAGE_BYTES / 1e6

    def said(self, words: str) -> int:
        """Return how often *words* stand in what it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace").count(words)

    def wait_for(self, words: str, times: int = 1) -> None:
        """Wait until *words* were printed so often. Raises: `Wrong` when they are not."""
        end = time.monotonic() + WAIT_MAX_S
        while self.said(words) < times:
            if time.monotonic() > end:
                raise Wrong(f"no {words} within {WAIT_MAX_S:g} s:\n{_tail(self.log)}")
            time.sleep(LOOK_S)


@contextmanager
def running(arguments: Sequence[str], log: Path) -> Iterator[Process]:
    """Run this interpreter with *arguments* until the block ends."""
    environment = {name: value for name, value in os.environ.items() if name[:8] != "WATCHER_"}
    with log.open("wb") as out:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, *arguments], stdout=out, stderr=out, env=environment
        )
    try:
        yield Process(pid=child.pid, log=log)
        if child.poll() is not None:
            words = " ".join(arguments[:3])
            raise Wrong(f"{words} ended by itself: {child.returncode}\n{_tail(log)}")
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def practice() -> Iterator[Path]:
    """Run a practice exchange as a process of its own; give the folder with its ready config."""
    with tempfile.TemporaryDirectory(prefix="watcher-bench-") as name:
        folder = Path(name)
        arguments = ("-m", "watcher", "practice", "--folder", str(folder))
        with running(arguments, folder / "practice.log") as exchange:
            # printed after the files were written
            exchange.wait_for("The practice exchange listens")
            yield folder


def config_of(
    folder: Path,
    name: str,
    *,
    telegram: str = "",
    tables: str = "",
    accounts: Sequence[str] = THREE,
) -> Path:
    """
    Write a config like the practice one with *accounts* only, in a folder of its own with its
    secrets and state.

    *telegram* are more keys of that table, *tables* are more tables.
    """
    text = (folder / "watcher.toml").read_text(encoding="utf-8")
    head, *sections = re.split(r"\n(?=\[accounts\.)", text)
    kept = [one for one in sections if one[len("[accounts.") :].partition("]")[0] in accounts]
    if len(kept) != len(accounts):
        raise Wrong(f"the practice config lacks some of {', '.join(accounts)}")
    home = folder / name
    (home / "secrets").mkdir(parents=True)
    for secret in (folder / "secrets").iterdir():
        owner = secret.name.removeprefix("watcher_accounts__").partition("__")[0]
        if owner in (*accounts, "watcher_telegram"):
            shutil.copy(secret, home / "secrets" / secret.name)
    head = re.sub(r"^state_dir = .*$", f'state_dir = "{home}/state"', head, flags=re.MULTILINE)
    head = head.replace("[telegram]", f"[telegram]\n{telegram}")
    target = home / "watcher.toml"
    target.write_text("\n".join([head, tables, *kept]), encoding="utf-8")
    return target


def run_arguments(config: Path, start: Sequence[str] = PLAIN) -> list[str]:
    return [*start, "run", "--config", str(config)]


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]
