"""
The venues: adapters that turn an account at an exchange into a `Snapshot`.

Rule: adding a venue is one file here, its wire in `watcher.sim`, and one line in `VENUES`.
Venues do not know each other, and only the configured ones are imported: this module loads
neither ccxt nor aiohttp, so that names can be checked for nothing. `Credentials` and `Shared` are
in `watcher.venues.ccxt_venue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from watcher.domain.gauges import WeightGauge
from watcher.domain.topup import Verb

if TYPE_CHECKING:
    from watcher.domain.alert import Moment
    from watcher.ports import Money, Venue
    from watcher.venues.ccxt_venue import Credentials, Shared
    from watcher.venues.lean import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """
    One kind of pool, and what may be done there.

    ASSET and PAIR in `to` stand for a name; without `sources` nothing is moved there.
    """

    to: str
    sources: tuple[str, ...] = ()
    verbs: tuple[Verb, ...]


VENUES: Mapping[str, str] = MappingProxyType(
    {
        "binance": "watcher.venues.binance.adapter",
        "bybit": "watcher.venues.bybit.adapter",
        "okx": "watcher.venues.okx.adapter",
    }
)
"""Each module has a `DIALECT` and `open_account(account, client)`, an adapter for one account."""

CLOSED: Mapping[str, str] = MappingProxyType(
    {
        "bitmex": "BitMEX ceased operations on 2026-09-23",
        "bitmart": "BitMart is no longer in ccxt, which this program reads venues with",
        "coinex": "CoinEx is no longer in ccxt, which this program reads venues with",
    }
)
"""Venues people ask for that cannot be watched, and why."""


_WALLETS = ("spot", "funding")
_ALL = (Verb.MOVE, Verb.ADD_MARGIN, Verb.REPAY)
_NO_DEBT = (Verb.MOVE, Verb.ADD_MARGIN)
ROADS: Mapping[str, tuple[Road, ...]] = MappingProxyType(
    {
        "binance": (
            # isolated legs need single-asset mode
            Road(to="cross:multi", sources=_WALLETS, verbs=(Verb.MOVE,)),
            Road(to="cross:ASSET", sources=_WALLETS, verbs=_NO_DEBT),
            Road(to="coin:ASSET", sources=_WALLETS, verbs=_NO_DEBT),
            Road(to="margin", sources=_WALLETS, verbs=(Verb.MOVE, Verb.REPAY)),
            Road(to="isolated_margin:PAIR", verbs=(Verb.REPAY,)),
        ),
        "bybit": (Road(to="unified", sources=("funding",), verbs=_ALL),),
        # what is moved in pays a debt by itself
        "okx": (
            Road(to="unified", sources=("funding",), verbs=_NO_DEBT),
            Road(to="cross:ASSET", sources=("funding",), verbs=_NO_DEBT),
        ),
    }
)
"""To which pool what may be done, and from which wallets it is moved. There is no other way out."""


def open_venue(
    name: str,
    account: str,
    credentials: Credentials,
    *,
    endpoint: str | None,
    clock: Callable[[], Moment],
    timeout_s: float,
    log: Log,
    shared: Shared,
) -> Venue:
    """
    Return the adapter for one account. Nothing is sent before its `start`.

    Must be called inside the running event loop. *clock* is our own: waits and ages go by its
    steady time, receipts by its time of day.

    Raises: `KeyError` for a name not in `VENUES`; `ValueError` for an endpoint that is not on
    this machine; `Refused` for a key of a kind that cannot be used.
    """
    module = import_module(VENUES[name])
    host = shared.host(module.DIALECT, endpoint, clock=clock, timeout_s=timeout_s, log=log)
    elsewhere = import_module("watcher.venues.elsewhere")

    def far(other: str) -> object:
        there = import_module(VENUES[other])
        host = shared.host(there.DIALECT, endpoint, clock=clock, timeout_s=timeout_s, log=log)
        adapter = there.open_account(account, host.public)
        return elsewhere.Far(venue=adapter, perpetuals=there.DIALECT.perpetuals)

    opened: Venue = elsewhere.WithOthers(
        module.open_account(account, host.client(credentials)),
        module.DIALECT.perpetuals,
        [partial(far, other) for other in VENUES if other != name],
    )
    return opened


def open_money(
    name: str,
    account: str,
    credentials: Credentials,
    *,
    endpoint: str | None,
    clock: Callable[[], Moment],
    timeout_s: float,
    log: Log,
    shared: Shared,
) -> Money:
    """
    Return the money client for one account, apart from the one that reads. Nothing is sent before
    its `rights` were read, and nothing ever with a key that may withdraw.

    Raises: as `open_venue`.
    """
    module = import_module(VENUES[name])
    money = import_module(f"watcher.venues.{name}.money")
    sender = import_module("watcher.venues.sender")
    host = shared.host(module.DIALECT, endpoint, clock=clock, timeout_s=timeout_s, log=log)
    opened: Money = money.open_money(
        account,
        host.client(credentials),
        sender.Sender(host, credentials, window_ms=money.SIGNED_WINDOW_MS),
    )
    return opened


def weights_of(shared: Shared) -> list[WeightGauge]:
    """Return what each host of *shared* was asked for in the window that runs, and may be."""
    return [
        WeightGauge(
            venue=venue,
            endpoint=endpoint or "",
            budget=budget.name,
            used=budget.used(host.now_ms()),
            limit=budget.limit.weight,
        )
        for (venue, endpoint), host in shared.hosts.items()
        for budget in host.budgets.values()
    ]
