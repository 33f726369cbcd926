"""
Binance USDⓈ-M signed bodies (`/fapi`): account, positions, modes, fees, forced orders.

Rule: field for field the venue's own samples, numbers as the venue prints them (text, eight
decimals; brackets as JSON numbers). In single-asset mode the `total...` fields speak of USDT only.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.binance.legs import FuturesPool, initial_margin, maintenance
from watcher.sim.binance.multi import FLAG, multi_pool
from watcher.sim.binance.tables import FUTURES_ASSETS
from watcher.sim.binance.wire import Ask
from watcher.sim.binance.wire_market import chosen, eight
from watcher.sim.things import ONE, ZERO, Account, Instrument, Position
from watcher.sim.wire import short, text


def account(ask: Ask) -> object:
    pools = ask.rules.futures(ask.world, ask.account)
    assets = [_asset(ask, name, pools) for name in _listed(pools)]
    usdt = next(row for row in assets if row["asset"] == "USDT")
    legs = [leg for leg in ask.account.positions.values() if not leg.instrument.inverse]
    totals = _in_usd(ask) if ask.account.flag(FLAG) else {}
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
        **totals,
        "assets": assets,
        "positions": [_account_leg(ask, leg) for leg in legs],
    }


def _in_usd(ask: Ask) -> dict[str, object]:
    """Return the totals of multi-assets mode, where they are of all assets and in USD."""
    pool, world = multi_pool(ask.world, ask.account), ask.world
    wallet = sum((held * world.index(name) for name, held in pool.wallets.items()), ZERO)
    profits = sum((pool.unrealised(name) * world.index(name) for name in pool.wallets), ZERO)
    used, free = pool.initial_margin, max(pool.equity - pool.initial_margin, ZERO)
    return {
        "totalInitialMargin": eight(used),
        "totalMaintMargin": eight(pool.maintenance_margin),
        "totalWalletBalance": eight(wallet),
        "totalUnrealizedProfit": eight(profits),
        "totalMarginBalance": eight(pool.equity),
        "totalPositionInitialMargin": eight(used),
        "totalCrossWalletBalance": eight(wallet),
        "totalCrossUnPnl": eight(profits),
        "availableBalance": eight(free),
        "maxWithdrawAmount": eight(free),
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
    multi = ask.account.flag(FLAG)
    shared = multi_pool(ask.world, ask.account).liquidation_prices() if multi else {}
    for pool in ask.rules.futures(ask.world, ask.account):
        prices = shared if multi else ask.rules.liquidation_prices(ask.world, pool)
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
