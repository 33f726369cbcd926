"""Commands: who is let in, how often, how late, and what is answered on which road."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import Update

from tests.unit import bot_stand_in
from tests.unit.bot_stand_in import TOKEN, BotApi, refused
from tests.unit.service_stand_ins import START_US, Phone, moment, rules, snapshot
from watcher.channels.telegram_commands import GROUP_BOT_ID, Gate, TelegramCommands
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    DangerState,
    Kind,
    Lane,
    Message,
    Moment,
    Text,
    Tier,
)
from watcher.ports import Channel, Command, Press
from watcher.service.commands import Commands, _ended

USER, CHAT, STRANGER = 11, 22, 99


def text_message(**changes: Any) -> dict[str, Any]:
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


class Bench:
    """The real application around a recording answerer; nothing is sent anywhere."""

    def __init__(self) -> None:
        self.answers = Answers()
        self.at = moment()
        self.gate = Gate(users=frozenset({USER}), chats=frozenset({CHAT}))
        self.commands = TelegramCommands(
            TOKEN,
            gate=self.gate,
            answerer=self.answers,
            now=lambda: self.at,
            endpoint="http://127.0.0.1:9",
        )
        self.app = self.commands.application()
        self.app._initialized = True

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


PERSON = st.sampled_from([USER, STRANGER, GROUP_BOT_ID, -USER, 0, CHAT])
PLACE = st.sampled_from([CHAT, STRANGER, -1001, USER, 0])
WORDS = st.sampled_from(["/status", "/help", "/positions x", "status", "", "/kill", "/start 1"])
CHANNEL = {"id": -1001, "type": "channel", "title": "C"}
ORIGIN = {"type": "hidden_user", "sender_user_name": "x", "date": 1}
BOT = {"id": 5, "is_bot": True, "first_name": "B"}
ODDITIES: list[dict[str, Any]] = [
    {"sender_chat": CHANNEL},
    {"forward_origin": ORIGIN},
    {"via_bot": BOT},
    {"is_automatic_forward": True},
    {"from": {"id": USER, "is_bot": True, "first_name": "A"}},
    {"from": None},
]
MESSAGE_KINDS = [
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_message",
    "edited_business_message",
]


@st.composite
def outsiders(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an update of any type that is not a listed person's own message in a listed chat."""
    user, place, words = draw(PERSON), draw(PLACE), draw(WORDS)
    person = {"id": user, "is_bot": False, "first_name": "A", "username": "owner"}
    chat = {"id": place, "type": draw(st.sampled_from(["private", "group", "supergroup"]))}
    body = text_message(**{"from": person, "chat": chat, "text": words})
    kind = draw(st.sampled_from(["message", "odd", "other", "query", "inline", "member", "poll"]))
    if kind == "message":
        if (user, place) == (USER, CHAT):
            body["from"] = {**person, "id": STRANGER}
        return {"message": body}
    if (user, place) == (USER, CHAT):
        person = {**person, "id": STRANGER}
    if kind == "odd":
        odd = {**body, "from": {**person, "id": USER}, "chat": {**chat, "id": CHAT}}
        return {"message": {**odd, **draw(st.sampled_from(ODDITIES))}}
    if kind == "other":
        return {draw(st.sampled_from(MESSAGE_KINDS)): body}
    member = {"status": "member", "user": person}
    change = {"chat": chat, "from": person, "date": 1}
    others: dict[str, dict[str, Any]] = {
        "query": {
            "callback_query": {
                "id": "1",
                "from": person,
                "chat_instance": "1",
                "data": words or "x",
                "message": {**body, "from": BOT},
            }
        },
        "inline": {"inline_query": {"id": "1", "from": person, "query": words, "offset": ""}},
        "member": {
            "my_chat_member": {**change, "old_chat_member": member, "new_chat_member": member}
        },
        "poll": {
            "poll_answer": {
                "poll_id": "1",
                "user": person,
                "option_ids": [0],
                "option_persistent_ids": ["a"],
            }
        },
    }
    return others[kind]


def test_nobody_else_reaches_a_handler() -> None:
    """Thousands of drawn updates of every type: none is heard, all are counted."""
    bench: list[Bench] = []

    @settings(max_examples=3000, deadline=None)
    @given(outsiders())
    def one(update: dict[str, Any]) -> None:
        async def story(each: Bench) -> None:
            before = each.gate.refused
            await each.take(update)
            assert (each.answers.commands, each.answers.presses) == ([], [])
            assert each.gate.refused == before + 1

        runner.run(story(bench[0]))

    with asyncio.Runner() as runner:

        async def make() -> None:
            bench.append(Bench())

        runner.run(make())
        one()


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


