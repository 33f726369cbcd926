"""
From the command to the first byte at a venue: `watcher run` with three accounts on three venues.

Rule: our own time is measured, so what listens is a socket of this process that answers nothing:
no far side is in it. Byte-code is warm (one run before, not counted). The baseline, run in turn
with ours, imports the two libraries as their documentation says and does nothing. The best of
several runs counts on both sides: what else the machine does can only add.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.line import Line

MOST_S = 1.0
RUNS = 7
WAIT_MAX_S = 30.0

CONFIG = """
state_dir = "{folder}/state"
[telegram]
chat_id = 1
allowed_users = [1]
endpoint = "http://127.0.0.1:9"
[accounts.a]
venue = "bybit"
endpoint = "{endpoint}"
[accounts.b]
venue = "binance"
endpoint = "{endpoint}"
[accounts.c]
venue = "okx"
endpoint = "{endpoint}"
"""
LIBRARIES = "import ccxt.async_support, telegram.ext"


def first_byte_s(folder: Path) -> float:
    """Start the daemon once and return the seconds until a byte reached the venue's port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_MAX_S)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = folder / "watcher.toml"
        config.write_text(CONFIG.format(folder=folder, endpoint=endpoint), encoding="utf-8")
        secrets = {
            f"WATCHER_ACCOUNTS__{name}__{key}": f"{name}-{key}-of-a-bench"
            for name, keys in (
                ("A", ("API_KEY", "API_SECRET")),
                ("B", ("API_KEY", "API_SECRET")),
                ("C", ("API_KEY", "API_SECRET", "PASSWORD")),
            )
            for key in keys
        }
        environ = {**os.environ, **secrets, "WATCHER_TELEGRAM__BOT_TOKEN": "1:bench"}
        began = time.perf_counter()
        daemon = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "watcher", "run", "--config", str(config)],
            env=environ,
            stderr=subprocess.DEVNULL,
        )
        try:
            connection, _ = listener.accept()
            connection.settimeout(WAIT_MAX_S)
            connection.recv(1)
            took_s = time.perf_counter() - began
            connection.close()
        finally:
            daemon.kill()
            daemon.wait()
    return took_s


def took_s(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True)  # noqa: S603 - our own interpreter
    return time.perf_counter() - began


def measure() -> list[Line]:
    with tempfile.TemporaryDirectory(prefix="watcher-bench-") as name:
        first_byte_s(Path(name))
        took_s("-c", LIBRARIES)
        ours, libraries = [], []
        for _ in range(RUNS):
            ours.append(first_byte_s(Path(name)))
            libraries.append(took_s("-c", LIBRARIES))
    bare = min(took_s("-c", "pass") for _ in range(RUNS))
    return [
        Line(
            name="start to first venue byte",
            unit="s",
            ours=min(ours),
            baseline=min(libraries),
            against=f"`{LIBRARIES}` in a fresh interpreter, nothing else",
            most=MOST_S,
            note=f"best of {RUNS}, median {statistics.median(ours):.2f}, worst {max(ours):.2f}; "
            f"bare interpreter {bare:.3f}",
        )
    ]
