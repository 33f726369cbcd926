"""
The loops, wired: from the settings and what lies outside to a service that runs and stops.

Rule: nothing here opens a socket, a file or a clock of the machine; all of that comes in `Outside`,
real from `app`, simulated from the storm, so that both run the very same service. Nothing is
decided here. Stopping is ordered so that nothing said is lost: first no new slots, then a last
word, then what is queued gets a moment to leave.

    outside ─► outbound ─► funds ─► pollers ─► schedule ─► first words ─► loops
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from watcher.domain.alert import SECOND_US, AccountState, Message, Moment
from watcher.domain.gauges import WeightGauge
from watcher.domain.road import Reach
from watcher.outlets import Ear, listening, outbound_over, schedule_reports
from watcher.policy import messages as say
from watcher.policy import notes
from watcher.policy.blind import unsure
from watcher.policy.decide import decide
from watcher.ports import Channel, Clock, Ids, Money, Ping, Scheduler, Shown, StoreError, Venue
from watcher.service.canary import Canary
from watcher.service.digest import last_seen_us, owed_from_us
from watcher.service.fund import Fund
from watcher.service.gauges import Books, Collector, Sources
from watcher.service.heartbeat import Heartbeat
from watcher.service.lag import LagProbe
from watcher.service.marks import Marks
from watcher.service.memory import SETTLED_S, Memory
from watcher.service.outbound import Outbound
from watcher.service.poll import Poller, first_waits_s
from watcher.service.proof import Proof
from watcher.service.safe_mode import STABLE_US, SafeMode
from watcher.service.supervise import Supervisor
from watcher.service.watchdog import Notify, Watchdog
from watcher.settings import Settings, alert_rules
from watcher.store.intents import intents_of
from watcher.store.kept import flags_of
from watcher.store.sqlite import SqliteStore
from watcher.store.traffic import traffic_of, undelivered_of
from watcher.treasury import KILL_FILE, funds_over

HOUSEKEEPING_FIRST_S = 60.0
HOUSEKEEPING_TIMEOUT_S = 45.0
SLOT_SLACK_S = 30.0
"""A slot may start a venue (20 s), read it and look for prices: its time-out is far above all."""
DRAIN_S = 1.0
DRAIN_LOOK_S = 0.05
FALLBACK_S = 3.0
"""How much longer a stop takes where the chat cannot be told."""
WATCHING = frozenset({"schedule", "watchdog"})
"""The loops a life that gives way to the next ends with."""
GAP_TOLD_S = 60.0
"""A shorter stop is an ordinary restart; a longer one is told as time nobody watched."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """
    Everything the service reaches the world by; all of it is open, none of it closed here.

    `venues` hold every account, `moneys` those that may be topped up, `channels` every road there
    is. `warm` asks the chat for a sign of life, `notify` tells the service manager, `ear` hears
    what people say, None where nobody may. `ping` is whoever would notice our death, None: nobody.
    `crashes` is how often it died of late, `settled` is told when those count no more.
    `lag` measures how late the loop is, None in a world that waits for us; `resident` returns the
    bytes of memory in use, None where nobody knows. `page` shows numbers to whoever may look, None:
    nobody; `weights` are the venues' request allowances among them.
    """

    clock: Clock
    scheduler: Scheduler
    store: SqliteStore
    venues: Mapping[str, Venue]
    moneys: Mapping[str, Money]
    channels: Mapping[Reach, Channel]
    ids: Ids
    warm: Callable[[], Awaitable[object]]
    notify: Notify
    ear: Ear | None = None
    ping: Ping | None = None
    crashes: int = 0
    settled: Callable[[], None] = lambda: None
    lag: LagProbe | None = None
    resident: Callable[[], int | None] = lambda: None
    page: Callable[[Shown], Awaitable[None]] | None = None
    weights: Callable[[], Sequence[WeightGauge]] = tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What was built, for the run and for stopping it."""

    settings: Settings
    outside: Outside
    pollers: Mapping[str, Poller]
    funds: Mapping[str, Fund]
    outbound: Outbound
    canary: Canary
    safe_mode: SafeMode
    supervisor: Supervisor


