"""
Binance's HTTP face: key, signature, time, weights, and the table of paths.

Rule: everything a request must pass before it gets a body is here, with the venue's own codes
and headers; the bodies are in wire_binance_futures and wire_binance_spot. The real venue's
weights are charged, so that a careless reader is refused here as it would be there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl

from watcher.sim.binance.figures import BinanceFigures
from watcher.sim.things import Account
from watcher.sim.wire import SEEN_AT, Call, Reply, Trouble, encoded
from watcher.sim.world import SECOND_US, World

MINUTE_US = 60 * SECOND_US
RECV_WINDOW_MS_DEFAULT = 5000
AHEAD_MS_MAX = 1000
BAN_S = 120
REFUSALS_BEFORE_BAN = 20

LIMITS: Mapping[str, int] = MappingProxyType(
    {"fapi": 2400, "dapi": 2400, "papi": 6000, "api": 6000, "sapi": 12_000, "sapi-uid": 180_000}
)


class Refusal(Exception):
    """The venue's error body: `{"code": ..., "msg": ...}` under *status*."""

    def __init__(self, code: int, msg: str, *, status: int = 400) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a body is made from: the world, the parameters, and the account of a signed call."""

    world: World
    rules: BinanceFigures
    params: Mapping[str, str]
    signed_by: Account | None = None

    @property
    def account(self) -> Account:
        assert self.signed_by is not None, "the table of paths says which bodies are signed"
        return self.signed_by

    @property
    def now_ms(self) -> int:
        return self.world.now_us // 1000

    def needed(self, name: str) -> str:
        value = self.params.get(name, "")
        if not value:
            raise Refusal(
                -1102,
                f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
            )
        return value


def unknown_path(call: Call) -> Refusal:
    return Refusal(-5000, f"Path {call.path}, Method {call.method} is invalid", status=404)


Body = Callable[[Ask], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path: its body, its weight (another without a symbol), whether it must be signed."""

    body: Body
    weight: int = 1
    weight_all: int | None = None
    signed: bool = False
    uid: bool = False
    fixed: bool = False
    """The body changes with what is listed only: built once and kept."""

    def cost(self, params: Mapping[str, str]) -> int:
        if self.weight_all is not None and not params.get("symbol"):
            return self.weight_all
        return self.weight


Routes = Mapping[tuple[str, str], Route]


@dataclass(slots=True)
class _Meter:
    """Weight used in the running minute, by pool of limits."""

    minute: int = -1
    used: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    banned_until_us: int = 0

    def add(self, now_us: int, pool: str, weight: int) -> int:
        if now_us // MINUTE_US != self.minute:
            self.minute, self.used, self.refused = now_us // MINUTE_US, {}, 0
        self.used[pool] = self.used.get(pool, 0) + weight
        return self.used[pool]


