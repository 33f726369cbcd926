"""
A Bybit unified account as its answers tell it: wallet and positions, from raw bodies to a `Book`.

Rule: pure. Answers become typed rows, and answers that contradict each other are refused
(maintenance without a position, coins that do not add up). Missing is `Unreadable`, never nought.
An empty list of positions is flat only because the wallet says so too.

What becomes of a book is `compose`'s affair; this file knows no brackets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ZERO, Side, VenueRatio, VenueSays
from watcher.ports import Unreadable
from watcher.venues.bybit.tables import Mode, option_of, result_of, settle_of_inverse
from watcher.venues.bybit.totals import haircut_loss
from watcher.venues.fields import Row

DUST_USD = Decimal("0.01")
"""Below this a balance is too short a number to tell the price of its coin."""
SEEN_SHARE_MIN = Decimal("0.9")
"""Positions that explain less than this share of the venue's own sum are not all of them."""
NO_PRICE_SHARE = Decimal("0.001")
"""A liquidation price below this share of the mark ("", "0", "0.0001") means none."""
OVERSTATED_SHARE = Decimal("0.05")
OVERSTATED_USD = Decimal(5)


class Torn(Unreadable):
    """The answers tell of different moments, or one of them is not whole: worth asking again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One answer list of positions: a category, and for linear the settle coin."""

    category: str
    settle: str | None = None

    @property
    def name(self) -> str:
        return " ".join(filter(None, ("positions", self.category, self.settle)))

    def settle_of(self, symbol: str) -> str:
        if self.settle is not None:
            return self.settle
        if self.category == "inverse":
            return settle_of_inverse(symbol)
        return "USDT" if symbol.endswith("-USDT") else "USDC"


