"""
Proof of work: who of the accounts is seen, whose blindness has reached somebody, what is wrong.

Rule: collects and judges by `policy.pulse`; sends nothing. What cannot be looked up was not told,
and is no good news.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from watcher.domain.alert import SECOND_US, AccountState, AlertRules, Moment
from watcher.domain.sign import Sign
from watcher.domain.told import Told
from watcher.policy import pulse
from watcher.policy.incidents import elapsed_us
from watcher.policy.pulse import Account
from watcher.ports import Store, StoreError, Undelivered


class Watched(Protocol):
    """An account as its poller knows it now."""

    rules: AlertRules
    state: AccountState


class Outbound(Protocol):
    @property
    def contact_us(self) -> int | None: ...


class Proof:
    """*stuck* returns what the roads do not deliver, from the store."""

    def __init__(
        self,
        *,
        watched: Mapping[str, Watched],
        store: Store,
        outbound: Outbound,
        stuck: Callable[[], Awaitable[Undelivered]],
    ) -> None:
        self._watched = watched
        self._store = store
        self._outbound = outbound
        self._stuck = stuck

    async def sign(self, now: Moment, faults: Collection[str]) -> Sign:
        """Return the sign of life of *now*; *faults* are the watchdog's checks that fail."""
        accounts = accounts_of(self._watched)
        lost = await unseen(accounts, self._store, now)
        states = [each.state for each in accounts]
        ages = [now.steady_us - s.last_good_at_us for s in states if s.last_good_at_us is not None]
        wrong = {check: None for check in sorted(faults) if check not in pulse.PASSED}
        waiting = 0
        try:
            stuck = await self._stuck()
            waiting = (await self._store.backlog()).waiting
            wrong |= {"refused": None} if stuck.refusal is not None else {}
            wrong |= {"abandoned": None} if stuck.abandoned_urgent else {}
        except StoreError:
            wrong["store"] = None
        contact_us = self._outbound.contact_us
        return Sign(
            at_us=now.wall_us,
            wrong=(*wrong, *(["unseen"] if lost else [])),
            accounts=len(accounts),
            unseen=tuple(lost),
            blind=tuple(state.account for state in states if state.blind.active),
            oldest_s=round(max(ages) / SECOND_US, 1) if ages else None,
            waiting=waiting,
            delivered_s=None
            if contact_us is None
            else round(elapsed_us(now.steady_us, contact_us) / SECOND_US, 1),
        )


def accounts_of(watched: Mapping[str, Watched]) -> list[Account]:
    return [Account(state=each.state, rules=each.rules) for each in watched.values()]


async def unseen(accounts: Sequence[Account], store: Store, now: Moment) -> list[str]:
    """Return the accounts that are neither read in time nor told to be blind on any road."""
    told = await _told(accounts, store)
    return [
        each.state.account
        for each in accounts
        if not pulse.is_seen(each, now.steady_us) and not pulse.is_told(each, told)
    ]


async def _told(accounts: Sequence[Account], store: Store) -> Sequence[Told]:
    since_us = pulse.last_told_us(accounts)
    if since_us is None:
        return ()
    try:
        return await store.told(since_us=since_us)
    except StoreError:
        return ()
