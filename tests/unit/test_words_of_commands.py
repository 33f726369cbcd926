"""The commands there are, what is typed after them, and the answers to /alerts and /whatif."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import RULES, borrowed, missed, moment, seen, single, unified
from tests.unit.test_messages import check, fits
from watcher.domain.account import Family, Rules, Snapshot, VenueRatio, VenueSays
from watcher.domain.alert import MINUTE_US, AccountState, AlertRules, Mute, Text, Tier
from watcher.margin import evaluate, repriced
from watcher.policy import asked, listing, verbs
from watcher.policy.asked import AskedWrong
from watcher.policy.decide import decide
from watcher.policy.orders import AckOrder, obey, open_incidents
from watcher.policy.verbs import VERBS, Effect
from watcher.policy.whatif import question_of, whatif

HOUR_US = 60 * MINUTE_US


def named(account: str) -> AlertRules:
    return replace(RULES, account=account)


def known(account: str, snapshot: Snapshot, *, misses: int = 0) -> AccountState:
    """The memory of an account read once, 600 s after the start."""
    rules, state = named(account), AccountState(account=account)
    read = replace(snapshot, account=account, taken_at_us=moment(600).wall_us)
    state = decide(state, seen(read), rules, moment(600)).state
    for number in range(misses):
        state = decide(state, missed(), rules, moment(604 + 4 * number)).state
    return state


def rules_of(*states: AccountState) -> Mapping[str, AlertRules]:
    return {state.account: named(state.account) for state in states}


def answer(question: str, *states: AccountState, pool: str = "") -> Text:
    return whatif(states, rules_of(*states), question_of(question), moment(604), pool=pool)


def refusal(question: str, *states: AccountState) -> str:
    with pytest.raises(AskedWrong) as refused:
        answer(question, *states)
    return str(refused.value)


# -- the table -------------------------------------------------------------------------------------


def test_no_command_can_do_more_than_this() -> None:
    """Whoever steals the bot's token, the chat or the phone can do this and no more."""
    assert set(Effect) == {
        Effect.READ,
        Effect.ACK,
        Effect.MUTE,
        Effect.UNMUTE,
        Effect.PAUSE,
        Effect.KILL,
        Effect.PROVE,
    }
    readers = {verb.word for verb in VERBS.values() if not verb.for_operators}
    assert readers == {"status", "positions", "whatif", "chart", "alerts", "help"}
    assert {verb.word for verb in VERBS.values() if verb.at_any_age} == {"pause", "kill"}


def test_help_by_role_reads_like_its_model() -> None:
    operators, viewers = verbs.help_text(operator=True), verbs.help_text(operator=False)

    check("help", operators)
    check("help_viewer", viewers)
    for verb in VERBS.values():
        # a test of the roads names its own answer
        if verb.word not in ("help", "heard"):
            assert f"/{verb.word}" in operators.plain
            assert (f"/{verb.word}" in viewers.plain) is not verb.for_operators


def test_a_word_that_is_no_command_is_answered_with_the_nearest() -> None:
    check("unknown_command", verbs.unknown_command("liqudate", operator=True))
    near = verbs.unknown_command("positons", operator=False)
    assert near.plain == "Not known: positons\nDid you mean /positions main"
    assert "kill" not in verbs.unknown_command("kil", operator=False).plain


# -- what is typed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "minutes"),
    [("2h", 120), ("90 min", 90), ("1h 30m", 90), ("1d", 1440), ("120s", 2), ("2H", 120)],
)
def test_a_span_of_time_is_read(raw: str, minutes: int) -> None:
    assert asked.span_us(raw) == minutes * MINUTE_US


@pytest.mark.parametrize("raw", ["", "2", "h", "2w", "0h", "-2h", "2h x", "1e9h", "٢h" * 9])
def test_what_is_no_span_is_refused(raw: str) -> None:
    assert asked.span_us(raw) is None


