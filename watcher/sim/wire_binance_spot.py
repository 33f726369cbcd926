"""
Binance spot and cross-margin bodies (`/api`, `/sapi`): balances, levels, rights, transfers.

Rule: field for field the venue's own samples; amounts as text with eight decimals. Transfers are
carried out in the world and can be looked up afterwards, as there.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from watcher.sim.rules_binance import BARS
from watcher.sim.tables_binance import FUTURES_ASSETS, MARGIN_ASSETS, ladder
from watcher.sim.things import ZERO, Transfer, WorldError
from watcher.sim.wire import short
from watcher.sim.wire_binance import Ask, Refusal
from watcher.sim.wire_binance_market import eight

CREATED_MS = 1_600_000_000_000
NO_LEVEL = Decimal(999)

_WALLET_WORDS = {"MAIN": "spot", "FUNDING": "funding", "UMFUTURE": "futures", "MARGIN": "margin"}
_QUOTES = ("USDT", "USDC")


def _pairs(ask: Ask) -> list[tuple[str, str]]:
    coins = [name for name in MARGIN_ASSETS if name in ask.world.prices]
    return [(coin, quote) for quote in _QUOTES for coin in coins] + [("USDC", "USDT")]


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
        "symbols": [_pair(base, quote) for base, quote in _pairs(ask)],
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
        for base, quote in _pairs(ask)
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
            for asset, amount in holder.wallet("spot").items()
            if amount or ask.params.get("omitZeroBalances") != "true"
        ],
        "permissions": ["SPOT", "MARGIN"],
        "uid": 354937868,
    }


# ── cross margin ───────────────────────────────────────────────────────────────────────────


def margin_account(ask: Ask) -> object:
    pool = ask.rules.margin(ask.world, ask.account)
    btc, usdt = ask.world.index("BTC"), ask.world.index("USDT")
    level = pool.level if pool.liability else NO_LEVEL
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": eight(level),
        "collateralMarginLevel": eight(pool.collateral_level),
        "totalAssetOfBtc": eight(pool.assets / btc),
        "totalLiabilityOfBtc": eight(pool.liability / btc),
        "totalNetAssetOfBtc": eight((pool.assets - pool.liability) / btc),
        "TotalCollateralValueInUSDT": eight(pool.collateral / usdt),
        "totalOpenOrderLossInUSDT": "0.00000000",
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": pool.collateral_level > 2,
        "accountType": "MARGIN_2" if ask.account.flag("pro") else "MARGIN_1",
        "userAssets": [_margin_asset(ask, asset) for asset in _margin_assets(ask)],
    }


def _margin_assets(ask: Ask) -> list[str]:
    return list(dict.fromkeys([*MARGIN_ASSETS, *ask.account.wallet("margin"), *ask.account.debts]))


def _margin_asset(ask: Ask, asset: str) -> dict[str, object]:
    free = ask.account.balance("margin", asset)
    debt = ask.account.debts.get(asset)
    borrowed, interest = (debt.principal, debt.interest) if debt else (ZERO, ZERO)
    return {
        "asset": asset,
        "borrowed": eight(borrowed),
        "free": eight(free),
        "interest": eight(interest),
        "locked": "0.00000000",
        "netAsset": eight(free - borrowed - interest),
    }


def isolated_account(_: Ask) -> object:
    zero = "0.00000000"
    return {
        "assets": [],
        "totalAssetOfBtc": zero,
        "totalLiabilityOfBtc": zero,
        "totalNetAssetOfBtc": zero,
    }


def trade_coefficients(_: Ask) -> object:
    return {
        "normalBar": short(BARS.normal),
        "marginCallBar": short(BARS.call),
        "forceLiquidationBar": short(BARS.liquidation),
    }


def collateral_ratio(ask: Ask) -> object:
    return [
        {
            "collaterals": [
                {
                    "minUsdValue": short(floor),
                    "maxUsdValue": short(cap),
                    "discountRate": short(rate),
                }
                for floor, cap, rate in ladder(asset)
            ],
            "assetNames": [asset],
        }
        for asset in MARGIN_ASSETS
        if asset in ask.world.prices or asset in ask.world.stables
    ]


def price_index(ask: Ask) -> object:
    symbol = ask.needed("symbol")
    for base, quote in [*_pairs(ask), *((coin, "BTC") for coin in ("ETH", "BNB"))]:
        if base + quote == symbol:
            price = eight(ask.world.index_in(base, quote))
            return {"calcTime": ask.now_ms, "price": price, "symbol": symbol}
    raise Refusal(-11001, "Isolated margin pair or index symbol does not exist.")


def margin_brackets(_: Ask) -> object:
    """The Pro table; drawn, in the venue's shape (a classic account is not margined by it)."""
    return [
        {
            "assetNames": list(MARGIN_ASSETS),
            "rank": 1,
            "brackets": [
                {
                    "leverage": 10,
                    "maxDebt": 1000000.0,
                    "maintenanceMarginRate": 0.05,
                    "initialMarginRate": 0.1112,
                    "fastNum": 0.0,
                },
                {
                    "leverage": 5,
                    "maxDebt": 5000000.0,
                    "maintenanceMarginRate": 0.08,
                    "initialMarginRate": 0.25,
                    "fastNum": 30000.0,
                },
            ],
        }
    ]


