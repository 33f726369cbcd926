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

    assert caught.value.wait_s == pytest.approx(59.999)
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


def test_a_new_window_starts_from_nothing() -> None:
    one = budget()
    one.take(95, START_MS)

    one.take(95, START_MS + MINUTE_MS)

    assert one.used(START_MS + MINUTE_MS) == 95


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
    shutter.shut(Banned("banned", wait_s=5), START_MS)

    with pytest.raises(Banned, match="banned") as caught:
        shutter.check(START_MS + 4_999)

    assert caught.value.wait_s == pytest.approx(0.001)
    shutter.check(START_MS + 5_000)


def test_the_longest_pause_holds() -> None:
    shutter = Shutter()
    shutter.shut(Banned("banned", wait_s=9), START_MS)
    shutter.shut(RateLimited("slow down", wait_s=1), START_MS)

    with pytest.raises(Banned):
        shutter.check(START_MS + 8_000)


@pytest.mark.parametrize(("error", "hours"), [(Banned, 72), (RateLimited, 1 / 6)])
def test_an_end_in_a_far_future_is_not_believed(error: type[VenueError], hours: float) -> None:
    shutter = Shutter()
    shutter.shut(error("wait", wait_s=1e8), START_MS)

    with pytest.raises(error):
        shutter.check(START_MS + hours * 3_600_000 - 1)
    shutter.check(START_MS + hours * 3_600_000)


def test_an_error_without_an_end_shuts_nothing() -> None:
    shutter = Shutter()
    shutter.shut(RateLimited("slow down"), START_MS)

    shutter.check(START_MS)
