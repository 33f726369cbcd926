"""
Binance USDⓈ-M futures: from the account and positionRisk bodies to pools.

Rule: pure. In single-asset mode every margin asset is one cross pool and every isolated leg a
pool of one; the cross pool is built from its own rows, because account totals mix in isolated
legs and, in this mode, count USDT only. In multi-assets mode the venue's totals are passed on and
nothing is computed.

An empty list of positions is believed only when the account's own figures agree with it. The two
bodies come from two requests: where they do not describe the same positions, `Torn` asks for
another pair.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from watcher.domain.account import (
    ZERO,
    Asset,
    Bracket,
    Family,
    Position,
    Rules,
    Side,
    VenueRatio,
    VenueSays,
)
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.setup import Marks, maintenance_of, underlying_of
from watcher.venues.fields import Row, row_of, rows_of
from watcher.venues.mismatch import mismatch

MARK_GAP_MAX = Decimal("0.01")
"""How far a row's mark may be from the public one: more is a body from another time."""

MAINTENANCE_GAP_MAX = Decimal("0.1")
"""Between the account's sum and the rows': two requests, two moments, never a tenth apart."""

TABLE_GAP_MAX = Decimal("0.000001")

Key = tuple[str, str]
"""Symbol and the venue's positionSide (BOTH, LONG, SHORT)."""


class Priced(Protocol):
    """A position with the mark its row tells."""

    @property
    def symbol(self) -> str: ...

    @property
    def mark(self) -> Decimal: ...


