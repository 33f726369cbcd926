"""The page lists the faults that are tried, all of them and no others, and none told too late."""

from __future__ import annotations

from tests.chaos.table import PAGE, rows, section
from tests.chaos.trials import TOLD_WITHIN_S, TRIALS


def test_the_page_lists_exactly_the_faults_that_are_tried() -> None:
    listed = [tuple(cells[:2]) for cells in rows(section(PAGE.read_text(encoding="utf-8")))]

    assert listed == [(trial.place, trial.name) for trial in TRIALS]
    assert len(set(listed)) == len(listed) >= 30


def test_all_that_was_measured_was_told_in_time() -> None:
    told = [cells[2] for cells in rows(section(PAGE.read_text(encoding="utf-8")))]

    assert all(float(each.removesuffix(" s")) <= TOLD_WITHIN_S for each in told)
