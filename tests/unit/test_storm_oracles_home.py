"""The judges of what a service must not do at all, of its rest after a storm, and of its memory."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest

from tests.unit.storm_histories import NAME, Story, blind, broken, danger, fallen, unseen
from watcher.policy import messages as say
from watcher.storm.history import History
from watcher.storm.oracles import home, honesty, judged, rest, telling
from watcher.storm.people import TURNED_AWAY, Deed
from watcher.storm.weather import Fault

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


def put_back(*last: str) -> History:
    """Return a run that is calm at its end, whose ledger was put back at 500 s, and its words."""
    story = Story(until_s=1800, healed_s=1000, lives=((0.0, 500.0), (505.0, 1800.0)))
    story.stands(5.0, 100)
    story.stands(30.0, 300)
    story.reads(0, 1800)
    story.says(110, danger("CRITICAL", 5.0, seq=9))
    story.breaks(Fault.ROLLBACK, 498, 498)
    for number, text in enumerate(last):
        story.says(510.0 + number, text)
    return story.history()


def test_after_a_ledger_was_put_back_its_own_numbers_count() -> None:
    gone = f"⚪ CALM #K7F3·{{}} {NAME} (was CRITICAL)"
    later, before = put_back(gone.format(3)), put_back()

    assert not broken(rest.ends_as_it_is, later)
    assert broken(rest.ends_as_it_is, before)


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (say.NOTHING_OPEN, False),
        (say.CODES_OVER, False),
        (say.STILL_OPEN.format(codes="#M4P1", more=""), False),
        (say.STILL_OPEN.format(codes="#K7F3", more=""), True),
        ("Nobody watched for 5 min", True),
    ],
)
def test_a_put_back_ledger_that_does_not_know_a_code_says_that_it_is_over(
    told: str, *, wrong: bool
) -> None:
    words = f"▶️ {say.WATCHING_AGAIN} 1 account\n{told}"

    assert bool(broken(rest.ends_as_it_is, put_back(words))) is wrong


@pytest.mark.parametrize(("broken_until_s", "wrong"), [(498, False), (200, True)])
def test_what_a_bad_disk_did_not_take_is_forgotten_with_the_process(
    broken_until_s: float, *, wrong: bool
) -> None:
    """Seed 61: told from memory while the disk hung, then killed; the phone took it for open."""
    story = Story(until_s=1800, healed_s=1000, lives=((0.0, 500.0), (505.0, 1800.0)))
    story.stands(5.0, 100)
    story.stands(30.0, 300)
    story.reads(0, 1800)
    story.says(110, danger("CRITICAL", 5.0, seq=9))
    story.breaks(Fault.DISK_BUSY, 90, broken_until_s)
    story.says(510, f"▶️ {say.WATCHING_AGAIN} 1 account\n{say.NOTHING_OPEN}")

    assert bool(broken(rest.ends_as_it_is, story.history())) is wrong


def test_an_ordinary_restart_ends_no_story() -> None:
    """A ledger that was not put back knows all: what it does not list, it has lost."""
    story = Story(until_s=1800, healed_s=1000)
    story.stands(5.0, 100)
    story.stands(30.0, 300)
    story.reads(0, 1800)
    story.says(110, danger("CRITICAL", 5.0, seq=9))
    story.says(510, f"▶️ {say.WATCHING_AGAIN} 1 account\n{say.NOTHING_OPEN}")

    assert broken(rest.ends_as_it_is, story.history())


def test_an_older_word_that_comes_late_ends_no_blindness() -> None:
    said = (
        (850, blind(seq=5, code="K7F3")),
        (860, danger("CRITICAL", 5.0, seq=4, note="still")),
    )
    story = Story(until_s=1720, healed_s=1000)
    story.stands(5.0, 700)
    story.says(710, danger("CRITICAL", 5.0))
    for at_s, text in said:
        story.says(at_s, text, edited=True)
    late = telling.stands_blind(story.history().said_of(NAME))
    story.says(870, danger("CRITICAL", 5.0, seq=6))

    assert late
    assert not telling.stands_blind(story.history().said_of(NAME))


@pytest.mark.parametrize(("late", "stands"), [("said 14:51 UTC, 4 min late\n", True), ("", False)])
def test_an_end_of_an_earlier_blindness_that_comes_late_ends_no_later_one(
    late: str, *, stands: bool
) -> None:
    """Seed 119: the chat was down; the newer word came first, of another incident."""
    story = Story(until_s=1720, healed_s=1000)
    story.stands(5.0, 700)
    story.says(850, blind(code="K7F3"))
    story.says(855, f"🟢 SEEING #B1B2·2 {NAME}\n{late}Seeing again after 3 min: 25 %")

    assert telling.stands_blind(story.history().said_of(NAME)) is stands


def test_blindness_that_is_told_late_is_over_by_its_number() -> None:
    """Seed 44: the far side lost the word, and took it after the one that ends it."""
    story = Story(until_s=1720, healed_s=1000)
    story.stands(5.0, 700)
    story.says(710, blind(seq=1))
    story.says(800, f"🟢 SEEING #B1B2·3 {NAME}\nSeeing again after 3 min: 25 %")
    story.says(900, blind(seq=2))
    over = telling.stands_blind(story.history().said_of(NAME))
    story.says(950, blind(seq=4))

    assert not over
    assert telling.stands_blind(story.history().said_of(NAME))


def test_after_the_storm_everything_is_told_as_it_is_within_a_minute() -> None:
    assert not broken(rest.converges, ended())
    assert rest.converged_s(ended()) == pytest.approx(10.0)
    assert broken(rest.converges, ended(seeing_s=1070.0))
    assert broken(rest.converges, ended(seeing_s=None))
    assert broken(rest.converges, ended(told=False))


@pytest.mark.parametrize(
    ("fault", "ends_s", "wrong"),
    [
        (Fault.BAN, 1000, False),
        (Fault.BAN, 900, True),
        (Fault.REVOKED, 1000, True),
    ],
)
def test_a_ban_without_an_end_told_outlives_the_storm(
    fault: Fault, ends_s: float, *, wrong: bool
) -> None:
    """Bybit's lasts ten minutes from the last request it struck: seed 45."""
    story = Story(until_s=1720, healed_s=1000)
    story.stands(5.0, 700)
    story.reads(0, 800)
    story.reads(1590, 1720)
    story.says(710, danger("CRITICAL", 5.0))
    story.says(850, blind(code="K7F3"))
    story.says(1595, f"🔴 SEEING #K7F3·2 {NAME} (CRITICAL)\nSeeing again after 13 min: 5 %")
    story.breaks(fault, 800, ends_s, NAME)

    assert bool(broken(rest.converges, story.history())) is wrong


