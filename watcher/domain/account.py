"""
What a venue says of one account at one moment: the `Snapshot` and its parts.

Rule: everything the margin engine needs is in here (balances, positions, prices, brackets,
weights), exact and with its age; the engine never asks for more. Field names are those of the
snapshot file `watcher.snapshot/1` (docs/snapshot.md). No arithmetic lives here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Literal

SNAPSHOT_SCHEMA = "watcher.snapshot/1"

_STRICT: dict[str, Any] = {"extra": "forbid"}
"""Read by pydantic when a snapshot file is parsed: an unknown key is an error."""

ZERO = Decimal(0)
ONE = Decimal(1)


class Family(StrEnum):
    """The shape of a pool's margin rule; each has one compiler in `watcher.margin.compile`."""

    LINEAR_POOL = "linear_pool"
    INVERSE_POOL = "inverse_pool"
    HAIRCUT_POOL = "haircut_pool"
    DEBT_RATIO = "debt_ratio"
    USED_MARGIN_LEVEL = "used_margin_level"
    REPORTED = "reported"


class Side(StrEnum):
    LONG = "long"
    SHORT = "short"


class BracketKey(StrEnum):
    """What a maintenance table is looked up by."""

    NOTIONAL = "notional"
    CONTRACTS = "contracts"
    BASE = "base"
    DEBT = "debt"


class BracketKind(StrEnum):
    """`marginal`: each slice at its own rate. `flat`: the reached rate on the whole (jumps)."""

    MARGINAL = "marginal"
    FLAT = "flat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """
    One row of a venue's maintenance table.

    `floor` is in units of the table's key; `rate` is a fraction; `deduction` (Binance `cum`,
    Bybit `mmDeduction`) is in the settle asset, None when the venue gives none: then it follows
    from the kind (marginal: derived, flat: zero).
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    floor: Decimal
    rate: Decimal
    deduction: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One slice of a collateral ladder: above `floor` this fraction counts. Slices add up."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    floor: Decimal = ZERO
    weight: Decimal = ONE
    by: Literal["usd", "quantity"] = "usd"


