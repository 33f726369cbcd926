"""
Binance's table of paths, with the weights the venue charges; and what of COIN-M and portfolio
margin is served: as much as telling the mode needs.

Rule: one line per path. A path that is not here does not exist.
"""

from __future__ import annotations

from watcher.sim.binance import wire_futures as futures
from watcher.sim.binance import wire_margin as margin
from watcher.sim.binance import wire_market as market
from watcher.sim.binance import wire_spot as spot
from watcher.sim.binance.wire import Ask, Refusal, Route, Routes
from watcher.sim.binance.wire_market import eight
from watcher.sim.things import ZERO


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


FUTURES: Routes = {
    ("GET", "/fapi/v1/time"): Route(body=market.server_time),
    ("GET", "/fapi/v1/ping"): Route(body=market.ping),
    ("GET", "/fapi/v1/exchangeInfo"): Route(body=market.exchange_info, fixed=True),
    ("GET", "/fapi/v1/premiumIndex"): Route(body=market.one_or_all(market.premium), weight_all=10),
    ("GET", "/fapi/v1/assetIndex"): Route(body=market.asset_index, weight_all=10),
    ("GET", "/fapi/v1/leverageBracket"): Route(
        body=market.one_or_all(market.bracket_table), signed=True, fixed=True
    ),
    ("GET", "/fapi/v3/account"): Route(body=futures.account, weight=5, signed=True),
    ("GET", "/fapi/v2/account"): Route(body=futures.account, weight=5, signed=True),
    ("GET", "/fapi/v3/balance"): Route(body=futures.balance, weight=5, signed=True),
    ("GET", "/fapi/v3/positionRisk"): Route(body=futures.position_risk, weight=5, signed=True),
    ("GET", "/fapi/v1/accountConfig"): Route(body=futures.account_config, weight=5, signed=True),
    ("GET", "/fapi/v1/symbolConfig"): Route(body=futures.symbol_config, weight=5, signed=True),
    ("GET", "/fapi/v1/commissionRate"): Route(body=futures.commission_rate, weight=20, signed=True),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(body=futures.multi_assets, weight=30, signed=True),
    ("GET", "/fapi/v1/positionSide/dual"): Route(
        body=futures.position_mode, weight=30, signed=True
    ),
    ("GET", "/fapi/v1/forceOrders"): Route(
        body=futures.force_orders, weight=20, weight_all=50, signed=True
    ),
    ("POST", "/fapi/v1/positionMargin"): Route(body=futures.add_margin, signed=True),
    ("GET", "/dapi/v1/time"): Route(body=market.server_time),
    ("GET", "/dapi/v1/exchangeInfo"): Route(body=coin_exchange_info),
    ("GET", "/dapi/v1/account"): Route(body=coin_account, weight=5, signed=True),
    ("GET", "/papi/v1/account"): Route(body=portfolio_account, weight=20, signed=True),
}

SPOT: Routes = {
    ("GET", "/api/v3/time"): Route(body=market.server_time),
    ("GET", "/api/v3/ping"): Route(body=market.ping),
    ("GET", "/api/v3/exchangeInfo"): Route(body=spot.exchange_info, weight=20, fixed=True),
    ("GET", "/api/v3/ticker/price"): Route(body=spot.ticker_price, weight=2, weight_all=4),
    ("GET", "/api/v3/account"): Route(body=spot.spot_account, weight=20, signed=True),
    ("GET", "/sapi/v1/account/info"): Route(body=spot.account_info, signed=True),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(body=spot.api_restrictions, signed=True),
    ("GET", "/sapi/v1/margin/account"): Route(body=margin.margin_account, weight=10, signed=True),
    ("GET", "/sapi/v1/margin/isolated/account"): Route(
        body=margin.isolated_account, weight=10, signed=True
    ),
    ("GET", "/sapi/v1/margin/tradeCoeff"): Route(
        body=margin.trade_coefficients, weight=10, signed=True
    ),
    ("GET", "/sapi/v1/margin/crossMarginCollateralRatio"): Route(
        body=margin.collateral_ratio, weight=100
    ),
    ("GET", "/sapi/v1/margin/priceIndex"): Route(body=margin.price_index, weight=10),
    ("GET", "/sapi/v1/margin/leverageBracket"): Route(body=margin.margin_brackets),
    ("GET", "/sapi/v1/margin/allPairs"): Route(body=margin.margin_pairs),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(body=margin.margin_pairs, weight=10),
    ("POST", "/sapi/v1/margin/borrow-repay"): Route(
        body=margin.borrow_repay, weight=1500, signed=True, uid=True
    ),
    ("POST", "/sapi/v1/asset/get-funding-asset"): Route(body=spot.funding_assets, signed=True),
    ("POST", "/sapi/v3/asset/getUserAsset"): Route(body=spot.user_assets, weight=5, signed=True),
    ("POST", "/sapi/v1/asset/transfer"): Route(
        body=spot.transfer, weight=300, signed=True, uid=True
    ),
    ("GET", "/sapi/v1/asset/transfer"): Route(body=spot.transfers, signed=True),
    ("GET", "/sapi/v1/capital/config/getall"): Route(body=spot.currencies, weight=10, signed=True),
}

ROUTES: Routes = {**FUTURES, **SPOT}
