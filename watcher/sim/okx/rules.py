"""
What OKX does with a trading account: warns at 300 %, cancels, offsets, reduces tier by tier.

Rule: the order of acts is the venue's (guides and docs, 2026-11): at a ratio of 100 % all orders
are cancelled and the ratio looked at again; then opposite legs of one contract are offset; then
the position that needs most is lowered to the next tier (tier 3 and up) or closed (tiers 1, 2),
again and again; debts likewise (tier 2 and up). What is left below nothing is the insurance fund's.
Drawn: delta-neutral groups are not spared, assets are sold at their index. The arithmetic is in
figures.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.forced import record
from watcher.sim.okx.debts import cancel_spot_orders, repay_tier_by_tier
from watcher.sim.okx.figures import (
    ACCOUNT_WIDE,
    WALLET,
    CurrencyFigures,
    Figures,
    LegFigures,
    figures,
    leg_figures,
    notional,
    shown_liquidation_price,
)
from watcher.sim.okx.pairs import enforce_pairs, pair_figures, pair_pool
from watcher.sim.things import ONE, ZERO, Account, PoolState, Position
from watcher.sim.world import World

WARNING_RATIO = Decimal(3)
LIQUIDATION_RATIO = ONE
TIER_BY_TIER_FROM = 3
"""From this tier on a position is lowered one tier at a time; below it is closed whole."""


class OkxRules:
    """OKX as the world asks it: pools to show, lines to enforce."""

    def pools(self, world: World, account: Account, *, prices: bool = True) -> list[PoolState]:
        """Return the account's pool or one per settlement currency, and each isolated leg's own."""
        now = figures(world, account)
        shown: dict[tuple[str, str], Decimal] = {
            (one.leg.symbol, one.leg.side): price
            for one in (now.legs if prices else ())
            if (price := shown_liquidation_price(now, one, taker_fee=account.taker_fee)) is not None
        }
        if account.mode in ACCOUNT_WIDE:
            shared = [_account_pool(now, shown)] if now.currencies else []
        else:
            shared = [
                _currency_pool(now, one, shown)
                for one in now.currencies.values()
                if one.cash or one.need
            ]
        pairs = [pair_figures(world, account, pair) for pair in account.pairs.values()]
        return [
            *shared,
            *(_isolated_pool(one, shown) for one in now.legs if one.isolated),
            *(pair_pool(world, one) for one in pairs),
        ]

    def enforce(self, world: World, account: Account) -> None:
        """Warn at 300 %, liquidate at 100 %: each isolated leg, then each shared pool."""
        for leg in list(account.positions.values()):
            if leg.margin_mode == "isolated":
                _enforce_isolated(world, account, leg)
        enforce_pairs(world, account)
        # one look serves all pools: the acts of one do not touch another's currency
        now = figures(world, account)
        if account.mode in ACCOUNT_WIDE:
            _enforce_shared(world, account, None, now)
            return
        for name in sorted({leg.instrument.settle for leg in account.positions.values()}):
            _enforce_shared(world, account, name, now)


def pool_name(currency: str | None) -> str:
    return "unified" if currency is None else f"cross:{currency}"


def isolated_name(leg: Position) -> str:
    return f"isolated:{leg.symbol}:{leg.side}"


def _shown(
    prices: dict[tuple[str, str], Decimal], legs: list[LegFigures]
) -> dict[tuple[str, str], Decimal]:
    keys = [(one.leg.symbol, str(one.leg.side)) for one in legs]
    return {key: prices[key] for key in keys if key in prices}


def _account_pool(now: Figures, prices: dict[tuple[str, str], Decimal]) -> PoolState:
    used = now.initial_margin
    return PoolState(
        pool="unified",
        reference="USD",
        equity=now.adjusted_equity,
        maintenance_margin=now.maintenance_margin,
        requirement=now.need,
        health=now.ratio,
        margin_level=now.adjusted_equity / used * 100 if used > 0 else None,
        venue_ratio=now.ratio,
        liquidation_prices=_shown(prices, [one for one in now.legs if not one.isolated]),
    )


def _currency_pool(
    now: Figures, one: CurrencyFigures, prices: dict[tuple[str, str], Decimal]
) -> PoolState:
    mine = [
        leg for leg in now.legs if leg.leg.instrument.settle == one.currency and not leg.isolated
    ]
    used = one.initial_margin
    return PoolState(
        pool=f"cross:{one.currency}",
        reference=one.currency,
        equity=one.numerator,
        maintenance_margin=one.maintenance_margin,
        requirement=one.need,
        health=one.ratio,
        margin_level=one.numerator / used * 100 if used > 0 else None,
        venue_ratio=one.ratio,
        liquidation_prices=_shown(prices, mine),
    )


def _isolated_pool(one: LegFigures, prices: dict[tuple[str, str], Decimal]) -> PoolState:
    return PoolState(
        pool=isolated_name(one.leg),
        reference=one.leg.instrument.settle,
        equity=one.leg.isolated_margin + one.unrealised,
        maintenance_margin=one.maintenance_margin,
        requirement=one.need,
        health=one.own_ratio,
        venue_ratio=one.own_ratio,
        liquidation_prices=_shown(prices, [one]),
    )


# ── warning ─────────────────────────────────────────────────────────────────────────────────


def _warn(world: World, account: Account, pool: str, equity: Decimal, need: Decimal) -> None:
    if need > 0 and equity <= WARNING_RATIO * need:
        percent = equity / need * 100
        world.call_margin(
            account, pool, f"OKX: your maintenance margin ratio has fallen to {percent:.0f} %"
        )
    else:
        world.end_margin_call(account, pool)


# ── isolated ────────────────────────────────────────────────────────────────────────────────


def _enforce_isolated(world: World, account: Account, leg: Position) -> None:
    pool = isolated_name(leg)
    while True:
        one = leg_figures(world, account, leg)
        equity = leg.isolated_margin + one.unrealised
        _warn(world, account, pool, equity, one.need)
        if equity > LIQUIDATION_RATIO * one.need:
            return
        lower = _next_tier_down(one)
        if lower is None or equity <= 0:
            # taken over at the bankruptcy price: exactly the leg's margin is lost
            _record(world, account, pool, one, "full", leg.quantity)
            margin = leg.isolated_margin
            gained = world.reduce(account, leg)
            world.credit(account, leg.instrument.settle, -margin - gained)
            world.end_margin_call(account, pool)
            return
        closed = leg.quantity - lower
        _record(world, account, pool, one, "partial", closed)
        _close_isolated_part(world, account, one, closed)


def _close_isolated_part(world: World, account: Account, one: LegFigures, closed: Decimal) -> None:
    """Close part at mark; profit, loss and fee stay with the leg's own margin."""
    leg = one.leg
    margin = leg.isolated_margin
    freed = margin * closed / leg.quantity
    gained = world.reduce(account, leg, closed)
    fee = notional(leg.instrument, closed, one.mark) * account.taker_fee
    world.credit(account, leg.instrument.settle, -gained - freed)
    leg.isolated_margin = margin + gained - fee


