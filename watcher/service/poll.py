"""
One account's poll slots: bring a snapshot or the reason there is none, decide, write down, wake
the deliverer.

Rule: nothing a venue, the store or `decide` does may end this loop or reach another account. A
`VenueError` or a deadline is a `Missed`; anything else a venue raises is a defect, logged with its
trace and seen as a miss. While nothing fresh comes, live prices are looked for on other roads. When
the store fails, the state goes on in memory and messages go straight to the deliverer.

    slot:  start (until it works) ─► snapshot │ Missed ─► prices, on a miss ─► decide ─► commit
           ─► wake the deliverer ─► wait as decided

What the answer means is not judged here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    AlertRules,
    Decision,
    Message,
    Missed,
    MissKind,
    Moment,
    Seen,
    Tier,
)
from watcher.domain.status import VenueStatus
from watcher.policy import compared, troubles
from watcher.policy import messages as say
from watcher.policy.orders import Order, obey
from watcher.ports import Clock, Store, StoreError, Unsupported, Venue, VenueError, WithdrawalRight
from watcher.service.marks import Marks
from watcher.service.tally import Tally

SNAPSHOT_DEADLINE_S = 5.0
START_DEADLINE_S = 20.0
PRICES_DEADLINE_S = 2.0
ELSEWHERE_DEADLINE_S = 1.0
HOUSEKEEPING_DEADLINE_S = 30.0
HOUSEKEEPING_EVERY_S = 60.0
START_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 20.0)
DEFECT_WAIT_S = 10.0
WAIT_MIN_S = 0.5
WAIT_MAX_S = 300.0
PAUSE_S: Mapping[MissKind, float] = {
    MissKind.REFUSED: 30.0,
    MissKind.SECURITY: 60.0,
    MissKind.UNSUPPORTED: 60.0,
    MissKind.MAINTENANCE: 15.0,
    MissKind.RATE_LIMITED: 10.0,
}
"""How long a venue that said no is left alone, when it named no time itself."""
PAUSE_MAX_S: Mapping[MissKind, float] = {
    MissKind.BANNED: 3 * 86_400.0,
    MissKind.RATE_LIMITED: 600.0,
}
PAUSE_REST_MAX_S = 60.0
"""The longest it is believed: asking during a ban prolongs it, but an outage may end early."""

log = structlog.get_logger()

Onlooker = Callable[[AccountState, Snapshot], None]
"""Is shown each reading with the memory it led to, once that is written down."""

Ask = Callable[[list[str]], Awaitable[Mapping[str, float]]]

Decide = Callable[[AccountState, Seen, AlertRules, Moment], Decision]


class Outlet(Protocol):
    """Where messages leave: told that the outbox has rows, or handed what the store lost."""

    def wake(self) -> None: ...

    def tell(self, message: Message) -> None: ...


class Poller:
    """
    The poll job of one account. `slot` and `housekeep` are the jobs to schedule; `state` is what
    is known now, `slot_ended_us` when the last slot ended, `tally` how readings went so far.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        rules: AlertRules,
        state: AccountState,
        decide: Decide,
        store: Store,
        outlet: Outlet,
        clock: Clock,
        marks: Marks,
        deadline_s: float = SNAPSHOT_DEADLINE_S,
        onlooker: Onlooker | None = None,
    ) -> None:
        assert rules.account == venue.account == state.account
        self.rules = rules
        self.state = state
        self.slot_ended_us: int | None = None
        self.wait_s = 0.0
        self.tally = Tally()
        self._venue = venue
        self._decide = decide
        self._store = store
        self._outlet = outlet
        self._clock = clock
        self._marks = marks
        self._deadline_s = deadline_s
        self._onlooker = onlooker
        self._started = False
        self._status: VenueStatus | None = None
        self._start_failures = 0
        self._quiet_until_us = 0
        self._missed: Missed | None = None
        self._reported: MissKind | None = None
        self._defect_since_us: int | None = None
        self._defect_told = ""  # the key of what was last told of it
        self._store_failing = False
        self._turn = asyncio.Lock()
        self._log = log.bind(account=rules.account)

    async def slot(self) -> float:
        """Take one look; return the seconds until the next."""
        began = self._clock.now()
        seen = await self._look(began)
        now = self._clock.now()
        wait_s = await self._judge(seen, now)
        if not self._started:
            quiet_s = (self._quiet_until_us - self._clock.now().steady_us) / SECOND_US
            wait_s = min(wait_s, max(quiet_s, WAIT_MIN_S))
        self._report(seen, began, self._clock.now(), wait_s)
        self.slot_ended_us = self._clock.now().steady_us
        self.wait_s = wait_s
        return wait_s

    async def obey(self, order: Order, update_id: int) -> str:
        """
        Carry out what a person orders and return the line to answer.

        State and request are written as one: a request that comes again changes nothing.
        """
        async with self._turn:
            now = self._clock.now()
            state, words = obey(self.state, order, now)
            decision = Decision(
                account=self.rules.account, state=state, messages=(), samples=(), next_poll_us=0
            )
            try:
                if not await self._store.commit(decision, now, update_id=update_id):
                    return say.ALREADY_DONE
            except StoreError as error:
                # a person has seen it: that holds for as long as this process remembers
                self._store_failed(error)
                words = f"{words}. {say.NOT_KEPT}"
            self.state = state
            return words

    async def housekeep(self) -> float:
        """Let the venue refresh what falls due; a key or mode gone bad stops the next snapshot."""
        if not self._started:
            return HOUSEKEEPING_EVERY_S
        try:
            async with asyncio.timeout(HOUSEKEEPING_DEADLINE_S):
                try:
                    await self._venue.housekeeping()
                finally:  # what was read before it failed counts
                    self._status = await self._venue.status()
        except (WithdrawalRight, Unsupported) as error:
            self._log.warning("venue.unfit", reason=error.reason)
            self._started = False
        except VenueError as error:
            self._log.info("housekeeping.missed", reason=error.reason)
        except TimeoutError:
            self._log.info("housekeeping.missed", reason=_late(HOUSEKEEPING_DEADLINE_S))
        return HOUSEKEEPING_EVERY_S

    # -- looking -------------------------------------------------------------------------------

    async def _look(self, now: Moment) -> Seen:
        if self._missed is not None and now.steady_us < self._quiet_until_us:
            return await self._without_snapshot(self._missed)
        missed = None if self._started else await self._try_start()
        if missed is None:
            found = await self._read()
            if isinstance(found, Snapshot):
                self._missed = None
                self._marks.note(found, self._clock.now())
                prices = await self._second_prices(found)
                return Seen(snapshot=found, missed=None, prices=prices, status=self._status)
            missed = found
            self._pause(missed, 0.0)
        self._missed = missed
        return await self._without_snapshot(missed)

    async def _try_start(self) -> Missed | None:
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                self._status = await self._venue.start()
        except VenueError as error:
            missed = self._missed_by(error)
        except TimeoutError:
            missed = Missed(kind=MissKind.UNREACHABLE, reason=_late(START_DEADLINE_S))
        except Exception as error:  # noqa: BLE001 - logged with its trace, seen as a miss
            missed = self._defect_of_venue(error)
        else:
            self._log.info("venue.started", mode=self._status.mode)
            self._started = True
            self._start_failures = 0
            return None
        self._pause(missed, START_WAITS_S[min(self._start_failures, len(START_WAITS_S) - 1)])
        self._start_failures += 1
        return missed

    async def _read(self) -> Snapshot | Missed:
        began_us = self._clock.now().steady_us
        try:
            async with asyncio.timeout(self._deadline_s):
                found = await self._venue.snapshot()
            self.tally.took((self._clock.now().steady_us - began_us) / SECOND_US)
            return found  # noqa: TRY300 - the errors below are the venue's alone
        except (WithdrawalRight, Unsupported) as error:
            self._started = False
            return self._missed_by(error)
        except VenueError as error:
            return self._missed_by(error)
        except TimeoutError:
            return Missed(kind=MissKind.UNREACHABLE, reason=_late(self._deadline_s))
        except Exception as error:  # noqa: BLE001 - logged with its trace, seen as a miss
            return self._defect_of_venue(error)

    def _missed_by(self, error: VenueError) -> Missed:
        until_us = None
        if error.wait_s is not None:
            until_us = self._clock.now().steady_us + round(error.wait_s * SECOND_US)
        return Missed(kind=error.kind, reason=error.reason, until_us=until_us)

    def _defect_of_venue(self, error: Exception) -> Missed:
        self._log.exception("venue.failed")
        reason = say.FAULT_IN_WATCHER.format(error=type(error).__name__)
        return Missed(kind=MissKind.UNREADABLE, reason=reason)

    # until then no request goes to this venue for this account; slots go on, time must be judged
    def _pause(self, missed: Missed, wait_s: float) -> None:
        now_us = self._clock.now().steady_us
        wait_s = max(wait_s, PAUSE_S.get(missed.kind, 0.0))
        if missed.until_us is not None:
            wait_s = max((missed.until_us - now_us) / SECOND_US, 0.0)
            wait_s = min(wait_s, PAUSE_MAX_S.get(missed.kind, PAUSE_REST_MAX_S))
        self._quiet_until_us = now_us + round(wait_s * SECOND_US)

    async def _without_snapshot(self, missed: Missed) -> Seen:
        last_good = self.state.last_good
        if last_good is None:
            return Seen(snapshot=None, missed=missed, status=self._status)
        positions = last_good.positions
        prices = self._marks.fresh(positions, self._clock.now(), apart_from=self.rules.account)
        symbols = sorted({p.symbol for p in positions})
        if symbols and missed.kind is not MissKind.BANNED:
            prices |= await self._asked(self._venue.prices, symbols, PRICES_DEADLINE_S)
        # one miss may be a blip; from the second on others are asked what this venue does not say
        unknown = sorted({p.symbol for p in positions if p.underlying not in prices})
        if unknown and self.state.blind.misses:
            found = await self._asked(self._venue.prices_elsewhere, unknown, ELSEWHERE_DEADLINE_S)
            prices = {**found, **prices}
        return Seen(snapshot=None, missed=missed, prices=prices, status=self._status)

    # of a mark that stands still nobody can tell by itself whether the market does
    async def _second_prices(self, found: Snapshot) -> Mapping[str, float]:
        now = self._clock.now()
        known = self._marks.fresh(
            found.positions, now, apart_from=self.rules.account, venue=found.venue
        )
        held = {p.symbol: p.underlying for p in found.positions}
        stood = compared.standing(self.state, now.steady_us)
        # nor is a mark of seconds ago news of a market that runs: what differs is asked anew
        apart = compared.differing(found, known)
        asking = [s for s in stood if s in held and held[s] not in known]
        asking += [s for s in apart if s not in asking]
        if not asking:
            return known
        asked = await self._asked(self._venue.prices_elsewhere, asking, ELSEWHERE_DEADLINE_S)
        return {**known, **asked}

    async def _asked(self, ask: Ask, symbols: list[str], deadline_s: float) -> Mapping[str, float]:
        try:
            async with asyncio.timeout(deadline_s):
                return await ask(symbols)
        except (VenueError, TimeoutError):
            return {}
        except Exception:  # noqa: BLE001 - an estimate is welcome, never needed
            self._log.exception("venue.failed")
            return {}

    # -- judging and writing down --------------------------------------------------------------

    async def _judge(self, seen: Seen, now: Moment) -> float:
        async with self._turn:
            return await self._decided(seen, now)

    async def _decided(self, seen: Seen, now: Moment) -> float:
        try:
            decision = self._decide(self.state, seen, self.rules, now)
        except Exception as error:  # noqa: BLE001 - one account's defect must not reach another
            self._log.exception("decision.failed")
            self._tell_defect(error, now)
            return DEFECT_WAIT_S
        self._defect_since_us = None
        self.state = decision.state
        kept = await self._write_down(decision, now)
        if kept and self._onlooker is not None and seen.snapshot is not None:
            self._onlooker(decision.state, seen.snapshot)
        wait_s = decision.next_poll_us / SECOND_US
        return min(max(wait_s, WAIT_MIN_S), WAIT_MAX_S)

    def _tell_defect(self, error: Exception, now: Moment) -> None:
        if self._defect_since_us is None:
            self._defect_since_us = now.steady_us
        told = troubles.not_judged(
            self.rules.account,
            error,
            now,
            since_us=self._defect_since_us,
            furthest=self.rules.reach,
        )
        if told.key != self._defect_told:
            self._outlet.tell(told)
        self._defect_told = told.key

    async def _write_down(self, decision: Decision, now: Moment) -> bool:
        try:
            await self._store.commit(decision, now)
        except StoreError as error:
            self._store_failed(error)
            for message in decision.messages:
                self._outlet.tell(message)
            return False
        if self._store_failing:
            self._store_failing = False
            self._log.info("store.recovered")
        if decision.messages:
            self._outlet.wake()
        return True

    def _store_failed(self, error: StoreError) -> None:
        if not self._store_failing:
            self._log.error("store.failed", reason=str(error))
        self._store_failing = True  # the watchdog tells: it probes the disk all accounts share

    def _report(self, seen: Seen, began: Moment, now: Moment, wait_s: float) -> None:
        took_ms = (now.steady_us - began.steady_us) // 1000
        if seen.missed is None:
            worst = max((d.tier for d in self.state.dangers.values()), default=Tier.CALM)
            self._log.info(
                "poll.completed", duration_ms=took_ms, tier=worst.name.lower(), wait_s=wait_s
            )
        else:
            self.tally.missed(seen.missed.kind)
            repeated = self._reported == seen.missed.kind
            (self._log.info if repeated else self._log.warning)(
                "poll.missed",
                kind=seen.missed.kind.value,
                reason=seen.missed.reason,
                prices=len(seen.prices),
                duration_ms=took_ms,
                wait_s=wait_s,
            )
        self._reported = None if seen.missed is None else seen.missed.kind


def first_waits_s(states: Sequence[AccountState], calm_s: float) -> list[float]:
    """
    Return when each account polls first: close together, who was in the worst tier at once.

    A hundred calm accounts before it would cost one in danger ten seconds at every start.
    """
    gap_s = min(0.5, calm_s / max(len(states), 1))
    worst = [max((d.tier for d in state.dangers.values()), default=Tier.CALM) for state in states]
    order = sorted(range(len(states)), key=lambda number: -worst[number])
    return [gap_s * order.index(number) for number in range(len(states))]


def _late(deadline_s: float) -> str:
    return say.NO_ANSWER_IN.format(seconds=deadline_s)
