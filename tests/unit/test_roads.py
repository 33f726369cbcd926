"""A road's budget in a storm: never more than allowed, and nobody who gets worse waits long."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.ports import Share
from watcher.service.roads import Road

START_US = 1_795_356_000_000_000
GAP_MAX_US = 15 * SECOND_US
"""With a hot poll (4 s) between, an account is named within 20 s."""


def storm(road: Road, from_us: int, until_us: int) -> list[int]:
    """Send a storm's messages on *road* as soon as each may go; return when."""
    times = []
    free_us = road.free_at_us(Share.STORM, from_us)
    while free_us <= until_us:
        road.spend(Share.STORM, free_us)
        times.append(free_us)
        free_us = road.free_at_us(Share.STORM, free_us + SECOND_US // 5)
    return times


seconds = st.integers(0, 59)


@given(rest=st.sets(seconds, max_size=7), urgent=st.sets(seconds, max_size=3), quiet_s=seconds)
def test_a_storm_has_no_long_silence_whatever_was_sent_before(
    rest: set[int], urgent: set[int], quiet_s: int
) -> None:
    road = Road()
    earlier = [START_US + at_s * SECOND_US for at_s in sorted(rest | urgent)]
    for at_us in earlier:
        road.spend(Share.REST, at_us)
    begin_us = max(earlier, default=START_US) + quiet_s * SECOND_US

    told = storm(road, begin_us, begin_us + 5 * MINUTE_US)

    everything = [*earlier, *told]
    assert all(sum(at <= one < at + MINUTE_US for one in everything) <= 12 for at in everything)
    assert max(after - before for before, after in pairwise([begin_us, *told])) <= GAP_MAX_US


def test_the_last_five_sends_of_a_minute_tell_all_that_belong_together() -> None:
    road = Road()
    short = []
    for n in range(12):
        now_us = START_US + n * SECOND_US
        short.append(road.is_short(now_us))
        road.spend(Share.URGENT, now_us)

    assert short == [False] * 7 + [True] * 5
    assert not road.is_short(START_US + 72 * SECOND_US)


def test_one_send_too_many_holds_a_storm_up_and_breaks_nothing() -> None:
    """An answer and an alert that were both let go: a seed of the storm divided by nought here."""
    road = Road()
    for number in range(road.per_minute + 3):
        road.spend(Share.URGENT, number * SECOND_US)

    free_us = road.free_at_us(Share.STORM, 20 * SECOND_US)

    assert free_us >= 3 * SECOND_US + MINUTE_US
    assert free_us <= 20 * SECOND_US + MINUTE_US
