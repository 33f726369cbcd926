"""
Binance: what changes rarely. Account mode, key rights, maintenance brackets, collateral weights,
bars; and the table of public marks everything is priced with.

Rule: pure readers, raw JSON in, typed values out, `Unreadable` for anything else. No defaults: a
bar, a rate or a mode that is missing is unreadable, never the documented usual value.

Sources and dates: docs/venues.md, section Binance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Bracket, Weight
from watcher.domain.status import KeyRights
from watcher.ports import Unreadable
from watcher.venues.fields import Row, check_chain, row_of, rows_of

REFERENCE = "USDT"
"""
What values are expressed in. Binance prices futures and margin collateral in pairs against USDT
and publishes no USD price of it, so USDT is the unit; other stables carry their own index.
"""

MARK_AGE_MS_MAX = 30_000
PRICE_INDEX_AGE_MS_MAX = 60_000
QUOTES = ("USDT", "USDC", "FDUSD", "USD1", "BUSD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """
    Which parts of a Binance account are open: sapi account/info; `portfolio_pro` from sapi
    portfolio/account, the only one that tells it.
    """

    margin: bool
    futures: bool
    portfolio: bool
    portfolio_pro: bool = False

    @property
    def is_portfolio(self) -> bool:
        """One ratio rules over all parts: none of them may be computed for itself."""
        return self.portfolio or self.portfolio_pro


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesMode:
    multi_assets: bool
    hedge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Levels of cross margin (assets over debt) at which the venue warns and liquidates."""

    call: Decimal
    liquidation: Decimal


def read_doors(data: object) -> Doors:
    row = row_of(data, "binance account/info")
    return Doors(
        margin=row.flag("isMarginEnabled"),
        futures=row.flag("isFutureEnabled"),
        portfolio=row.flag("isPortfolioMarginRetailEnabled"),
    )


def read_rights(data: object) -> KeyRights:
    """Return what the key may do. `trade` covers spot, margin and futures orders alike."""
    row = row_of(data, "binance apiRestrictions")
    trade = [row.flag(key) for key in ("enableSpotAndMarginTrading", "enableFutures")]
    ends_ms = row.integer("tradingAuthorityExpirationTime") if _expires(row) else None
    return KeyRights(
        read=row.flag("enableReading"),
        trade=any(trade),
        transfer=row.flag("permitsUniversalTransfer") or row.flag("enableInternalTransfer"),
        withdraw=row.flag("enableWithdrawals"),
        ip_bound=row.flag("ipRestrict"),
        expires_at_us=None if ends_ms is None else ends_ms * 1000,
    )


def read_uid(data: object) -> str | None:
    """Return the account's number: spot account."""
    row = row_of(data, "binance spot account")
    return str(row.integer("uid")) if row.has("uid") else None


def _expires(row: Row) -> bool:
    key = "tradingAuthorityExpirationTime"
    return row.has(key) and row.integer(key) > 0


def read_futures_mode(data: object) -> FuturesMode:
    row = row_of(data, "binance accountConfig")
    return FuturesMode(
        multi_assets=row.flag("multiAssetsMargin"), hedge=row.flag("dualSidePosition")
    )


def read_leverages(data: object) -> dict[str, Decimal]:
    """Return the leverage set per symbol: symbolConfig."""
    return {
        row.text("symbol"): row.positive("leverage")
        for row in rows_of(data, "binance symbolConfig")
    }


def read_bars(data: object) -> Bars:
    row = row_of(data, "binance tradeCoeff")
    bars = Bars(call=row.positive("marginCallBar"), liquidation=row.positive("forceLiquidationBar"))
    if not 1 < bars.liquidation < bars.call:
        raise Unreadable(
            f"binance tradeCoeff: forceLiquidationBar {bars.liquidation} and marginCallBar "
            f"{bars.call}, expected 1 < liquidation < call"
        )
    return bars


