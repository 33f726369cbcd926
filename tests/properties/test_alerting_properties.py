"""
What must hold of alerts whatever happens: readings, misses, estimates, restarts, in any order.

The engine stays in the loop; each distance is a real book of one coin.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.unit.policy_books import (
    DISTANCE_LINES,
    RULES,
    START_US,
    TIERS,
    missed,
    moment,
    reading,
    single,
)
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    DangerState,
    Decision,
    Kind,
    Message,
    Seen,
    Tier,
)
from watcher.policy import blind, decide
from watcher.policy.alerting import GOOD_SAMPLES, step
from watcher.policy.readings import Reading
from watcher.policy.speaking import repeat_us

POOL = "cross:USDT"
STATE = TypeAdapter(AccountState)
WORSE = (Kind.RAISED, Kind.ESCALATED)
BETTER = (Kind.EASED, Kind.RESOLVED)

distances = st.floats(0.5, 40.0).map(lambda value: round(value, 2))


@dataclass(frozen=True)
class Event:
    """One poll slot: a reading at a distance, a miss with or without a price, or a restart."""

    after_s: int
    distance: float | None = None
    price: float | None = None
    restart: bool = False


events = st.builds(
    Event,
    after_s=st.sampled_from([2, 4, 4, 4, 10, 30, 70]),
    distance=st.one_of(st.none(), distances, distances),
    price=st.one_of(st.none(), st.floats(700, 1300)),
    restart=st.booleans(),
)


phases = st.lists(st.tuples(events, st.integers(1, 40)), min_size=1, max_size=6).map(
    lambda runs: [event for event, times in runs for _ in range(times)]
)
"""Longer stretches of the same: enough for dwells and repeats to come due."""


def reloaded(state: AccountState) -> AccountState:
    """The state as it comes back from text."""
    return STATE.validate_python(json.loads(json.dumps(STATE.dump_python(state, mode="json"))))


def forgetful(state: AccountState) -> AccountState:
    """The state as a ledger keeps it that does not write what changes at every poll."""
    dangers = {
        pool: replace(
            danger, good_since_us=None, good_samples=0, good_worst=Tier.CALM, good_gone=False
        )
        for pool, danger in state.dangers.items()
    }
    unseen = replace(state.blind, misses=0, alike=0)
    return reloaded(replace(state, dangers=dangers, blind=unseen))


class Run:
    """A sequence of slots through `decide`, remembering what was said and when."""

    def __init__(self, restart: Callable[[AccountState], AccountState] = forgetful) -> None:
        self.restart = restart
        self.state = AccountState(account=RULES.account)
        self.seconds = 0.0
        self.said: list[tuple[float, Message]] = []

    def slot(self, event: Event) -> Decision:
        self.seconds += event.after_s
        if event.restart:
            self.state = self.restart(self.state)
        now = moment(self.seconds)
        if event.distance is None:
            prices = {} if event.price is None else {"BTC": event.price}
            what = missed(prices=prices)
        else:
            fresh = single(event.distance, seconds=self.seconds)
            what = Seen(snapshot=fresh, missed=None)
        decision = decide(self.state, what, RULES, now)
        self.state = decision.state
        self.said += [(self.seconds, message) for message in decision.messages]
        return decision

    @property
    def danger(self) -> DangerState:
        return self.state.dangers.get(POOL, DangerState(pool=POOL))


def hold_of(distance: float) -> Tier:
    """The worst tier whose exit line *distance* has not cleared."""
    lines = zip(TIERS, DISTANCE_LINES, strict=True)
    return max((t for t, x in lines if distance < max(1.15 * x, x + 1)), default=Tier.CALM)


def true_tier(distance: float) -> Tier:
    return max(
        (t for t, line in zip(TIERS, DISTANCE_LINES, strict=True) if distance < line),
        default=Tier.CALM,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(events, min_size=1, max_size=40))
def test_the_tier_held_is_never_milder_than_what_was_read(sequence: list[Event]) -> None:
    run = Run()
    for event in sequence:
        run.slot(event)
        if event.distance is not None:
            assert run.danger.tier >= true_tier(event.distance + 1e-6)


@settings(max_examples=25, deadline=None)
@given(phases)
def test_a_miss_never_makes_better_and_never_gives_an_all_clear(sequence: list[Event]) -> None:
    run = Run()
    for event in sequence:
        before = run.danger.tier
        decision = run.slot(event)
        if event.distance is None:
            assert run.danger.tier >= before
            assert not [m for m in decision.messages if m.kind in BETTER]


@settings(max_examples=25, deadline=None)
@given(phases)
def test_no_tier_is_left_without_three_good_readings_over_its_dwell(sequence: list[Event]) -> None:
    run = Run()
    readings: list[tuple[float, float]] = []
    for event in sequence:
        before = run.danger
        decision = run.slot(event)
        if event.distance is not None:
            readings.append((run.seconds, event.distance))
        for message in decision.messages:
            if message.kind in BETTER:
                last = readings[-GOOD_SAMPLES:]
                assert len(last) == GOOD_SAMPLES
                assert max(hold_of(distance) for _, distance in last) <= run.danger.tier
                since = [s for s, d in readings if s * SECOND_US + START_US >= before.since_us]
                assert (run.seconds - min(since)) >= 60


@settings(max_examples=25, deadline=None)
@given(phases)
@example([Event(after_s=70, distance=4.0)] * 40)
def test_danger_is_told_within_its_repeat_whatever_happens(sequence: list[Event]) -> None:
    """
    At critical or worse, the last word is never older than the interval plus one slot; that of the
    milder tier while the readings are beyond the exit line.
    """
    run = Run()
    for event in sequence:
        run.slot(event)
        if run.danger.tier < Tier.CRITICAL:
            continue
        last = max(at for at, _ in run.said)
        held = run.danger.good_since_us is not None and not run.danger.good_gone
        tier = run.danger.good_worst if held else run.danger.tier
        interval = repeat_us(tier, run.danger.repeats)
        if run.state.blind.active:
            interval = max(interval, blind.repeat_us(run.danger.tier))
        assert run.seconds - last <= interval / SECOND_US + 70


@settings(max_examples=25, deadline=None)
@given(phases)
def test_blindness_is_told_in_time_and_ended_by_a_reading(sequence: list[Event]) -> None:
    run = Run()
    last_good: float | None = None
    for event in sequence:
        decision = run.slot(event)
        kinds = [m.kind for m in decision.messages]
        if event.distance is not None:
            last_good = run.seconds
            assert not run.state.blind.active
        elif last_good is not None and run.seconds - last_good > 180:
            assert run.state.blind.active
        assert kinds.count(Kind.BLIND) + kinds.count(Kind.SEEING) <= 1
    told = [m.kind for _, m in run.said if m.kind in (Kind.BLIND, Kind.SEEING)]
    assert all(a is not b for a, b in pairwise(told))


@settings(max_examples=60, deadline=None)
@given(st.lists(events, min_size=1, max_size=40))
def test_keys_are_unique_and_sequence_numbers_count_up(sequence: list[Event]) -> None:
    run = Run()
    for event in sequence:
        run.slot(event)

    keys = [m.key for _, m in run.said]
    assert len(set(keys)) == len(keys)


@settings(max_examples=25, deadline=None)
@given(st.lists(events, min_size=1, max_size=30))
def test_a_restart_at_every_slot_changes_nothing(sequence: list[Event]) -> None:
    one, other = Run(reloaded), Run(reloaded)
    for event in sequence:
        one.slot(Event(event.after_s, event.distance, event.price, restart=False))
        other.slot(Event(event.after_s, event.distance, event.price, restart=True))

    assert [m.key for _, m in one.said] == [m.key for _, m in other.said]
    assert [m.text for _, m in one.said] == [m.text for _, m in other.said]


@given(
    st.sampled_from(list(zip(TIERS, DISTANCE_LINES, strict=True))),
    st.one_of(
        st.lists(st.floats(0.0, 1.0), max_size=60),
        st.lists(st.floats(0.2, 1.0), min_size=60, max_size=60),
    ),
)
def test_noise_inside_the_band_makes_no_events(
    line: tuple[Tier, float], noise: list[float]
) -> None:
    tier, enter = line
    leave = max(enter * 1.15, enter + 1)
    danger = DangerState(pool=POOL)
    now = START_US
    danger, first = step(danger, reading(enter * 0.999, POOL), now, account="a")
    assert first is Kind.RAISED

    said = []
    for level in noise:
        now += 4 * SECOND_US
        value = enter * 0.97 + level * (leave - enter * 0.97) * 0.999
        if tier is Tier.EMERGENCY or value >= DISTANCE_LINES[TIERS.index(tier) + 1 :][0]:
            danger, kind = step(danger, reading(value, POOL), now, account="a")
            said.append(kind)

    assert {kind for kind in said if kind is not None} <= {Kind.REPEATED}
    assert len([k for k in said if k]) <= 4 * len(noise) * SECOND_US / repeat_us(tier, 0) + 1
    assert danger.tier is tier


@given(st.lists(st.floats(0.01, 39.9), min_size=4, max_size=80))
def test_a_monotone_slide_fires_each_tier_it_reads_once_in_order(falls: list[float]) -> None:
    danger = DangerState(pool=POOL)
    now = START_US
    fired: list[tuple[Tier, float]] = []
    slide = sorted(falls, reverse=True)
    for value in slide:
        now += 4 * SECOND_US
        danger, kind = step(danger, reading(value, POOL), now, account="a")
        if kind in WORSE:
            fired.append((danger.tier, value))

    expected: list[tuple[Tier, float]] = []
    for value in slide:
        tier = true_tier(value)
        if tier > (expected[-1][0] if expected else Tier.CALM):
            expected.append((tier, value))
    assert fired == expected


@given(st.lists(st.floats(0.01, 60.0), max_size=120), st.integers(1, 30))
def test_however_it_swings_a_pool_says_little_while_calm_is_not_proven(
    values: list[float], every_s: int
) -> None:
    danger = DangerState(pool=POOL)
    now = START_US
    changes = 0
    for value in values:
        now += every_s * SECOND_US
        verdict: Reading = reading(value, POOL)
        danger, kind = step(danger, verdict, now, account="a")
        changes += kind in BETTER
    # each easing needs at least a minute of good readings
    assert changes <= len(values) * every_s / 60
