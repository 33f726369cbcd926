"""Answers beside alerts: a small share, never in an alert's way, fresh or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.delivery import deliver, say, seconds
from tests.unit.service_stand_ins import START_US, Phone, danger, message, moment
from watcher.domain.alert import SECOND_US, Kind, Lane, Message, Tier
from watcher.policy import messages
from watcher.ports import DeliveryError
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.store.sqlite import SqliteStore


def reply(key: str, at_s: float = 0.0) -> Message:
    return message(
        key,
        lane=Lane.REPLY,
        kind=Kind.REPLY,
        tier=Tier.CALM,
        created_at_us=moment(at_s).steady_us,
    )


def test_warnings_leave_at_once_after_any_number_of_answers(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        for number in range(20):
            deliverer.tell(reply(f"r{number}"))
        await clock.sleep(5)
        await say(store, deliverer, *(message(f"w{n}") for n in range(3)))
        await clock.sleep(1)
        await say(store, deliverer, *(danger(f"d{n}") for n in range(3)))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    texts = phone.plain()
    assert texts[:6] == [f"text of r{n}" for n in range(6)]
    assert texts[6:9] == [f"text of w{n}" for n in range(3)]
    assert texts[9:] == [f"text of d{n}" for n in range(3)]
    assert seconds(phone)[6:] == [5.0] * 3 + [6.0] * 3


def test_a_status_three_pages_and_the_list_are_answered_in_a_row(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, _: SqliteStore, deliverer: Deliverer) -> None:
        for number, key in enumerate(("status", "page 1", "page 2", "page 3", "alerts")):
            deliverer.tell(reply(key, at_s=number))
            await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert phone.plain()[-1] == "text of alerts"
    assert seconds(phone) == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_answers_hold_up_no_watch_however_many_come_together(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        for number in range(20):
            deliverer.tell(reply(f"r{number}"))
        await clock.sleep(5)
        watches = (message(f"w{n}", group="danger:watch", line=f"line of w{n}") for n in range(8))
        await say(store, deliverer, *watches)
        await clock.sleep(3)

    deliver(tmp_path, phone, story)

    said = phone.plain()[6:]
    assert all(any(f"w{n}" in text for text in said) for n in range(8))
    assert max(seconds(phone)) <= 8.0


def test_notes_of_our_own_do_not_use_up_the_share_of_answers(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        note = message("n", lane=Lane.REPLY, kind=Kind.NOTE, tier=Tier.CALM)
        await say(store, deliverer, note)
        await clock.sleep(1)
        for number in range(4):
            deliverer.tell(reply(f"r{number}", at_s=1))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert len(phone.texts) == 5


def test_an_answer_that_cannot_leave_in_ten_seconds_becomes_one_line(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, _: SqliteStore, deliverer: Deliverer) -> None:
        for number in range(9):
            deliverer.tell(reply(f"r{number}"))
        await clock.sleep(120)

    deliver(tmp_path, phone, story)

    assert phone.plain() == [*(f"text of r{n}" for n in range(6)), messages.BUSY]
    assert seconds(phone)[-1] == 60.0


def test_an_answer_asked_while_the_chat_is_held_delays_no_alert_after_it(tmp_path: Path) -> None:
    """The far side makes the answer wait; the alert tries for itself and is not held by that."""
    phone = Phone()
    phone.failures = [DeliveryError("wait", retry_after_s=30.0)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        deliverer.tell(reply("r"))
        await clock.sleep(2)
        await say(store, deliverer, danger("d"), message("w"))
        await clock.sleep(60)

    deliver(tmp_path, phone, story)

    assert list(zip(phone.plain(), seconds(phone), strict=True)) == [
        ("text of d", 2.0),
        ("text of w", 2.0),
        (messages.BUSY, 30.0),
    ]


def test_after_a_wait_alerts_leave_before_the_answers_asked_meanwhile(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("wait", retry_after_s=20.0)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("d"))
        await clock.sleep(5)
        deliverer.tell(reply("stale", at_s=5))
        await clock.sleep(10)
        deliverer.tell(reply("fresh", at_s=15))
        await say(store, deliverer, message("w"))
        await clock.sleep(30)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of d", "text of w", "text of fresh", messages.BUSY]
    assert seconds(phone) == [20.0] * 4


STEP = st.tuples(st.floats(0, 30), st.sampled_from(["reply", "warning", "danger"]))
TROUBLE = st.sampled_from(
    [
        None,
        None,
        DeliveryError("wait", retry_after_s=12.0),
        DeliveryError("no connection"),
        DeliveryError("bot token refused", refused=True),
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, max_size=30), st.lists(TROUBLE, max_size=12))
def test_no_answer_is_ever_told_late_and_no_alert_is_ever_lost(
    steps: list[tuple[float, str]], trouble: list[DeliveryError | None]
) -> None:
    phone = Phone()
    phone.failures = list(trouble)
    born: dict[str, int] = {}

    async def story(clock: SteppedClock, _: Any, deliverer: Deliverer) -> None:
        for number, (wait_s, what) in enumerate(steps):
            await clock.sleep(wait_s)
            now_us = clock.now().steady_us
            born[f"text of {what}{number}"] = now_us
            made = {"reply": reply, "warning": message, "danger": danger}[what](f"{what}{number}")
            deliverer.tell(replace(made, created_at_us=now_us))
        await clock.sleep(900)

    deliver(None, phone, story)

    told = dict(zip(phone.titles(), phone.times_us, strict=True))
    for text, at_us in told.items():
        if "reply" in text:
            assert at_us - born[text] <= 10 * SECOND_US
    assert {text for text in born if "reply" not in text} <= set(told)
    assert all(at_us >= START_US for at_us in phone.times_us)
