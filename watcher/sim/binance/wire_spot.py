"""
Binance spot, wallet and key bodies (`/api`, `/sapi`): balances and rights.

Rule: field for field the venue's own samples; amounts as text with eight decimals. Moving money is
in `transfers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.binance.tables import FUTURES_ASSETS, MARGIN_ASSETS
from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.binance.wire_margin import pairs
from watcher.sim.binance.wire_market import eight

CREATED_MS = 1_600_000_000_000

# ── spot ───────────────────────────────────────────────────────────────────────────────────


def exchange_info(ask: Ask) -> object:
    return {
        "timezone": "UTC",
        "serverTime": ask.now_ms,
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000,
            }
        ],
        "exchangeFilters": [],
        "symbols": [_pair(base, quote) for base, quote in pairs(ask)],
    }


def _pair(base: str, quote: str) -> dict[str, object]:
    step = "0.00001000"
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.00001000",
                "maxPrice": "1000000.00000000",
                "tickSize": "0.00001000",
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": step,
                "maxQty": "9000000.00000000",
                "stepSize": step,
            },
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ],
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def ticker_price(ask: Ask) -> object:
    rows = [
        {"symbol": base + quote, "price": eight(ask.world.index_in(base, quote))}
        for base, quote in pairs(ask)
    ]
    wanted = ask.params.get("symbol")
    if not wanted:
        return rows
    for row in rows:
        if row["symbol"] == wanted:
            return row
    raise Refusal(-1121, "Invalid symbol.")


def spot_account(ask: Ask) -> object:
    holder = ask.account
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ask.now_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": eight(amount), "locked": "0.00000000"}
            for asset, amount in _purse(ask, "spot").items()
            if amount or ask.params.get("omitZeroBalances") != "true"
        ],
        "permissions": ["SPOT", "MARGIN"],
        "uid": holder.uid,
    }


# ── account and wallets ────────────────────────────────────────────────────────────────────


def account_info(ask: Ask) -> object:
    return {
        "vipLevel": 0,
        "isMarginEnabled": True,
        "isFutureEnabled": True,
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": ask.account.flag("portfolio"),
    }


def api_restrictions(ask: Ask) -> object:
    rights = ask.account.rights
    body: dict[str, object] = {
        "ipRestrict": rights.ip_bound,
        "createTime": CREATED_MS,
        "enableReading": rights.read,
        "enableWithdrawals": rights.withdraw,
        "enableInternalTransfer": False,
        "enableMargin": rights.trade,
        "enableFutures": rights.trade,
        "permitsUniversalTransfer": rights.transfer,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": True,
        "enableSpotAndMarginTrading": rights.trade,
        "enablePortfolioMarginTrading": False,
    }
    if rights.expires_at_us is not None:
        body["tradingAuthorityExpirationTime"] = rights.expires_at_us // 1000
    return body


def funding_assets(ask: Ask) -> object:
    return _wallet_rows(ask, "funding")


def user_assets(ask: Ask) -> object:
    return [row | {"ipoable": "0"} for row in _wallet_rows(ask, "spot")]


def _wallet_rows(ask: Ask, wallet: str) -> list[dict[str, str]]:
    wanted = ask.params.get("asset")
    btc = ask.world.index("BTC")
    return [
        {
            "asset": asset,
            "free": eight(amount),
            "locked": "0",
            "freeze": "0",
            "withdrawing": "0",
            "btcValuation": eight(amount * ask.world.index(asset) / btc),
        }
        for asset, amount in _purse(ask, wallet).items()
        if amount and (not wanted or asset == wanted)
    ]


def _purse(ask: Ask, wallet: str) -> Mapping[str, Decimal]:
    if ask.world.desk.reads_zero(ask.world, ask.account):
        return {}
    return ask.account.wallet(wallet)


def currencies(ask: Ask) -> object:
    listed = [*MARGIN_ASSETS, *(name for name in FUTURES_ASSETS if name not in MARGIN_ASSETS)]
    return [
        {
            "coin": coin,
            "depositAllEnable": True,
            "free": eight(ask.account.balance("spot", coin)),
            "freeze": "0",
            "ipoable": "0",
            "ipoing": "0",
            "isLegalMoney": False,
            "locked": "0",
            "name": coin,
            "storage": "0",
            "trading": True,
            "withdrawAllEnable": True,
            "withdrawing": "0",
            "networkList": [],
        }
        for coin in listed
    ]
