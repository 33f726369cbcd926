"""
OKX's slowly changing answers: configuration, contracts, brackets, discounts, fees, marks.

Rule: pure functions from a decoded v5 body to typed values; a field that is needed and absent is
`Unreadable`, naming it. "" means "does not apply" at OKX, never nought. What moves with every
poll (balance, positions) is read in `read`. Sources and dates: docs/venues.md, "OKX".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Bracket, Weight
from watcher.domain.status import KeyRights
from watcher.ports import Unreadable, WithdrawalRight
from watcher.venues.fields import Row, check_chain, row_of

STALE_MS_MAX = 30_000
"""Marks are printed at least every ten seconds; older ones were served from somewhere else."""

_LEVELS = {"1": "spot", "2": "futures", "3": "multi-currency", "4": "portfolio margin"}
_CONTRACT_TYPES = {"linear": False, "inverse": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """
    The account level. Futures, multi-currency and spot that `borrows` are computed, the others
    reported.
    """

    level: str
    hedge: bool
    borrows: bool = False

    @property
    def is_futures(self) -> bool:
        return self.level == "futures"

    @property
    def is_multi(self) -> bool:
        return self.level == "multi-currency"

    @property
    def is_shared(self) -> bool:
        """Whether all is one pool of weighted collateral."""
        return self.is_multi or self.borrows

    @property
    def is_computed(self) -> bool:
        return self.is_futures or self.is_shared

    def __str__(self) -> str:
        words = (", borrowing" if self.borrows else "") + (", hedge" if self.hedge else "")
        return f"{self.level} mode{words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    mode: Mode
    rights: KeyRights


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """
    A contract. `size` is base coin per contract, quote (USD) per contract when inverse. `odd` says
    in words why the engine does not model it; "" when it does. One that the venue does not list is
    known by its position alone.
    """

    inst_id: str
    family: str
    underlying: str
    settle: str
    inverse: bool
    size: Decimal
    fee_group: str | None
    odd: str
    listed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    price: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """
    What the composer needs beside the account itself.

    `brackets` are by (instrument type, trade mode, family), `fees` by instrument type, `ladders`
    and `borrow` by currency; `usd` gives the index of currencies.
    """

    instruments: Mapping[str, Instrument]
    brackets: Mapping[tuple[str, str, str], tuple[Bracket, ...]]
    fees: Mapping[str, Fees]
    ladders: Mapping[str, tuple[Weight, ...]]
    borrow: Mapping[str, tuple[Bracket, ...]]
    usd: Mapping[str, Decimal]


def data_of(body: object, where: str) -> tuple[Row, ...]:
    """Return the `data` of a v5 answer. The list may be empty."""
    envelope = row_of(body, where)
    if envelope.text("code") != "0":
        raise envelope.wrong("code", "'0'")
    return tuple(Row(row.data, f"{where}[{at}]") for at, row in enumerate(envelope.rows("data")))


def only(body: object, where: str) -> Row:
    """Return the one row of an answer that has exactly one."""
    rows = data_of(body, where)
    if len(rows) != 1:
        raise Unreadable(f"{where}: {len(rows)} rows of data, expected 1")
    return Row(rows[0].data, where)


def read_config(body: object) -> Config:
    """Raises: `WithdrawalRight` for a key that may withdraw."""
    row = only(body, "okx account/config")
    rights = {word.strip() for word in row.text("perm").split(",")}
    if "withdraw" in rights:
        raise WithdrawalRight("the OKX key may withdraw: make one without that permission")
    if not rights & {"read_only", "trade"}:
        raise row.wrong("perm", "read_only or trade among its words")
    addresses = row.data.get("ip")
    if not isinstance(addresses, str):
        raise row.wrong("ip", 'a text, "" for none')
    may_trade = "trade" in rights
    level = row.choice("acctLv", _LEVELS)
    return Config(
        mode=Mode(
            level=level,
            hedge=row.choice("posMode", {"long_short_mode": True, "net_mode": False}),
            borrows=level == "spot" and row.flag("enableSpotBorrow"),
        ),
        rights=KeyRights(
            read=True,
            trade=may_trade,
            transfer=may_trade,  # OKX has no right to transfer apart from the one to trade
            withdraw=False,
            ip_bound=bool(addresses.strip()),
            uid=row.text_or_none("uid"),
        ),
    )


def read_instruments(body: object, kind: str) -> dict[str, Instrument]:
    """Return all contracts of *kind* (SWAP or FUTURES) that are fully described."""
    where = f"okx instruments {kind}"
    found = {}
    for row in data_of(body, where):
        try:
            instrument = _instrument(row)
        except Unreadable:
            continue  # not listed yet, or gone; a pool that holds it is partial then
        found[instrument.inst_id] = instrument
    if not found:
        raise Unreadable(f"{where}: no contract in the list")
    return found


def _instrument(row: Row) -> Instrument:
    inst_id, family = row.text("instId"), row.text("instFamily")
    inverse = row.choice("ctType", _CONTRACT_TYPES)
    if not inst_id.startswith(f"{family}-"):
        raise row.wrong("instFamily", f"the beginning of {inst_id}")
    underlying, _, quote = family.partition("-")
    counted_in = row.text("ctValCcy")
    expected = quote if inverse else underlying
    multiplier = row.positive("ctMult") if row.has("ctMult") else ONE
    return Instrument(
        inst_id=inst_id,
        family=family,
        underlying=underlying,
        settle=row.text("settleCcy"),
        inverse=inverse,
        size=row.positive("ctVal") * multiplier,
        fee_group=row.text_or_none("groupId"),
        odd="" if counted_in == expected else f"contracts are counted in {counted_in}",
    )


def read_brackets(body: object, families: Collection[str]) -> dict[str, tuple[Bracket, ...]]:
    """
    Return the position tiers of *families*, keyed by contracts; the rate reached is on the whole.

    A family the answer leaves out has none: the pools that hold it are partial, no others. A row's
    `maxSz` is its upper end, so a floor is the end before.
    """
    rows = data_of(body, "okx position-tiers")
    found = {}
    for family in families:
        mine = [row for row in rows if row.data.get("instFamily") == family]
        if mine:
            found[family] = _flat(mine, f"okx position-tiers {family}")
    if not found:
        raise Unreadable(f"okx position-tiers: none for {', '.join(families)}")
    return found


def read_borrow(body: object, currency: str) -> tuple[Bracket, ...]:
    """Return what borrowing *currency* adds to maintenance, by amount; () when it has no tiers."""
    rows = data_of(body, f"okx position-tiers {currency}")
    return _flat(rows, f"okx position-tiers {currency}") if rows else ()


def _flat(rows: Iterable[Row], where: str) -> tuple[Bracket, ...]:
    named = [Row(row.data, f"{where}[{number}]") for number, row in enumerate(rows)]
    ordered = sorted(
        (row.not_negative("minSz"), row.positive("maxSz"), row.fraction("mmr")) for row in named
    )
    check_chain(where, ((low, high) for low, high, _ in ordered), step=ONE)
    brackets: list[Bracket] = []
    floor = ZERO
    for _, end, rate in ordered:
        brackets.append(Bracket(floor=floor, rate=rate))
        floor = end
    return tuple(brackets)


def read_ladders(body: object) -> dict[str, tuple[Weight, ...]]:
    """
    Return the discount ladder of each currency, in slices of its own quantity.

    A currency whose slices do not fit together is left out; the venue's own discounted figure is
    used for it then.
    """
    where = "okx discount-rate-interest-free-quota"
    ladders = {}
    for row in data_of(body, where):
        try:
            ladders[row.text("ccy")] = _ladder(row)
        except Unreadable:
            continue
    if not ladders:
        raise Unreadable(f"{where}: no currency with a discount rate in the list")
    return ladders


def _ladder(row: Row) -> tuple[Weight, ...]:
    slices = sorted(row.rows("details"), key=lambda one: one.not_negative("minAmt"))
    weights = []
    end: Decimal | None = ZERO
    for one in slices:
        if end is None or one.amount("minAmt") != end:
            raise one.wrong("minAmt", "the end of the slice before")
        weights.append(Weight(floor=end, weight=one.fraction("discountRate"), by="quantity"))
        if "maxAmt" not in one.data:
            raise one.wrong("maxAmt", 'a number, "" for no end')
        end = one.amount_or_none("maxAmt")
    if end is not None:
        rest = row.fraction("minDiscountRate") if row.has("minDiscountRate") else ZERO
        weights.append(Weight(floor=end, weight=rest, by="quantity"))
    return tuple(weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """The account's taker fees of one instrument type, as positive rates."""

    coin: Decimal | None
    usdt: Decimal | None
    usdc: Decimal | None
    groups: Mapping[str, Decimal]

    def of(self, instrument: Instrument) -> Decimal:
        """Raises: `Unreadable` when no rate fits."""
        by_settle = {"USDT": self.usdt, "USDC": self.usdc}
        rate = self.coin if instrument.inverse else by_settle.get(instrument.settle)
        if rate is None and instrument.fee_group is not None:
            rate = self.groups.get(instrument.fee_group)
        if rate is None:
            rate = self.coin
        if rate is None:
            raise Unreadable(f"okx trade-fee: no taker fee for {instrument.inst_id}")
        return rate

    @property
    def of_debt(self) -> Decimal:
        """The highest rate a currency that is owed would be bought at."""
        told = [rate for rate in (self.coin, self.usdc) if rate is not None]
        if not told:
            raise Unreadable("okx trade-fee: no taker fee for spot pairs")
        return max(told)

    def of_pair(self, inst_id: str) -> Decimal:
        """Return the rate of a spot pair. Raises: `Unreadable` when none is told."""
        rate = self.usdc if inst_id.endswith("-USDC") and self.usdc is not None else self.coin
        if rate is None:
            raise Unreadable(f"okx trade-fee: no taker fee for {inst_id}")
        return rate


