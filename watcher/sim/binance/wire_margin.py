"""
Binance cross-margin bodies (`/sapi/v1/margin`): levels, bars, ladders, index, repaying.

Rule: field for field the venue's own samples; amounts as text with eight decimals. The level has
no haircut; the collateral level has one and decides only what may be borrowed or moved out.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.binance.figures import BARS
from watcher.sim.binance.lending import debt_table, pair_tiers
from watcher.sim.binance.pairs import PairPool, pair_pools
from watcher.sim.binance.pro import pro_pool
from watcher.sim.binance.tables import MARGIN_ASSETS, ladder
from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.binance.wire_market import eight
from watcher.sim.things import ZERO, MarginPair
from watcher.sim.wire import short

NO_LEVEL = Decimal(999)
_QUOTES = ("USDT", "USDC")


def pairs(ask: Ask) -> list[tuple[str, str]]:
    coins = [name for name in MARGIN_ASSETS if name in ask.world.prices]
    return [(coin, quote) for quote in _QUOTES for coin in coins] + [("USDC", "USDT")]


def margin_account(ask: Ask) -> object:
    pool = ask.rules.margin(ask.world, ask.account)
    btc, usdt = ask.world.index("BTC"), ask.world.index("USDT")
    is_pro = ask.account.flag("pro")
    pro = pro_pool(ask.world, ask.account)
    level = NO_LEVEL
    if pool.liability:
        level = pro.level if is_pro else pool.level
    return {
        "created": True,
        "borrowEnabled": True,
        "marginLevel": eight(level),
        "collateralMarginLevel": eight(pool.collateral_level),
        "totalAssetOfBtc": eight(pool.assets / btc),
        "totalLiabilityOfBtc": eight(pool.liability / btc),
        "totalNetAssetOfBtc": eight((pool.assets - pool.liability) / btc),
        "TotalCollateralValueInUSDT": eight(pro.collateral if is_pro else pool.collateral / usdt),
        "totalOpenOrderLossInUSDT": eight(pro.order_loss),
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": pool.collateral_level > 2,
        "accountType": "MARGIN_2" if is_pro else "MARGIN_1",
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


def isolated_account(ask: Ask) -> object:
    pools = pair_pools(ask.world, ask.account)
    btc = ask.world.index("BTC")
    worth = [ask.world.index(pool.pair.quote) / btc for pool in pools]
    assets = sum((p.assets * each for p, each in zip(pools, worth, strict=True)), ZERO)
    owed = sum((p.liability * each for p, each in zip(pools, worth, strict=True)), ZERO)
    return {
        "assets": [_pair(ask, pool) for pool in pools],
        "totalAssetOfBtc": eight(assets),
        "totalLiabilityOfBtc": eight(owed),
        "totalNetAssetOfBtc": eight(assets - owed),
    }


def _pair(ask: Ask, pool: PairPool) -> dict[str, object]:
    price = pool.liquidation_price
    return {
        "baseAsset": _pair_asset(ask, pool.pair, pool.pair.base),
        "quoteAsset": _pair_asset(ask, pool.pair, pool.pair.quote),
        "symbol": pool.pair.symbol,
        "isolatedCreated": True,
        "enabled": True,
        "marginLevel": eight(pool.level),
        "marginLevelStatus": pool.status,
        "marginRatio": eight(Decimal(pool.tier.multiple)),
        "indexPrice": eight(pool.price),
        "liquidatePrice": eight(price or ZERO) if pool.liability else eight(ZERO),
        "liquidateRate": eight(pool.tier.liquidation),
        "tradeEnabled": True,
    }


def _pair_asset(ask: Ask, pair: MarginPair, asset: str) -> dict[str, object]:
    free, borrowed, owed = pair.balance(asset), pair.borrowed(asset), pair.owed(asset)
    net = free - owed
    return {
        "asset": asset,
        "borrowEnabled": True,
        "borrowed": eight(borrowed),
        "free": eight(free),
        "interest": eight(owed - borrowed),
        "locked": eight(ZERO),
        "netAsset": eight(net),
        "netAssetOfBtc": eight(net * ask.world.index(asset) / ask.world.index("BTC")),
        "repayEnabled": True,
        "totalAsset": eight(free),
    }


def isolated_tiers(ask: Ask) -> object:
    symbol = ask.needed("symbol")
    if symbol not in [base + quote for base, quote in pairs(ask)]:
        raise Refusal(-11001, "Isolated margin pair or index symbol does not exist.")
    return [
        {
            "symbol": symbol,
            "tier": tier.tier,
            "effectiveMultiple": str(tier.multiple),
            "initialRiskRatio": short(tier.initial),
            "liquidationRiskRatio": short(tier.liquidation),
            "baseAssetMaxBorrowable": short(tier.base_max),
            "quoteAssetMaxBorrowable": short(tier.quote_max),
        }
        for tier in pair_tiers(symbol)
    ]


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
    """The Pro tables (a classic account is not margined by them); numbers, not text, as there."""
    return [
        {
            "assetNames": [asset],
            "rank": rank,
            "brackets": [
                {
                    "leverage": row.leverage,
                    "maxDebt": float(row.cap),
                    "maintenanceMarginRate": float(row.rate),
                    "initialMarginRate": round(1 / (row.leverage - 1), 4),
                    "fastNum": float(row.fast),
                }
                for row in debt_table(asset)
            ],
        }
        for rank, asset in enumerate(MARGIN_ASSETS, start=1)
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
