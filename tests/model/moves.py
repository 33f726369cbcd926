"""
The worker's moves of the model: the real `policy.protocol`, spoken to in small whole numbers.

Rule: what an intent becomes is never decided here. A state of the model holds an intent as a short
row of numbers; it is written out as an `Intent`, handed to the protocol, and read back. Times are
ages in ticks, and a tick is as long as makes the protocol's own settle time come to the ticks the
case asks for: nothing of the protocol is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from watcher.domain.topup import (
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

NEVER = -1
SENDS_KEPT = 2
"""Two sends stand for two and more: an intent may be sent again for ever, which is worse."""
_BASE = 1_000
_CLASSES = {
    Assurance.DEDUP: "each id once",
    Assurance.LOOKUP: "ids can be asked for",
    Assurance.BLIND_SEND: "no ids",
}


class Row(NamedTuple):
    """An intent: how far it got, the id it goes under, and ages in ticks (`NEVER`: none)."""

    progress: Progress
    ref: int
    signed: int = NEVER
    sends: int = 0
    looks: int = 0
    absences: int = 0
    failed: int = NEVER
    changed: int = NEVER


@dataclass(frozen=True, slots=True)
class Moves:
    """The protocol for one class of venue, where *settle* ticks are its settle time."""

    assurance: Assurance
    settle: int

    def __str__(self) -> str:
        return _CLASSES[self.assurance]

    @property
    def tick_us(self) -> int:
        return protocol.SETTLE_US // self.settle

    def aged(self, row: Row) -> Row:
        """Return *row* a tick later; an age past which nothing changes any more stays."""
        return row._replace(
            signed=older(row.signed, self.settle + 1),
            failed=older(row.failed, 1),
            changed=older(row.changed, 1),
        )

    def claimed(self, row: Row, signed: int) -> Row:
        return _claimed(self, row, signed)

    def unsent(self, row: Row) -> Row:
        return _unsent(self, row)

    def answered(self, row: Row, answer: Answered) -> Row:
        return _answered(self, row, answer)

    def recovered(self, row: Row) -> Row:
        return _recovered(self, row)

    def looked_up(self, row: Row, found: Found) -> Row:
        return _looked_up(self, row, found)

    def judged(self, row: Row, *, happened: bool) -> Row:
        return _judged(self, row, happened)

    def is_repeatable(self, row: Row) -> bool:
        return _is_repeatable(self, row)

    def now_us(self) -> int:
        return _BASE * self.tick_us

    def written_out(self, row: Row) -> Intent:
        def at_us(age: int) -> int:
            return (_BASE - age) * self.tick_us

        return Intent(
            id="i",
            decision_key="k",
            account="main",
            venue="venue",
            pool="pool",
            route=Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified"),
            amount=Decimal(100),
            ceiling=Decimal(100),
            progress=row.progress,
            assurance=self.assurance,
            mode=Mode.AUTO,
            venue_ref=str(row.ref),
            ts_sign_ms=None if row.signed == NEVER else at_us(row.signed) // 1000,
            changed_us=0 if row.changed == NEVER else at_us(row.changed),
            sends=row.sends,
            looks=row.looks,
            absences=row.absences,
            failed_us=None if row.failed == NEVER else at_us(row.failed),
        )

    def read_back(self, intent: Intent) -> Row:
        def age(at_us: int) -> int:
            return _BASE - at_us // self.tick_us

        blind = self.assurance is Assurance.BLIND_SEND and intent.progress is Progress.UNKNOWN
        signed = intent.ts_sign_ms
        return Row(
            progress=intent.progress,
            ref=int(intent.venue_ref),
            signed=NEVER if signed is None else age(signed * 1000),
            sends=min(intent.sends, SENDS_KEPT),
            looks=min(intent.looks, 1),
            absences=min(intent.absences, protocol.ABSENCES_MIN),
            failed=NEVER if intent.failed_us is None else age(intent.failed_us),
            changed=age(intent.changed_us) if blind else NEVER,
        )


def older(age: int, most: int) -> int:
    return age if age == NEVER else min(age + 1, most)


@cache
def _claimed(moves: Moves, row: Row, signed: int) -> Row:
    ts_ms = (_BASE - signed) * moves.tick_us // 1000
    return moves.read_back(protocol.sending(moves.written_out(row), ts_ms, moves.now_us()))


@cache
def _unsent(moves: Moves, row: Row) -> Row:
    return moves.read_back(protocol.unsent(moves.written_out(row), moves.now_us()))


@cache
def _answered(moves: Moves, row: Row, answered: Answered) -> Row:
    answer = Answer(answered=answered, code="", words="")
    return moves.read_back(protocol.answered(moves.written_out(row), answer, moves.now_us()))


@cache
def _recovered(moves: Moves, row: Row) -> Row:
    return moves.read_back(protocol.recovered(moves.written_out(row), moves.now_us()))


@cache
def _looked_up(moves: Moves, row: Row, found: Found) -> Row:
    venue_ms, intent = moves.now_us() // 1000, moves.written_out(row)
    return moves.read_back(
        protocol.looked_up(intent, Lookup(found=found), moves.now_us(), venue_ms)
    )


@cache
def _judged(moves: Moves, row: Row, happened: bool) -> Row:  # noqa: FBT001 - the key of a cache
    intent = moves.written_out(row)
    return moves.read_back(
        protocol.judged(intent, happened=happened, by="person", now_us=moves.now_us())
    )


@cache
def _is_repeatable(moves: Moves, row: Row) -> bool:
    # the count of sends is cut short above: the model may send for ever, the program may not
    return protocol.is_repeatable(replace(moves.written_out(row), sends=1))
