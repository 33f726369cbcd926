"""What is said where a top-up is needed and none is made: which reasons, in what words."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.unit.policy_books import moment
from tests.unit.test_messages import check, fits
from tests.unit.top_up_books import AUTO, LIMITS, POOL, intent, limited, means, scene, short_of
from watcher.domain.alert import Lane, Measure, Tier
from watcher.domain.topup import Mode, Progress, Route, Verb
from watcher.policy import unhelped
from watcher.policy.allowance import cut
from watcher.policy.means import Held, Why
from watcher.policy.unhelped import told
from watcher.ports import FROZEN, PAUSED, Flag

POOR = limited(keep_in_source=Decimal(1_000_000))
"""The source must keep more than there is."""
QUIET = {
    Why.OFF,
    Why.NO_LIMITS,
    Why.CALM,
    Why.SEEN_ONCE,
    Why.BUSY,
    Why.CEILING,
}
"""Nothing is needed, it is about to be made, or it cannot be: `CEILING` is of one approved."""


def test_each_reason_has_what_a_person_can_do_or_is_none_to_tell() -> None:
    for why in Why:
        news = unhelped.is_news(Held(why=why, reason="x", pool=POOL), means(intents=[intent()]))
        assert news is (why not in QUIET), why
        assert not unhelped.is_news(Held(why=why, reason="x"), means())


def test_a_pool_in_need_names_itself_and_a_calm_one_does_not() -> None:
    flag = {PAUSED: Flag(name=PAUSED, user_id=7, at_us=0)}
    for far, pool in ((9.4, POOL), (12.0, "")):
        held = scene(
            short_of(far, seconds=0), short_of(far, seconds=4), money=means(flags=flag, at_s=4)
        ).propose()
        assert isinstance(held, Held)
        assert (held.why, held.pool) == (Why.FLAGGED, pool)


def test_a_pool_nobody_leads_to_is_told_where_another_is_in_need() -> None:
    elsewhere = Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="cross:multi")
    rules = replace(AUTO, routes=(elsewhere,))

    held = scene(rules=rules).propose()

    assert isinstance(held, Held)
    assert (held.why, held.pool) == (Why.NO_POOL, POOL)


def test_a_measure_nobody_knows_counts_where_the_alert_is_critical() -> None:
    rules = replace(AUTO, measure=Measure.MARGIN_LEVEL, trigger=140.0, target=200.0)
    for far, pool in ((4.0, POOL), (30.0, "")):
        one = scene(short_of(far, seconds=0), short_of(far, seconds=4), rules=rules)
        (read,) = one.found.report.pools
        pools = (replace(read, used_margin=1.0, margin_level=None),)
        unknown = replace(one.found, report=replace(one.found.report, pools=pools))
        held = replace(one, found=unknown).propose()
        assert isinstance(held, Held)
        assert (held.why, held.pool) == (Why.UNKNOWN, pool)


# -- words ----------------------------------------------------------------------------------------


def test_it_says_where_it_stands_why_and_what_to_do() -> None:
    one = scene(rules=limited(keep_in_source=Decimal(5000)))
    held = one.propose()
    assert isinstance(held, Held)

    said = told(held, one.found, one.state, one.rules, one.now)

    check("topup_held", said.text)
    assert (said.tier, said.lane, said.silent) == (Tier.WARNING, Lane.WARNING, False)


def test_a_freeze_names_the_commands() -> None:
    flags = {FROZEN: Flag(name=FROZEN, user_id=0, at_us=0)}
    made = scene(short_of(4.0, seconds=0), short_of(4.0, seconds=4))
    one = replace(made, means=means(flags=flags, at_s=4))
    held = one.propose()
    assert isinstance(held, Held)

    said = told(held, one.found, one.state, one.rules, one.now)

    check("topup_held_frozen", said.text)
    assert (said.tier, said.lane) == (Tier.CRITICAL, Lane.BLIND), "as loud as a question"


def test_a_rehearsal_says_that_it_is_one() -> None:
    one = scene(rules=replace(POOR, mode=Mode.DRY_RUN))
    held = one.propose()
    assert isinstance(held, Held)

    said = told(held, one.found, one.state, one.rules, one.now)

    assert said.silent
    assert said.text.plain.endswith("\nNothing was sent: the mode is dry_run")


def test_every_reason_fits_its_line() -> None:
    one = scene()
    caps = [cut(why, LIMITS) for why in (Why.EVENT, Why.DAY, Why.WEEK, Why.FLOOR)]
    for why in set(Why) - QUIET:
        plain = Held(why=why, reason="what source holds is not known", pool=POOL)
        fits(told(plain, one.found, one.state, AUTO, moment(4)).text)
    for held in caps:
        text = told(replace(held, pool=POOL), one.found, one.state, AUTO, moment(4)).text
        fits(text)
        assert held.reason in text.plain


def test_what_is_open_and_known_to_nobody_is_told_as_that() -> None:
    money = means(intents=[intent(progress=Progress.HUMAN, seconds=-60.0)], at_s=4)
    held = scene(money=money).propose()

    assert isinstance(held, Held)
    assert (held.why, held.pool) == (Why.UNSETTLED, POOL)
