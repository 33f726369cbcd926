"""Commands and presses: who may, how late, what each can change, and on which road it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.policy_books import RULES, moment, seen, single
from tests.unit.service_stand_ins import FailingStore, Phone
from tests.unit.service_stand_ins import danger as danger_message
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    AlertRules,
    DangerState,
    Decision,
    Kind,
    Lane,
    Message,
    Moment,
    Sample,
    Text,
    Tier,
)
from watcher.domain.road import Act, Button
from watcher.policy.decide import decide
from watcher.policy.orders import MuteOrder, Order, obey, open_incidents
from watcher.policy.verbs import VERBS, Effect
from watcher.ports import KILLED, PAUSED, Channel, Command, Press
from watcher.service import keyring
from watcher.service.answers import _ended
from watcher.service.commands import Commands
from watcher.service.draw import PNG, NotDrawn
from watcher.store.sqlite import SqliteStore

USER = 11
NOW = moment(600)


class Spoken:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.roads: list[Channel | None] = []

    def tell(self, message: Message, *, channel: Channel | None = None) -> None:
        self.messages.append(message)
        self.roads.append(channel)

    def plain(self) -> list[str]:
        return [message.text.plain for message in self.messages]


class Still:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Moment:
        return self.at


class Pencil:
    """Draws nothing, but remembers what it was to draw."""

    def __init__(self) -> None:
        self.stories: list[Any] = []
        self.fails = False

    async def draw(self, story: Any) -> bytes:
        if self.fails:
            raise NotDrawn("The chart could not be drawn")
        self.stories.append(story)
        return PNG


class Known:
    """An account that obeys as its poller would, and remembers the orders."""

    def __init__(self, account: str, distance: float | None = None) -> None:
        self.rules: AlertRules = replace(RULES, account=account)
        self.state = AccountState(account=account)
        self.orders: list[Order] = []
        if distance is not None:
            book = replace(single(distance), account=account, taken_at_us=NOW.wall_us)
            self.state = decide(self.state, seen(book), self.rules, NOW).state

    async def obey(self, order: Order, update_id: int) -> str:
        self.orders.append(order)
        self.state, words = obey(self.state, order, NOW)
        return words

    @property
    def code(self) -> str:
        [code] = open_incidents(self.state)
        return code


class Chat:
    """Commands over a real ledger; `ask` returns what was answered."""

    def __init__(self, store: Any, **known: Known) -> None:
        self.store = store
        self.known = known or {"main": Known("main", 5.8)}
        self.spoken = Spoken()
        self.clock = Still()
        self.pencil = Pencil()
        clock: Any = self.clock
        drawer: Any = self.pencil
        self.commands = Commands(
            watched=self.known,
            funds={},
            speaker=self.spoken,
            store=store,
            drawer=drawer,
            clock=clock,
            zone="UTC",
        )
        self._update = 0

    async def ask(
        self, text: str, *, operator: bool = True, late_s: int = 0, update: int | None = None
    ) -> list[str]:
        word, _, argument = text.removeprefix("/").partition(" ")
        self._update += 1
        command = Command(
            word=word,
            argument=argument,
            user_id=USER,
            sent_at_us=self.clock.at.wall_us - late_s * SECOND_US,
            operator=operator,
            update_id=self._update if update is None else update,
        )
        told = len(self.spoken.messages)
        self.commands.answer(command, Phone("asker"))
        await asyncio.gather(*self.commands.working)
        return self.spoken.plain()[told:]

    async def one(self, text: str, **how: Any) -> str:
        [answer] = await self.ask(text, **how)
        return answer


def with_chat(folder: Path, story: Callable[[Chat], Awaitable[None]], **known: Known) -> None:
    async def run() -> None:
        store = await SqliteStore.open(folder)
        try:
            chat = Chat(store, **known)
            await story(chat)
            await chat.commands.close()
        finally:
            await store.close()

    asyncio.run(run())


# -- what a command can do -------------------------------------------------------------------------

EXAMPLES = {
    "status": ["/status", "/status x"],
    "positions": ["/positions", "/positions main", "/positions nosuch"],
    "whatif": ["/whatif BTC -50%", "/whatif main add 500 USDT", "/whatif x", "/whatif all -1%"],
    "chart": ["/chart", "/chart main 2h", "/chart x", "/chart 99w"],
    "alerts": ["/alerts", "/alerts x"],
    "help": ["/help", "/start"],
    "ack": ["/ack", "/ack ZZZZ", "/ack {code}"],
    "mute": ["/mute main 2h", "/mute main 99d", "/mute main", "/mute main 2h up to critical"],
    "unmute": ["/unmute", "/unmute main"],
    "pause": ["/pause", "/pause 2h"],
    "kill": ["/kill", "/kill now"],
    "heard": ["/heard", "/heard 4821"],
}


async def _everything(chat: Chat) -> dict[Effect, object]:
    """What there is to change, by the effect that may change it."""
    states = [each.state for each in chat.known.values()]
    flags = await chat.store.flags()
    return {
        Effect.ACK: [
            [danger.ack for danger in s.dangers.values()]
            + [danger.unanswered_since_us for danger in s.dangers.values()]
            for s in states
        ],
        Effect.MUTE: [s.mutes for s in states],
        Effect.PAUSE: flags.get(PAUSED),
        Effect.KILL: flags.get(KILLED),
        Effect.PROVE: await chat.store.proofs(),
        Effect.READ: [
            [
                replace(s, mutes=(), dangers={}),
                [replace(d, ack=None, unanswered_since_us=None) for d in s.dangers.values()],
                each.rules,
            ]
            for each, s in zip(chat.known.values(), states, strict=True)
        ],
    }


@pytest.mark.parametrize("word", sorted(VERBS))
def test_a_command_changes_what_its_line_in_the_table_says_and_nothing_else(
    word: str, tmp_path: Path
) -> None:
    """With everything there is to change taken before and after each example."""
    allowed = {Effect.UNMUTE: Effect.MUTE}.get(VERBS[word].effect, VERBS[word].effect)

    async def story(chat: Chat) -> None:
        state = chat.known["main"].state
        mute = MuteOrder(pool="", for_us=60 * MINUTE_US, user_id=USER)
        if VERBS[word].effect is Effect.UNMUTE:
            chat.known["main"].state, _ = obey(state, mute, NOW)
        changed: set[Effect] = set()
        for example in EXAMPLES[word]:
            before = await _everything(chat)
            assert await chat.ask(example.format(code=chat.known["main"].code))
            after = await _everything(chat)
            changed |= {effect for effect in after if after[effect] != before[effect]}
        wanted = set() if allowed in (Effect.READ, Effect.PROVE) else {allowed}
        assert changed == wanted, "a proof needs a test that arrived"
        assert all(m.until_us <= NOW.steady_us + 1440 * MINUTE_US for m in state.mutes)
        assert (await chat.store.backlog()).waiting == 0

    with_chat(tmp_path, story, main=Known("main", 5.8))


@pytest.mark.parametrize("word", sorted(VERBS))
def test_a_viewer_can_change_nothing_with_any_command(word: str, tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        before = await _everything(chat)
        for example in EXAMPLES[word]:
            answers = await chat.ask(example.format(code=chat.known["main"].code), operator=False)
            if VERBS[word].for_operators:
                assert answers == [f"/{word} is for operators; you may read: /help"]
        assert await _everything(chat) == before
        assert chat.known["main"].orders == []

    with_chat(tmp_path, story, main=Known("main", 5.8))


@pytest.mark.parametrize("word", sorted(VERBS))
def test_only_what_makes_money_stand_still_is_obeyed_late(word: str, tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        for example in EXAMPLES[word]:
            answers = await chat.ask(example.format(code=chat.known["main"].code), late_s=61)
            late = answers == ["Your command came 61 s late and was not run: ask again"]
            assert late is not VERBS[word].at_any_age
        assert chat.known["main"].orders == []

    with_chat(tmp_path, story, main=Known("main", 5.8))


def test_an_ack_typed_before_the_worse_word_is_no_answer_to_that(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        code, now_us = chat.known["main"].code, chat.clock.at.steady_us
        for tier, ago_s in ((Tier.WARNING, 60), (Tier.CRITICAL, 5)):
            at_us = now_us - ago_s * SECOND_US
            await chat.store.say(
                danger_message(tier.name, tier, incident=code, created_at_us=at_us)
            )
        (said,) = await chat.ask("/ack", late_s=20)
        assert said == f"#{code} is CRITICAL by now: that is not seen yet"
        (said,) = await chat.ask("/ack")
        assert said.startswith(f"Seen: #{code} CRITICAL")

    with_chat(tmp_path, story, main=Known("main", 5.8))


# -- orders ----------------------------------------------------------------------------------------


def test_the_one_open_alert_is_acked_without_its_code(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        code = chat.known["main"].code
        assert await chat.one("/ack") == (f"Seen: #{code} CRITICAL, next word in 2 h or when worse")
        assert await chat.one("/ack") == "Nothing is open that nobody has seen"
        assert await chat.one(f"/ack #{code.lower()}·3") == (
            f"Seen: #{code} CRITICAL, next word in 2 h or when worse"
        )
        assert await chat.one("/ack ZZZZ") == f"#ZZZZ is not open; open: #{code}"

    with_chat(tmp_path, story, main=Known("main", 5.8), calm=Known("calm", 60))


def test_of_several_open_alerts_it_is_asked_which_the_worst_first(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        bad, mild = chat.known["bad"].code, chat.known["mild"].code
        assert await chat.one("/ack") == f"Which one? /ack with its code: #{bad} bad, #{mild} mild"
        assert chat.known["bad"].orders == []

    with_chat(tmp_path, story, mild=Known("mild", 15), bad=Known("bad", 2))


def test_mute_and_unmute_say_what_they_did(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        assert await chat.one("/mute Main 2h") == "Muted up to WARNING for 2 h: main"
        assert await chat.one("/mute main cross usdt 30m up to watch") == (
            "Muted up to WATCH for 30 min: main cross USDT"
        )
        assert len(chat.known["main"].state.mutes) == 2
        assert await chat.one("/unmute main") == "Not muted any more: main"
        assert chat.known["main"].state.mutes == ()
        assert (await chat.one("/mute mian 2h")) == "No account or pool mian; nearest: main"

    with_chat(tmp_path, story, main=Known("main", 60))


@pytest.mark.parametrize(
    "text", ["/mute main", "/mute 2h", "/mute", "/unmute", "/pause", "/pause x", "/pause 31d"]
)
def test_an_order_nobody_can_read_is_answered_with_its_form(text: str, tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        answer = await chat.one(text)
        word = text.split(maxsplit=1)[0].removeprefix("/")
        assert answer.endswith(f"; like this: {VERBS[word].form}")
        assert "\n" not in answer
        assert chat.known["main"].orders == []
        assert await chat.store.flags() == {}

    with_chat(tmp_path, story, main=Known("main", 60))


def test_a_pause_lasts_to_the_later_end_and_survives_the_process(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        assert await chat.one("/pause 2h") == (
            "Money paused until 21 Sep 16:23 UTC: none is moved; alerts go on"
        )
        assert "16:23" in await chat.one("/pause 5m"), "nobody shortens a pause"
        assert "Money paused until 21 Sep 16:23 UTC" in await chat.one("/alerts")

    async def later(chat: Chat) -> None:
        flag = (await chat.store.flags())[PAUSED]
        assert flag.until_us == NOW.wall_us + 120 * MINUTE_US
        chat.clock.at = moment(600 + 7201)
        assert "paused" not in await chat.one("/alerts")

    with_chat(tmp_path, story, main=Known("main", 60))
    with_chat(tmp_path, later, main=Known("main", 60))


def test_kill_is_for_good_and_heard_at_any_age_once(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        first = await chat.one("/kill", late_s=86_400, update=7)
        again = await chat.one("/kill", update=7)
        assert first.startswith("KILLED: no money is moved any more")
        assert again == "This order was heard before; nothing is done twice"
        flag = (await chat.store.flags())[KILLED]
        assert (flag.user_id, flag.until_us) == (USER, None)
        assert "Money KILLED by 11 at 21 Sep 14:23 UTC" in await chat.one("/alerts")

    with_chat(tmp_path, story, main=Known("main", 60))


def test_an_order_the_store_cannot_keep_is_not_called_done() -> None:
    async def play() -> None:
        chat = Chat(FailingStore(), main=Known("main", 60))
        for text in ("/kill", "/pause 2h"):
            assert (await chat.one(text)).endswith("was NOT done: the store failed; try again")
        assert "Money: not known, the store cannot be read" in await chat.one("/alerts")

    asyncio.run(play())


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["/status", "/positions", "/help", "/start", "/nonsense", "/chart"]
)
def test_every_command_is_answered_silently_in_the_lane_of_replies(
    text: str, tmp_path: Path
) -> None:
    async def story(chat: Chat) -> None:
        await chat.ask(text)
        [message] = chat.spoken.messages
        assert (message.lane, message.kind, message.silent) == (Lane.REPLY, Kind.REPLY, True)
        assert [road.name for road in chat.spoken.roads if road is not None] == ["asker"]

    with_chat(tmp_path, story)


def test_positions_takes_the_name_as_it_is_shown_and_knows_the_nearest(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        assert "never read" in await chat.one("/positions Bybit-Main")
        assert await chat.one("/positions bybit_mian") == (
            "No account bybit_mian; nearest: bybit_main"
        )

    with_chat(tmp_path, story, bybit_main=Known("bybit_main"))


def known_in(account: str, tier: Tier) -> Known:
    known = Known(account)
    danger = DangerState(pool="unified", tier=tier)
    known.state = replace(known.state, dangers={"unified": danger})
    return known


def test_positions_are_three_pages_at_most_worst_first(tmp_path: Path) -> None:
    many = {f"a{n}": known_in(f"a{n}", Tier.CALM) for n in range(6)}
    many["bad"] = known_in("bad", Tier.CRITICAL)

    async def story(chat: Chat) -> None:
        pages = await chat.ask("/positions")
        assert len(pages) == 3
        assert pages[0].startswith("bad · ")
        assert pages[2].splitlines()[-1] == "and 4 more pages; one account: /positions a5"

    with_chat(tmp_path, story, **many)


def test_the_last_line_of_a_full_page_takes_the_place_of_another() -> None:
    lines = [f"line {n}" for n in range(12)]
    full = Text(plain="\n".join(lines), bold=((0, 6), (len("\n".join(lines)) - 7, 80)))

    ended = _ended(full, "and 2 more pages")

    assert ended.plain.splitlines() == [*lines[:11], "and 2 more pages"]
    assert ended.bold == ((0, 6),)


def test_whatif_takes_an_account_and_a_pool_before_the_question(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        both = await chat.one("/whatif BTC -1%")
        assert both.index("main") < both.index("calm")
        assert "calm" not in await chat.one("/whatif main BTC -1%")
        assert "Pool cross USDT" in await chat.one("/whatif main cross:USDT add 500 USDT")
        assert await chat.one("/whatif mian BTC -1%") == "No account or pool mian; nearest: main"
        assert "distance" in await chat.one("/whatif main BTC=1,010 USDT -1%")
        assert (await chat.one("/whatif")).startswith("Say what moves")
        assert (await chat.one("/whatif BTC nan%")).startswith("nan is no number")

    with_chat(tmp_path, story, calm=Known("calm", 60), main=Known("main", 15))


def test_two_questions_are_two_answers(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        await chat.ask("/help")
        await chat.ask("/help")
        assert len({message.key for message in chat.spoken.messages}) == 2

    with_chat(tmp_path, story)


def test_a_defect_in_an_answer_says_so_and_raises_nothing(tmp_path: Path) -> None:
    broken = Known("main", 15)
    broken.rules = None  # type: ignore[assignment]

    async def story(chat: Chat) -> None:
        assert (await chat.one("/status")).startswith("This answer could not be made")

    with_chat(tmp_path, story, main=broken)


# -- charts ----------------------------------------------------------------------------------------


async def lived(chat: Chat, *distances: float, estimate: int = -1) -> None:
    """Give the store a history of *distances*, one a minute, up to now."""
    state = chat.known["main"].state
    [pool] = state.dangers
    for number, distance in enumerate(distances):
        at_us = NOW.steady_us - (len(distances) - number) * MINUTE_US
        sample = Sample(
            pool=pool,
            at_us=at_us,
            distance=distance,
            health=2.0,
            margin_level=None,
            equity=1.0,
            tier=Tier.CRITICAL if distance < 6 else Tier.WARNING,
            estimate=number == estimate,
        )
        kept = Decision(
            account="main",
            state=replace(state, last_good_at_us=at_us),
            messages=(),
            samples=(sample,),
            next_poll_us=0,
        )
        await chat.store.commit(kept, NOW)


def test_a_chart_is_of_the_worst_pool_with_lines_events_and_prices(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        await lived(chat, 9.0, 8.0, 4.0, 7.0, 5.8, estimate=3)
        assert await chat.one("/chart 2h") == "main · last 2 h\nNow 5.8 %, lowest 4.0 %"

        [message], [drawn] = chat.spoken.messages, chat.pencil.stories
        assert message.picture == PNG
        assert [value for _, value, _ in drawn["points"]] == [9.0, 8.0, 4.0, 7.0, 5.8]
        assert [guess for _, _, guess in drawn["points"]] == [False, False, False, True, False]
        assert drawn["lines"] == [
            ["watch", 20.0],
            ["warning", 12.0],
            ["critical", 6.0],
            ["emergency", 3.0],
        ]
        assert [tier for _, tier in drawn["events"]] == ["critical", "warning", "critical"]
        assert drawn["to"] - drawn["from"] == 7200
        assert drawn["coin"] == "BTC"
        assert len(drawn["prices"]) == 5
        assert drawn["limits"]

    with_chat(tmp_path, story, main=Known("main", 5.8), calm=Known("calm", 60))


def test_a_stretch_nobody_saw_is_a_gap_and_no_line_runs_across(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        await lived(chat, 9.0, 8.0)
        shown = NOW
        chat.clock.at = moment(600 + 600)
        await lived_at(chat, shown.steady_us + 500 * SECOND_US)
        await chat.ask("/chart main 1h")

        [drawn] = chat.pencil.stories
        [[start, end]] = drawn["gaps"]
        assert round(end - start) == 560
        assert [value for _, value, _ in drawn["points"]] == [9.0, 8.0, None, 5.0]

    with_chat(tmp_path, story, main=Known("main", 5.8))


async def lived_at(chat: Chat, at_us: int) -> None:
    state = chat.known["main"].state
    [pool] = state.dangers
    sample = Sample(
        pool=pool,
        at_us=at_us,
        distance=5.0,
        health=None,
        margin_level=None,
        equity=None,
        tier=Tier.CRITICAL,
    )
    kept = Decision(account="main", state=state, messages=(), samples=(sample,), next_poll_us=0)
    await chat.store.commit(kept, NOW)


def test_thinning_shows_the_worst_of_each_stretch(tmp_path: Path) -> None:
    """A month has far more readings than a picture has points; a dip of a minute must show."""

    async def story(chat: Chat) -> None:
        await lived(chat, *[9.0] * 60, 1.5, *[9.0] * 60)
        assert (await chat.one("/chart main 30d")).endswith("lowest 1.5 %")

        [drawn] = chat.pencil.stories
        values = [value for _, value, _ in drawn["points"]]
        assert len(values) < 5
        assert min(values) == 1.5

    with_chat(tmp_path, story, main=Known("main", 5.8))


def test_no_history_is_said_plainly(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        nothing = "main: no history in the last 1 d, nothing to draw"
        assert await chat.one("/chart main") == nothing
        assert await chat.one("/chart main 1d") == nothing
        assert chat.pencil.stories == []

    with_chat(tmp_path, story, main=Known("main", 5.8))
    with_chat(tmp_path, story, main=Known("main"))


@pytest.mark.parametrize("text", ["/chart main 1m", "/chart 31d", "/chart 2x"])
def test_a_span_no_chart_has_is_answered_with_the_form(text: str, tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        assert (await chat.one(text)).endswith(f"; like this: {VERBS['chart'].form}")

    with_chat(tmp_path, story, main=Known("main", 5.8))


def test_a_chart_that_cannot_be_drawn_is_words(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        await lived(chat, 9.0, 5.8)
        chat.pencil.fails = True
        assert await chat.one("/chart main") == "The chart could not be drawn"
        assert chat.spoken.messages[0].picture is None

    with_chat(tmp_path, story, main=Known("main", 5.8))


# -- buttons ---------------------------------------------------------------------------------------


class Shown:
    """An alert with its buttons, as delivered to the chat `phone` under the receipt 5."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.tokens: dict[Act, str] = {}
        self.pressed = 100

    async def deliver(self) -> None:
        state = self.chat.known["main"].state
        [danger] = state.dangers.values()
        assert danger.incident is not None
        buttons = tuple(Button(act=act, label=act.value) for act in Act if act is not Act.HEARD)
        alert = danger_message(
            "alert",
            danger.tier,
            account="main",
            pool=danger.pool,
            incident=danger.incident.code,
            buttons=buttons,
            created_at_us=NOW.steady_us,
        )
        await self.chat.store.say(alert)
        [claim] = await self.chat.store.claim(NOW, limit=1)
        for act in Act:
            self.tokens[act] = f"token-of-{act.value}"

        class Tokens:
            def __init__(self, tokens: list[str]) -> None:
                self.left = tokens

            def token(self) -> str:
                return self.left.pop(0)

        names = [f"token-of-{button.act.value}" for button in buttons]
        _, remembered = keyring.cut(alert, "phone", NOW, Tokens(names))
        await self.chat.store.keep_buttons(claim.id, remembered)
        await self.chat.store.delivered(claim.id, "5", NOW)

    async def press(
        self, act: Act, *, operator: bool = True, receipt: str = "5", road: str = "phone"
    ) -> str:
        self.pressed += 1
        press = Press(
            token=self.tokens[act],
            user_id=USER,
            chat_id=1,
            receipt=receipt,
            operator=operator,
            update_id=self.pressed,
        )
        said = await self.chat.commands.press(press, Phone(road))
        await asyncio.gather(*self.chat.commands.working)
        return said


