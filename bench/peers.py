"""
Beside other programs, where they happen to be installed: `python -m bench.peers`.

Rule: the same positions, tables and prices in the same process, and the peer's best case: what it
would fetch is handed to it, nothing is logged. A peer that is absent is said to be, and is no
failure. None of them is a dependency; install one beside numpy in an environment of its own.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

from bench.line import HEADER, Line, show
from bench.margin import POOL, best_s, snapshot
from watcher.domain.account import Asset, Family, Position, Rules, Side, Snapshot
from watcher.margin import evaluate
from watcher.margin.book import totals
from watcher.margin.distance import distances, solos
from watcher.margin.movers import stable_movers
from watcher.margin.state import state_of
from watcher.margin.tables import bracket_steps

POSITIONS = 20
LEVERAGE = 10.0
WALLET = Decimal(90_000)


def account() -> Snapshot:
    """One linear pool of twenty positions, which is all that the peers know of."""
    usdt = Asset(pool=POOL, asset="USDT", wallet=WALLET, index=Decimal(1))
    pool = {POOL: Rules(family=Family.LINEAR_POOL)}
    return replace(snapshot(POSITIONS), rules=pool, assets=(usdt,))


def exact(pool: Snapshot) -> dict[str, float | None]:
    """Return the liquidation price of every position on the side where it loses."""
    state = state_of(pool, {})
    alone = distances(state, {})[POOL].risky
    prices: dict[str, float | None] = {}
    for p in pool.positions:
        far = alone[p.underlying]
        mark = float(p.mark)
        if p.side is Side.LONG:
            prices[p.underlying] = None if far.down is None else mark * (1 - far.down)
        else:
            prices[p.underlying] = None if far.up is None else mark * (1 + far.up)
    return prices


def freqtrade() -> list[Line]:
    """Cross liquidation prices as its dry run computes them, `update_liquidation_prices`."""
    # absent on most machines, and slow to import
    from freqtrade.enums import MarginMode, RunMode, TradingMode  # noqa: PLC0415  optional
    from freqtrade.exchange.binance import Binance  # noqa: PLC0415  optional
    from freqtrade.leverage.liquidation_price import update_liquidation_prices  # noqa: PLC0415  optional
    from freqtrade.persistence import LocalTrade, Trade  # noqa: PLC0415  optional

    pool = account()

    class Offline(Binance):  # type: ignore[misc]  # untyped, and absent on most machines
        """The exchange without its network: tiers and marks are in memory."""

        def __init__(self) -> None:
            self._config = {"runmode": RunMode.DRY_RUN, "dry_run": True}
            self.margin_mode, self.trading_mode = MarginMode.CROSS, TradingMode.FUTURES
            self.liquidation_buffer = 0.0
            self._ft_has = {"exchange_has_overrides": {"fetchLeverageTiers": True}}
            self._leverage_tiers = {p.underlying: _tiers(p) for p in pool.positions}
            self._marks = {p.underlying: {"markPrice": float(p.mark)} for p in pool.positions}

        def fetch_funding_rates(self, _symbols: object = None) -> Mapping[str, object]:
            return self._marks

        def __del__(self) -> None:
            """Nothing was opened."""

    trades = [
        LocalTrade(
            pair=p.underlying,
            open_rate=float(p.entry),
            amount=float(p.quantity),
            is_short=p.side is Side.SHORT,
            leverage=LEVERAGE,
            stake_amount=float(p.quantity * p.entry) / LEVERAGE,
            is_open=True,
            fee_open=0.0,
            fee_close=0.0,
            price_precision=1e-8,
            precision_mode_price=4,
        )
        for p in pool.positions
    ]
    Trade.use_db = False
    LocalTrade.bt_trades_open = trades
    exchange, wallets = Offline(), SimpleNamespace(get_collateral=lambda: float(WALLET))

    def theirs() -> None:
        update_liquidation_prices(
            exchange=exchange, wallets=wallets, stake_currency="USDT", dry_run=True
        )

    theirs()
    told = {t.pair: t.liquidation_price or None for t in trades}
    state = state_of(pool, {})
    coins = ~stable_movers(state.cautious)
    return [
        _line(
            "every liquidation price, both sides",
            ours=lambda: solos(state.cautious, coins),
            theirs=theirs,
            against="freqtrade: update_liquidation_prices, cross, dry run, marks in memory",
            note=_apart(exact(pool), told),
        ),
        _line(
            "with joint distances and the worst path",
            ours=lambda: distances(state, {}),
            theirs=theirs,
            against="the same",
        ),
        _line(
            "snapshot to report",
            ours=lambda: evaluate(pool),
            theirs=theirs,
            against="the same",
        ),
    ]


def _tiers(position: Position) -> list[dict[str, float]]:
    steps = bracket_steps(position.brackets, position.bracket_kind, position.symbol)
    return [
        {"minNotional": s.floor, "maintenanceMarginRate": s.rate, "maintAmt": s.deduction}
        for s in steps
    ]


def nautilus_trader() -> list[Line]:
    """Margins of a `MarginAccount`, each position's recomputed after a tick, and their sum."""
    from nautilus_trader.accounting.accounts.margin import MarginAccount  # noqa: PLC0415  optional
    from nautilus_trader.core.uuid import UUID4  # noqa: PLC0415  optional
    from nautilus_trader.model.currencies import USDT  # noqa: PLC0415  optional
    from nautilus_trader.model.enums import AccountType, PositionSide  # noqa: PLC0415  optional
    from nautilus_trader.model.events import AccountState  # noqa: PLC0415  optional
    from nautilus_trader.model.identifiers import AccountId  # noqa: PLC0415  optional
    from nautilus_trader.model.objects import AccountBalance, Money  # noqa: PLC0415  optional

    pool = account()
    cash = Money(WALLET, USDT)
    opened = AccountState(
        account_id=AccountId("BENCH-1"),
        account_type=AccountType.MARGIN,
        base_currency=None,
        reported=True,
        balances=[AccountBalance(cash, Money(0, USDT), cash)],
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )
    margin_account = MarginAccount(opened, calculate_account_state=False)
    rates = {p.underlying: _rate_now(p) for p in pool.positions}
    legs = [(_perpetual(p, rates[p.underlying]), p) for p in pool.positions]
    given = [
        (
            instrument,
            PositionSide.LONG if p.side is Side.LONG else PositionSide.SHORT,
            instrument.make_qty(float(p.quantity)),
            instrument.make_price(float(p.mark)),
        )
        for instrument, p in legs
    ]

    def theirs() -> float:
        for instrument, side, quantity, price in given:
            margin = margin_account.calculate_margin_maint(instrument, side, quantity, price)
            margin_account.update_margin_maint(instrument.id, margin)
        return sum(float(margin) for margin in margin_account.margins_maint().values())

    state = state_of(pool, {})
    today = state.today[POOL]
    sums = f"maintenance {theirs():,.0f} against {today.maintenance:,.0f} USDT"
    return [
        _line(
            "equity and margins after a tick",
            ours=lambda: totals(state.book),
            theirs=theirs,
            against="nautilus_trader: calculate_margin_maint of every position, and their sum",
            note=f"{sums}; it has no liquidation price, the one its flat rates lead to: "
            + _apart(exact(pool), _flat_prices(pool, rates, today.equity)),
        )
    ]


