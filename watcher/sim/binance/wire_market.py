"""
Binance USDⓈ-M bodies that are the same for everybody (`/fapi`): contracts, marks, brackets.

Rule: field for field the venue's own samples, numbers as the venue prints them (text, eight
decimals; brackets as JSON numbers).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from watcher.sim.binance.tables import (
    BUFFER_OTHERS,
    BUFFERS,
    FUTURES_ASSETS,
    FUTURES_LIQUIDATION_FEE,
)
from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.things import ONE, Instrument
from watcher.sim.wire import short, text

FUNDING_INTERVAL_MS = 8 * 3600 * 1000
ONBOARD_MS = 1_569_398_400_000
NEVER_MS = 4_133_404_800_000


def eight(value: Decimal) -> str:
    return text(value, 8)


def perpetuals(ask: Ask) -> list[Instrument]:
    listed = ask.world.instruments.values()
    return [one for one in listed if one.venue == "binance" and not one.inverse]


def chosen(ask: Ask) -> list[Instrument]:
    """Return the contract asked for, or all. Raises: `Refusal` -1121 for an unknown symbol."""
    symbol = ask.params.get("symbol")
    if not symbol:
        return perpetuals(ask)
    found = ask.world.instruments.get(("binance", symbol))
    if found is None or found.inverse:
        raise Refusal(-1121, "Invalid symbol.")
    return [found]


def one_or_all(row: Callable[[Ask, Instrument], object]) -> Callable[[Ask], object]:
    """Return a body that is one object for a symbol, a list without."""

    def body(ask: Ask) -> object:
        rows = [row(ask, one) for one in chosen(ask)]
        return rows[0] if ask.params.get("symbol") else rows

    return body


# ── public ─────────────────────────────────────────────────────────────────────────────────


def server_time(ask: Ask) -> object:
    return {"serverTime": ask.now_ms}


def ping(_: Ask) -> object:
    return {}


def exchange_info(ask: Ask) -> object:
    return {
        "timezone": "UTC",
        "serverTime": ask.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            },
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "-10000"}
            for asset in FUTURES_ASSETS
        ],
        "symbols": [_contract(one) for one in perpetuals(ask)],
    }


def _contract(one: Instrument) -> dict[str, object]:
    step, tick = short(one.quantity_step), text(one.price_tick)
    return {
        "symbol": one.symbol,
        "pair": one.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": NEVER_MS,
        "onboardDate": ONBOARD_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.underlying,
        "quoteAsset": one.quote,
        "marginAsset": one.settle,
        "pricePrecision": _decimals(one.price_tick),
        "quantityPrecision": _decimals(one.quantity_step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": text(FUTURES_LIQUIDATION_FEE, 6),
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick,
                "maxPrice": "4529764",
                "tickSize": tick,
            },
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "1000000", "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": "120000", "stepSize": step},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY"],
    }


def _decimals(step: Decimal) -> int:
    digits = short(step)
    return len(digits.partition(".")[2])


def premium(ask: Ask, one: Instrument) -> object:
    index = eight(ask.world.index_in(one.underlying, one.quote))
    return {
        "symbol": one.symbol,
        "markPrice": eight(ask.world.mark(one)),
        "indexPrice": index,
        "estimatedSettlePrice": index,
        "lastFundingRate": "0.00010000",
        "interestRate": "0.00010000",
        "nextFundingTime": (ask.now_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS,
        "time": ask.now_ms,
    }


def asset_index(ask: Ask) -> object:
    wanted = ask.params.get("symbol")
    rows = [_asset_index(ask, asset) for asset in _indexed(ask)]
    if not wanted:
        return rows
    for row in rows:
        if row["symbol"] == wanted:
            return row
    raise Refusal(-1121, "Invalid symbol.")


def _indexed(ask: Ask) -> list[str]:
    return [*ask.world.prices, *(name for name in ask.world.stables if name != "USD")]


def _asset_index(ask: Ask, asset: str) -> dict[str, object]:
    index = ask.world.index(asset)
    bid, ask_buffer = BUFFERS.get(asset, BUFFER_OTHERS)
    return {
        "symbol": f"{asset}USD",
        "time": ask.now_ms,
        "index": eight(index),
        "bidBuffer": eight(bid),
        "askBuffer": eight(ask_buffer),
        "bidRate": eight(index * (ONE - bid)),
        "askRate": eight(index * (ONE + ask_buffer)),
        "autoExchangeBidBuffer": eight(bid / 2),
        "autoExchangeAskBuffer": eight(ask_buffer / 2),
        "autoExchangeBidRate": eight(index * (ONE - bid / 2)),
        "autoExchangeAskRate": eight(index * (ONE + ask_buffer / 2)),
    }


def bracket_table(_: Ask, one: Instrument) -> object:
    return {
        "symbol": one.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": number,
                "initialLeverage": int(row.leverage_max),
                "notionalCap": int(row.cap),
                "notionalFloor": int(row.floor),
                "maintMarginRatio": float(row.rate),
                "cum": float(row.deduction),
            }
            for number, row in enumerate(one.brackets, start=1)
        ],
    }
