"""The daily digest and the proof of life: which day is due, what they claim, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.service_stand_ins import START_US, moment, snapshot
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    Ack,
    BlindState,
    DangerState,
    Incident,
    Kind,
    Mute,
    Quiet,
    Sample,
    Tier,
)
from watcher.domain.road import Reach
from watcher.domain.told import Told
from watcher.policy import digest

HOUR_US = 60 * MINUTE_US


def state(account: str = "main", *, age_s: float = 4.0, **more: object) -> AccountState:
    made = AccountState(
        account=account,
        last_good=snapshot(account),
        last_good_at_us=START_US - round(age_s * SECOND_US),
    )
    return replace(made, **more)  # type: ignore[arg-type]  # each caller names its fields


def samples(*hours_and_distance: tuple[float, float], tier: Tier = Tier.CALM) -> list[Sample]:
    return [
        Sample(
            pool="unified",
            at_us=START_US - round(hours * HOUR_US),
            distance=distance,
            health=None,
            margin_level=None,
            equity=1.0,
            tier=tier,
        )
        for hours, distance in hours_and_distance
    ]


def steadily(distance: float, tier: Tier = Tier.CALM) -> list[Sample]:
    return samples(*((at / 60, distance) for at in range(1440, -1, -1)), tier=tier)


def past(account: AccountState | None = None, found: Sequence[Sample] | None = None) -> digest.Past:
    lived = None if found is None else digest.Lived.of(found, moment())
    return digest.Past(state=account or state(), lived=lived, blind_after_us=180 * SECOND_US)


def day(*accounts: digest.Past, told: Sequence[Told] = (), **more: object) -> digest.Day:
    made = digest.Day(
        accounts=accounts,
        told=told,
        proofs={Reach.CHAT: None},
        quiet=None,
        zone="UTC",
        pinged=False,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # each caller names its fields


def said(hours: float, **more: object) -> Told:
    made = Told(
        account="main",
        kind=Kind.RAISED,
        tier=Tier.WARNING,
        incident="K7F3",
        silent=False,
        at_us=START_US - round(hours * HOUR_US),
        title="🟠 WARNING main",
        arrived=True,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # each caller names its fields


def text(one: digest.Day) -> str:
    due = digest.Slot(date="2026-09-21", at_us=0, next_us=0)
    return digest.digest(one, due, moment()).text.plain


def test_an_empty_day_is_told_too() -> None:
    assert text(day(past(found=steadily(24.13)))) == (
        "📋 DAY until 21 Sep 14:13 UTC · 1 of 1 seen now\n"
        "🟢 main: worst CALM, nearest 24.1 %, no gap\n"
        "Acks open: none\n"
        "Mutes: none\n"
        "Told: 0 messages\n"
        "Roads: chat never proven\n"
        "NOBODY WILL NOTICE IF THIS PROGRAM DIES: no external ping is configured"
    )


def test_a_digest_that_somebody_outside_would_miss_says_nothing_of_it() -> None:
    assert "NOTICE" not in text(day(past(found=steadily(24.13)), pinged=True))


def test_a_bad_day_names_what_was_bad_and_who_is_not_seen() -> None:
    incident = Incident(code="K7F3", seq=2, opened_at_us=0)
    ack = Ack(tier=Tier.CRITICAL, at_us=0, user_id=1)
    danger = DangerState(pool="unified", tier=Tier.CRITICAL, incident=incident, ack=ack)
    mute = Mute(pool="", tier_max=Tier.WARNING, until_us=START_US + 30 * MINUTE_US, user_id=1)
    worst = state(dangers={"unified": danger}, mutes=(mute,))
    gone = state("alt", age_s=7200, blind=BlindState(active=True))
    gap = samples((5.0, 9.0), (4.0, 5.25), tier=Tier.CRITICAL) + steadily(9.0)[-200:]
    whole = day(
        past(worst, gap),
        past(gone, []),
        told=[
            said(3, silent=True, title="🟠 WARNING main 9 %"),
            said(2, arrived=False),
            said(1, kind=Kind.UPDATED),
        ],
        quiet=Quiet(from_min=11 * 60, to_min=12 * 60),
        proofs={Reach.CHAT: START_US - 3 * 24 * HOUR_US, Reach.FALLBACK: None},
    )

    assert text(whole) == (
        "📋 DAY until 21 Sep 14:13 UTC · 1 of 2 seen now\n"
        "⚫ alt: NOT SEEN NOW, no reading\n"
        "🔴 main: worst CRITICAL, nearest 5.2 %, blind 1 h 41 min in 2 gaps, 1 incident\n"
        "Acks open: #K7F3 main CRITICAL\n"
        "Mutes: main up to WARNING until 14:43 UTC\n"
        "Told: 2 messages, 1 of them not delivered\n"
        "Without sound in the quiet hours: 1\n"
        "  11:13 UTC 🟠 WARNING main 9 %\n"
        "Roads: chat proven 3 d ago · fallback never proven\n"
        "NOBODY WILL NOTICE IF THIS PROGRAM DIES: no external ping is configured"
    )


def test_of_many_accounts_the_worst_are_named_and_the_rest_counted() -> None:
    calm = [past(state(f"a{n}"), steadily(30.0)[-5:]) for n in range(40)]
    bad = past(state("bad"), steadily(3.0, Tier.CRITICAL)[-5:])

    found = text(day(*calm, bad)).splitlines()

    assert found[1].startswith("🔴 bad: ")
    assert "and 29 more, none worse" in found
    assert len(found) < 24


def test_a_history_that_cannot_be_read_is_said() -> None:
    assert "main: its history could not be read" in text(day(past()))


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - local
    at_min=st.integers(0, 1439),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_every_local_day_has_one_digest_whatever_the_clocks_do(
    start: datetime, at_min: int, zone: str
) -> None:
    wall_us = round(start.replace(tzinfo=ZoneInfo("UTC")).timestamp()) * SECOND_US
    due = digest.slot(wall_us, at_min, zone)
    assert due.at_us <= wall_us < due.next_us

    following = digest.slot(due.next_us, at_min, zone)

    assert following.at_us == due.next_us
    assert digest.slot(due.next_us - 1, at_min, zone) == due
    date = datetime.fromisoformat(due.date).date()
    assert following.date == (date + timedelta(days=1)).isoformat()


def test_in_the_skipped_hour_of_spring_the_digest_comes_all_the_same() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    noon = datetime(2027, 3, 28, 12, tzinfo=berlin)

    due = digest.slot(round(noon.timestamp()) * SECOND_US, 2 * 60 + 30, "Europe/Berlin")

    assert due.date == "2027-03-28"
    assert datetime.fromtimestamp(due.at_us / SECOND_US, berlin).hour == 3


def test_the_proof_of_life_says_when_all_were_last_read() -> None:
    accounts = [past(state("main", age_s=4)), past(state("alt", age_s=12))]

    made = digest.proof(accounts, moment(), zone="UTC")

    assert made.text.plain == (
        "🫀 Last complete check 14:13:08 UTC, 2/2 accounts\n"
        "Where this is over 10 min old, nobody watches"
    )
    assert (made.silent, made.edits, made.pinned) == (True, True, True)


@pytest.mark.parametrize(
    ("alt", "words"),
    [
        (
            state("alt", age_s=900),
            (
                "🫀 Last complete check 13:58:20 UTC, 1/2 accounts\n"
                "⚫ alt NOT SEEN, last read 15 min ago"
            ),
        ),
        (
            state("alt", age_s=9, blind=BlindState(active=True)),
            "🫀 Last complete check 14:13:11 UTC, 1/2 accounts\n⚫ alt NOT SEEN, last read 9 s ago",
        ),
        (
            AccountState(account="alt"),
            "🫀 No complete check yet, 1/2 accounts\n⚫ alt NOT SEEN, never read",
        ),
    ],
)
def test_the_proof_of_life_names_who_is_not_seen(alt: AccountState, words: str) -> None:
    made = digest.proof([past(), past(alt)], moment(), zone="UTC")

    assert made.text.plain.rpartition("\n")[0] == words
