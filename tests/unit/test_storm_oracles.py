"""Each judge of the storm fires on a run that breaks its promise, is quiet on one that keeps it."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest

from tests.unit.storm_histories import NAME, Story, blind, danger
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.ports import Key
from watcher.storm.history import History
from watcher.storm.oracles import (
    Oracle,
    all_clear,
    blindness,
    causes,
    home,
    honesty,
    judged,
    noise,
    rest,
)
from watcher.storm.oracles import danger as dangers
from watcher.storm.oracles.figures import figures
from watcher.storm.people import TURNED_AWAY, Deed
from watcher.storm.weather import Fault


def broken(oracle: Oracle, history: History) -> list[str]:
    """Return the violations, of an oracle that had something to look at."""
    verdict = oracle(history)
    assert verdict.checks > 0
    return verdict.violations


def fallen(told_s: float | None, *, text: str = danger("CRITICAL", 5.0)) -> Story:
    """Return a story that falls to 5 % at 100 s, of which one word arrives."""
    story = Story()
    story.stands(25.0, 50)
    story.stands(5.0, 100)
    if told_s is not None:
        story.says(told_s, text)
    story.reads(0, story.until_s)
    return story


# -- I1: danger is told --------------------------------------------------------------------------


@pytest.mark.parametrize(("told_s", "wrong"), [(110.0, 0), (119.9, 0), (121.0, 1), (None, 2)])
def test_a_critical_danger_is_told_within_20_s(told_s: float | None, wrong: int) -> None:
    found = broken(dangers.told_in_time, fallen(told_s).history())

    assert len(found) == wrong


def test_a_milder_word_does_not_tell_a_worse_danger() -> None:
    story = fallen(105.0, text=danger("WARNING", 11.0))

    assert len(broken(dangers.told_in_time, story.history())) == 1


def test_in_bad_weather_danger_is_due_a_minute_after_it() -> None:
    for told_s, wrong in ((250.0, 0), (330.0, 1)):
        story = fallen(told_s)
        story.breaks(Fault.CHAT_DOWN, 90, 200, "chat")
        assert bool(broken(dangers.told_in_time, story.history())) is bool(wrong)


def test_what_people_muted_need_not_be_told_as_a_warning() -> None:
    story = Story()
    story.stands(10.0, 100)
    story.deeds.append(Deed(story.us(60), "operator 7", f"/mute {NAME} 2h", NAME, ""))

    assert dangers.told_in_time(story.history()).checks == 0


def test_a_group_of_accounts_names_each() -> None:
    text = (
        f"🔴 CRITICAL: 2 accounts\n🔴 other cross USDT: 4 % #A1A1·1\n🔴 {NAME} unified: 5 % #K7F3·1"
    )

    assert not broken(dangers.told_in_time, fallen(108.0, text=text).history())


def test_an_unanswered_danger_is_told_again() -> None:
    good, bad = fallen(105.0), fallen(105.0)
    for minute in range(3, 20, 3):
        good.says(105.0 + 60 * minute, danger("CRITICAL", 5.0, seq=minute, note="still"))

    assert not broken(dangers.told_again, good.history())
    assert broken(dangers.told_again, bad.history())


def test_an_answered_danger_may_be_silent_for_longer() -> None:
    story = fallen(105.0)
    seen = danger("CRITICAL", 5.0, seq=2, note="still")
    story.says(160.0, seen, keys=(Key(label=say.BUTTON_DETAILS, token="t"),), edited=True)

    assert not broken(dangers.told_again, story.history())


def test_a_liquidation_is_never_silent() -> None:
    for text, wrong in ((f"🚨 POSITION GONE #K7F3·2 {NAME}\nMost likely LIQUIDATED", 0), ("", 1)):
        story = fallen(105.0)
        story.stands(-1.0, 200)
        if text:
            story.says(206.0, text)
        assert len(broken(dangers.liquidation_told, story.history())) == wrong


def test_latency_counts_from_the_crossing_to_the_screen() -> None:
    assert list(dangers.latencies_s(fallen(104.0).history())) == [4.0]


# -- I2: blindness is told -----------------------------------------------------------------------


def unseen(told_s: float | None) -> Story:
    """Return a story at 10 % (S is 40 s) that is not read from 100 s to 400 s."""
    story = Story()
    story.stands(10.0, 20)
    story.reads(0, 100)
    story.reads(400, story.until_s)
    if told_s is not None:
        story.says(told_s, blind())
    story.breaks(Fault.TIMEOUT, 100, 399, NAME)
    return story


@pytest.mark.parametrize(("told_s", "wrong"), [(142.0, 0), (154.0, 0), (156.0, 1), (None, 1)])
def test_blindness_is_told_within_15_s_of_what_is_allowed(told_s: float | None, wrong: int) -> None:
    assert len(broken(blindness.told_in_time, unseen(told_s).history())) == wrong


def test_a_danger_told_as_an_estimate_tells_blindness_too() -> None:
    story = unseen(None)
    story.says(130.0, danger("CRITICAL", 5.0, note="ESTIMATE"))

    assert not broken(blindness.told_in_time, story.history())


def test_blindness_while_the_roads_are_shut_is_told_when_they_open() -> None:
    for told_s, wrong in ((300.0, 0), (None, 1)):
        story = unseen(told_s)
        story.breaks(Fault.CHAT_DOWN, 90, 250, "chat")
        assert len(broken(blindness.told_in_time, story.history())) == wrong


def test_lateness_is_counted_beyond_what_is_allowed() -> None:
    assert list(blindness.lateness_s(unseen(143.0).history())) == [pytest.approx(3.0, abs=0.3)]


# -- I4: bounded noise ---------------------------------------------------------------------------


def test_thirteen_messages_in_a_minute_are_too_many() -> None:
    for count, wrong in ((12, 0), (13, 1)):
        story = Story()
        for number in range(count):
            story.says(100 + 3 * number, danger("WARNING", 11.0, seq=number + 1))
        history = story.history()
        assert len(broken(noise.bounded, history)) == wrong
        assert noise.worst_minute(history) == count


def test_roads_are_counted_apart_and_edits_not_at_all() -> None:
    story = Story()
    for number in range(24):
        road = Reach.CHAT if number % 2 else Reach.FALLBACK
        story.says(100 + number, danger("WARNING", 11.0, seq=number + 1), road=road)
        story.says(100 + number, danger("WARNING", 11.0, seq=number + 1), edited=True)

    assert not broken(noise.bounded, story.history())


def test_the_same_word_comes_three_times_at_most() -> None:
    for count, wrong in ((3, 0), (4, 1)):
        story = Story()
        for number in range(count):
            story.says(100 + 20 * number, danger("WARNING", 11.0))
        history = story.history()
        assert len(broken(noise.copied_little, history)) == wrong
        assert noise.duplicates(history) == count - 1


# -- I11: no false all-clear ---------------------------------------------------------------------

CALM = f"🟢 CALM #K7F3·2 {NAME} (was WARNING)\n25 % from liquidation"


def recovered(calm_s: float, *, text: str = CALM) -> Story:
    """Return a story that is at 10 % from 100 s on and far away from 300 s on."""
    story = Story()
    story.stands(10.0, 100)
    story.says(105, danger("WARNING", 10.0))
    story.stands(25.0, 300)
    story.reads(0, story.until_s)
    story.says(calm_s, text)
    return story


@pytest.mark.parametrize(("calm_s", "wrong"), [(364.0, 0), (250.0, 1), (320.0, 1)])
def test_calm_is_said_of_what_was_calm_for_its_dwell(calm_s: float, wrong: int) -> None:
    assert len(broken(all_clear.true_when_said, recovered(calm_s).history())) == wrong


def test_calm_is_not_said_of_what_nobody_read() -> None:
    story = recovered(364.0)
    story.polls = [one for one in story.polls if one[1] < story.us(300)]

    assert broken(all_clear.true_when_said, story.history())


def test_easing_to_a_milder_tier_than_the_truth_is_false() -> None:
    for word, wrong in (("WARNING", 0), ("WATCH", 1)):
        story = fallen(105.0)
        story.stands(10.0, 200)
        story.says(325, danger(word, 10.0, seq=2, note="was CRITICAL"))
        assert len(broken(all_clear.true_when_said, story.history())) == wrong


def test_gone_is_said_of_what_holds_nothing_any_more() -> None:
    gone = f"⚪ GONE #K7F3·2 {NAME} (was WARNING)\nPosition no longer there, looked three times"
    assert broken(all_clear.true_when_said, recovered(400.0, text=gone).history())
    story = recovered(500.0, text=gone)
    story.stands(-1.0, 350)

    assert not broken(all_clear.true_when_said, story.history())


def test_seeing_again_names_a_tier_no_milder_than_the_truth() -> None:
    for note, wrong in ((" (CRITICAL)", 0), ("", 1)):
        story = fallen(105.0)
        story.says(200, f"🔴 SEEING #K7F3·3 {NAME}{note}\nSeeing again after 40 s: 5 %")
        assert len(broken(all_clear.true_when_said, story.history())) == wrong


# -- I1: nothing else is told ----------------------------------------------------------------------


def test_a_danger_that_never_was_has_no_cause() -> None:
    for distance, wrong in ((12.1, 0), (13.0, 1)):
        story = Story()
        story.stands(25.0, 50)
        story.stands(distance, 500)
        story.reads(0, story.until_s)
        story.says(510, danger("WARNING", 11.9))
        assert len(broken(causes.nothing_else, story.history())) == wrong


def test_a_danger_held_over_has_its_cause_for_a_while() -> None:
    for at_s, wrong in ((700, 0), (1500, 1)):
        story = Story(until_s=1600)
        story.stands(10.0, 300)
        story.stands(25.0, 400)
        story.reads(0, story.until_s)
        story.says(at_s, danger("WARNING", 25.0, note="still"))
        assert len(broken(causes.nothing_else, story.history())) == wrong


def test_bad_weather_is_a_cause() -> None:
    story = Story()
    story.reads(0, story.until_s)
    story.says(510, danger("EMERGENCY", 0.1, note="unconfirmed"))
    story.breaks(Fault.GLITCH_ZERO, 500, 505, NAME)

    assert not broken(causes.nothing_else, story.history())


def test_blindness_of_what_was_read_has_no_cause() -> None:
    story = Story()
    story.reads(0, story.until_s)
    story.says(510, blind())

    assert broken(causes.nothing_else, story.history())
    assert not broken(causes.nothing_else, unseen(142.0).history())


def test_what_a_check_finds_needs_weather_of_its_kind() -> None:
    text = f"🔧 MODEL DIFFERS #C0DE·1 {NAME}\nOur model and Bybit differ by 4 %"
    for fault, wrong in ((Fault.DIVERGENCE, 0), (Fault.PING_DOWN, 1)):
        story = Story()
        story.breaks(fault, 480, 520)
        story.says(510, text)
        assert len(broken(causes.nothing_else, story.history())) == wrong


def test_a_word_nobody_knows_and_an_account_nobody_has_are_not_expected() -> None:
    story = Story()
    story.says(510, f"🔧 ALL IS LOST #C0DE·1 {NAME}\nReally")
    story.says(520, "🔴 CRITICAL #C0DE·1 stranger\n5 % from liquidation")

    assert len(broken(causes.nothing_else, story.history())) == 2


def test_a_trouble_of_the_disk_needs_a_bad_disk() -> None:
    for fault, wrong in ((Fault.DISK_FULL, 0), (Fault.CHAT_DOWN, 1)):
        story = Story()
        story.breaks(fault, 480, 520)
        story.says(500, "🔧 CANNOT WRITE TO DISK\n  Alerts go on from memory")
        assert len(broken(causes.notes_explained, story.history())) == wrong


# -- I3, I5, I6, I7, I9, I15, I16, F4: at home -----------------------------------------------------


def test_money_that_nobody_asked_for_is_noticed() -> None:
    story = Story()
    assert not broken(home.moves_nothing, story.history())
    story.world.credit(story.account, "USDT", Decimal(100), wallet="funding")
    story.world.transfer(story.account, "USDT", Decimal(50), source="funding", target="unified")

    assert broken(home.moves_nothing, story.history())


def test_a_secret_is_found_in_any_form() -> None:
    secret = Story().account.secret
    for text in (secret, base64.b64encode(f"x{secret}".encode()).decode(), secret.encode().hex()):
        story = Story()
        story.says(100, f"The key is {text}, or is it")
        assert broken(home.keeps_secrets, story.history())
    story = fallen(105.0)
    assert not broken(home.keeps_secrets, story.history())


def test_an_outsider_gets_nothing() -> None:
    for answer, wrong in ((TURNED_AWAY, 0), ("Seen: K7F3 CRITICAL", 1)):
        story = Story()
        story.deeds.append(Deed(story.us(60), "outsider 6660", "press Ack", NAME, answer))
        assert len(broken(home.turns_outsiders_away, story.history())) == wrong


def test_a_reader_orders_nothing() -> None:
    for answer, wrong in ((say.REFUSED_PRESS, 0), ("Muted up to WARNING for 1 h: main", 1)):
        story = Story()
        story.deeds.append(Deed(story.us(60), "reader 7003", "press Mute 1 h", NAME, answer))
        assert len(broken(home.refuses_readers, story.history())) == wrong


def test_a_fault_of_our_own_is_a_violation_unless_it_was_planted() -> None:
    for error, wrong in (("poll.failed KeyError('x')", 1), ("RuntimeError('planted')", 0)):
        story = Story()
        story.reads(0, 100)
        story.errors.append(error)
        assert len(broken(home.does_not_fall, story.history())) == wrong


def test_a_request_during_a_ban_is_a_violation() -> None:
    story = Story()
    story.breaks(Fault.BAN, 100, 200)
    history = story.history()
    history.weather.fired[Fault.BAN] += 1
    assert not broken(home.obeys_bans, history)
    history.journal.note("asked.banned", NAME)

    assert broken(home.obeys_bans, history)


def test_one_account_does_not_wait_for_another() -> None:
    for every_s, wrong in ((20.0, False), (30.0, True)):
        story = Story(others=("other",))
        story.reads(0, story.until_s, every_s=every_s)
        story.breaks(Fault.TIMEOUT, 300, 400, "other")
        assert bool(broken(home.keeps_apart, story.history())) is wrong


def test_nobody_is_asked_all_the_time() -> None:
    for every_s, wrong in ((2.0, False), (1.0, True)):
        story = Story(until_s=100)
        story.reads(0, story.until_s, every_s=every_s)
        assert bool(broken(home.asks_little, story.history())) is wrong


# -- I8 and I10: pings, and the end ----------------------------------------------------------------


def test_a_ping_says_well_only_where_everything_is_seen_or_told() -> None:
    for told_s, wrong in ((142.0, 0), (None, 1)):
        story = unseen(told_s)
        story.pings.append((story.us(300), True, ""))
        assert len(broken(rest.pings_by_work, story.history())) == wrong


def test_a_ping_says_well_only_where_danger_was_told() -> None:
    for told_s, wrong in ((110.0, 0), (None, 1)):
        story = fallen(told_s)
        story.pings.append((story.us(300), True, ""))
        assert len(broken(rest.pings_by_work, story.history())) == wrong
    silent = fallen(None)
    silent.pings.append((silent.us(300), False, "stuck"))
    assert not rest.pings_by_work(silent.history()).violations


def test_in_fair_weather_there_is_a_ping_every_three_minutes() -> None:
    for until_s, wrong in ((1200, False), (500, True)):
        story = Story()
        story.pings += [(story.us(at_s), True, "") for at_s in range(60, until_s, 60)]
        assert bool(broken(rest.pings_when_well, story.history())) is wrong


def ended(*, seeing_s: float | None = 1010.0, told: bool = True) -> History:
    """Return a run that falls to 5 % and goes blind in a storm that is over at 1000 s."""
    story = Story(until_s=1720, healed_s=1000)
    story.stands(5.0, 700)
    story.reads(0, 800)
    story.reads(1004, 1720)
    story.says(850, blind(code="K7F3"))
    if told:
        story.says(710, danger("CRITICAL", 5.0))
    if seeing_s is not None:
        story.says(seeing_s, f"🔴 SEEING #K7F3·2 {NAME} (CRITICAL)\nSeeing again after 3 min: 5 %")
    return story.history()


def test_after_the_storm_everything_is_told_as_it_is_within_a_minute() -> None:
    assert not broken(rest.converges, ended())
    assert rest.converged_s(ended()) == pytest.approx(10.0)
    assert broken(rest.converges, ended(seeing_s=1070.0))
    assert broken(rest.converges, ended(seeing_s=None))
    assert broken(rest.converges, ended(told=False))


def test_what_is_told_at_the_end_is_what_is_true_then() -> None:
    assert not broken(rest.ends_as_it_is, ended())
    assert broken(rest.ends_as_it_is, ended(seeing_s=None))
    assert broken(rest.ends_as_it_is, ended(told=False))
    story = Story(until_s=1720, healed_s=1000)
    story.stands(25.0, 50)
    story.says(710, danger("CRITICAL", 5.0))
    assert broken(rest.ends_as_it_is, story.history())


# -- I12, I13, I14: honest, and with a memory ------------------------------------------------------


def test_a_figure_is_that_of_the_reading() -> None:
    for shown, wrong in ((5.1, 0), (6.0, 1), (4.0, 1)):
        story = fallen(160.0, text=danger("CRITICAL", shown))
        assert len(broken(honesty.figures_true, story.history())) == wrong


def test_a_danger_says_how_old_its_figures_are() -> None:
    assert not broken(honesty.figures_dated, fallen(110.0).history())
    bare = danger("CRITICAL", 5.0).rpartition("\n")[0]
    assert broken(honesty.figures_dated, fallen(110.0, text=bare).history())


def test_a_story_goes_on_under_its_code_after_a_death() -> None:
    for code, wrong in (("K7F3", 0), ("ZZ99", 1)):
        story = fallen(105.0)
        story.lives = ((0.0, 400.0), (405.0, 1200.0))
        story.says(420, danger("CRITICAL", 5.0, seq=9, note="still", code=code))
        assert len(broken(honesty.stories_kept, story.history())) == wrong


def test_what_somebody_saw_is_not_told_again_at_once() -> None:
    for at_s, edited, wrong in ((600, False, 1), (600, True, 0), (160, False, 0)):
        story = fallen(105.0)
        deed = Deed(story.us(120), "operator 7", "press Ack", NAME, "Seen: #K7F3 CRITICAL, next")
        story.deeds.append(deed)
        story.says(400, danger("CRITICAL", 5.0, seq=2, note="still"), edited=True)
        again = danger("CRITICAL", 5.0, seq=3, note="still")
        story.says(at_s, again, edited=edited)
        assert len(broken(honesty.acks_kept, story.history())) == wrong


def test_a_divergence_is_told() -> None:
    text = f"🔧 MODEL DIFFERS #C0DE·1 {NAME}\nOur model and Bybit differ by 4 %"
    for told, wrong in ((True, 0), (False, 1)):
        story = Story()
        story.breaks(Fault.DIVERGENCE, 300, 500, NAME)
        if told:
            story.says(340, text)
        assert len(broken(honesty.divergence_told, story.history())) == wrong


# -- all of them -----------------------------------------------------------------------------------


def test_every_oracle_is_named_once_and_quiet_on_a_calm_run() -> None:
    story = Story()
    story.reads(0, story.until_s)
    story.pings += [(story.us(at_s), True, "") for at_s in range(30, 1200, 60)]

    verdicts = judged(story.history())

    assert len({one.name for one in verdicts}) == len(verdicts)
    assert [one.violations for one in verdicts if one.violations] == []


def test_the_figures_of_a_run_are_those_of_its_oracles() -> None:
    story = fallen(104.0)
    story.says(150, danger("CRITICAL", 5.0))
    found = figures(story.history())

    assert found.detected_s == (4.0,)
    assert (found.duplicates, found.worst_minute, found.false_all_clears) == (1, 2, 0)
