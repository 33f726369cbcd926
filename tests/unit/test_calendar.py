"""The days on which calendars are odd: clocks that change, leap days, year ends, leap seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.unit.test_reporter import Account, Canary, Outlet
from watcher.domain.alert import MINUTE_US, SECOND_US, Message, Moment, Quiet
from watcher.domain.road import Reach
from watcher.policy import wording
from watcher.policy.digest import PROOF_EVERY_S
from watcher.policy.envelope import is_quiet
from watcher.ports import StoreError
from watcher.service.clock import SystemClock
from watcher.service.digest import Reporter
from watcher.service.schedule import SteppedScheduler
from watcher.storm.loop import VirtualLoop

DAY_US = 24 * 60 * MINUTE_US


def us(at: datetime) -> int:
    return round(at.timestamp()) * SECOND_US


@dataclass
class Ledger:
    """Takes messages as the outbox does: a key it has is no second message."""

    clock: SystemClock
    said: dict[str, int] = field(default_factory=dict)

    async def say(self, message: Message) -> None:
        self.said.setdefault(message.key, self.clock.now().wall_us)

    async def history(self, _account: str, *, since_us: int) -> list[Any]:
        raise StoreError("history.db: not open")

    async def told(self, *, since_us: int) -> list[Any]:
        raise StoreError("ledger.db: not open")


def lived(
    begin: datetime, end: datetime, zone: str, at_min: int, wall: Callable[[int], int] = int
) -> dict[str, int]:
    """
    Let the real jobs run from *begin* to *end*; return what they said by key, with the wall time.

    *wall*: what the machine's calendar shows at a true time.
    """
    loop = VirtualLoop(us(begin))

    async def live() -> dict[str, int]:
        clock = SystemClock(lambda: loop.now_us * 1000, lambda: wall(loop.now_us) * 1000)
        ledger = Ledger(clock)
        reporter = Reporter(
            watched={"main": Account()},
            store=ledger,  # type: ignore[arg-type]  # what a digest needs of a store
            outlet=Outlet(),
            clock=clock,
            roads=(Reach.CHAT,),
            at_min=at_min,
            zone=zone,
            quiet=None,
            owed_from_us=us(begin),
            pinged=True,
            canary=Canary(),
        )
        scheduler = SteppedScheduler(clock)
        scheduler.every("digest", reporter.daily, first_s=5.0)
        scheduler.every("proof", reporter.proof, first_s=5.0)
        running = asyncio.create_task(scheduler.run())
        await asyncio.sleep((us(end) - us(begin)) / SECOND_US)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return ledger.said

    try:
        return loop.run_until_complete(live())
    finally:
        loop.close()


def digests(said: dict[str, int], zone: str) -> list[tuple[str, str]]:
    """Return the date each digest is of, and its local time."""
    return [
        (
            key.partition(":")[2],
            f"{datetime.fromtimestamp(at // SECOND_US, ZoneInfo(zone)):%d %H:%M}",
        )
        for key, at in said.items()
        if key.startswith("digest:")
    ]


def noons(first: date, days: int, zone: str) -> tuple[datetime, datetime]:
    noon = datetime(first.year, first.month, first.day, 12, tzinfo=ZoneInfo(zone))
    last = first + timedelta(days=days)
    return noon, datetime(last.year, last.month, last.day, 12, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        pytest.param("Europe/Berlin", date(2027, 3, 26), id="Berlin, an hour less"),
        pytest.param("Europe/Berlin", date(2027, 10, 29), id="Berlin, an hour more"),
        pytest.param("America/New_York", date(2027, 3, 12), id="New York, an hour less"),
        pytest.param("America/New_York", date(2027, 11, 5), id="New York, an hour more"),
        pytest.param("Australia/Lord_Howe", date(2027, 4, 2), id="Lord Howe, half an hour more"),
        pytest.param("Pacific/Chatham", date(2027, 9, 24), id="Chatham, 2:45 becomes 3:45"),
        pytest.param("UTC", date(2028, 2, 27), id="29 February 2028"),
        pytest.param("Asia/Kolkata", date(2100, 2, 26), id="2100 has no 29 February"),
        pytest.param("Asia/Tokyo", date(2026, 12, 30), id="year end"),
    ],
)
def test_the_digest_comes_at_eight_local_once_a_day(zone: str, first: date) -> None:
    begin, end = noons(first, 4, zone)

    found = digests(lived(begin, end, zone, 8 * 60), zone)

    days = [first + timedelta(days=n) for n in (1, 2, 3, 4)]
    assert found == [(day.isoformat(), f"{day:%d} 08:00") for day in days]


@pytest.mark.parametrize(
    ("first", "times"),
    [
        pytest.param(date(2027, 3, 26), ["27 02:30", "28 03:30", "29 02:30"], id="skipped"),
        pytest.param(date(2027, 10, 29), ["30 02:30", "31 02:30", "01 02:30"], id="twice"),
    ],
)
def test_a_time_that_is_skipped_or_comes_twice_has_one_digest(
    first: date, times: list[str]
) -> None:
    begin, end = noons(first, 3, "Europe/Berlin")

    found = digests(lived(begin, end, "Europe/Berlin", 2 * 60 + 30), "Europe/Berlin")

    assert [at for _, at in found] == times


MIDNIGHT = us(datetime(2027, 1, 1, tzinfo=UTC))


def smeared(at_us: int) -> int:
    """A second more in the day, spread over it from noon to noon."""
    part = (at_us - (MIDNIGHT - DAY_US // 2)) / DAY_US
    return at_us - round(SECOND_US * min(max(part, 0.0), 1.0))


def stepped(at_us: int) -> int:
    """A second more in the day, said twice at its end."""
    return at_us if at_us < MIDNIGHT else at_us - SECOND_US


@pytest.mark.parametrize("wall", [smeared, stepped])
def test_a_leap_second_makes_no_second_digest_and_stops_nothing(wall: Callable[[int], int]) -> None:
    begin, end = datetime(2026, 12, 30, 12, tzinfo=UTC), datetime(2027, 1, 2, 12, tzinfo=UTC)

    said = lived(begin, end, "UTC", 0, wall)

    assert digests(said, "UTC") == [
        ("2026-12-31", "31 00:00"),
        ("2027-01-01", "01 00:00"),
        ("2027-01-02", "02 00:00"),
    ]
    proofs = [at for key, at in said.items() if not key.startswith("digest:")]
    assert len(proofs) == 3 * DAY_US // (PROOF_EVERY_S * SECOND_US)


# ── quiet hours ─────────────────────────────────────────────────────────────────────────────


def quiet_minutes(quiet: Quiet, zone: str, first: date, days: int = 1) -> list[str]:
    """Return the quiet minutes of so many local days, by the clock on the wall."""
    where = ZoneInfo(zone)
    begin, last = first, first + timedelta(days=days)
    at = us(datetime(begin.year, begin.month, begin.day, tzinfo=where))
    end = us(datetime(last.year, last.month, last.day, tzinfo=where))
    return [
        f"{datetime.fromtimestamp(wall_us // SECOND_US, where):%H:%M}"
        for wall_us in range(at, end, MINUTE_US)
        if is_quiet(quiet, Moment(steady_us=0, wall_us=wall_us), wording.zone(zone))
    ]


NIGHT = Quiet(from_min=23 * 60, to_min=7 * 60)


@pytest.mark.parametrize(
    ("first", "minutes"),
    [
        pytest.param(date(2027, 3, 28), 7 * 60, id="an hour less"),
        pytest.param(date(2027, 10, 31), 9 * 60, id="an hour more"),
        pytest.param(date(2028, 2, 29), 8 * 60, id="leap day"),
        pytest.param(date(2026, 12, 31), 8 * 60, id="year end"),
    ],
)
def test_the_night_is_quiet_by_the_clock_on_the_wall(first: date, minutes: int) -> None:
    found = quiet_minutes(NIGHT, "Europe/Berlin", first)

    assert len(found) == minutes
    assert all(at >= "23:00" or at < "07:00" for at in found)
    assert (found[0], found[-1]) == ("00:00", "23:59")


def test_quiet_hours_in_a_skipped_hour_are_none_and_in_one_that_comes_twice_are_two() -> None:
    short = Quiet(from_min=2 * 60 + 15, to_min=2 * 60 + 45)

    assert quiet_minutes(short, "Europe/Berlin", date(2027, 3, 28)) == []
    assert len(quiet_minutes(short, "Europe/Berlin", date(2027, 10, 31))) == 60
