"""Orders: what an ack and a mute do to the memory, what they answer, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy_books import START_US, moment, single
from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    Ack,
    BlindState,
    DangerState,
    FindingState,
    Incident,
    Measure,
    Mute,
    Tier,
)
from watcher.policy.orders import AckOrder, MuteOrder, UnmuteOrder, obey, open_incidents

POOL = "cross:USDT"
HOUR_US = 60 * MINUTE_US


def danger(tier: Tier = Tier.CRITICAL, *, code: str = "K7F3", pool: str = POOL) -> DangerState:
    return DangerState(
        pool=pool,
        tier=tier,
        incident=Incident(code=code, seq=2, opened_at_us=START_US),
        told_at_us=START_US,
        told_value=5.8,
        told_measure=Measure.DISTANCE,
        unanswered_since_us=START_US if tier >= Tier.CRITICAL else None,
    )


def state(*dangers: DangerState, **more: object) -> AccountState:
    one = AccountState(account="bybit_main", dangers={d.pool: d for d in dangers})
    return replace(one, last_good=single(5.0), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tier", "answer"),
    [
        (Tier.WATCH, "Seen: #K7F3 WATCH, next word in 6 h or when worse"),
        (Tier.WARNING, "Seen: #K7F3 WARNING, next word in 4 h or when worse"),
        (Tier.CRITICAL, "Seen: #K7F3 CRITICAL, next word in 2 h or when worse"),
        (Tier.EMERGENCY, "Seen: #K7F3 EMERGENCY, next word in 5 min or when worse"),
    ],
)
def test_an_ack_is_of_the_tier_and_the_figure_told(tier: Tier, answer: str) -> None:
    moved, said = obey(state(danger(tier)), AckOrder(incident="k7f3", user_id=7), moment(60))

    assert said == answer
    assert moved.dangers[POOL].ack == Ack(
        tier=tier, at_us=moment(60).steady_us, user_id=7, value=5.8, measure=Measure.DISTANCE
    )
    assert moved.dangers[POOL].unanswered_since_us is None
    assert moved.dangers[POOL].tier is tier


def test_a_button_of_a_milder_message_acks_nothing() -> None:
    before = state(danger(Tier.EMERGENCY))

    moved, said = obey(before, AckOrder(incident="K7F3", user_id=7, tier=Tier.CRITICAL), moment(60))

    assert moved == before
    assert said == "#K7F3 is EMERGENCY by now: that is not seen yet"


@pytest.mark.parametrize("code", ["", "QQQQ", "#<b>", "K7F3 "])
def test_an_unknown_code_is_said_and_changes_nothing(code: str) -> None:
    before = state(danger())

    moved, said = obey(before, AckOrder(incident=code, user_id=7), moment(60))

    assert moved == before
    assert said.endswith("is not open on bybit_main")
    assert "<" not in said


def test_what_is_over_cannot_be_acked() -> None:
    moved, said = obey(state(danger(Tier.CALM)), AckOrder(incident="K7F3", user_id=7), moment(60))

    assert moved.dangers[POOL].ack is None
    assert said == "#K7F3 is not open on bybit_main"


def test_one_code_is_one_ack_whichever_machine_it_is_of() -> None:
    """Blindness is told under the worst danger's code."""
    unseen = BlindState(active=True, tier=Tier.CRITICAL, unanswered_since_us=START_US)
    other = danger(Tier.WARNING, code="AAAA", pool="margin")
    before = state(danger(), other, blind=unseen)

    moved, said = obey(before, AckOrder(incident="#K7F3", user_id=7), moment(60))

    assert said == "Seen: #K7F3 CRITICAL, next word in 20 min or when worse"
    assert moved.blind.ack is not None
    assert moved.blind.unanswered_since_us is None
    assert moved.dangers[POOL].ack is not None
    assert moved.dangers["margin"].ack is None


