"""
The gate before the bot, against everybody: no update of an outsider reaches a handler.

The real application, fed through the library's own reading; a short form by default, 100,000
updates under `make deep`.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
import structlog
from telegram import Update

from tests.properties.outsiders import Outsiders
from tests.unit import bot_stand_in
from tests.unit.bot_people import CHAT, USER, Answers
from tests.unit.bot_stand_in import TOKEN, BotApi
from tests.unit.service_stand_ins import moment
from watcher.channels.telegram_commands import GATE_GROUP, TelegramCommands
from watcher.channels.telegram_gate import Gate
from watcher.domain.alert import Message


class Door:
    """The bot's application over a far side that counts what it is asked."""

    def __init__(self, api: BotApi) -> None:
        self.answers = Answers()
        self.told: list[Message] = []
        self.gate = Gate(
            users=frozenset({USER}), chats=frozenset({CHAT}), operators=frozenset({USER})
        )
        self.commands = TelegramCommands(
            TOKEN,
            gate=self.gate,
            answerer=self.answers,
            now=moment,
            tell=self.tell,
            endpoint=api.url,
        )
        self.app = self.commands.application()
        self.app._initialized = True

    async def tell(self, message: Message) -> None:
        self.told.append(message)

    async def close(self) -> None:
        await self.commands.close()
        for request in self.app.bot._request:
            await request.shutdown()


def offered(count: int, *, seed: int, gate: bool) -> tuple[Door, Counter[str], list[str]]:
    """Offer *count* updates; return the door, how many of each type, and what the bot asked for."""

    async def run() -> tuple[Door, Counter[str], list[str]]:
        drawn: Counter[str] = Counter()
        outsiders = Outsiders(seed)
        async with bot_stand_in.bot_api() as api:
            door = Door(api)
            if not gate:
                del door.app.handlers[GATE_GROUP]
            for _ in range(count):
                kind, body = outsiders.draw()
                update = Update.de_json(body, door.app.bot)
                assert getattr(update, kind) is not None
                await door.app.process_update(update)
                drawn[kind] += 1
            await asyncio.sleep(0.1)
            await door.close()
            return door, drawn, [method for method, _ in api.calls]

    with structlog.testing.capture_logs():
        return asyncio.run(run())


@pytest.mark.parametrize(
    "count", [5_000, pytest.param(100_000, marks=pytest.mark.deep)], ids=["short", "deep"]
)
def test_no_update_of_an_outsider_is_handled_or_answered(count: int) -> None:
    door, drawn, asked = offered(count, seed=count, gate=True)

    assert set(drawn) == {str(kind) for kind in Update.ALL_TYPES}
    assert (door.answers.commands, door.answers.presses) == ([], [])
    assert door.gate.refused == count
    assert set(asked) == {"leaveChat"}
    assert [message.text.plain[:10] for message in door.told] == ["🔒 SECURITY"]


def test_without_the_gate_the_same_updates_get_through() -> None:
    """The test above can fail."""
    door, _, asked = offered(500, seed=5_000, gate=False)

    assert len(door.answers.commands) > 10
    assert len(door.answers.presses) > 10
    assert "answerCallbackQuery" in asked
