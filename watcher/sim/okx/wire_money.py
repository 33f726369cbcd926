"""
OKX's private answers about moving money: funding wallet, transfers, isolated margin.

Rule: wallets by number, 6 funding and 18 trading. A `clientId` is kept with its transfer and can
be looked up; a second transfer with the same one is carried out again, because nothing says that
the venue refuses it. Nothing leaves the trading account that its margin needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

import orjson

from watcher.sim.okx.figures import ACCOUNT_WIDE, FUNDING, WALLET, figures
from watcher.sim.okx.tables import DISCOUNT
from watcher.sim.okx.wire_shapes import Refusal, amount, needed
from watcher.sim.things import ZERO, Account, Position, WorldError
from watcher.sim.wire import short
from watcher.sim.world import World

WALLET_OF: Final = {"6": FUNDING, "18": WALLET}
NUMBER_OF: Final = {wallet: number for number, wallet in WALLET_OF.items()}
CLIENT_ID_MAX: Final = 32


def funding_balances(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return the funding wallet."""
    del world
    asked = query.get("ccy")
    wanted = asked.split(",") if asked else None
    return [
        {"ccy": name, "bal": amount(held), "availBal": amount(held), "frozenBal": "0"}
        for name, held in account.wallet(FUNDING).items()
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
        free = amount(_movable(world, account, name))
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


def _movable(world: World, account: Account, name: str) -> Decimal:
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


def transfer(world: World, account: Account, body: bytes) -> list[object]:
    """
    Move a currency between funding and trading.

    Raises: `Refusal` 50120 (rights), 50014, 51000 (parameters), 58114 (amount), 58350 (funds).
    """
    if not (account.rights.transfer or account.rights.trade):
        raise Refusal(
            50120, "This API key doesn't have permission to use this function", status=403
        )
    asked = _body(body)
    name, client_id = needed(asked, "ccy"), asked.get("clientId", "")
    source, target = WALLET_OF.get(asked.get("from", "")), WALLET_OF.get(asked.get("to", ""))
    if name not in DISCOUNT or source is None or target is None or source == target:
        raise Refusal(51000, "Parameter ccy, from or to error")
    if len(client_id) > CLIENT_ID_MAX or not (client_id.isalnum() or client_id == ""):
        raise Refusal(51000, "Parameter clientId error")
    much = _number(needed(asked, "amt"))
    if much <= 0:
        raise Refusal(58114, "Transfer amount must be greater than 0")
    if source == WALLET and much > _movable(world, account, name):
        raise Refusal(58350, "Insufficient balance")
    try:
        done = world.transfer(
            account, name, much, source=source, target=target, client_id=client_id
        )
    except WorldError:
        raise Refusal(58350, "Insufficient balance") from None
    return [
        {
            "transId": str(done.id),
            "clientId": client_id,
            "ccy": name,
            "amt": short(much),
            "from": asked["from"],
            "to": asked["to"],
        }
    ]


def transfer_state(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """
    Return a transfer by `transId` or `clientId`; none found is an empty list (drawn).

    Raises: `Refusal` 50014 without either.
    """
    del world
    number, client_id = query.get("transId", ""), query.get("clientId", "")
    if not (number or client_id):
        raise Refusal(50014, "Parameter transId and clientId can not both be empty")
    return [
        {
            "transId": str(one.id),
            "clientId": one.client_id,
            "ccy": one.asset,
            "amt": short(one.amount),
            "from": NUMBER_OF[one.source],
            "to": NUMBER_OF[one.target],
            "instId": "",
            "toInstId": "",
            "subAcct": "",
            "type": "0",
            "state": "success",
        }
        for one in account.transfers
        if (not number or str(one.id) == number) and (not client_id or one.client_id == client_id)
    ]


def margin_balance(world: World, account: Account, body: bytes) -> list[object]:
    """
    Add to or take from an isolated position's margin.

    Raises: `Refusal` 50120 (rights), 51000 (parameters), 59300 (no position), 59301 (too much).
    """
    if not account.rights.trade:
        raise Refusal(
            50120, "This API key doesn't have permission to use this function", status=403
        )
    asked = _body(body)
    leg = _isolated_leg(account, asked)
    much = _number(needed(asked, "amt"))
    kind = needed(asked, "type")
    if kind not in {"add", "reduce"} or much <= 0:
        raise Refusal(51000, "Parameter type or amt error")
    change = much if kind == "add" else -much
    margin, settle = leg.isolated_margin + change, leg.instrument.settle
    if margin <= 0 or change > account.balance(WALLET, settle):
        raise Refusal(59301, "Margin adjustment failed for exceeding the max limit")
    world.set_position(account, leg.symbol, leg.side, leg.quantity, isolated_margin=margin)
    return [
        {
            "instId": leg.symbol,
            "posSide": asked.get("posSide", "net"),
            "amt": short(much),
            "ccy": settle,
            "leverage": short(leg.leverage),
            "type": kind,
        }
    ]


def _isolated_leg(account: Account, asked: Mapping[str, str]) -> Position:
    name, side = needed(asked, "instId"), needed(asked, "posSide")
    for leg in account.positions.values():
        if leg.symbol == name and leg.margin_mode == "isolated" and side in {"net", leg.side}:
            return leg
    raise Refusal(59300, "Margin call failed. Position does not exist")


def _body(body: bytes) -> dict[str, str]:
    try:
        asked = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise Refusal(50006, "Invalid Content-Type, please use application/json") from None
    if not isinstance(asked, dict):
        raise Refusal(50002, "Json data format error", status=400)
    return {str(name): str(value) for name, value in asked.items()}


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Refusal(51000, "Parameter amt error") from None
    if not number.is_finite():
        raise Refusal(51000, "Parameter amt error")
    return number
