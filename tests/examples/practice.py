"""
What a venue asks for to open a position, by the practice venue's own arithmetic.

The engine takes an initial margin as the venue tells it and never derives one. Where an example
prints one, the practice venue of that name computes it, the engine is told, and the report's
figure is the one compared.

Rule: formulas are those of `watcher.sim`; here positions only change their clothes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TypeAlias

from watcher.domain.account import Position
from watcher.sim.binance.legs import initial_margin as binance_initial
from watcher.sim.bybit.figures import initial_margin as bybit_initial
from watcher.sim.things import ONE, ZERO, BracketRow, Instrument
from watcher.sim.things import Position as Leg

Asks: TypeAlias = Callable[[Position], Decimal]


def practised(one: Position) -> Leg:
    """Return the practice venue's own position for *one* of the engine's."""
    assert one.leverage is not None
    # of its table an initial margin reads nothing
    row = BracketRow(floor=ZERO, cap=Decimal("inf"), rate=ZERO, initial_rate=ZERO, leverage_max=ONE)
    contract = Instrument(
        venue="example",
        symbol=one.symbol,
        underlying=one.underlying,
        quote="USD",
        settle=one.settle,
        brackets=(row,),
        source="example",
        inverse=one.inverse,
        contract_size=one.contract_size,
    )
    return Leg(
        instrument=contract,
        side=one.side.value,
        quantity=one.quantity,
        entry=one.entry,
        leverage=one.leverage,
    )


def of_binance(one: Position) -> Decimal:
    return binance_initial(practised(one), one.mark)


def of_bybit(one: Position) -> Decimal:
    """Cross: at the mark, with the fee to close."""
    return bybit_initial(practised(one), one.mark, one.fee_rate)


def of_bybit_at_entry(one: Position) -> Decimal:
    """Isolated, and everything before September 2025: at the entry."""
    return bybit_initial(practised(one), one.entry, one.fee_rate)


def asking(one: Position, asks: Asks) -> Position:
    """Return *one* as the venue would tell it; unchanged where no leverage is given."""
    return one if one.leverage is None else replace(one, initial_margin=asks(one))
