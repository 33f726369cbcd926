"""
OKX's own arithmetic: currencies, positions and ratios in its account modes.

Rule: exact Decimals, the venue's formulas by the venue's names, nothing shared with the margin
engine or the adapters. Position tiers are flat: the rate of the reached tier holds for the whole
position. The ratio is equity over maintenance margin plus liquidation fee: futures mode has one
per settlement currency, the other modes one for the account, isolated positions their own.

Drawn, because published for spot mode only: the fee on a debt is charged in every mode, unless the
account is flagged `no_debt_fee`. What the venue does about the figures is in rules, how it prints
them in wire, what a debt asks for in borrowing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.okx.borrowing import Borrowing, Terms, borrowing
from watcher.sim.okx.tables import DISCOUNT, DiscountSlice
from watcher.sim.things import ONE, ZERO, Account, BracketRow, Instrument, Position
from watcher.sim.world import World

WALLET = "trading"
FUNDING = "funding"

ACCOUNT_WIDE = ("spot", "multi", "portfolio")
"""Modes with one ratio for the whole account; `futures` has one per currency."""

SOLVED = Decimal("1e-20")
"""How near, as a part of the mark, a solved price comes to its root."""

PRICE_BAND = Decimal(10)
"""A liquidation price beyond this multiple of the mark is not shown (drawn)."""


# ── formulas ────────────────────────────────────────────────────────────────────────────────


def notional(instrument: Instrument, contracts: Decimal, price: Decimal) -> Decimal:
    """Return contracts x size x price in quote; for inverse contracts / price, in the coin."""
    size = contracts * instrument.contract_size
    return size / price if instrument.inverse else size * price


def unrealised(leg: Position, price: Decimal) -> Decimal:
    """Return s x Q x (price - average), inverse s x Q x (1/average - 1/price)."""
    size = leg.quantity * leg.instrument.contract_size * leg.sign
    if leg.instrument.inverse:
        return size / leg.entry - size / price
    return size * (price - leg.entry)


def discounted(slices: Sequence[DiscountSlice], quantity: Decimal) -> Decimal:
    """Return how much of *quantity* (positive, in the coin) counts, slice by slice."""
    total = ZERO
    for index, one in enumerate(slices):
        above = slices[index + 1].floor if index + 1 < len(slices) else None
        top = quantity if above is None else min(quantity, above)
        total += max(top - one.floor, ZERO) * one.rate
    return total


def kind_of(instrument: Instrument) -> str:
    """Return the venue's instType."""
    return "SWAP" if instrument.symbol.endswith("-SWAP") else "FUTURES"


def family_of(instrument: Instrument) -> str:
    """Return the venue's instFamily, e.g. BTC-USDT."""
    return instrument.symbol.rpartition("-")[0]


# ── figures ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFigures:
    """One position as the venue prints it: money in the settlement currency."""

    leg: Position
    row: BracketRow
    mark: Decimal
    notional: Decimal
    unrealised: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_fee: Decimal
    index: Decimal

    @property
    def isolated(self) -> bool:
        return self.leg.margin_mode == "isolated"

    @property
    def need(self) -> Decimal:
        return self.maintenance_margin + self.liquidation_fee

    @property
    def own_ratio(self) -> Decimal:
        """An isolated position's ratio: (margin + unrealised) / (mmr + fee)."""
        return (self.leg.isolated_margin + self.unrealised) / self.need


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyFigures:
    """
    One currency of the trading account.

    `cash` is below zero when borrowed; `equity` is the cross part, `isolated_equity` the rest;
    `discounted` is what the cross part counts for in USD. Margins are of cross positions.
    """

    currency: str
    cash: Decimal
    interest: Decimal
    unrealised: Decimal
    equity: Decimal
    isolated_equity: Decimal
    isolated_unrealised: Decimal
    index: Decimal
    collateral: bool
    discounted: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_fee: Decimal
    order_fees: Decimal
    terms: Terms
    borrowed: Borrowing

    @property
    def owed(self) -> Decimal:
        """What is owed now, interest included; `borrowed` adds what orders would."""
        return max(-self.equity, self.terms.lent, ZERO)

    @property
    def need(self) -> Decimal:
        """Futures mode: what this currency's equity must stay above."""
        return self.maintenance_margin + self.liquidation_fee

    @property
    def numerator(self) -> Decimal:
        """Futures mode: cash + cross unrealised - fees of open orders (isolated margin is out)."""
        return self.equity - self.order_fees

    @property
    def ratio(self) -> Decimal | None:
        return self.numerator / self.need if self.need > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A trading account's totals in USD, exact; the wire rounds."""

    mode: str
    currencies: Mapping[str, CurrencyFigures]
    legs: Sequence[LegFigures]
    adjusted_equity: Decimal
    total_equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    liquidation_fee: Decimal
    notional: Decimal

    @property
    def need(self) -> Decimal:
        return self.maintenance_margin + self.liquidation_fee

    @property
    def ratio(self) -> Decimal | None:
        """The account's mgnRatio; None without risk."""
        return self.adjusted_equity / self.need if self.need > 0 else None

    def ratio_of(self, one: LegFigures) -> Decimal | None:
        """Return the mgnRatio a position shows: its own, its currency's or the account's."""
        if one.isolated:
            return one.own_ratio
        if self.mode in ACCOUNT_WIDE:
            return self.ratio
        return self.currencies[one.leg.instrument.settle].ratio


