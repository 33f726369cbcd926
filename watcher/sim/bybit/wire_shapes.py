"""
What Bybit's answers have in common: its numbers, its pages, its refusals.

Rule: text as the venue prints it. USD totals and coin amounts have up to eight decimals and no
trailing zeros; rates are truncated, not rounded, to four (an account rate under 0.0001 prints
"0"). Cursors are opaque and already percent-encoded, as the venue's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import TypeVar
from urllib.parse import unquote

from watcher.sim.things import Instrument
from watcher.sim.wire import short

EIGHT = Decimal("0.00000001")
FOUR = Decimal("0.0001")

Row = TypeVar("Row")


class Refusal(Exception):
    """The venue says no: its code and its words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def amount(value: Decimal) -> str:
    """Return *value* to eight decimals without trailing zeros."""
    return short(value.quantize(EIGHT, ROUND_HALF_EVEN))


def rate(value: Decimal | None) -> str:
    """
    Return an account rate truncated to four decimals.

    >>> rate(Decimal("0.02002634")), rate(Decimal("0.00002"))
    ('0.02', '0')
    """
    # with nothing left to divide by, the venue shows a rate far beyond liquidation (drawn)
    return "9999" if value is None else short(value.quantize(FOUR, ROUND_DOWN))


def category_of(instrument: Instrument) -> str:
    return "inverse" if instrument.inverse else "linear"


def category(query: Mapping[str, str], *allowed: str) -> str:
    """Return the asked category. Raises: `Refusal` 10001 for none or a foreign one."""
    asked = query.get("category", "")
    if asked not in allowed:
        raise Refusal(10001, f"params error: Category is invalid ({asked or 'empty'})")
    return asked


def page(
    rows: Sequence[Row], query: Mapping[str, str], *, default: int, most: int
) -> tuple[Sequence[Row], str]:
    """
    Return one page of *rows* and the cursor of the next, "" at the end.

    Raises: `Refusal` 10001 for a limit or cursor the venue did not give.
    """
    limit = query.get("limit", str(default))
    cursor = unquote(query.get("cursor", ""))
    start = cursor.removeprefix("page_from=") if cursor else "0"
    if not (limit.isdigit() and int(limit) > 0 and start.isdigit()):
        raise Refusal(10001, "params error: limit or cursor is invalid")
    first, size = int(start), min(int(limit), most)
    end = first + size
    return rows[first:end], f"page_from%3D{end}" if end < len(rows) else ""


def listed(name: str, rows: Sequence[object], cursor: str = "") -> dict[str, object]:
    """Return the `result` of a paged list in a category."""
    return {"category": name, "list": list(rows), "nextPageCursor": cursor}
