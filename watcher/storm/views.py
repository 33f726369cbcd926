"""
An account of the practice world as its venue's adapter would hand it over: a `Snapshot`.

Rule: the figures are the world's own; what they become is left to the adapters' composers, so that
the simulation runs the code that runs in production from there on. Only the wire and its readers
are left out; a test serves the same worlds over HTTP, reads them with the real adapters and finds
no figure that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watcher.domain.account import Snapshot
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.storm.view_binance import binance_snapshot
from watcher.storm.view_bybit import bybit_snapshot
from watcher.storm.view_okx import okx_snapshot

View = Callable[[World, Account, int], Snapshot]

_VIEWS: Mapping[str, View] = {
    "binance": binance_snapshot,
    "bybit": bybit_snapshot,
    "okx": okx_snapshot,
}


def snapshot_of(
    world: World, name: str, *, at_us: int | None = None, seen: Account | None = None
) -> Snapshot:
    """
    Return account *name* as its venue's adapter would read it now.

    *at_us*: the reader's own clock, the world's without. *seen*: the account as the venue shows
    it, where that is not what it is.
    """
    account = world.account(name) if seen is None else seen
    return _VIEWS[account.venue](world, account, world.now_us if at_us is None else at_us)
