"""
The storm's short cut past the wire: each account as the real adapter reads it, figure for figure.

Method: serve a storm's world over HTTP, read every account with its real adapter, and compare the
two snapshots field by field and the two reports figure by figure.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import structlog

from watcher.domain.account import Snapshot
from watcher.domain.alert import Moment
from watcher.domain.report import Status
from watcher.margin import evaluate
from watcher.sim.bot_api import BotApi
from watcher.sim.default import START_US, wires
from watcher.sim.server import PracticeServer
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.storm.views import snapshot_of
from watcher.storm.worlds import AWAY_FAR, AWAY_MAX, AWAY_MIN, COINS, SHAPES, STEP_US, storm_world
from watcher.venues import open_venue
from watcher.venues.ccxt_venue import Credentials, Shared

D = Decimal
PRINTED = 5e-6
"""Eight decimals of a small balance tell its coin's index to about six digits."""
NEAR_NOUGHT = 1e-5


def world_of(seed: int, shapes: Sequence[str] = SHAPES) -> World:
    return storm_world(seed, shapes=shapes, start_us=START_US)


def read_all(world: World) -> dict[str, Snapshot]:
    """Read every account of *world* the way the daemon does."""

    async def run() -> dict[str, Snapshot]:
        server = PracticeServer(
            world, wires=wires(), bot=BotApi(world, token="1:token", chats=(1,))
        )
        await server.start()
        shared = Shared()
        try:
            return {
                one.name: await read(one, server.port, shared) for one in world.accounts.values()
            }
        finally:
            await shared.close()
            await server.close()

    async def read(account: Account, port: int, shared: Shared) -> Snapshot:
        venue = open_venue(
            account.venue,
            account.name,
            Credentials(
                api_key=account.key,
                api_secret=account.secret,
                password=account.passphrase or None,
            ),
            endpoint=f"http://127.0.0.1:{port}",
            clock=lambda: Moment(steady_us=world.now_us, wall_us=world.now_us),
            timeout_s=5.0,
            log=structlog.get_logger(),
            shared=shared,
        )
        try:
            await venue.start()
            return await venue.snapshot()
        finally:
            await venue.close()

    return asyncio.run(run())


def differences(ours: Any, theirs: Any, place: str = "") -> list[str]:
    """Return every place at which two values differ by more than print hides."""
    if is_dataclass(ours) and type(ours) is type(theirs):
        names = [one.name for one in fields(ours)]
        pairs = {name: (getattr(ours, name), getattr(theirs, name)) for name in names}
    elif isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        pairs = {str(key): (ours[key], theirs[key]) for key in ours}
    elif isinstance(ours, tuple) and isinstance(theirs, tuple) and len(ours) == len(theirs):
        pairs = {str(n): pair for n, pair in enumerate(zip(ours, theirs, strict=True))}
    elif isinstance(ours, Decimal | float) and isinstance(theirs, Decimal | float):
        same = float(ours) == pytest.approx(float(theirs), rel=PRINTED, abs=NEAR_NOUGHT)
        return [] if same else [f"{place}: {ours} is {theirs} on the wire"]
    else:
        return [] if ours == theirs else [f"{place}: {ours} is {theirs} on the wire"]
    return [
        found
        for name, (one, other) in pairs.items()
        for found in differences(one, other, f"{place}.{name}")
    ]


def compared(world: World) -> list[str]:
    """Return what differs between the views of *world* and what the adapters read of it."""
    found = []
    for name, told in read_all(world).items():
        ours = snapshot_of(world, name)
        found += differences(ours, told, name)
        # the distances of an account that is all but level swing with the last digit printed
        found += differences(evaluate(ours), evaluate(told), f"{name} report")
    return found


def fall(world: World) -> None:
    world.set_prices({coin: world.prices[coin] * D("0.96") for coin in COINS})
    world.check()


def part(world: World) -> None:
    """Coins go apart, and a stable leaves its dollar."""
    world.set_prices({"BTC": world.prices["BTC"] * D("1.03")})
    world.set_prices({"ETH": world.prices["ETH"] * D("0.97")})
    world.set_index({"USDT": D("0.991")})
    world.check()


