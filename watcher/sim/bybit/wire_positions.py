"""
Bybit's private answers about positions and resting orders, in pages.

Rule: shapes of live payloads (2025-12 to 2026-03), figures of figures. Under portfolio
margin the per-position margins are ""; a flat leg asked for by symbol is a row of size "0" with
side ""; a position without a liquidation price has liqPrice "".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.bybit.figures import (
    Figures,
    LegFigures,
    figures,
    option_margin,
    option_mark,
)
from watcher.sim.bybit.prices import shown_liquidation_price
from watcher.sim.bybit.wire_market import instruments_of
from watcher.sim.bybit.wire_shapes import Refusal, amount, category, category_of, listed, page
from watcher.sim.things import ZERO, Account, Instrument, Option, Order
from watcher.sim.wire import short
from watcher.sim.world import World


def _wanted(world: World, query: Mapping[str, str], *, what: str) -> list[Instrument]:
    """
    Return the contracts a query names by symbol, settle coin or (inverse) not at all.

    Raises: `Refusal` 10001 when linear comes without either, as the venue does.
    """
    asked = category(query, "linear", "inverse", "option", "spot")
    symbol, settle = query.get("symbol"), query.get("settleCoin")
    if asked == "linear" and not (symbol or settle or query.get("baseCoin")):
        raise Refusal(
            10001,
            "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin "
            f"({what})",
        )
    found = instruments_of(world, asked) if asked in {"linear", "inverse"} else []
    if symbol:
        found = [one for one in found if one.symbol == symbol]
        if not found and asked in {"linear", "inverse"}:
            raise Refusal(10001, "params error: symbol invalid")
    return [one for one in found if settle in {None, "", one.settle}]


def position_list(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return pages of open positions, at most 200 a page and 20 unless told."""
    if query.get("category") == "option":
        options = [_option_row(world, account, one) for one in account.options]
        shown, cursor = page(options, query, default=20, most=200)
        return listed("option", shown, cursor)
    contracts = {one.symbol for one in _wanted(world, query, what="position/list")}
    now = figures(world, account)
    rows = [
        _position_row(account, now, one)
        for one in now.legs
        if one.leg.symbol in contracts or _is_left_over(world, one.leg.instrument, query)
    ]
    if query.get("symbol"):
        rows += _flat_rows(world, account, query["symbol"])
    shown, cursor = page(rows, query, default=20, most=200)
    return listed(query["category"], shown, cursor)


# held, although it is listed no more: shown where no symbol is asked for
def _is_left_over(world: World, one: Instrument, query: Mapping[str, str]) -> bool:
    return (
        (one.venue, one.symbol) not in world.instruments
        and not query.get("symbol")
        and category_of(one) == query["category"]
        and query.get("settleCoin") in {None, "", one.settle}
    )


def position_idx(account: Account, instrument: Instrument, side: str) -> int:
    # inverse contracts are one-way only
    if not account.hedge or instrument.inverse:
        return 0
    return 1 if side == "long" else 2


