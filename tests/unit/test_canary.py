"""The search for canary secrets finds one leaked on purpose, whatever way it was written."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests import canary

ROOT = Path(__file__).resolve().parents[2]
SECRET = f"0f1e2d3c4b5a6978{canary.ODD}AbCdEfGhIjKl"
NAME = "watcher_accounts__main__api_secret"
RAW = SECRET.encode()

FORMS = {
    "raw": SECRET,
    "quoted": quote(SECRET, safe=""),
    "quoted small": quote(SECRET, safe="").replace("%2F", "%2f"),
    "quoted in part": quote(SECRET),
    "quoted plus": quote_plus(SECRET),
    "quoted twice": quote(quote(SECRET, safe=""), safe=""),
    "hex": RAW.hex(),
    "HEX": RAW.hex().upper(),
    "base64": base64.b64encode(RAW).decode(),
    "base64 shifted": base64.b64encode(b"u" + RAW + b"p").decode(),
    "base64 shifted more": base64.b64encode(b"us" + RAW + b":").decode(),
    "base64 for addresses": base64.urlsafe_b64encode(RAW).decode(),
    "base64 quoted": quote(base64.b64encode(RAW).decode(), safe=""),
}


def given(folder: Path) -> dict[str, str]:
    (folder / "secrets").mkdir()
    (folder / "secrets" / NAME).write_text(f"{SECRET}\n", encoding="utf-8")
    return canary.canaries_in(folder)


def found_in(folder: Path) -> list[str]:
    return canary.leaks(folder, given(folder))


# a folder of its own: what these tests leak on purpose is no leak of theirs
@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("leak")


def test_nothing_is_found_where_nothing_is(place: Path) -> None:
    (place / "daemon.log").write_text("all is well\n" * 1000, encoding="utf-8")

    assert given(place) == {NAME: SECRET}
    assert canary.leaks(place, {NAME: SECRET}) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_leak_into_a_log_is_found(place: Path, form: str) -> None:
    line = f'{{"event": "x", "reason": "GET /?a={FORMS[form]}&b=1"}}\n'
    (place / "daemon.log").write_text(line, encoding="utf-8")

    (hit,) = found_in(place)

    assert hit.startswith(f"daemon.log: {NAME} ")


@pytest.mark.parametrize("form", FORMS)
def test_a_leak_into_a_database_is_found(place: Path, form: str) -> None:
    (place / "state").mkdir()
    with sqlite3.connect(place / "state" / "ledger.db") as connection:
        connection.execute("CREATE TABLE outbox (text TEXT)")
        connection.execute("INSERT INTO outbox VALUES (?)", (f"told {FORMS[form]}!",))
    connection.close()

    assert found_in(place) != []


def test_a_leak_onto_a_command_line_is_found(place: Path) -> None:
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "print('runs', flush=True); input()", "--key", SECRET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert sleeper.stdout is not None
        assert sleeper.stdout.readline(), "before it runs, its command line may still be empty"
        canary.list_process(sleeper.pid, place)
    finally:
        sleeper.communicate(b"\n", timeout=10)

    assert found_in(place) == [f"{canary.PROCESS}: {NAME} as it is or URL-encoded"]


LEAKING = """
import base64
import pytest

def given(folder, text="nothing"):
    (folder / "secrets").mkdir()
    file = folder / "secrets" / "watcher_telegram__bot_token"
    file.write_text("1234567890:ACanaryOfTheTests\\n")
    (folder / "daemon.log").write_text(text)

def test_quiet(tmp_path):
    given(tmp_path)

def test_log(tmp_path):
    given(tmp_path, base64.b64encode(b"bot1234567890:ACanaryOfTheTests").decode())

def test_print(tmp_path):
    given(tmp_path)
    print("1234567890%3AACanaryOfTheTests")
"""


def test_a_test_that_leaks_fails(place: Path) -> None:
    """The very fixture all tests run under, over a suite that leaks on purpose."""
    (place / "conftest.py").write_text("from tests.conftest import *\n", encoding="utf-8")
    (place / "test_leaking.py").write_text(LEAKING, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={place}",
         "-c", os.devnull, f"--basetemp={place / 'made'}", str(place)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip

    said = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert len(said) == 2, done.stdout
    assert "test_log" in said[0]
    assert "test_print" in said[1]
    assert "a secret was printed" in done.stdout
    assert "daemon.log: watcher_telegram__bot_token in base64" in done.stdout