def margin_pairs(ask: Ask) -> object:
    return [
        {
            "base": base,
            "id": number,
            "isBuyAllowed": True,
            "isMarginTrade": True,
            "isSellAllowed": True,
            "quote": quote,
            "symbol": base + quote,
        }
        for number, (base, quote) in enumerate(_pairs(ask), start=1)
    ]


def borrow_repay(ask: Ask) -> object:
    asset, amount = ask.needed("asset"), _amount(ask)
    if ask.needed("type") != "REPAY":
        raise Refusal(-1002, "You are not authorized to execute this request.", status=401)
    debt = ask.account.debts.get(asset)
    owed = debt.principal + debt.interest if debt else ZERO
    if amount > owed:
        raise Refusal(-3015, "Repay amount exceeds borrow amount.")
    if amount > ask.account.balance("margin", asset):
        raise Refusal(-3041, "Balance is not enough")
    ask.world.repay(ask.account, asset, amount, wallet="margin")
    return {"tranId": ask.world.next_id()}


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
        for asset, amount in ask.account.wallet(wallet).items()
        if amount and (not wanted or asset == wanted)
    ]


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


def _amount(ask: Ask) -> Decimal:
    try:
        amount = Decimal(ask.needed("amount"))
    except InvalidOperation:
        raise Refusal(-1100, "Illegal characters found in parameter 'amount'.") from None
    if not amount.is_finite() or amount <= 0:
        raise Refusal(-1100, "Illegal characters found in parameter 'amount'.")
    return amount


def _ends(ask: Ask) -> tuple[str, str]:
    word = ask.needed("type")
    source, _, target = word.partition("_")
    if source not in _WALLET_WORDS or target not in _WALLET_WORDS:
        raise Refusal(-1102, "Mandatory parameter 'type' was not sent, or malformed.")
    return _WALLET_WORDS[source], _WALLET_WORDS[target]


def transfer(ask: Ask) -> object:
    """Carry the transfer out. There is no client id: a repeated call moves money twice."""
    source, target = _ends(ask)
    if not ask.account.rights.transfer:
        raise Refusal(-1002, "You are not authorized to execute this request.", status=401)
    asset, amount = ask.needed("asset"), _amount(ask)
    try:
        done = ask.world.transfer(ask.account, asset, amount, source=source, target=target)
    except WorldError:
        raise Refusal(-5013, "Asset transfer failed: insufficient balance") from None
    return {"tranId": done.id}


def transfers(ask: Ask) -> object:
    source, target = _ends(ask)
    since = int(ask.params.get("startTime") or 0)
    rows = [
        _transfer_row(one, ask.needed("type"))
        for one in reversed(ask.account.transfers)
        if (one.source, one.target) == (source, target) and one.at_us // 1000 >= since
    ]
    return {"total": len(rows), "rows": rows}


def _transfer_row(done: Transfer, word: str) -> dict[str, object]:
    return {
        "asset": done.asset,
        "amount": short(done.amount),
        "type": word,
        "status": "CONFIRMED",
        "tranId": done.id,
        "timestamp": done.at_us // 1000,
    }
