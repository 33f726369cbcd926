"""
What moves with what: stable coins, staked forms of a coin, betas.

Rule: on a path one mover takes its marks, its index and its dated contracts with it by one
factor. A stable coin stands still when "everything" falls and has its own depeg distance; a
staked form moves with its coin; everything else moves one for one, unless `betas` says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from watcher.margin.book import Book, Flags, Floats

STABLES = frozenset(
    {
        "USD", "USDT", "USDC", "FDUSD", "USD1", "DAI", "USDE", "BFUSD", "TUSD", "USDP", "PYUSD",
        "RLUSD", "USDS", "USDG", "LDUSDT", "USDD", "BUSD",
    }
)  # fmt: skip

STAKED = {
    "WBETH": "ETH",
    "BETH": "ETH",
    "STETH": "ETH",
    "WSTETH": "ETH",
    "METH": "ETH",
    "CMETH": "ETH",
    "BNSOL": "SOL",
    "BBSOL": "SOL",
    "JITOSOL": "SOL",
    "OKSOL": "SOL",
    "WBTC": "BTC",
}


def is_stable(name: str) -> bool:
    return name.upper() in STABLES


def mover_of(name: str, betas: Collection[str]) -> str:
    """Return what moves coin *name*: itself when it has a beta of its own, else its parent coin."""
    return name if name in betas else STAKED.get(name.upper(), name)


def beta_of(name: str, betas: Mapping[str, float]) -> float:
    """Return how far *name* moves when everything moves by 1; nothing ("") stands still."""
    if not name:
        return 0.0
    return float(betas.get(name, 0.0 if is_stable(name) else 1.0))


def column_betas(book: Book, betas: Mapping[str, float]) -> Floats:
    """Return the beta of every price column of *book*."""
    return np.array([beta_of(name, betas) for name in book.movers])[book.mover]


def stable_movers(book: Book) -> Flags:
    """Return which movers of *book* are stable coins."""
    return np.array([is_stable(name) for name in book.movers])


def touched(book: Book) -> list[str]:
    """Return the coins that some sum, key or unit of *book* reads."""
    read = np.concatenate([book.t_col, book.k_by, book.k_unit])
    return [book.movers[number] for number in np.unique(book.mover[read]) if number]


def lone_coin(coins: Collection[str], betas: Mapping[str, float]) -> str | None:
    """
    Return the one of *coins* that moves when everything does, None where several do.

    Where it moves one for one its own path is the joint path, which need not be walked again.
    """
    moving = [coin for coin in coins if beta_of(coin, betas)]
    if len(moving) != 1 or beta_of(moving[0], betas) != 1 or is_stable(moving[0]):
        return None
    return moving[0]
