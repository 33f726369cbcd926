"""
What scenario packs are made of: paths of prices, and worlds with accounts that go along them.

Rule: where a path is of a day that was, its anchors are published figures, named beside it; what
lies between two anchors is drawn as a straight line and said to be. A day whose recorded minutes
are not there is not played, and not faked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from watcher.domain.alert import MINUTE_US
from watcher.sim.default import PRICES, empty_world, new_account
from watcher.sim.market import Scripted, read_bars, recorded
from watcher.sim.quotes import PricePath
from watcher.sim.things import ONE, Account, Rights
from watcher.sim.world import World
from watcher.storm.worlds import COINS, STEP_US, fund, storm_world

RECORDS = Path(__file__).resolve().parents[2].parent / "shared" / "data"
BETAS: Mapping[str, Decimal] = {"ETH": Decimal("1.2"), "SOL": Decimal("1.8")}
"""How much further the other coins fall than BTC on the paths that are only known for BTC."""
JUMPS_MIN = 110.0
CROWD = 6
"""Accounts of one run of a historic pack: a chat of more is not one person's any more."""
WORTH = Decimal(100_000)

Opened = Callable[[int, int], World]
"""Makes the world of a seed, from a moment on."""
Anchors = Sequence[tuple[float, int]]
"""Minutes from the beginning, and the price of BTC there."""


class NoRecords(Exception):
    """The recorded day a pack plays is not there."""


# ── paths ───────────────────────────────────────────────────────────────────────────────────


OCT10: Anchors = (
    (0, 121_500),
    (110, 117_000),
    (130, 112_000),
    (135, 107_000),
    (140, 101_500),
    (150, 107_500),
    (195, 111_000),
)
"""
BTC on 2025-10-10 from 19:00 UTC. Published: 121,500 before the hours of the fall (dcaut.com); 20:50
the cascade begins, 21:15 its worst minute (blog.amberdata.io, "How $3.21B vanished in 60 seconds");
21:10 to 21:20 the highest volatility (nurnibir.com, from the venue's own account); a low of 101,500
and later 112,500 (igcurrencynews.com). Drawn in the shape of the day: all else.
"""

MAR12: Anchors = ((0, 7_353), (5, 7_353), (50, 5_678), (65, 5_850))
"""
BTC on 2020-03-12 from 09:55 UTC. Published: 7,353 at 10:00 and 5,678 at 10:45
(research.ledgerprime.com, "Crypto's Black Thursday"). Drawn: straight lines, and what came after.
"""

MAR13: Anchors = ((0, 5_800), (5, 5_800), (200, 3_900), (201, 3_850), (229, 5_400))
"""
BTC from 2020-03-12 22:55 UTC. Published: 5,800 at 23:00 and 3,900 at 02:15 (blog.btcmex.com, "Black
Thursday"); below 4,000 and back over 5,300 within half an hour, by 02:44 (coindesk.com on
2020-03-13). Drawn in the shape of the night: all else.
"""


def line(anchors: Anchors, betas: Mapping[str, Decimal] = BETAS) -> Scripted:
    """Return the straight lines between *anchors* of BTC; the others follow by *betas*."""
    first = Decimal(anchors[0][1])
    points = []
    for minutes, price in anchors:
        moved = Decimal(price) / first - ONE
        prices = {"BTC": Decimal(price)}
        for coin, beta in betas.items():
            prices[coin] = PRICES[coin] * (ONE + beta * moved)
        points.append((round(minutes * MINUTE_US), prices))
    return Scripted(points)


def falls(*legs: tuple[float, float]) -> Scripted:
    """Return a path of all coins: at each of *legs*, minutes and percent from the beginning."""
    return Scripted(
        [
            (
                round(minutes * MINUTE_US),
                {coin: PRICES[coin] * (ONE + Decimal(str(percent)) / 100) for coin in COINS},
            )
            for minutes, percent in legs
        ]
    )


def teeth(away: Decimal) -> Scripted:
    """Return a saw around each line of the house, for accounts that begin *away*."""
    points: list[tuple[float, float]] = [(0, 0), (5, 0)]
    minutes = 8.0
    for line in (20.0, 12.0, 6.0, 3.0):
        at_line = 100 * (float(1 - away) / (1 - line / 100) - 1)
        for tooth in range(30):
            points.append((minutes, at_line + (0.25 if tooth % 2 else -0.25)))
            minutes += 0.4
        minutes += 3
    points.append((minutes + 3, 0))
    return falls(*points)


def jumps(seed: int, start_us: int) -> World:
    """
    Return a world that is near for minutes and critical from one moment to the next.

    A jump is by less than the 5 % at which venues read seconds apart are said to differ.
    """
    chance, minutes = random.Random(f"{seed}:jumps"), 10.0
    points = [(0.0, 0.0), (minutes, -22.5)]
    while minutes < JUMPS_MIN:
        for span, percent in (((6.0, 9.0), -26.2), ((1.5, 2.5), -22.5)):
            minutes += chance.uniform(*span)
            points += [(minutes, points[-1][1]), (minutes + 0.001, percent)]
    accounts = [(venue, 0.30) for venue in DESKS]
    return few(falls(*points), *accounts)(seed, start_us)


