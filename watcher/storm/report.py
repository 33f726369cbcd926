"""
What many runs add up to: a line for each pack, a line for the storm, and a total.

Rule: every figure beside its target, nothing left out that missed one. A fault that never fired and
an oracle that never had anything to check are findings of their own: they prove nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from watcher.storm.packs import FAR, PACKS
from watcher.storm.play import STORM, Lead, Played
from watcher.storm.weather import Fault

Line = dict[str, Any]

CRITICAL_S: Mapping[str, float] = {"p50": 4.0, "p99": 12.0, "max": 20.0}
BLIND_LATE_MAX_S = 15.0
CONVERGENCE_P99_S = 30.0
LEAD_MIN = 10.0
KILLS_MIN = 10
DAYS_PER_CPU_MINUTE_MIN = 1.5
FULL_RUNS = 40
"""From so many storms on, with the packs, every fault has to have fired and every oracle looked."""


def line_of(name: str, runs: Sequence[Played]) -> Line:
    """Return the line of the runs of one pack, or of the storm."""
    skipped = next((one.skipped for one in runs if one.skipped), "")
    if skipped:
        return {"pack": name, "skipped": skipped}
    line: Line = {"pack": name, "seeds": len(runs), **_figures(runs)}
    if name in PACKS and PACKS[name].historic:
        line["lead"] = _lead([lead for one in runs for lead in one.leads])
    return line


def total_of(runs: Sequence[Played], again: Sequence[Played]) -> Line:
    """Return the total over all *runs*; *again* are some of them played a second time."""
    good = [one for one in runs if not one.skipped]
    first = {one.job: one.trace for one in good}
    equal = sum(first[one.job] == one.trace != "" for one in again)
    fired = _added(one.fired for one in good)
    return {
        "total": True,
        "seeds": len(good),
        **_figures(good),
        "fault_types": {"fired": sum(map(bool, fired.values())), "defined": len(Fault)},
        "never_fired": [fault.value for fault in Fault if not fired[fault.value]],
        "never_checked": sorted(name for name, n in _added(_checks(good)).items() if not n),
        "determinism": {"played_twice": len(again), "equal": equal},
    }


def failures_of(lines: Sequence[Line], total: Line) -> list[str]:
    """Return in words what was not as it has to be; nothing: the storm was survived."""
    found = [f"{n} violations of {name}" for name, n in total["violations"].items()]
    found += [f"broken: {total['broken']} runs"] * bool(total["broken"])
    twice = total["determinism"]
    if twice["equal"] != twice["played_twice"]:
        found.append(f"{twice['played_twice'] - twice['equal']} seeds played twice differ")
    found += _too_slow(total)
    storms = next((line["seeds"] for line in lines if line["pack"] == STORM), 0)
    if storms >= FULL_RUNS and total["kills"] < KILLS_MIN:
        found.append(f"{total['kills']} kills, expected {KILLS_MIN} or more")
    if storms >= FULL_RUNS and len(lines) > 1:
        found += [f"never fired: {name}" for name in total["never_fired"]]
        found += [f"never checked: {name}" for name in total["never_checked"]]
    for line in lines:
        lead = line.get("lead", {}).get("far_median_min")
        if lead is not None and lead < LEAD_MIN:
            found.append(f"{line['pack']}: median lead {lead} min, expected {LEAD_MIN:g}")
    return found


def story_of(run: Played) -> list[str]:
    """Return what to read of a run that failed: its seed, what it broke first, what came last."""
    head = f"{run.job.pack} seed {run.job.seed}, {run.job.hours:g} h"
    if run.broken:
        return [f"{head}: could not be played", *run.broken.splitlines()]
    name, found = next(iter(run.violations.items()))
    others = sum(map(len, run.violations.values())) - 1
    return [f"{head}: {found[0]} (first of {name}; {others} more)", *run.last]


def words_of(line: Line) -> str:
    """Return *line* as a person reads it."""
    name = line.get("pack", "total")
    if "skipped" in line:
        return f"{name}: skipped, {line['skipped']}"
    spread, lead = line["critical_latency_s"] or {}, line.get("lead", {})
    told = "/".join(str(spread[each]) for each in CRITICAL_S) if spread else "none"
    words = [
        f"{name}: {line['seeds']} seeds, {line['simulated_days']} days",
        f"{line['faults']} faults, {line['kills']} kills",
        f"{sum(line['checks'].values())} checks, {sum(line['violations'].values())} violations",
        f"critical told after {told} s",
        f"{line['days_per_cpu_minute']} days a CPU minute",
    ]
    if lead:
        words.append(f"median lead {lead['far_median_min']} min of {lead['far']}")
    if "determinism" in line:
        twice = line["determinism"]
        words.append(f"{twice['equal']} of {twice['played_twice']} played twice are equal")
    return ", ".join(words)


# ── figures ─────────────────────────────────────────────────────────────────────────────────


def _figures(runs: Sequence[Played]) -> Line:
    fired = _added(one.fired for one in runs)
    days = sum(one.simulated_h for one in runs) / 24
    cpu_s = sum(one.cpu_s for one in runs)
    whole = [one for one in runs if not one.broken]
    late = [value for one in runs for value in one.blind_late_s]
    return {
        "simulated_days": round(days, 2),
        "faults": sum(fired.values()),
        "kills": fired[Fault.KILL.value],
        "checks": dict(_added(_checks(whole))),
        "violations": dict(_added(_counts(whole))),
        "broken": len(runs) - len(whole),
        "critical_latency_s": _spread([value for one in runs for value in one.latencies_s]),
        "blind_late_max_s": round(max(late), 2) if late else None,
        "convergence_p99_s": _at([one.converged_s for one in whole], 0.99),
        "false_all_clears": sum(
            len(found)
            for one in runs
            for name, found in one.violations.items()
            if name.startswith("I11")
        ),
        "worst_minute": max((one.worst_minute for one in runs), default=0),
        "duplicates": sum(one.duplicates for one in runs),
        "days_per_cpu_minute": round(days / (cpu_s / 60), 2) if cpu_s else None,
    }


def _lead(leads: Sequence[Lead]) -> Line:
    """Return how early who lost an account was told; what began near, one by one."""
    far = [lead for lead in leads if lead.away >= 100 * FAR]
    near = [lead for lead in leads if lead.away < 100 * FAR]
    return {
        "liquidated": len(leads),
        "silent": sum(lead.minutes is None for lead in leads),
        "far": len(far),
        "far_median_min": round(median(lead.minutes or 0.0 for lead in far), 2) if far else None,
        "far_min": min((lead.minutes or 0.0 for lead in far), default=None),
        "near": [[lead.away, lead.minutes] for lead in sorted(near, key=lambda one: one.away)],
    }


def _too_slow(total: Line) -> list[str]:
    found = []
    spread = total["critical_latency_s"]
    for name, limit in CRITICAL_S.items():
        if spread is not None and spread[name] > limit:
            found.append(f"critical told after {spread[name]} s ({name}), expected {limit:g}")
    for name, limit in (
        ("blind_late_max_s", BLIND_LATE_MAX_S),
        ("convergence_p99_s", CONVERGENCE_P99_S),
    ):
        if total[name] is not None and total[name] > limit:
            found.append(f"{name} {total[name]}, expected {limit:g} at most")
    return found


def _spread(values: Sequence[float]) -> Line | None:
    if not values:
        return None
    top = round(max(values), 2)
    return {"n": len(values), "p50": _at(values, 0.5), "p99": _at(values, 0.99), "max": top}


def _at(values: Sequence[float], part: float) -> float | None:
    """Return the smallest value that *part* of *values* do not exceed."""
    if not values:
        return None
    return round(sorted(values)[max(0, math.ceil(part * len(values)) - 1)], 2)


def _checks(runs: Iterable[Played]) -> Iterable[Mapping[str, int]]:
    return (one.checks for one in runs)


def _counts(runs: Iterable[Played]) -> Iterable[Mapping[str, int]]:
    return ({name: len(found) for name, found in one.violations.items()} for one in runs)


def _added(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """Return the sums, in the order the names first came in; a nought stays named."""
    found: Counter[str] = Counter()
    for one in counts:
        for name, count in one.items():
            found[name] += count
    return found
