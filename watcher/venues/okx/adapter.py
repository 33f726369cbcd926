"""
OKX: one trading account behind one key, read-only.

    account/config                  mode and key rights, every 10 min
    account/balance, /positions     each poll, with the public marks of what is held
    instruments, position-tiers,
    discount rates, trade-fee       hourly or daily, kept

Rule: this file asks; `tables`, `read` and `compose` understand. All parts of a poll
come or none does; the funding wallet alone may be left out. No request of this file can change
anything at the venue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from watcher.domain.account import Bracket, Snapshot, Weight
from watcher.domain.status import VenueStatus
from watcher.ports import Unreadable
from watcher.venues.ages import no_younger
from watcher.venues.ccxt_venue import Client, Dialect, Part, together
from watcher.venues.kept import Kept
from watcher.venues.okx import tables as tables_of
from watcher.venues.okx.book import Book, Leg, Torn, check_marked, check_marks, unmarked
from watcher.venues.okx.compose import compose
from watcher.venues.okx.errors import explain
from watcher.venues.okx.position import misfits, tier_chunks, unlisted
from watcher.venues.okx.read import read_book
from watcher.venues.okx.tables import Config, Fees, Instrument, Mark, Mode, Tables, kind_of
from watcher.venues.spare import SpareWallets, shared_answer
from watcher.venues.weights import Limit

T = TypeVar("T")

ACCOUNT, PUBLIC = "account", "public"
"""Budgets. The venue counts per path: per user for private calls, per address for public ones."""

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
CONFIG_AGE_MS = 10 * MINUTE_MS
TABLE_AGE_MS = HOUR_MS
FEE_AGE_MS = 24 * HOUR_MS
ABSENT_AGE_MS = MINUTE_MS
MISFIT_AGE_MS = 10 * MINUTE_MS
"""How soon a table is asked for again that lacked something, or contradicted the account."""
SHARED_AGE_MS = MINUTE_MS / 2
MARK_AGE_MS = 2_000
MARKS_ASKED_SINGLY = 3
HEARTBEAT = "BTC-USDT-SWAP"
"""Asked for when nothing is held: a frozen venue shows in its public marks."""


def _read_clock_ms(data: object) -> float:
    return tables_of.only(data, "okx public/time").time_ms("ts")


DIALECT = Dialect(
    venue="okx",
    ccxt_id="okx",
    limits={
        ACCOUNT: Limit(weight=400, window_ms=2_000),
        PUBLIC: Limit(weight=40, window_ms=2_000),
    },
    explain=explain,
    heard=lambda _: None,  # OKX tells nothing of what was used
    clock_method="publicGetPublicTime",
    clock_budget=PUBLIC,
    read_clock_ms=_read_clock_ms,
    perpetuals={quote: f"{{}}-{quote}-SWAP" for quote in ("USDT", "USDC", "USD")},
)


def open_account(account: str, client: Client) -> Okx:
    """Return the adapter; nothing is sent before `start`."""
    return Okx(account, client)


class Okx:
    """One trading account. See `watcher.ports.Venue`."""

    def __init__(self, account: str, client: Client) -> None:
        self.account = account
        self._client = client
        self._host = client.host
        self._kept = Kept(client.host.now_ms)
        self._watched: frozenset[str] = frozenset({HEARTBEAT})
        self._spare = SpareWallets(
            client.host, account, {"funding": (self._ask_funding, tables_of.read_funding)}
        )
        self._told_ms = float("inf")  # the venue's own time of the oldest mark last read

    async def start(self) -> VenueStatus:
        await self._host.read_clock()
        if (await self._config()).mode.is_shared:
            await self._ladders()
        return await self.status()

    async def status(self) -> VenueStatus:
        config = await self._config()
        budget = self._host.budgets[ACCOUNT]
        now_ms = self._host.now_ms()
        return VenueStatus(
            mode=str(config.mode),
            rights=config.rights,
            clock_offset_ms=self._host.offset_ms,
            weight_used=budget.used(now_ms),
            weight_limit=budget.allowance(now_ms),
        )

    async def snapshot(self) -> Snapshot:
        mode = (await self._config()).mode
        try:
            book, parts, marks = await self._book(mode)
        except Torn as torn:
            self._host.log.debug("answers.torn", account=self.account, reason=torn.reason)
            book, parts, marks = await self._book(mode)
        tables = await self._tables(book, mode)
        if unmarked(book, marks, tables.instruments) and await self._list_again(book):
            tables = await self._tables(book, mode)
        check_marked(book, marks, tables.instruments)
        await self._spare.read()
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
        marks = await self._marks(frozenset(symbols))
        tables_of.check_fresh(marks, now_ms=int(self._host.venue_ms()))
        found: dict[str, float] = {}
        for symbol in symbols:
            if symbol in marks:
                found.setdefault(symbol.partition("-")[0], float(marks[symbol].price))
        if not found:
            raise Unreadable("okx mark-price: none of the contracts asked for is listed")
        return found

    async def housekeeping(self) -> None:
        await self._host.read_clock()
        await self._kept.refresh()

    async def close(self) -> None:
        await self._client.close()

    # ── what is read at every poll ─────────────────────────────────────────────────────────

    async def _book(self, mode: Mode) -> tuple[Book, dict[str, int], dict[str, Mark]]:
        balance, positions, marks = await together(
            self._call("privateGetAccountBalance", name="balance"),
            self._call("privateGetAccountPositions", name="positions"),
            self._marks(self._watched),
        )
        now_ms = int(self._host.venue_ms())
        try:
            book = read_book(mode, balance.data, positions.data, now_ms=now_ms)
        except Torn:
            raise
        except Unreadable:
            # a changed mode empties the very fields we need: look at the mode again next time
            self._kept.forget("config")
            raise
        held = frozenset(book.marked)
        if not held <= marks.keys():
            marks |= await self._marks(held - marks.keys())
        check_marks(book, marks, now_ms=now_ms)
        priced = held & marks.keys()
        self._told_ms = min((marks[name].at_ms for name in priced or marks), default=now_ms)
        self._watched = priced or frozenset({HEARTBEAT})
        return book, {part.name: part.received_at_us for part in (balance, positions)}, marks

    async def _call(
        self,
        method: str,
        params: Mapping[str, object] | None = None,
        *,
        name: str,
        calm: bool = False,
    ) -> Part:
        return await self._client.call(method, params, name=name, budget=ACCOUNT, calm=calm)

    async def _marks(self, wanted: frozenset[str]) -> dict[str, Mark]:
        """Return the public marks of *wanted*, what there is of them, at most two seconds old."""
        asked: list[dict[str, str]] = [
            {"instType": kind_of(name), "instId": name} for name in sorted(wanted)
        ]
        if len(asked) > MARKS_ASKED_SINGLY:
            asked = [{"instType": kind} for kind in sorted({kind_of(name) for name in wanted})]
        answers: list[dict[str, Mark]] = await together(
            *(
                self._public(
                    "publicGetPublicMarkPrice",
                    params,
                    tables_of.read_marks,
                    age_ms_max=MARK_AGE_MS,
                )
                for params in asked
            )
        )
        marks: dict[str, Mark] = {}
        for answer in answers:
            marks |= answer
        return {name: marks[name] for name in wanted & marks.keys()}

    def _ask_funding(self) -> Awaitable[Part]:
        return self._call("privateGetAssetBalances", name="funding", calm=True)

    # ── what is kept ───────────────────────────────────────────────────────────────────────

    async def _config(self) -> Config:
        async def fetch() -> Config:
            part = await self._call("privateGetAccountConfig", name="account config")
            return tables_of.read_config(part.data)

        return await self._kept.of("config", fetch, age_ms_max=CONFIG_AGE_MS)

    async def _tables(self, book: Book, mode: Mode) -> Tables:
        tables = await self._read_tables(book, mode)
        if not mode.is_computed:
            return tables
        odd = misfits(book, tables)
        kinds = {leg.kind for leg in book.legs if leg.inst_id in odd}
        keys = {_instruments_key(kind) for kind in kinds}
        # a doubtful contract shares its chunk with others: all chunks of its kind are asked again
        keys |= {
            " ".join(("tiers", *chunk))
            for chunk in tier_chunks(book.legs, tables.instruments)
            if chunk[0] in kinds
        }
        if not await self._kept.renew(*sorted(keys), age_ms_min=MISFIT_AGE_MS):
            return tables
        return await self._read_tables(book, mode)

    async def _read_tables(self, book: Book, mode: Mode) -> Tables:
        instruments = await self._instruments(book)
        unknown = Tables(
            instruments=instruments, brackets={}, fees={}, ladders={}, borrow={}, usd=book.indices
        )
        if not mode.is_computed:
            return unknown
        lends = bool(book.pairs) or mode.is_shared
        kinds = sorted({leg.kind for leg in book.legs} | ({"MARGIN"} if lends else set()))
        fees: list[Fees] = await together(*(self._fees(kind) for kind in kinds))
        return Tables(
            instruments=instruments,
            brackets=await self._brackets(book.legs, instruments),
            fees=dict(zip(kinds, fees, strict=True)),
            ladders=await self._ladders() if mode.is_shared else {},
            borrow=await self._borrow(book, instruments) if mode.is_shared else {},
            usd=book.indices | await self._usd(book.index_wanted),
        )

    async def _instruments(self, book: Book) -> dict[str, Instrument]:
        found: dict[str, Instrument] = {}
        for kind in sorted({leg.kind for leg in book.legs}):
            held = {leg.inst_id for leg in book.legs if leg.kind == kind}
            listed = await self._instruments_of(kind)
            if not held <= listed.keys():  # listed after we last read the table
                await self._kept.renew(_instruments_key(kind), age_ms_min=ABSENT_AGE_MS)
                listed = await self._instruments_of(kind)
            found |= {name: listed[name] for name in held & listed.keys()}
        return {leg.inst_id: unlisted(leg) for leg in book.legs} | found

    async def _list_again(self, book: Book) -> bool:
        """Read again what is listed: a contract held that has no mark may be delisted."""
        keys = sorted({_instruments_key(leg.kind) for leg in book.legs})
        return await self._kept.renew(*keys, age_ms_min=ABSENT_AGE_MS)

    async def _instruments_of(self, kind: str) -> Mapping[str, Instrument]:
        async def fetch() -> Mapping[str, Instrument]:
            return await self._public(
                "publicGetPublicInstruments",
                {"instType": kind},
                lambda body: tables_of.read_instruments(body, kind),
            )

        return await self._kept.of(_instruments_key(kind), fetch, age_ms_max=TABLE_AGE_MS)

    async def _brackets(
        self, legs: Sequence[Leg], instruments: Mapping[str, Instrument]
    ) -> dict[tuple[str, str, str], tuple[Bracket, ...]]:
        chunks = tier_chunks(legs, instruments)
        tables = await together(*(self._tiers(*chunk) for chunk in chunks))
        return {
            (kind, trade_mode, family): brackets
            for (kind, trade_mode, _), table in zip(chunks, tables, strict=True)
            for family, brackets in table.items()
        }

    async def _tiers(
        self, kind: str, trade_mode: str, families: str
    ) -> Mapping[str, tuple[Bracket, ...]]:
        params = {"instType": kind, "tdMode": trade_mode, "instFamily": families}

        async def fetch() -> Mapping[str, tuple[Bracket, ...]]:
            return await self._public(
                "publicGetPublicPositionTiers",
                params,
                lambda body: tables_of.read_brackets(body, families.split(",")),
            )

        key = f"tiers {kind} {trade_mode} {families}"
        return await self._kept.of(key, fetch, age_ms_max=TABLE_AGE_MS)

    async def _borrow(
        self, book: Book, instruments: Mapping[str, Instrument]
    ) -> dict[str, tuple[Bracket, ...]]:
        """Return the tiers of what is owed, and of what a loss would be owed in."""
        settles = {instruments[leg.inst_id].settle for leg in book.cross}
        wanted = sorted(settles | {one.currency for one in book.currencies if one.may_owe})
        tables = await together(*(self._borrow_of(currency) for currency in wanted))
        return dict(zip(wanted, tables, strict=True))

    async def _borrow_of(self, currency: str) -> tuple[Bracket, ...]:
        params = {"instType": "MARGIN", "tdMode": "cross", "ccy": currency}

        async def fetch() -> tuple[Bracket, ...]:
            return await self._public(
                "publicGetPublicPositionTiers",
                params,
                lambda body: tables_of.read_borrow(body, currency),
            )

        key = f"borrow {currency}"
        rows = await self._kept.of(key, fetch, age_ms_max=TABLE_AGE_MS)
        if not rows and await self._kept.renew(key, age_ms_min=ABSENT_AGE_MS):
            rows = await self._kept.of(key, fetch, age_ms_max=TABLE_AGE_MS)
        return rows

    async def _ladders(self) -> Mapping[str, tuple[Weight, ...]]:
        async def fetch() -> Mapping[str, tuple[Weight, ...]]:
            return await self._public(
                "publicGetPublicDiscountRateInterestFreeQuota", {}, tables_of.read_ladders
            )

        return await self._kept.of("ladders", fetch, age_ms_max=TABLE_AGE_MS)

    async def _fees(self, kind: str) -> Fees:
        async def fetch() -> Fees:
            part = await self._call(
                "privateGetAccountTradeFee", {"instType": kind}, name="fees", calm=True
            )
            return tables_of.read_fees(part.data, kind)

        return await self._kept.of(f"fees {kind}", fetch, age_ms_max=FEE_AGE_MS)

    async def _usd(self, currencies: frozenset[str]) -> dict[str, Decimal]:
        names = sorted(currencies)
        prices: list[Decimal] = await together(*(self._usd_of(name) for name in names))
        return dict(zip(names, prices, strict=True))

    async def _usd_of(self, currency: str) -> Decimal:
        params = {"instId": f"{currency}-USD"}
        return await self._public(
            "publicGetMarketIndexTickers",
            params,
            lambda body: tables_of.read_index(body, currency),
            age_ms_max=MARK_AGE_MS,
        )

    async def _public(
        self,
        method: str,
        params: Mapping[str, object],
        read: Callable[[object], T],
        *,
        age_ms_max: float = SHARED_AGE_MS,
    ) -> T:
        calm = age_ms_max > MARK_AGE_MS
        return await shared_answer(
            self._host, method, params, read, budget=PUBLIC, age_ms_max=age_ms_max, calm=calm
        )


def _instruments_key(kind: str) -> str:
    return f"instruments {kind}"
