"""
Whole accounts around recorded payloads, as the venues' endpoints would give them.

Rule: what was recorded goes in unchanged. The rest of every answer is the least the venue's
documentation says must be there, consistent with it; set-up answers (rights, mode, ladders) are
those of tests/payloads. Only times are of now: the venues stamp their answers.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.replaying import Answer, Asked, Replay, Told

PAYLOADS = Path(__file__).resolve().parents[1] / "payloads"

Json = dict[str, Any]
Routes = Mapping[str, Answer]
D = Decimal
ZERO = D(0)


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def always(body: object) -> Answer:
    return lambda _: body


@asynccontextmanager
async def served(accounts: Mapping[str, Routes]) -> AsyncIterator[dict[str, str]]:
    """Serve each account at an address of its own until the block ends; gives the addresses."""
    runners, addresses = [], {}
    try:
        for name, routes in accounts.items():
            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", Replay(routes).handle)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            addresses[name] = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield addresses
    finally:
        for runner in runners:
            await runner.cleanup()


# ── Binance ──────────────────────────────────────────────────────────────────────────────────


def futures_leg(
    symbol: str, *, size: object, entry: object, mark: object, margin: object, **more: Any
) -> Json:
    """Return one row of positionRisk; *margin* is its maintenance margin."""
    size, entry, mark = D(str(size)), D(str(entry)), D(str(mark))
    row = {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": f"{size:f}",
        "entryPrice": f"{entry:f}",
        "breakEvenPrice": f"{entry:f}",
        "markPrice": f"{mark:f}",
        "unRealizedProfit": f"{size * (mark - entry):f}",
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": f"{size * mark:f}",
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": f"{abs(size) * mark / 10:f}",
        "maintMargin": f"{D(str(margin)):f}",
        "positionInitialMargin": f"{abs(size) * mark / 10:f}",
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": 1_720_736_417_660,
    }
    return row | more


def isolated(row: Json, wallet: object) -> Json:
    margin = D(str(wallet)) + D(row["unRealizedProfit"])
    return row | {"isolatedWallet": f"{wallet}", "isolatedMargin": f"{margin:f}"}


def brackets(symbol: str, rows: Sequence[tuple[object, object, object]]) -> Json:
    """Return a maintenance table; *rows* are floor, rate and amount (`cum`)."""
    floors = [float(str(row[0])) for row in rows]
    return {
        "symbol": symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": number,
                "initialLeverage": 10,
                "notionalCap": cap,
                "notionalFloor": floor,
                "maintMarginRatio": float(str(rate)),
                "cum": float(str(amount)),
            }
            for number, ((_, rate, amount), floor, cap) in enumerate(
                zip(rows, floors, [*floors[1:], 10 * floors[-1] + 1e6], strict=True), 1
            )
        ],
    }


def binance_futures(wallet: object, legs: Sequence[Json], tables: Sequence[Json]) -> Routes:
    """Single-asset mode; *wallet* is the cross wallet, isolated legs bring their own."""
    return _binance(
        {
            "/sapi/v1/account/info": always(_doors(futures=True)),
            "/fapi/v1/accountConfig": always(payload("binance/account_config")),
            "/fapi/v1/symbolConfig": always([_symbol_config(row) for row in legs]),
            "/fapi/v1/leverageBracket": always(tables),
            "/fapi/v1/premiumIndex": lambda _: [
                _public_mark(row["symbol"], row["markPrice"]) for row in legs
            ],
            "/fapi/v3/account": always(_futures_account(D(str(wallet)), legs)),
            "/dapi/v1/account": always(payload("binance/coin_account_idle")),
            "/fapi/v3/positionRisk": always(legs),
        }
    )


def binance_margin(told: Json, btc: Decimal) -> Routes:
    """Return a cross-margin account with the totals *told*: it owns BTC and owes USDT."""
    owned, owed = D(told["totalAssetOfBtc"]), D(told["totalLiabilityOfBtc"])
    account = {
        "created": True,
        "totalNetAssetOfBtc": f"{owned - owed:f}",
        "TotalCollateralValueInUSDT": f"{owned * btc:f}",
        "totalOpenOrderLossInUSDT": "0.00000000",
        "tradeEnabled": True,
        "transferInEnabled": True,
        "transferOutEnabled": True,
        "accountType": "MARGIN_1",
        "userAssets": [_margin_asset("BTC", owned, ZERO), _margin_asset("USDT", ZERO, owed * btc)],
        **told,
    }
    return _binance(
        {
            "/sapi/v1/account/info": always(_doors(futures=False)),
            "/fapi/v1/premiumIndex": lambda _: [_public_mark("BTCUSDT", f"{btc:f}")],
            "/sapi/v1/margin/account": always(account),
            "/sapi/v1/margin/isolated/account": always(payload("binance/isolated_account")),
            "/sapi/v1/margin/tradeCoeff": always(payload("binance/trade_coeff")),
            "/sapi/v1/margin/crossMarginCollateralRatio": always(
                payload("binance/collateral_ratio")
            ),
        }
    )


def _binance(routes: Routes) -> Routes:
    return {
        "/fapi/v1/time": lambda _: {"serverTime": now_ms()},
        "/sapi/v1/account/apiRestrictions": always(payload("binance/api_restrictions")),
        "/sapi/v1/portfolio/account": always(
            Told(b'{"code":-21001,"msg":"USER_IS_NOT_UNIACCOUNT"}', status=400)
        ),
        "/sapi/v1/asset/get-funding-asset": always(payload("binance/funding")),
        "/api/v3/account": always(payload("binance/spot_account")),
        **routes,
    }


def _doors(*, futures: bool) -> Json:
    told: Json = payload("binance/account_info")
    return told | {"isMarginEnabled": not futures, "isFutureEnabled": futures}


def _symbol_config(row: Json) -> Json:
    return {
        "symbol": row["symbol"],
        "marginType": "ISOLATED" if D(row["isolatedWallet"]) else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": int(row.get("leverage", 10)),
        "maxNotionalValue": row.get("maxNotionalValue", "10000000"),
    }


def _public_mark(symbol: str, mark: str) -> Json:
    return {
        "symbol": symbol,
        "markPrice": mark,
        "indexPrice": mark,
        "estimatedSettlePrice": mark,
        "lastFundingRate": "0.00010000",
        "interestRate": "0.00010000",
        "nextFundingTime": now_ms() + 3_600_000,
        "time": now_ms(),
    }


def _futures_account(wallet: Decimal, legs: Sequence[Json]) -> Json:
    def total(key: str, *, apart: bool = True) -> Decimal:
        rows = [row for row in legs if apart or not D(row["isolatedWallet"])]
        return sum((D(row[key]) for row in rows), ZERO)

    everything = wallet + total("isolatedWallet")
    sums = {
        "unrealizedProfit": total("unRealizedProfit"),
        "marginBalance": everything + total("unRealizedProfit"),
        "maintMargin": total("maintMargin"),
        "initialMargin": total("initialMargin"),
        "positionInitialMargin": total("positionInitialMargin"),
        "openOrderInitialMargin": ZERO,
        "crossWalletBalance": wallet,
        "crossUnPnl": total("unRealizedProfit", apart=False),
        "availableBalance": wallet,
        "maxWithdrawAmount": wallet,
    }
    totals = {
        "totalInitialMargin": sums["initialMargin"],
        "totalMaintMargin": sums["maintMargin"],
        "totalWalletBalance": everything,
        "totalUnrealizedProfit": sums["unrealizedProfit"],
        "totalMarginBalance": sums["marginBalance"],
        "totalPositionInitialMargin": sums["positionInitialMargin"],
        "totalOpenOrderInitialMargin": ZERO,
        "totalCrossWalletBalance": wallet,
        "totalCrossUnPnl": sums["crossUnPnl"],
        "availableBalance": wallet,
        "maxWithdrawAmount": wallet,
    }
    asset = {"asset": "USDT", "walletBalance": everything, **sums, "updateTime": 1_720_736_417_660}
    return {
        **_texts(totals),
        "assets": [_texts(asset)],
        "positions": [
            {
                "symbol": row["symbol"],
                "positionSide": row["positionSide"],
                "positionAmt": row["positionAmt"],
                "unrealizedProfit": row["unRealizedProfit"],
                "isolatedMargin": row["isolatedMargin"],
                "notional": row["notional"],
                "isolatedWallet": row["isolatedWallet"],
                "initialMargin": row["initialMargin"],
                "maintMargin": row["maintMargin"],
                "updateTime": row["updateTime"],
            }
            for row in legs
        ],
    }


def _margin_asset(name: str, owned: Decimal, owed: Decimal) -> Json:
    return _texts(
        {
            "asset": name,
            "borrowed": owed,
            "free": owned,
            "interest": ZERO,
            "locked": ZERO,
            "netAsset": owned - owed,
        }
    )


def _texts(row: Json) -> Json:
    return {key: f"{one:f}" if isinstance(one, D) else one for key, one in row.items()}


# ── Bybit ────────────────────────────────────────────────────────────────────────────────────


def bybit_unified(
    totals: Json,
    coin: Json,
    *,
    pages: Mapping[str, Sequence[Json]],
    rates: Mapping[str, tuple[str, str]],
) -> Routes:
    """
    Return a unified cross account holding one *coin*.

    *pages* are the `result` of position/list, page by page, by settle coin; *rates* give each
    contract's maintenance rate and taker fee.
    """
    told = payload("bybit/cross")["bodies"]
    wallet = {**_bybit_totals(coin), **totals, "accountType": "UNIFIED", "coin": [coin]}

    def positions(asked: Asked) -> object:
        settle = asked.query.get("settleCoin", "")
        listed = pages.get(settle, [])
        turned = int("cursor" in asked.query)
        if turned < len(listed):
            return _bybit(listed[turned])
        return _bybit({"category": asked.query["category"], "list": [], "nextPageCursor": ""})

    def risk(asked: Asked) -> object:
        symbol = asked.query["symbol"]
        row = {
            "id": 1,
            "symbol": symbol,
            "riskLimitValue": "200000",
            "maintenanceMargin": rates[symbol][0],
            "initialMargin": rates[symbol][0],
            "isLowestRisk": 1,
            "maxLeverage": "50.00",
            "mmDeduction": "",
        }
        return _bybit({"category": "linear", "list": [row], "nextPageCursor": ""})

    fees = [
        {"symbol": symbol, "takerFeeRate": fee, "makerFeeRate": "0.0001"}
        for symbol, (_, fee) in rates.items()
    ]
    return {
        "/v5/market/time": lambda _: _bybit({"timeSecond": "0", "timeNano": "0"}),
        "/v5/account/info": lambda _: _bybit(told["info"]["result"]),
        "/v5/user/query-api": lambda _: _bybit(told["key"]["result"]),
        "/v5/asset/transfer/query-account-coins-balance": lambda _: _bybit(
            told["funding"]["result"]
        ),
        "/v5/spot-margin-trade/collateral": lambda _: _bybit(told["collateral"]["result"]),
        "/v5/spot-margin-trade/position-tiers": lambda _: _bybit(told["borrow"]["result"]),
        "/v5/account/wallet-balance": lambda _: _bybit({"list": [wallet]}),
        "/v5/position/list": positions,
        "/v5/market/risk-limit": risk,
        "/v5/account/fee-rate": lambda _: _bybit({"list": fees}),
    }


def bybit_coin(name: str, *, equity: Decimal, unrealised: Decimal, margin: Decimal) -> Json:
    return _texts(
        {
            "coin": name,
            "equity": equity,
            "usdValue": equity,
            "walletBalance": equity - unrealised,
            "unrealisedPnl": unrealised,
            "totalPositionMM": margin,
            "totalPositionIM": ZERO,
            "totalOrderIM": ZERO,
            "borrowAmount": ZERO,
            "spotBorrow": ZERO,
            "accruedInterest": ZERO,
            "locked": ZERO,
            "bonus": ZERO,
            "cumRealisedPnl": ZERO,
            "spotHedgingQty": ZERO,
            "availableToWithdraw": "",
            "availableToBorrow": "",
            "marginCollateral": True,
            "collateralSwitch": True,
        }
    )


def _bybit_totals(coin: Json) -> Json:
    equity, margin = D(coin["equity"]), D(coin["totalPositionMM"])
    return _texts(
        {
            "totalEquity": equity,
            "totalMarginBalance": equity,
            "totalWalletBalance": D(coin["walletBalance"]),
            "totalPerpUPL": D(coin["unrealisedPnl"]),
            "totalMaintenanceMargin": margin,
            "accountMMRate": (margin / equity).quantize(D("0.0001")),
        }
    )


def _bybit(result: object) -> Json:
    return {
        "retCode": 0,
        "retMsg": "OK",
        "result": result,
        "retExtInfo": {},
        "time": now_ms(),
    }


# ── OKX ──────────────────────────────────────────────────────────────────────────────────────


def okx_account(level: str, totals: Json, detail: Json, positions: Sequence[Json] = ()) -> Routes:
    """Return an account of one currency; *level* is `acctLv`."""
    told = payload("okx/multi")["bodies"]
    config = told["config"]["data"][0] | {"acctLv": level}
    known = told["balance"]["data"][0]
    row = dict.fromkeys(known["details"][0], "") | {
        "colRes": "0",
        "collateralEnabled": False,
        "upl": "0",
        "liab": "0",
        "interest": "0",
        "uTime": "1705449605015",
    }

    def balance(_: Asked) -> object:
        account = dict.fromkeys(known, "") | totals
        return _okx([account | {"details": [row | detail], "uTime": str(now_ms())}])

    def marks(_: Asked) -> object:
        return _okx(
            [
                {
                    "instType": one["instType"],
                    "instId": one["instId"],
                    "markPx": one["markPx"],
                    "ts": str(now_ms()),
                }
                for one in positions
            ]
        )

    def tiers(asked: Asked) -> object:
        return _okx([]) if "ccy" in asked.query else told["tiers SWAP cross"]

    def index(_: Asked) -> object:
        rows = [("BTC-USD", "60000"), ("USDT-USD", "1")]
        return _okx([{"instId": i, "idxPx": px, "ts": str(now_ms())} for i, px in rows])

    return {
        "/api/v5/public/time": lambda _: _okx([{"ts": str(now_ms())}]),
        "/api/v5/account/config": always(_okx([config])),
        "/api/v5/account/balance": balance,
        "/api/v5/account/positions": always(_okx(positions)),
        "/api/v5/asset/balances": always(told["funding"]),
        "/api/v5/public/mark-price": marks,
        "/api/v5/public/position-tiers": tiers,
        "/api/v5/public/instruments": always(told["instruments SWAP"]),
        "/api/v5/account/trade-fee": always(told["fees SWAP"]),
        "/api/v5/public/discount-rate-interest-free-quota": always(told["discount"]),
        "/api/v5/market/index-tickers": index,
    }


def okx_position(**given: str) -> Json:
    known: Json = payload("okx/multi")["bodies"]["positions"]["data"][0]
    return known | given


def _okx(data: object) -> Json:
    return {"code": "0", "msg": "", "data": data}
