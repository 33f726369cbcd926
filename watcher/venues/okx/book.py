"""
What an OKX account is made of, and what its parts must agree on.

Rule: pure. Balance and positions come in two answers without a time that tells a copy from the
truth; they are believed when they explain each other (maintenance, profit and notional have their
positions, debts do not drop out) and when positions stand near the public marks. Otherwise
`Unreadable` says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import ZERO, Side
from watcher.ports import Unreadable
from watcher.venues.okx.pair import Carried, Pair
from watcher.venues.okx.tables import STALE_MS_MAX, Instrument, Mark, Mode, check_fresh

DUST_USD = Decimal("0.01")
"""Below this a balance is too short a number to tell the price of its currency."""
FLAT_STALE_MS_MAX = 600_000
"""How old the balance of an account without risk may be: nothing of it moves."""
SEEN_SHARE_MIN = Decimal("0.9")
"""Positions that explain less than this share of the venue's own sum are not all of them."""
SEEN_SHARE_MIN_WITH_ORDERS = Decimal("0.5")
"""The same while resting orders may need maintenance too."""
ISOLATED_USD_MIN = Decimal("0.5")
MARK_SHARE_MAX = Decimal("0.02")
"""A position priced further than this from the public mark comes from an old answer."""
OVERSTATED_SHARE = Decimal("0.05")
OVERSTATED_USD = Decimal(5)


class Torn(Unreadable):
    """The answers tell of different moments, or one of them is not whole: worth asking again."""


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
    """
    A position that is no contract: an option, or borrowed spot. What the engine does not model of
    it is said in words; `pair` is the isolated spot-margin position it can be computed from,
    `carried` the cross one whose debt is in the account's balances.
    """

    inst_id: str
    kind: str
    isolated: bool
    side: str
    currency: str
    maintenance_margin: Decimal | None
    ratio: Decimal | None
    notional_usd: Decimal | None
    pair: Pair | None = None
    carried: Carried | None = None

    def __str__(self) -> str:
        what = "option" if self.kind == "OPTION" else "borrowed spot position"
        return f"{what} {self.inst_id}: not modelled yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """
    One currency of the trading account. `cash` is what is left for cross margin before profit:
    without isolated margin, strategies and copy trading. `lent` is what was borrowed in spot mode,
    with interest: its margin is asked however much of it is kept. `repaying` and `converting` are
    the venue's levels, 1 to 5, of how near it is to selling other coins for it by itself.
    """

    currency: str
    equity: Decimal = ZERO
    usd: Decimal = ZERO
    index: Decimal | None = None
    cash: Decimal = ZERO
    cross_upl: Decimal = ZERO
    interest: Decimal = ZERO
    lent: Decimal = ZERO
    owed: bool = False
    discounted: Decimal | None = None
    cross_equity: Decimal = ZERO
    isolated_equity: Decimal = ZERO
    frozen: Decimal = ZERO
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    ratio: Decimal | None = None
    repaying: str = ""
    converting: str = ""

    @property
    def may_owe(self) -> bool:
        """Whether it is owed, or would be once its resting orders have filled."""
        return self.owed or self.frozen > self.cross_equity


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The account-wide figures; None where they do not apply to the mode or the moment."""

    adjusted_equity: Decimal | None
    equity: Decimal
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    ratio: Decimal | None
    borrowed_usd: Decimal | None
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
    def marked(self) -> dict[str, Decimal]:
        """The mark of everything that is held and computed, as the account's own answer has it."""
        held: tuple[Leg | Pair | Carried, ...] = (*self.legs, *self.pairs, *self.carried)
        return {one.inst_id: one.mark for one in held}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(odd.pair for odd in self.odd if odd.pair is not None)

    @property
    def carried(self) -> tuple[Carried, ...]:
        return tuple(odd.carried for odd in self.odd if odd.carried is not None)

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
        owed = {one.currency for one in self.currencies if one.may_owe}
        return frozenset((used | owed) - self.indices.keys())