def _rate_now(position: Position) -> Decimal:
    # its instruments have one maintenance rate: the one that is right at today's price
    notional = position.quantity * position.mark
    return max(row.rate for row in position.brackets if row.floor < notional)


def _perpetual(position: Position, rate: Decimal) -> Any:  # noqa: ANN401  absent peers have no types
    from nautilus_trader.model.currencies import BTC, USDT  # noqa: PLC0415  optional
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue  # noqa: PLC0415  optional
    from nautilus_trader.model.instruments import CryptoPerpetual  # noqa: PLC0415  optional
    from nautilus_trader.model.objects import Price, Quantity  # noqa: PLC0415  optional

    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol(position.symbol), Venue("BENCH")),
        raw_symbol=Symbol(position.symbol),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=6,
        size_precision=6,
        price_increment=Price(1e-6, 6),
        size_increment=Quantity(1e-6, 6),
        ts_event=0,
        ts_init=0,
        margin_init=Decimal("0.1"),
        margin_maint=rate,
    )


def _flat_prices(
    pool: Snapshot, rates: Mapping[str, Decimal], equity: float
) -> dict[str, float | None]:
    needs = {p.underlying: float(p.quantity * p.mark * rates[p.underlying]) for p in pool.positions}
    prices: dict[str, float | None] = {}
    for p in pool.positions:
        size = float(p.quantity) * (1 if p.side is Side.LONG else -1)
        rest = equity - size * float(p.mark) - sum(needs.values()) + needs[p.underlying]
        price = -rest / (size - float(p.quantity * rates[p.underlying]))
        prices[p.underlying] = price if price > 0 else None
    return prices


def _line(
    name: str,
    *,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    against: str,
    note: str = "",
) -> Line:
    mine, other = best_s(ours, 300), best_s(theirs, 300)
    return Line(
        name=name,
        unit="ms",
        ours=mine * 1e3,
        baseline=other * 1e3,
        against=against,
        note=note,
    )


def _apart(ours: Mapping[str, float | None], theirs: Mapping[str, float | None]) -> str:
    # how far two sets of prices disagree
    off, lone = [], 0
    for coin, price in ours.items():
        other = theirs[coin]
        if price is None or other is None:
            lone += (price is None) != (other is None)
        else:
            off.append(100 * abs(other / price - 1))
    if not off:
        return f"no price in common, {lone} only on one side"
    return (
        f"{len(off)} prices apart by {statistics.median(off):.2g} % (median), {max(off):.2g} % "
        f"(most); {lone} only on one side"
    )


PEERS: Mapping[str, Callable[[], list[Line]]] = {
    "freqtrade": freqtrade,
    "nautilus_trader": nautilus_trader,
}


def main(peers: Mapping[str, Callable[[], list[Line]]] = PEERS) -> int:
    print(HEADER)
    for name, compare in peers.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed, not compared")
            continue
        print(f"{name} {version(name)}")
        show(compare())
    return 0


if __name__ == "__main__":
    sys.exit(main())
