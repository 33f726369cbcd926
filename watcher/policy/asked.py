"""
What people type after a command, made into values: a span of time, a tier, an account, a pool.

Rule: what cannot be read is refused in one line that shows the right form; nothing is guessed where
it would change something. A name nobody knows is answered with the nearest ones there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from watcher.domain.alert import MINUTE_US, SECOND_US, AccountState, Tier
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.dangers import MUTE_TIER_MAX

NEAREST_MAX = 3
_SPAN = re.compile(r"(\d{1,5})\s*(s|sec|m|min|h|d)\b\s*")
_UNITS_US = {
    "s": SECOND_US,
    "sec": SECOND_US,
    "m": MINUTE_US,
    "min": MINUTE_US,
    "h": 60 * MINUTE_US,
    "d": 24 * 60 * MINUTE_US,
}


class AskedWrong(Exception):
    """What was typed cannot be read. The text is what to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """An account, and one pool of it; "" for all of them."""

    account: str
    pool: str


def span_us(raw: str) -> int | None:
    """Return "2h", "90 min" or "1h 30m" in microseconds; None for anything else."""
    rest, total = raw.strip().lower(), 0
    while rest:
        found = _SPAN.match(rest)
        if found is None:
            return None
        total += int(found[1]) * _UNITS_US[found[2]]
        rest = rest[found.end() :]
    return total or None


def account_of(raw: str, known: Collection[str]) -> str:
    """Return the account *raw* names. Raises: `AskedWrong`."""
    name = _plain(raw)
    found = next((each for each in known if _plain(each) == name), None)
    if found is None:
        raise AskedWrong(unknown(say.KIND_ACCOUNT, raw, known))
    return found


def scope_of(raw: str, states: Iterable[AccountState]) -> Scope:
    """
    Return what *raw* names: an account, a pool of one, or a pool only one account has.

    Raises: `AskedWrong`.
    """
    name = _plain(raw)
    named: dict[str, list[Scope]] = {}
    for state in states:
        known = () if state.last_good is None else state.last_good.rules
        pools = {*state.dangers, *known}
        named.setdefault(_plain(state.account), []).append(Scope(account=state.account, pool=""))
        for pool in pools:
            scope = Scope(account=state.account, pool=pool)
            named.setdefault(_plain(f"{state.account} {pool}"), []).append(scope)
            named.setdefault(_plain(pool), []).append(scope)
    found = named.get(name, [])
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(sorted(wording.name(each.account) for each in found))
        raise AskedWrong(say.WHICH_ACCOUNT.format(name=wording.words(raw), accounts=several))
    raise AskedWrong(unknown(say.KIND_SCOPE, raw, named))


def silence_of(raw: str) -> tuple[str, int, Tier] | None:
    """Return scope, span and highest tier of `main unified 2h up to watch`; None: not so."""
    scope, said, tier_name = raw.partition(" up to ")
    tier = MUTE_TIER_MAX
    if said:
        named = Tier.__members__.get(tier_name.strip().upper())
        if named is None or named is Tier.CALM:
            return None
        tier = named
    found = re.fullmatch(r"(.*?\S)\s+((?:\d+\s*[a-z]+\s*)+)", scope.strip())
    for_us = None if found is None else span_us(found[2])
    if found is None or for_us is None:
        return None
    return found[1], for_us, tier


def unknown(kind: str, raw: str, known: Collection[str]) -> str:
    """Return the line that no *kind* is called *raw*, with the nearest that are, or all."""
    plain = {_plain(each): each for each in known}
    near = [plain[each] for each in get_close_matches(_plain(raw), plain, NEAREST_MAX, 0.5)]
    shown = ", ".join(wording.name(each) for each in near or sorted(known)[:NEAREST_MAX])
    left = 0 if near else len(known) - NEAREST_MAX
    more = say.AND_MORE.format(count=left) if left > 0 else ""
    text = say.UNKNOWN_NEAREST if near else say.UNKNOWN_KNOWN if shown else say.UNKNOWN
    return text.format(kind=kind, name=wording.name(raw), known=shown + more)


def _plain(raw: str) -> str:
    return " ".join(re.sub(r"[-_:]", " ", raw.lower()).split())
