"""
Doing what an alert says: read the words, do exactly that at the practice venue, look at the result.

Rule: what to do comes from the text on the phone alone, whether it helped from the venue's own
rules, and then from the daemon's next words. Prices fall once, between two readings, and stand
still from there, so that only the deed can move the distance.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.asking import ask
from tests.e2e.books import MODES, fund, long_btc, symbol, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.default import HOURLY_RATE, new_account
from watcher.sim.demo.phone import Read, read
from watcher.sim.demo.truth import crosses_within
from watcher.sim.market import Scripted
from watcher.sim.things import Account, Position
from watcher.sim.world import COLLATERAL_WALLET, SECOND_US, World

pytestmark = pytest.mark.process

D = Decimal
NAME = "main"
ENOUGH, LITTLE = "90000", "5000"
CRASH_S, TOLD_S, SETTLED_S = 60.0, 85.0, 240.0
POINTS = 0.02
"""How far (in percent of price) two honest solvers and two printed digits may lie apart."""

Deed = Callable[[World, Account, Read], None]


def crash(world: World, percent: float) -> None:
    """Let every coin fall by *percent* within a second, and stand still from there."""
    now = dict(world.prices)
    fallen = {coin: (price * (1 - D(repr(percent)) / 100)) for coin, price in now.items()}
    start = round(CRASH_S * SECOND_US)
    world.follow(Scripted([(0, now), (start, now), (start + SECOND_US, fallen)]))


# ── the accounts ─────────────────────────────────────────────────────────────────────────────


def one_long(venue: str) -> Callable[[str], World]:
    def make(spare: str) -> World:
        world = world_of()
        long_btc(world, NAME, venue, coins="1.5", away=14.0, spare=spare)
        crash(world, 9)
        return world

    return make


def two_coins(spare: str) -> World:
    """Bybit: two longs, and part of the collateral is itself a coin that falls, haircut and all."""
    world = world_of()
    account = new_account(world, NAME, "bybit", "unified", {"funding": {"USDT": spare}})
    world.set_position(account, "BTCUSDT", "long", D("1.5"))
    world.set_position(account, "SOLUSDT", "long", D(300))
    account.wallet("unified")["BTC"] = D("0.1")
    fund(world, account, 14.0)
    crash(world, 9)
    return world


def short(spare: str) -> World:
    """Binance: a short; what threatens it is a rise."""
    world = world_of()
    account = new_account(world, NAME, "binance", "classic", {"funding": {"USDT": spare}})
    world.set_position(account, "BTCUSDT", "short", D("1.5"))
    fund(world, account, 14.0)
    crash(world, -9)
    return world


def okx_bucket(spare: str) -> World:
    """OKX futures mode: a USDT bucket of its own."""
    world = world_of()
    account = new_account(world, NAME, "okx", "futures", {"funding": {"USDT": spare}})
    world.set_position(account, "BTC-USDT-SWAP", "long", D(150))
    fund(world, account, 14.0)
    crash(world, 9)
    return world


def weak_dollar(spare: str) -> World:
    """OKX: the coin the collateral is in is itself below par."""
    world = world_of()
    world.set_index({"USDT": D("0.98")})
    long_btc(world, NAME, "okx", coins="1.5", away=14.0, spare=spare)
    crash(world, 9)
    return world


def owed_dollars(spare: str) -> World:
    """Binance cross margin: two coins owned, USDT owed."""
    world = world_of()
    account = new_account(
        world, NAME, "binance", "classic", {"margin": {"BTC": "2"}, "funding": {"USDT": spare}}
    )
    lend(world, account, "USDT", D(140_000))
    crash(world, 10)
    return world


def owed_coin(spare: str) -> World:
    """Binance cross margin: a coin owed that rises, dollars owned."""
    world = world_of()
    account = new_account(
        world, NAME, "binance", "classic", {"margin": {"USDT": "145000"}, "funding": {"BTC": spare}}
    )
    lend(world, account, "BTC", D(1))
    crash(world, -14)
    return world


def lend(world: World, account: Account, asset: str, amount: Decimal) -> None:
    """Borrow and spend: what was borrowed bought the rest and is gone from the wallet."""
    world.borrow(account, asset, amount, wallet="margin", hourly_rate=HOURLY_RATE)
    world.credit(account, asset, -amount, wallet="margin")


def isolated(venue: str) -> Callable[[str], World]:
    def make(spare: str) -> World:
        world = world_of()
        main = COLLATERAL_WALLET[venue]
        wallets = {main: {"USDT": "50000"}, "funding": {"USDT": spare}}
        account = new_account(world, NAME, venue, MODES[venue], wallets)
        size = world.instrument(venue, symbol(venue)).contract_size
        world.set_position(
            account, symbol(venue), "long", D("1.5") / size, isolated_margin=D(22_000)
        )
        crash(world, 9)
        return world

    return make


def inverse(spare: str) -> World:
    """OKX futures mode: a long in contracts of 100 USD, kept and settled in BTC."""
    world = world_of()
    wallets = {"trading": {"BTC": "0.24"}, "funding": {"BTC": spare}}
    account = new_account(world, NAME, "okx", "futures", wallets)
    world.set_position(account, "BTC-USD-SWAP", "long", D(1000))
    crash(world, 14)
    return world


BOOKS = {
    "bybit": one_long("bybit"),
    "binance": one_long("binance"),
    "okx": one_long("okx"),
    "bybit two coins": two_coins,
    "binance short": short,
    "okx futures mode": okx_bucket,
    "okx weak dollar": weak_dollar,
}


# ── what a person does ───────────────────────────────────────────────────────────────────────


def add(world: World, account: Account, advice: Read) -> None:
    assert advice.add is not None
    amount, asset = advice.add
    to = COLLATERAL_WALLET[account.venue]
    world.transfer(account, asset, amount, source="funding", target=to)


def close(world: World, account: Account, advice: Read) -> None:
    assert advice.close is not None
    amount, coin = advice.close
    leg = leg_in(account, coin)
    world.reduce(account, leg, amount / leg.instrument.contract_size)


def leg_in(account: Account, coin: str) -> Position:
    (leg,) = [one for one in account.positions.values() if one.instrument.underlying == coin]
    return leg


def a_little_less(world: World, account: Account, advice: Read, deed: Deed) -> None:
    """Undo the smallest part of *deed* that should have mattered: 1 % of it, or one printed lot."""
    if deed is add:
        assert advice.add is not None
        amount, asset = advice.add
        here, there = COLLATERAL_WALLET[account.venue], "funding"
        world.transfer(account, asset, amount / 100, source=here, target=there)
        return
    assert advice.close is not None
    amount, coin = advice.close
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    leg = leg_in(account, coin)
    lot = D(1).scaleb(exponent) / leg.instrument.contract_size
    held = leg.quantity + lot
    world.set_position(account, leg.symbol, leg.side, held)


# ── playing it ───────────────────────────────────────────────────────────────────────────────


@dataclass
class Scene:
    stage: Stage
    account: Account
    text: str
    advice: Read

    @property
    def world(self) -> World:
        return self.stage.world

    @property
    def goal(self) -> float:
        """What the advice promises: `Back to 12 %`, `Back to level 150 %`."""
        found = re.search(r"Back to (?:level )?([\d.]+) %", self.text)
        assert found is not None, self.text
        return float(found[1])

    @property
    def spare(self) -> tuple[Decimal, str, float]:
        """What `Funding holds 5,000 USDT: brings 8.0 %` says."""
        found = re.search(r"Funding holds ([\d,.]+) (\w+): brings ([\d.]+) %", self.text)
        assert found is not None, self.text
        return D(found[1].replace(",", "")), found[2], float(found[3])

    @property
    def level(self) -> float:
        """The margin level by the venue's own rules, in percent."""
        (pool,) = self.world.pools(self.account)
        assert pool.margin_level is not None
        return float(pool.margin_level)


