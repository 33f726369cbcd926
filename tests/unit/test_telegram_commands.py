"""Commands and presses coming in: who is let in, how often, and polling that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs
from telegram import Update, User

from tests.unit import bot_stand_in
from tests.unit.bot_people import BOT, CHAT, STRANGER, USER, Answers, text_message
from tests.unit.bot_stand_in import TOKEN, BotApi, refused
from tests.unit.service_stand_ins import START_US, moment
from watcher.channels.telegram_commands import TelegramCommands
from watcher.channels.telegram_gate import Gate, Rivalry
from watcher.domain.alert import (
    Message,
)
from watcher.domain.road import Reach
from watcher.ports import Channel, Command, Press


class Bench:
    """The real application around a recording answerer; nothing is sent anywhere."""

    def __init__(self) -> None:
        self.answers = Answers()
        self.at = moment()
        self.gate = Gate(users=frozenset({USER}), chats=frozenset({CHAT}))
        self.told: list[Message] = []
        self.commands = TelegramCommands(
            TOKEN,
            gate=self.gate,
            answerer=self.answers,
            now=lambda: self.at,
            tell=self.tell,
            endpoint="http://127.0.0.1:9",
        )
        self.app = self.commands.application()
        self.app._initialized = True
        self.app.bot._bot_user = User(7, "watcher", is_bot=True, username="Watcher_Bot")

    async def tell(self, message: Message) -> None:
        self.told.append(message)

    async def take(self, *updates: dict[str, Any]) -> None:
        for number, update in enumerate(updates):
            made = Update.de_json({"update_id": number, **update}, self.app.bot)
            await self.app.process_update(made)


def on_bench(story: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        bench = Bench()
        try:
            await story(bench)
        finally:
            await bench.commands.close()

    asyncio.run(run())


def test_a_listed_person_in_a_listed_chat_is_heard() -> None:
    async def story(bench: Bench) -> None:
        await bench.take({"message": text_message(text="/Positions@watcher_bot  bybit_main ")})

        [command] = bench.answers.commands
        assert command == Command(
            word="positions", argument="bybit_main", user_id=USER, sent_at_us=START_US
        )
        assert bench.answers.roads == [f"telegram:{CHAT}"]
        assert bench.gate.refused == 0

    on_bench(story)


def test_what_is_for_another_bot_of_the_group_is_left_to_it() -> None:
    async def story(bench: Bench) -> None:
        await bench.take({"message": text_message(text="/kill@another_bot")})
        assert bench.answers.commands == []

    on_bench(story)


def test_an_empty_list_lets_nobody_in() -> None:
    gate = Gate(users=frozenset(), chats=frozenset())
    update = Update.de_json({"update_id": 1, "message": text_message()}, None)

    assert not gate.admits(update)


def test_the_eleventh_command_within_a_minute_is_dropped_and_the_next_minute_is_free() -> None:
    async def story(bench: Bench) -> None:
        await bench.take(*[{"message": text_message()}] * 15)
        assert len(bench.answers.commands) == 10
        bench.at = moment(60)
        await bench.take({"message": text_message()})
        assert len(bench.answers.commands) == 11

    on_bench(story)


def test_words_that_are_no_command_are_left_alone() -> None:
    async def story(bench: Bench) -> None:
        await bench.take({"message": text_message(text="good morning")})
        assert bench.answers.commands == []

    on_bench(story)


# -- polling, over HTTP ------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the far side rings no event of ours
            await asyncio.sleep(0.01)


def polling(
    story: Callable[[BotApi, Answers], Awaitable[None]],
    *,
    prepare: Callable[[BotApi], None] | None = None,
    told: list[Message] | None = None,
) -> None:
    async def tell(message: Message) -> None:
        assert told is not None, message
        told.append(message)

    async def run() -> None:
        async with bot_stand_in.bot_api() as api:
            if prepare is not None:
                prepare(api)
            answers = Answers()
            commands = TelegramCommands(
                TOKEN,
                gate=Gate(users=frozenset({USER}), chats=frozenset({CHAT})),
                answerer=answers,
                now=moment,
                tell=tell,
                endpoint=api.url,
            )
            task = asyncio.create_task(commands.run())
            try:
                await story(api, answers)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await commands.close()

    asyncio.run(run())


def test_a_command_comes_in_by_long_polling() -> None:
    async def story(api: BotApi, answers: Answers) -> None:
        api.push({"update_id": 5, "message": text_message(text="/help")})
        await until(lambda: len(answers.commands) == 1)
        assert answers.commands[0].word == "help"
        assert answers.roads == [f"telegram:{CHAT}"]

    polling(story)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("getMe", refused(500, "Internal Server Error")),
        ("getUpdates", refused(409, "Conflict: terminated by other getUpdates request")),
        ("getUpdates", bot_stand_in.reset),
        ("deleteWebhook", bot_stand_in.reset),
    ],
    ids=["start", "conflict", "reset", "webhook"],
)
def test_polling_that_broke_is_started_again(method: str, answer: bot_stand_in.Answer) -> None:
    def prepare(api: BotApi) -> None:
        api.script[method] = [answer]
        api.push({"update_id": 5, "message": text_message()})

    async def story(api: BotApi, answers: Answers) -> None:
        await until(lambda: len(answers.commands) == 1)
        assert api.asked("getMe") == 2

    polling(story, prepare=prepare)


@pytest.mark.parametrize(
    "poison",
    [
        {"message": {"message_id": 1}},
        {"message": text_message(date="yesterday")},
        {"message": 7},
        {"poll_answer": {"poll_id": "1", "option_ids": [0]}},
    ],
    ids=["bare", "date", "number", "newer form"],
)
def test_an_update_that_does_not_read_does_not_stop_the_next(poison: dict[str, Any]) -> None:
    """The library alone asks for it again for ever, as fast as it can."""

    async def story(api: BotApi, answers: Answers) -> None:
        api.push({"update_id": 5, **poison})
        api.push({"update_id": 6, "message": text_message(text="/help")})
        await until(lambda: len(answers.commands) == 1)
        await asyncio.sleep(0.1)
        assert api.asked("getUpdates") <= 3

    polling(story)


def test_an_answer_without_updates_is_asked_for_again_slowly() -> None:
    def prepare(api: BotApi) -> None:
        nonsense = bot_stand_in.plain(200, '{"ok": true, "result": true}', "application/json")
        api.script["getUpdates"] = [nonsense]

    async def story(api: BotApi, answers: Answers) -> None:
        api.push({"update_id": 6, "message": text_message(text="/help")})
        await until(lambda: len(answers.commands) == 1)

    polling(story, prepare=prepare)


# -- presses -----------------------------------------------------------------------------------


def pressed(data: str | None = "a:secret", **changes: Any) -> dict[str, Any]:
    query: dict[str, Any] = {
        "id": "7",
        "from": {"id": USER, "is_bot": False, "first_name": "A"},
        "chat_instance": "1",
        "data": data,
        "message": {**text_message(), "message_id": 40, "from": BOT, "text": "alert"},
    }
    return {"callback_query": {**query, **changes}}


def answers_shown(api: BotApi) -> list[str]:
    return [fields["text"] for method, fields in api.calls if method == "answerCallbackQuery"]


def test_a_press_is_handed_over_and_answered_with_what_came_of_it() -> None:
    async def story(api: BotApi, answers: Answers) -> None:
        api.push({"update_id": 5, **pressed()})
        await until(lambda: answers_shown(api) == ["Seen by you 14:02"])

        assert answers.presses == [
            Press(
                token="secret",
                user_id=USER,
                chat_id=CHAT,
                receipt="40",
                operator=False,
                update_id=5,
            )
        ]
        assert answers.roads == [f"telegram:{CHAT}"]

    polling(story)


def test_a_press_of_a_message_too_old_to_be_read_is_handed_over_too() -> None:
    async def story(bench: Bench) -> None:
        old = {"message_id": 40, "date": 0, "chat": text_message()["chat"]}
        await bench.take(pressed(message=old))
        assert [press.receipt for press in bench.answers.presses] == ["40"]

    on_bench(story)


@pytest.mark.parametrize(
    "changes",
    [
        {"from": {"id": STRANGER, "is_bot": False, "first_name": "A"}},
        {"from": {"id": USER, "is_bot": True, "first_name": "A"}},
        {"message": {**text_message(), "chat": {"id": STRANGER, "type": "private"}}},
        {"message": None},
        {"message": None, "inline_message_id": "x"},
        {"inline_message_id": "x"},
    ],
)
def test_a_press_of_anybody_else_or_elsewhere_is_neither_heard_nor_answered(
    changes: dict[str, Any],
) -> None:
    async def story(api: BotApi, answers: Answers) -> None:
        api.push({"update_id": 5, **pressed(**changes)})
        api.push({"update_id": 6, **pressed("a:mine")})
        await until(lambda: len(answers_shown(api)) == 1)
        assert [press.token for press in answers.presses] == ["mine"]

    polling(story, told=[])


def test_an_update_that_is_a_press_and_a_word_at_once_is_neither() -> None:
    """No such update exists; one that did could hide a stranger's word behind a listed press."""

    async def story(bench: Bench) -> None:
        stranger = {"id": STRANGER, "is_bot": False, "first_name": "A"}
        await bench.take({**pressed(), "message": text_message(**{"from": stranger})})
        assert (bench.answers.commands, bench.answers.presses) == ([], [])

    on_bench(story)


