"""
A stand-in for what Apprise's `json://` speaks to: the fallback road's far side, at `/notify`.

Rule: every notification is kept with its time. It knows no limits; troubles are the server's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from watcher.sim.wire import Call, Reply
from watcher.sim.world import World

NOTIFY_PATH = "/notify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What the fallback was told. `kind` is Apprise's: info for silent ones, failure for loud."""

    id: int
    title: str
    text: str
    kind: str
    at_us: int

    def shown(self) -> dict[str, Any]:
        return asdict(self)


class Fallback:
    """The far side of the fallback; `on_notification` callbacks see each as it arrives."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.notifications: list[Notification] = []
        self.on_notification: list[Callable[[Notification], None]] = []

    def handle(self, call: Call) -> Reply:
        """Take one notification; what is none is refused as bad."""
        try:
            said = orjson.loads(call.body)
            taken = Notification(
                id=len(self.notifications) + 1,
                title=str(said["title"]),
                text=str(said["message"]),
                kind=str(said["type"]),
                at_us=self.world.now_us,
            )
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return Reply(payload={"error": "expected title, message and type"}, status=400)
        self.notifications.append(taken)
        for listener in self.on_notification:
            listener(taken)
        return Reply(payload={"ok": True})
