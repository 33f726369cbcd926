"""The crash sweep in small, and that it finds a fence that was moved."""

from __future__ import annotations

import json

import pytest

from tests.sweep.__main__ import FLAWS, main, plain_plans, play
from tests.sweep.broken import Broken
from tests.sweep.gate import Accident
from tests.sweep.run import Plan, planned
from tests.sweep.scene import WAYS, Story
from tests.sweep.venue import Fault
from watcher.domain.topup import Assurance, Verb

ROUND_OF_SENDING = range(54, 160)
"""The calls from the decision to the proof, as the plain run numbers them."""


def frozen_while_sending(broken: Broken = Broken.NOTHING) -> list[Plan]:
    plain = Plan(assurance=Assurance.LOOKUP, fault=Fault.NONE, broken=broken)
    return [planned(plain, {at: Accident.FREEZE}) for at in ROUND_OF_SENDING]


@pytest.mark.parametrize(("verb", "assurance"), WAYS)
@pytest.mark.parametrize(
    ("story", "executed"),
    [(Story.ONCE, 1), (Story.FALLS_ON, 2), (Story.BRAKED, 5), (Story.AGAIN, 3)],
)
def test_without_accidents_money_arrives(
    verb: Verb, assurance: Assurance, story: Story, executed: int
) -> None:
    plan = Plan(verb=verb, assurance=assurance, fault=Fault.NONE, story=story)

    [(_, outcome)] = play([plan])

    assert outcome.executed == executed
    assert outcome.is_clean


def test_with_each_fault_alone_money_arrives_or_a_person_looks() -> None:
    """Without ids a request nobody heard of again is for a person; all others arrive."""
    for plan, outcome in play(plain_plans()):
        lost = plan.fault in (Fault.LOST, Fault.TOO_LATE, Fault.FAILED)
        blind = plan.assurance is Assurance.BLIND_SEND

        assert outcome.is_clean, (plan, outcome)
        if plan.story is Story.ONCE:
            assert outcome.executed == (not (lost and blind)), (plan, outcome)


def test_a_process_that_slept_while_sending_moves_nothing_twice() -> None:
    outcomes = [each.outcome for each in play(frozen_while_sending())]

    assert all(each.struck == 1 for each in outcomes)
    assert all(each.is_clean for each in outcomes)


def test_signing_after_the_commit_is_found_to_double() -> None:
    """The same, but for the request signed as it goes out: the fence of the protocol is gone."""
    outcomes = [each.outcome for each in play(frozen_while_sending(Broken.FENCE))]

    assert sum(each.doubles for each in outcomes) > 0


@pytest.mark.parametrize(
    ("broken", "flaw"),
    [
        (Broken.CAPS, "cap_violations"),
        (Broken.FLOOR, "below_floor"),
        (Broken.PROOF, "stuck"),
        (Broken.VOICE, "unknown_told_late"),
    ],
)
def test_each_count_rises_where_what_it_counts_is_broken(broken: Broken, flaw: str) -> None:
    faults = (Fault.NONE, Fault.LOST)
    stories = (Story.FALLS_ON, Story.BRAKED)
    plans = [p for p in plain_plans(broken) if p.fault in faults and p.story in stories]
    found = {each: sum(getattr(one.outcome, each) for one in play(plans)) for each in FLAWS}

    assert found[flaw] > 0
    assert found["doubles"] == 0


def test_accidents_drawn_by_chance_harm_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--drawn-only", "--points", "400", "--seed", "5"])

    total = json.loads(capsys.readouterr().out)
    assert total["crash_points"] >= 400
    assert [total[flaw] for flaw in FLAWS] == [0] * len(FLAWS)
    assert code == 0


@pytest.mark.deep
def test_a_hundred_thousand_accidents_harm_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--whole", "--points", "100000"])

    assert code == 0, capsys.readouterr()
