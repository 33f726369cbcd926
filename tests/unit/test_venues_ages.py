"""A snapshot is as old as the venue's own time says, on our clock."""

from __future__ import annotations

import math

import pytest

from tests.unit.policy_books import START_US, single
from watcher.venues.ages import Clocks, no_younger, older_us

START_MS = START_US / 1000


@pytest.mark.parametrize(
    ("told_s", "offset_s", "age_s"),
    [(-25, 0, 25), (0, 0, 0), (3, 0, 0), (-25, -20, 5), (35, 60, 25), (math.inf, 60, 0)],
)
def test_the_older_of_receipt_and_the_venues_own_time_counts(
    told_s: float, offset_s: float, age_s: float
) -> None:
    told_ms, offset_ms = START_MS + 1000 * told_s, 1000.0 * offset_s

    assert older_us(START_US, told_ms, offset_ms) == START_US - age_s * 1_000_000
    aged = no_younger(single(5), told_ms, offset_ms)
    assert aged.taken_at_us == START_US - age_s * 1_000_000
    assert aged.parts == single(5).parts


def test_a_clock_that_stands_still_is_not_believed_until_it_goes_on() -> None:
    clocks = Clocks()
    clocks.compare(START_MS, START_MS - 250)

    for ours_s, theirs_s in ((600, 32), (630, 32)):
        clocks.compare(START_MS + 1000 * ours_s, START_MS + 1000 * theirs_s)
        assert clocks.believed_ms == -250

    clocks.compare(START_MS + 700_000, START_MS + 700_000)
    assert clocks.believed_ms == 0


def test_a_step_back_of_the_venues_clock_is_believed_the_second_time() -> None:
    clocks = Clocks()
    clocks.compare(START_MS, START_MS)

    clocks.compare(START_MS + 3_600_000, START_MS + 600_000)
    assert clocks.believed_ms == 0
    clocks.compare(START_MS + 3_630_000, START_MS + 630_000)
    assert clocks.believed_ms == -3_000_000


def test_clocks_compared_twice_at_once_agree() -> None:
    clocks = Clocks()
    clocks.compare(START_MS, START_MS)

    clocks.compare(START_MS + 5, START_MS + 1)

    assert clocks.believed_ms == -4
