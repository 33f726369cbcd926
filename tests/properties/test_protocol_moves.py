"""
Whatever happens to an intent, in whatever order: what may have been sent counts until proven.

Rule: the machine knows what the venue did and what it said; the intent only what it was told.
"""

from __future__ import annotations

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from watcher.domain.topup import (
    COUNTED,
    OPEN,
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Mode,
    Progress,
    Route,
    Verb,
)
from watcher.policy import protocol

START_US = 1_790_000_000_000_000
MAY_BE_ON_ITS_WAY = {Progress.SENDING, Progress.ACCEPTED, Progress.UNKNOWN, Progress.HUMAN}
FREED = {Progress.REJECTED, Progress.CANCELLED}


def proposed(assurance: Assurance) -> Intent:
    return Intent(
        id="i",
        decision_key="key",
        account="main",
        venue="venue",
        pool="pool",
        route=Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified"),
        amount=Decimal(100),
        ceiling=Decimal(100),
        progress=Progress.PROPOSED,
        assurance=assurance,
        mode=Mode.AUTO,
        changed_us=START_US,
    )


class Protocol(RuleBasedStateMachine):
    """Drives one intent by every move there is, keeping account of proofs."""

    intent: Intent

    @initialize(assurance=st.sampled_from(Assurance))
    def decided(self, assurance: Assurance) -> None:
        self.begin(assurance)

    @precondition(lambda self: self.intent.progress not in OPEN)
    @rule(assurance=st.sampled_from(Assurance))
    def decided_anew(self, assurance: Assurance) -> None:
        self.begin(assurance)

    def begin(self, assurance: Assurance) -> None:
        self.intent = proposed(assurance)
        self.now_us = START_US
        self.posted = 0
        self.held = 0
        self.failed_us: list[int] = []
        self.settled_absences = 0
        self.rejected = self.judged = self.executed = False

    def moved(self, intent: Intent) -> None:
        was, self.intent = self.intent, intent
        if was.progress in MAY_BE_ON_ITS_WAY and intent.progress in FREED:
            self.assert_proven_free(was)
        if was.progress in COUNTED and intent.progress not in COUNTED:
            self.assert_proven_free(was)
        assert was.progress in OPEN, "what is over stays over"

    def assert_proven_free(self, was: Intent) -> None:
        twice = len(self.failed_us) >= 2
        apart = twice and self.failed_us[-1] - self.failed_us[0] >= protocol.FAILED_APART_US
        only_one = self.rejected and self.posted == 1
        assert only_one or apart or self.posted == 0, f"{was.progress}: the cap is given back"

    def settled(self) -> bool:
        ts_ms = self.intent.ts_sign_ms
        return ts_ms is not None and self.now_us - ts_ms * 1000 > protocol.SETTLE_US

    @precondition(lambda self: self.posted)
    @rule(seconds=st.sampled_from([5, 11, 61, 3601]))
    def time_passes(self, seconds: int) -> None:
        self.now_us += seconds * 1_000_000

    @precondition(lambda self: self.intent.progress is Progress.PROPOSED)
    @rule(amount=st.integers(1, 100))
    def approve(self, amount: int) -> None:
        self.moved(protocol.approved(self.intent, Decimal(amount), self.now_us))

    @precondition(lambda self: self.intent.progress is Progress.PROPOSED)
    @rule(end=st.sampled_from([Progress.EXPIRED, Progress.DENIED, Progress.CANCELLED]))
    def drop(self, end: Progress) -> None:
        # a yes in between changes nothing about what was sent: nothing
        if end is Progress.CANCELLED:
            self.approve(1)
        self.moved(protocol.dropped(self.intent, end, "", self.now_us))
        assert self.posted == 0

    @precondition(
        lambda self: (
            self.intent.progress is Progress.APPROVED or protocol.is_repeatable(self.intent)
        )
    )
    @rule()
    def claim(self) -> None:
        first = self.intent.progress is Progress.APPROVED
        assert first or self.intent.assurance is Assurance.DEDUP, "only a used id is refused"
        self.moved(protocol.sending(self.intent, self.now_us // 1000, self.now_us))
        self.failed_us, self.settled_absences, self.rejected = [], 0, False
        self.held = 0

    @precondition(lambda self: self.intent.progress is Progress.SENDING and not self.held)
    @rule()
    def hold_back(self) -> None:
        self.moved(protocol.unsent(self.intent, self.now_us))

    @precondition(lambda self: self.intent.progress is Progress.SENDING)
    @rule(how=st.sampled_from(Answered), amount=st.sampled_from([None, Decimal(7)]))
    def answer(self, how: Answered, amount: Decimal | None) -> None:
        self.posted += not self.held
        self.rejected = how is Answered.REJECTED
        told = Answer(answered=how, code="1", words="", amount=amount)
        self.moved(protocol.answered(self.intent, told, self.now_us))

    @precondition(lambda self: self.intent.progress is Progress.SENDING and not self.held)
    @rule()
    def post_and_die(self) -> None:
        self.posted += 1
        self.held = 1

    @precondition(lambda self: self.intent.progress is Progress.SENDING)
    @rule()
    def restart(self) -> None:
        # whether it went out nobody knows: it counts as sent
        self.posted += not self.held
        self.moved(protocol.recovered(self.intent, self.now_us))
        assert self.intent.progress is Progress.UNKNOWN

    @precondition(lambda self: self.intent.progress in MAY_BE_ON_ITS_WAY - {Progress.SENDING})
    @rule(found=st.sampled_from(Found))
    def looks(self, found: Found) -> None:
        self.look(found)

    @precondition(lambda self: self.intent.progress in (Progress.ACCEPTED, Progress.UNKNOWN))
    @rule(times=st.integers(2, 4))
    def looks_in_vain(self, times: int) -> None:
        for _ in range(times):
            if self.intent.progress in (Progress.ACCEPTED, Progress.UNKNOWN):
                self.look(Found.NOT_FOUND)

    def look(self, found: Found) -> None:
        if found is Found.FAILED:
            self.failed_us.append(self.now_us)
        elif found in (Found.NOT_FOUND, Found.PENDING):
            self.failed_us = []
        if found is Found.NOT_FOUND and self.settled():
            self.settled_absences += 1
        elif found in (Found.NOT_FOUND, Found.PENDING):
            self.settled_absences = 0
        self.executed = self.executed or found is Found.EXECUTED
        was, lookup = self.intent, Lookup(found=found)
        self.moved(protocol.looked_up(was, lookup, self.now_us, self.now_us // 1000))

    @precondition(lambda self: self.intent.progress is Progress.HUMAN)
    @rule(happened=st.booleans())
    def judge(self, happened: bool) -> None:  # noqa: FBT001 - drawn by name
        self.judged = True
        self.moved(protocol.judged(self.intent, happened=happened, by="person", now_us=self.now_us))

    @invariant()
    def what_may_have_been_sent_counts(self) -> None:
        if self.posted and self.intent.progress not in COUNTED:
            self.assert_proven_free(self.intent)

    @invariant()
    def done_and_absent_have_a_proof(self) -> None:
        if self.intent.progress is Progress.DONE:
            assert self.executed or self.judged
        if self.intent.progress is Progress.ABSENT and not self.judged:
            assert self.intent.assurance is Assurance.LOOKUP
            assert self.settled_absences >= protocol.ABSENCES_MIN

    @invariant()
    def without_ids_it_is_sent_once(self) -> None:
        if self.intent.assurance is not Assurance.DEDUP:
            assert self.posted <= 1
        assert self.intent.sends <= protocol.SENDS_MAX

    @invariant()
    def nothing_above_the_ceiling(self) -> None:
        assert self.intent.amount <= self.intent.ceiling


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(max_examples=300, stateful_step_count=60, deadline=None)
