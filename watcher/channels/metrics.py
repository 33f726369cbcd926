"""
The page of numbers, for this machine: `/healthz` says whether the work is done, `/metrics` all
numbers as Prometheus reads them (text format 0.0.4).

Rule: a port of the loopback or a socket file of this user, nothing else; two pages that are read,
no verb that changes anything, no secret, no amount. Whatever asks under another host's name is
turned away: a web page open in a browser here could else read along. A number that is not known is
left out. A place that is taken is tried again: watching does not wait for being looked at.

Imported only where such a page is wanted.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from prometheus_client import Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from watcher.domain.alert import SECOND_US, Tier
from watcher.domain.gauges import AccountGauge, Gauges, MoneyGauge, RoadGauge, WeightGauge
from watcher.ports import Shown

RETRY_S = 30.0
FRESH_S = 1.0
"""Who asks more often gets the same numbers again."""
UNIX = "unix:"

log = structlog.get_logger()


class Page:
    """
    `run` shows what *shown* says at *listen* until cancelled.

    *build* are the labels of the build, *started_us* (wall time) is when watching began.
    """

    def __init__(
        self, listen: str, shown: Shown, *, build: Mapping[str, str], started_us: int
    ) -> None:
        self._listen = listen
        self._shown = shown
        self._build = build
        self._started_us = started_us
        self._turn = asyncio.Lock()
        self._last: tuple[float, Gauges] | None = None
        self._told = ""

    async def run(self) -> None:
        while True:
            try:
                await self._serve()
            except OSError as error:
                self._unserved(error)
            await asyncio.sleep(RETRY_S)

    async def _serve(self) -> None:
        app = web.Application(middlewares=[_local_only])
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await self._site(runner).start()
            log.info("metrics.served", listen=self._listen)
            self._told = ""
            try:
                await asyncio.Event().wait()
            finally:
                # only what a start of ours has put there: what kept it from starting stays
                self._leave()
        finally:
            await runner.cleanup()

    def _site(self, runner: web.AppRunner) -> web.BaseSite:
        if self._listen.startswith(UNIX):
            return web.UnixSite(runner, self._listen.removeprefix(UNIX))
        place = urlsplit(f"//{self._listen}")
        return web.TCPSite(runner, place.hostname, place.port)

    def _leave(self) -> None:
        if self._listen.startswith(UNIX):
            path = Path(self._listen.removeprefix(UNIX))
            with contextlib.suppress(OSError):
                # somebody may have put a file in its place since
                if stat.S_ISSOCK(path.lstat().st_mode):
                    path.unlink()

    def _unserved(self, error: OSError) -> None:
        reason = errno.errorcode.get(error.errno or 0, type(error).__name__)
        fix = "see that the place is there and this user may use it"
        if error.errno == errno.EADDRINUSE and self._listen.startswith(UNIX):
            # a socket left behind is replaced; what is in the way is something else
            reason = "something that is no socket stands there"
            fix = "see what it is, move it away or set another metrics.listen; it is left alone"
        elif error.errno == errno.EADDRINUSE:
            port = self._listen.rpartition(":")[2]
            reason = "taken by another program"
            fix = f"see whose it is (ss -ltnp 'sport = :{port}'), or set another metrics.listen"
        if reason != self._told:
            log.warning("metrics.unserved", listen=self._listen, reason=reason, fix=fix)
        self._told = reason

    async def _gauges(self) -> Gauges:
        loop = asyncio.get_running_loop()
        async with self._turn:
            if self._last is None or loop.time() - self._last[0] > FRESH_S:
                self._last = (loop.time(), await self._shown.gauges())
            return self._last[1]

    async def _healthz(self, _request: web.Request) -> web.Response:
        wrong = (await self._gauges()).sign.wrong
        if wrong:
            return web.Response(text="".join(f"{code}\n" for code in wrong), status=503)
        return web.Response(text="ok\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        gauges = await self._gauges()
        families = _Families(lambda: families_of(gauges, self._build, self._started_us))
        return web.Response(
            body=generate_latest(families),
            headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4},
        )


@web.middleware
async def _local_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise web.HTTPForbidden(text="only for this machine\n")
    answer = await handler(request)
    answer.headers["Server"] = "watcher"
    answer.headers["Cache-Control"] = "no-store"
    return answer


class _Families:
    """What the library asks for its families."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


# -- the families ----------------------------------------------------------------------------------


def families_of(gauges: Gauges, build: Mapping[str, str], started_us: int) -> Iterator[Metric]:
    """Yield every family of numbers, each with what is known of it."""
    yield from _pools(gauges.accounts)
    yield from _accounts(gauges.accounts)
    yield from _weights(gauges.weights)
    yield from _roads(gauges.roads)
    yield from _money(gauges.money)
    yield from _daemon(gauges, build)
    yield from _process(gauges.resident_bytes, started_us)


def _gauge(name: str, words: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=list(labels))


def _pools(accounts: Iterable[AccountGauge]) -> Iterator[Metric]:
    labels = ("account", "venue", "pool")
    distance = _gauge(
        "watcher_distance_percent",
        "Adverse move of prices to liquidation; absent: not known, or nothing at risk.",
        labels,
    )
    health = _gauge(
        "watcher_health_ratio", "Equity over what it must stay above; 1 is liquidation.", labels
    )
    level = _gauge(
        "watcher_margin_level_percent", "Assets over debt, or equity over used margin.", labels
    )
    tier = _gauge(
        "watcher_tier", "Alert tier: 0 calm, 1 watch, 2 warning, 3 critical, 4 emergency.", labels
    )
    state = _gauge("watcher_tier_state", "1 for the tier a pool is in, by name.", (*labels, "tier"))
    for account in accounts:
        for pool in account.pools:
            where = [account.account, account.venue, pool.pool]
            for family, value in (
                (distance, pool.distance),
                (health, pool.health),
                (level, pool.margin_level),
            ):
                if value is not None:
                    family.add_metric(where, value)
            tier.add_metric(where, pool.tier)
            for each in Tier:
                state.add_metric([*where, each.name.lower()], each is pool.tier)
    yield from (distance, health, level, tier, state)


