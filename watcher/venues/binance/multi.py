"""
Binance USDⓈ-M multi-assets mode: all margin assets as one pool, in USD.

Rule: pure. What an asset holds, profit included, counts at its bid; what it owes, and what its
contracts require, at its ask; both are the venue's own (`assetIndex`), never rebuilt from a buffer.
An asset that is no margin counts for nothing but its debts. Isolated legs do not exist here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from watcher.domain.account import ZERO, Asset, Family, Rules, VenueSays, Weight
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.futures import (
    FuturesAccount,
    Leg,
    Tables,
    Wallet,
    add_position,
    liquidation_prices,
    ratio_of,
)
from watcher.venues.binance.setup import MARK_AGE_MS_MAX, REFERENCE, Marks, check_age
from watcher.venues.fields import Row, rows_of
from watcher.venues.mismatch import SHARE_ACROSS, collateral_mismatch

POOL = "cross:multi"
USD = "USD"
OF_ONE_CURRENCY = frozenset({Family.LINEAR_POOL, Family.INVERSE_POOL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`index` in USD; `weight` (bid) and `ask` as factors on it."""

    index: Decimal
    weight: Decimal
    ask: Decimal


@dataclass(frozen=True, slots=True)
class RateTable:
    """All rows of assetIndex by asset, and the newest time among them."""

    rows: Mapping[str, Row]
    newest_ms: int

    def at(self, now_ms: float) -> Rates:
        """
        Return the table for use now.

        Raises: `Unreadable` when not one rate of it is of now.
        """
        check_age(self.newest_ms, now_ms, MARK_AGE_MS_MAX, "asset indices")
        return Rates(self.rows, now_ms, self.newest_ms)


@dataclass(frozen=True, slots=True)
class Rates:
    """
    The rates as of the venue's time *now_ms*, read row by row on demand. `told_ms`: when the venue
    last wrote any of them; an index nobody trades may stand for a while, all of them do not.
    """

    rows: Mapping[str, Row]
    now_ms: float
    told_ms: float

    def of(self, asset: str) -> Rate | None:
        """
        Return the rate of *asset*, None where the venue prices it at nothing or not at all.

        Raises: `Unreadable` for one that is old, or whose bid and ask are not around its index.
        """
        row = self.rows.get(asset)
        if row is None or row.not_negative("index") == 0:
            return None
        check_age(row.time_ms("time"), self.now_ms, MARK_AGE_MS_MAX, f"index of {asset}")
        index, bid, ask = (row.not_negative(key) for key in ("index", "bidRate", "askRate"))
        if bid > index:
            raise row.wrong("bidRate", f"at most the index, {index:f}")
        if ask < index:
            raise row.wrong("askRate", f"at least the index, {index:f}")
        return Rate(index=index, weight=bid / index, ask=ask / index)


def read_rate_table(data: object) -> RateTable:
    """Return what assetIndex lists: pairs against USD, `BTCUSD`."""
    rows = {
        row.text("symbol").removesuffix(USD): row for row in rows_of(data, "binance assetIndex")
    }
    if not rows:
        raise Unreadable("binance assetIndex: the list is empty")
    return RateTable(rows, max(row.time_ms("time") for row in rows.values()))


def read_margin_assets(data: object) -> frozenset[str]:
    """Return the assets that count as margin: v3/balance, `marginAvailable`."""
    rows = rows_of(data, "binance futures balance")
    if not rows:
        raise Unreadable("binance futures balance: the list is empty")
    return frozenset(row.text("asset") for row in rows if row.flag("marginAvailable"))


