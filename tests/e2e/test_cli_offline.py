"""The installed program as a person starts it: real processes, no network, no configuration."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60.0


def watcher(
    *arguments: str, folder: Path, environ: dict[str, str] | None = None, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}
    return subprocess.run(
        [sys.executable, "-m", "watcher", *arguments],
        cwd=folder,
        env={**clean, "PYTHONPATH": str(ROOT), **(environ or {})},
        input=text,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


SNAPSHOT = {
    "schema": "watcher.snapshot/1",
    "venue": "binance",
    "account": "main",
    "mode": "futures",
    "taken_at_us": 1795356000000000,
    "reference": "USD",
    "rules": {"cross:USDT": {"family": "linear_pool"}},
    "assets": [{"pool": "cross:USDT", "asset": "USDT", "wallet": "10000", "index": "1"}],
    "positions": [
        {
            "pool": "cross:USDT",
            "symbol": "BTCUSDT",
            "underlying": "BTC",
            "side": "long",
            "quantity": "1",
            "entry": "100000",
            "mark": "100000",
            "settle": "USDT",
            "brackets": [{"floor": "0", "rate": "0.005"}],
        }
    ],
}


def test_a_snapshot_from_a_pipe_is_evaluated_as_json(tmp_path: Path) -> None:
    done = watcher("margin", "-", "--json", folder=tmp_path, text=json.dumps(SNAPSHOT))

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (pool,) = report["pools"]
    assert report["schema"] == "watcher.report/1"
    assert pool["equity"] == 10_000
    # entry - wallet = 90,000; the mark where it equals 0.5 % of itself
    assert pool["positions"][0]["liquidation_price"] == pytest.approx(90_000 / 0.995)
    assert pool["tier_distance"] == pytest.approx(100 - 90_000 / 995)


def test_the_snapshot_schema_is_a_json_schema(tmp_path: Path) -> None:
    done = watcher("schema", "snapshot", folder=tmp_path)

    schema = json.loads(done.stdout)
    assert done.returncode == 0
    assert {"venue", "account", "rules"} <= set(schema["required"])
    assert "positions" in schema["properties"]


def test_a_misspelt_field_is_told_with_its_path(tmp_path: Path) -> None:
    broken = json.loads(json.dumps(SNAPSHOT))
    broken["positions"][0]["quantty"] = broken["positions"][0].pop("quantity")

    done = watcher("margin", "-", folder=tmp_path, text=json.dumps(broken))

    assert done.returncode == 2
    assert "positions" in done.stderr
    assert "quant" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_nothing_starts_without_a_configuration(tmp_path: Path, command: str) -> None:
    done = watcher(command, folder=tmp_path)

    assert done.returncode == 2
    assert "accounts: found no file config/watcher.toml" in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was written"


def test_a_refused_configuration_is_told_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "watcher.toml"
    file.write_text(
        '[telegram]\nchat_id = "@me"\n[tiers]\nmargin_level = ["300%", "200%", "150%", "5%"]\n'
        '[accounts.main]\nvenue = "bitmex"\n'
    )

    done = watcher("run", "--config", str(file), folder=tmp_path)

    assert done.returncode == 2
    assert "configuration refused, 6 problems" in done.stderr
    assert 'did you mean distance = "5%"?' in done.stderr
    assert "BitMEX ceased operations" in done.stderr
    assert "WATCHER_ACCOUNTS__MAIN__API_KEY" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_tier_that_cannot_fire_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "watcher.toml"
    file.write_text(
        '[telegram]\nchat_id = 7\n[accounts.main]\nvenue = "binance"\n'
        '[accounts.main.tiers]\nmargin_level = ["200%", "150%", "120%", "105%"]\n'
    )
    secrets = {
        "WATCHER_TELEGRAM__BOT_TOKEN": "1:x",
        "WATCHER_ACCOUNTS__MAIN__API_KEY": "k",
        "WATCHER_ACCOUNTS__MAIN__API_SECRET": "s",
    }

    done = watcher("run", "--config", str(file), folder=tmp_path, environ=secrets)

    assert done.returncode == 2
    said = f"accounts.main.tiers.margin_level ({file} line 6, column 1): emergency at 105% cannot"
    assert said in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_example_can_be_copied_and_says_what_is_missing(tmp_path: Path) -> None:
    example = ROOT / "config" / "watcher.example.toml"
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "watcher.toml").write_text(example.read_text(encoding="utf-8"))

    done = watcher("run", folder=tmp_path)

    keys = [line.strip().split(":")[0] for line in done.stderr.splitlines()[1:]]
    assert done.returncode == 2
    number = example.read_text(encoding="utf-8").splitlines().index("[telegram]") + 1
    chat = f"telegram.chat_id (config/watcher.toml line {number}, column 2)"
    assert keys == ["accounts", chat, "telegram.bot_token"]


def daemon(folder: Path, endpoint: str) -> subprocess.Popen[str]:
    """Start `watcher run` with venue and Bot API at *endpoint*."""
    file = folder / "watcher.toml"
    file.write_text(
        f'state_dir = "{folder}/state"\n'
        f'[telegram]\nchat_id = 7\nallowed_users = [7]\nendpoint = "{endpoint}"\n'
        f'[accounts.main]\nvenue = "bybit"\nendpoint = "{endpoint}"\n'
    )
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WATCHER_TELEGRAM__BOT_TOKEN": "1:canary-token-of-the-bot",
        "WATCHER_ACCOUNTS__MAIN__API_KEY": "canary-key",
        "WATCHER_ACCOUNTS__MAIN__API_SECRET": "canary-secret",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "watcher", "run", "--config", str(file)],
        env=environ,
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process: subprocess.Popen[str], after: str) -> str:
    """Send SIGTERM once *after* was logged, demand an end within 5 s, return what was logged."""
    assert process.stderr is not None
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if after in line:
                break
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=5.0)
    finally:
        process.kill()
        process.wait()
    return "".join(lines) + rest


def test_a_daemon_whose_far_sides_refuse_stops_within_five_seconds(tmp_path: Path) -> None:
    process = daemon(tmp_path, "http://127.0.0.1:9")

    told = stopped(process, "poll.missed")

    assert process.returncode == 0
    assert "watcher.stopped" in told
    assert "canary" not in told
    assert (tmp_path / "state" / "ledger.db").exists()


def test_a_daemon_whose_far_sides_hang_stops_within_five_seconds(tmp_path: Path) -> None:
    """Connections are taken and never answered: the worst moment to be told to stop."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        process = daemon(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}")

        told = stopped(process, "watcher.started")

    assert process.returncode == 0, told
    assert "watcher.stopped" in told
    assert "Traceback" not in told
    assert "release all resources" not in told


def test_a_clock_elsewhere_is_refused(tmp_path: Path) -> None:
    done = watcher("run", "--clock", "http://example.com/clock", folder=tmp_path)

    assert done.returncode == 2
    assert "expected an address of this machine" in done.stderr