def test_a_press_that_fails_or_hangs_is_answered_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("watcher.channels.telegram_commands.PRESS_S", 0.05)

    async def story(api: BotApi, answers: Answers) -> None:
        async def hangs(press: Press, road: Channel) -> str:
            await asyncio.sleep(3600)
            return "never"

        async def fails(press: Press, road: Channel) -> str:
            raise RuntimeError("a defect")

        for number, press in enumerate((hangs, fails)):
            answers.press = press  # type: ignore[method-assign]
            api.push({"update_id": number, **pressed()})
            await until(lambda number=number: len(answers_shown(api)) == number + 1)
        assert answers_shown(api) == ["This could not be done; the log says why"] * 2

    with capture_logs() as logs:
        polling(story)
    # a slow disk is no defect of ours
    assert [one["event"] for one in logs if one["log_level"] == "warning"] == ["button.failed"]
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["command.failed"]


def test_presses_have_a_flood_limit_of_their_own_and_are_answered_beyond_it() -> None:
    async def story(api: BotApi, answers: Answers) -> None:
        for number in range(33):
            api.push({"update_id": number, **pressed()})
        api.push({"update_id": 50, "message": text_message(text="/help")})
        await until(lambda: len(answers.commands) == 1)
        assert len(answers.presses) == 30
        assert answers_shown(api)[30:] == ["Too many at once: wait a minute"] * 3

    polling(story)