def read_weights(data: object) -> dict[str, tuple[Weight, ...]]:
    """
    Return each asset's collateral ladder (crossMarginCollateralRatio), slices by value in USDT.

    Above the last cap nothing counts. Assets not in the table count for nothing.
    """
    ladders: dict[str, tuple[Weight, ...]] = {}
    for group in rows_of(data, "binance crossMarginCollateralRatio"):
        ladder, end = [], ZERO
        for item in group.rows("collaterals"):
            floor = item.not_negative("minUsdValue")
            if floor != end:
                raise item.wrong("minUsdValue", f"the cap before it, {end}")
            ladder.append(Weight(floor=floor, weight=item.fraction("discountRate")))
            cap = item.amount_or_none("maxUsdValue")
            end = Decimal("Infinity") if cap is None else cap
        if not ladder:
            raise group.wrong("collaterals", "at least one slice")
        if end.is_finite():
            ladder.append(Weight(floor=end, weight=ZERO))
        ladders.update(dict.fromkeys(_names(group), tuple(ladder)))
    if not ladders:
        raise Unreadable("binance crossMarginCollateralRatio: the list is empty")
    return ladders


def read_brackets(data: object, symbols: Collection[str]) -> dict[str, tuple[Bracket, ...]]:
    """
    Return the maintenance tables of *symbols* (leverageBracket), as far as the venue lists them.

    `notionalCoef` of accounts with limits of their own scales floors and amounts alike, which
    keeps the table continuous.
    """
    found: dict[str, tuple[Bracket, ...]] = {}
    listed = rows_of(data, "binance leverageBracket")
    if not listed:
        raise Unreadable("binance leverageBracket: the list is empty")
    for row in listed:
        symbol = row.text("symbol")
        if symbol in symbols:
            found[symbol] = _table(Row(row.data, f"binance leverageBracket {symbol}"))
    return found


def _table(row: Row) -> tuple[Bracket, ...]:
    coef = row.positive("notionalCoef") if row.has("notionalCoef") else ONE
    rows = sorted(row.rows("brackets"), key=lambda item: item.not_negative("notionalFloor"))
    if not rows:
        raise row.wrong("brackets", "at least one row")
    ranges = ((item.amount("notionalFloor"), item.positive("notionalCap")) for item in rows)
    check_chain(f"{row.where}.brackets", ranges)
    return tuple(
        Bracket(
            floor=item.amount("notionalFloor") * coef,
            rate=item.fraction("maintMarginRatio"),
            deduction=item.not_negative("cum") * coef,
        )
        for item in rows
    )


def maintenance_of(notional: Decimal, table: tuple[Bracket, ...]) -> Decimal:
    """Return what *table* asks for *notional*; to compare with the venue's figure."""
    reached = table[0]
    for bracket in table:
        if bracket.floor < notional:
            reached = bracket
    return notional * reached.rate - (reached.deduction or ZERO)


def read_debt_tables(data: object) -> dict[str, tuple[Bracket, ...]]:
    """
    Return the Pro maintenance table of each asset that can be owed (margin leverageBracket).

    Rows end at `maxDebt`, the value of the debt in USDT; the last one goes on beyond its end.
    """
    tables: dict[str, tuple[Bracket, ...]] = {}
    for group in rows_of(data, "binance margin leverageBracket"):
        rows = sorted(group.rows("brackets"), key=lambda row: row.positive("maxDebt"))
        table: list[Bracket] = []
        floor = ZERO
        for row in rows:
            rate = row.fraction("maintenanceMarginRate")
            if table and (row.positive("maxDebt") == floor or rate < table[-1].rate):
                raise row.wrong("maxDebt", "each end once, with rates that rise")
            deduction = row.not_negative("fastNum")
            table.append(Bracket(floor=floor, rate=rate, deduction=deduction))
            floor = row.positive("maxDebt")
        if not table:
            raise group.wrong("brackets", "at least one row")
        tables.update(dict.fromkeys(_names(group), tuple(table)))
    if not tables:
        raise Unreadable("binance margin leverageBracket: the list is empty")
    return tables


