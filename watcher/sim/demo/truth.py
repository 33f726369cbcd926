"""
How far an account of the world really is from liquidation, by the venue's own rules.

Rule: the answer comes from `World` and its rules alone (the venue's arithmetic at moved prices),
never from the engine under test. It is the yardstick the demo measures alerts against: an alert
is early, late or false by this number.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.things import ONE, ZERO, Account
from watcher.sim.world import World

RANGE_PERCENT = 80.0
TOLERANCE_PERCENT = 0.01
SEARCH_MAX = 24


def health_at(world: World, account: Account, factors: Mapping[str, float]) -> Decimal | None:
    """
    Return equity / requirement of the account's worst pool with prices times *factors*.

    None when no pool has a requirement.
    """
    shadow = copy.copy(world)
    shadow.prices = {
        name: price * Decimal(repr(factors.get(name, 1.0))) for name, price in world.prices.items()
    }
    shadow._marks = {}  # noqa: SLF001 - the shadow world's own cache of marks, emptied
    healths = [
        pool.equity / pool.requirement
        for pool in shadow.pools(account, prices=False)
        if pool.requirement > ZERO
    ]
    return min(healths, default=None)


def distance(world: World, account: Account) -> float | None:
    """
    Return the smallest adverse move to liquidation in percent: all coins together up or down,
    and each coin alone. None: none within `RANGE_PERCENT`. 0 once crossed.
    """
    coins = sorted({leg.instrument.underlying for leg in account.positions.values()})
    if not coins:
        return None
    now = health_at(world, account, {})
    if now is None:
        return None
    if now <= ONE:
        return 0.0
    nearest = RANGE_PERCENT
    paths = [tuple(world.prices), *((coin,) for coin in coins)]
    for path in paths:
        for sign in (-1, 1):
            nearest = _first_crossing(world, account, path, sign, nearest)
    return nearest if nearest < RANGE_PERCENT else None


def crosses_within(world: World, account: Account, percent: float) -> bool:
    """Say whether a move of *percent* on any path of `distance` reaches liquidation."""
    coins = sorted({leg.instrument.underlying for leg in account.positions.values()})
    paths = [tuple(world.prices), *((coin,) for coin in coins)]
    return any(_gap(world, account, path, sign, percent) <= 0 for path in paths for sign in (-1, 1))


def _gap(
    world: World, account: Account, coins: tuple[str, ...], sign: int, percent: float
) -> float:
    """Return health - 1 after *percent* on one path; 1 where nothing is required."""
    factor = max(1e-9, 1 + sign * percent / 100)
    health = health_at(world, account, dict.fromkeys(coins, factor))
    return 1.0 if health is None else float(health) - 1


def _first_crossing(
    world: World, account: Account, coins: tuple[str, ...], sign: int, nearest: float
) -> float:
    """Return the crossing on one path if it lies nearer than *nearest*, else *nearest*."""
    if _gap(world, account, coins, sign, nearest) > 0:
        return nearest
    low, high = 0.0, nearest
    for _ in range(SEARCH_MAX):
        if high - low < TOLERANCE_PERCENT:
            break
        middle = (low + high) / 2
        if _gap(world, account, coins, sign, middle) > 0:
            low = middle
        else:
            high = middle
    return high
