"""What the ledger asks once more before it writes a sending down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import moment
from tests.unit.top_up_books import AUTO, MOVE, intent, limited, means, short_of
from watcher.domain.alert import SECOND_US, Moment
from watcher.domain.topup import Intent, Mode, Progress, TopUpRules
from watcher.policy.allowance import cut, verdict, worths
from watcher.policy.means import Means, Why
from watcher.ports import FROZEN, KILLED, PAUSED, Flag, Verdict

HOUR_S = 3600.0
APPROVED = intent("mine", Progress.APPROVED, seconds=4)


def judged(
    one: Intent = APPROVED,
    others: Sequence[Intent] = (),
    *,
    rules: TopUpRules = AUTO,
    money: Means | None = None,
    flags: Sequence[Flag] = (),
    read_s: float = 4.0,
    now: Moment | None = None,
) -> str:
    judge: Verdict = verdict(
        one,
        rules,
        money or means(rules, at_s=4),
        snapshot=short_of(seconds=read_s),
        read_at_us=moment(read_s).steady_us,
        now=now or moment(4),
    )
    return judge((*others, one), {flag.name: flag for flag in flags})


def test_what_was_approved_a_moment_ago_is_sent() -> None:
    assert judged() == ""


def test_the_ledgers_own_flags_count_not_those_the_caller_saw() -> None:
    for name in (KILLED, PAUSED, FROZEN):
        assert judged(flags=[Flag(name=name, user_id=7, at_us=0)]) == name.replace("_", " ")
    over = Flag(name=PAUSED, user_id=7, at_us=0, until_us=moment(4).wall_us)
    assert judged(flags=[over]) == ""
    assert judged(money=means(killed=True, at_s=4)).startswith("money is killed by its file")


@pytest.mark.parametrize("of_intent", list(Mode))
@pytest.mark.parametrize("now", list(Mode))
def test_only_ask_and_auto_send_and_never_more_freely_than_now(of_intent: Mode, now: Mode) -> None:
    sent = judged(replace(APPROVED, mode=of_intent), rules=replace(AUTO, mode=now)) == ""

    allowed = {(Mode.ASK, Mode.ASK), (Mode.ASK, Mode.AUTO), (Mode.AUTO, Mode.AUTO)}
    assert sent is ((of_intent, now) in allowed)


def test_a_way_or_a_cap_taken_out_of_the_configuration_is_closed() -> None:
    said = "the configuration no longer lets it"

    assert judged(rules=replace(AUTO, routes=())) == said
    assert judged(rules=replace(AUTO, limits=None)) == said
    other = replace(MOVE, asset="USDC")
    assert judged(rules=replace(AUTO, routes=(other,))) == said


def test_a_reading_older_than_ten_seconds_sends_nothing() -> None:
    assert judged(now=moment(14)) == ""
    assert judged(now=moment(14.1)) == "the reading is older than 10 s"
    assert judged(now=moment(3)) == "the reading is older than 10 s"


def test_one_open_on_the_source_bars_and_the_intent_itself_does_not() -> None:
    for progress in (Progress.PROPOSED, Progress.SENDING, Progress.UNKNOWN, Progress.HUMAN):
        assert judged(others=[intent("T1", progress)]) == "another one is open on its source"
    elsewhere = intent("T1", Progress.UNKNOWN, route=replace(MOVE, source="spot"))
    assert judged(others=[elsewhere]) == ""


def test_what_was_counted_meanwhile_lowers_every_cap() -> None:
    done = [intent("T1", seconds=-HOUR_S, amount="1450")]

    assert judged(others=done) == "the cap of 24 hours is used up"
    rules = limited(per_week=Decimal(1500))
    old = [intent("T1", seconds=-30 * HOUR_S, amount="1450")]
    assert judged(others=old, rules=rules) == "the cap of 7 days is used up"
    many = [intent(f"T{n}", seconds=-HOUR_S, amount="1") for n in range(4)]
    assert judged(others=many) == "4 in the last 24 hours already"
    assert judged(others=[intent(seconds=-60)]) == "the last one was less than 5 min ago"
    assert judged(rules=limited(per_event=Decimal(99))) == "more than one top-up may move"


def test_the_floor_is_of_the_balance_read_now() -> None:
    for balance, said in (("200", ""), ("199.99", "the source must keep 100 USDT")):
        assert judged(money=means(balances=("5000", balance), at_s=4)) == said


def test_above_the_ceiling_nothing_is_sent() -> None:
    more = replace(APPROVED, ceiling=Decimal("99.99"))

    assert judged(more) == "its amount is above what was approved"
    assert judged(replace(APPROVED, amount=Decimal(0))) == "its amount is above what was approved"


def test_a_repeat_under_the_same_id_is_not_counted_twice() -> None:
    again = replace(APPROVED, progress=Progress.UNKNOWN, sends=1, looks=1)

    assert judged(again, rules=limited(per_day=Decimal(100), count_per_day=1)) == ""


def test_an_asset_is_counted_at_the_dearest_of_its_prices() -> None:
    made = short_of()
    (row,) = made.assets
    two = replace(
        made,
        assets=(
            replace(row, index=Decimal("0.99")),
            replace(row, pool="other", index=Decimal("1.01")),
            replace(row, asset="DEAD", index=Decimal(0)),
        ),
    )

    assert worths(two, "USD") == {"USD": 1, "USDT": Decimal("1.01")}
    assert worths(two, "USDT")["USDT"] == 1
    assert worths(made, "XYZ") == {"XYZ": 1}


def test_a_venue_that_prices_in_a_dollar_coin_is_counted_by_it() -> None:
    made = short_of()
    coin = replace(made.assets[0], asset="BNB", index=Decimal(600))
    priced = replace(made, reference="USDT", assets=(*made.assets, coin))

    assert worths(priced, "USD") == {"USD": 1, "USDT": 1, "BNB": 600}


def test_every_cap_has_its_words() -> None:
    for why in (Why.EVENT, Why.DAY, Why.WEEK, Why.FLOOR, Why.CEILING, Why.SOURCE_POOL):
        assert cut(why, None).reason


def test_a_second_clock_that_runs_behind_is_not_fresh() -> None:
    late = Moment(steady_us=moment(4).steady_us + 11 * SECOND_US, wall_us=moment(4).wall_us)

    assert judged(now=late) == "the reading is older than 10 s"
