"""How fast a pool falls, and over which time that was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy_books import START_US, reading
from watcher.domain.alert import SECOND_US, Measure, Sample, Tier
from watcher.policy.history import Slope, is_racing, slope


def samples(*points: tuple[int, float]) -> list[Sample]:
    """Points are (seconds ago, distance)."""
    return [
        Sample(
            pool="unified",
            at_us=START_US - ago * SECOND_US,
            distance=distance,
            health=None,
            margin_level=None,
            equity=None,
            tier=Tier.WARNING,
        )
        for ago, distance in points
    ]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(600, 9.8), (60, 13.0)], Slope(2.5, brief=True)),
        ([(600, 20.5), (60, 11.0)], Slope(1.0, brief=False)),
        ([(600, 12.5), (60, 11.5)], Slope(1.0, brief=True)),
        ([(600, 9.8), (60, 10.0)], None),
        ([], None),
    ],
)
def test_the_steeper_slope_counts_and_says_which_it_is(
    points: list[tuple[int, float]], expected: Slope | None
) -> None:
    found = slope(samples(*points), "unified", Measure.DISTANCE, 10.5, 0.0, START_US)

    assert found == expected


def slide(rate: float, now: float, *, seconds: int = 600, every_s: int = 30) -> list[Sample]:
    """A fall of *rate* points per minute, at *now* at its end."""
    times = range(seconds, 0, -every_s)
    return samples(*((ago, now + rate * ago / 60) for ago in times))


@pytest.mark.parametrize(
    ("rate", "now", "races"),
    [(1.0, 11.9, True), (1.0, 12.1, False), (0.5, 5.9, True), (0.5, 6.1, False), (-1.0, 5, False)],
)
def test_a_steady_fall_races_below_twelve_minutes(rate: float, now: float, races: bool) -> None:  # noqa: FBT001 - a table
    assert is_racing(slide(rate, now), reading(now), START_US) is races


@pytest.mark.parametrize(
    ("points", "now"),
    [
        pytest.param([(60, 8.0), (30, 7.0)], 6.5, id="a minute only"),
        pytest.param([(600, 20.0), (300, 15.0), (60, 6.5), (30, 6.5)], 6.5, id="stands still"),
        pytest.param([(ago, 14.0) for ago in range(600, 0, -30)], 5.0, id="one jump just now"),
        pytest.param(
            [(ago, 14.0 if ago > 30 else 5.0) for ago in range(600, 0, -10)], 5.0, id="one jump"
        ),
        pytest.param([], 5.0, id="nothing"),
    ],
)
def test_what_is_no_steady_fall_does_not_race(points: list[tuple[int, float]], now: float) -> None:
    assert not is_racing(samples(*points), reading(now), START_US)


@given(
    st.sampled_from([12.0, 6.0]),
    st.lists(st.floats(-0.5, 0.5), min_size=21, max_size=21),
)
def test_noise_of_half_a_point_around_a_line_is_no_pace(line: float, noise: list[float]) -> None:
    """For an emergency line closer than that, half a point is a tenth of the way and more."""
    points = [(30 * (20 - n), line + part) for n, part in enumerate(noise[:20])]
    now = line + noise[20]

    assert not is_racing(samples(*points), reading(now), START_US)


def test_an_emergency_races_no_further() -> None:
    assert not is_racing(slide(1.0, 2.5), reading(2.5), START_US)