FULL_WEIGHT = (Weight(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """
    One currency of one pool.

    `wallet` excludes unrealised P&L and includes what was borrowed; `debt` and `interest` are
    positive amounts owed in the same currency (None: this family owes nothing). In a pool whose
    venue reports debt as a negative wallet, `debt` stays None and `wallet` is negative.
    `index` is the venue's price in the snapshot's reference; `ask` the factor on it for a
    negative balance. `frozen` is what resting orders hold back: what the balance lacks of it would
    be borrowed, and asks for the borrow table's maintenance already.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pool: str
    asset: str
    wallet: Decimal
    index: Decimal
    debt: Decimal | None = None
    interest: Decimal | None = None
    frozen: Decimal = ZERO
    ask: Decimal = ONE
    weights: tuple[Weight, ...] = FULL_WEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """
    One open position. `quantity` is positive, in contracts; `contract_size` is base coin per
    contract (linear) or quote per contract (inverse). `isolated_margin` excludes unrealised P&L,
    None for cross. `initial_margin` is the venue's own, in the settle asset. `fee_rate` is what
    the venue adds to the requirement for closing or liquidation, 0 when it adds nothing.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pool: str
    symbol: str
    underlying: str
    side: Side
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    settle: str
    brackets: tuple[Bracket, ...]
    contract_size: Decimal = ONE
    inverse: bool = False
    isolated_margin: Decimal | None = None
    initial_margin: Decimal | None = None
    fee_rate: Decimal = ZERO
    leverage: Decimal | None = None
    bracket_key: BracketKey = BracketKey.NOTIONAL
    bracket_kind: BracketKind = BracketKind.MARGINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    A resting order, described as the position it would open, at `price`. What a position has and
    an order does not need may be given and is kept.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pool: str
    symbol: str
    underlying: str
    side: Side
    quantity: Decimal
    price: Decimal
    mark: Decimal
    settle: str
    contract_size: Decimal = ONE
    inverse: bool = False
    entry: Decimal | None = None
    isolated_margin: Decimal | None = None
    initial_margin: Decimal | None = None
    fee_rate: Decimal = ZERO
    leverage: Decimal | None = None
    brackets: tuple[Bracket, ...] = ()
    bracket_key: BracketKey = BracketKey.NOTIONAL
    bracket_kind: BracketKind = BracketKind.MARGINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    What a pool must keep by the venue's own word, where no table of ours gives it: for an option
    (`name` is its symbol), for resting orders.

    `amount` is in `settle`. It stands still, or, where it has an `underlying`, it grows by
    `growth_up` for every 1 the `price` of that coin rises and by `growth_down` for every 1 it
    falls: the most the venue could ask, so that what is computed from it is never rosier.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pool: str
    name: str
    settle: str
    amount: Decimal
    underlying: str | None = None
    price: Decimal = ONE
    growth_up: Decimal = ZERO
    growth_down: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    How one pool's venue computes.

    `liquidation_level` and `call_level` are levels of assets over debt (1.1 and 1.3) for
    debt-ratio pools, and the ratio of liquidation for `reported` ones. `fee_in` says which sum
    the position fee joins; both raise the requirement. `fee_basis` entry: the fee is on the
    entry value towards bankruptcy, q x entry x (1 -/+ 1/leverage) x fee_rate.
    `borrow_brackets` are maintenance tables per borrowed asset, keyed by debt in that asset, or by
    its value in the reference. `debts` own: debt and interest lie beside what is held, count in
    full, and are looked up in full; net: they are taken off the balance first; larger: taken off
    likewise, and the table looks at the debt or at what the balance lacks, whichever is more.
    `borrow_fee_rate` is the fee of a liquidation on what the table looks at and on what it asks:
    (amount + maintenance) x rate, part of the requirement beside maintenance.
    `order_loss` is
    what resting orders take off equity as the venue tells it, in the reference. `margins_at` ask:
    what contracts require in a currency counts at its `ask`, as if it had to be bought.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    family: Family
    liquidation_level: Decimal | None = None
    call_level: Decimal | None = None
    fee_in: Literal["maintenance", "requirement"] = "maintenance"
    fee_basis: Literal["notional", "entry"] = "notional"
    maintenance_basis: Literal["mark", "entry"] = "mark"
    hedge: Literal["sum", "net", "max"] = "sum"
    used_margin_basis: Literal["initial_margin", "debt"] = "initial_margin"
    borrow_brackets: Mapping[str, tuple[Bracket, ...]] = field(default_factory=dict)
    borrow_bracket_kind: BracketKind = BracketKind.MARGINAL
    borrow_bracket_by: Literal["quantity", "value"] = "quantity"
    borrow_fee_rate: Decimal = ZERO
    debts: Literal["net", "own", "larger"] = "net"
    order_loss: Decimal = ZERO
    orders_in: Literal["nothing", "equity"] = "nothing"
    margins_at: Literal["index", "ask"] = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRatio:
    """The venue's own headline number under the venue's own name, e.g. `mgnRatio` 9.4."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    name: str
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSays:
    """
    The venue's own figures for one pool, in the pool's reference currency; None: not told.

    `liquidation_estimated`: the venue itself calls its liquidation prices of this pool estimates,
    so that ours may differ from them and both be right. They are by symbol, or by `symbol:side`
    where both sides are held.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    equity: Decimal | None = None
    maintenance_margin: Decimal | None = None
    used_margin: Decimal | None = None
    ratio: VenueRatio | None = None
    liquidation_prices: Mapping[str, Decimal] = field(default_factory=dict)
    liquidation_estimated: bool = False

    def liquidation_price(self, symbol: str, side: Side) -> Decimal | None:
        told = self.liquidation_prices
        return told.get(symbol, told.get(f"{symbol}:{side}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """
    A figure the venue tells of one position or asset that our table does not give, in the unit
    the venue tells it in. `what`: a symbol with its side, or an asset; `all coins`, `all debts`
    or `all USDT positions` where it is a sum that the venue tells.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pool: str
    what: str
    figure: Literal["maintenance margin", "collateral value"]
    ours: Decimal
    venue: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueFlag:
    """
    A state out of the ordinary that the venue itself says a pool is in, in its own word.

    `what`: the position or asset it says it of, "" for the whole pool. `forced`: it acts already;
    otherwise it warns.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    pool: str
    says: str
    what: str = ""
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    All parts of one account, or nothing: an adapter that lacks a part raises instead.

    `taken_at_us` is our clock when the oldest part was received, or when the venue stamped it if
    that is older; `parts` gives each part's time of receipt.
    `unmodelled` names the pools that hold something the engine does not model, and why: they
    are reported as `partial` with the venue's figures. `wallets` are the balances a top-up could
    draw on, by wallet name and asset. `mismatches` are the tables the adapter found contradicted
    by the venue's own figures of the same answer, `flags` what the venue warns of or does to a
    pool by its own word.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    schema: Literal["watcher.snapshot/1"] = "watcher.snapshot/1"
    venue: str
    account: str
    mode: str
    taken_at_us: int
    reference: str
    rules: Mapping[str, Rules]
    parts: Mapping[str, int] = field(default_factory=dict)
    assets: tuple[Asset, ...] = ()
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    claims: tuple[Claim, ...] = ()
    venue_says: Mapping[str, VenueSays] = field(default_factory=dict)
    wallets: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    unmodelled: Mapping[str, str] = field(default_factory=dict)
    mismatches: tuple[Mismatch, ...] = ()
    flags: tuple[VenueFlag, ...] = ()
