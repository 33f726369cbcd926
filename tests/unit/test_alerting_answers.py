"""Acks, mutes, escalation, edits, quiet hours and speed, through `decide` and `obey`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.unit.policy_books import RULES, missed, moment, seen, single
from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    AlertRules,
    Kind,
    Lane,
    Message,
    MissKind,
    Quiet,
    Seen,
    Tier,
)
from watcher.domain.road import Act, Reach
from watcher.policy import decide
from watcher.policy import messages as say
from watcher.policy.grouping import grouped
from watcher.policy.orders import AckOrder, MuteOrder, Order, UnmuteOrder, obey
from watcher.sim.demo.phone import read_all
from watcher.store.codec import durable, state_of, state_text

POOL = "cross:USDT"
FAR = replace(RULES, reach=Reach.FALLBACK)


class Account:
    """One account under *rules*; `at` keeps a distance for minutes, with a look each `every_s`."""

    def __init__(self, rules: AlertRules = FAR) -> None:
        self.rules = rules
        self.state = AccountState(account="bybit_main")
        self.seconds = 0.0
        self.every_s = 10
        self.said: list[tuple[float, Message]] = []

    def at(self, distance: float, minutes: float = 1 / 6) -> list[Message]:
        return self._for(minutes, lambda: seen(single(distance, seconds=self.seconds)))

    def see(self, snapshot: Snapshot) -> list[Message]:
        return self._for(1 / 6, lambda: seen(snapshot))

    def miss(
        self,
        minutes: float = 1 / 6,
        kind: MissKind = MissKind.UNREACHABLE,
        price: float | None = None,
    ) -> list[Message]:
        prices = {} if price is None else {"BTC": price}
        return self._for(minutes, lambda: missed(kind=kind, prices=prices))

    def obey(self, order: Order) -> str:
        self.state, said = obey(self.state, order, moment(self.seconds))
        return said

    def ack(self, tier: Tier | None = None) -> str:
        incident = self.state.dangers[POOL].incident
        assert incident is not None
        return self.obey(AckOrder(incident=incident.code, user_id=1, tier=tier))

    def mute(self, minutes: int, pool: str = POOL) -> str:
        return self.obey(MuteOrder(pool=pool, for_us=minutes * MINUTE_US, user_id=1))

    def restart(self) -> None:
        kept = state_of(state_text(durable(self.state)), self.state.account)
        known = self.state
        self.state = replace(
            kept,
            last_good=known.last_good,
            last_good_at_us=known.last_good_at_us,
            recent=known.recent,
        )

    def _for(self, minutes: float, make: object) -> list[Message]:
        told: list[Message] = []
        for _ in range(round(minutes * 60 / self.every_s)):
            self.seconds += self.every_s
            what = make()  # type: ignore[operator]
            assert isinstance(what, Seen)
            decision = decide(self.state, what, self.rules, moment(self.seconds))
            self.state = decision.state
            told += decision.messages
            self.said += [(self.seconds, message) for message in decision.messages]
        return told


def when(account: Account, start_s: float, kinds: Iterable[Kind] = tuple(Kind)) -> list[float]:
    """Minutes from *start_s* at which something of *kinds* was said."""
    wanted = set(kinds)
    return [round((at - start_s) / 60, 1) for at, m in account.said if m.kind in wanted]


def kinds(said: list[Message]) -> list[Kind]:
    return [message.kind for message in said]


# -- escalation --------------------------------------------------------------------------------


def test_a_critical_nobody_answers_goes_further_after_three_and_six_minutes() -> None:
    account = Account()
    account.at(5.0)
    start = account.seconds

    account.at(5.0, 50)

    told = [(round((at - start) / 60), m.kind, m.reach) for at, m in account.said]
    assert told[:5] == [
        (0, Kind.RAISED, Reach.CHAT),
        (3, Kind.UNANSWERED, Reach.SECOND),
        (6, Kind.UNANSWERED, Reach.FALLBACK),
        (9, Kind.REPEATED, Reach.FALLBACK),
        (12, Kind.REPEATED, Reach.FALLBACK),
    ]
    assert [minute for minute, _, _ in told] == [*range(0, 31, 3), 40, 50]
    assert {m.reach for _, m in account.said[2:]} == {Reach.FALLBACK}


def test_going_further_proves_nothing_of_a_pool_that_is_gone() -> None:
    """Seed 173: after the second look without it, nobody's answer was told as three looks."""
    account = Account()
    account.at(5.0, 2.9)
    said = []
    for _ in range(3):
        book = single(5.0, seconds=account.seconds + 10)
        said += account.see(replace(book, assets=(), positions=(), rules={}))

    (told,) = [m for m in said if m.kind is Kind.UNANSWERED]
    head, *rows = told.text.plain.splitlines()
    assert head.startswith("🔴 CRITICAL")
    assert head.endswith("(unanswered)")
    assert rows[0] == "Position no longer there, not proven yet"
    assert rows[1] == "Nobody answered for 3 min"


