"""
The composition root: opens everything outside from the settings, runs the service over it, closes.

Rule: this is the only place that knows all floors, and the only one that reads the machine's clock
and its environment. Nothing is decided here. Opening is ordered so that the first request to a
venue leaves as early as it can.

    settings ─► clock ─► log ─► store ─► chat and other roads ─► venues ─► assembly ─► loops
"""

from __future__ import annotations

import asyncio
import base64
import os
import platform
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from secrets import SystemRandom

import aiohttp
import structlog

from watcher import logs
from watcher.assembly import Outside
from watcher.channels.heartbeat import HttpPing
from watcher.domain.alert import SECOND_US, Moment
from watcher.lives import Lives
from watcher.outlets import Ear, hear, noting, open_chat, open_roads
from watcher.ports import Clock, Ping, Scheduler, Shown, Venue, VenueError
from watcher.service.clock import SteppedClock, SystemClock
from watcher.service.lag import LagProbe
from watcher.service.schedule import ApSchedulerScheduler, SteppedScheduler
from watcher.service.watchdog import notifier
from watcher.settings import ConfigError, Settings, destinations, reaches
from watcher.settings.hidden import secrets_of, told
from watcher.store.sqlite import SqliteStore
from watcher.store.starts import Starts
from watcher.treasury import credentials, open_moneys
from watcher.venues import open_venue, weights_of
from watcher.venues.ccxt_venue import Shared

TOKEN_BITS = 128

log = structlog.get_logger()


def system_clock() -> SystemClock:
    """Return the machine's clock; its steady side counts suspended time where the system can."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    steady = time.monotonic_ns if boot is None else lambda: time.clock_gettime_ns(boot)
    return SystemClock(steady, time.time_ns)


def set_up_log(
    settings: Settings,
    now: Callable[[], Moment],
    *,
    level: str | None = None,
    secrets: Iterable[str] | None = None,
) -> None:
    """Set up the log without the secrets of *settings*, or without *secrets* where given."""
    colours = {"auto": None, "json": False, "console": True}[settings.log.format]
    logs.configure(
        stream=sys.stderr,
        level=level or settings.log.level,
        secrets=list(secrets_of(settings) if secrets is None else secrets),
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
                clock=clock.now,
                timeout_s=settings.poll.timeout / SECOND_US,
                log=log.bind(account=name),
                shared=shared,
            )
        except (VenueError, ValueError) as error:
            raise ConfigError([f"accounts.{name}.api_secret: {error}"]) from error
    return venues


class Tokens:
    """Makes secrets: by chance, or in a stepped world from its time, so that runs repeat."""

    def __init__(self, seed: int | None) -> None:
        self._chance = SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - a practice world

    def token(self) -> str:
        bits = self._chance.getrandbits(TOKEN_BITS).to_bytes(TOKEN_BITS // 8, "big")
        return base64.urlsafe_b64encode(bits).decode().rstrip("=")


async def run(
    settings: Settings, *, again: Callable[[], Settings], clock_url: str | None = None
) -> None:
    """
    Watch until SIGTERM, SIGINT or the end of the terminal; at SIGHUP go on with what *again* reads.

    *clock_url* is the clock of a practice world that steps the time.

    Raises: `StoreError` when the ledger cannot be opened, `LoopsFailed` when a loop is beyond
    help, `ConfigError` for a key that cannot be used.
    """
    async with AsyncExitStack() as doors:
        clock = await doors.enter_async_context(open_clock(clock_url))
        known = set(secrets_of(settings))
        set_up_log(settings, clock.now, secrets=known)
        with clock.hold():
            starts = Starts(Path(settings.state_dir))
            store = await SqliteStore.open(Path(settings.state_dir), reaches(settings))
            doors.push_async_callback(store.close)
            await store.lead(destinations(settings))
            shared = Shared()
            doors.push_async_callback(shared.close)

        async def opening(latest: Settings, inner: AsyncExitStack) -> Outside:
            return await _open_outside(latest, clock, store, shared, starts, inner)

        def relog(level: Settings, *hidden: Settings) -> None:
            # what was a secret once is never printed, whatever holds now
            known.update(secret for each in hidden for secret in secrets_of(each))
            set_up_log(level, clock.now, secrets=known)

        lives = Lives(clock=clock, store=store, opening=opening, again=again, relog=relog)
        if isinstance(clock, SteppedClock):
            # a daemon whose practice world is gone has nothing left to watch
            clock.on_gone = lives.stop
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lives.stop)
        loop.add_signal_handler(signal.SIGHUP, _on_hang_up(lives))
        await lives.run(settings, crashes=starts.note(clock.now()))
        starts.forget()  # told to stop: no crash
    log.info("watcher.stopped")


def _on_hang_up(lives: Lives) -> Callable[[], None]:
    """Return what SIGHUP does: read the settings again, or stop where our terminal was closed."""
    kept_on = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # by nohup
    had = _has_terminal() and not kept_on

    def hang_up() -> None:
        if had and not _has_terminal():
            lives.stop()
        else:
            lives.reload()

    return hang_up


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def _open_outside(
    settings: Settings,
    clock: Clock,
    store: SqliteStore,
    shared: Shared,
    starts: Starts,
    doors: AsyncExitStack,
) -> Outside:
    moved = await store.chats_moved()
    configured = settings.telegram.chat_id or 0
    chat = open_chat(settings, moved.get(configured, configured), noting(store))
    doors.push_async_callback(chat.close)
    channels = await open_roads(settings, chat, store, doors)
    venues = open_venues(settings, shared, clock)
    for venue in venues.values():
        doors.push_async_callback(venue.close)
    stepped = isinstance(clock, SteppedClock)
    scheduler: Scheduler = SteppedScheduler(clock) if stepped else ApSchedulerScheduler(clock)
    return Outside(
        clock=clock,
        scheduler=scheduler,
        store=store,
        venues=venues,
        moneys=open_moneys(settings, shared, clock, doors),
        channels=channels,
        ids=Tokens(clock.now().steady_us if stepped else None),
        warm=chat.warm,
        notify=notifier(os.environ.get("NOTIFY_SOCKET")),
        lag=None if stepped else LagProbe(clock),
        resident=resident_bytes,
        ear=_ear(settings, store, clock),
        ping=_ping(settings, doors),
        settled=starts.forget,
        page=_page(settings, clock),
        weights=lambda: weights_of(shared),
    )


def resident_bytes() -> int | None:
    """Return the memory this process uses, without its children; None on a system without /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _ping(settings: Settings, doors: AsyncExitStack) -> Ping | None:
    if settings.heartbeat.url is None:
        return None
    ping = HttpPing(told(settings.heartbeat.url))
    doors.push_async_callback(ping.close)
    return ping


def _page(settings: Settings, clock: Clock) -> Callable[[Shown], Awaitable[None]] | None:
    listen = settings.metrics.listen
    if listen is None:
        return None
    started_us = clock.now().wall_us

    async def show(numbers: Shown) -> None:
        # a page nobody wants costs neither the memory nor the time of its libraries
        from watcher.channels.metrics import Page  # noqa: PLC0415 - see above

        build = {
            "version": version("watcher"),
            "python": platform.python_version(),
            "ccxt": version("ccxt"),
        }
        await Page(listen, numbers, build=build, started_us=started_us).run()

    return show


def _ear(settings: Settings, store: SqliteStore, clock: Clock) -> Ear | None:
    if not settings.telegram.allowed_users and not settings.telegram.viewers:
        return None
    return lambda answerer, outbound: hear(settings, answerer, store, outbound, clock)


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