SCOPES = (
    Scope(category="linear", settle="USDT"),
    Scope(category="linear", settle="USDC"),
    Scope(category="inverse"),
    Scope(category="option"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """
    One open position as the venue lists it. `state`: Normal, Liq or Adl; `reduce_only`: its risk
    limit was lowered under it, and the venue lets it only get smaller.
    """

    symbol: str
    category: str
    settle: str
    side: Side
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    unrealised_pnl: Decimal
    maintenance_margin: Decimal | None
    initial_margin: Decimal | None
    leverage: Decimal | None
    liquidation_price: Decimal | None
    state: str = "Normal"
    reduce_only: bool = False

    @property
    def inverse(self) -> bool:
        return self.category == "inverse"

    @property
    def sign(self) -> int:
        return 1 if self.side is Side.LONG else -1

    @property
    def pnl(self) -> Decimal:
        """The P&L our model will see: from the average entry, in the settle coin."""
        return self.pnl_at(self.mark)

    def pnl_at(self, price: Decimal) -> Decimal:
        if self.inverse:
            return self.sign * self.quantity * (1 / self.entry - 1 / price)
        return self.sign * self.quantity * (price - self.entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """One resting order that may open a position, as the venue lists it."""

    symbol: str
    category: str
    settle: str
    side: Side
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Coin:
    """
    One coin of the wallet. `index` is None where the balance is too small to tell it.

    `cash` is what is left of the balance once `lent` (`spotBorrow`) is given back; `borrowed` is
    what the venue asks margin for.
    """

    coin: str
    equity: Decimal = ZERO
    unrealised_pnl: Decimal = ZERO
    cash: Decimal = ZERO
    usd: Decimal = ZERO
    index: Decimal | None = None
    counts: bool = True
    lent: Decimal = ZERO
    borrowed: Decimal = ZERO
    position_maintenance: Decimal = ZERO
    order_margin: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """
    Wallet and positions of one moment, agreed with each other.

    `haircut_loss` is what resting spot orders take off the margin balance, in USD. `orders` may
    open contracts; they are asked for where a coin has margin for orders.
    """

    coins: tuple[Coin, ...]
    legs: tuple[Leg, ...]
    says: VenueSays
    total_equity: Decimal | None
    haircut_loss: Decimal = ZERO
    nothing_available: bool = False
    orders: tuple[Resting, ...] = ()

    @property
    def contracts(self) -> tuple[Leg, ...]:
        """The legs brackets are needed for."""
        return tuple(leg for leg in self.legs if leg.category != "option")

    @property
    def options(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.category == "option")

    @property
    def sold(self) -> tuple[Leg, ...]:
        """The options held short."""
        return tuple(leg for leg in self.options if leg.side is Side.SHORT)

    @property
    def index_wanted(self) -> frozenset[str]:
        """Coins whose index must come from tickers: owed or settled in, but too small to tell."""
        told = {coin.coin for coin in self.coins if coin.index is not None}
        settled = {leg.settle for leg in self.contracts} | {one.settle for one in self.orders}
        owed = {coin.coin for coin in self.coins if coin.equity < 0 or coin.lent}
        sold = {leg.settle for leg in self.sold}
        sold |= {shape[0] for leg in self.sold if (shape := option_of(leg.symbol)) is not None}
        return frozenset((settled | owed | sold) - told)


def read_book(
    mode: Mode,
    wallet: object,
    pages: Mapping[Scope, Sequence[object]],
    *,
    now_ms: int,
) -> Book:
    """
    Return the account as these answers tell it.

    *pages* holds every page of every scope; *now_ms* is the venue's clock as they came.

    Raises: `Unreadable`.
    """
    account = _only(result_of(wallet, "bybit wallet-balance", now_ms=now_ms))
    coins = tuple(_coin(row, mode) for row in account.rows("coin"))
    legs = tuple(
        leg for scope in SCOPES for leg in _legs(scope, pages[scope], mode=mode, now_ms=now_ms)
    )
    book = Book(
        coins=coins,
        legs=legs,
        says=_totals(account, mode, legs),
        total_equity=account.amount_or_none("totalEquity"),
        haircut_loss=haircut_loss(account) if mode.is_cross else ZERO,
        nothing_available=mode.is_cross and account.amount("totalAvailableBalance") <= 0,
    )
    if mode.is_cross:
        _check_positions(book, contract_wallet=mode.has_contract_wallet)
        _check_coins(book, account)
    return book


def next_cursor(body: object, name: str) -> str | None:
    """
    Return where the next page of a list starts, None after the last.

    A cursor also comes with a page that is not full; only an empty page or an empty cursor ends.
    """
    result = result_of(body, f"bybit {name}")
    cursor = result.data.get("nextPageCursor")
    if not isinstance(cursor, str):
        raise result.wrong("nextPageCursor", 'a text, "" on the last page')
    return cursor if cursor and result.rows("list") else None


def _only(result: Row) -> Row:
    rows = [row for row in result.rows("list") if row.text("accountType") == "UNIFIED"]
    if len(rows) != 1:
        raise Unreadable(f"{result.where}: {len(rows)} UNIFIED accounts in the list, expected 1")
    return rows[0]


def _coin(row: Row, mode: Mode) -> Coin:
    name = row.text("coin")
    row = Row(row.data, f"bybit wallet-balance {name}")
    equity, usd = row.amount("equity"), row.amount("usdValue")
    index = usd / equity if abs(usd) >= DUST_USD and equity else None
    if index is not None and index <= 0:
        raise row.wrong("usdValue", "the sign of equity")
    if not mode.is_cross:  # a coin is shown then, not counted, and half its fields are empty
        return Coin(coin=name, equity=equity, cash=row.amount("walletBalance"), index=index)
    return Coin(
        coin=name,
        equity=equity,
        unrealised_pnl=row.amount("unrealisedPnl"),
        cash=row.amount("walletBalance") - row.not_negative("spotBorrow"),
        lent=row.not_negative("spotBorrow"),
        usd=usd,
        index=index,
        # both switches are read before either decides: a missing one is an error either way
        counts=all([row.flag("marginCollateral"), row.flag("collateralSwitch")]),
        borrowed=row.amount("borrowAmount"),
        position_maintenance=row.amount("totalPositionMM"),
        order_margin=row.amount("totalOrderIM"),
    )


def _sum(row: Row, key: str, *, strict: bool) -> Decimal | None:
    # the account-wide sums are empty outside cross margin
    return row.amount(key) if strict else row.amount_or_none(key)


def _totals(account: Row, mode: Mode, legs: tuple[Leg, ...]) -> VenueSays:
    strict = mode.is_cross
    rate = _sum(account, "accountMMRate", strict=strict)
    return VenueSays(
        equity=_sum(account, "totalMarginBalance", strict=strict),
        maintenance_margin=_sum(account, "totalMaintenanceMargin", strict=strict),
        used_margin=_sum(account, "totalInitialMargin", strict=strict),
        ratio=None if rate is None else VenueRatio(name="accountMMRate", value=rate),
        liquidation_prices=liquidation_prices(legs),
        liquidation_estimated=mode.is_cross,
    )


def liquidation_prices(legs: Iterable[Leg]) -> dict[str, Decimal]:
    found: dict[str, list[Leg]] = {}
    for leg in legs:
        found.setdefault(leg.symbol, []).append(leg)
    prices = {}
    for symbol, held in found.items():
        for leg in held:
            name = symbol if len(held) == 1 else f"{symbol}:{leg.side}"
            if leg.liquidation_price is not None:
                prices[name] = leg.liquidation_price
    return prices


def _legs(scope: Scope, bodies: Sequence[object], *, mode: Mode, now_ms: int) -> list[Leg]:
    if not bodies:
        raise Unreadable(f"bybit {scope.name}: no answer was read")
    legs: dict[tuple[str, int], Leg | None] = {}
    for body in bodies:
        result = result_of(body, f"bybit {scope.name}", now_ms=now_ms)
        for row in result.rows("list"):
            # a row that moved to a later page while we turned them counts as it is there
            key = (row.text("symbol"), row.integer("positionIdx"))
            legs[key] = _leg(row, scope, mode)
    return [leg for leg in legs.values() if leg is not None]


def _leg(row: Row, scope: Scope, mode: Mode) -> Leg | None:
    symbol = row.text("symbol")
    row = Row(row.data, f"bybit position {symbol}")
    quantity = row.not_negative("size")
    if quantity == 0:  # hedge mode lists the empty leg too, with an empty side
        return None
    strict = not mode.is_portfolio and scope.category != "option"
    mark = row.positive("markPrice")
    return Leg(
        symbol=symbol,
        category=scope.category,
        settle=scope.settle_of(symbol),
        side=row.choice("side", {"Buy": Side.LONG, "Sell": Side.SHORT}),
        quantity=quantity,
        entry=row.positive("avgPrice"),
        mark=mark,
        unrealised_pnl=row.amount("unrealisedPnl"),
        maintenance_margin=_sum(row, "positionMM", strict=strict),
        initial_margin=_sum(row, "positionIM", strict=strict),
        leverage=row.positive("leverage") if strict else row.amount_or_none("leverage"),
        liquidation_price=_liquidation_price(row, mark),
        state=row.text_or_none("positionStatus") or "Normal",
        reduce_only=row.has("isReduceOnly") and row.flag("isReduceOnly"),
    )


def _liquidation_price(row: Row, mark: Decimal) -> Decimal | None:
    if "liqPrice" not in row.data:
        raise row.wrong("liqPrice", 'a price, or "" for none')
    price = row.amount_or_none("liqPrice")
    return None if price is None or price <= mark * NO_PRICE_SHARE else price


def listed_margins(book: Book, *, contract_wallet: bool) -> dict[str, Decimal]:
    """Return by coin what the positions listed ask for of the unified wallet."""
    seen: dict[str, Decimal] = {}
    for leg in book.legs:
        if not (contract_wallet and leg.inverse):
            seen[leg.settle] = seen.get(leg.settle, ZERO) + (leg.maintenance_margin or ZERO)
    return seen


def _check_positions(book: Book, *, contract_wallet: bool) -> None:
    """An answer without positions is believed only when the wallet carries none either."""
    seen = listed_margins(book, contract_wallet=contract_wallet)
    for coin in book.coins:
        told = coin.position_maintenance
        found = seen.get(coin.coin)
        if told > 0 and (found is None or found < told * SEEN_SHARE_MIN):
            raise Torn(
                f"positions missing: {coin.coin} wallet carries maintenance margin {told:f}, "
                f"the positions seen explain {found or ZERO:f}"
            )
    maintenance = book.says.maintenance_margin or ZERO
    explained = seen or any(coin.order_margin or coin.borrowed for coin in book.coins)
    if maintenance > 0 and not explained:
        raise Torn(
            f"positions missing: maintenance margin {maintenance:f} USD, "
            "but no position, order or borrowing was seen"
        )


def _check_coins(book: Book, account: Row) -> None:
    """Coins may add up to less than the total (some are priced at nought), never to more."""
    total = account.amount("totalEquity")
    listed = sum((coin.usd for coin in book.coins), ZERO)
    if listed > total + max(OVERSTATED_USD, abs(total) * OVERSTATED_SHARE):
        raise Torn(
            f"coins missing: those listed are worth {listed:.2f} USD, totalEquity says {total:.2f}"
        )
