"""When a top-up is proposed and when it is held: each condition alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import borrowed, moment, position, seen
from tests.unit.top_up_books import (
    AUTO,
    MOVE,
    POOL,
    STEP,
    after_a_miss,
    alert_rules,
    intent,
    limited,
    means,
    scene,
    short_of,
)
from watcher.domain.account import (
    Asset,
    Family,
    Mismatch,
    Rules,
    Snapshot,
    VenueRatio,
    VenueSays,
    Weight,
)
from watcher.domain.alert import MINUTE_US, SECOND_US, Measure, Moment
from watcher.domain.topup import Mode, Progress, Route, Verb
from watcher.policy.decide import decide
from watcher.policy.means import Balance, Held
from watcher.policy.sizing import balance_in, came
from watcher.ports import FROZEN, KILLED, PAUSED, Flag

HOUR_S = 3600.0


def test_an_account_beyond_its_trigger_is_topped_up_to_its_target() -> None:
    one = scene().proposed()

    assert (one.pool, one.route, one.mode, one.short) == (POOL, MOVE, Mode.AUTO, None)
    assert one.before == pytest.approx(9.4)
    # 1,000 of mark, 0.5 % maintenance: from 906 x 0.995 to 850 x 0.995 to lose first
    assert one.amount == Decimal("55.72")
    assert one.after == pytest.approx(15, abs=1e-6)
    assert one.source_after == Decimal("4944.28")


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.REQUEST, Mode.ASK, Mode.AUTO])
def test_the_amount_is_the_same_in_every_mode(mode: Mode) -> None:
    one = scene(rules=replace(AUTO, mode=mode)).proposed()

    assert (one.mode, one.amount) == (mode, Decimal("55.72"))


def test_without_caps_a_rehearsal_is_made_and_nothing_that_sends() -> None:
    for mode in (Mode.DRY_RUN, Mode.REQUEST):
        assert scene(rules=replace(AUTO, mode=mode, limits=None)).proposed().amount > 0
    for mode in (Mode.ASK, Mode.AUTO):
        assert scene(rules=replace(AUTO, mode=mode, limits=None)).held() == "no_limits"


def test_off_is_off() -> None:
    assert scene(rules=replace(AUTO, mode=Mode.OFF)).held() == "off"
    assert scene(rules=replace(AUTO, routes=())).held() == "off"


@pytest.mark.parametrize("name", [KILLED, PAUSED, FROZEN])
def test_a_flag_of_any_kind_holds(name: str) -> None:
    flag = Flag(name=name, user_id=7, at_us=0)

    assert scene(money=means(flags={name: flag}, at_s=4)).held() == "flagged"


def test_a_pause_ends_by_itself() -> None:
    until = moment(4).wall_us
    for until_us, held in ((until + 1, True), (until, False)):
        flag = Flag(name=PAUSED, user_id=7, at_us=0, until_us=until_us)
        found = scene(money=means(flags={PAUSED: flag}, at_s=4)).propose()
        assert isinstance(found, Held) is held


def test_the_kill_file_holds() -> None:
    assert scene(money=means(killed=True, at_s=4)).held() == "killed"


def test_a_pool_that_is_not_computed_holds() -> None:
    made = [replace(short_of(seconds=s), unmodelled={POOL: "an option"}) for s in (0, 4)]
    told = VenueSays(equity=Decimal(100), maintenance_margin=Decimal(50))

    assert scene(*(replace(s, venue_says={POOL: told}) for s in made)).held() == "not_computed"


def test_an_account_that_was_missed_since_holds() -> None:
    assert after_a_miss(scene()).held() == "unseen"


def test_an_estimate_is_no_reading() -> None:
    one = scene()
    moved = replace(one.found.snapshot, positions=(position(mark="1"),))

    assert replace(one, found=replace(one.found, snapshot=moved)).held() == "unseen"


def test_nothing_moves_while_two_opinions_differ() -> None:
    told = VenueSays(ratio=VenueRatio(name="health", value=Decimal("1.5")))
    apart = [replace(short_of(seconds=s), venue_says={POOL: told}) for s in (0, 4)]
    wrong = Mismatch(
        pool=POOL, what="BTC", figure="maintenance margin", ours=Decimal(1), venue=Decimal(2)
    )
    table = [replace(short_of(seconds=s), mismatches=(wrong,)) for s in (0, 4)]

    for readings in (apart, table):
        for mode in (Mode.DRY_RUN, Mode.ASK, Mode.AUTO):
            assert scene(*readings, rules=replace(AUTO, mode=mode)).held() == "disagrees"
        one = scene(*readings, rules=replace(AUTO, mode=Mode.REQUEST)).proposed()
        assert one.doubt == "Our figures and Bybit's differ"


def test_a_finding_of_another_pool_holds_nothing() -> None:
    wrong = Mismatch(
        pool="other", what="BTC", figure="maintenance margin", ours=Decimal(1), venue=Decimal(2)
    )

    assert scene(*(replace(short_of(seconds=s), mismatches=(wrong,)) for s in (0, 4))).proposed()


def test_a_reading_older_than_ten_seconds_holds() -> None:
    assert scene(later_s=10).proposed()
    assert scene(later_s=10.1).held() == "stale"


def test_a_reading_that_only_one_clock_calls_fresh_holds() -> None:
    one = scene()
    for steady_s, wall_s in ((11, 0), (0, 11), (0, -11), (-1, 0)):
        now = Moment(
            steady_us=one.now.steady_us + steady_s * SECOND_US,
            wall_us=one.now.wall_us + wall_s * SECOND_US,
        )
        assert replace(one, now=now).held() == "stale"


def test_above_the_trigger_all_is_calm() -> None:
    assert scene(short_of(10.001, seconds=0), short_of(10.001, seconds=4)).held() == "calm"


def test_a_measure_nobody_knows_holds() -> None:
    # of a pool that is computed the level is not known where the venue tells no initial margin
    rules = replace(AUTO, measure=Measure.MARGIN_LEVEL, trigger=140.0, target=200.0)
    one = scene(rules=rules)
    (pool,) = one.found.report.pools
    unknown = replace(one.found.report, pools=(replace(pool, used_margin=1.0, margin_level=None),))

    assert replace(one, found=replace(one.found, report=unknown)).held() == "unknown"


def test_one_reading_moves_nothing() -> None:
    assert scene(short_of()).held() == "seen_once"
    assert scene(short_of(seconds=0), short_of(seconds=1.9)).held() == "seen_once"
    assert scene(short_of(seconds=0), short_of(seconds=2)).proposed()
    assert scene(*(short_of(seconds=s) for s in (0, 1, 2))).proposed()


def test_equity_that_nothing_explains_moves_nothing_for_ten_minutes() -> None:
    """A glitch that shows an account as all but empty must not be topped up."""
    glitch = [short_of(40, seconds=0), *(short_of(3, seconds=4 * n) for n in range(1, 152))]
    assert scene(*glitch).held() == "unseen"

    confirmed = (short_of(3, seconds=4 * n) for n in range(152, 155))
    assert scene(*glitch, *confirmed).proposed().amount > 0


def test_the_same_old_answer_is_not_a_second_reading() -> None:
    old = short_of()
    first = scene(old)
    at = Moment(steady_us=first.now.steady_us + 5 * SECOND_US, wall_us=moment(5).wall_us)
    again = scene(old, state=first.state)

    assert replace(again, now=at, means=means(at_s=5)).held() == "seen_once"


def test_a_better_reading_between_starts_the_row_anew() -> None:
    readings = [short_of(seconds=0), short_of(12, seconds=4), short_of(seconds=8)]

    assert scene(*readings).held() == "seen_once"


def test_a_miss_between_starts_the_row_anew() -> None:
    missed_then = after_a_miss(scene()).state

    assert missed_then.crossed == {}
    assert scene(short_of(seconds=8), state=missed_then).held() == "seen_once"


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.ABSENT, Progress.DENIED])
def test_between_two_lies_the_cooldown(progress: Progress) -> None:
    for seconds, held in ((4 - 299, True), (4 - 300, False)):
        money = means(intents=[intent(progress=progress, seconds=seconds)], at_s=4)
        found = scene(money=money).propose()
        assert isinstance(found, Held) is held
        if isinstance(found, Held):
            assert found.why.value == "cooling"


def test_a_rehearsal_cools_down_too() -> None:
    rules = replace(AUTO, mode=Mode.DRY_RUN, limits=None)
    told = intent(progress=Progress.CANCELLED, mode=Mode.DRY_RUN, seconds=-10)

    assert scene(rules=rules, money=means(rules, intents=[told], at_s=4)).held() == "cooling"


def test_what_came_to_nothing_is_not_tried_at_every_reading() -> None:
    """A venue that refuses, or a ledger that objects, would be asked every few seconds."""
    for progress, wait_s in ((Progress.REJECTED, 300), (Progress.CANCELLED, 60)):
        for seconds, held in ((4 - wait_s + 1, True), (4 - wait_s, False)):
            money = means(intents=[intent(progress=progress, seconds=seconds)], at_s=4)
            assert isinstance(scene(money=money).propose(), Held) is held
        far = replace(MOVE, source="spot")
        other = means(intents=[intent(progress=progress, seconds=0, route=far)], at_s=4)
        assert scene(money=other).proposed()


def test_nobody_answered_is_asked_again_at_once() -> None:
    rules = replace(AUTO, mode=Mode.ASK)
    unanswered = intent(progress=Progress.EXPIRED, mode=Mode.ASK, seconds=0)
    came_short = intent(progress=Progress.CANCELLED, mode=Mode.REQUEST, seconds=0)
    for one in (unanswered, came_short):
        assert scene(rules=rules, money=means(rules, intents=[one], at_s=4)).proposed()


def test_so_many_a_day_and_no_more() -> None:
    done = [intent(f"T{n}", seconds=-HOUR_S * (n + 1), amount="1") for n in range(4)]

    assert scene(money=means(intents=done[:3], at_s=4)).proposed()
    assert scene(money=means(intents=done, at_s=4)).held() == "count"


@pytest.mark.parametrize(
    "progress",
    [Progress.PROPOSED, Progress.APPROVED, Progress.SENDING, Progress.UNKNOWN, Progress.HUMAN],
)
def test_one_at_a_time_from_one_source(progress: Progress) -> None:
    money = means(intents=[intent(progress=progress, seconds=-30 * HOUR_S)], at_s=4)

    held = "unsettled" if progress is Progress.HUMAN else "busy"
    assert scene(money=money).held() == held


def test_one_on_its_way_bars_its_pool_and_one_nobody_knows_of_only_its_source() -> None:
    elsewhere = replace(MOVE, source="spot")
    for progress, bars in ((Progress.ACCEPTED, True), (Progress.UNKNOWN, False)):
        money = means(intents=[intent(progress=progress, route=elsewhere)], at_s=4)
        assert isinstance(scene(money=money).propose(), Held) is bars


@pytest.mark.parametrize(
    ("caps", "short", "amount"),
    [
        ({"per_event": Decimal("40.009")}, "event", "40"),
        ({"per_day": Decimal(140)}, "day", "40"),
        ({"per_week": Decimal(140)}, "week", "40"),
        ({"keep_in_source": Decimal(4960)}, "floor", "40"),
    ],
)
def test_each_cap_cuts_down(caps: dict[str, Decimal], short: str, amount: str) -> None:
    rules = limited(AUTO, **caps)
    # 100 was moved two hours ago; 100 the day before counts for the week alone
    early = [] if "per_day" in caps else [intent("T0", seconds=-25 * HOUR_S, amount="0")]
    done = [intent("T1", seconds=-2 * HOUR_S), *early]

    one = scene(rules=rules, money=means(rules, intents=done, at_s=4)).proposed()

    assert one.amount == Decimal(amount)
    assert one.short is not None
    assert one.short.value == short
    assert one.before < one.after < one.target


@pytest.mark.parametrize(
    ("caps", "why"),
    [
        ({"per_day": Decimal(100)}, "day"),
        ({"per_week": Decimal(100)}, "week"),
        ({"keep_in_source": Decimal(5000)}, "floor"),
        ({"per_event": Decimal("0.005")}, "event"),
    ],
)
def test_a_cap_without_room_holds_under_its_own_word(caps: dict[str, Decimal], why: str) -> None:
    rules = limited(AUTO, **caps)
    done = [intent("T1", seconds=-2 * HOUR_S)]

    assert scene(rules=rules, money=means(rules, intents=done, at_s=4)).held() == why


def test_windows_slide() -> None:
    rules = limited(per_day=Decimal(100))
    for ago_s, held in ((24 * HOUR_S - 1, True), (24 * HOUR_S, False)):
        done = [intent("T1", seconds=4 - ago_s)]
        found = scene(rules=rules, money=means(rules, intents=done, at_s=4)).propose()
        assert isinstance(found, Held) is held


def test_a_clock_set_back_frees_no_cap() -> None:
    rules = limited(per_day=Decimal(100), cooldown_us=MINUTE_US)
    later = [intent("T1", seconds=3 * HOUR_S)]

    assert scene(rules=rules, money=means(rules, intents=later, at_s=4)).held() == "cooling"
    known = means(rules, intents=later, at_s=4, last_us=moment(4 * HOUR_S).steady_us)
    assert scene(rules=rules, money=known).held() == "day"


def test_what_is_open_counts_however_old_it_is() -> None:
    rules = limited(per_day=Decimal(100))
    far = replace(MOVE, source="spot")
    old = intent("T1", Progress.HUMAN, seconds=-30 * 24 * HOUR_S, route=far, pool="other")

    assert scene(rules=rules, money=means(rules, intents=[old], at_s=4)).held() == "day"


def test_what_was_moved_counts_at_its_price() -> None:
    made = [short_of(seconds=s) for s in (0, 4)]
    dear = [replace(s, assets=(replace(s.assets[0], index=Decimal(2)),)) for s in made]
    rules = limited(unit="USD", per_day=Decimal(300), keep_in_source=Decimal(0))
    done = [intent(seconds=-2 * HOUR_S)]

    one = scene(*dear, rules=rules, money=means(rules, intents=done, at_s=4)).proposed()

    # 300 USD a day less 100 USDT at 2 USD
    assert (one.room.day, one.amount) == (Decimal(100), Decimal(50))


def test_what_reaches_the_target_comes_before_what_falls_short() -> None:
    usdc, usdt = (replace(MOVE, asset=a, destination="unified") for a in ("USDC", "USDT"))
    rules = limited(replace(AUTO, routes=(usdt, usdc)), unit="USD", per_event=Decimal(3000))
    rich = means(rules, at_s=4)
    poor = [Balance(amount=Decimal(120), at_us=moment(3).steady_us)] * 2
    money = replace(rich, balances={**rich.balances, usdt: poor})

    one = scene(*(_two_assets(s) for s in (0, 4)), rules=rules, money=money).proposed()

    assert (one.route, one.short) == (usdc, None)


def test_while_nobody_knows_of_a_transfer_margin_is_added_from_within() -> None:
    """On the worst day transfers took half an hour; the engine's own ways did not."""
    add = Route(verb=Verb.ADD_MARGIN, asset="USDT", source=POOL, destination="isolated:*")
    move = replace(MOVE, destination="isolated:*")
    rules = limited(replace(AUTO, routes=(move, add)), per_event=Decimal(5000))
    readings = [_isolated(s, cross="400") for s in (0, 4)]
    for progress, verb in ((Progress.UNKNOWN, Verb.ADD_MARGIN), (Progress.ACCEPTED, None)):
        lost = [intent(progress=progress, route=move, pool="isolated:BTCUSDT:long", amount="1")]
        found = scene(*readings, rules=rules, money=means(rules, intents=lost, at_s=4)).propose()
        assert (None if isinstance(found, Held) else found.route.verb) is verb


