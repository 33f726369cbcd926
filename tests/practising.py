"""
A practice exchange served beside the test, in a thread of its own: for what calls `asyncio.run`.

Rule: loopback, a free port, gone with the block. What a person does goes over HTTP like all else.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from watcher.sim.default import default_world
from watcher.sim.practice import Practice, serve

READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Beside:
    """A practice that runs, and its door for people."""

    practice: Practice

    @property
    def url(self) -> str:
        return self.practice.url

    def secrets(self, account: str) -> dict[str, str]:
        """Return the keys of *account* and the bot's token, by environment name."""
        one = self.practice.world.accounts[account]
        prefix = f"WATCHER_ACCOUNTS__{account.upper()}__"
        kept = {f"{prefix}API_KEY": one.key, f"{prefix}API_SECRET": one.secret}
        if one.passphrase:
            kept[f"{prefix}PASSWORD"] = one.passphrase
        return {**kept, "WATCHER_TELEGRAM__BOT_TOKEN": self.practice.bot.token}

    def control(self, name: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/control/{name}", data=data)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())


@contextmanager
def practising(*, ahead_s: float = 0.0) -> Iterator[Beside]:
    """Serve the default world; *ahead_s* is how far its clock is ahead of ours."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wall_ns() -> int:
        return time.time_ns() + int(ahead_s * 1e9)

    opening = asyncio.run_coroutine_threadsafe(serve(default_world(), wall_ns=wall_ns), loop)
    practice = opening.result(READY_S)
    try:
        yield Beside(practice)
    finally:
        asyncio.run_coroutine_threadsafe(practice.close(), loop).result(READY_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(READY_S)
        loop.close()
