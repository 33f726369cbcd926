"""
What OKX's answers have in common: its numbers, its refusals, the words for its modes.

Rule: everything is text; "" says "not applicable" and is never zero. Amounts have up to sixteen
decimals without trailing zeros, as the venue prints them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from watcher.sim.wire import short

LEVEL_OF_MODE: Mapping[str, str] = {"spot": "1", "futures": "2", "multi": "3", "portfolio": "4"}
"""`acctLv` of a world account's mode."""


class Refusal(Exception):
    """The venue says no: its code, its words, the HTTP status they come under."""

    def __init__(self, code: int, message: str, *, status: int = 200) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def amount(value: Decimal) -> str:
    """Return *value* to sixteen decimals (fewer for large numbers) without trailing zeros."""
    # 28 digits is what the venue's numbers and ours hold; a big total gives up decimals
    places = min(16, max(0, 27 - value.adjusted())) if value else 0
    return short(value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN))


def optional(value: Decimal | None) -> str:
    """Return *value* as `amount` does, "" for None."""
    return "" if value is None else amount(value)


def needed(query: Mapping[str, str], name: str) -> str:
    """Return a required parameter. Raises: `Refusal` 50014 without it."""
    value = query.get(name, "")
    if not value:
        raise Refusal(50014, f"Parameter {name} can not be empty")
    return value