def _position_row(account: Account, now: Figures, one: LegFigures) -> dict[str, object]:
    leg = one.leg
    price = shown_liquidation_price(now, one)
    portfolio = account.flag("portfolio")
    initial, maintenance = amount(one.initial_margin), amount(one.maintenance_margin)
    return {
        **_row_frame(
            leg.symbol, position_idx(account, leg.instrument, leg.side), short(leg.leverage)
        ),
        "positionStatus": "Adl" if account.flag("adl") else "Normal",
        "isReduceOnly": account.flag("reduce_only"),
        "riskId": leg.instrument.brackets.index(one.row) + 1,
        "riskLimitValue": short(one.row.cap),
        "side": "Buy" if leg.side == "long" else "Sell",
        "size": short(leg.quantity),
        "avgPrice": short(round(leg.entry, 8)),
        "positionValue": amount(one.value),
        "markPrice": short(one.mark),
        "liqPrice": "" if portfolio or price is None else amount(price),
        "positionIM": "" if portfolio else initial,
        "positionIMByMp": "" if portfolio else initial,
        "positionMM": "" if portfolio else maintenance,
        "positionMMByMp": "" if portfolio else maintenance,
        "positionBalance": amount(leg.isolated_margin) if one.isolated else "0",
        "unrealisedPnl": amount(one.unrealised),
        "curRealisedPnl": amount(account.realised.get(leg.symbol, ZERO)),
        "cumRealisedPnl": amount(account.realised.get(leg.symbol, ZERO)),
        "adlRankIndicator": 2,
        "createdTime": str(leg.opened_us // 1000),
        "updatedTime": str(leg.updated_us // 1000),
        "seq": leg.id,
    }


def _row_frame(symbol: str, idx: int, leverage: str) -> dict[str, object]:
    return {
        "positionIdx": idx,
        "symbol": symbol,
        "leverage": leverage,
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "bustPrice": "",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "sessionAvgPrice": "",
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "tradeMode": 0,
        "tpslMode": "Full",
        "delta": "",
        "gamma": "",
        "vega": "",
        "theta": "",
    }


def _option_row(world: World, account: Account, one: Option) -> dict[str, object]:
    index = world.index(one.underlying)
    needs, mark = amount(option_margin(one, index)), option_mark(one, index)
    portfolio = account.flag("portfolio")
    gained = (1 if one.side == "long" else -1) * one.quantity * (mark - one.entry)
    return {
        **_row_frame(one.symbol, 0, ""),
        "riskId": 0,
        "riskLimitValue": "",
        "side": "Buy" if one.side == "long" else "Sell",
        "size": short(one.quantity),
        "avgPrice": short(one.entry),
        "positionValue": amount(one.quantity * mark),
        "markPrice": short(mark),
        "liqPrice": "",
        "positionIM": "" if portfolio else needs,
        "positionIMByMp": "" if portfolio else needs,
        "positionMM": "" if portfolio else needs,
        "positionMMByMp": "" if portfolio else needs,
        "positionBalance": "0",
        "unrealisedPnl": amount(gained),
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "adlRankIndicator": 0,
        "createdTime": str(world.start_us // 1000),
        "updatedTime": str(world.start_us // 1000),
        "seq": 1,
    }


def _flat_rows(world: World, account: Account, symbol: str) -> list[dict[str, object]]:
    # asked by symbol, the venue also shows the legs that are flat
    found = next(
        one for one in world.instruments.values() if one.symbol == symbol and one.venue == "bybit"
    )
    hedge = account.hedge and not found.inverse
    held = {side for name, side in account.positions if name == symbol}
    if hedge:
        missing = [(1, "long"), (2, "short")]
        return [_flat_row(account, found, idx) for idx, side in missing if side not in held]
    return [] if held else [_flat_row(account, found, 0)]


def _flat_row(account: Account, instrument: Instrument, idx: int) -> dict[str, object]:
    leverage = account.leverage.get(instrument.symbol, Decimal(10))
    row = instrument.brackets[0]
    return {
        **_row_frame(instrument.symbol, idx, short(leverage)),
        "riskId": 1,
        "riskLimitValue": short(row.cap),
        "side": "",
        "size": "0",
        "avgPrice": "0",
        "positionValue": "",
        "markPrice": "",
        "liqPrice": "0",
        "positionIM": "",
        "positionIMByMp": "",
        "positionMM": "",
        "positionMMByMp": "",
        "positionBalance": "0",
        "unrealisedPnl": "",
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "adlRankIndicator": 0,
        "createdTime": "0",
        "updatedTime": "0",
        "seq": -1,
    }


def open_orders(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return resting orders, at most 50 a page and 20 unless told."""
    contracts = {one.symbol for one in _wanted(world, query, what="order/realtime")}
    rows = [
        _order_row(account, one)
        for one in account.orders.values()
        if one.instrument.symbol in contracts
    ]
    shown, cursor = page(rows, query, default=20, most=50)
    return listed(query["category"], shown, cursor)


def _order_row(account: Account, order: Order) -> dict[str, object]:
    created = str(order.created_us // 1000)
    return {
        "orderId": str(order.id),
        "orderLinkId": "",
        "blockTradeId": "",
        "symbol": order.instrument.symbol,
        "price": short(order.price),
        "qty": short(order.quantity),
        "side": "Buy" if order.side == "long" else "Sell",
        "isLeverage": "",
        "positionIdx": position_idx(account, order.instrument, order.side),
        "orderStatus": "New",
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError",
        "avgPrice": "",
        "leavesQty": short(order.quantity),
        "leavesValue": amount(order.quantity * order.price),
        "cumExecQty": "0",
        "cumExecValue": "0",
        "cumExecFee": "0",
        "timeInForce": "GTC",
        "orderType": "Limit",
        "stopOrderType": "",
        "triggerPrice": "",
        "takeProfit": "",
        "stopLoss": "",
        "reduceOnly": False,
        "closeOnTrigger": False,
        "createdTime": created,
        "updatedTime": created,
    }
