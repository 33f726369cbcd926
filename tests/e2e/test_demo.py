"""`watcher demo` end to end: what it shows is true, moves with the seed, needs the real parts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
TIERS = ["WATCH", "WARNING", "CRITICAL", "EMERGENCY"]
KEYS = {"t", "kind", "account", "tier", "distance", "health"}


def demo(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}
    return subprocess.Popen(
        [sys.executable, "-m", "watcher", "demo", "--fast", *arguments],
        cwd=ROOT,
        env={**clean, **(environ or {}), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def events_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_two_seeds_tell_two_stories_and_both_hold(tmp_path: Path) -> None:
    runs = {}
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        out, png = folder / "out.jsonl", folder / "out.png"
        options = ("--seed", str(seed), "--json", str(out), "--png", str(png))
        runs[seed] = (demo(folder, *options), out, png)
    stories = {}
    for seed, (process, out, png) in runs.items():
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said[-3000:]
        assert "FAILED" not in said
        assert png.stat().st_size > 10_000
        stories[seed] = events_of(out)

    for events in stories.values():
        assert all(set(event) >= KEYS for event in events)
        for account in ("bybit_main", "binance_main", "okx_main"):
            alerts = [e for e in events if e["kind"] == "alert" and e["account"] == account]
            fresh = [e for e in alerts if not e["repeated"]]
            # the first slide: in order, none skipped but by its speed, whatever comes later
            assert fresh[0]["tier"] == TIERS[0]
            assert fresh[1]["tier"] in TIERS[1 : 2 + fresh[1]["raced"]]
        kinds = [event["kind"] for event in events]
        assert {"blind", "seeing", "kill", "restart", "liquidation", "action"} <= set(kinds)
        dead = {event["account"] for event in events if event["kind"] == "liquidation"}
        assert any(name.endswith("_twin") for name in dead)
        assert not any(name.endswith("_main") for name in dead)

    times = [
        [event["t"] for event in events if event["kind"] == "alert"] for events in stories.values()
    ]
    assert times[0] != times[1]


def test_without_ccxt_there_is_no_demo(tmp_path: Path) -> None:
    """The demo reads its venues through the real library or not at all."""
    broken = tmp_path / "broken" / "ccxt"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no ccxt here')\n", encoding="utf-8")

    process = demo(tmp_path, environ={"PYTHONPATH": f"{broken.parent}{os.pathsep}{ROOT}"})
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 1, said[-2000:]


@pytest.mark.parametrize(
    "book", ["2 BTC", "2 BTC long", "many BTC long, 5k USDT", "1 XYZ long, 5k USDT", ""]
)
def test_a_book_that_cannot_be_read_is_refused(book: str, tmp_path: Path) -> None:
    process = demo(tmp_path, "--book", book)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "--book" in said


def test_a_demo_that_is_stopped_takes_its_daemon_along(tmp_path: Path) -> None:
    process = demo(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "WATCHING" in line:
            break
    process.terminate()
    said, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "stopped" in said
    assert not list(tmp_path.glob("watcher-demo-*"))


def test_a_target_without_a_folder_is_refused_before_the_show(tmp_path: Path) -> None:
    process = demo(tmp_path, "--json", str(tmp_path / "none" / "out.jsonl"))
    said, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "expected one" in said
