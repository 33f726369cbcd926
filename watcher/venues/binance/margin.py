"""
Binance cross margin (spot) and the wallets a top-up could draw on.

Rule: pure. Classic accounts are computed: level = assets over debt, both at the venue's index and
without haircut; the collateral weights ride along for borrowing rights only. Pro accounts and
portfolio margin follow rules not built yet and are `reported` with the venue's own figures.

An account without rows, or rows that do not add up to its own totals, is unreadable, not empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ZERO, Asset, Family, Rules, VenueRatio, VenueSays, Weight
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.setup import Bars
from watcher.venues.fields import Row, row_of, rows_of

POOL = "margin"
PORTFOLIO = "portfolio"
NO_DEBT_LEVEL = Decimal(999)
PRO_LIQUIDATION = Decimal(1)
UNI_MMR_LIQUIDATION = Decimal("1.05")
NOTHING_COUNTS = (Weight(weight=ZERO),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One asset of the margin account; `owned` includes what was borrowed."""

    asset: str
    owned: Decimal
    borrowed: Decimal
    interest: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAccount:
    """The venue's totals are in BTC. `holdings` leaves out assets neither owned nor owed."""

    pro: bool
    level: Decimal
    assets_btc: Decimal
    liability_btc: Decimal
    holdings: tuple[Holding, ...]

    @property
    def is_empty(self) -> bool:
        return not self.holdings


def read_margin(data: object) -> MarginAccount:
    row = row_of(data, "binance margin/account")
    holdings = [_holding(item) for item in row.rows("userAssets")]
    account = MarginAccount(
        pro=row.choice("accountType", {"MARGIN_1": False, "MARGIN_2": True}),
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
    if owed and account.level >= NO_DEBT_LEVEL and account.liability_btc > dust:
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


def add_margin_pro(draft: Draft, account: MarginAccount, btc: Decimal | None) -> None:
    """Add a Pro account as the venue reports it; liquidation is at a level of 1."""
    draft.rules[POOL] = Rules(family=Family.REPORTED, liquidation_level=PRO_LIQUIDATION)
    draft.says[POOL] = _says(account, btc)


def _says(account: MarginAccount, btc: Decimal | None) -> VenueSays:
    net = account.assets_btc - account.liability_btc
    return VenueSays(
        equity=None if btc is None else net * btc,
        used_margin=None if btc is None else account.liability_btc * btc,
        ratio=VenueRatio(name="marginLevel", value=account.level),
    )


def add_portfolio(draft: Draft, data: object) -> None:
    """Add a portfolio-margin account (papi account) as the venue reports it, in USD."""
    row = row_of(data, "binance papi account")
    draft.rules[PORTFOLIO] = Rules(family=Family.REPORTED, liquidation_level=UNI_MMR_LIQUIDATION)
    draft.says[PORTFOLIO] = VenueSays(
        equity=row.amount("accountEquity"),
        maintenance_margin=row.not_negative("accountMaintMargin"),
        used_margin=row.not_negative("accountInitialMargin"),
        ratio=VenueRatio(name="uniMMR", value=row.amount("uniMMR")),
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
