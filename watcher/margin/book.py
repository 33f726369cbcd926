"""
The canonical form: every pool of every family as flat rows of numbers.

    sum    x      = SUM (const + lin*p + inv/p)      an amount: a notional, what a bucket holds
    key    y      = x * price[by], told in price[unit]
    row    active when y > floor                     (floor -inf: always)
           adds   (slope*y + offset) * price[unit]   to its pool's equity or requirement
    pool   headroom = SUM equity rows - SUM requirement rows

All rows of one table share one key: twenty brackets are one key and twenty rows.

Rule: compilers write a `Draft`, `seal` turns it into a `Book`, and whoever needs a number reads
the Book. Nothing in here knows a venue or a family. Prices are one column each, column 0 is the
constant 1; a mover is what moves a column ("BTC" moves its marks and its index), mover 0 nothing.

A Book is exact about equality: a key exactly on a floor has not passed it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from operator import itemgetter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]
Term: TypeAlias = tuple[int, float, float, float]
"""Price column, constant, factor on the price, factor on its inverse."""

ALWAYS = -np.inf
"""The floor of a row that has no switch."""

NO_ITEM = -1


class Out(IntEnum):
    """Which total of its pool a row adds to."""

    EQUITY = 0
    REQUIREMENT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """
    C price columns, A movers, T terms, S sums, K keys, R rows, P pools.

    Terms are sorted by sum and rows by total, each sum and each total has at least one: `reduceat`
    would return a neighbour's value for an empty stretch. A key is of one pool. `r_item` says for
    which position a row was written, `r_fee` that it is a fee beside the maintenance margin.
    """

    price: Floats
    mover: Ints
    movers: tuple[str, ...]
    t_sum: Ints
    t_col: Ints
    t_const: Floats
    t_lin: Floats
    t_inv: Floats
    s_start: Ints
    k_pool: Ints
    k_sum: Ints
    k_by: Ints
    k_unit: Ints
    r_key: Ints
    r_floor: Floats
    r_slope: Floats
    r_offset: Floats
    r_total: Ints
    r_item: Ints
    r_fee: Flags
    o_start: Ints
    has_inverse: bool

    @property
    def pools(self) -> int:
        return len(self.o_start) // 2


def amounts(book: Book, price: Floats) -> Floats:
    """Return every sum, shape (..., S), at prices (..., C)."""
    p = price[..., book.t_col]
    terms = book.t_const + book.t_lin * p
    if book.has_inverse:
        terms = terms + book.t_inv / p
    return np.add.reduceat(terms, book.s_start, axis=-1)


def keys(book: Book, price: Floats) -> tuple[Floats, Floats]:
    """Return every key and the price of its unit, shape (..., K), at prices (..., C)."""
    key = amounts(book, price)[..., book.k_sum] * price[..., book.k_by]
    return key, price[..., book.k_unit]


def row_values(book: Book, price: Floats) -> Floats:
    """Return what each row adds to its total, shape (..., R); an inactive row adds 0."""
    every, unit = keys(book, price)
    key = every[..., book.r_key]
    value = (book.r_slope * key + book.r_offset) * unit[..., book.r_key]
    return np.where(key > book.r_floor, value, 0.0)


def totals(book: Book, price: Floats | None = None) -> tuple[Floats, Floats]:
    """Return equity and requirement of every pool, shape (..., P), in each pool's own unit."""
    return summed(book, row_values(book, book.price if price is None else price))


def summed(book: Book, values: Floats) -> tuple[Floats, Floats]:
    """Return equity and requirement of every pool from what each row adds to them."""
    both = np.add.reduceat(values, book.o_start, axis=-1)
    return both[..., 0::2], both[..., 1::2]


def lowered(book: Book, gap: Floats) -> Book:
    """Return the Book with a constant taken off the equity of each pool, in the pool's unit."""
    offset = book.r_offset.copy()
    # the first equity row of a pool is the blank one `Draft.pool` wrote in the pool's own unit
    offset[book.o_start[0::2]] -= gap
    return replace(book, r_offset=offset)


