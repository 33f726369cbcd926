"""Request budgets: calm calls leave room, the venue's count wins, a ban sends nothing."""

from __future__ import annotations

import pytest

from watcher.ports import Banned, RateLimited, VenueError
from watcher.venues.weights import Budget, Limit, Shutter

MINUTE_MS = 60_000
START_MS = 1_795_305_600_000.0


def budget(weight: int = 100) -> Budget:
    return Budget("fapi", Limit(weight=weight, window_ms=MINUTE_MS))


def test_calm_calls_stop_while_urgent_ones_still_go() -> None:
    one = budget()
    one.take(70, START_MS, calm=True)

    with pytest.raises(RateLimited):
        one.take(1, START_MS, calm=True)

    one.take(25, START_MS)
    assert one.used(START_MS) == 95


def test_a_call_that_does_not_fit_is_refused_until_the_next_window_and_not_counted() -> None:
    one = budget()

    with pytest.raises(RateLimited, match="fapi: 0 of 95") as caught:
        one.take(96, START_MS + 1)

    assert caught.value.until_us == int((START_MS + MINUTE_MS) * 1000)
    assert one.used(START_MS + 1) == 0


def test_the_venues_own_count_wins_when_it_is_higher() -> None:
    """Another bot behind the same address has used 90 of the 100."""
    one = budget()
    one.take(5, START_MS)
    one.heard(90, START_MS)

    with pytest.raises(RateLimited):
        one.take(10, START_MS)

    one.heard(3, START_MS)
    assert one.used(START_MS) == 90


def test_a_new_window_starts_from_nothing_also_when_the_clock_is_set_back() -> None:
    one = budget()
    one.take(95, START_MS)

    one.take(95, START_MS + MINUTE_MS)
    one.take(95, START_MS - MINUTE_MS)

    assert one.used(START_MS - MINUTE_MS) == 95


def test_after_too_many_requests_half_is_left_for_ten_minutes() -> None:
    one = budget()
    one.halve(START_MS)

    assert one.allowance(START_MS + 599_999) == 50
    assert one.allowance(START_MS + 600_000) == 100


def test_what_others_use_takes_nothing_of_the_half_that_is_ours() -> None:
    """The simulation found an account blind for ten minutes that the venue would have served."""
    one = budget()
    one.halve(START_MS)
    one.heard(60, START_MS)

    one.take(35, START_MS)

    with pytest.raises(RateLimited, match="95 of 95"):
        one.take(1, START_MS)


def test_nothing_is_sent_while_the_venue_has_shut_us_out() -> None:
    shutter = Shutter()
    shutter.check(START_MS)
    shutter.shut(Banned("banned", until_us=int((START_MS + 5_000) * 1000)), START_MS)

    with pytest.raises(Banned, match="banned") as caught:
        shutter.check(START_MS + 4_999)

    assert caught.value.until_us == int((START_MS + 5_000) * 1000)
    shutter.check(START_MS + 5_000)


def test_the_longest_pause_holds() -> None:
    shutter = Shutter()
    shutter.shut(Banned("banned", until_us=int((START_MS + 9_000) * 1000)), START_MS)
    shutter.shut(RateLimited("slow down", until_us=int((START_MS + 1_000) * 1000)), START_MS)

    with pytest.raises(Banned):
        shutter.check(START_MS + 8_000)


@pytest.mark.parametrize(("error", "hours"), [(Banned, 72), (RateLimited, 1 / 6)])
def test_an_end_in_a_far_future_is_not_believed(error: type[VenueError], hours: float) -> None:
    shutter = Shutter()
    far_us = int((START_MS + 1e11) * 1000)
    shutter.shut(error("wait", until_us=far_us), START_MS)

    with pytest.raises(error):
        shutter.check(START_MS + hours * 3_600_000 - 1)
    shutter.check(START_MS + hours * 3_600_000)


def test_an_error_without_an_end_shuts_nothing() -> None:
    shutter = Shutter()
    shutter.shut(RateLimited("slow down"), START_MS)

    shutter.check(START_MS)


def test_a_clock_set_back_in_a_ban_does_not_make_it_longer() -> None:
    hour, minute = 3_600_000.0, 60_000.0
    shutter = Shutter()
    shutter.shut(Banned("banned", until_us=int(10 * hour + 10 * minute) * 1000), 10 * hour)
    for elapsed in range(1, 10):
        # after three minutes the clock is set back by an hour
        back = hour if elapsed >= 3 else 0.0
        with pytest.raises(Banned) as told:
            shutter.check(10 * hour - back + elapsed * minute)
        left_ms = (told.value.until_us or 0) / 1000 - (10 * hour - back + elapsed * minute)
        assert left_ms <= (11 - elapsed) * minute

    shutter.check(9 * hour + 11 * minute)
