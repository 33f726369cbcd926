"""The words about top-ups: every state against its golden text, and what none of them may say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.policy_books import moment
from tests.unit.test_messages import check, fits
from tests.unit.top_up_books import AUTO, LIMITS, intent, limited, means, scene
from watcher.domain.alert import MINUTE_US, Lane, Measure, Message, Tier
from watcher.domain.road import Act, Reach
from watcher.domain.topup import Intent, Mode, Progress, Route, Verb
from watcher.policy import by_hand, deeds, protocol
from watcher.policy import messages as say
from watcher.policy import proposals as words
from watcher.policy.means import Why
from watcher.policy.sizing import Proposal

ZONE = "UTC"
NOW = moment(6)
MOVE = Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified")
ADD = Route(
    verb=Verb.ADD_MARGIN, asset="USDT", source="cross:USDT", destination="isolated:BTCUSDT:long"
)
REPAY = Route(verb=Verb.REPAY, asset="USDT", source="margin", destination="margin")


def found(**more: object) -> Proposal:
    """A proposal of 250 USDT, of a budget of which 100 is spent."""
    rules = limited(AUTO, per_day=Decimal(1500))
    spent = [intent("T1", seconds=-3600)]
    made = scene(rules=rules, money=means(rules, intents=spent, at_s=4)).proposed()
    usual = {"route": MOVE, "amount": Decimal(250), "pool": "unified", "incident": "K7F3"}
    return replace(made, **{**usual, **more})  # type: ignore[arg-type]


def of(one: Proposal, mode: Mode, **more: object) -> Intent:
    """The intent that is made of *one*."""
    made = intent(
        "a1b2c3d4",
        Progress.PROPOSED,
        seconds=6,
        amount=str(one.amount),
        route=one.route,
        pool=one.pool,
        mode=mode,
        incident=one.incident,
        before=one.before,
        measure=one.measure,
        expires_us=NOW.steady_us + 15 * MINUTE_US,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def said(mode: Mode, venue: str = "bybit", **more: object) -> Message:
    one = found(mode=mode, **more)
    return words.proposed(one, of(one, mode, venue=venue), NOW, zone=ZONE)


def became(progress: Progress, was: Progress = Progress.SENDING, **more: object) -> list[Message]:
    one = of(found(), more.pop("mode", Mode.AUTO), ts_sign_ms=NOW.wall_us // 1000)  # type: ignore[arg-type]
    before = replace(one, progress=was)
    return words.moved(before, replace(one, progress=progress, **more), NOW, zone=ZONE)  # type: ignore[arg-type]


def test_a_rehearsal_says_what_would_move_and_that_nothing_did() -> None:
    one = said(Mode.DRY_RUN)

    check("topup_dry_run", one.text)
    assert "Would move 250 USDT funding → unified: 9.4 % → 15.0 %" in one.text.plain
    assert one.silent


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
@pytest.mark.parametrize("route", [MOVE, ADD, REPAY], ids=lambda r: r.verb.value)
def test_a_request_names_the_steps_in_the_app(venue: str, route: Route) -> None:
    if venue == "binance" and route is MOVE:
        route = replace(MOVE, source="spot", destination="cross:USDT")
    one = said(Mode.REQUEST, venue, route=route, amount=Decimal("1140.5"))

    check(f"topup_request_{venue}_{route.verb.value}", one.text)
    assert (one.lane, one.silent, one.buttons) == (Lane.BLIND, False, ())
    # what is copied has no separators
    fixed = [one.text.plain[start:end] for start, end in one.text.fixed]
    assert fixed == ["1140.5"]


@pytest.mark.parametrize(
    ("venue", "pool", "wallet"),
    [
        ("binance", "cross:USDT", "USDⓈ-M Futures"),
        ("binance", "cross:multi", "USDⓈ-M Futures"),
        ("binance", "coin:BTC", "COIN-M Futures"),
        ("binance", "margin", "Cross Margin"),
        ("bybit", "unified", "Unified Trading"),
        ("okx", "cross:BTC", "Trading"),
        ("okx", "unified", "Trading"),
    ],
)
def test_a_request_names_the_wallet_as_the_app_does(venue: str, pool: str, wallet: str) -> None:
    """Sent to the wrong wallet, money does not help the pool that needs it."""
    route = replace(MOVE, destination=pool)

    assert f"From Funding to {wallet}\n" in said(Mode.REQUEST, venue, route=route).text.plain


def test_a_request_names_the_pair_whose_debt_it_is() -> None:
    pair = replace(REPAY, source="isolated_margin:BTCUSDT", destination="isolated_margin:BTCUSDT")

    one = said(Mode.REQUEST, "binance", route=pair)

    assert "Assets > Margin > Isolated > BTCUSDT > USDT > Repay" in one.text.plain


def test_a_request_says_what_is_doubted_and_what_falls_short() -> None:
    one = said(Mode.REQUEST, doubt="Our figures and Bybit's differ", short=Why.DAY, after=12.0)

    check("topup_request_doubted", one.text)


def test_a_question_has_figures_caps_an_end_and_three_buttons() -> None:
    one = said(Mode.ASK, short=Why.EVENT, after=13.0, braked=True)

    check("topup_ask", one.text)
    assert [(b.act, b.label, b.intent) for b in one.buttons] == [
        (Act.APPROVE, "Approve 250 USDT", "a1b2c3d4"),
        (Act.DENY, "Deny", "a1b2c3d4"),
        (Act.KILL, "Kill money", "a1b2c3d4"),
    ]
    assert one.lane is Lane.BLIND


def test_a_question_of_an_automatic_account_is_asked_as_one() -> None:
    """What may have been lost once is asked for, although the mode is auto."""
    one = found(mode=Mode.AUTO)

    asked = words.proposed(one, of(one, Mode.ASK), NOW, zone=ZONE)

    assert asked.buttons
    assert "APPROVE?" in asked.text.plain


def test_an_automatic_top_up_says_what_it_does() -> None:
    check("topup_auto", said(Mode.AUTO).text)


def test_without_caps_none_are_told() -> None:
    rules = replace(AUTO, mode=Mode.DRY_RUN, limits=None)
    one = scene(rules=rules, money=means(rules, at_s=4)).proposed()

    text = words.proposed(one, of(one, Mode.DRY_RUN), NOW, zone=ZONE).text

    assert "Caps" not in text.plain


@pytest.mark.parametrize(
    ("progress", "more"),
    [
        (Progress.APPROVED, {"was": Progress.PROPOSED, "mode": Mode.ASK}),
        (Progress.ACCEPTED, {"venue_id": "123456"}),
        (Progress.UNKNOWN, {"reason": "no answer in 8 s"}),
        (Progress.REJECTED, {"reason": "insufficient balance"}),
        (Progress.ABSENT, {"was": Progress.UNKNOWN}),
        (Progress.HUMAN, {"was": Progress.UNKNOWN}),
        (Progress.EXPIRED, {"was": Progress.PROPOSED, "mode": Mode.ASK}),
        (Progress.DENIED, {"was": Progress.PROPOSED, "mode": Mode.ASK}),
        (Progress.CANCELLED, {"was": Progress.APPROVED, "reason": "money killed"}),
    ],
    ids=lambda v: v.value if isinstance(v, Progress) else "",
)
def test_each_state_is_told_in_its_words(progress: Progress, more: dict[str, object]) -> None:
    (one,) = became(progress, **more)  # type: ignore[arg-type]

    check(f"topup_{progress.value}", one.text)
    assert one.key == f"bybit_main:topup:a1b2c3d4:{progress.value}"
    assert one.silent is (progress in (Progress.APPROVED, Progress.ACCEPTED))


def test_a_person_is_told_what_to_look_at_and_what_to_type() -> None:
    (one,) = became(Progress.HUMAN, was=Progress.UNKNOWN)

    fixed = [one.text.plain[start:end] for start, end in one.text.fixed]
    assert fixed == [
        "watcher money settle a1b2c3d4 --happened",
        "watcher money settle a1b2c3d4 --did-not",
    ]
    assert (one.reach, one.tier, one.lane) == (Reach.SECOND, Tier.CRITICAL, Lane.BLIND)


def test_a_proven_one_is_told_with_what_it_brought() -> None:
    one = of(found(), Mode.AUTO, progress=Progress.DONE)

    check("topup_done", words.done(replace(one, after=15.1), NOW, zone=ZONE).text)
    check("topup_done_unread", words.done(one, NOW, zone=ZONE).text)


def test_what_a_person_moved_is_told_when_it_arrives() -> None:
    for came, after, name in (("250", 15.02, "arrived"), ("180", 13.1, "arrived_less")):
        (one,) = became(
            Progress.CANCELLED,
            was=Progress.PROPOSED,
            mode=Mode.REQUEST,
            evidence=(f"{came} arrived",),
            after=after,
        )
        check(f"topup_{name}", one.text)


def test_a_request_nobody_answered_was_not_seen_to_arrive() -> None:
    (one,) = became(Progress.EXPIRED, was=Progress.PROPOSED, mode=Mode.REQUEST)

    assert "It was not seen to arrive" in one.text.plain
    assert "nothing was sent" not in one.text.plain


def test_what_needs_no_word_has_none() -> None:
    assert became(Progress.UNKNOWN, was=Progress.UNKNOWN) == []
    assert became(Progress.DONE) == []
    assert became(Progress.APPROVED, was=Progress.PROPOSED) == []
    assert became(Progress.CANCELLED, was=Progress.PROPOSED, mode=Mode.DRY_RUN) == []


def test_a_state_is_told_once_however_often_it_is_reached() -> None:
    """A repeat under the same id that is lost again is the same news."""
    (first,) = became(Progress.UNKNOWN)
    (again,) = became(Progress.UNKNOWN, sends=3)

    assert first.key == again.key


def _spoken() -> Iterator[tuple[Progress, str]]:
    for progress in Progress:
        for mode in (Mode.AUTO, Mode.ASK, Mode.REQUEST):
            for was in (Progress.PROPOSED, Progress.SENDING):
                for one in became(progress, was=was, mode=mode, reason="told so", after=15.0):
                    yield progress, one.text.plain
        yield progress, words.standing(of(found(), Mode.AUTO, progress=progress))
    for after in (None, 15.0):
        ended = of(found(), Mode.AUTO, progress=Progress.DONE, after=after)
        yield Progress.DONE, words.done(ended, NOW, zone=ZONE).text.plain
    for mode in (Mode.DRY_RUN, Mode.REQUEST, Mode.ASK, Mode.AUTO):
        yield Progress.PROPOSED, said(mode).text.plain


def test_nowhere_is_said_that_funds_are_safe() -> None:
    comfort = re.compile(
        r"\b(safe|secure|fine|recovered|resolved|calm|no risk|worry|lost)\b", re.IGNORECASE
    )
    for progress, text in _spoken():
        assert not comfort.search(text), (progress, text)


def test_where_money_may_have_moved_nothing_says_that_it_did_not() -> None:
    gone = re.compile(r"nothing (was|is) (sent|moved)|did not happen", re.IGNORECASE)
    for progress, text in _spoken():
        if progress in (
            Progress.SENDING,
            Progress.ACCEPTED,
            Progress.UNKNOWN,
            Progress.HUMAN,
            Progress.ABSENT,
            Progress.DONE,
        ):
            assert not gone.search(text), (progress, text)


def test_amounts_keep_every_digit() -> None:
    for amount, shown in (
        ("250.00004217", "250.00004217"),
        ("1140", "1,140"),
        ("500.00", "500"),
        ("0.00000001", "0.00000001"),
    ):
        assert deeds.amount(MOVE, Decimal(amount)) == f"{shown} USDT"
        assert by_hand.digits(Decimal(amount)) == shown.replace(",", "")


def test_other_measures_read_as_themselves() -> None:
    level = found(measure=Measure.MARGIN_LEVEL, before=135.4, after=159.9999999, target=160.0)
    health = found(measure=Measure.HEALTH, before=1.2, after=1.5)

    one = words.proposed(level, of(level, Mode.DRY_RUN), NOW, zone=ZONE).text
    other = words.proposed(health, of(health, Mode.DRY_RUN), NOW, zone=ZONE).text

    assert "level 135 % → level 160 %" in one.plain
    assert "health 1.20x → health 1.50x" in other.plain
    fits(one)
    fits(other)


def test_long_names_take_two_lines() -> None:
    one = said(Mode.DRY_RUN, route=ADD, amount=Decimal("1234.5678"))

    fits(one.text)
    assert "cross USDT → isolated BTCUSDT long" in one.text.plain


@pytest.mark.parametrize("progress", list(Progress))
def test_a_press_is_answered_with_the_new_state(progress: Progress) -> None:
    one = of(found(), Mode.ASK, progress=progress, reason="money killed")

    assert words.standing(one)
    assert words.standing(None) == "Not known any more"


def test_the_answer_to_a_press_names_amount_or_reason() -> None:
    one = of(found(), Mode.ASK)
    done = protocol.approved(one, Decimal(240), NOW.steady_us)
    held = protocol.dropped(one, Progress.CANCELLED, "the trigger is not reached", NOW.steady_us)

    assert words.standing(done) == "Approved, not sent yet: 240 USDT"
    assert words.standing(held) == "Nothing was sent: the trigger is not reached"


def test_hostile_names_make_no_line_and_no_link() -> None:
    nasty = replace(MOVE, asset="USDT\n/kill", destination="unified\nhttp://x.y")
    for mode in (Mode.DRY_RUN, Mode.REQUEST, Mode.ASK, Mode.AUTO):
        text = said(mode, route=nasty).text.plain
        assert "\n/kill" not in text
        assert "://" not in text


def test_the_caps_told_are_those_left_after_it() -> None:
    assert LIMITS.per_week == 4500

    text = said(Mode.ASK).text.plain

    assert "Caps left: day 1,150, week 4,150 USDT, 2 more a day" in text
    assert "funding then holds 4,750 USDT" in text


def test_each_headline_about_money_is_explained_to_whoever_is_woken_by_it() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
    rows = [line.split("|")[1] for line in page.read_text().splitlines() if line.startswith("|")]
    told = {title.strip() for row in rows for title in re.split(r", (?=[A-Z])|,$", row)}
    said = {
        *(say.TOP_UP_PLEASE.values()),
        *(say.TOP_UP, say.TOP_UP_ASK, say.TOP_UP_APPROVED, say.TOP_UP_SENT, say.TOP_UP_DONE),
        *(say.TOP_UP_NOT_KNOWN, say.LOOK_YOURSELF, say.TOP_UP_REFUSED, say.TOP_UP_ABSENT),
        *(say.TOP_UP_EXPIRED, say.TOP_UP_DENIED, say.TOP_UP_CANCELLED),
        *(say.NO_TOP_UP, say.TOP_UPS_OFF, say.FROZEN),
    }

    assert said <= told
    # the one with a comma of its own, and what an arrival is called
    assert say.TOP_UP_DRY_RUN in "".join(rows)
    assert say.TOP_UP_ARRIVED in page.read_text()
