"""
Bybit's lists in pages.

Rule: every page or none. A list cut short would hide positions or orders, so a cursor that repeats
itself or never ends makes the list unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from watcher.ports import Unreadable
from watcher.venues.bybit.read import Scope, next_cursor
from watcher.venues.ccxt_venue import Part

PAGES_MAX = 25


class Ask(Protocol):
    """How one answer is asked for."""

    async def __call__(self, method: str, params: Mapping[str, object], *, name: str) -> Part: ...


async def all_pages(ask: Ask, method: str, scope: Scope, name: str, *, rows: int) -> list[Part]:
    """
    Return every page of *scope*, in order.

    Raises: `Unreadable`.
    """
    pages: list[Part] = []
    params: dict[str, object] = {"category": scope.category, "limit": rows}
    if scope.settle is not None:
        params["settleCoin"] = scope.settle
    cursors: set[str] = set()
    while len(pages) < PAGES_MAX:
        page = await ask(method, params, name=name)
        pages.append(page)
        cursor = next_cursor(page.data, name)
        if cursor is None:
            return pages
        if cursor in cursors:
            raise Unreadable(f"bybit {name}: the pages repeat themselves")
        cursors.add(cursor)
        params = {**params, "cursor": cursor}
    raise Unreadable(f"bybit {name}: more than {PAGES_MAX} pages")


async def position_pages(ask: Ask, scope: Scope) -> list[Part]:
    return await all_pages(ask, "privateGetV5PositionList", scope, scope.name, rows=200)


async def order_pages(ask: Ask, scope: Scope) -> list[Part]:
    name = scope.name.replace("positions", "orders")
    return await all_pages(ask, "privateGetV5OrderRealtime", scope, name, rows=50)
