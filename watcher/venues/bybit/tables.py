"""
Bybit's slowly changing answers: mode, key rights, brackets, ladders, fees, tickers.

Rule: pure functions from a decoded v5 body to typed values; a field that is needed and absent is
`Unreadable`, naming it. What moves with every poll (wallet, positions) is read in `read`.
Sources and dates of every rule: docs/venues.md, "Bybit". Nothing here asks the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from watcher.domain.account import ZERO, Bracket, Weight
from watcher.domain.status import KeyRights
from watcher.ports import Unreadable, Unsupported, WithdrawalRight
from watcher.venues.fields import Row, row_of

STALE_MS_MAX = 30_000
"""An answer whose own time is older than this was served from somewhere else than the venue now."""

DEDUCTION_SHARE, FLOOR_SHARE = Decimal("0.01"), Decimal("0.00005")
"""
How far a told deduction may be from the chain of rates, in parts of itself and of its floor:
rounding is less, a missing row more.
"""

_PERCENT = Decimal(100)
_HIDDEN_MULTIPLE = re.compile(r"^10{3,}(?=[A-Z])|(?<=[A-Z])10{3,}$")
_INVERSE = re.compile(r"^(?P<coin>.+?)USD(?:[FGHJKMNQUVXZ]\d{2})?$")
_LINEAR_USDT = re.compile(r"^(?P<coin>.+?)-?USDT(?:-.+)?$")
_OPTION = re.compile(r"^(?P<coin>[A-Z0-9]+)-\d+[A-Z]{3}\d+-[\d.]+-(?P<right>[CP])(?:-[A-Z]+)?$")
_LINEAR_USDC = re.compile(r"^(?P<coin>[^-]+?)(?:PERP|USDC)?(?:-.+)?$")

_GENERATIONS = {3: "UTA 1.0", 4: "UTA 1.0 Pro", 5: "UTA 2.0", 6: "UTA 2.0 Pro"}
_MARGIN_MODES = {
    "REGULAR_MARGIN": "cross",
    "ISOLATED_MARGIN": "isolated",
    "PORTFOLIO_MARGIN": "portfolio margin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How the account is margined. Portfolio margin shows the venue's figures."""

    status: int
    margin: str

    @property
    def is_cross(self) -> bool:
        return self.margin == "cross"

    @property
    def is_isolated(self) -> bool:
        return self.margin == "isolated"

    @property
    def is_portfolio(self) -> bool:
        return self.margin == "portfolio margin"

    @property
    def has_contract_wallet(self) -> bool:
        """Tell whether inverse contracts live in a wallet of their own (UTA 1.0)."""
        return self.status in (3, 4)

    def __str__(self) -> str:
        return f"{_GENERATIONS[self.status]} {self.margin}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticker:
    mark: Decimal
    index: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """
    What the composer needs beside the account itself.

    `brackets` and `fees` are by symbol, `ladders` and `borrow` by coin; `usd` gives the index of
    coins whose own balance is too small to tell it, `marks` those of contracts that are ordered
    and not held.
    """

    ladders: Mapping[str, tuple[Weight, ...]]
    borrow: Mapping[str, tuple[Bracket, ...]]
    brackets: Mapping[str, tuple[Bracket, ...]]
    fees: Mapping[str, Decimal]
    usd: Mapping[str, Decimal]
    marks: Mapping[str, Decimal] = field(default_factory=dict)


def result_of(body: object, where: str, *, now_ms: int | None = None) -> Row:
    """
    Return the `result` of a v5 answer.

    With *now_ms* (the venue's clock when the answer came) an answer whose own time is too old is
    refused: a cache under HTTP 200 shows a calm past.
    """
    envelope = row_of(body, where)
    code = envelope.integer("retCode")
    if code != 0:
        raise envelope.wrong("retCode", "0")
    if now_ms is not None:
        age_ms = now_ms - envelope.time_ms("time")
        if age_ms > STALE_MS_MAX:
            raise Unreadable(f"{where}: answer is {age_ms / 1000:.0f} s old")
    return Row(envelope.row("result").data, where)


def read_mode(body: object) -> Mode:
    """Raises: `Unsupported` for a classic account."""
    row = result_of(body, "bybit account/info")
    status = row.integer("unifiedMarginStatus")
    if status == 1:
        raise Unsupported("Bybit classic account: only unified accounts are read, upgrade it")
    if status not in _GENERATIONS:
        raise Unsupported(f"Bybit unifiedMarginStatus {status}: expected 3, 4, 5 or 6")
    return Mode(status=status, margin=row.choice("marginMode", _MARGIN_MODES))


