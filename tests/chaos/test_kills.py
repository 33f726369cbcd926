"""The real daemon killed over and over: no alert lost, none doubled, no ledger corrupt."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos.kills import reap, soundness

LATE_S_MAX = 20.0


@pytest.mark.process
@pytest.mark.chaos
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


def test_a_ledger_that_was_torn_is_known(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with closing(sqlite3.connect(ledger)) as opened:
        opened.execute("CREATE TABLE outbox (text TEXT)")
        opened.executemany("INSERT INTO outbox VALUES (?)", [("x" * 500,)] * 100)
        opened.commit()
    assert soundness(tmp_path) == "ok"

    data = bytearray(ledger.read_bytes())
    data[8192:12288] = bytes(4096)
    ledger.write_bytes(bytes(data))

    assert soundness(tmp_path) != "ok"
