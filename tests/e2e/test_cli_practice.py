"""`check`, `send-test` and `status` against the practice exchange, as real processes over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60.0
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}
ENVIRON = {**CLEAN, "PYTHONPATH": str(ROOT)}


class Practice:
    """A practice exchange of its own process, with the configuration it wrote."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "watcher.toml"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "watcher", "practice", "--folder", str(folder)],
            env=ENVIRON,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        found = None
        while found is None:
            found = re.search(r"http://127\.0\.0\.1:\d+", self._process.stdout.readline())
        self.url = found[0]

    def control(self, name: str, body: object = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/{name}", data=data)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def watcher(self, command: str, *more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "watcher", command, "--config", str(self.config), *more],
            env=ENVIRON,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=10)


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    opened = Practice(tmp_path)
    yield opened
    opened.close()


def test_check_reads_every_account_and_agrees_with_each_venue(practice: Practice) -> None:
    done = practice.watcher("check")
    assert "road second: not configured\nroad fallback: not configured" in done.stdout

    assert done.returncode == 0, done.stdout + done.stderr
    for account in ("bybit_main", "binance_usdm", "binance_margin", "okx_futures", "okx_hedge"):
        assert f"\n{account} · " in done.stdout
    assert "withdraw no" in done.stdout
    assert "against the venue's" in done.stdout
    assert re.search(r"unified: CRITICAL if everything falls [0-9.]+ %: BTC [0-9,]+", done.stdout)
    assert practice.control("messages?after=0") == [], "check sends nothing"
    assert not (practice.config.parent / "state").exists(), "check writes nothing"


def test_explain_writes_out_a_live_account_and_check_shows_its_stages(practice: Practice) -> None:
    done = practice.watcher("explain", "--account", "okx_futures")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[maintenance]: value " in done.stdout
    assert "DOES NOT ADD UP" not in done.stdout
    assert re.search(r"substituted: the engine's [0-9.]+ % leaves", done.stdout)
    assert "public/position-tiers" in done.stdout
    stages = re.findall(r"margin call \(mgnRatio 300 %\)", practice.watcher("check").stdout)
    assert len(stages) == 3

    refused = practice.watcher("explain", "--account", "nobody")
    assert refused.returncode == 2
    assert "expected one of bybit_main, " in refused.stderr


@pytest.mark.parametrize(
    "command", [["check"], ["check", "--json"], ["run"], ["send-test", "--all"], ["drill"]]
)
def test_a_fallback_of_no_service_is_refused_before_an_alert_needs_it(
    practice: Practice, command: list[str]
) -> None:
    secret = practice.config.parent / "secrets" / "watcher_fallback__url"
    secret.touch(mode=0o600)
    secret.write_text("jsn://canary/canary")

    done = practice.watcher(
        *command, *(["--account", "bybit_main"] if command == ["drill"] else [])
    )

    assert done.returncode == 2, done.stdout + done.stderr
    assert "fallback.url: found a URL of the kind jsn:// that Apprise cannot use" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert "configuration: fine" not in done.stdout


def test_check_says_which_account_cannot_be_read_and_why(practice: Practice) -> None:
    practice.control("fault", {"target": "bybit", "kind": "http", "status": 503, "seconds": 60})

    done = practice.watcher("check")

    assert done.returncode == 1
    told = done.stdout[done.stdout.index("\nbybit_main · ") :]
    assert "NOT READ: unreachable: HTTP 503" in told[: told.index("\n\n", 2)]
    assert done.stdout.count("NOT READ") == 1


def test_a_key_that_is_revoked_is_told_as_refused(practice: Practice) -> None:
    practice.control("fault", {"target": "okx_futures", "kind": "revoked", "seconds": 60})

    done = practice.watcher("check")

    assert done.returncode == 1
    assert "NOT READ: refused: " in done.stdout


def test_check_in_json_says_what_the_tables_say(practice: Practice) -> None:
    practice.control("fault", {"target": "okx_futures", "kind": "revoked", "seconds": 60})

    done = practice.watcher("check", "--json")

    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["schema"] == "watcher.check/1"
    accounts = {row["account"]: row for row in document["accounts"]}
    assert {name: row["status"] for name, row in accounts.items()} == {
        "bybit_main": "ok",
        "binance_usdm": "ok",
        "binance_margin": "ok",
        "okx_futures": "unread",
        "okx_hedge": "ok",
    }
    assert accounts["okx_futures"]["trouble"].startswith("refused: ")
    bybit = accounts["bybit_main"]
    assert bybit["rights"]["withdraw"] is False
    assert [step["tier"] for step in bybit["tiers"]] == [
        "watch", "warning", "critical", "emergency"
    ]  # fmt: skip
    (pool,) = bybit["pools"]
    assert float(pool["venue_says"]["equity"]) == pytest.approx(pool["equity"])
    assert pool["difference_percent"]["maintenance_margin"] < 0.1


def test_the_test_message_arrives(practice: Practice) -> None:
    done = practice.watcher("send-test")

    assert done.returncode == 0, done.stderr
    assert "delivered to chat" in done.stdout
    (message,) = practice.control("messages?after=0")  # type: ignore[misc]
    assert "TEST" in message["text"]


def test_a_test_message_that_is_refused_says_so(practice: Practice) -> None:
    practice.control("fault", {"target": "bot", "kind": "http", "status": 401, "seconds": 60})

    done = practice.watcher("send-test")

    assert done.returncode == 1
    assert "not delivered to chat" in done.stderr


def test_status_reads_beside_the_daemon_and_sees_it_die(practice: Practice) -> None:
    daemon = subprocess.Popen(
        [sys.executable, "-m", "watcher", "run", "--config", str(practice.config)],
        env=ENVIRON,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert daemon.stderr is not None
    polled: set[str] = set()
    for line in daemon.stderr:
        if "poll.completed" in line:
            polled.add(json.loads(line)["account"])
        if len(polled) == 5:
            break

    beside = practice.watcher("status")
    quiet = practice.watcher("status", "--quiet")
    daemon.kill()
    daemon.communicate()
    after = practice.watcher("status")

    assert beside.returncode == 0, beside.stdout
    assert "daemon: running" in beside.stdout
    assert "5 of 5 seen" in beside.stdout
    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert after.returncode == 1
    assert "daemon: NOT RUNNING" in after.stdout


def test_a_capture_of_a_live_account_is_clean_and_reads_back(practice: Practice) -> None:
    file = practice.config.parent / "poll.json"

    done = practice.watcher("capture", "--account", "bybit_main", str(file))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "reads back as the same account" in done.stdout
    text = file.read_text(encoding="utf-8")
    secrets = practice.config.parent / "secrets"
    for secret in secrets.iterdir():
        assert secret.read_text(encoding="utf-8").strip() not in text
    assert file.stat().st_mode & 0o077 == 0
    again = practice.watcher("capture", "--account", "bybit_main", str(file))
    assert again.returncode == 2
    assert "expected a new file" in again.stderr
    assert practice.watcher("capture", str(file)).returncode == 2, "several accounts, none named"


def test_a_poll_that_fails_is_captured_too(practice: Practice) -> None:
    practice.control("fault", {"target": "okx_futures", "kind": "revoked", "seconds": 60})
    file = practice.config.parent / "failed.json"

    done = practice.watcher("capture", "--account", "okx_futures", str(file))

    assert done.returncode == 1
    assert "the poll failed, and what was answered is in it: refused" in done.stdout
    assert json.loads(file.read_text(encoding="utf-8"))["trouble"].startswith("refused: ")
