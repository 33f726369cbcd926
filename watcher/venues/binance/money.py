"""
Binance's money client: transfers between wallets, margin of isolated legs, repaying.

Rule: Binance keeps no id of ours, so every verb is blind-send: one request, and the venue's history
by type, asset, exact amount (its last digits are a mark) and time says what became of it. It takes
no part in judging. Sources: docs/venues.md, section Binance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from watcher.domain.account import ZERO
from watcher.domain.status import KeyRights
from watcher.domain.topup import Answer, Found, Intent, Lookup, Movement, Route, Verb
from watcher.ports import Unreadable, Unsupported
from watcher.venues.binance import setup
from watcher.venues.binance.codes import CODES
from watcher.venues.ccxt_venue import Client, together
from watcher.venues.fields import Row, row_of, rows_of
from watcher.venues.money import AHEAD_MS, Stance, VenueMoney, leg_of, plain, succeeded
from watcher.venues.sender import Order, Sender

SIGNED_WINDOW_MS = 3_000

STEP = Decimal("0.00000001")
ROWS = 100
PAGES_MAX = 10

_SOURCES = {"spot": "MAIN", "funding": "FUNDING"}
_STATES = {"CONFIRMED": Found.EXECUTED, "PENDING": Found.PENDING, "FAILED": Found.FAILED}
# whole names, so that every request there is can be found by its name
_ADD_MARGIN = {"fapi": "fapiPrivatePostPositionMargin", "dapi": "dapiPrivatePostPositionMargin"}
_ADDED = {
    "fapi": "fapiPrivateGetPositionMarginHistory",
    "dapi": "dapiPrivateGetPositionMarginHistory",
}
_READS = {"spot": "sapiV3PostAssetGetUserAsset", "funding": "sapiPostAssetGetFundingAsset"}


def open_money(account: str, client: Client, sender: Sender) -> BinanceMoney:
    return BinanceMoney(account, client, sender)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One row of the venue's history."""

    id: str
    amount: Decimal
    at_ms: int
    state: Found


