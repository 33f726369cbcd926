"""Several roads: who is told where, and what a later road takes over from an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.delivery import deliver_on, phones, say, seconds
from tests.unit.service_stand_ins import Phone, danger, message, moment
from watcher.domain.alert import Kind, Lane, Message, Text, Tier
from watcher.domain.road import Reach
from watcher.ports import DeliveryError, Key
from watcher.service.clock import SteppedClock
from watcher.service.outbound import Outbound
from watcher.service.standing import Standing
from watcher.store.beside import overview, put
from watcher.store.sqlite import SqliteStore

CHAT, SECOND, FALLBACK = Reach.CHAT, Reach.SECOND, Reach.FALLBACK
NETWORK = DeliveryError("no connection")
TOKEN = DeliveryError("bot token refused", refused=True)
PERMANENT = DeliveryError("message is too long", permanent=True)
AMBIGUOUS = DeliveryError("no answer in time", ambiguous=True)
FLOOD = DeliveryError("wait", retry_after_s=40.0)


def alerts(phone: Phone) -> list[str]:
    """What was sent there, without that another road takes nothing."""
    return [title for title in phone.titles() if "TAKES NO MESSAGES" not in title]


def test_a_message_goes_to_every_road_up_to_its_reach(tmp_path: Path) -> None:
    three = phones()

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, *(danger(f"to {r.road}", reach=r) for r in Reach))
        await clock.sleep(1)

    deliver_on(tmp_path, three, story)

    assert len(three[CHAT].texts) == 3
    assert three[SECOND].plain() == ["text of to second", "text of to fallback"]
    assert three[FALLBACK].plain() == ["text of to fallback"]


def test_a_road_that_does_not_exist_gets_no_row(tmp_path: Path) -> None:
    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("a", Tier.EMERGENCY, reach=FALLBACK))
        await clock.sleep(1)
        assert (await store.backlog()).waiting == 0

    deliver_on(tmp_path, phones(CHAT), story)

    assert set(overview(tmp_path).traffic) == {CHAT}


def test_rows_for_a_road_that_is_gone_are_over_at_the_next_start(tmp_path: Path) -> None:
    dead = phones()
    dead[SECOND].failures = [TOKEN] * 99

    async def before(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("a", reach=SECOND))
        await clock.sleep(1)
        assert (await store.backlog()).waiting == 1

    async def after(clock: SteppedClock, store: SqliteStore, _: Outbound) -> None:
        assert (await store.backlog()).waiting == 0

    deliver_on(tmp_path, dead, before)
    deliver_on(tmp_path, phones(CHAT), after)


@pytest.mark.parametrize(
    ("trouble", "at_s"),
    [(NETWORK, 15.0), (TOKEN, 0.0), (FLOOD, 0.0), (PERMANENT, 0.0), (AMBIGUOUS, 15.0)],
    ids=["network", "refused", "long wait", "permanent", "ambiguous"],
)
def test_a_critical_alert_the_chat_does_not_deliver_takes_the_next_road(
    tmp_path: Path, trouble: DeliveryError, at_s: float
) -> None:
    two = phones(CHAT, FALLBACK)
    two[CHAT].failures = [trouble] * 99

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("c"), message("w"))
        await clock.sleep(120)

    deliver_on(tmp_path, two, story)

    assert alerts(two[FALLBACK]) == ["text of c"]
    assert seconds(two[FALLBACK])[0] == pytest.approx(at_s, abs=0.1)


def test_when_telegram_as_such_fails_the_fallback_is_reached_within_20_s(tmp_path: Path) -> None:
    three = phones()
    for road in (CHAT, SECOND):
        three[road].failures = [NETWORK] * 999

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await clock.sleep(7)
        made_us = clock.now().steady_us
        await say(store, out, danger("c", created_at_us=made_us))
        await clock.sleep(600)

    deliver_on(tmp_path, three, story)

    assert three[FALLBACK].titles() == ["text of c"]
    assert seconds(three[FALLBACK])[0] - 7 <= 20.0


def test_a_dead_token_reaches_the_fallback_through_the_second_chat_at_once(tmp_path: Path) -> None:
    three = phones()
    for road in (CHAT, SECOND):
        three[road].failures = [TOKEN] * 999

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("c"))
        await clock.sleep(30)

    deliver_on(tmp_path, three, story)

    assert seconds(three[FALLBACK]) == [pytest.approx(0.0, abs=0.1)]


def test_a_dead_chat_is_the_second_chats_and_wakes_nobody_further(tmp_path: Path) -> None:
    three = phones()
    three[CHAT].failures = [DeliveryError("bot was kicked", refused=True)] * 999

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("c"))
        await clock.sleep(300)

    deliver_on(tmp_path, three, story)

    assert alerts(three[SECOND]) == ["text of c"]
    assert alerts(three[FALLBACK]) == []


@pytest.mark.parametrize("durable", [True, False], ids=["store", "memory"])
def test_a_step_the_second_chat_refuses_is_the_fallbacks_at_once(
    tmp_path: Path, *, durable: bool
) -> None:
    """The first chat has it, and nobody answered there: that is why it went further."""
    three = phones()
    three[SECOND].failures = [DeliveryError("chat not found", refused=True)] * 999

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        step = danger("step", kind=Kind.UNANSWERED, reach=SECOND)
        for each in (danger("first"), step):
            if durable:
                await say(store, out, each)
            else:
                out.tell(each)
        await clock.sleep(300)

    deliver_on(tmp_path if durable else None, three, story)

    assert alerts(three[CHAT]) == ["text of first", "text of step"]
    assert alerts(three[FALLBACK]) == ["text of step"]
    assert seconds(three[FALLBACK])[0] == pytest.approx(0.0, abs=0.1)


def test_what_only_fell_over_to_the_second_chat_is_over_when_the_chat_has_it(
    tmp_path: Path,
) -> None:
    three = phones()
    three[CHAT].failures = [TOKEN]  # tried again after 15 s

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("a"))
        await clock.sleep(10)
        three[SECOND].failures = [NETWORK] * 999
        now_us = clock.now().steady_us
        await say(store, out, danger("c", created_at_us=now_us))
        await clock.sleep(120)

    deliver_on(tmp_path, three, story)

    assert three[CHAT].titles()[-1] == "text of c"
    assert three[SECOND].titles() == ["text of a"]
    assert three[FALLBACK].texts == []


def test_below_critical_and_edits_never_take_another_road(tmp_path: Path) -> None:
    two = phones(CHAT, FALLBACK)
    two[CHAT].failures = [TOKEN] * 99

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(
            store,
            out,
            message("w"),
            danger("mild", Tier.WARNING),
            message("note", tier=Tier.CRITICAL, kind=Kind.NOTE),
            danger("edit", edits=True, kind=Kind.UPDATED),
        )
        await clock.sleep(120)

    deliver_on(tmp_path, two, story)

    assert alerts(two[FALLBACK]) == []


class Hanging(Phone):
    """Takes a message and does not come back for a minute."""

    async def send(
        self, text: Text, *, silent: bool, keys: Sequence[Key] = (), picture: bytes | None = None
    ) -> str:
        assert self.clock is not None
        await self.clock.sleep(60)
        return await super().send(text, silent=silent, keys=keys, picture=picture)


def test_a_send_that_hangs_on_one_road_delays_no_other(tmp_path: Path) -> None:
    two: dict[Reach, Phone] = {CHAT: Hanging("chat"), FALLBACK: Phone("fallback")}

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("both", Tier.EMERGENCY, reach=FALLBACK), danger("c"))
        await clock.sleep(30)
        assert seconds(two[FALLBACK]) == [0.0, 15.0]
        await clock.sleep(120)

    deliver_on(tmp_path, two, story)

    assert two[FALLBACK].titles() == ["text of both", "text of c"]


def test_what_a_newer_word_replaced_on_the_fallback_is_not_told_there_again(
    tmp_path: Path,
) -> None:
    two = phones(CHAT, FALLBACK)
    two[CHAT].failures = [NETWORK] * 99
    k7f3: dict[str, Any] = {"incident": "K7F3", "pool": "unified"}

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("c", **k7f3))
        await clock.sleep(5)
        now_us = clock.now().steady_us
        worse = danger("e", Tier.EMERGENCY, reach=FALLBACK, created_at_us=now_us, **k7f3)
        await say(store, out, worse)
        await clock.sleep(300)

    deliver_on(tmp_path, two, story)

    assert two[FALLBACK].titles() == ["text of e"]


def test_what_hangs_on_the_chat_is_not_told_on_the_fallback_after_what_it_grew_into(
    tmp_path: Path,
) -> None:
    two: dict[Reach, Phone] = {CHAT: Hanging("chat"), FALLBACK: Phone("fallback")}
    k7f3: dict[str, Any] = {"incident": "K7F3", "pool": "unified"}

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("c", **k7f3))
        await clock.sleep(5)
        now_us = clock.now().steady_us
        worse = danger("e", Tier.EMERGENCY, reach=FALLBACK, created_at_us=now_us, **k7f3)
        await say(store, out, worse)
        await clock.sleep(40)
        assert two[FALLBACK].titles() == ["text of e"]
        await clock.sleep(120)

    deliver_on(tmp_path, two, story)


def test_with_a_dead_store_a_dead_chat_is_the_second_chats_alone() -> None:
    three = phones()
    three[CHAT].failures = [TOKEN] * 99

    async def story(clock: SteppedClock, _: Any, out: Outbound) -> None:
        out.tell(danger("c"))
        await clock.sleep(60)

    deliver_on(None, three, story)

    assert three[SECOND].titles() == ["text of c"]
    assert three[FALLBACK].texts == []


def test_with_a_dead_store_the_next_road_takes_over_from_memory() -> None:
    two = phones(CHAT, FALLBACK)
    two[CHAT].failures = [NETWORK] * 99

    async def story(clock: SteppedClock, _: Any, out: Outbound) -> None:
        out.tell(danger("c"))
        out.tell(message("w"))
        await clock.sleep(60)

    deliver_on(None, two, story)

    assert two[FALLBACK].titles() == ["text of c"]
    assert seconds(two[FALLBACK])[0] <= 20.0


def test_with_a_dead_store_a_message_reaches_as_far_as_with_a_living_one() -> None:
    three = phones()

    async def story(clock: SteppedClock, _: Any, out: Outbound) -> None:
        out.tell(danger("e", Tier.EMERGENCY, reach=FALLBACK))
        await clock.sleep(1)

    deliver_on(None, three, story)

    assert [len(phone.texts) for phone in three.values()] == [1, 1, 1]


def test_an_answer_leaves_on_the_road_it_was_asked_on() -> None:
    three = phones()

    async def story(clock: SteppedClock, _: Any, out: Outbound) -> None:
        reply = message("r", lane=Lane.REPLY, kind=Kind.REPLY, tier=Tier.CALM)
        out.tell(reply, channel=three[SECOND])
        await clock.sleep(1)

    deliver_on(None, three, story)

    assert [len(phone.texts) for phone in three.values()] == [0, 1, 0]


def test_what_another_process_puts_into_the_outbox_leaves_within_5_s(tmp_path: Path) -> None:
    one = phones(CHAT)

    async def story(clock: SteppedClock, store: SqliteStore, _: Outbound) -> None:
        await clock.sleep(0.2)
        put(tmp_path, [message("t", kind=Kind.TEST)], (CHAT,))
        await clock.sleep(5)

    deliver_on(tmp_path, one, story)

    assert one[CHAT].plain() == ["text of t"]


TROUBLE = st.sampled_from([None, None, NETWORK, TOKEN, PERMANENT, AMBIGUOUS, FLOOD])
SAID = st.tuples(
    st.floats(0, 40),
    st.sampled_from(Tier),
    st.sampled_from([Lane.DANGER, Lane.BLIND, Lane.WARNING]),
    st.sampled_from(["", "", "g"]),
    st.sampled_from(Reach),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(SAID, min_size=1, max_size=12),
    st.lists(TROUBLE, max_size=25),
    st.lists(TROUBLE, max_size=10),
    st.booleans(),
)
def test_whatever_a_road_answers_no_vital_alert_is_lost_and_no_other_is_told_twice(
    steps: list[tuple[float, Tier, Lane, str, Reach]],
    chat: list[DeliveryError | None],
    fallback: list[DeliveryError | None],
    dead_store: bool,  # noqa: FBT001 - drawn
) -> None:
    two = phones(CHAT, FALLBACK)
    two[CHAT].failures = list(chat)
    # what the last road never takes, or may have taken three times, nothing is left to take over
    two[FALLBACK].failures = [each for each in fallback if each not in (PERMANENT, AMBIGUOUS)]
    said: list[Message] = []

    async def story(clock: SteppedClock, store: Any, out: Outbound) -> None:
        for number, (wait_s, tier, lane, group, reach) in enumerate(steps):
            await clock.sleep(wait_s)
            made = message(
                f"m{number}.", tier=tier, lane=lane, group=group, line=f"text of m{number}."
            )
            made = replace(made, reach=reach, created_at_us=clock.now().steady_us)
            said.append(made)
            if dead_store:
                out.tell(made)
            else:
                await store.say(made)
            out.wake()
        await clock.sleep(1200)

    if dead_store:
        deliver_on(None, two, story)
    else:
        with TemporaryDirectory() as folder:
            deliver_on(Path(folder), two, story)

    for each in said:
        times = {
            road: sum(each.text.plain in text.plain for text in phone.texts)
            for road, phone in two.items()
        }
        vital = each.tier >= Tier.CRITICAL and each.lane <= Lane.BLIND
        if vital:
            assert sum(times.values()) >= 1, (each.key, times)
        if each.tier < Tier.CRITICAL:
            assert max(times.values()) <= 1, (each.key, times)


def test_a_road_that_refuses_is_told_on_the_others_once(tmp_path: Path) -> None:
    three = phones()
    three[SECOND].failures = [DeliveryError("chat not found", refused=True)] * 99

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        await say(store, out, danger("step", kind=Kind.UNANSWERED, reach=SECOND))
        await clock.sleep(600)

    deliver_on(tmp_path, three, story)

    for road in (CHAT, FALLBACK):
        (word,) = [text for text in three[road].plain() if "SECOND TAKES NO MESSAGES" in text]
        assert "It says: chat not found" in word
    assert three[SECOND].texts == []


def test_a_refusal_is_told_after_a_minute_and_daily_until_it_is_over() -> None:
    standing = Standing("telegram", SECOND)
    assert standing.word(moment()) is None

    standing.refuse(TOKEN, moment(), by_send=True)
    hours = [n / 60 for n in range(60 * 50)]
    told = [at for at in hours if standing.word(moment(at * 3600)) is not None]

    assert told == [pytest.approx(1 / 60 + days * 24) for days in range(3)]
    standing.accept(by_send=True)
    assert standing.word(moment(80 * 3600)) is None


def test_the_fallback_is_told_instead_only_where_the_chat_has_not_confirmed(
    tmp_path: Path,
) -> None:
    two = phones(CHAT, FALLBACK)

    async def story(clock: SteppedClock, store: SqliteStore, out: Outbound) -> None:
        arrived, lost = message("arrived", lane=Lane.REPLY), message("lost", lane=Lane.REPLY)
        await say(store, out, arrived)
        await clock.sleep(1)
        assert out.instead(arrived) is None
        two[CHAT].failures = [NETWORK] * 99
        await say(store, out, lost)
        await clock.sleep(1)
        assert out.instead(lost) is not None
        await clock.sleep(1)

    deliver_on(tmp_path, two, story)

    assert two[FALLBACK].titles() == ["text of lost"]
