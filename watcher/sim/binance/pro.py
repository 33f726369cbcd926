"""
Cross Margin Pro of the practice Binance, in exact Decimals: level = (weighted collateral - debt -
what resting orders lose) / maintenance margin of the debts, liquidation at 1.

Rule: what the venue itself would compute (formulas P1 to P4 of its rules of 2025-01-21), in USDT;
what it does at the line is in rules. Shares nothing with `watcher.margin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.binance.lending import DebtRow, debt_table
from watcher.sim.binance.tables import ladder
from watcher.sim.things import ZERO, Account, PoolState
from watcher.sim.world import World

UNIT = "USDT"
CALL, LIQUIDATION, EARLY_STOP = Decimal("1.5"), Decimal(1), Decimal(2)
NO_DEBT_LEVEL = Decimal(999)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProPool:
    """One Pro account, in USDT."""

    collateral: Decimal
    liability: Decimal
    order_loss: Decimal
    maintenance_margin: Decimal

    @property
    def equity(self) -> Decimal:
        return self.collateral - self.liability - self.order_loss

    @property
    def level(self) -> Decimal:
        return self.equity / self.maintenance_margin if self.maintenance_margin else NO_DEBT_LEVEL

    @property
    def in_liquidation(self) -> bool:
        return self.maintenance_margin > 0 and self.equity <= LIQUIDATION * self.maintenance_margin

    @property
    def in_call_band(self) -> bool:
        return self.maintenance_margin > 0 and self.equity < CALL * self.maintenance_margin


def pro_pool(world: World, account: Account) -> ProPool:
    """Return P1 to P4 of the margin account."""
    collateral = liability = maintenance = ZERO
    for asset, held in account.wallet("margin").items():
        value = held * world.index_in(asset, UNIT)
        for floor, cap, rate in ladder(asset):
            collateral += max(ZERO, min(value, cap) - floor) * rate
    for asset, debt in account.debts.items():
        value = (debt.principal + debt.interest) * world.index_in(asset, UNIT)
        row = _row(debt_table(asset), value)
        liability += value
        maintenance += value * row.rate - row.fast
    return ProPool(
        collateral=collateral,
        liability=liability,
        order_loss=account.order_loss,
        maintenance_margin=maintenance,
    )


def _row(table: tuple[DebtRow, ...], value: Decimal) -> DebtRow:
    return next((row for row in table if value <= row.cap), table[-1])


def pro_state(pool: ProPool) -> PoolState:
    return PoolState(
        pool="margin",
        reference=UNIT,
        equity=pool.equity,
        maintenance_margin=pool.maintenance_margin,
        requirement=pool.maintenance_margin,
        health=pool.level if pool.maintenance_margin else None,
        margin_level=100 * pool.level if pool.maintenance_margin else None,
        venue_ratio=pool.level,
    )
