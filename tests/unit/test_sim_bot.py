"""The Bot API stand-in, spoken to by the real python-telegram-bot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Message, MessageEntity
from telegram.error import (
    BadRequest,
    ChatMigrated,
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


PNG = b"\x89PNG" + bytes(100)

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
        assert await update.callback_query.answer("done")
        assert [one.text for one in practice.bot.answers] == ["done"]
        with pytest.raises(BadRequest, match="too old"):
            await update.callback_query.answer("twice")

    play(scene)


def test_an_edit_changes_what_the_phone_shows_and_an_empty_one_is_refused() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        sent = await bot.send_message(CHAT_ID, "one")

        await bot.edit_message_text("two", CHAT_ID, sent.message_id)

        shown = practice.bot.messages[0].shown()
        assert (shown["text"], shown["first_text"]) == ("two", "one")
        assert shown["edits"] == [{"at_us": practice.world.now_us, "text": "two"}]
        with pytest.raises(BadRequest, match="not modified"):
            await bot.edit_message_text("two", CHAT_ID, sent.message_id)
        keys = InlineKeyboardMarkup([[InlineKeyboardButton("ack", callback_data="a")]])
        await bot.edit_message_text("two", CHAT_ID, sent.message_id, reply_markup=keys)
        assert practice.bot.messages[0].keys() == {"ack": "a"}
        await bot.edit_message_text("three", CHAT_ID, sent.message_id)
        assert practice.bot.messages[0].keys() == {}, "an edit without a keyboard takes it away"

    play(scene)


def test_the_calls_of_a_start_and_the_small_ones_are_answered() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        assert bot.username == "practice_watcher_bot"
        assert await bot.delete_webhook()
        assert await bot.set_my_commands([("status", "what is")])
        assert (await bot.get_chat(CHAT_ID)).id == CHAT_ID
        photo = await bot.send_photo(CHAT_ID, PNG, caption="chart")
        assert photo.caption == "chart"
        assert photo.photo[0].file_size == len(PNG)
        assert await bot.pin_chat_message(CHAT_ID, photo.message_id)
        (told,) = practice.bot.messages
        assert (told.picture, told.pinned_at_us) == (PNG, practice.world.now_us)
        assert await bot.unpin_chat_message(CHAT_ID, photo.message_id)
        assert told.pinned_at_us is None
        with pytest.raises(BadRequest, match="mage_process_failed"):
            await bot.send_photo(CHAT_ID, b"no picture")
        with pytest.raises(BadRequest, match="pin not found"):
            await bot.pin_chat_message(CHAT_ID, 7)

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


def test_an_edit_fits_what_was_sent() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        photo = await bot.send_photo(CHAT_ID, PNG, caption="one")

        with pytest.raises(BadRequest, match="no text in the message"):
            await bot.edit_message_text("two", CHAT_ID, photo.message_id)
        await bot.edit_message_caption(CHAT_ID, photo.message_id, caption="two")
        assert practice.bot.messages[0].now().text == "two"
        with pytest.raises(BadRequest, match="caption is too long"):
            await bot.send_photo(CHAT_ID, PNG, caption="x" * 1025)

    play(scene)


def test_a_button_holds_64_bytes() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        keys = [[InlineKeyboardButton("ack", callback_data="a" * 65)]]
        with pytest.raises(BadRequest, match="data_invalid"):
            await bot.send_message(CHAT_ID, "?", reply_markup=InlineKeyboardMarkup(keys))

    play(scene)


def test_a_second_within_a_second_is_one_too_many_and_an_edit_counts() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        practice.bot.per_second_max = 1
        sent = await bot.send_message(CHAT_ID, "one")

        with pytest.raises(RetryAfter):
            await bot.edit_message_text("two", CHAT_ID, sent.message_id)
        await practice.server.advance(practice.world.now_us + 1_000_000)
        await bot.edit_message_text("two", CHAT_ID, sent.message_id)
        with pytest.raises(RetryAfter):
            await bot.send_message(CHAT_ID, "three")

    play(scene)


def test_a_group_that_moved_names_its_new_number() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        practice.bot.migrate(CHAT_ID, -1005)

        with pytest.raises(ChatMigrated) as caught:
            await bot.send_message(CHAT_ID, "x")

        assert caught.value.new_chat_id == -1005
        assert (await bot.send_message(-1005, "x")).chat.id == -1005

    play(scene)


def test_a_webhook_stops_polling_until_it_is_deleted() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        practice.bot.updates.webhook = "https://elsewhere.example/"

        assert (await bot.get_webhook_info()).url == "https://elsewhere.example/"
        with pytest.raises(Conflict, match="webhook is active"):
            await bot.get_updates(timeout=0)
        await bot.delete_webhook()
        assert await bot.get_updates(timeout=0) == ()

    play(scene)


def test_a_group_is_left_and_takes_no_message_then() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        practice.bot.chats.add(-5)
        await bot.leave_chat(-5)

        assert practice.bot.left == [-5]
        with pytest.raises(BadRequest):
            await bot.send_message(-5, "x")

    play(scene)


@pytest.mark.parametrize(
    ("kind", "error", "arrives"),
    [("dropped", NetworkError, True), ("hang", TimedOut, False), ("timeout", TimedOut, True)],
)
def test_an_answer_that_never_comes_says_nothing_of_what_arrived(
    kind: str,
    error: type[TelegramError],
    arrives: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        trouble(practice, kind=kind)

        with pytest.raises(error):
            await bot.send_message(CHAT_ID, "once", read_timeout=0.2)

        assert bool(practice.bot.messages) is arrives

    play(scene)


# -- by the control endpoint -------------------------------------------------------------------


async def ask(practice: Practice, name: str, body: dict[str, Any] | None = None) -> Any:
    url = f"{practice.url}/control/{name}"
    async with aiohttp.ClientSession() as session:
        asked = session.get(url) if body is None else session.post(url, json=body)
        async with asked as answer:
            return await answer.json()


def test_a_button_is_pressed_by_its_words_or_forged_and_the_answer_is_seen() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        keys = InlineKeyboardMarkup([[InlineKeyboardButton("Ack", callback_data="a:1")]])
        sent = await bot.send_message(CHAT_ID, "?", reply_markup=keys)
        press = {"user_id": 7, "message_id": sent.message_id}

        await ask(practice, "press", {**press, "key": "Ack"})
        await ask(practice, "press", {**press, "data": "forged", "chat_id": 99})
        wrong = await ask(practice, "press", {**press, "key": "Nack"})
        nothing = await ask(practice, "press", {**press, "message_id": 1, "key": "Ack"})

        first, second = await bot.get_updates(timeout=0)
        seen = [
            (query.data, query.message.chat.id, query.message.message_id)
            for query in (first.callback_query, second.callback_query)
            if query is not None and query.message is not None
        ]
        assert seen == [("a:1", CHAT_ID, sent.message_id), ("forged", 99, sent.message_id)]
        assert wrong["error"] == "press: found key 'Nack', expected of ['Ack']"
        assert nothing["error"] == "press: no message 1 was sent"
        assert first.callback_query is not None
        await first.callback_query.answer("seen")
        assert [one["text"] for one in await ask(practice, "answers")] == ["seen"]
        (shown,) = await ask(practice, "messages")
        assert (shown["keys"], shown["edits"], shown["picture_bytes"]) == (["Ack"], [], None)

    play(scene)


def test_limits_a_move_and_a_webhook_are_set_and_taken_back() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        await ask(practice, "flood", {"per_minute": 20, "per_second": 1})
        assert (practice.bot.per_minute_max, practice.bot.per_second_max) == (20, 1)
        await ask(practice, "flood", {})
        assert (practice.bot.per_minute_max, practice.bot.per_second_max) == (None, None)
        await ask(practice, "migrate", {"chat_id": CHAT_ID, "new_chat_id": -9})
        assert practice.bot.moved == {CHAT_ID: -9}
        await ask(practice, "webhook", {"url": "https://elsewhere.example/"})
        await ask(practice, "block", {"chat_id": CHAT_ID})
        assert practice.bot.updates.webhook
        await ask(practice, "reset_faults", {})
        assert not practice.bot.updates.webhook
        assert not practice.bot.blocked

    play(scene)


def test_a_picture_that_arrives_in_drops_is_read() -> None:
    """A slow wire cut the form so that the server's library called its own old function."""

    async def scene(practice: Practice, _: Bot) -> None:
        mark = "b" * 32
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n{CHAT_ID}\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="photo"; filename="p.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        )
        tail = f"\r\n--{mark}--\r\n"
        pieces = [head.encode() + PNG[:1], PNG[1:3], PNG[3:] + bytes(20_000) + tail.encode()]
        far = urlsplit(practice.url)
        reader, writer = await asyncio.open_connection(far.hostname, far.port)
        writer.write(
            f"POST /bot{practice.bot.token}/sendPhoto HTTP/1.1\r\nHost: {far.netloc}\r\n"
            f"Content-Type: multipart/form-data; boundary={mark}\r\n"
            f"Content-Length: {sum(map(len, pieces))}\r\nConnection: close\r\n\r\n".encode()
        )
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert practice.bot.messages[-1].picture == PNG + bytes(20_000)

    play(scene)


def test_the_fallback_keeps_what_it_was_told_and_has_troubles_of_its_own() -> None:
    async def scene(practice: Practice, bot: Bot) -> None:
        heard: list[str] = []
        practice.server.fallback.on_notification.append(lambda one: heard.append(one.title))
        note = {"title": "t", "message": "m", "type": "failure"}
        notify = "../notify/anything"

        await ask(practice, "fault", {"target": "fallback", "kind": "http", "status": 500})
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{practice.url}/notify/x", json=note) as refused:
                assert refused.status == 500
            trouble(practice, target="fallback", kind="dropped")
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await session.post(f"{practice.url}/notify/x", json=note)
        assert await ask(practice, notify, note) == {"ok": True}
        assert "expected title" in (await ask(practice, notify, {}))["error"]

        told = [
            (one["id"], one["title"], one["text"], one["kind"])
            for one in (await ask(practice, "notifications"))
        ]
        assert told == [(1, "t", "m", "failure"), (2, "t", "m", "failure")]
        assert heard == ["t", "t"]

    play(scene)
