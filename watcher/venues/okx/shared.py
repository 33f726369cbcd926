"""
What the debts and resting orders of an OKX account with one shared pool come to.

Rule: pure. Where the venue does not publish a rule, its own figures of the same answer decide:
what orders take off equity is what its total leaves out of the sum of its currencies, never more
than they hold back; whether they borrow is what it says is borrowed; whether a debt is charged the
fee of a liquidation is what its ratio requires beyond maintenance. Our own tables are in none of
these sums, so that they hide no error of ours. What is not told is taken for the worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Bracket, Mismatch, Position
from watcher.venues.mismatch import mismatch
from watcher.venues.okx.book import Book, Currency
from watcher.venues.okx.pair import Carried

NOISE_SHARE = Decimal("0.000001")
"""Below this part of equity a loss is the rounding of the venue's figures."""
CARRIED_SHARE_MIN = Decimal("0.99")
"""A balance that owes less than this share of its positions' debts does not carry them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debts:
    """What the account's debts are computed with; `frozen` by currency."""

    frozen: Mapping[str, Decimal]
    fee_rate: Decimal


def order_loss(book: Book, counted: Mapping[str, Decimal]) -> Decimal:
    """
    Return what resting orders take off the account's equity, in USD.

    *counted*: what each currency counts for in USD, the venue's own figure where it has no
    isolated part.
    """
    told = book.totals.adjusted_equity
    held_back = sum((one.frozen * (one.index or ZERO) for one in book.currencies), ZERO)
    if told is None or held_back <= 0:
        return ZERO
    total = sum(counted.values(), ZERO)
    loss = min(total - told, held_back)
    return loss if loss > abs(total) * NOISE_SHARE else ZERO


def debts_of(
    book: Book,
    borrow: Mapping[str, tuple[Bracket, ...]],
    fee_rate: Decimal,
    positions: Iterable[Position],
) -> Debts:
    """Return whether orders borrow, and whether debts pay *fee_rate*: the venue's figures tell."""
    held_back = {one.currency: one.frozen for one in book.currencies if one.frozen > 0}
    told = book.totals.borrowed_usd
    if told is not None:
        with_orders = _owed_usd(book, held_back)
        without = _owed_usd(book, {})
        if abs(without - told) < abs(with_orders - told):
            held_back = {}
    asked = _asked(book, held_back, borrow)
    dues = (_owed_usd(book, held_back) + asked) * fee_rate
    left = _unexplained_fee(book, positions)
    charged = left is None or left * 2 > dues or not dues
    return Debts(frozen=held_back, fee_rate=fee_rate if charged else ZERO)


def _owed_usd(book: Book, held_back: Mapping[str, Decimal]) -> Decimal:
    return sum((_owed(one, held_back) * (one.index or ZERO) for one in book.currencies), ZERO)


def _asked(
    book: Book, held_back: Mapping[str, Decimal], borrow: Mapping[str, tuple[Bracket, ...]]
) -> Decimal:
    """What all debts ask for in maintenance, in USD."""
    owed = {one.currency: _owed(one, held_back) for one in book.currencies}
    return sum(
        (
            owed[one.currency] * _rate(borrow.get(one.currency, ()), owed[one.currency]) * one.index
            for one in book.currencies
            if one.index is not None
        ),
        ZERO,
    )


def _owed(one: Currency, held_back: Mapping[str, Decimal]) -> Decimal:
    return max(held_back.get(one.currency, ZERO) - one.cross_equity, one.lent, ZERO)


def _rate(table: tuple[Bracket, ...], owed: Decimal) -> Decimal:
    return next((row.rate for row in reversed(table) if owed > row.floor), ZERO)


def _unexplained_fee(book: Book, positions: Iterable[Position]) -> Decimal | None:
    """What the account's ratio requires beyond its maintenance and the fees of its contracts."""
    totals = book.totals
    if totals.adjusted_equity is None or not totals.ratio or totals.maintenance_margin is None:
        return None
    fees = ZERO
    for position in positions:
        size = position.quantity * position.contract_size
        value = size / position.mark if position.inverse else size * position.mark
        fees += value * book.indices.get(position.settle, ONE) * position.fee_rate
    return totals.adjusted_equity / totals.ratio - totals.maintenance_margin - fees


def debts_mismatch(
    book: Book, borrow: Mapping[str, tuple[Bracket, ...]], debts: Debts, pool: str
) -> Mismatch | None:
    """
    Compare what debts ask for with what the venue told, where contracts have no part in it.

    Theirs come in another answer, at other prices.
    """
    told = book.totals.maintenance_margin
    if not told or book.cross:
        return None
    ours = _asked(book, debts.frozen, borrow)
    return mismatch("maintenance margin", pool=pool, what="all debts", ours=ours, told=told)


def carried(
    book: Book, positions: Iterable[Carried], borrow: Mapping[str, tuple[Bracket, ...]], pool: str
) -> tuple[list[str], list[Mismatch]]:
    """
    Return what is odd about cross spot-margin positions, which the balances must carry.

    First the positions whose debt no balance owes, in words; then those whose own maintenance is
    not what the table of their debt asks for.
    """
    listed = {one.currency: one for one in book.currencies}
    owing: dict[str, Decimal] = {}
    for each in positions:
        owing[each.owes] = owing.get(each.owes, ZERO) + each.owed
    odd, off = [], []
    for each in positions:
        one = listed.get(each.owes)
        there = ZERO if one is None else _owed(one, {}) + max(one.cross_upl, ZERO)
        if one is None or there < owing[each.owes] * CARRIED_SHARE_MIN:
            odd.append(f"{each.inst_id}: its debt is not in the {each.owes} balance")
            continue
        rate = _rate(borrow.get(each.owes, ()), _owed(one, {}))
        found = mismatch(
            "maintenance margin",
            pool=pool,
            what=f"{each.inst_id} {each.side}",
            ours=each.debt * rate,
            told=each.maintenance_margin,
        )
        off += [found] if found and rate else []
    return odd, off
