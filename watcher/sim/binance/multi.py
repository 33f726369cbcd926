"""
Multi-assets mode of Binance's USDⓈ-M futures, in exact Decimals: one pool, told in USD.

Equity: what each asset holds, profit included, at its bid; what it owes at its ask. Maintenance
and initial margin of every leg at the ask of its margin asset. Liquidation at a ratio of 1.

Rule: the venue's own arithmetic (its FAQ on multi-assets mode, formulas A1 to A7, read
2026-11-22), shared with nobody. Which prices the venue holds still for a liquidation price is not
documented: here all but the marks of that symbol. Nothing here changes the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from watcher.sim.binance.legs import FuturesPool, initial_margin, maintenance
from watcher.sim.binance.tables import BUFFER_OTHERS, BUFFERS
from watcher.sim.quotes import profit
from watcher.sim.things import ONE, ZERO, Account, PoolState, Position
from watcher.sim.world import World

NAME = "cross:multi"
FLAG = "multi_assets"
HIGHEST = Decimal(10)
"""A liquidation price beyond this multiple of the mark is not shown (drawn)."""
HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiPool:
    """The pool in USD. `wallets` and `asks` are by asset: what lies there, what one of it costs."""

    legs: tuple[Position, ...]
    wallets: Mapping[str, Decimal]
    bids: Mapping[str, Decimal]
    asks: Mapping[str, Decimal]
    marks: Mapping[str, Decimal]

    def unrealised(self, asset: str) -> Decimal:
        return sum(
            (
                profit(leg, leg.quantity, self.marks[leg.symbol])
                for leg in self.legs
                if leg.instrument.settle == asset
            ),
            ZERO,
        )

    @property
    def equity(self) -> Decimal:
        total = ZERO
        for asset, wallet in self.wallets.items():
            held = wallet + self.unrealised(asset)
            total += held * (self.bids[asset] if held > 0 else self.asks[asset])
        return total

    @property
    def maintenance_margin(self) -> Decimal:
        return sum(
            (
                maintenance(leg, self.marks[leg.symbol]) * self.asks[leg.instrument.settle]
                for leg in self.legs
            ),
            ZERO,
        )

    @property
    def initial_margin(self) -> Decimal:
        return sum(
            (
                initial_margin(leg, self.marks[leg.symbol]) * self.asks[leg.instrument.settle]
                for leg in self.legs
            ),
            ZERO,
        )

    @property
    def in_liquidation(self) -> bool:
        return bool(self.legs) and self.maintenance_margin >= self.equity

    def liquidation_prices(self) -> dict[str, Decimal]:
        found = {symbol: self._price(symbol) for symbol in {leg.symbol for leg in self.legs}}
        return {symbol: price for symbol, price in found.items() if price is not None}

    def _price(self, symbol: str) -> Decimal | None:
        mark = self.marks[symbol]
        net = sum((leg.sign * leg.quantity for leg in self.legs if leg.symbol == symbol), ZERO)
        if net == 0 or self._ends_at(symbol, mark):
            return None
        safe, ended = mark, mark / 1000 if net > 0 else mark * HIGHEST
        if not self._ends_at(symbol, ended):
            return None
        for _ in range(HALVINGS):
            middle = (safe + ended) / 2
            if self._ends_at(symbol, middle):
                ended = middle
            else:
                safe = middle
        return ended

    def _ends_at(self, symbol: str, price: Decimal) -> bool:
        return replace(self, marks={**self.marks, symbol: price}).in_liquidation


def rates(world: World, asset: str) -> tuple[Decimal, Decimal]:
    """Return bid and ask of *asset* in USD: its index less and plus its buffers."""
    index = world.index(asset)
    below, above = BUFFERS.get(asset, BUFFER_OTHERS)
    return index * (ONE - below), index * (ONE + above)


def multi_pool(world: World, account: Account) -> MultiPool:
    legs = tuple(leg for leg in account.positions.values() if not leg.instrument.inverse)
    wallets = {asset: amount for asset, amount in account.wallet("futures").items() if amount}
    for leg in legs:
        wallets.setdefault(leg.instrument.settle, ZERO)
    both = {asset: rates(world, asset) for asset in wallets}
    return MultiPool(
        legs=legs,
        wallets=wallets,
        bids={asset: bid for asset, (bid, _) in both.items()},
        asks={asset: ask for asset, (_, ask) in both.items()},
        marks={leg.symbol: world.mark(leg.instrument) for leg in legs},
    )


def multi_state(pool: MultiPool, *, prices: bool) -> PoolState:
    shown = pool.liquidation_prices() if prices else {}
    mm, equity, used = pool.maintenance_margin, pool.equity, pool.initial_margin
    return PoolState(
        pool=NAME,
        reference="USD",
        equity=equity,
        maintenance_margin=mm,
        requirement=mm,
        health=equity / mm if mm else None,
        margin_level=100 * equity / used if used else None,
        venue_ratio=mm / equity if mm and equity > 0 else None,
        liquidation_prices={
            (leg.symbol, leg.side): shown[leg.symbol] for leg in pool.legs if leg.symbol in shown
        },
    )


def as_of(pool: MultiPool, asset: str) -> FuturesPool:
    """Return the whole pool as one of *asset*: what a leg settled in it is liquidated against."""
    return FuturesPool(
        name=NAME,
        asset=asset,
        wallet=pool.equity / pool.asks[asset],
        legs=pool.legs,
        unrealised=ZERO,
        maintenance_margin=pool.maintenance_margin / pool.asks[asset],
    )