def with_alert(folder: Path, story: Callable[[Chat, Shown], Awaitable[None]]) -> None:
    async def play(chat: Chat) -> None:
        shown = Shown(chat)
        await shown.deliver()
        await story(chat, shown)

    with_chat(folder, play, main=Known("main", 5.8))


def test_a_press_of_ack_says_the_new_state_and_works_once(tmp_path: Path) -> None:
    async def story(chat: Chat, shown: Shown) -> None:
        code = chat.known["main"].code
        said = await shown.press(Act.ACK)
        assert said == f"Seen: #{code} CRITICAL, next word in 2 h or when worse"
        assert await shown.press(Act.ACK) == "Expired or already used"
        assert len(chat.known["main"].orders) == 1

    with_alert(tmp_path, story)


def test_a_press_of_mute_is_for_the_pool_of_the_alert_and_an_hour(tmp_path: Path) -> None:
    async def story(chat: Chat, shown: Shown) -> None:
        said = await shown.press(Act.MUTE)
        assert said.startswith("Muted up to WARNING for 1 h: main cross USDT, which is CRITICAL")
        [mute] = chat.known["main"].state.mutes
        assert mute.until_us == NOW.steady_us + 60 * MINUTE_US

    with_alert(tmp_path, story)


def test_reading_buttons_work_again_and_for_viewers_acting_ones_do_not(tmp_path: Path) -> None:
    async def story(chat: Chat, shown: Shown) -> None:
        await lived(chat, 9.0, 5.8)
        for operator in (True, False):
            assert await shown.press(Act.DETAILS, operator=operator) == "Positions of main below"
            assert await shown.press(Act.CHART, operator=operator) == "Chart of main below"
        pages = chat.spoken.plain()
        assert [page.splitlines()[0] for page in pages] == ["main · 0 s old", "main · last 1 d"] * 2
        assert {road.name for road in chat.spoken.roads if road is not None} == {"phone"}

        refused = "NOT done: you may only read, or the button has expired"
        assert await shown.press(Act.ACK, operator=False) == refused
        assert await shown.press(Act.MUTE, operator=False) == refused
        assert chat.known["main"].orders == []

    with_alert(tmp_path, story)