def test_what_is_told_at_the_end_is_what_is_true_then() -> None:
    assert not broken(rest.ends_as_it_is, ended())
    assert broken(rest.ends_as_it_is, ended(seeing_s=None))
    assert broken(rest.ends_as_it_is, ended(told=False))
    story = Story(until_s=1720, healed_s=1000)
    story.stands(25.0, 50)
    story.says(710, danger("CRITICAL", 5.0))
    assert broken(rest.ends_as_it_is, story.history())


# -- I12, I13: honest, and with a memory -----------------------------------------------------------


def test_a_figure_is_that_of_the_reading() -> None:
    for shown, wrong in ((5.1, 0), (6.0, 1), (4.0, 1)):
        story = fallen(170.0, text=danger("CRITICAL", shown))
        assert len(broken(honesty.figures_true, story.history())) == wrong


def test_a_figure_that_says_how_late_it_is_is_of_that_time() -> None:
    for late, wrong in (("", 1), ("said 14:23 UTC, 1 min late\n", 0)):
        story = fallen(None)
        story.stands(9.0, 200)
        head, _, rest = danger("CRITICAL", 5.0).partition("\n")
        story.says(300.0, f"{head}\n{late}{rest}")
        assert len(broken(honesty.figures_true, story.history())) == wrong


def test_a_distance_the_truth_does_not_look_for_is_not_wrong() -> None:
    for shown, wrong in ((85.0, 0), (70.0, 1)):
        story = Story(away=95.0)
        story.says(160.0, danger("CRITICAL", shown))
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


# -- all of them -----------------------------------------------------------------------------------


def test_every_oracle_is_named_once_and_quiet_on_a_calm_run() -> None:
    story = Story()
    story.reads(0, story.until_s)
    story.pings += [(story.us(at_s), True, "") for at_s in range(30, 1200, 60)]

    verdicts = judged(story.history())

    assert len({one.name for one in verdicts}) == len(verdicts)
    assert [one.violations for one in verdicts if one.violations] == []