@pytest.mark.parametrize(
    ("reach", "unanswered"), [(Reach.CHAT, 0), (Reach.SECOND, 1), (Reach.FALLBACK, 2)]
)
def test_it_goes_no_further_than_there_are_roads(reach: Reach, unanswered: int) -> None:
    account = Account(replace(RULES, reach=reach))
    account.at(5.0, 30)

    assert kinds([m for _, m in account.said]).count(Kind.UNANSWERED) == unanswered
    assert max(m.reach for _, m in account.said) == reach
    assert when(account, 10) == [*range(0, 30, 3)]


def test_an_emergency_goes_to_every_road_at_once_and_every_minute() -> None:
    account = Account()
    account.at(1.0, 10)

    assert {m.reach for _, m in account.said} == {Reach.FALLBACK}
    assert when(account, 10) == [*range(10)]
    assert Kind.UNANSWERED not in kinds([m for _, m in account.said])


def test_an_emergency_that_eases_to_critical_goes_on_as_far_as_it_went() -> None:
    account = Account()
    account.at(2.0)
    account.at(5.0, 10)

    after = [m for _, m in account.said if m.tier is Tier.CRITICAL]
    assert kinds(after)[:2] == [Kind.EASED, Kind.REPEATED]
    assert {m.reach for m in after} == {Reach.FALLBACK}


def test_good_news_goes_as_far_as_the_bad_did() -> None:
    account = Account()
    account.at(5.0, 7)
    said = account.at(40.0, 4)

    assert [(m.kind, m.reach) for m in said] == [(Kind.RESOLVED, Reach.FALLBACK)]
    account.at(8.0)
    assert account.said[-1][1].reach is Reach.CHAT


def test_what_already_reads_well_is_not_taken_further() -> None:
    account = Account()
    account.at(5.0, 2)

    assert Kind.UNANSWERED not in kinds(account.at(9.0, 2))


def test_an_unanswered_message_says_for_how_long() -> None:
    account = Account()
    account.at(5.0, 5)

    text = account.said[-1][1].text.plain
    assert text.startswith("🔴 CRITICAL #")
    assert text.split("\n")[0].endswith("bybit_main (unanswered)")
    assert "\nNobody answered for 3 min\n" in text


# -- acks --------------------------------------------------------------------------------------


def test_an_acked_critical_is_edited_while_it_moves_and_speaks_after_two_hours() -> None:
    account = Account()
    account.at(5.0)
    account.ack(Tier.CRITICAL)
    start = account.seconds

    [answered] = account.at(5.0, 10)
    assert (answered.kind, answered.edits) == (Kind.UPDATED, True)
    assert "Seen 10 s ago: speaks up when worse" in answered.text.plain
    account.at(4.8, 10)
    [edit] = [m for _, m in account.said[2:]]
    assert (edit.kind, edit.silent, edit.edits, edit.group) == (Kind.UPDATED, True, True, "")
    assert "Seen 10 min 10 s ago: speaks up when worse" in edit.text.plain
    assert Act.ACK not in {button.act for button in edit.buttons}
    assert edit.key != account.said[0][1].key

    account.every_s = 60
    account.at(4.8, 120)
    aloud = [(round((at - start) / 60), m) for at, m in account.said[3:]]
    assert [(minute, m.kind, m.silent) for minute, m in aloud] == [(120, Kind.REPEATED, False)]
    assert aloud[0][1].reach is Reach.CHAT


