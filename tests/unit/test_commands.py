"""Commands: how late they may be, and what is answered on which road."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.service_stand_ins import START_US, Phone, moment, rules, snapshot
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
from watcher.ports import Channel, Command
from watcher.service.commands import Commands, _ended

USER = 11


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
