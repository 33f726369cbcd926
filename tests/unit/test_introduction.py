"""Whose chat it is: believed by the code, over the library and HTTP, and by nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from watcher.channels.telegram_introduction import Introduced, Introduction, Unheard
from watcher.ports import DeliveryError
from watcher.sim.bot_api import BotApi
from watcher.sim.default import CHAT_ID, empty_world
from watcher.sim.faults import Fault
from watcher.sim.practice import serve

CODE = "K7F3QX29"
GROUP = -1_001_234_567_890


@asynccontextmanager
async def met(token: str | None = None) -> AsyncIterator[tuple[BotApi, Introduction]]:
    practice = await serve(empty_world())
    opened = Introduction(token or practice.bot.token, endpoint=practice.url)
    try:
        yield practice.bot, opened
    finally:
        await opened.close()
        await practice.close()


def run(story: Callable[[BotApi, Introduction], Awaitable[Any]], token: str | None = None) -> Any:
    async def whole() -> object:
        async with met(token) as (bot, opened):
            return await story(bot, opened)

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("text", "chat_id"),
    [
        (f"/start {CODE}", CHAT_ID),
        (CODE, CHAT_ID),
        (f"  {CODE} ", CHAT_ID),
        (f"/start@practice_watcher_bot {CODE}", GROUP),
        (f"/start {CODE}", GROUP),
    ],
)
def test_who_says_the_code_is_who_it_is_and_where(text: str, chat_id: int) -> None:
    async def story(bot: BotApi, opened: Introduction) -> Introduced:
        bot.say(user_id=7, chat_id=chat_id, text=text)
        return await opened.heard(CODE, within_s=20)

    who = run(story)

    assert (who.user_id, who.chat_id) == (7, chat_id)
    assert who.title == ("Practice group" if chat_id < 0 else "Trader")


@pytest.mark.parametrize(
    "text",
    [
        "/start",
        "/start K7F3QX28",
        f"not {CODE}",
        f"{CODE}{CODE}",
        f"/stop {CODE}",
        f"/start {CODE} x",
    ],
)
def test_other_words_prove_nothing_and_are_counted(text: str) -> None:
    async def story(bot: BotApi, opened: Introduction) -> None:
        bot.say(user_id=7, chat_id=CHAT_ID, text=text)
        await opened.heard(CODE, within_s=0.5)

    with pytest.raises(Unheard) as unheard:
        run(story)
    assert unheard.value.others == 1


@pytest.mark.parametrize(
    "change",
    [
        {"sender_chat": {"id": GROUP, "title": "Group", "type": "supergroup"}},
        {"from": {"id": 7, "is_bot": True, "first_name": "A bot"}},
    ],
)
def test_who_hides_or_is_a_bot_proves_nothing(change: dict[str, Any]) -> None:
    async def story(bot: BotApi, opened: Introduction) -> None:
        bot.say(user_id=7, chat_id=GROUP, text=CODE)
        bot.updates._waiting[-1]["message"].update(change)
        await opened.heard(CODE, within_s=0.5)

    with pytest.raises(Unheard):
        run(story)


def test_the_code_is_heard_among_what_others_say_and_nothing_is_left_for_the_daemon() -> None:
    async def story(bot: BotApi, opened: Introduction) -> tuple[Introduced, int]:
        waiting = asyncio.ensure_future(opened.heard(CODE, within_s=30))
        bot.say(user_id=8, chat_id=CHAT_ID, text="/start")
        bot.announce({"edited_channel_post": {"nonsense": True}})
        await asyncio.sleep(0.2)
        bot.say(user_id=7, chat_id=CHAT_ID, text=f"/start {CODE}")
        who = await waiting
        return who, len(bot.updates._waiting)

    who, left = run(story)

    assert (who.user_id, left) == (7, 0)


def test_an_outage_while_waiting_is_sat_out() -> None:
    async def whole() -> Introduced:
        practice = await serve(empty_world())
        fault = {"target": "bot", "kind": "http", "status": 502, "path": "getUpdates", "count": 1}
        practice.server.faults.add(Fault.of(fault, now_us=practice.world.now_us))
        opened = Introduction(practice.bot.token, endpoint=practice.url)
        practice.bot.say(user_id=7, chat_id=CHAT_ID, text=CODE)
        try:
            return await opened.heard(CODE, within_s=30)
        finally:
            await opened.close()
            await practice.close()

    assert asyncio.run(whole()).user_id == 7


def test_an_outage_that_lasts_is_told_as_one() -> None:
    async def whole() -> None:
        practice = await serve(empty_world())
        opened = Introduction(practice.bot.token, endpoint=practice.url)
        await practice.close()
        try:
            await opened.heard(CODE, within_s=0.5)
        finally:
            await opened.close()

    with pytest.raises(DeliveryError, match="no connection to Telegram"):
        asyncio.run(whole())


def test_another_reader_of_the_bot_is_told() -> None:
    async def story(bot: BotApi, opened: Introduction) -> None:
        waiting = asyncio.ensure_future(opened.heard(CODE, within_s=30))
        await asyncio.sleep(0.3)
        await bot.updates.get({})
        # whichever of the two began first, one of them is told: the rival comes until it is ours
        while not waiting.done():
            await bot.updates.get({"timeout": "1"})
        await waiting

    with pytest.raises(DeliveryError, match="another program fetches this bot's messages"):
        run(story)


def test_a_webhook_is_told_before_anybody_waits() -> None:
    async def story(bot: BotApi, opened: Introduction) -> None:
        bot.updates.webhook = "https://elsewhere.example"
        await opened.name()

    with pytest.raises(DeliveryError, match="by a webhook"):
        run(story)


def test_the_name_proves_the_token() -> None:
    async def story(_: BotApi, opened: Introduction) -> str:
        return await opened.name()

    assert run(story) == "practice_watcher_bot"
    with pytest.raises(DeliveryError, match="bot token refused"):
        run(story, token="7000000001:AAnot-this-one")