class BinanceMoney(VenueMoney):
    codes = CODES
    budget = "sapi"

    def step(self, route: Route) -> Decimal:
        del route
        return STEP

    async def _read_rights(self) -> KeyRights:
        part, uid = await together(
            self._call("sapiGetAccountApiRestrictions", {}, name="apiRestrictions"),
            self._call(
                "privateGetAccount",
                {"omitZeroBalances": "true"},
                name="spot account",
                weight=20,
                budget="api",
            ),
        )
        return replace(read_rights(part.data), uid=setup.read_uid(uid.data))

    # ── what may leave, and how it stands ────────────────────────────────────────────────────

    async def _available(self, route: Route) -> Decimal:
        if route.verb is Verb.ADD_MARGIN:
            return await self._free_margin(route)
        if route.verb is Verb.REPAY:
            row = await self._loan(route)
            return row.not_negative("free")
        if route.source not in _READS:
            raise Unsupported(f"nothing is moved out of {route.source}")
        part = await self._call(_READS[route.source], {"asset": route.asset}, name=route.source)
        held = [row for row in rows_of(part.data, f"binance {route.source}") if _is(row, route)]
        # assets at nought are not listed
        return held[0].not_negative("free") if held else ZERO

    async def _free_margin(self, route: Route) -> Decimal:
        if _is_coin(leg_of(route)[0]):
            part = await self._call("dapiPrivateGetAccount", {}, name="dapi", budget="dapi")
            rows = row_of(part.data, "binance coin account").rows("assets")
        else:
            part = await self._call("fapiPrivateV3GetBalance", {}, name="fapi", budget="fapi")
            rows = rows_of(part.data, "binance futures balance")
        held = [row for row in rows if _is(row, route)]
        return max(held[0].amount("availableBalance"), ZERO) if held else ZERO

    async def _loan(self, route: Route) -> Row:
        pair = _pair(route)
        if pair:
            part = await self._call(
                "sapiGetMarginIsolatedAccount", {"symbols": pair}, name="pair", weight=10
            )
            account = row_of(part.data, "binance isolated margin").rows("assets")
            sides = [row.row(key) for row in account for key in ("baseAsset", "quoteAsset")]
        else:
            part = await self._call("sapiGetMarginAccount", {}, name="margin", weight=10)
            sides = list(row_of(part.data, "binance margin account").rows("userAssets"))
        for row in sides:
            if _is(row, route):
                return row
        raise Unreadable(f"binance margin account: {route.asset} is not listed")

    async def _stance(self, route: Route) -> Stance:
        if route.verb is Verb.REPAY:
            row = await self._loan(route)
            return Stance(value=row.amount("borrowed") + row.amount("interest"))
        symbol, side = leg_of(route)
        if _is_coin(symbol):
            part = await self._call("dapiPrivateGetPositionRisk", {}, name="legs", budget="dapi")
        else:
            part = await self._call(
                "fapiPrivateV3GetPositionRisk", {"symbol": symbol}, name="legs", budget="fapi"
            )
        for row in rows_of(part.data, "binance positionRisk"):
            signed = row.amount("positionAmt")
            if row.text("symbol") == symbol and (signed > 0 if side == "long" else signed < 0):
                return Stance(value=ZERO, leg=row.text("positionSide"))
        raise Unsupported(f"binance has no {side} position in {symbol}")

    # ── sending ──────────────────────────────────────────────────────────────────────────────

    def _order(self, intent: Intent, ts_ms: int) -> Order:
        del ts_ms
        route, amount = intent.route, plain(intent.amount)
        if route.verb is Verb.MOVE:
            params = {"type": _type(route), "asset": route.asset, "amount": amount}
            return Order(method="sapiPostAssetTransfer", params=params, budget="sapi")
        if route.verb is Verb.REPAY:
            params = {
                "asset": route.asset,
                "amount": amount,
                "type": "REPAY",
                "isIsolated": "FALSE",
            }
            if _pair(route):
                params |= {"isIsolated": "TRUE", "symbol": _pair(route)}
            return Order(method="sapiPostMarginBorrowRepay", params=params, budget="sapi")
        symbol, _ = leg_of(route)
        face = "dapi" if _is_coin(symbol) else "fapi"
        leg = self._stances[route].leg
        params = {"symbol": symbol, "positionSide": leg, "amount": amount, "type": "1"}
        return Order(method=_ADD_MARGIN[face], params=params, budget=face)

    def _code(self, payload: Mapping[str, object]) -> str:
        code = payload.get("code")
        return str(code) if isinstance(code, int | str) else ""

    def _is_success(self, intent: Intent, payload: Mapping[str, object]) -> bool:
        if intent.route.verb is Verb.ADD_MARGIN:
            return self._code(payload) == "200"
        return "tranId" in payload and not self._code(payload).startswith("-")

    def _success(self, intent: Intent, payload: Mapping[str, object]) -> Answer:
        row = row_of(payload, "binance answer")
        if intent.route.verb is Verb.ADD_MARGIN:
            return succeeded(amount=row.amount("amount"))
        return succeeded(venue_id=str(row.integer("tranId")))

    # ── what became of it ────────────────────────────────────────────────────────────────────

    async def _look(self, intent: Intent) -> Lookup:
        assert intent.ts_sign_ms is not None
        since_ms = intent.ts_sign_ms - AHEAD_MS
        rows = [
            row
            for row in await self._past(intent.route, since_ms)
            if row.amount == intent.amount and row.at_ms >= since_ms
        ]
        words = f"{len(rows)} of this amount since then"
        for state in (Found.EXECUTED, Found.PENDING, Found.FAILED):
            for row in rows:
                if row.state is state:
                    return Lookup(found=state, venue_id=row.id, words=words)
        return Lookup(found=Found.NOT_FOUND, words=words)

    async def _movements(self, route: Route, since_ms: int, now_ms: int) -> list[Movement]:
        del now_ms
        return [
            Movement(
                venue_id=row.id,
                ref="",
                asset=route.asset,
                amount=row.amount,
                source=route.source,
                destination=route.destination,
                at_us=row.at_ms * 1000,
                done=row.state is Found.EXECUTED,
            )
            for row in await self._past(route, since_ms)
        ]

    async def _past(self, route: Route, since_ms: int) -> list[Past]:
        if route.verb is Verb.ADD_MARGIN:
            return await self._margin_past(route, since_ms)
        if route.verb is Verb.REPAY:
            params = {"type": "REPAY", "asset": route.asset, "startTime": since_ms}
            if _pair(route):
                params["isolatedSymbol"] = _pair(route)
            return await self._pages("sapiGetMarginBorrowRepay", params, route, "txId")
        params = {"type": _type(route), "startTime": since_ms}
        return await self._pages("sapiGetAssetTransfer", params, route, "tranId")

    async def _pages(
        self, method: str, params: Mapping[str, object], route: Route, number: str
    ) -> list[Past]:
        found: list[Past] = []
        for page in range(1, PAGES_MAX + 1):
            part = await self._call(
                method, {**params, "size": ROWS, "current": page}, name="history"
            )
            body = row_of(part.data, "binance history")
            # an empty history has no list at all
            rows = body.rows("rows") if body.has("rows") else ()
            found += [_past(row, number) for row in rows if _is(row, route)]
            if page * ROWS >= body.integer("total"):
                return found
        raise Unreadable(f"binance history: more than {PAGES_MAX * ROWS} rows")

    async def _margin_past(self, route: Route, since_ms: int) -> list[Past]:
        symbol, side = leg_of(route)
        face = "dapi" if _is_coin(symbol) else "fapi"
        params = {"symbol": symbol, "type": "1", "startTime": since_ms, "limit": 500}
        part = await self._call(_ADDED[face], params, name="history", budget=face)
        return [
            Past(
                id=str(row.time_ms("time")),
                amount=row.amount("amount"),
                at_ms=row.time_ms("time"),
                state=Found.EXECUTED,
            )
            for row in rows_of(part.data, "binance positionMargin history")
            if row.text("positionSide") in ("BOTH", side.upper())
        ]


def read_rights(data: object) -> KeyRights:
    """Return what a key for money may do; the reader's wider transfer right is to other people."""
    may_move = row_of(data, "binance apiRestrictions").flag("permitsUniversalTransfer")
    return replace(setup.read_rights(data), transfer=may_move)


def _past(row: Row, number: str) -> Past:
    return Past(
        id=str(row.integer(number)),
        amount=row.amount("amount"),
        at_ms=row.time_ms("timestamp"),
        # a state nobody listed proves nothing
        state=_STATES.get(row.text("status"), Found.PENDING),
    )


def _is(row: Row, route: Route) -> bool:
    return row.text("asset") == route.asset


def _pair(route: Route) -> str:
    kind, _, symbol = route.destination.partition(":")
    return symbol if kind == "isolated_margin" else ""


def _is_coin(symbol: str) -> bool:
    return symbol.partition("_")[0].endswith("USD")


def _type(route: Route) -> str:
    """Return Binance's word for a way. Raises: `Unsupported`."""
    kind = route.destination.partition(":")[0]
    ends = {"cross": "UMFUTURE", "coin": "CMFUTURE", "margin": "MARGIN"}
    if route.source not in _SOURCES or kind not in ends:
        raise Unsupported(f"Binance has no way from {route.source} to {route.destination}")
    return f"{_SOURCES[route.source]}_{ends[kind]}"
