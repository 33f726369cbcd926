"""The words about who answered, and about speed, against their golden texts."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.policy_books import START_US
from tests.unit.test_messages import INCIDENT, check, danger, figures, sight, state
from watcher.domain.alert import MINUTE_US, Ack, DangerState, Kind, Measure, Tier
from watcher.policy import compose
from watcher.policy.advice import Advice
from watcher.policy.readings import hastened

NOW_US = START_US
SEEN = Ack(
    tier=Tier.CRITICAL,
    at_us=NOW_US - 12 * MINUTE_US,
    user_id=7,
    value=7.4,
    measure=Measure.DISTANCE,
)


def words(
    kind: Kind, told: DangerState, *, ack: Ack | None = None, advice: Advice | None = None
) -> compose.Text:
    return compose.danger(
        figures(),
        told,
        kind,
        was=told.tier,
        advice=advice,
        tolerance=3.0,
        answer=compose.answer(told, kind, ack, NOW_US),
    )


def test_a_danger_nobody_answered() -> None:
    told = state(unanswered_since_us=NOW_US - 3 * MINUTE_US)

    check("danger_unanswered", words(Kind.UNANSWERED, told))


def test_a_danger_somebody_has_seen() -> None:
    told = state(ack=SEEN)

    check("danger_updated", words(Kind.UPDATED, told, ack=SEEN))


def test_a_danger_worse_than_what_was_seen() -> None:
    check("danger_worse_than_seen", words(Kind.REPEATED, state(), ack=SEEN))


def test_a_danger_that_comes_fast() -> None:
    raced = replace(figures(minutes_left=6.2), reading=hastened(figures().reading))

    check("danger_hastened", danger(raced, told=state(Tier.EMERGENCY)))


def test_a_pace_that_is_not_known_exactly_is_still_said() -> None:
    raced = replace(figures(minutes_left=None), reading=hastened(figures().reading))

    assert "\nFalls fast: a tier up\n" in danger(raced).plain


def test_an_unseen_danger_nobody_answered() -> None:
    told = state(unanswered_since_us=NOW_US - 6 * MINUTE_US)
    answer = compose.answer(told, Kind.UNANSWERED, None, NOW_US)

    check(
        "danger_unseen_unanswered", compose.danger_unseen(sight(), figures(), told, answer=answer)
    )


def test_blindness_nobody_answered() -> None:
    text = compose.blind(
        sight(),
        INCIDENT,
        was=Tier.CRITICAL,
        tier=Tier.CRITICAL,
        next_wall_us=NOW_US + 3 * MINUTE_US,
        never_read=False,
        unanswered_us=3 * MINUTE_US,
    )

    check("blind_unanswered", text)


def test_an_ack_without_a_figure_compares_with_none() -> None:
    unknown = replace(SEEN, value=None, measure=None)

    assert compose.answer(state(), Kind.REPEATED, unknown, NOW_US) == []
    assert compose.answer(state(), Kind.EASED, SEEN, NOW_US) == []
