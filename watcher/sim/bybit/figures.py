"""
Bybit's own arithmetic for a unified account: formulas and figures.

Rule: exact Decimals, the venue's formulas by the venue's names, nothing shared with the margin
engine or the adapters. Coins count by a ladder of their quantity, a negative coin at its full
value and with a maintenance margin for what is borrowed; positions at mark value plus the fee to
close (since 2025-09-02). Liquidation when total maintenance margin reaches the margin balance.

Not published and therefore drawn (marked "drawn" below): the margins of open orders. What the
venue does about the figures is in rules, how it prints them in wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.bybit.tables import (
    BORROW,
    COLLATERAL,
    BorrowTier,
    CollateralSlice,
)
from watcher.sim.things import (
    ONE,
    ZERO,
    Account,
    BracketRow,
    Instrument,
    Option,
    Order,
    Position,
)
from watcher.sim.world import World

POOL = "unified"
WALLET = "unified"
FUNDING = "funding"

LIQUIDATION_RATE = ONE
OPTION_FACTOR = Decimal("0.03")
OPTION_FEE_RATE = Decimal("0.002")


# ── formulas ────────────────────────────────────────────────────────────────────────────────


def position_value(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the value in the settle coin: q x price, or q / price for inverse contracts."""
    size = quantity * instrument.contract_size
    return size / price if instrument.inverse else size * price


def fee_to_close(leg: Position, taker_fee: Decimal) -> Decimal:
    """
    Return the fee of closing at the bankruptcy price, in the settle coin.

    Linear: q x entry x (1 - s/leverage) x fee. Inverse, by symmetry: Q/entry x (1 + s/leverage).
    """
    towards = leg.sign if leg.instrument.inverse else -leg.sign
    at_entry = position_value(leg.instrument, leg.quantity, leg.entry)
    return at_entry * (ONE + towards / leg.leverage) * taker_fee


def unrealised(leg: Position, price: Decimal) -> Decimal:
    """Return s x q x (price - entry), inverse s x Q x (1/entry - 1/price)."""
    size = leg.quantity * leg.instrument.contract_size * leg.sign
    if leg.instrument.inverse:
        return size / leg.entry - size / price
    return size * (price - leg.entry)


def initial_margin(leg: Position, price: Decimal, taker_fee: Decimal) -> Decimal:
    """Return value at mark / leverage + fee to close."""
    value = position_value(leg.instrument, leg.quantity, price)
    return value / leg.leverage + fee_to_close(leg, taker_fee)


def maintenance_margin(
    leg: Position, price: Decimal, taker_fee: Decimal, row: BracketRow
) -> Decimal:
    """Return value at mark x rate - deduction + fee to close."""
    value = position_value(leg.instrument, leg.quantity, price)
    return value * row.rate - row.deduction + fee_to_close(leg, taker_fee)


def option_mark(option: Option, index: Decimal) -> Decimal:
    """
    Return an option's mark with its coin at *index*.

    Drawn: the hyperbola that hugs its worth at expiry and passes through the mark it was opened
    at. Like any option it gains no faster than its coin moves, and the faster the deeper it is.
    """
    way = ONE if option.is_call else -ONE
    before, now = way * (option.anchor - option.strike), way * (index - option.strike)
    bend = 4 * option.mark * (option.mark - before)
    assert bend >= 0, f"{option.symbol}: a mark below what it is worth at once"
    return (now + (now * now + bend).sqrt()) / 2


def option_margin(option: Option, index: Decimal) -> Decimal:
    """
    Return what an option asks for, in its settle coin; a long one asks for nothing.

    Short: [max(3 % of the index, 3 % of the mark) + mark + 0.2 % of the index] x size, the
    factors of BTC and ETH.
    """
    if option.side == "long":
        return ZERO
    mark = option_mark(option, index)
    factor = max(OPTION_FACTOR * index, OPTION_FACTOR * mark)
    return (factor + mark + OPTION_FEE_RATE * index) * option.quantity


def counted(slices: Sequence[CollateralSlice], quantity: Decimal) -> Decimal:
    """Return how much of *quantity* (positive) counts as collateral, slice by slice."""
    total = ZERO
    for index, one in enumerate(slices):
        above = slices[index + 1].floor if index + 1 < len(slices) else None
        top = quantity if above is None else min(quantity, above)
        total += max(top - one.floor, ZERO) * one.ratio
    return total


