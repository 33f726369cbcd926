"""Who is listed in the tests of the bot, what they say, and an answerer that remembers."""

from __future__ import annotations

from typing import Any

from tests.unit.service_stand_ins import START_US
from watcher.domain.alert import SECOND_US
from watcher.ports import Channel, Command, Press

USER, CHAT, STRANGER = 11, 22, 99
BOT = {"id": 5, "is_bot": True, "first_name": "B"}


def text_message(**changes: Any) -> dict[str, Any]:
    """Return the listed person's "/status" in the listed chat."""
    made: dict[str, Any] = {
        "message_id": 1,
        "date": START_US // SECOND_US,
        "chat": {"id": CHAT, "type": "private"},
        "from": {"id": USER, "is_bot": False, "first_name": "A"},
        "text": "/status",
        "entities": [{"type": "bot_command", "offset": 0, "length": 7}],
    }
    return {**made, **changes}


class Answers:
    """Takes commands and presses and does nothing about them."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.presses: list[Press] = []
        self.roads: list[str] = []

    def answer(self, command: Command, road: Channel) -> None:
        self.commands.append(command)
        self.roads.append(road.name)

    async def press(self, press: Press, road: Channel) -> str:
        self.presses.append(press)
        self.roads.append(road.name)
        return "Seen by you 14:02"
