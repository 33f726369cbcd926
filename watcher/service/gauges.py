"""
Collects the page of numbers from what the loops know anyway.

Rule: nothing is asked of a venue or a channel, and nothing is written. A figure is given only with
the reading it is of: none while the account is blind, none of a pool the last reading did not have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from watcher.domain.alert import SECOND_US, AccountState, AlertRules, Moment, Sample, Tier
from watcher.domain.gauges import (
    AccountGauge,
    Gauges,
    MoneyGauge,
    PoolGauge,
    RoadGauge,
    WeightGauge,
)
from watcher.domain.road import Reach
from watcher.domain.sign import Sign
from watcher.domain.topup import OPEN, Intent
from watcher.policy import pulse
from watcher.policy.incidents import elapsed_us
from watcher.policy.pulse import Account
from watcher.ports import FROZEN, KILLED, PAUSED, Clock, Flag, StoreError, Traffic
from watcher.service.proof import Proof
from watcher.service.tally import Tally

HOLDS = {"paused": PAUSED, "killed": KILLED, "frozen": FROZEN}


class Watched(Protocol):
    """An account as its poller knows it now."""

    rules: AlertRules
    state: AccountState
    tally: Tally


class Sender(Protocol):
    failures: int


class Deliverer(Protocol):
    @property
    def road(self) -> Reach: ...
    @property
    def sender(self) -> Sender: ...


class Watchdog(Protocol):
    """The checks that fail now, by name, and when they were last looked at."""

    @property
    def faults(self) -> Mapping[str, object]: ...
    @property
    def looked_us(self) -> int | None: ...


class Lag(Protocol):
    count: int

    def p99_s(self) -> float: ...


class SafeMode(Protocol):
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the ledger says of roads and money, read at once."""

    traffic: Mapping[Reach, Traffic]
    flags: Mapping[str, Flag]
    open: Sequence[Intent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """
    Where the numbers come from. `books` raises `StoreError`; `weights` are the venues' allowances,
    `funded` the accounts that may be topped up, `killed` whether the kill file is there.
    """

    proof: Proof
    watchdog: Watchdog
    watched: Mapping[str, Watched]
    deliverers: Sequence[Deliverer]
    books: Callable[[], Awaitable[Books]]
    weights: Callable[[], Sequence[WeightGauge]]
    funded: Sequence[str]
    killed: Callable[[], bool]
    lag: Lag | None
    resident: Callable[[], int | None]
    safe_mode: SafeMode


class Collector:
    """The `Shown` port over *sources*."""

    def __init__(self, sources: Sources, clock: Clock) -> None:
        self._from = sources
        self._clock = clock

    async def gauges(self) -> Gauges:
        now = self._clock.now()
        books: Books | None = None
        try:
            books = await self._from.books()
        except StoreError:
            books = None  # told by the sign; what is not known is not shown
        lag = self._from.lag
        return Gauges(
            sign=await self._sign(now),
            accounts=tuple(_account(each, now) for each in self._from.watched.values()),
            weights=tuple(self._from.weights()),
            roads=tuple(_road(each, books, now) for each in self._from.deliverers),
            money=None if books is None else self._money(books, now),
            lag_p99_s=None if lag is None else lag.p99_s(),
            late_beats=None if lag is None else lag.count,
            resident_bytes=self._from.resident(),
            safe_mode=self._from.safe_mode.active,
        )

    async def _sign(self, now: Moment) -> Sign:
        dog = self._from.watchdog
        faults = list(dog.faults)
        if dog.looked_us is None:
            faults.append("start")
        elif elapsed_us(now.steady_us, dog.looked_us) > pulse.LOOKED_US:
            faults.append("watchdog")
        return await self._from.proof.sign(now, faults)

    def _money(self, books: Books, now: Moment) -> MoneyGauge:
        held = {word: _holds(books.flags.get(name), now) for word, name in HOLDS.items()}
        counted = Counter((each.account, each.progress.value) for each in books.open)
        steps = [(name, progress.value) for name in self._from.funded for progress in OPEN]
        return MoneyGauge(
            held={**held, "kill_file": self._from.killed()},
            open={**dict.fromkeys(sorted(steps), 0), **counted},
        )


def _holds(flag: Flag | None, now: Moment) -> bool:
    return flag is not None and (flag.until_us is None or flag.until_us > now.wall_us)


def _account(watched: Watched, now: Moment) -> AccountGauge:
    state, rules = watched.state, watched.rules
    read_us = state.last_good_at_us
    age_s = None if read_us is None else elapsed_us(now.steady_us, read_us) / SECOND_US
    return AccountGauge(
        account=state.account,
        venue=rules.venue,
        age_s=age_s,
        blind=state.blind.active,
        seen=pulse.is_seen(Account(state=state, rules=rules), now.steady_us),
        pools=tuple(_pools(state)),
        readings=watched.tally.durations,
        misses=watched.tally.misses,
    )


def _pools(state: AccountState) -> Iterable[PoolGauge]:
    newest = _newest(state)
    for pool in sorted({*newest, *state.dangers}):
        danger, sample = state.dangers.get(pool), newest.get(pool)
        tier = danger.tier if danger is not None else Tier.CALM
        if sample is None:
            yield PoolGauge(pool=pool, tier=tier)
        else:
            yield PoolGauge(
                pool=pool,
                tier=tier,
                distance=sample.distance,
                health=sample.health,
                margin_level=sample.margin_level,
            )


def _newest(state: AccountState) -> dict[str, Sample]:
    """Return the samples of the last reading by pool; none while it cannot be relied on."""
    last_us = max((sample.at_us for sample in state.recent), default=None)
    read_us = state.last_good_at_us
    if state.blind.active or last_us is None or read_us is None or last_us < read_us:
        return {}
    return {sample.pool: sample for sample in state.recent if sample.at_us == last_us}


def _road(deliverer: Deliverer, books: Books | None, now: Moment) -> RoadGauge:
    road, failed = deliverer.road.road, deliverer.sender.failures
    if books is None:
        return RoadGauge(road=road, failed=failed)
    traffic = books.traffic.get(deliverer.road, Traffic())
    delivered_us = traffic.delivered_us
    return RoadGauge(
        road=road,
        failed=failed,
        waiting=traffic.waiting,
        abandoned=traffic.abandoned,
        refused=traffic.refusal is not None,
        delivered_s=None
        if delivered_us is None
        else elapsed_us(now.steady_us, delivered_us) / SECOND_US,
    )