def read_rights(body: object) -> KeyRights:
    """Raises: `WithdrawalRight` for a key that may withdraw."""
    row = result_of(body, "bybit user/query-api")
    permissions = row.row("permissions")
    wallet = _words(permissions, "Wallet")
    if "Withdraw" in wallet:
        raise WithdrawalRight("the Bybit key may withdraw: make one without Withdraw")
    writes = row.integer("readOnly") == 0
    trading = ("ContractTrade", "Spot", "Options", "Derivatives")
    bound = [ip for ip in _words(row, "ips") if ip != "*"]
    return KeyRights(
        read=True,
        trade=writes and any(_words(permissions, key) for key in trading if permissions.has(key)),
        transfer=writes and "AccountTransfer" in wallet,
        withdraw=False,
        ip_bound=bool(bound),
        # the venue prints a date for bound keys too, where it means nothing
        expires_at_us=None if bound else _expiry_us(row),
        uid=str(row.integer("userID")) if row.has("userID") else None,
    )


def _words(row: Row, key: str) -> list[str]:
    value = row.data.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise row.wrong(key, "a list of texts")
    return value


def _expiry_us(row: Row) -> int | None:
    text = row.text_or_none("expiredAt")
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise row.wrong("expiredAt", "a date") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


def read_brackets(body: object, symbol: str) -> tuple[Bracket, ...]:
    """
    Return the maintenance table of *symbol*, keyed by position value in the settle coin.

    A row's limit is its upper end, so a floor is the limit before. An empty `mmDeduction` stays
    unknown above the first row: it then follows from the chain of rates.
    """
    where = f"bybit risk-limit {symbol}"
    rows = [row for row in result_of(body, where).rows("list") if row.text("symbol") == symbol]
    if not rows:
        raise Unreadable(f"{where}: no brackets for {symbol}")
    brackets: list[Bracket] = []
    floor = ZERO
    for limit, row in _by_end(rows, "riskLimitValue"):
        rate, deduction = _maintenance_rate(row), row.amount_or_none("mmDeduction")
        if not brackets:
            if deduction:  # a deduction is what lower rows ask less
                raise row.wrong("mmDeduction", "0 in the lowest row")
            deduction = ZERO
        elif deduction is not None:
            _check_deduction(row, deduction, brackets[-1], floor, rate)
        brackets.append(Bracket(floor=floor, rate=rate, deduction=deduction))
        floor = limit
    return tuple(brackets)


def _check_deduction(
    row: Row, told: Decimal, below: Bracket, floor: Decimal, rate: Decimal
) -> None:
    # limits have no lower end: a row that is missing below shows in what this one deducts
    if below.deduction is None:
        return
    chained = below.deduction + floor * (rate - below.rate)
    if abs(told - chained) > DEDUCTION_SHARE * abs(chained) + FLOOR_SHARE * floor:
        raise row.wrong(
            "mmDeduction", f"{chained.normalize():f} after the row that ends at {floor:f}"
        )


def _by_end(rows: Iterable[Row], key: str) -> list[tuple[Decimal, Row]]:
    """Return *rows* by their upper end; a row told twice alike, as pages may, counts once."""
    found: dict[Decimal, Row] = {}
    for row in rows:
        end = row.positive(key)
        if found.setdefault(end, row).data != row.data:
            raise row.wrong(key, "each end once")
    return sorted(found.items(), key=lambda pair: pair[0])


def _maintenance_rate(row: Row) -> Decimal:
    rate = row.positive("maintenanceMargin")
    leverage = row.positive("maxLeverage")
    # Old answers for inverse contracts give percent ("0.5" at 100x). Maintenance above 1/leverage
    # would liquidate the position as it opens, so such a number can only be a percentage.
    if rate * leverage > 1:
        rate /= _PERCENT
    if rate * leverage > 1 or rate >= 1:
        raise row.wrong("maintenanceMargin", "a rate below 1 / maxLeverage")
    return rate


def read_ladders(body: object) -> dict[str, tuple[Weight, ...]]:
    """
    Return the collateral ladder of each coin, in slices of the coin's own quantity.

    A coin whose slices do not fit together is left out: it counts for nothing then, and a pool
    that holds it says so. One odd coin among hundreds must not blind every account.
    """
    where = "bybit spot-margin-trade/collateral"
    ladders = {}
    for row in result_of(body, where).rows("list"):
        try:
            ladders[row.text("currency")] = _ladder(row)
        except Unreadable:
            continue
    if not ladders:
        raise Unreadable(f"{where}: no coin with a collateral ratio in the list")
    return ladders


def _ladder(row: Row) -> tuple[Weight, ...]:
    slices = sorted(row.rows("collateralRatioList"), key=lambda one: one.not_negative("minQty"))
    if not slices:
        raise row.wrong("collateralRatioList", "at least one slice")
    weights = []
    end: Decimal | None = ZERO
    for one in slices:
        if end is None or one.amount("minQty") != end:
            raise one.wrong("minQty", "the end of the slice before")
        weights.append(Weight(floor=end, weight=one.fraction("collateralRatio"), by="quantity"))
        if "maxQty" not in one.data:
            raise one.wrong("maxQty", 'a number, "" for no end')
        end = one.amount_or_none("maxQty")
    if end is not None:  # above a closed last slice nothing counts
        weights.append(Weight(floor=end, weight=ZERO, by="quantity"))
    return tuple(weights)


