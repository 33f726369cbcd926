"""
Binance cross margin (spot) and the wallets a top-up could draw on.

Rule: pure. Classic: level = assets over debt, both at the venue's index and without haircut; the
collateral weights ride along for borrowing rights only. Pro: level = weighted collateral less debt
and less what resting orders lose, over the maintenance margin of the debts.

An account without rows, or rows that do not add up to its own totals, is unreadable, not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import (
    ZERO,
    Asset,
    Bracket,
    Family,
    Rules,
    VenueRatio,
    VenueSays,
    Weight,
)
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.setup import Bars, maintenance_of
from watcher.venues.fields import Row, row_of, rows_of
from watcher.venues.mismatch import SHARE_ACROSS, collateral_mismatch, mismatch

POOL = "margin"
NO_DEBT_LEVEL = Decimal(999)
PRO_CALL, PRO_LIQUIDATION = Decimal("1.5"), Decimal(1)
"""Documented, not told by any endpoint: tradeCoeff gives the bars of classic accounts."""
NOTHING_COUNTS = (Weight(weight=ZERO),)
COLLATERAL = "TotalCollateralValueInUSDT"
"""Spelled so by the venue, with a capital."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One asset of the margin account; `owned` includes what was borrowed."""

    asset: str
    owned: Decimal
    borrowed: Decimal
    interest: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAccount:
    """
    The venue's totals are in BTC, `collateral` (after haircut) and `order_loss` in USDT. A classic
    account can do without either (None: not told). `holdings` leaves out assets neither owned nor
    owed.
    """

    pro: bool
    level: Decimal
    assets_btc: Decimal
    liability_btc: Decimal
    holdings: tuple[Holding, ...]
    collateral: Decimal | None = None
    order_loss: Decimal | None = None

    @property
    def is_empty(self) -> bool:
        return not self.holdings


def read_margin(data: object) -> MarginAccount:
    row = row_of(data, "binance margin/account")
    holdings = [_holding(item) for item in row.rows("userAssets")]
    pro = row.choice("accountType", {"MARGIN_1": False, "MARGIN_2": True})
    account = MarginAccount(
        pro=pro,
        collateral=row.not_negative(COLLATERAL) if pro or COLLATERAL in row.data else None,
        order_loss=row.not_negative("totalOpenOrderLossInUSDT") if pro else None,
        level=row.not_negative("marginLevel"),
        assets_btc=row.not_negative("totalAssetOfBtc"),
        liability_btc=row.not_negative("totalLiabilityOfBtc"),
        holdings=tuple(item for item in holdings if item.owned or item.borrowed or item.interest),
    )
    _check_totals(account)
    return account


def _holding(row: Row) -> Holding:
    return Holding(
        asset=row.text("asset"),
        owned=row.not_negative("free") + row.not_negative("locked"),
        borrowed=row.not_negative("borrowed"),
        interest=row.not_negative("interest"),
    )


def _check_totals(account: MarginAccount) -> None:
    owned = any(item.owned for item in account.holdings)
    owed = any(item.borrowed or item.interest for item in account.holdings)
    # one satoshi of total may be rounding; an asset or a debt without a row is not
    dust = Decimal("0.00000001")
    if account.assets_btc > dust and not owned:
        raise Unreadable(f"assets missing: margin account totals {account.assets_btc:f} BTC")
    if account.liability_btc > dust and not owed:
        raise Unreadable(f"debts missing: margin account owes {account.liability_btc:f} BTC")
    # a Pro level is over the maintenance margin of the debts, and may well be above 999
    if not account.pro and owed and account.level >= NO_DEBT_LEVEL and account.liability_btc > dust:
        raise Unreadable(
            f"binance margin/account: marginLevel is {account.level:f} (no debt), "
            f"but {account.liability_btc:f} BTC are owed"
        )


def add_margin(
    draft: Draft,
    account: MarginAccount,
    bars: Bars,
    weights: Mapping[str, tuple[Weight, ...]],
    index: Callable[[str], Decimal | None],
) -> None:
    """Add the classic cross-margin pool. *index* gives the price of an asset in the reference."""
    draft.rules[POOL] = Rules(
        family=Family.DEBT_RATIO,
        liquidation_level=bars.liquidation,
        call_level=bars.call,
        used_margin_basis="debt",
    )
    draft.says[POOL] = _says(account, index("BTC"))
    _add_holdings(draft, account, weights, index)


