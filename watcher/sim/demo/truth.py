"""
How far an account of the world really is from liquidation, by the venue's own rules.

Rule: the answer comes from `World` and its rules alone (the venue's arithmetic at moved prices),
never from the engine under test. It is the yardstick the demo measures alerts against: an alert
is early, late or false by this number.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

from watcher.sim.things import ONE, ZERO, Account
from watcher.sim.world import World

RANGE_PERCENT = 80.0
TOLERANCE_PERCENT = 0.01
SEARCH_MAX = 24

Way: TypeAlias = tuple[tuple[str, ...], int]
"""A path of prices: the coins that move together, and where to: 1 up, -1 down."""


def health_at(
    world: World,
    account: Account,
    coins: Iterable[str] = (),
    factor: float = 1.0,
    gaps: Mapping[str, Decimal] | None = None,
) -> Decimal | None:
    """
    Return equity / requirement of the account's worst pool with prices of *coins* times *factor*.

    *gaps*: by pool, what is taken off its equity. None when no pool has a requirement.
    """
    less = gaps or {}
    shadow = copy.copy(world)
    exact = Decimal(repr(factor))
    shadow.prices = world.prices | {coin: world.prices[coin] * exact for coin in coins}
    shadow._marks = {}  # noqa: SLF001 - the shadow world's own cache of marks, emptied
    healths = [
        (pool.equity - less.get(pool.pool, ZERO)) / pool.requirement
        for pool in shadow.pools(account, prices=False)
        if pool.requirement > ZERO
    ]
    return min(healths, default=None)


def distance(world: World, account: Account) -> float | None:
    """
    Return the smallest adverse move to liquidation in percent: all coins together up or down,
    and each coin alone. None: none within `RANGE_PERCENT`. 0 once crossed.
    """
    if not account.positions:
        return None
    now = health_at(world, account)
    if now is None:
        return None
    if now <= ONE:
        return 0.0
    nearest = RANGE_PERCENT
    for path in paths_of(world, account):
        nearest = _first_crossing(world, account, path, nearest)
    return nearest if nearest < RANGE_PERCENT else None


def worth(world: World, account: Account) -> Decimal:
    """Return what *account* would be in USDT if all was closed at mark: wallets and positions."""
    total = ZERO
    for purse in account.wallets.values():
        total += sum((held * world.price(asset) for asset, held in purse.items()), ZERO)
    for leg in account.positions.values():
        gained = world.unrealised(leg) + leg.isolated_margin
        total += gained * world.price(leg.instrument.settle)
    return total / world.price("USDT")


def paths_within(world: World, account: Account, percent: float) -> list[Way]:
    """Return the paths of `distance` on which a move of *percent* reaches liquidation."""
    return [path for path in paths_of(world, account) if _gap(world, account, path, percent) <= 0]


def crosses_within(
    world: World, account: Account, percent: float, *, paths: Iterable[Way] | None = None
) -> bool:
    """Say whether a move of *percent* reaches liquidation on any of *paths* (without: on any)."""
    asked = paths_of(world, account) if paths is None else paths
    return any(_gap(world, account, path, percent) <= 0 for path in asked)


def paths_of(world: World, account: Account) -> list[Way]:
    """Return the paths on which liquidation may lie: all coins, and each one it has."""
    coins = {leg.instrument.underlying for leg in account.positions.values()} | set(account.debts)
    coins |= {asset for purse in account.wallets.values() for asset, held in purse.items() if held}
    moved = [tuple(world.prices), *((coin,) for coin in sorted(coins & set(world.prices)))]
    return [(one, sign) for one in moved for sign in (-1, 1)]


def _gap(world: World, account: Account, path: Way, percent: float) -> float:
    """Return health - 1 after *percent* on one path; 1 where nothing is required."""
    coins, sign = path
    health = health_at(world, account, coins, max(1e-9, 1 + sign * percent / 100))
    return 1.0 if health is None else float(health) - 1


def _first_crossing(world: World, account: Account, path: Way, nearest: float) -> float:
    """Return the crossing on one path if it lies nearer than *nearest*, else *nearest*."""
    if _gap(world, account, path, nearest) > 0:
        return nearest
    low, high = 0.0, nearest
    for _ in range(SEARCH_MAX):
        if high - low < TOLERANCE_PERCENT:
            break
        middle = (low + high) / 2
        if _gap(world, account, path, middle) > 0:
            low = middle
        else:
            high = middle
    return high
