"""
Every command that stands in the README or the docs is run, as it stands there.

Rule: a line of a fenced block and a span of code that begin with `watcher` or `make` count, and are
run from an empty folder set up as the docs say, beside a practice exchange and a daemon. A word in
capitals is filled in from `FILLED`. What cannot be run here stands in `ELSEWHERE`, with the test
that runs it or with the reason; a command that is in neither and fails, fails.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.cli import COMMANDS

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TIMEOUT_S = 60.0
CLEAN = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("WATCHER_", "MAKE", "MFLAGS"))
}
ENVIRON = {**CLEAN, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
START = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?(watcher|make)(?= |$)")
SPAN = re.compile(r"`((?:\.venv/bin/)?(?:watcher|make) [^`\n]+)`")
FENCE = re.compile(r"^\s*(?:\d+\. )?```")

FILLED = {"NAME": "bybit_main", "OUT.json": "poll.json", "FILE": "shown.json"}
"""What the reader of a page puts in the place of a word in capitals."""

ELSEWHERE = {
    "watcher init": "tests/first_run.py: it asks, and a terminal has to answer",
    "watcher demo": "tests/e2e/test_demo.py: forty seconds",
    "watcher sim": "tests/storm/test_storm.py: minutes",
    "watcher send-test --all": "tests/e2e/test_exercise.py: a person has to answer",
    "watcher drill": "tests/e2e/test_exercise.py: a slide takes most of a minute",
    "watcher drill --wake": "tests/e2e/test_exercise.py: a person has to answer",
    "watcher service": "tests/unit/test_service.py: needs systemd",
    "watcher money settle ID --happened": "tests/unit/test_cli_money.py: takes a lost answer",
}
"""Commands that are not run here, by their first words: the test that runs them, and why there."""

ORDER = ("check", "money status", "money freeze", "money unfreeze")
"""What others need is made first, and what is held is let go."""


def commands() -> dict[str, str]:
    """Return every command of the pages, without what leads to it, and where it stands first."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for number, line in [*_fenced(text), *_spans(text)]:
            where = f"{page.relative_to(ROOT)}:{number}"
            found.setdefault(_bare(line), where)
    return found


def _fenced(text: str) -> Iterator[tuple[int, str]]:
    inside = prompted = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            inside, prompted = not inside, False
            continue
        # after a prompt only other prompts are typed, the rest is what was printed
        prompted = prompted or line.startswith("$ ")
        if inside and START.match(line.strip()) and (not prompted or line.startswith("$ ")):
            yield number, line.strip()