def _accounts(accounts: Iterable[AccountGauge]) -> Iterator[Metric]:
    labels = ("account", "venue")
    age = _gauge(
        "watcher_reading_age_seconds", "Age of the last whole reading; absent: none yet.", labels
    )
    blind = _gauge("watcher_account_blind", "1 while the account counts as blind.", labels)
    seen = _gauge("watcher_account_seen", "1 while the reading is within its allowed age.", labels)
    last = _gauge(
        "watcher_reading_last_duration_seconds", "How long the last reading took.", labels
    )
    took = HistogramMetricFamily(
        "watcher_reading_duration_seconds",
        "How long whole readings took, from the first request to the last answer.",
        labels=labels,
    )
    missed = CounterMetricFamily(
        "watcher_readings_missed", "Slots without a reading, by reason.", labels=(*labels, "kind")
    )
    for each in accounts:
        where = [each.account, each.venue]
        if each.age_s is not None:
            age.add_metric(where, each.age_s)
        blind.add_metric(where, each.blind)
        seen.add_metric(where, each.seen)
        if each.readings.last_s is not None:
            last.add_metric(where, each.readings.last_s)
        buckets = [(str(bound), float(count)) for bound, count in each.readings.within]
        took.add_metric(
            where, [*buckets, ("+Inf", float(each.readings.count))], sum_value=each.readings.sum_s
        )
        for kind, count in each.misses.items():
            missed.add_metric([*where, kind], count)
    yield from (age, blind, seen, last, took, missed)


def _weights(weights: Iterable[WeightGauge]) -> Iterator[Metric]:
    labels = ("venue", "budget", "endpoint")
    used = _gauge(
        "watcher_venue_weight_used", "Request weight used in the window that runs.", labels
    )
    limit = _gauge("watcher_venue_weight_limit", "Request weight allowed in one window.", labels)
    for each in weights:
        where = [each.venue, each.budget, each.endpoint]
        used.add_metric(where, each.used)
        limit.add_metric(where, each.limit)
    yield from (used, limit)


def _roads(roads: Iterable[RoadGauge]) -> Iterator[Metric]:
    labels = ("road",)
    waiting = _gauge("watcher_messages_waiting", "Messages that have not left yet.", labels)
    lost = _gauge("watcher_messages_abandoned", "Messages the far side will never take.", labels)
    refused = _gauge("watcher_road_refused", "1 while the road takes no message at all.", labels)
    age = _gauge(
        "watcher_delivery_age_seconds",
        "How long ago a message was last confirmed; absent: never.",
        labels,
    )
    failed = CounterMetricFamily(
        "watcher_delivery_failures", "Tries to deliver that failed.", labels=labels
    )
    for each in roads:
        for family, value in (
            (waiting, each.waiting),
            (lost, each.abandoned),
            (refused, each.refused),
            (age, each.delivered_s),
        ):
            if value is not None:
                family.add_metric([each.road], value)
        failed.add_metric([each.road], each.failed)
    yield from (waiting, lost, refused, age, failed)


def _money(money: MoneyGauge | None) -> Iterator[Metric]:
    held = _gauge("watcher_money_held", "1 while this holds all money.", ("by",))
    steps = _gauge(
        "watcher_topups_open", "Top-ups that are not over, by progress.", ("account", "progress")
    )
    if money is not None:
        for by, holds in money.held.items():
            held.add_metric([by], holds)
        for (account, progress), count in money.open.items():
            steps.add_metric([account, progress], count)
    yield from (held, steps)


def _daemon(gauges: Gauges, build: Mapping[str, str]) -> Iterator[Metric]:
    sign = gauges.sign
    healthy = _gauge("watcher_healthy", "1 while nothing is wrong, as /healthz says.")
    healthy.add_metric([], not sign.wrong)
    fault = _gauge("watcher_fault", "1 for each thing that is wrong now.", ("check",))
    for code in sign.wrong:
        fault.add_metric([code], 1)
    safe = _gauge("watcher_safe_mode", "1 after repeated crashes: no money, slow polls.")
    safe.add_metric([], gauges.safe_mode)
    lag = _gauge(
        "watcher_loop_lag_seconds", "What one beat in a hundred of the last minute was late by."
    )
    if gauges.lag_p99_s is not None:
        lag.add_metric([], gauges.lag_p99_s)
    late = CounterMetricFamily("watcher_loop_late", "Beats more than a second late.")
    if gauges.late_beats is not None:
        late.add_metric([], gauges.late_beats)
    info = _gauge("watcher_build_info", "1; what runs here is in the labels.", build)
    info.add_metric(list(build.values()), 1)
    yield from (healthy, fault, safe, lag, late, info)


def _process(resident_bytes: int | None, started_us: int) -> Iterator[Metric]:
    memory = _gauge("process_resident_memory_bytes", "Memory of the daemon, without its children.")
    if resident_bytes is not None:
        memory.add_metric([], resident_bytes)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    cpu = CounterMetricFamily("process_cpu_seconds", "Processor time used since the start.")
    cpu.add_metric([], spent.ru_utime + spent.ru_stime)
    start = _gauge(
        "watcher_start_time_seconds", "When watching began, or began anew with `watcher reload`."
    )
    start.add_metric([], started_us / SECOND_US)
    yield from (memory, cpu, start)