async def assemble(
    settings: Settings, outside: Outside, *, greeting: Message | None = None
) -> Service:
    """
    Wire every part and queue the first words, or *greeting* in their place; nothing runs yet.

    Raises: `StoreError` when the ledger cannot be read.
    """
    store, clock = outside.store, outside.clock
    states = await store.load()
    outbound = outbound_over(settings, outside.channels, store, clock, outside.ids)
    funds = funds_over(settings, outside.moneys, store, outbound, clock)
    pollers = _pollers(settings, outside, _taken_up(states, clock.now()), outbound, funds)
    _schedule_polls(settings, outside.scheduler, pollers)
    owed_us = owed_from_us(last_seen_us(states.values()), clock.now())
    pinged = outside.ping is not None
    canary = schedule_reports(
        settings, outside.scheduler, pollers, store, outbound, clock, owed_us, pinged=pinged
    )
    if not pinged:
        log.warning("heartbeat.absent", reason="nobody will notice if this program dies")
    words = _first_words(settings, store, states, clock.now(), pinged=pinged)
    for said in words if greeting is None else [greeting]:
        try:
            await store.say(said)
        except StoreError as error:
            # it may be the word that a ledger was lost, and with it what stood in the chat
            log.warning("greeting.missed", reason=str(error))
            outbound.tell(said)
    supervisor = Supervisor(clock)
    safe_mode = SafeMode(
        crashes=outside.crashes,
        paced=pollers,
        store=store,
        tell=outbound.tell,
        clock=clock,
        settled=outside.settled,
        resume=lambda: _start_funds(supervisor, funds),
    )
    await safe_mode.begin()
    outside.scheduler.every("settle", safe_mode.settle, first_s=STABLE_US / SECOND_US)
    if outside.lag is not None:  # hours of a world that waits for us are seconds of ours
        memory = Memory(resident=outside.resident, tell=outbound.tell, clock=clock)
        outside.scheduler.every("memory", memory.look, first_s=SETTLED_S)
    return Service(
        settings=settings,
        outside=outside,
        pollers=pollers,
        funds=funds,
        outbound=outbound,
        canary=canary,
        safe_mode=safe_mode,
        supervisor=supervisor,
    )


def _taken_up(states: Mapping[str, AccountState], now: Moment) -> Mapping[str, AccountState]:
    if _gap_s(states.values(), now) <= GAP_TOLD_S:
        return states
    return {name: replace(one, blind=unsure(one.blind)) for name, one in states.items()}


def _gap_s(states: Iterable[AccountState], now: Moment) -> float:
    return (now.steady_us - last_seen_us(states)) / SECOND_US


def _pollers(
    settings: Settings,
    outside: Outside,
    states: Mapping[str, AccountState],
    outbound: Outbound,
    funds: Mapping[str, Fund],
) -> dict[str, Poller]:
    marks = Marks()
    return {
        name: Poller(
            venue=venue,
            rules=alert_rules(settings, name),
            state=states.get(name) or AccountState(account=name),
            decide=decide,
            store=outside.store,
            outlet=outbound,
            clock=outside.clock,
            marks=marks,
            deadline_s=settings.poll.timeout / SECOND_US,
            onlooker=funds[name].seen if name in funds else None,
        )
        for name, venue in outside.venues.items()
    }


def _schedule_polls(
    settings: Settings, scheduler: Scheduler, pollers: Mapping[str, Poller]
) -> None:
    timeout_s = settings.poll.timeout / SECOND_US + SLOT_SLACK_S
    states = [poller.state for poller in pollers.values()]
    waits = first_waits_s(states, settings.poll.calm / SECOND_US)
    for (name, poller), first_s in zip(pollers.items(), waits, strict=True):
        scheduler.every(f"poll:{name}", poller.slot, first_s=first_s, timeout_s=timeout_s)
        scheduler.every(
            f"housekeeping:{name}",
            poller.housekeep,
            first_s=HOUSEKEEPING_FIRST_S + first_s,
            timeout_s=HOUSEKEEPING_TIMEOUT_S,
        )


def _first_words(
    settings: Settings,
    store: SqliteStore,
    states: Mapping[str, AccountState],
    now: Moment,
    *,
    pinged: bool,
) -> Iterator[Message]:
    names = list(settings.accounts)
    known = [states.get(name) or AccountState(account=name) for name in names]
    gap_s = _gap_s(known, now)
    if last_seen_us(known) == 0:
        yield notes.started(names, now, zone=settings.timezone, pinged=pinged)
    elif gap_s > GAP_TOLD_S:
        zone = settings.timezone
        yield notes.restarted(known, now, zone=zone, down_s=gap_s, pinged=pinged)
    for number, words in enumerate(store.notes):
        log.warning("store.noted", reason=words)
        facts = [words, say.CODES_OVER] if store.replaced else [words]
        yield notes.trouble(say.TROUBLE_FORGOT, facts, now, subject=f"store:{number}")


