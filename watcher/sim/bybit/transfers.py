"""
Bybit's answers to requests that move collateral: transfers and their list, margin, repaying.

Rule: a `transferId` is a UUID good for one transfer, ever (131214 after that, also while the first
is pending or failed); amounts have at most eight decimals, margin four. Adding margin and repaying
bear no id: a repeated request does it again. Repaying is closed from hh:04:00 to hh:05:30.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

import orjson

from watcher.sim.bybit.figures import WALLET, is_isolated
from watcher.sim.bybit.tables import COLLATERAL
from watcher.sim.bybit.wire_money import WALLET_OF, movable
from watcher.sim.bybit.wire_positions import position_idx
from watcher.sim.bybit.wire_shapes import Refusal, amount, category_of, page
from watcher.sim.things import ZERO, Account, Position, Transfer, WorldError
from watcher.sim.wire import short
from watcher.sim.world import SECOND_US, World

TYPE_OF: Final = {wallet: name for name, wallet in WALLET_OF.items()}
AMOUNT_PLACES_MAX: Final = 8
MARGIN_PLACES_MAX: Final = 4
STATUSES: Final = {"done": "SUCCESS", "pending": "PENDING", "failed": "FAILED"}
WEEK_MS: Final = 7 * 86_400_000
INTEREST_S: Final = (240, 330)
PLANNED: Final = {
    "revoked": (10005, "Permission denied, please check your API key permissions."),
    "precision": (131210, "Amount accuracy is beyond the coin's"),
    "recv_window": (10002, "The request time exceeds the time window range."),
    "insufficient": (131212, "Insufficient balance"),
    "rate_limit": (10006, "Too many visits. Exceeded the API Rate Limit."),
}
"""The venue's words for what a plan of the desk refuses."""


def _admitted(world: World, account: Account, verb: str, *, allowed: bool) -> None:
    """Raises: `Refusal` 10005 for a key without the right, and what is planned."""
    planned = world.desk.refusal(world, account, verb)
    if planned:
        raise Refusal(*PLANNED[planned])
    if not allowed:
        raise Refusal(*PLANNED["revoked"])


def transfer(world: World, account: Account, body: bytes) -> object:
    """
    Move a coin between FUND and UNIFIED; a `transferId` is good for one transfer, ever.

    Raises: `Refusal` 10005 (rights), 10001 (ids), 131214 (id used), 131210 (digits),
    131212 (funds).
    """
    _admitted(world, account, "move", allowed=account.rights.transfer)
    asked = _body(body)
    client_id = _uuid(asked.get("transferId", ""))
    if any(one.client_id == client_id for one in world.desk.all_of(account)):
        raise Refusal(131214, "TransferId exist")
    source = WALLET_OF.get(asked.get("fromAccountType", ""))
    target = WALLET_OF.get(asked.get("toAccountType", ""))
    if source is None or target is None or source == target:
        raise Refusal(131200, "account type is not supported")
    much, coin = _amount(asked.get("amount", "")), asked.get("coin", "")
    if coin not in COLLATERAL or much > movable(world, account, source, coin):
        raise Refusal(131212, "Insufficient balance")
    wanted = Transfer(asset=coin, amount=much, source=source, target=target, client_id=client_id)
    try:
        done = world.desk.move(world, account, wanted)
    except WorldError:
        raise Refusal(131212, "Insufficient balance") from None
    # a transfer that will fail is on its way like any other
    return {"transferId": client_id, "status": STATUSES[done.state]}


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


def _amount(text: str, places: int = AMOUNT_PLACES_MAX) -> Decimal:
    try:
        much = Decimal(text)
    except InvalidOperation:
        raise Refusal(10001, "params error: amount is not a number") from None
    if not much.is_finite() or much <= 0:
        raise Refusal(10001, "params error: amount is not above zero")
    if -int(much.as_tuple().exponent) > places:
        raise Refusal(131210, "Amount accuracy is beyond the coin's")
    return much


def transfer_list(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return transfers, newest first, by id, coin, status and time (seven days at most)."""
    since, until = (int(query.get(name) or 0) for name in ("startTime", "endTime"))
    if since and until and until - since > WEEK_MS:
        raise Refusal(10001, "params error: the time range is over 7 days")
    rows = [
        _transfer_row(one)
        for one in reversed(world.desk.seen(world, account, "move"))
        if query.get("transferId") in {None, one.client_id}
        and query.get("coin") in {None, one.asset}
        and query.get("status") in {None, STATUSES[one.state]}
        and one.at_us // 1000 >= since
        and (not until or one.at_us // 1000 <= until)
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
        "status": STATUSES[one.state],
    }


def add_margin(world: World, account: Account, body: bytes) -> object:
    """
    Add (or, below zero, take) isolated margin.

    Raises: `Refusal` 10005, 110015 in cross mode, 110077 under portfolio margin, 110014 (funds).
    """
    _admitted(world, account, "add_margin", allowed=account.rights.trade)
    if account.flag("portfolio"):
        raise Refusal(110077, "Pm mode operation is not supported")
    if not is_isolated(account):
        raise Refusal(110015, "No need to add margin in cross margin mode")
    asked = _body(body)
    leg = _leg_of(account, asked)
    text = asked.get("margin", "")
    much = _amount(text.removeprefix("-"), MARGIN_PLACES_MAX)
    much = -much if text.startswith("-") else much
    margin = leg.isolated_margin + much
    settle = leg.instrument.settle
    if much > account.balance(WALLET, settle) or margin <= 0:
        raise Refusal(110014, "Insufficient available balance to add additional margin")
    added = Transfer(verb="add_margin", asset=settle, amount=much, source=WALLET, target=leg.symbol)
    world.desk.act(
        world,
        account,
        added,
        lambda: world.set_position(
            account, leg.symbol, leg.side, leg.quantity, isolated_margin=margin
        ),
    )
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


def repay(world: World, account: Account, body: bytes) -> object:
    """
    Pay a debt with the same coin, interest first.

    Raises: `Refusal` 10005, 10001 (more than is owed or there, or in the hour's closed part; the
    code is drawn).
    """
    _admitted(world, account, "repay", allowed=account.rights.trade)
    asked = _body(body)
    coin, much = asked.get("coin", ""), _amount(asked.get("amount", ""))
    if INTEREST_S[0] <= world.now_us // SECOND_US % 3600 < INTEREST_S[1]:
        raise Refusal(10001, "repayment is closed while interest is charged")
    debt = account.debts.get(coin)
    if debt is None or much > debt.principal + debt.interest:
        raise Refusal(10001, "params error: amount exceeds the liability")
    if much > account.balance(WALLET, coin):
        raise Refusal(10001, "params error: amount exceeds the available balance")
    paid = Transfer(verb="repay", asset=coin, amount=much, source=WALLET, target=WALLET)
    world.desk.act(world, account, paid, lambda: world.repay(account, coin, much, wallet=WALLET))
    return {"resultStatus": "SU"}


def repayable(world: World, account: Account, query: Mapping[str, str]) -> object:
    """Return what may be repaid of a coin without converting another."""
    del world
    coin = query.get("currency", "")
    held = max(account.balance(WALLET, coin), ZERO)
    return {"lossLessRepaymentAmount": amount(held), "currency": coin}