def test_what_may_have_been_sent_counts_until_it_is_proven_rejected() -> None:
    rules = limited(per_day=Decimal(100))
    for progress in Progress:
        one = intent("T1", progress, seconds=-2 * HOUR_S, route=replace(MOVE, source="x"), pool="y")
        found = scene(rules=rules, money=means(rules, intents=[one], at_s=4)).propose()
        sent = progress.value in ("sending", "accepted", "unknown", "human", "done", "absent")
        assert isinstance(found, Held) is sent, progress


def test_the_lower_of_two_balances_counts() -> None:
    for balances in (("5000", "130"), ("130", "5000")):
        one = scene(money=means(balances=balances, at_s=4)).proposed()
        assert one.amount == Decimal(30)


def test_balances_seen_once_or_long_ago_are_not_known() -> None:
    assert scene(money=means(balances=("5000",), at_s=4)).held() == "no_balance"
    assert scene(money=means(balances=(), at_s=4)).held() == "no_balance"
    assert scene(money=means(at_s=-300)).held() == "no_balance"
    assert scene(money=means(balances=("5000", "NaN"), at_s=4)).held() == "no_balance"


def test_what_left_after_the_balance_was_read_is_taken_off() -> None:
    balances = ("1000", "1000")  # read at 2 s and 3 s
    for seconds, amount in ((-400, "55.72"), (2.5, "50")):
        rules = limited(cooldown_us=0)
        done = [intent("T1", seconds=seconds, amount="850")]
        money = means(rules, balances=balances, intents=done, at_s=4)
        assert scene(rules=rules, money=money).proposed().amount == Decimal(amount)


