"""
Binance USDⓈ-M bodies (`/fapi`), and the little of COIN-M and portfolio margin a reader may ask.

Rule: field for field the venue's own samples, numbers as the venue prints them (text, eight
decimals; brackets as JSON numbers). In single-asset mode the `total...` fields speak of USDT only.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from watcher.sim.rules_binance import FuturesPool, initial_margin, maintenance
from watcher.sim.tables_binance import FUTURES_ASSETS, FUTURES_LIQUIDATION_FEE
from watcher.sim.things import ONE, ZERO, Account, Instrument, Position
from watcher.sim.wire import short, text
from watcher.sim.wire_binance import Ask, Refusal, Route, Routes

FUNDING_INTERVAL_MS = 8 * 3600 * 1000
ONBOARD_MS = 1_569_398_400_000
NEVER_MS = 4_133_404_800_000
BUFFERS: dict[str, tuple[Decimal, Decimal]] = {
    "USDT": (ZERO, ZERO),
    "USDC": (ZERO, ZERO),
    "BTC": (Decimal("0.05"), Decimal("0.05")),
}
BUFFER_OTHERS = (Decimal("0.1"), Decimal("0.1"))


def eight(value: Decimal) -> str:
    return text(value, 8)


def perpetuals(ask: Ask) -> list[Instrument]:
    return [one for one in ask.world.instruments.values() if one.venue == "binance"]


def chosen(ask: Ask) -> list[Instrument]:
    """Return the contract asked for, or all. Raises: `Refusal` -1121 for an unknown symbol."""
    symbol = ask.params.get("symbol")
    if not symbol:
        return perpetuals(ask)
    found = ask.world.instruments.get(("binance", symbol))
    if found is None:
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


def _premium(ask: Ask, one: Instrument) -> object:
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


# ── signed ─────────────────────────────────────────────────────────────────────────────────


def _brackets(_: Ask, one: Instrument) -> object:
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


def account(ask: Ask) -> object:
    pools = ask.rules.futures(ask.world, ask.account)
    assets = [_asset(ask, name, pools) for name in _listed(pools)]
    usdt = next(row for row in assets if row["asset"] == "USDT")
    legs = ask.account.positions.values()
    return {
        "totalInitialMargin": usdt["initialMargin"],
        "totalMaintMargin": usdt["maintMargin"],
        "totalWalletBalance": usdt["walletBalance"],
        "totalUnrealizedProfit": usdt["unrealizedProfit"],
        "totalMarginBalance": usdt["marginBalance"],
        "totalPositionInitialMargin": usdt["positionInitialMargin"],
        "totalOpenOrderInitialMargin": usdt["openOrderInitialMargin"],
        "totalCrossWalletBalance": usdt["crossWalletBalance"],
        "totalCrossUnPnl": usdt["crossUnPnl"],
        "availableBalance": usdt["availableBalance"],
        "maxWithdrawAmount": usdt["maxWithdrawAmount"],
        "assets": assets,
        "positions": [_account_leg(ask, leg) for leg in legs],
    }


def _listed(pools: list[FuturesPool]) -> list[str]:
    held = [pool.asset for pool in pools if pool.asset not in FUTURES_ASSETS]
    return [*FUTURES_ASSETS, *dict.fromkeys(held)]


def _asset(ask: Ask, asset: str, pools: list[FuturesPool]) -> dict[str, object]:
    mine = [pool for pool in pools if pool.asset == asset]
    cross = [pool for pool in mine if not pool.isolated]
    world = ask.world
    margins = [
        (leg, initial_margin(leg, world.mark(leg.instrument))) for p in mine for leg in p.legs
    ]
    used = sum((margin for _, margin in margins), ZERO)
    cross_used = sum((margin for leg, margin in margins if leg.margin_mode == "cross"), ZERO)
    orders = _order_margin(ask.account, asset)
    wallet = sum((pool.wallet for pool in mine), ZERO)
    unrealised = sum((pool.unrealised for pool in mine), ZERO)
    cross_wallet = sum((pool.wallet for pool in cross), ZERO)
    cross_unrealised = sum((pool.unrealised for pool in cross), ZERO)
    free = max(cross_wallet + cross_unrealised - cross_used - orders, ZERO)
    return {
        "asset": asset,
        "walletBalance": eight(wallet),
        "unrealizedProfit": eight(unrealised),
        "marginBalance": eight(wallet + unrealised),
        "maintMargin": eight(sum((pool.maintenance_margin for pool in mine), ZERO)),
        "initialMargin": eight(used + orders),
        "positionInitialMargin": eight(used),
        "openOrderInitialMargin": eight(orders),
        "crossWalletBalance": eight(cross_wallet),
        "crossUnPnl": eight(cross_unrealised),
        "availableBalance": eight(free),
        "maxWithdrawAmount": eight(max(min(free, cross_wallet), ZERO)),
        "updateTime": ask.now_ms if mine else 0,
    }


def _order_margin(holder: Account, asset: str) -> Decimal:
    """Return what resting orders lock. They enter initial margin only, never maintenance."""
    locked = ZERO
    for order in holder.orders.values():
        if order.instrument.settle == asset:
            locked += (
                order.quantity
                * order.price
                / holder.leverage.get(order.instrument.symbol, Decimal(10))
            )
    return locked


def _position_side(holder: Account, leg: Position) -> str:
    return leg.side.upper() if holder.hedge else "BOTH"


def _account_leg(ask: Ask, leg: Position) -> dict[str, object]:
    mark = ask.world.mark(leg.instrument)
    profit = ask.world.unrealised(leg)
    isolated = leg.margin_mode == "isolated"
    return {
        "symbol": leg.symbol,
        "positionSide": _position_side(ask.account, leg),
        "positionAmt": text(leg.sign * leg.quantity),
        "unrealizedProfit": eight(profit),
        "isolatedMargin": eight(leg.isolated_margin + profit) if isolated else "0",
        "notional": eight(leg.sign * leg.quantity * mark),
        "isolatedWallet": eight(leg.isolated_margin) if isolated else "0",
        "initialMargin": eight(initial_margin(leg, mark)),
        "maintMargin": eight(maintenance(leg, mark)),
        "updateTime": leg.updated_us // 1000,
    }


def position_risk(ask: Ask) -> object:
    wanted = ask.params.get("symbol")
    if wanted:
        chosen(ask)
    rows: list[object] = []
    for pool in ask.rules.futures(ask.world, ask.account):
        prices = ask.rules.liquidation_prices(ask.world, pool)
        rows.extend(
            _risk_leg(ask, leg, prices.get(leg.symbol))
            for leg in pool.legs
            if not wanted or leg.symbol == wanted
        )
    return rows


def _risk_leg(ask: Ask, leg: Position, liquidation: Decimal | None) -> dict[str, object]:
    row = _account_leg(ask, leg)
    fee = ONE + leg.sign * ask.account.taker_fee
    return {
        "symbol": leg.symbol,
        "positionSide": row["positionSide"],
        "positionAmt": row["positionAmt"],
        "entryPrice": short(leg.entry.quantize(Decimal("1e-11"))),
        "breakEvenPrice": short((leg.entry * fee).quantize(Decimal("1e-11"))),
        "markPrice": eight(ask.world.mark(leg.instrument)),
        "unRealizedProfit": row["unrealizedProfit"],
        "liquidationPrice": "0" if liquidation is None else eight(liquidation),
        "isolatedMargin": row["isolatedMargin"],
        "notional": row["notional"],
        "marginAsset": leg.instrument.settle,
        "isolatedWallet": row["isolatedWallet"],
        "initialMargin": row["initialMargin"],
        "maintMargin": row["maintMargin"],
        "positionInitialMargin": row["initialMargin"],
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": row["updateTime"],
    }


def balance(ask: Ask) -> object:
    pools = ask.rules.futures(ask.world, ask.account)
    rows = [_asset(ask, name, pools) for name in _listed(pools)]
    return [
        {
            "accountAlias": "SgsR",
            "asset": row["asset"],
            "balance": row["walletBalance"],
            "crossWalletBalance": row["crossWalletBalance"],
            "crossUnPnl": row["crossUnPnl"],
            "availableBalance": row["availableBalance"],
            "maxWithdrawAmount": row["maxWithdrawAmount"],
            "marginAvailable": True,
            "updateTime": row["updateTime"],
        }
        for row in rows
    ]


def account_config(ask: Ask) -> object:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": ask.account.hedge,
        "updateTime": 0,
        "multiAssetsMargin": ask.account.flag("multi_assets"),
        "tradeGroupId": -1,
    }


def _symbol_config(ask: Ask, one: Instrument) -> object:
    holder = ask.account
    isolated = any(
        leg.symbol == one.symbol and leg.margin_mode == "isolated"
        for leg in holder.positions.values()
    )
    leverage = holder.leverage.get(one.symbol, Decimal(10))
    allowed = [row.cap for row in one.brackets if row.leverage_max >= leverage]
    return {
        "symbol": one.symbol,
        "marginType": "ISOLATED" if isolated else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": int(leverage),
        "maxNotionalValue": str(int(max(allowed, default=one.brackets[0].cap))),
    }


def symbol_config(ask: Ask) -> object:
    return [_symbol_config(ask, one) for one in chosen(ask)]


def commission_rate(ask: Ask) -> object:
    ask.needed("symbol")
    (one,) = chosen(ask)
    return {
        "symbol": one.symbol,
        "makerCommissionRate": text(ask.account.maker_fee, 6),
        "takerCommissionRate": text(ask.account.taker_fee, 6),
        "rpiCommissionRate": "0",
    }


def multi_assets(ask: Ask) -> object:
    return {"multiAssetsMargin": ask.account.flag("multi_assets")}


def position_mode(ask: Ask) -> object:
    return {"dualSidePosition": ask.account.hedge}


def force_orders(ask: Ask) -> object:
    return [
        {
            "orderId": number,
            "symbol": event.symbol,
            "status": "FILLED",
            "clientOrderId": f"autoclose-{event.at_us // 1000}",
            "price": text(event.price),
            "avgPrice": text(event.price),
            "origQty": text(event.quantity),
            "executedQty": text(event.quantity),
            "cumQuote": eight(event.price * event.quantity),
            "timeInForce": "IOC",
            "type": "LIMIT",
            "reduceOnly": False,
            "side": "SELL" if event.side == "long" else "BUY",
            "positionSide": event.side.upper() if ask.account.hedge else "BOTH",
            "origType": "LIMIT",
            "time": event.at_us // 1000,
            "updateTime": event.at_us // 1000,
        }
        for number, event in enumerate(ask.account.liquidations, start=1)
        if event.kind in {"partial", "full"}
    ]


def add_margin(ask: Ask) -> object:
    """Move margin into (type 1) or out of (type 2) an isolated leg."""
    symbol, amount = ask.needed("symbol"), Decimal(ask.needed("amount"))
    side = ask.params.get("positionSide", "BOTH")
    legs = [
        leg
        for leg in ask.account.positions.values()
        if leg.symbol == symbol and side in {"BOTH", leg.side.upper()}
    ]
    if not legs:
        raise Refusal(-4054, "Cannot add position margin: position is 0.")
    leg = legs[0]
    if leg.margin_mode != "isolated":
        raise Refusal(-4052, "Cannot add/reduce margin of a cross position.")
    signed = amount if ask.needed("type") == "1" else -amount
    if signed > ask.account.balance("futures", leg.instrument.settle):
        raise Refusal(-4050, "Cross balance insufficient.")
    ask.world.credit(ask.account, leg.instrument.settle, -signed)
    leg.isolated_margin += signed
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": int(ask.needed("type")),
    }


# ── neighbours: COIN-M and portfolio margin, as far as detecting them needs ────────────────


def coin_account(ask: Ask) -> object:
    held = "0.50000000" if ask.account.flag("coin_m") else "0.00000000"
    row = {"asset": "BTC", "walletBalance": held, "unrealizedProfit": "0.00000000"}
    row |= {"marginBalance": held, "maintMargin": "0.00000000", "initialMargin": "0.00000000"}
    row |= {"crossWalletBalance": held, "crossUnPnl": "0.00000000", "availableBalance": held}
    return {"assets": [row], "positions": [], "canTrade": True, "feeTier": 0, "updateTime": 0}


def coin_exchange_info(ask: Ask) -> object:
    return {
        "timezone": "UTC",
        "serverTime": ask.now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


def portfolio_account(ask: Ask) -> object:
    if not ask.account.flag("portfolio"):
        raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    pools = ask.rules.futures(ask.world, ask.account)
    equity = sum((pool.margin_balance * ask.world.index(pool.asset) for pool in pools), ZERO)
    mm = sum((pool.maintenance_margin * ask.world.index(pool.asset) for pool in pools), ZERO)
    return {
        "uniMMR": eight(equity / mm) if mm else "99999999.00000000",
        "accountEquity": eight(equity),
        "actualEquity": eight(equity),
        "accountInitialMargin": eight(mm * 2),
        "accountMaintMargin": eight(mm),
        "accountStatus": "NORMAL",
        "virtualMaxWithdrawAmount": eight(max(equity - 2 * mm, ZERO)),
        "totalAvailableBalance": "",
        "totalMarginOpenLoss": "",
        "updateTime": ask.now_ms,
        "accountType": "PM_2",
    }


ROUTES: Routes = {
    ("GET", "/fapi/v1/time"): Route(body=server_time),
    ("GET", "/fapi/v1/ping"): Route(body=ping),
    ("GET", "/fapi/v1/exchangeInfo"): Route(body=exchange_info, fixed=True),
    ("GET", "/fapi/v1/premiumIndex"): Route(body=one_or_all(_premium), weight_all=10),
    ("GET", "/fapi/v1/assetIndex"): Route(body=asset_index, weight_all=10),
    ("GET", "/fapi/v1/leverageBracket"): Route(body=one_or_all(_brackets), signed=True, fixed=True),
    ("GET", "/fapi/v3/account"): Route(body=account, weight=5, signed=True),
    ("GET", "/fapi/v2/account"): Route(body=account, weight=5, signed=True),
    ("GET", "/fapi/v3/balance"): Route(body=balance, weight=5, signed=True),
    ("GET", "/fapi/v3/positionRisk"): Route(body=position_risk, weight=5, signed=True),
    ("GET", "/fapi/v1/accountConfig"): Route(body=account_config, weight=5, signed=True),
    ("GET", "/fapi/v1/symbolConfig"): Route(body=symbol_config, weight=5, signed=True),
    ("GET", "/fapi/v1/commissionRate"): Route(body=commission_rate, weight=20, signed=True),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(body=multi_assets, weight=30, signed=True),
    ("GET", "/fapi/v1/positionSide/dual"): Route(body=position_mode, weight=30, signed=True),
    ("GET", "/fapi/v1/forceOrders"): Route(
        body=force_orders, weight=20, weight_all=50, signed=True
    ),
    ("POST", "/fapi/v1/positionMargin"): Route(body=add_margin, signed=True),
    ("GET", "/dapi/v1/time"): Route(body=server_time),
    ("GET", "/dapi/v1/exchangeInfo"): Route(body=coin_exchange_info),
    ("GET", "/dapi/v1/account"): Route(body=coin_account, weight=5, signed=True),
    ("GET", "/papi/v1/account"): Route(body=portfolio_account, weight=20, signed=True),
}
