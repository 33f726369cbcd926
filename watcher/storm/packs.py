"""
Scenario packs: what happened once, or could on any day, as a world, a path and its weather.

Rule: a pack is a plan like any other and is judged by the same oracles. Where a path is of a day
that was, its anchors are published figures, named beside it; what lies between two anchors is drawn
as a straight line and said to be. A day whose recorded minutes are not there is skipped, not faked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from watcher.domain.alert import MINUTE_US
from watcher.sim.default import PRICES, empty_world, new_account
from watcher.sim.market import Scripted, read_bars, recorded
from watcher.sim.quotes import PricePath
from watcher.sim.things import ONE, Account, Rights
from watcher.sim.world import World
from watcher.storm.trial import START_US, Plan
from watcher.storm.weather import Fault, Spell
from watcher.storm.worlds import COINS, STEP_US, fund

RECORDS = Path(__file__).resolve().parents[2].parent / "shared" / "data"
BETAS: Mapping[str, Decimal] = {"ETH": Decimal("1.2"), "SOL": Decimal("1.8")}
"""How much further the other coins fall than BTC on the paths that are only known for BTC."""
CROWD = 6
"""Accounts of one run of a historic pack: a chat of more is not one person's any more."""
CROWD_RUNS = 7
FAR = Decimal("0.08")
"""Accounts that begin at least this far from liquidation are owed ten minutes."""

Opened = Callable[[int, int], World]
Anchors = Sequence[tuple[float, int]]
"""Minutes from the beginning, and the price of BTC there."""


