"""
The stage of the demo: pairs of twin accounts, sized so that each starts the same way from death.

Rule: twins are equal to the last cent but for who watches them. Collateral is not guessed: it is
searched until the world's own rules say the account starts `start` percent from liquidation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.default import new_account
from watcher.sim.demo.book import OwnBook
from watcher.sim.demo.truth import distance
from watcher.sim.things import Account, Position, Rights, SideName
from watcher.sim.world import COLLATERAL_WALLET, World

SEARCH_TURNS = 30
COINS = ("BTC", "ETH", "SOL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One pair to be cast: what its two accounts hold. `legs` are coins, in units of the coin."""

    name: str
    venue: str
    mode: str
    legs: tuple[tuple[str, SideName, str], ...]
    coins: Mapping[str, str]
    spare: str
    start: float
    auto: bool = False


CAST = (
    Part(
        name="bybit",
        venue="bybit",
        mode="unified",
        legs=(("BTC", "long", "1.5"), ("SOL", "long", "400")),
        coins={"BTC": "0.1"},
        spare="16000",
        start=21.4,
    ),
    Part(
        name="binance",
        venue="binance",
        mode="classic",
        legs=(("ETH", "long", "30"), ("BTC", "long", "0.8")),
        coins={},
        spare="40000",
        start=22.6,
        auto=True,
    ),
    Part(
        name="okx",
        venue="okx",
        mode="multi",
        legs=(("SOL", "long", "700"), ("ETH", "long", "12"), ("BTC", "short", "0.2")),
        coins={"ETH": "2"},
        spare="20000",
        start=24.2,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """
    Names of two accounts of the world: one with `watcher`, one with the venue's e-mail.

    `auto`: the watched one tops itself up, and no person touches either of the two.
    """

    venue: str
    watched: str
    twin: str
    auto: bool = False


def symbol_of(venue: str, coin: str) -> str:
    return f"{coin}-USDT-SWAP" if venue == "okx" else f"{coin}USDT"


def cast(world: World, own: OwnBook | None) -> list[Pair]:
    """Add all pairs to *world* and return them, the own book's last."""
    pairs = []
    for part in CAST:
        pair = Pair(
            venue=part.venue,
            watched=f"{part.name}_main",
            twin=f"{part.name}_twin",
            auto=part.auto,
        )
        for name in (pair.watched, pair.twin):
            spare = {"funding": {"USDT": part.spare}}
            account = new_account(world, name, part.venue, part.mode, spare)
            _fill(world, account, part.legs, {k: Decimal(v) for k, v in part.coins.items()})
            _fund(world, account, part.start)
            account.rights = Rights(transfer=part.auto)
        pairs.append(pair)
    if own is not None:
        pair = Pair(venue="bybit", watched="your_book", twin="your_twin")
        for name in (pair.watched, pair.twin):
            account = new_account(world, name, "bybit", "unified", {})
            legs = tuple((coin, side, str(amount)) for coin, side, amount in own.legs)
            _fill(world, account, legs, own.collateral)
        pairs.append(pair)
    return pairs


def _fill(
    world: World,
    account: Account,
    legs: tuple[tuple[str, SideName, str], ...],
    collateral: Mapping[str, Decimal],
) -> None:
    account.wallet(COLLATERAL_WALLET[account.venue]).update(collateral)
    for coin, side, amount in legs:
        symbol = symbol_of(account.venue, coin)
        size = Decimal(amount) / world.instrument(account.venue, symbol).contract_size
        world.set_position(account, symbol, side, size)


def _fund(world: World, account: Account, start: float) -> None:
    """Put USDT into the collateral wallet until the account is *start* percent from liquidation."""
    purse = account.wallet(COLLATERAL_WALLET[account.venue])
    low, high = Decimal(0), sum(map(world.notional, _legs(account)), Decimal(0))
    for _ in range(SEARCH_TURNS):
        purse["USDT"] = ((low + high) / 2).quantize(Decimal("0.01"))
        reached = distance(world, account)
        if reached is not None and reached < start:
            low = purse["USDT"]
        else:
            high = purse["USDT"]
    world.touch()


def _legs(account: Account) -> list[Position]:
    return list(account.positions.values())
