"""
From the command to the first byte at a venue: `watcher run` against a local listener.

Rule: our own time is measured, so the listener is on this machine and answers nothing; byte-code is
warm (one run before, not counted). Beside it, in the same run: a bare interpreter, and an import of
ccxt as its documentation says. Exit code 1 when the target is missed.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TARGET_S = 1.0
RUNS = 5
WAIT_MAX_S = 30.0

CONFIG = """
state_dir = "{folder}/state"
[telegram]
chat_id = 1
endpoint = "http://127.0.0.1:9"
[accounts.a]
venue = "bybit"
endpoint = "{endpoint}"
[accounts.b]
venue = "binance"
endpoint = "{endpoint}"
"""


def first_byte_s(folder: Path) -> float:
    """Start the daemon once and return the seconds until a byte reached the venue's port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_MAX_S)
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = folder / "watcher.toml"
        config.write_text(CONFIG.format(folder=folder, endpoint=endpoint), encoding="utf-8")
        secrets = {
            f"WATCHER_ACCOUNTS__{name}__{key}": f"{name}-{key}-of-a-bench"
            for name in "AB"
            for key in ("API_KEY", "API_SECRET")
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


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        first_byte_s(Path(name))
        runs = sorted(first_byte_s(Path(name)) for _ in range(RUNS))
    bare = min(took_s("-c", "pass") for _ in range(RUNS))
    plain = min(took_s("-c", "import ccxt.async_support") for _ in range(3))
    median = runs[len(runs) // 2]
    fine = median <= TARGET_S
    print(f"bare interpreter                  {bare:6.2f} s")
    print(f"import ccxt.async_support, whole  {plain:6.2f} s")
    print(f"watcher run to first venue byte   {median:6.2f} s (median; worst {runs[-1]:.2f})")
    print(f"target {TARGET_S:g} s: {'met' if fine else 'MISSED'}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