def test_a_press_of_another_message_chat_or_day_is_none(tmp_path: Path) -> None:
    async def story(chat: Chat, shown: Shown) -> None:
        assert await shown.press(Act.ACK, receipt="6") == "Expired or already used"
        assert await shown.press(Act.ACK, road="elsewhere") == "Expired or already used"
        shown.tokens[Act.ACK] = "forged"
        assert await shown.press(Act.ACK) == "Expired or already used"
        shown.tokens[Act.ACK] = "token-of-ack"
        chat.clock.at = moment(600 + 86_401)
        assert await shown.press(Act.ACK) == "Expired or already used"
        assert chat.known["main"].orders == []

    with_alert(tmp_path, story)


def test_an_old_button_does_not_ack_what_got_worse_since(tmp_path: Path) -> None:
    async def story(chat: Chat, shown: Shown) -> None:
        state = chat.known["main"].state
        [danger] = state.dangers.values()
        worse = replace(danger, tier=Tier.EMERGENCY)
        chat.known["main"].state = replace(state, dangers={danger.pool: worse})

        assert (await shown.press(Act.ACK)).endswith("is EMERGENCY by now: that is not seen yet")
        assert all(d.ack is None for d in chat.known["main"].state.dangers.values())

    with_alert(tmp_path, story)


def test_a_press_without_a_store_points_to_the_command() -> None:
    async def play() -> None:
        chat = Chat(FailingStore(), main=Known("main", 5.8))
        press = Press(token="t", user_id=USER, chat_id=1, receipt="5", operator=True, update_id=1)
        said = await chat.commands.press(press, Phone())
        assert said == "The store cannot be read: say it as a command, /help"

    asyncio.run(play())


def test_a_coin_that_is_called_like_an_account_is_still_a_coin(tmp_path: Path) -> None:
    async def story(chat: Chat) -> None:
        assert "What if BTC −10.0 %" in await chat.one("/whatif BTC -10%")
        assert "What if BTC −10.0 %" in await chat.one("/whatif btc BTC -10%")

    with_chat(tmp_path, story, btc=Known("btc", 15))
