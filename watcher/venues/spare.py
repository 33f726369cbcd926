"""
The wallets a top-up could draw on, and public answers that serve every account here.

Rule: a wallet is nice to know and holds up no reading: asked for once a minute, given up after
two seconds, left out when it cannot be read. A public answer is asked for once for all accounts
and kept only if somebody could read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import TypeVar

from watcher.ports import VenueError
from watcher.venues.ccxt_venue import Host, Part, together

T = TypeVar("T")

WALLETS_AGE_MS = 60_000
WALLETS_S_MAX = 2.0

Balances = dict[str, Decimal]
Source = tuple[Callable[[], Awaitable[Part]], Callable[[object], Balances]]
"""How to ask for one wallet, and how to read what comes."""


class SpareWallets:
    """The wallets of one account; `found` is what the last `read` brought, by name."""

    def __init__(self, host: Host, account: str, sources: Mapping[str, Source]) -> None:
        self._host = host
        self._account = account
        self._sources = sources
        self.found: dict[str, Balances] = {}
        self._tried_ms = float("-inf")

    async def read(self) -> None:
        """Bring `found` up to date, at most a minute old; raises no refusal of a venue."""
        now_ms = self._host.now_ms()
        if not 0 <= now_ms - self._tried_ms < WALLETS_AGE_MS:
            self._tried_ms, self.found = now_ms, {}
            await together(*(self._one(name, *source) for name, source in self._sources.items()))

    async def _one(
        self, name: str, ask: Callable[[], Awaitable[Part]], read: Callable[[object], Balances]
    ) -> None:
        try:
            async with asyncio.timeout(WALLETS_S_MAX):
                part = await ask()
            self.found[name] = read(part.data)
        except (VenueError, TimeoutError) as error:
            self._host.log.debug(
                "wallet.missed", account=self._account, wallet=name, reason=str(error) or "slow"
            )


async def shared_answer(
    host: Host,
    method: str,
    params: Mapping[str, object],
    read: Callable[[object], T],
    *,
    budget: str,
    age_ms_max: float,
    calm: bool = True,
) -> T:
    """Return what *read* makes of a keyless answer, asked for once for all accounts."""

    async def fetch() -> Part:
        part = await host.public.call(method, params, name=method, budget=budget, calm=calm)
        read(part.data)  # an answer nobody can read is not kept for anybody
        return part

    key = " ".join((method, *map(str, params.values())))
    part = await host.cached(key, fetch, age_ms_max=age_ms_max)
    return read(part.data)
