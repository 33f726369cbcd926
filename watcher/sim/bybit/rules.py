"""
What Bybit does with a unified account: warns, cancels, repays, reduces, takes over.

Rule: the order of acts is the venue's (docs, 2026-11): at a maintenance rate of 100 % orders are
cancelled, then liabilities repaid by selling assets in the venue's order, then positions reduced,
and what still does not stand is taken over. Drawn, because not published: the stop of a partial
liquidation at 90 % and the warning at 85 %. The arithmetic is in figures.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from watcher.sim.bybit.figures import (
    POOL,
    WALLET,
    Figures,
    LegFigures,
    figures,
    is_isolated,
    leg_figures,
    position_value,
)
from watcher.sim.bybit.prices import isolated_price, shown_liquidation_price
from watcher.sim.bybit.tables import LIQUIDATION_ORDER
from watcher.sim.forced import record
from watcher.sim.things import ONE, ZERO, Account, PoolState, Position
from watcher.sim.world import World

PARTIAL_STOP_RATE = Decimal("0.9")
"""A partial liquidation ends about here (secondary source, 2026-11-22)."""

WARNING_RATE = Decimal("0.85")
WARNING_END_RATE = Decimal("0.80")
"""The venue's mail; the levels are drawn, no percentage is documented."""


class BybitRules:
    """Bybit as the world asks it: pools to show, lines to enforce."""

    def pools(self, world: World, account: Account, *, prices: bool = True) -> list[PoolState]:
        """Return the unified pool, or each leg's own in isolated mode."""
        now = figures(world, account)
        if is_isolated(account):
            return [_isolated_pool(one) for one in now.legs]
        if not any(one.wallet or one.spot_borrow for one in now.coins.values()) and not now.legs:
            return []
        need = now.maintenance_margin
        shown: dict[tuple[str, str], Decimal] = {
            (one.leg.symbol, one.leg.side): price
            for one in (now.legs if prices else ())
            if (price := shown_liquidation_price(now, one)) is not None
        }
        return [
            PoolState(
                pool=POOL,
                reference="USD",
                equity=now.denominator,
                maintenance_margin=need,
                requirement=need,
                health=now.denominator / need if need > 0 else None,
                margin_level=(
                    now.denominator / now.initial_margin * 100 if now.initial_margin > 0 else None
                ),
                venue_ratio=now.maintenance_rate,
                liquidation_prices=shown,
            )
        ]

    def enforce(self, world: World, account: Account) -> None:
        """Warn above 85 %; at 100 % cancel, repay, reduce to 90 % or take over."""
        if not account.positions and not account.debts:
            return
        if is_isolated(account):
            _enforce_isolated(world, account)
            return
        now = figures(world, account)
        _warn(world, account, now)
        if not now.liquidatable:
            return
        for act in (_cancel_orders, _repay_liabilities, _reduce_positions):
            act(world, account)
            if not figures(world, account).liquidatable:
                return
        _take_over(world, account)


def _isolated_pool(one: LegFigures) -> PoolState:
    price = isolated_price(one)
    need = one.maintenance_margin
    equity = one.leg.isolated_margin + one.unrealised
    key = (one.leg.symbol, one.leg.side)
    return PoolState(
        pool=f"isolated:{one.leg.symbol}:{one.leg.side}",
        reference=one.leg.instrument.settle,
        equity=equity,
        maintenance_margin=need,
        requirement=need,
        health=equity / need if need > 0 else None,
        liquidation_prices={key: price} if price is not None else {},
    )


def _warn(world: World, account: Account, now: Figures) -> None:
    if now.maintenance_margin >= WARNING_RATE * now.denominator > 0:
        percent = now.maintenance_margin / now.denominator * 100
        world.call_margin(
            account,
            POOL,
            f"Bybit: your account maintenance margin rate has reached {percent:.0f} %",
        )
    elif now.maintenance_margin < WARNING_END_RATE * now.denominator:
        world.end_margin_call(account, POOL)


def _enforce_isolated(world: World, account: Account) -> None:
    for leg in list(account.positions.values()):
        one = leg_figures(world, account, leg)
        if leg.isolated_margin + one.unrealised > one.maintenance_margin:
            continue
        # taken over at the bankruptcy price: exactly the leg's margin is lost
        _record(world, account, leg, "full", leg.quantity, one.mark)
        margin = leg.isolated_margin
        gained = world.reduce(account, leg)
        world.credit(account, leg.instrument.settle, -margin - gained)


