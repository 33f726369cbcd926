"""
What an adapter makes of a bad answer: the venue's own refusals, and bodies that were spoilt.

Rule: nothing is said here in our own words. The practice wires utter the refusal or the body, the
practice faults spoil it, and the adapters' own code hears it: dialect, status, reader, checks. So
a fault of the storm raises what the same fault raises in production.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import cast

from aiohttp import ClientConnectorSSLError
from aiohttp.client_reqrep import ConnectionKey

from watcher.domain.alert import SECOND_US
from watcher.ports import VenueError
from watcher.sim.binance import wire_futures, wire_margin
from watcher.sim.binance.figures import BinanceFigures
from watcher.sim.binance.wire import Ask
from watcher.sim.bybit import wire_account as bybit_account
from watcher.sim.bybit import wire_positions as bybit_positions
from watcher.sim.default import wires
from watcher.sim.faults import Fault as Spoiling
from watcher.sim.faults import Kind, instead, spoiled
from watcher.sim.okx import wire_account as okx_account
from watcher.sim.okx import wire_positions as okx_positions
from watcher.sim.things import Account
from watcher.sim.wire import Reply, Trouble, encoded
from watcher.sim.world import World
from watcher.storm import view_bybit, view_okx
from watcher.storm.weather import Fault, Spell
from watcher.venues.binance import dialect as binance
from watcher.venues.binance import futures, margin
from watcher.venues.bybit import adapter as bybit
from watcher.venues.bybit.read import SCOPES
from watcher.venues.bybit.read import read_book as read_bybit
from watcher.venues.bybit.tables import Mode
from watcher.venues.ccxt_venue import Dialect
from watcher.venues.fields import NotJson, decode
from watcher.venues.okx import adapter as okx
from watcher.venues.okx.read import read_book as read_okx
from watcher.venues.transport import Answer, judge, translate

DIALECTS: Mapping[str, Dialect] = {
    "binance": binance.DIALECT,
    "bybit": bybit.DIALECT,
    "okx": okx.DIALECT,
}
WIRES = {wire.venue: wire for wire in wires()}

PAUSE_S = 5.0
"""What a venue asks for that says how long, but for a ban: that lasts as long as its spell."""
LOST = (Fault.DNS, Fault.TLS, Fault.TIMEOUT, Fault.RESET)
"""No answer came."""
REFUSED: Mapping[Fault, Trouble] = {
    Fault.BAN: "ban",
    Fault.RATE_LIMIT: "rate_limit",
    Fault.MAINTENANCE: "maintenance",
    Fault.REVOKED: "revoked",
}
"""The venue answered, and said no."""
BROKEN: Mapping[Fault, tuple[Kind, int]] = {
    Fault.SERVER_ERROR: ("http", 503),
    Fault.BLOCKED: ("html", 451),
    Fault.GARBAGE: ("garbage", 200),
}
"""Something answered that is not the venue's own voice."""
SPOILT = (Fault.PART_MISSING, Fault.NOT_A_NUMBER, Fault.PAGE_CUT)
"""The venue answered, and not all of it can be read."""


def struck(spell: Spell, world: World, venue: str, *, timeout_s: float, now_us: int) -> VenueError:
    """Return what a call to *venue* that *spell* struck ends with at *now_us*."""
    if spell.fault in LOST:
        return lost(spell.fault, timeout_s)
    left_s = (spell.until_us - now_us) / SECOND_US
    retry_after_s = max(left_s, 1.0) if spell.fault is Fault.BAN else PAUSE_S
    return refused(spell.fault, world, venue, retry_after_s=retry_after_s, now_us=now_us)


def lost(fault: Fault, timeout_s: float) -> VenueError:
    """Return what it is called when no answer comes."""
    return translate(_exception(fault), timeout_s)


def _exception(fault: Fault) -> Exception:
    match fault:
        case Fault.DNS:
            return socket.gaierror("no such host")
        case Fault.TLS:
            key = ConnectionKey("venue", 443, True, True, None, None, None)  # noqa: FBT003 - the library's own
            return ClientConnectorSSLError(key, OSError())
        case Fault.TIMEOUT:
            return TimeoutError()
        case _:
            assert fault is Fault.RESET
            return ConnectionResetError()


def refused(
    fault: Fault, world: World, venue: str, *, retry_after_s: float, now_us: int
) -> VenueError:
    """Return what the adapter of *venue* hears when its venue, or a gateway, says no."""
    if fault in REFUSED:
        reply = WIRES[venue].refuse(REFUSED[fault], world, retry_after_s=retry_after_s)
    else:
        kind, status = BROKEN[fault]
        told = instead(Spoiling(target=venue, kind=kind, status=status))
        assert told is not None
        reply = told
    try:
        heard(reply, venue, now_ms=now_us / 1000)
    except VenueError as error:
        return error
    raise AssertionError(f"{venue} is heard to say yes by {fault}")


