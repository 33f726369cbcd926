"""The state table of a top-up, row by row, and that nothing else is possible."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy_books import moment
from tests.unit.top_up_books import MOVE, intent
from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.topup import (
    COUNTED,
    OPEN,
    Answer,
    Answered,
    Assurance,
    Found,
    Intent,
    Lookup,
    Progress,
    Route,
    Verb,
)
from watcher.policy import protocol

AT = moment().steady_us
SENT_MS = AT // 1000
SETTLED_MS = SENT_MS + protocol.SETTLE_US // 1000 + 1
ENDED = frozenset(Progress) - OPEN


def at(progress: Progress, assurance: Assurance = Assurance.DEDUP, **more: object) -> Intent:
    made = intent(progress=progress, seconds=0)
    usual = {"assurance": assurance, "sends": 1, "ts_sign_ms": SENT_MS}
    return replace(made, **{**usual, **more})  # type: ignore[arg-type]


def answer(what: Answered, **more: object) -> Answer:
    return Answer(answered=what, code="131212", words="told so", **more)  # type: ignore[arg-type]


def looked(
    one: Intent, found: Found, *, venue_ms: int = SENT_MS + 1000, after_us: int = 0
) -> Intent:
    return protocol.looked_up(one, Lookup(found=found), AT + after_us, venue_ms)


# -- proposed, approved ---------------------------------------------------------------------------


def test_approved_for_what_was_worked_out_anew() -> None:
    one = protocol.approved(at(Progress.PROPOSED), Decimal("99.5"), AT + 5)

    assert (one.progress, one.amount, one.ceiling) == (
        Progress.APPROVED,
        Decimal("99.5"),
        Decimal(100),
    )
    assert one.changed_us == one.next_us == AT + 5


def test_never_approved_above_the_ceiling() -> None:
    with pytest.raises(AssertionError):
        protocol.approved(at(Progress.PROPOSED), Decimal("100.01"), AT)


@pytest.mark.parametrize("progress", [Progress.PROPOSED, Progress.APPROVED])
@pytest.mark.parametrize("end", [Progress.EXPIRED, Progress.DENIED, Progress.CANCELLED])
def test_dropped_before_anything_was_sent(progress: Progress, end: Progress) -> None:
    one = protocol.dropped(at(progress), end, "killed", AT)

    assert (one.progress, one.reason) == (end, "killed")
    assert one.progress not in COUNTED


# -- sending --------------------------------------------------------------------------------------


def test_claimed_with_the_time_that_will_be_signed() -> None:
    one = protocol.sending(at(Progress.APPROVED, sends=0, ts_sign_ms=None), SENT_MS, AT)

    assert (one.progress, one.ts_sign_ms, one.sends) == (Progress.SENDING, SENT_MS, 1)
    assert one.progress in COUNTED


def test_held_up_before_the_request_nothing_was_sent() -> None:
    one = protocol.unsent(at(Progress.SENDING), AT)

    assert (one.progress, one.sends) == (Progress.CANCELLED, 0)


def test_held_up_before_a_repeat_the_first_may_still_arrive() -> None:
    one = protocol.unsent(at(Progress.SENDING, sends=2), AT)

    assert (one.progress, one.sends) == (Progress.UNKNOWN, 1)


@pytest.mark.parametrize(
    ("what", "sends", "then"),
    [
        (Answered.SUCCESS, 1, Progress.ACCEPTED),
        (Answered.SUCCESS, 2, Progress.ACCEPTED),
        (Answered.DUPLICATE, 1, Progress.ACCEPTED),
        (Answered.DUPLICATE, 3, Progress.ACCEPTED),
        (Answered.REJECTED, 1, Progress.REJECTED),
        (Answered.REJECTED, 2, Progress.UNKNOWN),
        (Answered.UNKNOWN, 1, Progress.UNKNOWN),
        (Answered.UNKNOWN, 4, Progress.UNKNOWN),
    ],
)
def test_an_answer_proves_no_more_than_it_says(what: Answered, sends: int, then: Progress) -> None:
    """Of a repeated request a rejection says nothing about the one before it."""
    one = protocol.answered(at(Progress.SENDING, sends=sends), answer(what, venue_id="77"), AT)

    assert one.progress is then
    assert one.venue_id == "77"
    assert one.evidence[-1] == f"{what.value} 131212"


def test_success_with_another_amount_proves_nothing() -> None:
    for amount, then in (
        (Decimal(100), Progress.ACCEPTED),
        (Decimal("99.99"), Progress.UNKNOWN),
    ):
        said = answer(Answered.SUCCESS, amount=amount)
        assert protocol.answered(at(Progress.SENDING), said, AT).progress is then


def test_a_start_takes_what_was_being_sent_for_unknown() -> None:
    assert protocol.recovered(at(Progress.SENDING), AT).progress is Progress.UNKNOWN
    for progress in set(Progress) - {Progress.SENDING}:
        assert protocol.recovered(at(progress), AT) == at(progress)


# -- looked up ------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [Progress.ACCEPTED, Progress.UNKNOWN, Progress.HUMAN])
@pytest.mark.parametrize("assurance", list(Assurance))
def test_found_executed_is_done(progress: Progress, assurance: Assurance) -> None:
    one = looked(at(progress, assurance), Found.EXECUTED)

    assert one.progress is Progress.DONE
    assert one.evidence[-1] == "executed"


def test_failed_is_believed_when_it_is_told_twice_ten_seconds_apart() -> None:
    once = looked(at(Progress.ACCEPTED), Found.FAILED)
    soon = looked(once, Found.FAILED, after_us=9 * SECOND_US)
    late = looked(once, Found.FAILED, after_us=10 * SECOND_US)

    assert once.progress is soon.progress is Progress.ACCEPTED
    assert late.progress is Progress.REJECTED
    for between in (Found.NOT_FOUND, Found.PENDING):
        broken = looked(once, between, after_us=5 * SECOND_US)
        again = looked(broken, Found.FAILED, after_us=11 * SECOND_US)
        assert again.progress is Progress.ACCEPTED


@pytest.mark.parametrize("progress", [Progress.ACCEPTED, Progress.UNKNOWN])
@pytest.mark.parametrize("found", [Found.PENDING, Found.NOT_FOUND, Found.UNANSWERED])
def test_what_is_not_proven_is_asked_again_later_and_later(
    progress: Progress, found: Found
) -> None:
    one = at(progress)
    waits = []
    for _ in range(8):
        one = looked(one, found)
        waits.append((one.next_us - AT) // SECOND_US)

    assert one.progress is progress
    assert waits == [1, 2, 4, 8, 15, 30, 30, 30]


def test_absent_only_after_the_settle_time_and_three_times() -> None:
    one = at(Progress.UNKNOWN, Assurance.LOOKUP)
    for _ in range(50):
        one = looked(one, Found.NOT_FOUND)
    assert one.progress is Progress.UNKNOWN

    for n in range(3):
        assert one.progress is Progress.UNKNOWN, n
        one = looked(one, Found.NOT_FOUND, venue_ms=SETTLED_MS)
    assert one.progress is Progress.ABSENT
    assert one.progress in COUNTED


def test_an_answer_missing_after_the_settle_time_is_for_a_person() -> None:
    for found in (Found.PENDING, Found.UNANSWERED):
        for assurance in (Assurance.DEDUP, Assurance.LOOKUP):
            one = looked(at(Progress.UNKNOWN, assurance), found, venue_ms=SETTLED_MS)
            assert one.progress is Progress.HUMAN


def test_accepted_is_never_absent() -> None:
    one = at(Progress.ACCEPTED, Assurance.LOOKUP, absences=5)

    assert looked(one, Found.NOT_FOUND, venue_ms=SETTLED_MS).progress is Progress.HUMAN


def test_without_an_id_a_person_looks_after_a_minute() -> None:
    one = at(Progress.UNKNOWN, Assurance.BLIND_SEND)

    assert looked(one, Found.NOT_FOUND, after_us=MINUTE_US - 1).progress is Progress.UNKNOWN
    assert looked(one, Found.NOT_FOUND, after_us=MINUTE_US).progress is Progress.HUMAN


def test_a_person_says_which() -> None:
    one = at(Progress.HUMAN)

    happened = protocol.judged(one, happened=True, by="cli", now_us=AT)
    did_not = protocol.judged(one, happened=False, by="cli", now_us=AT)

    assert (happened.progress, happened.evidence[-1]) == (Progress.DONE, "cli: happened")
    assert (did_not.progress, did_not.evidence[-1]) == (Progress.ABSENT, "cli: did not")


def test_while_a_person_is_asked_only_a_proof_ends_it() -> None:
    one = at(Progress.HUMAN, Assurance.LOOKUP)

    for found in (Found.NOT_FOUND, Found.PENDING, Found.UNANSWERED):
        assert looked(one, found, venue_ms=SETTLED_MS).progress is Progress.HUMAN


# -- sent again -----------------------------------------------------------------------------------


def test_only_where_the_venue_refuses_a_used_id_is_anything_sent_again() -> None:
    for assurance in Assurance:
        for progress in Progress:
            for looks in (0, 1):
                one = at(progress, assurance, looks=looks)
                allowed = (progress, assurance, looks) == (Progress.UNKNOWN, Assurance.DEDUP, 1)
                assert protocol.is_repeatable(one) is allowed


def test_a_repeat_keeps_the_id_and_there_are_five_of_them() -> None:
    one = at(Progress.UNKNOWN, venue_ref="ref", looks=1)
    for n in range(2, protocol.SENDS_MAX + 1):
        again = protocol.sending(one, SENT_MS + n, AT)
        assert (again.venue_ref, again.sends, again.looks, again.ts_sign_ms) == (
            "ref",
            n,
            0,
            SENT_MS + n,
        )
        one = looked(protocol.answered(again, answer(Answered.UNKNOWN), AT), Found.NOT_FOUND)

    assert not protocol.is_repeatable(one)
    with pytest.raises(AssertionError):
        protocol.sending(one, SENT_MS, AT)


# -- nothing else ---------------------------------------------------------------------------------

_EVENTS: dict[str, tuple[Callable[[Intent], Intent], frozenset[Progress]]] = {
    "approve": (
        lambda i: protocol.approved(i, Decimal(1), AT),
        frozenset({Progress.PROPOSED}),
    ),
    "drop": (
        lambda i: protocol.dropped(i, Progress.CANCELLED, "", AT),
        frozenset({Progress.PROPOSED, Progress.APPROVED}),
    ),
    "claim": (
        lambda i: protocol.sending(i, SENT_MS, AT),
        frozenset({Progress.APPROVED, Progress.UNKNOWN}),
    ),
    "unsent": (lambda i: protocol.unsent(i, AT), frozenset({Progress.SENDING})),
    "answer": (
        lambda i: protocol.answered(i, answer(Answered.SUCCESS), AT),
        frozenset({Progress.SENDING}),
    ),
    "look": (
        lambda i: looked(i, Found.EXECUTED),
        frozenset({Progress.ACCEPTED, Progress.UNKNOWN, Progress.HUMAN}),
    ),
    "judge": (
        lambda i: protocol.judged(i, happened=True, by="cli", now_us=AT),
        frozenset({Progress.HUMAN}),
    ),
}


@pytest.mark.parametrize("event", list(_EVENTS))
@pytest.mark.parametrize("progress", list(Progress))
def test_a_move_that_is_not_in_the_table_is_a_defect(event: str, progress: Progress) -> None:
    move, allowed = _EVENTS[event]
    one = at(progress, looks=1)

    if progress in allowed:
        assert move(one).progress is not progress
    else:
        with pytest.raises(AssertionError):
            move(one)


def _allowed(one: Intent) -> list[str]:
    names = [name for name, (_, froms) in _EVENTS.items() if one.progress in froms]
    if one.progress is Progress.UNKNOWN and not protocol.is_repeatable(one):
        names.remove("claim")
    return names


@given(st.data())
def test_however_it_goes_what_may_have_been_sent_counts_until_a_proof(data: st.DataObject) -> None:
    """A history of events: sends, answers and looks as they come; the caps forget nothing."""
    assurance = data.draw(st.sampled_from(list(Assurance)))
    one = at(Progress.PROPOSED, assurance, sends=0, ts_sign_ms=None)
    requests, proven = 0, False
    for step in range(25):
        names = _allowed(one)
        if not names:
            break
        event = data.draw(st.sampled_from(names))
        now = AT + step * 20 * SECOND_US
        if event == "answer":
            requests += 1
            what = data.draw(st.sampled_from(list(Answered)))
            one = protocol.answered(one, answer(what), now)
            # a refusal proves something only of a request that was the first
            proven = proven or (what is Answered.REJECTED and requests == 1)
        elif event == "look":
            found = data.draw(st.sampled_from(list(Found)))
            settled = data.draw(st.booleans())
            one = protocol.looked_up(
                one, Lookup(found=found), now, SETTLED_MS + 10**7 if settled else SENT_MS
            )
            proven = proven or one.progress in (Progress.DONE, Progress.REJECTED)
        else:
            one = _EVENTS[event][0](one)
        assert one.amount <= one.ceiling
        assert one.sends <= protocol.SENDS_MAX
        if requests and not proven:
            assert one.progress in COUNTED
        if assurance is not Assurance.DEDUP:
            assert requests <= 1
    assert one.progress in OPEN | ENDED


# -- names ----------------------------------------------------------------------------------------


def test_whoever_sees_the_same_history_makes_the_same_names() -> None:
    key = protocol.decision_key("77", MOVE, "tran 5")

    assert key == protocol.decision_key("77", MOVE, "tran 5")
    others = [
        protocol.decision_key("78", MOVE, "tran 5"),
        protocol.decision_key("77", MOVE, "tran 6"),
        *(
            protocol.decision_key("77", replace(MOVE, **{part: other}), "tran 5")  # type: ignore[arg-type]
            for part, other in {
                "verb": Verb.REPAY,
                "asset": "USDC",
                "source": "spot",
                "destination": "unified",
            }.items()
        ),
    ]
    assert len({key, *others}) == 7


def test_parts_of_a_name_do_not_run_into_each_other() -> None:
    one = Route(verb=Verb.MOVE, asset="A", source="BC", destination="D")
    other = Route(verb=Verb.MOVE, asset="AB", source="C", destination="D")

    assert protocol.decision_key("7", one, "") != protocol.decision_key("7", other, "")


@given(st.text(), st.integers(0, 99))
def test_the_id_sent_fits_every_venue(key: str, attempt: int) -> None:
    ref = protocol.venue_ref(key, attempt)

    assert re.fullmatch(r"[0-9a-f]{32}", ref)
    assert ref != protocol.venue_ref(key, attempt + 1)
    assert protocol.as_uuid(ref) == str(UUID(ref, version=4))
    assert UUID(protocol.as_uuid(ref)).version == 4


@given(
    st.decimals("0.00000001", "1000000", places=8),
    st.text(min_size=1),
    st.sampled_from(["0.00000001", "0.000001", "0.0001", "1"]),
)
def test_a_mark_costs_dust_and_never_adds(amount: Decimal, key: str, step_text: str) -> None:
    step = Decimal(step_text)

    marked = protocol.marked(amount, key, step)

    assert 0 < marked <= amount
    assert amount - marked < 2 * protocol.MARK_SPAN * step
    if marked != amount:
        assert protocol.is_marked(marked, key, step)
        assert protocol.marked(amount, key, step) == marked
        assert marked % step == 0
