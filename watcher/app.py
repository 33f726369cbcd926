"""
The composition root: builds every part from the settings, wires them, runs them, stops them.

Rule: this is the only place that knows all floors, and the only one that reads the machine's clock
and its environment. Nothing is decided here. Building is ordered so that the first request to a
venue leaves as early as it can; stopping so that nothing said is lost: first no new slots, then a
last word, then what is queued gets a moment to leave, then the doors close.

    settings ─► clock ─► log ─► store ─► venues ─► pollers ─► channel ─► deliverer ─► loops
"""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from watcher import logs
from watcher.channels.telegram import TelegramChannel
from watcher.domain.alert import SECOND_US, AccountState, Message, Moment
from watcher.outlets import listening, noting, open_chat, open_outbound, schedule_reports
from watcher.policy import notes
from watcher.policy.decide import decide
from watcher.policy.rehearsal import rehearse
from watcher.ports import Clock, Scheduler, Store, StoreError, Venue, VenueError
from watcher.service.clock import SteppedClock, SystemClock
from watcher.service.digest import last_seen_us, owed_from_us
from watcher.service.fund import Fund
from watcher.service.marks import Marks
from watcher.service.outbound import Outbound
from watcher.service.poll import Poller, first_waits_s
from watcher.service.schedule import ApSchedulerScheduler, SteppedScheduler
from watcher.service.supervise import Supervisor
from watcher.service.watchdog import Watchdog, notifier
from watcher.settings import ConfigError, Settings, alert_rules, reaches
from watcher.settings.hidden import secrets_of
from watcher.store.sqlite import SqliteStore
from watcher.treasury import credentials, open_funds
from watcher.venues import open_venue
from watcher.venues.ccxt_venue import Shared

HOUSEKEEPING_FIRST_S = 60.0
HOUSEKEEPING_TIMEOUT_S = 45.0
SLOT_SLACK_S = 30.0
"""A slot may start a venue (20 s), read it and look for prices: its time-out is far above all."""
DRAIN_S = 1.0
DRAIN_LOOK_S = 0.05
FALLBACK_S = 3.0
"""How much longer a stop takes where the chat cannot be told."""
FREEZE_AFTER_S = 10.0
TOKEN_BITS = 128
GAP_TOLD_S = 60.0
"""A shorter stop is an ordinary restart; a longer one is told as time nobody watched."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What was built, for the run and for stopping it."""

    clock: Clock
    store: Store
    pollers: Mapping[str, Poller]
    funds: Mapping[str, Fund]
    scheduler: Scheduler
    chat: TelegramChannel
    outbound: Outbound
    supervisor: Supervisor


