"""
Binance's answers to requests that move collateral: transfers, margin of legs, repaying.

Rule: field for field the venue's own samples. No request bears an id of the client's: a repeated
one is carried out again, and only the histories (by type and time) tell what was.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.things import ZERO, Debt, MarginPair, Position, Transfer, WorldError
from watcher.sim.wire import short
from watcher.sim.world import purse_of

PLACES_MAX = 8
ROWS_DEFAULT, ROWS_MAX = 10, 100
WORDS = {
    "MAIN": "spot",
    "FUNDING": "funding",
    "UMFUTURE": "futures",
    "CMFUTURE": "coin",
    "MARGIN": "margin",
}
STATUSES = {"done": "CONFIRMED", "pending": "PENDING", "failed": "FAILED"}
PLANNED = {
    "revoked": (-2015, "Invalid API-key, IP, or permissions for action.", 401),
    "precision": (-1111, "Precision is over the maximum defined for this asset.", 400),
    "recv_window": (-1021, "Timestamp for this request is outside of the recvWindow.", 400),
    "insufficient": (-5013, "Asset transfer failed: insufficient balance", 400),
    "rate_limit": (-1003, "Too many requests.", 429),
}
"""The venue's words for what a plan of the desk refuses."""


def _admitted(ask: Ask, verb: str, *, allowed: bool) -> None:
    planned = ask.world.desk.refusal(ask.world, ask.account, verb)
    if planned:
        code, message, status = PLANNED[planned]
        raise Refusal(code, message, status=status)
    if not allowed:
        raise Refusal(-1002, "You are not authorized to execute this request.", status=401)


def _amount(ask: Ask) -> Decimal:
    try:
        amount = Decimal(ask.needed("amount"))
    except InvalidOperation:
        raise Refusal(-1100, "Illegal characters found in parameter 'amount'.") from None
    if not amount.is_finite() or amount <= 0:
        raise Refusal(-1100, "Illegal characters found in parameter 'amount'.")
    if -int(amount.as_tuple().exponent) > PLACES_MAX:
        code, message, status = PLANNED["precision"]
        raise Refusal(code, message, status=status)
    return amount


# ── between wallets ────────────────────────────────────────────────────────────────────────


def _ends(ask: Ask) -> tuple[str, str]:
    source, _, target = ask.needed("type").partition("_")
    if source not in WORDS or target not in WORDS:
        raise Refusal(-1102, "Mandatory parameter 'type' was not sent, or malformed.")
    return WORDS[source], WORDS[target]


def transfer(ask: Ask) -> object:
    """Carry the transfer out. There is no client id: a repeated call moves money twice."""
    source, target = _ends(ask)
    _admitted(ask, "move", allowed=ask.account.rights.transfer)
    asset, amount = ask.needed("asset"), _amount(ask)
    wanted = Transfer(asset=asset, amount=amount, source=source, target=target)
    try:
        done = ask.world.desk.move(ask.world, ask.account, wanted)
    except WorldError:
        raise Refusal(-5013, "Asset transfer failed: insufficient balance") from None
    return {"tranId": done.id}


def transfers(ask: Ask) -> object:
    """Return the transfers of one type, newest first; all that was taken, as it stands now."""
    ends, word = _ends(ask), ask.needed("type")
    seen = ask.world.desk.seen(ask.world, ask.account, "move")
    return _paged(
        ask,
        [
            {
                "asset": one.asset,
                "amount": short(one.amount),
                "type": word,
                "status": STATUSES[one.state],
                "tranId": one.id,
                "timestamp": one.at_us // 1000,
            }
            for one in _since(ask, seen)
            if (one.source, one.target) == ends
        ],
    )


def _since(ask: Ask, seen: Iterable[Transfer]) -> list[Transfer]:
    since_ms = int(ask.params.get("startTime") or 0)
    return [one for one in reversed(list(seen)) if one.at_us // 1000 >= since_ms]


def _paged(ask: Ask, rows: list[dict[str, object]]) -> object:
    size = min(int(ask.params.get("size") or ROWS_DEFAULT), ROWS_MAX)
    first = (int(ask.params.get("current") or 1) - 1) * size
    # as there, a history of nothing has no list
    return {"total": len(rows), "rows": rows[first : first + size]} if rows else {"total": 0}


# ── margin of isolated legs ────────────────────────────────────────────────────────────────


def add_margin(ask: Ask) -> object:
    """Move margin into (type 1) or out of (type 2) an isolated leg."""
    _admitted(ask, "add_margin", allowed=ask.account.rights.trade)
    leg, amount = _leg(ask), _amount(ask)
    if leg.margin_mode != "isolated":
        raise Refusal(-4052, "Cannot add/reduce margin of a cross position.")
    signed = amount if ask.needed("type") == "1" else -amount
    purse, settle = purse_of(leg.instrument), leg.instrument.settle
    if signed > ask.account.balance(purse, settle):
        raise Refusal(-4050, "Cross balance insufficient.")
    added = Transfer(
        verb="add_margin",
        asset=settle,
        amount=signed,
        source=purse,
        target=f"{leg.symbol} {ask.params.get('positionSide', 'BOTH')}",
    )

    def carry() -> None:
        ask.world.credit(ask.account, settle, -signed, wallet=purse)
        leg.isolated_margin += signed

    ask.world.desk.act(ask.world, ask.account, added, carry)
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": int(ask.needed("type")),
    }


