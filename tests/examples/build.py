"""
Snapshots from a few words: the builders the published examples are fed through, and what several
of them ask of a report.

Rule: an example's numbers go in as they stand, by name, as exact Decimals; what an example leaves
out takes the plainest value. One builder per shape of account, never one per example.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from watcher.domain.account import (
    Asset,
    Bracket,
    BracketKind,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    Weight,
)
from watcher.domain.alert import Measure
from watcher.domain.report import PoolReport
from watcher.margin import evaluate, required_top_up

POOL = "pool"

Given: TypeAlias = dict[str, Any]
Found: TypeAlias = dict[str, Any]


def dec(value: object) -> Decimal:
    """Return an example's number exactly as written; JSON floats by their shortest text."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))


def table(rows: Iterable[Sequence[object]]) -> tuple[Bracket, ...]:
    """Return brackets of (floor, rate) or (floor, rate, deduction)."""
    return tuple(
        Bracket(
            floor=dec(row[0]), rate=dec(row[1]), deduction=dec(row[2]) if len(row) > 2 else None
        )
        for row in rows
    )


def up_to(rows: Sequence[Sequence[object]]) -> tuple[Bracket, ...]:
    """Return brackets of (upper limit, rate), as Bybit prints them."""
    floors = ["0", *(row[0] for row in rows[:-1])]
    return table([(floor, row[1]) for floor, row in zip(floors, rows, strict=True)])


def ladder(rows: Sequence[Sequence[object]], by: str) -> tuple[Weight, ...]:
    """Return a collateral ladder of (floor, ceiling, weight)."""
    return tuple(Weight(floor=dec(row[0]), weight=dec(row[2]), by=by) for row in rows)  # type: ignore[arg-type]


def coin(
    name: str,
    wallet: object,
    *,
    index: object = 1,
    debt: object = None,
    weight: object = 1,
    weights: tuple[Weight, ...] | None = None,
) -> Asset:
    return Asset(
        pool=POOL,
        asset=name,
        wallet=dec(wallet),
        index=dec(index),
        debt=None if debt is None else dec(debt),
        weights=weights if weights is not None else (Weight(weight=dec(weight)),),
    )


def leg(given: Given, **more: Any) -> Position:
    """
    Return a position from an example's own words: side, quantity, entry, mark, rate, deduction.

    The words differ by file; the first that is there is taken.
    """

    def word(*names: str, default: object = None) -> Any:
        return next((given[n] for n in names if given.get(n) is not None), default)

    symbol = str(word("symbol", "instId", default="BTCUSDT"))
    rate = word("mmr", "tier_mmr", default=0)
    deduction = word("cum", "deduction", "maint_amount", default=0)
    contract = word("contract_usd", "ct_val", "ct_val_usd", "contract_size", default=1)
    size = word("qty", "size", "contracts", "size_usd", "quantity", default=1)
    values: Given = {
        "symbol": symbol,
        "underlying": symbol[:3],
        "side": Side(word("side", default="long")),
        "quantity": abs(dec(size)),
        "contract_size": dec(contract),
        "entry": dec(word("entry", "entryPrice", "avgPx", "mark")),
        "mark": dec(word("mark", "markPrice", "entry")),
        "settle": "USDT",
        "fee_rate": dec(word("taker_fee", default=0)),
        "leverage": None if word("leverage") is None else dec(word("leverage")),
        "brackets": table([(0, rate, deduction)]),
    }
    return Position(pool=POOL, **(values | more))


def lump(pnl: object, margin: object, *, initial: object = None) -> Position:
    """Return one position that stands for totals an example gives: this P&L, this margin."""
    size = Decimal(10**6)
    return Position(
        pool=POOL,
        symbol="TOTAL",
        underlying="TOTAL",
        side=Side.LONG,
        quantity=size,
        entry=1 - dec(pnl) / size,
        mark=Decimal(1),
        settle="USD",
        initial_margin=None if initial is None else dec(initial),
        brackets=(Bracket(floor=Decimal(0), rate=Decimal(0), deduction=-dec(margin)),),
        bracket_kind=BracketKind.FLAT,
    )


def snapshot(
    rules: Rules, assets: Sequence[Asset] = (), positions: Sequence[Position] = (), **more: Any
) -> Snapshot:
    return Snapshot(
        venue="example",
        account="example",
        mode="example",
        taken_at_us=0,
        reference="USD",
        rules={POOL: rules},
        assets=tuple(assets),
        positions=tuple(positions),
        **more,
    )


def report(of: Snapshot) -> PoolReport:
    (pool,) = evaluate(of).pools
    return pool


def price_of(pool: PoolReport, symbol: str | None = None) -> float | None:
    """Return a liquidation price: of one position, or of the only one."""
    found = [p for p in pool.positions if symbol in (None, p.symbol)]
    return found[0].liquidation_price


def top_up_to_health(equity: object, margin: object, health: float) -> float | None:
    """Return the top-up of a pool known by its totals."""
    account = snapshot(haircut(), [coin("USD", equity)], [lump(0, margin)])
    return required_top_up(account, POOL, "USD", Measure.HEALTH, health)


def linear(**rules: Any) -> Rules:
    return Rules(family=Family.LINEAR_POOL, **rules)


def inverse(**rules: Any) -> Rules:
    return Rules(family=Family.INVERSE_POOL, **rules)


def haircut(**rules: Any) -> Rules:
    return Rules(family=Family.HAIRCUT_POOL, **rules)


def debt_ratio(level: object = "1.1", call: object = "1.3") -> Rules:
    return Rules(family=Family.DEBT_RATIO, liquidation_level=dec(level), call_level=dec(call))