def _spans(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        for span in SPAN.findall(line):
            yield number, span


def _bare(line: str) -> str:
    words = re.sub(r"\s+#.*$", "", line.removeprefix("$ ")).removeprefix(".venv/bin/")
    return re.sub(r"\[(--[a-z-]+)\]", r"\1", words)


def _place(command: str) -> tuple[int, str]:
    words = command.removeprefix("watcher ")
    first = [n for n, one in enumerate(ORDER) if words.startswith(one)]
    return (first or [len(ORDER)])[0], command


FOUND = commands()
OURS = sorted((one for one in FOUND if one.startswith("watcher ")), key=_place)
MADE = sorted(one for one in FOUND if one.startswith("make "))


def elsewhere(command: str) -> str | None:
    words = [one for one in ELSEWHERE if command == one or command.startswith(f"{one} ")]
    return ELSEWHERE[max(words, key=len)] if words else None


def is_short_for_another(command: str) -> bool:
    """Tell whether *command* is only the name of one that stands elsewhere with its arguments."""
    needing = {"capture", "explain", "margin", "money"}
    return any(one.startswith(f"{command} ") for one in FOUND) and command.split()[1] in needing


class Desk:
    """A folder as the reader of the README has it, a practice exchange and a daemon beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def open(self) -> None:
        self.start("watcher practice --folder practice", "The practice exchange listens")
        # the reader's own configuration names the practice exchange in the place of a venue
        shutil.copytree(self.folder / "practice", self.folder / "config")
        config = self.folder / "config" / "watcher.toml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("practice/state", "state"), encoding="utf-8")
        self.start("watcher run --config practice/watcher.toml", "poll.completed")
        self.stop()
        self.start("watcher run", "poll.completed")
        self._await_sign()
        # made here: the test that captures may run in another process than those that read
        made = self.run("watcher capture --account NAME FILE")
        assert made.returncode == 0, made.stderr

    def _await_sign(self) -> None:
        # `watcher health` says itself that the first sign comes seconds after the start
        end = time.monotonic() + TIMEOUT_S
        while (found := self.run("watcher health")).returncode != 0:
            assert time.monotonic() < end, found.stdout
            time.sleep(0.5)

    def start(self, command: str, until: str) -> None:
        """Start *command* of a page and wait for what it says once it works."""
        assert command in FOUND, f"no page says {command} any more"
        log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        with log.open("w", encoding="utf-8") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", *shlex.split(command)],
                cwd=self.folder,
                env=ENVIRON,
                stdout=out,
                stderr=out,
                text=True,
            )
        self._started.append(child)
        end = time.monotonic() + TIMEOUT_S
        while until not in log.read_text(encoding="utf-8"):
            assert child.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < end, f"{command}: no {until!r}"
            time.sleep(0.05)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        words = [FILLED.get(word, word) for word in shlex.split(command)]
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=ENVIRON,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def stop(self) -> None:
        """Stop what was started last, in order."""
        child = self._started.pop()
        child.send_signal(signal.SIGTERM)
        assert child.wait(TIMEOUT_S) == 0

    def close(self) -> None:
        while self._started:
            self.stop()


STARTED = ("watcher practice", "watcher run")
"""They run until they are stopped: the desk starts them."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    opened = Desk(tmp_path_factory.mktemp("reader"))
    try:
        opened.open()
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("command", OURS)
def test_a_command_of_the_docs_does_what_it_says(desk: Desk, command: str) -> None:
    where = f"{FOUND[command]}: {command}"
    if elsewhere(command) is not None:
        pytest.skip(str(elsewhere(command)))
    if command.startswith(STARTED) or is_short_for_another(command):
        assert command.split()[1] in COMMANDS, where
        return

    done = desk.run(command)

    assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"
    assert done.stdout.strip() or "--quiet" in command, where


def test_what_is_run_elsewhere_is_named_there() -> None:
    for command, reason in ELSEWHERE.items():
        file, _, why = reason.partition(": ")
        assert (ROOT / file).is_file(), f"{command}: no {file}"
        assert command.split()[1] in (ROOT / file).read_text(encoding="utf-8"), command
        assert why
        assert any(one.startswith(command) for one in FOUND), f"{command}: on no page any more"


@pytest.mark.parametrize("command", MADE)
def test_a_make_target_of_the_docs_starts_what_there_is(command: str) -> None:
    """They take minutes or install; what each would start is looked at instead."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed here")
    done = subprocess.run(
        ["make", "--dry-run", *shlex.split(command)[1:]],  # noqa: S607 - the one on the path
        cwd=ROOT,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )

    assert done.returncode == 0, f"{FOUND[command]}: {command}\n{done.stderr}"
    for line in done.stdout.splitlines():
        assert_startable(line)


def assert_startable(line: str) -> None:
    """Check that the program a line of a recipe starts is there, as far as it is ours."""
    words = shlex.split(line, comments=True) if line.count('"') % 2 == 0 else []
    match [Path(word).name for word in words[:1]], words[1:]:
        case ["python"], ["-m", module, *_] if not module.startswith("venv"):
            assert importlib.util.find_spec(module) is not None, line
        case ["watcher"], [name, *_]:
            assert name in COMMANDS, line
        case [tool], _ if words[0].startswith(".venv/bin/"):
            assert shutil.which(tool, path=str(Path(sys.executable).parent)), line


def test_a_line_that_starts_nothing_we_have_is_found() -> None:
    for line in (
        ".venv/bin/watcher wathc",
        ".venv/bin/python -m tests.nothing",
        ".venv/bin/nothing at all",
    ):
        with pytest.raises(AssertionError):
            assert_startable(line)


def test_every_command_and_target_is_explained_on_a_page() -> None:
    named = {one.split()[1] for one in FOUND if one.startswith("watcher ")}
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    made = {one.split()[1] for one in FOUND if one.startswith("make ")}

    assert set(COMMANDS) - named == set()
    assert set(targets) - made == {"clean"}
