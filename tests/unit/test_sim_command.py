"""`watcher sim`: what is asked for is what is played, and what cannot be read is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from watcher.cli import FINE, REFUSED, TROUBLE, sim
from watcher.storm import play
from watcher.storm.packs import PACKS
from watcher.storm.play import STORM, Job, Played


def asked(*argv: str) -> list[Job]:
    return list(sim.jobs_of(sim.parser().parse_args(argv)))


def test_one_seed_is_that_storm_alone() -> None:
    assert asked("--seed", "7", "--hours", "2") == [Job(seed=7, hours=2.0)]


def test_a_pack_is_played_with_its_own_seeds_and_hours() -> None:
    pack = PACKS["OCT10"]

    jobs = asked("--pack", "OCT10")

    assert jobs == [
        Job(seed=seed, hours=pack.hours, pack="OCT10") for seed in range(1, pack.runs + 1)
    ]
    assert asked("--pack", "BAN", "--seed", "9") == [Job(seed=9, hours=0.8, pack="BAN")]


def test_everything_is_forty_storms_and_every_short_pack() -> None:
    jobs = asked()

    storms = [job for job in jobs if job.pack == STORM]
    assert {job.seed for job in storms} >= set(range(1, 41))
    assert {job.pack for job in jobs} == {
        STORM,
        *(name for name, pack in PACKS.items() if not pack.long),
    }
    assert {job.pack for job in asked("--pack", STORM, "--seeds", "1-2")} == {STORM}


def test_past_failures_are_played_again(tmp_path: Path) -> None:
    file = tmp_path / "seeds.txt"
    file.write_text("# head\n812 6   # a reason\n3 BAN\n\n", encoding="utf-8")

    jobs = list(sim.jobs_of(sim.parser().parse_args(["--pack", STORM]), file))

    assert jobs[-2:] == [
        Job(seed=812, hours=6.0),
        Job(seed=3, hours=PACKS["BAN"].hours, pack="BAN"),
    ]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--pack", "OCT11"), "expected one of STORM, OCT10"),
        (("--seeds", "four"), "expected 7 or 1-40"),
        (("--seeds", "5-1"), "expected the smaller one first"),
        (("--hours", "0"), "expected more than 0"),
        (("--workers", "0"), "expected 1 or more"),
    ],
)
def test_what_cannot_be_read_is_refused(
    argv: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sim.main(argv) == REFUSED
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("good", [True, False])
def test_a_broken_promise_ends_with_its_story_and_code_one(
    good: bool,  # noqa: FBT001 - a case of the test
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Played(job=Job(seed=5, hours=1.0), trace="t")
    if not good:
        run = replace(run, violations={"I2": ["I2 late"]}, last=["the end"])

    def player(jobs: Sequence[Job], *, workers: int, hash_seed: int) -> Iterator[Played]:
        assert jobs == [run.job]
        yield run

    code = sim.main(["--seed", "5", "--hours", "1", "--json"], player=player)

    told = capsys.readouterr()
    assert [json.loads(line)["seeds"] for line in told.out.splitlines()] == [1, 1]
    assert code == (FINE if good else TROUBLE)
    assert ("seed 5" in told.err) is not good
    assert ("the end" in told.err) is not good


def test_a_run_that_breaks_is_a_finding_and_not_the_end() -> None:
    run = play.play(Job(seed=1, hours=float("nan")))

    assert "ValueError" in run.broken
    assert not run.good