def borrow_tier(tiers: Sequence[BorrowTier], amount: Decimal) -> BorrowTier:
    """Return the tier whose cumulative limit holds *amount*; beyond the last, the last."""
    return next((tier for tier in tiers if amount <= tier.limit), tiers[-1])


# ── figures of an account ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFigures:
    """One position as the venue prints it: money in the settle coin."""

    leg: Position
    row: BracketRow
    mark: Decimal
    value: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    fee_to_close: Decimal
    isolated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinFigures:
    """
    One coin of the unified wallet. `collateral`: what it counts for in USD, below 0 if owed.

    `equity` is without `option_value`, which in cross margin is part of nothing but the total.
    """

    coin: str
    wallet: Decimal
    spot_borrow: Decimal
    interest: Decimal
    unrealised: Decimal
    equity: Decimal
    option_value: Decimal
    index: Decimal
    borrowed: Decimal
    switch: bool
    collateral: Decimal
    position_im: Decimal
    position_mm: Decimal
    order_im: Decimal
    order_mm: Decimal
    borrow_im: Decimal
    borrow_mm: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A unified account's totals in USD, exact; the wire rounds and truncates."""

    coins: Mapping[str, CoinFigures]
    legs: Sequence[LegFigures]
    margin_balance: Decimal
    total_equity: Decimal
    perp_upl: Decimal
    haircut_loss: Decimal
    order_loss: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal

    @property
    def denominator(self) -> Decimal:
        return self.margin_balance - self.haircut_loss + self.order_loss

    @property
    def available(self) -> Decimal:
        return self.margin_balance - self.haircut_loss - self.initial_margin

    @property
    def maintenance_rate(self) -> Decimal | None:
        """Total maintenance margin over the denominator; None when nothing is left to divide by."""
        return self.maintenance_margin / self.denominator if self.denominator > 0 else None

    @property
    def initial_rate(self) -> Decimal | None:
        return self.initial_margin / self.denominator if self.denominator > 0 else None

    @property
    def liquidatable(self) -> bool:
        return 0 < self.maintenance_margin >= LIQUIDATION_RATE * self.denominator


def collateral_on(account: Account, coin: str) -> bool:
    """Return whether *coin* counts: USDT and USDC always do, others unless switched off."""
    if coin in {"USDT", "USDC"}:
        return True
    return coin in COLLATERAL and not account.flag(f"collateral_off:{coin}")


def is_isolated(account: Account) -> bool:
    return account.flag("isolated")


def figures(world: World, account: Account) -> Figures:
    """Return everything the venue would say of *account* now."""
    legs = [leg_figures(world, account, leg) for leg in account.positions.values()]
    names = {*account.wallet(WALLET), *account.debts}
    names |= {leg.leg.instrument.settle for leg in legs}
    names |= {option.settle for option in account.options}
    names |= {order.instrument.settle for order in account.orders.values()}
    coins = {name: _coin(world, account, name, legs) for name in sorted(names)}
    order_loss = sum((_order_loss(world, one) for one in account.orders.values()), ZERO)
    return Figures(
        coins=coins,
        legs=legs,
        margin_balance=sum((one.collateral for one in coins.values()), ZERO),
        total_equity=sum(
            ((one.equity + one.option_value) * one.index for one in coins.values()), ZERO
        ),
        perp_upl=sum((one.unrealised * one.index for one in coins.values()), ZERO),
        haircut_loss=account.haircut_loss,
        order_loss=order_loss,
        initial_margin=sum((_total_im(one) for one in coins.values()), ZERO),
        maintenance_margin=sum((total_mm(one) for one in coins.values()), ZERO),
    )


def _total_im(one: CoinFigures) -> Decimal:
    return (one.position_im + one.order_im + one.borrow_im) * one.index


def total_mm(one: CoinFigures) -> Decimal:
    return (one.position_mm + one.order_mm + one.borrow_mm) * one.index


