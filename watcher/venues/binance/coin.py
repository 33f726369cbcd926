"""
Binance COIN-M futures: from the dapi bodies to one pool per coin, all in coin.

Rule: pure. Perpetual and dated contracts of one coin share its cross wallet; an isolated leg is a
pool of one. The margins of a leg are in the account body, its mark and liquidation price in
positionRisk, its size in exchangeInfo: the first two must tell of the same positions, or the pair
is `Torn`. What is missing is unreadable, never nought.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import (
    ONE,
    ZERO,
    Asset,
    Bracket,
    Family,
    Position,
    Rules,
    Side,
    VenueSays,
)
from watcher.ports import Unreadable
from watcher.venues.binance.draft import Draft
from watcher.venues.binance.futures import TABLE_GAP_MAX, Key, Torn, ratio_of
from watcher.venues.binance.setup import Marks, maintenance_of
from watcher.venues.fields import Row, check_chain, row_of, rows_of
from watcher.venues.mismatch import SHARE_ACROSS, mismatch

PRINTED = Decimal("0.00000002")
"""Margins of a leg are printed to eight decimals of the coin."""

SIDES = {"BOTH": "BOTH", "LONG": "LONG", "SHORT": "SHORT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """One coin of the COIN-M account. `maintenance` includes isolated legs."""

    asset: str
    wallet: Decimal
    cross_wallet: Decimal
    cross_unrealised: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """One open position as the account body has it, amounts in coin."""

    signed: Decimal
    maintenance: Decimal
    initial: Decimal
    unrealised: Decimal
    isolated: bool
    isolated_wallet: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinAccount:
    purses: Mapping[str, Purse]
    held: Mapping[Key, Needs]

    @property
    def is_used(self) -> bool:
        """Whether there is anything here to watch."""
        return bool(self.held) or any(purse.wallet for purse in self.purses.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One open position as positionRisk has it."""

    symbol: str
    position_side: str
    signed: Decimal
    entry: Decimal
    mark: Decimal
    leverage: Decimal
    isolated: bool
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What exchangeInfo tells of a contract: `size` is USD per contract."""

    underlying: str
    settle: str
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinTables:
    contracts: Mapping[str, Contract]
    brackets: Mapping[str, tuple[Bracket, ...]]


def read_account(data: object) -> CoinAccount:
    row = row_of(data, "binance coin account")
    purses = [_purse(item) for item in row.rows("assets")]
    if not purses:
        raise row.wrong("assets", "at least one coin, held or not")
    return CoinAccount(
        purses={purse.asset: purse for purse in purses},
        held={
            (item.text("symbol"), item.choice("positionSide", SIDES)): _needs(item)
            for item in row.rows("positions")
            if item.amount("positionAmt")
        },
    )


def _purse(row: Row) -> Purse:
    return Purse(
        asset=row.text("asset"),
        wallet=row.amount("walletBalance"),
        cross_wallet=row.amount("crossWalletBalance"),
        cross_unrealised=row.amount("crossUnPnl"),
        maintenance=row.not_negative("maintMargin"),
    )


def _needs(row: Row) -> Needs:
    return Needs(
        signed=row.amount("positionAmt"),
        maintenance=row.not_negative("maintMargin"),
        initial=row.not_negative("positionInitialMargin"),
        unrealised=row.amount("unrealizedProfit"),
        isolated=row.flag("isolated"),
        isolated_wallet=row.amount("isolatedWallet"),
    )


def read_risks(data: object) -> tuple[Risk, ...]:
    """Return the open positions; the body lists every contract, held or not."""
    rows = rows_of(data, "binance coin positionRisk")
    return tuple(_risk(row) for row in rows if row.amount("positionAmt"))


def _risk(row: Row) -> Risk:
    signed, side = row.amount("positionAmt"), row.choice("positionSide", SIDES)
    if (side == "LONG" and signed < 0) or (side == "SHORT" and signed > 0):
        raise row.wrong("positionAmt", f"the sign of a {side} position")
    liquidation = row.amount_or_none("liquidationPrice")
    return Risk(
        symbol=row.text("symbol"),
        position_side=side,
        signed=signed,
        entry=row.positive("entryPrice"),
        mark=row.positive("markPrice"),
        leverage=row.positive("leverage"),
        isolated=row.choice("marginType", {"cross": False, "isolated": True}),
        liquidation_price=liquidation if liquidation and liquidation > 0 else None,
    )


def read_contracts(data: object) -> dict[str, Contract]:
    """Return the contracts exchangeInfo lists, by symbol."""
    rows = row_of(data, "binance coin exchangeInfo").rows("symbols")
    if not rows:
        raise Unreadable("binance coin exchangeInfo: the list is empty")
    return {
        row.text("symbol"): Contract(
            underlying=row.text("baseAsset"),
            settle=row.text("marginAsset"),
            size=row.positive("contractSize"),
        )
        for row in rows
    }


def read_brackets(data: object) -> dict[str, tuple[Bracket, ...]]:
    """
    Return the maintenance table of every contract (v2 leverageBracket), floors in coin.

    The floor is `qtylFloor` in the documentation and `qtyFloor` elsewhere: either is taken.
    """
    listed = rows_of(data, "binance coin leverageBracket")
    if not listed:
        raise Unreadable("binance coin leverageBracket: the list is empty")
    named = ((row.text("symbol"), row.data) for row in listed)
    return {name: _table(Row(data, f"binance coin leverageBracket {name}")) for name, data in named}


def _table(row: Row) -> tuple[Bracket, ...]:
    coef = row.positive("notionalCoef") if row.has("notionalCoef") else ONE
    rows = sorted(((_floor(item), item) for item in row.rows("brackets")), key=lambda pair: pair[0])
    if not rows:
        raise row.wrong("brackets", "at least one row")
    ranges = ((floor, item.positive("qtyCap")) for floor, item in rows)
    check_chain(f"{row.where}.brackets", ranges)
    return tuple(
        Bracket(
            floor=floor * coef,
            rate=item.fraction("maintMarginRatio"),
            deduction=item.not_negative("cum") * coef,
        )
        for floor, item in rows
    )


def _floor(item: Row) -> Decimal:
    return item.not_negative("qtylFloor" if item.has("qtylFloor") else "qtyFloor")


def check_agreement(account: CoinAccount, risks: Iterable[Risk]) -> None:
    """
    Make sure both bodies tell of the same positions.

    Raises: `Torn`.
    """
    listed = {(risk.symbol, risk.position_side): risk for risk in risks}
    for key in {*account.held, *listed}:
        needs, risk = account.held.get(key), listed.get(key)
        ours = "none" if needs is None else f"{needs.signed:f}"
        theirs = "none" if risk is None else f"{risk.signed:f}"
        if ours != theirs:
            raise Torn(
                f"positions missing: coin account has {ours} {key[0]}, positionRisk {theirs}"
            )
        if needs is not None and risk is not None and needs.isolated != risk.isolated:
            raise Torn(f"coin account and positionRisk differ on whether {key[0]} is isolated")
    if not account.held:
        for purse in account.purses.values():
            if purse.maintenance:
                raise Torn(
                    f"positions missing: coin account keeps {purse.maintenance:f} {purse.asset} "
                    "for positions, positionRisk lists none"
                )


def check_purses(account: CoinAccount, earlier: Collection[str]) -> None:
    """
    Make sure that no coin that was held vanished from the list.

    Raises: `Torn`.
    """
    for asset in earlier:
        if asset not in account.purses:
            raise Torn(f"assets missing: coin account lists no {asset}, it held some")


def add_coins(
    draft: Draft,
    account: CoinAccount,
    risks: tuple[Risk, ...],
    tables: CoinTables,
    marks: Marks,
    index: Mapping[str, Decimal | None],
) -> None:
    """Add one pool per coin in use and one per isolated leg. *index* is in the reference."""
    legs: dict[str, list[tuple[Risk, Needs]]] = {}
    for risk in risks:
        needs = account.held[risk.symbol, risk.position_side]
        contract = tables.contracts.get(risk.symbol)
        if contract is None or contract.settle not in account.purses:
            raise Unreadable(f"binance coin account: {risk.symbol} settles in a coin not listed")
        pool = _pool_of(risk, contract)
        legs.setdefault(pool, []).append((risk, needs))
        draft.rules.setdefault(pool, Rules(family=Family.INVERSE_POOL))
        _add_position(draft, pool, risk, needs, contract, tables, marks)
    for purse in account.purses.values():
        pool = f"coin:{purse.asset}"
        mine = legs.pop(pool, [])
        if not mine and not purse.cross_wallet:
            continue
        draft.rules[pool] = Rules(family=Family.INVERSE_POOL)
        draft.says[pool] = _says(purse.cross_wallet + purse.cross_unrealised, mine)
        price = index.get(purse.asset)
        if price is None:
            draft.unmodelled[pool] = f"no index price of {purse.asset}"
            continue
        draft.assets.append(
            Asset(pool=pool, asset=purse.asset, wallet=purse.cross_wallet, index=price)
        )
    for pool, mine in legs.items():
        equity = sum((needs.isolated_wallet + needs.unrealised for _, needs in mine), ZERO)
        draft.says[pool] = _says(equity, mine)


def _pool_of(risk: Risk, contract: Contract) -> str:
    if risk.isolated:
        return f"isolated:{risk.symbol}:{_side(risk)}"
    return f"coin:{contract.settle}"


def _side(risk: Risk) -> Side:
    return Side.LONG if risk.signed > 0 else Side.SHORT


def _add_position(
    draft: Draft,
    pool: str,
    risk: Risk,
    needs: Needs,
    contract: Contract,
    tables: CoinTables,
    marks: Marks,
) -> None:
    table = tables.brackets.get(risk.symbol)
    if table is None:
        draft.unmodelled[pool] = f"{risk.symbol} has no maintenance table"
    elif marks.mark(risk.symbol) is None:
        draft.unmodelled[pool] = f"{risk.symbol} has no public mark"
    elif contract.underlying != contract.settle:
        draft.unmodelled[pool] = f"{risk.symbol} settles in {contract.settle}, not its own coin"
    else:
        off = mismatch(
            "maintenance margin",
            pool=pool,
            what=f"{risk.symbol} {_side(risk)}",
            ours=maintenance_of(abs(risk.signed) * contract.size / risk.mark, table),
            told=needs.maintenance,
            share=SHARE_ACROSS,
        )
        draft.mismatches += [] if off is None else [off]
    draft.positions.append(
        Position(
            pool=pool,
            symbol=risk.symbol,
            underlying=contract.underlying,
            side=_side(risk),
            quantity=abs(risk.signed),
            contract_size=contract.size,
            inverse=True,
            entry=risk.entry,
            mark=risk.mark,
            settle=contract.settle,
            brackets=table or (),
            isolated_margin=needs.isolated_wallet if risk.isolated else None,
            initial_margin=needs.initial,
            leverage=risk.leverage,
        )
    )


def _says(equity: Decimal, legs: list[tuple[Risk, Needs]]) -> VenueSays:
    maintenance = sum((needs.maintenance for _, needs in legs), ZERO)
    return VenueSays(
        equity=equity,
        maintenance_margin=maintenance,
        used_margin=sum((needs.initial for _, needs in legs), ZERO),
        ratio=ratio_of(maintenance, equity),
        liquidation_prices={
            risk.symbol: risk.liquidation_price
            for risk, _ in legs
            if risk.liquidation_price is not None
        },
        # of several contracts on one coin the venue moves one and holds the others still
        liquidation_estimated=len({risk.symbol for risk, _ in legs}) > 1,
    )


def doubtful(account: CoinAccount, risks: Iterable[Risk], tables: CoinTables) -> list[str]:
    """Return the symbols whose table or size is missing or does not give the venue's margin."""
    found = []
    for risk in risks:
        contract, table = tables.contracts.get(risk.symbol), tables.brackets.get(risk.symbol)
        if contract is None or table is None:
            found.append(risk.symbol)
            continue
        told = account.held[risk.symbol, risk.position_side].maintenance
        ours = maintenance_of(abs(risk.signed) * contract.size / risk.mark, table)
        if abs(ours - told) > max(TABLE_GAP_MAX * told, PRINTED):
            found.append(risk.symbol)
    return found
