"""
An OKX account as its answers tell it, from raw bodies to a `Book`.

Rule: pure. Answers become typed rows; missing is `Unreadable`, never nought; "" means "does not
apply" and is asked for as such. Whether the rows can be believed is asked of `okx_book`, what
becomes of them is `compose`'s affair; this file knows no brackets.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from watcher.domain.account import ZERO, Side
from watcher.venues.fields import Row
from watcher.venues.okx.book import DUST_USD, Book, Currency, Leg, Odd, Totals, check_book
from watcher.venues.okx.pair import read_carried, read_pair
from watcher.venues.okx.tables import Mode, data_of, kind_of, only

CONTRACTS = ("SWAP", "FUTURES")
KINDS = (*CONTRACTS, "MARGIN", "OPTION")
NO_PRICE_SHARE = Decimal("0.001")
"""A liquidation price below this share of the mark means none."""


def read_book(mode: Mode, balance: object, positions: object, *, now_ms: int) -> Book:
    """
    Return the account as these two answers tell it; *now_ms* is the venue's clock as they came.

    Raises: `Unreadable`.
    """
    account = only(balance, "okx account/balance")
    legs, odd = _positions(positions, mode)
    book = Book(
        totals=_totals(account, strict=mode.is_multi and any(not leg.isolated for leg in legs)),
        currencies=tuple(_currency(row, mode, odd) for row in account.rows("details")),
        legs=legs,
        odd=odd,
    )
    check_book(book, mode, now_ms=now_ms)
    return book


# ── positions ────────────────────────────────────────────────────────────────────────────────


def _positions(body: object, mode: Mode) -> tuple[tuple[Leg, ...], tuple[Odd, ...]]:
    legs, odd = [], []
    for row in data_of(body, "okx positions"):
        named = Row(row.data, f"okx position {row.text('instId')}")
        if named.amount("pos") == 0:
            continue
        kind, told = kind_of(named.text("instId")), named.text("instType")
        if kind != told and (kind in CONTRACTS or told in KINDS):
            raise named.wrong("instType", f"{kind}, as instId says")
        if kind in CONTRACTS:
            legs.append(_leg(named, mode))
        else:
            odd.append(_odd(named, mode))
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


def _odd(row: Row, mode: Mode) -> Odd:
    isolated, margin = _isolated(row), row.text("instType") == "MARGIN"
    return Odd(
        inst_id=row.text("instId"),
        kind=row.text("instType"),
        isolated=isolated,
        side=row.text("posSide"),
        currency=row.text_or_none("ccy") or "",
        maintenance_margin=row.amount_or_none("mmr"),
        ratio=row.amount_or_none("mgnRatio"),
        notional_usd=row.amount_or_none("notionalUsd"),
        pair=read_pair(row) if margin and isolated and mode.is_computed else None,
        carried=read_carried(row) if margin and not isolated and mode.is_multi else None,
    )


# ── balance ──────────────────────────────────────────────────────────────────────────────────


def _totals(account: Row, *, strict: bool) -> Totals:
    kinds = {kind: f"notionalUsdFor{kind.capitalize()}" for kind in (*CONTRACTS, "OPTION")}
    # what must be kept is told together with what is used: one without the other was lost
    owes = bool(account.amount_or_none("mmr"))
    return Totals(
        adjusted_equity=_needed(account, "adjEq", needed=strict),
        equity=account.amount("totalEq"),
        initial_margin=_needed(account, "imr", needed=strict or owes),
        maintenance_margin=_needed(account, "mmr", needed=strict),
        ratio=_needed(account, "mgnRatio", needed=strict),
        borrowed_usd=account.amount_or_none("notionalUsdForBorrow"),
        notional_usd={kind: account.amount(key) for kind, key in kinds.items() if account.has(key)},
        at_ms=account.time_ms("uTime"),
    )


def _currency(row: Row, mode: Mode, odd: Iterable[Odd]) -> Currency:
    name = row.text("ccy")
    row = Row(row.data, f"okx balance {name}")
    equity, usd, held = row.amount("eq"), row.amount("eqUsd"), row.amount("cashBal")
    upl = _needed(row, "upl", needed=mode.is_futures or mode.is_multi) or ZERO
    cross_upl = upl - _applying(row, "isoUpl")  # the venue's sum includes isolated positions
    # that of cross spot margin is no profit settled in the currency; whether the sum includes it
    # is not documented, but the equity beside it tells
    of_margin = sum((o.carried.upl for o in odd if o.carried and o.carried.holds == name), ZERO)
    apart = sum((_applying(row, key) for key in ("isoEq", "stgyEq", "spotCopyTradingEq")), ZERO)
    owed = held < 0 or _applying(row, "liab") != 0
    interest = abs(row.amount("interest")) if owed and mode.is_multi else ZERO
    # in spot mode the venue tells what is owed with its interest, and beside what is kept of it
    lent = abs(row.amount("liab")) if owed and mode.borrows else ZERO
    settled = equity - held - apart + interest
    cross_upl = min(cross_upl, cross_upl - of_margin, key=lambda sum_: abs(settled - sum_))
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
        lent=lent,
        owed=owed or equity < 0,
        discounted=_needed(row, "disEq", needed=mode.is_multi),
        cross_equity=equity - apart,
        isolated_equity=_applying(row, "isoEq"),
        frozen=_applying(row, "ordFrozen"),
        initial_margin=row.amount_or_none("imr"),
        maintenance_margin=row.amount_or_none("mmr"),
        ratio=row.amount_or_none("mgnRatio"),
        repaying=_level(row, "twap"),
        converting=_level(row, "colBorrAutoConversion"),
    )


# a word and no number of ours: one that is not known is shown as it is, and blinds nobody
def _level(row: Row, key: str) -> str:
    told = row.data.get(key)
    return "" if told in (None, "", "0", 0) else str(told)


def _applying(row: Row, key: str) -> Decimal:
    """Return an amount that OKX leaves empty in modes it does not apply to: then there is none."""
    return row.amount_or_none(key) or ZERO


def _index(row: Row, equity: Decimal, usd: Decimal) -> Decimal | None:
    if abs(usd) >= DUST_USD and equity:
        if (usd > 0) != (equity > 0):
            raise row.wrong("eqUsd", "the sign of eq")
        return usd / equity
    return row.positive("coinUsdPrice") if row.has("coinUsdPrice") else None
