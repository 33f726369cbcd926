"""
What other accounts' fresh readings say of a price: for an account that is not seen, and of other
venues for one that is.

Rule: a mark older than `MARK_AGE_MAX_US` is no news, and only like contracts are compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watcher.domain.account import Position, Snapshot
from watcher.domain.alert import SECOND_US, Moment

MARK_AGE_MAX_US = 15 * SECOND_US


class _Mark(NamedTuple):
    at_us: int
    venue: str
    price: float


class Marks:
    """
    The latest mark of each contract that each account's fresh snapshot brought.

    A dated contract is not priced like a swap, nor one in coins like one in dollars: only marks of
    like contracts are news of each other, on whatever venue.
    """

    def __init__(self) -> None:
        self._marks: dict[str, dict[str, _Mark]] = {}

    def note(self, snapshot: Snapshot, now: Moment) -> None:
        for position in snapshot.positions:
            by_account = self._marks.setdefault(_contract(position.symbol), {})
            mark = _Mark(now.steady_us, snapshot.venue, float(position.mark))
            by_account[snapshot.account] = mark

    def fresh(
        self, positions: Iterable[Position], now: Moment, *, apart_from: str, venue: str = ""
    ) -> dict[str, float]:
        """
        Return by underlying the newest marks other accounts saw, none of *venue*'s; one's own last
        mark is no news.

        Of several contracts on one coin the first by name counts, as `decide` compares it.
        """
        found: dict[str, float] = {}
        own: dict[str, str] = {}
        for position in sorted(positions, key=lambda one: one.symbol):
            own.setdefault(position.underlying, _contract(position.symbol))
        for name, contract in own.items():
            by_account = self._marks.get(contract, {})
            seen = [
                mark
                for account, mark in by_account.items()
                if account != apart_from and mark.venue != venue
            ]
            newest = max(seen, default=None)
            if newest is not None and now.steady_us - newest.at_us <= MARK_AGE_MAX_US:
                found[name] = newest.price
        return found


def _contract(symbol: str) -> str:
    """
    Return what names a contract on every venue alike, its date included.

    >>> _contract("BTC-USDT-SWAP"), _contract("BTCUSD_PERP"), _contract("BTC-USDT-270326")
    ('BTCUSDT', 'BTCUSD', 'BTCUSDT270326')
    """
    plain = "".join(mark for mark in symbol if mark.isalnum())
    return plain.removesuffix("SWAP").removesuffix("PERP")
