"""The real daemon killed over and over: no alert lost, none doubled, no ledger corrupt."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.chaos.kills import reap

pytestmark = [pytest.mark.process, pytest.mark.chaos]

LATE_S_MAX = 20.0


@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        (10, 1),
        *(pytest.param(25, seed, marks=pytest.mark.deep) for seed in range(2, 6)),
    ],
)
def test_kills_lose_double_and_corrupt_nothing(kills: int, seed: int, tmp_path: Path) -> None:
    toll = asyncio.run(reap(tmp_path, kills=kills, seed=seed))

    assert toll.kills.total() >= kills
    assert toll.falls >= 2
    assert toll.lost == []
    assert toll.doubled == []
    assert toll.corrupt == []
    assert max(toll.late_s) <= LATE_S_MAX
