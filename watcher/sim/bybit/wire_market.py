"""
Bybit's public answers: time, instruments, risk limits, tickers, collateral ladders.

Rule: shapes of the v5 documentation (2026-11), facts of tables, prices of the world.
Fields the practice world has no truth for hold harmless constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from watcher.sim.bybit.tables import BORROW, COLLATERAL, LIQUIDATION_ORDER
from watcher.sim.bybit.wire_shapes import Refusal, amount, category, category_of, listed, page
from watcher.sim.things import Instrument
from watcher.sim.wire import short
from watcher.sim.world import World

SYMBOLS_PER_PAGE = 15
FUNDING_INTERVAL_US = 8 * 3600 * 1_000_000


def instruments_of(world: World, kind: str) -> list[Instrument]:
    """Return the venue's contracts of one category that have a price, as they were entered."""
    return [
        one
        for one in world.instruments.values()
        if one.venue == "bybit" and category_of(one) == kind and one.underlying in world.prices
    ]


def spot_coins(world: World) -> list[str]:
    """Return the coins with a USDT spot pair: those the collateral tables and prices know."""
    return [coin for coin in COLLATERAL if coin not in {"USDT", "USDC"} and coin in world.prices]


def server_time(world: World, query: Mapping[str, str]) -> object:
    del query
    return {"timeSecond": str(world.now_us // 1_000_000), "timeNano": str(world.now_us * 1000)}


def instruments_info(world: World, query: Mapping[str, str]) -> object:
    """List contracts or spot pairs; there are no options and nothing before its launch here."""
    asked = category(query, "linear", "inverse", "spot", "option")
    if asked == "option" or query.get("status", "Trading") != "Trading":
        return listed(asked, [])
    if asked == "spot":
        return {"category": asked, "list": [_spot_row(coin) for coin in spot_coins(world)]}
    rows = [
        one for one in instruments_of(world, asked) if query.get("symbol", one.symbol) == one.symbol
    ]
    shown, cursor = page(rows, query, default=500, most=1000)
    return listed(asked, [_contract_row(one) for one in shown], cursor)


def _contract_row(one: Instrument) -> dict[str, object]:
    tick = short(one.price_tick)
    step = short(one.quantity_step)
    return {
        "symbol": one.symbol,
        "contractType": "InversePerpetual" if one.inverse else "LinearPerpetual",
        "status": "Trading",
        "baseCoin": one.underlying,
        "quoteCoin": one.quote,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(one.price_tick.normalize().as_tuple().exponent))),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{one.brackets[0].leverage_max:.2f}",
            "leverageStep": "0.01",
        },
        "priceFilter": {"minPrice": tick, "maxPrice": "1999999.8", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": "1190000",
            "minOrderQty": step,
            "qtyStep": step,
            "postOnlyMaxOrderQty": "1190000",
            "maxMktOrderQty": "500000",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "settleCoin": one.settle,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "displayName": "",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "symbolType": "",
    }


def _spot_row(coin: str) -> dict[str, object]:
    return {
        "symbol": f"{coin}USDT",
        "baseCoin": coin,
        "quoteCoin": "USDT",
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": "0.000001",
            "quotePrecision": "0.0000001",
            "minOrderQty": "0.000011",
            "maxOrderQty": "1000000",
            "minOrderAmt": "5",
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": "1000000",
            "maxMarketOrderQty": "500000",
            "postOnlyMaxLimitOrderSize": "60000",
        },
        "priceFilter": {"tickSize": "0.0001"},
        "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"},
        "symbolType": "",
    }


def risk_limit(world: World, query: Mapping[str, str]) -> object:
    """Return one symbol's tiers, or all symbols' in pages of fifteen symbols."""
    asked = category(query, "linear", "inverse")
    contracts = instruments_of(world, asked)
    symbol = query.get("symbol")
    if symbol:
        mine = [one for one in contracts if one.symbol == symbol]
        if not mine:
            raise Refusal(10001, "params error: symbol invalid")
        return listed(asked, _tiers(contracts, mine))
    shown, cursor = page(contracts, {**query, "limit": str(SYMBOLS_PER_PAGE)}, default=15, most=15)
    return listed(asked, _tiers(contracts, shown), cursor)


