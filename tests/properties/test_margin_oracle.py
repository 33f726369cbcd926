"""
The engine against brute force and the exact oracle, on random accounts.

Goal: no number of a report is wrong and no crossing is missed. Method: `tests.reference.judge`.
This is the short form; `make books` is the long one, with ten thousand accounts of each family.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.reference.books import random_snapshot
from tests.reference.judge import judge
from tests.reference.measure import KINDS, measured
from watcher.domain.account import Snapshot
from watcher.margin import evaluate

BOOKS = 60


@pytest.mark.parametrize("kind", KINDS)
def test_no_account_of_this_family_is_judged_wrong(kind: str) -> None:
    verdict = measured((kind, 0, BOOKS))

    assert not verdict.faults
    assert verdict.books == BOOKS
    assert verdict.crossings > BOOKS
    assert 0 < verdict.residual <= 1e-9


def test_the_corners_are_reached() -> None:
    """Bands beyond a crossing and crossings at a jump must occur, or nothing is proved of them."""
    verdict = measured(("banded", 0, BOOKS))

    assert verdict.jumps >= BOOKS // 4
    assert verdict.bands >= 3


def test_random_accounts_reach_what_they_are_meant_to_reach() -> None:
    """Agreement on easy accounts would prove nothing: jumps, both sides and none must occur."""
    seen = {"none": 0, "now": 0, "down": 0, "up": 0, "both": 0, "depeg": 0}
    for seed in range(300):
        _, snapshot = random_snapshot(seed)
        (pool,) = evaluate(snapshot).pools
        seen["none"] += pool.tier_distance is None
        seen["now"] += pool.tier_distance == 0
        seen["depeg"] += any(distance for distance in pool.depeg.values())
        for u in pool.underlyings:
            seen["down"] += u.liquidation_down is not None
            seen["up"] += u.liquidation_up is not None
            seen["both"] += u.liquidation_down is not None and u.liquidation_up is not None

    assert min(seen.values()) >= 10, seen


@pytest.mark.parametrize("field", ["rate", "floor"])
def test_one_percent_off_in_a_bracket_is_noticed(field: str) -> None:
    """The comparison itself is tested: an engine reading a slightly wrong table must fail it."""
    caught = tried = 0
    for seed in range(300):
        kind, snapshot = random_snapshot(seed)
        if kind not in ("linear", "jumpy", "isolated", "inverse"):
            continue
        spoilt = _spoilt(snapshot, field)
        if spoilt == snapshot:
            continue
        tried += 1
        (pool,) = evaluate(spoilt).pools
        caught += bool(judge(snapshot, pool, {}).faults)

    assert tried >= 10
    assert caught == tried


def _spoilt(snapshot: Snapshot, field: str) -> Snapshot:
    # one percent on the row that rules the first position now (rate), or on its floor
    first = snapshot.positions[0]
    size = first.quantity * first.contract_size
    value = size / first.mark if first.inverse else size * first.mark
    if first.bracket_key.value != "notional" or any(b.deduction for b in first.brackets):
        return snapshot
    place = max(n for n, b in enumerate(first.brackets) if value > b.floor or n == 0)
    if field == "floor" and (place == 0 or first.bracket_kind.value == "flat"):
        return snapshot  # the floor of a flat table matters only where a price meets it
    row = first.brackets[place]
    row = replace(row, **{field: getattr(row, field) * Decimal("1.01")})
    table = (*first.brackets[:place], row, *first.brackets[place + 1 :])
    first = replace(first, brackets=table)
    return replace(snapshot, positions=(first, *snapshot.positions[1:]))
