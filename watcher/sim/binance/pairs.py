"""
Isolated margin (spot) of the practice Binance: each pair is an account of two assets.

Level = (base x price + quote) / (base debt x price + quote debt), liquidation at the ratio of the
tier its debts lie in. Rule: what the venue itself would compute (I1 to I3), in the pair's quote,
and what it does at the line; shares nothing with `watcher.margin`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.binance.lending import PairTier, pair_tiers
from watcher.sim.binance.tables import MARGIN_CLEARANCE_FEE
from watcher.sim.forced import record
from watcher.sim.things import ONE, ZERO, Account, MarginPair, PoolState
from watcher.sim.world import World

NO_DEBT_LEVEL = Decimal(999)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPool:
    """One pair at its index *price*, values in its quote."""

    pair: MarginPair
    price: Decimal
    tier: PairTier
    assets: Decimal
    liability: Decimal

    @property
    def name(self) -> str:
        return f"isolated_margin:{self.pair.symbol}"

    @property
    def level(self) -> Decimal:
        return self.assets / self.liability if self.liability else NO_DEBT_LEVEL

    @property
    def in_liquidation(self) -> bool:
        return self.liability > 0 and self.assets <= self.tier.liquidation * self.liability

    @property
    def in_call_band(self) -> bool:
        return self.liability > 0 and self.assets <= self.tier.call * self.liability

    @property
    def status(self) -> str:
        if self.in_liquidation:
            return "FORCE_LIQUIDATION"
        if self.in_call_band:
            return "MARGIN_CALL"
        return "NORMAL" if self.level < 2 else "EXCESSIVE"

    @property
    def liquidation_price(self) -> Decimal | None:
        """I2: the index at which the level is the tier's."""
        ratio, pair = self.tier.liquidation, self.pair
        below = pair.balance(pair.base) - ratio * pair.owed(pair.base)
        above = ratio * pair.owed(pair.quote) - pair.balance(pair.quote)
        return above / below if below and above / below > 0 else None


def pair_pool(world: World, pair: MarginPair) -> PairPool:
    price = world.index_in(pair.base, pair.quote)
    tiers = pair_tiers(pair.symbol)
    fitting = (
        tier
        for tier in tiers
        if pair.borrowed(pair.base) <= tier.base_max and pair.borrowed(pair.quote) <= tier.quote_max
    )
    return PairPool(
        pair=pair,
        price=price,
        tier=next(fitting, tiers[-1]),
        assets=pair.balance(pair.base) * price + pair.balance(pair.quote),
        liability=pair.owed(pair.base) * price + pair.owed(pair.quote),
    )


def pair_pools(world: World, account: Account) -> list[PairPool]:
    return [pair_pool(world, pair) for pair in account.pairs.values()]


def pair_state(pool: PairPool) -> PoolState:
    over = pool.tier.liquidation - 1
    return PoolState(
        pool=pool.name,
        reference=pool.pair.quote,
        equity=pool.assets - pool.liability,
        maintenance_margin=over * pool.liability,
        requirement=over * pool.liability,
        health=(pool.level - 1) / over if pool.liability else None,
        margin_level=100 * pool.level if pool.liability else None,
        venue_ratio=pool.level,
    )


def enforce_pairs(world: World, account: Account) -> None:
    """Warn, and where the ratio is reached sell one asset of the pair for the other and repay."""
    for pool in pair_pools(world, account):
        if pool.in_liquidation:
            _liquidate(world, account, pool)
        elif pool.in_call_band:
            text = (
                f"Binance Margin Call: your isolated margin level of {pool.pair.symbol} is "
                f"{pool.level:.2f}. Repay or add collateral."
            )
            world.call_margin(account, pool.name, text)
        else:
            world.end_margin_call(account, pool.name)


def _liquidate(world: World, account: Account, pool: PairPool) -> None:
    # the whole debt at once: the venue may stop earlier, once above the initial ratio
    pair, price = pool.pair, pool.price
    for owed, held, rate in (
        (pair.quote, pair.base, price),
        (pair.base, pair.quote, ONE / price),
    ):
        debt = pair.debts.pop(owed, None)
        if debt is None:
            continue
        due = debt.principal + debt.interest
        own = min(due, pair.balance(owed))
        pair.credit(owed, -own)
        gross = min((due - own) * (ONE + MARGIN_CLEARANCE_FEE), pair.balance(held) * rate)
        pair.credit(held, -gross / rate)
        record(
            world,
            account,
            pool=pool.name,
            kind="sell_asset",
            symbol=held,
            side="sell",
            quantity=gross / rate,
            price=rate,
            fee=max(ZERO, gross - (due - own)),
        )