def add_multi_assets(
    draft: Draft,
    account: FuturesAccount,
    legs: tuple[Leg, ...],
    tables: Tables,
    marks: Marks,
    rates: Rates,
    margin_assets: Collection[str],
) -> None:
    """Add the one pool of this mode, in USD, with the venue's own totals beside it."""
    draft.rules[POOL] = Rules(family=Family.HAIRCUT_POOL, margins_at="ask")
    draft.says[POOL] = VenueSays(
        equity=account.margin_balance,
        maintenance_margin=account.maintenance,
        used_margin=account.position_initial,
        ratio=ratio_of(account.maintenance, account.margin_balance),
        liquidation_prices=liquidation_prices(legs),
        # nobody says which prices the venue holds still while it looks for this one
        liquidation_estimated=True,
    )
    settles = {leg.settle for leg in legs}
    for wallet in account.wallets.values():
        if wallet.cross_wallet or wallet.asset in settles:
            _add_asset(draft, wallet, rates, margin_assets, is_settled_in=wallet.asset in settles)
    wallets = account.wallets
    holds = [
        (one, one.wallet + wallets[one.asset].cross_unrealised)
        for one in draft.assets
        if one.pool == POOL
    ]
    off = collateral_mismatch(POOL, holds, account.margin_balance, share=SHARE_ACROSS)
    if off is not None and POOL not in draft.unmodelled:
        draft.mismatches.append(off)
    for leg in legs:
        if leg.isolated:
            draft.unmodelled[POOL] = f"{leg.symbol} is isolated in multi-assets mode"
        add_position(draft, leg, POOL, tables, marks)


def _add_asset(
    draft: Draft,
    wallet: Wallet,
    rates: Rates,
    margin_assets: Collection[str],
    *,
    is_settled_in: bool,
) -> None:
    rate = rates.of(wallet.asset)
    if rate is None:
        # held without a price it is no collateral; owed or traded in it would be a risk unseen
        if wallet.cross_wallet < 0 or is_settled_in:
            draft.unmodelled[POOL] = f"no index price of {wallet.asset}"
        return
    counts = wallet.asset in margin_assets
    draft.assets.append(
        Asset(
            pool=POOL,
            asset=wallet.asset,
            wallet=wallet.cross_wallet,
            index=rate.index,
            ask=rate.ask,
            weights=(Weight(weight=rate.weight if counts else ZERO),),
        )
    )


def restate_in_usd(draft: Draft, rates: Rates) -> None:
    """
    Turn what the other pools are told in from USDT to USD, so that a snapshot has one reference.

    Figures of a pool of one currency are in that currency and stay.
    """
    usdt = rates.of(REFERENCE)
    if usdt is None:
        raise Unreadable(f"binance assetIndex: no index price of {REFERENCE}")
    price = usdt.index
    draft.assets[:] = [one if one.pool == POOL else _dearer(one, price) for one in draft.assets]
    for pool, rules in draft.rules.items():
        draft.rules[pool] = _dearer_rules(rules, price)
    for pool, says in draft.says.items():
        if pool != POOL and draft.rules[pool].family not in OF_ONE_CURRENCY:
            draft.says[pool] = replace(
                says,
                equity=_times(says.equity, price),
                maintenance_margin=_times(says.maintenance_margin, price),
                used_margin=_times(says.used_margin, price),
            )


def _dearer(asset: Asset, price: Decimal) -> Asset:
    weights = tuple(
        replace(one, floor=one.floor * price) if one.by == "usd" else one for one in asset.weights
    )
    return replace(asset, index=asset.index * price, weights=weights)


def _dearer_rules(rules: Rules, price: Decimal) -> Rules:
    # tables by value and order losses are in USDT as the venue tells them
    tables = rules.borrow_brackets
    if rules.borrow_bracket_by == "value":
        tables = {
            asset: tuple(
                replace(row, floor=row.floor * price, deduction=_times(row.deduction, price))
                for row in table
            )
            for asset, table in tables.items()
        }
    return replace(rules, borrow_brackets=tables, order_loss=rules.order_loss * price)


def _times(amount: Decimal | None, price: Decimal) -> Decimal | None:
    return None if amount is None else amount * price
