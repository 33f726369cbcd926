"""
One report put to the proof: figures, every crossing it claims, and every path it calls safe.

Rule: brute force looks everywhere (`brute`), exact Decimals decide (`oracle`). A claimed crossing
is entered and left by a hair; the way to it is walked on a dense grid with both sides of every
bracket floor, and its lowest spot is walked again, finer. What the report says by position, and
the safe bands beyond a crossing, are held against the same paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from tests.reference.books import POOL
from tests.reference.brute import Grid, headroom
from tests.reference.oracle import Balance, balance
from tests.reference.paths import DOWN_MAX, LEAST, UP_MAX, Path, depegs_of, paths_of
from watcher.domain.account import Position, Snapshot
from watcher.domain.report import PoolReport
from watcher.margin.crossing import BANDS_MAX, prove

SPOTS, FINER = 400, 64
HAIR = Decimal("1e-8")
RESIDUAL = Decimal("1e-9")
"""What may be left over at a crossing, in parts of gross notional."""
NOISE = 1e-9
"""Grid headroom this far below zero, in parts of gross notional, is a crossing."""
ALIKE = 1e-12
"""How closely brute force must repeat the oracle, in parts of gross notional."""


@dataclass(slots=True)
class Verdict:
    """What was looked at and what was wrong; `residual` is the worst, in parts of gross."""

    books: int = 0
    paths: int = 0
    crossings: int = 0
    jumps: int = 0
    bands: int = 0
    residual: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        self.books += other.books
        self.paths += other.paths
        self.crossings += other.crossings
        self.jumps += other.jumps
        self.bands += other.bands
        self.residual = max(self.residual, other.residual)
        self.faults += other.faults


def judge(
    snapshot: Snapshot, pool: PoolReport, betas: Mapping[str, float], *, bands: bool = False
) -> Verdict:
    """Return the verdict on one report; the Decimal context should have 40 digits."""
    verdict = Verdict(books=1, faults=[*_figures(snapshot, pool), *_positions(pool)])
    paths = list(paths_of(snapshot, pool, betas))
    depegs = list(depegs_of(pool))
    for path in paths:
        _crossing(snapshot, path, verdict)
    for either in depegs:
        _depeg(snapshot, either, verdict)
    roads = [*paths, *(path for either in depegs for path in either)]
    verdict.paths = len(roads)
    verdict.faults += _earlier(snapshot, roads)
    if bands:
        _bands(snapshot, betas, roads, verdict)
    return verdict


# ── today ───────────────────────────────────────────────────────────────────────────────────


def _figures(snapshot: Snapshot, pool: PoolReport) -> Iterator[str]:
    truth = balance(snapshot, POOL, {})
    scale = float(truth.gross) or 1.0
    for name, wanted in (
        ("equity", truth.equity),
        ("requirement", truth.requirement),
        ("headroom", truth.headroom),
    ):
        found = getattr(pool, name)
        if found is None or abs(found - float(wanted)) > 1e-11 * scale:
            yield f"{name} is {found}, the oracle says {wanted}"


def _positions(pool: PoolReport) -> Iterator[str]:
    # a position's price is its underlying's own, on the nearer side, in parts of its own mark
    alone = {one.underlying: one for one in pool.underlyings}
    for one in pool.positions:
        sides = [
            price
            for u in alone.values()
            for price in (u.liquidation_down, u.liquidation_up)
            if one.symbol.startswith(u.underlying) and price is not None
            and one.distance is not None
            and abs(abs(price / u.mark - 1) - one.distance / 100) <= 1e-12 * (1 + price / u.mark)
        ]  # fmt: skip
        if (one.liquidation_price is None) != (one.distance is None):
            yield f"{one.symbol}: price {one.liquidation_price}, distance {one.distance}"
        if one.distance is not None and not sides:
            yield f"{one.symbol}: distance {one.distance} is not its underlying's"


# ── claims ──────────────────────────────────────────────────────────────────────────────────


def _crossing(snapshot: Snapshot, path: Path, verdict: Verdict) -> None:
    if path.claim is None:
        return
    verdict.crossings += 1
    wrong = entered(snapshot, path, verdict)
    if wrong:
        verdict.faults.append(f"{path.name}: {wrong}")


def entered(snapshot: Snapshot, path: Path, verdict: Verdict) -> str | None:
    """Enter and leave a claimed crossing in exact Decimals; say what is wrong with it."""
    claim = Decimal(repr(path.claim))
    here = balance(snapshot, POOL, path.factors(claim, Decimal))
    if claim == 0:
        after = path.headroom(snapshot, HAIR, Decimal)
        return None if min(here.headroom, after) <= 0 else f"claims 0, headroom {here.headroom}"
    before = path.headroom(snapshot, claim * (1 - HAIR), Decimal)
    after = path.headroom(snapshot, claim * (1 + HAIR), Decimal)
    if before > 0 >= after and _jumps(here, before, after):
        verdict.jumps += 1
        return None
    left = abs(here.headroom) / here.gross
    if before > 0 and left <= RESIDUAL:  # crosses, or touches zero and turns back
        verdict.residual = max(verdict.residual, float(left))
        return None
    return f"claims {path.claim}: headroom {before:.6g} before, {after:.6g} after"


def _jumps(here: Balance, before: Decimal, after: Decimal) -> bool:
    return before - after > Decimal("1e-6") * here.gross


def _depeg(snapshot: Snapshot, either: Sequence[Path], verdict: Verdict) -> None:
    # the report tells the nearer of up and down, not which
    if either[0].claim is None:
        return
    verdict.crossings += 1
    inside = [path for path in either if path.sign > 0 or path.claim < 1]  # type: ignore[operator] # all have one
    if all(entered(snapshot, path, verdict) for path in inside):
        verdict.faults.append(f"{either[0].name}: claims {either[0].claim}, neither way crosses")


# ── brute force ─────────────────────────────────────────────────────────────────────────────


def _earlier(snapshot: Snapshot, paths: Sequence[Path]) -> Iterator[str]:
    """Walk to each claim, or to the end of its range, and say where headroom is gone before."""
    walked = [path for path in paths if path.claim != 0]
    if not walked:
        return
    spots = [_spots(snapshot, path, _limit(path)) for path in walked]
    length = max(map(len, spots))
    t = np.array([np.pad(one, (0, length - len(one)), mode="edge") for one in spots])
    low, order = _relative(snapshot, walked, t), np.arange(len(walked))
    yield from _gone(walked, t, low)
    yield from _unlike(snapshot, walked[0], float(t[0, length // 2]))
    # the lowest spot again, between its neighbours
    place = low.argmin(axis=1)
    left, right = t[order, np.maximum(place - 1, 0)], t[order, np.minimum(place + 1, length - 1)]
    finer = np.linspace(left, right, FINER, axis=1)
    yield from _gone(walked, finer, _relative(snapshot, walked, finer))


def _limit(path: Path) -> float:
    end = DOWN_MAX if path.sign < 0 else UP_MAX
    return end if path.claim is None else min(end, path.claim * (1 - 1e-9))


def _relative(snapshot: Snapshot, paths: Sequence[Path], t: Grid) -> Grid:
    # headroom in parts of gross notional, a line per path
    coins = {coin for path in paths for coin in path.betas}
    factors = {coin: np.ones_like(t) for coin in coins}
    for line, path in enumerate(paths):
        for coin, beta in path.betas.items():
            factors[coin][line] = np.maximum(float(LEAST), 1 + beta * path.sign * t[line])
    flat = {coin: one.ravel() for coin, one in factors.items()}
    room, gross = headroom(snapshot, POOL, flat, t.size)
    return (room / np.maximum(gross, 1e-300)).reshape(t.shape)


def _gone(paths: Sequence[Path], t: Grid, low: Grid) -> Iterator[str]:
    for line in np.flatnonzero((low < -NOISE).any(axis=1)):
        first = int((low[line] < -NOISE).argmax())
        yield (
            f"{paths[line].name}: claims {paths[line].claim}, but headroom is "
            f"{low[line, first]:.3g} of gross at {t[line, first]!r}"
        )


def _unlike(snapshot: Snapshot, path: Path, t: float) -> Iterator[str]:
    # at one spot brute force itself is looked at: a rule it forgot must not pass for agreement
    truth = balance(snapshot, POOL, path.factors(Decimal(repr(t)), Decimal))
    if not truth.gross:
        return
    here, wanted = _relative(snapshot, [path], np.array([[t]]))[0, 0], truth.headroom / truth.gross
    if abs(here - float(wanted)) > ALIKE * max(1, abs(here)):
        yield f"brute force says {here} of gross at {t}, the oracle {wanted:.9g}"


def _spots(snapshot: Snapshot, path: Path, limit: float) -> Grid:
    part = np.arange(1, SPOTS // 2 + 1) / (SPOTS // 2)
    hunted = [t for p in snapshot.positions for t in _floor_spots(p, path) if 0 < t < limit]
    return np.unique(np.concatenate([limit * part**2, limit * part, np.array(hunted)]))


def _floor_spots(p: Position, path: Path) -> Iterator[float]:
    """Yield the moves a hair before and after a position meets one of its bracket floors."""
    beta = path.betas.get(p.underlying, 0.0) * path.sign
    if not beta or p.bracket_key.value != "notional":
        return
    size = float(p.quantity * p.contract_size)
    value = size / float(p.mark) if p.inverse else size * float(p.mark)
    for row in p.brackets[1:]:
        factor = value / float(row.floor) if p.inverse else float(row.floor) / value
        for side in (1 - 1e-7, 1 + 1e-7):
            yield (factor * side - 1) / beta


# ── bands ───────────────────────────────────────────────────────────────────────────────────


def _bands(
    snapshot: Snapshot, betas: Mapping[str, float], paths: Sequence[Path], verdict: Verdict
) -> None:
    """Hold what is said of safe bands beyond each crossing against the grid."""
    by_name = {path.name: path for path in paths}
    for crossing in prove(snapshot, POOL, betas).crossings:
        path = by_name.get(crossing.path.name)
        if path is None or len(crossing.safe) >= BANDS_MAX:
            continue
        verdict.bands += len(crossing.safe)
        end = DOWN_MAX if path.sign < 0 else UP_MAX
        t = _spots(snapshot, replace(path, claim=None), end)
        t = t[t > crossing.move * (1 + 1e-6)]
        if not t.size:
            continue
        room = _relative(snapshot, [path], t[None])[0]
        said = np.zeros(t.shape, dtype=bool)
        near = np.zeros(t.shape, dtype=bool)
        for start, stop in crossing.safe:
            last = np.inf if stop is None else stop
            said |= (t > start) & (t < last)
            near |= (abs(t - start) < 1e-6 * start) | (abs(t - last) < 1e-6 * last)
        wrong = (said != (room > 0)) & ~near & (abs(room) > NOISE)
        if wrong.any():
            at = float(t[wrong.argmax()])
            verdict.faults.append(f"{path.name}: safe bands {crossing.safe} are wrong at {at}")
