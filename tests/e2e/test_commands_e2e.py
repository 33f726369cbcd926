"""
Commands over the real python-telegram-bot and the Bot API stand-in: who is answered, who is not.

Rule: updates are handled in the order they come, so an answer to a question asked after a
stranger's words proves that those were looked at and left unanswered; nothing waits for silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.asking import ask, replies
from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.policy import messages as say
from watcher.sim.bot_words import chat_body, person_body
from watcher.sim.default import CHAT_ID

pytestmark = pytest.mark.process

STRANGER = 666_000_001
GROUP = -1_001_234_567
CHANNEL = -1_009_876_543
GROUP_BOT = 1_087_968_824
WORDS = ("/status", "/positions", "/help")


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Stage]:
    """Watch an account 15 % from liquidation (WATCH) and a calm one; all chats exist."""
    world = world_of()
    long_btc(world, "main", "bybit", coins="1.5", away=15.0)
    long_btc(world, "calm", "okx", away=45.0)
    async with staged(world, folder) as stage:
        stage.practice.bot.chats |= {STRANGER, GROUP, CHANNEL}
        await stage.to(40)
        yield stage


def message(text: str, *, user_id: int = CHAT_ID, chat_id: int = CHAT_ID, **more: Any) -> Any:
    command = {"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}
    return {
        "message_id": 9_000,
        "from": person_body(user_id),
        "chat": chat_body(chat_id),
        "date": 0,
        "text": text,
        "entities": [command],
    } | more


def channel(chat_id: int) -> dict[str, Any]:
    return {"id": chat_id, "title": "Practice channel", "type": "channel"}


def test_status_positions_and_help_are_answered(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            status = (await ask(stage, "/status")).splitlines()
            positions = await ask(stage, "/positions main")
            help_text = await ask(stage, "/help")

            assert status[0].startswith("14:00 UTC · 2 of 2 seen, oldest ")
            assert status[1].startswith("🟡 main")
            assert "15.0 %" in status[1]
            assert status[1].endswith("WATCH")
            assert any(line.startswith("🟢 calm") for line in status[2:])
            assert "BTCUSDT long 1.5 BTC · mark 100,000" in positions
            assert "liquidation 85,0" in positions
            assert "15.0 % from liquidation" in positions
            assert all(word in help_text for word in ("/status", "/positions", "/kill"))
            assert len(status) <= 12

    asyncio.run(play())


def test_an_unknown_word_is_answered_in_one_breath(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            assert await ask(stage, "/liqudate now") == ("Not known: liqudate\nAll there is: /help")
            assert await ask(stage, "/positions nosuch") == (
                "No account nosuch; there is: calm, main"
            )

    asyncio.run(play())


def test_every_answer_is_silent_and_goes_where_it_was_asked(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            seen = len(stage.messages)
            for word in WORDS:
                await ask(stage, word)
            async with asyncio.timeout(20):  # a second page may pass for the next answer
                while len(stage.messages) < seen + 4:  # noqa: ASYNC110 - the bot rings no bell
                    await asyncio.sleep(0.02)

            answers = stage.messages[seen:]
            assert len(replies(answers)) == len(answers) == 4  # two accounts, two pages
            assert {sent.chat_id for sent in answers} == {CHAT_ID}

    asyncio.run(play())


def strangers(stage: Stage, word: str) -> None:
    """Say *word* in every way that is not a listed person in the listed chat as themselves."""
    bot, date = stage.practice.bot, stage.world.now_us // 1_000_000
    bot.say(user_id=STRANGER, chat_id=STRANGER, text=word)
    bot.say(user_id=STRANGER, chat_id=CHAT_ID, text=word)
    bot.say(user_id=CHAT_ID, chat_id=GROUP, text=word)
    bot.say(user_id=GROUP_BOT, chat_id=CHAT_ID, text=word)
    post = message(word, date=date, chat=channel(CHANNEL), sender_chat=channel(CHANNEL))
    origin = {"type": "user", "date": date, "sender_user": person_body(STRANGER)}
    for update in (
        {"edited_message": message(word, date=date, edit_date=date)},
        {"channel_post": {key: one for key, one in post.items() if key != "from"}},
        {"edited_channel_post": {**post, "edit_date": date}},
        {"message": message(word, date=date, sender_chat=chat_body(GROUP))},
        {"message": message(word, date=date, forward_origin=origin)},
        {"message": message(word, date=date, via_bot={**person_body(77), "is_bot": True})},
        {"message": message(word, date=date, **{"from": {**person_body(CHAT_ID), "is_bot": True}})},
        {"inline_query": {"id": "1", "from": person_body(CHAT_ID), "query": word, "offset": ""}},
        {"poll": {"id": "1", "question": word}},  # lacks what the library needs to read it
        {"message": "no message at all"},
    ):
        bot.announce(update)
    shown = stage.messages[0].id
    for user in (CHAT_ID, STRANGER):
        bot.press(user_id=user, chat_id=CHAT_ID, message_id=shown, data=word)


@pytest.mark.parametrize("word", [*WORDS, "/start", "/liqudate"])
def test_strangers_get_no_answer_and_change_nothing(word: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            before = await ask(stage, "/status")
            seen, calls = len(stage.messages), dict(stage.practice.bot.calls)

            strangers(stage, word)
            async with asyncio.timeout(20):
                while len(stage.messages) == seen:  # noqa: ASYNC110 - the bot rings no bell
                    await asyncio.sleep(0.02)
            after = await ask(stage, "/status")

            assert after == before
            # one note tells of them; a listed person's press of nothing is answered at once
            assert len(stage.messages) == seen + 2
            assert stage.messages[seen].text.startswith("🔒 SECURITY 1 message ")
            assert [one.text for one in stage.practice.bot.answers] == ["Expired or already used"]
            assert stage.practice.bot.left == [GROUP, CHANNEL]
            made = {
                name: count - calls.get(name, 0)
                for name, count in stage.practice.bot.calls.items()
                if count != calls.get(name, 0)
            }
            assert made.pop("getUpdates") >= 1
            # not even an attempt at another chat
            assert made == {"sendMessage": 2, "answerCallbackQuery": 1, "leaveChat": 2}
            await stage.to(100)
            assert stage.words("main") == ["WATCH"]

    asyncio.run(play())


def test_a_person_who_floods_is_let_in_again_and_alerts_are_not_held_up(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            bot, seen = stage.practice.bot, len(stage.messages)
            for _ in range(30):
                bot.say(user_id=CHAT_ID, chat_id=CHAT_ID, text="/help")
            stage.world.set_prices({"BTC": stage.world.prices["BTC"] * 90 / 100})
            await stage.to(60)

            assert "CRITICAL" in stage.words("main")
            await stage.to(200)
            answered = replies(stage.messages[seen:])
            assert 1 <= len(answered) <= 10
            assert await ask(stage, "/help") == answered[0].text

    asyncio.run(play())


def test_a_burst_of_questions_holds_up_no_alert_and_no_answer_is_old(tmp_path: Path) -> None:
    async def play() -> None:
        async with watching(tmp_path) as stage:
            bot, seen = stage.practice.bot, len(stage.messages)
            for word in (*WORDS, *WORDS, "/status", "/positions"):
                bot.say(user_id=CHAT_ID, chat_id=CHAT_ID, text=word)
            async with asyncio.timeout(20):
                while len(stage.messages) < seen + 4:  # noqa: ASYNC110 - the bot rings no bell
                    await asyncio.sleep(0.02)
            stage.world.set_prices({"BTC": stage.world.prices["BTC"] * 94 / 100})
            await stage.to(60)
            assert "WARNING" in stage.words("main")

            await stage.to(200)
            answered = replies(stage.messages[seen:])
            late = [sent for sent in answered if stage.world.start_us + 55_000_000 < sent.at_us]
            assert [sent.text for sent in late] == [say.BUSY]

    asyncio.run(play())
