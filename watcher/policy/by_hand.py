"""
How a person moves collateral himself, in the app of his venue.

Rule: at most three short lines, the amount in digits that can be copied. Menus are named as the
apps name them; where the app differs, the names of both wallets still say what is meant.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.domain.topup import Route, Verb
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.wording import Fixed, Row, filled, row

_ANY_APP = ""


def steps(venue: str, route: Route, amount: Decimal) -> list[Row]:
    """Return what to do in the app of *venue* to move *amount* on *route*."""
    app = wording.venue_name(venue)
    menus = venue if venue in say.MENU_TRANSFER else _ANY_APP
    asset = wording.name(route.asset)
    typed = filled(say.APP_AMOUNT, asset=asset, amount=Fixed(digits(amount)))
    match route.verb:
        case Verb.MOVE:
            source, to = (wallet(venue, name) for name in (route.source, route.destination))
            opened = row(say.APP_OPEN.format(venue=app, menu=say.MENU_TRANSFER[menus]))
            return [opened, row(say.APP_FROM_TO.format(source=source, destination=to)), typed]
        case Verb.ADD_MARGIN:
            symbol, side = _leg(route.destination)
            menu = say.MENU_POSITIONS[menus]
            text = say.APP_OPEN_POSITION.format(venue=app, menu=menu, symbol=symbol, side=side)
            return [row(text), row(say.APP_ADD_MARGIN), typed]
        case Verb.REPAY:
            pair = route.destination.partition(":")[2]
            menu = say.MENU_PAIR.format(pair=wording.name(pair)) if pair else say.MENU_MARGIN[menus]
            text = say.APP_OPEN_REPAY.format(venue=app, menu=menu, asset=asset)
            return [row(text), row(say.APP_NO_CONVERSION), typed]


def digits(amount: Decimal) -> str:
    """Return *amount* as it is typed: every digit, no separators."""
    return f"{amount.normalize():f}"


def wallet(venue: str, name: str) -> str:
    """Return what the app of *venue* calls a wallet, or the wallet a pool draws on."""
    kind = name.partition(":")[0]
    return say.WALLETS.get((venue, kind)) or wording.pool_name(name)


def _leg(pool: str) -> tuple[str, str]:
    _, _, rest = pool.partition(":")
    symbol, _, side = rest.rpartition(":")
    return wording.name(symbol), wording.name(side)
