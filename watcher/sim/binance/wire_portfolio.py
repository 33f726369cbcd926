"""
Binance portfolio margin of the practice exchange: one equity, one maintenance margin, `uniMMR`.

Every wallet counts in full here: the venue's haircuts on collateral are left out, so its figures
are the practice exchange's own and not to be rebuilt. Positions are served as the venue prints
them; it gives liquidation prices only now and then, this one gives none.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.sim.binance.figures import BinanceFigures
from watcher.sim.binance.legs import value
from watcher.sim.binance.wire import Ask, Refusal
from watcher.sim.binance.wire_market import eight
from watcher.sim.things import ZERO, Account, Position
from watcher.sim.world import World

NO_MARGIN = Decimal(99_999_999)
STATES = (
    (Decimal("1.5"), "NORMAL"),
    (Decimal("1.2"), "MARGIN_CALL"),
    (Decimal("1.05"), "REDUCE_ONLY"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """The whole account in USD."""

    equity: Decimal
    maintenance_margin: Decimal

    @property
    def ratio(self) -> Decimal:
        return self.equity / self.maintenance_margin if self.maintenance_margin else NO_MARGIN

    @property
    def state(self) -> str:
        return next((name for over, name in STATES if self.ratio > over), "ACTIVE_LIQUIDATION")


def portfolio_of(world: World, account: Account, rules: BinanceFigures) -> Portfolio:
    pools = [*rules.futures(world, account), *rules.coins(world, account)]
    spot = sum((held * world.index(a) for a, held in account.wallet("margin").items()), ZERO)
    return Portfolio(
        equity=spot + sum((p.margin_balance * world.index(p.asset) for p in pools), ZERO),
        maintenance_margin=sum((p.maintenance_margin * world.index(p.asset) for p in pools), ZERO),
    )


def account(ask: Ask) -> object:
    """Portfolio margin (papi)."""
    if not ask.account.flag("portfolio"):
        raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    told = portfolio_of(ask.world, ask.account, ask.rules)
    return _common(told) | {
        "accountInitialMargin": eight(told.maintenance_margin * 2),
        "virtualMaxWithdrawAmount": eight(max(told.equity - 2 * told.maintenance_margin, ZERO)),
        "totalAvailableBalance": "",
        "totalMarginOpenLoss": "",
        "updateTime": ask.now_ms,
        "accountType": "PM_2",
    }


def pro_account(ask: Ask) -> object:
    """Portfolio Margin Pro (sapi)."""
    if not ask.account.flag("portfolio_pro"):
        raise Refusal(-21001, "Request ID is not a Portfolio Margin Account.")
    told = portfolio_of(ask.world, ask.account, ask.rules)
    return _common(told) | {"riskUnitMMList": [], "accountType": "PM_1"}


def _common(told: Portfolio) -> dict[str, object]:
    return {
        "uniMMR": eight(told.ratio),
        "accountEquity": eight(told.equity),
        "actualEquity": eight(told.equity),
        "accountMaintMargin": eight(told.maintenance_margin),
        "accountStatus": told.state,
    }


def linear_risk(ask: Ask) -> object:
    return [
        _row(ask, leg) | {"notional": eight(leg.sign * value(leg, ask.world.mark(leg.instrument)))}
        for leg in ask.account.positions.values()
        if not leg.instrument.inverse
    ]


def inverse_risk(ask: Ask) -> object:
    return [
        _row(ask, leg)
        | {"notionalValue": eight(leg.sign * value(leg, ask.world.mark(leg.instrument)))}
        for leg in ask.account.positions.values()
        if leg.instrument.inverse
    ]


def _row(ask: Ask, leg: Position) -> dict[str, object]:
    return {
        "symbol": leg.symbol,
        "positionAmt": str(leg.sign * leg.quantity),
        "entryPrice": eight(leg.entry),
        "markPrice": eight(ask.world.mark(leg.instrument)),
        "unRealizedProfit": eight(ask.world.unrealised(leg)),
        "liquidationPrice": "0",
        "leverage": str(leg.leverage),
        "positionSide": leg.side.upper() if ask.account.hedge else "BOTH",
        "updateTime": leg.updated_us // 1000,
    }
