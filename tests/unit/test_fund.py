"""The money loop: each mode, each row of the protocol, what it holds to be a reason not to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.money_desk import Desk, desk
from tests.unit.money_stand_ins import FINE, Bank
from tests.unit.top_up_books import AUTO, limited
from watcher.domain.alert import MINUTE_US, SECOND_US, Lane, Moment
from watcher.domain.road import Act, Reach
from watcher.domain.status import KeyRights
from watcher.domain.topup import Assurance, Mode, TopUpRules
from watcher.policy.arming import Unfit
from watcher.ports import FROZEN, KILLED, PAUSED, Flag, StoreError, VenueError

ASK = replace(AUTO, mode=Mode.ASK)
DRY = replace(AUTO, mode=Mode.DRY_RUN)
REQUEST = replace(AUTO, mode=Mode.REQUEST)
HOUR_S = 3600.0


def play(
    folder: Path,
    story: Callable[[Desk], Awaitable[None]],
    rules: TopUpRules = AUTO,
    *,
    bank: Bank | None = None,
    assurance: Assurance = Assurance.DEDUP,
) -> Bank:
    async def run() -> Bank:
        async with desk(folder, rules, bank=bank, assurance=assurance) as made:
            await story(made)
            return made.money.bank

    return asyncio.run(run())


def titles(told: list[str]) -> list[str]:
    return [title.split(" #")[0].split(" bybit")[0] for title in told]


# -- modes --------------------------------------------------------------------------------------


def test_auto_sends_once_proves_it_and_tells_what_it_brought(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        assert await one.states() == ["done"]
        await one.look(15.2)
        [intent] = await one.intents()
        assert intent.after == pytest.approx(15.2, abs=0.01)
        assert titles(await one.said()) == ["💵 TOP-UP", "💵 TOP-UP SENT", "💵 TOP-UP DONE"]

    bank = play(tmp_path, story)
    assert len(bank.posts) == len(bank.moved) == 1


def test_one_reading_beyond_the_trigger_moves_nothing(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.look(30.0)
        await one.look(9.4)
        assert await one.states() == []

    play(tmp_path, story)


def test_a_dry_run_runs_to_approved_says_so_and_sends_nothing(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        assert await one.states() == ["cancelled"]
        for _ in range(20):
            await one.look(9.3)
        assert len(await one.intents()) == 1, "it is not told at every reading"
        assert titles(await one.said()) == ["💵 TOP-UP, DRY RUN"]
        assert set(one.money.calls) <= {"uid", "rights"}

    assert play(tmp_path, story, DRY).posts == []


def test_a_request_is_told_its_arrival_seen_and_the_rest_asked_for_again(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        assert asked.progress == "proposed"
        await one.look(9.2, came=asked.amount / 2)
        first, second = await one.intents()
        assert (first.progress, first.reason) == ("cancelled", "less arrived")
        assert second.progress == "proposed"
        await one.look(15.3, came=asked.amount / 2 + second.amount)
        assert await one.states() == ["cancelled", "cancelled"]
        assert titles(await one.said()) == [
            "💵 PLEASE MOVE",
            "💵 ARRIVED",
            "💵 PLEASE MOVE",
            "💵 ARRIVED",
        ]

    assert play(tmp_path, story, REQUEST).posts == []


def test_a_request_needs_no_key_that_may_do_more_than_read(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        one.money.rights_now = replace(FINE, transfer=False, ip_bound=False)
        await one.slide()
        assert await one.states() == ["proposed"]

    play(tmp_path, story, REQUEST)


def test_a_request_nobody_follows_is_asked_again_after_a_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.look(9.3, after_s=15 * 60)
        await one.look(9.3)
        assert await one.states() == ["expired", "proposed"]

    play(tmp_path, story, REQUEST)


def test_ask_waits_for_a_yes_and_sends_what_is_right_by_then(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        assert (asked.progress, one.money.bank.posts) == ("proposed", [])
        await one.look(9.8)
        said = await one.fund.decided(asked.id, yes=True, user_id=7)
        assert said.startswith("Approved")
        await one.fund.round()
        await one.wait(1)
        [sent] = await one.intents()
        assert sent.progress == "done"
        assert Decimal(0) < sent.amount < asked.ceiling
        again = await one.fund.decided(asked.id, yes=True, user_id=7)
        assert again.startswith("Done: ")

    bank = play(tmp_path, story, ASK)
    assert len(bank.moved) == 1


def test_a_yes_is_to_a_ceiling(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        await one.look(5.0)
        await one.fund.decided(asked.id, yes=True, user_id=7)
        await one.fund.round()
        [sent] = await one.intents()
        assert sent.amount == asked.ceiling

    play(tmp_path, story, ASK)


def test_a_yes_while_the_reading_is_old_waits_for_the_next(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        one.clock.pass_(30)
        said = await one.fund.decided(asked.id, yes=True, user_id=7)
        assert said.startswith("Heard")
        await one.fund.round()
        assert one.money.bank.posts == []
        await one.look(9.3)
        await one.wait(0.5)
        assert len(one.money.bank.posts) == 1

    play(tmp_path, story, ASK)


@pytest.mark.parametrize(
    ("what", "state"), [("deny", "denied"), ("nothing", "expired"), ("calm", "cancelled")]
)
def test_what_nobody_approves_is_never_sent(tmp_path: Path, what: str, state: str) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        if what == "deny":
            await one.fund.decided(asked.id, yes=False, user_id=7)
        elif what == "nothing":
            await one.wait(15 * 60)
        else:
            await one.look(25.0)
        assert await one.states() == [state]
        said = await one.fund.decided(asked.id, yes=True, user_id=7)
        assert "othing was sent" in said

    assert play(tmp_path, story, ASK).posts == []


def test_the_buttons_name_the_intent_and_the_ask_reaches_out_loud(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        [claim] = await one.store.claim(one.clock.now(), limit=5)
        buttons = claim.message.buttons
        assert [each.act for each in buttons] == [Act.APPROVE, Act.DENY, Act.KILL]
        assert {each.intent for each in buttons} == {asked.id}
        assert asked.expires_us - asked.created_us == 15 * MINUTE_US
        assert (claim.message.lane, claim.message.silent) == (Lane.BLIND, False)

    play(tmp_path, story, ASK)


# -- the protocol -------------------------------------------------------------------------------


def test_a_listed_rejection_frees_the_caps_and_takes_a_new_id(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        assert await one.states() == ["rejected"]
        await one.look(9.3)
        assert await one.states() == ["rejected"], "not at every reading"
        await one.look(9.3, after_s=300)
        await one.look(9.3)
        first, second = await one.intents()
        assert second.decision_key == first.decision_key
        assert second.venue_ref != first.venue_ref

    bank = play(tmp_path, story, bank=Bank(reply=["no"]))
    assert len(bank.moved) == 1


def test_an_outcome_nobody_knows_is_told_and_found_out(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        began = one.clock.at_us
        await one.slide()
        assert await one.states() == ["unknown"]
        assert "❗ TOP-UP NOT KNOWN" in titles(await one.said())
        assert one.clock.at_us - began <= 15_000_000
        await one.wait(1)
        assert await one.states() == ["done"]

    bank = play(tmp_path, story, bank=Bank(reply=["lost"]))
    assert len(bank.posts) == len(bank.moved) == 1


def test_where_the_id_is_taken_once_a_lost_request_goes_out_again_under_it(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        for _ in range(12):
            await one.look(9.3)
        assert await one.states() == ["done"]

    bank = play(tmp_path, story, bank=Bank(reply=["never", "never"]))
    refs = {sent.venue_ref for sent, _ in bank.posts}
    stamps = [ts_ms for _, ts_ms in bank.posts]
    assert (len(bank.posts), len(refs), len(bank.moved)) == (3, 1, 1)
    assert stamps == sorted(set(stamps))


def test_a_late_first_and_its_repeat_are_one_movement(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.look(9.3)
        one.money.bank.arrive(one.clock.at_us // 1000)
        for _ in range(5):
            await one.look(9.3)
        assert await one.states() == ["done"]

    bank = play(tmp_path, story, bank=Bank(reply=["late", "never", "never"]))
    assert len(bank.moved) == 1


def test_a_repeat_stops_where_money_is_held_and_looking_up_goes_on(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.store.raise_flag(Flag(name=KILLED, user_id=1, at_us=1), one.clock.now())
        for _ in range(10):
            await one.look(9.3)
        assert await one.states() == ["unknown"]
        assert one.money.calls.count("lookup") > 3

    bank = play(tmp_path, story, bank=Bank(reply=["never"]))
    assert len(bank.posts) == 1


def test_without_ids_a_lost_request_is_never_repeated_and_a_person_looks(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        for _ in range(30):
            await one.look(9.3)
        assert await one.states() == ["human"]
        assert "❗ LOOK YOURSELF" in titles(await one.said())

    bank = play(tmp_path, story, bank=Bank(reply=["never"], dedups=False), assurance=BLIND)
    assert len(bank.posts) == 1


BLIND = Assurance.BLIND_SEND


def test_without_ids_the_amount_bears_the_mark_it_is_found_by(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        [sent] = await one.intents()
        assert sent.progress == "done"
        assert sent.ceiling - Decimal("0.02") < sent.amount <= sent.ceiling
        assert sent.amount != sent.amount.quantize(Decimal("0.0001"))

    play(tmp_path, story, bank=Bank(reply=["lost"], dedups=False), assurance=BLIND)


def test_an_id_that_is_not_there_an_hour_later_is_absent_and_asked_about(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        for _ in range(6):
            await one.wait(HOUR_S / 4)
            assert await one.states() == ["unknown"], "an hour, and three more looks"
        await one.wait(HOUR_S / 4)
        assert await one.states() == ["absent"]
        await one.look(9.3, after_s=600)
        await one.look(9.3)
        first, second = await one.intents()
        assert (second.progress, second.mode) == ("proposed", Mode.ASK)
        assert second.decision_key == first.decision_key
        assert second.venue_ref != first.venue_ref

    bank = play(tmp_path, story, bank=Bank(reply=["never"]), assurance=Assurance.LOOKUP)
    assert len(bank.posts) == 1


def test_a_history_that_lags_makes_no_second_of_the_same_decision(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        assert await one.states() == ["done"]
        one.money.lag_us = 3600 * 1_000_000
        for _ in range(100):
            await one.look(9.3)
        assert await one.states() == ["done"]

    bank = play(tmp_path, story)
    assert len(bank.moved) == 1


def test_once_the_history_shows_it_the_next_decision_is_a_new_one(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        for _ in range(80):
            await one.look(9.3)
        first, second = await one.intents()
        assert second.progress == "done"
        assert first.decision_key != second.decision_key

    bank = play(tmp_path, story, limited(cooldown_us=5 * MINUTE_US))
    assert len(bank.moved) == 2


# -- money fails closed -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [KILLED, PAUSED, FROZEN])
@pytest.mark.parametrize("rules", [AUTO, ASK], ids=["auto", "ask"])
def test_a_flag_holds_all_money(tmp_path: Path, name: str, rules: TopUpRules) -> None:
    async def story(one: Desk) -> None:
        await one.store.raise_flag(Flag(name=name, user_id=1, at_us=1), one.clock.now())
        await one.slide()
        await one.look(5.0)
        assert await one.states() == []

    assert play(tmp_path, story, rules).posts == []


def test_a_pause_ends_by_itself(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        until_us = one.clock.at_us + 60_000_000
        flag = Flag(name=PAUSED, user_id=1, at_us=1, until_us=until_us)
        await one.store.raise_flag(flag, one.clock.now())
        await one.slide()
        assert await one.states() == []
        await one.look(9.3, after_s=60)
        assert len(await one.intents()) == 1

    play(tmp_path, story)


def test_the_kill_file_is_enough_and_ends_what_was_not_sent(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        assert await one.states() == ["proposed"]
        one.killed = True
        await one.look(9.3)
        assert await one.states() == ["cancelled"]
        await one.look(9.3)
        assert len(await one.intents()) == 1

    assert play(tmp_path, story, ASK).posts == []


def test_killed_between_the_writing_and_the_request_nothing_is_sent(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        claim = one.purse.claim_sending

        async def claimed(*given: object) -> object:
            found: object = await claim(*given)
            one.killed = True
            return found

        one.purse.claim_sending = claimed
        await one.slide()
        assert await one.states() == ["cancelled"]

    assert play(tmp_path, story).posts == []


def test_a_process_that_slept_after_the_writing_sends_nothing(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        claim = one.purse.claim_sending

        async def slept(*given: object) -> object:
            found: object = await claim(*given)
            one.clock.pass_(1.6)
            return found

        one.purse.claim_sending = slept
        await one.slide()
        assert await one.states() == ["cancelled"]

    assert play(tmp_path, story).posts == []


def test_a_clock_far_from_the_venue_s_sends_nothing(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        one.money.offset_ms = 120_000
        await one.slide()
        await one.wait(35)
        assert await one.states() == []
        assert any("TOP-UPS OFF" in title for title in await one.said())

    assert play(tmp_path, story).posts == []


def test_a_clock_that_goes_wrong_later_is_seen_before_the_request(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.look(30.0)
        one.money.offset_ms = -120_000
        await one.look(9.4)
        await one.look(9.3)
        [intent] = await one.intents()
        assert (intent.progress, "clock" in intent.reason) == ("cancelled", True)

    assert play(tmp_path, story).posts == []


def test_what_keeps_failing_is_tried_rarely(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        for _ in range(140):
            await one.look(9.3)
        assert len(await one.intents()) == 2, "ten minutes, and a cooldown of five"

    bank = play(tmp_path, story, bank=Bank(reply=["no"] * 200))
    assert len(bank.posts) == 2


def test_nothing_is_sent_before_the_venue_s_books_were_read(tmp_path: Path) -> None:
    """An approved intent of a restored backup waits for the reconciliation, and is too old then."""

    async def story(one: Desk) -> None:
        async def fails(*given: object) -> object:
            raise StoreError("disk full")

        claim, one.purse.claim_sending = one.purse.claim_sending, fails
        await one.slide()
        assert await one.states() == ["approved"]
        one.purse.claim_sending = claim
        one.fund = one.started()
        one.money.on = _no_history
        await one.look(9.3)
        assert await one.states() == ["approved"]
        await one.look(9.3, after_s=60)
        assert (await one.states())[0] == "cancelled"

    assert play(tmp_path, story).posts == []


def _no_history(call: str) -> None:
    if call == "history":
        raise VenueError("HTTP 503")


def test_a_week_without_movements_is_no_reason_to_stop(tmp_path: Path) -> None:
    """The anchor leaves the history that is read: the next decision is a new one all the same."""

    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        await one.look(20.0, after_s=8 * 86_400)
        await one.look(20.0)
        await one.look(9.4)
        await one.look(9.3)
        await one.wait(1)
        assert await one.states() == ["done", "done"]

    play(tmp_path, story)


def test_a_venue_that_does_not_answer_gets_nothing(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.look(30.0)
        one.money.down = True
        await one.look(9.4)
        await one.look(9.3)
        await one.look(9.2)
        assert await one.states() == []
        one.money.down = False
        await one.look(9.1)
        await one.look(9.0)
        assert len(await one.intents()) == 1

    play(tmp_path, story)


def test_a_store_that_fails_lets_nothing_out(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        async def fails(*given: object) -> object:
            raise StoreError("disk full")

        one.purse.claim_sending = fails
        await one.slide()
        await one.look(9.3)
        assert await one.states() == ["approved"]

    assert play(tmp_path, story).posts == []


def test_an_outcome_that_cannot_be_written_is_told_from_memory_and_found_out(
    tmp_path: Path,
) -> None:
    async def story(one: Desk) -> None:
        advance = one.purse.advance

        async def fails(was: object, moved: object, said: object) -> object:
            if getattr(was, "progress", "") == "sending":
                raise StoreError("disk full")
            kept: object = await advance(was, moved, said)
            return kept

        one.purse.advance = fails
        await one.slide()
        assert await one.states() == ["sending"]
        assert titles([m.text.plain.split("\n")[0] for m in one.told])[-1] == "🟠 TOP-UP NOT KNOWN"
        one.purse.advance = advance
        await one.wait(20)
        await one.wait(1)
        assert await one.states() == ["done"]

    bank = play(tmp_path, story)
    assert len(bank.posts) == 1


def test_a_defect_in_the_client_counts_as_sent(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        def broken(call: str) -> None:
            if call == "after send":
                raise ZeroDivisionError

        one.money.on = broken
        await one.slide()
        assert await one.states() == ["unknown"]
        one.money.on = lambda _call: None
        await one.wait(1)
        assert await one.states() == ["done"]

    bank = play(tmp_path, story)
    assert len(bank.posts) == 1


# -- the key, the caps, the books ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "fix"),
    [
        (replace(FINE, withdraw=True), "withdraw"),
        (replace(FINE, withdraw=None), "withdraw"),
        (replace(FINE, ip_bound=False), "address"),
        (replace(FINE, ip_bound=None), "address"),
        (replace(FINE, transfer=False), "request"),
        (replace(FINE, transfer=None), "request"),
    ],
)
@pytest.mark.parametrize("rules", [AUTO, ASK], ids=["auto", "ask"])
def test_a_key_that_is_not_fit_moves_nothing_and_the_fix_is_told(
    tmp_path: Path, rights: KeyRights, fix: str, rules: TopUpRules
) -> None:
    async def story(one: Desk) -> None:
        one.money.rights_now = rights
        await one.slide()
        await one.look(9.2, after_s=35)
        assert await one.states() == []
        told = [claim.message for claim in await one.store.claim(one.clock.now(), limit=5)]
        [off] = [said.text.plain for said in told if "TOP-UPS OFF" in said.text.plain]
        assert fix in off
        one.money.rights_now = FINE
        await one.look(9.1, after_s=40)
        await one.look(9.0)
        assert len(await one.intents()) == 1

    play(tmp_path, story, rules)


def test_one_trouble_of_several_accounts_is_told_once_and_names_them(tmp_path: Path) -> None:
    """A clock of this machine that is off is off for all: the seconds differ, the fix does not."""

    async def story(one: Desk) -> None:
        shared, names = one.switches(), ("first", "second", "third")
        loops = [one.started(shared, name) for name in names]

        async def turn(seconds: float, *offsets_ms: int) -> None:
            one.clock.pass_(seconds)
            for loop, offset_ms in zip(loops, offsets_ms, strict=True):
                one.money.offset_ms = offset_ms
                await loop.round()

        await turn(0, 120_000, 120_000, 121_000)
        await turn(34, 120_000, 120_000, 121_000)
        assert await one.said() == []
        await turn(1, 120_000, 120_000, 121_000)
        [claim] = await one.store.claim(one.clock.now(), limit=5)
        assert claim.message.text.plain.splitlines() == [
            "🔧 TOP-UPS OFF 3 accounts",
            "Accounts: first, second",
            "our clock and the venue's are 120 s apart",
            "Accounts: third",
            "our clock and the venue's are 121 s apart",
            "Set the clock of the server",
            "They are watched all the same",
        ]
        for _ in range(3):
            await turn(31, 122_000, 124_000, 126_000)
        assert len(await one.said()) == 1, "it is the same trouble with other figures"
        await turn(31, 0, 0, 126_000)
        await turn(35, 0, 0, 126_000)
        assert await one.said() == ["🔧 TOP-UPS OFF 3 accounts", "🔧 TOP-UPS ON 2 accounts"]
        await turn(31, 0, 0, 0)
        await turn(35, 0, 0, 0)
        assert (await one.said())[2:] == ["🔧 TOP-UPS ON third"]

    play(tmp_path, story)


def test_a_clock_set_right_after_the_start_calls_for_a_restart(tmp_path: Path) -> None:
    """The steady clock goes on from the time of the start, whatever the wall shows since."""

    async def story(one: Desk) -> None:
        steady, ahead_us = one.clock.now, 1_645 * SECOND_US

        def skewed() -> Moment:
            now = steady()
            return replace(now, wall_us=now.wall_us - ahead_us)

        one.clock.now = skewed
        one.money.offset_ms = -1_645_000
        await one.fund.round()
        await one.wait(35)
        [claim] = await one.store.claim(one.clock.now(), limit=5)
        assert claim.message.text.plain.splitlines()[1:3] == [
            "watcher was started under a clock 1645 s off",
            "The clock is right by now: restart watcher",
        ]

    play(tmp_path, story)


def test_what_is_over_within_a_moment_is_not_told(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        switches, now = one.switches(), one.clock.now
        switches.turn("first", Unfit(reason="why", fix="how"), now())
        one.clock.pass_(34)
        await switches.tell(now())
        switches.turn("first", None, now())
        one.clock.pass_(60)
        await switches.tell(now())
        assert await one.said() == []

    play(tmp_path, story)


def test_a_key_of_another_account_moves_nothing(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        one.state = replace(one.state, key=replace(FINE, uid="another"))
        await one.slide()
        await one.look(9.2, after_s=35)
        assert await one.states() == []
        assert any("TOP-UPS OFF" in title for title in await one.said())

    play(tmp_path, story)


def test_rights_taken_away_between_the_plan_and_the_request_stop_it(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        [asked] = await one.intents()
        one.money.rights_now = replace(FINE, withdraw=True)
        await one.fund.decided(asked.id, yes=True, user_id=7)
        await one.fund.round()
        assert await one.states() == ["cancelled"]

    assert play(tmp_path, story, ASK).posts == []


@pytest.mark.parametrize(("held", "over_half", "may"), [
    ("2999", False, False), ("3000", False, True), ("2000", True, True),
])  # fmt: skip
def test_caps_beyond_half_of_the_source_need_a_word(
    tmp_path: Path, held: str, *, over_half: bool, may: bool
) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        assert bool(await one.intents()) is may
        await one.wait(35)
        assert any("TOP-UPS OFF" in title for title in await one.said()) is not may

    play(tmp_path, story, limited(over_half=over_half), bank=Bank(held=Decimal(held)))


def test_a_ledger_that_lost_what_the_venue_did_freezes_all_money(tmp_path: Path) -> None:
    async def first(one: Desk) -> None:
        await one.slide()

    async def second(one: Desk) -> None:
        one.clock.pass_(60)
        await one.slide()
        await one.look(9.2)
        assert await one.states() == []
        assert FROZEN in await one.store.flags()
        [claim] = await one.store.claim(one.clock.now(), limit=5)
        assert "MONEY FROZEN" in claim.message.text.plain
        assert claim.message.reach is Reach.FALLBACK

    bank = play(tmp_path / "a", first)
    assert len(bank.moved) == 1
    play(tmp_path / "b", second, bank=bank)
    assert len(bank.moved) == 1


def test_a_marked_amount_the_ledger_knows_not_freezes_too(tmp_path: Path) -> None:
    async def first(one: Desk) -> None:
        await one.slide()

    async def second(one: Desk) -> None:
        one.clock.pass_(60)
        await one.look(30.0)
        assert FROZEN in await one.store.flags()

    bank = play(tmp_path / "a", first, bank=Bank(dedups=False), assurance=BLIND)
    play(tmp_path / "b", second, bank=bank, assurance=BLIND)


def test_what_a_person_moved_freezes_nothing(tmp_path: Path) -> None:
    async def first(one: Desk) -> None:
        await one.slide()

    async def second(one: Desk) -> None:
        one.money.bank.moved[0] = replace(one.money.bank.moved[0], ref="selfTransfer_1")
        one.clock.pass_(60)
        await one.slide()
        assert await one.store.flags() == {}
        assert len(await one.intents()) == 1

    bank = play(tmp_path / "a", first)
    play(tmp_path / "b", second, bank=bank)


def test_done_here_and_not_known_there_freezes_all_money(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        await one.slide()
        await one.wait(1)
        assert await one.states() == ["done"]
        one.money.bank.moved.clear()
        await one.look(20.0, after_s=11 * 60)
        await one.look(20.0, after_s=11 * 60)
        assert FROZEN in await one.store.flags()

    play(tmp_path, story)


def test_a_damaged_ledger_is_told_once_for_all_accounts(tmp_path: Path) -> None:
    """The loops of all accounts find it at once, each at a moment of its own."""

    async def story(one: Desk) -> None:
        still = one.clock.now

        def ticking() -> Moment:
            one.clock.pass_(0.001)
            return still()

        one.clock.now = ticking
        shared = one.switches("the ledger was damaged and begun anew")
        loops = [one.started(shared, name) for name in ("first", "second", "third")]
        await asyncio.gather(*(each.round() for each in loops))
        assert await one.said() == ["🔑 MONEY FROZEN all accounts"]

    play(tmp_path, story)


def test_a_freeze_that_could_not_be_written_is_told_once_it_is(tmp_path: Path) -> None:
    async def full(*_given: object) -> bool:
        raise StoreError("disk full")

    async def story(one: Desk) -> None:
        one.purse.freeze, works = full, one.purse.freeze
        one.fund = one.started(one.switches("the ledger was damaged and begun anew"))
        await one.slide()
        assert await one.states() == await one.said() == []
        one.purse.freeze = works
        await one.wait(30)
        assert await one.said() == ["🔑 MONEY FROZEN all accounts"]
        await one.look(9.2)
        assert await one.states() == []

    play(tmp_path, story)


def test_a_damaged_ledger_begun_anew_freezes_all_money(tmp_path: Path) -> None:
    async def story(one: Desk) -> None:
        one.fund = one.started(one.switches("the ledger was damaged and begun anew"))
        await one.slide()
        assert await one.states() == []
        assert (await one.store.flags())[FROZEN].reason.startswith("the ledger was damaged")

    play(tmp_path, story)
