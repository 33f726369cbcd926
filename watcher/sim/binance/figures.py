"""
Binance's margin arithmetic, in exact Decimals.

USDⓈ-M, single-asset mode: one cross pool per settle asset, one pool per isolated leg; margin
ratio = maintenance margin / margin balance, liquidation at 1. COIN-M the same in coin, multi-assets
mode in `multi`. Cross margin (spot, classic):
margin level = assets / (debt + interest) at index, no haircut, liquidation at 1.1.

Rule: this is what the venue itself would compute, from its pages; it shares nothing with
`watcher.margin`, which is checked against it. Nothing here changes the world.

Sources: the venue's FAQ on the liquidation price of USDⓈ-M futures (formulas U1 to U8) and its
cross-margin pages (levels and bars), read 2026-11-22. What is not documented is marked in
tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.binance.legs import (
    FuturesPool,
    coin_liquidation_price,
    initial_margin,
    maintenance,
)
from watcher.sim.binance.multi import FLAG, multi_pool, multi_state
from watcher.sim.binance.pairs import pair_pools, pair_state
from watcher.sim.binance.pro import pro_pool, pro_state
from watcher.sim.binance.tables import ladder
from watcher.sim.things import ONE, ZERO, Account, PoolState, Position
from watcher.sim.world import World

HUNDRED = Decimal(100)
NO_DEBT_LEVEL = Decimal(999)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginBars:
    """The classic 3x bars of /sapi/v1/margin/tradeCoeff, and where liquidation stops early."""

    normal: Decimal = Decimal("1.5")
    call: Decimal = Decimal("1.3")
    liquidation: Decimal = Decimal("1.1")
    early_stop: Decimal = Decimal("1.5")


BARS = MarginBars()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPool:
    """The cross-margin account in USD. `collateral` is after haircut, for borrowing rights only."""

    assets: Decimal
    liability: Decimal
    collateral: Decimal

    @property
    def level(self) -> Decimal:
        return self.assets / self.liability if self.liability else NO_DEBT_LEVEL

    @property
    def collateral_level(self) -> Decimal:
        return self.collateral / self.liability if self.liability else NO_DEBT_LEVEL

    @property
    def in_liquidation(self) -> bool:
        return self.liability > 0 and self.assets <= BARS.liquidation * self.liability

    @property
    def in_call_band(self) -> bool:
        return self.liability > 0 and self.assets <= BARS.call * self.liability


def liquidation_price(
    wallet: Decimal, legs: Sequence[Position], mark: Decimal, *, others: Decimal = ZERO
) -> Decimal | None:
    """
    Return U7 for the legs of one symbol: the mark at which margin balance equals maintenance.

    *others* is the unrealised profit less the maintenance margin of all other symbols in the
    pool. Each stretch of price between bracket edges has its own linear equation; the answer is
    the root that lies inside its own stretch, on the losing side of the mark. None: no such root.
    """
    net = sum((leg.sign * leg.quantity for leg in legs), ZERO)
    if net == 0:
        return None
    edges = sorted(
        {row.floor / leg.quantity for leg in legs for row in leg.instrument.brackets} | {ZERO}
    )
    found: list[Decimal] = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        middle = (low + high) / 2 if high is not None else low + ONE
        slope, constant = ZERO, wallet + others
        for leg in legs:
            row = leg.instrument.bracket_of(leg.quantity * middle)
            slope += leg.quantity * (leg.sign - row.rate)
            constant += row.deduction - leg.sign * leg.quantity * leg.entry
        if slope == 0:
            continue
        root = -constant / slope
        if root > 0 and root >= low and (high is None or root <= high):
            found.append(root)
    losing = [root for root in found if (root < mark) == (net > 0) or root == mark]
    if not losing:
        return None
    return max(losing) if net > 0 else min(losing)


class BinanceFigures:
    """The venue's view of one account: its pools and their liquidation prices."""

    def pools(self, world: World, account: Account, *, prices: bool = True) -> list[PoolState]:
        multi = account.flag(FLAG)
        single = [] if multi else self.futures(world, account)
        states = [
            self._futures_state(world, pool, prices=prices)
            for pool in [*single, *self.coins(world, account)]
        ]
        if multi:
            states.append(multi_state(multi_pool(world, account), prices=prices))
        margin = self.margin(world, account)
        if account.flag("pro") and (margin.assets or margin.liability):
            states.append(pro_state(pro_pool(world, account)))
        elif margin.assets or margin.liability:
            states.append(_margin_state(margin))
        states += [pair_state(pool) for pool in pair_pools(world, account)]
        return states

    def futures(self, world: World, account: Account) -> list[FuturesPool]:
        """Return the USDⓈ-M cross pools of held assets, then the isolated ones."""
        return self._of_purse(world, account, "futures", "cross", inverse=False)

    def coins(self, world: World, account: Account) -> list[FuturesPool]:
        """Return the COIN-M pools: one per coin, and one per isolated leg."""
        return self._of_purse(world, account, "coin", "coin", inverse=True)

    def _of_purse(
        self, world: World, account: Account, purse: str, prefix: str, *, inverse: bool
    ) -> list[FuturesPool]:
        legs = [leg for leg in account.positions.values() if leg.instrument.inverse == inverse]
        cross = [leg for leg in legs if leg.margin_mode == "cross"]
        held = {asset for asset, amount in account.wallet(purse).items() if amount}
        pools = [
            self._pool(
                world,
                f"{prefix}:{asset}",
                asset,
                account.balance(purse, asset),
                tuple(leg for leg in cross if leg.instrument.settle == asset),
                purse,
            )
            for asset in sorted(held | {leg.instrument.settle for leg in cross})
        ]
        for leg in legs:
            if leg.margin_mode == "isolated":
                name = f"isolated:{leg.symbol}:{leg.side}"
                settle = leg.instrument.settle
                pools.append(self._pool(world, name, settle, leg.isolated_margin, (leg,), purse))
        return pools

    @staticmethod
    def _pool(
        world: World,
        name: str,
        asset: str,
        wallet: Decimal,
        legs: tuple[Position, ...],
        purse: str,
    ) -> FuturesPool:
        return FuturesPool(
            name=name,
            asset=asset,
            wallet=wallet,
            legs=legs,
            purse=purse,
            unrealised=sum((world.unrealised(leg) for leg in legs), ZERO),
            maintenance_margin=sum(
                (maintenance(leg, world.mark(leg.instrument)) for leg in legs), ZERO
            ),
        )

    def liquidation_prices(self, world: World, pool: FuturesPool) -> dict[str, Decimal]:
        """Return U7 or C6 per symbol of *pool*; both hedge legs of a symbol share one price."""
        by_symbol: dict[str, list[Position]] = {}
        for leg in pool.legs:
            by_symbol.setdefault(leg.symbol, []).append(leg)
        prices = {}
        for symbol, legs in by_symbol.items():
            mark = world.mark(legs[0].instrument)
            own = sum((world.unrealised(leg) - maintenance(leg, mark) for leg in legs), ZERO)
            others = pool.unrealised - pool.maintenance_margin - own
            solve = coin_liquidation_price if legs[0].instrument.inverse else liquidation_price
            price = solve(pool.wallet, legs, mark, others=others)
            if price is not None:
                prices[symbol] = price
        return prices

    def margin(self, world: World, account: Account) -> MarginPool:
        """Return M1, M2 and M4 of the cross-margin account."""
        assets = liability = collateral = ZERO
        for asset, amount in account.wallet("margin").items():
            value = amount * world.index(asset)
            assets += value
            collateral += collateral_value(asset, value)
        for asset, debt in account.debts.items():
            liability += (debt.principal + debt.interest) * world.index(asset)
        return MarginPool(assets=assets, liability=liability, collateral=collateral)

    def _futures_state(self, world: World, pool: FuturesPool, *, prices: bool) -> PoolState:
        shown = self.liquidation_prices(world, pool) if prices else {}
        mm, equity = pool.maintenance_margin, pool.margin_balance
        used = sum((initial_margin(leg, world.mark(leg.instrument)) for leg in pool.legs), ZERO)
        return PoolState(
            pool=pool.name,
            reference=pool.asset,
            equity=equity,
            maintenance_margin=mm,
            requirement=mm,
            health=equity / mm if mm else None,
            margin_level=HUNDRED * equity / used if used else None,
            venue_ratio=mm / equity if mm and equity > 0 else None,
            liquidation_prices={
                (leg.symbol, leg.side): shown[leg.symbol]
                for leg in pool.legs
                if leg.symbol in shown
            },
        )


def collateral_value(asset: str, value: Decimal) -> Decimal:
    """Return M4: the part of *value* USD that counts as collateral, slice by slice."""
    return sum(
        ((min(value, cap) - floor) * rate for floor, cap, rate in ladder(asset) if value > floor),
        ZERO,
    )


def _margin_state(pool: MarginPool) -> PoolState:
    health = (pool.level - 1) / (BARS.liquidation - 1) if pool.liability else None
    return PoolState(
        pool="margin",
        reference="USD",
        equity=pool.assets - pool.liability,
        maintenance_margin=(BARS.liquidation - 1) * pool.liability,
        requirement=(BARS.liquidation - 1) * pool.liability,
        health=health,
        margin_level=HUNDRED * pool.level if pool.liability else None,
        venue_ratio=pool.level,
    )