def read_fees(body: object, kind: str) -> Fees:
    """OKX writes what you pay as a negative number."""
    row = only(body, f"okx trade-fee {kind}")
    groups = row.rows("feeGroup") if row.has("feeGroup") else ()
    return Fees(
        coin=_paid(row, "taker"),
        usdt=_paid(row, "takerU"),
        usdc=_paid(row, "takerUSDC"),
        groups={
            group.text("groupId"): abs(group.amount("taker"))
            for group in groups
            if group.has("taker")
        },
    )


def _paid(row: Row, key: str) -> Decimal | None:
    rate = row.amount_or_none(key)
    return None if rate is None else abs(rate)


def read_marks(body: object) -> dict[str, Mark]:
    """Return the public mark of each contract in the answer, with its own time."""
    return {
        row.text("instId"): Mark(price=row.positive("markPx"), at_ms=row.time_ms("ts"))
        for row in data_of(body, "okx mark-price")
    }


def check_fresh(marks: Mapping[str, Mark], *, now_ms: int) -> None:
    """Raise `Unreadable` for a mark that was printed too long ago."""
    for inst_id, mark in marks.items():
        age_ms = now_ms - mark.at_ms
        if age_ms > STALE_MS_MAX:
            raise Unreadable(f"okx mark of {inst_id} is {age_ms / 1000:.0f} s old")


def read_index(body: object, currency: str) -> Decimal:
    """Return the USD index of *currency*."""
    return only(body, f"okx index-tickers {currency}").positive("idxPx")


def read_funding(body: object) -> dict[str, Decimal]:
    """Return what the funding wallet could give, by currency; those at nought are left out."""
    rows = data_of(body, "okx asset/balances")
    amounts = {row.text("ccy"): row.not_negative("availBal") for row in rows}
    return {currency: amount for currency, amount in amounts.items() if amount > 0}


def kind_of(inst_id: str) -> str:
    """
    Return the instrument type an instrument's name tells.

    >>> kind_of("BTC-USDT-SWAP"), kind_of("BTC-USD-260327"), kind_of("BTC-USDT")
    ('SWAP', 'FUTURES', 'MARGIN')
    """
    last = inst_id.split("-")[2:]
    if not last:
        return "MARGIN"
    if last == ["SWAP"]:
        return "SWAP"
    return "FUTURES" if len(last) == 1 else "OPTION"