@asynccontextmanager
async def critical(world: World, folder: Path) -> AsyncIterator[Scene]:
    """Bring the account to CRITICAL and read what the phone says."""
    async with staged(world, folder) as stage:
        await stage.to(TOLD_S)
        text = stage.messages[-1].text
        advice = read(text)
        assert advice is not None, text
        assert advice.tier == "CRITICAL", text
        yield Scene(stage, world.account(NAME), text, advice)


@pytest.mark.parametrize("deed", [add, close])
@pytest.mark.parametrize("book", BOOKS)
def test_doing_what_it_says_brings_the_pool_to_the_target(
    book: str, deed: Deed, tmp_path: Path
) -> None:
    async def play() -> None:
        async with critical(BOOKS[book](ENOUGH), tmp_path) as scene:
            world, account, goal = scene.world, scene.account, scene.goal
            assert crosses_within(world, account, 6)

            deed(world, account, scene.advice)

            assert not crosses_within(world, account, goal - POINTS)
            await scene.stage.to(SETTLED_S)
            after = scene.stage.said(NAME)[-1]
            assert (after.word, after.note) == ("WARNING", "was CRITICAL")
            assert after.distance is not None
            assert goal <= after.distance < goal + 1
            assert f"{after.distance} %" in await ask(scene.stage, "/status")
            assert not account.liquidations

            a_little_less(world, account, scene.advice, deed)
            assert crosses_within(world, account, goal)

    asyncio.run(play())


@pytest.mark.parametrize("book", [owed_dollars, owed_coin])
def test_adding_to_borrowed_margin_brings_the_level_to_the_target(
    book: Callable[[str], World], tmp_path: Path
) -> None:
    async def play() -> None:
        async with critical(book(ENOUGH), tmp_path) as scene:
            assert scene.advice.add is not None
            assert scene.goal == 150
            assert scene.level <= 130
            amount, asset = scene.advice.add
            world, account = scene.world, scene.account

            world.transfer(account, asset, amount, source="funding", target="margin")

            assert 150 <= scene.level < 150.2
            await scene.stage.to(SETTLED_S)
            after = scene.stage.said(NAME)[-1]
            assert (after.word, after.note) == ("WARNING", "was CRITICAL")
            assert "\nLevel 150 % (call 130" in scene.stage.messages[-1].text
            assert "level 150 %" in await ask(scene.stage, "/status")
            world.transfer(account, asset, amount / 100, source="margin", target="funding")
            assert scene.level < 150

    asyncio.run(play())