def _tiers(every: Sequence[Instrument], shown: Sequence[Instrument]) -> list[object]:
    first_id = {one.symbol: 1 + 100 * index for index, one in enumerate(every)}
    return [
        {
            "id": first_id[one.symbol] + index,
            "symbol": one.symbol,
            "riskLimitValue": short(row.cap),
            "maintenanceMargin": short(row.rate),
            "initialMargin": short(row.initial_rate),
            "isLowestRisk": 1 if index == 0 else 0,
            "maxLeverage": f"{row.leverage_max:.2f}",
            "mmDeduction": short(row.deduction) if index else "",
        }
        for one in shown
        for index, row in enumerate(one.brackets)
    ]


def tickers(world: World, query: Mapping[str, str]) -> object:
    """Return marks and indices of all contracts of a category, or of one."""
    asked = category(query, "linear", "inverse", "spot", "option")
    symbol = query.get("symbol")
    if asked == "option":
        return {"category": asked, "list": []}
    if asked == "spot":
        coins = [coin for coin in spot_coins(world) if symbol in {None, f"{coin}USDT"}]
        return {"category": asked, "list": [_spot_ticker(world, coin) for coin in coins]}
    shown = [one for one in instruments_of(world, asked) if symbol in {None, one.symbol}]
    if symbol and not shown:
        raise Refusal(10001, "params error: symbol invalid")
    return {"category": asked, "list": [_contract_ticker(world, one) for one in shown]}


def _contract_ticker(world: World, one: Instrument) -> dict[str, str]:
    mark = world.mark(one)
    index = world.index_in(one.underlying, one.quote)
    next_funding_ms = (world.now_us // FUNDING_INTERVAL_US + 1) * FUNDING_INTERVAL_US // 1000
    return {
        "symbol": one.symbol,
        **_traded(mark),
        "markPrice": short(mark),
        "indexPrice": short(index.quantize(one.mark_step)),
        "openInterest": "50000",
        "openInterestValue": amount(50000 * mark),
        "fundingRate": "0.0001",
        "nextFundingTime": str(next_funding_ms),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "basis": "",
    }


def _traded(price: Decimal) -> dict[str, str]:
    last = short(price)
    return {
        "lastPrice": last,
        "prevPrice24h": last,
        "price24hPcnt": "0",
        "highPrice24h": last,
        "lowPrice24h": last,
        "prevPrice1h": last,
        "turnover24h": "1000000000",
        "volume24h": "20000",
        "bid1Price": last,
        "bid1Size": "1",
        "ask1Price": last,
        "ask1Size": "1",
    }


def _spot_ticker(world: World, coin: str) -> dict[str, str]:
    price = world.index_in(coin, "USDT")
    return {
        "symbol": f"{coin}USDT",
        **_traded(price.quantize(Decimal("0.0001"))),
        "usdIndexPrice": amount(world.index(coin)),
    }


def collateral(world: World, query: Mapping[str, str]) -> object:
    """Return the ladders by quantity; `maxQty` "" is infinity."""
    del world
    asked = query.get("currency")
    rows = []
    for coin, ladder in COLLATERAL.items():
        if asked not in {None, coin}:
            continue
        tops = [short(one.floor) for one in ladder[1:]] + [""]
        slices = [
            {
                "minQty": short(one.floor),
                "maxQty": top,
                "collateralRatio": short(one.ratio),
            }
            for one, top in zip(ladder, tops, strict=True)
        ]
        rows.append({"currency": coin, "collateralRatioList": slices})
    return {"list": rows}


def margin_data(world: World, query: Mapping[str, str]) -> object:
    """Return per VIP level which coins may be borrowed, at what rate, and the order of sale."""
    del world
    asked = query.get("currency")
    rows = [
        {
            "borrowable": coin in BORROW,
            "collateralRatio": short(ladder[0].ratio),
            "currency": coin,
            "hourlyBorrowRate": "0.0000015",
            "liquidationOrder": str(LIQUIDATION_ORDER.index(coin) + 1),
            "marginCollateral": True,
            "maxBorrowingAmount": short(BORROW[coin][-1].limit) if coin in BORROW else "",
        }
        for coin, ladder in COLLATERAL.items()
        if asked in {None, coin}
    ]
    return {"vipCoinList": [{"list": rows, "vipLevel": "No VIP"}]}
