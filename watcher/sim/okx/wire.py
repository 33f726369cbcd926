"""
OKX's HTTP face: keys, signatures, time windows, envelopes, and which path answers what.

Rule: as the v5 documentation and captured requests of the real client have it (2026-11). What is
said comes from wire_okx_market (public) and wire_okx_account, _positions and _money (private);
this module only lets calls in and wraps answers. It shares no code with the adapter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from watcher.sim.okx import transfers
from watcher.sim.okx import wire_account as private
from watcher.sim.okx import wire_market as public
from watcher.sim.okx import wire_money as money
from watcher.sim.okx import wire_positions as positions
from watcher.sim.okx.wire_shapes import Refusal
from watcher.sim.things import Account
from watcher.sim.wire import SEEN_AT, Call, Reply, Trouble
from watcher.sim.world import World

WINDOW_US: Final = 30_000_000
"""A timestamp may lie this far on either side of the venue's clock."""

PublicAnswer = Callable[[World, Mapping[str, str]], list[object]]
PrivateAnswer = Callable[[World, Account, Mapping[str, str]], list[object]]
Deed = Callable[[World, Account, bytes], list[object]]

PUBLIC: Mapping[str, PublicAnswer] = {
    "/api/v5/public/time": public.server_time,
    "/api/v5/public/instruments": public.instruments,
    "/api/v5/public/mark-price": public.mark_price,
    "/api/v5/public/position-tiers": public.position_tiers,
    "/api/v5/public/discount-rate-interest-free-quota": public.discount_rates,
    "/api/v5/market/index-tickers": public.index_tickers,
    "/api/v5/market/tickers": public.tickers,
}
PRIVATE: Mapping[str, PrivateAnswer] = {
    "/api/v5/account/config": private.config,
    "/api/v5/account/balance": private.balance,
    "/api/v5/account/trade-fee": private.trade_fee,
    "/api/v5/account/positions": positions.positions,
    "/api/v5/account/account-position-risk": positions.account_position_risk,
    "/api/v5/trade/orders-pending": positions.orders_pending,
    "/api/v5/account/max-withdrawal": money.max_withdrawal,
    "/api/v5/asset/balances": money.funding_balances,
    "/api/v5/asset/currencies": money.currencies,
    "/api/v5/asset/bills": transfers.bills,
    "/api/v5/asset/transfer-state": transfers.transfer_state,
}
DEEDS: Mapping[str, Deed] = {
    "/api/v5/asset/transfer": transfers.transfer,
    "/api/v5/account/position/margin-balance": transfers.margin_balance,
}


class OkxWire:
    """OKX's answers; see `watcher.sim.wire.Wire`."""

    venue = "okx"
    prefixes: tuple[str, ...] = ("/api/v5/",)
    key_header = "ok-access-key"

    def handle(self, call: Call, world: World, account: Account | None) -> Reply:
        """Answer *call* in OKX's words; an unknown path is its 404."""
        try:
            data = _answer(call, world, account)
        except Refusal as refusal:
            return _refused(refusal.code, refusal.message, status=refusal.status)
        if data is None:
            return Reply(payload={"msg": "Not Found", "code": "404", "data": []}, status=404)
        return Reply(payload={"code": "0", "msg": "", "data": data})

    def refuse(self, trouble: Trouble, world: World, *, retry_after_s: float) -> Reply:
        """Return the venue's own refusal: 50011, the gateway's 403, 50001, 50119."""
        del world, retry_after_s
        if trouble == "ban":
            body = b"<html><head><title>Access denied</title></head><body>403</body></html>"
            return Reply(payload=body, status=403, content_type="text/html")
        code, message, status = {
            "rate_limit": (50011, "Too Many Requests", 429),
            "maintenance": (50001, "Service temporarily unavailable. Try again later", 503),
            "revoked": (50119, "API key doesn't exist", 401),
        }[trouble]
        return _refused(code, message, status=status)


def _refused(code: int, message: str, *, status: int) -> Reply:
    return Reply(payload={"code": str(code), "msg": message, "data": []}, status=status)


def _answer(call: Call, world: World, account: Account | None) -> list[object] | None:
    open_to_all = PUBLIC.get(call.path)
    if call.method == "GET" and open_to_all is not None:
        return open_to_all(world, call.query)
    reading = PRIVATE.get(call.path) if call.method == "GET" else None
    deed = DEEDS.get(call.path) if call.method == "POST" else None
    if reading is None and deed is None:
        return None
    known = _let_in(call, world, account)
    if reading is not None:
        return reading(world, known, call.query)
    assert deed is not None
    return deed(world, known, call.body)


def _let_in(call: Call, world: World, account: Account | None) -> Account:
    """
    Return the account, its key, passphrase, time and signature found right.

    Raises: `Refusal` 50103 and 50111 (key), 50105 (passphrase), 50112 and 50102 (time),
    50113 (signature), 50101 (a demo key), 50110 (address), 50120 (rights), each under status 401
    or 403.
    """
    if not call.headers.get("ok-access-key"):
        raise Refusal(50103, 'Request header "OK-ACCESS-KEY" can not be empty.', status=401)
    if account is None:
        raise Refusal(50111, "Invalid OK-ACCESS-KEY", status=401)
    if call.headers.get("ok-access-passphrase", "") != account.passphrase:
        raise Refusal(50105, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.', status=401)
    stamp = call.headers.get("ok-access-timestamp", "")
    _check_time(stamp, world.now_us)
    query = f"?{call.raw_query}" if call.raw_query else ""
    origin = f"{stamp}{call.method}{call.path}{query}".encode() + call.body
    digest = hmac.new(account.secret.encode(), origin, hashlib.sha256).digest()
    expected = base64.b64encode(digest).decode()
    if not hmac.compare_digest(expected, call.headers.get("ok-access-sign", "")):
        raise Refusal(50113, "Invalid Sign", status=401)
    if account.flag("demo"):
        raise Refusal(50101, "APIKey does not match current environment.", status=401)
    if account.flag("elsewhere"):
        words = f"Your IP {SEEN_AT} is not included in your API key's {account.key} IP whitelist."
        raise Refusal(50110, words, status=401)
    if not account.rights.read:
        raise Refusal(
            50120, "This API key doesn't have permission to use this function", status=403
        )
    return account


def _check_time(stamp: str, now_us: int) -> None:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal(50112, "Invalid OK-ACCESS-TIMESTAMP", status=401)
    stamp_us = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
    if abs(stamp_us - now_us) > WINDOW_US:
        raise Refusal(50102, "Timestamp request expired", status=401)