def _leg(ask: Ask) -> Position:
    symbol, side = ask.needed("symbol"), ask.params.get("positionSide", "BOTH")
    if ask.account.hedge == (side == "BOTH"):
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    for leg in ask.account.positions.values():
        if leg.symbol == symbol and side in {"BOTH", leg.side.upper()}:
            return leg
    raise Refusal(-4054, "Cannot add position margin: position is 0.")


def margin_history(ask: Ask) -> object:
    """Return what was added to and taken from one contract's legs, newest first."""
    symbol, kind = ask.needed("symbol"), ask.params.get("type")
    rows = []
    for one in _since(ask, ask.world.desk.seen(ask.world, ask.account, "add_margin")):
        name, side = one.target.split()
        word = "1" if one.amount > 0 else "2"
        if name == symbol and kind in {None, word}:
            rows.append(
                {
                    "symbol": name,
                    "type": int(word),
                    "deltaType": "USER_ADJUST",
                    "amount": short(abs(one.amount)),
                    "asset": one.asset,
                    "time": one.at_us // 1000,
                    "positionSide": side,
                }
            )
    return rows[: int(ask.params.get("limit") or 500)]


# ── debts ──────────────────────────────────────────────────────────────────────────────────


def repay(ask: Ask) -> object:
    """Pay a debt of the cross account, or of one isolated pair, with the same asset."""
    _admitted(ask, "repay", allowed=ask.account.rights.trade)
    asset, amount = ask.needed("asset"), _amount(ask)
    if ask.needed("type") != "REPAY":
        raise Refusal(-1002, "You are not authorized to execute this request.", status=401)
    pair = _pair(ask)
    debts = ask.account.debts if pair is None else pair.debts
    held = ask.account.balance("margin", asset) if pair is None else pair.balance(asset)
    debt = debts.get(asset)
    if amount > (debt.principal + debt.interest if debt else ZERO):
        raise Refusal(-3015, "Repay amount exceeds borrow amount.")
    if amount > held:
        raise Refusal(-3041, "Balance is not enough")

    def carry() -> None:
        if pair is None:
            ask.world.repay(ask.account, asset, amount, wallet="margin")
        else:
            _repay_pair(pair, asset, amount)

    place = "margin" if pair is None else pair.symbol
    paid = Transfer(verb="repay", asset=asset, amount=amount, source=place, target=place)
    return {"tranId": ask.world.desk.act(ask.world, ask.account, paid, carry).id}


def _pair(ask: Ask) -> MarginPair | None:
    if ask.params.get("isIsolated", "FALSE").upper() != "TRUE":
        return None
    pair = ask.account.pairs.get(ask.needed("symbol"))
    if pair is None:
        raise Refusal(-11001, "Isolated margin pair or index symbol does not exist.")
    return pair


def _repay_pair(pair: MarginPair, asset: str, amount: Decimal) -> None:
    debt: Debt = pair.debts[asset]
    on_interest = min(amount, debt.interest)
    debt.interest -= on_interest
    debt.principal -= amount - on_interest
    if not debt.principal + debt.interest:
        del pair.debts[asset]
    pair.credit(asset, -amount)


def repayments(ask: Ask) -> object:
    """Return what was repaid, newest first, of the cross account or of one pair."""
    if ask.needed("type") != "REPAY":
        return _paged(ask, [])
    place, asset = ask.params.get("isolatedSymbol", "margin"), ask.params.get("asset")
    return _paged(
        ask,
        [
            {
                "txId": one.id,
                "asset": one.asset,
                "amount": short(one.amount),
                "principal": short(one.amount),
                "interest": "0",
                "isolatedSymbol": "" if place == "margin" else place,
                "status": "CONFIRMED",
                "timestamp": one.at_us // 1000,
            }
            for one in _since(ask, ask.world.desk.seen(ask.world, ask.account, "repay"))
            if one.source == place and asset in {None, one.asset}
        ],
    )
