"""
The two jobs that speak by the clock: the daily digest, and the pinned proof of life.

Rule: a digest is written down under its local date, so that a restart, a clock set back or two
looks in one minute make no second one; one that fell into a stop comes after it. What the store
does not tell is said to be unknown, and a store that fails keeps no digest from the trader. What
the messages say is `policy.digest`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    AlertRules,
    Message,
    Moment,
    Quiet,
)
from watcher.domain.road import Reach
from watcher.policy import digest
from watcher.policy.canary import SelfTest
from watcher.ports import Clock, Store, StoreError

LOOK_S = 300.0
"""A clock that was set is noticed by then."""
OWED_SLACK_US = 10 * MINUTE_US


class Watched(Protocol):
    """An account as its poller knows it now."""

    rules: AlertRules
    state: AccountState


class Canary(Protocol):
    """How the last self-test went."""

    @property
    def tested(self) -> SelfTest | None: ...


class Outlet(Protocol):
    """Where messages leave."""

    def wake(self) -> None: ...

    def tell(self, message: Message) -> None: ...


class Reporter:
    """`daily` and `proof` are the jobs to schedule; *owed_from_us*: no older digest is due."""

    def __init__(
        self,
        *,
        watched: Mapping[str, Watched],
        store: Store,
        outlet: Outlet,
        clock: Clock,
        roads: Collection[Reach],
        at_min: int,
        zone: str,
        quiet: Quiet | None,
        owed_from_us: int,
        pinged: bool,
        canary: Canary,
    ) -> None:
        self._watched = watched
        self._store = store
        self._outlet = outlet
        self._clock = clock
        self._roads = roads
        self._at_min = at_min
        self._zone = zone
        self._quiet = quiet
        self._owed_from_us = owed_from_us
        self._pinged = pinged
        self._canary = canary
        self._said = ""

    async def daily(self) -> float:
        """Tell the digest that is due, if any; return the seconds until the next look."""
        now = self._clock.now()
        due = digest.slot(now.wall_us, self._at_min, self._zone)
        if due.at_us >= self._owed_from_us and due.date != self._said:
            await self._say(digest.digest(await self._day(now), due, now))
            self._said = due.date
        left_s = (due.next_us - self._clock.now().wall_us) / SECOND_US
        return min(left_s, LOOK_S)

    async def proof(self) -> float:
        """Renew the proof of life; return the seconds until the next time."""
        now = self._clock.now()
        accounts = [self._past(each, None) for each in self._watched.values()]
        tested = self._canary.tested
        await self._say(digest.proof(accounts, now, zone=self._zone, tested=tested))
        return digest.PROOF_EVERY_S

    async def _day(self, now: Moment) -> digest.Day:
        since_us = now.steady_us - digest.DAY_US
        accounts = []
        for name, each in self._watched.items():
            try:
                samples = await self._store.history(name, since_us=since_us)
            except StoreError:
                accounts.append(self._past(each, None))
            else:
                # a day of one account is thousands: no two are held at once
                accounts.append(self._past(each, digest.Lived.of(samples, now)))
        proofs: dict[Reach, int | None] = dict.fromkeys(self._roads)
        told = None
        try:
            told = await self._store.told(since_us=since_us)
            found = await self._store.proofs()
            proofs |= {road: found[road].at_us for road in proofs if road in found}
        except StoreError:
            pass
        return digest.Day(
            accounts=accounts,
            told=told,
            proofs=proofs,
            quiet=self._quiet,
            zone=self._zone,
            pinged=self._pinged,
            tested=self._canary.tested,
        )

    def _past(self, each: Watched, lived: digest.Lived | None) -> digest.Past:
        return digest.Past(
            state=each.state, lived=lived, blind_after_us=each.rules.blind_after_max_us
        )

    async def _say(self, message: Message) -> None:
        try:
            await self._store.say(message)
        except StoreError:
            self._outlet.tell(message)
        else:
            self._outlet.wake()


def last_seen_us(states: Iterable[AccountState]) -> int:
    """Return when anything was last read or told before this start; 0: never."""
    moments = (
        at_us
        for state in states
        for at_us in (
            state.last_good_at_us,
            state.blind.told_at_us,
            *(danger.told_at_us for danger in state.dangers.values()),
        )
    )
    return max((at_us for at_us in moments if at_us is not None), default=0)


def owed_from_us(last_us: int, now: Moment) -> int:
    """
    Return from when on (wall time) digests are owed, where something was last seen at *last_us*.

    One that a predecessor may have died over is owed again: its date keeps it from being told
    twice.
    """
    if last_us == 0:
        return now.wall_us
    return now.wall_us + last_us - now.steady_us - OWED_SLACK_US
