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
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from watcher.domain.account import Snapshot
from watcher.domain.status import VenueStatus
from watcher.ports import VenueError

PERPETUALS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "binance": {"USDT": "{}USDT", "USDC": "{}USDC", "USD": "{}USD_PERP"},
        "bybit": {"USDT": "{}USDT", "USDC": "{}PERP", "USD": "{}USD"},
        "okx": {"USDT": "{}-USDT-SWAP", "USDC": "{}-USDC-SWAP", "USD": "{}-USD-SWAP"},
    }
)
"""How each venue writes a perpetual contract of a coin, by what it is quoted in."""


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


class WithOthers:
    """One account, see `watcher.ports.Venue`, and what *others* say of its contracts."""

    def __init__(
        self, venue: str, own: Account, others: Mapping[str, Callable[[], Priced]]
    ) -> None:
        self.account = own.account
        self.start = own.start
        self.snapshot = own.snapshot
        self.prices = own.prices
        self.housekeeping = own.housekeeping
        self.status = own.status
        self.close = own.close
        self._venue = venue
        self._others = others

    async def prices_elsewhere(self, symbols: Sequence[str]) -> Mapping[str, float]:
        """Return what other venues say of *symbols*, the first that answers for each coin."""
        asked = [
            self._asked(open_, there)
            for name, open_ in self._others.items()
            if (there := translated(symbols, self._venue, name))
        ]
        found: dict[str, float] = {}
        for prices in await asyncio.gather(*asked):
            found = {**prices, **found}
        return found

    async def _asked(self, open_: Callable[[], Priced], symbols: list[str]) -> Mapping[str, float]:
        try:
            return await open_().prices(symbols)
        except VenueError:
            return {}


def translated(symbols: Sequence[str], venue: str, other: str) -> list[str]:
    """
    Return how *other* writes the perpetual contracts among *symbols* of *venue*.

    >>> translated(["BTCUSDT", "ETHUSD_PERP", "BTCUSDT_270326"], "binance", "okx")
    ['BTC-USDT-SWAP', 'ETH-USD-SWAP']
    """
    found = []
    for symbol in symbols:
        for quote, written in PERPETUALS[venue].items():
            coin = re.fullmatch(written.format("([A-Z0-9]+?)"), symbol)
            if coin is not None:
                found.append(PERPETUALS[other][quote].format(coin[1]))
                break
    return found
