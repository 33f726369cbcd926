"""
Names to addresses, with a memory: a name server that fails does not make us blind.

Rule: where a look-up fails, or takes too long, the address that was good within the hour serves
(F11). Who answers there is proved by its certificate, as ever.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

RESOLVE_S = 2.0
"""Well within the time a request may take."""
KEPT_S = 3600.0

log = structlog.get_logger()


def remembering() -> Resolver:
    """Return the machine's own resolver, with a memory. For a running loop."""
    return Resolver(ThreadedResolver(), asyncio.get_running_loop().time)


class Resolver(AbstractResolver):
    """*inner* looks names up; *now_s* is a steady time in seconds."""

    def __init__(self, inner: AbstractResolver, now_s: Callable[[], float]) -> None:
        self._inner = inner
        self._now_s = now_s
        self._known: dict[tuple[str, int, int], tuple[float, list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """
        Return the addresses of *host*.

        Raises: `OSError` when it cannot be looked up, and was not within the hour.
        """
        key = (host, port, family)
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await self._inner.resolve(host, port, family)
        except OSError as error:
            at_s, kept = self._known.get(key, (0.0, []))
            age_s = self._now_s() - at_s
            # no words of its own: a time that is up would read as a request's
            why = (
                f"not looked up in {RESOLVE_S:g} s"
                if isinstance(error, TimeoutError)
                else str(error)
            )
            if not kept or age_s > KEPT_S:
                raise OSError(f"{host}: {why}") from error
            log.warning("dns.remembered", host=host, age_s=round(age_s), reason=why)
            return kept
        self._known[key] = (self._now_s(), found)
        return found

    async def close(self) -> None:
        await self._inner.close()