def scaled(book: Book, times: Floats) -> Book:
    """Return the Book with everything required of each pool multiplied, pool by pool."""
    factor = np.where(book.r_total % 2, times[book.r_total // 2], 1.0)
    return replace(book, r_slope=book.r_slope * factor, r_offset=book.r_offset * factor)


def equity_only(book: Book) -> Book:
    """Return the Book with nothing required of any pool: its headroom is equity."""
    blank = book.o_start[1::2]
    keep = book.r_total % 2 == 0
    keep[blank] = True
    return picked(book, keep)


def picked(book: Book, which: Ints | Flags, total: Ints | None = None) -> Book:
    """Return the Book with the rows *which*, sorted by total, and those totals if told."""
    names = ("r_key", "r_floor", "r_slope", "r_offset", "r_item", "r_fee")
    rows = {name: getattr(book, name)[which] for name in names}
    of = (book.r_total if total is None else total)[which]
    start = np.searchsorted(of, np.arange(2 * book.pools))
    return replace(book, r_total=of, o_start=start, **rows)


@dataclass(slots=True)
class Draft:
    """What compilers write on. Rows go to the pool opened last."""

    movers: dict[str, int] = field(default_factory=lambda: {"": 0})
    columns: list[tuple[int, float]] = field(default_factory=lambda: [(0, 1.0)])
    terms: list[tuple[int, int, float, float, float]] = field(default_factory=list)
    rows: list[tuple[int, int, int, float, float, float, int, int, bool]] = field(
        default_factory=list
    )
    sums: int = 0
    pools: int = 0

    def pool(self, unit: int = 0) -> int:
        """Open a pool whose totals are in units of column *unit*, and return its number."""
        number = self.pools
        self.pools += 1
        blank = self.amount([(0, 0.0, 0.0, 0.0)])
        self.row(blank, Out.EQUITY, 0.0, unit=unit)
        self.row(blank, Out.REQUIREMENT, 0.0, unit=unit)
        return number

    def column(self, mover: str, price: float) -> int:
        """Add a price moved by *mover* and return its column."""
        self.columns.append((self.movers.setdefault(mover, len(self.movers)), price))
        return len(self.columns) - 1

    def amount(self, terms: Iterable[Term]) -> int:
        """Add a sum of at least one term and return its number."""
        number = self.sums
        before = len(self.terms)
        self.terms.extend((number, *term) for term in terms)
        assert len(self.terms) > before
        self.sums += 1
        return number

    def row(
        self,
        amount: int,
        out: Out,
        slope: float,
        offset: float = 0.0,
        *,
        floor: float = ALWAYS,
        by: int = 0,
        unit: int = 0,
        item: int = NO_ITEM,
        fee: bool = False,
    ) -> None:
        """Add (slope * key + offset) * price[unit] to the open pool where key > *floor*."""
        total = 2 * (self.pools - 1) + out
        self.rows.append((amount, by, unit, floor, slope, offset, total, item, fee))

    def seal(self) -> Book:
        """Return the Book. The draft may be thrown away afterwards."""
        terms = np.array(self.terms, dtype=np.float64).reshape(-1, 5)
        written = sorted(self.rows, key=itemgetter(6))
        rows = np.array(written, dtype=np.float64).reshape(-1, 9)
        columns = np.array(self.columns, dtype=np.float64)
        t_sum, r_total = terms[:, 0].astype(np.intp), rows[:, 6].astype(np.intp)
        numbers: dict[tuple[int, ...], int] = {}
        r_key = [numbers.setdefault((r[6] // 2, *r[:3]), len(numbers)) for r in written]
        keyed = np.array(list(numbers), dtype=np.intp).reshape(-1, 4)
        return Book(
            price=columns[:, 1].copy(),
            mover=columns[:, 0].astype(np.intp),
            movers=tuple(self.movers),
            t_sum=t_sum,
            t_col=terms[:, 1].astype(np.intp),
            t_const=terms[:, 2].copy(),
            t_lin=terms[:, 3].copy(),
            t_inv=terms[:, 4].copy(),
            s_start=np.searchsorted(t_sum, np.arange(self.sums)),
            k_pool=keyed[:, 0].copy(),
            k_sum=keyed[:, 1].copy(),
            k_by=keyed[:, 2].copy(),
            k_unit=keyed[:, 3].copy(),
            r_key=np.array(r_key, dtype=np.intp),
            r_floor=rows[:, 3].copy(),
            r_slope=rows[:, 4].copy(),
            r_offset=rows[:, 5].copy(),
            r_total=r_total,
            r_item=rows[:, 7].astype(np.intp),
            r_fee=rows[:, 8].astype(np.bool_),
            o_start=np.searchsorted(r_total, np.arange(2 * self.pools)),
            has_inverse=bool(terms[:, 4].any()),
        )