def leg_figures(world: World, account: Account, leg: Position) -> LegFigures:
    mark = world.mark(leg.instrument)
    value = position_value(leg.instrument, leg.quantity, mark)
    row = leg.instrument.bracket_of(value + _orders_beside(account, leg))
    isolated = is_isolated(account)
    # an isolated leg's initial margin is taken at entry, all else at mark
    basis = leg.entry if isolated else mark
    return LegFigures(
        leg=leg,
        row=row,
        mark=mark,
        value=value,
        unrealised=unrealised(leg, mark),
        initial_margin=initial_margin(leg, basis, account.taker_fee),
        maintenance_margin=maintenance_margin(leg, mark, account.taker_fee, row),
        fee_to_close=fee_to_close(leg, account.taker_fee),
        isolated=isolated,
    )


def _orders_beside(account: Account, leg: Position) -> Decimal:
    # the risk tier follows position value plus the value of orders that would add to it
    return sum(
        (
            position_value(order.instrument, order.quantity, order.price)
            for order in account.orders.values()
            if (order.instrument.symbol, order.side) == (leg.symbol, leg.side)
        ),
        ZERO,
    )


def _coin(world: World, account: Account, coin: str, legs: Sequence[LegFigures]) -> CoinFigures:
    mine = [one for one in legs if one.leg.instrument.settle == coin]
    debt = account.debts.get(coin)
    # the venue's wallet balance includes the margin of isolated legs, the world's wallet does not
    apart = sum((one.leg.isolated_margin for one in mine), ZERO)
    held = account.balance(WALLET, coin) + apart
    borrow = debt.principal if debt is not None else ZERO
    interest = debt.interest if debt is not None else ZERO
    gained = sum((one.unrealised for one in mine), ZERO)
    equity = held - borrow + gained
    index = world.index(coin)
    switch = collateral_on(account, coin)
    borrowed = max(borrow, -equity, ZERO)
    tier = borrow_tier(BORROW[coin], borrowed) if borrowed > 0 and coin in BORROW else None
    orders = [one for one in account.orders.values() if one.instrument.settle == coin]
    options = [one for one in account.options if one.settle == coin]
    return CoinFigures(
        coin=coin,
        wallet=held,
        spot_borrow=borrow,
        interest=interest,
        unrealised=gained,
        equity=equity,
        option_value=_option_value(world, account, coin),
        index=index,
        borrowed=borrowed,
        switch=switch,
        collateral=counted_value(coin, equity, index, switch=switch),
        position_im=sum((one.initial_margin for one in mine), ZERO),
        position_mm=sum((one.maintenance_margin for one in mine), ZERO)
        + sum((option_margin(one, world.index(one.underlying)) for one in options), ZERO),
        order_im=sum((_order_im(account, one) for one in orders), ZERO),
        order_mm=sum((_order_mm(account, one) for one in orders), ZERO),
        borrow_im=borrowed * tier.initial_rate if tier else ZERO,
        borrow_mm=borrowed * tier.maintenance_rate if tier else ZERO,
    )


def _option_value(world: World, account: Account, coin: str) -> Decimal:
    return sum(
        (
            (1 if one.side == "long" else -1)
            * one.quantity
            * option_mark(one, world.index(one.underlying))
            for one in account.options
            if one.settle == coin
        ),
        ZERO,
    )


def counted_value(coin: str, equity: Decimal, index: Decimal, *, switch: bool) -> Decimal:
    if equity < 0:
        return equity * index
    return counted(COLLATERAL[coin], equity) * index if switch and coin in COLLATERAL else ZERO


def _order_fee(account: Account, order: Order) -> Decimal:
    return position_value(order.instrument, order.quantity, order.price) * account.taker_fee


def _order_im(account: Account, order: Order) -> Decimal:
    # drawn: value at the order's price over leverage, plus its fee
    value = position_value(order.instrument, order.quantity, order.price)
    leverage = account.leverage.get(order.instrument.symbol, Decimal(10))
    return value / leverage + _order_fee(account, order)


def _order_mm(account: Account, order: Order) -> Decimal:
    # drawn: the lowest tier's rate on the order's value, plus its fee
    value = position_value(order.instrument, order.quantity, order.price)
    return value * order.instrument.brackets[0].rate + _order_fee(account, order)


def _order_loss(world: World, order: Order) -> Decimal:
    # signed, never positive: what the order would lose at once if it filled
    mark = world.mark(order.instrument)
    size = order.quantity * order.instrument.contract_size
    gain = (
        size / order.price - size / mark
        if order.instrument.inverse
        else size * (mark - order.price)
    )
    sign = 1 if order.side == "long" else -1
    return min(ZERO, sign * gain) * world.index(order.instrument.settle)