def test_an_amount_without_use_is_not_moved() -> None:
    rules = limited(per_event=Decimal(4))

    # 4 of 1,000: 0.4 points
    assert scene(rules=rules, money=means(rules, at_s=4)).held() == "slight"
    more = limited(per_event=Decimal(6))
    assert scene(rules=more, money=means(more, at_s=4)).proposed().after == pytest.approx(10, 0.01)


def test_no_money_into_what_burns_all_the_same() -> None:
    rules = limited(per_event=Decimal(6))
    readings = [short_of(0.3, seconds=s) for s in (0, 4)]

    assert scene(*readings, rules=rules, money=means(rules, at_s=4)).held() == "burning"
    assert scene(*readings).proposed()


def test_after_three_in_one_incident_a_person_is_asked() -> None:
    code = scene().proposed().incident
    assert code
    done = [intent(f"T{n}", seconds=-HOUR_S * (n + 1), amount="1", incident=code) for n in range(3)]

    few = scene(money=means(intents=done[:2], at_s=4)).proposed()
    many = scene(money=means(intents=done, at_s=4)).proposed()

    assert (few.mode, few.braked) == (Mode.AUTO, False)
    assert (many.mode, many.braked) == (Mode.ASK, True)
    others = [replace(one, incident="OTHR") for one in done]
    assert scene(money=means(intents=others, at_s=4)).proposed().mode is Mode.AUTO


