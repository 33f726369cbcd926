"""
How a person moves collateral himself, in the app of his venue.

Rule: at most three short lines, the amount in digits that can be copied. Menus are named as the
apps name them; where the app differs, the names of both wallets still say what is meant.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.domain.topup import Route, Verb
from watcher.policy import wording
from watcher.policy.advice import STABLE
from watcher.policy.wording import Fixed, Row, row

_APPS = {
    "binance": ("Assets > Transfer", "Futures > Positions", "Assets > Margin > Cross"),
    "bybit": ("Assets > Transfer", "Derivatives > Positions", "Assets > Unified Trading"),
    "okx": ("Assets > Transfer", "Trade > Positions", "Assets > Trading"),
}
_ANY_APP = ("Transfer", "Positions", "Margin")
_WALLETS = {
    "binance": {"spot": "Spot", "funding": "Funding", "margin": "Cross Margin"},
    "bybit": {"funding": "Funding", "unified": "Unified Trading"},
    "okx": {"funding": "Funding", "unified": "Trading"},
}


def steps(venue: str, route: Route, amount: Decimal) -> list[Row]:
    """Return what to do in the app of *venue* to move *amount* on *route*."""
    app = f"{wording.venue_name(venue)} app:"
    transfer, positions, margin = _APPS.get(venue, _ANY_APP)
    asset = wording.name(route.asset)
    typed = row(f"{asset}, amount ", Fixed(digits(amount)))
    match route.verb:
        case Verb.MOVE:
            ends = (wallet(venue, name) for name in (route.source, route.destination))
            return [row(f"{app} {transfer}"), row("From {} to {}".format(*ends)), typed]
        case Verb.ADD_MARGIN:
            symbol, side = _leg(route.destination)
            return [row(f"{app} {positions} > {symbol} {side}"), row("Margin > Add"), typed]
        case Verb.REPAY:
            return [row(f"{app} {margin} > {asset} > Repay"), row("No conversion"), typed]


def digits(amount: Decimal) -> str:
    """Return *amount* as it is typed: every digit, no separators."""
    return f"{amount.normalize():f}"


def wallet(venue: str, name: str) -> str:
    """Return what the app of *venue* calls a wallet, or the wallet a pool draws on."""
    known = _WALLETS.get(venue, {}).get(name)
    if known is not None:
        return known
    kind, _, settle = name.partition(":")
    if kind != "cross":
        return wording.pool_name(name)
    if venue == "okx":
        return "Trading"
    return "USDⓈ-M Futures" if settle in STABLE else "COIN-M Futures"


def _leg(pool: str) -> tuple[str, str]:
    _, _, rest = pool.partition(":")
    symbol, _, side = rest.rpartition(":")
    return wording.name(symbol), wording.name(side)
