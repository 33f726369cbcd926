"""The blind machine: the allowed age, when blindness is told, repeated and ended."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.unit.policy_books import RULES, START_US, pool_report
from watcher.domain.account import Family
from watcher.domain.alert import MINUTE_US, SECOND_US, Ack, BlindState, Kind, Missed, MissKind, Tier
from watcher.domain.report import Status
from watcher.domain.road import Reach
from watcher.policy import blind
from watcher.policy.blind import (
    SECURITY_KINDS,
    allowed_for,
    allowed_us,
    nearness,
    step_missed,
    step_seen,
    tier_when_blind,
    unsure,
)
from watcher.policy.readings import read

MAX_US = 180 * SECOND_US
DOWN = Missed(kind=MissKind.UNREACHABLE, reason="HTTP 503")


def miss(
    state: BlindState,
    *,
    at_s: float = 0,
    age_s: float = 0,
    allowed_s: float = 20,
    tier: Tier = Tier.WARNING,
    missed: Missed = DOWN,
) -> tuple[BlindState, Kind | None]:
    return step_missed(
        state,
        missed,
        START_US + round(at_s * SECOND_US),
        age_us=round(age_s * SECOND_US),
        allowed=round(allowed_s * SECOND_US),
        tier=tier,
    )


@pytest.mark.parametrize(
    ("distances", "seconds"),
    [
        ([], 180),
        ([math.inf], 180),
        ([60.0], 180),
        ([30.0], 120),
        ([5.8], 23.2),
        ([2.0], 20),
        ([0.0], 20),
        ([None], 20),
        ([math.nan], 20),
        ([30.0, None], 20),
        ([30.0, 10.0, math.inf], 40),
    ],
)
def test_allowed_age_shrinks_with_the_nearest_distance(
    distances: list[float | None], seconds: float
) -> None:
    assert allowed_us(distances, MAX_US) == seconds * SECOND_US


def test_a_smaller_maximum_from_the_configuration_is_kept() -> None:
    assert allowed_us([], 15 * SECOND_US) == 15 * SECOND_US


def test_a_pool_without_distance_is_as_near_as_its_tier() -> None:
    def near(health: float, held: Tier = Tier.CALM) -> float | None:
        report = pool_report(family=Family.REPORTED, status=Status.REPORTED, health=health)
        return nearness(read(report, RULES), None, held)

    assert [near(h) for h in (5.0, 2.5, 1.7, 1.1)] == [math.inf, 20.0, 10.0, 0.0]
    assert near(5.0, held=Tier.WARNING) == 10.0


def test_a_pool_of_which_nothing_is_known_counts_as_near() -> None:
    assert nearness(None, None, Tier.CALM) is None
    assert allowed_us([None], MAX_US) == 20 * SECOND_US


def test_misses_within_the_allowed_age_say_nothing() -> None:
    state = BlindState()
    for n in range(5):
        state, kind = miss(state, at_s=4 * n, age_s=4 * n + 4)
        assert kind is None
    assert state.misses == 5
    assert not state.active


def test_blindness_is_told_once_the_age_exceeds_what_is_allowed() -> None:
    state, kind = miss(BlindState(), age_s=20.1)

    assert kind is Kind.BLIND
    assert state.active


def test_which_error_it_was_does_not_matter() -> None:
    for reason in MissKind:
        if reason not in SECURITY_KINDS:
            missed = Missed(kind=reason, reason="x")
            assert miss(BlindState(), age_s=21, missed=missed)[1] is Kind.BLIND


def test_what_the_venue_says_will_last_is_not_waited_for_at_any_distance() -> None:
    lasting = (MissKind.BANNED, MissKind.REFUSED, MissKind.UNSUPPORTED)
    for kind in MissKind:
        allowed = allowed_for(Missed(kind=kind, reason="x"), MAX_US)
        assert allowed == (20 * SECOND_US if kind in lasting else MAX_US), kind
        assert allowed_for(Missed(kind=kind, reason="x"), 15 * SECOND_US) == 15 * SECOND_US


def test_blindness_repeats_every_ten_minutes_three_when_critical_one_in_an_emergency() -> None:
    for tier, minutes in ((Tier.WARNING, 10), (Tier.CRITICAL, 3), (Tier.EMERGENCY, 1)):
        state, _ = miss(BlindState(), age_s=21, tier=tier)
        state, kind = miss(state, at_s=60 * minutes - 1, age_s=999, tier=tier)
        assert kind is None
        state, kind = miss(state, at_s=60 * minutes, age_s=999, tier=tier)
        assert kind is Kind.BLIND_REPEATED


def test_misses_of_one_reason_are_counted_together() -> None:
    state = BlindState()
    for reason in ("HTTP 503", "HTTP 503", "no answer in 5 s"):
        missed = Missed(kind=MissKind.UNREACHABLE, reason=reason)
        state, _ = miss(state, missed=missed)

    assert (state.misses, state.alike) == (3, 1)


def test_one_complete_reading_ends_blindness() -> None:
    state, _ = miss(BlindState(), age_s=21)

    assert step_seen(state) == (BlindState(), Kind.SEEING)


def test_a_miss_that_was_never_told_ends_silently() -> None:
    state, _ = miss(BlindState(), age_s=4)

    assert step_seen(state) == (BlindState(), None)


def test_a_key_that_may_withdraw_is_told_at_once_and_daily() -> None:
    key = Missed(kind=MissKind.SECURITY, reason="withdrawals enabled")
    state, kind = miss(BlindState(), missed=key)
    assert kind is Kind.SECURITY
    assert state.active

    state, kind = miss(state, at_s=3600, age_s=3600, missed=key)
    assert kind is None
    state, kind = miss(state, at_s=86_400, age_s=86_400, missed=key)
    assert kind is Kind.SECURITY


def test_close_to_liquidation_blindness_is_told_beside_the_security_word() -> None:
    key = Missed(kind=MissKind.SECURITY, reason="withdrawals enabled")
    state, kind = miss(BlindState(), missed=key, tier=Tier.CRITICAL)
    assert kind is Kind.SECURITY

    _, kind = miss(state, at_s=180, age_s=180, missed=key, tier=Tier.CRITICAL)
    assert kind is Kind.BLIND_REPEATED


def test_blindness_is_at_least_a_warning_and_critical_when_close() -> None:
    assert tier_when_blind(Tier.CALM, None) is Tier.WARNING
    assert tier_when_blind(Tier.WATCH, 15.0) is Tier.WARNING
    assert tier_when_blind(Tier.WARNING, 9.9) is Tier.CRITICAL
    assert tier_when_blind(Tier.EMERGENCY, 2.0) is Tier.EMERGENCY


def test_a_danger_word_counts_as_telling_blindness() -> None:
    state, _ = miss(BlindState(), age_s=21)
    at_us, chat = START_US + 9 * MINUTE_US, Reach.CHAT
    state = blind.retold(state, at_us, Tier.WARNING, reach=chat, furthest=chat)

    assert miss(state, at_s=600, age_s=600)[1] is None


@pytest.mark.parametrize("missed", [DOWN, Missed(kind=MissKind.SECURITY, reason="may withdraw")])
def test_what_stands_blind_is_told_once_more_after_a_gap_nobody_looked_in(missed: Missed) -> None:
    """A ledger put back said BLIND and acked, the screen SEEING: nothing came for an hour."""
    state, first = miss(BlindState(), age_s=21, missed=missed)
    acked = replace(state, ack=Ack(user_id=1, at_us=START_US, tier=state.tier))
    _, before = miss(acked, at_s=60, age_s=81, missed=missed)
    state, after = miss(unsure(acked), at_s=60, age_s=81, missed=missed)
    _, again = miss(state, at_s=64, age_s=85, missed=missed)

    assert first in {Kind.BLIND, Kind.SECURITY}
    assert before is None
    assert after in {Kind.BLIND_REPEATED, Kind.SECURITY}
    assert again is None
    assert state.ack is acked.ack


def test_who_was_seen_when_the_gap_began_is_not_told_as_blind() -> None:
    assert unsure(BlindState()) == BlindState()
