"""
One run in a process of its own: a job goes in, plain figures come out.

Rule: whatever happens in a run comes back as a `Played`, a defect of the simulation too; nothing of
it depends on which process played it, but for the seconds it took. The files of a run lie in memory
where the machine has room there, and are gone with it.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from watcher.domain.alert import MINUTE_US, Tier
from watcher.storm.history import History
from watcher.storm.oracles import blindness, danger, judged, noise, rest
from watcher.storm.packs import PACKS
from watcher.storm.scenes import NoRecords
from watcher.storm.trial import Plan, Trial
from watcher.storm.weather import Fault

STORM = "STORM"
"""The name of a run that is drawn from its seed alone."""
HOUR_US = 60 * MINUTE_US
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a drawn name is made in it
HASH_SEED = "PYTHONHASHSEED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run to play; *hours* are a storm's, a pack has its own."""

    seed: int
    hours: float
    pack: str = STORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """
    How long before its liquidation an account was first called critical; None: never. `away`: the
    distance it began at, in percent.
    """

    account: str
    seed: int
    away: float
    minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of one run. `broken`: it could not be played to its end, and why."""

    job: Job
    skipped: str = ""
    broken: str = ""
    trace: str = ""
    simulated_h: float = 0.0
    cpu_s: float = 0.0
    fired: dict[str, int] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)
    violations: dict[str, list[str]] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    blind_late_s: list[float] = field(default_factory=list)
    converged_s: float = 0.0
    worst_minute: int = 0
    duplicates: int = 0
    leads: list[Lead] = field(default_factory=list)
    last: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.broken and not any(self.violations.values())


def play(job: Job) -> Played:
    """Play *job* from beginning to end and judge it."""
    began_s = time.process_time()
    try:
        plan = PACKS[job.pack].plan(job.seed) if job.pack in PACKS else _storm(job)
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            history = Trial(plan, Path(folder)).play()
            return _figures(job, history, began_s)
    except NoRecords as reason:
        return Played(job=job, skipped=str(reason))
    except BaseException as error:
        # a run that breaks is a finding, not the end of the others
        if isinstance(error, KeyboardInterrupt):
            raise
        return Played(job=job, broken="".join(traceback.format_exception(error)[-6:]))


def played(jobs: Sequence[Job], *, workers: int, hash_seed: int) -> Iterator[Played]:
    """Play *jobs* on *workers* processes whose sets and dictionaries hash by *hash_seed*."""
    before = os.environ.get(HASH_SEED)
    os.environ[HASH_SEED] = str(hash_seed)
    try:
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=workers, mp_context=fresh) as pool:
            yield from pool.map(play, jobs)
    finally:
        if before is None:
            del os.environ[HASH_SEED]
        else:
            os.environ[HASH_SEED] = before


def _storm(job: Job) -> Plan:
    return Plan(seed=job.seed, hours=job.hours)


def _figures(job: Job, history: History, began_s: float) -> Played:
    verdicts = judged(history)
    violations = {one.name: one.violations for one in verdicts if one.violations}
    return Played(
        job=job,
        trace=history.journal.trace,
        simulated_h=(history.until_us - history.from_us) / HOUR_US,
        fired={fault.value: history.weather.fired[fault] for fault in Fault},
        checks={one.name: one.checks for one in verdicts},
        violations=violations,
        latencies_s=list(danger.latencies_s(history)),
        blind_late_s=list(blindness.lateness_s(history)),
        converged_s=rest.converged_s(history),
        worst_minute=noise.worst_minute(history),
        duplicates=noise.duplicates(history),
        leads=list(_leads(job, history)),
        last=history.journal.last() if violations else [],
        cpu_s=time.process_time() - began_s,
    )


def _leads(job: Job, history: History) -> Iterator[Lead]:
    for name in history.accounts:
        acts = history.truth.liquidations(name)
        if not acts:
            continue
        gone_us = acts[0].at_us
        told = (
            one.at_us
            for one in history.said_of(name)
            if (one.tier or Tier.CALM) >= Tier.CRITICAL and one.at_us <= gone_us
        )
        first_us = next(told, None)
        yield Lead(
            account=name,
            seed=job.seed,
            away=round(history.truth.at(name, history.from_us).distance, 2),
            minutes=None if first_us is None else round((gone_us - first_us) / MINUTE_US, 2),
        )