def test_edits_are_a_minute_apart_and_only_of_what_moved() -> None:
    account = Account()
    account.at(5.0)
    account.ack()
    start = account.seconds
    for tenth in range(60):
        account.at(5.0 + (tenth % 2) / 4)

    edits = when(account, start, [Kind.UPDATED])
    assert len(edits) > 5
    assert all(later - earlier >= 1 for earlier, later in pairwise(edits))
    still = Account()
    still.at(5.0)
    still.ack()
    for tenth in range(60):
        still.at(5.0 + (tenth % 2) / 20)
    # once, for the answer
    assert kinds([m for _, m in still.said]) == [Kind.RAISED, Kind.UPDATED]


@pytest.mark.parametrize(("distance", "ends"), [(4.05, False), (3.95, True)])
def test_an_ack_ends_when_a_fifth_of_what_was_left_is_gone(distance: float, ends: bool) -> None:  # noqa: FBT001 - a table
    account = Account()
    account.at(5.0, 5)
    account.ack()
    assert account.state.dangers[POOL].reach is Reach.SECOND

    said = account.at(distance)

    assert (account.state.dangers[POOL].ack is None) is ends
    if ends:
        assert [(m.kind, m.silent, m.reach) for m in said] == [(Kind.REPEATED, False, Reach.CHAT)]
        assert "Worse than seen: was 5.0 %" in said[0].text.plain
        assert kinds(account.at(distance, 7))[:2] == [Kind.UNANSWERED, Kind.UNANSWERED]


def test_an_ack_never_silences_a_worse_tier() -> None:
    account = Account()
    account.at(3.1)
    account.ack()

    said = account.at(2.9)

    assert [(m.kind, m.tier, m.reach) for m in said] == [
        (Kind.ESCALATED, Tier.EMERGENCY, Reach.FALLBACK)
    ]
    assert account.state.dangers[POOL].ack is None
    assert len(account.at(2.9, 3)) == 3


def test_an_ack_survives_a_restart_and_easing_but_not_the_end() -> None:
    account = Account()
    account.at(2.0)
    account.ack()
    account.restart()
    said = account.at(5.0, 9)
    assert [(m.kind, m.tier) for m in said] == [
        (Kind.UPDATED, Tier.EMERGENCY),
        (Kind.EASED, Tier.CRITICAL),
    ]
    ack = account.state.dangers[POOL].ack
    assert ack is not None
    assert ack.value == pytest.approx(5.0)

    account.at(40.0, 10)
    assert account.state.dangers[POOL].ack is None
    account.at(5.0)
    assert kinds(account.at(5.0, 3)) == [Kind.UNANSWERED]


def test_an_acked_emergency_speaks_every_five_minutes() -> None:
    account = Account()
    account.at(1.0)
    account.ack()
    start = account.seconds
    account.at(1.0, 15)

    assert when(account, start, [Kind.REPEATED]) == [5, 10, 15]
    assert account.said[-1][1].reach is Reach.CHAT


def test_an_acked_pool_at_liquidation_is_not_worse_at_every_look() -> None:
    account = Account()
    account.at(0.0)
    account.ack()

    assert kinds(account.at(0.0, 4)) == [Kind.UPDATED]


def test_an_acked_warning_waits_four_hours_unless_worse() -> None:
    account = Account()
    account.at(11.0)
    account.ack()

    account.every_s = 60
    assert kinds(account.at(11.0, 60)) == [Kind.UPDATED]
    assert kinds(account.at(8.7, 1)) == [Kind.REPEATED]


def test_an_ack_without_a_known_figure_is_about_the_first_one() -> None:
    account = Account()
    account.at(5.0)
    danger = replace(account.state.dangers[POOL], told_value=None, told_measure=None)
    account.state = replace(account.state, dangers={POOL: danger})
    account.ack()

    account.at(4.5)
    ack = account.state.dangers[POOL].ack
    assert ack is not None
    assert ack.value == pytest.approx(4.5)


# -- watch -------------------------------------------------------------------------------------