def start_loops(service: Service) -> None:
    """Start every loop under the service's supervisor."""
    outside, supervisor = service.outside, service.supervisor
    deliverers = {f"deliver:{each.road.road}": each for each in service.outbound.deliverers}
    lag = outside.lag
    proof = _proof(service)
    watchdog = Watchdog(
        clock=outside.clock,
        store=outside.store,
        slots=service.pollers,
        outbound=service.outbound,
        notify=outside.notify,
        turning=deliverers,
        restart=supervisor.restart,
        canary=service.canary.wrong,
        sign=proof.sign,
        lag=lag,
        warm=outside.warm,
    )
    supervisor.keep("schedule", outside.scheduler.run)
    for name, deliverer in deliverers.items():
        supervisor.keep(name, deliverer.run)
    if lag is not None:
        supervisor.keep("lag", lag.run)
    if not service.safe_mode.active:
        _start_funds(supervisor, service.funds)
    supervisor.keep("watchdog", watchdog.run)
    if outside.ping is not None:
        heartbeat = Heartbeat(
            ping=outside.ping,
            watched=service.pollers,
            watchdog=watchdog,
            store=outside.store,
            tell=service.outbound.tell,
            clock=outside.clock,
            every_s=service.settings.heartbeat.every / SECOND_US,
        )
        supervisor.keep("heartbeat", heartbeat.run, vital=False)
    if outside.page is not None:
        show, numbers = outside.page, Collector(_sources(service, proof, watchdog), outside.clock)
        supervisor.keep("metrics", lambda: show(numbers), vital=False, tracked=False)
    if outside.ear is not None:
        listen = listening(
            service.settings,
            service.pollers,
            service.funds,
            outside.store,
            service.outbound,
            outside.clock,
            outside.ear,
        )
        supervisor.keep("commands", listen, vital=False, tracked=False)


def _proof(service: Service) -> Proof:
    store = service.outside.store
    return Proof(
        watched=service.pollers,
        store=store,
        outbound=service.outbound,
        stuck=lambda: store.read(undelivered_of),
    )


def _sources(service: Service, proof: Proof, watchdog: Watchdog) -> Sources:
    store = service.outside.store
    return Sources(
        proof=proof,
        watchdog=watchdog,
        watched=service.pollers,
        deliverers=service.outbound.deliverers,
        books=lambda: store.read(
            lambda db: Books(
                traffic=traffic_of(db), flags=flags_of(db), open=intents_of(db, open_only=True)
            )
        ),
        weights=service.outside.weights,
        funded=tuple(service.funds),
        killed=(Path(service.settings.state_dir) / KILL_FILE).exists,
        lag=service.outside.lag,
        resident=service.outside.resident,
        safe_mode=service.safe_mode,
    )


def _start_funds(supervisor: Supervisor, funds: Mapping[str, Fund]) -> None:
    for name, fund in funds.items():
        supervisor.keep(f"fund:{name}", fund.run, vital=False)


async def stop(service: Service) -> None:
    """Take no new slot, say that nobody watches, let what is queued leave, end the loops."""
    settings, outside = service.settings, service.outside
    outside.notify("STOPPING=1")
    for fund in service.funds.values():
        fund.stop()
    await service.supervisor.cancel(
        "schedule", "commands", "watchdog", "lag", "heartbeat", "metrics"
    )
    last = notes.stopped(list(settings.accounts), outside.clock.now(), zone=settings.timezone)
    try:
        await outside.store.say(last)
        service.outbound.wake()
        await _drained(outside.store)
        await _told_further(service.outbound, last)
    except StoreError as error:
        log.warning("farewell.missed", reason=str(error))
    service.outbound.stop()
    await service.supervisor.finish()


async def hand_over(service: Service) -> Moment:
    """
    End the loops without a word, because the next life goes on at once; the readings last, and
    return when.

    What is queued stays in the store; what waits in memory is for `Outbound.inherit`.
    """
    supervisor, outbound = service.supervisor, service.outbound
    for fund in service.funds.values():
        fund.stop()
    outbound.stop()
    speaking = {f"deliver:{each.road.road}" for each in outbound.deliverers}
    speaking |= {f"fund:{name}" for name in service.funds}
    # one that is slow to end holds up no reading
    await supervisor.cancel(*(supervisor.names() - speaking - WATCHING))
    await supervisor.finish(*speaking)
    ended = service.outside.clock.now()
    await supervisor.cancel(*WATCHING)
    return ended


async def _drained(store: SqliteStore) -> None:
    """Wait until the outbox is empty or `DRAIN_S` have passed; what stays is sent at next start."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DRAIN_S
    while loop.time() < end:
        if (await store.backlog()).waiting == 0:
            return
        await asyncio.sleep(DRAIN_LOOK_S)


async def _told_further(outbound: Outbound, last: Message) -> None:
    """Tell the fallback that nobody watches where the chat could not be told."""
    fallback = outbound.instead(last)
    loop = asyncio.get_running_loop()
    end = loop.time() + FALLBACK_S
    while fallback is not None and loop.time() < end:
        if last.key in fallback.rows.sent:
            return
        await asyncio.sleep(DRAIN_LOOK_S)
