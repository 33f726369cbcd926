"""The real daemon's page of numbers and `watcher health`, beside the practice exchange."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.metrics_page import free_port

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}
ENVIRON = {**CLEAN, "PYTHONPATH": str(ROOT)}


def watcher(*words: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "watcher", *words], env=ENVIRON, stdout=file, stderr=file
        )


def wait_for(file: Path, pattern: str) -> re.Match[str]:
    """Return what *pattern* finds in *file*, as soon as it does."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = re.search(pattern, file.read_text()) if file.exists() else None
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{pattern} did not come: {file.read_text()[-2000:]}")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A practice exchange that runs, and the folder with the configuration it wrote."""
    # what it prints holds the keys of the practice
    practice = watcher("practice", "--folder", str(tmp_path), log=Path(os.devnull))
    try:
        wait_for(tmp_path / "watcher.toml", r"okx_futures")
        yield tmp_path
    finally:
        practice.send_signal(signal.SIGTERM)
        practice.wait(30)


def asked(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def until(port: int, page: str, text: str) -> str:
    end = time.monotonic() + PATIENCE_S
    said = ""
    while time.monotonic() < end:
        _, said = asked(port, page)
        if text in said:
            return said
        time.sleep(0.2)
    raise AssertionError(f"{page} never said {text}: {said[-2000:]}")


def health(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "watcher", "health", "--config", str(config)],
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def until_healthy(config: Path) -> None:
    """Wait for a sign of life in which all is well: one comes every 10 to 15 s."""
    end = time.monotonic() + PATIENCE_S
    while (done := health(config)).returncode:
        assert time.monotonic() < end, done.stdout
        time.sleep(0.5)


def test_the_daemon_shows_what_it_knows_until_it_dies(folder: Path) -> None:
    port, config, log = free_port(), folder / "watcher.toml", folder / "daemon.log"
    with config.open("a") as file:
        file.write(f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n')
    assert "NOT RUNNING" in health(config).stdout

    daemon = watcher("run", "--config", str(config), log=log)
    try:
        until(port, "/healthz", "ok")
        text = until(port, "/metrics", 'watcher_distance_percent{account="okx_futures"')
        # what the other tests search for secrets
        (folder / "page.txt").write_text(text)
        samples = [s for f in text_string_to_metric_families(text) for s in f.samples]
        seen = {s.labels["account"]: s.value for s in samples if s.name == "watcher_account_seen"}
        assert len(seen) == 5
        assert set(seen.values()) == {1.0}
        weights = {s.labels["venue"] for s in samples if s.name == "watcher_venue_weight_used"}
        assert weights == {"binance", "bybit", "okx"}
        held = {s.labels["by"] for s in samples if s.name == "watcher_money_held"}
        assert held == {"paused", "killed", "frozen", "kill_file"}
        until_healthy(config)

        # a port that is taken is no reason not to watch: a second daemon elsewhere
        other = folder / "other"
        second = watcher(
            "run", "--config", str(config), "--state-dir", str(other), log=folder / "second.log"
        )
        try:
            wait_for(folder / "second.log", r'"reason": "taken by another program"')
            wait_for(folder / "second.log", r'"event": "poll.completed"')
        finally:
            second.send_signal(signal.SIGTERM)
            assert second.wait(30) == 0
    finally:
        daemon.kill()
        daemon.wait(30)

    done = health(config)
    assert (done.returncode, done.stdout.partition(":")[0]) == (1, "NOT RUNNING")
    assert asked(port, "/healthz")[0] == 0