def test_a_watch_is_edited_in_place_and_never_heard() -> None:
    account = Account()
    account.at(18.0)
    account.every_s = 60
    start = account.seconds
    account.at(18.0, 13 * 60)

    assert when(account, start, [Kind.UPDATED]) == [360, 720]
    assert all(m.silent for _, m in account.said)
    assert [m.edits for _, m in account.said] == [False, True, True]


# -- mutes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", [POOL, ""])
def test_a_muted_warning_is_not_told_and_speaks_when_the_mute_ends(scope: str) -> None:
    account = Account()
    account.at(40.0)
    account.mute(60, scope)

    assert account.at(11.0, 59) == []
    assert account.state.dangers[POOL].tier is Tier.WARNING
    said = account.at(11.0, 2)
    assert [(m.kind, m.tier, m.silent) for m in said] == [(Kind.REPEATED, Tier.WARNING, False)]
    assert "·1 " in said[0].text.plain


def test_a_mute_costs_no_write_at_every_look() -> None:
    account = Account()
    account.at(11.0)
    account.mute(60)
    account.at(11.0)
    before = state_text(durable(account.state))

    account.at(11.0, 5)
    assert state_text(durable(account.state)) == before


def test_a_mute_given_later_speaks_at_its_end_too() -> None:
    account = Account()
    account.at(11.0, 5)
    account.mute(30)

    assert account.at(11.0, 29) == []
    assert kinds(account.at(11.0, 2)) == [Kind.REPEATED]


def test_a_mute_never_hides_critical() -> None:
    account = Account()
    account.at(11.0)
    account.mute(60)

    said = account.at(5.0, 4)

    assert [(m.kind, m.tier, m.silent) for m in said] == [
        (Kind.ESCALATED, Tier.CRITICAL, False),
        (Kind.UNANSWERED, Tier.CRITICAL, False),
    ]


def test_a_muted_pool_tells_that_what_was_critical_has_eased() -> None:
    account = Account()
    account.at(5.0)
    account.mute(60)

    assert [(m.kind, m.silent) for m in account.at(10.0, 4)] == [(Kind.EASED, True)]


def test_the_end_of_what_was_told_is_told_in_silence_the_rest_is_not() -> None:
    told, untold = Account(), Account()
    told.at(11.0)
    told.mute(60)
    untold.at(40.0)
    untold.mute(60)

    assert [(m.kind, m.silent) for m in told.at(40.0, 3)] == [(Kind.RESOLVED, True)]
    assert untold.at(11.0, 3) + untold.at(40.0, 3) == []


def test_a_mute_hides_neither_blindness_nor_security_nor_losses() -> None:
    blind, security, loss = Account(), Account(), Account()
    for account in (blind, security, loss):
        account.at(11.0)
        account.mute(60, "")

    assert [(m.kind, m.silent) for m in blind.miss(5)] == [(Kind.BLIND, False)]
    assert kinds(security.miss(kind=MissKind.SECURITY)) == [Kind.SECURITY]
    smaller = loss.see(single(11.0, seconds=loss.seconds + 10, quantity="0.5"))
    assert [(m.kind, m.lane) for m in smaller] == [(Kind.NOTE, Lane.DANGER)]


def test_a_mute_is_over_when_unmuted() -> None:
    account = Account()
    account.at(11.0)
    account.mute(60)
    account.at(11.0, 1)
    account.obey(UnmuteOrder(pool=POOL, user_id=1))

    assert kinds(account.at(11.0)) == [Kind.REPEATED]


# -- blindness ---------------------------------------------------------------------------------


def test_blindness_nobody_answers_goes_further_and_acked_it_waits() -> None:
    account = Account()
    account.at(5.0)
    account.miss(1)
    account.miss(10)

    told = [(round(at - account.said[0][0]), m.kind, m.reach) for at, m in account.said[1:]]
    assert told == [
        (30, Kind.BLIND, Reach.CHAT),
        (180, Kind.UNANSWERED, Reach.SECOND),
        (360, Kind.UNANSWERED, Reach.FALLBACK),
        (540, Kind.BLIND_REPEATED, Reach.FALLBACK),
    ]
    assert "Nobody answered for 3 min" in account.said[2][1].text.plain

    assert account.ack() == (
        f"Seen: #{account.said[-1][1].incident} CRITICAL, next word in 20 min or when worse"
    )
    start = account.said[-1][0]
    account.miss(45)
    assert when(account, start, [Kind.BLIND_REPEATED])[-2:] == [20, 40]
    assert account.said[-1][1].reach is Reach.CHAT


