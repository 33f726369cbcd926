"""
Bybit's private answers about moving money: coins, balances that may move, transfers, margin.

Rule: a `transferId` is a UUID good for one transfer, ever (131214 after that); amounts have at
most eight decimals; nothing leaves the unified wallet that its margin needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

import orjson

from watcher.sim.bybit.figures import FUNDING, WALLET, figures, is_isolated
from watcher.sim.bybit.tables import COLLATERAL
from watcher.sim.bybit.wire_positions import position_idx
from watcher.sim.bybit.wire_shapes import Refusal, amount, category_of, page
from watcher.sim.things import ZERO, Account, Position, Transfer, WorldError
from watcher.sim.wire import short
from watcher.sim.world import World

WALLET_OF: Final = {"FUND": FUNDING, "UNIFIED": WALLET}
TYPE_OF: Final = {wallet: name for name, wallet in WALLET_OF.items()}
AMOUNT_PLACES_MAX: Final = 8


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
    held = account.wallet(wallet)
    asked = query.get("coin")
    names = asked.split(",") if asked else [coin for coin, much in held.items() if much]
    return {
        "memberId": "24600000",
        "accountType": kind,
        "balance": [
            {
                "coin": coin,
                "walletBalance": amount(held.get(coin, ZERO)),
                "transferBalance": amount(_movable(world, account, wallet, coin)),
                "bonus": "",
            }
            for coin in names
        ],
    }


def _movable(world: World, account: Account, wallet: str, coin: str) -> Decimal:
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
    each = {name: amount(_movable(world, account, WALLET, name)) for name in names}
    return {"availableWithdrawal": each[names[0]], "availableWithdrawalMap": each}


def transfer(world: World, account: Account, body: bytes) -> object:
    """
    Move a coin between FUND and UNIFIED; a `transferId` is good for one transfer, ever.

    Raises: `Refusal` 10005 (rights), 10001 (ids), 131214 (id used), 131210 (digits),
    131212 (funds).
    """
    if not account.rights.transfer:
        raise Refusal(10005, "Permission denied, please check your API key permissions.")
    asked = _body(body)
    client_id = _uuid(asked.get("transferId", ""))
    if any(one.client_id == client_id for one in account.transfers):
        raise Refusal(131214, "TransferId exist")
    source = WALLET_OF.get(asked.get("fromAccountType", ""))
    target = WALLET_OF.get(asked.get("toAccountType", ""))
    if source is None or target is None or source == target:
        raise Refusal(131200, "account type is not supported")
    much, coin = _amount(asked.get("amount", "")), asked.get("coin", "")
    if coin not in COLLATERAL or much > _movable(world, account, source, coin):
        raise Refusal(131212, "Insufficient balance")
    try:
        world.transfer(account, coin, much, source=source, target=target, client_id=client_id)
    except WorldError:
        raise Refusal(131212, "Insufficient balance") from None
    return {"transferId": client_id, "status": "SUCCESS"}


def _body(body: bytes) -> dict[str, str]:
    try:
        asked = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise Refusal(10001, "Request parameter error: body is not JSON") from None
    if not isinstance(asked, dict):
        raise Refusal(10001, "Request parameter error: body is not an object")
    return {str(name): str(value) for name, value in asked.items()}


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise Refusal(10001, "params error: transferId is not a UUID") from None


def _amount(text: str) -> Decimal:
    try:
        much = Decimal(text)
    except InvalidOperation:
        raise Refusal(10001, "params error: amount is not a number") from None
    if not much.is_finite() or much <= 0:
        raise Refusal(10001, "params error: amount is not above zero")
    if -int(much.as_tuple().exponent) > AMOUNT_PLACES_MAX:
        raise Refusal(131210, "Amount accuracy is beyond the coin's")
    return much


def transfer_list(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return finished transfers, newest first, filtered by id or coin."""
    del world
    rows = [
        _transfer_row(one)
        for one in reversed(account.transfers)
        if query.get("transferId") in {None, one.client_id}
        and query.get("coin") in {None, one.asset}
        and query.get("status") in {None, "SUCCESS"}
    ]
    shown, cursor = page(rows, query, default=20, most=50)
    return {"list": list(shown), "nextPageCursor": cursor}


def _transfer_row(one: Transfer) -> dict[str, str]:
    return {
        "transferId": one.client_id or f"selfTransfer_{one.id}",
        "coin": one.asset,
        "amount": short(one.amount),
        "fromAccountType": TYPE_OF[one.source],
        "toAccountType": TYPE_OF[one.target],
        "timestamp": str(one.at_us // 1000),
        "status": "SUCCESS",
    }


def add_margin(world: World, account: Account, body: bytes) -> object:
    """
    Add (or, below zero, take) isolated margin.

    Raises: `Refusal` 10005, 110015 in cross mode, 110077 under portfolio margin, 110014 (funds).
    """
    if not account.rights.trade:
        raise Refusal(10005, "Permission denied, please check your API key permissions.")
    if account.flag("portfolio"):
        raise Refusal(110077, "Pm mode operation is not supported")
    if not is_isolated(account):
        raise Refusal(110015, "No need to add margin in cross margin mode")
    asked = _body(body)
    leg = _leg_of(account, asked)
    try:
        much = Decimal(asked.get("margin", ""))
    except InvalidOperation:
        raise Refusal(10001, "params error: margin is not a number") from None
    margin = leg.isolated_margin + much
    settle = leg.instrument.settle
    if much > account.balance(WALLET, settle) or margin <= 0:
        raise Refusal(110014, "Insufficient available balance to add additional margin")
    world.set_position(account, leg.symbol, leg.side, leg.quantity, isolated_margin=margin)
    return {"category": category_of(leg.instrument), "symbol": leg.symbol}


def _leg_of(account: Account, asked: Mapping[str, str]) -> Position:
    idx = asked.get("positionIdx", "0")
    legs: Sequence[Position] = [
        leg
        for leg in account.positions.values()
        if leg.symbol == asked.get("symbol")
        and str(position_idx(account, leg.instrument, leg.side)) == idx
    ]
    if not legs:
        raise Refusal(110009, "Position status is abnormal")
    return legs[0]
