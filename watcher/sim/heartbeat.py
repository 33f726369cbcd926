"""
A stand-in for healthchecks.io at `/ping/<check>`: who would notice that the daemon is dead.

Rule: every ping is kept with its time and what it said; nobody is alarmed, the reader judges. It
knows one check and answers as the real one does. Troubles are the server's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from watcher.sim.wire import Call, Reply
from watcher.sim.world import World

PING_PATH = "/ping/"
CHECK = "0e7c1f5a-8d0b-4c55-9a43-5f2f6b1c9d11"
METHODS = frozenset({"GET", "HEAD", "POST"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinged:
    """One ping: `ok`, or not, and then `reason` says why."""

    ok: bool
    reason: str
    at_us: int


class Pings:
    """The far side of the heartbeat; `on_ping` callbacks see each as it arrives."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pings: list[Pinged] = []
        self.on_ping: list[Callable[[Pinged], None]] = []

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(one) for one in self.pings]

    def handle(self, call: Call) -> Reply:
        """Take one ping; a check nobody made is answered OK too, as the real one does."""
        check, _, word = call.path.removeprefix(PING_PATH).partition("/")
        if call.method not in METHODS or word not in {"", "fail"}:
            return _said("not found", status=404)
        if check != CHECK:
            return _said("OK (not found)")
        ping = Pinged(
            ok=not word, reason=call.body.decode(errors="replace"), at_us=self.world.now_us
        )
        self.pings.append(ping)
        for listener in self.on_ping:
            listener(ping)
        return _said("OK")


def _said(text: str, status: int = 200) -> Reply:
    return Reply(payload=text.encode(), status=status, content_type="text/plain")
