"""Each fault of the list is told in time, and told again when it is over."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.trials import TOLD_WITHIN_S, TRIALS, Trial, play

pytestmark = [pytest.mark.process, pytest.mark.chaos]


@pytest.mark.parametrize(
    "trial",
    [
        pytest.param(
            trial,
            id=f"{trial.place}-{trial.name}",
            marks=() if trial.quick else pytest.mark.deep,
        )
        for trial in TRIALS
    ],
)
def test_the_fault_is_told_within_90_s(trial: Trial, tmp_path: Path) -> None:
    if lacking := trial.lacks():
        pytest.skip(lacking)

    outcome = asyncio.run(play(trial, tmp_path))

    assert outcome.told_s <= TOLD_WITHIN_S
