"""
Bybit's own arithmetic for a unified account: formulas, figures, liquidation prices as shown.

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
    Order,
    Position,
)
from watcher.sim.world import World

POOL = "unified"
WALLET = "unified"
FUNDING = "funding"

LIQUIDATION_RATE = ONE
PRICE_BAND = Decimal(10)
"""An estimate beyond this multiple of the mark is not shown (drawn)."""


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
    """One coin of the unified wallet. `collateral`: what it counts for in USD, below 0 if owed."""

    coin: str
    wallet: Decimal
    spot_borrow: Decimal
    interest: Decimal
    unrealised: Decimal
    equity: Decimal
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
    names |= {order.instrument.settle for order in account.orders.values()}
    coins = {name: _coin(world, account, name, legs) for name in sorted(names)}
    order_loss = sum((_order_loss(world, one) for one in account.orders.values()), ZERO)
    return Figures(
        coins=coins,
        legs=legs,
        margin_balance=sum((one.collateral for one in coins.values()), ZERO),
        total_equity=sum((one.equity * one.index for one in coins.values()), ZERO),
        perp_upl=sum((one.unrealised * one.index for one in coins.values()), ZERO),
        haircut_loss=ZERO,
        order_loss=order_loss,
        initial_margin=sum((_total_im(one) for one in coins.values()), ZERO),
        maintenance_margin=sum((_total_mm(one) for one in coins.values()), ZERO),
    )


def _total_im(one: CoinFigures) -> Decimal:
    return (one.position_im + one.order_im + one.borrow_im) * one.index


def _total_mm(one: CoinFigures) -> Decimal:
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
    return CoinFigures(
        coin=coin,
        wallet=held,
        spot_borrow=borrow,
        interest=interest,
        unrealised=gained,
        equity=equity,
        index=index,
        borrowed=borrowed,
        switch=switch,
        collateral=_counted_value(coin, equity, index, switch=switch),
        position_im=sum((one.initial_margin for one in mine), ZERO),
        position_mm=sum((one.maintenance_margin for one in mine), ZERO),
        order_im=sum((_order_im(account, one) for one in orders), ZERO),
        order_mm=sum((_order_mm(account, one) for one in orders), ZERO),
        borrow_im=borrowed * tier.initial_rate if tier else ZERO,
        borrow_mm=borrowed * tier.maintenance_rate if tier else ZERO,
    )


def _counted_value(coin: str, equity: Decimal, index: Decimal, *, switch: bool) -> Decimal:
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


# ── liquidation prices as shown ─────────────────────────────────────────────────────────────


def shown_liquidation_price(now: Figures, one: LegFigures) -> Decimal | None:
    """
    Return the venue's estimate for a position, None where it shows none.

    Cross, linear: the free margin over the size; once the settle coin's own equity is used up,
    the growing debt also needs its borrow maintenance margin (seen on a live payload of 2026-03:
    mark - (margin balance - maintenance margin) / (size x 1.04)). The relief of the position's
    own maintenance margin is ignored, as the venue does.
    """
    if one.isolated:
        return isolated_price(one)
    if one.leg.instrument.inverse:
        return _inverse_estimate(now, one)
    coin = now.coins[one.leg.instrument.settle]
    free = now.denominator - now.maintenance_margin
    own = max(coin.equity, ZERO) * coin.index
    first = min(free, own)
    beyond = max(free - own, ZERO) / (ONE + _borrow_rate(coin.coin))
    size = sum(
        (leg.leg.sign * leg.leg.quantity for leg in now.legs if leg.leg.symbol == one.leg.symbol),
        ZERO,
    )
    if size * one.leg.sign <= 0:
        # the smaller or equal leg of a hedge: the price it fears is the other leg's
        return None
    price = one.mark - (first + beyond) / (size * one.leg.instrument.contract_size * coin.index)
    return price if 0 < price < one.mark * PRICE_BAND else None


def _borrow_rate(coin: str) -> Decimal:
    tiers = BORROW.get(coin)
    return tiers[0].maintenance_rate if tiers else ZERO


def isolated_price(one: LegFigures) -> Decimal | None:
    """Return the mark at which margin + unrealised equals the maintenance margin."""
    leg = one.leg
    size, sign = leg.quantity * leg.instrument.contract_size, leg.sign
    fee, rate, deduction = one.fee_to_close, one.row.rate, one.row.deduction
    margin = leg.isolated_margin
    if leg.instrument.inverse:
        below = margin + sign * size / leg.entry - fee + deduction
        price = size * (sign + rate) / below if below != 0 else ZERO
    else:
        price = (sign * size * leg.entry - margin + fee - deduction) / (size * (sign - rate))
    return price if price > 0 else None


def _inverse_estimate(now: Figures, one: LegFigures) -> Decimal | None:
    # the coin's index moves with the contract, so the equation is not linear: halve the interval
    safe = one.mark
    bad = one.mark / 1000 if one.leg.sign > 0 else one.mark * PRICE_BAND
    if _inverse_headroom(now, one, bad) > 0 or _inverse_headroom(now, one, safe) <= 0:
        return None
    for _ in range(80):
        middle = (safe + bad) / 2
        if _inverse_headroom(now, one, middle) > 0:
            safe = middle
        else:
            bad = middle
    return bad


def _inverse_headroom(now: Figures, one: LegFigures, price: Decimal) -> Decimal:
    coin = now.coins[one.leg.instrument.settle]
    index = coin.index * price / one.mark
    equity = coin.equity - one.unrealised + unrealised(one.leg, price)
    collateral = _counted_value(coin.coin, equity, index, switch=coin.switch)
    value = position_value(one.leg.instrument, one.leg.quantity, price)
    own = value * one.row.rate - one.row.deduction + one.fee_to_close
    borrow = max(-equity, ZERO) * _borrow_rate(coin.coin)
    rest = coin.position_mm - one.maintenance_margin + coin.order_mm
    margin = (own + borrow + rest) * index
    others = now.maintenance_margin - _total_mm(coin)
    return now.denominator - coin.collateral + collateral - others - margin
