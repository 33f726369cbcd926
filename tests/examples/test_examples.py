"""
The published examples and real cases of the three venues, within their own tolerances.

Rule: every example is either computed, figure by figure (`tests.examples.compare`), or named in
`tests.examples.left_out` with the reason it is not. A new example fails the last test until
somebody decides. `make conformance` prints the same comparison for people.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.examples.compare import (
    COVERED,
    MINUTES,
    SHARED,
    figures,
    is_ours,
    last_digit,
    load,
)
from tests.examples.left_out import COARSER, CUT_OFF, NOT_COVERED

CASES = {name: case for name, case in load().items() if is_ours(case)}

pytestmark = pytest.mark.skipif(
    not CASES, reason="the published examples are not beside this repository"
)


@pytest.mark.parametrize("name", sorted(COVERED))
def test_published_figures_are_reproduced(name: str) -> None:
    if CASES[name]["venue"] == "replay" and not (SHARED / "data" / MINUTES).exists():
        pytest.skip("the recorded minutes are not beside this repository")

    found = list(figures(CASES[name]))

    assert found
    assert [one for one in found if not one.within] == []


def test_every_example_is_covered_or_left_out_with_a_reason() -> None:
    assert not COVERED & set(NOT_COVERED)
    assert COVERED | set(NOT_COVERED) == set(CASES)
    assert all(len(reason) > 15 for reason in NOT_COVERED.values())


def test_only_what_needs_it_is_compared_to_less_than_the_last_digit() -> None:
    """A figure that agrees to half a unit of its last digit may not claim more room."""
    claimed = {
        (name, figure): why for name, all_of in COARSER.items() for figure, why in all_of.items()
    }

    for (name, figure), why in claimed.items():
        (one,) = [one for one in figures(CASES[name]) if one.path.partition(".")[0] == figure]
        unit = last_digit(one.expected)
        assert not replace(one, allowed=unit / 2).within, (name, figure)
        assert replace(one, allowed=unit).within == (why == CUT_OFF), (name, figure)