def test_the_step_is_the_venues_own() -> None:
    for step, amount in (("1", "56"), ("0.1", "55.8"), ("0.000001", "55.72")):
        one = scene(money=means(step=Decimal(step), at_s=4)).proposed()
        assert one.amount == Decimal(amount)
    assert scene(money=replace(means(at_s=4), steps={})).held() == "unknown"


def test_several_assets_are_capped_in_usd_and_the_best_is_taken() -> None:
    usdc = replace(MOVE, asset="USDC", destination="unified")
    usdt = replace(MOVE, destination="unified")
    rules = limited(replace(AUTO, routes=(usdc, usdt)), unit="USD", per_event=Decimal(3000))
    readings = [_two_assets(s) for s in (0, 4)]

    one = scene(*readings, rules=rules, money=means(rules, at_s=4)).proposed()

    # USDC counts for nine tenths, so the same costs a tenth more in it
    assert one.route == usdt
    poor = replace(means(rules, at_s=4), balances={**means(rules, at_s=4).balances, usdt: ()})
    other = scene(*readings, rules=rules, money=poor).proposed()
    assert other.route == usdc
    assert other.amount * Decimal("1.02") <= 3000
    assert other.room.price == Decimal("1.02")


def test_what_has_no_price_cannot_be_capped() -> None:
    route = replace(MOVE, asset="XYZ")
    rules = limited(replace(AUTO, routes=(route,)), unit="USD")

    assert scene(rules=rules, money=means(rules, at_s=4)).held() == "no_price"
    usd = limited(unit="USD")
    strange = [intent(route=route, seconds=-2 * HOUR_S)]
    assert scene(rules=usd, money=means(usd, intents=strange, at_s=4)).held() == "no_price"


