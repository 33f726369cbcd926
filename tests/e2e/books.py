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


def multi_assets(world: World, name: str, *, away: float) -> Account:
    """Add an account in Binance's multi-assets mode: one BTC long beside half a BTC held."""
    wallets = {"futures": {"BTC": "0.5"}, "spot": {"USDT": "1"}}
    account = new_account(world, name, "binance", MODES["binance"], wallets)
    account.flags["multi_assets"] = True
    world.set_position(account, symbol("binance"), "long", Decimal(1))
    fund(world, account, away, least=-40_000)
    return account


def coin_margined(world: World, name: str, *, away: float) -> Account:
    """Add an account with 1,000 contracts of COIN-M long (100,000 USD), margin in BTC."""
    account = new_account(world, name, "binance", MODES["binance"], {"spot": {"USDT": "1"}})
    world.set_position(account, "BTCUSD_PERP", "long", Decimal(1_000))
    fund(world, account, away, wallet="coin", asset="BTC")
    return account


def fund(
    world: World,
    account: Account,
    away: float,
    *,
    wallet: str = "",
    asset: str = "USDT",
    least: float = 0.0,
) -> None:
    """Hold just as much of *asset* that the account is *away* percent from liquidation."""
    purse = account.wallet(wallet or COLLATERAL_WALLET[account.venue])
    step = Decimal("0.01") if asset == "USDT" else Decimal("0.000001")
    low, high = Decimal(repr(least)), 1_000_000_000 * step
    for _ in range(50):
        purse[asset] = ((low + high) / 2).quantize(step)
        world.touch()
        reached = distance(world, account)
        if reached is not None and reached < away:
            low = purse[asset]
        else:
            high = purse[asset]
    world.touch()


def falls(world: World, *points: tuple[float, float]) -> None:
    """Let BTC follow (seconds, price) in straight lines from its present price."""
    now = world.prices["BTC"]
    script = [(0, {"BTC": now})]
    script += [(round(t * SECOND_US), {"BTC": Decimal(repr(price))}) for t, price in points]
    world.follow(Scripted(script))