def accrue(world: World) -> None:
    world.step(world.now_us + 2 * 3600 * 1_000_000)


def owe(world: World) -> None:
    """Something is borrowed and sold, or kept in part."""
    for name, wallet in (("bybit", "unified"), ("okx", "trading"), ("lending", "margin")):
        account = world.account(name)
        world.borrow(account, "ETH", D("1.5"), wallet=wallet, hourly_rate=D("0.000002"))
        world.credit(account, "ETH", D(-1), wallet=wallet)


def be_level(world: World) -> None:
    """Nothing is held any more."""
    for account in world.accounts.values():
        for leg in list(account.positions.values()):
            world.reduce(account, leg)


def switch(world: World) -> None:
    for account in world.accounts.values():
        account.flags["portfolio"] = True
        if account.venue == "okx":
            account.mode = "portfolio"


@pytest.mark.parametrize("seed", range(4))
def test_a_view_is_what_the_adapter_reads(seed: int) -> None:
    assert compared(world_of(seed)) == []


@pytest.mark.parametrize("change", [fall, part, accrue, owe, be_level, switch])
@pytest.mark.parametrize("seed", [11, 12])
def test_a_view_follows_the_world(seed: int, change: Callable[[World], None]) -> None:
    world = world_of(seed)
    change(world)

    assert compared(world) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_follows_a_liquidation(shape: str) -> None:
    """Prices go on, one way or another, until the venue acts; what it leaves is read alike."""
    world = storm_world(3, shapes=[shape], start_us=START_US, near=1.0)
    account, begin = world.account(shape), {coin: world.prices[coin] for coin in COINS}
    ways = [(coins, way) for coins in (COINS, *((coin,) for coin in COINS)) for way in (-1, 1)]
    for (coins, way), step in product(ways, range(1, 60)):
        factor = (1 + way * D("0.005")) ** step
        world.set_prices(begin | {coin: begin[coin] * factor for coin in coins})
        world.check()
        if account.liquidations:
            break

    assert account.liquidations
    assert compared(world) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_accounts_begin_at_every_distance_that_matters(shape: str) -> None:
    """The first line is at 20 %: some begin within it, most beyond, and none in liquidation."""
    found = []
    for seed in range(16):
        world = world_of(seed, [shape])
        (pool,) = evaluate(snapshot_of(world, shape)).pools
        assert pool.status is Status.OK
        assert pool.tier_distance is not None
        found.append(pool.tier_distance / 100)

    assert min(found) < 0.15
    assert max(found) > 0.35
    assert sum(one > AWAY_FAR for one in found) >= 4
    assert all(AWAY_MIN - 0.001 <= one <= AWAY_MAX + 0.001 for one in found)


def test_a_seed_is_one_world_and_shapes_do_not_shift_each_other() -> None:
    ours, again = world_of(5), world_of(5)
    alone = world_of(5, ["okx"])
    for world in (ours, again, alone):
        world.step(START_US + 600 * STEP_US)

    assert snapshot_of(ours, "okx") == snapshot_of(again, "okx")
    # only the numbers the world gives out in order differ
    assert differences(snapshot_of(alone, "okx"), snapshot_of(ours, "okx")) == []
    assert snapshot_of(world_of(6), "okx") != snapshot_of(world_of(5), "okx")


def test_what_the_venue_shows_may_be_another_account_than_the_true_one() -> None:
    world = world_of(1)
    emptied = replace(world.account("bybit"), positions={})

    assert snapshot_of(world, "bybit", seen=emptied).positions == ()
    assert snapshot_of(world, "bybit").positions


def test_the_readers_clock_stamps_the_view() -> None:
    world = world_of(1)

    view = snapshot_of(world, "binance", at_us=START_US + 7)

    assert view.taken_at_us == START_US + 7
    assert set(view.parts.values()) == {START_US + 7}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_view_is_quick(shape: str) -> None:
    """Three times what it takes on a quiet machine: a simulated day asks for 26,000 of them."""
    world = world_of(1, [shape])
    snapshot_of(world, shape)
    began_s = time.process_time()
    for _ in range(100):
        snapshot_of(world, shape)

    assert (time.process_time() - began_s) / 100 < 0.001