def test_margin_is_added_before_a_wallet_is_asked() -> None:
    add = Route(verb=Verb.ADD_MARGIN, asset="USDT", source=POOL, destination="isolated:*")
    rules = limited(replace(AUTO, routes=(MOVE, add)), per_event=Decimal(5000))
    readings = [_isolated(s, cross="400") for s in (0, 4)]

    one = scene(*readings, rules=rules, money=means(rules, at_s=4)).proposed()

    assert one.route.verb is Verb.ADD_MARGIN
    assert one.route.destination == "isolated:BTCUSDT:long"
    assert one.after == pytest.approx(15, abs=0.01)


def test_the_pool_margin_comes_from_keeps_what_it_needs() -> None:
    add = Route(verb=Verb.ADD_MARGIN, asset="USDT", source=POOL, destination="isolated:*")
    rules = limited(replace(AUTO, routes=(add,)), per_event=Decimal(5000))
    readings = [_isolated(s, cross="180", busy=True) for s in (0, 4)]

    one = scene(*readings, rules=rules, money=means(rules, at_s=4)).proposed()

    assert one.short is not None
    assert one.short.value == "source_pool"
    left = Decimal(180) - one.amount
    # one BTC at 1,000: 15 % away needs 1,000 - 850 x 0.995
    assert Decimal("154.25") <= left < Decimal("154.25") + 2 * STEP
    tight = [_isolated(s, cross="154", busy=True) for s in (0, 4)]
    assert scene(*tight, rules=rules, money=means(rules, at_s=4)).held() == "source_pool"


