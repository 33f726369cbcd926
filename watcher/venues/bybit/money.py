"""
Bybit's money client: funding to unified, margin of isolated legs, repaying.

Rule: a transfer carries an id that Bybit takes once (dedup). Adding margin and repaying carry none
and leave no list: how the leg or the debt stood before and after says what became of them, and
after a restart nothing does. Sources: docs/venues.md, section Bybit.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.domain.account import ZERO
from watcher.domain.status import KeyRights
from watcher.domain.topup import (
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Movement,
    Route,
    Verb,
)
from watcher.policy.protocol import as_uuid
from watcher.ports import Unreadable, Unsupported
from watcher.venues.bybit.codes import CODES
from watcher.venues.bybit.tables import read_funding, read_rights
from watcher.venues.ccxt_venue import Client
from watcher.venues.fields import Row, row_of
from watcher.venues.money import Stance, VenueMoney, leg_of, plain, succeeded, unlisted
from watcher.venues.sender import Order, Sender

SIGNED_WINDOW_MS = 3_000

STEP = Decimal("0.000001")
MARGIN_STEP = Decimal("0.0001")
WEEK_MS = 7 * 86_400_000
ROWS = 50
PAGES_MAX = 20
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
INTEREST_FROM_MS, INTEREST_TO_MS = 4 * MINUTE_MS, 5 * MINUTE_MS + 30_000
"""Part of every hour in which no repayment is taken, while interest is charged."""

_FROM, _TO = "FUND", "UNIFIED"
_STATES = {"SUCCESS": Found.EXECUTED, "PENDING": Found.PENDING, "FAILED": Found.FAILED}
_LIST = "privateGetV5AssetTransferQueryInterTransferList"


def open_money(account: str, client: Client, sender: Sender) -> BybitMoney:
    return BybitMoney(account, client, sender)


class BybitMoney(VenueMoney):
    codes = CODES
    move_assurance = Assurance.DEDUP
    budget = "ip"

    def step(self, route: Route) -> Decimal:
        return MARGIN_STEP if route.verb is Verb.ADD_MARGIN else STEP

    async def _read_rights(self) -> KeyRights:
        part = await self._call("privateGetV5UserQueryApi", {}, name="key rights")
        return read_rights(part.data)

    # ── what may leave, and how it stands ────────────────────────────────────────────────────

    async def _available(self, route: Route) -> Decimal:
        if route.verb is Verb.MOVE:
            _check_way(route)
            part = await self._call(
                "privateGetV5AssetTransferQueryAccountCoinsBalance",
                {"accountType": _FROM, "coin": route.asset},
                name="funding",
            )
            return read_funding(part.data).get(route.asset, ZERO)
        if route.verb is Verb.REPAY:
            part = await self._call(
                "privateGetV5SpotMarginTradeRepaymentAvailableAmount",
                {"currency": route.asset},
                name="repayable",
            )
            return _result(part.data).not_negative("lossLessRepaymentAmount")
        part = await self._call(
            "privateGetV5AccountWithdrawal", {"coinName": route.asset}, name="free margin"
        )
        return _result(part.data).not_negative("availableWithdrawal")

    async def _stance(self, route: Route) -> Stance:
        if route.verb is Verb.REPAY:
            return Stance(value=await self._owed(route.asset))
        symbol, side = leg_of(route)
        part = await self._call(
            "privateGetV5PositionList",
            {"category": _category(symbol), "symbol": symbol},
            name="positions",
        )
        word = "Buy" if side == "long" else "Sell"
        for row in _result(part.data).rows("list"):
            if row.data.get("side") == word and row.not_negative("size"):
                return Stance(
                    value=row.not_negative("positionBalance"), leg=str(row.integer("positionIdx"))
                )
        raise Unsupported(f"Bybit has no {side} position in {symbol}")

    async def _owed(self, coin: str) -> Decimal:
        part = await self._call(
            "privateGetV5AccountWalletBalance",
            {"accountType": _TO, "coin": coin},
            name="wallet",
        )
        for account in _result(part.data).rows("list"):
            for row in account.rows("coin"):
                if row.text("coin") == coin:
                    return row.not_negative("spotBorrow") + row.not_negative("accruedInterest")
        raise Unreadable(f"bybit wallet-balance: {coin} is not listed")

    # ── sending ──────────────────────────────────────────────────────────────────────────────

    def _order(self, intent: Intent, ts_ms: int) -> Order:
        route, amount = intent.route, plain(intent.amount)
        if route.verb is Verb.MOVE:
            _check_way(route)
            return _as_order(
                "privatePostV5AssetTransferInterTransfer",
                transferId=as_uuid(intent.venue_ref),
                coin=route.asset,
                amount=amount,
                fromAccountType=_FROM,
                toAccountType=_TO,
            )
        if route.verb is Verb.REPAY:
            if INTEREST_FROM_MS <= ts_ms % HOUR_MS < INTEREST_TO_MS:
                raise Unsupported("Bybit charges interest now and takes no repayment")
            return _as_order("privatePostV5AccountNoConvertRepay", coin=route.asset, amount=amount)
        symbol, _ = leg_of(route)
        return _as_order(
            "privatePostV5PositionAddMargin",
            category=_category(symbol),
            symbol=symbol,
            margin=amount,
            positionIdx=self._stances[route].leg,
        )

    def _code(self, payload: Mapping[str, object]) -> str:
        return str(payload.get("retCode", ""))

    def _is_success(self, intent: Intent, payload: Mapping[str, object]) -> bool:
        del intent
        return self._code(payload) == "0"

    def _success(self, intent: Intent, payload: Mapping[str, object]) -> Answer:
        row = row_of(payload, "bybit answer").row("result")
        state = row.data.get("status", row.data.get("resultStatus", "SUCCESS"))
        if state not in ("SUCCESS", "PENDING", "SU", "P"):
            words = f"Bybit took it and calls it {state}"
            return Answer(answered=Answered.UNKNOWN, code=str(state), words=words)
        if intent.route.verb is not Verb.MOVE:
            return succeeded()
        return succeeded(venue_id=row.text("transferId"))

    # ── what became of it ────────────────────────────────────────────────────────────────────

    async def _look(self, intent: Intent) -> Lookup:
        route = intent.route
        if route.verb is Verb.REPAY:
            return self._change(intent, await self._owed(route.asset))
        if route.verb is Verb.ADD_MARGIN:
            return self._change(intent, (await self._stance(route)).value)
        ref = as_uuid(intent.venue_ref)
        part = await self._call(_LIST, {"transferId": ref}, name="transfer")
        for row in _result(part.data).rows("list"):
            if row.text("transferId") != ref:
                continue
            if row.amount("amount") != intent.amount or row.text("coin") != route.asset:
                return Lookup(found=Found.UNANSWERED, words="the id is another transfer's")
            # STATUS_UNKNOWN is as undecided as a wait
            state = _STATES.get(row.text("status"), Found.PENDING)
            return Lookup(found=state, venue_id=ref, words=row.text("status"))
        return Lookup(found=Found.NOT_FOUND, words="no such id")

    async def _movements(self, route: Route, since_ms: int, now_ms: int) -> list[Movement]:
        if route.verb is not Verb.MOVE:
            unlisted(route)
        rows: list[Row] = []
        while True:
            until_ms = min(since_ms + WEEK_MS, now_ms + MINUTE_MS)
            rows += await self._pages(
                {"coin": route.asset, "startTime": since_ms, "endTime": until_ms, "limit": ROWS}
            )
            if until_ms > now_ms:
                return [_movement(row, route) for row in rows if _is_way(row)]
            since_ms = until_ms + 1

    async def _pages(self, params: Mapping[str, object]) -> list[Row]:
        rows: list[Row] = []
        cursor: dict[str, object] = {}
        for _ in range(PAGES_MAX):
            part = await self._call(_LIST, {**params, **cursor}, name="transfers")
            result = _result(part.data)
            rows += result.rows("list")
            if not result.has("nextPageCursor"):
                return rows
            cursor = {"cursor": result.text("nextPageCursor")}
        raise Unreadable(f"bybit transfers: more than {PAGES_MAX * ROWS} rows")


def _movement(row: Row, route: Route) -> Movement:
    return Movement(
        venue_id=row.text("transferId"),
        ref=row.text("transferId").replace("-", ""),
        asset=row.text("coin"),
        amount=row.positive("amount"),
        source=route.source,
        destination=route.destination,
        at_us=row.time_ms("timestamp") * 1000,
        done=row.text("status") == "SUCCESS",
    )


def _is_way(row: Row) -> bool:
    return (row.text("fromAccountType"), row.text("toAccountType")) == (_FROM, _TO)


def _as_order(method: str, **params: str) -> Order:
    return Order(method=method, params=params, budget="ip")


def _check_way(route: Route) -> None:
    if (route.source, route.destination) != ("funding", "unified"):
        raise Unsupported(f"Bybit has no way from {route.source} to {route.destination}")


def _category(symbol: str) -> str:
    return "inverse" if symbol.endswith("USD") or "USDH" in symbol else "linear"


def _result(body: object) -> Row:
    return row_of(body, "bybit answer").row("result")
