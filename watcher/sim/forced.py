"""
What a venue does by force, written down: orders cancelled, positions taken over, collateral sold.

Rule: the record only; the deed itself, and its arithmetic, are the venue's own rules.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.things import ZERO, Account, ForcedAct, Liquidation
from watcher.sim.world import World


def record(
    world: World,
    account: Account,
    *,
    pool: str,
    kind: ForcedAct,
    symbol: str,
    side: str,
    quantity: Decimal,
    price: Decimal,
    fee: Decimal = ZERO,
    note: str = "",
) -> None:
    """Write down one forced act of now."""
    account.liquidations.append(
        Liquidation(
            at_us=world.now_us,
            account=account.name,
            pool=pool,
            kind=kind,
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=price,
            fee=fee,
            note=note,
        )
    )
    world.touch()
