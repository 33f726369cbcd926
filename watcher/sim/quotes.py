"""
What everything costs in the practice world: prices, indices, marks, and the path they follow.

Rule: one price in USD per coin and stable. A pair's index is the quotient of two, a contract's
mark is its pair's index lifted by its own basis and rounded as its venue prints it. Prices move
only by the path (in `World.step`) or by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from decimal import Decimal
from typing import Protocol, Self

from watcher.sim.things import ONE, Instrument, Position, WorldError

STABLES = ("USD", "USDT", "USDC", "FDUSD", "USD1", "DAI")
"""They have an index of their own that no price path moves."""


class PricePath(Protocol):
    """Where prices come from as time passes. Times count from the path's own beginning."""

    def prices_at(self, elapsed_us: int) -> Mapping[str, Decimal]:
        """Return the price of each underlying the path moves; others stay as they are."""

    def next_point_after(self, elapsed_us: int) -> int | None:
        """Return the next moment that must not be stepped over, None when there is none left."""


class Quotes:
    """
    Prices and contracts; `version` grows with every change of the truth, `listings` with every
    contract that comes or goes.
    """

    def __init__(
        self, *, instruments: Iterable[Instrument], prices: Mapping[str, Decimal], start_us: int
    ) -> None:
        self.now_us = start_us
        self.prices: dict[str, Decimal] = dict(prices)
        self.stables: dict[str, Decimal] = dict.fromkeys(STABLES, ONE)
        self.basis: dict[tuple[str, str], Decimal] = {}
        self.instruments: dict[tuple[str, str], Instrument] = {
            (one.venue, one.symbol): one for one in instruments
        }
        self.path: PricePath | None = None
        self.path_from_us = start_us
        self.speed = ONE
        self.version = self.listings = 0
        self._bent: dict[str, Decimal] = {}
        self._marks: dict[tuple[str, str], Decimal] = {}

    def touch(self) -> None:
        """Say that the truth changed, so that the next check looks at every account again."""
        self.version += 1

    def list_contract(self, one: Instrument) -> None:
        """List *one*, or in new terms."""
        self.instruments[one.venue, one.symbol] = one
        self.listings += 1
        self.touch()

    def delist(self, venue: str, symbol: str) -> None:
        """Take a contract off the list; whoever holds it still does. Raises: `WorldError`."""
        one = self.instrument(venue, symbol)
        del self.instruments[one.venue, one.symbol]
        self.listings += 1
        self.touch()

    def price(self, underlying: str) -> Decimal:
        """Return USD per unit of a coin or stable. Raises: `WorldError` for an unknown one."""
        price = self.stables.get(underlying) or self.prices.get(underlying)
        if price is None:
            raise WorldError(f"no price for {underlying}; known: {', '.join(sorted(self.prices))}")
        return price

    def index(self, asset: str) -> Decimal:
        """Return the USD index of a collateral asset (the same truth as `price`)."""
        return self.price(asset)

    def index_in(self, asset: str, quote: str) -> Decimal:
        """Return the price of *asset* in *quote*: the index of the pair."""
        return self.price(asset) / self.price(quote)

    def mark(self, instrument: Instrument) -> Decimal:
        """Return the contract's mark in its quote currency, rounded to its printed step."""
        key = (instrument.venue, instrument.symbol)
        mark = self._marks.get(key)
        if mark is None:
            basis = ONE + self.basis.get(key, instrument.basis)
            raw = self.index_in(instrument.underlying, instrument.quote) * basis
            mark = max(raw.quantize(instrument.mark_step), instrument.mark_step)
            self._marks[key] = mark
        return mark

    def instrument(self, venue: str, symbol: str) -> Instrument:
        found = self.instruments.get((venue, symbol))
        if found is None:
            known = sorted(name for where, name in self.instruments if where == venue)
            raise WorldError(f"{venue} lists no {symbol}; it lists {', '.join(known)}")
        return found

    def notional(self, position: Position) -> Decimal:
        """Return the position's value at mark in its settle currency."""
        one = position.instrument
        mark = self.mark(one)
        size = position.quantity * one.contract_size
        return size / mark if one.inverse else size * mark

    def unrealised(self, position: Position) -> Decimal:
        return profit(position, position.quantity, self.mark(position.instrument))

    def set_prices(self, prices: Mapping[str, Decimal]) -> None:
        for name, price in prices.items():
            if not price.is_finite() or price <= 0:
                raise WorldError(f"price of {name}: expected more than 0, found {price}")
        self.prices.update(prices)
        self._marks.clear()
        self.touch()

    def set_index(self, prices: Mapping[str, Decimal]) -> None:
        """Set USD prices of stables (and, all the same, of coins)."""
        stables = {name: price for name, price in prices.items() if name in self.stables}
        self.set_prices({name: price for name, price in prices.items() if name not in stables})
        for name, price in stables.items():
            if not price.is_finite() or price <= 0:
                raise WorldError(f"index of {name}: expected more than 0, found {price}")
        self.stables.update(stables)

    def bent(self, prices: Mapping[str, Decimal]) -> Self:
        """Return a copy in which coins are worth *prices* as collateral; every mark is as here."""
        shown = copy(self)
        shown._marks = {key: self.mark(one) for key, one in self.instruments.items()}  # noqa: SLF001 - of its own kind
        shown.prices = {**self.prices, **prices}
        return shown

    def set_basis(self, instrument: Instrument, basis: Decimal) -> None:
        self.basis[instrument.venue, instrument.symbol] = basis
        self._marks.clear()
        self.touch()

    def follow(self, path: PricePath, *, speed: Decimal = ONE) -> None:
        """Let *path* move prices from now on, *speed* times as fast as the clock."""
        self.path, self.path_from_us, self.speed = path, self.now_us, speed
        self._bent.clear()
        self.move_prices()

    def bend(self, prices: Mapping[str, Decimal]) -> None:
        """Set prices by hand; a path that moves them goes on from there, in proportion."""
        if self.path is not None:
            drawn = self.path.prices_at(self.elapsed_us())
            self._bent |= {n: price / drawn[n] for n, price in prices.items() if n in drawn}
        self.set_index(prices)

    def elapsed_us(self) -> int:
        return int((self.now_us - self.path_from_us) * self.speed)

    def move_prices(self) -> None:
        if self.path is None:
            return
        moved = dict(self.path.prices_at(self.elapsed_us()))
        for name, factor in self._bent.items():
            moved[name] *= factor
        if any(self.prices.get(name) != price for name, price in moved.items()):
            self.set_prices(moved)


def profit(leg: Position, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the profit of *quantity* of *leg* at *price*, in its settle currency."""
    size = quantity * leg.instrument.contract_size * leg.sign
    if leg.instrument.inverse:
        return size / leg.entry - size / price
    return size * (price - leg.entry)
