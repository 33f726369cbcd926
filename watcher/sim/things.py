"""
The nouns of the practice world: instruments, accounts and what happens to them.

Rule: these are the truth, in exact Decimals, in no venue's format. Accounts and positions are
mutable because the world moves them; everything that is a record of the past is frozen.
No arithmetic of any venue lives here (rules), no wire format (wire), no time but integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

ZERO = Decimal(0)
ONE = Decimal(1)

SideName = Literal["long", "short"]
MarginMode = Literal["cross", "isolated"]


class WorldError(ValueError):
    """An operation the world refuses: names the thing, what was found, what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BracketRow:
    """
    One row of a contract's maintenance table.

    `floor` and `cap` are in the units of the table's key (quote notional, or contracts on OKX);
    `deduction` is the venue's printed amount (Binance cum, Bybit mmDeduction), zero where none.
    """

    floor: Decimal
    cap: Decimal
    rate: Decimal
    initial_rate: Decimal
    leverage_max: Decimal
    deduction: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """
    One contract of one venue. `symbol` is the venue's own spelling.

    Linear: `contract_size` is base coin per contract, settled in `quote`. Inverse: quote (USD)
    per contract, settled in the coin. `basis` lifts the mark over the price of the underlying.
    """

    venue: str
    symbol: str
    underlying: str
    quote: str
    settle: str
    brackets: tuple[BracketRow, ...]
    source: str
    inverse: bool = False
    contract_size: Decimal = ONE
    quantity_step: Decimal = Decimal("0.001")
    price_tick: Decimal = Decimal("0.1")
    mark_step: Decimal = Decimal("0.01")
    basis: Decimal = ZERO
    liquidation_fee_rate: Decimal = ZERO

    def bracket_of(self, key: Decimal) -> BracketRow:
        """Return the row that contains *key* (floor < key <= cap), the last beyond its cap."""
        for row in self.brackets:
            if key <= row.cap:
                return row
        return self.brackets[-1]


@dataclass(slots=True, kw_only=True)
class Position:
    """
    One open leg. `quantity` > 0, in contracts as the venue counts them (base coin on Binance and
    Bybit linear). `isolated_margin` is the wallet of an isolated leg without unrealised P&L.
    """

    instrument: Instrument
    side: SideName
    quantity: Decimal
    entry: Decimal
    leverage: Decimal
    margin_mode: MarginMode = "cross"
    isolated_margin: Decimal = ZERO
    opened_us: int = 0
    updated_us: int = 0
    id: int = 0

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def sign(self) -> int:
        return 1 if self.side == "long" else -1


@dataclass(slots=True, kw_only=True)
class Debt:
    """What is owed in one asset. Interest is charged at each full hour on principal."""

    principal: Decimal
    interest: Decimal = ZERO
    hourly_rate: Decimal = ZERO


@dataclass(slots=True, kw_only=True)
class MarginPair:
    """One isolated spot pair: what its account holds and owes, in its two assets."""

    base: str
    quote: str
    held: dict[str, Decimal] = field(default_factory=dict)
    debts: dict[str, Debt] = field(default_factory=dict)

    @property
    def symbol(self) -> str:
        return self.base + self.quote

    def balance(self, asset: str) -> Decimal:
        return self.held.get(asset, ZERO)

    def borrowed(self, asset: str) -> Decimal:
        debt = self.debts.get(asset)
        return debt.principal if debt else ZERO

    def owed(self, asset: str) -> Decimal:
        debt = self.debts.get(asset)
        return debt.principal + debt.interest if debt else ZERO

    def credit(self, asset: str, amount: Decimal) -> None:
        self.held[asset] = self.balance(asset) + amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A resting limit order; it never fills here, it only shows and is cancelled in liquidation."""

    id: int
    instrument: Instrument
    side: SideName
    quantity: Decimal
    price: Decimal
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One open option, in base coin. Its `mark` was so when its coin stood at `anchor`."""

    symbol: str
    underlying: str
    settle: str
    side: SideName
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    anchor: Decimal
    strike: Decimal
    is_call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the account's key may do, as its venue would say."""

    read: bool = True
    trade: bool = False
    transfer: bool = False
    withdraw: bool = False
    ip_bound: bool = True
    expires_at_us: int | None = None