def read_borrow(body: object) -> dict[str, tuple[Bracket, ...]]:
    """
    Return what borrowing each coin adds to maintenance, by borrowed quantity.

    `borrowLimit` is the upper end of its row. The rate reached is taken on the whole debt: the
    venue documents no deductions here.
    """
    where = "bybit spot-margin-trade/position-tiers"
    tables = {}
    for row in result_of(body, where).rows("list"):
        coin = row.text("currency")
        tables[coin] = _borrow_table(Row(row.data, f"{where} {coin}"))
    if not tables:
        raise Unreadable(f"{where}: the list is empty, expected all coins that can be borrowed")
    return tables


def _borrow_table(row: Row) -> tuple[Bracket, ...]:
    brackets: list[Bracket] = []
    floor = ZERO
    for limit, tier in _by_end(row.rows("positionTiersRatioList"), "borrowLimit"):
        rate = tier.fraction("positionMMR")
        if not brackets or brackets[-1].rate != rate:
            brackets.append(Bracket(floor=floor, rate=rate))
        floor = limit
    if not brackets:
        raise row.wrong("positionTiersRatioList", "at least one row")
    return tuple(brackets)


def read_fees(body: object, category: str) -> dict[str, Decimal]:
    """Return the account's taker fee of every symbol of *category*."""
    rows = result_of(body, f"bybit fee-rate {category}").rows("list")
    if not rows:
        raise Unreadable(f"bybit fee-rate {category}: the list is empty, expected all symbols")
    return {row.text("symbol"): row.fraction("takerFeeRate") for row in rows}


def read_tickers(body: object, category: str, *, now_ms: int) -> dict[str, Ticker]:
    """Return mark and index of the symbols that have both; others trade no contract now."""
    where = f"bybit tickers {category}"
    return {
        row.text("symbol"): Ticker(mark=row.positive("markPrice"), index=row.positive("indexPrice"))
        for row in result_of(body, where, now_ms=now_ms).rows("list")
        if row.has("markPrice") and row.has("indexPrice")
    }


def usd_indices(inverse: Mapping[str, Ticker], linear: Mapping[str, Ticker]) -> dict[str, Decimal]:
    """
    Return the USD index of every coin with a USDT contract, and of USDT itself.

    USDT/USD is BTC in USD over BTC in USDT, as the venue derives it: a depeg shows here too.
    """
    usd, usdt = inverse.get("BTCUSD"), linear.get("BTCUSDT")
    if usd is None or usdt is None:
        raise Unreadable("bybit tickers: BTCUSD or BTCUSDT is missing, USDT has no index")
    tether = usd.index / usdt.index
    found = {"USDT": tether}
    for symbol, ticker in linear.items():
        coin = symbol.removesuffix("USDT")
        if coin != symbol and _HIDDEN_MULTIPLE.search(coin) is None:
            found.setdefault(coin, ticker.index * tether)
    return found


def read_funding(body: object) -> dict[str, Decimal]:
    """Return what the funding wallet could give, by coin; coins at nought are left out."""
    rows = result_of(body, "bybit query-account-coins-balance").rows("balance")
    amounts = {row.text("coin"): row.not_negative("transferBalance") for row in rows}
    return {coin: amount for coin, amount in amounts.items() if amount > 0}


def underlying_of(symbol: str, settle: str) -> str:
    """
    Return the coin a contract follows.

    >>> underlying_of("1000PEPEUSDT", "USDT"), underlying_of("BTCPERP", "USDC")
    ('PEPE', 'BTC')
    >>> underlying_of("BTC-27MAR26", "USDC"), underlying_of("BTCUSDM26", "BTC")
    ('BTC', 'BTC')
    """
    shape = {"USDT": _LINEAR_USDT, "USDC": _LINEAR_USDC}.get(settle, _INVERSE)
    match = shape.match(symbol)
    if match is None:
        raise Unreadable(f"bybit position {symbol}: not a symbol settled in {settle}")
    return _HIDDEN_MULTIPLE.sub("", match["coin"])


def option_of(symbol: str) -> tuple[str, str] | None:
    """
    Return the coin an option is on, and C for a call or P for a put; None for any other symbol.

    >>> option_of("BTC-26DEC26-90000-C"), option_of("SOL-6FEB26-150.5-P-USDT")
    (('BTC', 'C'), ('SOL', 'P'))
    """
    found = _OPTION.match(symbol)
    return None if found is None else (found["coin"], found["right"])


def settle_of_inverse(symbol: str) -> str:
    match = _INVERSE.match(symbol)
    if match is None:
        raise Unreadable(f"bybit position {symbol}: not an inverse symbol")
    return match["coin"]
