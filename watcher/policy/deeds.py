"""
A top-up in the fewest words: what is moved from where to where, and what a value is called.

Rule: amounts are exact to the last digit; a name from outside is cleaned first.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum, auto

from watcher.domain.alert import Measure
from watcher.domain.topup import Intent, Route, Verb
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.wording import Bold, Row, row


class Tense(Enum):
    DO = auto()
    DOING = auto()
    DONE = auto()
    WOULD = auto()


_STARTS = {
    Tense.DO: say.DEED_DO,
    Tense.DOING: say.DEED_DOING,
    Tense.DONE: say.DEED_DONE,
    Tense.WOULD: say.DEED_WOULD,
}


def header(mark: str, title: str, intent: Intent) -> Row:
    """Return the first line: what it is, of which incident, on which account."""
    code = f" #{intent.incident}" if intent.incident else ""
    return row(f"{mark} ", Bold(title), f"{code} {wording.name(intent.account)}")


def rows(route: Route, size: Decimal, tense: Tense | None = None) -> list[Row]:
    """
    Return what is moved and its way: one line where it is short, two where names are long.

    Without a *tense* there is no verb: of what did not happen, or may not have.
    """
    verb = "" if tense is None else f"{_STARTS[tense][route.verb]} "
    shown = amount(route, size)
    if route.verb is Verb.REPAY:
        way = say.OWED_IN.format(pool=place(route.destination))
    else:
        way = f"{place(route.source)} → {place(route.destination)}"
    first = row(*([verb] if verb else []), Bold(shown))
    if len(f"{verb}{shown} {way}") <= lines.WIDTH_WANTED:
        return [(*first, f" {way}")]
    return [first, row(way)]


def amount(route: Route, size: Decimal) -> str:
    """Return every digit of *size*, and its asset."""
    return f"{size.normalize():,f} {wording.name(route.asset)}"


def place(wallet: str) -> str:
    """Return a wallet or a pool by its name for people."""
    return wording.pool_name(wallet)


def figure(measure: Measure, value: float) -> str:
    """Return a value of *measure*; the last bit of a float does not cost a percent."""
    return lines.headline_of(measure, round(value, 6))
