"""The danger machine: at once up, slowly down, repeats, relapses, incidents."""

from __future__ import annotations

import math

import pytest

from tests.unit.policy_books import START_US, reading
from watcher.domain.alert import MINUTE_US, SECOND_US, DangerState, Kind, Measure, Tier
from watcher.policy import alerting
from watcher.policy.alerting import dwell_us, step, step_absent, step_estimate
from watcher.policy.incidents import code_of
from watcher.policy.speaking import repeat_us

ACCOUNT = "bybit_main"


class Machine:
    """One machine and its clock; `say` feeds a distance after some seconds."""

    def __init__(self) -> None:
        self.state = DangerState(pool="unified")
        self.now_us = START_US
        self.told: list[tuple[Kind, Tier]] = []

    def say(self, distance: float, after_s: float = 4) -> Kind | None:
        self.now_us += round(after_s * SECOND_US)
        self.state, kind = step(self.state, reading(distance), self.now_us, account=ACCOUNT)
        return self._keep(kind)

    def guess(self, distance: float | None, after_s: float = 4) -> Kind | None:
        self.now_us += round(after_s * SECOND_US)
        found = None if distance is None else reading(distance)
        self.state, kind = step_estimate(self.state, found, self.now_us, account=ACCOUNT)
        return self._keep(kind)

    def absent(self, after_s: float = 4) -> Kind | None:
        self.now_us += round(after_s * SECOND_US)
        state, kind = step_absent(self.state, self.now_us)
        assert state is not None
        self.state = state
        return self._keep(kind)

    def hold(self, distance: float, seconds: int, every_s: int = 4) -> list[Kind]:
        found = [self.say(distance, every_s) for _ in range(seconds // every_s)]
        return [kind for kind in found if kind is not None]

    def _keep(self, kind: Kind | None) -> Kind | None:
        if kind is not None:
            self.told.append((kind, self.state.tier))
        return kind


@pytest.mark.parametrize(
    ("distance", "tier"),
    [(19.9, Tier.WATCH), (11.9, Tier.WARNING), (5.9, Tier.CRITICAL), (2.9, Tier.EMERGENCY)],
)
def test_one_reading_under_a_line_enters_its_tier(distance: float, tier: Tier) -> None:
    machine = Machine()

    assert machine.say(distance) is Kind.RAISED
    assert machine.state.tier is tier


def test_a_value_on_the_line_has_not_crossed_it() -> None:
    machine = Machine()

    assert machine.say(20.0) is None
    assert machine.state.tier is Tier.CALM


def test_a_fall_through_several_tiers_says_only_the_worst() -> None:
    machine = Machine()
    machine.say(30)

    machine.say(2)

    assert machine.told == [(Kind.RAISED, Tier.EMERGENCY)]


def test_a_slow_slide_says_each_tier_once_in_order() -> None:
    machine = Machine()

    for tenths in range(300, 0, -1):
        machine.say(tenths / 10, after_s=2)

    raised = [tier for kind, tier in machine.told if kind in (Kind.RAISED, Kind.ESCALATED)]
    assert raised == [Tier.WATCH, Tier.WARNING, Tier.CRITICAL, Tier.EMERGENCY]


def test_noise_inside_the_band_says_nothing() -> None:
    machine = Machine()
    machine.say(5.9)

    for _ in range(20):
        assert machine.say(6.8) is None
        assert machine.say(5.95) is None


def test_a_tier_is_left_only_after_its_dwell_and_three_readings() -> None:
    machine = Machine()
    machine.say(5.9)

    assert machine.say(30, after_s=4) is None
    assert machine.say(30, after_s=119) is None  # two readings, 119 s
    assert machine.say(30, after_s=1) is Kind.RESOLVED


def test_a_long_gap_does_not_replace_three_readings() -> None:
    machine = Machine()
    machine.say(5.9)
    machine.say(30)

    assert machine.say(30, after_s=170) is None
    assert machine.state.tier is Tier.CRITICAL


def test_one_bad_reading_starts_the_recovery_anew() -> None:
    machine = Machine()
    machine.say(5.9)
    machine.hold(30, 116)

    machine.say(6.5)  # above the line, under the exit line
    machine.hold(30, 100)

    assert machine.state.tier is Tier.CRITICAL


def test_easing_goes_to_the_worst_tier_of_the_whole_good_stretch() -> None:
    machine = Machine()
    machine.say(2.5)
    machine.hold(8, 60)  # allows warning only
    machine.hold(30, 140)

    assert machine.told[-1] == (Kind.EASED, Tier.WARNING)
    machine.hold(30, 68)
    assert machine.told[-1] == (Kind.RESOLVED, Tier.CALM)


def test_the_exit_of_a_small_line_is_a_full_point_away() -> None:
    machine = Machine()
    machine.say(2.9)

    machine.hold(3.9, 400)
    assert machine.state.tier is Tier.EMERGENCY
    machine.hold(4.1, 200)
    assert machine.state.tier is Tier.CRITICAL


def test_critical_repeats_every_three_minutes_ten_times_then_every_ten() -> None:
    machine = Machine()
    machine.say(5)
    start = machine.now_us
    minutes = [
        (machine.now_us - start) / MINUTE_US for _ in range(60 * 15) if machine.say(5, after_s=4)
    ]

    assert [round(minute) for minute in minutes] == [
        3,
        6,
        9,
        12,
        15,
        18,
        21,
        24,
        27,
        30,
        40,
        50,
        60,
    ]


def test_emergency_repeats_every_minute_without_end() -> None:
    machine = Machine()
    machine.say(1)

    assert len(machine.hold(1, 3600, 5)) == 60


def test_a_tier_that_is_only_held_repeats_at_the_pace_of_the_milder_one() -> None:
    """Two relapses hold an emergency for minutes after it reads 11 %: nobody is paged by that."""
    machine = Machine()
    for _ in range(3):
        machine.say(2)
        machine.hold(11, 200 * 2 ** len(machine.state.relapses))
    machine.say(2)
    assert dwell_us(machine.state) > 600 * SECOND_US

    assert machine.hold(11, 360) == []
    assert machine.state.tier is Tier.EMERGENCY

    assert machine.say(3.2) is Kind.REPEATED


def test_an_emergency_held_at_critical_readings_repeats_as_critical() -> None:
    machine = Machine()
    machine.say(2)
    assert machine.hold(5, 176) == []
    assert machine.hold(5, 12)[-1] is Kind.EASED


def test_a_position_that_vanished_is_repeated_at_the_pace_of_its_tier() -> None:
    """One answer without it may be a slip."""
    machine = Machine()
    machine.say(2)

    kinds = [machine.absent(10) for _ in range(13)]

    assert kinds.count(Kind.REPEATED) == 2


def test_watch_repeats_after_six_hours_and_warning_after_four() -> None:
    assert repeat_us(Tier.WATCH, 0) == 6 * 60 * MINUTE_US
    assert repeat_us(Tier.WARNING, 5) == 4 * 60 * MINUTE_US


def test_a_warning_speaks_again_when_a_fifth_of_the_way_is_gone() -> None:
    machine = Machine()
    machine.say(11)

    assert machine.hold(8.9, 120) == []
    assert machine.say(8.8) is Kind.REPEATED
    assert machine.hold(8.8, 120) == []


def test_a_warning_that_falls_fast_is_not_repeated_within_the_minute() -> None:
    machine = Machine()
    machine.say(11.9)

    assert machine.hold(7, 56) == []
    assert machine.say(7, after_s=8) is Kind.REPEATED


def test_an_incident_keeps_its_code_and_counts_its_words() -> None:
    machine = Machine()
    machine.say(15)
    first = machine.state.incident
    machine.say(5)
    second = machine.state.incident

    assert first is not None
    assert second is not None
    assert (first.code, first.seq) == (second.code, 1)
    assert second.seq == 2


def test_falling_again_within_ten_minutes_of_calm_reopens_the_incident() -> None:
    machine = Machine()
    machine.say(5)
    assert machine.state.incident is not None
    code = machine.state.incident.code
    machine.hold(30, 200)
    assert machine.state.tier is Tier.CALM

    assert machine.say(5, after_s=300) is Kind.RAISED
    assert machine.state.incident.code == code
    assert machine.state.incident.seq == 3


def test_after_ten_minutes_of_calm_a_new_incident_opens() -> None:
    machine = Machine()
    machine.say(5)
    assert machine.state.incident is not None
    code = machine.state.incident.code
    machine.hold(30, 200)
    machine.hold(30, 700)
    assert machine.state == DangerState(pool="unified")

    machine.say(5)

    assert machine.state.incident is not None
    assert machine.state.incident.code != code
    assert machine.state.incident.seq == 1


def test_each_relapse_doubles_the_dwell_up_to_a_quarter_of_an_hour() -> None:
    machine = Machine()
    dwells = []
    for _ in range(5):
        machine.say(5)
        dwells.append(dwell_us(machine.state) // SECOND_US)
        while machine.state.tier is Tier.CRITICAL:
            machine.say(30)

    assert dwells[:4] == [120, 240, 480, 900]


def test_relapses_are_forgotten_after_half_an_hour() -> None:
    machine = Machine()
    machine.say(5)
    machine.hold(30, 200)
    machine.say(5)
    assert len(machine.state.relapses) == 1

    machine.hold(5, 1900)

    assert machine.state.relapses == ()


def test_an_estimate_makes_worse_and_never_better() -> None:
    machine = Machine()
    machine.say(10)

    assert machine.guess(5) is Kind.ESCALATED
    for _ in range(200):
        machine.guess(50)
    assert machine.state.tier is Tier.CRITICAL
    assert machine.state.good_samples == 0


def test_what_is_not_known_freezes_the_tier_and_goes_on_repeating() -> None:
    machine = Machine()
    machine.say(5)

    found = [machine.guess(None, after_s=60) for _ in range(6)]

    assert found.count(Kind.REPEATED) == 2
    assert machine.state.tier is Tier.CRITICAL


def test_a_pool_that_vanished_is_resolved_only_after_dwell_and_three_readings() -> None:
    machine = Machine()
    machine.say(5)

    assert machine.absent() is None
    assert machine.absent(60) is None
    assert machine.absent(60) is Kind.RESOLVED


def test_a_vanished_calm_pool_is_forgotten() -> None:
    assert step_absent(DangerState(pool="x"), START_US) == (None, None)


def test_blindness_ends_a_good_stretch() -> None:
    machine = Machine()
    machine.say(5)
    machine.hold(30, 116)

    machine.state = alerting.blinded(machine.state)
    machine.hold(30, 100)

    assert machine.state.tier is Tier.CRITICAL


def test_a_clock_that_went_back_does_not_silence_repeats() -> None:
    machine = Machine()
    machine.say(5)
    machine.now_us -= 3600 * SECOND_US

    assert machine.say(5) is Kind.REPEATED


def test_a_pool_with_nothing_in_range_is_calm() -> None:
    machine = Machine()

    assert machine.say(math.inf) is None
    assert machine.state.tier is Tier.CALM


def test_told_value_is_never_infinite() -> None:
    machine = Machine()
    machine.say(5)
    machine.hold(math.inf, 200)

    assert machine.told[-1] == (Kind.RESOLVED, Tier.CALM)
    assert machine.state.told_value is None


def test_codes_follow_from_their_inputs_and_use_plain_letters() -> None:
    code = code_of("a", "unified", START_US)

    assert code == code_of("a", "unified", START_US)
    assert code != code_of("b", "unified", START_US)
    assert len(code) == 4
    assert not set(code) & set("ILOU")


def test_the_measure_told_decides_what_worse_means() -> None:
    machine = Machine()
    machine.say(11)

    assert machine.state.told_measure is Measure.DISTANCE
    assert machine.state.told_value == 11