def _names(group: Row) -> list[str]:
    names = group.data.get("assetNames")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise group.wrong("assetNames", "a list of texts")
    return names


@dataclass(frozen=True, slots=True)
class MarkTable:
    """All rows of premiumIndex by symbol, and the newest time among them."""

    rows: Mapping[str, Row]
    newest_ms: int


def read_mark_table(data: object) -> MarkTable:
    rows = {row.text("symbol"): row for row in rows_of(data, "binance premiumIndex")}
    if not rows:
        raise Unreadable("binance premiumIndex: the list is empty")
    return MarkTable(rows, max(row.time_ms("time") for row in rows.values()))


@dataclass(frozen=True, slots=True)
class Marks:
    """
    The public marks and indices as of the venue's time *now_ms*. Prices are read row by row on
    demand: an account holds few of the six hundred symbols.
    """

    rows: Mapping[str, Row]
    now_ms: float

    @classmethod
    def of(cls, table: MarkTable, now_ms: float) -> Marks:
        """
        Return *table* for use now.

        Raises: `Unreadable` when not one price of it is of now: an answer from a cache.
        """
        check_age(table.newest_ms, now_ms, MARK_AGE_MS_MAX, "marks")
        return cls(table.rows, now_ms)

    def mark(self, symbol: str) -> Decimal | None:
        """
        Return the public mark, None for a symbol the venue does not list.

        Raises: `Unreadable` for a price older than `MARK_AGE_MS_MAX`.
        """
        row = self.rows.get(symbol)
        return None if row is None else self._fresh(row).positive("markPrice")

    def index(self, asset: str) -> Decimal | None:
        """
        Return the venue's index of *asset* in USDT, None where it has none. A stable without a
        pair of its own is priced by the two BTC indices.
        """
        if asset == REFERENCE:
            return ONE
        direct = self._index(f"{asset}{REFERENCE}")
        if direct is not None or asset not in QUOTES:
            return direct
        ours, theirs = self._index(f"BTC{REFERENCE}"), self._index(f"BTC{asset}")
        return None if ours is None or theirs is None else ours / theirs

    def _index(self, symbol: str) -> Decimal | None:
        row = self.rows.get(symbol)
        return None if row is None else self._fresh(row).positive("indexPrice")

    def _fresh(self, row: Row) -> Row:
        check_age(row.time_ms("time"), self.now_ms, MARK_AGE_MS_MAX, "marks")
        return row

    def told_ms(self, symbols: Iterable[str]) -> float:
        """Return the venue's own time of the oldest price among *symbols*, inf without any."""
        known = (self.rows[symbol] for symbol in symbols if symbol in self.rows)
        return min((row.time_ms("time") for row in known), default=float("inf"))


def read_price_index(data: object, symbol: str, now_ms: float) -> Decimal:
    """Return the margin price index of one pair."""
    row = row_of(data, "binance priceIndex")
    if row.text("symbol") != symbol:
        raise row.wrong("symbol", repr(symbol))
    check_age(row.time_ms("calcTime"), now_ms, PRICE_INDEX_AGE_MS_MAX, f"index prices of {symbol}")
    return row.positive("price")


def check_age(time_ms: int, now_ms: float, age_ms_max: int, what: str) -> None:
    """Raises: `Unreadable` when *time_ms* is too far from now, in either direction."""
    age_ms = now_ms - time_ms
    if abs(age_ms) > age_ms_max:
        way = "old" if age_ms > 0 else "ahead of our clock"
        raise Unreadable(f"{what} are {abs(age_ms) / 1000:,.0f} s {way}")


def underlying_of(symbol: str, settle: str | None = None) -> str | None:
    """
    Return the base coin of a USDⓈ-M symbol, None when the name does not tell.

    `BTCUSDT` and the dated `BTCUSDT_260327` are BTC; `1000PEPEUSDT` is `1000PEPE`.
    """
    pair = symbol.split("_", 1)[0]
    for quote in QUOTES if settle is None else (settle,):
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair.removesuffix(quote)
    return None
