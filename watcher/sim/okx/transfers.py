"""
OKX's answers to requests that move collateral: transfers, their state, the bills, margin.

Rule: wallets by number, 6 funding and 18 trading. A `clientId` is kept with its transfer and can
be looked up; a second transfer with the same one is carried out again, because nothing says that
the venue refuses it (with the flag `refuses_used_ids` it does, 58404). Adding margin bears no id.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

import orjson

from watcher.sim.okx.figures import FUNDING, WALLET
from watcher.sim.okx.tables import DISCOUNT
from watcher.sim.okx.wire_money import movable
from watcher.sim.okx.wire_shapes import Refusal, needed
from watcher.sim.things import Account, Position, Transfer, WorldError
from watcher.sim.wire import short
from watcher.sim.world import World

WALLET_OF: Final = {"6": FUNDING, "18": WALLET}
NUMBER_OF: Final = {wallet: number for number, wallet in WALLET_OF.items()}
CLIENT_ID_MAX: Final = 32
PLACES_MAX: Final = 8
REFUSES_USED_IDS: Final = "refuses_used_ids"
STATES: Final = {"done": "success", "pending": "pending", "failed": "failed"}
BILL_OF: Final = {WALLET: "131", FUNDING: "130"}
"""Type of a bill of the funding account, by where it went."""
BILLS_MAX: Final = 100
PLANNED: Final = {
    "revoked": (50120, "This API key doesn't have permission to use this function", 403),
    "precision": (51000, "Parameter amt error", 200),
    "recv_window": (50102, "Timestamp request expired", 401),
    "insufficient": (58350, "Insufficient balance", 200),
    "rate_limit": (50011, "Too Many Requests", 429),
}
"""The venue's words for what a plan of the desk refuses."""


def _admitted(world: World, account: Account, verb: str, *, allowed: bool) -> None:
    """Raises: `Refusal` 50120 for a key without the right, and what is planned."""
    planned = world.desk.refusal(world, account, verb) or ("" if allowed else "revoked")
    if planned:
        code, message, status = PLANNED[planned]
        raise Refusal(code, message, status=status)


def transfer(world: World, account: Account, body: bytes) -> list[object]:
    """
    Move a currency between funding and trading.

    Raises: `Refusal` 50120 (rights), 50014, 51000 (parameters), 58114 (amount), 58350 (funds).
    """
    may = account.rights.transfer or account.rights.trade
    _admitted(world, account, "move", allowed=may)
    asked = _body(body)
    name, client_id = needed(asked, "ccy"), asked.get("clientId", "")
    source, target = WALLET_OF.get(asked.get("from", "")), WALLET_OF.get(asked.get("to", ""))
    if name not in DISCOUNT or source is None or target is None or source == target:
        raise Refusal(51000, "Parameter ccy, from or to error")
    if len(client_id) > CLIENT_ID_MAX or not (client_id.isalnum() or client_id == ""):
        raise Refusal(51000, "Parameter clientId error")
    if account.flag(REFUSES_USED_IDS) and any(
        one.client_id == client_id for one in world.desk.all_of(account) if client_id
    ):
        raise Refusal(58404, "ClientId already exists")
    much = _number(needed(asked, "amt"))
    if much <= 0:
        raise Refusal(58114, "Transfer amount must be greater than 0")
    if source == WALLET and much > movable(world, account, name):
        raise Refusal(58350, "Insufficient balance")
    wanted = Transfer(asset=name, amount=much, source=source, target=target, client_id=client_id)
    try:
        done = world.desk.move(world, account, wanted)
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
            "state": STATES[one.state],
        }
        for one in world.desk.seen(world, account, "move")
        if (not number or str(one.id) == number) and (not client_id or one.client_id == client_id)
    ]


def bills(world: World, account: Account, query: Mapping[str, str]) -> list[object]:
    """Return the funding account's bills, newest first: what was executed, by type and time."""
    after, asked = int(query.get("after") or 0), query.get("type")
    rows: list[object] = []
    for one in reversed(world.desk.seen(world, account, "move")):
        at_ms = one.at_us // 1000
        if one.state != "done" or (after and at_ms >= after):
            continue
        if asked in {None, BILL_OF[one.target]} and query.get("ccy") in {None, one.asset}:
            rows.append(_bill(account, one))
    return rows[: min(int(query.get("limit") or BILLS_MAX), BILLS_MAX)]


def _bill(account: Account, one: Transfer) -> dict[str, str]:
    change = one.amount if one.target == FUNDING else -one.amount
    return {
        "billId": str(10**9 + one.id),
        "ccy": one.asset,
        "clientId": one.client_id,
        "balChg": short(change),
        "bal": short(account.balance(FUNDING, one.asset)),
        "type": BILL_OF[one.target],
        "ts": str(one.at_us // 1000),
    }


def margin_balance(world: World, account: Account, body: bytes) -> list[object]:
    """
    Add to or take from an isolated position's margin.

    Raises: `Refusal` 50120 (rights), 51000 (parameters), 59300 (no position), 59301 (too much).
    """
    _admitted(world, account, "add_margin", allowed=account.rights.trade)
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
    added = Transfer(
        verb="add_margin", asset=settle, amount=change, source=WALLET, target=leg.symbol
    )
    world.desk.act(
        world,
        account,
        added,
        lambda: world.set_position(
            account, leg.symbol, leg.side, leg.quantity, isolated_margin=margin
        ),
    )
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
    if not number.is_finite() or -int(number.as_tuple().exponent) > PLACES_MAX:
        raise Refusal(51000, "Parameter amt error")
    return number