def test_debt_is_repaid_with_what_lies_beside_it() -> None:
    repay = Route(verb=Verb.REPAY, asset="USDT", source="margin", destination="margin")
    move = Route(verb=Verb.MOVE, asset="USDT", source="spot", destination="margin")
    rules = limited(
        replace(
            AUTO, routes=(repay, move), measure=Measure.MARGIN_LEVEL, trigger=140.0, target=160.0
        ),
        per_event=Decimal(9000),
        per_day=Decimal(9000),
    )
    rich = [_in_debt(s, usdt="5000") for s in (0, 4)]
    poor = [_in_debt(s, usdt="0") for s in (0, 4)]

    one = scene(*rich, rules=rules, money=means(rules, at_s=4)).proposed()
    other = scene(*poor, rules=rules, money=means(rules, at_s=4)).proposed()

    # (13,500 - x) / (10,000 - x) = 1.6
    assert (one.route, one.amount) == (repay, Decimal("4166.67"))
    assert one.after == pytest.approx(160, abs=0.01)
    assert other.route == move


def test_an_asset_that_counts_nothing_there_is_out_of_reach() -> None:
    route = replace(MOVE, asset="USDC", destination="unified")
    rules = limited(replace(AUTO, routes=(route,)), unit="USDC")
    readings = [_two_assets(s, weight="0") for s in (0, 4)]

    assert scene(*readings, rules=rules, money=means(rules, at_s=4)).held() == "out_of_reach"


def test_a_pool_no_route_leads_to_is_left_alone() -> None:
    rules = replace(AUTO, routes=(replace(MOVE, destination="unified"),))

    assert scene(rules=rules).held() == "no_pool"


def test_on_a_tap_the_amount_is_worked_out_anew_and_never_above_the_ceiling() -> None:
    for ceiling, amount in (("200", "55.72"), ("50", "50"), ("50.001", "50")):
        asked = intent(progress=Progress.PROPOSED, mode=Mode.ASK, amount=ceiling, seconds=0)
        one = scene(rules=replace(AUTO, mode=Mode.ASK), money=means(intents=[asked], at_s=4))
        assert one.reconsider(asked) == Decimal(amount)


def test_on_a_tap_what_is_no_longer_so_is_held() -> None:
    asked = intent(progress=Progress.PROPOSED, mode=Mode.ASK, seconds=0)
    rules = replace(AUTO, mode=Mode.ASK)
    better = [short_of(seconds=0), short_of(12, seconds=4)]
    elsewhere = replace(asked, route=replace(MOVE, asset="USDC"))
    gone = replace(asked, pool="isolated:BTCUSDT:long")

    def why(found: Decimal | Held) -> str:
        assert isinstance(found, Held)
        return found.why.value

    assert why(scene(*better, rules=rules).reconsider(asked)) == "calm"
    assert why(scene(rules=rules).reconsider(elsewhere)) == "off"
    assert why(scene(rules=rules).reconsider(gone)) == "off"
    assert why(scene(rules=replace(AUTO, mode=Mode.DRY_RUN)).reconsider(asked)) == "off"
    assert why(scene(rules=rules, later_s=11).reconsider(asked)) == "stale"
    assert why(scene(money=means(killed=True, at_s=4)).reconsider(asked)) == "killed"