def test_blindness_alone_and_a_finding_have_codes_of_their_own() -> None:
    unseen = BlindState(
        active=True,
        tier=Tier.WARNING,
        incident=Incident(code="BBBB", seq=1, opened_at_us=START_US),
    )
    finding = FindingState(
        check="divergence",
        pool=POOL,
        fact="apart",
        tier=Tier.WARNING,
        incident=Incident(code="FFFF", seq=1, opened_at_us=START_US),
    )
    before = state(blind=unseen, findings={"divergence:cross:USDT": finding})
    assert open_incidents(before) == {"BBBB": Tier.WARNING, "FFFF": Tier.WARNING}

    moved, said = obey(before, AckOrder(incident="BBBB", user_id=7), moment(60))
    assert said == "Seen: #BBBB WARNING, next word in 1 h or when worse"
    assert moved.blind.ack is not None

    moved, said = obey(moved, AckOrder(incident="FFFF", user_id=7), moment(61))
    assert said == "Seen: #FFFF WARNING, next word in 1 d or when worse"
    assert moved.findings["divergence:cross:USDT"].ack is not None


def test_the_same_order_twice_is_the_same_as_once() -> None:
    order = AckOrder(incident="K7F3", user_id=7)
    once = obey(state(danger()), order, moment(60))

    assert obey(once[0], order, moment(60)) == once


@pytest.mark.parametrize(
    ("pool", "answer"),
    [
        (POOL, "Muted up to WARNING for 1 h: bybit_main cross USDT"),
        ("", "Muted up to WARNING for 1 h: bybit_main"),
    ],
)
def test_a_mute_names_its_scope_and_its_end(pool: str, answer: str) -> None:
    order = MuteOrder(pool=pool, for_us=HOUR_US, user_id=7)

    moved, said = obey(state(danger(Tier.WARNING)), order, moment(60))

    assert said == answer
    until_us = moment(60).steady_us + HOUR_US
    assert moved.mutes == (Mute(pool=pool, tier_max=Tier.WARNING, until_us=until_us, user_id=7),)


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        (
            MuteOrder(pool=POOL, for_us=HOUR_US, user_id=7, tier_max=Tier.CRITICAL),
            "CRITICAL cannot be muted, only acked; nothing is muted",
        ),
        (
            MuteOrder(pool=POOL, for_us=HOUR_US, user_id=7, tier_max=Tier.EMERGENCY),
            "EMERGENCY cannot be muted, only acked; nothing is muted",
        ),
        (
            MuteOrder(pool=POOL, for_us=24 * HOUR_US + 1, user_id=7),
            "A mute lasts up to 24 h; nothing is muted",
        ),
        (
            MuteOrder(pool=POOL, for_us=0, user_id=7),
            "A mute lasts up to 24 h; nothing is muted",
        ),
        (
            MuteOrder(pool="cross:USDC", for_us=HOUR_US, user_id=7),
            "No pool cross USDC in bybit_main; there is: cross USDT",
        ),
    ],
)
def test_a_mute_that_asks_too_much_is_refused_with_words(order: MuteOrder, answer: str) -> None:
    before = state(danger(Tier.WARNING))

    assert obey(before, order, moment(60)) == (before, answer)


def test_a_mute_of_what_is_critical_says_that_it_goes_on() -> None:
    _, said = obey(state(danger()), MuteOrder(pool="", for_us=HOUR_US, user_id=7), moment(60))

    assert said == "Muted up to WARNING for 1 h: bybit_main, which is CRITICAL and goes on"


def test_a_new_mute_of_a_pool_takes_the_place_of_the_old() -> None:
    first, _ = obey(state(danger()), MuteOrder(pool=POOL, for_us=HOUR_US, user_id=7), moment(0))
    second, _ = obey(first, MuteOrder(pool=POOL, for_us=5 * MINUTE_US, user_id=8), moment(60))

    assert [mute.user_id for mute in second.mutes] == [8]


def test_a_mute_is_ended_by_its_pool_or_all_at_once() -> None:
    muted, _ = obey(state(danger()), MuteOrder(pool=POOL, for_us=HOUR_US, user_id=7), moment(0))
    muted, _ = obey(muted, MuteOrder(pool="", for_us=HOUR_US, user_id=7), moment(0))

    one, said = obey(muted, UnmuteOrder(pool=POOL, user_id=7), moment(60))
    assert said == "Not muted any more: bybit_main cross USDT"
    assert [mute.pool for mute in one.mutes] == [""]

    none, said = obey(muted, UnmuteOrder(pool="", user_id=7), moment(60))
    assert said == "Not muted any more: bybit_main"
    assert none.mutes == ()
    assert obey(none, UnmuteOrder(pool="", user_id=7), moment(61))[1] == (
        "Nothing was muted: bybit_main"
    )
