"""The Bot API stand-in, spoken to by the real python-telegram-bot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Message, MessageEntity
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from watcher.sim.default import CHAT_ID, empty_world
from watcher.sim.faults import Fault
from watcher.sim.practice import Practice, serve


@pytest.fixture(autouse=True)
def _waits_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library warns of its own old form otherwise, and a warning is an error here."""
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


Scene = Callable[[Practice, Bot], Awaitable[None]]


def bot_of(practice: Practice, token: str | None = None) -> Bot:
    return Bot(
        token or practice.bot.token,
        base_url=f"{practice.url}/bot",
        request=HTTPXRequest(read_timeout=1.0),
        get_updates_request=HTTPXRequest(read_timeout=5.0),
    )


def play(scene: Scene) -> None:
    async def run() -> None:
        practice = await serve(empty_world(), lockstep=True)
        bot = bot_of(practice)
        try:
            await bot.initialize()
            await scene(practice, bot)
        finally:
            await bot.shutdown()
            await practice.close()

    asyncio.run(run())


def trouble(practice: Practice, **said: object) -> None:
    practice.server.faults.add(Fault.of({"target": "bot", **said}, now_us=practice.world.now_us))


def test_a_message_arrives_with_its_entities_and_time() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        bold = MessageEntity(type="bold", offset=0, length=8)

        sent = await bot.send_message(
            CHAT_ID, "CRITICAL 5.8 %", entities=[bold], disable_notification=True
        )

        (told,) = practice.bot.messages
        assert (told.id, told.text, told.silent) == (sent.message_id, "CRITICAL 5.8 %", True)
        assert told.entities == [{"type": "bold", "offset": 0, "length": 8}]
        assert told.at_us == practice.world.now_us
        assert sent.entities == (bold,)
        assert sent.date.timestamp() == practice.world.now_us // 1_000_000

    play(scene)


def test_a_word_is_delivered_once_through_long_polling() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        waiting = asyncio.create_task(bot.get_updates(timeout=3))
        await asyncio.sleep(0.05)
        practice.bot.say(user_id=7, chat_id=CHAT_ID, text="/status now")

        (update,) = await waiting
        again = await bot.get_updates(offset=update.update_id + 1, timeout=0)

        assert update.message is not None
        assert update.message.text == "/status now"
        assert update.message.entities[0].type == "bot_command"
        assert update.message.entities[0].length == len("/status")
        assert update.effective_user is not None
        assert update.effective_user.id == 7
        assert again == ()

    play(scene)


def test_a_second_reader_ends_the_first_with_a_conflict() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        other = bot_of(practice)
        await other.initialize()
        first = asyncio.create_task(bot.get_updates(timeout=3))
        await asyncio.sleep(0.05)

        await other.get_updates(timeout=0)

        with pytest.raises(Conflict):
            await first
        await other.shutdown()

    play(scene)


def test_a_button_press_comes_as_a_callback_query() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        keys = InlineKeyboardMarkup([[InlineKeyboardButton("ack", callback_data="ack:1")]])
        sent = await bot.send_message(CHAT_ID, "?", reply_markup=keys)
        practice.bot.press(user_id=7, chat_id=CHAT_ID, message_id=sent.message_id, data="ack:1")

        (update,) = await bot.get_updates(timeout=0)

        assert update.callback_query is not None
        assert update.callback_query.data == "ack:1"
        assert isinstance(update.callback_query.message, Message)
        assert update.callback_query.message.text == "?"
        assert await update.callback_query.answer()

    play(scene)


def test_an_edit_changes_what_the_phone_shows_and_an_empty_one_is_refused() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        sent = await bot.send_message(CHAT_ID, "one")

        await bot.edit_message_text("two", CHAT_ID, sent.message_id)

        assert practice.bot.messages[0].shown()["text"] == "two"
        with pytest.raises(BadRequest, match="not modified"):
            await bot.edit_message_text("two", CHAT_ID, sent.message_id)

    play(scene)


def test_the_calls_of_a_start_and_the_small_ones_are_answered() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        assert bot.username == "practice_watcher_bot"
        assert await bot.delete_webhook()
        assert await bot.set_my_commands([("status", "what is")])
        assert (await bot.get_chat(CHAT_ID)).id == CHAT_ID
        photo = await bot.send_photo(CHAT_ID, b"\x89PNG", caption="chart")
        assert photo.caption == "chart"
        assert await bot.pin_chat_message(CHAT_ID, photo.message_id)

    play(scene)


def test_refusals_come_in_telegrams_words() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        with pytest.raises(BadRequest, match="Chat not found"):
            await bot.send_message(999, "x")
        with pytest.raises(BadRequest, match="Message text is empty"):
            await bot.send_message(CHAT_ID, " ")
        practice.bot.blocked.add(CHAT_ID)
        with pytest.raises(Forbidden, match="blocked by the user"):
            await bot.send_message(CHAT_ID, "x")
        stranger = bot_of(practice, "7000000001:" + "x" * 35)
        with pytest.raises(InvalidToken):
            await stranger.initialize()
        await stranger.shutdown()
        assert practice.bot.messages == []

    play(scene)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"kind": "rate_limit", "retry_after": 7}, RetryAfter),
        ({"kind": "http", "status": 500}, NetworkError),
        ({"kind": "http", "status": 403}, Forbidden),
        ({"kind": "html"}, TelegramError),
        ({"kind": "reset"}, NetworkError),
        ({"kind": "revoked"}, InvalidToken),
    ],
)
def test_a_fault_is_the_error_its_library_knows_and_ends(
    said: dict[str, object], error: type[TelegramError]
) -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        trouble(practice, **said)

        with pytest.raises(error) as caught:
            await bot.send_message(CHAT_ID, "x")

        if isinstance(caught.value, RetryAfter):
            assert caught.value._retry_after.total_seconds() == 7
        assert practice.bot.messages == []
        assert (await bot.send_message(CHAT_ID, "x")).text == "x"

    play(scene)


def test_a_lost_reply_has_been_delivered_all_the_same() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        trouble(practice, kind="timeout")

        with pytest.raises(TimedOut):
            await bot.send_message(CHAT_ID, "once", read_timeout=0.2)

        assert [told.text for told in practice.bot.messages] == ["once"]

    play(scene)


def test_a_flood_is_held_back_by_the_minute() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        practice.bot.per_minute_max = 3
        for number in range(3):
            await bot.send_message(CHAT_ID, f"{number}")
            await practice.server.advance(practice.world.now_us + 10_000_000)

        with pytest.raises(RetryAfter):
            await bot.send_message(CHAT_ID, "4")
        await practice.server.advance(practice.world.now_us + 30_000_001)
        assert (await bot.send_message(CHAT_ID, "5")).text == "5"

    play(scene)
