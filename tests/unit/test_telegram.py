"""The Telegram road: the real python-telegram-bot over HTTP against a stand-in of the Bot API."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Awaitable, Callable

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import bot_stand_in
from tests.unit.bot_people import Answers
from tests.unit.bot_stand_in import TOKEN, BotApi, plain, refused
from tests.unit.service_stand_ins import moment
from watcher.channels.telegram import TelegramChannel, keyboard, rendered, utf16_length
from watcher.channels.telegram_commands import TelegramCommands
from watcher.channels.telegram_gate import Gate
from watcher.domain.alert import Text
from watcher.logs import configure
from watcher.ports import DeliveryError, Key

CHAT = 4242


def on_road(story: Callable[[BotApi, TelegramChannel], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bot_stand_in.bot_api() as api:
            channel = TelegramChannel(TOKEN, CHAT, endpoint=api.url)
            try:
                await story(api, channel)
            finally:
                await channel.close()

    asyncio.run(run())


def failure_of(*answers: bot_stand_in.Answer) -> DeliveryError:
    """Return what a send that meets *answers* raises."""
    met: list[DeliveryError] = []

    async def story(api: BotApi, channel: TelegramChannel) -> None:
        api.script["sendMessage"] = list(answers)
        with pytest.raises(DeliveryError) as caught:
            await channel.send(Text(plain="x"), silent=False)
        met.append(caught.value)

    on_road(story)
    return met[0]


def test_a_text_goes_out_plain_with_entities_and_without_preview() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        text = Text(plain="🔴 CRITICAL #K7F3·2\n104,575 <b>", bold=((2, 10),), fixed=((20, 27),))

        receipt = await channel.send(text, silent=True)

        assert receipt == "1"
        [fields] = api.said()
        assert fields["text"] == text.plain
        assert fields["chat_id"] == str(CHAT)
        assert fields["entities"] == [
            {"type": "bold", "offset": 3, "length": 8},
            {"type": "code", "offset": 21, "length": 7},
        ]
        assert fields["disable_notification"] == "true"
        assert '"is_disabled": true' in fields["link_preview_options"]
        assert "parse_mode" not in fields

    on_road(story)


def test_a_loud_text_is_not_silent() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        await channel.send(Text(plain="x"), silent=False)

        assert api.said()[0]["disable_notification"] == "false"

    on_road(story)


def test_sends_share_a_warm_connection() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        assert await channel.warm() == "watcher_bot"
        for _ in range(3):
            await channel.send(Text(plain="x"), silent=False)

        assert len(api.connections) == 1

    on_road(story)


def test_a_wait_is_handed_on_exactly() -> None:
    error = failure_of(refused(429, "Too Many Requests: retry after 7", retry_after=7))

    assert (error.retry_after_s, error.permanent, error.ambiguous) == (7.0, False, False)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refused(401, "Unauthorized"), "bot token refused"),
        (refused(404, "Not Found"), "bot token refused"),
        (refused(403, "Forbidden: bot was blocked by the user"), "bot was blocked by the user"),
        (refused(403, "Forbidden: bot was kicked from the group chat"), "kicked"),
        (refused(400, "Bad Request: chat not found"), "hat not found"),
        (
            refused(400, "Bad Request: not enough rights to send text messages to the chat"),
            "rights",
        ),
        (refused(400, "Bad Request: PEER_ID_INVALID"), "eer_id"),
    ],
    ids=["unauthorised", "not found", "blocked", "kicked", "no chat", "no rights", "no peer"],
)
def test_what_concerns_every_message_is_about_the_channel(
    answer: bot_stand_in.Answer, reason: str
) -> None:
    error = failure_of(answer)

    assert reason in error.reason
    assert (error.refused, error.permanent) == (True, False)
    assert (error.ambiguous, error.retry_after_s) == (False, None)


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: message is too long",
        "Bad Request: message text is empty",
        "Bad Request: can't parse entities: unsupported start tag at byte offset 3",
        "Bad Request: ENTITY_BOUNDS_INVALID",
        "Bad Request: entity with user not found",
        "Bad Request: strings must be encoded in UTF-8",
        "Bad Request: something new",
    ],
)
def test_only_what_is_wrong_with_the_text_is_permanent_for_the_message(words: str) -> None:
    error = failure_of(refused(400, words))

    assert (error.permanent, error.refused) == (True, False)
    assert (error.ambiguous, error.retry_after_s) == (False, None)


@pytest.mark.parametrize(
    "answer",
    [
        refused(500, "Internal Server Error"),
        plain(502, "<html>Bad Gateway</html>"),
        plain(200, "<html>log in to this network</html>"),
        plain(200, ""),
    ],
    ids=["500", "502 page", "portal", "empty"],
)
def test_what_may_pass_is_tried_again(answer: bot_stand_in.Answer) -> None:
    error = failure_of(answer)

    assert (error.permanent, error.ambiguous, error.retry_after_s) == (False, False, None)


def test_an_answer_that_is_no_message_may_have_arrived() -> None:
    error = failure_of(
        plain(200, '{"ok": true, "result": {"message_id": "x"}}', "application/json")
    )

    assert error.ambiguous
    assert not error.permanent


def test_a_connection_cut_before_the_answer_may_have_brought_the_message() -> None:
    error = failure_of(bot_stand_in.reset)

    assert (error.permanent, error.ambiguous, error.retry_after_s) == (False, True, None)


def test_silence_may_have_arrived_and_nobody_listening_has_not() -> None:
    async def silent(api: BotApi, _: TelegramChannel) -> None:
        channel = TelegramChannel(TOKEN, CHAT, endpoint=api.url, timeout_s=0.2)
        api.script["sendMessage"] = [bot_stand_in.hang]
        with pytest.raises(DeliveryError) as caught:
            await channel.send(Text(plain="x"), silent=False)
        assert caught.value.ambiguous
        await channel.close()

    on_road(silent)

    async def dripping(api: BotApi, _: TelegramChannel) -> None:
        channel = TelegramChannel(TOKEN, CHAT, endpoint=api.url, whole_s=0.3)
        api.script |= {"sendMessage": [bot_stand_in.drip], "getMe": [bot_stand_in.drip]}
        for call in (channel.send(Text(plain="x"), silent=False), channel.warm()):
            with pytest.raises(DeliveryError) as caught:
                await asyncio.wait_for(call, 5)
            assert caught.value.ambiguous
        await channel.close()

    on_road(dripping)

    async def nobody() -> None:
        channel = TelegramChannel(TOKEN, CHAT, endpoint="http://127.0.0.1:9")
        with pytest.raises(DeliveryError) as caught:
            await channel.send(Text(plain="x"), silent=False)
        assert (caught.value.ambiguous, caught.value.permanent) == (False, False)
        await channel.close()

    asyncio.run(nobody())


def test_a_chat_that_moved_is_followed_at_once_and_from_then_on() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        moved = refused(400, "group upgraded", migrate_to_chat_id=-1001)
        api.script["sendMessage"] = [moved]

        await channel.send(Text(plain="a"), silent=False)
        await channel.send(Text(plain="b"), silent=False)

        assert [fields["chat_id"] for fields in api.said()] == [str(CHAT), "-1001", "-1001"]

    on_road(story)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 500, 599])
def test_no_reason_holds_the_token(status: int) -> None:
    error = failure_of(refused(status, f"trouble with {TOKEN} at /bot{TOKEN}/sendMessage"))

    assert TOKEN not in f"{error} {error.reason}"


def test_an_endpoint_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an address of this machine"):
        TelegramChannel(TOKEN, CHAT, endpoint="http://10.1.2.3:8080")


def test_a_text_too_long_for_one_message_is_cut_with_its_spans() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        await channel.send(Text(plain="🔴" * 3000, bold=((0, 3000),)), silent=False)

        [fields] = api.said()
        assert fields["text"].endswith("🔴…")
        assert utf16_length(fields["text"]) <= 4096
        assert fields["entities"][0]["length"] == utf16_length(fields["text"])

    on_road(story)


# -- buttons, pictures, edits, pins ------------------------------------------------------------

ACK, MUTE, CHART = (Key(label=label, token=label * 10) for label in ("Ack", "Mute", "Chart"))


def test_buttons_stand_in_rows_of_two_and_bring_their_token_back() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        await channel.send(Text(plain="x"), silent=False, keys=[ACK, MUTE, CHART])

        rows = api.said()[0]["reply_markup"]["inline_keyboard"]
        assert [[key["text"] for key in row] for row in rows] == [["Ack", "Mute"], ["Chart"]]
        assert rows[0][0]["callback_data"] == f"a:{ACK.token}"

    on_road(story)


def test_a_token_too_long_for_a_button_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        keyboard([Key(label="Ack", token="x" * 63)])
    assert keyboard([Key(label="Ack", token="x" * 62)]) is not None


def test_a_picture_goes_out_with_its_text_as_caption() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        text = Text(plain="📈 main" + "x" * 2000, bold=((2, 6),))

        receipt = await channel.send(text, silent=True, keys=[CHART], picture=b"\x89PNG picture")

        [(method, fields)] = api.calls
        assert (method, receipt) == ("sendPhoto", "1")
        assert b"\x89PNG picture" in fields.values()
        assert utf16_length(fields["caption"]) == 1024
        assert fields["caption_entities"] == [{"type": "bold", "offset": 3, "length": 4}]
        assert fields["disable_notification"] == "true"
        assert "parse_mode" not in fields

    on_road(story)


def test_a_picture_the_chat_does_not_take_is_no_reason_to_give_up_the_chat() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        words = "Bad Request: not enough rights to send photos to the chat"
        api.script["sendPhoto"] = [refused(400, words)]
        with pytest.raises(DeliveryError) as caught:
            await channel.send(Text(plain="x"), silent=True, picture=b"png")
        assert (caught.value.permanent, caught.value.refused) == (True, False)

    on_road(story)


def test_an_edit_replaces_text_entities_and_buttons() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        await channel.edit("40", Text(plain="now 4 %", bold=((4, 7),)), keys=[CHART])
        await channel.edit("40", Text(plain="over"))

        (first, with_keys), (second, without) = api.calls
        assert first == second == "editMessageText"
        assert (with_keys["chat_id"], with_keys["message_id"]) == (str(CHAT), "40")
        assert with_keys["text"] == "now 4 %"
        assert with_keys["entities"] == [{"type": "bold", "offset": 4, "length": 3}]
        assert with_keys["reply_markup"]["inline_keyboard"][0][0]["text"] == "Chart"
        assert '"is_disabled": true' in with_keys["link_preview_options"]
        assert "reply_markup" not in without, "which takes the buttons away"

    on_road(story)


def test_the_same_text_again_is_fine_and_a_picture_gets_a_caption() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        same = "Bad Request: message is not modified: specified new message content and reply ..."
        api.script["editMessageText"] = [
            refused(400, same),
            refused(400, "Bad Request: there is no text in the message to edit"),
        ]
        await channel.edit("40", Text(plain="x"))
        await channel.edit("41", Text(plain="y"))

        assert [method for method, _ in api.calls] == [
            "editMessageText",
            "editMessageText",
            "editMessageCaption",
        ]
        assert (api.calls[2][1]["message_id"], api.calls[2][1]["caption"]) == ("41", "y")

    on_road(story)


def test_a_pin_is_silent() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        await channel.pin("40")

        [(method, fields)] = api.calls
        assert method == "pinChatMessage"
        assert fields == {
            "chat_id": str(CHAT),
            "message_id": "40",
            "disable_notification": "true",
        }

    on_road(story)


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: message to edit not found",
        "Bad Request: message can't be edited",
        "Bad Request: not enough rights to manage pinned messages in the chat",
        "Bad Request: chat not found",
    ],
)
def test_an_edit_or_a_pin_that_fails_never_condemns_the_road(words: str) -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        for method in ("editMessageText", "pinChatMessage"):
            api.script[method] = [refused(400, words)]
        for act in (channel.edit("40", Text(plain="x")), channel.pin("40")):
            with pytest.raises(DeliveryError) as caught:
                await act
            assert (caught.value.permanent, caught.value.refused) == (True, False)

    on_road(story)


def test_what_concerns_every_message_is_about_the_channel_in_an_edit_too() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        api.script["editMessageText"] = [refused(401, "Unauthorized"), refused(403, "Forbidden: x")]
        for _ in range(2):
            with pytest.raises(DeliveryError) as caught:
                await channel.edit("40", Text(plain="x"))
            assert caught.value.refused
        api.script["pinChatMessage"] = [refused(429, "Too Many Requests", retry_after=9)]
        with pytest.raises(DeliveryError) as caught:
            await channel.pin("40")
        assert caught.value.retry_after_s == 9

    on_road(story)


def test_a_receipt_of_another_road_is_edited_and_pinned_nowhere() -> None:
    async def story(api: BotApi, channel: TelegramChannel) -> None:
        for act in (channel.edit("", Text(plain="x")), channel.pin("sent from memory")):
            with pytest.raises(DeliveryError) as caught:
                await act
            assert caught.value.permanent
        assert api.calls == []

    on_road(story)


def test_an_edit_follows_a_chat_that_moved_and_says_where_to() -> None:
    async def run() -> None:
        seen: list[tuple[int, int]] = []

        async def moved(before: int, now: int) -> None:
            seen.append((before, now))

        async with bot_stand_in.bot_api() as api:
            channel = TelegramChannel(TOKEN, CHAT, endpoint=api.url, moved=moved)
            api.script["editMessageText"] = [refused(400, "up", migrate_to_chat_id=-1001)]
            await channel.edit("40", Text(plain="x"))
            assert [fields["chat_id"] for _, fields in api.calls] == [str(CHAT), "-1001"]
            assert seen == [(CHAT, -1001)]
            await channel.close()

    asyncio.run(run())


CANARY = "1:canary-that-no-pattern-knows"


@pytest.mark.parametrize(
    "answer",
    [
        refused(400, f"Bad Request: {CANARY}"),
        refused(401, "Unauthorized"),
        refused(404, f"no such bot{CANARY}"),
        refused(409, f"Conflict: {CANARY}"),
        refused(429, "Too Many Requests", retry_after=1),
        plain(502, f"<html>{CANARY}</html>"),
        plain(200, f"/bot{CANARY}/getMe"),
        bot_stand_in.reset,
    ],
    ids=["400", "401", "404", "409", "429", "502", "portal", "reset"],
)
def test_the_token_is_in_no_line_of_the_log(answer: bot_stand_in.Answer) -> None:
    """At the most talkative level and without the redaction that would blot it out."""
    stream = io.StringIO()
    kept = logging.getLogger().handlers[:], logging.getLogger().level
    configure(stream=stream, level="debug", secrets=(), now=moment, colours=False)

    async def tell(_: object) -> None:
        return None

    async def story(api: BotApi, _: TelegramChannel) -> None:
        channel = TelegramChannel(CANARY, CHAT, endpoint=api.url)
        for method in ("sendMessage", "sendPhoto", "editMessageText", "pinChatMessage"):
            api.script[method] = [answer]
        acts = (
            channel.send(Text(plain="x"), silent=False, keys=[ACK]),
            channel.send(Text(plain="x"), silent=False, picture=b"png"),
            channel.edit("4", Text(plain="x")),
            channel.pin("4"),
        )
        for act in acts:
            try:
                await act
            except DeliveryError as error:
                logging.getLogger("probe").warning("probe %s", error)
        await channel.close()
        gate = Gate(users=frozenset({CHAT}), chats=frozenset({CHAT}))
        for method in ("getMe", "getWebhookInfo", "getUpdates"):
            api.script[method] = [answer]
            commands = TelegramCommands(
                CANARY, gate=gate, answerer=Answers(), now=moment, tell=tell, endpoint=api.url
            )
            before, polling = api.asked(method), asyncio.create_task(commands.run())
            async with asyncio.timeout(10):
                while api.asked(method) == before:  # noqa: ASYNC110 - the far side rings no event
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await commands.close()

    try:
        on_road(story)
    finally:
        logging.getLogger().handlers[:], level = kept
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()

    assert "canary" not in stream.getvalue()
    assert "probe" in stream.getvalue()


@given(
    st.text(max_size=60),
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=5),
)
def test_entities_lie_within_the_text_and_on_whole_characters(
    words: str, spans: list[tuple[int, int]]
) -> None:
    """Any text of any script, half characters included: a bad offset would lose the message."""
    plain_text, entities = rendered(Text(plain=words, bold=tuple(spans)))

    units = plain_text.encode("utf-16-le")
    for entity in entities:
        piece = units[2 * entity.offset : 2 * (entity.offset + entity.length)]
        assert len(piece) == 2 * entity.length > 0
        assert piece.decode("utf-16-le") in plain_text