# -- roles, strangers, rivals ------------------------------------------------------------------


def test_a_listed_operator_may_change_something_and_a_viewer_only_read() -> None:
    gate = Gate(users=frozenset({1, 2}), chats=frozenset({CHAT}), operators=frozenset({2, 3}))

    assert [gate.is_operator(user) for user in (1, 2, 3)] == [False, True, False]


def test_the_command_says_whether_its_person_is_an_operator() -> None:
    async def story(bench: Bench) -> None:
        await bench.take({"message": text_message()})
        bench.commands.gate = Gate(
            users=frozenset({USER}), chats=frozenset({CHAT}), operators=frozenset({USER})
        )
        await bench.take({"message": text_message()})
        assert [command.operator for command in bench.answers.commands] == [False, True]

    on_bench(story)


def strange(**changes: Any) -> dict[str, Any]:
    person = {"id": STRANGER, "is_bot": False, "first_name": "A"}
    chat = {"id": STRANGER, "type": "private"}
    return {"message": text_message(**{"from": person, "chat": chat, **changes})}


def test_strangers_are_told_of_at_once_and_then_once_an_hour_with_their_count() -> None:
    async def story(bench: Bench) -> None:
        await bench.take(*[strange()] * 3)
        bench.at = moment(3599)
        await bench.take(*[strange()] * 40)
        assert [message.text.plain.splitlines()[0] for message in bench.told] == [
            "🔒 SECURITY 1 message to the bot from outside its list"
        ]
        bench.at = moment(3600)
        await bench.commands._tell_denied()
        assert bench.told[1].text.plain.startswith("🔒 SECURITY 42 messages")
        assert "/status" not in bench.told[1].text.plain
        bench.at = moment(9000)
        await bench.commands._tell_denied()
        assert len(bench.told) == 2

    on_bench(story)


def test_what_a_listed_person_does_that_is_no_command_is_no_strangers() -> None:
    async def story(bench: Bench) -> None:
        await bench.take({"edited_message": text_message()})
        assert bench.gate.refused == 1
        assert bench.told == []

    on_bench(story)


def member(status: str) -> dict[str, Any]:
    bot = {"user": BOT}
    until_date = {"until_date": 0} if status == "kicked" else {}
    return {
        "my_chat_member": {
            "chat": {"id": -1001, "type": "supergroup", "title": "G"},
            "from": {"id": STRANGER, "is_bot": False, "first_name": "A"},
            "date": 1,
            "old_chat_member": {**bot, "status": "left"},
            "new_chat_member": {**bot, "status": status, **until_date},
        }
    }


