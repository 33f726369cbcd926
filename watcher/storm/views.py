"""
An account of the practice world as its venue's adapter would hand it over: a `Snapshot`.

Rule: the figures are the world's own; what they become is left to the adapters' composers, so that
the simulation runs the code that runs in production from there on. Only the wire and its readers
are left out; a test serves the same worlds over HTTP, reads them with the real adapters and finds
no figure that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from watcher.domain.account import Snapshot
from watcher.domain.status import KeyRights
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.storm.view_binance import binance_rights, binance_snapshot
from watcher.storm.view_bybit import bybit_rights, bybit_snapshot
from watcher.storm.view_okx import okx_rights, okx_snapshot

View = Callable[[World, Account, int], Snapshot]
Rights = Callable[[World, Account], tuple[str, KeyRights]]

_VIEWS: Mapping[str, View] = {
    "binance": binance_snapshot,
    "bybit": bybit_snapshot,
    "okx": okx_snapshot,
}
_RIGHTS: Mapping[str, Rights] = {
    "binance": binance_rights,
    "bybit": bybit_rights,
    "okx": okx_rights,
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


def rights_of(world: World, account: Account) -> tuple[str, KeyRights]:
    """
    Return an account's mode and its key's rights as its adapter tells them.

    Raises: `WithdrawalRight` for a key that may withdraw.
    """
    return _RIGHTS[account.venue](world, account)


def prices_of(world: World, venue: str, symbols: Sequence[str]) -> dict[str, float]:
    """Return the public marks of *venue* by underlying, for those of *symbols* it lists."""
    found: dict[str, float] = {}
    for symbol in symbols:
        one = world.instruments.get((venue, symbol))
        if one is not None:
            found.setdefault(one.underlying, float(world.mark(one)))
    return found