def _add_holdings(
    draft: Draft,
    account: MarginAccount,
    weights: Mapping[str, tuple[Weight, ...]],
    index: Callable[[str], Decimal | None],
) -> None:
    for item in account.holdings:
        price = index(item.asset)
        if price is None:
            draft.unmodelled[POOL] = f"no index price of {item.asset}"
            continue
        draft.assets.append(
            Asset(
                pool=POOL,
                asset=item.asset,
                wallet=item.owned,
                debt=item.borrowed,
                interest=item.interest,
                index=price,
                weights=weights.get(item.asset, NOTHING_COUNTS),
            )
        )
    if account.collateral is None or POOL in draft.unmodelled:
        return
    holds = [(one, one.wallet) for one in draft.assets if one.pool == POOL]
    off = collateral_mismatch(POOL, holds, account.collateral, share=SHARE_ACROSS)
    draft.mismatches += [] if off is None else [off]


def add_margin_pro(
    draft: Draft,
    account: MarginAccount,
    tables: Mapping[str, tuple[Bracket, ...]],
    weights: Mapping[str, tuple[Weight, ...]],
    index: Callable[[str], Decimal | None],
) -> None:
    """Add a Pro pool; *tables* are the maintenance tables of debts by their value in USDT."""
    owed = [item.asset for item in account.holdings if item.borrowed or item.interest]
    draft.rules[POOL] = Rules(
        family=Family.HAIRCUT_POOL,
        liquidation_level=PRO_LIQUIDATION,
        call_level=PRO_CALL,
        debts="own",
        borrow_brackets={asset: tables[asset] for asset in owed if asset in tables},
        borrow_bracket_by="value",
        order_loss=account.order_loss or ZERO,
    )
    btc = index("BTC")
    equity = None
    if btc is not None and account.collateral is not None:
        equity = account.collateral - account.liability_btc * btc - (account.order_loss or ZERO)
    # the placeholder of "no debt" beside a debt tells nothing
    silent = bool(owed) and account.level == NO_DEBT_LEVEL
    draft.says[POOL] = VenueSays(
        equity=equity,
        ratio=None if silent else VenueRatio(name="marginLevel", value=account.level),
    )
    _add_holdings(draft, account, weights, index)
    for asset in owed:
        if asset not in tables:
            draft.unmodelled[POOL] = f"no maintenance table of debts in {asset}"
    if POOL not in draft.unmodelled:
        _compare_debts(draft, account, tables)


def _compare_debts(
    draft: Draft, account: MarginAccount, tables: Mapping[str, tuple[Bracket, ...]]
) -> None:
    """Compare our tables with the maintenance margin that the venue's level and equity imply."""
    says = draft.says[POOL]
    if says.equity is None or says.equity <= 0 or says.ratio is None or not says.ratio.value:
        return
    assert account.collateral is not None
    debts = [one for one in draft.assets if one.pool == POOL and (one.debt or one.interest)]
    asked = (maintenance_of(_owed(one) * one.index, tables[one.asset]) for one in debts)
    off = mismatch(
        "maintenance margin",
        pool=POOL,
        what="all debts",
        ours=sum(asked, ZERO),
        told=says.equity / says.ratio.value if debts else ZERO,
        # the equity is what is left of two large figures of two answers
        share=SHARE_ACROSS * account.collateral / says.equity,
    )
    draft.mismatches += [] if off is None else [off]


def _owed(one: Asset) -> Decimal:
    return (one.debt or ZERO) + (one.interest or ZERO)


def _says(account: MarginAccount, btc: Decimal | None) -> VenueSays:
    net = account.assets_btc - account.liability_btc
    return VenueSays(
        equity=None if btc is None else net * btc,
        used_margin=None if btc is None else account.liability_btc * btc,
        ratio=VenueRatio(name="marginLevel", value=account.level),
    )


def read_spot_wallet(data: object) -> dict[str, Decimal]:
    """Return what is free in the spot wallet (api account)."""
    return _free(row_of(data, "binance spot account").rows("balances"))


def read_funding_wallet(data: object) -> dict[str, Decimal]:
    """Return what is free in the funding wallet. It lists only what it holds."""
    return _free(rows_of(data, "binance funding"))


def _free(rows: tuple[Row, ...]) -> dict[str, Decimal]:
    amounts = {row.text("asset"): row.not_negative("free") for row in rows}
    return {asset: amount for asset, amount in amounts.items() if amount}
