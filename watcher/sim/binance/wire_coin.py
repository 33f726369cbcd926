"""
Binance COIN-M bodies (`/dapi`): contracts, marks, brackets, account and positions, all in coin.

Rule: field for field the venue's own samples, numbers as the venue prints them (text, eight
decimals; brackets as JSON numbers, the floor under the name its documentation has: `qtylFloor`).
The account lists every contract, held or not, with its margins; `positionRisk` has marks and
liquidation prices, but no margins.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.binance.legs import FuturesPool, initial_margin, maintenance, value
from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.binance.wire_market import FUNDING_INTERVAL_MS, NEVER_MS, ONBOARD_MS, eight
from watcher.sim.things import ZERO, Account, Instrument, Position, SideName
from watcher.sim.wire import short, text

LISTED = ("BTC", "ETH", "SOL", "BNB")
"""Coins `/dapi/v1/account` lists, held or not."""

NO_LEVERAGE = Decimal(20)


def contracts(ask: Ask) -> list[Instrument]:
    """Return the contracts asked for by symbol or pair, or all. Raises: `Refusal` -1121."""
    listed = [
        one for one in ask.world.instruments.values() if one.venue == "binance" and one.inverse
    ]
    symbol, pair = ask.params.get("symbol"), ask.params.get("pair")
    chosen = [
        one
        for one in listed
        if (not symbol or one.symbol == symbol) and (not pair or _pair(one) == pair)
    ]
    if not chosen:
        raise Refusal(-1121, "Invalid symbol.")
    return chosen


def _pair(one: Instrument) -> str:
    return one.symbol.partition("_")[0]


def _is_perpetual(one: Instrument) -> bool:
    return one.symbol.endswith("_PERP")


# ── public ─────────────────────────────────────────────────────────────────────────────────


def exchange_info(ask: Ask) -> object:
    return {
        "timezone": "UTC",
        "serverTime": ask.now_ms,
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 2400,
            }
        ],
        "exchangeFilters": [],
        "symbols": [_contract(one) for one in contracts(ask)],
    }


def _contract(one: Instrument) -> dict[str, object]:
    return {
        "symbol": one.symbol,
        "pair": _pair(one),
        "contractType": "PERPETUAL" if _is_perpetual(one) else "CURRENT_QUARTER",
        "deliveryDate": NEVER_MS,
        "onboardDate": ONBOARD_MS,
        "contractStatus": "TRADING",
        "contractSize": int(one.contract_size),
        "marginAsset": one.settle,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.underlying,
        "quoteAsset": one.quote,
        "pricePrecision": 1,
        "quantityPrecision": 0,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "equalQtyPrecision": 4,
        "triggerProtect": "0.0500",
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "filters": [],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "liquidationFee": text(one.liquidation_fee_rate, 6),
        "marketTakeBound": "0.05",
    }


def premium(ask: Ask) -> object:
    return [_premium(ask, one) for one in contracts(ask)]


def _premium(ask: Ask, one: Instrument) -> object:
    index, dated = eight(ask.world.index(one.underlying)), not _is_perpetual(one)
    upcoming = (ask.now_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS
    return {
        "symbol": one.symbol,
        "pair": _pair(one),
        "markPrice": eight(ask.world.mark(one)),
        "indexPrice": index,
        "estimatedSettlePrice": index,
        "lastFundingRate": "" if dated else "0.00010000",
        "interestRate": "" if dated else "0.00010000",
        "nextFundingTime": 0 if dated else upcoming,
        "time": ask.now_ms,
    }


# ── signed ─────────────────────────────────────────────────────────────────────────────────


def bracket_table(ask: Ask) -> object:
    return [
        {
            "symbol": one.symbol,
            "notionalCoef": 1.0,
            "brackets": [
                {
                    "bracket": number,
                    "initialLeverage": int(row.leverage_max),
                    "qtyCap": int(row.cap),
                    "qtylFloor": int(row.floor),
                    "maintMarginRatio": float(row.rate),
                    "cum": float(row.deduction),
                }
                for number, row in enumerate(one.brackets, start=1)
            ],
        }
        for one in contracts(ask)
    ]


def account(ask: Ask) -> object:
    pools = ask.rules.coins(ask.world, ask.account)
    names = dict.fromkeys([*LISTED, *(pool.asset for pool in pools)])
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "assets": [_asset(ask, name, pools) for name in names],
        "positions": [_account_row(ask, one, side) for one, side in _rows(ask)],
    }


def _asset(ask: Ask, asset: str, pools: list[FuturesPool]) -> dict[str, object]:
    mine = [pool for pool in pools if pool.asset == asset]
    cross = [pool for pool in mine if not pool.isolated]
    used = sum(
        (initial_margin(leg, ask.world.mark(leg.instrument)) for pool in mine for leg in pool.legs),
        ZERO,
    )
    wallet = sum((pool.wallet for pool in mine), ZERO)
    profits = sum((pool.unrealised for pool in mine), ZERO)
    cross_wallet = sum((pool.wallet for pool in cross), ZERO)
    cross_profits = sum((pool.unrealised for pool in cross), ZERO)
    return {
        "asset": asset,
        "walletBalance": eight(wallet),
        "unrealizedProfit": eight(profits),
        "marginBalance": eight(wallet + profits),
        "maintMargin": eight(sum((pool.maintenance_margin for pool in mine), ZERO)),
        "initialMargin": eight(used),
        "positionInitialMargin": eight(used),
        "openOrderInitialMargin": "0.00000000",
        "maxWithdrawAmount": eight(max(min(cross_wallet, cross_wallet + cross_profits), ZERO)),
        "crossWalletBalance": eight(cross_wallet),
        "crossUnPnl": eight(cross_profits),
        "availableBalance": eight(max(cross_wallet + cross_profits - used, ZERO)),
        "updateTime": ask.now_ms if mine else 0,
    }


def _rows(ask: Ask) -> list[tuple[Instrument, str]]:
    sides = ("BOTH", "LONG", "SHORT") if ask.account.hedge else ("BOTH",)
    return [(one, side) for one in contracts(ask) for side in sides]


def _held(holder: Account, one: Instrument, side: str) -> Position | None:
    words: tuple[SideName, ...] = ("long", "short")
    for word in words:
        leg = holder.positions.get((one.symbol, word))
        if leg is not None and side == (word.upper() if holder.hedge else "BOTH"):
            return leg
    return None


def _figures(ask: Ask, one: Instrument, leg: Position | None) -> dict[str, str]:
    if leg is None:
        return dict.fromkeys(("amount", "profit", "value", "wallet", "margin", "need", "used"), "0")
    mark, profit = ask.world.mark(one), ask.world.unrealised(leg)
    isolated = leg.margin_mode == "isolated"
    return {
        "amount": text(leg.sign * leg.quantity),
        "profit": eight(profit),
        "value": eight(leg.sign * value(leg, mark)),
        "wallet": eight(leg.isolated_margin) if isolated else "0",
        "margin": eight(leg.isolated_margin + profit) if isolated else "0.00000000",
        "need": eight(maintenance(leg, mark)),
        "used": eight(initial_margin(leg, mark)),
    }


def _account_row(ask: Ask, one: Instrument, side: str) -> dict[str, object]:
    leg = _held(ask.account, one, side)
    told = _figures(ask, one, leg)
    return {
        "symbol": one.symbol,
        "initialMargin": told["used"],
        "maintMargin": told["need"],
        "unrealizedProfit": told["profit"],
        "positionInitialMargin": told["used"],
        "openOrderInitialMargin": "0",
        "leverage": short(_leverage(ask.account, one)),
        "isolated": leg is not None and leg.margin_mode == "isolated",
        "positionSide": side,
        "entryPrice": "0.0" if leg is None else _entry(leg),
        "maxQty": "50",
        "notionalValue": told["value"],
        "isolatedWallet": told["wallet"],
        "updateTime": 0 if leg is None else leg.updated_us // 1000,
        "positionAmt": told["amount"],
    }


def _entry(leg: Position) -> str:
    return short(leg.entry.quantize(Decimal("1e-11")))


def _leverage(holder: Account, one: Instrument) -> Decimal:
    return holder.leverage.get(one.symbol, NO_LEVERAGE)


def position_risk(ask: Ask) -> object:
    prices = {
        leg.id: price
        for pool in ask.rules.coins(ask.world, ask.account)
        for symbol, price in ask.rules.liquidation_prices(ask.world, pool).items()
        for leg in pool.legs
        if leg.symbol == symbol
    }
    return [_risk_row(ask, one, side, prices) for one, side in _rows(ask)]


def _risk_row(
    ask: Ask, one: Instrument, side: str, prices: dict[int, Decimal]
) -> dict[str, object]:
    leg = _held(ask.account, one, side)
    told = _figures(ask, one, leg)
    price = None if leg is None else prices.get(leg.id)
    isolated = leg is not None and leg.margin_mode == "isolated"
    return {
        "symbol": one.symbol,
        "positionAmt": told["amount"],
        "entryPrice": "0.0" if leg is None else _entry(leg),
        "breakEvenPrice": "0.0" if leg is None else _entry(leg),
        "markPrice": "0.00000000" if leg is None else eight(ask.world.mark(one)),
        "unRealizedProfit": told["profit"],
        "liquidationPrice": "0" if price is None else eight(price),
        "leverage": short(_leverage(ask.account, one)),
        "maxQty": "50",
        "marginType": "isolated" if isolated else "cross",
        "isolatedMargin": told["margin"],
        "isAutoAddMargin": "false",
        "positionSide": side,
        "notionalValue": told["value"],
        "isolatedWallet": told["wallet"],
        "updateTime": 0 if leg is None else leg.updated_us // 1000,
    }
