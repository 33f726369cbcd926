"""
Who runs the poll slots: APScheduler in production, a plain loop in simulation.

Rule: a job never overlaps itself, has a time-out, and is armed again after every end, be it an
answer, an error or a time-out; the wait is the job's own answer. APScheduler fires by the wall
clock, so a clock set back would pause it for as long: `run` compares every job with the steady
clock and arms the late ones anew.

No job is judged here; a job that raises is logged and runs again after `RETRY_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from watcher.domain.alert import SECOND_US
from watcher.ports import Bell, Clock

RETRY_S = 5.0
GUARD_S = 2.0
LATE_S = 3.0
WAIT_MIN_S = 0.05

log = structlog.get_logger()

Work = Callable[[], Awaitable[float]]


@dataclass(slots=True, kw_only=True)
class _Job:
    name: str
    work: Work
    first_s: float
    timeout_s: float
    due_us: int = 0
    running: bool = False


async def _attempt(job: _Job) -> float:
    """Run *job* once and return its next wait; nothing but a cancellation gets out."""
    try:
        async with asyncio.timeout(job.timeout_s):
            return max(WAIT_MIN_S, await job.work())
    except TimeoutError:
        log.error("job.overdue", job=job.name, timeout_s=job.timeout_s)  # noqa: TRY400 - no defect, no trace
    except Exception:
        log.exception("job.failed", job=job.name)
    return RETRY_S


class ApSchedulerScheduler:
    """The `Scheduler` port on APScheduler: each slot a date-triggered job, armed anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._stopped = Bell()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._scheduler.add_listener(
            self._troubled, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )

    def every(self, name: str, job: Work, *, first_s: float = 0.0, timeout_s: float = 60.0) -> None:
        assert name not in self._jobs, f"job {name} exists"
        added = _Job(name=name, work=job, first_s=first_s, timeout_s=timeout_s)
        self._jobs[name] = added
        if self._scheduler.running:
            self._arm(added, first_s)

    async def run(self) -> None:
        self._scheduler.start()
        for job in self._jobs.values():
            self._arm(job, job.first_s)
        try:
            while not await self._clock.wait(self._stopped, GUARD_S):
                self._guard()
        finally:
            self._scheduler.shutdown(wait=False)

    async def stop(self) -> None:
        self._stopped.ring()

    def _arm(self, job: _Job, wait_s: float) -> None:
        now = self._clock.now()
        job.due_us = now.steady_us + round(wait_s * SECOND_US)
        at = datetime.fromtimestamp(now.wall_us / SECOND_US + wait_s, UTC)
        self._scheduler.add_job(
            self._fire, "date", run_date=at, args=[job.name], id=job.name, replace_existing=True
        )

    async def _fire(self, name: str) -> None:
        job = self._jobs[name]
        if job.running:
            return
        job.running = True
        try:
            wait_s = await _attempt(job)
        except asyncio.CancelledError:
            # the library cancels running jobs at shutdown and would log each as a failure; the
            # cancelled task ends here in any case
            return
        finally:
            job.running = False
        self._arm(job, wait_s)

    def _guard(self) -> None:
        late_us = self._clock.now().steady_us - round(LATE_S * SECOND_US)
        for job in self._jobs.values():
            if not job.running and job.due_us < late_us:
                log.warning("job.rearmed", job=job.name, late_s=LATE_S)
                self._arm(job, 0.0)

    def _troubled(self, event: Any) -> None:  # noqa: ANN401 - APScheduler has no types
        log.warning("job.troubled", job=str(event.job_id), code=int(event.code))


class SteppedScheduler:
    """The `Scheduler` port as one plain loop per job, for a stepped clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = Bell()
        self._started = False

    def every(self, name: str, job: Work, *, first_s: float = 0.0, timeout_s: float = 60.0) -> None:
        assert name not in self._jobs, f"job {name} exists"
        added = _Job(name=name, work=job, first_s=first_s, timeout_s=timeout_s)
        self._jobs[name] = added
        if self._started:
            self._tasks.append(self._clock.spawn(self._loop(added), name=name))

    async def run(self) -> None:
        self._started = True
        self._tasks += [
            self._clock.spawn(self._loop(job), name=job.name) for job in self._jobs.values()
        ]
        try:
            while not await self._clock.wait(self._stopped, 3600.0):
                pass
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        self._stopped.ring()

    async def _loop(self, job: _Job) -> None:
        wait_s = job.first_s
        while True:
            await self._clock.sleep(wait_s)
            wait_s = await _attempt(job)