def test_money_in_flight_leaves_every_alert_as_it_is() -> None:
    """`decide` is told nothing of intents: with and without them the tiers are the same."""
    plain = scene()
    on_its_way = [intent(progress=p, seconds=0) for p in (Progress.SENDING, Progress.ACCEPTED)]
    busy = scene(money=means(intents=on_its_way, at_s=4))
    at = Moment(steady_us=plain.now.steady_us + 4 * SECOND_US, wall_us=moment(8).wall_us)

    assert busy.held() == "busy"
    next_one = seen(short_of(seconds=8))
    from_plain = decide(plain.state, next_one, alert_rules(AUTO), at)
    from_busy = decide(busy.state, next_one, alert_rules(AUTO), at)
    assert from_plain == from_busy
    # nor does the trigger itself move one
    without = replace(alert_rules(AUTO), trigger=None)
    bare = decide(plain.state, next_one, without, at)
    assert (bare.messages, bare.state.dangers) == (from_busy.messages, from_busy.state.dangers)


def _two_assets(seconds: float, *, weight: str = "0.9") -> Snapshot:
    """The pool of `short_of` as a unified one, which also takes USDC at *weight*."""
    made = short_of(seconds=seconds)
    cash = replace(made.assets[0], pool="unified")
    usdc = Asset(
        pool="unified",
        asset="USDC",
        wallet=Decimal(0),
        index=Decimal("1.02"),
        weights=(Weight(weight=Decimal(weight)),),
    )
    held = replace(made.positions[0], pool="unified")
    rules = {"unified": Rules(family=Family.HAIRCUT_POOL)}
    return replace(made, rules=rules, assets=(cash, usdc), positions=(held,))


def _isolated(seconds: float, *, cross: str, busy: bool = False) -> Snapshot:
    """An isolated position 9.4 % from liquidation; the cross pool holds *cross* USDT beside it."""
    made = short_of(seconds=seconds)
    pool = "isolated:BTCUSDT:long"
    alone = replace(made.positions[0], pool=pool, isolated_margin=made.assets[0].wallet)
    # entered at its mark, so that what it needs is what lies in the pool
    other = replace(made.positions[0], entry=made.positions[0].mark)
    return replace(
        made,
        rules={**made.rules, pool: made.rules[POOL]},
        assets=(replace(made.assets[0], wallet=Decimal(cross)),),
        positions=(alone, other) if busy else (alone,),
    )


def _in_debt(seconds: float, *, usdt: str) -> Snapshot:
    """A margin account at a level of 135 %, of which *usdt* lies beside what is owed."""
    made = borrowed(1.35, seconds=seconds)
    cash, coin = made.assets
    coin = replace(coin, wallet=Decimal(1), index=Decimal(13_500) - Decimal(usdt))
    return replace(made, assets=(replace(cash, wallet=Decimal(usdt)), coin))


def test_a_snapshot_says_what_could_leave_each_source() -> None:
    cross = _isolated(0, cross="400")
    add = Route(verb=Verb.ADD_MARGIN, asset="USDT", source=POOL, destination="isolated:*")
    repay = Route(verb=Verb.REPAY, asset="USDT", source="margin", destination="margin")
    rich, poor = (_in_debt(0, usdt=usdt) for usdt in ("20000", "300"))

    assert balance_in(cross, MOVE) == Decimal(5000)
    assert balance_in(cross, replace(MOVE, asset="USDC")) is None
    assert balance_in(cross, add) == Decimal(400)
    assert balance_in(cross, replace(add, asset="USDC")) is None
    assert balance_in(rich, repay) == Decimal(10_000)
    assert balance_in(poor, repay) == Decimal(300)


def test_what_arrived_is_seen_in_the_pool_itself() -> None:
    before, after = _isolated(0, cross="400"), _isolated(4, cross="650.5")
    asked = intent(progress=Progress.PROPOSED, mode=Mode.REQUEST)

    assert came(asked, before, after) == Decimal("250.5")
    assert came(asked, after, before) == 0
    own = replace(asked, pool="isolated:BTCUSDT:long")
    assert came(own, before, after) == 0
    (held,) = after.positions
    assert held.isolated_margin is not None
    more = replace(held, isolated_margin=held.isolated_margin + 7)
    assert came(own, before, replace(after, positions=(more,))) == 7
    paid = replace(asked, pool="margin", route=replace(MOVE, verb=Verb.REPAY))
    owing = _in_debt(0, usdt="0")
    less = replace(owing, assets=(replace(owing.assets[0], debt=Decimal(9_000)), owing.assets[1]))
    assert came(paid, owing, less) == 1000
