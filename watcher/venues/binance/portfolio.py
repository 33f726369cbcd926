"""
Binance portfolio margin: one ratio for spot margin, USDⓈ-M and COIN-M together.

Rule: pure. Its engine cannot be rebuilt outside, so the pool is `reported`: the venue's `uniMMR`,
equity and maintenance margin rule. Positions are listed with the venue's liquidation prices,
which it calls approximate: they are shown and no distance is taken from them.

Sources and dates: docs/venues.md, section Binance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import (
    ONE,
    ZERO,
    Asset,
    Family,
    Position,
    Rules,
    Side,
    VenueFlag,
    VenueRatio,
    VenueSays,
)
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.setup import QUOTES, REFERENCE, Marks
from watcher.venues.fields import Row, row_of, rows_of

POOL = "portfolio"
LIQUIDATION = Decimal("1.05")
MARK_GAP_MAX = Decimal("0.01")
"""How far a position's mark may lie from the public one before it is taken for a stale answer."""

NORMAL = "NORMAL"
WARNED = frozenset({"MARGIN_CALL", "SUPPLY_MARGIN", "REDUCE_ONLY"})
FORCED = frozenset({"ACTIVE_LIQUIDATION", "FORCE_LIQUIDATION", "BANKRUPTED"})
STATES = frozenset({NORMAL}) | WARNED | FORCED
PRO_TYPES = frozenset({"PM_1", "PM_3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """The account's own figures, in USD; `used_margin` where it tells an initial margin."""

    equity: Decimal
    maintenance_margin: Decimal
    used_margin: Decimal | None
    ratio: Decimal
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One position; `coin` is what a COIN-M contract is margined in, None for USDⓈ-M."""

    symbol: str
    side: Side
    quantity: Decimal
    contract_size: Decimal
    entry: Decimal
    mark: Decimal
    liquidation_price: Decimal | None
    leverage: Decimal | None
    coin: str | None = None


def read_portfolio(data: object) -> Portfolio:
    """Return the account (papi account, or sapi portfolio/account, which tells less)."""
    row = row_of(data, "binance portfolio account")
    state = row.text("accountStatus")
    if state not in STATES:
        raise row.wrong("accountStatus", " or ".join(sorted(STATES)))
    initial = row.has("accountInitialMargin")
    return Portfolio(
        equity=row.amount("accountEquity"),
        maintenance_margin=row.not_negative("accountMaintMargin"),
        used_margin=row.not_negative("accountInitialMargin") if initial else None,
        ratio=row.amount("uniMMR"),
        state=state,
    )


def is_pro(data: object) -> bool:
    """Return whether sapi portfolio/account is of a PM Pro account (its SPAN kind included)."""
    row = row_of(data, "binance portfolio account")
    return row.has("accountType") and row.text("accountType") in PRO_TYPES


def read_linear(data: object) -> tuple[Holding, ...]:
    """Return the USDⓈ-M positions (papi um/positionRisk)."""
    rows = rows_of(data, "binance um/positionRisk")
    return tuple(_holding(row, ONE, None) for row in rows if row.amount("positionAmt"))


def read_inverse(data: object) -> tuple[Holding, ...]:
    """Return the COIN-M positions (papi cm/positionRisk), sized by the venue's own value."""
    rows = rows_of(data, "binance cm/positionRisk")
    return tuple(_coin_holding(row) for row in rows if row.amount("positionAmt"))


def _coin_holding(row: Row) -> Holding:
    symbol = row.text("symbol")
    coin = symbol.partition("_")[0].removesuffix("USD")
    value = abs(row.amount("notionalValue")) * row.positive("markPrice")
    each = value / abs(row.amount("positionAmt"))
    size = each.to_integral_value()
    # contracts are of whole dollars; the value is printed with eight decimals of a coin
    if not size or abs(each - size) > size / 100:
        raise row.wrong("notionalValue", "contracts of a whole number of USD")
    return _holding(row, size, coin)


def _holding(row: Row, size: Decimal, coin: str | None) -> Holding:
    amount = row.amount("positionAmt")
    price = row.amount_or_none("liquidationPrice")
    return Holding(
        symbol=row.text("symbol"),
        side=Side.LONG if amount > 0 else Side.SHORT,
        quantity=abs(amount),
        contract_size=size,
        entry=row.positive("entryPrice"),
        mark=row.positive("markPrice"),
        liquidation_price=price if price is not None and price > 0 else None,
        leverage=row.positive("leverage") if row.has("leverage") else None,
        coin=coin,
    )


def check_marks(held: Iterable[Holding], marks: Marks) -> None:
    """Raises: `Unreadable` for a USDⓈ-M position whose mark lies off the public one."""
    for one in held:
        public = marks.mark(one.symbol) if one.coin is None else None
        if public is not None and abs(one.mark - public) > MARK_GAP_MAX * public:
            raise Unreadable(
                f"stale: {one.symbol} is marked {one.mark:f}, the public mark is {public:f}"
            )


def add_portfolio(draft: Draft, told: Portfolio, held: Iterable[Holding], marks: Marks) -> None:
    """Add the pool as the venue reports it, and its positions as far as their coin has a price."""
    draft.rules[POOL] = Rules(family=Family.REPORTED, liquidation_level=LIQUIDATION)
    if told.state != NORMAL:
        draft.flags.append(VenueFlag(pool=POOL, says=told.state, forced=told.state in FORCED))
    prices: dict[str, Decimal] = {}
    found = tuple(held)
    sides = {(one.symbol, one.side) for one in found}
    for one in found:
        settle = one.coin or _quote(one.symbol)
        coin = one.coin or (settle and one.symbol.split("_", 1)[0].removesuffix(settle))
        index = None if settle is None else prices.get(settle) or marks.index(settle)
        if not settle or not coin or index is None:
            continue
        prices[settle] = index
        draft.positions.append(_position(one, settle, coin))
    draft.assets += [
        Asset(pool=POOL, asset=name, wallet=ZERO, index=price)
        for name, price in prices.items()
        if name != REFERENCE
    ]
    draft.says[POOL] = VenueSays(
        equity=told.equity,
        maintenance_margin=told.maintenance_margin,
        used_margin=told.used_margin,
        ratio=VenueRatio(name="uniMMR", value=told.ratio),
        liquidation_prices={
            f"{one.symbol}:{one.side}" if len(_both(one.symbol, sides)) > 1 else one.symbol: price
            for one in found
            if (price := one.liquidation_price) is not None
        },
        liquidation_estimated=True,
    )


def _both(symbol: str, sides: set[tuple[str, Side]]) -> list[Side]:
    return [side for name, side in sides if name == symbol]


def _quote(symbol: str) -> str | None:
    pair = symbol.split("_", 1)[0]
    return next((name for name in QUOTES if pair.endswith(name) and len(pair) > len(name)), None)


def _position(one: Holding, settle: str, coin: str) -> Position:
    return Position(
        pool=POOL,
        symbol=one.symbol,
        underlying=coin,
        side=one.side,
        quantity=one.quantity,
        contract_size=one.contract_size,
        entry=one.entry,
        mark=one.mark,
        settle=settle,
        inverse=one.coin is not None,
        leverage=one.leverage,
        brackets=(),
    )