def test_a_mute_names_scope_end_and_highest_tier() -> None:
    assert asked.silence_of("main 2h") == ("main", 2 * HOUR_US, Tier.WARNING)
    assert asked.silence_of("main cross USDT 1h 30m up to watch") == (
        "main cross USDT",
        90 * MINUTE_US,
        Tier.WATCH,
    )
    assert asked.silence_of("main 2h up to critical") == ("main", 2 * HOUR_US, Tier.CRITICAL)
    for raw in (
        "main",
        "2h",
        "",
        "main 2h up to nonsense",
        "main 2h up to calm",
        "main up to watch",
    ):
        assert asked.silence_of(raw) is None


def test_a_scope_is_an_account_a_pool_of_one_or_a_pool_only_one_has() -> None:
    states = [known("bybit_main", single(15)), known("calm", borrowed(300))]

    def of(raw: str) -> tuple[str, str]:
        found = asked.scope_of(raw, states)
        return found.account, found.pool

    [pool] = states[0].dangers
    assert of("Bybit-Main") == ("bybit_main", "")
    assert of(f"bybit_main {pool}") == ("bybit_main", pool)
    assert of(pool) == ("bybit_main", pool)
    assert of(pool.replace(":", " ").upper()) == ("bybit_main", pool)


def test_a_pool_of_two_accounts_is_asked_back_and_a_slip_gets_the_nearest() -> None:
    states = [known("one", single(15)), known("other", single(15))]
    [pool] = states[0].dangers

    with pytest.raises(AskedWrong, match="It is in one, other"):
        asked.scope_of(pool, states)
    with pytest.raises(AskedWrong, match="No account or pool othr; nearest: other"):
        asked.scope_of("othr", states)
    with pytest.raises(AskedWrong, match=r"No account zzz; there is: one, other$"):
        asked.account_of("zzz", ["one", "other"])


# -- /alerts ---------------------------------------------------------------------------------------


def test_alerts_read_like_their_model() -> None:
    open_one, seen_one = known("bybit_main", single(5.8)), known("bin_margin", borrowed(152))
    [code] = open_incidents(seen_one)
    seen_one, _ = obey(seen_one, AckOrder(incident=code, user_id=11), moment(630))
    mute = Mute(pool="", tier_max=Tier.WARNING, until_us=moment(4200).steady_us, user_id=11)
    states = [replace(seen_one, mutes=(mute,)), open_one]

    check("alerts", listing.alerts(states, rules_of(*states), moment(660), zone="UTC"))


def test_alerts_of_a_quiet_night_say_so_and_what_holds_money() -> None:
    quiet = known("bybit_main", single(60))

    text = listing.alerts(
        [quiet], rules_of(quiet), moment(660), zone="UTC", money="Money paused until 16:00"
    )

    check("alerts_none", text)


def test_a_storm_of_alerts_fits_one_message_the_worst_first() -> None:
    mild = [known(f"mild{n}", single(15)) for n in range(30)]
    states = [*mild, known("bad", single(2.5)), known("unseen", single(15), misses=60)]

    text = listing.alerts(states, rules_of(*states), moment(900), zone="UTC")

    fits(text)
    rows = text.plain.splitlines()
    assert rows[0].endswith("33 open, nothing muted")
    assert " bad " in rows[1]
    assert any(row.startswith("and ") and row.endswith(" more") for row in rows)


# -- /whatif ---------------------------------------------------------------------------------------


def test_whatif_reads_like_its_model() -> None:
    check("whatif_fall", answer("BTC -10%", known("bybit_main", single(15))))
    check("whatif_add", answer("add 500 USDT", known("bybit_main", single(5.8))))
    check("whatif_margin", answer("all -10%", known("bin_margin", borrowed(152))))
    check("whatif_gone", answer("BTC -16%", known("bybit_main", single(15))))