class NoRecords(Exception):
    """The recorded day a pack plays is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """
    *opened* makes the world of a seed; *spells* count their times from the beginning of the run.

    `runs` seeds are played. `historic`: its lead times are reported. `long`: not played unless
    asked for.
    """

    name: str
    about: str
    hours: float
    opened: Opened
    spells: tuple[Spell, ...] = ()
    runs: int = 1
    historic: bool = False
    long: bool = False

    def plan(self, seed: int) -> Plan:
        spells = [
            replace(one, from_us=START_US + one.from_us, until_us=START_US + one.until_us)
            for one in self.spells
        ]
        return Plan(
            seed=seed, hours=self.hours, opened=self.opened, spells=tuple(spells), stormy=False
        )


# ── paths ───────────────────────────────────────────────────────────────────────────────────


OCT10: Anchors = (
    (0, 118_000),
    (30, 117_000),
    (50, 112_000),
    (55, 107_000),
    (60, 101_500),
    (70, 107_500),
    (115, 111_000),
    (150, 112_500),
)
"""
BTC on 2025-10-10 from 20:20 UTC. Published: 20:50 the cascade begins, 21:15 its worst minute
(blog.amberdata.io, "How $3.21B vanished in 60 seconds"); 21:10 to 21:20 the highest volatility
(nurnibir.com, from the venue's own account); a low of 101,500 and 112,500 afterwards
(igcurrencynews.com). Drawn in the shape of the day: all else.
"""

MAR12: Anchors = (
    (0, 7_400),
    (30, 7_353),
    (75, 5_678),
    (120, 5_850),
    (135, 5_800),
    (330, 3_900),
    (331, 3_850),
    (359, 5_400),
)
"""
BTC on 2020-03-12 from 09:30 UTC and, joined to 11:30, the second fall from 22:45. Published: 7,353
at 10:00 and 5,678 at 10:45 (research.ledgerprime.com, "Crypto's Black Thursday"); 5,800 at 23:00
and 3,900 at 02:15 (blog.btcmex.com, "Black Thursday"); below 4,000 and back over 5,300 within
half an hour, by 02:44 (coindesk.com, 2020-03-13). Drawn in the shape of the day: all else.
"""


def _line(anchors: Anchors, betas: Mapping[str, Decimal] = BETAS) -> Scripted:
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


def _falls(*legs: tuple[float, float]) -> Scripted:
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


def _teeth(away: Decimal) -> Scripted:
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
    return _falls(*points)


def _recorded(name: str, first: int, last: int) -> PricePath:
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
WORTH = Decimal(100_000)


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


def _crowd(path: Callable[[], PricePath], nearest: float, furthest: float) -> Opened:
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


def _few(path: Scripted, *accounts: tuple[str, float]) -> Opened:
    """Return a world of *accounts*, each a venue and how far away it begins."""

    def opened(seed: int, start_us: int) -> World:
        world = _world(seed, start_us, path)
        for number, (venue, away) in enumerate(accounts):
            _long(world, f"{venue}_{number}", venue, away)
        world.follow(path)
        return world

    return opened


def _hidden(seed: int, start_us: int) -> World:
    """Return a world whose account is safe in USDT, and not in the coin nobody looks at."""
    path = _falls((0, 0), (10, 0), (40, -10), (50, -10), (60, -6))
    world = _world(seed, start_us, path)
    account = _long(world, "binance_0", "binance", 0.4)
    worth = _open(world, account, "ETHUSDC")
    world.credit(account, "USDC", worth * Decimal("0.125"), wallet="futures")
    world.follow(path)
    return world


def _depegged(seed: int, start_us: int) -> World:
    """Return a world in which a stable that is collateral loses its peg and finds it again."""
    path = _falls((0, 0), (60, -1))
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


# ── the packs ───────────────────────────────────────────────────────────────────────────────


def _spell(fault: Fault, from_min: float, until_min: float, **more: object) -> Spell:
    spell = Spell(
        fault=fault, from_us=round(from_min * MINUTE_US), until_us=round(until_min * MINUTE_US)
    )
    return replace(spell, **more)  # type: ignore[arg-type]


SLIDE = _falls((0, 0), (10, 0), (10 + 30 / 60, -13), (20, -13))
FALL_15 = _falls((0, 0), (10, 0), (30, -15), (45, -12))
FALL_10 = _falls((0, 0), (10, 0), (40, -10), (60, -7))
THREE = (("binance", 0.12), ("bybit", 0.12), ("okx", 0.12))

PACKS: Mapping[str, Pack] = {
    pack.name: pack
    for pack in (
        Pack(
            name="OCT10",
            about="2025-10-10: the cascade, venues that answer 503 or nought, a bent index",
            hours=2.5,
            opened=_crowd(lambda: _line(OCT10), 0.04, 0.24),
            spells=(
                _spell(Fault.SERVER_ERROR, 58, 91, share=0.3),
                _spell(Fault.GLITCH_ZERO, 58, 91, share=0.2),
                _spell(Fault.BENT_INDEX, 76, 115),
            ),
            runs=CROWD_RUNS,
            historic=True,
        ),
        Pack(
            name="MAR12",
            about="2020-03-12 and 13: half of the price, and no venue at the bottom",
            hours=6.0,
            opened=_crowd(lambda: _line(MAR12), 0.04, 0.45),
            spells=(_spell(Fault.TIMEOUT, 331, 356),),
            runs=CROWD_RUNS,
            historic=True,
        ),
        Pack(
            name="JAN05",
            about="2022-01-05, recorded minutes from 19:30 UTC",
            hours=3.5,
            opened=_crowd(lambda: _recorded("2022-01-05_BTC-PERP_1m.csv", 90, 300), 0.03, 0.14),
            runs=CROWD_RUNS,
            historic=True,
            long=True,
        ),
        Pack(
            name="JAN21",
            about="2022-01-20 and 21, recorded minutes from 21:30 UTC",
            hours=6.75,
            opened=_crowd(lambda: _recorded("2022-01-21_BTC-PERP_1m.csv", 210, 620), 0.03, 0.18),
            runs=CROWD_RUNS,
            historic=True,
            long=True,
        ),
        Pack(
            name="BAN",
            about="the address banned for ten minutes of a fall by 15 %",
            hours=0.8,
            opened=_few(FALL_15, ("binance", 0.14), ("binance", 0.19), ("bybit", 0.14)),
            spells=(_spell(Fault.BAN, 15, 25, target="binance"),),
        ),
        Pack(
            name="OKXGLITCH",
            about="a venue that tells a thousand times the equity, then nought, before a real fall",
            hours=1.0,
            opened=_few(FALL_10, ("okx", 0.12), ("okx", 0.25), ("bybit", 0.12)),
            spells=(
                _spell(Fault.GLITCH_UP, 8, 10.5, target="okx", share=0.5, worst=True),
                _spell(Fault.GLITCH_ZERO, 10.5, 13, target="okx", share=0.5),
            ),
        ),
        Pack(
            name="HIDDEN",
            about="safe in one settle coin, near liquidation in another",
            hours=1.0,
            opened=_hidden,
        ),
        Pack(
            name="MODE",
            about="accounts change their mode in the middle of a fall, and back",
            hours=1.0,
            opened=_few(FALL_10, *THREE),
            spells=(_spell(Fault.MODE_SWITCH, 20, 30),),
        ),
        Pack(
            name="REVOKE",
            about="a key is taken back in a fall, and given again",
            hours=1.0,
            opened=_few(FALL_10, *THREE),
            spells=(_spell(Fault.REVOKED, 15, 30, target="binance"),),
        ),
        Pack(
            name="DEPEG",
            about="collateral in a stable that loses a fifth of its price",
            hours=1.0,
            opened=_depegged,
        ),
        Pack(
            name="SAWTOOTH",
            about="a price that crosses each line thirty times",
            hours=1.2,
            opened=_few(_teeth(Decimal("0.22")), ("binance", 0.22), ("bybit", 0.22)),
        ),
        Pack(
            name="SLIDE30",
            about="from calm to liquidation in thirty seconds",
            hours=0.4,
            opened=_few(SLIDE, *THREE),
        ),
    )
}
