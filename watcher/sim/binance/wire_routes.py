"""
Binance's table of paths, with the weights the venue charges.

Rule: one line per path. A path that is not here does not exist.
"""

from __future__ import annotations

from watcher.sim.binance import transfers
from watcher.sim.binance import wire_coin as coin
from watcher.sim.binance import wire_futures as futures
from watcher.sim.binance import wire_margin as margin
from watcher.sim.binance import wire_market as market
from watcher.sim.binance import wire_portfolio as portfolio
from watcher.sim.binance import wire_spot as spot
from watcher.sim.binance.wire import Route, Routes

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
    ("POST", "/fapi/v1/positionMargin"): Route(body=transfers.add_margin, signed=True),
    ("GET", "/fapi/v1/positionMargin/history"): Route(body=transfers.margin_history, signed=True),
    ("POST", "/dapi/v1/positionMargin"): Route(body=transfers.add_margin, signed=True),
    ("GET", "/dapi/v1/positionMargin/history"): Route(body=transfers.margin_history, signed=True),
    ("GET", "/dapi/v1/time"): Route(body=market.server_time),
    ("GET", "/dapi/v1/exchangeInfo"): Route(body=coin.exchange_info),
    ("GET", "/dapi/v1/premiumIndex"): Route(body=coin.premium, weight=10),
    ("GET", "/dapi/v1/account"): Route(body=coin.account, weight=5, signed=True),
    ("GET", "/dapi/v1/positionRisk"): Route(body=coin.position_risk, signed=True),
    ("GET", "/dapi/v2/leverageBracket"): Route(body=coin.bracket_table, weight_all=2, signed=True),
    ("GET", "/papi/v1/account"): Route(body=portfolio.account, weight=20, signed=True),
    ("GET", "/papi/v1/um/positionRisk"): Route(body=portfolio.linear_risk, weight=5, signed=True),
    ("GET", "/papi/v1/cm/positionRisk"): Route(body=portfolio.inverse_risk, signed=True),
    ("GET", "/sapi/v1/portfolio/account"): Route(body=portfolio.pro_account, signed=True),
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
    ("GET", "/sapi/v1/margin/isolatedMarginTier"): Route(body=margin.isolated_tiers, signed=True),
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
        body=transfers.repay, weight=1500, signed=True, uid=True
    ),
    ("GET", "/sapi/v1/margin/borrow-repay"): Route(
        body=transfers.repayments, weight=10, signed=True
    ),
    ("POST", "/sapi/v1/asset/get-funding-asset"): Route(body=spot.funding_assets, signed=True),
    ("POST", "/sapi/v3/asset/getUserAsset"): Route(body=spot.user_assets, weight=5, signed=True),
    ("POST", "/sapi/v1/asset/transfer"): Route(
        body=transfers.transfer, weight=300, signed=True, uid=True
    ),
    ("GET", "/sapi/v1/asset/transfer"): Route(body=transfers.transfers, signed=True),
    ("GET", "/sapi/v1/capital/config/getall"): Route(body=spot.currencies, weight=10, signed=True),
}

ROUTES: Routes = {**FUTURES, **SPOT}