def test_the_figures_are_those_of_the_engine_on_the_moved_book() -> None:
    state = known("bybit_main", unified())
    assert state.last_good is not None

    moved = evaluate(repriced(state.last_good, {"BTC": 0.98}))

    text = answer("BTC -2%", state).plain

    [pool] = [each for each in moved.pools if each.requirement]
    assert pool.tier_distance is not None
    assert f"→ {pool.tier_distance:.1f} %" in text


def test_a_price_and_its_percentage_are_the_same_question() -> None:
    state = known("bybit_main", single(15))
    assert state.last_good is not None
    mark = state.last_good.positions[0].mark

    by_price = answer(f"BTC {mark * Decimal('0.9')}", state).plain.splitlines()[1:]

    assert by_price == answer("BTC -10%", state).plain.splitlines()[1:]
    assert by_price == answer("btc \u221210 %", state).plain.splitlines()[1:]
    assert by_price == answer("all -10%", state).plain.splitlines()[1:]


def test_a_move_far_past_liquidation_shows_no_figures_of_a_book_that_is_gone() -> None:
    state = known("bybit_main", single(15))
    deep = answer("BTC -99%", state).plain

    assert "LIQUIDATED on the way" in deep
    assert "EMERGENCY" in deep
    assert "health" not in deep


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ("", "Say what moves"),
        ("BTC", "BTC needs a move or a price"),
        ("BTC ten%", "ten is no number"),
        ("BTC -10", "Is BTC -10 meant in percent?"),
        ("BTC -100%", "BTC can move by more than -100%"),
        ("BTC +2000%", "BTC can move by more than -100%"),
        ("BTC 0", "BTC needs a price above 0"),
        ("BTC -10% BTC -5%", "BTC is named twice"),
        ("all 50000", "Is all 50000 meant in percent?"),
        ("add 500", "add needs an amount and a coin"),
        ("add -500 USDT", "add needs an amount above 0"),
        ("add 1 USDT add 1 USDT", "add needs an amount and a coin, once"),
        ("BTC 1e3%", "1e3 is no number"),
        ("BTC nan%", "nan is no number"),
    ],
)
def test_what_cannot_be_read_is_answered_with_the_right_form(question: str, problem: str) -> None:
    said = refusal(question, known("bybit_main", single(15)))

    assert said.startswith(problem)
    assert said.endswith(f"; like this: {VERBS['whatif'].form}")
    assert "\n" not in said


def test_what_is_not_there_is_answered_with_what_is() -> None:
    state = known("bybit_main", single(15))

    assert refusal("BTCC -10%", state) == "No coin BTCC; nearest: BTC"
    assert refusal("add 500 DOGE", state).startswith("No pool that takes DOGE; there is: USDT")
    assert refusal("BTC 10", state) == (
        "BTC is at 1,000.0, 10.000 is over ten times off; a move takes a %"
    )
    assert refusal("BTC -1%").startswith("No account was read")
    assert refusal("add 5 USDT", state, known("other", single(15))).startswith("Say which account")


def test_what_only_the_venue_can_reckon_is_not_shown_as_unmoved() -> None:
    says = VenueSays(ratio=VenueRatio(name="health", value=Decimal("1.3")))
    book = replace(
        single(15),
        rules={"cross:USDT": Rules(family=Family.REPORTED)},
        venue_says={"cross:USDT": says},
    )

    text = answer("BTC -10%", known("bybit_main", book)).plain

    assert "not known: only Bybit can reckon it" in text
    assert "→" not in text


def test_many_accounts_fit_one_message_and_say_how_to_ask_for_one() -> None:
    states = [known(f"a{n}", single(15)) for n in range(9)]

    text = answer("BTC -10%", *states)

    fits(text)
    assert text.plain.splitlines()[-1].endswith("more: /whatif with the account's name")


def test_a_slash_alone_is_answered_with_words() -> None:
    assert verbs.unknown_command("", operator=True).plain.startswith("A slash alone is no command")