def check_book(book: Book, mode: Mode, *, now_ms: int) -> None:
    """Raise `Unreadable` when the parts of *book* contradict each other, or are old."""
    _check_age(book, now_ms)
    _check_sum(book)
    if mode.is_computed:
        for one in book.currencies:
            _check_currency(one, book, mode)
    if mode.is_shared:
        _check_account(book)


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
        raise Torn(
            f"currencies missing: those listed are worth {listed:.2f} USD, totalEq says {total:.2f}"
        )


def _check_currency(one: Currency, book: Book, mode: Mode) -> None:
    """What the balance says of positions in a currency must be there in the list of positions."""
    held = [leg for leg in book.rows if leg.currency in (one.currency, "")]
    crossed = [leg for leg in held if not leg.isolated]
    index = one.index or ZERO
    if not crossed and abs(one.cross_upl) * index > DUST_USD:
        raise _missing(one.currency, f"unrealised profit {one.cross_upl:f}")
    if (
        len(crossed) == len(held)
        and one.isolated_equity * index > ISOLATED_USD_MIN
        and not one.frozen
    ):
        raise _missing(one.currency, f"isolated equity {one.isolated_equity:f}")
    told = one.maintenance_margin or ZERO
    if mode.is_futures and told > 0:
        seen = sum((leg.maintenance_margin or ZERO for leg in crossed), ZERO)
        if seen < told * (SEEN_SHARE_MIN_WITH_ORDERS if one.frozen else SEEN_SHARE_MIN):
            raise _missing(
                one.currency, f"maintenance margin {told:f}, those seen explain {seen:f}"
            )


def _missing(currency: str, told: str) -> Torn:
    return Torn(f"positions missing: the {currency} balance carries {told}")


def _check_account(book: Book) -> None:
    for kind, told in book.totals.notional_usd.items():
        seen = sum((row.notional_usd or ZERO for row in book.rows if row.kind == kind), ZERO)
        if told > 1 and seen < told * SEEN_SHARE_MIN:
            raise Torn(
                f"positions missing: {kind} of {told:.0f} USD in the balance, "
                f"{seen:.0f} in the list"
            )
    margin = book.totals.maintenance_margin or ZERO
    explained = book.legs or book.odd or any(one.owed or one.frozen for one in book.currencies)
    if margin > 0 and not explained:
        raise Torn(
            f"positions missing: maintenance margin {margin:f} USD, "
            "but no position, order or debt was seen"
        )


def check_marks(book: Book, marks: Mapping[str, Mark], *, now_ms: int) -> None:
    """
    Raise `Unreadable` unless public marks are fresh, and near those of the contracts held.

    The account's answers carry no time that tells a frozen copy from the truth; prices do. That
    what is held has a mark is asked of `check_marked`, once it is known what the venue lists.
    """
    for inst_id, held_at in book.marked.items():
        mark = marks.get(inst_id)
        if mark is not None and abs(mark.price - held_at) > held_at * MARK_SHARE_MAX:
            raise Torn(
                f"okx positions are old: {inst_id} at {held_at:f}, "
                f"its public mark is {mark.price:f}"
            )
    check_fresh(marks, now_ms=now_ms)


def unmarked(
    book: Book, marks: Mapping[str, Mark], instruments: Mapping[str, Instrument]
) -> list[str]:
    """Return what is held, listed as far as we know, and without a public mark."""
    missing = sorted(book.marked.keys() - marks.keys())
    return [one for one in missing if one not in instruments or instruments[one].listed]


def check_marked(
    book: Book, marks: Mapping[str, Mark], instruments: Mapping[str, Instrument]
) -> None:
    """Raise `Unreadable` when something held that the venue lists has no public mark."""
    for one in unmarked(book, marks, instruments):
        raise Unreadable(f"okx mark-price: no mark of {one}, which is held")
