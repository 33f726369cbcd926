"""The service lets go of what it had: hours of ten accounts, as `make month` plays a month."""

from __future__ import annotations

from typing import Any

import pytest

from bench.month import Look, Month, grown, slope, verdict
from watcher import assembly

BLOCKS_A_POLL_MAX = 0.12
"""At 86,400 polls a day this is ten thousand pieces of memory, less than a megabyte."""
WARM_DAYS = 0.02


def played(days: float) -> Month:
    month = Month(days=days, every_h=0.48, calm_s=10)
    month.play()
    assert month.errors == []
    return month


@pytest.mark.slow
def test_nothing_grows_with_the_polls() -> None:
    month = played(0.12)

    assert month.looks[-1].polls > 9_000
    assert month.looks[-1].messages > 30
    assert grown(month.looks, WARM_DAYS) < BLOCKS_A_POLL_MAX


def test_one_small_thing_kept_of_each_poll_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The margin is worth something: a leak of one text for every reading is far beyond it."""
    kept: list[str] = []
    decide = assembly.decide

    def leaking(*arguments: Any, **more: Any) -> Any:
        kept.append(f"reading {len(kept)}")
        return decide(*arguments, **more)

    monkeypatch.setattr(assembly, "decide", leaking)

    assert grown(played(0.08).looks, WARM_DAYS) > 5 * BLOCKS_A_POLL_MAX


def test_the_slope_is_that_of_the_nearest_line() -> None:
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(0, 5), (1, 6), (2, 4), (3, 5)]) == pytest.approx(-0.2)


def looks(*resident_mb: float) -> list[Look]:
    """Looks of a day each, the first at the end of the first day."""
    return [
        Look(
            days=float(day),
            cpu_s=0,
            resident_mb=found,
            blocks=1_000,
            polls=86_400 * day,
            messages=day,
            rows={},
            files_mb={},
        )
        for day, found in enumerate(resident_mb, 1)
    ]


def test_a_run_too_short_to_judge_says_so() -> None:
    for few in ([], looks(100), looks(90, 100, 105)):
        assert verdict(few) == (
            "too short to judge memory: 3 looks after the first day are needed",
            True,
        )


def test_memory_that_grows_a_megabyte_a_day_is_told() -> None:
    grown_up, fine = verdict(looks(90, 100, 102, 104))

    assert "grows by 2.000 MB a day (at most 1)" in grown_up
    assert not fine
    assert verdict(looks(90, 100, 100.1, 100.2))[1]
