"""
Bybit: one unified account behind one key, read-only.

    account/info, user/query-api          mode and key rights, every 10 min and 6 h
    wallet-balance, position/list x 4     each poll, all pages, at the same time
    order/realtime                        then, where a coin has margin for orders
    risk-limit, collateral, fee-rate ...  hourly or daily, kept

Rule: this file asks; `tables`, `read` and `compose` understand. All parts of a
poll come or none does; the funding wallet alone may be left out. No request of this file can
change anything at the venue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from watcher.domain.account import Bracket, Snapshot, Weight
from watcher.domain.status import KeyRights, VenueStatus
from watcher.ports import Unreadable, VenueError
from watcher.venues.ages import no_younger
from watcher.venues.bybit import tables as tables_of
from watcher.venues.bybit.compose import compose, weights_doubtful
from watcher.venues.bybit.errors import explain
from watcher.venues.bybit.legs import misfits
from watcher.venues.bybit.orders import order_scopes, read_orders
from watcher.venues.bybit.pages import order_pages, position_pages
from watcher.venues.bybit.read import SCOPES, Book, Resting, Torn, read_book
from watcher.venues.bybit.tables import Mode, Tables, Ticker, underlying_of
from watcher.venues.ccxt_venue import Client, Dialect, Part, together
from watcher.venues.fields import row_of
from watcher.venues.kept import Kept
from watcher.venues.spare import SpareWallets, shared_answer
from watcher.venues.weights import Limit

T = TypeVar("T")

BUDGET = "ip"

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
MODE_AGE_MS = 10 * MINUTE_MS
RIGHTS_AGE_MS = 6 * HOUR_MS
TABLE_AGE_MS = HOUR_MS
FEE_AGE_MS = 24 * HOUR_MS
ABSENT_AGE_MS = MINUTE_MS
MISFIT_AGE_MS = 10 * MINUTE_MS
"""How soon a table is asked for again that lacked something, or contradicted the account."""
SHARED_AGE_MS = MINUTE_MS / 2
SYMBOLS_ASKED_SINGLY = 3


def _read_clock_ms(data: object) -> float:
    return row_of(data, "bybit market/time").time_ms("time")


DIALECT = Dialect(
    venue="bybit",
    ccxt_id="bybit",
    limits={BUDGET: Limit(weight=600, window_ms=5_000)},
    explain=explain,
    heard=lambda _: None,  # Bybit tells what is left per key and path, not per address
    clock_method="publicGetV5MarketTime",
    clock_budget=BUDGET,
    read_clock_ms=_read_clock_ms,
    perpetuals={"USDT": "{}USDT", "USDC": "{}PERP", "USD": "{}USD"},
)


def open_account(account: str, client: Client) -> Bybit:
    """Return the adapter; nothing is sent before `start`."""
    return Bybit(account, client)


class Bybit:
    """One unified account. See `watcher.ports.Venue`."""

    def __init__(self, account: str, client: Client) -> None:
        self.account = account
        self._client = client
        self._host = client.host
        self._kept = Kept(client.host.now_ms)
        self._spare = SpareWallets(
            client.host, account, {"funding": (self._ask_funding, tables_of.read_funding)}
        )
        self._told_ms = float("inf")  # the venue's own time of the oldest answer last read

    async def start(self) -> VenueStatus:
        await self._host.read_clock()
        await self._rights()
        mode = await self._mode()
        if mode.is_cross:
            await self._ladders()
            await self._borrow()
        return await self.status()

    async def status(self) -> VenueStatus:
        budget = self._host.budgets[BUDGET]
        now_ms = self._host.now_ms()
        return VenueStatus(
            mode=str(await self._mode()),
            rights=await self._rights(),
            clock_offset_ms=self._host.offset_ms,
            weight_used=budget.used(now_ms),
            weight_limit=budget.allowance(now_ms),
        )

    async def snapshot(self) -> Snapshot:
        await self._rights()
        mode = await self._mode()
        try:
            book, parts = await self._book(mode)
        except Torn as torn:
            self._host.log.debug("answers.torn", account=self.account, reason=torn.reason)
            book, parts = await self._book(mode)
        await self._spare.read()
        orders, more = await self._orders(book)
        book, parts = replace(book, orders=orders), parts | more
        tables = await self._tables(book, mode)
        told = compose(
            book,
            tables,
            account=self.account,
            mode=mode,
            parts=parts,
            wallets=self._spare.found,
        )
        return no_younger(told, self._told_ms, self._host.offset_ms)

    async def prices(self, symbols: Sequence[str]) -> Mapping[str, float]:
        wanted = {symbol: _category(symbol) for symbol in symbols}
        found = await self._tickers_of(wanted)
        marks: dict[str, float] = {}
        trouble: VenueError | None = None
        for tickers in found:
            if isinstance(tickers, VenueError):
                trouble = tickers
            elif isinstance(tickers, BaseException):
                raise tickers
            else:
                for symbol in sorted(wanted.keys() & tickers.keys()):
                    marks.setdefault(_underlying(symbol), float(tickers[symbol].mark))
        if not marks:
            raise trouble or Unreadable("bybit tickers: none of the symbols asked for is listed")
        return marks

    async def _tickers_of(
        self, wanted: Mapping[str, str]
    ) -> list[dict[str, Ticker] | BaseException]:
        """Return tickers, one call for many symbols; a failed call stays in its place."""
        asked: list[tuple[str, str | None]] = [
            (category, symbol) for symbol, category in wanted.items()
        ]
        if len(asked) > SYMBOLS_ASKED_SINGLY:
            asked = [(category, None) for category in sorted(set(wanted.values()))]
        return await asyncio.gather(
            *(self._tickers(category, symbol) for category, symbol in asked),
            return_exceptions=True,
        )

    async def housekeeping(self) -> None:
        await self._host.read_clock()
        await self._kept.refresh()

    async def close(self) -> None:
        await self._client.close()

    # ── what is read at every poll ─────────────────────────────────────────────────────────

    async def _call(
        self, method: str, params: Mapping[str, object], *, name: str, calm: bool = False
    ) -> Part:
        return await self._client.call(method, params, name=name, budget=BUDGET, calm=calm)

    async def _book(self, mode: Mode) -> tuple[Book, dict[str, int]]:
        (wallet,), *pages = await together(
            self._wallet(), *(position_pages(self._call, scope) for scope in SCOPES)
        )
        try:
            book = read_book(
                mode,
                wallet.data,
                {
                    scope: [page.data for page in found]
                    for scope, found in zip(SCOPES, pages, strict=True)
                },
                now_ms=int(self._host.venue_ms()),
            )
        except Torn:
            raise
        except Unreadable:
            # a changed mode empties the very fields we need: look at the mode again next time
            self._kept.forget("mode")
            raise
        every = (wallet, *(page for found in pages for page in found))
        self._told_ms = min(row_of(part.data, "bybit").time_ms("time") for part in every)
        first_pages = (found[0] for found in pages)
        return book, {part.name: part.received_at_us for part in (wallet, *first_pages)}

    async def _wallet(self) -> list[Part]:
        return [
            await self._call(
                "privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"}, name="wallet"
            )
        ]

    async def _orders(self, book: Book) -> tuple[tuple[Resting, ...], dict[str, int]]:
        """Return the resting orders; nothing is asked where no coin has margin for any."""
        scopes = order_scopes(book)
        pages = await together(*(order_pages(self._call, scope) for scope in scopes))
        found = {
            scope: [part.data for part in parts] for scope, parts in zip(scopes, pages, strict=True)
        }
        read = read_orders(found, now_ms=int(self._host.venue_ms()))
        return read, {parts[0].name: parts[0].received_at_us for parts in pages}

    def _ask_funding(self) -> Awaitable[Part]:
        return self._call(
            "privateGetV5AssetTransferQueryAccountCoinsBalance",
            {"accountType": "FUND"},
            name="funding",
            calm=True,
        )

    # ── what is kept ───────────────────────────────────────────────────────────────────────

    async def _mode(self) -> Mode:
        async def fetch() -> Mode:
            part = await self._call("privateGetV5AccountInfo", {}, name="account info")
            return tables_of.read_mode(part.data)

        return await self._kept.of("mode", fetch, age_ms_max=MODE_AGE_MS)

    async def _rights(self) -> KeyRights:
        async def fetch() -> KeyRights:
            part = await self._call("privateGetV5UserQueryApi", {}, name="key rights")
            return tables_of.read_rights(part.data)

        return await self._kept.of("rights", fetch, age_ms_max=RIGHTS_AGE_MS)

    async def _tables(self, book: Book, mode: Mode) -> Tables:
        if mode.is_portfolio:
            return Tables(ladders={}, borrow={}, brackets={}, fees={}, usd={})
        tables = await self._read_tables(book, mode)
        odd = misfits(book, tables)
        doubtful = {
            _brackets_key(leg.category, leg.symbol) for leg in book.contracts if leg.symbol in odd
        }
        if mode.is_cross and weights_doubtful(book, tables):
            doubtful.add("ladders")
        if not await self._kept.renew(*sorted(doubtful), age_ms_min=MISFIT_AGE_MS):
            return tables
        return await self._read_tables(book, mode)

    async def _read_tables(self, book: Book, mode: Mode) -> Tables:
        held = {leg.symbol: leg.category for leg in book.contracts}
        found = await together(
            *(self._brackets(category, symbol) for symbol, category in held.items())
        )
        brackets = {symbol: one for symbol, one in zip(held, found, strict=True) if one}
        fees: dict[str, Decimal] = {}
        for category in sorted(set(held.values())):
            wanted = {symbol for symbol, of in held.items() if of == category}
            fees |= await self._fees(category, wanted)
        if mode.is_isolated:
            return Tables(
                ladders={},
                borrow={},
                brackets=brackets,
                fees=fees,
                usd={},
            )
        return Tables(
            ladders=await self._ladders(coin.coin for coin in book.coins if coin.counts),
            borrow=await self._borrow(),
            brackets=brackets,
            fees=fees,
            usd=await self._usd() if book.index_wanted else {},
            marks=await self._order_marks(book),
        )

    async def _order_marks(self, book: Book) -> Mapping[str, Decimal]:
        """Return the marks of contracts that are ordered and not held."""
        held = {leg.symbol for leg in book.contracts}
        wanted = {one.symbol: one.category for one in book.orders if one.symbol not in held}
        marks: dict[str, Decimal] = {}
        for one in await self._tickers_of(wanted):
            if isinstance(one, BaseException):
                raise one
            marks |= {symbol: one[symbol].mark for symbol in wanted if symbol in one}
        return marks

    async def _brackets(self, category: str, symbol: str) -> tuple[Bracket, ...]:
        """Return the table of a contract, empty where none can be read: it blinds no other."""

        async def fetch() -> tuple[Bracket, ...]:
            return await self._public(
                "publicGetV5MarketRiskLimit",
                _of(category, symbol),
                lambda body: tables_of.read_brackets(body, symbol),
            )

        key = _brackets_key(category, symbol)
        try:
            return await self._kept.of(key, fetch, age_ms_max=TABLE_AGE_MS)
        except Unreadable as error:
            self._host.log.debug("brackets.missed", account=self.account, reason=error.reason)
            return ()

    async def _ladders(self, wanted: Iterable[str] = ()) -> Mapping[str, tuple[Weight, ...]]:
        async def fetch() -> Mapping[str, tuple[Weight, ...]]:
            return await self._public(
                "publicGetV5SpotMarginTradeCollateral", {}, tables_of.read_ladders
            )

        ladders = await self._kept.of("ladders", fetch, age_ms_max=TABLE_AGE_MS)
        if set(wanted) <= ladders.keys():
            return ladders
        await self._kept.renew("ladders", age_ms_min=ABSENT_AGE_MS)
        return await self._kept.of("ladders", fetch, age_ms_max=TABLE_AGE_MS)

    async def _borrow(self) -> Mapping[str, tuple[Bracket, ...]]:
        async def fetch() -> Mapping[str, tuple[Bracket, ...]]:
            part = await self._call(
                "privateGetV5SpotMarginTradePositionTiers", {}, name="borrow tiers", calm=True
            )
            return tables_of.read_borrow(part.data)

        return await self._kept.of("borrow", fetch, age_ms_max=TABLE_AGE_MS)

    async def _fees(self, category: str, wanted: Iterable[str]) -> Mapping[str, Decimal]:
        async def fetch() -> Mapping[str, Decimal]:
            part = await self._call(
                "privateGetV5AccountFeeRate", {"category": category}, name="fees", calm=True
            )
            return tables_of.read_fees(part.data, category)

        key = f"fees {category}"
        fees = await self._kept.of(key, fetch, age_ms_max=FEE_AGE_MS)
        if set(wanted) <= fees.keys():
            return fees
        await self._kept.renew(key, age_ms_min=ABSENT_AGE_MS)  # listed after we last read it
        return await self._kept.of(key, fetch, age_ms_max=FEE_AGE_MS)

    async def _usd(self) -> Mapping[str, Decimal]:
        inverse, linear = await together(
            self._tickers("inverse", "BTCUSD"), self._tickers("linear", None)
        )
        return tables_of.usd_indices(inverse, linear)

    async def _tickers(self, category: str, symbol: str | None) -> dict[str, Ticker]:
        """Return live tickers; never cached, and refused when the answer itself is old."""
        params = {"category": category} if symbol is None else _of(category, symbol)
        part = await self._host.public.call(
            "publicGetV5MarketTickers", params, name="tickers", budget=BUDGET
        )
        return tables_of.read_tickers(part.data, category, now_ms=int(self._host.venue_ms()))

    async def _public(
        self, method: str, params: Mapping[str, object], read: Callable[[object], T]
    ) -> T:
        return await shared_answer(
            self._host, method, params, read, budget=BUDGET, age_ms_max=SHARED_AGE_MS
        )


def _of(category: str, symbol: str) -> dict[str, str]:
    return {"category": category, "symbol": symbol}


def _brackets_key(category: str, symbol: str) -> str:
    return f"brackets {category} {symbol}"


def _category(symbol: str) -> str:
    """Return where a contract is listed: inverse ones are priced in plain USD."""
    is_linear = "USDT" in symbol or symbol.endswith("PERP") or "-" in symbol
    return "linear" if is_linear else "inverse"


def _underlying(symbol: str) -> str:
    if _category(symbol) == "inverse":
        return underlying_of(symbol, "USD")
    return underlying_of(symbol, "USDT" if "USDT" in symbol else "USDC")
