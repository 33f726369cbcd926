"""Accounts for end-to-end tests, sized so that each starts a given way from liquidation."""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.default import empty_world, new_account
from watcher.sim.demo.truth import distance
from watcher.sim.market import Scripted
from watcher.sim.things import Account
from watcher.sim.world import COLLATERAL_WALLET, SECOND_US, World

BTC, SOL = Decimal(100_000), Decimal(200)
MODES = {"bybit": "unified", "binance": "classic", "okx": "multi"}


def symbol(venue: str) -> str:
    return "BTC-USDT-SWAP" if venue == "okx" else "BTCUSDT"


def world_of(*, btc: Decimal = BTC, start_us: int | None = None) -> World:
    prices = {"BTC": btc, "SOL": SOL}
    return (
        empty_world(prices=prices)
        if start_us is None
        else empty_world(prices=prices, start_us=start_us)
    )


def long_btc(
    world: World, name: str, venue: str, *, coins: str = "1", away: float, spare: str = "0"
) -> Account:
    """Add an account with one BTC long, *away* percent from liquidation."""
    account = new_account(world, name, venue, MODES[venue], {"funding": {"USDT": spare}})
    size = world.instrument(venue, symbol(venue)).contract_size
    world.set_position(account, symbol(venue), "long", Decimal(coins) / size)
    fund(world, account, away)
    return account


def fund(world: World, account: Account, away: float) -> None:
    """Hold just as much USDT that the account is *away* percent from liquidation."""
    purse = account.wallet(COLLATERAL_WALLET[account.venue])
    low, high = Decimal(0), Decimal(10_000_000)
    for _ in range(50):
        purse["USDT"] = ((low + high) / 2).quantize(Decimal("0.01"))
        reached = distance(world, account)
        if reached is not None and reached < away:
            low = purse["USDT"]
        else:
            high = purse["USDT"]
    world.touch()


def falls(world: World, *points: tuple[float, float]) -> None:
    """Let BTC follow (seconds, price) in straight lines from its present price."""
    now = world.prices["BTC"]
    script = [(0, {"BTC": now})]
    script += [(round(t * SECOND_US), {"BTC": Decimal(repr(price))}) for t, price in points]
    world.follow(Scripted(script))
