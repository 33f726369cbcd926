"""
One mutant at a time, in a copy of the package: planted, judged by the storm, then by the tests.

Rule: the working tree is never written to. A fault is planted only where its fragment stands
exactly once, and taken out again. What does not come to an end within its time counts as caught:
no run of the real program does that.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tests.mutants.planted import Mutant

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("watcher", "tests", "bench", "config", "docs", "pyproject.toml", "README.md")
HOURS = 2.0
CPU_S = 240
"""Ten times what the slowest of the runs needs."""
WALL_S = 3600.0
OVERDUE = -signal.SIGXCPU
GUARDS = (
    "tests/unit/test_amounts.py",
    "tests/unit/test_alerting.py",
    "tests/unit/test_alerting_answers.py",
    "tests/unit/test_blind.py",
    "tests/unit/test_decide.py",
    "tests/unit/test_doubts.py",
    "tests/unit/test_shrinking.py",
    "tests/unit/test_bad_snapshots.py",
    "tests/unit/test_opinions.py",
    "tests/unit/test_margin_families.py",
    "tests/unit/test_protocol.py",
    "tests/unit/test_allowance.py",
    "tests/unit/test_topups.py",
    "tests/unit/test_fund.py",
    "tests/unit/test_fund_crashes.py",
    "tests/unit/test_ledger_of_money.py",
    "tests/unit/test_money_rights.py",
    "tests/unit/test_store.py",
    "tests/unit/test_store_kept.py",
    "tests/unit/test_deliver.py",
    "tests/unit/test_failover.py",
    "tests/unit/test_roads.py",
    "tests/unit/test_heartbeat.py",
    "tests/unit/test_poll.py",
    "tests/unit/test_watchdog.py",
    "tests/unit/test_commands.py",
    "tests/unit/test_logs.py",
    "tests/properties/test_gate.py",
)
"""The same for every mutant: policy, protocol, gate, store, margin; none starts a daemon."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<test>\S+)", re.MULTILINE)


class NotPlanted(Exception):
    """A fragment does not stand exactly once where it should."""


class Struck(Exception):
    """Somebody else ended a run: it says nothing of the mutant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What noticed a mutant; "" where nothing did."""

    mutant: str
    by: str = ""
    words: str = ""

    @property
    def by_storm(self) -> bool:
        return self.by.startswith("storm")

    def __str__(self) -> str:
        return f"{self.mutant:26} {self.by or 'SURVIVED'}" + (f": {self.words}" * bool(self.words))


def copied(folder: Path) -> Path:
    """Return a copy of the tree in *folder*."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(source, target)
    return folder


def planted(text: str, mutant: Mutant) -> str:
    """Return *text* with *mutant* in it. Raises: `NotPlanted`."""
    count = text.count(mutant.old)
    if count != 1:
        raise NotPlanted(f"{mutant.name}: its line stands {count} times in {mutant.file}")
    return text.replace(mutant.old, mutant.new)


def judged(mutant: Mutant, copy: Path, runs: Sequence[str]) -> Caught:
    """Plant *mutant* in *copy*, see what notices, and take it out again."""
    file = copy / "watcher" / mutant.file
    text = file.read_text(encoding="utf-8")
    _put(file, planted(text, mutant))
    try:
        found = stormed(mutant.name, copy, runs)
        return found if found.by else guarded(mutant.name, copy, near=file.stem)
    finally:
        _put(file, text)


def _put(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    # told apart by second and size only, what was compiled of another text could pass for this
    Path(cache_from_source(str(file))).unlink(missing_ok=True)


def stormed(name: str, copy: Path, runs: Sequence[str]) -> Caught:
    """Return what the storm says of what stands in *copy*; *runs* are PACK:SEED."""
    arguments = ["tests.mutants.storm", "--hours", str(HOURS), *runs]
    code, out = _run(copy, arguments, cpu_s=CPU_S * len(runs))
    last = out.strip().rpartition("\n")[2]
    if code:
        return Caught(mutant=name, by="storm, not played to its end", words=last)
    found = json.loads(last)
    if not found:
        return Caught(mutant=name)
    by = f"storm, {found['run']}, {found['oracle']}"
    return Caught(mutant=name, by=by, words=found["words"])


def guarded(name: str, copy: Path, *, near: str = "") -> Caught:
    """Return the first guard that fails on what stands in *copy*; who names *near* looks first."""
    arguments = ["pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=1"]

    def far(guard: str) -> tuple[bool, bool]:
        text = (copy / guard).read_text(encoding="utf-8")
        return f"test_{near}" not in guard, re.search(rf"\b{near}\b", text) is None

    guards = sorted(GUARDS, key=far)
    code, out = _run(copy, [*arguments, *guards], cpu_s=CPU_S)
    if not code:
        return Caught(mutant=name)
    failed = _FAILED.search(out)
    test = "they came to no end" if failed is None else failed["test"]
    return Caught(mutant=name, by=f"tests, {test}")


def _run(copy: Path, module: Sequence[str], *, cpu_s: int) -> tuple[int, str]:
    """Run *module* of Python in *copy*; return how it ended, 0 for well, and what it printed."""
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", *module],
        cwd=copy,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
        try:
            out, _ = process.communicate(timeout=WALL_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return OVERDUE, ""
    if process.returncode < 0 and process.returncode != OVERDUE:
        raise Struck(f"{module[0]} was ended from outside, by signal {-process.returncode}")
    return process.returncode, out