def heard(reply: Reply, venue: str, *, now_ms: float) -> object:
    """Return what the strict transport lets through. Raises: `VenueError`."""
    payload, broken = None, ""
    try:
        payload = decode(encoded(reply.payload))
    except NotJson as state:
        broken = str(state)
    judge(
        Answer(
            status=reply.status,
            headers={name.lower(): value for name, value in reply.headers.items()},
            path="/",
            payload=payload,
            broken=broken,
            now_ms=now_ms,
        ),
        DIALECTS[venue].explain,
    )
    return payload


# ── bodies ──────────────────────────────────────────────────────────────────────────────────


Ear = Callable[[str, object], object]
"""Takes a part's name and its body as the venue prints it; gives what was heard of it."""


def read_spoilt(fault: Fault, world: World, account: Account) -> None:
    """
    Read what one poll of *account* asks for, spoilt by *fault*, with the adapter's own readers.

    Raises: `VenueError` where they notice.
    """
    venue, now_ms = account.venue, world.now_us // 1000

    def ear(part: str, body: object) -> object:
        reply = Reply(payload=body)
        return heard(_spoilt(fault, part, reply), venue, now_ms=now_ms)

    _READERS[venue](world, account, ear)


def read_other_mode(world: World, account: Account, switched: Account) -> None:
    """
    Read a Bybit account that was *switched* the way it was read before.

    Raises: `VenueError` where the readers notice.
    """
    _read_bybit(world, switched, lambda _part, body: _decoded(body), view_bybit.mode_of(account))


def _decoded(body: object) -> object:
    return heard(Reply(payload=body), "bybit", now_ms=0)


def _spoilt(fault: Fault, part: str, reply: Reply) -> Reply:
    if fault is Fault.NOT_A_NUMBER and part == "wallet":
        return spoiled(Spoiling(target="", kind="nan"), reply, private=True)
    if fault is Fault.PART_MISSING and part == "positions":
        return spoiled(Spoiling(target="", kind="empty_list"), reply, private=True)
    if fault is Fault.PAGE_CUT and part == "positions":
        rows = _rows(reply.payload)
        del rows[len(rows) // 2 :]
    return reply


def _rows(body: object) -> list[object]:
    """Return a body's list of positions, or of assets where debts are what is held."""
    if isinstance(body, dict):
        for name in ("result", "list", "data", "userAssets"):
            if name in body:
                return _rows(body[name])
        raise AssertionError(f"no list among {', '.join(body)}")
    return cast("list[object]", body)


def _read_bybit(world: World, account: Account, ear: Ear, mode: Mode | None = None) -> None:
    def said(result: object) -> dict[str, object]:
        return {"retCode": 0, "retMsg": "OK", "result": result, "time": world.now_us // 1000}

    wallet = bybit_account.wallet_balance(world, account, {"accountType": "UNIFIED"})
    pages = {}
    for scope in SCOPES:
        query = {"category": scope.category, "limit": "200"}
        if scope.settle is not None:
            query["settleCoin"] = scope.settle
        rows = bybit_positions.position_list(world, account, query)
        pages[scope] = [ear("positions", said(rows))]
    mode = mode or view_bybit.mode_of(account)
    read_bybit(mode, ear("wallet", said(wallet)), pages, now_ms=world.now_us // 1000)


def _read_okx(world: World, account: Account, ear: Ear) -> None:
    def said(data: object) -> dict[str, object]:
        return {"code": "0", "msg": "", "data": data}

    balance = ear("wallet", said(okx_account.balance(world, account, {})))
    positions = ear("positions", said(okx_positions.positions(world, account, {})))
    read_okx(view_okx.mode_of(account), balance, positions, now_ms=world.now_us // 1000)


def _read_binance(world: World, account: Account, ear: Ear) -> None:
    ask = Ask(world=world, rules=BinanceFigures(), params={}, signed_by=account)
    told = futures.read_account(ear("wallet", wire_futures.account(ask)))
    legs = futures.read_legs(ear("positions", wire_futures.position_risk(ask)))
    futures.check_agreement(told, legs)
    if account.debts:
        # what is owed stands where positions do elsewhere
        margin.read_margin(ear("positions", wire_margin.margin_account(ask)))


_READERS: Mapping[str, Callable[[World, Account, Ear], None]] = {
    "binance": _read_binance,
    "bybit": _read_bybit,
    "okx": _read_okx,
}