def system_clock() -> SystemClock:
    """Return the machine's clock; its steady side counts suspended time where the system can."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    steady = time.monotonic_ns if boot is None else lambda: time.clock_gettime_ns(boot)
    return SystemClock(steady, time.time_ns)


def set_up_log(settings: Settings, now: Callable[[], Moment], *, level: str | None = None) -> None:
    colours = {"auto": None, "json": False, "console": True}[settings.log.format]
    logs.configure(
        stream=sys.stderr,
        level=level or settings.log.level,
        secrets=list(secrets_of(settings)),
        now=now,
        colours=colours,
    )


def open_venues(settings: Settings, shared: Shared, clock: Clock) -> dict[str, Venue]:
    """
    Return one adapter per account; nothing is sent yet. Call inside the running loop.

    Raises: `ConfigError` for a key that cannot be used.
    """
    venues = {}
    for name, account in settings.accounts.items():
        try:
            venues[name] = open_venue(
                account.venue,
                name,
                credentials(account),
                endpoint=account.endpoint,
                clock_ms=lambda: clock.now().wall_us / 1000,
                timeout_s=settings.poll.timeout / SECOND_US,
                log=log.bind(account=name),
                shared=shared,
            )
        except (VenueError, ValueError) as error:
            raise ConfigError([f"accounts.{name}.api_secret: {error}"]) from error
    return venues


def rehearsed(settings: Settings) -> Settings:
    """
    Return *settings* whose every line can fire on a sample book sliding to liquidation.

    Raises: `ConfigError` naming the lines that cannot.
    """
    problems = []
    heard: dict[str, list[str]] = {}
    for name, account in settings.accounts.items():
        rules = alert_rules(settings, name)
        # a hundred accounts with the same lines are one rehearsal
        same = repr((rules.ladders, rules.betas))
        if same not in heard:
            heard[same] = rehearse(rules)
        for complaint in heard[same]:
            measure = complaint.partition(":")[0]
            own = getattr(account.tiers, measure, None) is not None
            problems.append(f"accounts.{name}.tiers.{complaint}" if own else f"tiers.{complaint}")
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return settings


class Tokens:
    """Makes secrets: by chance, or in a stepped world from its time, so that runs repeat."""

    def __init__(self, seed: int | None) -> None:
        self._chance = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a practice world

    def token(self) -> str:
        bits = self._chance.getrandbits(TOKEN_BITS).to_bytes(TOKEN_BITS // 8, "big")
        return base64.urlsafe_b64encode(bits).decode().rstrip("=")


async def run(settings: Settings, *, clock_url: str | None = None) -> None:
    """
    Watch until SIGTERM or SIGINT.

    *clock_url* is the clock of a practice world that steps the time.

    Raises: `StoreError` when the ledger cannot be opened, `LoopsFailed` when a loop is beyond
    help, `ConfigError` for a key that cannot be used.
    """
    async with AsyncExitStack() as doors:
        clock = await doors.enter_async_context(open_clock(clock_url))
        set_up_log(settings, clock.now)
        with clock.hold():
            parts = await _build(settings, clock, doors)
            _start_loops(settings, parts)
        if isinstance(clock, SteppedClock):
            # a daemon whose practice world is gone has nothing left to watch
            clock.on_gone = parts.supervisor.stop
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, parts.supervisor.stop)
        loop.call_later(FREEZE_AFTER_S, _freeze)
        log.info("watcher.started", accounts=len(parts.pollers), process=os.getpid())
        try:
            await parts.supervisor.run()
        finally:
            await _stop(settings, parts)
    log.info("watcher.stopped")


@asynccontextmanager
async def open_clock(url: str | None) -> AsyncIterator[Clock]:
    """Open the clock of the practice world at *url*, or the machine's own."""
    if url is None:
        yield system_clock()
        return
    try:
        clock = await SteppedClock.open(url)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise ConfigError([f"--clock: no practice clock answers at {url}"]) from error
    try:
        yield clock
    finally:
        await clock.close()


async def _build(settings: Settings, clock: Clock, doors: AsyncExitStack) -> Parts:
    store = await SqliteStore.open(Path(settings.state_dir), reaches(settings))
    doors.push_async_callback(store.close)
    states = await store.load()
    moved = await store.chats_moved()
    configured = settings.telegram.chat_id or 0
    chat = open_chat(settings, moved.get(configured, configured), noting(store))
    doors.push_async_callback(chat.close)
    stepped = isinstance(clock, SteppedClock)
    ids = Tokens(clock.now().steady_us if stepped else None)
    outbound = await open_outbound(settings, chat, store, clock, ids, doors)
    shared = Shared()
    doors.push_async_callback(shared.close)
    venues = open_venues(settings, shared, clock)
    for venue in venues.values():
        doors.push_async_callback(venue.close)
    funds = open_funds(settings, shared, store, outbound, clock, doors)
    pollers = _pollers(settings, venues, states, store, outbound, clock, funds)
    scheduler: Scheduler = SteppedScheduler(clock) if stepped else ApSchedulerScheduler(clock)
    timeout_s = settings.poll.timeout / SECOND_US + SLOT_SLACK_S
    waits = first_waits_s(len(pollers), settings.poll.calm / SECOND_US)
    for (name, poller), first_s in zip(pollers.items(), waits, strict=True):
        scheduler.every(f"poll:{name}", poller.slot, first_s=first_s, timeout_s=timeout_s)
        scheduler.every(
            f"housekeeping:{name}",
            poller.housekeep,
            first_s=HOUSEKEEPING_FIRST_S + first_s,
            timeout_s=HOUSEKEEPING_TIMEOUT_S,
        )
    owed_us = owed_from_us(last_seen_us(states.values()), clock.now())
    schedule_reports(settings, scheduler, pollers, store, outbound, clock, owed_us)
    try:
        for said in _first_words(settings, store, states, clock.now()):
            await store.say(said)
    except StoreError as error:
        # a greeting is no reason not to watch
        log.warning("greeting.missed", reason=str(error))
    return Parts(
        clock=clock,
        store=store,
        pollers=pollers,
        funds=funds,
        scheduler=scheduler,
        chat=chat,
        outbound=outbound,
        supervisor=Supervisor(clock),
    )


