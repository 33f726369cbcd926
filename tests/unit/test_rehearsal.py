"""The rehearsal finds lines that cannot fire, and the plan says where the lines lie."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import LADDERS, RULES, borrowed, ladder, single, unified
from watcher.domain.account import Family, Rules, Snapshot, VenueRatio, VenueSays
from watcher.domain.alert import AlertRules, Ladder, Measure, Tier, Word
from watcher.margin import evaluate, repriced
from watcher.policy import plan, rehearse
from watcher.policy.readings import read, value_of
from watcher.policy.samples import SAMPLES

FIRST = " comes first; put it above that"


def with_ladder(one: Ladder) -> AlertRules:
    others = tuple(other for other in LADDERS if other.measure is not one.measure)
    return replace(RULES, ladders=(*others, one))


def test_the_default_lines_fire_on_every_sample() -> None:
    assert rehearse(RULES) == []


def test_the_ladder_most_guides_print_fires_too() -> None:
    guides = ladder(Measure.MARGIN_LEVEL, 300.0, 200.0, 150.0, 120.0, everywhere=True)

    assert rehearse(with_ladder(guides)) == []


def test_every_family_has_a_sample() -> None:
    named = {sample.family for sample in SAMPLES}

    assert named == set(Family) - {Family.USED_MARGIN_LEVEL}  # no venue of that family is read yet


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.family.value)
def test_the_engine_agrees_with_the_samples_done_by_hand(sample: object) -> None:
    for measure, values in (
        (Measure.DISTANCE, (60.0, 20.0, 3.0)),
        (Measure.MARGIN_LEVEL, (300.0, 150.0, 120.0)),
        (Measure.HEALTH, (3.0, 1.2)),
    ):
        for value in values:
            price = sample.price_of(measure, value)  # type: ignore[attr-defined]
            if price is None:
                continue
            (pool,) = evaluate(sample.at(price)).pools  # type: ignore[attr-defined]
            assert value_of(pool, measure) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            ladder(Measure.MARGIN_LEVEL, 200.0, 125.0, Word.CALL, Word.HALFWAY),
            "margin_level: warning at 125% cannot fire: critical at call (130%)" + FIRST,
        ),
        (
            ladder(Measure.MARGIN_LEVEL, 200.0, 150.0, 120.0, 105.0),
            "margin_level: emergency at 105% cannot fire: liquidation comes first, at 110%",
        ),
        (
            ladder(Measure.HEALTH, 3.0, 2.0, 1.5, 1.0),
            "health: emergency at 1.00x cannot fire: liquidation comes first, at 1.00x",
        ),
        (
            ladder(Measure.DISTANCE, 20.0, 12.0, 12.0, 3.0),
            "distance: warning at 12% cannot fire: critical at 12%" + FIRST,
        ),
        (
            ladder(Measure.DISTANCE, 20.0, 5.0, 6.0, 3.0),
            "distance: warning at 5% cannot fire: critical at 6%" + FIRST,
        ),
        (
            ladder(Measure.DISTANCE, 20.0, 12.0, 6.0, 0.0),
            "distance: emergency at 0% cannot fire: liquidation comes first, at 0%",
        ),
    ],
)
def test_a_line_that_cannot_fire_is_named_with_the_reason(lines: Ladder, complaint: str) -> None:
    assert rehearse(with_ladder(lines)) == [complaint]


def test_a_line_every_account_is_below_is_refused() -> None:
    found = rehearse(with_ladder(ladder(Measure.DISTANCE, 120.0, 12.0, 6.0, 3.0)))

    assert found
    assert all("watch at 120% cannot fire" in complaint for complaint in found)


def test_a_word_without_a_call_bar_counts_only_where_there_is_one() -> None:
    words = ladder(Measure.MARGIN_LEVEL, 200.0, 150.0, Word.CALL, Word.HALFWAY, everywhere=True)

    assert rehearse(with_ladder(words)) == []


def test_the_plan_says_where_each_tier_lies_in_prices() -> None:
    found = plan(unified(usdt=60_000), RULES)

    assert [line.split(" if ")[0] for line in found] == [
        "unified: WATCH",
        "unified: WARNING",
        "unified: CRITICAL",
        "unified: EMERGENCY",
    ]
    assert all("everything falls" in line and "BTC " in line for line in found)


@pytest.mark.parametrize("snapshot", [single(40.0), unified(usdt=60_000)])
def test_moving_as_the_plan_says_enters_the_tier(snapshot: Snapshot) -> None:
    for line, tier in zip(plan(snapshot, RULES), list(Tier)[1:], strict=True):
        percent = float(line.split(" falls ")[1].split(" %")[0])
        for nudge, reached in ((-0.15, False), (0.15, True)):
            factor = 1 - (percent + nudge) / 100
            factors = {p.underlying: factor for p in snapshot.positions}
            (pool,) = evaluate(repriced(snapshot, factors)).pools
            found = read(pool, RULES)
            assert found is not None
            assert (found.tier >= tier) is reached


def test_the_plan_of_a_tier_already_reached_says_so() -> None:
    assert plan(single(5.0), RULES)[:3] == [
        "cross USDT: WATCH reached (now 5.0 %)",
        "cross USDT: WARNING reached (now 5.0 %)",
        "cross USDT: CRITICAL reached (now 5.0 %)",
    ]


def test_the_plan_of_borrowed_margin_follows_its_level() -> None:
    found = plan(borrowed(250), RULES)

    assert len(found) == 4
    assert found[0].startswith("margin: WATCH if everything falls 20.0 %: BTC 20,000")


def test_the_plan_of_an_empty_pool_says_so() -> None:
    flat = replace(single(5.0), positions=())

    assert plan(flat, RULES) == ["cross USDT: no position, nothing to lose"]


def test_the_plan_of_a_pool_only_the_venue_computes_gives_its_lines() -> None:
    ratio = VenueRatio(name="health", value=Decimal("3.4"))
    told = replace(
        unified(),
        positions=(),
        rules={"unified": Rules(family=Family.REPORTED)},
        venue_says={"unified": VenueSays(ratio=ratio)},
    )

    assert plan(told, RULES)[0] == "unified: WATCH under health 3.00x (now health 3.40x)"
