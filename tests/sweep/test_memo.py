"""That what the sweep keeps of the margin engine is what the engine would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal

import pytest

from tests.sweep import memo
from tests.sweep.run import Plan, outcomes
from tests.sweep.scene import WAYS, Story, snapshot_at
from tests.sweep.venue import Fault
from watcher.domain.account import Snapshot
from watcher.domain.topup import Assurance, Verb
from watcher.policy import sizing


def snapshot() -> Snapshot:
    return snapshot_at(Verb.MOVE, 9.3, Decimal(0))


def others() -> Iterator[Snapshot]:
    for name in (field.name for field in fields(Snapshot)):
        if name != "taken_at_us":
            yield replace(snapshot(), **{name: "other"})


def test_whatever_differs_but_the_time_is_another_question() -> None:
    keys = [memo.key_of(one) for one in (snapshot(), *others())]

    assert len(set(keys)) == len(keys) == len(fields(Snapshot))
    assert memo.key_of(replace(snapshot(), taken_at_us=1)) == keys[0]


@pytest.mark.parametrize(("verb", "assurance"), WAYS)
def test_what_is_kept_is_what_the_engine_answers(verb: Verb, assurance: Assurance) -> None:
    plan = Plan(verb=verb, assurance=assurance, fault=Fault.NONE, story=Story.AGAIN)

    with memo.remembered(checked=True):
        [outcome] = asyncio.run(outcomes([plan, plan]))[1:]

    assert outcome.executed == 3


def test_a_key_that_forgets_something_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "key_of", lambda one: one.account)

    with memo.remembered(checked=True):
        sizing.evaluate(snapshot())
        with pytest.raises(AssertionError, match="evaluate"):
            sizing.evaluate(snapshot_at(Verb.MOVE, 30.0, Decimal(0)))