def test_blindness_below_critical_is_told_every_ten_minutes_and_acked_every_hour() -> None:
    account = Account()
    account.at(30.0)
    account.miss(25)
    assert kinds([m for _, m in account.said]) == [Kind.BLIND, *[Kind.BLIND_REPEATED] * 2]

    code = account.said[-1][1].incident
    start = account.said[-1][0]
    assert account.obey(AckOrder(incident=code, user_id=1)).startswith("Seen")
    account.miss(130)
    assert when(account, start, [Kind.BLIND_REPEATED])[-2:] == [60, 120]


@pytest.mark.parametrize(("acked", "minutes"), [(False, 1), (True, 5)])
def test_an_emergency_is_no_quieter_for_not_being_seen(acked: bool, minutes: int) -> None:  # noqa: FBT001 - a case
    account = Account()
    account.at(2.0)
    account.miss(2)
    if acked:
        account.ack()
    start = account.said[-1][0]
    account.miss(20)

    times = [start, *(at for at, _ in account.said if at > start)]
    gaps = [later - at for at, later in pairwise(times)]
    assert max(gaps) <= minutes * 60 + account.every_s
    assert account.seconds - account.said[-1][0] <= minutes * 60


def test_an_estimate_worse_than_what_was_acked_is_told_while_nothing_is_seen() -> None:
    account = Account()
    account.at(5.5)
    account.miss(2)
    account.ack()

    assert account.miss(1, price=990.0) == []
    (told,) = account.miss(1, price=985.0)
    assert (told.kind, told.tier) == (Kind.REPEATED, Tier.CRITICAL)
    assert "Ack" in [button.label for button in told.buttons]


def test_a_danger_that_got_worse_in_an_acked_blindness_is_told_until_answered() -> None:
    """Who has seen the blindness has not seen that the price went on falling in it."""
    account = Account()
    account.at(9.0)
    account.miss(2)
    account.ack()
    account.miss(1, price=960.0)
    start = account.said[-1][0]
    assert account.said[-1][1].kind is Kind.ESCALATED
    account.miss(10, price=960.0)

    told = [(round((at - start) / 60), m.reach) for at, m in account.said if at >= start]
    assert told == [
        (0, Reach.CHAT),
        (3, Reach.SECOND),
        (6, Reach.FALLBACK),
        (9, Reach.FALLBACK),
    ]


def test_no_estimate_eases_what_got_worse_in_an_acked_blindness() -> None:
    """A price that came back elsewhere is no sight of the account."""
    account = Account()
    account.at(9.0)
    account.miss(2)
    account.ack()
    account.miss(1, price=960.0)
    said = len(account.said)

    account.miss(10, price=1100.0)

    assert {d.tier for d in account.state.dangers.values()} == {Tier.CRITICAL}
    assert {m.kind for _, m in account.said[said:]} <= {Kind.REPEATED, Kind.UNANSWERED}


def test_going_blind_begins_no_new_wait_for_an_answer() -> None:
    account = Account()
    account.every_s = 4
    account.at(5.0, 2.5)
    account.miss(10)

    told = [(at - account.said[0][0], m.kind, m.reach) for at, m in account.said]
    further = [(at, reach) for at, kind, reach in told if kind is Kind.UNANSWERED]
    assert further == [(180, Reach.SECOND), (360, Reach.FALLBACK)]
    assert Kind.BLIND in [kind for _, kind, _ in told]


def test_an_ack_of_blindness_is_none_of_a_key_that_may_withdraw() -> None:
    account = Account()
    account.at(30.0)
    account.miss(4, kind=MissKind.REFUSED)
    incident = account.state.blind.incident
    assert incident is not None
    assert account.obey(AckOrder(incident=incident.code, user_id=1)).startswith("Seen")
    account.said.clear()
    account.miss(60, kind=MissKind.SECURITY)

    assert [(m.kind, m.reach) for _, m in account.said] == [
        (Kind.SECURITY, Reach.CHAT),
        (Kind.UNANSWERED, Reach.SECOND),
        (Kind.UNANSWERED, Reach.FALLBACK),
    ]


