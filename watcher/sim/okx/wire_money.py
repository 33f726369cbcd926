"""
OKX's private answers about money that may move: the funding wallet, what is free in trading.

Rule: nothing leaves the trading account that its margin needs. Moving it is in `transfers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.sim.okx.figures import ACCOUNT_WIDE, FUNDING, WALLET, figures
from watcher.sim.okx.tables import DISCOUNT
from watcher.sim.okx.wire_shapes import amount
from watcher.sim.things import ZERO, Account
from watcher.sim.world import World


def funding_balances(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return the funding wallet."""
    asked = query.get("ccy")
    purse = {} if world.desk.reads_zero(world, account) else account.wallet(FUNDING)
    wanted = asked.split(",") if asked else None
    return [
        {"ccy": name, "bal": amount(held), "availBal": amount(held), "frozenBal": "0"}
        for name, held in purse.items()
        if (name in wanted if wanted else held)
    ]


def currencies(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return the currencies the venue moves, one chain each."""
    del world, account
    asked = query.get("ccy")
    wanted = asked.split(",") if asked else None
    return [_currency_row(name) for name in DISCOUNT if wanted is None or name in wanted]


def _currency_row(name: str) -> dict[str, object]:
    return {
        "ccy": name,
        "name": name,
        "chain": f"{name}-ERC20",
        "ctAddr": "",
        "canDep": True,
        "canInternal": True,
        "canWd": True,
        "mainNet": True,
        "needTag": False,
        "logoLink": "",
        "minDep": "0.0001",
        "minDepArrivalConfirm": "1",
        "minWd": "0.001",
        "minWdUnlockConfirm": "3",
        "minInternal": "0.0001",
        "maxWd": "500",
        "wdQuota": "10000000",
        "usedWdQuota": "0",
        "wdTickSz": "8",
        "fee": "0.0004",
        "minFee": "0.0004",
        "maxFee": "0.0008",
        "minFeeForCtAddr": "",
        "maxFeeForCtAddr": "",
        "burningFeeRate": "",
        "depQuotaFixed": "",
        "usedDepQuotaFixed": "",
        "depQuoteDailyLayer2": "",
    }


def max_withdrawal(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return what of each currency may leave the trading account."""
    asked = query.get("ccy")
    names = asked.split(",") if asked else list(account.wallet(WALLET))
    rows: list[object] = []
    for name in names:
        free = amount(movable(world, account, name))
        rows.append(
            {
                "ccy": name,
                "maxWd": free,
                "maxWdEx": free,
                "spotOffsetMaxWd": "",
                "spotOffsetMaxWdEx": "",
            }
        )
    return rows


def movable(world: World, account: Account, name: str) -> Decimal:
    """What may leave the trading account: cash that no initial margin needs."""
    cash = max(account.balance(WALLET, name), ZERO)
    now = figures(world, account)
    one = now.currencies.get(name)
    if one is None or not (account.positions or account.debts):
        return cash
    if account.mode in ACCOUNT_WIDE:
        free = max(now.adjusted_equity - now.initial_margin, ZERO) / one.index
    else:
        free = max(one.numerator - one.initial_margin, ZERO)
    return min(cash, free)
