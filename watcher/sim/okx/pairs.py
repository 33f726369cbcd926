"""
OKX's spot-margin positions: ratio, rows and end of the isolated ones, rows of the cross ones.

Rule: the venue's formulas by its own names (account/positions, MARGIN), in the currency that is
held; exact Decimals, shares nothing with the margin engine. A long pair holds the base and owes
the quote. A cross one is a view of the account's own balances, which carry its debt. Drawn: a
fifth of what is held was posted as margin; all of a balance and of a debt is one cross position's.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.forced import record
from watcher.sim.okx.borrowing import borrow_tier
from watcher.sim.okx.figures import WALLET, Figures
from watcher.sim.okx.tables import BORROW
from watcher.sim.okx.wire_shapes import amount
from watcher.sim.things import ONE, Account, MarginPair, PoolState
from watcher.sim.world import World

POSTED = Decimal("0.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """One pair as the venue prints it, in the currency that is held."""

    name: str
    side: str
    holds: str
    owes: str
    held: Decimal
    owed: Decimal
    mark: Decimal
    debt: Decimal
    maintenance_margin: Decimal
    liquidation_fee: Decimal
    liquidation_price: Decimal

    @property
    def margin(self) -> Decimal:
        return self.held * POSTED

    @property
    def unrealised(self) -> Decimal:
        return self.held - self.debt - self.margin

    @property
    def need(self) -> Decimal:
        return self.maintenance_margin + self.liquidation_fee

    @property
    def ratio(self) -> Decimal:
        return (self.margin + self.unrealised) / self.need


def pair_figures(world: World, account: Account, pair: MarginPair) -> PairFigures:
    long = pair.owed(pair.quote) > 0
    holds, owes = (pair.base, pair.quote) if long else (pair.quote, pair.base)
    mark, owed, held = world.index_in(pair.base, pair.quote), pair.owed(owes), pair.balance(holds)
    rate = borrow_tier(BORROW[owes], owed).maintenance_rate
    debt = owed / mark if long else owed * mark
    kept = owed * (ONE + rate) * (ONE + account.taker_fee)
    return PairFigures(
        name=f"{pair.base}-{pair.quote}",
        side="long" if long else "short",
        holds=holds,
        owes=owes,
        held=held,
        owed=owed,
        mark=mark,
        debt=debt,
        maintenance_margin=debt * rate,
        liquidation_fee=debt * (ONE + rate) * account.taker_fee,
        liquidation_price=kept / held if long else held / kept,
    )


def pair_pool(world: World, one: PairFigures) -> PoolState:
    index = world.index(one.holds)
    return PoolState(
        pool=f"isolated:{one.name}:{one.side}",
        reference="USD",
        equity=(one.margin + one.unrealised) * index,
        maintenance_margin=one.need * index,
        requirement=one.need * index,
        health=one.ratio,
        venue_ratio=one.ratio,
        liquidation_prices={(one.name, one.side): one.liquidation_price},
    )


def enforce_pairs(world: World, account: Account) -> None:
    """At a ratio of 1 the pair is sold for its debt; the rest is the liquidation's."""
    for symbol, pair in list(account.pairs.items()):
        one = pair_figures(world, account, pair)
        if one.ratio > 1:
            continue
        record(
            world,
            account,
            pool=f"isolated:{one.name}:{one.side}",
            kind="full",
            symbol=one.name,
            side=one.side,
            quantity=one.held,
            price=one.mark,
        )
        del account.pairs[symbol]
        world.touch()


def pair_rows(world: World, account: Account) -> list[dict[str, object]]:
    """Return the position rows; a debt is a negative number."""
    return [
        _row(world, pair_figures(world, account, pair), number)
        for number, pair in enumerate(account.pairs.values())
    ]


def cross_rows(world: World, account: Account, now: Figures) -> list[dict[str, object]]:
    """Return the rows of cross positions: no margin and no ratio of their own."""
    return [
        _cross_row(world, account, now, base, quote)
        for base, quote in account.cross_pairs
        if now.currencies[base].owed or now.currencies[quote].owed
    ]


def _cross_row(
    world: World, account: Account, now: Figures, base: str, quote: str
) -> dict[str, object]:
    long = now.currencies[quote].owed > 0
    holds, owes = (base, quote) if long else (quote, base)
    mark, owed = world.index_in(base, quote), now.currencies[owes].owed
    debt = owed / mark if long else owed * mark
    tier = borrow_tier(BORROW[owes], owed)
    held, index = account.balance(WALLET, holds), world.index(holds)
    return {
        "instType": "MARGIN",
        "instId": f"{base}-{quote}",
        "posId": str(3 * 10**18 + account.cross_pairs.index((base, quote))),
        "posSide": "net",
        "pos": amount(held),
        "posCcy": holds,
        "mgnMode": "cross",
        "ccy": "",
        "liab": amount(-owed),
        "liabCcy": owes,
        "interest": amount(now.currencies[owes].interest),
        "avgPx": amount(mark),
        "markPx": amount(mark),
        "last": amount(mark),
        "lever": "5",
        "margin": "",
        "imr": amount(debt * tier.initial_rate),
        "mmr": amount(debt * tier.maintenance_rate),
        "mgnRatio": "" if now.ratio is None else amount(now.ratio),
        "liqPx": "",
        "notionalUsd": amount(held * index),
        "upl": "0",
        "usdPx": amount(index),
        "baseBal": "",
        "quoteBal": "",
        "baseBorrowed": "",
        "quoteBorrowed": "",
        "adl": "",
        "cTime": str(world.start_us // 1000),
        "uTime": str(world.now_us // 1000),
    }


def _row(world: World, one: PairFigures, number: int) -> dict[str, object]:
    index = world.index(one.holds)
    return {
        "instType": "MARGIN",
        "instId": one.name,
        "posId": str(2 * 10**18 + number),
        "posSide": "net",
        "pos": amount(one.held),
        "posCcy": one.holds,
        "mgnMode": "isolated",
        "ccy": one.holds,
        "liab": amount(-one.owed),
        "liabCcy": one.owes,
        "interest": "0",
        "avgPx": amount(one.mark),
        "markPx": amount(one.mark),
        "last": amount(one.mark),
        "lever": "5",
        "margin": amount(one.margin),
        "imr": "",
        "mmr": amount(one.maintenance_margin),
        "mgnRatio": amount(one.ratio),
        "liqPx": amount(one.liquidation_price),
        "notionalUsd": amount(one.held * index),
        "upl": amount(one.unrealised),
        "usdPx": amount(index),
        "baseBal": "",
        "quoteBal": "",
        "baseBorrowed": "",
        "quoteBorrowed": "",
        "adl": "",
        "cTime": str(world.start_us // 1000),
        "uTime": str(world.now_us // 1000),
    }