def recorded_day(name: str, first: int, last: int) -> PricePath:
    """Return the minutes *first* to *last* of a recorded day. Raises: `NoRecords`."""
    file = RECORDS / name
    if not file.is_file():
        raise NoRecords(f"the recorded minutes {name} are not beside the repository")
    bars = read_bars(file.read_text(encoding="utf-8"), name)[first:last]
    return recorded(bars, "BTC", followers={one: (PRICES[one], BETAS[one]) for one in BETAS})


# ── accounts ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """How an account of a venue is opened: its mode, where collateral lies, what it trades."""

    mode: str
    wallet: str
    symbols: tuple[str, str]
    hedge: bool = False
    coin: bool = True


DESKS: Mapping[str, Desk] = {
    "binance": Desk(mode="classic", wallet="futures", symbols=("BTCUSDT", "ETHUSDT"), coin=False),
    "bybit": Desk(mode="unified", wallet="unified", symbols=("BTCUSDT", "SOLUSDT")),
    "okx": Desk(
        mode="multi", wallet="trading", symbols=("BTC-USDT-SWAP", "ETH-USDT-SWAP"), hedge=True
    ),
}


def _long(
    world: World, name: str, venue: str, away: float, *, legs: tuple[int, ...] = (0,)
) -> Account:
    """Open an account on *venue* that is long, its liquidation *away*, a part of prices."""
    desk = DESKS[venue]
    purse = {"USDT": "0"} | ({"BTC": "0.1"} if desk.coin else {})
    account = new_account(
        world,
        name,
        venue,
        desk.mode,
        {desk.wallet: purse, "funding": {"USDT": "20000"}},
        hedge=desk.hedge,
        rights=Rights(trade=True, transfer=True),
    )
    for leg in legs:
        _open(world, account, desk.symbols[leg])
    fund(world, account, desk.wallet, Decimal(str(round(away, 4))))
    return account


def _open(world: World, account: Account, symbol: str) -> Decimal:
    """Open a long of about `WORTH` and return what it is worth."""
    one = world.instrument(account.venue, symbol)
    each = world.mark(one) * one.contract_size
    quantity = (WORTH / each / one.quantity_step).to_integral_value() * one.quantity_step
    world.set_position(account, symbol, "long", quantity)
    return quantity * each


def _world(seed: int, start_us: int, path: PricePath) -> World:
    """Return a world without accounts at the beginning of *path*, which it is to `follow`."""
    world = empty_world(seed=seed, start_us=start_us, prices=path.prices_at(0))
    world.slice_us = STEP_US
    return world


def crowd(path: Callable[[], PricePath], nearest: float, furthest: float) -> Opened:
    """Return a world of `CROWD` longs of leverage from high to low, other ones for each seed."""

    def opened(seed: int, start_us: int) -> World:
        moves = path()
        world = _world(seed, start_us, moves)
        chance = random.Random(f"{seed}:crowd")
        for number in range(CROWD):
            venue = tuple(DESKS)[number % len(DESKS)]
            legs = chance.choice(((0,), (1,), (0, 1)))
            away = chance.uniform(nearest, furthest)
            _long(world, f"{venue}_{number}", venue, away, legs=legs)
        world.follow(moves)
        return world

    return opened


def stormed(*shapes: str) -> Opened:
    """Return worlds as a storm has them, with an account of each of *shapes* near its lines."""
    return lambda seed, start_us: storm_world(seed, shapes=shapes, start_us=start_us, near=1.0)


def few(path: Scripted, *accounts: tuple[str, float]) -> Opened:
    """Return a world of *accounts*, each a venue and how far away it begins."""

    def opened(seed: int, start_us: int) -> World:
        world = _world(seed, start_us, path)
        for number, (venue, away) in enumerate(accounts):
            _long(world, f"{venue}_{number}", venue, away)
        world.follow(path)
        return world

    return opened


def hidden(seed: int, start_us: int) -> World:
    """Return a world whose account is safe in USDT, and not in the coin nobody looks at."""
    path = falls((0, 0), (10, 0), (40, -10), (50, -10), (60, -6))
    world = _world(seed, start_us, path)
    account = _long(world, "binance_0", "binance", 0.4)
    worth = _open(world, account, "ETHUSDC")
    world.credit(account, "USDC", worth * Decimal("0.125"), wallet="futures")
    world.follow(path)
    return world


def depegged(seed: int, start_us: int) -> World:
    """Return a world in which a stable that is collateral loses its peg and finds it again."""
    path = falls((0, 0), (60, -1))
    world = _world(seed, start_us, path)
    for number, venue in enumerate(("bybit", "okx")):
        account = _long(world, f"{venue}_{number}", venue, 0.14)
        wallet = DESKS[venue].wallet
        held = Decimal(20_000)
        world.credit(account, "USDC", held, wallet=wallet)
        world.credit(account, "USDT", -held * Decimal("0.95"), wallet=wallet)
    world.follow(path)
    dollar = Scripted(
        [
            (round(minutes * MINUTE_US), {"USDC": Decimal(price)})
            for minutes, price in ((0, "1"), (10, "1"), (25, "0.80"), (40, "0.80"), (55, "0.99"))
        ]
    )

    def stepped(world: World) -> None:
        price = dollar.prices_at(world.now_us - start_us)["USDC"]
        if world.price("USDC") != price:
            world.set_index({"USDC": price})

    world.on_step.append(stepped)
    return world