class Torn(Unreadable):
    """Two bodies that do not describe one moment; a second pair may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One open position as positionRisk has it, in the settle asset."""

    symbol: str
    position_side: str
    side: Side
    settle: str
    signed: Decimal
    entry: Decimal
    mark: Decimal
    unrealised: Decimal
    maintenance: Decimal
    initial: Decimal
    isolated_wallet: Decimal
    isolated: bool
    liquidation_price: Decimal | None

    @property
    def quantity(self) -> Decimal:
        return abs(self.signed)

    @property
    def notional(self) -> Decimal:
        return self.quantity * self.mark

    @property
    def pool(self) -> str:
        if self.isolated:
            return f"isolated:{self.symbol}:{self.side}"
        return f"cross:{self.settle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """One margin asset of the futures account. `maintenance` includes isolated legs."""

    asset: str
    cross_wallet: Decimal
    cross_unrealised: Decimal
    maintenance: Decimal
    position_initial: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesAccount:
    wallets: Mapping[str, Wallet]
    held: Mapping[Key, Decimal]
    margin_balance: Decimal
    maintenance: Decimal
    position_initial: Decimal


def read_account(data: object) -> FuturesAccount:
    row = row_of(data, "binance account")
    wallets = [_wallet(item) for item in row.rows("assets")]
    account = FuturesAccount(
        wallets={wallet.asset: wallet for wallet in wallets},
        held=_held(row.rows("positions")),
        margin_balance=row.amount("totalMarginBalance"),
        maintenance=row.not_negative("totalMaintMargin"),
        position_initial=row.not_negative("totalPositionInitialMargin"),
    )
    if not wallets and (account.margin_balance or row.amount("totalWalletBalance")):
        raise Unreadable("binance account: assets is empty, but the total balance is not 0")
    return account


def _wallet(row: Row) -> Wallet:
    return Wallet(
        asset=row.text("asset"),
        cross_wallet=row.amount("crossWalletBalance"),
        cross_unrealised=row.amount("crossUnPnl"),
        maintenance=row.not_negative("maintMargin"),
        position_initial=row.not_negative("positionInitialMargin"),
    )


def _held(rows: Iterable[Row]) -> dict[Key, Decimal]:
    amounts = {
        (row.text("symbol"), row.text("positionSide")): row.amount("positionAmt") for row in rows
    }
    return {key: amount for key, amount in amounts.items() if amount}


def read_legs(data: object) -> tuple[Leg, ...]:
    """Return the open positions; rows that stand for resting orders alone are left out."""
    rows = rows_of(data, "binance positionRisk")
    return tuple(_leg(row) for row in rows if row.amount("positionAmt"))


def _leg(row: Row) -> Leg:
    signed = row.amount("positionAmt")
    position_side = row.choice("positionSide", {"BOTH": "BOTH", "LONG": "LONG", "SHORT": "SHORT"})
    if (position_side == "LONG" and signed < 0) or (position_side == "SHORT" and signed > 0):
        raise row.wrong("positionAmt", f"the sign of a {position_side} position")
    isolated_wallet = row.amount("isolatedWallet")
    liquidation = row.amount_or_none("liquidationPrice")
    return Leg(
        symbol=row.text("symbol"),
        position_side=position_side,
        side=Side.LONG if signed > 0 else Side.SHORT,
        settle=row.text("marginAsset"),
        signed=signed,
        entry=row.positive("entryPrice"),
        mark=row.positive("markPrice"),
        unrealised=row.amount("unRealizedProfit"),
        maintenance=row.not_negative("maintMargin"),
        initial=row.not_negative("positionInitialMargin"),
        isolated_wallet=isolated_wallet,
        # both are "0" for cross legs; an isolated wallet may pass through 0, its margin then not
        isolated=bool(isolated_wallet or row.amount("isolatedMargin")),
        # "0" is how the venue says that there is none
        liquidation_price=liquidation if liquidation and liquidation > 0 else None,
    )


def check_agreement(account: FuturesAccount, legs: tuple[Leg, ...]) -> None:
    """
    Make sure both bodies tell of the same positions; in particular that none are missing.

    Raises: `Torn`.
    """
    listed = {(leg.symbol, leg.position_side): leg.signed for leg in legs}
    for key, amount in account.held.items():
        if listed.get(key) != amount:
            found = listed.get(key, "none")
            raise Torn(f"positions missing: account has {amount} {key[0]}, positionRisk {found}")
    for key, amount in listed.items():
        if key not in account.held:
            raise Torn(f"positions missing: positionRisk has {amount} {key[0]}, account none")
    for settle in {leg.settle for leg in legs} - set(account.wallets):
        raise Torn(f"binance account: asset {settle} is missing, a position settles in it")
    for wallet in account.wallets.values():
        _check_sums(wallet, [leg for leg in legs if leg.settle == wallet.asset])


def check_wallets(account: FuturesAccount, earlier: Collection[str]) -> None:
    """
    Make sure that wallets did not vanish all at once.

    The totals beside an empty list prove nothing in single-asset mode, where they count USDT only.
    *earlier* are the assets of the reading before.

    Raises: `Torn`.
    """
    if earlier and not account.wallets:
        raise Torn(f"assets missing: account lists none, it had {', '.join(sorted(earlier))}")


def _check_sums(wallet: Wallet, legs: list[Leg]) -> None:
    if not legs and (wallet.maintenance or wallet.position_initial):
        raise Torn(
            f"positions missing: account keeps {wallet.maintenance:f} {wallet.asset} for "
            "positions, positionRisk lists none"
        )
    everything = sum((leg.maintenance for leg in legs), ZERO)
    cross = sum((leg.maintenance for leg in legs if not leg.isolated), ZERO)
    low, high = cross * (1 - MAINTENANCE_GAP_MAX), everything * (1 + MAINTENANCE_GAP_MAX)
    if not low <= wallet.maintenance <= high:
        raise Torn(
            f"maintenance margin of {wallet.asset} is {wallet.maintenance:f} in account, "
            f"{everything:f} in positionRisk"
        )


def check_marks(positions: Iterable[Priced], marks: Marks) -> None:
    """
    Make sure the positions were priced now: each row's mark is close to the public one.

    Raises: `Torn`; `Unreadable` for public marks that are themselves old.
    """
    for one in positions:
        public = marks.mark(one.symbol)
        if public is not None and abs(one.mark - public) > MARK_GAP_MAX * public:
            raise Torn(
                f"positions are stale: mark of {one.symbol} is {one.mark:f}, publicly {public:f}"
            )


def disputed(legs: Iterable[Leg], tables: Mapping[str, tuple[Bracket, ...]]) -> list[str]:
    """Return the symbols whose table does not give the venue's own maintenance margin."""
    found = []
    for leg in legs:
        table = tables.get(leg.symbol)
        if table is None:
            continue
        gap = abs(maintenance_of(leg.notional, table) - leg.maintenance)
        if gap > TABLE_GAP_MAX * max(leg.maintenance, Decimal(1)):
            found.append(leg.symbol)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What positions are described with besides their own rows."""

    brackets: Mapping[str, tuple[Bracket, ...]]
    leverages: Mapping[str, Decimal]


def add_single_asset(
    draft: Draft, account: FuturesAccount, legs: tuple[Leg, ...], tables: Tables, marks: Marks
) -> None:
    """Add one cross pool per margin asset in use and one pool per isolated leg."""
    rules = Rules(family=Family.LINEAR_POOL)
    for wallet in account.wallets.values():
        mine = [leg for leg in legs if leg.settle == wallet.asset and not leg.isolated]
        index = marks.index(wallet.asset)
        if not mine and (not wallet.cross_wallet or index is None):
            continue
        pool = f"cross:{wallet.asset}"
        draft.rules[pool] = rules
        draft.says[pool] = _says(wallet.cross_wallet + wallet.cross_unrealised, mine)
        if index is None:
            draft.unmodelled[pool] = f"no index price of {wallet.asset}"
            continue
        draft.assets.append(
            Asset(pool=pool, asset=wallet.asset, wallet=wallet.cross_wallet, index=index)
        )
    for leg in legs:
        if leg.isolated:
            draft.rules[leg.pool] = rules
            draft.says[leg.pool] = _says(leg.isolated_wallet + leg.unrealised, [leg])
        add_position(draft, leg, leg.pool, tables, marks)


def add_position(draft: Draft, leg: Leg, pool: str, tables: Tables, marks: Marks) -> None:
    """
    Add *leg* to *pool*. What cannot be computed is held all the same: left out, it would look as
    if it were gone.
    """
    underlying = underlying_of(leg.symbol, leg.settle)
    table = tables.brackets.get(leg.symbol)
    if underlying is None:
        draft.unmodelled[pool] = f"{leg.symbol} settles in {leg.settle}: its coin is not known"
    elif table is None:
        draft.unmodelled[pool] = f"{leg.symbol} has no maintenance table"
    elif marks.mark(leg.symbol) is None:
        draft.unmodelled[pool] = f"{leg.symbol} has no public mark"
    else:
        off = mismatch(
            "maintenance margin",
            pool=pool,
            what=f"{leg.symbol} {leg.side}",
            ours=maintenance_of(leg.notional, table),
            told=leg.maintenance,
        )
        draft.mismatches += [] if off is None else [off]
    draft.positions.append(
        Position(
            pool=pool,
            symbol=leg.symbol,
            underlying=underlying or leg.symbol,
            side=leg.side,
            quantity=leg.quantity,
            entry=leg.entry,
            mark=leg.mark,
            settle=leg.settle,
            brackets=table or (),
            isolated_margin=leg.isolated_wallet if leg.isolated else None,
            initial_margin=leg.initial,
            leverage=tables.leverages.get(leg.symbol),
        )
    )


def _says(equity: Decimal, legs: list[Leg]) -> VenueSays:
    maintenance = sum((leg.maintenance for leg in legs), ZERO)
    return VenueSays(
        equity=equity,
        maintenance_margin=maintenance,
        used_margin=sum((leg.initial for leg in legs), ZERO),
        ratio=ratio_of(maintenance, equity),
        liquidation_prices=liquidation_prices(legs),
    )


def ratio_of(maintenance: Decimal, equity: Decimal) -> VenueRatio | None:
    # The venue's apps show maintenance / balance. At a balance of 0 or less it has no value and
    # the pool is liquidated: the amounts beside it say so.
    if equity <= 0:
        return None
    return VenueRatio(name="marginRatio", value=maintenance / equity)


def liquidation_prices(legs: Iterable[Leg]) -> dict[str, Decimal]:
    return {leg.symbol: leg.liquidation_price for leg in legs if leg.liquidation_price is not None}