class BinanceWire:
    """Answers `/api /sapi /fapi /dapi /papi`. *limits* may be lowered for tests."""

    venue = "binance"
    prefixes: tuple[str, ...] = ("/api/v1/", "/api/v3/", "/sapi/", "/fapi/", "/dapi/", "/papi/")
    key_header = "x-mbx-apikey"

    def __init__(self, routes: Routes, *, limits: Mapping[str, int] = LIMITS) -> None:
        self._routes = routes
        self._limits = limits
        self._meter = _Meter()
        self._rules = BinanceFigures()
        self._kept: dict[tuple[str, int], bytes] = {}

    def handle(self, call: Call, world: World, account: Account | None) -> Reply:
        host = call.path.split("/", 2)[1]
        params = dict(call.query) | dict(parse_qsl(call.body.decode(), keep_blank_values=True))
        route = self._routes.get((call.method, call.path))
        weight = route.cost(params) if route is not None else 1
        pool = "sapi-uid" if route is not None and route.uid else host
        shut = self._charge(world, pool, weight)
        if shut is not None:
            return shut
        headers = self._headers(pool)
        try:
            if route is None:
                raise unknown_path(call)
            if route.signed:
                self._admit(call, world, account, params)
            ask = Ask(world=world, rules=self._rules, params=params, signed_by=account)
            return Reply(payload=self._body(route, call.path, ask), headers=headers, weight=weight)
        except Refusal as no:
            body = {"code": no.code, "msg": no.msg}
            return Reply(payload=body, status=no.status, headers=headers, weight=weight)

    def _body(self, route: Route, path: str, ask: Ask) -> object:
        if not route.fixed or ask.params.get("symbol"):
            return route.body(ask)
        key = (path, ask.world.listings)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = encoded(route.body(ask))
        return kept

    # ── the gate ───────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _admit(
        call: Call, world: World, account: Account | None, params: Mapping[str, str]
    ) -> None:
        if not call.headers.get("x-mbx-apikey"):
            raise Refusal(-2014, "API-key format invalid.", status=401)
        shut = account is None or account.flag("revoked") or account.flag("elsewhere")
        if account is None or shut or not account.rights.read:
            # the futures side alone says whom it refuses
            seen = f", request ip: {SEEN_AT}" if call.path.startswith("/fapi/") else "."
            msg = f"Invalid API-key, IP, or permissions for action{seen}"
            raise Refusal(-2015, msg, status=401)
        stamp, window = _whole(params, "timestamp"), RECV_WINDOW_MS_DEFAULT
        if stamp is None:
            raise Refusal(
                -1102,
                "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
            )
        window = _whole(params, "recvWindow") or RECV_WINDOW_MS_DEFAULT
        now_ms = world.now_us // 1000
        if stamp > now_ms + AHEAD_MS_MAX:
            raise Refusal(
                -1021,
                f"Timestamp for this request was {AHEAD_MS_MAX}ms ahead of the server's time.",
            )
        if now_ms - stamp > window:
            raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
        payload = call.raw_query + call.body.decode()
        said, _, signature = payload.rpartition("&signature=")
        if not said:
            raise Refusal(
                -1102,
                "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
            )
        true = hmac.new(account.secret.encode(), said.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(true, signature):
            raise Refusal(-1022, "Signature for this request is not valid.")

    # ── weights ────────────────────────────────────────────────────────────────────────────

    def _charge(self, world: World, pool: str, weight: int) -> Reply | None:
        now = world.now_us
        if now < self._meter.banned_until_us:
            return self.refuse("ban", world, retry_after_s=self._left_s(now))
        used, limit = self._meter.add(now, pool, weight), self._limits.get(pool, 2400)
        if used <= limit:
            return None
        self._meter.refused += 1
        if self._meter.refused > REFUSALS_BEFORE_BAN:
            self._meter.banned_until_us = now + BAN_S * SECOND_US
            return self.refuse("ban", world, retry_after_s=BAN_S)
        left_s = (MINUTE_US - now % MINUTE_US) / SECOND_US
        return self.refuse("rate_limit", world, retry_after_s=left_s)

    def _left_s(self, now_us: int) -> float:
        return (self._meter.banned_until_us - now_us) / SECOND_US

    def _headers(self, pool: str) -> dict[str, str]:
        used = str(self._meter.used.get(pool, 0))
        if pool == "sapi":
            return {"X-SAPI-USED-IP-WEIGHT-1M": used}
        if pool == "sapi-uid":
            return {"X-SAPI-USED-UID-WEIGHT-1M": used}
        return {"X-MBX-USED-WEIGHT-1M": used}

    def refuse(self, trouble: Trouble, world: World, *, retry_after_s: float) -> Reply:
        """Say it as the venue does; each kind in the body the venue's own gateway sends."""
        wait = {"Retry-After": str(max(1, round(retry_after_s)))}
        if trouble == "rate_limit":
            msg = (
                "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute. "
                "Please use the websocket for live updates to avoid polling the API."
            )
            return Reply(payload={"code": -1003, "msg": msg}, status=429, headers=wait)
        if trouble == "ban":
            until_ms = world.now_us // 1000 + round(retry_after_s * 1000)
            msg = (
                f"Way too much request weight used; IP banned until {until_ms}. "
                "Please use the websocket for live updates to avoid bans."
            )
            return Reply(payload={"code": -1003, "msg": msg}, status=418, headers=wait)
        if trouble == "maintenance":
            msg = "Service is under maintenance. Please try again later."
            return Reply(payload={"code": -1016, "msg": msg}, status=503)
        msg = "Invalid API-key, IP, or permissions for action."
        return Reply(payload={"code": -2015, "msg": msg}, status=401)


def _whole(params: Mapping[str, str], name: str) -> int | None:
    value = params.get(name, "")
    return int(value) if value.isdigit() else None