def _pollers(
    settings: Settings,
    venues: Mapping[str, Venue],
    states: Mapping[str, AccountState],
    store: Store,
    outbound: Outbound,
    clock: Clock,
    funds: Mapping[str, Fund],
) -> dict[str, Poller]:
    marks = Marks()
    return {
        name: Poller(
            venue=venue,
            rules=alert_rules(settings, name),
            state=states.get(name) or AccountState(account=name),
            decide=decide,
            store=store,
            outlet=outbound,
            clock=clock,
            marks=marks,
            deadline_s=settings.poll.timeout / SECOND_US,
            onlooker=funds[name].seen if name in funds else None,
        )
        for name, venue in venues.items()
    }


def _first_words(
    settings: Settings, store: SqliteStore, states: Mapping[str, AccountState], now: Moment
) -> Iterator[Message]:
    names = list(settings.accounts)
    last_us = last_seen_us(states[name] for name in names if name in states)
    gap_s = (now.steady_us - last_us) / SECOND_US
    if last_us == 0:
        yield notes.started(names, now, zone=settings.timezone)
    elif gap_s > GAP_TOLD_S:
        yield notes.restarted(names, now, zone=settings.timezone, down_s=gap_s)
    for number, words in enumerate(store.notes):
        log.warning("store.noted", reason=words)
        yield notes.trouble("the memory of watcher", [words], now, subject=f"store:{number}")


def _start_loops(settings: Settings, parts: Parts) -> None:
    supervisor = parts.supervisor
    watchdog = Watchdog(
        clock=parts.clock,
        store=parts.store,
        slots=parts.pollers,
        outbound=parts.outbound,
        notify=notifier(os.environ.get("NOTIFY_SOCKET")),
        warm=parts.chat.warm,
    )
    supervisor.keep("schedule", parts.scheduler.run)
    for deliverer in parts.outbound.deliverers:
        supervisor.keep(f"deliver:{deliverer.road.road}", deliverer.run)
    for name, fund in parts.funds.items():
        supervisor.keep(f"fund:{name}", fund.run, vital=False)
    supervisor.keep("watchdog", watchdog.run)
    if settings.telegram.allowed_users or settings.telegram.viewers:
        listen = listening(
            settings, parts.pollers, parts.funds, parts.store, parts.outbound, parts.clock
        )
        supervisor.keep("commands", listen, vital=False, tracked=False)


async def _stop(settings: Settings, parts: Parts) -> None:
    """Take no new slot, say that nobody watches, let what is queued leave, end the loops."""
    for fund in parts.funds.values():
        fund.stop()
    await parts.supervisor.cancel("schedule", "commands", "watchdog")
    now = parts.clock.now()
    last = notes.stopped(list(settings.accounts), now, zone=settings.timezone)
    try:
        await parts.store.say(last)
        parts.outbound.wake()
        await _drained(parts)
        await _told_further(parts.outbound, last)
    except StoreError as error:
        log.warning("farewell.missed", reason=str(error))
    parts.outbound.stop()
    await parts.supervisor.finish()


async def _drained(parts: Parts) -> None:
    """Wait until the outbox is empty or `DRAIN_S` have passed; what stays is sent at next start."""
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end:
        if (await parts.store.backlog()).waiting == 0:
            return
        await asyncio.sleep(DRAIN_LOOK_S)


async def _told_further(outbound: Outbound, last: Message) -> None:
    """Tell the fallback that nobody watches where the chat could not be told."""
    fallback = outbound.instead(last)
    end = time.monotonic() + FALLBACK_S
    while fallback is not None and time.monotonic() < end:
        if last.key in fallback.rows.sent:
            return
        await asyncio.sleep(DRAIN_LOOK_S)


def _freeze() -> None:
    # what is alive after start stays alive: the collector need not walk it again
    gc.collect()
    gc.freeze()
