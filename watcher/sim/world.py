"""
The truth of the practice exchange: prices, accounts, and the passing of time.

Rule: every change goes through an operation of `World`, which is deterministic: same calls, same
world. Prices are USD per underlying; a contract's mark is that price in its quote currency plus
its own basis. The venues' arithmetic (what liquidates, and how) is asked of `Rules`, one object
per venue; formats are the wires' affair. Time is integer microseconds and moves only in `step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from watcher.sim.desk import TransferDesk
from watcher.sim.quotes import Quotes, profit
from watcher.sim.things import (
    ZERO,
    Account,
    Debt,
    Instrument,
    MarginCall,
    MarginMode,
    Order,
    PoolState,
    Position,
    SideName,
    Transfer,
    WorldError,
)

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US

COLLATERAL_WALLET: Mapping[str, str] = {
    "binance": "futures",
    "bybit": "unified",
    "okx": "trading",
}
"""The wallet derivatives settle in."""

WALLETS: Mapping[str, tuple[str, ...]] = {
    "binance": ("spot", "funding", "futures", "coin", "margin"),
    "bybit": ("unified", "funding"),
    "okx": ("trading", "funding"),
}

COIN_WALLET: Mapping[str, str] = {"binance": "coin"}
"""Where contracts margined in coin settle, on venues that keep them apart."""

LEVERAGE_DEFAULT = Decimal(10)


def purse_of(instrument: Instrument) -> str:
    """Return the wallet *instrument* settles in."""
    apart = COIN_WALLET.get(instrument.venue) if instrument.inverse else None
    return apart or COLLATERAL_WALLET[instrument.venue]


class Rules(Protocol):
    """One venue's margin arithmetic and what it does when a line is crossed."""

    def pools(self, world: World, account: Account, *, prices: bool) -> list[PoolState]:
        """Return every pool of *account* that holds something, with its prices if asked."""

    def enforce(self, world: World, account: Account) -> None:
        """Warn, cancel, reduce or take over, whatever the venue would do to *account* now."""


