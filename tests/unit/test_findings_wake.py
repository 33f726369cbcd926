"""A liquidation nobody answers: the finding goes on to the next people, once each, then rests."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.policy_books import RULES, missed, moment, seen, single
from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, AlertRules, Kind, Lane, Message, Seen, Tier
from watcher.domain.road import Reach
from watcher.policy import decide
from watcher.policy.orders import AckOrder, obey
from watcher.store import codec

STEP_S = 10.0


class Night:
    """An account with three roads, asleep: calm, then all of it gone between two readings."""

    def __init__(self, reach: Reach = Reach.FALLBACK) -> None:
        self.rules: AlertRules = replace(RULES, reach=reach)
        self.state = AccountState(account="bybit_main")
        self.seconds = 0.0
        self.told_at_s = 0.0

    def liquidated(self) -> Message:
        self.look(seen(single(40, seconds=self.seconds)))
        self.seconds += STEP_S
        (said,) = self.look(seen(self.empty()))
        self.told_at_s = self.seconds
        return said

    def empty(self) -> Snapshot:
        before = single(40, seconds=self.seconds)
        return replace(before, positions=(), assets=(), rules={})

    def look(self, what: Seen) -> list[Message]:
        last = decide(self.state, what, self.rules, moment(self.seconds))
        self.state = last.state
        return list(last.messages)

    def holds(self, times: int, *, quantity: str = "1") -> list[Message]:
        """Return what is said while so much of it is there, *times* readings long."""
        said = []
        for _ in range(times):
            self.seconds += STEP_S
            said += self.look(seen(single(40, seconds=self.seconds, quantity=quantity)))
        return said

    def restart(self) -> None:
        kept = codec.state_of(codec.state_text(codec.durable(self.state)), self.state.account)
        self.state = replace(self.state, findings=kept.findings)

    def sleep(self, minutes: float, *, blind: bool = False) -> list[tuple[float, Message]]:
        """Return the words about the loss, each with its minutes since the first one."""
        said = []
        until_s = self.seconds + minutes * 60
        while self.seconds < until_s:
            self.seconds += STEP_S
            found = self.look(missed() if blind else seen(self.empty()))
            after = (self.seconds - self.told_at_s) / 60
            said += [(after, m) for m in found if "POSITION GONE" in m.text.plain]
        return said


def steps(said: list[tuple[float, Message]]) -> list[tuple[float, Kind, Reach]]:
    return [(after, message.kind, message.reach) for after, message in said]


def test_a_jump_to_liquidation_from_calm_wakes_the_second_chat_and_the_fallback() -> None:
    night = Night()
    first = night.liquidated()
    assert (first.kind, first.tier, first.reach) == (Kind.NOTE, Tier.CRITICAL, Reach.CHAT)

    said = night.sleep(4)
    night.restart()
    said += night.sleep(60)

    assert steps(said) == [
        (3.0, Kind.UNANSWERED, Reach.SECOND),
        (6.0, Kind.UNANSWERED, Reach.FALLBACK),
    ]
    for after, message in said:
        assert f"Nobody answered for {after:.0f} min" in message.text.plain
        assert "most likely LIQUIDATED" in message.text.plain
        assert message.lane is Lane.DANGER
        assert not message.silent
    assert len({message.key for _, message in said} | {first.key}) == 3
    assert night.state.findings == {}, "then it is forgotten like any other"


def test_it_goes_on_while_nothing_is_seen() -> None:
    night = Night()
    night.liquidated()

    assert steps(night.sleep(60, blind=True)) == [
        (3.0, Kind.UNANSWERED, Reach.SECOND),
        (6.0, Kind.UNANSWERED, Reach.FALLBACK),
    ]


def test_an_answer_ends_it() -> None:
    night = Night()
    first = night.liquidated()
    night.sleep(4)

    order = AckOrder(incident=first.incident, user_id=7)
    night.state, words = obey(night.state, order, moment(night.seconds))

    assert words.startswith(f"Seen: #{first.incident}")
    assert night.sleep(60) == []


def test_where_there_is_one_road_nothing_is_added() -> None:
    night = Night(Reach.CHAT)
    night.liquidated()

    assert night.sleep(30) == []
    assert night.state.findings == {}


def test_the_same_loss_once_more_is_told_though_the_first_is_still_open() -> None:
    night = Night()
    night.liquidated()
    night.sleep(2)
    night.look(seen(single(40, seconds=night.seconds)))
    night.seconds += STEP_S

    said = night.look(seen(night.empty()))

    assert ["POSITION GONE" in m.text.plain for m in said if m.kind is Kind.NOTE] == [True]


def test_what_is_there_again_wakes_nobody_further_and_is_taken_back() -> None:
    """One answer without positions: the fallback was told "most likely LIQUIDATED" for it."""
    night = Night()
    night.liquidated()
    said = night.holds(60)

    (back,) = [m for m in said if m.kind is Kind.NOTE and "JUMPED" not in m.text.plain]
    assert "THERE AGAIN" in back.text.plain
    assert "BTCUSDT long 1: held as before" in back.text.plain
    assert back.reach is Reach.CHAT
    assert not [m for m in said if m.kind is Kind.UNANSWERED]


def test_what_was_taken_back_and_goes_again_is_told_again() -> None:
    night = Night()
    night.liquidated()
    night.holds(5)

    assert "POSITION GONE" in night.liquidated().text.plain


def test_what_came_back_in_part_is_not_taken_back() -> None:
    night = Night()
    night.liquidated()
    said = night.holds(60, quantity="0.9")

    assert not [m for m in said if "THERE AGAIN" in m.text.plain]
    assert [m.reach for m in said if m.kind is Kind.UNANSWERED] == [Reach.SECOND, Reach.FALLBACK]


def test_figures_that_flap_are_not_taken_back_at_each_turn() -> None:
    night = Night()
    night.liquidated()
    said = []
    for number in range(60):
        night.seconds += STEP_S
        held = single(40, seconds=night.seconds)
        said += night.look(seen(held if number % 2 else night.empty()))

    assert not [m for m in said if "THERE AGAIN" in m.text.plain]
    assert len([m for m in said if "POSITION GONE" in m.text.plain]) <= 3
