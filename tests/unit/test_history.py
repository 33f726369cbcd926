"""How fast a pool falls, and over which time that was measured."""

from __future__ import annotations

import pytest

from tests.unit.policy_books import START_US
from watcher.domain.alert import SECOND_US, Measure, Sample, Tier
from watcher.policy.history import Slope, slope


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
