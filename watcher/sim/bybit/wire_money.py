"""
Bybit's private answers about money that may move: coins, balances, what is free.

Rule: nothing leaves the unified wallet that its margin needs. Moving it is in `transfers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from watcher.sim.bybit.figures import FUNDING, WALLET, figures
from watcher.sim.bybit.tables import COLLATERAL
from watcher.sim.bybit.wire_shapes import Refusal, amount
from watcher.sim.things import ZERO, Account
from watcher.sim.world import World

WALLET_OF: Final = {"FUND": FUNDING, "UNIFIED": WALLET}


def coin_info(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return the coins the venue moves, one chain each."""
    del world, account
    asked = query.get("coin")
    chain = {
        "chainType": "ERC20",
        "confirmation": "6",
        "withdrawFee": "0.1",
        "depositMin": "0",
        "withdrawMin": "1",
        "chain": "ETH",
        "chainDeposit": "1",
        "chainWithdraw": "1",
        "minAccuracy": "8",
        "withdrawPercentageFee": "0",
        "contractAddress": "",
    }
    return {
        "rows": [
            {"name": coin, "coin": coin, "remainAmount": "150", "chains": [chain]}
            for coin in COLLATERAL
            if asked in {None, coin}
        ]
    }


def coins_balance(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return the balances of one account type; `transferBalance` is what may leave it."""
    kind = query.get("accountType", "")
    wallet = WALLET_OF.get(kind)
    if wallet is None:
        raise Refusal(131200, f"account type {kind or 'empty'} is not supported")
    held = {} if world.desk.reads_zero(world, account) else account.wallet(wallet)
    asked = query.get("coin")
    names = asked.split(",") if asked else [coin for coin, much in held.items() if much]
    return {
        "memberId": "24600000",
        "accountType": kind,
        "balance": [
            {
                "coin": coin,
                "walletBalance": amount(held.get(coin, ZERO)),
                "transferBalance": amount(
                    movable(world, account, wallet, coin) if coin in held else ZERO
                ),
                "bonus": "",
            }
            for coin in names
        ],
    }


def movable(world: World, account: Account, wallet: str, coin: str) -> Decimal:
    """What may leave: all of funding; of the unified wallet no more than is free of margin."""
    held = max(account.balance(wallet, coin), ZERO)
    if wallet == FUNDING or not (account.positions or account.debts):
        return held
    free = max(figures(world, account).available, ZERO) / world.index(coin)
    return min(held, free)


def withdrawal(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return what of the unified wallet could be moved out, by coin."""
    asked = query.get("coinName", "")
    names = asked.split(",") if asked else []
    if not names:
        raise Refusal(10001, "params error: coinName is empty")
    each = {name: amount(movable(world, account, WALLET, name)) for name in names}
    return {"availableWithdrawal": each[names[0]], "availableWithdrawalMap": each}
