"""
OKX's private answers about positions and resting orders.

Rule: shapes of recorded payloads, figures of figures. Net mode tells the side by the sign of
`pos`, hedge mode by `posSide`; a cross position's `margin` is "", an isolated one's `imr` is "".
Under portfolio margin the margins of the whole underlying are repeated on each of its positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.okx.figures import (
    ACCOUNT_WIDE,
    Figures,
    LegFigures,
    figures,
    kind_of,
    shown_liquidation_price,
)
from watcher.sim.okx.pairs import cross_rows, pair_rows
from watcher.sim.okx.wire_shapes import amount, optional
from watcher.sim.things import ZERO, Account, Order
from watcher.sim.wire import short
from watcher.sim.world import World


def positions(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return open positions; an account without any gets an empty list."""
    now = figures(world, account)
    kind, names = query.get("instType"), query.get("instId")
    wanted = names.split(",") if names else None
    rows = [
        _row(world, account, now, one)
        for one in now.legs
        if kind in {None, "", kind_of(one.leg.instrument)}
        and (wanted is None or one.leg.symbol in wanted)
    ]
    if kind in {None, "", "MARGIN"}:
        rows += [
            dict.fromkeys(_UNUSED, "") | row
            for row in (*pair_rows(world, account), *cross_rows(world, account, now))
            if wanted is None or row["instId"] in wanted
        ]
    return list(rows)


def _signed(account: Account, one: LegFigures) -> str:
    quantity = one.leg.quantity if account.hedge else one.leg.sign * one.leg.quantity
    return short(quantity)


def _side(account: Account, side: str) -> str:
    return side if account.hedge else "net"


def _margins(account: Account, now: Figures, one: LegFigures) -> tuple[Decimal, Decimal]:
    if account.mode != "portfolio":
        return one.initial_margin, one.maintenance_margin
    unit = [
        each for each in now.legs if each.leg.instrument.underlying == one.leg.instrument.underlying
    ]
    return (
        sum((each.initial_margin for each in unit), ZERO),
        sum((each.maintenance_margin for each in unit), ZERO),
    )


def _row(world: World, account: Account, now: Figures, one: LegFigures) -> dict[str, object]:
    leg = one.leg
    initial, maintenance = _margins(account, now, one)
    price = shown_liquidation_price(now, one, taker_fee=account.taker_fee)
    used = leg.isolated_margin if one.isolated else initial
    gain = one.unrealised / used if used > 0 else ZERO
    mark = amount(one.mark)
    return {
        **dict.fromkeys(_UNUSED, ""),
        "instType": kind_of(leg.instrument),
        "instId": leg.symbol,
        "posId": str(10**18 + leg.id),
        "posSide": _side(account, leg.side),
        "pos": _signed(account, one),
        "mgnMode": leg.margin_mode,
        "ccy": leg.instrument.settle,
        "avgPx": amount(leg.entry),
        "bePx": amount(leg.entry),
        "markPx": mark,
        "last": mark,
        "idxPx": amount(world.index_in(leg.instrument.underlying, leg.instrument.quote)),
        "lever": short(leg.leverage),
        "margin": amount(leg.isolated_margin) if one.isolated else "",
        "imr": "" if one.isolated else amount(initial),
        "mmr": amount(maintenance),
        "mgnRatio": optional(now.ratio_of(one)),
        "liqPx": "" if account.mode == "portfolio" else optional(price),
        "notionalUsd": amount(one.notional * one.index),
        "upl": amount(one.unrealised),
        "uplLastPx": amount(one.unrealised),
        "uplRatio": amount(gain),
        "uplRatioLastPx": amount(gain),
        "usdPx": amount(one.index),
        "adl": "1",
        "closeOrderAlgo": [],
        "fee": "0",
        "fundingFee": "0",
        "liqPenalty": "0",
        "pendingCloseOrdLiabVal": "0",
        "pnl": "0",
        "realizedPnl": amount(account.realised.get(leg.symbol, ZERO)),
        "tradeId": str(leg.id),
        "cTime": str(leg.opened_us // 1000),
        "uTime": str(leg.updated_us // 1000),
    }


_UNUSED = (
    "availPos",
    "baseBal",
    "baseBorrowed",
    "baseInterest",
    "bizRefId",
    "bizRefType",
    "clSpotInUseAmt",
    "deltaBS",
    "deltaPA",
    "gammaBS",
    "gammaPA",
    "hedgedPos",
    "interest",
    "liab",
    "liabCcy",
    "maxSpotInUseAmt",
    "nonSettleAvgPx",
    "optVal",
    "posCcy",
    "quoteBal",
    "quoteBorrowed",
    "quoteInterest",
    "settledPnl",
    "spotInUseAmt",
    "spotInUseCcy",
    "thetaBS",
    "thetaPA",
    "vegaBS",
    "vegaPA",
)


def account_position_risk(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return balances and positions of one instant together."""
    now = figures(world, account)
    kind = query.get("instType")
    balances = [
        {
            "ccy": one.currency,
            "eq": amount(one.equity + one.isolated_equity),
            "disEq": amount(one.discounted),
        }
        for one in now.currencies.values()
    ]
    held = [
        {
            "baseBal": "",
            "ccy": one.leg.instrument.settle,
            "instId": one.leg.symbol,
            "instType": kind_of(one.leg.instrument),
            "mgnMode": one.leg.margin_mode,
            "mmr": amount(one.maintenance_margin),
            "notionalCcy": amount(one.notional),
            "notionalUsd": amount(one.notional * one.index),
            "pos": _signed(account, one),
            "posCcy": "",
            "posId": str(10**18 + one.leg.id),
            "posSide": _side(account, one.leg.side),
            "quoteBal": "",
        }
        for one in now.legs
        if kind in {None, "", kind_of(one.leg.instrument)}
    ]
    wide = account.mode in ACCOUNT_WIDE
    return [
        {
            "adjEq": amount(now.adjusted_equity) if wide else "",
            "balData": balances,
            "posData": held,
            "ts": str(world.now_us // 1000),
        }
    ]


def orders_pending(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return resting orders, a hundred at most, older ones after an order id."""
    del world
    kind, name, after = query.get("instType"), query.get("instId"), query.get("after")
    rows = [
        _order_row(account, one)
        for one in sorted(account.orders.values(), key=lambda one: -one.id)
        if kind in {None, "", kind_of(one.instrument)}
        and name in {None, "", one.instrument.symbol}
        and (not after or one.id < int(after))
    ]
    return list(rows[: int(query.get("limit", "100"))])


def _order_row(account: Account, order: Order) -> dict[str, object]:
    created = str(order.created_us // 1000)
    return {
        "instType": kind_of(order.instrument),
        "instId": order.instrument.symbol,
        "ordId": str(order.id),
        "clOrdId": "",
        "tag": "",
        "px": short(order.price),
        "sz": short(order.quantity),
        "pnl": "0",
        "ordType": "limit",
        "side": "buy" if order.side == "long" else "sell",
        "posSide": _side(account, order.side),
        "tdMode": "cross",
        "ccy": "",
        "accFillSz": "0",
        "fillPx": "",
        "avgPx": "",
        "state": "live",
        "lever": short(account.leverage.get(order.instrument.symbol, Decimal(10))),
        "reduceOnly": "false",
        "fee": "0",
        "feeCcy": order.instrument.settle,
        "category": "normal",
        "cTime": created,
        "uTime": created,
    }