def _cancel_orders(world: World, account: Account) -> None:
    if account.haircut_loss:
        account.haircut_loss = ZERO
        record(
            world,
            account,
            pool=POOL,
            kind="cancel_orders",
            symbol="spot",
            side="sell",
            quantity=ZERO,
            price=ZERO,
        )
    for order in list(account.orders.values()):
        del account.orders[order.id]
        record(
            world,
            account,
            pool=POOL,
            kind="cancel_orders",
            symbol=order.instrument.symbol,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
        )


def _repay_liabilities(world: World, account: Account) -> None:
    """Sell other assets, in the venue's order, for what is owed; the index is the price."""
    now = figures(world, account)
    for coin in now.coins.values():
        missing = max(-coin.equity, ZERO) * coin.index
        for asset in LIQUIDATION_ORDER:
            held = now.coins.get(asset)
            spare = account.balance(WALLET, asset) if held is not None else ZERO
            if held is None or asset == coin.coin or spare <= 0 or held.equity <= 0 or missing <= 0:
                continue
            sold = min(spare, held.equity, missing / held.index)
            missing -= sold * held.index
            world.credit(account, asset, -sold)
            world.credit(account, coin.coin, sold * held.index / coin.index)
            _record_sale(world, account, asset, sold, held.index)
        _settle_debt(world, account, coin.coin)


def _settle_debt(world: World, account: Account, coin: str) -> None:
    held = account.balance(WALLET, coin)
    if coin in account.debts and held > 0:
        world.repay(account, coin, held, wallet=WALLET)


def _reduce_positions(world: World, account: Account) -> None:
    """Close the legs that need most margin, as far as needed, until the rate is 90 %."""
    for _ in range(len(account.positions)):
        now = figures(world, account)
        if now.denominator <= 0 or now.maintenance_margin < PARTIAL_STOP_RATE * now.denominator:
            return
        worst = max(now.legs, key=lambda one: one.maintenance_margin * _index(now, one))
        share = _share_to_close(now, worst, account.taker_fee)
        step = worst.leg.instrument.quantity_step
        wanted = (worst.leg.quantity * share / step).to_integral_value(ROUND_CEILING) * step
        quantity = min(wanted, worst.leg.quantity)
        kind = "full" if quantity == worst.leg.quantity else "partial"
        _record(world, account, worst.leg, kind, quantity, worst.mark)
        fee = position_value(worst.leg.instrument, quantity, worst.mark) * account.taker_fee
        settle = worst.leg.instrument.settle
        world.reduce(account, worst.leg, quantity)
        world.credit(account, settle, -fee)


def _index(now: Figures, one: LegFigures) -> Decimal:
    return now.coins[one.leg.instrument.settle].index


def _share_to_close(now: Figures, one: LegFigures, taker_fee: Decimal) -> Decimal:
    # need(share) = MM - mm share, balance(share) = DEN - fee share; solve need = 0.9 balance
    index = _index(now, one)
    relief = (one.maintenance_margin - PARTIAL_STOP_RATE * one.value * taker_fee) * index
    if relief <= 0:
        return ONE
    over = now.maintenance_margin - PARTIAL_STOP_RATE * now.denominator
    return max(min(over / relief, ONE), ZERO)


def _take_over(world: World, account: Account) -> None:
    """Close what is left; a balance below nothing is the insurance fund's, never the trader's."""
    for one in figures(world, account).legs:
        _record(world, account, one.leg, "full", one.leg.quantity, one.mark)
        world.reduce(account, one.leg)
    if figures(world, account).total_equity <= 0:
        account.debts.clear()
        for coin in account.wallet(WALLET):
            account.wallet(WALLET)[coin] = ZERO
    world.touch()


def _record(
    world: World, account: Account, leg: Position, kind: str, quantity: Decimal, price: Decimal
) -> None:
    record(
        world,
        account,
        pool=f"isolated:{leg.symbol}:{leg.side}" if is_isolated(account) else POOL,
        kind="partial" if kind == "partial" else "full",
        symbol=leg.symbol,
        side=leg.side,
        quantity=quantity,
        price=price,
        fee=position_value(leg.instrument, quantity, price) * account.taker_fee,
    )


def _record_sale(
    world: World, account: Account, asset: str, quantity: Decimal, price: Decimal
) -> None:
    record(
        world,
        account,
        pool=POOL,
        kind="sell_asset",
        symbol=asset,
        side="sell",
        quantity=quantity,
        price=price,
    )