# ── shared pools ────────────────────────────────────────────────────────────────────────────


def _state(now: Figures, currency: str | None) -> tuple[Decimal, Decimal]:
    """Return the equity and the need of the shared pool."""
    if currency is None:
        return now.adjusted_equity, now.need
    one = now.currencies[currency]
    return one.numerator, one.need


def _is_liquidatable(world: World, account: Account, currency: str | None) -> bool:
    equity, need = _state(figures(world, account), currency)
    return need > 0 and equity <= LIQUIDATION_RATIO * need


def _enforce_shared(world: World, account: Account, currency: str | None, now: Figures) -> None:
    equity, need = _state(now, currency)
    _warn(world, account, pool_name(currency), equity, need)
    if need <= 0 or equity > LIQUIDATION_RATIO * need:
        return
    _cancel_orders(world, account, currency)
    _offset_opposite_legs(world, account, currency)
    # every round closes a leg or lowers it by a tier, so this ends
    while _is_liquidatable(world, account, currency):
        legs = _cross_legs(world, account, currency)
        if not legs:
            break
        _reduce_worst(world, account, currency, legs)
    if currency is None:
        repay_tier_by_tier(world, account)
    _absorb_bankruptcy(world, account, currency)


def _cross_legs(world: World, account: Account, currency: str | None) -> list[LegFigures]:
    return [
        leg_figures(world, account, leg)
        for leg in account.positions.values()
        if leg.margin_mode == "cross" and currency in {None, leg.instrument.settle}
    ]


