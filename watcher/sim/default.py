"""
The default practice world: five calm accounts on three venues, each of another kind.

Rule: everything a first look needs is in here and every tier is a few percent of price away:
hedges, an isolated leg, borrowed margin, coin collateral, wallets to top up from. Keys are made
from the seed; they open nothing anywhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.binance import tables as tables_binance
from watcher.sim.binance.rules import BinanceRules
from watcher.sim.binance.wire import BinanceWire
from watcher.sim.binance.wire_routes import ROUTES
from watcher.sim.bybit import tables as tables_bybit
from watcher.sim.bybit.rules import BybitRules
from watcher.sim.bybit.wire import BybitWire
from watcher.sim.okx import tables as tables_okx
from watcher.sim.okx.rules import OkxRules
from watcher.sim.okx.wire import OkxWire
from watcher.sim.quotes import STABLES
from watcher.sim.things import Account, Instrument, Rights, WorldError
from watcher.sim.wire import Wire
from watcher.sim.world import Rules, World

START_US = 1_795_356_000_000_000
"""2026-11-22 14:00:00 UTC, where a world in lockstep begins."""

CHAT_ID = 100_200_300
"""The practice chat; in a private chat it is also the user's number."""

PRICES: Mapping[str, Decimal] = {
    "BTC": Decimal(113_420),
    "ETH": Decimal(3_980),
    "BNB": Decimal(1_105),
    "SOL": Decimal("196.5"),
    "XRP": Decimal("2.61"),
    "DOGE": Decimal("0.197"),
    "ADA": Decimal("0.652"),
    "AVAX": Decimal("19.6"),
    "LINK": Decimal("18.1"),
}


def default_price(underlying: str) -> Decimal:
    """Return the price a default world starts at. Raises: `WorldError` for an unknown coin."""
    if underlying not in PRICES:
        raise WorldError(f"underlying: found {underlying}, expected one of {', '.join(PRICES)}")
    return PRICES[underlying]


HOURLY_RATE = Decimal("0.000005")


def instruments() -> tuple[Instrument, ...]:
    return (
        *tables_binance.INSTRUMENTS,
        *tables_binance.COIN_INSTRUMENTS,
        *tables_bybit.INSTRUMENTS,
        *tables_okx.INSTRUMENTS,
    )


def rules() -> dict[str, Rules]:
    return {"binance": BinanceRules(), "bybit": BybitRules(), "okx": OkxRules()}


def wires() -> list[Wire]:
    return [BinanceWire(ROUTES), BybitWire(), OkxWire()]


def empty_world(
    *, seed: int = 0, start_us: int = START_US, prices: Mapping[str, Decimal] | None = None
) -> World:
    """Return a world of all venues with no account in it."""
    return World(
        instruments=instruments(),
        rules=rules(),
        start_us=start_us,
        prices={**PRICES, **(prices or {})},
        seed=seed,
    )


def key_of(seed: int, name: str, what: str) -> str:
    """Return a practice key, secret, passphrase or token part; the same for the same seed."""
    return hashlib.sha256(f"practice:{seed}:{name}:{what}".encode()).hexdigest()[:40]


def bot_token(seed: int) -> str:
    return f"7000000001:{key_of(seed, 'bot', 'token')[:35]}"


def new_account(
    world: World,
    name: str,
    venue: str,
    mode: str,
    wallets: Mapping[str, Mapping[str, str]],
    *,
    hedge: bool = False,
    rights: Rights | None = None,
) -> Account:
    """Add an account with wallets given as text and keys made from the world's seed."""
    return world.add(
        Account(
            name=name,
            venue=venue,
            mode=mode,
            key=key_of(world.seed, name, "key"),
            secret=key_of(world.seed, name, "secret"),
            passphrase=key_of(world.seed, name, "passphrase")[:12] if venue == "okx" else "",
            rights=rights or Rights(),
            wallets={
                wallet: {asset: Decimal(amount) for asset, amount in purse.items()}
                for wallet, purse in wallets.items()
            },
            hedge=hedge,
        )
    )


