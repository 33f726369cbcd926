"""
Bybit's resting orders: which lists to ask for, what they say, what they cost.

Rule: pure. Only orders that may open a position are kept: an order that waits for its trigger has
no margin yet, one that may only reduce opens nothing. What they would lose (order price against
mark) is computed from the rows; what they ask for is not published and is the rest of the venue's
own total, never more than the initial margin it shows for them, told in each coin as a claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Claim, Order, Side
from watcher.ports import Unreadable
from watcher.venues.bybit.read import Book, Coin, Resting, Scope
from watcher.venues.bybit.tables import Tables, result_of, underlying_of
from watcher.venues.fields import Row

LINEAR = ("USDT", "USDC")
_ENDED = ("Filled", "Cancelled", "PartiallyFilledCanceled", "Rejected", "Deactivated")
_OPEN = {"New": True, "PartiallyFilled": True, "Triggered": True, "Untriggered": False}
_OPEN |= dict.fromkeys(_ENDED, False)


def order_scopes(book: Book) -> tuple[Scope, ...]:
    """Return the lists that hold this account's orders, by the coins that carry their margin."""
    coins = [coin.coin for coin in book.coins if coin.order_margin > 0]
    scopes = [Scope(category="linear", settle=coin) for coin in LINEAR if coin in coins]
    if any(coin not in LINEAR for coin in coins):
        scopes.append(Scope(category="inverse"))
    return tuple(scopes)


def read_orders(pages: Mapping[Scope, Sequence[object]], *, now_ms: int) -> tuple[Resting, ...]:
    """
    Return every order of *pages* that may open a position.

    Raises: `Unreadable`.
    """
    found: dict[str, Resting | None] = {}
    for scope, bodies in pages.items():
        for body in bodies:
            result = result_of(body, f"bybit orders {scope.category}", now_ms=now_ms)
            for row in result.rows("list"):
                # a row that moved to a later page while we turned them counts as it is there
                found[row.text("orderId")] = _order(row, scope)
    return tuple(order for order in found.values() if order is not None)


def _order(row: Row, scope: Scope) -> Resting | None:
    symbol = row.text("symbol")
    row = Row(row.data, f"bybit order {symbol}")
    opens = row.choice("orderStatus", _OPEN) and not row.flag("reduceOnly")
    if not (opens and row.not_negative("leavesQty")):
        return None
    if not row.amount_or_none("price") and row.text("orderType") == "Market":
        return None  # an order at the market's price does not rest
    return Resting(
        symbol=symbol,
        category=scope.category,
        settle=scope.settle_of(symbol),
        side=row.choice("side", {"Buy": Side.LONG, "Sell": Side.SHORT}),
        quantity=row.positive("leavesQty"),
        price=row.positive("price"),
    )


def composed(book: Book, tables: Tables, pool: str) -> tuple[Order, ...]:
    """
    Return the orders with the marks of their contracts.

    Raises: `Unreadable` naming the symbol when its mark is not known.
    """
    marks = {leg.symbol: leg.mark for leg in book.contracts}
    orders = []
    for one in book.orders:
        mark = marks.get(one.symbol, tables.marks.get(one.symbol))
        if mark is None:
            raise Unreadable(f"bybit order {one.symbol}: no mark known for its contract")
        orders.append(
            Order(
                pool=pool,
                symbol=one.symbol,
                underlying=underlying_of(one.symbol, one.settle),
                side=one.side,
                quantity=one.quantity,
                price=one.price,
                mark=mark,
                settle=one.settle,
                inverse=one.category == "inverse",
            )
        )
    return tuple(orders)


def order_loss(order: Order) -> Decimal:
    """Return what an order would lose at once if it filled, in its settle coin; 0 for a gain."""
    size = order.quantity if order.side is Side.LONG else -order.quantity
    if order.inverse:
        return max(ZERO, size / order.mark - size / order.price)
    return max(ZERO, size * (order.price - order.mark))


def order_claims(book: Book, tables: Tables, pool: str) -> tuple[Claim, ...]:
    """
    Return what resting orders ask for: the venue's total less positions and loans.

    It is told for all coins together and asked for in each one's own: their shares are those of
    the initial margin of their orders.
    """
    initial = {one.coin: _usd(one, one.order_margin, tables) for one in book.coins}
    whole, told = sum(initial.values(), ZERO), book.says.maintenance_margin
    if not whole or told is None:
        return ()
    known = sum((_usd(coin, _known_margin(coin, tables), tables) for coin in book.coins), ZERO)
    share = min(max(told - known, ZERO) / whole, ONE)
    return tuple(
        Claim(pool=pool, name="resting orders", settle=one.coin, amount=one.order_margin * share)
        for one in book.coins
        if share and initial[one.coin]
    )


def _known_margin(coin: Coin, tables: Tables) -> Decimal:
    rate = ZERO
    for bracket in tables.borrow.get(coin.coin, ()):
        if coin.borrowed > bracket.floor:
            rate = bracket.rate
    return coin.position_maintenance + coin.borrowed * rate


def _usd(coin: Coin, amount: Decimal, tables: Tables) -> Decimal:
    return amount * (coin.index or tables.usd.get(coin.coin, ZERO))