def _cancel_orders(world: World, account: Account, currency: str | None) -> None:
    if currency is None:
        cancel_spot_orders(world, account)
    for order in list(account.orders.values()):
        if currency not in {None, order.instrument.settle}:
            continue
        del account.orders[order.id]
        record(
            world,
            account,
            pool=pool_name(currency),
            kind="cancel_orders",
            symbol=order.instrument.symbol,
            side=order.side,
            quantity=order.quantity,
            price=order.price,
        )


def _offset_opposite_legs(world: World, account: Account, currency: str | None) -> None:
    pool = pool_name(currency)
    for one in _cross_legs(world, account, currency):
        other = account.positions.get((one.leg.symbol, "short"))
        if one.leg.side != "long" or other is None or other.margin_mode != "cross":
            continue
        both = min(one.leg.quantity, other.quantity)
        for side in (one, leg_figures(world, account, other)):
            _record(world, account, pool, side, "partial", both, note="opposite legs offset")
            world.reduce(account, side.leg, both)
        if not _is_liquidatable(world, account, currency):
            return


def _reduce_worst(
    world: World, account: Account, currency: str | None, legs: list[LegFigures]
) -> None:
    worst = max(legs, key=lambda one: one.need * one.index)
    lower = _next_tier_down(worst)
    closed = worst.leg.quantity if lower is None else worst.leg.quantity - lower
    kind = "full" if lower is None else "partial"
    _record(world, account, pool_name(currency), worst, kind, closed)
    fee = notional(worst.leg.instrument, closed, worst.mark) * account.taker_fee
    settle = worst.leg.instrument.settle
    world.reduce(account, worst.leg, closed)
    world.credit(account, settle, -fee)


def _next_tier_down(one: LegFigures) -> Decimal | None:
    """Return the contracts left after going down one tier, None where the leg is closed whole."""
    rows = one.leg.instrument.brackets
    tier = rows.index(one.row) + 1
    if tier < TIER_BY_TIER_FROM:
        return None
    # dated legs are tiered with their family: one leg alone may be smaller than the tier's cap
    cap = rows[tier - 2].cap
    return cap if cap < one.leg.quantity else None


def _absorb_bankruptcy(world: World, account: Account, currency: str | None) -> None:
    """With no position left, a balance below nothing is set to nothing."""
    if _cross_legs(world, account, currency):
        return
    now = figures(world, account)
    if currency is not None:
        if now.currencies[currency].equity < 0:
            account.wallet(WALLET)[currency] = ZERO
            account.debts.pop(currency, None)
    elif now.total_equity <= 0:
        account.debts.clear()
        for name in account.wallet(WALLET):
            account.wallet(WALLET)[name] = ZERO
    world.end_margin_call(account, pool_name(currency))
    world.touch()


def _record(
    world: World,
    account: Account,
    pool: str,
    one: LegFigures,
    kind: str,
    quantity: Decimal,
    *,
    note: str = "",
) -> None:
    record(
        world,
        account,
        pool=pool,
        kind="partial" if kind == "partial" else "full",
        symbol=one.leg.symbol,
        side=one.leg.side,
        quantity=quantity,
        price=one.mark,
        fee=notional(one.leg.instrument, quantity, one.mark) * account.taker_fee,
        note=note,
    )