def collateral_on(account: Account, currency: str) -> bool:
    return currency in DISCOUNT and not account.flag(f"collateral_off:{currency}")


def figures(world: World, account: Account) -> Figures:
    """Return everything the venue would say of *account* now."""
    legs = [leg_figures(world, account, leg) for leg in account.positions.values()]
    names = {*account.wallet(WALLET), *account.debts}
    names |= {one.leg.instrument.settle for one in legs} | set(account.frozen)
    currencies = {name: _currency(world, account, name, legs) for name in sorted(names)}

    def total(each: Callable[[CurrencyFigures], Decimal]) -> Decimal:
        return sum((each(one) * one.index for one in currencies.values()), ZERO)

    counted = sum((one.discounted for one in currencies.values()), ZERO)
    return Figures(
        mode=account.mode,
        currencies=currencies,
        legs=legs,
        adjusted_equity=counted - total(lambda one: one.order_fees) - account.haircut_loss,
        total_equity=total(lambda one: one.equity + one.isolated_equity),
        initial_margin=total(lambda one: one.initial_margin + one.borrowed.initial_margin),
        maintenance_margin=total(
            lambda one: one.maintenance_margin + one.borrowed.maintenance_margin
        ),
        liquidation_fee=total(lambda one: one.liquidation_fee + one.borrowed.liquidation_fee),
        notional=sum((one.notional * one.index for one in legs if not one.isolated), ZERO),
    )


def leg_figures(world: World, account: Account, leg: Position) -> LegFigures:
    """Return one position's figures at its mark."""
    mark = world.mark(leg.instrument)
    value = notional(leg.instrument, leg.quantity, mark)
    row = leg.instrument.bracket_of(_tier_size(account, leg))
    return LegFigures(
        leg=leg,
        row=row,
        mark=mark,
        notional=value,
        unrealised=unrealised(leg, mark),
        initial_margin=value / leg.leverage,
        maintenance_margin=value * row.rate,
        liquidation_fee=value * account.taker_fee,
        index=world.index(leg.instrument.settle),
    )


def _tier_size(account: Account, leg: Position) -> Decimal:
    # cross dated contracts of one family are tiered together, swaps and isolated legs alone
    if kind_of(leg.instrument) == "SWAP" or leg.margin_mode == "isolated":
        return leg.quantity
    family = family_of(leg.instrument)
    return sum(
        (
            one.quantity
            for one in account.positions.values()
            if one.margin_mode == "cross"
            and kind_of(one.instrument) == "FUTURES"
            and family_of(one.instrument) == family
        ),
        ZERO,
    )


def _currency(
    world: World, account: Account, name: str, legs: Sequence[LegFigures]
) -> CurrencyFigures:
    mine = [one for one in legs if one.leg.instrument.settle == name]
    cross = [one for one in mine if not one.isolated]
    apart = [one for one in mine if one.isolated]
    debt = account.debts.get(name)
    interest = debt.interest if debt is not None else ZERO
    cash = account.balance(WALLET, name) - (debt.principal if debt is not None else ZERO)
    gained = sum((one.unrealised for one in cross), ZERO)
    equity = cash + gained - interest
    index = world.index(name)
    on = collateral_on(account, name)
    fees = _order_fees(account, name)
    terms = Terms(
        currency=name,
        frozen=account.frozen.get(name, ZERO) + fees,
        lent=debt.principal + interest if debt and account.mode == "spot" else ZERO,
        fee_rate=ZERO if account.flag("no_debt_fee") else account.taker_fee,
    )
    return CurrencyFigures(
        currency=name,
        cash=cash,
        interest=interest,
        unrealised=gained,
        equity=equity,
        isolated_equity=sum((one.leg.isolated_margin + one.unrealised for one in apart), ZERO),
        isolated_unrealised=sum((one.unrealised for one in apart), ZERO),
        index=index,
        collateral=on,
        discounted=_counted_value(name, equity, index, on=on),
        initial_margin=sum((one.initial_margin for one in cross), ZERO),
        maintenance_margin=sum((one.maintenance_margin for one in cross), ZERO),
        liquidation_fee=sum((one.liquidation_fee for one in cross), ZERO),
        order_fees=fees,
        terms=terms,
        borrowed=borrowing(terms, equity),
    )


