"""
OKX's money client: funding to trading, margin of isolated legs.

Rule: a transfer carries an id that can be asked for, but nothing says that OKX refuses it twice
(lookup). A rejected transfer is asked for once before it counts as that. Debts are paid by what is
moved in; there is no repaying. Sources: docs/venues.md, section OKX.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from watcher.domain.account import ZERO
from watcher.domain.status import KeyRights
from watcher.domain.topup import Answer, Assurance, Found, Intent, Lookup, Movement, Route, Verb
from watcher.ports import Unreadable, Unsupported
from watcher.venues.ccxt_venue import Client
from watcher.venues.fields import Row, row_of
from watcher.venues.money import Stance, VenueMoney, doubted, leg_of, plain, succeeded, unlisted
from watcher.venues.okx.adapter import ACCOUNT
from watcher.venues.okx.codes import CODES
from watcher.venues.okx.tables import only, read_config
from watcher.venues.sender import Order, Sender

SIGNED_WINDOW_MS = None
"""OKX's 30 s cannot be chosen."""

STEP = Decimal("0.000001")
MARGIN_STEP = Decimal("0.0001")
WINDOW_MS = 30_000
FUNDING, TRADING = "6", "18"
TO_TRADING = "131"
ROWS = 100
PAGES_MAX = 20

_STATES = {"success": Found.EXECUTED, "pending": Found.PENDING, "failed": Found.FAILED}


def open_money(account: str, client: Client, sender: Sender) -> OkxMoney:
    return OkxMoney(account, client, sender)


class OkxMoney(VenueMoney):
    codes = CODES
    move_assurance = Assurance.LOOKUP
    window = WINDOW_MS
    budget = ACCOUNT

    def step(self, route: Route) -> Decimal:
        return MARGIN_STEP if route.verb is Verb.ADD_MARGIN else STEP

    async def _read_rights(self) -> KeyRights:
        part = await self._call("privateGetAccountConfig", {}, name="account/config")
        return read_config(part.data).rights

    # ── what may leave, and how it stands ────────────────────────────────────────────────────

    async def _available(self, route: Route) -> Decimal:
        if route.verb is Verb.ADD_MARGIN:
            part = await self._call(
                "privateGetAccountBalance", {"ccy": route.asset}, name="trading"
            )
            details = only(part.data, "okx balance").rows("details")
            held = [row for row in details if row.text("ccy") == route.asset]
            return max(held[0].amount("availEq"), ZERO) if held else ZERO
        _check_way(route)
        part = await self._call("privateGetAssetBalances", {"ccy": route.asset}, name="funding")
        held = [row for row in _data(part.data) if row.text("ccy") == route.asset]
        return held[0].not_negative("availBal") if held else ZERO

    async def _stance(self, route: Route) -> Stance:
        if route.verb is Verb.REPAY:
            raise Unsupported("OKX has no repaying: what is moved in pays a debt")
        symbol, side = leg_of(route)
        part = await self._call("privateGetAccountPositions", {"instId": symbol}, name="positions")
        for row in _data(part.data):
            signed, word = row.amount("pos"), row.text("posSide")
            held = word if word != "net" else ("long" if signed > 0 else "short")
            if row.text("mgnMode") == "isolated" and signed and held == side:
                return Stance(value=row.not_negative("margin"), leg=word)
        raise Unsupported(f"OKX has no isolated {side} position in {symbol}")

    # ── sending ──────────────────────────────────────────────────────────────────────────────

    def _order(self, intent: Intent, ts_ms: int) -> Order:
        del ts_ms
        route, amount = intent.route, plain(intent.amount)
        if route.verb is Verb.ADD_MARGIN:
            symbol, _ = leg_of(route)
            return Order(
                method="privatePostAccountPositionMarginBalance",
                params={
                    "instId": symbol,
                    "posSide": self._stances[route].leg,
                    "type": "add",
                    "amt": amount,
                },
                budget=ACCOUNT,
            )
        _check_way(route)
        return Order(
            method="privatePostAssetTransfer",
            params={
                "ccy": route.asset,
                "amt": amount,
                "from": FUNDING,
                "to": TRADING,
                "type": "0",
                "clientId": intent.venue_ref,
            },
            budget=ACCOUNT,
        )

    def _code(self, payload: Mapping[str, object]) -> str:
        return str(payload.get("code", ""))

    def _is_success(self, intent: Intent, payload: Mapping[str, object]) -> bool:
        del intent
        return self._code(payload) == "0"

    def _success(self, intent: Intent, payload: Mapping[str, object]) -> Answer:
        row = only(payload, "okx answer")
        if intent.route.verb is Verb.ADD_MARGIN:
            return succeeded(amount=row.amount("amt"))
        return succeeded(venue_id=row.text("transId"), amount=row.amount("amt"))

    async def _confirmed(self, intent: Intent, told: Answer) -> Answer:
        if intent.route.verb is not Verb.MOVE:
            return told
        lookup = await self.lookup(intent)
        return told if lookup.found is Found.NOT_FOUND else doubted(told, lookup)

    # ── what became of it ────────────────────────────────────────────────────────────────────

    async def _look(self, intent: Intent) -> Lookup:
        route = intent.route
        if route.verb is not Verb.MOVE:
            return self._change(intent, (await self._stance(route)).value)
        part = await self._call(
            "privateGetAssetTransferState", {"clientId": intent.venue_ref}, name="transfer-state"
        )
        found = []
        for row in _data(part.data):
            if row.text("clientId") != intent.venue_ref:
                continue
            if row.amount("amt") != intent.amount or row.text("ccy") != route.asset:
                return Lookup(found=Found.UNANSWERED, words="the id is another transfer's")
            state = _STATES.get(row.text("state"), Found.PENDING)
            found.append((state, row.text("transId")))
        words = f"{len(found)} under this id"
        for state in (Found.EXECUTED, Found.PENDING, Found.FAILED):
            for one, number in found:
                if one is state:
                    return Lookup(found=state, venue_id=number, words=words)
        return Lookup(found=Found.NOT_FOUND, words=words)

    async def _movements(self, route: Route, since_ms: int, now_ms: int) -> list[Movement]:
        del now_ms
        if route.verb is not Verb.MOVE:
            unlisted(route)
        _check_way(route)
        params: dict[str, object] = {"ccy": route.asset, "type": TO_TRADING, "limit": str(ROWS)}
        moved: list[Movement] = []
        for _ in range(PAGES_MAX):
            part = await self._call("privateGetAssetBills", params, name="bills")
            rows = _data(part.data)
            moved += [_movement(row, route) for row in rows]
            if len(rows) < ROWS or moved[-1].at_us < since_ms * 1000:
                return [one for one in moved if one.at_us >= since_ms * 1000]
            # rows older than this one
            params["after"] = str(moved[-1].at_us // 1000)
        raise Unreadable(f"okx bills: more than {PAGES_MAX * ROWS} rows")


def _movement(row: Row, route: Route) -> Movement:
    return Movement(
        venue_id=row.text("billId"),
        ref=row.text_or_none("clientId") or "",
        asset=row.text("ccy"),
        amount=abs(row.amount("balChg")),
        source=route.source,
        destination=route.destination,
        at_us=row.time_ms("ts") * 1000,
        done=True,
    )


def _check_way(route: Route) -> None:
    kind = route.destination.partition(":")[0]
    if route.verb is not Verb.MOVE or route.source != "funding" or kind not in ("unified", "cross"):
        raise Unsupported(
            f"OKX has no {route.verb.value} from {route.source} to {route.destination}"
        )


def _data(body: object) -> tuple[Row, ...]:
    return row_of(body, "okx answer").rows("data")
