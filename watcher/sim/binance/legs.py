"""
One leg of Binance futures, and the pool of one currency it lies in, in exact Decimals.

USDⓈ-M legs are valued in their quote currency, COIN-M legs in coin (contracts x contract size in
USD / mark), with brackets in coin.

Rule: the venue's own formulas (U1 to U3, C1 to C3), shared with nobody; nothing here changes the
world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.things import ONE, ZERO, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesPool:
    """One pool of one currency: a balance of the wallet *purse* and the legs that share it."""

    name: str
    asset: str
    wallet: Decimal
    legs: tuple[Position, ...]
    unrealised: Decimal
    maintenance_margin: Decimal
    purse: str = "futures"

    @property
    def margin_balance(self) -> Decimal:
        return self.wallet + self.unrealised

    @property
    def in_liquidation(self) -> bool:
        return self.maintenance_margin > 0 and self.maintenance_margin >= self.margin_balance

    @property
    def isolated(self) -> bool:
        return self.name.startswith("isolated:")


def value(leg: Position, mark: Decimal, quantity: Decimal | None = None) -> Decimal:
    """Return U1 or C1, the notional of *quantity* (the whole leg without) in the settle asset."""
    size = (leg.quantity if quantity is None else quantity) * leg.instrument.contract_size
    return size / mark if leg.instrument.inverse else size * mark


def maintenance(leg: Position, mark: Decimal) -> Decimal:
    """Return U3 or C3: notional x rate - cum of the bracket its notional lies in."""
    notional = value(leg, mark)
    row = leg.instrument.bracket_of(notional)
    return notional * row.rate - row.deduction


def initial_margin(leg: Position, mark: Decimal) -> Decimal:
    return value(leg, mark) / leg.leverage


def bankruptcy_price(leg: Position) -> Decimal:
    """Return the mark at which an isolated leg has lost its margin."""
    if leg.instrument.inverse:
        lost = leg.sign * leg.isolated_margin / (leg.quantity * leg.instrument.contract_size)
        return ONE / (ONE / leg.entry + lost)
    return leg.entry - leg.sign * leg.isolated_margin / leg.quantity


def coin_liquidation_price(
    wallet: Decimal, legs: Sequence[Position], mark: Decimal, *, others: Decimal = ZERO
) -> Decimal | None:
    """
    Return C5 and C6 for the COIN-M legs of one symbol: where margin balance meets maintenance.

    Both are linear in 1/price between bracket edges; the answer is the root inside its own stretch
    on the losing side of the mark. *others* is the profit less the maintenance of other symbols.
    """
    sizes = [leg.quantity * leg.instrument.contract_size for leg in legs]
    net = sum((leg.sign * size for leg, size in zip(legs, sizes, strict=True)), ZERO)
    if net == 0:
        return None
    edges = sorted(
        {
            row.floor / size
            for leg, size in zip(legs, sizes, strict=True)
            for row in leg.instrument.brackets
        }
    )
    found: list[Decimal] = []
    for low, high in zip(edges, [*edges[1:], None], strict=True):
        middle = (low + high) / 2 if high is not None else low * 2
        above, below = ZERO, wallet + others
        for leg, size in zip(legs, sizes, strict=True):
            row = leg.instrument.bracket_of(size * middle)
            above += size * (leg.sign + row.rate)
            below += row.deduction + leg.sign * size / leg.entry
        root = below / above if above else ZERO
        if root > 0 and root >= low and (high is None or root <= high):
            found.append(ONE / root)
    losing = [price for price in found if (price < mark) == (net > 0) or price == mark]
    if not losing:
        return None
    return max(losing) if net > 0 else min(losing)
