"""The drill and its verdict: the real machine on an imagined slide, and nothing real touched."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.policy_books import RULES, moment
from watcher.domain.alert import SECOND_US, Kind, Lane, Sample, Tier
from watcher.domain.road import Reach
from watcher.policy import drill, proving
from watcher.policy.plan import way


def history(*distances: float | None, every_s: float = 60.0, pool: str = "unified") -> list[Sample]:
    return [
        Sample(
            pool=pool,
            at_us=round(number * every_s * SECOND_US),
            distance=distance,
            health=None,
            margin_level=None,
            equity=None,
            tier=Tier.CALM,
        )
        for number, distance in enumerate(distances)
    ]


def test_every_tier_of_the_built_in_book_fires_once_in_order_at_its_price() -> None:
    stops = list(drill.slide(drill.sample(), replace(RULES, account="sample"), moment()))

    assert [stop.tier for stop in stops] == [
        Tier.WATCH, Tier.WARNING, Tier.CRITICAL, Tier.EMERGENCY
    ]  # fmt: skip
    # liquidated where 33,000 + P - 100,000 = 0.5 % of P: at 67,337, a fall of 32.7 %
    words = [stop.words for stop in stops]
    assert words == [
        "BTC alone falls 15.8 %: BTC 84,155",
        "BTC alone falls 23.5 %: BTC 76,494",
        "BTC alone falls 28.4 %: BTC 71,605",
        "BTC alone falls 30.6 %: BTC 69,387",
    ]


def test_each_message_says_drill_first_and_can_touch_nothing_real() -> None:
    rules = replace(RULES, account="main", reach=Reach.FALLBACK)
    messages = [m for stop in drill.slide(drill.sample(), rules, moment()) for m in stop.messages]

    assert len(messages) == 4
    assert len({m.key for m in messages}) == 4
    for message in messages:
        assert message.text.plain.startswith("DRILL · ")
        assert message.line.startswith("DRILL · ")
        # no configuration can name such an account: what is pressed here finds nobody
        assert message.account == "drill:main"
        assert message.group == ""
        assert message.lane is Lane.WARNING
        for start, end in message.text.bold:
            assert 0 <= start < end <= len(message.text.plain)
    emergency = messages[-1]
    assert emergency.reach is Reach.FALLBACK
    title = emergency.text.plain.splitlines()[0]
    assert title == f"DRILL · 🚨 EMERGENCY #{emergency.incident}·4 drill:main"


def test_a_book_in_a_tier_already_fires_as_it_stands() -> None:
    near = list(drill.slide(drill.sample(), RULES, moment()))[1]
    book = way(drill.sample(), RULES)
    assert book is not None

    stops = list(drill.slide(book.snapshot_at(near.percent), RULES, moment()))

    assert (stops[0].tier, stops[0].words) == (Tier.WARNING, "as it stands")
    assert [stop.tier for stop in stops[1:]] == [Tier.CRITICAL, Tier.EMERGENCY]


def test_a_book_that_nothing_liquidates_has_no_drill() -> None:
    assert list(drill.slide(replace(drill.sample(), positions=()), RULES, moment())) == []


def test_the_verdict_names_the_line_that_a_reaction_justifies() -> None:
    book = history(*[20.0] * 3000, 19.0, 17.4, 15.9, *[16.0] * 10)

    fall = drill.worst_fall(book, 420)

    assert drill.verdict(420, fall, RULES) == [
        (
            "you need 7 min; your book moved 4.1 % in that time at worst in the recorded history "
            "(2 days): critical at 6 % or wider"
        ),
        "critical is at 6 % now, which is wide enough",
    ]
    narrow = history(*[20.0] * 60, 12.0)
    assert drill.verdict(60, drill.worst_fall(narrow, 60), RULES) == [
        (
            "you need 1 min; your book moved 8.0 % in that time at worst in the recorded history "
            "(1.0 hours, too short to rely on): critical at 11.5 % or wider"
        ),
        "critical is at 6 % now, which is TOO NARROW",
    ]


def test_without_a_history_no_line_follows() -> None:
    assert drill.worst_fall(history(5.0), 60) is None
    assert drill.worst_fall(history(None, None, None), 60) is None
    assert drill.verdict(90, None, RULES) == [
        "you need 1 min 30 s; no history of this book is recorded yet, so no line follows from it"
    ]


def test_estimates_and_other_pools_do_not_count_as_moves() -> None:
    guessed = [replace(one, estimate=True) for one in history(20.0, 1.0)]
    apart = history(30.0, 30.0, pool="a") + history(5.0, 5.0, pool="b")

    assert drill.worst_fall(guessed, 600) is None
    fall = drill.worst_fall(apart, 600)
    assert fall is not None
    assert fall.points == 0.0


@given(
    distances=st.lists(st.integers(0, 20).map(float), min_size=2, max_size=40),
    within=st.integers(1, 5),
)
@example(distances=[10.0, 5.0, 0.0], within=1)
def test_the_worst_fall_is_the_worst_of_all_pairs(distances: list[float], within: int) -> None:
    fall = drill.worst_fall(history(*distances), within * 60)

    pairs = [
        earlier - later
        for at, later in enumerate(distances)
        for earlier in distances[max(0, at - within) : at]
    ]
    assert fall is not None
    assert fall.points == max(0.0, *pairs)


def test_a_drill_call_is_a_test_that_says_drill() -> None:
    made = proving.drill_call(Reach.CHAT, "0042", moment(), zone="UTC")

    assert made.kind is Kind.TEST
    assert made.text.plain == (
        "DRILL · 🔔 TEST 14:13 UTC: get up as if this were an emergency\n"
        "Alerts of watcher arrive here\n"
        "Press the button when you hear it, or write /heard 0042"
    )


def test_nothing_wakes_without_a_fallback_proven_within_a_month() -> None:
    day_us = 86_400 * SECOND_US
    now = 100 * day_us
    asleep = proving.asleep

    assert asleep({Reach.CHAT: now, Reach.FALLBACK: now - 30 * day_us}, now) is None
    assert asleep({Reach.CHAT: now}, now) == (
        "nothing here will wake you: no fallback is configured, and Telegram does not break a "
        "phone's do-not-disturb"
    )
    assert asleep({Reach.FALLBACK: None}, now) == (
        "nothing here will wake you: the fallback was never proven; "
        "prove it with `watcher send-test --all`"
    )
    assert asleep({Reach.FALLBACK: now - 31 * day_us}, now) == (
        "nothing here will wake you: the fallback was proven 31 d ago, too long; "
        "prove it with `watcher send-test --all`"
    )


def test_the_test_of_the_fallback_tells_its_code_and_has_no_button() -> None:
    made = proving.road_test(Reach.FALLBACK, proving.code_of(104_821), moment(), zone="UTC")

    assert made.text.plain == (
        "🔔 TEST 14:13 UTC\n"
        "Alerts arrive here when Telegram fails or nobody answers\n"
        "Heard it? Write in Telegram: /heard 4821"
    )
    assert made.buttons == ()
    assert not made.silent