def test_a_strangers_key_is_told_though_one_that_may_withdraw_was_today() -> None:
    account = Account()
    account.at(30.0)
    account.miss(20, kind=MissKind.SECURITY)
    account.said.clear()
    account.miss(20, kind=MissKind.STRANGER)

    assert account.said[0][1].kind is Kind.SECURITY
    assert [m.kind for _, m in account.said].count(Kind.SECURITY) == 1


def test_a_key_that_may_withdraw_goes_further_until_answered_and_is_told_daily() -> None:
    account = Account()
    account.at(30.0)
    account.miss(60, kind=MissKind.SECURITY)

    told = [(m.kind, m.tier, m.reach) for _, m in account.said]
    assert told == [
        (Kind.SECURITY, Tier.CRITICAL, Reach.CHAT),
        (Kind.UNANSWERED, Tier.CRITICAL, Reach.SECOND),
        (Kind.UNANSWERED, Tier.CRITICAL, Reach.FALLBACK),
    ]
    assert all("SECURITY" in m.text.plain for _, m in account.said)
    assert len({m.key for _, m in account.said}) == 3

    answered = Account()
    answered.at(30.0)
    (first,) = answered.miss(kind=MissKind.SECURITY)
    assert answered.obey(AckOrder(incident=first.incident, user_id=1)).startswith("Seen")
    assert answered.miss(60, kind=MissKind.SECURITY) == []


@pytest.mark.parametrize(
    ("percent", "minutes", "reach"), [(2.0, 0, Reach.FALLBACK), (5.0, 3, Reach.SECOND)]
)
def test_seeing_is_told_as_far_as_what_said_that_it_was_not_seen(
    percent: float, minutes: int, reach: Reach
) -> None:
    account = Account()
    account.at(percent)
    account.at(percent, max(minutes, 1) - 1 / 6)
    (told,) = account.miss()
    assert "(not seen)" in told.text.plain
    assert told.reach is reach

    assert [(m.kind, m.reach) for m in account.at(percent)] == [(Kind.SEEING, reach)]


def test_seeing_again_is_told_as_far_as_blindness_was() -> None:
    account = Account()
    account.at(5.0)
    account.miss(8)
    said = account.at(5.0)

    assert [(m.kind, m.reach) for m in said] == [(Kind.SEEING, Reach.FALLBACK)]


# -- quiet hours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet", "silent"),
    [
        (None, False),
        (Quiet(from_min=14 * 60, to_min=15 * 60), True),  # it is 14:13 in UTC
        (Quiet(from_min=13 * 60, to_min=14 * 60), False),
        (Quiet(from_min=14 * 60, to_min=8 * 60), True),
        (Quiet(from_min=22 * 60, to_min=15 * 60), True),
        (Quiet(from_min=22 * 60, to_min=8 * 60), False),
        (Quiet(from_min=0, to_min=0), False),
    ],
)
def test_quiet_hours_take_the_sound_of_warnings_only(quiet: Quiet | None, silent: bool) -> None:  # noqa: FBT001 - a table
    account = Account(replace(FAR, quiet=quiet))

    [warning] = account.at(11.0)
    [critical] = account.at(5.0)

    assert warning.silent is silent
    assert not critical.silent


def test_quiet_hours_are_of_the_local_clock() -> None:
    quiet = Quiet(from_min=22 * 60, to_min=24 * 60 - 1)  # 14:13 UTC is 23:13 in Tokyo
    account = Account(replace(FAR, quiet=quiet, timezone="Asia/Tokyo"))

    assert [m.silent for m in account.at(11.0)] == [True]


# -- speed -------------------------------------------------------------------------------------


def test_a_steady_fall_that_ends_within_ten_minutes_is_a_tier_further() -> None:
    account = Account()
    for step in range(24):
        account.at(30.0 - step * 0.6)

    raised = [(m.tier, m.kind) for _, m in account.said]
    assert (Tier.WATCH, Kind.RAISED) in raised
    assert account.state.dangers[POOL].tier is Tier.WARNING
    text = account.said[-1][1].text.plain
    assert text.startswith("🟠 WARNING")
    assert "Liquidation in about 5 min at this pace: a tier up" in text


