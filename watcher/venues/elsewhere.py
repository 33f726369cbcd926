"""
The same contracts on other venues: what they cost there, for an account whose own venue is away
or whose mark stands still.

Rule: public prices only, without any key, and only perpetual contracts whose name says that they
are the same coin in the same currency. A venue that does not answer, or does not list them, costs
nothing but its silence. Its parts are loaded when it is first asked: most are never needed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.account import Snapshot
from watcher.domain.status import VenueStatus
from watcher.ports import VenueError

EACH_S = 0.8
"""How long one venue may take: less than the poll waits for all, so that none costs the others."""


class Priced(Protocol):
    async def prices(self, symbols: Sequence[str]) -> Mapping[str, float]: ...


class Account(Priced, Protocol):
    """What an adapter does for its account."""

    account: str

    async def start(self) -> VenueStatus: ...
    async def snapshot(self) -> Snapshot: ...
    async def housekeeping(self) -> None: ...
    async def status(self) -> VenueStatus: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """Another venue, asked without a key, and how it writes its `perpetuals`."""

    venue: Priced
    perpetuals: Mapping[str, str]


class WithOthers:
    """
    One account, see `watcher.ports.Venue`, and what *others* say of its contracts; *perpetuals* is
    how its own venue writes them.
    """

    def __init__(
        self, own: Account, perpetuals: Mapping[str, str], others: Iterable[Callable[[], Far]]
    ) -> None:
        self.account = own.account
        self.start = own.start
        self.snapshot = own.snapshot
        self.prices = own.prices
        self.housekeeping = own.housekeeping
        self.status = own.status
        self.close = own.close
        self._perpetuals = perpetuals
        self._others = tuple(others)

    async def prices_elsewhere(self, symbols: Sequence[str]) -> Mapping[str, float]:
        """Return what other venues say of *symbols*, the first that answers for each coin."""
        found: dict[str, float] = {}
        for prices in await asyncio.gather(
            *(self._asked(open_(), symbols) for open_ in self._others)
        ):
            found = {**prices, **found}
        return found

    async def _asked(self, far: Far, symbols: Sequence[str]) -> Mapping[str, float]:
        there = translated(symbols, self._perpetuals, far.perpetuals)
        if not there:
            return {}
        try:
            async with asyncio.timeout(EACH_S):
                return await far.venue.prices(there)
        except (VenueError, TimeoutError):
            return {}


def translated(
    symbols: Sequence[str], own: Mapping[str, str], other: Mapping[str, str]
) -> list[str]:
    """
    Return how *other* writes the perpetual contracts among *symbols*, which *own* wrote.

    >>> own = {"USDT": "{}USDT", "USD": "{}USD_PERP"}
    >>> translated(["BTCUSDT", "ETHUSD_PERP", "BTCUSDT_270326"], own, {"USDT": "{}-USDT-SWAP"})
    ['BTC-USDT-SWAP']
    """
    found = []
    for symbol in symbols:
        for quote in own.keys() & other.keys():
            coin = re.fullmatch(own[quote].format("([A-Z0-9]+)"), symbol)
            if coin is not None:
                found.append(other[quote].format(coin[1]))
    return found
