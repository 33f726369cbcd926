"""The history is thinned by age: nothing is lost that a chart, a digest or a drill would show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from watcher.domain.alert import MINUTE_US, SECOND_US, Tier
from watcher.policy.drill import worst_fall
from watcher.store import history, schema
from watcher.store.history import DROP_EVERY_US, HOUR_US, KEPT_MINUTES, WHOLE_US, Ageing

NOW_US = 1_790_002_800 * SECOND_US
DAY_US = 24 * HOUR_US


@pytest.fixture
def past(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    found = schema.open_history(tmp_path / "history.db")
    found.execute("INSERT INTO reading VALUES ('main', 0, x'', '')")
    yield found
    found.close()


def put(
    past: sqlite3.Connection,
    at_us: int,
    distance: float | None,
    *,
    tier: Tier = Tier.CALM,
    estimate: bool = False,
    pool: str = "unified",
) -> None:
    row = ("main", at_us, pool, distance, None, None, None, int(tier), int(estimate))
    past.execute("INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def aged(past: sqlite3.Connection, *, days: float = 31, now_us: int = NOW_US) -> None:
    """Let *past* grow old by all the looks of so many days."""
    ageing = Ageing()
    for minute in range(round(days * 24) + 1):
        ageing.tidy(past, now_us + minute * MINUTE_US)


def test_the_last_day_stays_whole_and_of_older_minutes_the_worst_and_the_best(
    past: sqlite3.Connection,
) -> None:
    old, young = NOW_US - 3 * DAY_US, NOW_US - 10 * HOUR_US
    for n, distance in enumerate((30.0, 31.0, 29.0, 29.5, 30.5, 30.2)):
        put(past, old + n * 10 * SECOND_US, distance)
        put(past, young + n * 10 * SECOND_US, distance)

    aged(past)

    kept = history.samples(past, "main", 0)
    assert [one.distance for one in kept[:2]] == [31.0, 29.0]
    assert len(kept) == 2 + 6


def test_a_minute_keeps_its_worst_tier_and_its_estimates_apart(past: sqlite3.Connection) -> None:
    old = (NOW_US - 3 * DAY_US) // MINUTE_US * MINUTE_US
    put(past, old, 10.0, tier=Tier.WARNING)
    put(past, old + 1, 11.0)
    put(past, old + 2, 12.0)
    put(past, old + 3, 9.0, estimate=True)
    put(past, old + 4, 50.0, pool="other")

    aged(past)

    kept = [(s.pool, s.distance, s.tier, s.estimate) for s in history.samples(past, "main", 0)]
    assert kept == [
        ("unified", 10.0, Tier.WARNING, False),
        ("unified", 12.0, Tier.CALM, False),
        ("unified", 9.0, Tier.CALM, True),
        ("other", 50.0, Tier.CALM, False),
    ]


def test_a_fall_is_as_deep_after_thinning_as_it_was(past: sqlite3.Connection) -> None:
    old = (NOW_US - 5 * DAY_US) // MINUTE_US * MINUTE_US
    for n in range(360):
        put(past, old + n * 10 * SECOND_US, 30.0 + (n * 7919 % 101) / 10)
    before = worst_fall(history.samples(past, "main", 0), 120)

    aged(past)

    after = worst_fall(history.samples(past, "main", 0), 120)
    assert before is not None
    assert after is not None
    assert after.points == before.points
    assert len(history.samples(past, "main", 0)) <= 120


def test_nothing_is_kept_beyond_a_month(past: sqlite3.Connection) -> None:
    beyond = NOW_US - (KEPT_MINUTES + 1) * MINUTE_US
    put(past, beyond, 30.0)
    put(past, NOW_US, 30.0)
    for minute in (beyond // MINUTE_US, NOW_US // MINUTE_US):
        past.execute("INSERT INTO price VALUES ('main', 'BTC', ?, 1.0)", (minute,))
        past.execute("INSERT INTO divergence VALUES ('bybit', 'x', 'f', 'mm', ?, 0)", (minute,))

    assert Ageing().tidy(past, NOW_US)

    for table in ("sample", "price", "divergence"):
        count = past.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
        assert count.fetchone() == (1,), table


def test_what_is_due_is_an_hour_of_samples_at_most_and_once_a_minute(
    past: sqlite3.Connection,
) -> None:
    for hour in range(3):
        for second in range(0, 60, 10):
            put(past, NOW_US - WHOLE_US - (3 - hour) * HOUR_US + second * SECOND_US, 30.0 + second)
    ageing = Ageing()
    counts = []
    for look in range(4):
        for _ in range(5):
            ageing.tidy(past, NOW_US + look * MINUTE_US + HOUR_US)
        counts.append(past.execute("SELECT count(*) FROM sample").fetchone()[0])

    assert counts == [14, 10, 6, 6]


def test_it_is_time_to_drop_every_six_hours(past: sqlite3.Connection) -> None:
    ageing = Ageing()

    assert ageing.tidy(past, NOW_US)
    assert not ageing.tidy(past, NOW_US + DROP_EVERY_US - 1)
    assert ageing.tidy(past, NOW_US + DROP_EVERY_US)