ForcedAct = Literal["cancel_orders", "partial", "full", "sell_asset"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """One forced act of a venue: positions reduced or taken over, collateral sold."""

    at_us: int
    account: str
    pool: str
    kind: ForcedAct
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCall:
    """The venue's own warning: one e-mail when a pool enters its call band."""

    at_us: int
    account: str
    pool: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """
    A move between two wallets of one account; margin added to a leg or a debt repaid by `verb`.

    `Account.transfers` holds what was executed. `visible_us` is when the venue's history tells it.
    """

    asset: str
    amount: Decimal
    source: str
    target: str
    id: int = 0
    at_us: int = 0
    client_id: str = ""
    verb: Literal["move", "add_margin", "repay"] = "move"
    state: Literal["done", "pending", "failed"] = "done"
    visible_us: int = 0


@dataclass(slots=True, kw_only=True)
class Account:
    """
    One API key's account on one venue.

    Wallets by venue: binance `spot funding futures coin margin`, bybit `unified funding`, okx
    `trading funding`. A wallet holds what was borrowed too; `debts` say what of it is owed.
    `haircut_loss` is what resting spot orders take off Bybit's margin balance and OKX's adjusted
    equity, in USD, drawn; `frozen` what they hold back of each OKX currency. `cross_pairs` are the
    (base, quote) OKX lists as cross spot-margin positions of its shared balances.
    `uid` is the venue's own number of it. An isolated leg's margin has left its wallet. `mode` is
    the venue's way of margining: binance `classic`; bybit `unified`; okx `futures` or `multi`.
    `flags` switch on modes and oddities by the wire's own words (`multi_assets`, `portfolio`,
    `adl`, ...). `pairs` are isolated spot pairs by symbol, `order_loss` what resting margin orders
    would lose, in USDT.
    """

    name: str
    venue: str
    mode: str
    key: str
    secret: str
    passphrase: str = ""
    uid: int = 24_600_000
    rights: Rights = field(default_factory=Rights)
    wallets: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    positions: dict[tuple[str, SideName], Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    options: list[Option] = field(default_factory=list)
    haircut_loss: Decimal = ZERO
    frozen: dict[str, Decimal] = field(default_factory=dict)
    cross_pairs: list[tuple[str, str]] = field(default_factory=list)
    debts: dict[str, Debt] = field(default_factory=dict)
    pairs: dict[str, MarginPair] = field(default_factory=dict)
    order_loss: Decimal = ZERO
    leverage: dict[str, Decimal] = field(default_factory=dict)
    taker_fee: Decimal = Decimal("0.0005")
    maker_fee: Decimal = Decimal("0.0002")
    hedge: bool = False
    flags: dict[str, bool] = field(default_factory=dict)
    realised: dict[str, Decimal] = field(default_factory=dict)
    liquidations: list[Liquidation] = field(default_factory=list)
    margin_calls: list[MarginCall] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    called_pools: dict[str, int] = field(default_factory=dict)

    def wallet(self, name: str) -> dict[str, Decimal]:
        return self.wallets.setdefault(name, {})

    def balance(self, wallet: str, asset: str) -> Decimal:
        return self.wallets.get(wallet, {}).get(asset, ZERO)

    def flag(self, name: str) -> bool:
        return self.flags.get(name, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """
    A pool as its venue's rules see it now: what `/control/state` shows and tests compare with.

    `health` is None without a requirement; money is in the pool's reference currency.
    `liquidation_prices` are the venue's own figures by (symbol, side), absent where it shows none.
    """

    pool: str
    reference: str
    equity: Decimal
    maintenance_margin: Decimal
    requirement: Decimal
    health: Decimal | None
    margin_level: Decimal | None = None
    venue_ratio: Decimal | None = None
    liquidation_prices: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