def _counted_value(name: str, equity: Decimal, index: Decimal, *, on: bool) -> Decimal:
    if equity < 0:
        return equity * index
    return discounted(DISCOUNT[name], equity) * index if on else ZERO


def _order_fees(account: Account, name: str) -> Decimal:
    orders = [one for one in account.orders.values() if one.instrument.settle == name]
    return sum(
        (notional(one.instrument, one.quantity, one.price) * account.taker_fee for one in orders),
        ZERO,
    )


# ── liquidation prices as shown ─────────────────────────────────────────────────────────────


def shown_liquidation_price(now: Figures, one: LegFigures, *, taker_fee: Decimal) -> Decimal | None:
    """Return the mark at which the position's ratio is 1, all else still; None: none in range."""
    price = _isolated_price(one, taker_fee) if one.isolated else _cross_price(now, one, taker_fee)
    return price if price is not None and 0 < price < one.mark * PRICE_BAND else None


def _isolated_price(one: LegFigures, taker_fee: Decimal) -> Decimal | None:
    """Return the closed form: margin + unrealised = notional x (rate + fee)."""
    leg, rate = one.leg, one.row.rate + taker_fee
    size, sign, margin = leg.quantity * leg.instrument.contract_size, leg.sign, leg.isolated_margin
    if leg.instrument.inverse:
        below = sign * size / leg.entry + margin
        return size * (sign + rate) / below if below != 0 else None
    return (leg.entry * size - sign * margin) / (size * (ONE - sign * rate))


def _cross_price(now: Figures, one: LegFigures, taker_fee: Decimal) -> Decimal | None:
    safe = one.mark
    bad = one.mark / 1000 if one.leg.sign > 0 else one.mark * PRICE_BAND
    at = _headroom(now, one, taker_fee)
    at_safe, at_bad = at(safe), at(bad)
    if at_bad > 0 or at_safe <= 0:
        return None
    near = one.mark * SOLVED
    while abs(bad - safe) > near:
        # straight to the root on a straight stretch, and by halves across bends and jumps: what
        # counts of a falling currency changes its slope at zero and at tiers
        root = safe + (bad - safe) * at_safe / (at_safe - at_bad)
        for price in (root, root + near.copy_sign(bad - safe) / 2, (safe + bad) / 2):
            if min(safe, bad) < price < max(safe, bad):
                found = at(price)
                if found > 0:
                    safe, at_safe = price, found
                else:
                    bad, at_bad = price, found
    return bad


def _headroom(now: Figures, one: LegFigures, taker_fee: Decimal) -> Callable[[Decimal], Decimal]:
    """Return the headroom by the contract's mark (a coin it settles in moves along)."""
    currency = now.currencies[one.leg.instrument.settle]
    legs = [e for e in now.legs if e.leg.symbol == one.leg.symbol and not e.isolated]
    still_need = currency.need - sum((each.need for each in legs), ZERO)
    still_equity = currency.equity - sum((each.unrealised for each in legs), ZERO)
    was = (currency.need + currency.borrowed.need) * currency.index
    others = now.adjusted_equity - currency.discounted - (now.need - was)

    def at(price: Decimal) -> Decimal:
        need, equity = still_need, still_equity
        for each in legs:
            value = notional(each.leg.instrument, each.leg.quantity, price)
            need += value * (each.row.rate + taker_fee)
            equity += unrealised(each.leg, price)
        if now.mode not in ACCOUNT_WIDE:
            return equity - currency.order_fees - need
        moved = price / one.mark if one.leg.instrument.inverse else ONE
        index = currency.index * moved
        counted = _counted_value(currency.currency, equity, index, on=currency.collateral)
        return others + counted - (need + borrowing(currency.terms, equity).need) * index

    return at