def test_what_is_added_to_borrowed_margin_helps_more_when_it_repays(tmp_path: Path) -> None:
    """Whoever repays at once what the message asks to add ends above the target, never below."""

    async def play() -> None:
        async with critical(owed_dollars(ENOUGH), tmp_path) as scene:
            assert scene.advice.add is not None
            amount, asset = scene.advice.add
            world, account = scene.world, scene.account

            world.transfer(account, asset, amount, source="funding", target="margin")
            world.repay(account, asset, amount, wallet="margin")

            assert scene.level > scene.goal

    asyncio.run(play())


@pytest.mark.parametrize("venue", ["binance", "okx"])
def test_adding_to_an_isolated_leg_brings_it_to_the_target(venue: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with critical(isolated(venue)(ENOUGH), tmp_path) as scene:
            assert scene.advice.add is not None
            amount, _ = scene.advice.add
            world, account, goal = scene.world, scene.account, scene.goal
            leg = leg_in(account, "BTC")

            def hold(margin: Decimal) -> None:
                world.set_position(
                    account, leg.symbol, "long", leg.quantity, isolated_margin=margin
                )

            before = leg.isolated_margin
            hold(before + amount)

            assert not crosses_within(world, account, goal - POINTS)
            await scene.stage.to(SETTLED_S)
            after = scene.stage.said(NAME)[-1]
            assert (after.word, after.note) == ("WARNING", "was CRITICAL")
            assert after.distance == pytest.approx(goal, abs=0.1)
            hold(before + amount * D("0.99"))
            assert crosses_within(world, account, goal)

    asyncio.run(play())


def test_closing_an_isolated_leg_is_told_as_its_end(tmp_path: Path) -> None:
    """A part of it would take its margin along; the message says to close all of it."""

    async def play() -> None:
        async with critical(isolated("binance")(ENOUGH), tmp_path) as scene:
            leg = leg_in(scene.account, "BTC")
            assert scene.advice.close == (leg.quantity, "BTC")

            close(scene.world, scene.account, scene.advice)

            assert not scene.account.positions
            await scene.stage.to(SETTLED_S)
            assert scene.stage.said(NAME)[-1].word == "GONE"

    asyncio.run(play())


@pytest.mark.parametrize("way", ["add", "close"])
def test_a_coin_pool_comes_back_by_coins_or_by_contracts(way: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with critical(inverse("2"), tmp_path) as scene:
            world, account, goal = scene.world, scene.account, scene.goal
            assert "of 1,000 contracts" in scene.text
            assert scene.advice.close is not None
            contracts, unit = scene.advice.close
            assert unit == "contracts"
            assert scene.advice.add is not None
            assert scene.advice.add[1] == "BTC"
            leg = leg_in(account, "BTC")

            if way == "add":
                add(world, account, scene.advice)
            else:
                world.reduce(account, leg, contracts)

            assert not crosses_within(world, account, goal - POINTS)
            await scene.stage.to(SETTLED_S)
            after = scene.stage.said(NAME)[-1]
            assert (after.word, after.note) == ("WARNING", "was CRITICAL")
            assert after.distance is not None
            assert goal <= after.distance < goal + 1
            if way == "add":
                a_little_less(world, account, scene.advice, add)
            else:  # a hundredth of the position
                world.set_position(account, leg.symbol, "long", leg.quantity + 10)
            assert crosses_within(world, account, goal)

    asyncio.run(play())


@pytest.mark.parametrize("book", ["bybit two coins", "binance", "okx"])
def test_the_spare_wallet_brings_what_it_is_said_to(book: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with critical(BOOKS[book](LITTLE), tmp_path) as scene:
            world, account = scene.world, scene.account
            amount, asset, brings = scene.spare
            assert (amount, asset) == (D(LITTLE), "USDT")
            to = COLLATERAL_WALLET[account.venue]

            world.transfer(account, asset, amount, source="funding", target=to)

            half_a_digit = 0.05 + POINTS
            assert not crosses_within(world, account, brings - half_a_digit)
            assert crosses_within(world, account, brings + half_a_digit)
            assert brings < scene.goal

    asyncio.run(play())


def test_the_spare_wallet_brings_the_level_it_is_said_to(tmp_path: Path) -> None:
    async def play() -> None:
        async with critical(owed_dollars(LITTLE), tmp_path) as scene:
            amount, asset, brings = scene.spare

            scene.world.transfer(scene.account, asset, amount, source="funding", target="margin")

            assert scene.level == pytest.approx(brings, abs=0.5)

    asyncio.run(play())