def default_world(seed: int = 0, *, start_us: int = START_US, scale: Decimal = Decimal(1)) -> World:
    """
    Return the world `watcher practice` serves: five accounts, none in a tier.

    *scale* multiplies every coin's price and every stable amount, so that the accounts are as far
    from liquidation at a price level of another year.
    """
    prices = {name: price * scale for name, price in PRICES.items()}
    world = empty_world(seed=seed, start_us=start_us, prices=prices)
    _bybit_main(world)
    _binance_usdm(world)
    _binance_margin(world)
    _okx_hedge(world)
    _okx_futures(world)
    for account in world.accounts.values():
        _scale_stables(account, scale)
    world.touch()
    return world


def _scale_stables(account: Account, scale: Decimal) -> None:
    for purse in account.wallets.values():
        purse.update({name: amount * scale for name, amount in purse.items() if name in STABLES})
    for asset, debt in account.debts.items():
        if asset in STABLES:
            debt.principal *= scale
            debt.interest *= scale
    for leg in account.positions.values():
        leg.isolated_margin *= scale


def _bybit_main(world: World) -> None:
    account = new_account(
        world,
        "bybit_main",
        "bybit",
        "unified",
        {"unified": {"USDT": "30000", "BTC": "0.3"}, "funding": {"USDT": "5000"}},
    )
    world.set_position(account, "BTCUSDT", "long", Decimal("1.5"))
    world.set_position(account, "SOLUSDT", "long", Decimal(300))


def _binance_usdm(world: World) -> None:
    account = new_account(
        world,
        "binance_usdm",
        "binance",
        "classic",
        {
            "futures": {"USDT": "22500", "USDC": "3000"},
            "funding": {"USDT": "2000"},
            "spot": {"USDT": "1500", "BNB": "1"},
        },
        hedge=True,
    )
    world.set_position(account, "BTCUSDT", "long", Decimal("0.8"))
    world.set_position(account, "BTCUSDT", "short", Decimal("0.3"))
    world.set_position(account, "ETHUSDT", "short", Decimal(5))
    world.set_position(account, "SOLUSDT", "long", Decimal(50), isolated_margin=Decimal(2500))
    world.set_position(account, "ETHUSDC", "long", Decimal(2))


def _binance_margin(world: World) -> None:
    account = new_account(
        world,
        "binance_margin",
        "binance",
        "classic",
        {
            "margin": {"BTC": "2", "ETH": "3", "USDT": "1200"},
            "funding": {"USDT": "3000"},
            "spot": {"USDT": "1000"},
        },
    )
    world.borrow(account, "USDT", Decimal(100_000), wallet="margin", hourly_rate=HOURLY_RATE)
    # what was borrowed bought coins and is gone from the wallet
    world.credit(account, "USDT", Decimal(-100_000), wallet="margin")


def _okx_hedge(world: World) -> None:
    """One BTC long against one short, coin collateral: no move of prices liquidates it."""
    account = new_account(
        world,
        "okx_hedge",
        "okx",
        "multi",
        {"trading": {"USDT": "30000", "BTC": "0.2"}, "funding": {"USDT": "4000"}},
        hedge=True,
    )
    world.set_position(account, "BTC-USDT-SWAP", "long", Decimal(100))
    world.set_position(account, "BTC-USDT-SWAP", "short", Decimal(100))


def _okx_futures(world: World) -> None:
    """Futures mode: a USDT bucket and a BTC bucket that cannot help each other."""
    account = new_account(
        world,
        "okx_futures",
        "okx",
        "futures",
        {"trading": {"USDT": "12000", "BTC": "0.4"}, "funding": {"USDT": "1000", "BTC": "0.05"}},
    )
    world.set_position(account, "BTC-USDT-SWAP", "long", Decimal(30))
    world.set_position(account, "BTC-USD-SWAP", "long", Decimal(400))
