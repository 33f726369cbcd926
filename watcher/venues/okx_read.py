"""
An OKX account as its answers tell it: balance and positions, from raw bodies to a `Book`.

Rule: pure. Answers become typed rows, and answers that contradict each other are refused
(maintenance, profit or notional without a position, positions priced far from the public mark).
Missing is `Unreadable`, never nought; "" means "does not apply" and is asked for as such. An empty
list of positions is flat only because the balance says so too.

What becomes of a book is `okx_compose`'s affair; this file knows no brackets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ZERO, Side
from watcher.ports import Unreadable
from watcher.venues.fields import Row
from watcher.venues.okx_tables import STALE_MS_MAX, Mark, Mode, data_of, only

CONTRACTS = ("SWAP", "FUTURES")

DUST_USD = Decimal("0.01")
"""Below this a balance is too short a number to tell the price of its currency."""
FLAT_STALE_MS_MAX = 600_000
"""How old the balance of an account without risk may be: nothing of it moves."""
SEEN_SHARE_MIN = Decimal("0.5")
"""Positions that explain less than this share of the venue's own sum are not all of them."""
MARK_SHARE_MAX = Decimal("0.02")
"""A position priced further than this from the public mark comes from an old answer."""
NO_PRICE_SHARE = Decimal("0.001")
OVERSTATED_SHARE = Decimal("0.05")
OVERSTATED_USD = Decimal(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One open contract as the venue lists it; `quantity` is in contracts."""

    inst_id: str
    kind: str
    isolated: bool
    side: Side
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    upl: Decimal
    leverage: Decimal | None
    liquidation_price: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal
    margin: Decimal | None
    ratio: Decimal | None
    currency: str
    notional_usd: Decimal
    usd: Decimal | None

    @property
    def sign(self) -> int:
        return 1 if self.side is Side.LONG else -1

    @property
    def trade_mode(self) -> str:
        return "isolated" if self.isolated else "cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """A position of a kind the engine does not model: an option, or borrowed spot."""

    inst_id: str
    kind: str
    isolated: bool
    side: str
    currency: str
    maintenance_margin: Decimal | None
    ratio: Decimal | None
    notional_usd: Decimal | None

    def __str__(self) -> str:
        what = "option" if self.kind == "OPTION" else "borrowed spot position"
        return f"{what} {self.inst_id}: not modelled yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """
    One currency of the trading account. `cash` is what is left for cross margin before profit:
    without isolated margin, strategies and copy trading.
    """

    currency: str
    equity: Decimal = ZERO
    usd: Decimal = ZERO
    index: Decimal | None = None
    cash: Decimal = ZERO
    cross_upl: Decimal = ZERO
    interest: Decimal = ZERO
    owed: bool = False
    discounted: Decimal | None = None
    cross_equity: Decimal = ZERO
    isolated_equity: Decimal = ZERO
    frozen: Decimal = ZERO
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    ratio: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The account-wide figures; None where they do not apply to the mode or the moment."""

    adjusted_equity: Decimal | None
    equity: Decimal
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    ratio: Decimal | None
    notional_usd: Mapping[str, Decimal]
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Balance and positions of one moment, agreed with each other."""

    totals: Totals
    currencies: tuple[Currency, ...]
    legs: tuple[Leg, ...]
    odd: tuple[Odd, ...]

    @property
    def rows(self) -> tuple[Leg | Odd, ...]:
        return (*self.legs, *self.odd)

    @property
    def cross(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if not leg.isolated)

    @property
    def indices(self) -> dict[str, Decimal]:
        """The USD index of every currency these answers tell one of."""
        of_legs = {leg.currency: leg.usd for leg in self.legs if leg.usd is not None}
        of_balance = {one.currency: one.index for one in self.currencies if one.index is not None}
        return of_legs | of_balance

    @property
    def index_wanted(self) -> frozenset[str]:
        """Currencies whose index must be asked for: used by a position, or owed."""
        used = {leg.currency for leg in self.legs}
        owed = {one.currency for one in self.currencies if one.owed}
        return frozenset((used | owed) - self.indices.keys())


def read_book(mode: Mode, balance: object, positions: object, *, now_ms: int) -> Book:
    """
    Return the account as these two answers tell it; *now_ms* is the venue's clock as they came.

    Raises: `Unreadable`.
    """
    account = only(balance, "okx account/balance")
    legs, odd = _positions(positions, mode)
    book = Book(
        totals=_totals(account, strict=mode.is_multi and any(not leg.isolated for leg in legs)),
        currencies=tuple(_currency(row, mode) for row in account.rows("details")),
        legs=legs,
        odd=odd,
    )
    _check_age(book, now_ms)
    _check_sum(book)
    for one in book.currencies:
        _check_currency(one, book, mode)
    if mode.is_multi:
        _check_account(book)
    return book


# ── positions ────────────────────────────────────────────────────────────────────────────────


def _positions(body: object, mode: Mode) -> tuple[tuple[Leg, ...], tuple[Odd, ...]]:
    legs, odd = [], []
    for row in data_of(body, "okx positions"):
        named = Row(row.data, f"okx position {row.text('instId')}")
        if named.amount("pos") == 0:
            continue
        if named.text("instType") in CONTRACTS:
            legs.append(_leg(named, mode))
        else:
            odd.append(_odd(named))
    return tuple(legs), tuple(odd)


def _leg(row: Row, mode: Mode) -> Leg:
    held = row.amount("pos")
    isolated = _isolated(row)
    mark = row.positive("markPx")
    strict = mode.is_computed
    return Leg(
        inst_id=row.text("instId"),
        kind=row.text("instType"),
        isolated=isolated,
        side=_side(row, held),
        quantity=abs(held),
        entry=row.positive("avgPx"),
        mark=mark,
        upl=row.amount("upl"),
        leverage=row.positive("lever") if strict else row.amount_or_none("lever"),
        liquidation_price=_liquidation_price(row, mark),
        initial_margin=_needed(row, "imr", needed=strict and not isolated),
        maintenance_margin=row.not_negative("mmr"),
        margin=_needed(row, "margin", needed=isolated),
        ratio=_needed(row, "mgnRatio", needed=strict and isolated),
        currency=row.text("ccy"),
        notional_usd=row.positive("notionalUsd"),
        usd=row.positive("usdPx") if row.has("usdPx") else None,
    )


def _side(row: Row, held: Decimal) -> Side:
    # in net mode the sign is the side; in hedge mode the size is positive and the side is named
    of_net = Side.LONG if held > 0 else Side.SHORT
    return row.choice("posSide", {"net": of_net, "long": Side.LONG, "short": Side.SHORT})


def _isolated(row: Row) -> bool:
    return row.choice("mgnMode", {"isolated": True, "cross": False})


def _needed(row: Row, key: str, *, needed: bool) -> Decimal | None:
    return row.amount(key) if needed else row.amount_or_none(key)


def _liquidation_price(row: Row, mark: Decimal) -> Decimal | None:
    if "liqPx" not in row.data:
        raise row.wrong("liqPx", 'a price, or "" for none')
    price = row.amount_or_none("liqPx")
    return None if price is None or price <= mark * NO_PRICE_SHARE else price


def _odd(row: Row) -> Odd:
    return Odd(
        inst_id=row.text("instId"),
        kind=row.text("instType"),
        isolated=_isolated(row),
        side=row.text("posSide"),
        currency=row.text_or_none("ccy") or "",
        maintenance_margin=row.amount_or_none("mmr"),
        ratio=row.amount_or_none("mgnRatio"),
        notional_usd=row.amount_or_none("notionalUsd"),
    )


# ── balance ──────────────────────────────────────────────────────────────────────────────────


def _totals(account: Row, *, strict: bool) -> Totals:
    kinds = {kind: f"notionalUsdFor{kind.capitalize()}" for kind in (*CONTRACTS, "OPTION")}
    return Totals(
        adjusted_equity=_needed(account, "adjEq", needed=strict),
        equity=account.amount("totalEq"),
        initial_margin=_needed(account, "imr", needed=strict),
        maintenance_margin=_needed(account, "mmr", needed=strict),
        ratio=_needed(account, "mgnRatio", needed=strict),
        notional_usd={kind: account.amount(key) for kind, key in kinds.items() if account.has(key)},
        at_ms=account.time_ms("uTime"),
    )


def _currency(row: Row, mode: Mode) -> Currency:
    name = row.text("ccy")
    row = Row(row.data, f"okx balance {name}")
    equity, usd, held = row.amount("eq"), row.amount("eqUsd"), row.amount("cashBal")
    upl = _needed(row, "upl", needed=mode.is_computed) or ZERO
    cross_upl = upl - _applying(row, "isoUpl")  # the venue's sum includes isolated positions
    apart = sum((_applying(row, key) for key in ("isoEq", "stgyEq", "spotCopyTradingEq")), ZERO)
    owed = held < 0 or _applying(row, "liab") != 0
    interest = abs(row.amount("interest")) if owed and mode.is_multi else ZERO
    # Isolated margin and strategies have left the cash balance; should a payload count them in
    # after all, its own equity says so, and the lower figure is used.
    cash = min(held, equity - cross_upl - apart + interest)
    return Currency(
        currency=name,
        equity=equity,
        usd=usd,
        index=_index(row, equity, usd),
        cash=cash,
        cross_upl=cross_upl,
        interest=interest,
        owed=owed or equity < 0,
        discounted=_needed(row, "disEq", needed=mode.is_multi),
        cross_equity=equity - apart,
        isolated_equity=_applying(row, "isoEq"),
        frozen=_applying(row, "ordFrozen"),
        initial_margin=row.amount_or_none("imr"),
        maintenance_margin=row.amount_or_none("mmr"),
        ratio=row.amount_or_none("mgnRatio"),
    )


def _applying(row: Row, key: str) -> Decimal:
    """Return an amount that OKX leaves empty in modes it does not apply to: then there is none."""
    return row.amount_or_none(key) or ZERO


def _index(row: Row, equity: Decimal, usd: Decimal) -> Decimal | None:
    if abs(usd) >= DUST_USD and equity:
        if (usd > 0) != (equity > 0):
            raise row.wrong("eqUsd", "the sign of eq")
        return usd / equity
    return row.positive("coinUsdPrice") if row.has("coinUsdPrice") else None


# ── contradictions ───────────────────────────────────────────────────────────────────────────


def _check_age(book: Book, now_ms: int) -> None:
    at_risk = book.legs or book.odd or any(one.owed for one in book.currencies)
    age_ms = now_ms - book.totals.at_ms
    if age_ms > (STALE_MS_MAX if at_risk else FLAT_STALE_MS_MAX):
        raise Unreadable(f"okx account/balance: answer is {age_ms / 1000:.0f} s old")


def _check_sum(book: Book) -> None:
    """A currency that is owed cannot drop out of the list unnoticed."""
    listed = sum((one.usd for one in book.currencies), ZERO)
    total = book.totals.equity
    if listed > total + max(OVERSTATED_USD, abs(total) * OVERSTATED_SHARE):
        raise Unreadable(
            f"currencies missing: those listed are worth {listed:.2f} USD, totalEq says {total:.2f}"
        )


def _check_currency(one: Currency, book: Book, mode: Mode) -> None:
    """What the balance says of positions in a currency must be there in the list of positions."""
    held = [leg for leg in book.rows if leg.currency in (one.currency, "")]
    crossed = [leg for leg in held if not leg.isolated]
    index = one.index or ZERO
    if not crossed and abs(one.cross_upl) * index > DUST_USD:
        raise _missing(one.currency, f"unrealised profit {one.cross_upl:f}")
    if len(crossed) == len(held) and one.isolated_equity * index > 1 and not one.frozen:
        raise _missing(one.currency, f"isolated equity {one.isolated_equity:f}")
    told = one.maintenance_margin or ZERO
    if mode.is_futures and told > 0:
        seen = sum((leg.maintenance_margin or ZERO for leg in crossed), ZERO)
        if seen < told * SEEN_SHARE_MIN:
            raise _missing(
                one.currency, f"maintenance margin {told:f}, those seen explain {seen:f}"
            )


def _missing(currency: str, told: str) -> Unreadable:
    return Unreadable(f"positions missing: the {currency} balance carries {told}")


def _check_account(book: Book) -> None:
    for kind, told in book.totals.notional_usd.items():
        seen = sum((row.notional_usd or ZERO for row in book.rows if row.kind == kind), ZERO)
        if told > 1 and seen < told * SEEN_SHARE_MIN:
            raise Unreadable(
                f"positions missing: {kind} of {told:.0f} USD in the balance, "
                f"{seen:.0f} in the list"
            )
    margin = book.totals.maintenance_margin or ZERO
    explained = book.legs or book.odd or any(one.owed or one.frozen for one in book.currencies)
    if margin > 0 and not explained:
        raise Unreadable(
            f"positions missing: maintenance margin {margin:f} USD, "
            "but no position, order or debt was seen"
        )


def check_marks(book: Book, marks: Mapping[str, Mark], *, now_ms: int) -> None:
    """
    Raise `Unreadable` unless every contract held has a fresh public mark near its own.

    The account's answers carry no time that tells a frozen copy from the truth; prices do.
    """
    for leg in book.legs:
        mark = marks.get(leg.inst_id)
        if mark is None:
            raise Unreadable(f"okx mark-price: no mark of {leg.inst_id}, which is held")
        if abs(mark.price - leg.mark) > leg.mark * MARK_SHARE_MAX:
            raise Unreadable(
                f"okx positions are old: {leg.inst_id} at {leg.mark:f}, "
                f"its public mark is {mark.price:f}"
            )
    check_fresh(marks, now_ms=now_ms)


def check_fresh(marks: Mapping[str, Mark], *, now_ms: int) -> None:
    for inst_id, mark in marks.items():
        age_ms = now_ms - mark.at_ms
        if age_ms > STALE_MS_MAX:
            raise Unreadable(f"okx mark of {inst_id} is {age_ms / 1000:.0f} s old")
