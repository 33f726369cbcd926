"""
The worlds of the storm: a drawn market, and accounts that it will bring into trouble.

Rule: the seed decides everything. An account is named after its shape, and what it owns is chosen
so that its liquidation lies a drawn distance away, in the worst of the ways prices can go; the
distance is found with the world's own arithmetic, never with the margin engine under test.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from watcher.domain.alert import MINUTE_US
from watcher.sim.default import empty_world, new_account
from watcher.sim.market import JumpDiffusion, Temper
from watcher.sim.quotes import PricePath
from watcher.sim.things import ONE, ZERO, Account, Rights, SideName
from watcher.sim.world import SECOND_US, World

COINS = ("BTC", "ETH", "SOL")
"""What the market of a storm moves; everything else stands still."""

STEP_US = 4 * SECOND_US
"""How far apart the points of a drawn market lie, and the longest slice of time: the hot pace."""

AWAY_MIN, AWAY_MAX = 0.05, 0.50
"""How far from liquidation an account begins, as a part of prices: the first line is at 20 %."""
NEAR, AWAY_FAR = 0.3, 0.25
"""How often an account begins nearer than `AWAY_FAR`, in reach of the lines without a slide."""

DEPTH, DOWN = (0.05, 0.35), 0.75
"""How deep a slide goes, as a part of prices, and how often it goes down."""
APART_MIN = 75.0
FALL_MIN, STAY_MIN, BACK_MIN = (0.5, 25.0), (0.2, 8.0), (3.0, 20.0)
"""Minutes: from one slide to the next in the middle, and how long its three parts take."""

CENT, CENTS = Decimal("0.01"), Decimal("0.00000001")
HOURLY_RATE = Decimal("0.000005")
LONG, HEDGED = 0.7, 0.3
"""How often an account is long, and how often its second leg goes the other way."""
LIQUIDATION_LEVEL = Decimal("1.1")
RIGHTS = Rights(trade=True, transfer=True)


def storm_world(seed: int, *, shapes: Sequence[str], start_us: int, near: float = NEAR) -> World:
    """
    Return the world of *seed* with an account of each of *shapes*, its market running; *near* is
    how often one begins within `AWAY_FAR`.
    """
    world = empty_world(seed=seed, start_us=start_us)
    world.slice_us = STEP_US
    for shape in shapes:
        # each shape has its own chance: leaving one out changes no other
        chance = random.Random(f"{seed}:account:{shape}")
        away = _away(chance, near)
        _OPENED[shape](world, shape, chance, away)
    world.follow(_market(world, seed))
    return world


def _market(world: World, seed: int) -> PricePath:
    """Return the drawn market of *seed*: calm, nervous or mad."""
    chance = random.Random(f"{seed}:market")
    temper = Temper(
        volatility=chance.uniform(0.5, 2.5),
        jumps_per_day=chance.uniform(4.0, 40.0),
        jump_mean=chance.choice((-0.008, -0.003, 0.0, 0.004)),
        jump_spread=chance.uniform(0.005, 0.02),
        own_share=chance.uniform(0.2, 0.6),
    )
    prices = {name: world.prices[name] for name in COINS}
    quiet = JumpDiffusion(prices, seed=seed, temper=temper, step_us=STEP_US)
    return Slid(quiet, seed=seed)


class Slid:
    """
    A drawn market on which all coins slide away together every hour or so, mostly down, and come
    back: what is calm for most of the time is in danger for some of it.
    """

    def __init__(self, path: JumpDiffusion, *, seed: int) -> None:
        self._path = path
        self._chance = random.Random(f"{seed}:slides")
        self._knots = [(0, 0.0)]

    def prices_at(self, elapsed_us: int) -> Mapping[str, Decimal]:
        at_us = elapsed_us - elapsed_us % STEP_US
        factor = Decimal(repr(math.exp(self._slid(at_us))))
        return {
            name: (price * factor).quantize(CENTS)
            for name, price in self._path.prices_at(at_us).items()
        }

    def next_point_after(self, elapsed_us: int) -> int | None:
        return self._path.next_point_after(elapsed_us)

    def _slid(self, at_us: int) -> float:
        """Return the logarithm of how far prices have slid, on straight lines between knots."""
        while self._knots[-1][0] <= at_us:
            self._draw()
        after = bisect_right(self._knots, at_us, key=lambda knot: knot[0])
        (begin, low), (end, high) = self._knots[after - 1 : after + 1]
        return low + (high - low) * (at_us - begin) / (end - begin)

    def _draw(self) -> None:
        chance, (at_us, _) = self._chance, self._knots[-1]
        depth = math.log1p(-chance.uniform(*DEPTH)) * (1 if chance.random() < DOWN else -1)
        for minutes, level in (
            (1 + chance.expovariate(1 / APART_MIN), 0.0),
            (chance.uniform(*FALL_MIN), depth),
            (chance.uniform(*STAY_MIN), depth),
            (chance.uniform(*BACK_MIN), 0.0),
        ):
            at_us += round(minutes * MINUTE_US)
            self._knots.append((at_us, level))


# ── shapes ──────────────────────────────────────────────────────────────────────────────────


def _bybit(world: World, name: str, chance: random.Random, away: Decimal) -> None:
    """One wallet of USDT and some BTC behind legs in BTC and SOL."""
    purses = {
        "unified": {"USDT": "0", "BTC": str(round(chance.uniform(0.05, 0.4), 3))},
        "funding": {"USDT": "20000"},
    }
    account = new_account(world, name, "bybit", "unified", purses, rights=RIGHTS)
    _legs(world, account, chance, ("BTCUSDT", "SOLUSDT"))
    fund(world, account, "unified", away)


def _binance(world: World, name: str, chance: random.Random, away: Decimal) -> None:
    """USD-M futures, one cross pool of USDT behind legs in BTC and ETH."""
    purses = {
        "futures": {"USDT": "0"},
        "spot": {"USDT": "5000"},
        "funding": {"USDT": "20000"},
    }
    account = new_account(world, name, "binance", "classic", purses, rights=RIGHTS)
    _legs(world, account, chance, ("BTCUSDT", "ETHUSDT"))
    fund(world, account, "futures", away)


def _okx(world: World, name: str, chance: random.Random, away: Decimal) -> None:
    """Multi-currency margin: USDT and some BTC behind two swaps, hedge mode."""
    purses = {
        "trading": {"USDT": "0", "BTC": str(round(chance.uniform(0.05, 0.4), 3))},
        "funding": {"USDT": "20000"},
    }
    account = new_account(world, name, "okx", "multi", purses, hedge=True, rights=RIGHTS)
    _legs(world, account, chance, ("BTC-USDT-SWAP", "ETH-USDT-SWAP"))
    fund(world, account, "trading", away)


def _lending(world: World, name: str, chance: random.Random, away: Decimal) -> None:
    """Binance cross margin: coins held against borrowed USDT that bought them."""
    held = {coin: str(round(chance.uniform(0.5, 3.0), 3)) for coin in COINS[:2]}
    purses = {"margin": held, "spot": {"USDT": "5000"}, "funding": {"USDT": "20000"}}
    account = new_account(world, name, "binance", "classic", purses, rights=RIGHTS)
    worth = sum((account.balance("margin", coin) * world.index(coin) for coin in held), ZERO)
    owed = (worth * (ONE - away) / LIQUIDATION_LEVEL).quantize(CENT)
    world.borrow(account, "USDT", owed, wallet="margin", hourly_rate=HOURLY_RATE)
    # what was borrowed bought the coins and is gone from the wallet
    world.credit(account, "USDT", -owed, wallet="margin")


_OPENED: Mapping[str, Callable[[World, str, random.Random, Decimal], None]] = {
    "bybit": _bybit,
    "binance": _binance,
    "lending": _lending,
    "okx": _okx,
}
SHAPES = tuple(_OPENED)


# ── sizes ───────────────────────────────────────────────────────────────────────────────────


def _away(chance: random.Random, near: float) -> Decimal:
    reach = (AWAY_MIN, AWAY_FAR) if chance.random() < near else (AWAY_FAR, AWAY_MAX)
    return Decimal(str(round(chance.uniform(*reach), 4)))


def _legs(world: World, account: Account, chance: random.Random, symbols: Sequence[str]) -> None:
    """Open one leg of each contract, mostly the same way."""
    side: SideName = "long" if chance.random() < LONG else "short"
    other: SideName = "short" if side == "long" else "long"
    for number, symbol in enumerate(symbols):
        one = world.instrument(account.venue, symbol)
        worth = Decimal(str(round(chance.uniform(40_000, 160_000), 2)))
        step = one.quantity_step
        each = world.mark(one) * one.contract_size
        quantity = max((worth / each / step).to_integral_value(), ONE) * step
        hedges = number > 0 and chance.random() < HEDGED
        world.set_position(account, symbol, other if hedges else side, quantity)


def fund(world: World, account: Account, wallet: str, away: Decimal) -> None:
    """Put as much USDT into *wallet* as leaves the venue's liquidation *away*, a part of prices."""
    needed = [_missing(world, account, wallet, factors) for factors in _moves(away)]
    world.credit(account, "USDT", max(needed).quantize(CENT), wallet=wallet)


def _moves(away: Decimal) -> list[dict[str, Decimal]]:
    """Return the factors of every way the tier distance looks: all coins, and each alone."""
    together = [dict.fromkeys(COINS, ONE + way * away) for way in (-1, 1)]
    alone = [{coin: ONE + way * away} for coin in COINS for way in (-1, 1)]
    return together + alone


def _missing(
    world: World, account: Account, wallet: str, factors: Mapping[str, Decimal]
) -> Decimal:
    """Return the USDT that brings the account's headroom to nought once prices moved so."""
    before = {coin: world.prices[coin] for coin in factors}
    held = account.balance(wallet, "USDT")
    world.set_prices({coin: before[coin] * factor for coin, factor in factors.items()})
    added = ZERO
    # a debt in USDT asks for margin of its own: a second look finds what the first left
    for _ in range(8):
        (pool,) = world.pools(account, prices=False)
        lacks = pool.requirement - pool.equity
        world.credit(account, "USDT", lacks, wallet=wallet)
        added += lacks
        if abs(lacks) < CENT:
            break
    account.wallet(wallet)["USDT"] = held
    world.set_prices(before)
    return added
