"""A channel that takes nothing (token, chat, rights): nothing is lost, and everyone can see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.unit.delivery import deliver, say, seconds
from tests.unit.service_stand_ins import START_US, Phone, danger, message, moment
from watcher.domain.alert import MINUTE_US, Kind, Lane, Text, Tier
from watcher.ports import DeliveryError, Refusal
from watcher.service.clock import SteppedClock
from watcher.service.deliver import Deliverer
from watcher.store.beside import undelivered
from watcher.store.sqlite import SqliteStore

TOKEN = DeliveryError("bot token refused", refused=True)


def test_nothing_is_lost_and_the_channel_is_tried_slowly(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [TOKEN] * 4

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, message("w"), danger("c"))
        await clock.sleep(10)
        await say(store, deliverer, danger("e", Tier.EMERGENCY))
        await clock.sleep(150)
        assert (await store.backlog()).waiting == 3
        assert phone.tries == 4
        await clock.sleep(30)

    with capture_logs() as logs:
        deliver(tmp_path, phone, story)

    assert phone.titles() == ["text of e", "text of c", "text of w"]
    assert phone.plain()[0] == "text of e\nsaid 14:13 UTC, 2 min late"
    assert seconds(phone) == [15.0 + 30 + 60 + 60] * 3
    events = [line["event"] for line in logs]
    assert events.count("channel.refused") == events.count("channel.accepted") == 1
    assert "message.abandoned" not in events


def test_the_refusal_is_noted_for_who_looks_from_outside_until_it_is_over(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [TOKEN, TOKEN]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await clock.sleep(3)
        await say(store, deliverer, danger("c"))
        await clock.sleep(20)
        noted = Refusal(reason="bot token refused", since_us=moment(3).wall_us)
        assert undelivered(tmp_path).refusal == noted
        await clock.sleep(60)
        assert undelivered(tmp_path).refusal is None

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of c"]


def test_after_a_restart_with_the_right_token_all_leaves_at_once_worst_first(
    tmp_path: Path,
) -> None:
    wrong, right = Phone(), Phone()
    wrong.failures = [TOKEN] * 99

    async def before(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, message("w"), danger("c"))
        await clock.sleep(20)
        await say(store, deliverer, danger("e", Tier.EMERGENCY))
        await clock.sleep(1)

    async def after(clock: SteppedClock, store: SqliteStore, _: Deliverer) -> None:
        await clock.sleep(1)
        assert (await store.backlog()).waiting == 0
        assert undelivered(tmp_path).refusal is None

    deliver(tmp_path, wrong, before)
    assert undelivered(tmp_path).refusal is not None
    deliver(tmp_path, right, after)

    assert right.plain() == ["text of e", "text of c", "text of w"]


def test_of_one_incident_only_the_newest_leaves_and_it_is_as_loud_as_the_first(
    tmp_path: Path,
) -> None:
    phone = Phone()
    phone.failures = [TOKEN] * 14
    silences: list[bool] = []
    plainly = phone.send

    async def send(text: Text, *, silent: bool, **rest: Any) -> str:
        silences.append(silent)
        return await plainly(text, silent=silent, **rest)

    phone.send = send  # type: ignore[method-assign]

    def of(key: str, tier: Tier, **changes: Any) -> Any:
        return danger(key, tier, incident="K7F3", pool="unified", **changes)

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, of("1", Tier.CRITICAL), of("2", Tier.EMERGENCY))
        await clock.sleep(240)
        eased = of("3", Tier.WARNING, kind=Kind.EASED, lane=Lane.WARNING, silent=True)
        await say(store, deliverer, eased)
        await clock.sleep(700)

    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of 3"]
    assert silences[-1] is False


def test_an_alert_not_yet_ten_minutes_old_does_not_give_way_to_a_milder_one(
    tmp_path: Path,
) -> None:
    phone = Phone()
    phone.failures = [TOKEN] * 3

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        for key, tier in (("1", Tier.EMERGENCY), ("2", Tier.CRITICAL)):
            await say(store, deliverer, danger(key, tier, incident="K7F3", pool="unified"))
        await clock.sleep(200)

    deliver(tmp_path, phone, story)

    assert phone.titles() == ["text of 1", "text of 2"]


def test_a_sign_of_life_tells_of_a_refusal_before_there_is_anything_to_say(
    tmp_path: Path,
) -> None:
    async def story(clock: SteppedClock, _: SqliteStore, deliverer: Deliverer) -> None:
        deliverer.warmed(TOKEN)
        await clock.sleep(1)
        assert undelivered(tmp_path).refusal is not None
        deliverer.warmed(None)
        await clock.sleep(1)
        assert undelivered(tmp_path).refusal is None

    deliver(tmp_path, Phone(), story)


def test_a_good_token_does_not_hide_a_chat_that_refuses(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("chat not found", refused=True)] * 9

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("c"))
        await clock.sleep(1)
        deliverer.warmed(None)
        await clock.sleep(1)
        told = undelivered(tmp_path).refusal
        assert told is not None
        assert told.reason == "chat not found"

    deliver(tmp_path, phone, story)


def test_with_a_dead_store_alerts_in_memory_wait_for_the_channel_too() -> None:
    phone = Phone()
    phone.failures = [TOKEN] * 2

    async def story(clock: SteppedClock, _: Any, deliverer: Deliverer) -> None:
        deliverer.tell(danger("c"))
        await clock.sleep(60)

    deliver(None, phone, story)

    assert phone.plain() == ["text of c"]


def test_another_chat_that_shut_the_bot_out_says_nothing_about_the_alerts(tmp_path: Path) -> None:
    asker = Phone("asker")
    asker.failures = [DeliveryError("bot was blocked by the user", refused=True)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        deliverer.tell(message("r", lane=Lane.REPLY, kind=Kind.REPLY), channel=asker)
        await clock.sleep(1)
        assert undelivered(tmp_path).refusal is None
        await say(store, deliverer, danger("c"))
        await clock.sleep(1)

    phone = Phone()
    deliver(tmp_path, phone, story)

    assert phone.plain() == ["text of c"]
    assert asker.tries == 1


def test_an_abandoned_alert_stays_in_sight_until_a_newer_word_arrived(tmp_path: Path) -> None:
    phone = Phone()
    phone.failures = [DeliveryError("message is too long", permanent=True)]

    async def story(clock: SteppedClock, store: SqliteStore, deliverer: Deliverer) -> None:
        await say(store, deliverer, danger("1", incident="A", pool="unified"))
        await clock.sleep(1)
        told = undelivered(tmp_path)
        assert (told.abandoned, told.abandoned_urgent) == (1, 1)
        assert told.reason == "message is too long"
        await say(store, deliverer, danger("2", incident="A", pool="unified"))
        await clock.sleep(1)
        assert undelivered(tmp_path).abandoned == 0

    deliver(tmp_path, phone, story)

    assert phone.times_us[0] < START_US + MINUTE_US
