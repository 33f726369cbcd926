"""The storm itself, in its short form: a few seeds, one of them twice, and what failed before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from watcher.cli.sim import past
from watcher.sim.demo.truth import distance
from watcher.storm import report
from watcher.storm.oracles import danger
from watcher.storm.packs import PACKS
from watcher.storm.play import STORM, Job, Lead, Played, play, played
from watcher.storm.scenes import NoRecords
from watcher.storm.trial import START_US, Trial
from watcher.storm.weather import Fault

SHORT_H = 0.3
STORMS = [Job(seed=seed, hours=SHORT_H) for seed in (101, 102)]


@pytest.mark.parametrize("job", [*STORMS, *past()], ids=str)
def test_seed_keeps_every_promise(job: Job) -> None:
    run = play(job)

    assert run.good, "\n".join(report.story_of(run))
    assert run.checks["I7 nothing falls over"] > 0


def test_a_seed_is_one_history_whatever_hashes_how() -> None:
    """Sets and dictionaries of text lie in another order in each process, unless told otherwise."""
    job = Job(seed=103, hours=0.1)

    traces = {
        run.trace for hash_seed in (1, 2) for run in played([job], workers=1, hash_seed=hash_seed)
    }

    assert len(traces) == 1
    assert all(traces)


def test_seeds_differ() -> None:
    assert play(Job(seed=104, hours=0.05)).trace != play(Job(seed=105, hours=0.05)).trace


@pytest.mark.parametrize("name", PACKS)
def test_pack_opens_accounts_that_are_not_in_danger_yet(name: str) -> None:
    pack = PACKS[name]
    try:
        world = pack.opened(1, START_US)
    except NoRecords as reason:
        pytest.skip(str(reason))

    assert world.accounts
    for account in world.accounts.values():
        away = distance(world, account)
        assert away is not None
        assert away > 2.9

    ends = [spell.until_us for spell in pack.plan(1).spells or ()]
    assert all(START_US < end <= START_US + pack.hours * 3600e6 for end in ends)


def test_fair_weather_is_measured_from_crossing_to_arrival(tmp_path: Path) -> None:
    """Storms leave few clear skies, and a slide is told before it crosses."""
    history = Trial(replace(PACKS["JUMPS"].plan(1), hours=0.6), tmp_path).play()

    taken_s = list(danger.latencies_s(history))

    assert len(taken_s) >= 3
    assert 0 < max(taken_s) <= report.CRITICAL_S["max"]


def test_a_venue_whose_figures_are_worse_is_told_of() -> None:
    run = play(Job(seed=1, hours=0, pack="APART"))

    assert run.good, "\n".join(report.story_of(run))
    assert run.checks["I14 a divergence is told"] == 3
    assert run.checks["I14 the worse opinion rules"] >= 2
    assert run.checks["I14 agreement is as told"] >= 5


def test_historic_packs_have_forty_accounts_of_every_leverage() -> None:
    for name in ("OCT10", "MAR12"):
        pack = PACKS[name]
        worlds = [pack.opened(seed, START_US) for seed in range(1, pack.runs + 1)]
        aways = [
            distance(world, account) or 0.0
            for world in worlds
            for account in world.accounts.values()
        ]

        assert len(aways) >= 40
        assert min(aways) < 6
        assert max(aways) > 20


# ── the report ──────────────────────────────────────────────────────────────────────────────


def run(seed: int = 1, **facts: object) -> Played:
    fired = {fault.value: 1 for fault in Fault}
    plain = Played(
        job=Job(seed=seed, hours=6.0),
        trace=f"t{seed}",
        simulated_h=6.2,
        cpu_s=2.0,
        fired=fired,
        checks={"I1 danger is told": 3},
        latencies_s=[2.0, 3.0],
        blind_late_s=[1.0],
        converged_s=9.0,
    )
    return replace(plain, **facts)  # type: ignore[arg-type]


def failures(*runs: Played, again: tuple[Played, ...] = ()) -> list[str]:
    lines = [report.line_of(STORM, runs)]
    return report.failures_of(lines, report.total_of(runs, again))


def test_forty_good_runs_are_no_failure() -> None:
    runs = [run(seed) for seed in range(40)]

    assert failures(*runs, again=(runs[0],)) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"violations": {"I11 no false all-clear": ["x"]}}, "1 violations of I11"),
        ({"broken": "Deadlock"}, "broken: 1 runs"),
        ({"latencies_s": [25.0]}, "critical told after 25.0 s (max)"),
        ({"blind_late_s": [15.2]}, "blind_late_max_s 15.2"),
        ({"converged_s": 31.0}, "convergence_p99_s 31.0"),
    ],
)
def test_what_missed_its_target_is_a_failure(facts: dict[str, object], words: str) -> None:
    found = failures(*(run(seed) for seed in range(3)), run(9, **facts))

    assert any(words in one for one in found), found


def test_seeds_that_differ_when_played_twice_are_a_failure() -> None:
    assert "1 seeds played twice differ" in failures(run(1), again=(run(1, trace="other"),))


def test_faults_that_never_fired_and_judges_that_never_looked_fail_the_full_form() -> None:
    fired = {fault.value: int(fault is not Fault.BAN) for fault in Fault}
    runs = [run(seed, fired=fired, checks={"I4 bounded noise": 0}) for seed in range(40)]

    pack = run(1, job=Job(seed=1, hours=1.0, pack="BAN"), fired=fired, checks={})
    lines = [report.line_of(STORM, runs), report.line_of("BAN", [pack])]
    found = report.failures_of(lines, report.total_of([*runs, pack], ()))

    assert f"never fired: {Fault.BAN.value}" in found
    assert "never checked: I4 bounded noise" in found
    assert failures(*runs[:3]) == []
    assert failures(*runs) == [], "what packs bring is not asked of storms alone"


def test_kills_have_to_be_ten() -> None:
    fired = {fault.value: int(fault is not Fault.KILL) for fault in Fault}

    found = failures(*(run(seed, fired=fired) for seed in range(40)))

    assert any(one.startswith("0 kills") for one in found)


def test_leads_of_accounts_that_began_far_have_to_be_ten_minutes_in_the_middle() -> None:
    def leads(*minutes: float | None) -> list[Lead]:
        return [Lead(account="a", seed=1, away=9.0, minutes=one) for one in minutes]

    near = [Lead(account="n", seed=1, away=4.0, minutes=0.5)]
    job = Job(seed=1, hours=1.0, pack="OCT10")
    slow = run(1, job=job, leads=leads(4.0, 9.0, None) + near)
    quick = run(1, job=job, leads=leads(11.0, 12.0, 2.0) + near)

    def found(one: Played) -> list[str]:
        line = report.line_of("OCT10", [one])
        assert line["lead"]["near"] == [[4.0, 0.5]]
        return report.failures_of([line], report.total_of([one], []))

    assert found(slow) == ["OCT10: median lead 4.0 min, expected 10"]
    assert found(quick) == []


def test_a_failure_is_told_with_its_seed_its_judge_and_what_came_last() -> None:
    failed = run(7, violations={"I2 blindness": ["I2 blindness bybit at 3.0 s: late"]}, last=["z"])

    story = report.story_of(failed)

    assert "seed 7" in story[0]
    assert "I2 blindness bybit at 3.0 s: late" in story[0]
    assert story[-1] == "z"


def test_a_pack_without_its_records_is_skipped_with_the_reason() -> None:
    line = report.line_of("JAN05", [Played(job=Job(seed=1, hours=1, pack="JAN05"), skipped="gone")])

    assert line == {"pack": "JAN05", "skipped": "gone"}
    assert report.words_of(line) == "JAN05: skipped, gone"
