"""
OKX's private answers about the account: mode and rights, balances, fees.

Rule: shapes of the v5 documentation and of recorded payloads, figures of figures. Which of
the ratio fields are filled depends on the mode: futures mode has them per currency, the others
for the account; the rest is "".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.okx.figures import ACCOUNT_WIDE, CurrencyFigures, Figures, figures, kind_of
from watcher.sim.okx.wire_shapes import LEVEL_OF_MODE, amount, needed, optional
from watcher.sim.things import ZERO, Account
from watcher.sim.wire import short
from watcher.sim.world import World


def config(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return mode and rights."""
    del world, query
    rights = account.rights
    # moving between own wallets needs the trade right here, there is no narrower one
    may = {
        "read_only": rights.read,
        "withdraw": rights.withdraw,
        "trade": rights.trade or rights.transfer,
    }
    return [
        {
            "acctLv": LEVEL_OF_MODE[account.mode],
            "acctStpMode": "cancel_maker",
            "autoLoan": account.mode in {"multi", "portfolio"},
            "ctIsoMode": "automatic",
            "enableSpotBorrow": account.mode == "spot",
            "greeksType": "PA",
            "feeType": "0",
            "ip": "127.0.0.1" if rights.ip_bound else "",
            "type": "0",
            "kycLv": "3",
            "label": "watcher",
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": str(account.uid),
            "mgnIsoMode": "automatic",
            "opAuth": "0",
            "perm": ",".join(name for name, allowed in may.items() if allowed),
            "posMode": "long_short_mode" if account.hedge else "net_mode",
            "roleType": "0",
            "settleCcy": "USDC",
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "stgyType": "0",
            "traderInsts": [],
            "uid": str(account.uid),
        }
    ]


def balance(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return the trading account: totals in USD and one row per currency."""
    now = figures(world, account)
    asked = query.get("ccy")
    wanted = asked.split(",") if asked else None
    stamp = str(world.now_us // 1000)
    details = [
        _detail(now, one, stamp)
        for one in now.currencies.values()
        if (one.currency in wanted if wanted else _held(one))
    ]
    return [{**_totals(now, stamp), "details": details}]


def _held(one: CurrencyFigures) -> bool:
    held = one.cash or one.equity or one.isolated_equity
    return bool(held or one.initial_margin or one.terms.frozen)


def _totals(now: Figures, stamp: str) -> dict[str, object]:
    isolated = sum((one.isolated_equity * one.index for one in now.currencies.values()), ZERO)
    gained = sum((one.unrealised * one.index for one in now.currencies.values()), ZERO)
    frozen = sum((one.terms.frozen * one.index for one in now.currencies.values()), ZERO)
    wide = _wide_fields(now, frozen, gained)
    shown = now.mode in ACCOUNT_WIDE and not (now.mode == "spot" and now.need == 0)
    return {
        **(wide if shown else dict.fromkeys(wide, "")),
        "delta": "",
        "deltaLever": "",
        "deltaNeutralStatus": "0",
        "isoEq": amount(isolated) if now.mode != "spot" else "",
        "totalEq": amount(now.total_equity),
        "uTime": stamp,
    }


def _wide_fields(now: Figures, frozen: Decimal, gained: Decimal) -> dict[str, str]:
    each = now.currencies.values()
    owed = sum((one.borrowed.amount * one.index for one in each), ZERO)
    borrow = sum((one.borrowed.initial_margin * one.index for one in each), ZERO)
    return {
        "adjEq": amount(now.adjusted_equity),
        "availEq": amount(max(now.adjusted_equity - now.initial_margin, ZERO)),
        "borrowFroz": amount(borrow),
        "imr": amount(now.initial_margin),
        "mmr": amount(now.maintenance_margin),
        "mgnRatio": optional(now.ratio),
        "notionalUsd": amount(now.notional),
        "notionalUsdForBorrow": amount(owed),
        "notionalUsdForFutures": amount(_notional_of(now, "FUTURES")),
        "notionalUsdForOption": "0",
        "notionalUsdForSwap": amount(_notional_of(now, "SWAP")),
        "ordFroz": amount(frozen),
        "upl": amount(gained),
    }


def _notional_of(now: Figures, kind: str) -> Decimal:
    return sum(
        (
            one.notional * one.index
            for one in now.legs
            if not one.isolated and kind_of(one.leg.instrument) == kind
        ),
        ZERO,
    )


def _detail(now: Figures, one: CurrencyFigures, stamp: str) -> dict[str, object]:
    wide = now.mode in ACCOUNT_WIDE
    equity = one.equity + one.isolated_equity
    before_profit = max(-(one.cash - one.interest), ZERO)
    frozen = one.initial_margin + one.terms.frozen
    margins = {
        "imr": amount(one.initial_margin),
        "mmr": amount(one.maintenance_margin),
        "mgnRatio": optional(one.ratio),
    }
    if wide or one.need == 0:
        margins = dict.fromkeys(margins, "")
    owing = {
        "liab": amount(one.owed),
        "crossLiab": amount(one.owed),
        "uplLiab": amount(max(one.owed - before_profit, ZERO)),
        "interest": amount(one.interest),
        "borrowFroz": amount(one.borrowed.initial_margin * one.index),
        "twap": "0",
    }
    if not wide:
        owing = dict.fromkeys(owing, "")
    return {
        **margins,
        **owing,
        "ccy": one.currency,
        "cashBal": amount(one.cash),
        "eq": amount(equity),
        "eqUsd": amount(equity * one.index),
        "disEq": amount(one.discounted) if wide else amount(equity * one.index),
        # the documentation says: the sum of all positions of the currency, isolated ones too
        "upl": amount(one.unrealised + one.isolated_unrealised),
        "isoEq": amount(one.isolated_equity),
        "isoUpl": amount(one.isolated_unrealised),
        "isoLiab": "0" if wide else "",
        "availBal": amount(max(one.cash - frozen, ZERO)),
        "availEq": amount(max(one.equity - frozen, ZERO)),
        "frozenBal": amount(frozen),
        "ordFrozen": amount(one.terms.frozen),
        "collateralEnabled": one.collateral and now.mode == "multi",
        "collateralRestrict": False,
        "colRes": "0",
        "colBorrAutoConversion": "0",
        "frpType": "0",
        "uTime": stamp,
        **dict.fromkeys(_UNUSED, ""),
        **dict.fromkeys(_NOUGHT, "0"),
    }


_UNUSED = (
    "accAvgPx",
    "autoLendAmt",
    "autoLendMtAmt",
    "clSpotInUseAmt",
    "maxLoan",
    "maxSpotInUse",
    "notionalLever",
    "openAvgPx",
    "rewardBal",
    "spotBal",
    "spotInUseAmt",
    "spotUpl",
    "spotUplRatio",
    "totalPnl",
    "totalPnlRatio",
)
_NOUGHT = ("fixedBal", "smtSyncEq", "spotCopyTradingEq", "spotIsoBal", "stgyEq")


def trade_fee(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return the account's fees; the venue prints a fee as a negative rate."""
    kind = needed(query, "instType")
    taker, maker = short(-account.taker_fee), short(-account.maker_fee)
    return [
        {
            "category": "1",
            "delivery": "",
            "exercise": "",
            "feeGroup": [{"groupId": "1", "taker": taker, "maker": maker}],
            "fiat": [],
            "instType": kind,
            "level": "Lv1",
            "maker": maker,
            "makerU": maker,
            "makerUSDC": maker,
            "ruleType": "normal",
            "settle": "",
            "taker": taker,
            "takerU": taker,
            "takerUSDC": taker,
            "ts": str(world.now_us // 1000),
        }
    ]
