"""
Bybit's HTTP face: keys, signatures, time windows, envelopes, and which path answers what.

Rule: as the v5 documentation and captured requests of the real client have it (2026-11). What is
said comes from wire_market (public) and wire_account, _positions, _money and transfers
(private); this module only lets calls in and wraps answers. It shares no code with the adapter.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final

from watcher.sim.bybit import transfers
from watcher.sim.bybit import wire_account as private
from watcher.sim.bybit import wire_market as public
from watcher.sim.bybit import wire_money as money
from watcher.sim.bybit import wire_positions as positions
from watcher.sim.bybit.wire_shapes import Refusal
from watcher.sim.things import Account
from watcher.sim.wire import Call, Reply, Trouble
from watcher.sim.world import World

RECV_WINDOW_MS: Final = 5000
AHEAD_MAX_MS: Final = 1000
"""A timestamp may lie this far ahead of the venue's clock, no further."""

PublicAnswer = Callable[[World, Mapping[str, str]], object]
PrivateAnswer = Callable[[World, Account, Mapping[str, str]], object]
Deed = Callable[[World, Account, bytes], object]

PUBLIC: Mapping[str, PublicAnswer] = {
    "/v5/market/time": public.server_time,
    "/v5/market/instruments-info": public.instruments_info,
    "/v5/market/risk-limit": public.risk_limit,
    "/v5/market/tickers": public.tickers,
    "/v5/spot-margin-trade/collateral": public.collateral,
    "/v5/spot-margin-trade/data": public.margin_data,
}
PRIVATE: Mapping[str, PrivateAnswer] = {
    "/v5/account/info": private.account_info,
    "/v5/account/wallet-balance": private.wallet_balance,
    "/v5/account/fee-rate": private.fee_rate,
    "/v5/account/collateral-info": private.collateral_info,
    "/v5/account/withdrawal": money.withdrawal,
    "/v5/position/list": positions.position_list,
    "/v5/order/realtime": positions.open_orders,
    "/v5/spot-margin-trade/position-tiers": private.position_tiers,
    "/v5/spot-margin-trade/repayment-available-amount": transfers.repayable,
    "/v5/user/query-api": private.query_api,
    "/v5/asset/coin/query-info": money.coin_info,
    "/v5/asset/transfer/query-account-coins-balance": money.coins_balance,
    "/v5/asset/transfer/query-inter-transfer-list": transfers.transfer_list,
}
DEEDS: Mapping[str, Deed] = {
    "/v5/asset/transfer/inter-transfer": transfers.transfer,
    "/v5/position/add-margin": transfers.add_margin,
    "/v5/account/no-convert-repay": transfers.repay,
}


class BybitWire:
    """Bybit's answers; see `watcher.sim.wire.Wire`."""

    venue = "bybit"
    prefixes: tuple[str, ...] = ("/v5/",)
    key_header = "x-bapi-api-key"

    def handle(self, call: Call, world: World, account: Account | None) -> Reply:
        """Answer *call* in Bybit's words; an unknown path is the gateway's 404."""
        try:
            result = _answer(call, world, account)
        except Refusal as refusal:
            return _envelope(world, {}, code=refusal.code, message=refusal.message)
        if result is None:
            return Reply(payload=b"404 page not found", status=404, content_type="text/plain")
        headers = {} if call.path in PUBLIC else _limit_headers(world, left=49)
        return _envelope(world, result, headers=headers)

    def refuse(self, trouble: Trouble, world: World, *, retry_after_s: float) -> Reply:
        """Return the venue's own refusal: 10006, the gateway's 403, 10016, 33004."""
        if trouble == "ban":
            body = b"<html><body><h1>403</h1>access too frequent</body></html>"
            return Reply(payload=body, status=403, content_type="text/html")
        code, message = {
            "rate_limit": (10006, "Too many visits. Exceeded the API Rate Limit."),
            "maintenance": (10016, "System is under maintenance, please try later."),
            "revoked": (33004, "Your api key has expired."),
        }[trouble]
        headers = _limit_headers(world, left=0, reset_after_s=retry_after_s)
        return _envelope(
            world, {}, code=code, message=message, headers=headers if code == 10006 else {}
        )


def _answer(call: Call, world: World, account: Account | None) -> object | None:
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
    Return the account, its key, time and signature found right.

    Raises: `Refusal` 10003 (key), 10002 (time), 10004 (signature), 10010 (address),
    10005 (rights).
    """
    if account is None:
        raise Refusal(10003, "API key is invalid.")
    stamp = call.headers.get("x-bapi-timestamp", "")
    window = call.headers.get("x-bapi-recv-window", str(RECV_WINDOW_MS))
    _check_time(stamp, window, world.now_us // 1000)
    signed = call.body if call.method == "POST" else call.raw_query.encode()
    origin = (stamp + account.key + window).encode() + signed
    expected = hmac.new(account.secret.encode(), origin, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, call.headers.get("x-bapi-sign", "")):
        raise Refusal(10004, "Error sign, please check your signature generation algorithm.")
    if account.flag("elsewhere"):
        raise Refusal(10010, "Unmatched IP, please check your API key's bound IP addresses.")
    if not account.rights.read:
        raise Refusal(10005, "Permission denied, please check your API key permissions.")
    return account


def _check_time(stamp: str, window: str, now_ms: int) -> None:
    if not (stamp.isdigit() and window.isdigit()):
        raise Refusal(10002, "The request time exceeds the time window range.")
    if not now_ms - int(window) <= int(stamp) < now_ms + AHEAD_MAX_MS:
        raise Refusal(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]",
        )


def _limit_headers(world: World, *, left: int, reset_after_s: float = 0.0) -> dict[str, str]:
    reset_ms = world.now_us // 1000 + int(reset_after_s * 1000)
    return {
        "X-Bapi-Limit": "50",
        "X-Bapi-Limit-Status": str(left),
        "X-Bapi-Limit-Reset-Timestamp": str(reset_ms),
    }


def _envelope(
    world: World,
    result: object,
    *,
    code: int = 0,
    message: str = "OK",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    body = {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": {},
        "time": world.now_us // 1000,
    }
    return Reply(payload=body, headers=headers or {})
