"""
The engine against the exact oracle, on random accounts.

Goal: no number of a report is wrong and no crossing is missed. Method: equity and requirement are
compared with the oracle's; each claimed liquidation is entered and left by a hair in exact
Decimals; the way to it is walked on a dense grid that includes both sides of every bracket floor.
A thousand accounts in the normal run; WATCHER_TEST_BOOKS and WATCHER_TEST_SEED ask for more or
others.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from tests.reference.books import POOL, random_snapshot
from tests.reference.oracle import Balance, balance
from tests.reference.paths import DOWN_MAX, UP_MAX, Path, paths_of
from watcher.domain.account import Snapshot
from watcher.domain.report import PoolReport
from watcher.margin import evaluate

BOOKS = int(os.environ.get("WATCHER_TEST_BOOKS", "1000"))
SEED = int(os.environ.get("WATCHER_TEST_SEED", "0"))
CHUNKS = 8
GRID = 16
HAIR = Decimal("1e-8")


def chunk(number: int) -> range:
    size = -(-BOOKS // CHUNKS)
    return range(SEED + number * size, SEED + min(BOOKS, (number + 1) * size))


def betas_of(seed: int) -> dict[str, float]:
    rng = random.Random(seed)
    if rng.random() < 0.6:
        return {}
    return {c: rng.choice([0.5, 1.5, 2.0, -0.3]) for c in rng.sample(["BTC", "ETH", "SOL"], 2)}


def figures_wrong(snapshot: Snapshot, pool: PoolReport) -> list[str]:
    """Compare today's figures with the oracle's."""
    truth = balance(snapshot, POOL, {})
    scale = float(truth.gross) or 1.0
    return [
        f"{name} is {found}, the oracle says {wanted}"
        for name, found, wanted in (
            ("equity", pool.equity, truth.equity),
            ("requirement", pool.requirement, truth.requirement),
            ("headroom", pool.headroom, truth.headroom),
        )
        if found is None or abs(found - float(wanted)) > 1e-11 * scale
    ]


def crossing_wrong(snapshot: Snapshot, path: Path) -> str | None:
    """Enter and leave a claimed crossing in exact Decimals."""
    if path.claim is None:
        return None
    claim = Decimal(repr(path.claim))
    here = balance(snapshot, POOL, path.factors(claim, Decimal))
    if claim == 0:
        after = path.headroom(snapshot, HAIR, Decimal)
        return None if min(here.headroom, after) <= 0 else f"claims 0, headroom {here.headroom}"
    before = path.headroom(snapshot, claim * (1 - HAIR), Decimal)
    after = path.headroom(snapshot, claim * (1 + HAIR), Decimal)
    if before > 0 >= after and _continuous_or_jump(here, before, after):
        return None
    if abs(here.headroom) <= Decimal("1e-9") * here.gross and before > 0:
        return None  # touches zero and turns back
    return f"claims {path.claim}: headroom {before:.6g} before, {after:.6g} after"


def _continuous_or_jump(here: Balance, before: Decimal, after: Decimal) -> bool:
    gross, headroom = here.gross, here.headroom
    jump = before - after > Decimal("1e-6") * gross
    return bool(jump or abs(headroom) <= Decimal("1e-9") * gross)


def earlier_crossing(snapshot: Snapshot, path: Path, rng: random.Random) -> str | None:
    """Walk to the claim, or to the end of the range, on a dense grid in floats."""
    limit = DOWN_MAX if path.sign < 0 else UP_MAX
    if path.claim == 0:
        return None  # already there
    if path.claim is not None:
        limit = path.claim * (1 - 1e-9)
    spots = [limit * (n / GRID) ** 2 for n in range(1, GRID + 1)]
    spots += [limit * rng.random() ** 3 for _ in range(GRID // 4)]
    for t in sorted([*spots, *floor_spots(snapshot, path, limit)]):
        here = balance(snapshot, POOL, path.factors(t, float), float)
        if here.headroom < -1e-9 * here.gross:
            return f"claims {path.claim}, but headroom is {here.headroom:.6g} at {t}"
    return None


def floor_spots(snapshot: Snapshot, path: Path, limit: float) -> Iterator[float]:
    """Yield the moves a hair before and after a position meets one of its bracket floors."""
    for p in snapshot.positions:
        beta = path.betas.get(p.underlying, 0.0) * path.sign
        if not beta or p.bracket_key.value != "notional":
            continue
        value = float(p.quantity * p.contract_size)
        value = value / float(p.mark) if p.inverse else value * float(p.mark)
        for row in p.brackets[1:]:
            factor = value / float(row.floor) if p.inverse else float(row.floor) / value
            for side in (1 - 1e-7, 1 + 1e-7):
                t = (factor * side - 1) / beta
                if 0 < t < limit:
                    yield t


def faults(
    snapshot: Snapshot, pool: PoolReport, betas: dict[str, float], rng: random.Random
) -> list[str]:
    """Return everything that is wrong with one report."""
    found = figures_wrong(snapshot, pool)
    paths = list(paths_of(snapshot, pool, betas))
    for path in [*paths[:2], *rng.sample(paths[2:], min(2, len(paths) - 2))]:
        wrong = crossing_wrong(snapshot, path) or earlier_crossing(snapshot, path, rng)
        if wrong:
            found.append(f"{path.name}: {wrong}")
    return found


@pytest.mark.parametrize("number", range(CHUNKS))
def test_engine_and_oracle_agree_on_random_accounts(number: int) -> None:
    with localcontext() as context:
        context.prec = 40
        for seed in chunk(number):
            kind, snapshot = random_snapshot(seed)
            betas = betas_of(seed)
            (pool,) = evaluate(snapshot, betas=betas).pools

            assert pool.status == "ok", (seed, kind, pool.why)
            assert not faults(snapshot, pool, betas, random.Random(seed)), (seed, kind)


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
        caught += bool(faults(snapshot, pool, {}, random.Random(seed)))

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


def test_depeg_is_found_where_the_oracle_finds_it() -> None:
    """A stable coin losing its peg, all contract marks still."""
    checked = 0
    for seed in range(400):
        kind, snapshot = random_snapshot(seed)
        if kind not in ("unified", "lent", "two_priced", "borrowed"):
            continue
        (pool,) = evaluate(snapshot).pools
        for name, percent in pool.depeg.items():
            if not percent:
                continue
            checked += 1
            signs = [
                Path(name, {name: 1.0}, sign, percent / 100) for sign in (-1, 1) if percent < 100
            ] or [Path(name, {name: 1.0}, 1, percent / 100)]
            assert any(crossing_wrong(snapshot, path) is None for path in signs), (seed, name)
            for path in signs:
                assert not earlier_crossing(snapshot, path, random.Random(seed)), (seed, name)

    assert checked >= 40