class World(Quotes):
    """
    All accounts of all practice venues, their prices and their clock.

    `on_step` callbacks run after each slice of time; they may use any operation but `step`.
    """

    def __init__(
        self,
        *,
        instruments: Iterable[Instrument],
        rules: Mapping[str, Rules],
        start_us: int,
        prices: Mapping[str, Decimal],
        seed: int = 0,
        slice_us: int = SECOND_US,
    ) -> None:
        super().__init__(instruments=instruments, prices=prices, start_us=start_us)
        self.seed = seed
        self.start_us = start_us
        self.slice_us = slice_us
        self.rules = dict(rules)
        self.accounts: dict[str, Account] = {}
        self.desk = TransferDesk()
        self.on_step: list[Callable[[World], None]] = [self.desk.settle]
        self._checked = -1
        self._ids = 1_000_000
        self._keys: dict[tuple[str, str], Account] = {}

    # ── facts ──────────────────────────────────────────────────────────────────────────────

    def account(self, name: str) -> Account:
        found = self.accounts.get(name)
        if found is None:
            raise WorldError(f"no account {name}; there are {', '.join(sorted(self.accounts))}")
        return found

    def by_key(self, venue: str, key: str) -> Account | None:
        return self._keys.get((venue, key))

    def pools(self, account: Account, *, prices: bool = True) -> list[PoolState]:
        """Return the venue's view of *account*; without *prices* no liquidation price is solved."""
        return self.rules[account.venue].pools(self, account, prices=prices)

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    # ── operations ─────────────────────────────────────────────────────────────────────────

    def add(self, account: Account) -> Account:
        if account.name in self.accounts or (account.venue, account.key) in self._keys:
            raise WorldError(f"account {account.name}: its name or key is taken")
        if account.venue not in self.rules:
            raise WorldError(f"account {account.name}: unknown venue {account.venue}")
        self.accounts[account.name] = account
        self._keys[account.venue, account.key] = account
        self.touch()
        return account

    def set_position(
        self,
        account: Account,
        symbol: str,
        side: SideName,
        quantity: Decimal,
        *,
        entry: Decimal | None = None,
        leverage: Decimal | None = None,
        isolated_margin: Decimal | None = None,
    ) -> Position | None:
        """
        Bring one leg to *quantity* at mark and return it, None when that closes it.

        Less than now realises the difference, more averages the entry. A given *entry* sets the
        leg as if it had been opened there. Without hedge mode the other side is closed first.
        """
        instrument = self.instrument(account.venue, symbol)
        if not quantity.is_finite() or quantity < 0:
            raise WorldError(f"{symbol}: expected a quantity of at least 0, found {quantity}")
        other: SideName = "short" if side == "long" else "long"
        if not account.hedge and quantity > 0 and (symbol, other) in account.positions:
            self.reduce(account, account.positions[symbol, other])
        held = account.positions.get((symbol, side))
        if held is not None and quantity < held.quantity:
            self.reduce(account, held, held.quantity - quantity)
        elif held is not None:
            self._increase(held, quantity)
        elif quantity > 0:
            held = self._open(account, instrument, side, quantity)
        held = account.positions.get((symbol, side))
        if held is not None:
            self._amend(account, held, entry, leverage, isolated_margin)
        self.touch()
        return held

    def _open(
        self, account: Account, instrument: Instrument, side: SideName, quantity: Decimal
    ) -> Position:
        leg = Position(
            instrument=instrument,
            side=side,
            quantity=quantity,
            entry=self.mark(instrument),
            leverage=account.leverage.get(instrument.symbol, LEVERAGE_DEFAULT),
            opened_us=self.now_us,
            updated_us=self.now_us,
            id=self.next_id(),
        )
        account.positions[instrument.symbol, side] = leg
        return leg

    def _increase(self, leg: Position, quantity: Decimal) -> None:
        mark, added = self.mark(leg.instrument), quantity - leg.quantity
        if leg.instrument.inverse:
            leg.entry = quantity / (leg.quantity / leg.entry + added / mark)
        else:
            leg.entry = (leg.quantity * leg.entry + added * mark) / quantity
        leg.quantity = quantity
        leg.updated_us = self.now_us

    def _amend(
        self,
        account: Account,
        leg: Position,
        entry: Decimal | None,
        leverage: Decimal | None,
        isolated_margin: Decimal | None,
    ) -> None:
        if entry is not None:
            if not entry.is_finite() or entry <= 0:
                raise WorldError(f"{leg.symbol}: expected an entry above 0, found {entry}")
            leg.entry = entry
        if leverage is not None:
            leg.leverage = leverage
            account.leverage[leg.symbol] = leverage
        if isolated_margin is not None:
            mode: MarginMode = "isolated" if isolated_margin > 0 else "cross"
            delta = isolated_margin - leg.isolated_margin
            purse = purse_of(leg.instrument)
            self.credit(account, leg.instrument.settle, -delta, wallet=purse)
            leg.margin_mode, leg.isolated_margin = mode, isolated_margin

    def reduce(
        self,
        account: Account,
        leg: Position,
        quantity: Decimal | None = None,
        *,
        price: Decimal | None = None,
    ) -> Decimal:
        """
        Close *quantity* of a leg (all without) at *price* (mark without); return the profit.

        The profit goes to the leg's own wallet; an isolated leg gives its margin back pro rata.
        """
        closed = leg.quantity if quantity is None else min(quantity, leg.quantity)
        gained = profit(leg, closed, price or self.mark(leg.instrument))
        freed = leg.isolated_margin * closed / leg.quantity
        purse = purse_of(leg.instrument)
        self.credit(account, leg.instrument.settle, gained + freed, wallet=purse)
        account.realised[leg.symbol] = account.realised.get(leg.symbol, ZERO) + gained
        leg.isolated_margin -= freed
        leg.quantity -= closed
        leg.updated_us = self.now_us
        if leg.quantity == 0:
            del account.positions[leg.symbol, leg.side]
        self.touch()
        return gained

    def credit(
        self, account: Account, asset: str, amount: Decimal, *, wallet: str | None = None
    ) -> None:
        """Add *amount* (may be negative) to a wallet; without one, to where derivatives settle."""
        purse = account.wallet(wallet or COLLATERAL_WALLET[account.venue])
        purse[asset] = purse.get(asset, ZERO) + amount
        self.touch()

    def place_order(
        self, account: Account, symbol: str, side: SideName, quantity: Decimal, price: Decimal
    ) -> Order:
        order = Order(
            id=self.next_id(),
            instrument=self.instrument(account.venue, symbol),
            side=side,
            quantity=quantity,
            price=price,
            created_us=self.now_us,
        )
        account.orders[order.id] = order
        self.touch()
        return order

    def transfer(
        self,
        account: Account,
        asset: str,
        amount: Decimal,
        *,
        source: str,
        target: str,
        client_id: str = "",
    ) -> Transfer:
        """
        Move collateral between two wallets of one account.

        Raises: `WorldError` for a wallet the venue has not, or more than the source holds.
        """
        for wallet in (source, target):
            if wallet not in WALLETS[account.venue]:
                have = ", ".join(WALLETS[account.venue])
                raise WorldError(f"{account.name}: no wallet {wallet}; there are {have}")
        held = account.balance(source, asset)
        if not amount.is_finite() or amount <= 0 or amount > held:
            raise WorldError(f"{account.name}: cannot move {amount} {asset}, {source} holds {held}")
        self.credit(account, asset, -amount, wallet=source)
        self.credit(account, asset, amount, wallet=target)
        done = Transfer(
            id=self.next_id(),
            at_us=self.now_us,
            asset=asset,
            amount=amount,
            source=source,
            target=target,
            client_id=client_id,
        )
        account.transfers.append(done)
        return done

    def borrow(
        self, account: Account, asset: str, amount: Decimal, *, wallet: str, hourly_rate: Decimal
    ) -> None:
        """Lend *amount* into *wallet*; the first hour's interest is due at once."""
        debt = account.debts.setdefault(asset, Debt(principal=ZERO))
        debt.principal += amount
        debt.hourly_rate = hourly_rate
        debt.interest += amount * hourly_rate
        self.credit(account, asset, amount, wallet=wallet)

    def repay(self, account: Account, asset: str, amount: Decimal, *, wallet: str) -> Decimal:
        """Pay interest, then principal, from *wallet*; return what was used of *amount*."""
        debt = account.debts.get(asset)
        if debt is None:
            return ZERO
        used = min(amount, debt.principal + debt.interest, account.balance(wallet, asset))
        on_interest = min(used, debt.interest)
        debt.interest -= on_interest
        debt.principal -= used - on_interest
        if debt.principal + debt.interest == 0:
            del account.debts[asset]
        self.credit(account, asset, -used, wallet=wallet)
        return used

    def call_margin(
        self, account: Account, pool: str, text: str, *, again_after_us: int | None = None
    ) -> None:
        """Send the venue's one warning for *pool*, unless it stands; some venues send it again."""
        sent = account.called_pools.get(pool)
        stale = again_after_us is not None and sent is not None
        if sent is None or (stale and self.now_us - sent >= (again_after_us or 0)):
            account.called_pools[pool] = self.now_us
            account.margin_calls.append(
                MarginCall(at_us=self.now_us, account=account.name, pool=pool, text=text)
            )

    def end_margin_call(self, account: Account, pool: str) -> None:
        account.called_pools.pop(pool, None)

    # ── time ───────────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Let every venue look at its accounts; does nothing while nothing has changed."""
        if self._checked == self.version:
            return
        for account in self.accounts.values():
            self.rules[account.venue].enforce(self, account)
        self._checked = self.version

    def rebase(self, now_us: int) -> None:
        """Begin at another time, before anything was served: practice on the wall clock."""
        self.path_from_us += now_us - self.now_us
        self.now_us = self.start_us = now_us

    def slice_end(self, limit_us: int) -> int:
        """Return where the next slice of time ends: no path point is stepped over."""
        end = min(limit_us, self.now_us + self.slice_us)
        point = self.path.next_point_after(self.elapsed_us()) if self.path is not None else None
        if point is not None:
            at = self.path_from_us + math.ceil(point / self.speed)
            end = min(end, max(at, self.now_us + 1))
        return end

    def step_once(self, limit_us: int) -> None:
        """Move one slice forward, at most to *limit_us*: prices, interest, venues, observers."""
        if limit_us <= self.now_us:
            return
        before, self.now_us = self.now_us, self.slice_end(limit_us)
        self.move_prices()
        for _ in range(self.now_us // HOUR_US - before // HOUR_US):
            self._charge_interest()
        self.check()
        for observer in self.on_step:
            observer(self)

    def step(self, to_us: int) -> None:
        """Move to *to_us* in slices. A time already passed changes nothing."""
        while self.now_us < to_us:
            self.step_once(to_us)

    def _charge_interest(self) -> None:
        for account in self.accounts.values():
            pairs = (debt for pair in account.pairs.values() for debt in pair.debts.values())
            for debt in (*account.debts.values(), *pairs):
                debt.interest += debt.principal * debt.hourly_rate
                self.touch()
