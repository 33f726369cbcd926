"""
Binance isolated margin (spot): every pair is an account of its own, with two assets.

Rule: pure. A pair's level is assets over debt at the pair's own index, without haircut; it is
liquidated at the ratio of the tier its debts lie in, which is read for each pair and never
assumed. Rows that do not add up to the account's totals are unreadable, not empty.

Sources and dates: docs/venues.md, section Binance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from watcher.domain.account import Asset, Family, Rules, VenueFlag, VenueRatio, VenueSays
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.fields import Row, row_of, rows_of

NO_DEBT_LEVEL = Decimal(999)
INDEX_GAP_MAX = Decimal("0.01")
"""How far a pair's index may lie from the public ones before it is taken for a stale answer."""

CALLS: Mapping[Decimal, Decimal] = MappingProxyType(
    {
        Decimal("1.05"): Decimal("1.10"),
        Decimal("1.15"): Decimal("1.19"),
        Decimal("1.18"): Decimal("1.22"),
    }
)
"""
Level of the margin call by the ratio of liquidation, from the venue's published table: no endpoint
tells it. A ratio that is not in here has no known call.
"""

CALM = frozenset({"EXCESSIVE", "NORMAL"})
FORCED = frozenset({"PRE_LIQUIDATION", "FORCE_LIQUIDATION"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One asset of a pair; `owned` includes what was borrowed."""

    asset: str
    owned: Decimal
    borrowed: Decimal
    interest: Decimal

    @property
    def owes(self) -> bool:
        return bool(self.borrowed or self.interest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One pair; `price` is its index, base in quote; `state` the venue's word for its level."""

    symbol: str
    base: Side
    quote: Side
    price: Decimal
    level: Decimal
    liquidation_price: Decimal | None
    state: str | None = None

    @property
    def pool(self) -> str:
        return f"isolated_margin:{self.symbol}"

    @property
    def owes(self) -> bool:
        return self.base.owes or self.quote.owes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """Ratios of debts up to these amounts, in coins."""

    liquidation: Decimal
    base_max: Decimal
    quote_max: Decimal


def read_pairs(data: object) -> tuple[Pair, ...]:
    """Return the pairs that hold or owe anything (margin/isolated/account)."""
    row = row_of(data, "binance isolated/account")
    pairs = tuple(pair for item in row.rows("assets") if (pair := _pair(item)) is not None)
    dust = Decimal("0.00000001")
    if row.not_negative("totalAssetOfBtc") > dust and not pairs:
        raise row.wrong("assets", "the pairs of the total")
    if row.not_negative("totalLiabilityOfBtc") > dust and not any(pair.owes for pair in pairs):
        raise row.wrong("assets", "the debts of the total")
    return pairs


def _pair(row: Row) -> Pair | None:
    base, quote = _side(row.row("baseAsset")), _side(row.row("quoteAsset"))
    if not any((side.owned or side.owes) for side in (base, quote)):
        return None  # opened and never used: the venue need not tell a price of it
    price = row.not_negative("liquidatePrice")
    return Pair(
        symbol=row.text("symbol"),
        base=base,
        quote=quote,
        price=row.positive("indexPrice"),
        level=row.not_negative("marginLevel"),
        liquidation_price=price or None,
        state=row.text_or_none("marginLevelStatus"),
    )


def _side(row: Row) -> Side:
    return Side(
        asset=row.text("asset"),
        owned=row.not_negative("free") + row.not_negative("locked"),
        borrowed=row.not_negative("borrowed"),
        interest=row.not_negative("interest"),
    )


def read_tiers(data: object, symbol: str) -> tuple[Tier, ...]:
    """Return the tiers of *symbol*, lowest first (margin/isolatedMarginTier)."""
    rows = rows_of(data, "binance isolatedMarginTier")
    for row in rows:
        if row.text("symbol") != symbol:
            raise row.wrong("symbol", repr(symbol))
    ordered = sorted(rows, key=lambda row: row.integer("tier"))
    tiers = []
    for row in ordered:
        ratio = row.positive("liquidationRiskRatio")
        if not ratio > 1:
            raise row.wrong("liquidationRiskRatio", "assets over debt above 1")
        tiers.append(
            Tier(
                liquidation=ratio,
                base_max=row.not_negative("baseAssetMaxBorrowable"),
                quote_max=row.not_negative("quoteAssetMaxBorrowable"),
            )
        )
    if not tiers:
        raise Unreadable(f"binance isolatedMarginTier: no tier of {symbol}")
    return tuple(tiers)


def ratio_of(pair: Pair, tiers: Sequence[Tier]) -> Decimal:
    """
    Return the level *pair* is liquidated at: that of the higher of its two debts' tiers.

    Debts beyond the last tier take the highest ratio there is.
    """
    for tier in tiers:
        if pair.base.borrowed <= tier.base_max and pair.quote.borrowed <= tier.quote_max:
            return tier.liquidation
    return max(tier.liquidation for tier in tiers)


def is_stale(pair: Pair, index: Callable[[str], Decimal | None]) -> bool:
    """Return whether the pair's index lies off the public ones, as far as they are known."""
    base, quote = index(pair.base.asset), index(pair.quote.asset)
    if base is None or quote is None:
        return False
    return abs(pair.price * quote - base) > INDEX_GAP_MAX * base


def add_pair(draft: Draft, pair: Pair, tiers: Sequence[Tier], quote: Decimal | None) -> None:
    """Add one pair's pool; *quote* is the price of its quote asset in the reference."""
    ratio = ratio_of(pair, tiers)
    draft.rules[pair.pool] = Rules(
        family=Family.DEBT_RATIO,
        liquidation_level=ratio,
        call_level=CALLS.get(ratio),
        used_margin_basis="debt",
    )
    if pair.state is not None and pair.state not in CALM:
        forced = pair.state in FORCED
        draft.flags.append(VenueFlag(pool=pair.pool, says=pair.state, forced=forced))
    # the placeholder of "no debt" beside a debt tells nothing
    silent = pair.owes and pair.level >= NO_DEBT_LEVEL
    draft.says[pair.pool] = VenueSays(
        ratio=None if silent else VenueRatio(name="marginLevel", value=pair.level),
        liquidation_prices={}
        if pair.liquidation_price is None
        else {pair.symbol: pair.liquidation_price},
    )
    if quote is None:
        draft.unmodelled[pair.pool] = f"no index price of {pair.quote.asset}"
        return
    for side, index in ((pair.base, pair.price * quote), (pair.quote, quote)):
        draft.assets.append(
            Asset(
                pool=pair.pool,
                asset=side.asset,
                wallet=side.owned,
                debt=side.borrowed,
                interest=side.interest,
                index=index,
            )
        )