@pytest.mark.parametrize(
    "path",
    [
        pytest.param([30.0] * 12 + [14.0] * 60, id="one jump"),
        pytest.param([15.0 - n * 0.01 for n in range(70)], id="slow"),
        pytest.param([15.0, 12.5], id="too short"),
        pytest.param([30.0 + n for n in range(40)] + [14.0], id="rising"),
    ],
)
def test_what_is_no_pace_changes_no_tier(path: list[float]) -> None:
    account = Account()
    for distance in path:
        account.at(distance)
        assert account.state.dangers[POOL].tier <= Tier.WATCH


def test_a_tier_raised_by_speed_is_left_like_any_other() -> None:
    account = Account()
    for step in range(24):
        account.at(30.0 - step * 0.6)
    account.at(16.2, 1)
    assert account.state.dangers[POOL].tier is Tier.WARNING
    account.at(16.2, 2)

    assert account.state.dangers[POOL].tier is Tier.WATCH
    assert kinds([m for _, m in account.said])[-1] is Kind.EASED


def test_speed_never_goes_beyond_an_emergency() -> None:
    account = Account()
    for step in range(30):
        account.at(6.0 - step * 0.19)

    assert account.state.dangers[POOL].tier is Tier.EMERGENCY
    assert "a tier up" not in account.said[-1][1].text.plain


# -- inhibition and what goes around -----------------------------------------------------------


def test_a_loss_is_told_alone_and_the_rest_waits_for_the_next_look() -> None:
    account = Account()
    account.at(5.0)
    account.at(5.0, 2.5)
    account.seconds += 10  # the repeat is due with the next look
    gone = replace(single(5.0, seconds=account.seconds + 10), positions=())

    said = account.see(gone)
    assert kinds(said) == [Kind.NOTE]
    later = account.see(replace(gone, taken_at_us=moment(account.seconds + 10).wall_us))
    assert Kind.NOTE not in kinds(later)
    assert later


def test_buttons_follow_the_tier_and_the_answer() -> None:
    account = Account()
    [warning] = account.at(11.0)
    [critical] = account.at(5.0)
    resolved = account.at(40.0, 5)[-1]

    acts = [[button.act for button in m.buttons] for m in (warning, critical, resolved)]
    assert acts == [
        [Act.ACK, Act.MUTE, Act.DETAILS, Act.CHART],
        [Act.ACK, Act.DETAILS, Act.CHART],
        [],
    ]
    assert [button.label for button in warning.buttons] == ["Ack", "Mute 1 h", "Details", "Chart"]


def test_groups_keep_tiers_and_good_and_bad_news_apart() -> None:
    account = Account()
    [warning] = account.at(11.0)
    [critical] = account.at(5.0)
    eased = account.at(10.0, 4)[-1]
    blind = account.miss(3)[-1]
    resolved = [*account.at(40.0, 5)][-1]

    groups = [m.group for m in (warning, critical, eased, blind, resolved)]
    assert groups == [
        "danger:warning",
        "danger:urgent",
        "eased:warning",
        "blind:bybit:warning",
        "resolved",
    ]
    assert critical.line == f"🔴 bybit_main cross USDT: 5.0 % #{critical.incident}·2"
    assert critical.away == pytest.approx(5.0)
    assert blind.line == f"🟠 bybit_main: not seen for 50 s, last 10.0 % #{blind.incident}·4"


def test_a_line_among_others_tells_by_its_number_that_it_is_newer() -> None:
    """Two accounts of one venue see again: the word that ends what BLIND began is one line."""
    one, other = Account(), Account()
    for account in (one, other):
        account.at(40.0)
    blind = [account.miss(5)[-1] for account in (one, other)]
    seen_again = [
        replace(message, account=name)
        for account, name in ((one, "one"), (other, "other"))
        for message in account.at(40.0)
        if message.kind is Kind.SEEING
    ]

    rows = read_all(grouped(seen_again, moment()).text.plain)

    assert [message.kind for message in blind] == [Kind.BLIND, Kind.BLIND]
    assert [(row.word, row.code, row.seq) for row in rows] == [
        (say.SEEING, message.incident, 2) for message in blind
    ]