def test_a_group_it_was_put_into_is_left_once_and_one_it_is_out_of_is_not() -> None:
    async def story(api: BotApi, answers: Answers) -> None:
        group = {"id": -1002, "type": "group", "title": "G"}
        api.push({"update_id": 1, **member("kicked")})
        api.push({"update_id": 2, **strange(chat=group)})
        api.push({"update_id": 3, **strange(chat=group)})
        api.push({"update_id": 4, **strange()})
        api.push({"update_id": 5, **member("member")})
        await until(lambda: api.asked("leaveChat") == 2)
        left = [fields["chat_id"] for method, fields in api.calls if method == "leaveChat"]
        assert left == ["-1002", "-1001"]
        assert api.said() == []

    polling(story, told=[])


CONFLICT = refused(409, "Conflict: terminated by other getUpdates request")


def test_two_conflicts_are_told_on_every_road_and_only_what_makes_safer_is_taken() -> None:
    told: list[Message] = []

    def prepare(api: BotApi) -> None:
        # the library asks once more on its way out
        api.script["getUpdates"] = [CONFLICT] * 3
        api.push({"update_id": 1, "message": text_message(text="/status")})
        api.push({"update_id": 2, **pressed()})
        api.push({"update_id": 3, "message": text_message(text="/kill now")})
        api.push({"update_id": 4, "message": text_message(text="/pause 2h")})

    async def story(api: BotApi, answers: Answers) -> None:
        await until(lambda: len(answers.commands) == 2)
        assert [command.word for command in answers.commands] == ["kill", "pause"]
        assert answers.presses == []
        assert answers_shown(api) == ["Off while another program uses this bot's token"]
        [message] = told
        assert message.reach is Reach.FALLBACK
        assert not message.silent
        assert "another program reads" in message.text.plain

    polling(story, prepare=prepare, told=told)


def test_a_webhook_somebody_set_is_told_at_once_and_taken_back() -> None:
    told: list[Message] = []

    async def hooked(_: Any) -> Any:
        info = {"has_custom_certificate": False, "pending_update_count": 0}
        return bot_stand_in.ok({"url": "https://thief.example/", **info})

    def prepare(api: BotApi) -> None:
        api.script["getWebhookInfo"] = [hooked]
        api.push({"update_id": 1, "message": text_message(text="/status")})
        api.push({"update_id": 3, "message": text_message(text="/kill")})

    async def story(api: BotApi, answers: Answers) -> None:
        await until(lambda: len(answers.commands) == 1)
        assert answers.commands[0].word == "kill"
        assert api.asked("deleteWebhook") == 1
        assert ["thief" in message.text.plain for message in told] == [False]

    polling(story, prepare=prepare, told=told)


def test_trust_comes_back_two_minutes_after_the_last_conflict_and_is_told_hourly() -> None:
    rivalry = Rivalry()

    assert not rivalry.met(moment(0), certain=False)
    assert not rivalry.lasts(moment(1)), "one may be our own last process"
    assert rivalry.met(moment(60), certain=False)
    assert rivalry.lasts(moment(179))
    assert not rivalry.lasts(moment(180))
    assert not rivalry.met(moment(181), certain=False), "alone again"
    assert not rivalry.met(moment(200), certain=False), "told within the hour"
    assert rivalry.lasts(moment(200))
    assert rivalry.met(moment(4000), certain=True)


@pytest.mark.parametrize("status", [401, 409])
def test_a_stop_that_meets_polling_on_its_way_out_ends_it(status: int) -> None:
    """The library takes such a cancellation for its own and goes on; ours must not."""

    async def tell(_: Message) -> None:
        return None

    async def run() -> None:
        gate = Gate(users=frozenset({USER}), chats=frozenset({CHAT}))
        for delay_s in (0.0, 0.02, 0.1, 0.3):
            async with bot_stand_in.bot_api() as api:
                api.script["getUpdates"] = [refused(status, "no"), bot_stand_in.hang]
                commands = TelegramCommands(
                    TOKEN, gate=gate, answerer=Answers(), now=moment, tell=tell, endpoint=api.url
                )
                task = asyncio.create_task(commands.run())
                await until(lambda api=api: api.asked("getUpdates") >= 1)
                await asyncio.sleep(delay_s)
                task.cancel()
                done, _ = await asyncio.wait({task}, timeout=5)
                assert done, delay_s
                assert task.cancelled()
                await commands.close()

    asyncio.run(run())
