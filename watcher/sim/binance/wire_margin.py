"""
Binance cross-margin bodies (`/sapi/v1/margin`): levels, bars, ladders, index, repaying.

Rule: field for field the venue's own samples; amounts as text with eight decimals. The level has
no haircut; the collateral level has one and decides only what may be borrowed or moved out.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from watcher.sim.binance.figures import BARS
from watcher.sim.binance.tables import MARGIN_ASSETS, ladder
from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.binance.wire_market import eight
from watcher.sim.things import ZERO
from watcher.sim.wire import short

NO_LEVEL = Decimal(999)
_QUOTES = ("USDT", "USDC")


def pairs(ask: Ask) -> list[tuple[str, str]]:
    coins = [name for name in MARGIN_ASSETS if name in ask.world.prices]
    return [(coin, quote) for quote in _QUOTES for coin in coins] + [("USDC", "USDT")]


def amount_of(ask: Ask) -> Decimal:
    try:
        amount = Decimal(ask.needed("amount"))
    except InvalidOperation:
        raise Refusal(-1100, "Illegal characters found in parameter 'amount'.") from None
    if not amount.is_finite() or amount <= 0:
        raise Refusal(-1100, "Illegal characters found in parameter 'amount'.")
    return amount


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
    for base, quote in [*pairs(ask), *((coin, "BTC") for coin in ("ETH", "BNB"))]:
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
        for number, (base, quote) in enumerate(pairs(ask), start=1)
    ]


def borrow_repay(ask: Ask) -> object:
    asset, amount = ask.needed("asset"), amount_of(ask)
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
