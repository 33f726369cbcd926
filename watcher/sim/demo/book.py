"""
Reads a book as a person writes it: `2 BTC long, 40 ETH short, 25k USDT`.

Rule: what cannot be read is refused with the part that was not understood; nothing is guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from watcher.sim.things import SideName

FORM = '"2 BTC long, 40 ETH short, 25k USDT"'
_POSITION = re.compile(r"^(?P<amount>[\d.]+)(?P<k>[km]?) (?P<coin>[A-Z0-9]+) (?P<side>long|short)$")
_CASH = re.compile(r"^(?P<amount>[\d.]+)(?P<k>[km]?) (?P<asset>USDT|USDC|BTC|ETH)$")
_TIMES = {"": Decimal(1), "k": Decimal(1000), "m": Decimal(1_000_000)}


class BookError(ValueError):
    """A part of the book that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBook:
    """Positions in coins and the collateral behind them."""

    legs: tuple[tuple[str, SideName, Decimal], ...]
    collateral: dict[str, Decimal]


def parse_book(text: str, coins: tuple[str, ...]) -> OwnBook:
    """
    Return the book *text* describes; *coins* are those the practice venue lists.

    Raises: `BookError` naming the part.
    """
    legs: list[tuple[str, SideName, Decimal]] = []
    collateral: dict[str, Decimal] = {}
    for part in (piece.strip() for piece in text.split(",")):
        if leg := _POSITION.match(part):
            if leg["coin"] not in coins:
                raise BookError(
                    f"--book: {leg['coin']} is not listed; there are {', '.join(coins)}"
                )
            side = cast("SideName", leg["side"])
            legs.append((leg["coin"], side, _amount(leg["amount"], leg["k"], part)))
        elif cash := _CASH.match(part):
            held = collateral.get(cash["asset"], Decimal(0))
            collateral[cash["asset"]] = held + _amount(cash["amount"], cash["k"], part)
        else:
            raise BookError(f"--book: cannot read {part!r}; write it like {FORM}")
    if not legs or not collateral:
        raise BookError(f"--book: needs a position and collateral; write it like {FORM}")
    return OwnBook(legs=tuple(legs), collateral=collateral)


def _amount(digits: str, times: str, part: str) -> Decimal:
    if digits.count(".") > 1 or digits == ".":
        raise BookError(f"--book: cannot read the number in {part!r}")
    amount = Decimal(digits) * _TIMES[times]
    if amount <= 0:
        raise BookError(f"--book: expected an amount above 0 in {part!r}")
    return amount
