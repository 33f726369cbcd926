"""
Asking the real bot as a person would, and waiting for the answer.

Rule: what comes back is told apart from alerts by its shape alone. People's words reach the
daemon in real time while the world stands still, so the wait for an answer is real too.
"""

from __future__ import annotations

import asyncio

from tests.e2e.lockstep import Stage
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import CHAT_ID
from watcher.sim.demo.phone import read

ANSWER_S = 20.0
LOOK_S = 0.02


async def ask(stage: Stage, text: str, *, user_id: int = CHAT_ID, chat_id: int = CHAT_ID) -> str:
    """Say *text* to the bot and return its answer. Raises: `TimeoutError` for none."""
    bot, seen = stage.practice.bot, len(stage.messages)
    bot.say(user_id=user_id, chat_id=chat_id, text=text)
    async with asyncio.timeout(ANSWER_S):
        while not (found := replies(stage.messages[seen:])):
            stage.daemon.check()
            await asyncio.sleep(LOOK_S)
    return found[0].text


def replies(messages: list[SentMessage]) -> list[SentMessage]:
    """Return those that are about no incident: answers come without sound and code."""
    return [sent for sent in messages if sent.silent and read(sent.text) is None]


async def press(stage: Stage, key: str, *, of: SentMessage, user_id: int = CHAT_ID) -> str:
    """Press *key* under a message and return what the phone shows at once."""
    bot, shown = stage.practice.bot, len(stage.practice.bot.answers)
    bot.press(user_id=user_id, chat_id=of.chat_id, message_id=of.id, data=of.keys()[key])
    async with asyncio.timeout(ANSWER_S):
        while len(bot.answers) == shown:
            stage.daemon.check()
            await asyncio.sleep(LOOK_S)
    return bot.answers[shown].text


async def after(stage: Stage, seen: int, *, count: int = 1) -> list[SentMessage]:
    """Return *count* answers that came after the first *seen* messages, waiting for them."""
    async with asyncio.timeout(ANSWER_S):
        while len(found := replies(stage.messages[seen:])) < count:
            stage.daemon.check()
            await asyncio.sleep(LOOK_S)
    return found[:count]