def polling(story: Callable[[BotApi, Answers], Awaitable[None]], *, prepare: Any = None) -> None:
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


# -- answers -----------------------------------------------------------------------------------


class Spoken:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.roads: list[Channel | None] = []

    def tell(self, message: Message, *, channel: Channel | None = None) -> None:
        self.messages.append(message)
        self.roads.append(channel)


class Still:
    def now(self) -> Moment:
        return moment()


class Known:
    def __init__(self, account: str) -> None:
        self.rules = rules(account)
        self.state = AccountState(account=account)


def answered(word: str, argument: str = "", *, late_s: int = 0, **known: Known) -> Spoken:
    spoken = Spoken()
    clock: Any = Still()
    commands = Commands(
        watched=known or {"main": Known("main")}, speaker=spoken, clock=clock, zone="UTC"
    )
    sent_at_us = START_US - late_s * SECOND_US
    command = Command(word=word, argument=argument, user_id=USER, sent_at_us=sent_at_us)
    commands.answer(command, Phone("asker"))
    return spoken


@pytest.mark.parametrize("word", ["status", "positions", "help", "start", "nonsense"])
def test_every_command_is_answered_silently_in_the_lane_of_replies(word: str) -> None:
    spoken = answered(word)

    [message] = spoken.messages
    assert (message.lane, message.kind, message.silent) == (Lane.REPLY, Kind.REPLY, True)
    assert [road.name for road in spoken.roads if road is not None] == ["asker"]


def test_status_names_the_accounts() -> None:
    [message] = answered("status", main=Known("main"), other=Known("other")).messages

    assert "0 of 2 seen" in message.text.plain
    assert "other" in message.text.plain


def test_positions_of_an_account_nobody_knows_names_those_known() -> None:
    [message] = answered("positions", "mian").messages

    assert message.text.plain == "No account of that name. Known: main"


def test_positions_takes_the_name_as_it_is_shown() -> None:
    [message] = answered("positions", "Bybit-Main", bybit_main=Known("bybit_main")).messages

    assert "never read" in message.text.plain


def known_in(account: str, tier: Tier) -> Known:
    known = Known(account)
    danger = DangerState(pool="unified", tier=tier)
    known.state = replace(known.state, dangers={"unified": danger})
    return known


def test_positions_are_three_pages_at_most_worst_first_and_say_how_to_ask_for_one() -> None:
    many = {f"a{n}": known_in(f"a{n}", Tier.CALM) for n in range(6)}
    many["bad"] = known_in("bad", Tier.CRITICAL)

    pages = [message.text.plain for message in answered("positions", **many).messages]

    assert len(pages) == 3
    assert pages[0].startswith("bad · ")
    assert pages[2].splitlines()[-1] == "and 4 more pages; one account: /positions a5"


def test_the_last_line_of_a_full_page_takes_the_place_of_another() -> None:
    lines = [f"line {n}" for n in range(12)]
    full = Text(plain="\n".join(lines), bold=((0, 6), (len("\n".join(lines)) - 7, 80)))

    ended = _ended(full, "and 2 more pages")

    assert ended.plain.splitlines() == [*lines[:11], "and 2 more pages"]
    assert ended.bold == ((0, 6),)


def test_a_command_older_than_a_minute_is_not_run() -> None:
    [message] = answered("status", late_s=61).messages
    [fresh] = answered("status", late_s=60).messages

    assert message.text.plain == "Your command came 61 s late and was not run: ask again"
    assert "seen" in fresh.text.plain


def test_two_questions_are_two_answers() -> None:
    spoken = answered("help")
    again = answered("help")

    assert spoken.messages[0].key == again.messages[0].key, "another process may reuse a key"
    commands = Commands(
        watched={},
        speaker=spoken,
        clock=Still(),
        zone="UTC",  # type: ignore[arg-type]
    )
    for _ in range(2):
        asked = Command(word="help", argument="", user_id=USER, sent_at_us=START_US)
        commands.answer(asked, Phone("asker"))
    assert spoken.messages[1].key != spoken.messages[2].key


def test_a_defect_in_an_answer_says_so_and_raises_nothing() -> None:
    broken = Known("main")
    broken.state = replace(broken.state, last_good=snapshot(), last_good_at_us=START_US)
    broken.rules = None  # type: ignore[assignment]

    [message] = answered("status", main=broken).messages

    assert message.text.plain.startswith("This answer could not be made")
