"""
Binance's margin arithmetic and its liquidations, in exact Decimals.

USDⓈ-M, single-asset mode: one cross pool per settle asset, one pool per isolated leg; margin
ratio = maintenance margin / margin balance, liquidation at 1. Cross margin (spot, classic):
margin level = assets / (debt + interest) at index, no haircut, liquidation at 1.1.

Rule: this is what the venue itself would compute, from its pages; it shares nothing with
`watcher.margin`, which is checked against it.

Sources: the venue's FAQ on the liquidation price of USDⓈ-M futures (formulas U1 to U8) and its
cross-margin pages (levels and bars), read 2026-11-22. What is not documented is marked in
tables_binance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from watcher.sim.tables_binance import (
    CALL_AGAIN_US,
    CALL_RATIO,
    INSTRUMENTS,
    MARGIN_CLEARANCE_FEE,
    ladder,
)
from watcher.sim.things import ONE, ZERO, Account, BracketRow, Liquidation, PoolState, Position
from watcher.sim.world import World

__all__ = ["INSTRUMENTS", "BinanceRules", "FuturesPool", "MarginPool"]

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
class FuturesPool:
    """One USDⓈ-M pool: a wallet and the legs that share it."""

    name: str
    asset: str
    wallet: Decimal
    legs: tuple[Position, ...]
    unrealised: Decimal
    maintenance_margin: Decimal

    @property
    def margin_balance(self) -> Decimal:
        return self.wallet + self.unrealised

    @property
    def in_liquidation(self) -> bool:
        return self.maintenance_margin > 0 and self.maintenance_margin >= self.margin_balance

    @property
    def isolated(self) -> bool:
        return self.name.startswith("isolated:")


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


def maintenance(leg: Position, mark: Decimal) -> Decimal:
    """Return U3: notional x rate - cum of the bracket its notional lies in."""
    notional = leg.quantity * mark
    row = leg.instrument.bracket_of(notional)
    return notional * row.rate - row.deduction


def initial_margin(leg: Position, mark: Decimal) -> Decimal:
    return leg.quantity * mark / leg.leverage


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


class BinanceRules:
    """The venue's view of one account: pools, warnings, liquidations."""

    # ── what is ────────────────────────────────────────────────────────────────────────────

    def pools(self, world: World, account: Account) -> list[PoolState]:
        states = [self._futures_state(world, pool) for pool in self.futures(world, account)]
        margin = self.margin(world, account)
        if margin.assets or margin.liability:
            states.append(_margin_state(margin))
        return states

    def futures(self, world: World, account: Account) -> list[FuturesPool]:
        """Return the cross pools of held assets, then the isolated ones."""
        legs = list(account.positions.values())
        cross = [leg for leg in legs if leg.margin_mode == "cross"]
        held = {asset for asset, amount in account.wallet("futures").items() if amount}
        pools = [
            self._pool(
                world,
                f"cross:{asset}",
                asset,
                account.balance("futures", asset),
                tuple(leg for leg in cross if leg.instrument.settle == asset),
            )
            for asset in sorted(held | {leg.instrument.settle for leg in cross})
        ]
        for leg in legs:
            if leg.margin_mode == "isolated":
                name = f"isolated:{leg.symbol}:{leg.side}"
                settle = leg.instrument.settle
                pools.append(self._pool(world, name, settle, leg.isolated_margin, (leg,)))
        return pools

    @staticmethod
    def _pool(
        world: World, name: str, asset: str, wallet: Decimal, legs: tuple[Position, ...]
    ) -> FuturesPool:
        return FuturesPool(
            name=name,
            asset=asset,
            wallet=wallet,
            legs=legs,
            unrealised=sum((world.unrealised(leg) for leg in legs), ZERO),
            maintenance_margin=sum(
                (maintenance(leg, world.mark(leg.instrument)) for leg in legs), ZERO
            ),
        )

    def liquidation_prices(self, world: World, pool: FuturesPool) -> dict[str, Decimal]:
        """Return U7 for each symbol of *pool*; both hedge legs of a symbol share one price."""
        by_symbol: dict[str, list[Position]] = {}
        for leg in pool.legs:
            by_symbol.setdefault(leg.symbol, []).append(leg)
        prices = {}
        for symbol, legs in by_symbol.items():
            mark = world.mark(legs[0].instrument)
            own = sum((world.unrealised(leg) - maintenance(leg, mark) for leg in legs), ZERO)
            others = pool.unrealised - pool.maintenance_margin - own
            price = liquidation_price(pool.wallet, legs, mark, others=others)
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

    def _futures_state(self, world: World, pool: FuturesPool) -> PoolState:
        prices = self.liquidation_prices(world, pool)
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
                (leg.symbol, leg.side): prices[leg.symbol]
                for leg in pool.legs
                if leg.symbol in prices
            },
        )

    # ── what happens ───────────────────────────────────────────────────────────────────────

    def enforce(self, world: World, account: Account) -> None:
        for pool in self.futures(world, account):
            if pool.in_liquidation:
                self._liquidate(world, account, pool.name)
            self._warn_futures(world, account, pool)
        margin = self.margin(world, account)
        if margin.in_liquidation:
            self._liquidate_margin(world, account)
        if margin.in_call_band:
            text = (
                f"Binance Margin Call: your cross margin level is {margin.level:.2f}. Repay or add "
                f"collateral; at {BARS.liquidation} your assets are liquidated."
            )
            world.call_margin(account, "margin", text, again_after_us=CALL_AGAIN_US)
        else:
            world.end_margin_call(account, "margin")

    def _warn_futures(self, world: World, account: Account, pool: FuturesPool) -> None:
        if pool.maintenance_margin and (
            pool.maintenance_margin >= CALL_RATIO * pool.margin_balance
        ):
            text = (
                f"Binance Futures: the margin ratio of {pool.name} is above {CALL_RATIO:.0%}. "
                "Your positions may be liquidated."
            )
            world.call_margin(account, pool.name, text)
        else:
            world.end_margin_call(account, pool.name)

    def _find(self, world: World, account: Account, name: str) -> FuturesPool | None:
        for pool in self.futures(world, account):
            if pool.name == name:
                return pool
        return None

    def _liquidate(self, world: World, account: Account, name: str) -> None:
        """Cancel orders, then reduce bracket by bracket until compliant; the rest is taken over."""
        pool = self._find(world, account, name)
        if pool is not None:
            self._cancel_orders(world, account, pool)
        while pool is not None and pool.in_liquidation and pool.legs:
            leg = max(
                pool.legs, key=lambda one: (maintenance(one, world.mark(one.instrument)), one.id)
            )
            self._reduce_one_bracket(world, account, pool, leg)
            pool = self._find(world, account, name)
        left = account.balance("futures", pool.asset) if pool is not None else ZERO
        if pool is not None and not pool.legs and left < 0:
            # the insurance fund takes what the trader cannot pay
            world.credit(account, pool.asset, -left)

    @staticmethod
    def _cancel_orders(world: World, account: Account, pool: FuturesPool) -> None:
        asset_orders = [
            order for order in account.orders.values() if order.instrument.settle == pool.asset
        ]
        for order in asset_orders:
            del account.orders[order.id]
            world.record(
                account,
                Liquidation(
                    at_us=world.now_us,
                    account=account.name,
                    pool=pool.name,
                    kind="cancel_orders",
                    symbol=order.instrument.symbol,
                    side=order.side,
                    quantity=order.quantity,
                    price=order.price,
                ),
            )

    @staticmethod
    def _reduce_one_bracket(
        world: World, account: Account, pool: FuturesPool, leg: Position
    ) -> None:
        mark = world.mark(leg.instrument)
        row = leg.instrument.bracket_of(leg.quantity * mark)
        closed = leg.quantity - _within(row, leg, mark)
        whole = closed >= leg.quantity
        # an isolated leg cannot lose more than its margin: beyond that it is taken over at
        # the bankruptcy price
        price = mark
        if pool.isolated and pool.margin_balance < 0:
            price = leg.entry - leg.sign * leg.isolated_margin / leg.quantity
        backed = max(pool.margin_balance, ZERO)
        fee = min(closed * mark * leg.instrument.liquidation_fee_rate, backed)
        world.record(
            account,
            Liquidation(
                at_us=world.now_us,
                account=account.name,
                pool=pool.name,
                kind="full" if whole else "partial",
                symbol=leg.symbol,
                side=leg.side,
                quantity=closed,
                price=price,
                fee=fee,
            ),
        )
        world.reduce(account, leg, closed, price=price)
        if pool.isolated and not whole:
            leg.isolated_margin -= fee
        else:
            world.credit(account, pool.asset, -fee)

    def _liquidate_margin(self, world: World, account: Account) -> None:
        """Cancel, repay from what is held, then sell assets until the early-stop bar or no debt."""
        self._repay_in_kind(world, account)
        for asset in self._by_value(world, account):
            pool = self.margin(world, account)
            if not account.debts or pool.level > BARS.early_stop:
                return
            self._sell(world, account, asset, self._needed(pool))

    @staticmethod
    def _needed(pool: MarginPool) -> Decimal:
        # (A - s(1+f)) / (L - s) = T  =>  s = (T L - A) / (T - 1 - f); a hair more passes the bar
        target = BARS.early_stop + Decimal("0.001")
        needed = (target * pool.liability - pool.assets) / (target - 1 - MARGIN_CLEARANCE_FEE)
        return min(needed, pool.liability)

    @staticmethod
    def _repay_in_kind(world: World, account: Account) -> None:
        for asset in sorted(account.debts):
            held = account.balance("margin", asset)
            if held > 0:
                world.repay(account, asset, held, wallet="margin")

    @staticmethod
    def _by_value(world: World, account: Account) -> list[str]:
        purse = account.wallet("margin")
        held = [asset for asset, amount in purse.items() if amount > 0]
        return sorted(held, key=lambda asset: (-purse[asset] * world.index(asset), asset))

    @staticmethod
    def _sell(world: World, account: Account, asset: str, worth: Decimal) -> None:
        """Sell up to *worth* USD of *asset* (the fee comes on top) and repay debts with it."""
        price = world.index(asset)
        held = account.balance("margin", asset)
        gross = min(worth * (ONE + MARGIN_CLEARANCE_FEE), held * price)
        net = gross / (ONE + MARGIN_CLEARANCE_FEE)
        world.credit(account, asset, -gross / price, wallet="margin")
        world.record(
            account,
            Liquidation(
                at_us=world.now_us,
                account=account.name,
                pool="margin",
                kind="sell_asset",
                symbol=asset,
                side="sell",
                quantity=gross / price,
                price=price,
                fee=gross - net,
            ),
        )
        for debt in sorted(account.debts, key=lambda name: (world.index(name), name)):
            coins = net / world.index(debt)
            world.credit(account, debt, coins, wallet="margin")
            net -= world.repay(account, debt, coins, wallet="margin") * world.index(debt)
            # what this debt did not need goes on to the next one
            world.credit(account, debt, -net / world.index(debt), wallet="margin")
        if net > 0:
            world.credit(account, "USDT", net / world.index("USDT"), wallet="margin")


def collateral_value(asset: str, value: Decimal) -> Decimal:
    """Return M4: the part of *value* USD that counts as collateral, slice by slice."""
    return sum(
        ((min(value, cap) - floor) * rate for floor, cap, rate in ladder(asset) if value > floor),
        ZERO,
    )


def _within(row: BracketRow, leg: Position, mark: Decimal) -> Decimal:
    """Return the quantity that stays when a leg is cut to the bracket below *row*."""
    steps = row.floor / mark / leg.instrument.quantity_step
    return steps.to_integral_value(ROUND_FLOOR) * leg.instrument.quantity_step


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
