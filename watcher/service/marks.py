"""
What other accounts' fresh readings say of a price, for an account that is not seen.

Rule: a mark older than `MARK_AGE_MAX_US` is no news, and only like contracts are compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from watcher.domain.account import Position, Snapshot
from watcher.domain.alert import SECOND_US, Moment

MARK_AGE_MAX_US = 15 * SECOND_US


class Marks:
    """
    The latest mark of each contract that each account's fresh snapshot brought.

    A dated contract is not priced like a swap, nor one in coins like one in dollars: only marks of
    like contracts are news of each other, on whatever venue.
    """

    def __init__(self) -> None:
        self._marks: dict[str, dict[str, tuple[int, float]]] = {}

    def note(self, snapshot: Snapshot, now: Moment) -> None:
        for position in snapshot.positions:
            by_account = self._marks.setdefault(_contract(position.symbol), {})
            by_account[snapshot.account] = (now.steady_us, float(position.mark))

    def fresh(
        self, positions: Iterable[Position], now: Moment, *, apart_from: str
    ) -> dict[str, float]:
        """
        Return by underlying the newest marks other accounts saw; one's own last mark is no news.

        Of several contracts on one coin the first by name counts, as `decide` compares it.
        """
        found: dict[str, float] = {}
        own: dict[str, str] = {}
        for position in sorted(positions, key=lambda one: one.symbol):
            own.setdefault(position.underlying, _contract(position.symbol))
        for name, contract in own.items():
            by_account = self._marks.get(contract, {})
            seen = [mark for account, mark in by_account.items() if account != apart_from]
            at_us, price = max(seen, default=(0, 0.0))
            if seen and now.steady_us - at_us <= MARK_AGE_MAX_US:
                found[name] = price
        return found


def _contract(symbol: str) -> str:
    """
    Return what names a contract on every venue alike, its date included.

    >>> _contract("BTC-USDT-SWAP"), _contract("BTCUSD_PERP"), _contract("BTC-USDT-270326")
    ('BTCUSDT', 'BTCUSD', 'BTCUSDT270326')
    """
    plain = "".join(mark for mark in symbol if mark.isalnum())
    return plain.removesuffix("SWAP").removesuffix("PERP")
