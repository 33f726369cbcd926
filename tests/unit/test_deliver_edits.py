"""Messages edited in place, told in groups, and carrying buttons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.delivery import deliver, deliver_on, phones, say, seconds
from tests.unit.service_stand_ins import START_US, Phone, danger, message
from watcher.domain.alert import Kind, Lane, Message, Tier
from watcher.domain.road import Act, Button, Reach
from watcher.ports import DeliveryError, Press, Pressable, StoreError
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.service.keyring import hashed
from watcher.store.sqlite import SqliteStore

PERMANENT = DeliveryError("message to edit not found", permanent=True)
K7F3: dict[str, Any] = {"incident": "K7F3", "pool": "unified"}
ACK = Button(act=Act.ACK, label="Ack")
DETAILS = Button(act=Act.DETAILS, label="Details")


def update(key: str, **changes: Any) -> Message:
    made: dict[str, Any] = {"kind": Kind.UPDATED, "edits": True, "silent": True, **K7F3}
    return danger(key, **{**made, **changes})


def proof(key: str) -> Message:
    return message(
        key, kind=Kind.PROOF, lane=Lane.DIGEST, tier=Tier.CALM, edits=True, pinned=True, account=""
    )


# -- edits -------------------------------------------------------------------------------------


def test_an_update_takes_the_place_of_the_newest_message_of_its_incident(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("first", **K7F3), danger("other", incident="M2", pool="x"))
        await clock.sleep(1)
        await say(store, out, danger("second", **K7F3))
        await clock.sleep(1)
        await say(store, out, update("u1"))
        await clock.sleep(1)
        await say(store, out, update("u2"))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert len(phone.texts) == 3
    assert [(receipt, text.plain) for receipt, text, _ in phone.edits] == [
        ("3", "text of u1"),
        ("3", "text of u2"),
    ]


def test_an_update_without_a_message_to_edit_is_dropped(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, update("u"))
        await clock.sleep(1)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.tries == 0


def test_a_message_that_can_no_longer_be_edited_is_left_alone(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [None, PERMANENT]

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", **K7F3))
        for number in range(3):
            await clock.sleep(1)
            await say(store, out, update(f"u{number}"))
        await clock.sleep(1)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert phone.tries == 2


def test_an_update_never_takes_the_place_of_an_alert_not_yet_told(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("no connection")] * 3

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", **K7F3))
        await clock.sleep(1)
        await say(store, out, update("u"))
        await clock.sleep(60)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of a"]
    assert [text.plain for _, text, _ in phone.edits] == ["text of u"]


def test_a_proof_of_life_is_sent_and_pinned_once_and_then_edited(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        for number in range(3):
            await say(store, out, proof(f"p{number}"))
            await clock.sleep(300)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of p0"]
    assert phone.pinned == ["1"]
    assert [receipt for receipt, *_ in phone.edits] == ["1", "1"]


def test_a_proof_of_life_that_was_deleted_is_sent_and_pinned_again(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [None, None, PERMANENT]

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        for number in range(3):
            await say(store, out, proof(f"p{number}"))
            await clock.sleep(300)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of p0", "text of p1"]
    assert phone.pinned == ["1", "2"]
    assert [receipt for receipt, *_ in phone.edits] == ["2"]


def test_any_number_of_edits_delays_no_alert_and_no_warning(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, *(danger(f"a{n}", incident=f"I{n}", pool="p") for n in range(4)))
        await clock.sleep(1)
        edits = (update(f"u{n}", incident=f"I{n % 4}", pool="p") for n in range(20))
        await say(store, out, *edits)
        await clock.sleep(1)
        await say(store, out, danger("new"), message("w"), message("w2"))
        await clock.sleep(1)
        assert len(phone.edits) == 3

    deliver(tmp_path, phone, story)

    assert seconds(phone)[4:] == [2.0] * 3


def test_what_holds_up_an_edit_holds_up_no_alert(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [None, DeliveryError("wait", retry_after_s=30.0)]

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", **K7F3))
        await clock.sleep(1)
        await say(store, out, update("u"))
        await clock.sleep(1)
        await say(store, out, danger("b"))
        await clock.sleep(1)
        assert len(phone.texts) == 2
        await clock.sleep(40)

    deliver(tmp_path, phone, story)

    assert len(phone.edits) == 1


# -- groups ------------------------------------------------------------------------------------


def of_group(number: int, tier: Tier = Tier.CRITICAL, **changes: Any) -> Message:
    made: dict[str, Any] = {"group": "critical", "line": f"line of {number}"}
    return danger(f"g{number}", tier, account=f"a{number}", **{**made, **changes})


def test_a_storm_is_told_in_few_messages_that_name_every_account_in_time(tmp_path: Path) -> None:
    """Fifty accounts fall together, one seen every tenth of a second."""
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        for number in range(7):
            await say(store, out, message(f"w{number}"))
        for number in range(50):
            await say(store, out, of_group(number, created_at_us=clock.now().steady_us))
            await clock.sleep(0.1)
        await clock.sleep(120)

    deliver(tmp_path, phone, story)

    first_minute = [
        text.plain for text, at in zip(phone.texts, seconds(phone), strict=True) if at < 60
    ]
    assert len(first_minute) <= 12
    for number in range(50):
        told = [
            at
            for text, at in zip(phone.texts, seconds(phone), strict=True)
            if f"line of {number}" in text.plain.splitlines() or text.plain == f"text of g{number}"
        ]
        assert len(told) == 1
        assert told[0] - number * 0.1 <= 20.0


def test_up_to_three_of_a_group_are_told_one_by_one(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, *(of_group(n) for n in range(3)))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert phone.plain() == [f"text of g{n}" for n in range(3)]


def test_what_is_not_critical_waits_3_s_for_others_of_its_group(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        for number in range(5):
            warning = of_group(
                number,
                Tier.WARNING,
                lane=Lane.WARNING,
                created_at_us=clock.now().steady_us,
            )
            await say(store, out, warning)
            await clock.sleep(0.5)
        await say(store, out, of_group(9, group="single"))
        await clock.sleep(10)

    deliver(tmp_path, phone, story)

    assert phone.plain()[0] == "text of g9"
    assert seconds(phone)[0] == 2.5
    assert seconds(phone)[1:] == [3.0]
    assert all(f"line of {n}" in phone.plain()[1] for n in range(5))


def test_a_group_the_far_side_refuses_is_told_one_by_one(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("message is too long", permanent=True)] * 2

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await clock.sleep(1)
        await say(store, out, *(of_group(n) for n in range(5)))
        await clock.sleep(100)
        assert (await store.backlog()).waiting == 0

    deliver(tmp_path, phone, story)

    assert sorted(phone.titles()) == [f"text of g{n}" for n in range(5)]


def test_one_told_among_others_cannot_be_edited(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await clock.sleep(1)
        await say(store, out, *(of_group(n, incident=f"I{n}", pool="p") for n in range(5)))
        await clock.sleep(1)
        await say(store, out, update("u", account="a2", incident="I2", pool="p"))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert len(phone.texts) == 1
    assert phone.edits == []


def test_groups_are_of_one_road(tmp_path: Path) -> None:
    two = phones(Reach.CHAT, Reach.FALLBACK)

    async def story(clock: SteppedClock, store: SqliteStore, out: Any) -> None:
        await clock.sleep(1)
        far = {"reach": Reach.FALLBACK}
        await say(store, out, *(of_group(n, **far) for n in range(2)), of_group(2), of_group(3))
        await clock.sleep(1)

    deliver_on(tmp_path, two, story)

    assert len(two[Reach.CHAT].texts) == 1
    assert two[Reach.FALLBACK].plain() == ["text of g0", "text of g1"]


# -- buttons -----------------------------------------------------------------------------------


async def press(store: SqliteStore, clock: SteppedClock, token: str, **changes: Any) -> Any:
    given: dict[str, Any] = {"receipt": "1", "user_id": 7, "operator": True, "update_id": 1}
    chat = changes.pop("chat", "phone")
    made = Press(token=token, chat_id=0, **{**given, **changes})
    return await store.take_button(hashed(token), made, chat=chat, now=clock.now())


def test_a_button_works_once_in_its_message_by_an_operator(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", buttons=(ACK, DETAILS), **K7F3))
        await clock.sleep(1)
        ack, details = (key.token for key in phone.keys[0])
        refused = [
            await press(store, clock, "forged"),
            await press(store, clock, ack, chat="another"),
            await press(store, clock, ack, receipt="2"),
            await press(store, clock, ack, operator=False),
        ]
        assert refused == [None] * 4
        taken = await press(store, clock, ack)
        assert (taken.act, taken.account, taken.pool) == (Act.ACK, "main", "unified")
        assert (taken.incident, taken.tier) == ("K7F3", Tier.CRITICAL)
        assert taken.text.plain == "text of a"
        assert await press(store, clock, ack, update_id=2) is None
        for operator in (False, True):
            assert (await press(store, clock, details, operator=operator)).act is Act.DETAILS
        await clock.sleep(86_400)
        assert await press(store, clock, details) is None

    deliver(tmp_path, phone, story)

    assert [key.label for key in phone.keys[0]] == ["Ack", "Details"]
    assert b"token-1" not in (tmp_path / "ledger.db").read_bytes()


def test_after_a_restart_a_button_still_works_once(tmp_path: Path) -> None:
    phone = Phone()

    async def before(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", buttons=(ACK,), **K7F3))
        await clock.sleep(1)

    async def after(clock: SteppedClock, store: SqliteStore, _: Deliverer) -> None:
        token = phone.keys[0][0].token
        assert await press(store, clock, token) is not None
        assert await press(store, clock, token, update_id=2) is None

    async def again(clock: SteppedClock, store: SqliteStore, _: Deliverer) -> None:
        """The first press was taken by a process that died over it; Telegram delivers it anew."""
        assert await press(store, clock, phone.keys[0][0].token) is not None

    deliver(tmp_path, phone, before)
    deliver(tmp_path, phone, after)
    deliver(tmp_path, phone, again)


def test_both_copies_of_an_alert_that_may_have_arrived_can_be_acked(tmp_path: Path) -> None:
    phone = Phone()
    tokens: list[str] = []
    plainly = phone.send

    async def send(text: Any, *, silent: bool, keys: Any = (), **rest: Any) -> str:
        tokens.append(keys[0].token)
        return await plainly(text, silent=silent, keys=keys, **rest)

    phone.send = send  # type: ignore[assignment,method-assign]
    phone.failures = [DeliveryError("no answer in time", ambiguous=True)]

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", buttons=(ACK,)))
        await clock.sleep(5)
        assert len(set(tokens)) == 2
        assert await press(store, clock, tokens[0], receipt="0") is not None
        assert await press(store, clock, tokens[1], receipt="1") is not None

    deliver(tmp_path, phone, story)


def test_an_edited_message_has_fresh_buttons_of_its_own(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        await say(store, out, danger("a", buttons=(ACK,), **K7F3))
        await clock.sleep(1)
        await say(store, out, update("u", buttons=(DETAILS,)))
        await clock.sleep(1)
        [(_, _, keys)] = phone.edits
        assert (await press(store, clock, keys[0].token)).act is Act.DETAILS

    deliver(tmp_path, phone, story)


def test_where_a_button_cannot_be_written_down_the_alert_leaves_without(tmp_path: Path) -> None:
    phone = Phone()

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        async def full(_claim_id: int, _buttons: list[Pressable]) -> None:
            raise StoreError("disk full")

        store.keep_buttons = full  # type: ignore[assignment,method-assign]
        await say(store, out, danger("a", buttons=(ACK,)))
        await clock.sleep(1)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of a"]
    assert phone.keys == [()]


# -- lateness ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("wait_s", "row"), [(50.0, None), (130.0, "said 14:13 UTC, 2 min late")])
def test_an_alert_that_comes_late_says_when_it_was_true(
    tmp_path: Path, wait_s: float, row: str | None
) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("wait", retry_after_s=wait_s)]

    async def story(clock: SteppedClock, store: SqliteStore, out: Deliverer) -> None:
        text = message(text=message().text).text
        await say(store, out, danger("a", text=text, created_at_us=START_US))
        await clock.sleep(200)

    deliver(tmp_path, phone, story)

    assert phone.plain() == [f"text of k\n{row}" if row else "text of k"]
