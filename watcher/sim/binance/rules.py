"""
What Binance does when a line is crossed: warns, cancels, reduces, takes over, sells.

USDⓈ-M: at margin ratio 1 orders are cancelled, the largest leg is reduced bracket by bracket with
the liquidation fee, until compliant or nothing is left; what cannot be paid is the insurance
fund's. Cross margin: at level 1.1 orders go, debts are repaid from what is held and from assets
sold, until the early-stop bar or no debt; a remaining debt is the venue's liquidation loan.

Rule: figures come from figures; every act is recorded in the account's history.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from watcher.sim.binance.figures import (
    BARS,
    BinanceFigures,
    MarginPool,
)
from watcher.sim.binance.legs import FuturesPool, bankruptcy_price, maintenance, value
from watcher.sim.binance.multi import FLAG, NAME, as_of, multi_pool
from watcher.sim.binance.pairs import enforce_pairs
from watcher.sim.binance.pro import EARLY_STOP, pro_pool
from watcher.sim.binance.tables import CALL_AGAIN_US, CALL_RATIO, MARGIN_CLEARANCE_FEE
from watcher.sim.forced import record
from watcher.sim.things import ONE, ZERO, Account, BracketRow, Position
from watcher.sim.world import World

DUST = Decimal("0.00000001")


class BinanceRules(BinanceFigures):
    """Warnings and liquidations over the venue's own figures."""

    def enforce(self, world: World, account: Account) -> None:
        for pool in self._singles(world, account):
            if pool.in_liquidation:
                self._liquidate(world, account, pool.name)
            self._warn_futures(
                world, account, pool.name, pool.maintenance_margin, pool.margin_balance
            )
        if account.flag(FLAG):
            both = multi_pool(world, account)
            if both.in_liquidation:
                self._liquidate_multi(world, account)
            self._warn_futures(world, account, NAME, both.maintenance_margin, both.equity)
        enforce_pairs(world, account)
        if account.flag("pro"):
            self._enforce_pro(world, account)
            return
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

    def _singles(self, world: World, account: Account) -> list[FuturesPool]:
        """Return the pools of one currency, as far as the account's mode has them."""
        linear = [] if account.flag(FLAG) else self.futures(world, account)
        return [*linear, *self.coins(world, account)]

    @staticmethod
    def _warn_futures(
        world: World, account: Account, name: str, margin: Decimal, balance: Decimal
    ) -> None:
        if margin and margin >= CALL_RATIO * balance:
            text = (
                f"Binance Futures: the margin ratio of {name} is above {CALL_RATIO:.0%}. "
                "Your positions may be liquidated."
            )
            world.call_margin(account, name, text)
        else:
            world.end_margin_call(account, name)

    def _find(self, world: World, account: Account, name: str) -> FuturesPool | None:
        for pool in self._singles(world, account):
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
        left = account.balance(pool.purse, pool.asset) if pool is not None else ZERO
        if pool is not None and not pool.legs and left < 0:
            # the insurance fund takes what the trader cannot pay
            world.credit(account, pool.asset, -left, wallet=pool.purse)

    def _liquidate_multi(self, world: World, account: Account) -> None:
        """Cancel orders, then reduce the leg that asks most, bracket by bracket, as above."""
        pool = multi_pool(world, account)
        for asset in pool.wallets:
            self._cancel_orders(world, account, as_of(pool, asset))
        while pool.in_liquidation:
            needs = {
                leg.id: maintenance(leg, pool.marks[leg.symbol]) * pool.asks[leg.instrument.settle]
                for leg in pool.legs
            }
            leg = max(pool.legs, key=lambda one: (needs[one.id], one.id))
            self._reduce_one_bracket(world, account, as_of(pool, leg.instrument.settle), leg)
            pool = multi_pool(world, account)
        if not pool.legs and pool.equity < 0:
            # the insurance fund takes all there is, debts and rests
            for asset, amount in pool.wallets.items():
                world.credit(account, asset, -amount)

    @staticmethod
    def _cancel_orders(world: World, account: Account, pool: FuturesPool) -> None:
        asset_orders = [
            order
            for order in account.orders.values()
            if order.instrument.settle == pool.asset
            and order.instrument.inverse == (pool.purse == "coin")
        ]
        for order in asset_orders:
            del account.orders[order.id]
            record(
                world,
                account,
                pool=pool.name,
                kind="cancel_orders",
                symbol=order.instrument.symbol,
                side=order.side,
                quantity=order.quantity,
                price=order.price,
            )

    @staticmethod
    def _reduce_one_bracket(
        world: World, account: Account, pool: FuturesPool, leg: Position
    ) -> None:
        mark = world.mark(leg.instrument)
        row = leg.instrument.bracket_of(value(leg, mark))
        closed = leg.quantity - _within(row, leg, mark)
        whole = closed >= leg.quantity
        # an isolated leg cannot lose more than its margin: beyond that it is taken over at
        # the bankruptcy price
        price = mark
        if pool.isolated and pool.margin_balance < 0:
            price = bankruptcy_price(leg)
        backed = max(pool.margin_balance, ZERO)
        fee = min(value(leg, mark, closed) * leg.instrument.liquidation_fee_rate, backed)
        record(
            world,
            account,
            pool=pool.name,
            kind="full" if whole else "partial",
            symbol=leg.symbol,
            side=leg.side,
            quantity=closed,
            price=price,
            fee=fee,
        )
        world.reduce(account, leg, closed, price=price)
        if pool.isolated and not whole:
            leg.isolated_margin -= fee
        else:
            world.credit(account, pool.asset, -fee, wallet=pool.purse)

    def _enforce_pro(self, world: World, account: Account) -> None:
        """Warn; at level 1 sell in tenths of the debt until the level is 2 or nothing is owed."""
        pool = pro_pool(world, account)
        if pool.in_liquidation:
            account.order_loss = ZERO
            record(
                world,
                account,
                pool="margin",
                kind="cancel_orders",
                symbol="all",
                side="",
                quantity=ZERO,
                price=ZERO,
            )
            self._repay_in_kind(world, account)
            for asset in self._by_value(world, account):
                while account.debts and account.balance("margin", asset) > DUST:
                    pool = pro_pool(world, account)
                    if pool.level > EARLY_STOP:
                        return
                    self._sell(world, account, asset, max(pool.liability / 10, ONE))
        if pool.in_call_band:
            text = f"Binance Margin Call: your cross margin Pro level is {pool.level:.2f}."
            world.call_margin(account, "margin", text, again_after_us=CALL_AGAIN_US)
        else:
            world.end_margin_call(account, "margin")

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
        record(
            world,
            account,
            pool="margin",
            kind="sell_asset",
            symbol=asset,
            side="sell",
            quantity=gross / price,
            price=price,
            fee=gross - net,
        )
        for debt in sorted(account.debts, key=lambda name: (world.index(name), name)):
            coins = net / world.index(debt)
            world.credit(account, debt, coins, wallet="margin")
            net -= world.repay(account, debt, coins, wallet="margin") * world.index(debt)
            # what this debt did not need goes on to the next one
            world.credit(account, debt, -net / world.index(debt), wallet="margin")
        if net > 0:
            world.credit(account, "USDT", net / world.index("USDT"), wallet="margin")


def _within(row: BracketRow, leg: Position, mark: Decimal) -> Decimal:
    """Return the quantity that stays when a leg is cut to the bracket below *row*."""
    one = leg.instrument
    base = row.floor * mark / one.contract_size if one.inverse else row.floor / mark
    steps = base / one.quantity_step
    return steps.to_integral_value(ROUND_FLOOR) * leg.instrument.quantity_step
