"""
What a compiler is given (`Pool`) and what it writes on (`Sheet`).

Rule: a `Pool` is one pool's share of a snapshot, already sorted out; a `Sheet` is the open pool
on the draft, and remembers which sum holds which currency. No family lives here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from watcher.domain.account import Asset, Claim, Order, Position, Rules
from watcher.margin.book import Draft
from watcher.margin.errors import BookError
from watcher.margin.movers import mover_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """
    One pool as its compiler sees it.

    `items` numbers the positions as the whole snapshot does. `indices` are the prices of
    currencies that have a row in another pool, for a bucket that has none in this one. `betas`
    are the coins that move on their own whatever they are a staked form of.
    """

    name: str
    rules: Rules
    reference: str
    assets: tuple[Asset, ...] = ()
    positions: tuple[Position, ...] = ()
    items: tuple[int, ...] = ()
    orders: tuple[Order, ...] = ()
    claims: tuple[Claim, ...] = ()
    indices: Mapping[str, Decimal] = field(default_factory=dict)
    betas: Collection[str] = ()

    def settles(self) -> tuple[str, ...]:
        """Return the currencies the pool's contracts settle in, each once, in order."""
        rows: list[Position | Order | Claim] = [*self.positions, *self.orders, *self.claims]
        return tuple(dict.fromkeys(row.settle for row in rows))


@dataclass(slots=True)
class Sheet:
    """
    The pool being written. `unit` is the column its totals are in, `buckets` the sum of each
    currency, `units` the column that turns a currency into the pool's unit, `asks` the same for
    what is required in it, where the venue prices that higher.
    """

    draft: Draft
    pool: Pool
    unit: int = 0
    marks: dict[tuple[str, Decimal], int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    asks: dict[str, int] = field(default_factory=dict)
    buckets: dict[str, int] = field(default_factory=dict)

    def charge(self, currency: str) -> int:
        """Return the column that turns a requirement in *currency* into the pool's unit."""
        return self.asks.get(currency, self.units[currency])

    def mark(self, contract: Position | Order) -> int:
        """Return the price column of a contract's mark; legs of one contract share it."""
        key = (contract.symbol, contract.mark)
        if key not in self.marks:
            if not contract.mark > 0:
                raise BookError(
                    f"{self.pool.name} {contract.symbol}: mark is {contract.mark}, "
                    "expected a price above 0"
                )
            mover = mover_of(contract.underlying, self.pool.betas)
            self.marks[key] = self.draft.column(mover, float(contract.mark))
        return self.marks[key]
